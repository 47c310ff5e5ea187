"""A2: files.  Every refusal has its permitted twin in the same sandbox."""
import os
import shutil
import stat
import subprocess

import pytest

from conftest import SRT, helper, need, patched


def listing(root):
    """Everything below root: kind, mode, size, link target, content."""
    seen = {}
    for directory, dirs, files in os.walk(root):
        for name in dirs + files:
            path = os.path.join(directory, name)
            st = os.lstat(path)
            content = None
            if stat.S_ISREG(st.st_mode) and os.access(path, os.R_OK):
                with open(path, "rb") as f:
                    content = f.read()
            seen[path] = (st.st_mode, st.st_size, st.st_mtime_ns, content)
    return seen


# 15
def test_denied_file_and_directory(srt, tmp_path, project):
    policy = {"filesystem": {"denyRead": [str(tmp_path / "secret"), str(project / "file")]}}
    r = srt.sh(f"cat {tmp_path}/secret/key; cat {project}/file; cat {tmp_path}/outside/file",
               policy)
    assert r.out == "outside\n", r
    assert r.err.count("Permission denied") == 2, r
    assert [(v["rule"], v["target"]) for v in r.violations] == [
        ("/filesystem/denyRead/0", str(tmp_path / "secret/key")),
        ("/filesystem/denyRead/1", str(project / "file"))], r


# 15
def test_four_deep_both_orders(srt, tmp_path):
    d = tmp_path / "a" / "b" / "c" / "d"
    d.mkdir(parents=True)
    for p in (tmp_path / "a", tmp_path / "a/b", tmp_path / "a/b/c", d):
        (p / "f").write_text(f"{p.name}\n")
    for order in (1, -1):
        policy = {"filesystem": {
            "denyRead": [str(tmp_path / "a"), str(tmp_path / "a/b/c")][::order],
            "allowRead": [str(tmp_path / "a/b"), str(d)][::order]}}
        r = srt.sh(f"cd {tmp_path}; cat a/f; cat a/b/f; cat a/b/c/f; cat a/b/c/d/f", policy)
        assert r.out == "b\nd\n", r
        assert r.count(op="file-read") == 2, r


def test_reveal_of_a_file(srt, tmp_path):
    (tmp_path / "s").mkdir()
    for name in ("open", "shut"):
        (tmp_path / "s" / name).write_text(name)
    policy = {"filesystem": {"denyRead": [str(tmp_path / "s")], "allowRead": [str(tmp_path / "s/open")]}}
    r = srt.sh(f"cat {tmp_path}/s/open; cat {tmp_path}/s/shut; cat {tmp_path}/s/absent", policy)
    assert r.out == "open", r
    assert "shut: Permission denied" in r.err and "absent: No such file" in r.err, r
    r.only(target=str(tmp_path / "s/shut"), rule="/filesystem/denyRead/0")


