"""What the readings found about the policy: what one run may do to the next one's sandbox,
and rules that were not what they said.  Each with its permitted twin."""
import json
import os
import shutil
import subprocess

import pytest

from conftest import SRT, wait_until  # noqa: F401


def write(root, *more):
    """Allows writing below root."""
    return {"filesystem": {"allowWrite": [str(root), *map(str, more)]}}


@pytest.fixture
def tool(tmp_path):
    """A whole srt in a directory of the user's."""
    top = tmp_path / "tool"
    for part in ("bin", "lib"):
        shutil.copytree(os.path.join(os.path.dirname(os.path.dirname(SRT)), part), top / part)
    return top


def start(argv, home, cwd=None, **env):
    """Any command line, with a home directory of the test's; text of both streams."""
    whole = {k: v for k, v in os.environ.items() if not k.startswith("SRT_")}
    return subprocess.run([str(a) for a in argv], env={**whole, "HOME": str(home), **env}, cwd=cwd, check=False,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)


REPLACE = "echo x > '{0}'; rm -f '{0}'; mv '{0}' '{0}.old'; ln -sf /etc/passwd '{0}'; echo done > '{1}'"


def replace(path, done):
    """A shell line that tries to change the file, and then writes the twin."""
    return ["sh", "-c", REPLACE.format(path, done)]


# ---- what chooses the next run's sandbox ----

@pytest.mark.parametrize("linked", [False, True])
def test_bwrap_in_a_writable_root(srt, project, linked):
    """A5: the next run would execute it outside."""
    shutil.copy("/usr/bin/bwrap", project / "bwrap")
    named = project / "bwrap"
    if linked:
        named = project / "link"
        named.symlink_to("bwrap")
    before = (project / "bwrap").read_bytes()
    r = srt.run(replace(named, project / "new"), {**write(project), "bwrapPath": str(named)})
    assert (project / "bwrap").read_bytes() == before and (project / "new").exists(), r
    assert (os.readlink(named) if linked else "bwrap") == "bwrap" and not os.path.lexists(f"{named}.old"), r


@pytest.mark.parametrize("how", ["option", "environment"])
def test_relative_policy_with_another_working_directory(srt, project, tmp_path, how):
    """A6: it is relative to where srt was started."""
    policy = {"filesystem": {"allowWrite": [str(project), str(tmp_path / "outside")]}}
    (project / "p.json").write_text(json.dumps(policy))
    named = ["--policy", "p.json"] if how == "option" else []
    r = start([SRT, "exec", *named, "--cwd", tmp_path / "outside", "--", *replace(project / "p.json", project / "new")],
              tmp_path, cwd=project, **({} if named else {"SRT_POLICY": "p.json"}))
    assert json.loads((project / "p.json").read_text()) == policy and (project / "new").exists(), r


def test_policy_by_a_link(srt, project, tmp_path):
    """A6: the link chooses the policy as well."""
    policy = tmp_path / "outside/p.json"
    policy.write_text(json.dumps(write(project)))
    (project / "p.json").symlink_to(policy)
    r = start([SRT, "exec", "--policy", project / "p.json", "--", *replace(project / "p.json", project / "new")], tmp_path)
    assert os.readlink(project / "p.json") == str(policy) and (project / "new").exists(), r


@pytest.mark.parametrize("linked", [False, True])
def test_settings_of_the_home_directory(srt, project, linked):
    """A7: they choose the next run's sandbox, whatever policy this one has."""
    settings = project / ".srt-settings.json"
    real = project / "elsewhere.json" if linked else settings
    real.write_text("{}")
    if linked:
        settings.symlink_to(real)
    r = srt.run(replace(settings, project / "new"), write(project), env={"HOME": str(project)})
    assert settings.read_text() == "{}" and settings.is_symlink() == linked and (project / "new").exists(), r
    assert not any("srt-settings" in w for w in r.events[0]["weakenings"]), r


