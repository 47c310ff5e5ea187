"""The command's terminal, job control, signals and lifetime (A1 6-8, 10; A5 65)."""
import fcntl
import contextlib
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from conftest import SRT, kill_quietly, need, processes_with, supervisor_of, wait_until


class Terminal:
    """A shell or program on a pty of its own, as a user would drive it."""

    def __init__(self, argv, env=None, size=(24, 80)):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(argv[0], argv, env or os.environ)
        self.resize(*size)
        self.seen = b""

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, text):
        os.write(self.fd, text.encode())

    def expect(self, text, timeout=10):
        """Read until `text` was seen after what was expected before."""
        deadline = time.monotonic() + timeout
        while text.encode() not in self.seen:
            assert time.monotonic() < deadline, f"no {text!r} in {self.seen!r}"
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.fd, 65536)
                except OSError:  # the other side is closed
                    assert text.encode() in self.seen, f"no {text!r} in {self.seen!r}"
        at = self.seen.index(text.encode()) + len(text)
        before, self.seen = self.seen[:at], self.seen[at:]
        return before.decode("utf-8", "replace")

    def wait(self, timeout=10):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    self.seen += os.read(self.fd, 65536)
                except OSError:
                    pass
        kill_quietly(self.pid)
        raise AssertionError(f"did not end: {self.seen!r}")


@pytest.fixture
def shell(tmp_path):
    """An interactive shell outside, in which srt is a job like any other."""
    env = dict(os.environ, HOME=str(tmp_path), HISTFILE="/dev/null", TERM="dumb")
    t = Terminal(["bash", "--norc", "--noprofile", "-i"], env)
    t.send("bind 'set enable-bracketed-paste off'; stty -echo; PS1='out''> '; echo in st''ep\n")
    t.expect("in step")
    t.expect("out> ")
    yield t
    kill_quietly(t.pid)
    os.waitpid(t.pid, 0)


def test_size_and_resize():
    t = Terminal([SRT, "exec", "--", "sh", "-c", "stty size; trap 'stty size; exit 3' WINCH; echo ready; while :; do sleep 0.05; done"],
                 size=(31, 97))
    t.resize(31, 97)
    t.expect("ready")
    t.resize(41, 111)
    t.expect("41 111")
    assert t.wait() == 3


def test_raw_mode():
    code = ("import sys,termios,tty,os; tty.setraw(0); os.write(1,b'raw'); c=os.read(0,3); "
            "os.write(1,repr(c).encode()); sys.exit(5)")
    t = Terminal([SRT, "exec", "--", "/usr/bin/python3", "-c", code])
    t.expect("raw")
    t.send("\x03")  # in raw mode a byte like any other
    t.expect(r"b'\x03'")
    assert t.wait() == 5


def test_interrupt_ends_a_program_that_does_not_handle_it(shell):
    shell.send(f"{SRT} exec -- sh -c 'echo ready; exec sleep 1000'\n")
    shell.expect("ready")
    shell.send("\x03")
    shell.expect("out> ")
    shell.send("echo status $?\n")
    shell.expect("status 130")


def test_interrupt_during_the_start_is_not_lost(shell):
    """From the moment that srt runs, a Ctrl-C ends the run, wherever it is."""
    for i in range(12):
        shell.send(f"{SRT} exec --quiet -- sleep 1000\n")
        wait_until(lambda: processes_with("--quiet\x00--\x00sleep\x001000"), what="srt")
        time.sleep(i * 0.002)
        shell.send("\x03")
        shell.expect("out> ")
    wait_until(lambda: not processes_with("sleep\x001000"), 3, "the end of all")


def test_interrupt_is_the_programs(shell):
    shell.send(f"{SRT} exec -- sh -c 'trap \"echo caught\" INT; echo ready; n=0; while [ $n -lt 100 ]; do sleep 0.05; n=$((n+1)); done; echo over'\n")
    shell.expect("ready")
    for _ in range(2):
        shell.send("\x03")
        shell.expect("caught")
    shell.expect("over")


def test_interrupt_in_a_pipeline(shell):
    shell.send(f"{SRT} exec -- sh -c 'echo ready; exec sleep 1000' | cat\n")
    shell.expect("ready")
    shell.send("\x03")
    shell.expect("out> ")
    wait_until(lambda: not processes_with("sleep\x001000"), what="the end of sleep")


def test_stop_and_continue(shell):
    shell.send(f"{SRT} exec -- sh -c 'echo ready; sleep 1; read line; echo got $line'\n")
    shell.expect("ready")
    shell.send("\x1a")
    shell.expect("Stopped")
    shell.expect("out> ")
    shell.send("fg\n")
    shell.expect("read line")
    shell.send("something\n")
    shell.expect("got something")
    shell.expect("out> ")