# 17
def test_deny_through_a_symlink(srt, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real/f").write_text("x")
    (tmp_path / "link").symlink_to("real")
    policy = {"filesystem": {"denyRead": [str(tmp_path / "link")]}}
    r = srt.sh(f"cat {tmp_path}/link/f; cat {tmp_path}/real/f; cat /proc/self/root{tmp_path}/real/f; echo end", policy)
    assert r.out == "end\n", r
    assert r.count(rule="/filesystem/denyRead/0") == 3, r


def test_allow_through_a_symlink_gives_nothing_more(srt, tmp_path):
    (tmp_path / "deny").mkdir()
    (tmp_path / "deny/f").write_text("x")
    (tmp_path / "link").symlink_to("deny")
    policy = {"filesystem": {"denyRead": [str(tmp_path / "deny")], "allowWrite": [str(tmp_path)]}}
    assert srt.sh(f"cat {tmp_path}/link/f", policy).code != 0


# 19
def test_writable_file_and_directory(srt, tmp_path, project):
    policy = {"filesystem": {"allowWrite": [str(project / "sub"), str(tmp_path / "outside/file")]}}
    r = srt.sh(f"echo a > {project}/sub/new; echo b > {tmp_path}/outside/file; "
               f"echo c > {tmp_path}/outside/new; echo d > {project}/file", policy)
    assert (project / "sub/new").read_text() == "a\n"
    assert (tmp_path / "outside/file").read_text() == "b\n"
    assert (project / "file").read_text() == "content\n"
    assert not (tmp_path / "outside/new").exists()
    assert [v["target"] for v in r.violations] == [str(tmp_path / "outside/new"), str(project / "file")], r
    assert all(v["rule"] == "/filesystem/allowWrite" and v["errno"] == "EROFS" for v in r.violations), r


def test_missing_writable_directory_is_an_error(srt, tmp_path):
    r = srt.run(["echo", "ran"], {"filesystem": {"allowWrite": [str(tmp_path / "absent")]}})
    assert (r.code, r.out) == (125, ""), r
    assert "/filesystem/allowWrite/0" in r.err and "absent" in r.err, r


def test_writable_inside_denied(srt, tmp_path):
    (tmp_path / "d/w").mkdir(parents=True)
    (tmp_path / "d/f").write_text("x")
    policy = {"filesystem": {"denyRead": [str(tmp_path / "d")], "allowWrite": [str(tmp_path / "d/w")]}}
    r = srt.sh(f"echo a > {tmp_path}/d/w/f && cat {tmp_path}/d/w/f; cat {tmp_path}/d/f", policy)
    assert r.out == "a\n", r
    r.only(target=str(tmp_path / "d/f"), op="file-read")


# 20
def test_deny_write_inside(srt, project):
    policy = {"filesystem": {"allowWrite": [str(project)], "denyWrite": [str(project / "sub"), str(project / "file")]}}
    r = srt.sh("echo a > ok; echo b > sub/new; echo c > file; rm file; mv sub sub2; cat file", policy, cwd=str(project))
    assert r.out == "content\n" and (project / "ok").exists() and not (project / "sub/new").exists(), r
    assert {v["rule"] for v in r.violations} == {"/filesystem/denyWrite/0", "/filesystem/denyWrite/1"}, r
    assert len(r.violations) == 4, r


def test_deny_write_above(srt, project):
    policy = {"filesystem": {"allowWrite": [str(project / "sub")], "denyWrite": [str(project)]}}
    r = srt.sh("echo a > sub/new; echo b > file; cat file", policy, cwd=str(project))
    assert r.out == "content\n" and not (project / "sub/new").exists(), r
    assert r.count(rule="/filesystem/denyWrite/0") == 2, r


# 21
def test_through_symlinks(srt, tmp_path, project):
    (project / "out").symlink_to(tmp_path / "outside")
    (tmp_path / "into").symlink_to(project / "sub")
    policy = {"filesystem": {"allowWrite": [str(project)]}}
    r = srt.sh(f"echo a > out/new; echo b > {tmp_path}/into/new", policy, cwd=str(project))
    assert not (tmp_path / "outside/new").exists() and (project / "sub/new").read_text() == "b\n", r
    v = r.only(target=str(tmp_path / "outside/new"))
    assert v["requested"] == "out/new", v


def test_no_hard_link_out_of_a_denied_place(srt, tmp_path, project):
    policy = {"filesystem": {"allowWrite": [str(project)], "denyRead": [str(tmp_path / "secret")]}}
    r = srt.sh(f"ln {tmp_path}/secret/key stolen; ln file twin && cat twin", policy, cwd=str(project))
    assert r.out == "content\n" and not (project / "stolen").exists(), r


# 22
def test_ancestors_of_protected_paths_are_pinned(srt, project):
    (project / "a/b").mkdir(parents=True)
    (project / "a/b/keep").write_text("x")
    policy = {"filesystem": {"allowWrite": [str(project)], "denyWrite": [str(project / "a/b/keep")]}}
    r = srt.sh("mv a a2; mv a/b a/b2; rmdir a/b; touch a/x a/b/y && mv a/b/y a/z && ln a/z a/b/w && mkdir c && mv c a/c && echo ok",
               policy, cwd=str(project))
    assert r.out == "ok\n", r
    assert "busy" in r.err, r
    assert sorted(os.listdir(project / "a")) == ["b", "c", "x", "z"], r


# 24
def test_denied_directory_is_not_an_empty_one(srt, tmp_path):
    policy = {"filesystem": {"allowWrite": [str(tmp_path)], "denyRead": [str(tmp_path / "secret")]}}
    (tmp_path / "secret").mkdir()
    r = srt.sh("ls secret; echo x > secret/new; ls -d .", policy, cwd=str(tmp_path))
    assert r.out == ".\n" and "Permission denied" in r.err, r
    assert os.listdir(tmp_path / "secret") == []
    assert len(r.violations) == 2, r


# 23 (existing names directly in a writable root)
@pytest.mark.parametrize("name", [".bashrc", ".gitconfig", ".mcp.json", ".vscode/tasks.json", ".git/config", ".git/hooks/pre-commit"])
def test_protected_names(srt, project, name):
    path = project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("original")
    policy = {"filesystem": {"allowWrite": [str(project)]}}
    r = srt.sh(f"echo bad > {name}; rm -f {name}; mv {name} x; echo good > ordinary; cat {name}", policy, cwd=str(project))
    assert path.read_text() == "original" and (project / "ordinary").exists(), r
    assert r.out == "original", r
    assert len(r.violations) == 3 and all("protect" in v["rule"] for v in r.violations), r


def test_protect_none_lifts_it(srt, project):
    (project / ".bashrc").write_text("original")
    policy = {"filesystem": {"allowWrite": [str(project)], "protect": "none"}}
    r = srt.sh("echo mine > .bashrc", policy, cwd=str(project))
    assert r.code == 0 and (project / ".bashrc").read_text() == "mine\n", r


def test_git_works_in_a_writable_project(srt, project):
    env = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t", "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@t",
           "GIT_CONFIG_GLOBAL": "/dev/null"}
    policy = {"filesystem": {"allowWrite": [str(project)]}}
    r = srt.sh("git init -q repo && cd repo && echo a > f && git add f && git commit -qm one && echo b >> f && "
               "git stash -q && git stash pop -q && git commit -qam two && git log --oneline | wc -l", policy,
               env=env, cwd=str(project))
    assert (r.code, r.out.strip()) == (0, "2") and not r.violations, r


