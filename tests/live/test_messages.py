"""What srt says: lines, hints, changes; each says where, what, and how to mend it."""
import os
import pty
import re
import subprocess

import pytest

from conftest import SRT, need, patched


def run_quietly(argv, env=None, cwd=None):
    done = subprocess.run([SRT, *map(str, argv)], capture_output=True, check=False, text=True, cwd=cwd, timeout=60,
                          stdin=subprocess.DEVNULL, env={**{k: v for k, v in os.environ.items() if not k.startswith("SRT_")}, **(env or {})})
    return done.returncode, done.stdout, done.stderr


def srt_lines(text):
    return [line for line in text.splitlines() if line.startswith("srt: ")]


# ---- N3: the changes of one run are applied together ----

RUNS = [{}, {"network": {}}, {"filesystem": {"protect": "existing"}},
        {"filesystem": {"allowWrite": ["D/w"], "denyWrite": ["D/w/a", "D/kept", "D/w/b", "D/w"], "denyRead": ["D/s", "D/s/k"]},
         "network": {"deniedDomains": ["a.test", "z.test"], "deniedDomainReasons": {"a.test": "no", "z.test": "kept"}}}]


@pytest.mark.parametrize("number", range(len(RUNS)))
def test_all_changes_of_a_run_in_order(srt, tmp_path, number):
    for name in ("w", "s", "o", "kept"):
        (tmp_path / name).mkdir()
    for name in ("w/a", "w/b", "s/k"):
        (tmp_path / name).write_text("x")

    def fill(value):
        if isinstance(value, str):
            return value.replace("D/", f"{tmp_path}/")
        return [fill(v) for v in value] if isinstance(value, list) else {k: fill(v) for k, v in value.items()} \
            if isinstance(value, dict) else value

    policy = fill(RUNS[number])
    script = (f"cd {tmp_path}; for i in 1 2; do echo > w/a; echo > w/b; echo > o/new$i; mkdir o/dir$i; cat s/k; mv w/a w/c; mv w/c w/a; done; "
              "getent hosts a.test; getent hosts b.test; true")
    r = srt.sh(script, policy)
    assert r.violations, r
    after = policy
    for v in r.violations:
        after = patched(after, v.get("change", []))
    if "protect" in policy.get("filesystem", {}):
        assert after["filesystem"]["protect"] == "existing"
    if number == 3:
        assert after["filesystem"]["denyWrite"] == [f"{tmp_path}/kept"], after
        assert after["network"]["deniedDomainReasons"] == {"z.test": "kept"}, after
    again = srt.sh(script, after)
    assert not again.violations, f"{after}\n{again}"


# ---- N5: hints that work ----

def test_a_name_in_the_home_directory(srt, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "old").write_text("")
    r = srt.sh("mkdir ~/.npm; touch ~/notes; rm ~/old; ln -s x ~/link; mkdir /foo-srt-test", {}, env={"HOME": str(home)})
    hints = [v.get("hint", "") for v in r.violations]
    assert "outside the sandbox" in hints.pop(2) and "outside the sandbox" in hints.pop(2), r
    assert not any("change" in v for v in r.violations), r
    assert hints[0].startswith("make it first (mkdir ~/.npm), then allow it: --allow-write ~/.npm for this run"), hints
    assert "~/notes" in hints[1], hints
    if os.geteuid() == 0:
        assert hints[2].startswith("make it first (mkdir /foo-srt-test)"), hints
    (home / ".npm").mkdir()
    (home / "notes").write_text("")
    r = srt.sh("mkdir ~/.npm/x && touch ~/notes", {}, env={"HOME": str(home)},
               options=["--allow-write", "~/.npm", "--allow-write", "~/notes"])
    assert r.code == 0 and not r.violations, r