def test_job_control_inside(shell, tmp_path):
    shell.send(f"HISTFILE=/dev/null {SRT} exec --quiet -- bash --norc --noprofile -i\n")
    shell.expect("bash-")
    shell.send("stty -echo; PS1='in''> '; echo in st''ep\n")
    shell.expect("in step")
    shell.expect("in> ")
    shell.send("sleep 1000\n")
    wait_until(lambda: processes_with("sleep\x001000"), what="sleep")
    shell.send("\x1a")
    shell.expect("Stopped")
    shell.send("fg\n")
    time.sleep(0.3)
    shell.send("\x03")
    shell.expect("in> ")
    shell.send("exit 9\n")
    shell.expect("out> ")
    shell.send("echo status $?\n")
    shell.expect("status 9")


def test_interrupts_in_an_interactive_shell_inside(shell):
    """Ctrl-C, twice, ends the foreground job each time; the shell inside and srt go on."""
    shell.send(f"HISTFILE=/dev/null {SRT} exec --quiet -- bash --norc --noprofile -i\n")
    shell.expect("bash-")
    shell.send("stty -echo; PS1='in''> '; echo in st''ep\n")
    shell.expect("in step")
    shell.expect("in> ")
    for marker in ("1004", "1005"):
        shell.send(f"sleep {marker}\n")
        wait_until(lambda m=marker: processes_with(f"sleep\x00{m}"), what="sleep")
        shell.send("\x03")
        shell.expect("in> ")
        shell.send("echo status $?\n")
        shell.expect("status 130")
        shell.expect("in> ")
        assert not processes_with(f"sleep\x00{marker}")
    for _ in range(2):  # at the prompt it is a fresh prompt, but that bash itself loses one now and then
        shell.send("\x03")
        with contextlib.suppress(AssertionError):
            shell.expect("in> ", 1)
    shell.send("exit 9\n")
    shell.expect("out> ")
    shell.send("echo status $?\n")
    shell.expect("status 9")


def test_two_interrupts_at_once(shell):
    """The second one comes before the program has ended of the first."""
    shell.send(f"{SRT} exec -- sh -c 'trap \"\" INT; echo ready; sleep 0.3; exit 7'\n")
    shell.expect("ready")
    shell.send("\x03")
    shell.send("\x03")
    shell.expect("out> ")
    shell.send("echo status $?\n")
    shell.expect("status 7")


def test_a_command_that_stops_itself(shell):
    """As without srt: the shell outside has the terminal back, and fg goes on."""
    shell.send(f"{SRT} exec -- sh -c 'kill -TSTP $$; echo resumed'\n")
    shell.expect("Stopped")
    shell.expect("out> ")
    shell.send("fg\n")
    shell.expect("resumed")


def test_hangup_reaches_the_command_of_a_session_leader(tmp_path):
    """srt leads the session (`xterm -e srt exec ...`): the kernel tells it alone."""
    mark = tmp_path / "hung-up"
    t = Terminal([SRT, "exec", "--allow-write", str(tmp_path), "--", "sh", "-c",
                  f"trap 'echo x > {mark}; exit 3' HUP; echo ready; while :; do sleep 0.05; done"])
    t.expect("ready")
    os.close(t.fd)
    wait_until(mark.exists, 5, "the trap")
    wait_until(lambda: os.waitpid(t.pid, os.WNOHANG)[0], 5, "the end of srt")


def test_closed_terminal_ends_a_stopped_command(shell, tmp_path):
    shell.send(f"{SRT} exec -- sleep 1003\n")
    wait_until(lambda: processes_with("sleep\x001003"), what="sleep")
    shell.send("\x1a")
    shell.expect("Stopped")
    os.close(shell.fd)
    wait_until(lambda: not processes_with("sleep\x001003"), 15, "the end of the tree")


def test_full_screen_programs(tmp_path):
    need("less", "vi")
    text = tmp_path / "text"
    text.write_text("".join(f"line {i}\n" for i in range(200)))
    env = dict(os.environ, TERM="xterm", LESS="", LESSHISTFILE="-", HOME=str(tmp_path))
    t = Terminal([SRT, "exec", "--", "less", str(text)], env)
    t.expect("line 10")
    t.send("q")
    assert t.wait() == 0
    t = Terminal([SRT, "exec", "--", "vi", "-u", "NONE", "-n", "-i", "NONE", "-c", "q", str(text)], env)
    assert t.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT])
