"""What the policy allows, the host would do, and fails inside all the same: a warning, never silence (spec/events.md,
second row of the table)."""
import fcntl
import os
import subprocess

import pytest

from conftest import need, supervisor_of

TEXT = "refused although the policy allows it"
ROOT = os.geteuid() == 0


def warnings(result):
    return [e for e in result.events if e["type"] == "warning"]


def python(code, *args):
    return ["/usr/bin/python3", "-c", code, *args]


ERRNO = "import os, sys\ndef t(f, *a):\n try: f(*a); print(0)\n except OSError as e: print(e.errno)\n"


@pytest.fixture
def roots(tmp_path):
    """Two writable roots with a file each."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").write_text(name)
    os.chdir(tmp_path)
    return {"filesystem": {"allowWrite": [str(tmp_path / "a"), str(tmp_path / "b")]}}


@pytest.mark.parametrize("call,op", [("rename", "file-rename"), ("link", "file-create")])
def test_between_two_roots(srt, tmp_path, roots, call, op):
    r = srt.run(python(ERRNO + f"t(os.{call}, 'a/f', 'b/new'); t(os.{call}, 'a/f', 'a/new')"), roots, cwd=tmp_path)
    assert r.out == "18\n0\n" and not r.violations, r
    w, = warnings(r)
    assert w["message"] == TEXT and w["op"] == op and w["errno"] == "EXDEV" and w["source"] == "supervisor", w
    assert (w["target"], w["target2"]) == (str(tmp_path / "a/f"), str(tmp_path / "b/new")), w
    assert w["rule"] == "/filesystem/allowWrite/1" and "one directory that holds both" in w["hint"], w
    assert w["argv"][0] == "/usr/bin/python3" and w["pid"] > 1 and "change" not in w, w
    assert f"srt: failed {op.split('-')[1]}" in r.err and TEXT in r.err, r
    assert r.events[-1]["totals"] == {}, r
    # What the hint says mends it.
    r = srt.run(python(ERRNO + f"t(os.{call}, 'b/f', 'a/newer')"), {"filesystem": {"allowWrite": [str(tmp_path)]}}, cwd=tmp_path)
    assert r.out == "0\n" and not warnings(r) and r.err == "", r


def test_as_the_host_fails(srt, tmp_path, roots):
    """The host's own refusals are no warnings, and have its errno: also where two mounts come first."""
    code = ERRNO + ("t(os.rename, 'a/none', 'b/new'); t(os.link, 'a/none', 'b/new'); t(os.link, 'a/f', 'b/f')\n"
                    "t(os.rename, 'a/f', 'b/none/x'); t(os.chmod, 'a/none', 0o600); t(os.mkdir, 'a/f')\n")
    bare = subprocess.run(python(code), cwd=tmp_path, capture_output=True, text=True, check=True)
    r = srt.run(python(code), roots, cwd=tmp_path)
    assert r.out == bare.stdout == "2\n2\n17\n2\n2\n17\n" and not warnings(r) and not r.violations, r


def test_own_places_are_no_part_of_the_host(srt, tmp_path, roots):
    """What the host would do with a file of the private $TMPDIR nobody can know; mv copies."""
    r = srt.sh("echo x > $TMPDIR/x && mv $TMPDIR/x b/ && cat b/x && ln a/f $TMPDIR/y", roots, cwd=tmp_path)
    assert r.code == 1 and r.out == "x\n" and not warnings(r) and not r.violations, r
    r = srt.sh("echo x > $TMPDIR/x && ln $TMPDIR/x c", roots, cwd=tmp_path)
    assert r.only(target2=str(tmp_path / "c"), errno="EROFS")["certain"] is False, r


def test_one_line_for_a_kind(srt, tmp_path, roots):
    """A thousand files make one line, and an exact count at the end."""
    code = ERRNO + ("for i in range(1000):\n try: os.link('a/f', f'b/{i}')\n except OSError: pass\n"
                    "t(os.rename, 'a/f', 'b/g')\n")
    r = srt.run(python(code), roots, cwd=tmp_path)
    first, second = warnings(r)
    assert (first["op"], second["op"]) == ("file-create", "file-rename"), r
    repeats = [e for e in r.events if e["type"] == "repeat"]
    assert [(e["ref"], e["count"], e["coarse"]) for e in repeats] == [(first["seq"], 999, True)], r
    assert r.err.count("srt: failed create") == 1 and f"srt: warning: {TEXT}: create, 999 times more" in r.err, r
    r = srt.run(python(code), roots, cwd=tmp_path, options=["--quiet"])
    assert len(warnings(r)) == 2 and r.err == "", r


def read_only(supervisor, path, on):
    """An odd host: somebody makes a mount of the sandbox read-only under its feet."""
    subprocess.run(["nsenter", "-t", str(supervisor), "-U", "-m", "--preserve-credentials", "mount", "--no-mtab", "-o",
                    "remount,bind," + ("ro" if on else "rw"), path], check=True, cwd="/")


MEETS_READ_ONLY = ERRNO + """
def create(p): os.close(os.open(p, os.O_CREAT | os.O_WRONLY))
def write(p): os.close(os.open(p, os.O_WRONLY))
def both():
 t(create, 'a/new'); t(write, 'a/f'); t(os.mkdir, 'a/d'); t(os.unlink, 'a/g'); t(os.rename, 'a/f', 'a/h')
 t(os.symlink, 'x', 'a/s'); t(os.truncate, 'a/f', 0); t(os.chmod, 'a/f', 0o600); t(os.utime, 'a/f', (1, 1))
 t(os.listdir, 'a'); t(write, 'a/none'); t(os.mkdir, 'a/f'); t(lambda: os.close(os.open('a/pipe', os.O_RDWR)))
 print('--', flush=True)
both_at = sys.stdin.readline
print('ready', flush=True); both_at(); both(); both_at(); both()
"""


