"""A1 13: policies: every kind of error, one line each, all at once; check and explain."""
import json
import os
import subprocess

import pytest

from conftest import SRT

BAD = [
    ('{"network": {"allowedDomain": []}}', "1:14", "allowedDomains"),
    ('{"filesystem": {"allowWrite": "x"}}', "1:31", "/filesystem/allowWrite"),
    ('{"a": 01}', "1:", ""),
    ('{"network": {}, "network": {}}', "1:", "duplicate"),
    ('{"network": {"allowedDomains": ["*.com"]}}', "1:33", "/network/allowedDomains/0"),
    ('{"network": {"allowedDomains": ["http://a.test"]}}', "1:33", "/network/allowedDomains/0"),
    ('{"network": {"allowedDomains": ["a.test:0"]}}', "1:33", "port"),
    ('{"network": {"tlsTerminate": {}}}', "1:", "tlsTerminate"),
    ('{"credentials": {"x": {}}}', "1:", "credentials"),
    ('{"network": {"allowLocalPorts": [80]}}', "1:", "not supported yet"),
    ('{"version": 2}', "1:", "version"),
    ('{"filesystem": {"tmp": "private"}}', "1:", "not supported yet"),
    ('[]', "1:1", "object"),
    ('', "", "empty"),
    ('{"a":"\\u0000"}', "1:", ""),
    ('// comment\n{}', "1:1", ""),
    ('{} x', "1:4", ""),
]


@pytest.mark.parametrize("text, position, word", BAD)
def test_bad_policy(srt, text, position, word):
    r = srt.run(["echo", "ran"], text)
    assert (r.code, r.out) == (125, ""), r
    assert position in r.err and word in r.err, r
    assert all(line.startswith("srt: ") or ":" in line for line in r.err.splitlines()), r


def test_all_problems_at_once(srt):
    text = '{\n "network": {"allowedDomain": [],\n  "deniedDomains": ["a b"]},\n "filesystem": {"denyRead": [1]}\n}\n'
    r = srt.run(["echo", "ran"], text)
    lines = [line for line in r.err.splitlines() if "policy.json" in line]
    assert r.code == 125 and len(lines) == 3, r
    assert ":2:" in lines[0] and ":3:" in lines[1] and ":4:" in lines[2], r


@pytest.mark.parametrize("make", ["missing", "directory", "fifo", "empty", "unreadable", "large"])
def test_bad_file(srt, tmp_path, make):
    path = tmp_path / "p"
    if make == "directory":
        path.mkdir()
    elif make == "fifo":
        os.mkfifo(path)
    elif make == "empty":
        path.touch()
    elif make == "large":
        path.write_text("{}" + " " * (1 << 20))
    elif make == "unreadable":
        if os.geteuid() == 0:
            path.mkdir()  # root reads everything: the directory again
        else:
            path.write_text("{}")
            path.chmod(0)
    done = subprocess.run([SRT, "exec", "--policy", str(path), "echo", "ran"], capture_output=True,
                          check=False, timeout=10, text=True, env=srt.environment(None))
    assert done.returncode == 125 and done.stdout == "" and str(path) in done.stderr, done
    assert done.stderr.count("\n") == 1, done


def test_empty_variable_is_an_error(srt):
    done = subprocess.run([SRT, "exec", "echo", "ran"], capture_output=True, check=False, text=True,
                          env={**srt.environment(None), "SRT_POLICY": ""})
    assert done.returncode == 125 and done.stdout == "" and "SRT_POLICY" in done.stderr, done


def test_the_variable_names_a_policy(srt, project):
    path = srt.write_policy({"filesystem": {"allowWrite": [str(project)]}})
    done = subprocess.run([SRT, "exec", "touch", str(project / "new")], check=False,
                          env={**srt.environment(None), "SRT_POLICY": path})
    assert done.returncode == 0 and (project / "new").exists()


def test_nothing_is_looked_for_in_the_working_directory(srt, project):
    for name in (".srt-settings.json", "srt.json", ".srt.json"):
        (project / name).write_text(json.dumps({"filesystem": {"allowWrite": ["/"]}}))
    r = srt.run(["touch", str(project / "new")], cwd=str(project), env={"HOME": srt.dir})
    assert not (project / "new").exists(), r


