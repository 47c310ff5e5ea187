"""A1: running a command."""
import os
import subprocess

import pytest

from conftest import SRT, helper, need


def test_echo(srt):
    r = srt.run(["echo", "hello"])
    assert (r.code, r.out) == (0, "hello\n"), r


def test_short_form(srt):
    done = subprocess.run([SRT, "echo", "hello"], capture_output=True, check=False,
                          env=srt.environment({"HOME": srt.dir}))
    assert (done.returncode, done.stdout) == (0, b"hello\n"), done


@pytest.mark.parametrize("script, code", [
    ("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -9 $$", 137), ("kill -TERM $$", 143),
    ("exec /does/not/exist", 127), ("exec /etc/passwd", 126)])
def test_exit_codes(srt, script, code):
    assert srt.sh(script).code == code


@pytest.mark.parametrize("argv, code", [
    (["/does/not/exist"], 127), (["no-such-program-srt"], 127), (["/etc/passwd"], 126), (["/"], 126)])
def test_not_executable(srt, argv, code):
    r = srt.run(argv)
    assert r.code == code, r
    assert r.err.count("\n") == 1 and r.err.startswith("srt: "), r


def test_umask(srt, project):
    """The command has srt's own: what it makes has the modes that it would have outside."""
    r = srt.sh("umask 0027; exec sh -c umask", {})
    assert r.out == "0027\n", r
    done = subprocess.run(["sh", "-c", 'umask 0027; exec "$@"', "sh", *map(os.fsdecode, srt.command(
        ["sh", "-c", "umask; touch new"], {"filesystem": {"allowWrite": [str(project)]}}))], cwd=project, check=False,
        capture_output=True, text=True, env=srt.environment(None))
    assert done.stdout == "0027\n" and (project / "new").stat().st_mode & 0o777 == 0o640, done


@pytest.mark.parametrize("argv, out", [
    (["ls", "-d", "/tmp"], "/tmp\n"), (["sh", "-c", "echo hi"], "hi\n"),
    (["printf", "%s", "--policy"], "--policy")])
def test_options_belong_to_the_command(srt, argv, out):
    assert srt.run(argv).out == out


def test_options_end_at_the_first_word(srt):
    done = subprocess.run([SRT, "exec", "grep", "-s", "root", "/etc/passwd"], capture_output=True,
                          check=False, env=srt.environment({"HOME": srt.dir}))
    assert done.returncode == 0 and b"root" in done.stdout


def test_arguments_byte_for_byte(srt):
    odd = [b"a b", b"'\"", b"!", b"=x", b"-y", b"a\nb", b"\xff\xfe", b"", b"$HOME", b"*", b"\\",
           b"--", b"-c"] + [b"x%d" % i for i in range(5000)] + [b"y" * 100000] * 10
    r = srt.run(["python3", "-c", "import sys,os;sys.stdout.buffer.write(b'\\0'.join(os.fsencode(a) for a in sys.argv[1:]))"] + odd)
    assert os.fsencode(r.out) == b"\0".join(odd)


def test_environment_byte_for_byte(srt):
    env = {b"A_1": b"a\nb", b"B": b"\xff", b"C": b"", b"D": b"x=y", b"E": b"z" * 100000}
    whole = {os.fsencode(k): os.fsencode(v) for k, v in srt.environment(None).items()}
    done = subprocess.run(srt.command(["env", "-0"]), env={**whole, **env}, capture_output=True, check=False)
    inside = dict(e.split(b"=", 1) for e in done.stdout.split(b"\0") if e)
    for name, value in env.items():
        assert inside[name] == value
    assert inside[b"SRT"] == b"1" and inside[b"SANDBOX_RUNTIME"] == b"1"


def test_streams_pass(srt):
    size = 100 << 20
    done = subprocess.run(
        ["sh", "-c", f"head -c {size} /dev/zero | \"$@\" | wc -c", "sh", *srt.command(["cat"])],
        capture_output=True, check=True, timeout=120)
    assert int(done.stdout) == size


