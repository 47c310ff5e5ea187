"""Denied reads: every call, every kind of program, with FUSE and without (A5 60);
working directories (63); directories made again (64)."""
import os
import select
import signal
import subprocess
import threading

import pytest

from conftest import helper, need, process_state, supervisor_of, wait_until

BELOW = {  # call: (errno, class of its one event) for a file below a mask
    "open": (13, "refused"), "openat2": (38, None), "opath": (13, "refused"), "execve": (13, "refused"),
    "access": (13, "probe"), "stat": (13, "probe"), "lstat": (13, "probe"), "readlink": (13, "probe"),
    "getxattr": (13, "probe"), "chdir": (13, "refused"),
}
AT = {  # for the masked directory itself
    "open": (13, "refused"), "opendir": (13, "refused"), "chdir": (13, "refused"), "access": (13, "probe"),
    "stat": (0, None), "lstat": (0, None), "readlink": (22, None),
}
FILE = {  # for a masked file
    "open": (13, "refused"), "execve": (13, "refused"), "access": (13, "probe"), "stat": (0, None),
}


@pytest.fixture
def secret(tmp_path):
    d = tmp_path / "s"
    d.mkdir()
    (d / "key").write_text("x")
    (d / "tool").write_text("#!/bin/sh\necho ran\n")
    (d / "tool").chmod(0o755)
    (tmp_path / "file").write_text("#!/bin/sh\necho ran\n")
    (tmp_path / "file").chmod(0o755)
    (tmp_path / "r/open").mkdir(parents=True)
    (tmp_path / "r/open/f").write_text("shown\n")
    return tmp_path


PROGRAMS = {  # name: (what runs it, helper, arguments)
    "static": ([], "static_calls", []), "shimmed": ([], "calls", []), "bare environment": (["env", "-i"], "calls", []),
    "static, filter of its own": ([], "static_calls", ["--filter"]),
    "shimmed, filter of its own": ([], "calls", ["--filter"]),
    "ASan": ([], "asan_calls", []), "TSan": ([], "tsan_calls", []), "MSan": ([], "msan_calls", []),
}
PLAIN = ("open", "opath", "opendir")  # without FUSE only opens are notified: only they make events


def program_argv(name):
    before, program, arguments = PROGRAMS[name]
    return before + [helper(program)] + arguments


def policy_of(d):
    return {"filesystem": {"denyRead": [str(d / "s"), str(d / "file"), str(d / "r")], "allowRead": [str(d / "r/open")]}}


def told(r):
    """How often each (call, path, class) was reported; the helper's own arguments say which call it was."""
    keys, counts = {}, {}
    for e in r.events:
        if e["type"] == "violation":
            keys[e["seq"]] = (*e["argv"][-2:], e["class"])
        if e["type"] in ("violation", "repeat"):
            key = keys[e.get("ref", e["seq"])]
            counts[key] = counts.get(key, 0) + e["count"]
    return counts


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("fuse", [True, False], ids=["fuse", "plain"])
def test_every_call(srt, secret, program, fuse):
    argv = program_argv(program)
    env = {} if fuse else {"SRT_TEST_NO_FUSE": "1"}
    lines, errnos, events = [], [], {}
    for table, path in ((BELOW, secret / "s/tool"), (AT, secret / "s"), (FILE, secret / "file")):
        for call, (errno, kind) in table.items():
            lines.append(" ".join(argv + [call, str(path)]))
            errnos.append((call, str(path), errno))
            if kind and (fuse or call in PLAIN):
                events[(call, str(path), kind)] = 1
    r = srt.sh("; ".join(lines) + f"; cat {secret}/r/open/f", policy_of(secret), env=env)
    got = r.out.split()
    assert got[-1] == "shown" and len(got) == len(lines) + 1, r
    assert [(*e[:2], int(n)) for e, n in zip(errnos, got)] == errnos, r
    assert told(r) == events, r
    for e in r.violations:
        assert e["rule"].startswith("/filesystem/denyRead/"), e


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("call", ["open", "opendir", "execve"])
def test_one_call_one_event(srt, secret, program, call):
    path = str(secret / ("s" if call == "opendir" else "s/tool"))
    r = srt.run(program_argv(program) + [call, path], policy_of(secret))
    assert r.out == "13\n", r
    v = r.only(target=path, rule="/filesystem/denyRead/0", errno="EACCES")
    assert v["pid"] > 1 and v["exe"], v


@pytest.mark.parametrize("fuse", [True, False], ids=["fuse", "plain"])
def test_four_processes_of_five_threads_under_a_timer(srt, secret, fuse):
    """As many events as refusals, whatever interrupts the calls; the twin is never refused.  Without FUSE
    opens are notified, and until the supervisor has one a signal may end it (EINTR)."""
    storm = [helper("storm"), str(secret / "s/key"), "4", "5", "200"]
    open_one = [helper("storm"), str(secret / "r/open/f"), "4", "5", "200"]
    env = {} if fuse else {"SRT_TEST_NO_FUSE": "1"}
    r = srt.run(storm, policy_of(secret), env=env)
    *tally, ticked = r.out.split()
    tally = dict(map(int, t.split(":")) for t in tally)
    assert ticked == "ticked" and sum(tally.values()) == 4000 and set(tally) <= ({13} if fuse else {4, 13}), r
    assert tally[13] > 0 and r.count(op="file-read", target=storm[1]) == tally[13], r
    r = srt.run(open_one, policy_of(secret), env=env)
    assert 13 not in {int(t.split(":")[0]) for t in r.out.split()[:-1]} and not r.violations, r


