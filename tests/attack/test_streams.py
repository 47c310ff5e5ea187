"""A5 49: what comes in on descriptors 0 to 2 gives nothing that the policy does not."""
import os
import pty
import socket
import subprocess
import tty

import pytest

from conftest import helper


def run(srt, argv, **kwargs):
    return subprocess.run(srt.command(argv), capture_output="stdout" not in kwargs, check=False, timeout=30,
                          env=srt.environment(None), **kwargs)


def refused(done):
    assert done.returncode == 125 and b"ran" not in (done.stdout or b""), done
    assert done.stderr.startswith(b"srt: ") and done.stderr.count(b"\n") == 1, done


def test_directory_is_an_error(srt):
    fd = os.open("/", os.O_RDONLY)
    refused(run(srt, ["echo", "ran"], stdin=fd))


def test_path_descriptor_is_an_error(srt):
    fd = os.open("/etc/passwd", os.O_PATH)
    refused(run(srt, ["echo", "ran"], stdin=fd))


@pytest.mark.parametrize("family, kind", [(socket.AF_INET, socket.SOCK_STREAM), (socket.AF_INET, socket.SOCK_DGRAM),
                                          (socket.AF_UNIX, socket.SOCK_DGRAM), (socket.AF_UNIX, socket.SOCK_STREAM)])
def test_foreign_socket_is_an_error(srt, family, kind):
    with socket.socket(family, kind) as s:
        refused(run(srt, ["echo", "ran"], stdin=s))


def test_connected_tcp_is_an_error(srt):
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as s:
        refused(run(srt, ["echo", "ran"], stdin=s))


def test_connected_unix_stream_passes(srt):
    a, b = socket.socketpair()
    a.sendall(b"through\n")
    a.shutdown(socket.SHUT_WR)
    done = run(srt, ["cat"], stdin=b)
    assert (done.returncode, done.stdout) == (0, b"through\n"), done


def test_connected_unix_stream_cannot_be_turned(srt, tmp_path):
    """AF_UNSPEC and connect on a host socket: no way to a host listener."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "l"))
    listener.listen()
    listener.settimeout(0.3)
    a, b = socket.socketpair()
    run(srt, ["/usr/bin/python3", "-c", f"""
import ctypes, socket
s = socket.socket(fileno=0)
libc = ctypes.CDLL(None, use_errno=True)
libc.connect(0, bytes(16), 16)
try: s.connect({str(tmp_path / 'l')!r})
except OSError: pass
"""], stdin=b)
    with pytest.raises(TimeoutError):
        listener.accept()


@pytest.mark.parametrize("how", ["/proc/self/fd/0", "/dev/stdin", "/dev/fd/0", "/proc/thread-self/fd/0"])
def test_input_is_not_reopened_for_writing(srt, tmp_path, how):
    path = tmp_path / "in"
    path.write_text("original")
    with open(path, "rb") as f:
        done = run(srt, ["/usr/bin/python3", "-c", f"""
import os
try: os.write(os.open({how!r}, os.O_WRONLY | os.O_TRUNC), b'bad')
except OSError as e: print(e.strerror)
print(os.read(os.open({how!r}, os.O_RDONLY), 100).decode())"""], stdin=f)
    assert path.read_text() == "original", done
    assert b"original" in done.stdout, done


def test_output_that_is_open_for_writing_is_written(srt, tmp_path):
    path = tmp_path / "out"
    with open(path, "wb") as f:
        subprocess.run(srt.command(["sh", "-c", "echo one; echo two > /dev/stdout"]), stdout=f, check=True,
                       stdin=subprocess.DEVNULL, env=srt.environment(None))
    assert path.read_text() in ("one\ntwo\n", "two\n")


def test_descriptor_forms_on_input(srt, tmp_path):
    """fchmod(0), futimens(0), fsetxattr(0) on a host file opened for reading."""
    path = tmp_path / "in"
    path.write_text("x")
    path.chmod(0o644)
    os.utime(path, (1, 1))
    with open(path, "rb") as f:
        done = run(srt, ["/usr/bin/python3", "-c", """
