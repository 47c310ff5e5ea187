"""What the second readings found in the supervisor, srt-init and their start, each with its permitted twin."""
import contextlib
import errno
import fcntl
import os
import random
import resource
import signal
import socket
import subprocess
import time

import pytest

from conftest import Srt, helper, kill_quietly, left_of, supervisor_of, wait_until

PYTHON = "/usr/bin/python3"
DISABLED = {"filesystem": {"disabled": True}}


# ---- pid 1 of the sandbox, which has no filter ----

REACH_PID_1 = """
import ctypes, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
def what(result): return 'done' if result >= 0 else str(ctypes.get_errno())
def attach(pid):
    result = what(libc.ptrace(16, pid, None, None))
    if result == 'done': os.waitpid(pid, 0x40000000)
    return result
def memory(pid):
    buf = ctypes.create_string_buffer(8)
    local = (ctypes.c_void_p * 2)(ctypes.addressof(buf), 8)
    remote = (ctypes.c_void_p * 2)(ctypes.addressof(buf), 8)
    return what(libc.process_vm_readv(pid, local, 1, remote, 1, 0))
def take(pid):
    return what(libc.syscall(438, os.pidfd_open(pid), 0, 0))
def open_memory(pid):
    try: os.open(f'/proc/{pid}/mem', os.O_RDWR); return 'done'
    except OSError as e: return str(e.errno)
child = os.fork()
if child == 0: signal.pause()
for pid in 1, child: print(memory(pid), take(pid), open_memory(pid), attach(pid))
os.kill(child, 9)
"""


@pytest.mark.parametrize("policy", [DISABLED, {}])
def test_pid_1_is_out_of_reach(srt, policy):
    """It is bwrap's and could be made to connect anywhere; an own child is debugged as ever."""
    r = srt.run([PYTHON, "-c", REACH_PID_1], policy)
    first, second = r.out.splitlines()
    assert "done" not in first and second == "done done done done", r


def test_no_file_rules(srt, project):
    """filesystem.disabled: files are written as outside, but not the machine's settings; and `start` says so."""
    r = srt.run([PYTHON, "-c", f"""
import os, signal
open({str(project / 'file')!r}, 'a').write('more')
try: os.open('/proc/sys/kernel/core_pattern', os.O_WRONLY); print('done')
except OSError as e: print(e.errno)
signal.signal(signal.SIGUSR1, lambda *a: print('mine'))
os.kill(0, signal.SIGUSR1)
"""], DISABLED, start_new_session=True)
    assert r.code == 0 and r.out == f"{30 if os.geteuid() == 0 else 13}\nmine\n", r
    assert (project / "file").read_text() == "content\nmore"
    start = r.events[0]
    assert "landlock" in start["layers"] and any("filesystem.disabled" in w for w in start["weakenings"]), start


def test_signals_stay_inside_without_file_rules(srt):
    """kill(0) does not reach the caller's process group."""
    command = srt.command(["sh", "-c", "kill -KILL 0"], DISABLED, options=["--quiet"])
    done = subprocess.run(["setsid", "sh", "-c", '"$@"; echo $?', "sh", *command], capture_output=True, text=True, timeout=20,
                          check=False, env=srt.environment(None))
    assert done.stdout == "137\n", done


# ---- streams, which stand on the host's own mounts ----

def protected_input(project, how):
    """A file that may not be written though it lies in a writable root, and the policy for it."""
    host = project / ".mcp.json" if how == "protected" else project / "kept"
    host.write_text("text\nmore\n")
    filesystem = {"allowWrite": [str(project)]}
    if how in ("denyWrite", "denyRead"):
        filesystem[how] = [str(host)]
    return host, {"filesystem": filesystem, "minimumLevel": "preload"}


@pytest.mark.parametrize("level", ["full", "preload"])
@pytest.mark.parametrize("how", ["protected", "denyWrite", "denyRead"])
def test_input_file_is_not_written_by_a_flipped_path(srt, project, how, level):
    """An allowed path becomes standard input's link after it was judged; what is read goes on where it was."""
    host, policy = protected_input(project, how)
    allowed = str(project / "file")
    with open(host, "rb") as f:
        os.lseek(f.fileno(), 5, os.SEEK_SET)
        r = srt.run(["sh", "-c", '"$@"; cat', "sh", helper("path_flip"), "write", allowed, "/proc/self/fd/0".rjust(len(allowed), "/"), "20000"],
                    policy, stdin=f, timeout=60, options=["--level", level])
    assert r.code == 0 and r.out == "allowed\nmore\n", r
    assert host.read_text() == "text\nmore\n"


