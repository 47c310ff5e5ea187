"""What the pages of docs/ promise beside the acceptance sections: a sentence of theirs, a test."""
import ctypes
import os
import pty
import shutil
import signal
import subprocess

import pytest

from conftest import BUILD, SRT, processes_with, wait_until


# ---- docs/events.md: weakenings ----

def weakenings(srt, policy=None, options=(), env=None):
    r = srt.run(["true"], policy, options, env)
    assert r.code == 0, r
    return r.events[0]["weakenings"]


@pytest.mark.parametrize("begins, policy, options, env", [
    ("protect: only names that exist", {}, [], None),
    ("denyRead: what the host replaces", {"filesystem": {"denyRead": ["/etc/ssl"]}}, [], None),
    ("allowedDomains: names in TLS and HTTP", {"network": {"allowedDomains": ["ok.test"]}}, [], None),
    ("no FUSE: opens for reading are notified", {"filesystem": {"denyRead": ["/etc/ssl"]}}, [],
     {"SRT_TEST_NO_FUSE": "1"}),
    ("level preload: refusals are reported by the shim", {"minimumLevel": "preload"}, ["--level", "preload"], None),
    ("level preload: static programs", {"minimumLevel": "preload"}, ["--level", "preload"], None),
])
def test_weakening_is_told_where_it_is_one(srt, begins, policy, options, env):
    def told(*args):
        return [w for w in weakenings(srt, *args) if w.startswith(begins)]
    assert len(told(policy, options, env)) == 1
    if not (begins.startswith("no FUSE") and not os.access("/dev/fuse", os.W_OK)):
        assert not told({"filesystem": {"protect": "none"}})


def landlock_abi():
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.syscall(444, None, ctypes.c_size_t(0), 1)


def test_weakenings_by_kernel(srt):
    told = weakenings(srt)
    assert any(w.startswith("Landlock before ABI 6: signals") for w in told) == (landlock_abi() < 6), told
    assert any(w.startswith("Landlock before ABI 3: truncate") for w in told) == (0 < landlock_abi() < 3), told


def test_weakening_without_the_shim(srt, tmp_path):
    """srt without lib/libsrtshim.so beside it; the twin is every other run."""
    os.mkdir(tmp_path / "bin")
    for name in ("srt", "srt-init"):
        shutil.copy(f"{BUILD}/bin/{name}", tmp_path / "bin")
    events = tmp_path / "events"
    subprocess.run([tmp_path / "bin/srt", "exec", "--events", events, "true"], check=True, cwd=tmp_path,
                   env=srt.environment({}), stdin=subprocess.DEVNULL)
    text = "the shim is not installed: events name no caller"
    assert text in srt.read_events(events)[0]["weakenings"]
    assert text not in weakenings(srt)


# ---- docs/threats.md: "without the mask server masks answer ENOTCONN" ----

BELOW = """
import ctypes, errno, fcntl, os, sys
secret, inside = sys.argv[1:]
mounts = os.open(f'/proc/{inside}/ns/mnt', os.O_RDONLY)
for ns in (fcntl.ioctl(mounts, 0xb701), mounts): # NS_GET_USERNS: whose they are
    if ctypes.CDLL(None, use_errno=True).setns(ns, 0) != 0:
        sys.exit(f'setns: errno {ctypes.get_errno()}')
here = os.open(secret, os.O_PATH)
def ask(*names):
    for name in names:
        try: os.close(os.open(name, os.O_RDONLY, dir_fd=here)); print('ok', flush=True)
        except OSError as e: print(errno.errorcode[e.errno], flush=True)
ask(secret + '/key', 'key')
sys.stdin.readline()
ask(secret + '/key', 'key', secret, '.', '/etc/passwd')
"""