def test_a_mount_that_is_read_only(srt, tmp_path, roots):
    need("nsenter")
    (tmp_path / "a/g").write_text("")
    os.mkfifo(tmp_path / "a/pipe")
    run = srt.start(python(MEETS_READ_ONLY), roots, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE, text=True)
    supervisor = supervisor_of(run.pid)
    assert run.stdout.readline() == "ready\n"  # it has left the host's namespaces

    def part(word):
        run.stdin.write(word + "\n")
        run.stdin.flush()
        return list(iter(lambda: run.stdout.readline().strip(), "--"))

    read_only(supervisor, str(tmp_path / "a"), True)
    refused = part("1")
    read_only(supervisor, str(tmp_path / "a"), False)
    allowed = part("2")
    _, err = run.communicate(timeout=20)
    events = srt.read_events(run.events)
    told = [e for e in events if e["type"] == "warning"]
    #          create write mkdir unlink rename symlink truncate chmod utime list  none exist FIFO
    assert refused == ["30"] * 9 + ["0", "2", "17", "0"], (refused, err)
    assert allowed == ["0", "0", "0", "0", "0", "0", "2", "2", "2", "0", "2", "0", "0"], (allowed, err)
    assert {e["errno"] for e in told} == {"EROFS"} and {e["message"] for e in told} == {TEXT}, told
    assert [e["op"] for e in told] == ["file-create", "file-write", "file-delete", "file-rename"], told
    more = {e["ref"]: e["count"] for e in events if e["type"] == "repeat"}
    assert [more.get(e["seq"], 0) for e in told] == [2, 3, 0, 0], (told, more)
    assert not [e for e in events if e["type"] == "violation"], events


CHANGES = ERRNO + """
import fcntl, struct
fd = os.open('a/f', os.O_RDONLY)
t(os.chown, 'a/f', 12345, -1); t(os.fchown, fd, -1, 12345); t(os.setxattr, 'a/f', 'trusted.x', b'1')
t(os.chown, 'a/f', os.getuid(), os.getgid()); t(os.chmod, 'a/f', 0o640); t(os.utime, 'a/f', (1, 1))
t(os.setxattr, 'a/f', 'none.x', b'1')
def flags(f): # FS_IOC_GETFLAGS, FS_IOC_SETFLAGS: more of them, or less
 had, = struct.unpack('q', fcntl.ioctl(fd, 0x80086601, bytes(8)))
 fcntl.ioctl(fd, 0x40086602, struct.pack('q', had & ~0x50 | f))
if sys.argv[1] == 'flags': t(flags, 0x10); t(flags, 0x40) # immutable, no dump
"""


def has_flags(directory):
    """Does the file system of `directory` know chattr(1)'s flags?"""
    fd = os.open(directory, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, 0x80086601, bytes(8))  # FS_IOC_GETFLAGS
        return True
    except OSError:
        return False
    finally:
        os.close(fd)


def changes(directory):
    return python(CHANGES, "flags" if has_flags(directory) else "no flags")


def test_changes_that_take_a_capability(srt, tmp_path, roots):
    """Root inside has none: what root outside could change is told.  For anybody else the host refuses it, too."""
    r = srt.run(changes(tmp_path), roots, cwd=tmp_path)
    told = [(e["call"], e["errno"]) for e in warnings(r)]
    flags = ["1", "0"] if has_flags(tmp_path) else []
    assert not r.violations, r
    if ROOT:
        assert r.out.split() == ["22", "22", "1", "0", "0", "0", "95"] + flags, r
        assert told == [("chown", "EINVAL"), ("setxattr", "EPERM")], r
        assert sum(e["count"] for e in r.events if e["type"] == "repeat") == (2 if flags else 1), r
        assert all("capability" in e["hint"] for e in warnings(r)), r
    else:
        assert r.out.split() == ["1", "1", "1", "0", "0", "0", "95"] + flags and not told, r
    assert any("srt is run by root" in s for s in r.events[0]["untold"]) == ROOT, r.events[0]


def test_denied_changes_as_the_host_judges_them(srt, tmp_path):
    """Outside every root: an event where the host would change it, none where it would not."""
    os.mkdir(tmp_path / "a")
    (tmp_path / "a/f").write_text("")
    bare = subprocess.run(changes(tmp_path), cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split()
    r = srt.run(changes(tmp_path), {}, cwd=tmp_path)
    assert all(m == ("30" if b == "0" else b) for m, b in zip(r.out.split(), bare, strict=True)), (bare, r)
    assert r.count() == bare.count("0") >= 3, (bare, r)


def test_terminal_line(srt, tmp_path, roots):
    """On a terminal a kind is one line, and the program's own words stand beside it."""
    import pty
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        argv = srt.command(["ln", "a/f", "b/g"], roots)
        os.execve(argv[0], argv, srt.environment({"NO_COLOR": "1"}))
    shown = b""
    try:
        while more := os.read(master, 4096):
            shown += more
    except OSError:
        pass
    os.close(master)
    os.waitpid(pid, 0)
    assert shown.count(b"srt: failed create  ") == 1 and b"(EXDEV)" in shown and b"cross-device" in shown, shown