def test_policy_as_input_is_not_written(srt, project):
    path = project / "policy.json"
    path.write_text('{"filesystem": {"allowWrite": ["%s"]}}' % project)
    allowed = str(project / "file")
    with open(path, "rb") as f:
        done = subprocess.run(srt.command([helper("path_flip"), "write", allowed, "/proc/self/fd/0".rjust(len(allowed), "/"), "20000"],
                                          options=["--policy", path]), stdin=f, capture_output=True, text=True, timeout=60, check=False,
                              env=srt.environment(None))
    assert done.returncode == 0 and done.stdout == "allowed\n", done
    assert path.read_text().startswith("{") and path.read_text().endswith("}")


def test_passed_descriptor_is_not_written(srt, project):
    host, policy = protected_input(project, "denyWrite")
    allowed = str(project / "file")
    with open(host, "rb") as f:
        fd = fcntl.fcntl(f, fcntl.F_DUPFD, 40)
        r = srt.run(["sh", "-c", f'"$@"; cat /proc/self/fd/{fd}', "sh", helper("path_flip"), "write", allowed,
                     f"/proc/self/fd/{fd}".rjust(len(allowed), "/"), "20000"],
                    policy, options=["--pass-fd", fd], pass_fds=[fd], timeout=60)
        os.close(fd)
    assert r.code == 0 and r.out == "allowed\ntext\nmore\n" and host.read_text() == "text\nmore\n", r


def test_input_that_cannot_be_opened_again(srt, project):
    """Its name is gone, but another, protected one is there: an error with a way out.  A file without any name passes."""
    policy = {"filesystem": {"allowWrite": [str(project)]}}
    (project / "in").write_text("text\n")
    with open(project / "in", "rb") as f:
        os.rename(project / "in", project / ".envrc")
        os.link(project / ".envrc", project / "in")
        os.unlink(project / ".envrc")
        r = srt.run(["cat"], policy, stdin=f)
    assert r.code == 125 and r.out == "" and r.err.count("\n") == 1 and "cat FILE |" in r.err, r
    with open(project / "in", "rb") as f:
        os.unlink(project / "in")
        r = srt.run(["cat"], policy, stdin=f)
    assert (r.code, r.out) == (0, "text\n"), r


def test_input_shares_its_offset(srt, project, tmp_path):
    """Outside every grant, and where the policy lets it be written, a stream is what was handed in."""
    for path in (project / "file", tmp_path / "outside/file"):
        path.write_text("one\ntwo\n")
        with open(path, "rb", buffering=0) as f:
            r = srt.run([PYTHON, "-c", "import os; os.read(0, 4)"], {"filesystem": {"allowWrite": [str(project)]}}, stdin=f)
            assert r.code == 0 and f.read() == b"two\n", r


@pytest.mark.parametrize("fd", [1, 2, 40])
def test_output_that_may_not_be_read(srt, project, tmp_path, fd):
    """Open for writing only, it could be read back by its link: refused at the start.  A pipe passes."""
    policy = {"filesystem": {"denyRead": [str(tmp_path / "secret")]}}
    with open(tmp_path / "secret/key", "ab") as f:
        other = fcntl.fcntl(f, fcntl.F_DUPFD, 40)
        streams = {1: {"stdout": f}, 2: {"stderr": f}, 40: {"pass_fds": [other]}}[fd]
        command = srt.command(["cat", f"/proc/self/fd/{fd}"], policy, options=["--pass-fd", other] if fd == 40 else [])
        done = subprocess.run(command, text=True, timeout=30, check=False, env=srt.environment(None),
                              **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams})
        os.close(other)
    assert done.returncode == 125, done
    said = done.stderr if fd != 2 else (tmp_path / "secret/key").read_text()
    name = {1: "standard output", 2: "standard error", 40: f"--pass-fd {other}"}[fd]
    assert f"{name} is '{tmp_path}/secret/key'" in said and "/filesystem/denyRead/0" in said and "cat >> FILE" in said, said
    with open(tmp_path / "outside/file", "ab") as f:
        done = subprocess.run(srt.command(["echo", "ran"], policy), stdout=f, check=False, timeout=30, env=srt.environment(None))
    assert done.returncode == 0 and (tmp_path / "outside/file").read_text() == "outside\nran\n"


# ---- the start ----