@pytest.mark.parametrize("link", [True, False])
def test_two_writable_roots(srt, tmp_path, link):
    """Between two of them neither link nor rename can work (EXDEV, no event); within one they do."""
    for name in ("a", "b", "ro"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").write_text("x")
    call = "link" if link else "rename"
    code = (f"import os\nos.chdir({str(tmp_path)!r})\nfor f, t in (('a/f', 'b/l'), ('ro/f', 'b/m'), ('a/f', 'a/n')):\n"
            f" try: os.{call}(f, t); print(0)\n except OSError as e: print(e.errno)\n")
    r = srt.run(["/usr/bin/python3", "-c", code], {"filesystem": {"allowWrite": [str(tmp_path / "a"), str(tmp_path / "b")]}})
    assert r.out == "18\n30\n0\n", r
    v = r.only(target=str(tmp_path / "ro/f"), target2=str(tmp_path / "b/m"))
    assert "change" not in v and "EXDEV" in v["hint"] and ("--no-hardlinks" in v["hint"]) == link, v
    r = srt.run(["/usr/bin/python3", "-c", code.replace("(('a/f', 'b/l'), ('ro/f', 'b/m'), ('a/f', 'a/n'))", "(('ro/f', 'ro/m'),)")], {})
    after = patched({}, r.only()["change"])
    r = srt.run(["/usr/bin/python3", "-c", code.replace("(('a/f', 'b/l'), ('ro/f', 'b/m'), ('a/f', 'a/n'))", "(('ro/f', 'ro/m'),)")], after)
    assert r.out == "0\n" and not r.violations, r


# ---- N6, N10, N11: lines ----

def on_a_terminal(argv, env):
    """What a run shows on a terminal of its own."""
    pid, master = pty.fork()
    if pid == 0:
        os.execve(argv[0], argv, env)
    shown = b""
    try:
        while True:
            more = os.read(master, 4096)
            if not more:
                break
            shown += more
    except OSError:
        pass
    os.close(master)
    os.waitpid(pid, 0)
    return re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()).replace("\r", "")


def test_one_form_with_a_hint(srt, tmp_path):
    policy = srt.write_policy({"filesystem": {"denyRead": [str(tmp_path / "s")]}})
    (tmp_path / "s").write_text("x")
    argv = [SRT, "exec", "-p", policy, "cat", str(tmp_path / "s")]
    env = srt.environment(None)
    line, = srt_lines(on_a_terminal(argv, env))
    code, _, err = run_quietly(argv[1:])
    assert srt_lines(err) == [re.sub(r"\[\d+\]", re.search(r"\[\d+\]", err)[0], line)], (line, err)
    assert re.match(rf"srt: denied read   {tmp_path}/s  cat\[\d+\]  a denyRead entry covers it \(/filesystem/denyRead/0\); "
                    "remove the entry /filesystem/denyRead/0$", line), line
    code, _, err = run_quietly(["exec", "--annotate", "--quiet", *argv[2:]])
    assert f"denied read   {tmp_path}/s" in err.splitlines()[2], err


