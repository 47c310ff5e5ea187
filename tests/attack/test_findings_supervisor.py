"""What the second readings found in the supervisor, srt-init and their start, each with its permitted twin."""
import fcntl
import os
import random
import subprocess
import time

import pytest

from conftest import helper, kill_quietly, wait_until

PYTHON = "/usr/bin/python3"
DISABLED = {"filesystem": {"disabled": True}}


# ---- pid 1 of the sandbox, which has no filter ----

REACH_PID_1 = """
import ctypes, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
def what(result): return 'done' if result >= 0 else str(ctypes.get_errno())
def attach(pid):
    result = what(libc.ptrace(16, pid, None, None))
    if result == 'done': os.waitpid(pid, 0x40000000)
    return result
def memory(pid):
    buf = ctypes.create_string_buffer(8)
    local = (ctypes.c_void_p * 2)(ctypes.addressof(buf), 8)
    remote = (ctypes.c_void_p * 2)(ctypes.addressof(buf), 8)
    return what(libc.process_vm_readv(pid, local, 1, remote, 1, 0))
def take(pid):
    return what(libc.syscall(438, os.pidfd_open(pid), 0, 0))
def open_memory(pid):
    try: os.open(f'/proc/{pid}/mem', os.O_RDWR); return 'done'
    except OSError as e: return str(e.errno)
child = os.fork()
if child == 0: signal.pause()
for pid in 1, child: print(memory(pid), take(pid), open_memory(pid), attach(pid))
os.kill(child, 9)
"""


@pytest.mark.parametrize("policy", [DISABLED, {}])
def test_pid_1_is_out_of_reach(srt, policy):
    """It is bwrap's and could be made to connect anywhere; an own child is debugged as ever."""
    r = srt.run([PYTHON, "-c", REACH_PID_1], policy)
    first, second = r.out.splitlines()
    assert "done" not in first and second == "done done done done", r


def test_no_file_rules(srt, project):
    """filesystem.disabled: files are written as outside, but not the machine's settings; and `start` says so."""
    r = srt.run([PYTHON, "-c", f"""
import os, signal
open({str(project / 'file')!r}, 'a').write('more')
try: os.open('/proc/sys/kernel/core_pattern', os.O_WRONLY); print('done')
except OSError as e: print(e.errno)
signal.signal(signal.SIGUSR1, lambda *a: print('mine'))
os.kill(0, signal.SIGUSR1)
"""], DISABLED, start_new_session=True)
    assert r.code == 0 and r.out == "30\nmine\n", r
    assert (project / "file").read_text() == "content\nmore"
    start = r.events[0]
    assert "landlock" in start["layers"] and any("filesystem.disabled" in w for w in start["weakenings"]), start


def test_signals_stay_inside_without_file_rules(srt):
    """kill(0) does not reach the caller's process group."""
    command = srt.command(["sh", "-c", "kill -KILL 0"], DISABLED, options=["--quiet"])
    done = subprocess.run(["setsid", "sh", "-c", '"$@"; echo $?', "sh", *command], capture_output=True, text=True, timeout=20,
                          check=False, env=srt.environment(None))
    assert done.stdout == "137\n", done


# ---- streams, which stand on the host's own mounts ----

def protected_input(project, how):
    """A file that may not be written though it lies in a writable root, and the policy for it."""
    host = project / ".mcp.json" if how == "protected" else project / "kept"
    host.write_text("text\nmore\n")
    filesystem = {"allowWrite": [str(project)]}
    if how in ("denyWrite", "denyRead"):
        filesystem[how] = [str(host)]
    return host, {"filesystem": filesystem, "minimumLevel": "preload"}


@pytest.mark.parametrize("level", ["full", "preload"])
@pytest.mark.parametrize("how", ["protected", "denyWrite", "denyRead"])
def test_input_file_is_not_written_by_a_flipped_path(srt, project, how, level):
    """An allowed path becomes standard input's link after it was judged; what is read goes on where it was."""
    host, policy = protected_input(project, how)
    allowed = str(project / "file")
    with open(host, "rb") as f:
        os.lseek(f.fileno(), 5, os.SEEK_SET)
        r = srt.run(["sh", "-c", '"$@"; cat', "sh", helper("path_flip"), "write", allowed, "/proc/self/fd/0".rjust(len(allowed), "/"), "20000"],
                    policy, stdin=f, timeout=60, options=["--level", level])
    assert r.code == 0 and r.out == "allowed\nmore\n", r
    assert host.read_text() == "text\nmore\n"


def test_policy_as_input_is_not_written(srt, project):
    path = project / "policy.json"
    path.write_text('{"filesystem": {"allowWrite": ["%s"]}}' % project)
    allowed = str(project / "file")
    with open(path, "rb") as f:
        done = subprocess.run(srt.command([helper("path_flip"), "write", allowed, "/proc/self/fd/0".rjust(len(allowed), "/"), "20000"],
                                          options=["--policy", path]), stdin=f, capture_output=True, text=True, timeout=60, check=False,
                              env=srt.environment(None))
    assert done.returncode == 0 and done.stdout == "allowed\n", done
    assert path.read_text().startswith("{") and path.read_text().endswith("}")