def test_absent_settings_of_the_home_directory(srt, project):
    """A7: not guarded yet, and said; where the command cannot make them, not."""
    r = srt.run(["true"], write(project), env={"HOME": str(project)})
    assert any("srt-settings" in w for w in r.events[0]["weakenings"]), r
    r = srt.run(["true"], write(project), env={"HOME": str(project.parent)})
    assert not any("srt-settings" in w for w in r.events[0]["weakenings"]), r


@pytest.mark.parametrize("how", ["slash", "path"])
def test_link_by_which_srt_was_started(srt, tool, project, tmp_path, how):
    """A22: bin/srt -> .../srt in a writable root."""
    (project / "bin").mkdir()
    (project / "bin/srt").symlink_to(tool / "bin/srt")
    words = [project / "bin/srt"] if how == "slash" else ["env", "srt"]
    r = start([*words, "exec", "--allow-write", project, "--", *replace(project / "bin/srt", project / "new")], tmp_path,
              PATH=f"{project}/bin:{os.environ['PATH']}")
    assert os.readlink(project / "bin/srt") == str(tool / "bin/srt") and (project / "new").exists(), r


# ---- rules that cannot be enforced ----

@pytest.fixture
def hidden(project):
    """A directory that may be entered but not listed, with a secret in it; root can list it."""
    directory = project / "hidden"
    directory.mkdir()
    (directory / ".env").write_text("secret\n")
    directory.chmod(0o311)
    yield directory
    directory.chmod(0o755)


GLOBS = {"denyRead": "**/.env", "denyWrite": "**/.env"}


@pytest.mark.parametrize("key", GLOBS)
def test_glob_over_what_cannot_be_listed(srt, project, hidden, key):
    """A9: an ordinary user's run stops, and says where and how to mend it; root's finds the file."""
    policy = {"filesystem": {"allowWrite": [str(project)], key: [f"{project}/{GLOBS[key]}"]}}
    r = srt.sh(f"cat {hidden}/.env; echo x >> {hidden}/.env; echo ran", policy)
    if os.geteuid() == 0:
        assert "ran" in r.out and (hidden / ".env").read_text() == "secret\n", r
        assert ("secret" in r.out) == (key == "denyWrite"), r
        return
    assert r.code == 125 and "ran" not in r.out, r
    assert "policy.json:1:" in r.err and f"/filesystem/{key}/0: " in r.err and str(hidden) in r.err, r
    assert "expected it to be readable" in r.err, r
    hidden.chmod(0o755)
    r = srt.sh(f"cat {hidden}/.env; echo ran", policy)
    assert r.out == ("ran\n" if key == "denyRead" else "secret\nran\n"), r


def test_glob_over_what_is_denied_itself(srt, project, hidden):
    """A9: mended the other way, and an allow entry inside undoes it."""
    policy = {"filesystem": {"allowWrite": [str(project)], "denyRead": [f"{project}/**/.env", str(hidden)]}}
    r = srt.sh(f"cat {hidden}/.env; cat {project}/file", policy)
    assert r.out == "content\n", r
    policy["filesystem"]["allowRead"] = [f"{hidden}/.env"]
    r = srt.sh("echo ran", policy)
    assert (r.code, r.out) == ((0, "ran\n") if os.geteuid() == 0 else (125, "")), r


def test_glob_over_what_is_shut(srt, project, tmp_path):
    """A9: it holds nothing for this user, unless he could open it from inside."""
    (project / ".env").write_text("secret\n")
    shut = tmp_path / "outside/shut"
    shut.mkdir(0)
    r = srt.sh(f"cat {project}/.env; cat {project}/file", {"filesystem": {"denyRead": [f"{tmp_path}/**/.env"]}})
    assert r.out == "content\n" and r.code == 0, r
    if os.geteuid() != 0:
        r = srt.sh("echo ran", {"filesystem": {"denyRead": [f"{tmp_path}/**/.env"], "allowWrite": [str(tmp_path / "outside")]}})
        assert r.code == 125 and "could change its mode" in r.err, r
    shut.chmod(0o755)


