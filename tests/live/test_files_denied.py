"""A2 15, 19 and 20 further: reveals within denials, allowWrite with `**`, denyWrite of what does
not exist and of symlinks.  Every refusal has its permitted twin in the same sandbox."""
import os
import subprocess

import pytest

from conftest import SRT

PRELUDE = """
import os, sys
def what(name, f, *a, **k):
    try: f(*a, **k); e = 0
    except OSError as x: e = x.errno
    print(name, e)
def create(p): os.close(os.open(p, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
def append(p): os.close(os.open(p, os.O_APPEND | os.O_WRONLY))
"""


def run(srt, project, policy, code):
    r = srt.run(["/usr/bin/python3", "-c", PRELUDE + code], {"filesystem": policy}, cwd=str(project))
    assert r.code == 0, r
    return r, {name: int(e) for name, e in (line.split() for line in r.out.splitlines())}


# 15
@pytest.mark.parametrize("order", [1, -1], ids=["outer first", "inner first"])
def test_denied_files_inside_revealed_inside_denied(srt, tmp_path, order):
    """Files, where the neighbouring test has directories: the most specific rule wins at each depth."""
    d = tmp_path / "a/b/c"
    d.mkdir(parents=True)
    for p in (tmp_path / "a", tmp_path / "a/b", d):
        for name in ("shut", "open", "plain"):
            (p / name).write_text(f"{p.name}-{name}\n")
    policy = {"filesystem": {"denyRead": [str(tmp_path / p) for p in ("a", "a/b/shut", "a/b/c", "a/b/c/shut")][::order],
                             "allowRead": [str(tmp_path / p) for p in ("a/b", "a/b/c/open", "a/open")][::order]}}
    r = srt.sh(f"cd {tmp_path}; for d in a a/b a/b/c; do for f in shut open plain; do cat $d/$f; done; done", policy)
    assert r.out.split() == ["a-open", "b-open", "b-plain", "c-open"], r
    assert r.err.count("Permission denied") == 5, r
    assert [os.path.relpath(v["target"], tmp_path) for v in r.violations] == \
        ["a/shut", "a/plain", "a/b/shut", "a/b/c/shut", "a/b/c/plain"], r
    assert [v["rule"] for v in r.violations if v["target"].endswith("/a/b/shut")] == \
        [f"/filesystem/denyRead/{1 if order == 1 else 2}"], r


# 19
def test_writable_directory_named_with_stars(srt, project):
    """`src/**` is the directory src and all in it."""
    (project / "src/deep").mkdir(parents=True)
    (project / "src/f").write_text("x")
    r = srt.sh("echo a > src/new && echo b > src/deep/new && echo c > src/f && mkdir src/more && mv src/more src/less; "
               "echo d > file; echo e > new; mv src src2; echo end", {"filesystem": {"allowWrite": ["src/**"]}}, cwd=str(project))
    assert r.out == "end\n" and (project / "src/deep/new").read_text() == "b\n" and (project / "src/f").read_text() == "c\n", r
    assert (project / "src/less").is_dir() and (project / "file").read_text() == "content\n" and not (project / "new").exists(), r
    assert [v["target"] for v in r.violations] == [str(project / "file"), str(project / "new"), str(project / "src")], r


def test_missing_writable_directory_named_with_stars_is_an_error(srt, project):
    r = srt.run(["echo", "ran"], {"filesystem": {"allowWrite": ["src/**"]}}, cwd=str(project))
    assert r.code == 125 and r.out == "" and "/filesystem/allowWrite/0" in r.err and "does not exist" in r.err, r


# 20
def test_deny_write_of_what_does_not_exist(srt, project):
    """It may not come into being, by any call; its neighbour may."""
    (project / "full").mkdir()
    (project / "full/x").write_text("x")
    r, e = run(srt, project, {"allowWrite": [str(project)], "denyWrite": [str(project / "sub/absent"), "gone/deep"]}, """
for p in 'sub/absent', 'sub/other':
    what(p + '-create', create, p)
    if os.path.exists(p): os.unlink(p)
    what(p + '-mkdir', os.mkdir, p)
    if os.path.exists(p): os.rmdir(p)
    what(p + '-symlink', os.symlink, 'x', p)
    if os.path.lexists(p): os.unlink(p)
    what(p + '-mkfifo', os.mkfifo, p)
    if os.path.lexists(p): os.unlink(p)
    what(p + '-link', os.link, 'file', p)
    if os.path.lexists(p): os.unlink(p)
    create('f')
    what(p + '-rename', os.rename, 'f', p)
    if os.path.lexists('f'): os.unlink('f')
    what(p + '-rename-dir', os.rename, 'full', p + '2'); os.rename(p + '2', 'full')
os.mkdir('gone')
what('gone-deep', os.mkdir, 'gone/deep')
what('gone-other', os.mkdir, 'gone/other')
""")
    for name, errno in e.items():
        denied = name.startswith("sub/absent-") and name != "sub/absent-rename-dir" or name == "gone-deep"
        assert errno == (30 if denied else 0), (name, r)
    assert not os.path.lexists(project / "sub/absent") and (project / "gone/other").is_dir(), r
    assert r.count(rule="/filesystem/denyWrite/0") == 6 and r.count(rule="/filesystem/denyWrite/1") == 1, r


