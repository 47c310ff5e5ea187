"""A5 66: outside writable roots every write call gives the errno that it gives
without srt where the host refuses, and one event where only srt does."""
import json
import os
import subprocess

import pytest

CALLS = r"""
import errno, json, os, stat, sys
base = sys.argv[1]

def opened(flags, mode=0o644):
    def call(p):
        os.close(os.open(p, flags, mode))
    return call

CALLS = {
    "write": opened(os.O_WRONLY), "append": opened(os.O_WRONLY | os.O_APPEND), "both": opened(os.O_RDWR),
    "create": opened(os.O_WRONLY | os.O_CREAT), "exclusive": opened(os.O_WRONLY | os.O_CREAT | os.O_EXCL),
    "truncating": opened(os.O_WRONLY | os.O_TRUNC), "nonblock": opened(os.O_WRONLY | os.O_NONBLOCK),
    "tmpfile": opened(os.O_WRONLY | os.O_TMPFILE), "directory": opened(os.O_WRONLY | os.O_DIRECTORY),
    "nofollow": opened(os.O_WRONLY | os.O_NOFOLLOW), "read-trunc": opened(os.O_RDONLY | os.O_TRUNC),
    "truncate": lambda p: os.truncate(p, 0), "mkdir": os.mkdir, "rmdir": os.rmdir, "unlink": os.unlink,
    "symlink": lambda p: os.symlink("x", p), "mkfifo": os.mkfifo,
    "link-to": lambda p: os.link(base + "/source", p), "link-from": lambda p: os.link(p, p + ".new"),
    "link-missing": lambda p: os.link(base + "/missing", p),
    "rename-from": lambda p: os.rename(p, p + ".new"), "rename-to": lambda p: os.rename(os.path.dirname(p) + "/source", p),
    "rename-missing": lambda p: os.rename(base + "/missing", p),
    "rename-dir-to": lambda p: os.rename(os.path.dirname(p) + "/sourcedir", p),
    "chmod": lambda p: os.chmod(p, 0o700), "chown": lambda p: os.chown(p, os.getuid(), os.getgid()),
    "lchown": lambda p: os.lchown(p, os.getuid(), os.getgid()), "utime": lambda p: os.utime(p, (1, 1)),
    "setxattr": lambda p: os.setxattr(p, "user.x", b"1"), "removexattr": lambda p: os.removexattr(p, "user.none"),
}
OBJECTS = ["absent", "file", "dir", "full", "readonly", "fifo", "link", "dangling", "loop", "slash/", "below-file/x",
           "no-parent/x", "closed/x", "sticky/x"]

def make(d):
    os.makedirs(d)
    for name in ("file", "readonly", "source", "target"):
        open(d + "/" + name, "w").close()
    os.chmod(d + "/readonly", 0o444)
    for name in ("dir", "full", "sourcedir", "closed", "sticky", "slash"):
        os.mkdir(d + "/" + name)
    for name in ("full/x", "closed/x", "sticky/x", "below-file"):
        open(d + "/" + name, "w").close()
    os.mkfifo(d + "/fifo")
    os.symlink("target", d + "/link"); os.symlink("nowhere", d + "/dangling"); os.symlink("loop", d + "/loop")
    os.chmod(d + "/closed", 0o000); os.chmod(d + "/sticky", 0o1777)

if sys.argv[2] == "make":
    os.mkdir(base); open(base + "/source", "w").close()
    for call in CALLS:
        for o in OBJECTS:
            make(f"{base}/{call}-{o.split('/')[0]}")
    sys.exit()
result = []
for call, f in CALLS.items():
    for o in OBJECTS:
        if o == "fifo" and call in ("write", "append", "create", "truncating", "nofollow", "read-trunc"):
            continue  # waits for a reader, inside and outside
        path = f"{base}/{call}-{o.split('/')[0]}/{o}"
        try:
            f(path); e = 0
        except OSError as x:
            e = x.errno
        result.append([call, o, path, e])
print(json.dumps(result))
"""


def tree(base):
    subprocess.run(["/usr/bin/python3", "-c", CALLS, base, "make"], check=True)