def waits_for_bwrap(pid):
    """An inner bwrap that reads the eventfd of one that is gone."""
    try:
        with open(f"/proc/{pid}/wchan", encoding="ascii") as f:
            return f.read() == "eventfd_read" and os.path.basename(os.readlink(f"/proc/{pid}/exe")) == "bwrap"
    except OSError:
        return True  # it has just ended


def test_killed_in_the_first_moments(srt):
    """150 starts, each killed within 40 ms: no process of any is left, but for what docs/threats.md names (bwrap's inner
    process, which has run nothing, where srt died between two neighbouring calls of bwrap's)."""
    marker = srt.dir + "/marker"
    sessions = set()
    for i in range(150):
        p = srt.start(["sh", "-c", "sleep 100", marker], {}, options=["--quiet"], start_new_session=True, stdin=subprocess.DEVNULL,
                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0, 0.04))
        p.kill()
        p.wait(10)
        sessions.add(p.pid)
    try:
        wait_until(lambda: all(waits_for_bwrap(p) for p in left_of(sessions, marker)), 10, "no process is left")
        assert len(left_of(sessions, marker)) <= 2
    finally:
        for pid in left_of(sessions, marker):
            kill_quietly(pid)


@pytest.mark.parametrize("call, number", [("close_range", 436), ("process_vm_readv", 310), ("pidfd_getfd", 438)])
def test_call_that_the_walls_need_fails(srt, call, number):
    """Refused by a container's profile: no run that is weaker than it says, but an error that names the call."""
    for code, error in (1, "Operation not permitted"), (38, "Function not implemented"):
        command = [helper("nosys"), str(number), str(code), *srt.command(["sh", "-c", "echo ran"])]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL,
                              env=srt.environment(None))
        assert done.returncode == 125 and done.stdout == "" and done.stderr.count("\n") == 1, done
        assert call in done.stderr and error in done.stderr, done
    command = [helper("nosys"), "179", "1", *srt.command(["sh", "-c", "echo ran"])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL,
                          env=srt.environment(None))
    assert (done.returncode, done.stdout) == (0, "ran\n"), done


def test_reason_is_told_under_load(srt):
    """Another listener is there: the error names it in each of 60 starts, though the machine is busy."""
    busy = [subprocess.Popen([PYTHON, "-c", "while True: pass"]) for _ in range(3)]
    try:
        for _ in range(60):
            done = subprocess.run([helper("with_listener"), *srt.command(["true"])], capture_output=True, text=True, check=False,
                                  stdin=subprocess.DEVNULL, timeout=30, env=srt.environment(None))
            assert done.returncode == 125 and "a listener is there already" in done.stderr, done
    finally:
        for p in busy:
            p.kill()
            p.wait()


# ---- what runs out ----

def warnings_of(r):
    return [e for e in r.events if e["type"] == "warning"]


def test_parked_connects_leave_room_for_refusals(srt, project, tmp_path):
    """4 200 connects wait: a refused call is still refused by its own errno, with its event."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 10000:
        pytest.skip("needs 10 000 descriptors")
    denied = str(tmp_path / "outside/file")
    r = srt.run([helper("park_many"), "2", "2100", denied, str(project / "file")], {"filesystem": {"allowWrite": [str(project)]}}, timeout=60)
    assert r.code == 0 and r.out == "30\n0\n", r
    r.only(target=denied, op="file-write")
    assert len(warnings_of(r)) == 1 and "connects" in warnings_of(r)[0]["message"], warnings_of(r)


def test_few_descriptors(srt, project):
    """With 512 of them connects stop in time: an absent name that is denied is still looked at and refused."""
    denied = project / "absent"
    policy = {"filesystem": {"allowWrite": [str(project)], "denyWrite": [str(denied)]}}
    r = srt.run([helper("park_many"), "3", "300", str(denied), str(project / "file")], policy, timeout=60,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512)))
    assert r.code == 0 and r.out == "30\n0\n" and not denied.exists(), r
    r.only(target=str(denied))


ASK = """
import os, sys
for line in sys.stdin:
    path, flags = line.split()
    try: os.close(os.open(path, int(flags))); print(0, flush=True)
    except OSError as e: print(e.errno, flush=True)