def test_settings_of_the_typescript_tool(srt, tmp_path):
    home = tmp_path / "home"
    (home / "proj").mkdir(parents=True)
    (home / ".ssh").mkdir()
    (home / ".ssh/id").write_text("x")
    (home / ".srt-settings.json").write_text(json.dumps({
        "network": {"allowedDomains": ["github.com", "*.github.com"], "deniedDomains": ["gist.github.com"]},
        "filesystem": {"denyRead": ["~/.ssh"], "allowRead": [], "allowWrite": [".", "/tmp"], "denyWrite": [".env"]},
        "ignoreViolations": {"*": ["/usr/bin", "/System"], "git push": ["/usr/bin/nc"]}}))
    done = subprocess.run([SRT, "sh", "-c", "echo a > new; cat ~/.ssh/id; echo b > .env; ls"], capture_output=True,
                          check=False, text=True, cwd=home / "proj", env={**srt.environment(None), "HOME": str(home)})
    assert (home / "proj/new").exists() and not (home / "proj/.env").exists(), done
    assert done.stdout == "new\n", done


def test_options_add_to_the_policy(srt, project, tmp_path):
    r = srt.sh("echo a > file; cat ../secret/key; cat ../outside/file", {},
               options=["--allow-write", project, "--deny-read", tmp_path / "secret"], cwd=str(project))
    assert (project / "file").read_text() == "a\n" and r.out == "outside\n", r
    r.only(rule="option:--deny-read/0")


@pytest.mark.parametrize("options", [["--alow-write", "x"], ["--allow-write"], ["--level", "none"],
                                     ["--allow-domain", "a b"], ["--pass-fd", "x"], ["--control-fd", "2"]])
def test_bad_options(srt, options):
    done = subprocess.run([SRT, "exec", *options], capture_output=True, check=False, text=True,
                          env=srt.environment(None))
    assert done.returncode == 125 and done.stderr.startswith("srt: ") and done.stderr.count("\n") == 1, done


def test_check(srt):
    good = srt.write_policy({"network": {"allowedDomains": ["a.test"]}})
    bad = srt.write_policy({"network": {"allowedDomains": ["a..test"]}})
    assert subprocess.run([SRT, "check", good], check=False).returncode == 0
    done = subprocess.run([SRT, "check", bad], check=False, capture_output=True, text=True)
    assert done.returncode == 1 and "/network/allowedDomains/0" in done.stderr, done
    done = subprocess.run([SRT, "check", "--effective", good], check=False, capture_output=True, text=True)
    assert json.loads(done.stdout)["network"]["allowedDomains"] == ["a.test"], done


@pytest.mark.parametrize("question, allowed, rule", [
    (["read", "{secret}/key"], False, "/filesystem/denyRead/0"), (["read", "/etc/passwd"], True, ""),
    (["write", "{project}/x"], True, "/filesystem/allowWrite/0"), (["write", "/etc/passwd"], False, "/filesystem/allowWrite"),
    (["connect", "a.test:443"], True, "/network/allowedDomains/0"), (["connect", "b.test:443"], False, "/network/allowedDomains"),
    (["resolve", "a.test"], True, "/network/allowedDomains/0"), (["connect", "[::1]:80"], False, ""),
    (["unix", "/run/docker.sock"], False, "/network/allowUnixSockets")])
def test_explain(srt, tmp_path, project, question, allowed, rule):
    policy = srt.write_policy({"network": {"allowedDomains": ["a.test"]}, "filesystem": {
        "denyRead": [str(tmp_path / "secret")], "allowWrite": [str(project)]}})
    words = [w.format(secret=tmp_path / "secret", project=project) for w in question]
    done = subprocess.run([SRT, "explain", *words], check=False, capture_output=True, text=True,
                          env={**srt.environment(None), "SRT_POLICY": policy})
    assert done.returncode == (0 if allowed else 1) and rule in done.stdout, done
    assert ("allowed" if allowed else "denied") in done.stdout, done


@pytest.mark.parametrize("question, word", [("read", "it does not exist"), ("write", "its directory does not exist")])
def test_explain_suggests_no_change_that_cannot_be(tmp_path, question, word):
    """Of what is not there a change would be refused (allowWrite) or reveal nothing (allowRead)."""
    (tmp_path / "p.json").write_text(json.dumps({"filesystem": {"denyRead": [str(tmp_path / "secret")]}}))
    (tmp_path / "secret").mkdir()
    for path, absent in ((tmp_path / "secret/none/x", True), (tmp_path / "secret", False)):
        done = subprocess.run([SRT, "explain", "-p", str(tmp_path / "p.json"), question, str(path)], capture_output=True,
                              text=True, check=False, env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]})
        assert done.returncode == 1 and (word in done.stdout) == absent, done
        assert ("change:" in done.stdout) != absent, done
