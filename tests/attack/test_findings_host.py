"""What readers found of changes, system calls and the host's own answers: each as outside, or told."""
import errno
import json
import os
import pty
import socket
import struct
import subprocess

import pytest

from conftest import need, only

PYTHON = "/usr/bin/python3"
ROOT = os.geteuid() == 0
X86_64 = os.uname().machine == "x86_64"  # whose system call numbers stand in some programs
TRY = "import os, sys, errno\ndef t(f, *a):\n try: f(*a); print('done')\n except OSError as e: print(errno.errorcode[e.errno])\n"


def outside(code, cwd, *args):
    return subprocess.run([PYTHON, "-c", code, *args], cwd=cwd, capture_output=True, text=True, check=True).stdout


# ---- the command's own status ----

@pytest.mark.parametrize("status", [1, 125, 126, 127])
def test_a_status_of_the_command_is_no_message(srt, status):
    r = srt.sh(f"exit {status}", {})
    assert (r.code, r.out, r.err) == (status, "", "") and r.events[-1]["status"] == status, r


# ---- changes on what was handed in ----

FIFO = TRY + "t(os.fchmod, 0, 0o666); t(os.utime, 0, (1, 1))"


def test_fifo_without_a_name_here(srt, tmp_path):
    """A FIFO of the host's whose name a denied directory hides is the host's."""
    (tmp_path / "secret").mkdir()
    os.mkfifo(tmp_path / "secret/pipe", 0o600)
    fd = os.open(tmp_path / "secret/pipe", os.O_RDWR)
    r = srt.run([PYTHON, "-c", FIFO], {"filesystem": {"denyRead": [str(tmp_path / "secret")], "allowWrite": [str(tmp_path)]}}, stdin=fd)
    st = os.fstat(fd)
    os.close(fd)
    assert r.out == "EROFS\nEROFS\n" and st.st_mode & 0o777 == 0o600 and st.st_mtime > 1000, r
    assert r.count(call="fchmod") + r.count(call="utimensat") == 2, r
    a, b = os.pipe()  # a pipe belongs to nobody's files
    r = srt.run([PYTHON, "-c", FIFO], {}, stdin=a)
    os.close(a), os.close(b)
    assert r.out == "done\ndone\n" and not r.violations, r


def test_file_system_requests_on_an_input(srt, tmp_path):
    """_IOW('f', 4) and its kin change a file by a descriptor that is open for reading: refused, told; looking is not."""
    (tmp_path / "f").write_text("x")
    code = TRY + ("import fcntl, struct\nfor r in (0x40086604, 0x6609, 0x4004667f): t(fcntl.ioctl, 0, r, struct.pack('q', 777))\n"
                  "t(fcntl.ioctl, 0, 0xc020660b, bytes(32))\n")
    with open(tmp_path / "f", "rb") as f:
        r = srt.run([PYTHON, "-c", code], {}, stdin=f)
    assert r.out.split()[:3] == ["EPERM"] * 3 and r.out.split()[3] in ("EINVAL", "EOPNOTSUPP", "ENOTTY"), r
    assert r.count(rule="builtin:syscalls", op="syscall") == 3, r


def test_line_discipline_of_the_terminal(srt):
    master, slave = pty.openpty()
    r = srt.run([PYTHON, "-c", TRY + "import fcntl, struct\nt(fcntl.ioctl, 0, 0x5423, struct.pack('i', 27))"], {}, stdin=slave)
    assert r.out == "EPERM\n" and "TIOCSETD" in r.only(rule="builtin:syscalls")["reason"], r
    os.close(master), os.close(slave)


def test_name_on_a_socket_of_the_host(srt):
    """bind(2) of an abstract name on a socket that was handed in would take it in the host's network."""
    ours, theirs = socket.socketpair()
    code = TRY + ("import socket\ns = socket.socket(fileno=0)\nt(s.bind, '\\0srt-test-taken')\n"
                  "o = socket.socket(socket.AF_UNIX)\nt(o.bind, '\\0srt-test-taken'); o.listen()\n"
                  "c = socket.socket(socket.AF_UNIX); t(c.connect, '\\0srt-test-taken')\n"
                  "a = socket.socket(socket.AF_UNIX); t(a.bind, ''); print(len(a.getsockname()))\n")
    r = srt.run([PYTHON, "-c", code], {}, stdin=theirs.fileno())
    assert r.out == "EACCES\ndone\ndone\ndone\n6\n", r
    assert r.only(rule="builtin:foreign-socket")["target"] == "bind(a socket of another network)", r
    with open("/proc/net/unix", encoding="utf-8", errors="replace") as f:
        assert "srt-test-taken" not in f.read()
    ours.close(), theirs.close()