def test_masks_without_their_server(srt, project, tmp_path):
    """A process in the sandbox's mounts that the end of the run does not reach, below a mask."""
    marker = f"{tmp_path}/marker"
    if not os.access("/dev/fuse", os.W_OK):
        pytest.skip("needs /dev/fuse")
    p = srt.start(["/usr/bin/python3", "-c", "print('up', flush=True); import time; time.sleep(60)", marker],
                  {"filesystem": {"allowWrite": [str(project)], "denyRead": [str(tmp_path / "secret")]}},
                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert p.stdout.readline() == "up\n"
        inside = [pid for pid in processes_with(marker)
                  if os.path.basename(os.readlink(f"/proc/{pid}/exe")).startswith("python")]
        q = subprocess.Popen(["/usr/bin/python3", "-c", BELOW, str(tmp_path / "secret"), str(inside[0])], text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        # Without a refusing look there would be nothing to lose.
        assert [q.stdout.readline() for _ in range(2)] == ["EACCES\n"] * 2, q.stderr.read()
        p.send_signal(signal.SIGKILL)
        p.wait(timeout=10)
        wait_until(lambda: not processes_with(marker), 5, "the end of the tree")
        out, err = q.communicate("go on\n", timeout=20)
        assert out.splitlines() == ["ENOTCONN"] * 4 + ["ok"], out + err
    finally:
        p.kill()


# ---- docs/policy.md: environment ----

def variables(srt, policy=None, options=(), env=None):
    r = srt.run(["env", "-0"], policy, options, env)
    assert r.code == 0, r
    return dict(v.split("=", 1) for v in r.out.split("\0") if v)


GIVEN = {"A_ONE": "1", "A_TWO": "2", "B_ONE": "3", "A_SECRET": "4"}


def test_environment_passes_by_default(srt):
    got = variables(srt, {}, env=GIVEN)
    assert {k: got.get(k) for k in GIVEN} == GIVEN
    assert got["SRT"] == "1" and got["SANDBOX_RUNTIME"] == "1" and "libsrtshim" not in got.get("PATH", "")


@pytest.mark.parametrize("environment, want", [
    ({"inherit": "none"}, {}),
    ({"inherit": "all", "deny": ["A_*"]}, {"B_ONE": "3"}),
    ({"inherit": ["A_*"]}, {"A_ONE": "1", "A_TWO": "2", "A_SECRET": "4"}),
    ({"inherit": ["A_*"], "deny": ["*_SECRET"]}, {"A_ONE": "1", "A_TWO": "2"}),
    ({"inherit": ["A_ONE"], "set": {"B_ONE": "new", "A_ONE": "a=b \n"}}, {"A_ONE": "a=b \n", "B_ONE": "new"}),
    ({"deny": ["A_*"], "set": {"A_SECRET": "set"}}, {"B_ONE": "3", "A_SECRET": "set"}),
])
def test_environment_lists(srt, environment, want):
    got = variables(srt, {"environment": environment}, env=GIVEN)
    assert {k: v for k, v in got.items() if k in GIVEN} == want
    assert got["SRT"] == "1"


def test_environment_options_come_last(srt):
    got = variables(srt, {"environment": {"set": {"A_ONE": "policy"}}},
                    ["--setenv", "A_ONE=option", "--unsetenv", "A_TWO"], GIVEN)
    assert got["A_ONE"] == "option" and "A_TWO" not in got and got["B_ONE"] == "3"


@pytest.mark.parametrize("before, after", [(None, "verify_asan_link_order=0"),
                                           ("detect_leaks=0", "detect_leaks=0:verify_asan_link_order=0")])
def test_asan_options(srt, before, after):
    env = {"ASAN_OPTIONS": before} if before else {}
    got = variables(srt, {}, env=env)
    assert got["ASAN_OPTIONS"] == after and got["LD_PRELOAD"].endswith("libsrtshim.so")


# ---- docs/cli.md: NO_COLOR ----

def on_terminal(srt, outside, env):
    """What people see of one refusal, on a terminal of their own."""
    def run():
        os.chdir(srt.dir)
        whole = {k: v for k, v in srt.environment({}).items() if k != "NO_COLOR"}
        os.execve(SRT, [SRT, "exec", "sh", "-c", f"(echo x >{outside}/no) 2>/dev/null; exit 7"], {**whole, **env})
    pid, fd = pty.fork()
    if pid == 0:
        try:
            run()
        finally:
            os._exit(99)
    seen = b""
    while True:
        try:
            part = os.read(fd, 65536)
        except OSError:
            break
        if not part:
            break
        seen += part
    os.close(fd)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7, seen
    assert b"srt: " in seen and f"{outside}/no".encode() in seen, seen
    return seen


@pytest.mark.parametrize("env, colour", [({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False),
                                         ({"NO_COLOR": "0"}, False)])
def test_colour(srt, tmp_path, env, colour):
    assert (b"\x1b[" in on_terminal(srt, tmp_path, env)) == colour


# ---- docs/events.md: certain ----

def test_uncertain_where_the_place_is_another(srt, tmp_path):
    """A private /dev/shm is no directory of the host's: what it would say of a name from there is not known.  /dev
    itself is asked: there root may make names, others may not."""
    r = srt.sh(f"echo x >/dev/none; touch /dev/shm/x; ln /dev/shm/x {tmp_path}/none; echo x >{tmp_path}/none", {})
    by_call = {(v["target"], v["call"]): v for v in r.violations}
    assert by_call["/dev/shm/x", "linkat"]["certain"] is False, r
    assert "certain" not in by_call[f"{tmp_path}/none", "openat"], r
    assert (("/dev/none", "openat") in by_call) == (os.geteuid() == 0), r
    if os.geteuid() == 0:
        assert "certain" not in by_call["/dev/none", "openat"], r


# ---- the files of --events are not the command's to change ----

CHANGES = """
import os, sys
dir, name = sys.argv[1:]
path = dir + '/' + name
def attempt(word, f):
    try: f(); print(word, 'CHANGED', flush=True)
    except OSError as e: print(word, e.errno, flush=True)
open(dir + '/new', 'w').close()
attempt('append', lambda: open(path, 'a'))
attempt('truncate', lambda: os.truncate(path, 0))
attempt('chmod', lambda: os.chmod(path, 0o666))
attempt('unlink', lambda: os.unlink(path))
attempt('rename', lambda: os.rename(path, dir + '/other'))
attempt('replace', lambda: os.rename(dir + '/new', path))
attempt('link', lambda: (os.link(path, dir + '/link'), open(dir + '/link', 'a')))
attempt('parent', lambda: os.rename(dir, dir + '.away'))
"""


@pytest.mark.parametrize("how", ["absolute", "relative", "dots", "variable", "second"])
def test_event_file_is_protected(srt, project, how):
    os.mkdir(project / "logs")
    logs = str(project / "logs")
    dest = {"relative": "logs/ev", "dots": "./sub/../logs/ev"}.get(how, f"{logs}/ev")
    options = ["--policy", srt.write_policy({"filesystem": {"allowWrite": [str(project)]}})]
    options += [] if how == "variable" else ["--events", dest]
    options[2:2] = ["--events", "fd:2"] if how == "second" else []
    done = subprocess.run([SRT, "exec", *options, "--", "/usr/bin/python3", "-c", CHANGES, logs, "ev"], cwd=project,
                          env=srt.environment({"SRT_EVENTS": dest} if how == "variable" else {}), check=False,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and len(lines) == 8 and "CHANGED" not in done.stdout, done
    events = srt.read_events(f"{logs}/ev")
    assert [e["type"] for e in (events[0], events[-1])] == ["start", "exit"], events
    rules = {v["rule"] for v in events if v["type"] == "violation"}
    assert rules == {"builtin:protect/own"}, events
    assert sorted(os.listdir(project)) == ["file", "logs", "sub"] and os.stat(f"{logs}/ev").st_mode & 0o777 == 0o600
    # The twin: another file there is the command's.
    r = srt.run(["/usr/bin/python3", "-c", CHANGES, logs, "new2"], {"filesystem": {"allowWrite": [str(project)]}})
    assert r.out.count("CHANGED") == 7 and "replace CHANGED" in r.out and "parent CHANGED" in r.out, r
