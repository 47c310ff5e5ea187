"""Design 7.3: no link, no `..` and no rename detaches a mask or undoes a pin; each has its
twin in an ordinary directory of the same sandbox."""
import os

import pytest

from conftest import helper

PRELUDE = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def what(f, *a, **k):
    try: f(*a, **k); return 0
    except OSError as e: return e.errno
def raw(nr, *args):
    ctypes.set_errno(0)
    args = [os.fsencode(a) if isinstance(a, str) else ctypes.c_long(a) for a in args]
    return ctypes.get_errno() if libc.syscall(ctypes.c_long(nr), *args) < 0 else 0
def read(p): return what(lambda: open(p).read())
def write(p): return what(lambda: open(p, 'a').close())
here = os.getcwd()
"""


@pytest.fixture
def tree(project):
    """A writable project with a denied directory and file, and a file that must stay, two deep each."""
    for top in ("pin", "free"):
        (project / top / "in" / "secret").mkdir(parents=True)
        (project / top / "in" / "secret" / "key").write_text(top)
        for name in ("hidden", "keep"):
            (project / top / "in" / name).write_text(top)
    return project


def policy_of(tree):
    return {"filesystem": {"allowWrite": [str(tree)], "denyRead": [str(tree / "pin/in/secret"), str(tree / "pin/in/hidden")],
                           "denyWrite": [str(tree / "pin/in/keep")]}}


def run(srt, tree, code):
    r = srt.run(["/usr/bin/python3", "-c", PRELUDE + code], policy_of(tree), cwd=str(tree))
    assert r.code == 0, r
    for name in ("secret/key", "hidden", "keep"):
        assert (tree / "pin/in" / name).read_text() == "pin", r
    return r


PROBE = """
print('masked', read('pin/in/secret/key'), what(os.listdir, 'pin/in/secret'), read('pin/in/hidden'), write('pin/in/keep'))
"""


def masked(r):
    """The last word of every program here: all is as it was at the start."""
    return r.out.splitlines()[-1] == "masked 13 13 13 30"


def test_links_made_inside(srt, tree):
    """Absolute and relative symlinks that lead to what is denied: read and written through."""
    r = run(srt, tree, """
for top in 'pin', 'free':
    for i, (target, below) in enumerate((
            (here + '/%s/in/secret', '/key'), (here + '/%s/in/secret/key', ''), ('%s/in/secret', '/key'), (here + '/%s', '/in/secret/key'),
            ('sub/../%s/in/secret/key', ''), ('/proc/self/cwd/%s/in/secret/key', ''), (here + '/%s/in/hidden', ''))):
        link = f'{top}{i}'
        os.symlink(target % top, link)
        os.symlink(link, link + 'again')
        print(top, *[f(p + below) for p in (link, link + 'again') for f in (read, write)])
""" + PROBE)
    words = r.out.splitlines()
    assert words[:7] == ["pin 13 13 13 13"] * 7 and words[7:14] == ["free 0 0 0 0"] * 7 and masked(r), r
    # A link on the way is a name like any other, so each refusal names where it led.
    for e in r.violations:
        assert e["target"].startswith(str(tree / "pin/in")), e
    assert len([e for e in r.violations if "free" in e["target"]]) == 0


def test_hard_links_made_inside(srt, tree):
    r = run(srt, tree, """
for top in 'pin', 'free':
    print(top, what(os.link, top + '/in/hidden', top + '.h'), what(os.link, top + '/in/secret/key', top + '.k'), read(top + '.h'))
""" + PROBE)
    pin, free = (line.split() for line in r.out.splitlines()[:2])
    assert "0" not in pin[1:] and free[1:] == ["0", "0", "0"] and masked(r), r


def test_parent_of_a_subdirectory(srt, tree):
    """`..` from below, from another directory's descriptor, and after the directory moved."""
    r = run(srt, tree, """
for top in 'pin', 'free':
    os.makedirs(top + '/in/work/deep')
    os.chdir(top + '/in/work/deep')
    at = os.open('.', os.O_RDONLY)
    out = [f(p) for p in ('../../secret/key', '../../../in/hidden') for f in (read, write)]
    os.rename(here + '/' + top + '/in/work', here + '/' + top + '/in/moved')
    out += [what(lambda: os.open('../../secret/key', os.O_RDONLY, dir_fd=at)), what(lambda: os.unlink('../../hidden', dir_fd=at)),
            what(lambda: os.rename('../../secret', '../../other', src_dir_fd=at, dst_dir_fd=at))]
    os.chdir(here)
    print(top, *out)
""" + PROBE)
    pin, free = (line.split() for line in r.out.splitlines()[:2])
    assert pin[1:6] == ["13"] * 5 and "0" not in pin[1:] and free[1:] == ["0"] * 7 and masked(r), r