def test_errno_table(srt, tmp_path):
    inside, outside = str(tmp_path / "inside"), str(tmp_path / "outside")
    tree(inside)
    tree(outside)
    bare = json.loads(subprocess.run(["/usr/bin/python3", "-c", CALLS, outside, "run"], check=True,
                                     capture_output=True, text=True).stdout)
    r = srt.run(["/usr/bin/python3", "-c", CALLS, inside, "run"], {}, timeout=120)
    assert r.code == 0, r
    ours = json.loads(r.out)
    wrong = []
    events = {}
    for e in r.events:
        if e["type"] == "violation":
            keys = {t.split("/")[len(inside.split("/"))] for t in (e["target"], e.get("target2")) if t}
            for key in keys:
                events.setdefault(key, []).append(e)
    repeats = sum(e["count"] for e in r.events if e["type"] == "repeat")
    for (call, o, path, mine), (_, _, _, theirs) in zip(ours, bare):
        key = f"{call}-{o.split('/')[0]}"
        told = events.get(key, [])
        if theirs != 0:
            # As root nobody inside has root's way round modes: EACCES is its own answer there.
            if mine != theirs and not (os.geteuid() == 0 and "closed" in o):
                wrong.append(f"{call} {o}: errno {mine}, outside {theirs}")
            if told:
                wrong.append(f"{call} {o}: an event although the host refuses with {theirs}: {told}")
        elif mine == 0:
            wrong.append(f"{call} {o}: succeeded")
        elif os.geteuid() == 0 and "closed" in o:
            pass
        elif len(told) != 1:
            wrong.append(f"{call} {o}: {len(told)} events (errno {mine}): {told}")
    assert not wrong, f"{len(wrong)} of {len(ours)}\n" + "\n".join(wrong)
    assert repeats == 0 and len(ours) > 300
    subprocess.run(["chmod", "-R", "u+rwx", str(tmp_path)], check=True)


FAILING = """
import errno, os, sys
def what(f):
    try: f(); return 'ok'
    except OSError as e: return errno.errorcode[e.errno]
def create(p): os.close(os.open(p, os.O_CREAT | os.O_WRONLY))
def exclusive(p): os.close(os.open(p, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
def append(p): os.close(os.open(p, os.O_APPEND | os.O_WRONLY))
for call in (lambda: append('absent'), lambda: create('no/such'), lambda: os.mkdir('no/such'), lambda: os.unlink('absent'),
             lambda: os.rename('absent', 'other'), lambda: os.link('absent', 'other'), lambda: os.truncate('absent', 0),
             lambda: os.chmod('absent', 0o600), lambda: os.utime('absent'), lambda: os.symlink('x', 'no/such')):
    print(what(call), 'ENOENT')
for call in (lambda: create('file/x'), lambda: os.mkdir('file/x'), lambda: os.unlink('file/x'), lambda: os.rmdir('file'),
             lambda: os.rename('sub', 'file'), lambda: os.chmod('file/x', 0o600)):
    print(what(call), 'ENOTDIR')
for call in (lambda: exclusive('file'), lambda: os.mkdir('sub'), lambda: os.mkdir('file'), lambda: os.symlink('x', 'file'),
             lambda: os.link('file', 'sub'), lambda: os.mkfifo('file')):
    print(what(call), 'EEXIST')
full = sys.argv[1]
for i in range(100):
    if what(lambda: exclusive(f'{full}/{i}')) == 'ENOSPC': break
for call in (lambda: create(full + '/x'), lambda: os.mkdir(full + '/x'), lambda: os.symlink('x' * 200, full + '/x')):
    print(what(call), 'ENOSPC')
for name in os.listdir(full): os.unlink(full + '/' + name)
for call in (lambda: create(full + '/x'), lambda: os.unlink(full + '/x'), lambda: create('made'), lambda: os.mkdir('dir'),
             lambda: os.rename('made', 'dir/made'), lambda: os.chmod('dir/made', 0o600)):
    print(what(call), 'ok')
print(what(lambda: create('../outside/x')), 'EROFS')
"""


@pytest.mark.parametrize("fuse", [True, False], ids=["fuse", "plain"])
def test_allowed_calls_that_the_host_fails(srt, net, project, tmp_path, fuse):
    """Design 7.10: what the policy allows and the host then fails is no event."""
    policy = {"filesystem": {"allowWrite": [str(project), net["small"]], "denyRead": [str(tmp_path / "secret")]}}
    r = srt.run(["/usr/bin/python3", "-c", FAILING, net["small"]], policy, cwd=str(project), env={} if fuse else {"SRT_TEST_NO_FUSE": "1"})
    pairs = [line.split() for line in r.out.splitlines()]
    assert len(pairs) == 32 and all(got == want for got, want in pairs), r
    r.only(op="file-create", target=str(tmp_path / "outside/x"))
