"""A5 49: what comes in on descriptors 0 to 2 gives nothing that the policy does not."""
import os
import socket
import subprocess

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


def test_descriptor_forms_race(srt, tmp_path):
    """A second thread swaps the descriptor between judging and acting."""
    path = tmp_path / "in"
    path.write_text("x")
    path.chmod(0o644)
    with open(path, "rb") as f:
        done = run(srt, [helper("fd_race"), "20000"], stdin=f)
    assert path.stat().st_mode & 0o777 == 0o644, done
    assert done.returncode == 0 and b"rounds" in done.stdout, done


def test_working_directory_holds_nothing_from_before(srt, tmp_path, project):
    """A5 63: no descriptor or directory from before the plan."""
    policy = {"filesystem": {"denyRead": [str(tmp_path / "secret")], "allowWrite": [str(project)]}}
    r = srt.sh(f"for p in /proc/1/cwd /proc/1/root /proc/self/root /proc/self/cwd/../secret; do "
               f"cat $p/{str(tmp_path)[1:]}/secret/key $p/key; done; "
               "for f in /proc/[0-9]*/fd/*; do cat $f/secret/key; done; cat file", policy, cwd=str(project), timeout=60)
    assert r.out == "content\n", r