def test_deny_write_of_what_does_not_exist_is_named(srt, project):
    """Only names are judged there: the run says so, and so does the check."""
    policy = {"filesystem": {"allowWrite": [str(project)], "denyWrite": [str(project / "sub/absent"), str(project / "file")]}}
    for entry, named in ((0, True), (1, False)):
        one = {"filesystem": {"allowWrite": [str(project)], "denyWrite": policy["filesystem"]["denyWrite"][entry:entry + 1]}}
        r = srt.sh("true", one, cwd=str(project))
        assert any(w.startswith("denyWrite:") for w in r.events[0]["weakenings"]) == named, r
    done = subprocess.run([SRT, "check", "--effective", srt.write_policy(policy)], capture_output=True, text=True, check=True)
    lines = {entry: [line for line in done.stderr.splitlines() if f"(/filesystem/denyWrite/{entry})" in line] for entry in (0, 1)}
    assert len(lines[0]) == 1 and str(project / "sub/absent") in lines[0][0] and "does not exist" in lines[0][0], done
    assert len(lines[1]) == 1 and str(project / "file") in lines[1][0] and "does not exist" not in lines[1][0], done


def test_directory_above_what_does_not_exist_stays(srt, project):
    """Moved away and back it could bring what may not be made."""
    (project / "sub/deep").mkdir()
    r, e = run(srt, project, {"allowWrite": [str(project)], "denyWrite": [str(project / "sub/deep/absent")]}, """
for p in 'sub', 'sub/deep':
    what(p, os.rename, p, 'away')
os.makedirs('free/deep')
what('free', os.rename, 'free', 'away')
create('away/deep/absent')
what('over', os.rename, 'away', 'sub')
what('inside', create, 'sub/deep/other')
""")
    assert e == {"sub": 16, "sub/deep": 16, "free": 0, "over": 39, "inside": 0}, r
    assert not (project / "sub/deep/absent").exists() and r.count(errno="EBUSY", rule="/filesystem/denyWrite/0") == 2, r


# 20
@pytest.mark.parametrize("where", ["inside", "outside"])
def test_deny_write_of_a_symlink(srt, tmp_path, project, where):
    """Neither the link is replaced, removed or renamed, nor is what it leads to written, under either name."""
    real = (project / "real") if where == "inside" else (tmp_path / "outside/real")
    for link, target in (("link", real), ("free", project / "other")):
        target.write_text("as it was\n")
        (project / link).symlink_to(target)
    r, e = run(srt, project, {"allowWrite": [str(project)], "denyWrite": [str(project / "link")]}, f"""
targets = {{'link': {str(real)!r}, 'free': {str(project / 'other')!r}}}
def make(p):
    if not os.path.islink(p): os.path.lexists(p) and os.unlink(p); os.symlink(targets[p], p)
for p in 'free', 'link':
    what(p + '-write', append, p)
    what(p + '-target', append, targets[p])
    what(p + '-truncate', os.truncate, p, 0)
    what(p + '-chmod', os.chmod, p, 0o600)
    what(p + '-unlink', os.unlink, p); make(p)
    what(p + '-rename', os.rename, p, p + '.away'); make(p)
    create('new')
    what(p + '-replace', os.rename, 'new', p); make(p)
    if os.path.lexists('new'): os.unlink('new')
    what(p + '-dir', os.rename, 'sub', p)
    what(p + '-symlink', os.symlink, 'x', p)
    if not os.path.lexists('new'): create('new')
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    n = libc.renameat2(-100, b'new', -100, p.encode(), 2); print(p + '-exchange', ctypes.get_errno() if n else 0); make(p)
    if os.path.lexists('new'): os.unlink('new')
    what(p + '-read', lambda: open(p).read())
""")
    assert (project / "link").is_symlink() and os.readlink(project / "link") == str(real), r
    assert real.read_text() == "as it was\n", r
    errnos = {name.partition("-")[2]: (e["free-" + name.partition("-")[2]], errno) for name, errno in e.items() if name.startswith("link-")}
    assert errnos.pop("read") == (0, 0) and errnos.pop("dir") == (20, 20) and errnos.pop("symlink") == (17, 17), r
    for name, (free, denied) in errnos.items():
        assert free == 0 and denied in (16, 30), (name, r)
    assert r.count() == len(errnos) and {v["rule"] for v in r.violations} <= {"/filesystem/denyWrite/0", "/filesystem/allowWrite"}, r