def test_any_address_on_a_socket_of_the_host(srt, tmp_path):
    """bind and connect of such a socket are refused whatever the address says; and netlink lends no capability."""
    ours, theirs = socket.socketpair()
    host = socket.socket(socket.AF_UNIX)
    host.bind("\0srt-test-host")
    host.listen()
    code = TRY + ("import socket, struct, ctypes\nlib = ctypes.CDLL(None, use_errno=True)\n"
                  "def raw(nr, b):\n if lib.syscall(nr, 0, b, len(b)): raise OSError(ctypes.get_errno(), '')\n"
                  "for nr in (49, 42):\n for b in (b'\\x02\\0' + bytes(14), b'\\x01\\0\\0x', b'\\x01\\0' + b'f'): t(raw, nr, b)\n"
                  "s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0); t(s.connect, (4321, 0)); t(s.connect, (0, 1)); t(s.connect, (0, 0))\n")
    if X86_64:
        r = srt.run([PYTHON, "-c", code], {}, stdin=theirs.fileno())
        assert r.out.split() == ["EACCES"] * 6 + ["EPERM", "EPERM", "done"], r
        assert r.count(rule="builtin:foreign-socket") == 6, r
    fresh = socket.socket(socket.AF_UNIX)
    socket.send_fds(ours, [b"x"], [fresh.fileno()])
    code = TRY + ("import socket\ns = socket.socket(fileno=0)\n_, fds, _, _ = socket.recv_fds(s, 1, 1)\n"
                  "t(socket.socket(fileno=fds[0]).connect, '\\0srt-test-host')\n")
    r = srt.run([PYTHON, "-c", code], {}, stdin=theirs.fileno())
    assert r.out == "EACCES\n" and r.only(rule="builtin:foreign-socket"), r
    for s in ours, theirs, host, fresh:
        s.close()


# ---- changes by path ----

CHANGES = TRY + """
import ctypes
lib = ctypes.CDLL(None, use_errno=True)
def call(*a):
 if lib.syscall(*a) < 0: raise OSError(ctypes.get_errno(), '')
os.chdir('w')
t(os.chmod, 'f/', 0o600); t(os.utime, 'f/', (1, 1)); t(os.setxattr, 'f/', 'user.x', b'1'); t(os.chmod, 'd/', 0o700)
times = (ctypes.c_long * 4)(9, 0, 9, 0)
t(call, 280, -100, b'link/', times, 0x100) # utimensat, AT_SYMLINK_NOFOLLOW
print(int(os.lstat('d').st_mtime), int(os.lstat('link').st_mtime) == 9)
t(call, 452, -100, b'', 0o755, 0x1000); t(call, 260, -100, b'', os.getuid(), os.getgid(), 0x1000) # of the working directory
fd = os.open('f', os.O_RDONLY)
t(os.symlink, 'f/', 'lf'); t(os.chmod, 'lf', 0o600)
t(call, 261, fd, None, None) # futimesat of a descriptor
t(call, 261, -100, None, None)
"""


def test_changes_by_odd_paths(srt, tmp_path):
    """A slash at the end, an empty path, no path: as outside (the numbers are x86-64's)."""
    code = CHANGES if X86_64 else CHANGES.split("times =")[0]
    for name in ("in", "out"):
        (tmp_path / name / "w/d").mkdir(parents=True)
        (tmp_path / name / "w/f").write_text("x")
        os.symlink("d", tmp_path / name / "w/link")
    seen = outside(code, tmp_path / "out")
    r = srt.run([PYTHON, "-c", code], {"filesystem": {"allowWrite": [str(tmp_path / "in/w")]}}, cwd=tmp_path / "in")
    assert r.out == seen and r.out.startswith("ENOTDIR\nENOTDIR\nENOTDIR\ndone\n") and not r.violations, (seen, r)


def acl(*named):
    """An access list as an attribute (acl(5)): the owner, who is named, and the rest."""
    entries = [(1, 7, 0xffffffff), *[n for n in named if n[0] == 2], (4, 5, 0xffffffff), *[n for n in named if n[0] == 8],
               (0x10, 7, 0xffffffff), (0x20, 0, 0xffffffff)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries)


