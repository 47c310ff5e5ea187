"""Set-up failures: 125, one clear line, and nothing ran (A5 62; deliver 9)."""
import os
import shutil
import subprocess

from conftest import SRT, helper


def one_line(r, *words):
    assert r.code == 125 and r.out == "", r
    assert r.err.count("\n") == 1 and r.err.startswith("srt: "), r
    for word in words:
        assert word in r.err, r


def test_no_bwrap(srt):
    r = srt.run(["echo", "ran"], {"bwrapPath": "/nonexistent/bwrap"})
    one_line(r, "/nonexistent/bwrap", "No such file")


def test_path_does_not_choose_bwrap(srt, tmp_path):
    """A planted bwrap in $PATH is not run: only the policy names another."""
    (tmp_path / "bwrap").write_text(f"#!/bin/sh\ntouch {tmp_path}/taken\n")
    (tmp_path / "bwrap").chmod(0o755)
    r = srt.run(["/bin/echo", "ran"], env={"PATH": str(tmp_path)})
    assert (r.code, r.out) == (0, "ran\n") and not (tmp_path / "taken").exists(), r


def test_bwrap_that_fails(srt, tmp_path):
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "bwrap").write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    (fake / "bwrap").chmod(0o755)
    r = srt.run(["echo", "ran"], {"bwrapPath": str(fake / "bwrap")})
    assert r.code == 125 and r.out == "" and "user namespaces" in r.err, r
    assert any(word in r.err for word in ("sysctl", "apparmor", "AppArmor")), r


def test_setuid_bwrap_is_refused_by_name(srt, tmp_path):
    fake = tmp_path / "bin"
    fake.mkdir()
    shutil.copy(shutil.which("bwrap"), fake / "bwrap")
    os.chmod(fake / "bwrap", 0o4755)
    r = srt.run(["echo", "ran"], {"bwrapPath": str(fake / "bwrap")})
    one_line(r, "setuid", "bwrap")


def test_no_user_namespaces(srt):
    """In a user namespace that may make no more of them."""
    argv = srt.command(["echo", "ran"])
    done = subprocess.run(["unshare", "--user", "--map-root-user", "sh", "-c",
                           "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"", "sh", *argv],
                          capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 125 and "ran" not in done.stdout, done
    assert "max_user_namespaces" in done.stderr or "user namespaces" in done.stderr, done


def test_listener_refused(srt, tmp_path):
    """A listener is there already: seccomp(2) answers EBUSY."""
    argv = srt.command(["echo", "ran"])
    done = subprocess.run([helper("with_listener"), *argv], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=30)
    assert done.returncode == 125 and "ran" not in done.stdout, done
    assert "seccomp: a listener is there already" in done.stderr and "--level preload" in done.stderr, done


def test_srt_inside_srt_says_that_it_cannot_yet(srt):
    directory = os.path.dirname(os.path.dirname(SRT))
    r = srt.run([SRT, "exec", "--", "echo", "ran"], {})
    assert r.code == 125 and "ran" not in r.out, r
    assert "inside" in r.err and "srt" in r.err, (r, directory)


def test_missing_parts(srt, tmp_path):
    """srt-init or the shim not where srt is: an error, never less."""
    top = tmp_path / "copy"
    (top / "bin").mkdir(parents=True)
    shutil.copy(SRT, top / "bin/srt")
    done = subprocess.run([top / "bin/srt", "exec", "--", "echo", "ran"], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 125 and done.stdout == "" and "srt-init" in done.stderr, done


def test_events_destination_that_cannot_be(srt, tmp_path):
    r = srt.run(["echo", "ran"], options=["--events", str(tmp_path / "no/such/file")])
    assert r.code == 125 and r.out == "" and "no/such/file" in r.err, r


def test_full_descriptor_table(srt):
    """With no descriptor free srt fails, and runs nothing."""
    for limit in (3, 5, 8, 12, 20, 64, 100, 255):
        done = subprocess.run(["sh", "-c", f"ulimit -n {limit}; ulimit -Hn {limit}; exec \"$@\"", "sh", *srt.command(["echo", "ran"])],
                              capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=30)
        assert done.returncode != 0 and "ran" not in done.stdout, (limit, done)


def test_hostile_environment(srt, tmp_path, project):
    """Planted LD_PRELOAD, TMPDIR that is a link, HOME that is none: srt starts or
    says why, and TMPDIR inside is its own."""
    (tmp_path / "tmp-link").symlink_to("/etc")
    r = srt.sh("echo $TMPDIR; touch $TMPDIR/x && echo made", env={"TMPDIR": str(tmp_path / "tmp-link"), "HOME": "relative",
                                                                   "LD_PRELOAD": "/nonexistent.so"})
    assert r.code in (0, 125), r
    if r.code == 0:
        assert "made" in r.out and str(tmp_path) not in r.out.split()[0], r
    assert not os.path.exists("/etc/x")


def test_closed_descriptor_for_events(srt):
    done = subprocess.run(["sh", "-c", 'exec "$@" 3>&-', "sh", SRT, "exec", "--events", "fd:3", "--", "echo", "ran"],
                          capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 125 and done.stdout == "" and "not open" in done.stderr, done


def test_command_that_is_not_there_ends_the_stream(srt):
    r = srt.run(["/nonexistent"])
    assert r.code == 127 and [e["type"] for e in r.events] == ["start", "exit"], r
    assert r.events[-1]["status"] == 127, r


def test_proxies_of_the_hosts_loopback_are_dropped(srt):
    r = srt.sh("echo $HTTPS_PROXY $https_proxy", env={"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://proxy.example:3"})
    assert r.out == "http://proxy.example:3\n", r