def test_glob_over_what_no_path_reaches(srt, project):
    """A9: a tree deeper than PATH_MAX, made by an earlier run."""
    policy = {"filesystem": {"allowWrite": [str(project)], "denyRead": [f"{project}/deep/**/.env"]}}
    (project / "deep").mkdir()
    assert srt.sh("echo ran", policy).out == "ran\n"
    code = """
import os
for i in range(30):
    os.mkdir('n' * 200); os.chdir('n' * 200)
open('.env', 'w').write('secret')
"""
    # A run cannot make it: what cannot be judged is not done.
    r = srt.run(["/usr/bin/python3", "-c", code], write(project), cwd=str(project / "deep"))
    assert r.code == 1 and "[Errno 36]" in r.err and not r.violations, r
    subprocess.run(["rm", "-rf", project / "deep"], check=True)
    (project / "deep").mkdir()
    subprocess.run(["/usr/bin/python3", "-c", code], check=True, cwd=project / "deep")
    r = srt.sh("echo ran", policy)
    assert r.code == 125 and "/filesystem/denyRead/0: " in r.err and "too long" in r.err and "/deep/nnn" in r.err, r
    subprocess.run(["rm", "-rf", project / "deep"], check=True)


# ---- what one run prepares for the next ----

@pytest.mark.parametrize("key", ["allowWrite", "allowRead", "allowUnixSockets"])
def test_link_planted_by_an_earlier_run(srt, project, tmp_path, key):
    """A11: told by a warning, a line and a sentence; check says it, too.  Not refused."""
    target = tmp_path / "outside"
    assert srt.sh(f"ln -s {target} {project}/build", write(project)).code == 0
    entry = f"{project}/build"
    policy = {"filesystem": {"allowWrite": [str(project)], "denyRead": [str(target)]}}
    pointer = {"allowWrite": "/filesystem/allowWrite/1", "allowRead": "/filesystem/allowRead/0",
               "allowUnixSockets": "/network/allowUnixSockets/0"}[key]
    policy.setdefault(pointer.split("/")[1], {}).setdefault(key, []).append(entry)
    r = srt.run(["true"], policy, options=["--verbose"])

    def names(text):
        return pointer in text and entry in text and str(target) in text
    assert r.code == 0 and [e for e in r.events if e["type"] == "warning" and names(e["message"])], r
    assert [w for w in r.events[0]["weakenings"] if names(w)] and names(r.err), r
    done = start([SRT, "check", srt.write_policy(policy)], tmp_path)
    assert done.returncode == 0 and done.stderr.count("note: ") == 1 and names(done.stderr), done


def test_link_that_no_run_could_plant(srt, project, tmp_path):
    (tmp_path / "link").symlink_to(project)
    r = srt.sh(f"echo a > {project}/new", write(tmp_path / "link"))
    assert (project / "new").exists() and not [e for e in r.events if e["type"] == "warning"], r
    assert not [w for w in r.events[0]["weakenings"] if "symlink" in w], r


@pytest.mark.parametrize("script, ignored", [("mv node_modules/a ../outside/evil", False), ("ln node_modules/a ../outside/evil", False),
                                             ("echo x > ../outside/node_modules", True)])
def test_ignored_only_if_every_name_is(srt, project, tmp_path, script, ignored):
    """A18: a refused target does not hide behind its source."""
    (project / "node_modules").mkdir()
    (project / "node_modules/a").write_text("x")
    r = srt.sh(f"cd {project}; {script}", {**write(project), "ignoreViolations": {"*": ["node_modules"]}})
    assert (len(r.violations) == 0) == ignored and os.listdir(tmp_path / "outside") == ["file"], r