def test_access_lists_name_the_users_of_inside(srt, tmp_path):
    """One's own ids are stored as they are; others do not exist inside, which is told."""
    (tmp_path / "f").write_text("")
    try:
        os.setxattr(tmp_path / "f", "system.posix_acl_access", acl((2, 6, os.getuid())))
    except OSError:
        pytest.skip("needs a file system with access lists")
    mine, group, other = acl((2, 6, os.getuid())), acl((8, 6, os.getgid())), acl((2, 6, 54321))
    code = TRY + "".join(f"t(os.setxattr, 'f', 'system.posix_acl_access', {v!r})\n" for v in (other, group, mine))
    r = srt.run([PYTHON, "-c", code], {"filesystem": {"allowWrite": [str(tmp_path)]}}, cwd=tmp_path)
    assert r.out == "EINVAL\ndone\ndone\n" and not r.violations, r
    assert os.getxattr(tmp_path / "f", "system.posix_acl_access") == mine
    w, = [e for e in r.events if e["type"] == "warning"]
    assert w["errno"] == "EINVAL" and w["call"] == "setxattr", w


def test_a_place_of_srt_is_asked_by_descriptor_as_by_path(srt):
    r = srt.run([PYTHON, "-c", TRY + "t(os.chmod, '/dev/srt/init', 0); fd = os.open('/dev/srt/init', os.O_RDONLY); t(os.fchmod, fd, 0)"], {})
    assert r.out == "EROFS\nEROFS\n" and r.count(rule="builtin:srt") == 2, r


# ---- the host's own answers ----

HOSTS = TRY + """
import socket
def o(p, f): os.close(os.open(p, f))
t(os.mkdir, '/'); t(os.rmdir, '/'); t(os.unlink, '/'); t(o, '/', os.O_WRONLY); t(os.rename, '/', '/x')
t(o, 'f/', os.O_WRONLY); t(os.truncate, 'f/', 0); t(o, 'd', os.O_PATH | os.O_WRONLY); t(o, 'none', os.O_PATH | os.O_CREAT)
t(o, '/dev/nonesuch', os.O_WRONLY); t(o, '/proc/sys/nonesuch', os.O_WRONLY)
s = socket.socket(socket.AF_UNIX); t(s.bind, 'f')
t(os.rename, 'f/x', 'f/y'); t(os.rename, 'f', 'new/'); t(os.link, 'f', 'new/'); t(os.mknod, 'new/')
t(os.rmdir, 'd/.'); t(os.rename, 'd/.', 'e'); t(os.mknod, 'n', 0o040000)
t(os.chmod, 'link', 0o600, follow_symlinks=False) if os.chmod in os.supports_follow_symlinks else print('-')
for family, address in ((socket.AF_INET, b'\\x0a\\0' + bytes(26)), (socket.AF_INET6, b'\\x02\\0\\x01\\xbb\\xcb\\0\\x71\\5' + bytes(8))):
 import ctypes
 lib = ctypes.CDLL(None, use_errno=True)
 s = socket.socket(family)
 print(lib.connect(s.fileno(), address, len(address)), ctypes.get_errno())
"""


def test_as_the_host_answers(srt, tmp_path):
    """Where the host refuses as well: its errno, and no event."""
    (tmp_path / "f").write_text("")
    (tmp_path / "d").mkdir()
    os.symlink("f", tmp_path / "link")
    want = outside(HOSTS, tmp_path)
    r = srt.run([PYTHON, "-c", HOSTS], {}, cwd=tmp_path)
    assert r.out == want and not r.violations and "EADDRINUSE" in want, (want, r)


NAMELESS = TRY + """
import ctypes, tempfile
lib = ctypes.CDLL(None, use_errno=True)
def call(*a):
 if lib.syscall(*a) < 0: raise OSError(ctypes.get_errno(), '')
link = lambda fd: f'/proc/self/fd/{fd}'
for where in ('w', 'ro'):
 fd = os.open('w', os.O_TMPFILE | os.O_RDWR)
 t(os.chmod, link(fd), 0o640); t(os.utime, link(fd), (1, 1))
 t(call, 265, -100, link(fd).encode(), -100, f'{where}/by-link'.encode(), 0x400) # linkat, AT_SYMLINK_FOLLOW
 t(call, 265, fd, b'', -100, f'{where}/by-fd'.encode(), 0x1000) # AT_EMPTY_PATH
print(os.path.exists('w/by-link'), os.path.exists('w/by-fd'), os.path.exists('ro/by-link'))
r, p = os.pipe(); t(os.chmod, link(r), 0o600)
m = os.memfd_create('m'); t(os.chmod, link(m), 0o600)
g = os.open('w/gone', os.O_CREAT | os.O_RDWR); os.unlink('w/gone'); t(os.chmod, link(g), 0o600)
"""