# 25
def test_nothing_is_left_on_the_host(srt, tmp_path, project):
    (project / ".git").mkdir()
    before = listing(tmp_path)
    home = set(os.listdir(os.environ["HOME"]))
    tmp = set(os.listdir("/tmp"))
    policy = {"filesystem": {"allowWrite": [str(project)], "denyRead": [str(tmp_path / "secret"), "~/.ssh"],
                             "denyWrite": [str(project / "absent"), str(project / "file")]},
              "network": {"allowedDomains": ["a.test"]}}
    r = srt.sh("cat ../secret/key; touch ../outside/x; echo a > made", policy, cwd=str(project))
    assert len(r.violations) == 2, r
    after = {p: v for p, v in listing(tmp_path).items() if not p.startswith(srt.dir)}
    before = {p: v for p, v in before.items() if not p.startswith(srt.dir)}
    made = str(project / "made")
    assert made in after
    del after[made]
    assert {p: v[:2] + v[3:] for p, v in after.items()} == {p: v[:2] + v[3:] for p, v in before.items()}
    assert set(os.listdir(os.environ["HOME"])) == home and set(os.listdir("/tmp")) == tmp


# 26
def test_tmpdir(srt):
    r = srt.sh('ls -A "$TMPDIR"; stat -c %a "$TMPDIR"; touch "$TMPDIR/x" && ls "$TMPDIR"; echo "$TMPDIR"')
    assert r.out.split()[:2] == ["700", "x"] and not r.violations, r
    assert not os.path.exists(r.out.split()[2] + "/x")