import os
for call in (lambda: os.fchmod(0, 0o777), lambda: os.utime(0), lambda: os.setxattr(0, 'user.x', b'y'), lambda: os.fchown(0, os.getuid(), os.getgid())):
    try: call(); print('done')
    except OSError as e: print(e.errno)
fd = os.open(os.environ['TMPDIR'] + '/own', os.O_CREAT | os.O_RDWR)
os.fchmod(fd, 0o600); os.utime(fd); print('own')
"""], stdin=f)
    assert b"done" not in done.stdout and done.stdout.endswith(b"own\n"), done
    st = path.stat()
    assert st.st_mode & 0o777 == 0o644 and st.st_mtime == 1
    assert os.listxattr(path) == []


@pytest.mark.parametrize("call", ["fchmod", "futimens", "fsetxattr"])
def test_descriptor_forms_race(srt, tmp_path, call):
    """A second thread swaps the descriptor between judging and acting."""
    path = tmp_path / "in"
    path.write_text("x")
    path.chmod(0o644)
    os.utime(path, (5, 5))
    with open(path, "rb") as f:
        done = run(srt, [helper("fd_race"), call, "8000"], stdin=f)
    st = path.stat()
    assert st.st_mode & 0o777 == 0o644 and st.st_mtime == 5 and os.listxattr(path) == [], done
    assert done.returncode == 0 and b"rounds, some allowed" in done.stdout, done


REOPEN = """
import os, sys
def what(f):
    try: f(); return 0
    except OSError as e: return e.errno
for path in sys.argv[2:]:
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_APPEND, os.O_WRONLY | os.O_TRUNC):
        def write():
            fd = os.open(path, flags | os.O_NONBLOCK)
            os.write(fd, b'bad')
        print(path, what(write))
fd = int(sys.argv[1])
print('read', os.read(fd, 100) if fd == 0 else what(lambda: os.write(fd, b'output')))
"""
SPELLINGS = ("/proc/self/fd/{}", "/dev/fd/{}", "/proc/thread-self/fd/{}")


def reopen(srt, fd, policy=None, **streams):
    """Try to open the stream `fd` of the command for writing, in every spelling."""
    spellings = [p.format(fd) for p in SPELLINGS] + (["/dev/stdin"] if fd == 0 else ["/dev/stdout"])
    r = srt.run(["/usr/bin/python3", "-c", REOPEN, str(fd), *spellings], policy, **streams)
    *tries, last = r.out.splitlines()
    return r, [int(line.split()[1]) for line in tries], last


def test_fifo_open_for_reading_is_not_written(srt, tmp_path):
    """A FIFO of the host: its other reader gets nothing from inside, and each try is one event."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    both = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    os.write(both, b"through")
    with open(path, "rb") as f:
        r, errnos, last = reopen(srt, 0, stdin=f)
    assert last == "read b'through'" and len(errnos) == 16 and set(errnos) <= {13, 30}, r
    assert r.count(target=str(path)) == 16, r
    with pytest.raises(BlockingIOError):
        os.read(both, 1)
    os.close(both)