@pytest.mark.parametrize("key", ["denyRead", "denyWrite", "protect"])
def test_hard_links_of_a_denied_file(srt, project, key):
    """A23: another name of it is another way in."""
    file = project / (".bashrc" if key == "protect" else "secret")
    file.write_text("x\n")
    policy = write(project)
    if key != "protect":
        policy["filesystem"][key] = [str(file)]
    r = srt.run(["true"], policy)
    assert not [e for e in r.events if e["type"] == "warning"], r
    os.link(file, project / "other")
    r = srt.run(["true"], policy)
    told = [e["message"] for e in r.events if e["type"] == "warning"]
    assert len(told) == 1 and str(file) in told[0] and "2 hard links" in told[0], r
    done = start([SRT, "check", srt.write_policy(policy)], project)
    assert done.returncode == 0 and "2 hard links" in done.stderr, done


# ---- explain is what a run does ----

def test_explain_knows_own_files(srt, project):
    """R4"""
    policy = project / "p.json"
    policy.write_text(json.dumps(write(project)))
    done = start([SRT, "explain", "--policy", "p.json", "--cwd", "/", "write", policy], project, cwd=project)
    assert done.returncode == 1 and "builtin:protect/policy" in done.stdout, done
    events = project / "events"
    events.write_text("")
    done = start([SRT, "explain", "--policy", policy, "--events", events, "write", events], project)
    assert done.returncode == 1 and "builtin:protect/own" in done.stdout, done
    done = start([SRT, "explain", "--policy", policy, "write", events], project)
    assert done.returncode == 0, done


@pytest.mark.parametrize("subject, allowed", [("localhost:80", False), ("x.localhost:80", False), ("203.0.113.1:80", False),
                                              ("8.8.8.8:80", True), ("a.test:80", True)])
def test_explain_admits_as_a_run_does(srt, net, subject, allowed):
    """R4: "*" is nobody's leave to reach this host itself."""
    policy = {"network": {"allowedDomains": ["*"], "proxyEnv": "always"}}
    done = start([SRT, "explain", "--policy", srt.write_policy(policy), "connect", subject], srt.dir)
    assert done.returncode == (0 if allowed else 1), done
    if allowed:
        return
    r = srt.run(["curl", "-sS", "-m", "5", "--noproxy", "", f"http://{subject}/"], policy)
    assert r.count(target=subject) == 1 and r.violations[0]["rule"] in done.stdout, r


# ---- keys without a meaning here ----

@pytest.mark.parametrize("where, key, neutral, asking", [
    ("", "git", {}, {"safeDirectories": ["/x"]}), ("", "credentials", {}, {"files": []}), ("", "devices", [], ["gpu"]),
    ("", "allowNestedUserNamespaces", False, True), ("", "enableWeakerNestedSandbox", False, True),
    ("network", "allowLocalPorts", [], [80]), ("network", "allowLocalBinding", False, True), ("network", "parentProxy", {}, {"http": "x"}),
    ("network", "mitmProxy", {}, {"socketPath": "/x", "domains": ["a.test"]}), ("network", "stripResponseHeaders", [], ["x"]),
    ("network", "refuseOpaqueTunnels", False, True), ("network", "requireHostMatch", False, True),
    ("network", "ambiguousRequestTarget", "asSpelled", "refuse"), ("network", "tlsTerminate", None, {}), ("network", "filterRequest", None, "f"),
    ("network", "httpProxyPort", None, 8080), ("network", "socksProxyPort", None, 1080)])
def test_keys_that_ask_for_what_srt_does_not_have(srt, where, key, neutral, asking):
    """N14: an error with its name; the value that asks for nothing is accepted and told under --debug, once."""
    pointer = f"/{where}/{key}" if where else f"/{key}"
    r = srt.run(["true"], {where: {key: asking}} if where else {key: asking})
    assert r.code == 125 and f"{pointer}: " in r.err and "expected no such key" in r.err, r
    r = srt.run(["true"], {where: {key: neutral}} if where else {key: neutral}, options=["--debug"])
    if neutral is None:
        assert r.code == 125 and f"{pointer}: " in r.err, r
    else:
        assert r.code == 0 and r.err.count(f"{pointer} is accepted") == 1, r