@only(X86_64)
def test_files_without_a_name(srt, tmp_path):
    """O_TMPFILE and linkat(2), as programs that write files in one step do; changes by links in /proc."""
    for name in ("in", "out"):
        for d in ("w", "ro"):
            (tmp_path / name / d).mkdir(parents=True)
    want = outside(NAMELESS, tmp_path / "out").split()
    r = srt.run([PYTHON, "-c", NAMELESS], {"filesystem": {"allowWrite": [str(tmp_path / "in/w")]}}, cwd=tmp_path / "in")
    refused = {6: "EROFS", 7: "EROFS"}
    assert "done" == want[2] == want[6], want
    for i, (mine, theirs) in enumerate(zip(r.out.split(), want, strict=True)):
        assert mine == ("False" if i == 10 else refused.get(i, theirs) if theirs == "done" else theirs), (i, want, r)
    told = sum(want[i] == "done" for i in refused)
    assert r.count(target=str(tmp_path / "in/ro/by-link")) + r.count(target=str(tmp_path / "in/ro/by-fd")) == told, r


MQ = TRY + """
import ctypes
lib = ctypes.CDLL(None, use_errno=True)
def mq():
 q = lib.syscall(240, b'srt-test', os.O_CREAT | os.O_RDWR, 0o600, None)
 if q < 0: raise OSError(ctypes.get_errno(), '')
 if lib.syscall(242, q, b'x', 1, 0, None) < 0: raise OSError(ctypes.get_errno(), '')
 lib.syscall(241, b'srt-test')
t(mq)
"""


@only(X86_64 and os.path.exists("/proc/sys/fs/mqueue"))
def test_message_queues_are_the_sandboxs_own(srt):
    r = srt.run([PYTHON, "-c", MQ], {})
    assert r.out == "done\n" and not r.violations, r


def test_a_kind_of_socket_that_the_kernel_may_lack(srt):
    """Whether the host has it is not asked, for that would load it: uncertain.  What every kernel has is certain."""
    code = TRY + "import socket\nt(socket.socket, 38, 5, 0); t(socket.socket, socket.AF_UNIX, socket.SOCK_DGRAM)\n"
    r = srt.run([PYTHON, "-c", code], {})
    told = {v["target"]: v.get("certain") for v in r.violations}
    assert r.out == "EAFNOSUPPORT\nEPROTONOSUPPORT\n" and told == {"socket(AF_ALG, 5, 0)": False, "socket(AF_UNIX, 2, 0)": None}, r


def test_limit_of_file_sizes(srt):
    """An error in one line, not a death by SIGXFSZ; the command has the signal as it was."""
    command = [os.fsdecode(c) for c in srt.command(["sh", "-c", "head -c 100 /dev/zero > $TMPDIR/x; kill -XFSZ $$"])]
    done = subprocess.run(["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *command], capture_output=True, text=True, check=False,
                          env=srt.environment(None))
    assert done.returncode == 125 and done.stderr.count("\n") == 1 and "File too large" in done.stderr, done
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=srt.environment(None))
    assert done.returncode == 128 + 25, done


def test_links_behind_a_mask_mean_what_they_lead_to(srt, tmp_path):
    """Of a name in a denied directory nothing is seen inside: the host is asked for what the call means."""
    (tmp_path / "dr/d").mkdir(parents=True)
    (tmp_path / "dr/f").write_text("")
    for name, to in (("ld", "d"), ("lf", "f"), ("gone", "none")):
        os.symlink(to, tmp_path / "dr" / name)
    code = TRY + ("import socket\nfor p in ('ld', 'ld/', 'lf'): t(os.chmod, 'dr/' + p, 0o700)\n"
                  "for p in ('lf/', 'gone'): t(os.chmod, 'dr/' + p, 0o700)\n"
                  "s = socket.socket(socket.AF_UNIX); t(s.bind, 'dr/d/new')\n")
    r = srt.run([PYTHON, "-c", code], {"filesystem": {"denyRead": [str(tmp_path / "dr")], "allowWrite": [str(tmp_path)]}}, cwd=tmp_path)
    assert r.out == "EACCES\nEACCES\nEACCES\nENOTDIR\nENOENT\nEACCES\n" and r.count(errno="EACCES") == 4 == r.count(), r