def test_renames_over_and_of_what_is_masked(srt, tree):
    r = run(srt, tree, """
def moves(top):
    yield lambda: os.rename('f1', top + '/in/hidden')
    yield lambda: os.replace('f2', top + '/in/keep')
    yield lambda: os.rename('d1', top + '/in/secret')
    yield lambda: os.rename(top + '/in/hidden', 'h')
    yield lambda: os.rename(top + '/in/keep', 'k')
    yield lambda: os.rename(top + '/in/secret', 's')
    yield lambda: os.unlink(top + '/in/hidden')
    yield lambda: os.unlink(top + '/in/keep')
    yield lambda: os.rmdir(top + '/in/secret')
for top in 'free', 'pin':
    out = []
    for move in moves(top):
        for f in 'f1', 'f2', top + '/in/hidden', top + '/in/keep':
            if not os.path.lexists(f): open(f, 'w').close()
        if not os.path.lexists('d1'): os.mkdir('d1')
        if top == 'free' and os.path.exists('free/in/secret/key'): os.unlink('free/in/secret/key')
        if top == 'free' and not os.path.exists('free/in/secret'): os.mkdir('free/in/secret')
        out.append(what(move))
        out.append(what(lambda: os.rename('sub', 'sub2')) or what(lambda: os.rename('sub2', 'sub')))
    print(top, *out)
""" + PROBE)
    free, pin = (line.split() for line in r.out.splitlines()[:2])
    assert free[1:] == ["0"] * 18 and pin[2::2] == ["0"] * 9, r
    # Of the full directory the host says ENOTEMPTY itself, which is no event.
    assert pin[1::2] == ["16", "16", "39", "16", "16", "16", "16", "16", "39"] and masked(r), r
    assert r.count() == 7 + 4, r


def test_pinned_ancestors_by_every_call(srt, tree):
    """rename, renameat, renameat2 with every flag, rmdir, unlinkat: by libc and by number, in every spelling."""
    r = run(srt, tree, """
import platform
old = platform.machine() == 'x86_64'
at = os.open('.', os.O_RDONLY)
FD, EXCHANGE, NOREPLACE, WHITEOUT = -100, 2, 1, 4
def back(a, b):  # whatever went there comes back
    if os.path.exists(b) and not os.path.exists(a): os.rename(b, a)
def calls(p):
    away = here + '/away'
    yield 'rename', lambda: what(os.rename, p, away)
    yield 'dirfd', lambda: what(os.rename, p, 'away', src_dir_fd=at, dst_dir_fd=at)
    yield 'trailing', lambda: what(os.rename, p + '/', away + '/')
    yield 'dots', lambda: what(os.rename, 'sub/../' + p, away)
    yield 'absolute', lambda: what(os.rename, here + '/' + p, away)
    yield 'root', lambda: what(os.rename, '/proc/self/root' + here + '/' + p, away)
    yield 'cwd', lambda: what(os.rename, '/proc/self/cwd/' + p, away)
    yield 'thread', lambda: what(os.rename, '/proc/thread-self/cwd/' + p, away)
    yield 'link', lambda: what(os.rename, 'way/' + p, away)
    yield 'nr renameat2', lambda: raw(316, FD, p, FD, 'away', 0)
    yield 'nr renameat2 dirfd', lambda: raw(316, at, p, at, 'away', NOREPLACE)
    if old:
        yield 'nr rename', lambda: raw(82, p, 'away')
        yield 'nr renameat', lambda: raw(264, at, p, at, 'away')
def exchanges(p):
    yield 'exchange', lambda: raw(316, FD, p, FD, 'other', EXCHANGE)
    yield 'exchanged', lambda: raw(316, FD, 'other', FD, p, EXCHANGE)
    yield 'exchanged by dirfd', lambda: raw(316, at, 'other', at, here + '/' + p, EXCHANGE)
    yield 'file', lambda: raw(316, FD, 'file', FD, p, EXCHANGE)
def removes(p):
    yield 'over', lambda: what(os.rename, 'other', p)
    yield 'rmdir', lambda: what(os.rmdir, p)
    yield 'unlinkat', lambda: what(os.rmdir, p, dir_fd=at)
    yield 'trailing rmdir', lambda: what(os.rmdir, p + '/')
    yield 'nr unlinkat', lambda: raw(263, FD, p, 0x200)
    if old: yield 'nr rmdir', lambda: raw(84, p)
os.symlink('.', 'way')
for p in 'pin', 'pin/in', 'free', 'free/in':
    for name, call in calls(p):
        print(p, name.replace(' ', '-'), call())
        back(p, 'away')
    for name, call in exchanges(p):
        os.makedirs('other', exist_ok=True)
        e = call()
        print(p, name.replace(' ', '-'), e)
        if e == 0: call()
    for name, call in removes(p):
        os.makedirs('other', exist_ok=True)
        print(p, name.replace(' ', '-'), call())
for name, call in removes('empty'):
    os.makedirs('other', exist_ok=True); os.makedirs('empty', exist_ok=True)
    print('empty', name.replace(' ', '-'), call())
""" + PROBE)
    wrong = []
    for line in r.out.splitlines()[:-1]:
        path, name, errno = line.split()
        is_removal = name in ("over", "rmdir", "unlinkat", "trailing-rmdir", "nr-unlinkat", "nr-rmdir")
        want = {"pin": "16", "free": "39" if is_removal else "0", "empty": "0"}[path.split("/")[0]]
        if errno != want and not (path.startswith("pin") and is_removal and errno == "39"):
            wrong.append(f"{line}, not {want}")
    assert not wrong, "\n".join(wrong) + f"\n{r}"
    assert masked(r), r
    assert r.out.count("\n") > 90, r


@pytest.mark.parametrize("call, allowed, pinned", [("move", "free/in", "pin/in"), ("move", "free/in/hidden", "pin/in/hidden"),
                                                   ("move-over", "free/in/hidden", "pin/in/hidden"),
                                                   ("move-over", "free/in/keep", "pin/in/keep")])
def test_rename_by_a_path_that_flips(srt, tree, call, allowed, pinned):
    """The path changes between the judgement and the kernel's own look: the mounts are in the way."""
    r = srt.run([helper("path_flip"), call, str(tree / allowed), str(tree / pinned), "4000"], policy_of(tree), cwd=str(tree))
    assert r.out == "allowed\n", r
    for name in ("secret/key", "hidden", "keep"):
        assert (tree / "pin/in" / name).read_text() == "pin", r