def test_keys_that_take_nothing_from_anybody(srt):
    """N14: named once under --debug, silent without."""
    policy = {"windows": {"backend": "mxc"}, "ripgrep": {"command": "rg"}, "seccomp": {}, "allowPty": True,
              "javaAgentJarPath": "/x.jar", "socatPath": "/usr/bin/socat", "allowAppleEvents": True,
              "enableWeakerNetworkIsolation": True,
              "network": {"strictAllowlist": True, "allowPlaintextHeaderSet": True, "allowMachLookup": ["x"]}}
    r = srt.run(["true"], policy, options=["--debug"])
    assert r.code == 0, r
    for pointer in [f"/{k}" for k in policy if k != "network"] + [f"/network/{k}" for k in policy["network"]]:
        assert r.err.count(f"{pointer} is accepted") == 1, r
    r = srt.run(["true"], policy)
    assert (r.code, r.err) == (0, ""), r


# ---- protected names below a root ----

@pytest.mark.parametrize("place, depth, kept", [
    (".envrc", None, True), ("a/.envrc", None, True), ("a/b/.envrc", None, True), ("a/b/c/.envrc", None, False),
    ("a/.envrc", 1, False), ("a/b/.envrc", 2, False), ("a/b/c/.envrc", 4, True),
    ("node_modules/p/.envrc", None, False), ("a/b/.git/hooks/pre-commit", None, True), ("a/b/.git/config", None, True), ("a/b/.claude/settings.json", None, True),
    ("a/.git/commondir", None, True), ("a/b/.git/index", None, False), (".git/commondir", 1, True), (".git/gitdir", 1, True)])
def test_protected_names_below_a_root(srt, project, place, depth, kept):
    """N2 and A8a: existing names, as deep as mandatoryDenySearchDepth."""
    path = project / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x\n")
    policy = write(project)
    if depth:
        policy["filesystem"]["mandatoryDenySearchDepth"] = depth
    top = place.split("/")[0]
    r = srt.sh(f"echo y > {place}; mv {top} moved; echo z > {path.parent}/new; echo done > done", policy, cwd=str(project))
    assert (project / "done").exists(), r
    if kept:
        assert path.read_text() == "x\n", r
        assert {v["rule"].split("/")[0] for v in r.violations} == {"builtin:protect"}, r
    else:
        assert (project / "moved" / place.partition("/")[2]).read_text() == "y\n" and not r.violations, r


def test_search_below_what_cannot_be_listed(srt, project):
    """N2: an earlier run hides a repository from the search."""
    (project / "a/.git/hooks").mkdir(parents=True)
    try:
        for mode in (0o311, 0):
            (project / "a").chmod(mode)
            r = srt.sh("chmod 755 a; echo x > a/.git/hooks/post-checkout; echo ran", write(project), cwd=str(project))
            (project / "a").chmod(0o755)
            assert os.listdir(project / "a/.git/hooks") == [], r
            (project / "a").chmod(mode)
            if os.geteuid() == 0:
                assert "ran" in r.out, r
            else:
                assert r.code == 125 and "/filesystem/allowWrite/0: " in r.err and f"{project}/a" in r.err, r
                assert srt.sh("echo ran", {"filesystem": {**write(project)["filesystem"], "mandatoryDenySearchDepth": 1}}).out == "ran\n"
    finally:
        (project / "a").chmod(0o755)


@pytest.mark.parametrize("policy", [{"mandatoryDenySearchDepth": 0}, {"mandatoryDenySearchDepth": 11}, {"mandatoryDenySearchDepth": 2.5},
                                    {"mandatoryDenySearchDepth": "3"}, {"mandatoryDenySearchDepth": 3, "filesystem": {"mandatoryDenySearchDepth": 4}}])
def test_search_depths_that_are_none(srt, policy):
    r = srt.run(["true"], policy)
    assert r.code == 125 and "/mandatoryDenySearchDepth: " in r.err, r