"""


class Asked:
    """A command that opens what it is told, line by line."""

    def __init__(self, srt, policy):
        self.p = srt.start([PYTHON, "-c", ASK], policy, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def open(self, path, flags=os.O_WRONLY | os.O_CREAT):
        self.p.stdin.write(f"{path} {flags}\n")
        self.p.stdin.flush()
        return int(self.p.stdout.readline())

    def end(self):
        self.p.stdin.close()
        assert self.p.wait(30) == 0
        return [e for e in Srt.read_events(self.p.events) if e["type"] == "violation"]


@contextlib.contextmanager
def no_descriptors(pid):
    # poll(2) wants as many as it is asked about.
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE, (6, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    yield
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def test_supervisor_without_descriptors(srt, project):
    """What it cannot look at is not continued: a name that only it protects would come into being."""
    denied = project / "absent"
    asked = Asked(srt, {"filesystem": {"allowWrite": [str(project)], "denyWrite": [str(denied)]}})
    assert asked.open(project / "file") == 0
    with no_descriptors(supervisor_of(asked.p.pid)):
        assert asked.open(denied) in (errno.EMFILE, errno.EROFS) and not denied.exists()
    assert asked.open(denied) == errno.EROFS and asked.open(project / "file") == 0
    assert asked.end()[-1]["target"] == str(denied) and not denied.exists()


def test_launcher_without_descriptors(srt, project, tmp_path):
    """Its own lack is not the host's answer: refused as ever, and told, though it is not certain."""
    denied = tmp_path / "outside/file"
    secret = tmp_path / "secret"
    asked = Asked(srt, {"filesystem": {"allowWrite": [str(project)], "denyRead": [str(secret)]}})
    assert asked.open(project / "file") == 0
    with no_descriptors(asked.p.pid):
        assert asked.open(denied) == errno.EROFS
        assert asked.open(secret / "key", os.O_RDONLY) == errno.EACCES
        assert asked.open(project / "file") == 0
    events = asked.end()
    assert [(e["target"], e.get("certain")) for e in events][0] == (str(denied), False) and events[1]["target"] == str(secret / "key"), events