def test_fifo_open_for_writing_is_written(srt, tmp_path):
    """The twin, on descriptor 2 since 0 and 1 are the test's: what was handed in for writing."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    both = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    done = subprocess.run(srt.command(["/usr/bin/python3", "-c", "import os\nfor p in ('/proc/self/fd/2', '/dev/stderr'): os.write(os.open(p, os.O_WRONLY), b'w')\nos.write(2, b'w')"]),
                          stderr=both, stdin=subprocess.DEVNULL, env=srt.environment(None), check=False, timeout=30)
    assert done.returncode == 0 and os.read(both, 100) == b"www", done
    os.close(both)


def test_fifo_of_a_writable_root(srt, project):
    """What the policy lets be written may be written by this way too."""
    path = project / "fifo"
    os.mkfifo(path)
    both = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    os.write(both, b"through")
    with open(path, "rb") as f:
        r, errnos, _ = reopen(srt, 0, {"filesystem": {"allowWrite": [str(project)]}}, stdin=f)
    assert set(errnos) == {0} and not r.violations, r
    os.close(both)


def test_terminal_on_all_three(srt):
    """A pty works: read, written, opened again by its names, and stays what it is."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    mode = os.fstat(slave).st_mode
    code = """
import os, sys
print(os.isatty(0), os.isatty(1), os.isatty(2), os.read(0, 2) == b'in')
for p in ('/proc/self/fd/0', '/dev/stdout', '/dev/tty'):
    try: os.write(os.open(p, os.O_WRONLY | os.O_NOCTTY), b'again ')
    except OSError as e: os.write(1, b'E%d ' % e.errno)
for f in (lambda: os.fchmod(0, 0o666), lambda: os.fchown(0, os.getuid(), os.getgid())):
    try: f(); print('changed')
    except OSError as e: print('kept')
"""
    os.write(master, b"in")
    events = srt.path("events")
    done = subprocess.run(["setsid", "-c", *srt.command(["/usr/bin/python3", "-c", code], options=["--quiet"], events=events)], stdin=slave,
                          stdout=slave, stderr=slave, env=srt.environment(None), check=False, timeout=30)
    text = os.read(master, 4096).decode()
    assert done.returncode == 0 and "True True True True" in text and text.count("again") == 3, (done, text)
    assert "changed" not in text and os.fstat(slave).st_mode == mode, text
    told = [e for e in srt.read_events(events) if e["type"] == "violation"]
    assert [(e["call"], e["target"], e["errno"]) for e in told] == [("fchmod", "(a device of the host)", "EPERM")], told
    os.close(master)
    os.close(slave)


def test_null_device_as_output(srt):
    """A character device that is open for writing is one by its names, too."""
    with open("/dev/null", "wb") as null:
        done = run(srt, ["sh", "-c", "echo a > /dev/stdout && echo b > /proc/self/fd/1 && echo c > /dev/null"], stdout=null,
                   stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done


@pytest.mark.parametrize("fd", [0, 1, 2])
def test_block_device_is_an_error(srt, net, fd):
    """A loop device of the test machine: read, written or as standard error, srt does not start."""
    device = os.open(net["block"], os.O_RDONLY if fd == 0 else os.O_WRONLY)
    streams = {0: {"stdin": device}, 1: {"stdout": device, "stderr": subprocess.PIPE}, 2: {"stderr": device, "stdout": subprocess.PIPE}}[fd]
    done = subprocess.run(srt.command(["sh", "-c", "echo ran > $TMPDIR/x; echo ran"]), check=False, timeout=30,
                          env=srt.environment(None), **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams})
    os.close(device)
    assert done.returncode == 125 and b"ran" not in (done.stdout or b""), done
    assert fd == 2 or b"block device" in done.stderr, done


def test_working_directory_holds_nothing_from_before(srt, tmp_path, project):
    """A5 63: no descriptor or directory from before the plan."""
    policy = {"filesystem": {"denyRead": [str(tmp_path / "secret")], "allowWrite": [str(project)]}}
    r = srt.sh(f"for p in /proc/1/cwd /proc/1/root /proc/self/root /proc/self/cwd/../secret; do "
               f"cat $p/{str(tmp_path)[1:]}/secret/key $p/key; done; "
               "for f in /proc/[0-9]*/fd/*; do cat $f/secret/key; done; cat file", policy, cwd=str(project), timeout=60)
    assert r.out == "content\n", r


def test_a_stream_without_a_name_here_is_told_as_such(srt, tmp_path):
    """What refuses is told by who decided it, and nothing is suggested for what has no name."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("s")
    (tmp_path / "open").write_text("o")
    code = "import os, sys\nfor fd in (0, 3):\n try: os.fchmod(fd, 0o600); print('done')\n except OSError as e: print(e.errno)"
    policy = {"filesystem": {"denyRead": [str(tmp_path / "secret")], "allowWrite": [str(tmp_path / "open")]}}
    with open(tmp_path / "secret/key", "rb") as f:
        r = srt.sh(f"exec /usr/bin/python3 -c \"{code}\" 3> {tmp_path}/open", policy, stdin=f)
    assert r.out == "30\ndone\n", r
    v = r.only(op="file-write", rule="/filesystem/allowWrite", errno="EROFS")
    assert "change" not in v and "/?" not in v["target"] and "without a name" in v["reason"], v