def test_signals_reach_the_command(srt, number):
    name = number.name[3:]
    p = srt.start(["sh", "-c", f"trap 'echo got {name}; exit 4' {name}; echo ready; while :; do sleep 0.02; done"],
                  stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    assert p.stdout.readline() == "ready\n"
    p.send_signal(number)
    assert p.stdout.read() == f"got {name}\n"
    assert p.wait(10) == 4


def test_second_term_ends_the_tree(srt):
    p = srt.start(["sh", "-c", "trap '' TERM; echo ready; sleep 1001"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    assert p.stdout.readline() == "ready\n"
    wait_until(lambda: processes_with("sleep\x001001"), what="sleep")
    p.terminate()
    time.sleep(0.3)
    assert p.poll() is None, "the first one is the command's to handle"
    p.terminate()
    assert p.wait(5) in (143, 137)
    wait_until(lambda: not processes_with("sleep\x001001"), 2, "the end of the tree")


def test_killed_launcher_takes_the_tree_along(srt, tmp_path):
    before = set(os.listdir("/tmp")) | set(os.listdir(tmp_path))
    p = srt.start(["sh", "-c", "sleep 1002 & setsid sleep 1002 & echo ready; wait"], stdout=subprocess.PIPE,
                  stdin=subprocess.DEVNULL, text=True)
    assert p.stdout.readline() == "ready\n"
    wait_until(lambda: len(processes_with("sleep\x001002")) >= 2, what="both sleeps")
    p.kill()
    p.wait(5)
    wait_until(lambda: not processes_with("sleep\x001002"), 1.0, "the end of the tree within a second")
    assert not processes_with("srt-init")
    after = set(os.listdir("/tmp")) | set(os.listdir(tmp_path))
    assert not [n for n in after - before if "srt" in n and n != "srt"], after - before


def test_killed_launcher_leaves_nothing(srt, tmp_path, project):
    """No file where programs leave files, no mount, no network namespace."""
    for name in ("home", "run"):
        (tmp_path / name).mkdir()
    env = {"HOME": str(tmp_path / "home"), "XDG_RUNTIME_DIR": str(tmp_path / "run")}

    def things():
        seen = [os.path.join(d, f) for top in ("/tmp", "/dev/shm", str(tmp_path)) for d, dirs, files in os.walk(top)
                for f in dirs + files if not d.startswith(srt.dir)]
        with open("/proc/self/mountinfo", encoding="utf-8") as f:
            mounts = f.read().splitlines()
        return sorted(seen), mounts, subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout

    policy = {"filesystem": {"denyRead": [str(tmp_path / "secret")], "allowWrite": [str(project)], "denyWrite": [str(project / "absent")]},
              "network": {"allowedDomains": ["a.test"]}}
    before = things()
    p = srt.start(["sh", "-c", "echo x > $TMPDIR/x; echo x > /dev/shm/x; echo ready; exec sleep 1004"], policy, env=env,
                  cwd=str(project), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    assert p.stdout.readline() == "ready\n"
    p.kill()
    p.wait(5)
    wait_until(lambda: not processes_with("sleep\x001004"), 1.0, "the end of the tree within a second")
    assert things() == before


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGSTOP])
def test_without_the_supervisor_nothing_is_granted(srt, project, stop):
    """The supervisor killed or stopped: what is refused stays refused."""
    marker = str(project / "loop")
    code = ("import os,sys,time\nok=0\nprint('ready',flush=True)\nend=time.time()+3\n"
            f"while time.time()<end:\n"
            f"  try: os.close(os.open('{project}/../outside/new', os.O_CREAT|os.O_WRONLY)); ok+=1\n"
            "  except OSError: pass\n"
            "print('ok', ok, flush=True)\n")
    p = srt.start(["/usr/bin/python3", "-c", code, marker], {"filesystem": {"allowWrite": [str(project)]}},
                  stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
    assert p.stdout.readline() == "ready\n"
    supervisor = supervisor_of(p.pid)
    os.kill(supervisor, stop)
    time.sleep(0.5)
    p.terminate()
    time.sleep(0.2)
    p.terminate()
    if stop == signal.SIGSTOP:
        try:
            p.wait(5)
        except subprocess.TimeoutExpired:
            os.kill(supervisor, signal.SIGCONT)
    p.wait(10)
    assert not os.path.exists(project / "../outside/new")
    wait_until(lambda: not processes_with(marker), 5, "the end of the tree")


def test_ulimits_of_the_command_do_not_touch_srt(srt, project):
    r = srt.sh("ulimit -n 16; ulimit -f 1; i=0; while [ $i -lt 40 ]; do echo x > ../outside/new$i; i=$((i+1)); done 2>/dev/null; echo end",
               cwd=str(project), policy={"filesystem": {"allowWrite": [str(project)]}})
    assert r.out == "end\n" and r.count(rule="/filesystem/allowWrite") == 40, r