def test_refusals_while_the_launcher_stands_still(srt, project, tmp_path):
    """More than the 4 096 that may wait: some are refused without an event, which is a warning once; the others get theirs when it goes on."""
    code = f"""
import os, threading, time
errnos = []
def refused():
    try: os.open({str(tmp_path / 'outside/file')!r}, os.O_WRONLY)
    except OSError as e: errnos.append(e.errno)
threading.stack_size(65536)
input()
for i in range(4300): threading.Thread(target=refused, daemon=True).start()
end = time.monotonic() + 30
while len(errnos) < 204 and time.monotonic() < end: time.sleep(0.05)
time.sleep(0.2)
print(len(errnos), flush=True)
input()
while len(errnos) < 4300: time.sleep(0.1)
print(set(errnos), flush=True)
os._exit(0)
"""
    p = srt.start([PYTHON, "-c", code], {}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    wait_until(lambda: os.path.exists(p.events) and "start" in open(p.events, encoding="utf-8").read(), 10, "the start")
    time.sleep(0.5)
    os.kill(p.pid, signal.SIGSTOP)
    p.stdin.write("go\n")
    p.stdin.flush()
    early = int(p.stdout.readline())
    os.kill(p.pid, signal.SIGCONT)
    p.stdin.write("go\n")
    p.stdin.flush()
    assert early == 204 and p.stdout.readline() == "{30}\n" and p.wait(60) == 0, early
    events = Srt.read_events(p.events)
    assert len([e for e in events if e["type"] == "warning" and "refused calls" in e["message"]]) == 1


@pytest.mark.parametrize("mode", ["once", "again"])
def test_flag_taken_away_does_not_stop_the_supervisor(srt, mode):
    """O_NONBLOCK belongs to the program's own open file: who clears it at the right moment waits alone."""
    r = srt.run([helper("block"), "4", mode], {}, timeout=60)
    assert r.code == 0 and int(r.out) < 500, r


# ---- what the kernel says ----

ARGUMENTS = """
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def what(*args): return 'done' if libc.syscall(*args) >= 0 else ctypes.get_errno()
fd = os.open('file', os.O_RDWR)
for flags in 0, 0x100, 0x1000, 0x200, 0xffff, 1:
    print(flags, what(452, fd, b'', 0o600, flags), what(452, -100, b'file', 0o600, flags), what(280, -100, b'file', None, flags),
          what(280, fd, None, None, flags), what(260, -100, b'file', -1, -1, flags), what(260, fd, b'', -1, -1, flags), what(260, fd, None, -1, -1, flags))
print(what(280, -100, None, None, 0), what(452, fd, None, 0o600, 0))
s = socket.socket(socket.AF_UNIX)
address = (b'\\1\\0' + b'/none').ljust(130, b'\\0')
for length in 0, 1, 2, 3, 109, 110, 111, 128, 129: print(length, what(42, s.fileno(), address, length))
for name in b'user.x', b'foo.x', b'trusted.x', b'security.none', b'user.', b'': print(name, what(188, b'file', name, b'v', 1, 0), what(197, b'file', name))
"""


def test_arguments_are_judged_as_by_the_kernel(srt, project):
    """Unknown flags, NULL for a path, lengths of addresses, names of attributes: the errno is that of outside."""
    if os.geteuid() == 0:
        outside = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", PYTHON, "-c", ARGUMENTS]
    else:
        outside = [PYTHON, "-c", ARGUMENTS]
    want = subprocess.run(outside, cwd=project, capture_output=True, text=True, check=True).stdout
    r = srt.run([PYTHON, "-c", ARGUMENTS], {"filesystem": {"allowWrite": [str(project)]}}, cwd=str(project))
    assert r.out == want and "done" in want, r


# ---- sockets ----

@pytest.mark.parametrize("address", ["10.255.255.1", "fd00:5e::1", "127.0.0.1", "::1"])
def test_own_addresses(srt, address):
    """A server of the sandbox answers at each of its own addresses; elsewhere is elsewhere."""
    if ":" in address and not os.path.exists("/proc/net/if_inet6"):
        pytest.skip("needs IPv6")
    r = srt.run([PYTHON, "-c", f"""
import socket
family = socket.AF_INET6 if ':' in {address!r} else socket.AF_INET
with socket.create_server(({address!r}, 8080), family=family) as server:
    client = socket.create_connection(server.getsockname()[:2], 5)
    server.accept()[0].sendall(b'hello')
    print(client.recv(5))
try: socket.create_connection(('203.0.113.10', 8080), 5)
except OSError as e: print(e.errno)
"""], {})
    assert r.out == "b'hello'\n13\n", r
    r.only(target="203.0.113.10:8080")


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_host_socket_sent_in(srt, family):
    """A TCP socket of the host's network, come in over a Unix stream, is connected to nothing; an own one is."""
    loopback = "127.0.0.1" if family == socket.AF_INET else "::1"
    code = f"""
import os, socket, sys
sent = socket.socket(fileno=socket.recv_fds(socket.socket(fileno=0), 10, 1)[1][0])
own = socket.create_server(({loopback!r}, int(sys.argv[1])), family={int(family)})
for s in sent, socket.socket({int(family)}, socket.SOCK_STREAM):
    try: s.connect(({loopback!r}, int(sys.argv[1]))); print('connected')
    except OSError as e: print(e.errno)
"""
    with socket.create_server((loopback, 0), family=family) as host, socket.socket(family) as sent:
        a, b = socket.socketpair()
        host.settimeout(0.3)
        with a, b:
            socket.send_fds(a, [b"x"], [sent.fileno()])
            r = srt.run([PYTHON, "-c", code, str(host.getsockname()[1])], {}, stdin=b)
        assert r.out == "13\nconnected\n", r
        with pytest.raises(TimeoutError):
            host.accept()
    assert r.only(op="syscall")["target"] == "connect(a socket of another network)"


def test_parent_that_is_another_outside(srt, project, tmp_path):
    """/dev inside is not the host's, but its names mean the machine's: there root may make one, others may not."""
    r = srt.run([PYTHON, "-c", f"""
import os
for p in '/dev/srt-test', {str(tmp_path / 'outside/srt-test')!r}:
    try: os.mkdir(p)
    except OSError as e: print(e.errno)
"""], {})
    told = [(v["target"], v.get("certain")) for v in r.violations]
    if os.geteuid() == 0:
        assert r.out == "30\n30\n" and told == [("/dev/srt-test", None), (str(tmp_path / "outside/srt-test"), None)], r
    else:
        assert r.out == "13\n30\n" and told == [(str(tmp_path / "outside/srt-test"), None)], r


def test_the_supervisor_holds_nothing_of_the_callers(srt, tmp_path):
    """Descriptors 100 and 101, where its own ones go, as well as any other."""
    (tmp_path / "held").write_text("x")
    p = subprocess.Popen(["bash", "-c", f"exec 9<{tmp_path}/held 100<{tmp_path}/held 101<{tmp_path}/held; exec \"$@\"", "bash",
                          *srt.command(["sh", "-c", "echo ready; read line"])], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         text=True, env=srt.environment(None))
    assert p.stdout.readline() == "ready\n"
    children = open(f"/proc/{p.pid}/task/{p.pid}/children", encoding="ascii").read().split()
    supervisor = [c for c in children if os.path.basename(os.readlink(f"/proc/{c}/exe")) == "srt"]
    assert len(supervisor) == 1, children
    held = [os.readlink(f"/proc/{supervisor[0]}/fd/{fd}") for fd in os.listdir(f"/proc/{supervisor[0]}/fd")]
    p.communicate("go\n", timeout=10)
    assert str(tmp_path / "held") not in held and any("seccomp" in h for h in held), held


@pytest.mark.parametrize("way", ["/proc/self/../..", "/proc/thread-self/../../../..", "/proc/./self/task/../../.."])
def test_no_way_out_of_proc_self(srt, tmp_path, way):
    """`..` behind /proc/self stays in the sandbox: what is changed is what its own path names."""
    name = f"srt-test-{os.getpid()}"
    host = f"/dev/shm/{name}"
    with open(host, "w", encoding="ascii") as f:
        f.write("x")
    os.chmod(host, 0o600)
    full = os.stat("/dev/full").st_mode
    code = f"""
import os
def what(f):
    try: f(); return 'done'
    except OSError as e: return e.errno
p = '{way}/dev/shm/{name}'
print(what(lambda: os.chmod(p, 0o666)), what(lambda: os.utime(p, (1, 1))), what(lambda: os.setxattr(p, 'user.a', b'1')))
print(what(lambda: os.chmod('{way}/dev/full', 0o646)), what(lambda: os.chmod('/proc/iomem', 0o444)))
open('/dev/shm/own', 'w'); print(what(lambda: os.chmod('{way}/dev/shm/own', 0o640)), oct(os.stat('/dev/shm/own').st_mode))
os.chdir('/proc/self/task'); print(what(lambda: os.chmod('/proc/self/cwd', 0o700)))
"""
    iomem = os.stat("/proc/iomem").st_mode
    try:
        r = srt.run(["/usr/bin/python3", "-c", code], {})
        lines = r.out.splitlines()
        assert lines[0] == "2 2 2" and "done" not in lines[1] and lines[2] == "done 0o100640" and lines[3] != "done", r
        assert os.stat(host).st_mode & 0o777 == 0o600 and os.stat("/dev/full").st_mode == full, r
        assert os.stat("/proc/iomem").st_mode == iomem
    finally:
        os.unlink(host)


@pytest.mark.parametrize("way", ["/proc/self/cwd", "/proc/self/task/{tid}/cwd", "/proc/self/../{pid}/cwd", "/proc/thread-self/cwd"])
def test_denied_names_by_any_way_through_proc(srt, project, way):
    code = f"""
import os
way = {way!r}.format(tid=os.getpid(), pid=os.getpid())
try: open(way + '/absent.env', 'w'); print('made')
except OSError as e: print(e.errno)
open(way + '/other', 'w'); print('other')
"""
    policy = {"filesystem": {"allowWrite": [str(project)], "denyWrite": [str(project / "absent.env")]}}
    r = srt.run(["/usr/bin/python3", "-c", code], policy, cwd=str(project))
    assert r.out == "30\nother\n" and not (project / "absent.env").exists(), r
    r.only(op="file-create", target=str(project / "absent.env"))


def test_priorities_and_versions_of_others(srt, tmp_path):
    """A process group has members outside; an input file is the host's."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    (tmp_path / "f").write_text("x")
    code = """
import ctypes, os
lib = ctypes.CDLL(None, use_errno=True)
def what(r): return 'done' if r >= 0 else ctypes.get_errno()
print(what(lib.setpriority(1, 0, 19)), what(lib.setpriority(0, 0, 5)))
print(what(lib.syscall(251, 2, 0, 3 << 13)), what(lib.syscall(251, 1, 0, 3 << 13)))
print(what(lib.ioctl(0, 0x40087602, ctypes.byref(ctypes.c_long(777)))))
"""
    with open(tmp_path / "f", "rb") as f:
        r = srt.run(["/usr/bin/python3", "-c", code], {}, stdin=f)
    assert r.out == "1 done\n1 done\n1\n" and os.getpriority(os.PRIO_PROCESS, 0) == before, r