def test_probes_are_counted_for_people(srt, tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s/k").write_text("x")
    r = srt.sh(f"test -r {tmp_path}/s/k; ls -l {tmp_path}/s/k; cat {tmp_path}/s/k; true", {"filesystem": {"denyRead": [str(tmp_path / "s")]}})
    r.only(op="file-read")
    assert re.search(r"; and \d+ probes \(-v shows them\)$", srt_lines(r.err)[-1]), r
    r = srt.sh(f"test -r {tmp_path}/s/k; true", {"filesystem": {"denyRead": [str(tmp_path / "s")]}}, options=["--quiet"])
    assert r.err == "", r


def test_where_the_policy_is(srt, tmp_path):
    (tmp_path / "f").write_text("x")
    home = tmp_path / "home"
    home.mkdir()
    _, _, err = run_quietly(["exec", "sh", "-c", f"echo x > {tmp_path}/f"], env={"HOME": str(home)})
    assert f"; no policy file: --allow-write {tmp_path}/f for this run, or add \"{tmp_path}/f\" to filesystem.allowWrite in ~/.srt-settings.json" in err
    (home / ".srt-settings.json").write_text("{}")
    _, _, err = run_quietly(["exec", "sh", "-c", f"echo x > {tmp_path}/f"], env={"HOME": str(home)})
    assert f"; add \"{tmp_path}/f\" to filesystem.allowWrite, or --allow-write {tmp_path}/f for this run" in err, err


# ---- N18 ----

def test_system_calls_in_words(srt):
    code = "import socket\ntry: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\nexcept OSError as e: print(e.errno)"
    r = srt.run(["/usr/bin/python3", "-c", code], {})
    v = r.only(op="syscall", target="socket(AF_UNIX, 2, 0)", rule="builtin:syscalls")
    assert v["reason"] == "Unix datagram sockets are not available inside", v
    if os.path.exists("/usr/bin/unshare"):
        r = srt.run(["unshare", "-U", "true"], {})
        assert "new user namespaces are not available inside" in r.violations[0]["reason"], r


def test_the_policy_file_is_called_so(srt, project):
    path = project / "policy.json"
    path.write_text(f'{{"filesystem": {{"allowWrite": ["{project}"]}}}}')
    r = srt.sh(f"echo > {path}", None, options=["-p", path])
    v = r.only(rule="builtin:protect/policy")
    assert v["reason"] == "it is the policy file of this run" and "hint" not in v, v


def test_denied_resolved_addresses_say_which_entry(srt, net):
    need("getent")
    policy = {"network": {"allowedDomains": ["allowed.test"], "deniedResolvedAddresses": ["10.0.0.0/8", "203.0.113.0/24", "2001:db8::/32"]}}
    r = srt.sh("getent ahosts allowed.test", policy)
    v = r.only(op="net-resolve")
    assert v["rule"].startswith("/network/deniedResolvedAddresses/") and "remove the entry" in v["hint"], v
    r = srt.sh("getent ahosts allowed.test", patched(policy, v["change"]))
    assert r.code == 0 and not r.violations, r


# ---- N16, N20: this host's names, and its loopback ----

def test_this_hosts_own_name(srt):
    need("getent", "uname")
    r = srt.sh("name=$(uname -n); getent -s dns ahosts $name | cut -d' ' -f1 | sort -u; getent -s dns ahosts other.test", {})
    assert r.out.split() and set(r.out.split()) <= {"127.0.0.1", "::1"}, r
    r.only(op="net-resolve", target="other.test")


@pytest.mark.parametrize("way", ["http", "socks"])
def test_the_hosts_loopback_through_the_proxies(srt, way):
    """An entry for the name "localhost" opens nothing of the host; one for the address and port does."""
    import socket
    import threading
    need("curl")
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    port = listener.getsockname()[1]

    def serve():
        while True:
            try:
                c, _ = listener.accept()
            except OSError:
                return
            c.recv(1000)
            c.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nhost")
            c.close()
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    proxy = "$HTTP_PROXY" if way == "http" else "$ALL_PROXY"
    script = f"for h in localhost 127.0.0.1; do curl -sm 10 --noproxy '' -x {proxy} http://$h:{port}/ | grep -o '^host$'; done; true"
    results = []
    for network in ({"allowedDomains": ["localhost"]}, {"allowedDomains": ["*", "localhost"]},
                    {"allowedDomains": ["localhost"], "allowedAddresses": [f"127.0.0.1:{port}"]}):
        results.append(srt.sh(script, {"network": dict(network, proxyEnv="always")}))
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for r in results[:2]:
        assert r.out == "" and len(r.violations) == 2, r
        assert all("change" not in v or v["target"].startswith("127.") for v in r.violations), r
        assert r.violations[0]["rule"] == "builtin:localhost" and "127.0.0.1" in r.violations[0]["hint"], r
    assert results[2].out == "host\nhost\n" and not results[2].violations, results[2]
    code, out, _ = run_quietly(["explain", "-p", srt.write_policy({"network": {"allowedDomains": ["localhost"]}}), "connect", f"localhost:{port}"])
    assert code == 1 and "builtin:localhost" in out and "sandbox's own" in out, out
    code, out, _ = run_quietly(["explain", "-p", srt.write_policy({"network": {"allowedDomains": ["localhost"], "allowedAddresses": ["127.0.0.1"]}}), "connect", f"localhost:{port}"])
    assert code == 0 and "sandbox's own" in out, out


# ---- N19: notes ----

def test_notes_are_about_the_deciding_entry(srt, tmp_path):
    (tmp_path / "f").write_text("x")
    (tmp_path / "d").mkdir()
    policy = srt.write_policy({"filesystem": {"denyRead": [str(tmp_path / "d"), str(tmp_path / "*.key")], "allowWrite": [str(tmp_path)]}})
    (tmp_path / "a.key").write_text("x")

    def explain(*question):
        return run_quietly(["explain", "-p", policy, *question])[1]
    assert "glob" not in explain("read", tmp_path / "d/x") and "glob" not in explain("read", tmp_path / "f")
    assert "a glob does not cover" in explain("read", tmp_path / "a.key")
    assert "protected" not in explain("write", "/dev/null")
    assert "protected" in explain("write", tmp_path / "f")


# ---- N9, N13, N15, N22 to N24: the command line ----

@pytest.mark.parametrize("argv, status, words", [
    (["chek", "p.json"], 127, ["cannot run 'chek'", "did you mean: srt check p.json"]),
    (["exce", "ls"], 127, ["did you mean: srt exec ls"]),
    (["no-such-program"], 127, ["cannot run 'no-such-program'"]),
    (["echo a | cat"], 127, ["cannot run 'echo a | cat'", "did you mean a shell line: srt -c '...'"]),
    (["doctor"], 125, ["doctor: this subcommand is not supported yet"]),
    (["check", "all.json"], 1, ["/network/allowedAddresses/0", "/filesystem/allowWrite/0: \"/nope\" does not exist", "/filesystem/denyRead/0"]),
    (["check", "bom.json"], 1, ["1:1: /: a byte order mark"]),
    (["check", "--efective", "p.json"], 125, ["unknown option '--efective'"]),
    (["check", "p.json", "q.json"], 125, ["'p.json' and 'q.json': want one FILE"]),
    (["check", "p.json", "-p", "q.json"], 125, ["--policy 'q.json' and 'p.json'"]),
    (["check", "absent.json"], 1, ["absent.json: No such file or directory; named by the command line"]),
    (["check", "-p", "absent.json"], 1, ["named by --policy"]),
    (["check", "comma.json"], 1, ["comma.json:1:39: /: a trailing comma"]),
    (["check", "--level", "preload", "p.json"], 1, ["--level preload is weaker than the policy's minimumLevel (full)"]),
    (["explain", "--level", "preload", "-p", "p.json", "read", "/x"], 125, ["--level preload is weaker"]),
    (["explain", "raed", "/x"], 125, ["'raed': want read, write, connect, resolve or unix"]),
    (["explain", "read", "/x", "--polcy", "p.json"], 125, ["unknown option '--polcy'; did you mean --policy?"]),
    (["exec", "--level", "landlock", "true"], 125, ["--level landlock: not supported yet; want full or preload"]),
    (["exec", "-p", "absent.json", "true"], 125, ["absent.json: No such file or directory; named by --policy"]),
    (["exec", "-cd", "true"], 125, ["-cd: -c wants a value"]),
    (["exec", "-dz", "true"], 125, ["unknown option '-dz'"])])
def test_command_line_errors(tmp_path, argv, status, words):
    (tmp_path / "p.json").write_text("{}")
    (tmp_path / "bom.json").write_bytes(b"\xef\xbb\xbf{}")
    (tmp_path / "all.json").write_text('{"filesystem":{"allowWrite":["/nope"],"denyRead":["/"]},"network":{"allowedAddresses":["x"]}}')
    (tmp_path / "comma.json").write_text('{"network":{"allowedDomains":["a.test",]}}\n')
    code, out, err = run_quietly(argv, cwd=tmp_path, env={"HOME": str(tmp_path)})
    assert code == status and out == "" and all(w in err for w in words), err
    assert ("did you mean: srt" in err) == any("did you mean: srt" in w for w in words), err
    lines = 3 if argv[-1] == "all.json" else 2 if "mean: srt" in err or "mean a shell" in err else 1
    assert len(err.splitlines()) == lines, err


def test_who_named_the_policy(tmp_path):
    code, _, err = run_quietly(["true"], env={"HOME": str(tmp_path), "SRT_POLICY": "/absent"})
    assert code == 125 and "/absent: No such file or directory; named by $SRT_POLICY; expected" in err, err
    (tmp_path / ".srt-settings.json").symlink_to("/absent")
    code, _, err = run_quietly(["true"], env={"HOME": str(tmp_path)})
    assert code == 125 and "named by the default" in err, err


def test_options_on_both_sides(tmp_path):
    (tmp_path / "p.json").write_text('{"filesystem": {"denyRead": ["/etc/passwd"]}}')
    for argv in (["-p", "p.json", "read", "/etc/passwd"], ["read", "/etc/passwd", "-p", "p.json"], ["read", "/etc/passwd", "--policy=p.json"]):
        code, out, err = run_quietly(["explain", *argv], cwd=tmp_path)
        assert code == 1 and "/filesystem/denyRead/0" in out, (out, err)
    for argv in (["-p", "p.json"], ["p.json"], ["--effective", "-s", "p.json"], ["p.json", "--effective"]):
        assert run_quietly(["check", *argv], cwd=tmp_path)[0] == 0


def test_short_options_together(tmp_path):
    code, out, err = run_quietly(["-dc", "echo ran"], env={"HOME": str(tmp_path)})
    assert code == 0 and out == "ran\n" and "srt: policy: built in" in err, err


def test_help_has_exit_statuses_and_no_landlock():
    for argv in (["--help"], ["exec", "--help"]):
        code, out, _ = run_quietly(argv)
        assert code == 0 and all(w in out for w in ("125", "126", "127", "128+N")) and "landlock" not in out, out


def test_debug_says_how_a_run_begins(srt, project):
    policy = srt.write_policy({"filesystem": {"allowWrite": [str(project)], "denyRead": [str(project / "sub")]}, "allowPty": True})
    code, out, err = run_quietly(["exec", "-d", "-p", policy, "--allow-domain", "a.test", "true"])
    lines = err.splitlines()
    assert code == 0 and out == "" and all(line.startswith("srt: ") for line in lines), err
    for text in (f"policy: {policy} (named by --policy), sha256 ", "policy: /allowPty is accepted, and has no effect here",
                 "policy: added by --allow-domain a.test", "level: full (the default)", "layer: landlock", "plan: / is readable",
                 f"plan: {project} is writable", f"plan: {project}/sub is not readable"):
        assert any(text in line for line in lines), (text, err)


def test_check_prints_what_entries_name(srt, tmp_path):
    (tmp_path / "w").mkdir()
    (tmp_path / "l").symlink_to("w")
    for i in range(30):
        (tmp_path / f"w/{i}.key").write_text("x")
    policy = {"filesystem": {"allowWrite": [str(tmp_path / "l")], "denyRead": [str(tmp_path / "w/*.key"), str(tmp_path / "*.none")]}}
    code, out, err = run_quietly(["check", "--effective", srt.write_policy(policy)])
    assert code == 0 and out.startswith("{"), out
    assert f"allowWrite {tmp_path}/l -> {tmp_path}/w (/filesystem/allowWrite/0)" in err.splitlines(), err
    assert f"    {tmp_path}/w/7.key" in err or f"    {tmp_path}/w/0.key" in err, err
    assert err.count(".key\n") == 20 and "    ... and 10 more" in err, err
    assert f"denyRead {tmp_path}/*.none (/filesystem/denyRead/1): nothing now" in err, err
