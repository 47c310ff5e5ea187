"""The filter: what is refused is refused in every spelling, and told."""
import os

import pytest

from conftest import helper, need

PYTHON = """
import ctypes, socket, sys, errno
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(nr, *args):
    ctypes.set_errno(0)
    r = libc.syscall(ctypes.c_long(nr), *[ctypes.c_long(a) for a in args])
    print(errno.errorcode.get(ctypes.get_errno(), 'ok') if r < 0 else 'ok')
"""


def answers(srt, body, policy=None):
    need("python3")
    r = srt.run(["/usr/bin/python3", "-c", PYTHON + body], policy)
    assert r.code == 0, r
    return r.out.split(), r


def test_socket_families(srt):
    words, _ = answers(srt, """
for d, t, p in ((2, 1, 0), (2, 1, 6), (2, 2, 17), (10, 1, 0), (1, 1, 0), (1, 5, 0), (1, 0x80801, 0), (16, 3, 0),
                (2, 1, 132), (2, 1, 262), (2, 2, 136), (2, 3, 1), (2, 3, 255), (1, 2, 0), (1, 3, 0), (1, 0x80802, 0),
                (17, 3, 0), (40, 1, 0), (38, 5, 0), (16, 3, 12), (0x100000001, 2, 0), (0x100000011, 3, 0)):
    call(41, d, t, p)
""")
    assert words[:8] == ["ok"] * 8, words
    assert "ok" not in words[8:], words
    assert words[8:11] == ["EPROTONOSUPPORT"] * 3 and words[13:16] == ["EPROTONOSUPPORT"] * 3, words


def test_datagram_socketpair(srt):
    words, _ = answers(srt, """
a = (ctypes.c_int * 2)()
for t in (1, 5, 2, 3): call(53, 1, t, 0, ctypes.addressof(a))
""")
    assert words[:2] == ["ok", "ok"] and "ok" not in words[2:], words


def test_refused_calls_are_events(srt):
    # bpf, add_key, keyctl, perf_event_open, mount, unshare(NEWUSER), setns, userfaultfd, open_by_handle_at, init_module
    words, r = answers(srt, "for nr, a in ((321, 0), (248, 0), (250, 0), (298, 0), (165, 0), (272, 0x10000000), (308, 0), "
                       "(323, 0), (304, 0), (175, 0)): call(nr, a, 0, 0, 0, 0)")
    assert "ok" not in words, words
    names = [v["target"].split("(")[0] for v in r.violations if v["op"] == "syscall"]
    if os.geteuid() != 0:  # what the host refuses an ordinary user anyway is none
        names += ["mount", "init_module", "setns"]
        with open("/proc/sys/kernel/unprivileged_bpf_disabled", encoding="ascii") as f:
            names += ["bpf"] if f.read() != "0\n" else []
        with open("/proc/sys/vm/unprivileged_userfaultfd", encoding="ascii") as f:
            names += ["userfaultfd"] if f.read() == "0\n" else []
        assert words[4] == words[9] == "EPERM", words
    assert sorted(names) == sorted(["bpf", "add_key", "keyctl", "perf_event_open", "mount", "unshare", "setns", "userfaultfd",
                     "open_by_handle_at", "init_module"]), r


def test_silent_calls(srt):
    words, r = answers(srt, "for nr in (425, 426, 427, 435, 600, 0x40000000 + 39): call(nr, 0, 0, 0, 0)")
    assert words == ["ENOSYS"] * 6 and not r.violations, r
    assert "io_uring_setup" in r.events[0]["silent"], r.events[0]


def test_namespaces_by_clone(srt):
    words, _ = answers(srt, "for f in (0x10000000, 0x20000000, 0x40000000, 0x00020000): call(56, f | 17, 0, 0, 0, 0)")
    assert words == ["EPERM"] * 4, words


def test_foreign_instruction_set(srt):
    """int 0x80 from a 64-bit program: i386 numbers mean other calls."""
    r = srt.run([helper("int80")])
    assert r.out in ("refused\n", "killed\n") or r.code != 0, r
    assert "pid" not in r.out, r


def test_terminal_injection(srt):
    import pty
    master, slave = pty.openpty()
    words, r = answers(srt, f"""
import fcntl, os, pty
m, s = pty.openpty()
for request in (0x5412, 0x541C, 0x100005412):
    call(16, s, request, ctypes.addressof(ctypes.create_string_buffer(b'x')))
call(16, s, 0x5413, ctypes.addressof(ctypes.create_string_buffer(8)))
""")
    os.close(master)
    os.close(slave)
    assert "ok" not in words[:3] and words[3] == "ok", words


def test_pid_one_is_out_of_reach(srt):
    need("python3")
    words, r = answers(srt, """
import os
try: open('/proc/1/mem', 'rb').read(1); print('ok')
except OSError as e: print(errno.errorcode[e.errno])
call(101, 16, 1, 0, 0)
pid = os.fork()
if pid == 0:
    import time; time.sleep(5); os._exit(0)
call(101, 16, pid, 0, 0)
import signal; os.kill(pid, 9)
""")
    assert words[0] != "ok" and words[1] != "ok" and words[2] == "ok", words


def test_fastopen_is_no_way_out(srt):
    words, _ = answers(srt, """
s = socket.socket()
try: s.sendto(b'x', 0x20000000, ('203.0.113.10', 80)); print('ok')
except OSError as e: print(errno.errorcode[e.errno])
""")
    assert words != ["ok"], words