def test_chmod_of_the_root(srt):
    r = srt.run([PYTHON, "-c", TRY + "t(os.chmod, '/', 0o755)"], {})
    if ROOT:
        assert r.out == "EROFS\n" and r.only(target="/", rule="/filesystem/allowWrite"), r
    else:
        assert r.out == "EPERM\n" and not r.violations, r


def test_what_the_host_leaves_to_root(srt):
    """Namespaces, the kernel's log, its settings: for an ordinary user the host's refusal, no event."""
    need("unshare")
    code = TRY + "t(lambda: os.close(os.open('/proc/sys/vm/drop_caches', os.O_WRONLY)))"
    r = srt.sh(f"unshare -m true; unshare -n true; {PYTHON} -c \"{code}\"", {})
    if ROOT:
        assert r.out == "EROFS\n" and r.count(rule="builtin:syscalls") == 2 and r.count(rule="builtin:proc-sys") == 1, r
        assert all("certain" not in v for v in r.violations), r
    else:
        assert r.out == "EACCES\n" and not r.violations and r.err.count("Operation not permitted") == 2, r


@only(ROOT)  # who else could make what is another's?
def test_directories_of_others(srt, tmp_path):
    """Below a sticky directory and in renames of a directory, the kernel asks whose they are."""
    for name in ("sticky", "a/theirs", "b"):
        os.makedirs(tmp_path / name)
    os.chmod(tmp_path, 0o755)
    os.chmod(tmp_path / "sticky", 0o1777)
    for name in ("a", "b"):
        os.chmod(tmp_path / name, 0o777)
    code = TRY + "t(os.setxattr, 'sticky', 'user.x', b'1'); t(os.rename, 'a/theirs', 'b/theirs')"
    events = tmp_path / "events"
    events.mkdir(mode=0o777)
    os.chmod(events, 0o777)
    for p in [tmp_path, *tmp_path.parents]:
        if p.stat().st_uid == 0 and p.stat().st_mode & 5 != 5:
            os.chmod(p, p.stat().st_mode | 5)
    with open(tmp_path / "p.json", "w", encoding="ascii") as f:
        json.dump({"filesystem": {"allowWrite": [str(tmp_path / "sticky")]}}, f)
    command = srt.command([PYTHON, "-c", code], None, ["--policy", tmp_path / "p.json"], str(events / "e"))
    done = subprocess.run(["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", *[str(c) for c in map(os.fsdecode, command)]],
                          cwd=tmp_path, env=srt.environment({"HOME": str(events)}), capture_output=True, text=True, check=False)
    told = srt.read_events(events / "e")
    assert done.stdout == "EPERM\nEACCES\n", done
    assert [e["type"] for e in told] == ["start", "exit"], told


# ---- the environment, the stream of events ----

def test_long_names_of_variables_are_denied_too(srt):
    long = "B" * 300 + "_TOKEN"
    r = srt.run(["/usr/bin/env"], {"environment": {"deny": ["*_TOKEN"]}}, env={long: "secret", "A_TOKEN": "secret", "B" * 300: "kept"})
    assert "secret" not in r.out and "kept" in r.out, r.out[-500:]


def test_no_processes_left_is_no_way_to_silence(srt, tmp_path):
    """A program that takes all that its user may have: the first refusal has its event all the same."""
    need("prlimit", "setpriv")
    code = ("import os, time\nn = 0\nwhile True:\n try: p = os.fork()\n except OSError: break\n"
            " if p == 0: time.sleep(20); os._exit(0)\n n += 1\n"
            "try: os.mkdir('/usr/srt-test-none')\nexcept OSError as e: print(e.errno, n > 0)\n")
    for p in [tmp_path, *tmp_path.parents]:
        if ROOT and p.stat().st_uid == 0 and p.stat().st_mode & 5 != 5:
            os.chmod(p, p.stat().st_mode | 5)
    os.chmod(srt.dir, 0o777)
    command = srt.command([PYTHON, "-c", code], {}, events=srt.dir + "/e")
    become = ["setpriv", "--reuid=54322", "--regid=54322", "--clear-groups"] if ROOT else []
    done = subprocess.run([*become, "prlimit", "--nproc=40", *map(os.fsdecode, command)], cwd="/", check=False, timeout=60,
                          env=srt.environment({"HOME": "/nonexistent"}), capture_output=True, text=True)
    told = srt.read_events(srt.dir + "/e")
    # As an ordinary user mkdir in /usr is the host's to refuse: it was asked, and answered.
    assert done.stdout == f"{errno.EACCES} True\n" and [e["type"] for e in told] == ["start", "exit"], (done, told)