def test_under_a_timer_and_with_threads(srt, secret):
    """A 50 microsecond timer interrupts a program that opens a denied file."""
    code = f"""
import signal, threading
n = [0]
signal.signal(signal.SIGALRM, lambda *a: None)
signal.setitimer(signal.ITIMER_REAL, 0.00005, 0.00005)
def opens():
    for i in range(50):
        try: open('{secret}/s/key'); print('opened')
        except PermissionError: n[0] += 1
threads = [threading.Thread(target=opens) for i in range(5)]
[t.start() for t in threads]; [t.join() for t in threads]
signal.setitimer(signal.ITIMER_REAL, 0)
print(n[0])
"""
    r = srt.run(["/usr/bin/python3", "-c", code], policy_of(secret))
    assert r.out == "250\n", r
    assert r.count(op="file-read") == 250, r


def test_reads_do_not_wait_for_the_supervisor(srt, secret, project):
    """Allowed opens for reading are not notified, and masks are not the supervisor's: with it stopped both are
    answered; a write waits, and goes on with it."""
    code = f"""
import os, sys
print('ready', flush=True)
sys.stdin.readline()
for i in range(200):
    open('file').close(); os.stat('file'); os.listdir('.'); os.open('{secret}/r/open/f', os.O_RDONLY)
try: open('{secret}/s/key')
except PermissionError: print('reads', flush=True)
sys.stdin.readline()
open('made', 'w').close()
print('wrote', flush=True)
"""
    policy = policy_of(secret)
    policy["filesystem"]["allowWrite"] = [str(project)]
    p = srt.start(["/usr/bin/python3", "-c", code], policy, cwd=str(project), stdin=subprocess.PIPE,
                  stdout=subprocess.PIPE, text=True)
    watchdog = threading.Timer(20, p.kill)  # a read that hangs ends the test, as a failure
    watchdog.start()
    try:
        assert p.stdout.readline() == "ready\n"
        supervisor = supervisor_of(p.pid)
        os.kill(supervisor, signal.SIGSTOP)
        wait_until(lambda: process_state(supervisor) == "T", what="a stopped supervisor")
        print(file=p.stdin, flush=True)
        assert p.stdout.readline() == "reads\n"
        print(file=p.stdin, flush=True)
        assert not select.select([p.stdout], [], [], 0.2)[0] and not (project / "made").exists()
        os.kill(supervisor, signal.SIGCONT)
        assert p.stdout.readline() == "wrote\n" and p.wait(10) == 0 and (project / "made").exists()
    finally:
        watchdog.cancel()
        p.kill()
    events = [e for e in srt.read_events(p.events) if e["type"] == "violation"]
    assert [(e["target"], e["source"]) for e in events] == [(str(secret / "s/key"), "mask")], events


@pytest.mark.parametrize("where, read, write", [("s/sub", 13, 13), ("r/open", 0, 30), ("w", 0, 0), (".", 0, 30)])
def test_relative_paths_decide_like_absolute_ones(srt, secret, where, read, write):
    (secret / "s/sub").mkdir()
    (secret / "w").mkdir()
    for d in ("s/sub", "w", "."):
        (secret / d / "f").write_text("x")
    code = """
import os, sys
def e(f):
    try: f(); return 0
    except OSError as x: return x.errno
here = sys.argv[1]
for p in ('f', here + '/f'): print(e(lambda: open(p).close()), e(lambda: open(p, 'w').close()))
"""
    p = policy_of(secret)
    p["filesystem"]["allowWrite"] = [str(secret / "w")]
    r = srt.run(["/usr/bin/python3", "-c", code, str(secret / where)], p, cwd=str(secret / where))
    first, second = r.out.splitlines()
    assert first == second == f"{read} {write}", r


def test_nothing_from_before_the_plan_is_held(srt, secret):
    """Neither /proc/1/cwd nor any descriptor leads past the masks."""
    r = srt.sh(f"for l in /proc/1/cwd /proc/1/root /proc/[0-9]*/cwd /proc/[0-9]*/root /proc/[0-9]*/fd/*; do "
               f"cat $l{secret}/s/key $l/key 2>/dev/null; done; cat {secret}/r/open/f", policy_of(secret), cwd=str(secret / "s"))
    assert r.out == "shown\n", r


def test_directories_made_again(srt, project):
    need("git")
    r = srt.sh("git init -q . && git add -A && git -c user.name=a -c user.email=a@b commit -qm x; "
               "mkdir -p build/x && rm -rf build && mkdir build && touch build/x && mv sub old && mkdir sub && "
               "git clean -fdxq && mkdir build && touch build/y && ls build && test ! -e old && echo done",
               {"filesystem": {"allowWrite": [str(project)]}}, cwd=str(project), env={"HOME": str(project)})
    assert r.out.split()[-2:] == ["y", "done"] and not r.violations, r


def test_execute_only_program_writes_in_an_allowed_root(srt, project):
    program = project / "touch"
    subprocess.run(["cp", "/usr/bin/touch", str(program)], check=True)
    program.chmod(0o111)
    r = srt.run([str(program), str(project / "made")], {"filesystem": {"allowWrite": [str(project)]}})
    assert r.code == 0 and (project / "made").exists(), r
    r = srt.run([str(program), str(project / "../outside/made")], {"filesystem": {"allowWrite": [str(project)]}})
    assert r.code != 0 and not os.path.exists(project / "../outside/made"), r