# 27
def test_devices(srt):
    need("python3")
    script = """
import multiprocessing, os, sys, tempfile
def f(q): q.put(os.getpid())
if __name__ == '__main__':
    for p, n in (('/dev/null', 0), ('/dev/zero', 4), ('/dev/urandom', 4), ('/dev/random', 4)):
        with open(p, 'rb') as d: assert len(d.read(4)) == n, p
    with open('/dev/null', 'wb') as d: d.write(b'x')
    try:
        with open('/dev/full', 'wb', 0) as d: d.write(b'x')
    except OSError as e: assert e.errno == 28
    open('/dev/shm/x', 'w').write('y')
    assert os.listdir('/dev/fd') and os.path.exists('/dev/stdin')
    q = multiprocessing.Queue(); p = multiprocessing.Process(target=f, args=(q,)); p.start(); q.get(); p.join()
    with multiprocessing.Pool(2) as pool: assert pool.map(abs, [-1, -2]) == [1, 2]
    import pty; pid, fd = pty.fork()
    if pid == 0: os._exit(0)
    os.waitpid(pid, 0)
    print('ok')
"""
    path = os.path.join(srt.dir, "devices.py")
    with open(path, "w") as f:
        f.write(script)
    shm = set(os.listdir("/dev/shm"))
    r = srt.run(["python3", path])
    assert (r.code, r.out) == (0, "ok\n") and not r.violations, r
    assert set(os.listdir("/dev/shm")) == shm


@pytest.mark.parametrize("program", ["sh", "python", "node", "static_c", "static_go"])
@pytest.mark.parametrize("environment", ["usual", "empty"])
def test_refusals_of_every_kind_of_program(srt, tmp_path, project, program, environment):
    """The main job: one event each, right rule, readable when the failed call returns, and its
    `change` makes the operation pass."""
    target, secret = str(tmp_path / "outside/new"), str(tmp_path / "secret/key")
    commands = {
        "sh": ["/bin/sh", "-c", f"echo x > {target}; cat < {secret}; echo x > {project}/ok"],
        "python": ["/usr/bin/python3", "-c", f"""
for path, mode in (({target!r}, 'w'), ({secret!r}, 'r'), ('{project}/ok', 'w')):
    try: open(path, mode)
    except OSError as e: print(e.strerror)"""],
        "node": [shutil.which("node") or "node", "-e", f"""
const fs = require('fs');
for (const [p, m] of [['{target}', 'w'], ['{secret}', 'r'], ['{project}/ok', 'w']])
  try {{ fs.openSync(p, m) }} catch (e) {{ console.log(e.code) }}"""],
    }
    if program == "node":
        need("node")
    argv = commands.get(program) or [helper("static_open" if program == "static_c" else "open_go"),
                                     "w", target, "r", secret, "w", f"{project}/ok"]
    if environment == "empty":
        argv = ["/usr/bin/env", "-i"] + argv
    policy = {"filesystem": {"allowWrite": [str(project)], "denyRead": [str(tmp_path / "secret")]}}
    r = srt.run(argv, policy)
    assert (project / "ok").exists(), r
    assert [(v["target"], v["rule"], v["op"], v["errno"]) for v in r.violations] == [
        (target, "/filesystem/allowWrite", "file-create", "EROFS"),
        (secret, "/filesystem/denyRead/0", "file-read", "EACCES")], r
    for v in r.violations:
        assert v["pid"] > 0 and v["exe"] and v["argv"] and v["hint"] and v["source"] in ("supervisor", "mask"), v
        policy = patched(policy, v["change"])
    r = srt.run(argv, policy)
    assert not r.violations and os.path.exists(target), r