@only(ROOT)  # a file system of a given size is root's to mount
def test_a_full_disk_leaves_whole_lines(srt, tmp_path):
    """A program fills the file system of the event file and frees it again: whole lines, the missing ones counted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "srt-test", disk], check=True)
    try:
        (disk / "w").mkdir()
        code = ("import os\nfd = os.open('w/fill', os.O_WRONLY | os.O_CREAT)\n"
                "try:\n while True: os.write(fd, bytes(1000))\nexcept OSError: pass\n"
                "for i in range(30):\n try: os.mkdir(f'/usr/srt-test-{i}')\n except OSError: pass\n"
                "os.ftruncate(fd, 0)\n")
        command = srt.command([PYTHON, "-c", code], {"filesystem": {"allowWrite": [str(disk / "w")]}}, ["--quiet"], str(disk / "e"))
        done = subprocess.run(command, cwd=disk, capture_output=True, text=True, check=False, env=srt.environment(None), timeout=60)
        with open(disk / "e", encoding="utf-8") as f:
            told = [json.loads(line) for line in f]
        assert done.returncode == 0 and told[0]["type"] == "start" and told[-1]["type"] == "exit", (done, told)
        numbers = [e["seq"] for e in told if e["type"] != "dropped"]
        dropped = sum(e["count"] for e in told if e["type"] == "dropped")
        assert len(numbers) + dropped == told[-1]["seq"] and told[-1]["totals"] == {"/filesystem/allowWrite": 30}, told
    finally:
        subprocess.run(["umount", "-l", disk], check=False)


@only(ROOT)  # a file system of a given size is root's to mount
def test_neither_disk_nor_processes_end_the_events(srt, tmp_path):
    """Both used up at once: a sink that cannot even have a writer goes on when there is room again."""
    need("prlimit", "setpriv")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=777", "srt-test", disk], check=True)
    for p in [tmp_path, *tmp_path.parents]:
        if p.stat().st_uid == 0 and p.stat().st_mode & 5 != 5:
            os.chmod(p, p.stat().st_mode | 5)
    os.chmod(srt.dir, 0o755)
    try:
        (disk / "w").mkdir()
        os.chown(disk / "w", 54323, 54323)
        (disk / "d").mkdir(mode=0o777)
        os.chmod(disk / "d", 0o777)
        code = ("import os, signal, time\npids = []\n"
                "def refused(n):\n for i in range(20):\n  try: os.mkdir(f'd/{n}-{i}')\n  except OSError: pass\n"
                "while True:\n try: p = os.fork()\n except OSError: break\n if p == 0: time.sleep(30); os._exit(0)\n pids.append(p)\n"
                "fd = os.open('w/fill', os.O_WRONLY | os.O_CREAT)\n"
                "try:\n while True: os.write(fd, bytes(1000))\nexcept OSError: pass\n"
                "refused(1)\nos.ftruncate(fd, 0)\nfor p in pids: os.kill(p, 9); os.waitpid(p, 0)\nrefused(2)\n")
        command = srt.command([PYTHON, "-c", code], {"filesystem": {"allowWrite": [str(disk / "w")]}}, ["--quiet"], str(disk / "e"))
        done = subprocess.run(["setpriv", "--reuid=54323", "--regid=54323", "--clear-groups", "prlimit", "--nproc=40", *map(os.fsdecode, command)],
                              cwd=disk, capture_output=True, text=True, check=False, env=srt.environment({"HOME": "/nonexistent"}), timeout=60)
        with open(disk / "e", encoding="utf-8") as f:
            told = [json.loads(line) for line in f]
        assert done.returncode == 0 and told[0]["type"] == "start" and told[-1]["type"] == "exit", (done, told)
        assert told[-1]["totals"] == {"/filesystem/allowWrite": 40}, told[-1]
        assert sum(e["type"] == "violation" and "/d/2-" in e["target"] for e in told) == 20, [e["type"] for e in told]
    finally:
        subprocess.run(["umount", "-l", disk], check=False)
