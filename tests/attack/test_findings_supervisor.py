"""What the second readings found in the supervisor, srt-init and their start, each with its permitted twin."""
import os
import subprocess

import pytest

from conftest import helper

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
