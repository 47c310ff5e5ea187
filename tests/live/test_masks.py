"""Denied reads: every call, every kind of program, with FUSE and without (A5 60);
working directories (63); directories made again (64)."""
import os
import subprocess

import pytest

from conftest import helper, need

BELOW = {  # call: (errno, class of its one event) for a file below a mask
    "open": (13, "refused"), "openat2": (38, None), "opath": (13, "refused"), "execve": (13, "refused"),
    "access": (13, "probe"), "stat": (13, "probe"), "lstat": (13, "probe"), "readlink": (13, None),
    "getxattr": (13, None), "chdir": (13, None),
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


def programs():
    static, dynamic = helper("static_calls"), helper("calls")
    return {"static": [static], "shimmed": [dynamic], "bare environment": ["env", "-i", dynamic],
            "filter of its own": [static, "--filter"]}


def policy_of(d):
    return {"filesystem": {"denyRead": [str(d / "s"), str(d / "file"), str(d / "r")], "allowRead": [str(d / "r/open")]}}


@pytest.mark.parametrize("program", ["static", "shimmed", "bare environment", "filter of its own"])
@pytest.mark.parametrize("fuse", [True, False], ids=["fuse", "plain"])
def test_every_call(srt, secret, program, fuse):
    argv = programs()[program]
    env = {} if fuse else {"SRT_TEST_NO_FUSE": "1"}
    lines, want = [], []
    for table, path in ((BELOW, secret / "s/tool"), (AT, secret / "s"), (FILE, secret / "file")):
        for call, (errno, kind) in table.items():
            lines.append(" ".join(argv + [call, str(path)]))
            want.append((call, str(path), errno, kind))
    r = srt.sh("; ".join(lines) + f"; cat {secret}/r/open/f", policy_of(secret), env=env)
    got = r.out.split()
    assert got[-1] == "shown", r
    wrong = []
    events = [e for e in r.events if e["type"] == "violation"]
    for (call, path, errno, kind), answer in zip(want, got):
        name = {"open": ("open", "openat"), "opendir": ("open", "openat"), "opath": ("open", "openat"),
                "access": ("access", "faccessat", "faccessat2"), "stat": ("stat", "newfstatat", "statx"),
                "lstat": ("lstat", "newfstatat", "statx"), "execve": ("execve",), "chdir": ("chdir",)}.get(call, (call,))
        told = [e for e in events if e.get("call") in name and e["target"] == path]
        if answer != str(errno) and not (not fuse and errno == 0):
            wrong.append(f"{call} {path}: errno {answer}, not {errno}")
        if fuse and kind and not any(e["class"] == kind for e in told):
            wrong.append(f"{call} {path}: no {kind} event: {told}")
        if not fuse and call in ("open", "opendir") and len([e for e in told if e["class"] == "refused"]) == 0:
            wrong.append(f"{call} {path}: no event without FUSE")
    refused = [e for e in events if e["class"] == "refused"]
    assert not wrong, "\n".join(wrong) + f"\n{r}"
    for e in refused:
        assert e["rule"].startswith("/filesystem/denyRead/"), e


@pytest.mark.parametrize("program", ["static", "shimmed", "bare environment", "filter of its own"])
@pytest.mark.parametrize("call", ["open", "opendir", "execve"])
def test_one_call_one_event(srt, secret, program, call):
    path = str(secret / ("s" if call == "opendir" else "s/tool"))
    r = srt.run(programs()[program] + [call, path], policy_of(secret))
    assert r.out == "13\n", r
    v = r.only(target=path, rule="/filesystem/denyRead/0", errno="EACCES")
    assert v["pid"] > 1 and v["exe"], v


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