def test_closed_streams_stay_closed(srt):
    script = "for i in 0 1 2; do [ -e /proc/self/fd/$i ] && echo open $i; done >&3; echo end >&3"
    read, write = os.pipe()
    os.set_inheritable(write, True)
    process = subprocess.Popen(
        ["sh", "-c", f'exec 3>/dev/fd/{write}; exec "$@" 0<&- 1>&- 2>&-', "sh",
         *srt.command(["sh", "-c", script], options=["--pass-fd", "3"])], pass_fds=[write])
    os.close(write)
    with os.fdopen(read) as f:
        text = f.read()
    process.wait()
    # `ls /proc/self/fd` is the test's own view; a shell may open one itself.
    assert "end" in text and "open 2" not in text, text


def test_other_descriptors_are_not_inherited(srt, tmp_path):
    (tmp_path / "f").write_text("x")
    fd = os.open(tmp_path / "f", os.O_RDONLY)
    os.set_inheritable(fd, True)
    r = srt.run(["ls", "/proc/self/fd"], pass_fds=[fd])
    os.close(fd)
    assert r.out.split() == ["0", "1", "2", "3"], r  # 3: ls's own


def test_sigpipe_is_default(srt):
    done = subprocess.run(["bash", "-c", '"$@" | head -1; echo ${PIPESTATUS[0]}', "bash",
                           *srt.command(["yes"])], capture_output=True, check=False, timeout=30)
    assert done.stdout.split() == [b"y", b"141"], done


def test_quick_children_leave_no_zombie(srt):
    code = """
import glob, subprocess, sys, time
print(subprocess.run([sys.argv[1], '10000'], stdout=subprocess.PIPE, text=True).stdout.strip())
def states():
    for path in glob.glob('/proc/[0-9]*/stat'):
        try: yield open(path).read().rpartition(')')[2].split()[0]
        except OSError: pass
end = time.monotonic() + 5
while 'Z' in states() and time.monotonic() < end: time.sleep(0.01)
print(sorted(states()))
"""
    r = srt.run(["/usr/bin/python3", "-c", code, helper("static_children")], timeout=120)
    made, states = r.out.splitlines()
    assert made == "10000" and "Z" not in states and "R" in states, r


def test_many_at_once(srt):
    processes = [subprocess.Popen(srt.command(["sh", "-c", f"echo {i}"]), stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, cwd=srt.dir) for i in range(50)]
    outs = [p.communicate(timeout=120) for p in processes]
    assert [(p.returncode, o[0].decode().strip()) for p, o in zip(processes, outs)] == \
        [(0, str(i)) for i in range(50)], outs


def test_no_capability_inside(srt):
    r = srt.sh("grep -E 'Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status; "
               "echo x > /proc/sys/kernel/hostname; hostname other; echo end")
    assert r.out.count("0000000000000000") == 5 and "end" in r.out, r
    assert r.code == 0


def test_background_child_does_not_keep_srt(srt):
    need("sleep")
    r = srt.sh("sleep 1000 & echo done", timeout=20)
    assert (r.code, r.out) == (0, "done\n")


@pytest.mark.parametrize("where", ["/", "home", "link", "deleted", "unreadable"])
def test_working_directories(srt, tmp_path, where):
    real = tmp_path / "real"
    real.mkdir()
    if where == "home":
        real = os.environ["HOME"]
    elif where == "/":
        real = "/"
    elif where == "link":
        (tmp_path / "link").symlink_to(real)
        r = srt.run(["pwd", "-P"], cwd=str(tmp_path / "link"))
        assert (r.code, r.out.strip()) == (0, os.path.realpath(real)), r
        return
    elif where == "deleted":
        done = subprocess.run(["sh", "-c", f"cd {real} && rmdir {real} && exec \"$@\"", "sh",
                               *srt.command(["echo", "ran"])], capture_output=True, check=False)
        assert done.returncode == 125 and done.stderr.count(b"\n") == 1, done
        return
    elif where == "unreadable":
        before = os.getcwd()
        os.chdir(real)  # as a shell whose directory changes under it
        for mode, code in ((0o111, 0), (0o000, 125)):  # nobody inside may override a mode
            real.chmod(mode)
            done = subprocess.run(srt.command(["echo", "ran"]), capture_output=True, check=False)
            assert done.returncode == code and done.stderr.count(b"\n") == (code == 125), done
        real.chmod(0o755)
        os.chdir(before)
        return
    r = srt.run(["pwd"], cwd=str(real))
    assert (r.code, r.out.strip()) == (0, str(real)), r