def test_passed_descriptor_is_not_written(srt, project):
    host, policy = protected_input(project, "denyWrite")
    allowed = str(project / "file")
    with open(host, "rb") as f:
        fd = fcntl.fcntl(f, fcntl.F_DUPFD, 40)
        r = srt.run(["sh", "-c", f'"$@"; cat /proc/self/fd/{fd}', "sh", helper("path_flip"), "write", allowed,
                     f"/proc/self/fd/{fd}".rjust(len(allowed), "/"), "20000"],
                    policy, options=["--pass-fd", fd], pass_fds=[fd], timeout=60)
        os.close(fd)
    assert r.code == 0 and r.out == "allowed\ntext\nmore\n" and host.read_text() == "text\nmore\n", r


def test_input_that_cannot_be_opened_again(srt, project):
    """Its name is gone, but another, protected one is there: an error with a way out.  A file without any name passes."""
    policy = {"filesystem": {"allowWrite": [str(project)]}}
    (project / "in").write_text("text\n")
    with open(project / "in", "rb") as f:
        os.rename(project / "in", project / ".envrc")
        os.link(project / ".envrc", project / "in")
        os.unlink(project / ".envrc")
        r = srt.run(["cat"], policy, stdin=f)
    assert r.code == 125 and r.out == "" and r.err.count("\n") == 1 and "cat FILE |" in r.err, r
    with open(project / "in", "rb") as f:
        os.unlink(project / "in")
        r = srt.run(["cat"], policy, stdin=f)
    assert (r.code, r.out) == (0, "text\n"), r


def test_input_shares_its_offset(srt, project, tmp_path):
    """Outside every grant, and where the policy lets it be written, a stream is what was handed in."""
    for path in (project / "file", tmp_path / "outside/file"):
        path.write_text("one\ntwo\n")
        with open(path, "rb", buffering=0) as f:
            r = srt.run([PYTHON, "-c", "import os; os.read(0, 4)"], {"filesystem": {"allowWrite": [str(project)]}}, stdin=f)
            assert r.code == 0 and f.read() == b"two\n", r


@pytest.mark.parametrize("fd", [1, 2, 40])
def test_output_that_may_not_be_read(srt, project, tmp_path, fd):
    """Open for writing only, it could be read back by its link: refused at the start.  A pipe passes."""
    policy = {"filesystem": {"denyRead": [str(tmp_path / "secret")]}}
    with open(tmp_path / "secret/key", "ab") as f:
        other = fcntl.fcntl(f, fcntl.F_DUPFD, 40)
        streams = {1: {"stdout": f}, 2: {"stderr": f}, 40: {"pass_fds": [other]}}[fd]
        command = srt.command(["cat", f"/proc/self/fd/{fd}"], policy, options=["--pass-fd", other] if fd == 40 else [])
        done = subprocess.run(command, text=True, timeout=30, check=False, env=srt.environment(None),
                              **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams})
        os.close(other)
    assert done.returncode == 125, done
    said = done.stderr if fd != 2 else (tmp_path / "secret/key").read_text()
    name = {1: "standard output", 2: "standard error", 40: f"--pass-fd {other}"}[fd]
    assert f"{name} is '{tmp_path}/secret/key'" in said and "/filesystem/denyRead/0" in said and "cat >> FILE" in said, said
    with open(tmp_path / "outside/file", "ab") as f:
        done = subprocess.run(srt.command(["echo", "ran"], policy), stdout=f, check=False, timeout=30, env=srt.environment(None))
    assert done.returncode == 0 and (tmp_path / "outside/file").read_text() == "outside\nran\n"


# ---- the start ----

def left_of(sessions, marker):
    """Processes of some runs: their sessions, which only the supervisors leave, and all that name the marker."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
                fields = f.read().rpartition(")")[2].split()
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if fields[0] != "Z" and (int(fields[3]) in sessions or marker.encode() in f.read()):
                    found.append(int(pid))
        except OSError:
            pass
    return found


def test_killed_in_the_first_moments(srt):
    """150 starts, each killed within 40 ms: three seconds later no process of any is left."""
    marker = srt.dir + "/marker"
    sessions = set()
    for i in range(150):
        p = srt.start(["sh", "-c", "sleep 100", marker], {}, options=["--quiet"], start_new_session=True, stdin=subprocess.DEVNULL,
                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0, 0.04))
        p.kill()
        p.wait(10)
        sessions.add(p.pid)
    try:
        wait_until(lambda: not left_of(sessions, marker), 3, f"no process is left, {left_of(sessions, marker)}")
    finally:
        for pid in left_of(sessions, marker):
            kill_quietly(pid)


@pytest.mark.parametrize("call, number", [("close_range", 436), ("process_vm_readv", 310), ("pidfd_getfd", 438)])
def test_call_that_the_walls_need_fails(srt, call, number):
    """Refused by a container's profile: no run that is weaker than it says, but an error that names the call."""
    for errno, error in (1, "Operation not permitted"), (38, "Function not implemented"):
        command = [helper("nosys"), str(number), str(errno), *srt.command(["sh", "-c", "echo ran"])]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL,
                              env=srt.environment(None))
        assert done.returncode == 125 and done.stdout == "" and done.stderr.count("\n") == 1, done
        assert call in done.stderr and error in done.stderr, done
    command = [helper("nosys"), "179", "1", *srt.command(["sh", "-c", "echo ran"])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL,
                          env=srt.environment(None))
    assert (done.returncode, done.stdout) == (0, "ran\n"), done
