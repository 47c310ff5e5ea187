"""Unix sockets by path (A3 39); connects that wait (A5 52, 56) or are raced (55)."""
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import pytest

from conftest import helper, need, wait_until

CONNECT = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
try:
    s.connect(sys.argv[1].replace('@', '\\0', 1) if sys.argv[1].startswith('@') else sys.argv[1])
    s.sendall(b'ping'); print(s.recv(10).decode())
except OSError as e: print(e.errno)
"""


class Echo:
    """A server of the host on a Unix socket, answering `pong`."""

    def __init__(self, path, kind=socket.SOCK_STREAM):
        self.path = path
        self.sock = socket.socket(socket.AF_UNIX, kind)
        self.sock.bind(path)
        self.served = 0
        if kind == socket.SOCK_STREAM:
            os.chmod(path, 0o777) if path[0] != "\0" else None
            self.sock.listen(10)
            threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                c, _ = self.sock.accept()
            except OSError:
                return
            self.served += 1
            c.recv(10)
            c.sendall(b"pong")
            c.close()


@pytest.fixture
def server(tmp_path):
    s = Echo(str(tmp_path / "host.sock"))
    yield s
    s.sock.close()


def connect(srt, path, policy, **kwargs):
    return srt.run(["/usr/bin/python3", "-c", CONNECT, path], policy, **kwargs)


def test_unix_socket_allowed_and_denied(srt, server):
    allowed = {"network": {"allowUnixSockets": [server.path]}}
    r = connect(srt, server.path, allowed)
    assert r.out == "pong\n" and not r.violations, r
    r = connect(srt, server.path, {})
    assert r.out == "13\n" and server.served == 1, r
    v = r.only(op="unix-connect", target=server.path, rule="/network/allowUnixSockets", source="supervisor")
    assert v["change"], v


def test_unix_socket_through_a_symlink(srt, server, tmp_path):
    link = tmp_path / "link.sock"
    link.symlink_to(server.path)
    assert connect(srt, str(link), {"network": {"allowUnixSockets": [server.path]}}).out == "pong\n"
    r = connect(srt, str(link), {})
    assert r.out == "13\n", r
    r.only(op="unix-connect", target=server.path, requested=str(link))


def test_all_unix_sockets(srt, server):
    assert connect(srt, server.path, {"network": {"allowAllUnixSockets": True}}).out == "pong\n"


def test_abstract_sockets_are_the_sandboxs_own(srt):
    s = Echo("\0srt-test-abstract")
    try:
        r = connect(srt, "@srt-test-abstract", {"network": {"allowAllUnixSockets": True}})
        assert r.out == "111\n" and s.served == 0, r
        r = srt.run(["/usr/bin/python3", "-c", """
import socket
a = socket.socket(socket.AF_UNIX); a.bind('\\0own'); a.listen()
b = socket.socket(socket.AF_UNIX); b.connect('\\0own'); print('own')
"""], {})
        assert r.out == "own\n", r
    finally:
        s.sock.close()


def test_datagrams_do_not_reach_the_host(srt, tmp_path):
    path = str(tmp_path / "dgram.sock")
    receiver = Echo(path, socket.SOCK_DGRAM)
    os.chmod(path, 0o777)
    receiver.sock.setblocking(False)
    code = f"""
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for f in (lambda: s.sendto(b'x', '{path}'), lambda: s.sendmsg([b'x'], [], 0, '{path}'), lambda: s.connect('{path}')):
    try: f(); print('sent')
    except OSError as e: print(e.errno)
"""
    r = srt.run(["/usr/bin/python3", "-c", code], {})
    assert "sent" not in r.out, r
    with pytest.raises(BlockingIOError):
        receiver.sock.recv(10)
    receiver.sock.close()


def test_sockets_made_inside_work(srt, project):
    r = srt.run(["/usr/bin/python3", "-c", """
import os, socket
for path in (os.environ['TMPDIR'] + '/s', 's'):
    a = socket.socket(socket.AF_UNIX); a.bind(path); a.listen()
    b = socket.socket(socket.AF_UNIX); b.connect(path); print('own')
x, y = socket.socketpair(); x.send(b'1'); print(y.recv(1))
"""], {"filesystem": {"allowWrite": [str(project)]}}, cwd=str(project))
    assert r.out == "own\nown\nb'1'\n" and not r.violations, r


def test_ssh_agent(srt, tmp_path):
    need("ssh-agent", "ssh-add")
    sock = str(tmp_path / "agent")
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", sock], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: os.path.exists(sock), what="the agent")
        r = srt.run(["ssh-add", "-l"], {"network": {"allowUnixSockets": [sock]}}, env={"SSH_AUTH_SOCK": sock})
        assert "no identities" in r.out, r
        r = srt.run(["ssh-add", "-l"], {}, env={"SSH_AUTH_SOCK": sock})
        assert "no identities" not in r.out, r
        r.only(op="unix-connect", target=sock)
    finally:
        agent.kill()
        agent.wait()


def test_socket_replaced_during_connect(srt, project, tmp_path):
    """An allowed path that becomes a link to a denied socket, again and again."""
    directory = tempfile.mkdtemp(prefix="s", dir="/tmp")  # the path must fit into an address
    denied = Echo(directory + "/denied.sock")
    code = f"""
import os, socket, threading
def swap():
    while not over:
        try:
            os.symlink('{denied.path}', 'new'); os.rename('new', 's')
            a = socket.socket(socket.AF_UNIX); a.bind('new'); a.listen(); os.rename('new', 's')
        except OSError: pass
over = False
t = threading.Thread(target=swap); t.start()
got = 0
for i in range(1500):
    s = socket.socket(socket.AF_UNIX); s.settimeout(0.05)
    try:
        s.connect('s'); s.sendall(b'x')
        if s.recv(4) == b'pong': got += 1
    except OSError: pass
    s.close()
over = True; t.join(); print('got', got)
"""
    r = srt.run(["/usr/bin/python3", "-c", code], {"filesystem": {"allowWrite": [str(project)]}},
                cwd=str(project), timeout=120)
    assert r.out == "got 0\n" and denied.served == 0, r
    denied.sock.close()
    shutil.rmtree(directory)


def test_descriptor_and_address_swapped(srt, net, tmp_path):
    server = Echo(str(tmp_path / "root.sock"))
    program = helper("connect_race")
    r = srt.run([program, server.path, "80", "10000"], {"network": {"allowedAddresses": ["203.0.113.10"]}}, timeout=120)
    assert r.out == "host 0 tcp yes\n" and server.served == 0, r
    server.sock.close()


def test_descriptor_and_address_swapped_while_parked(srt, net, tmp_path):
    server = Echo(str(tmp_path / "root.sock"))
    code = f"""
import os, socket, threading, time
fd = socket.socket().detach()
def swap():
    time.sleep(0.5)
    u = socket.socket(socket.AF_UNIX); os.dup2(u.fileno(), fd); u.close()
threading.Thread(target=swap).start()
s = socket.socket(fileno=os.dup(fd)); s.close()
import ctypes
a = bytes([2,0,0,80,203,0,113,99]) + bytes(8)
lib = ctypes.CDLL(None, use_errno=True)
tv = bytes([2]) + bytes(15)
lib.setsockopt(fd, 1, 21, tv, 16)
rc = lib.connect(fd, a, 16); print(rc, ctypes.get_errno())
k = socket.socket(fileno=fd)
try: print(k.getpeername())
except OSError as e: print(e.errno)
"""
    r = srt.run(["/usr/bin/python3", "-c", code], {"network": {"allowedAddresses": ["203.0.113.0/24"]}}, timeout=30)
    assert r.out == "-1 115\n107\n" and server.served == 0, r
    server.sock.close()


HOLE = {"network": {"allowedAddresses": ["203.0.113.0/24"]}}


@pytest.mark.parametrize("mode, want", [("alarm", "errno 4 after 1 s, caught 1"),
                                        ("restart", "errno 4 after 2 s, caught 2"),
                                        ("timeout", "errno 115 after 3 s, caught 0")])
def test_parked_connect_and_signals(srt, net, mode, want):
    """The same program outside, against the same black hole, is the measure."""
    program = helper("parked")
    outside = subprocess.run([program, mode, "203.0.113.99"], capture_output=True, text=True, timeout=20, check=False)
    r = srt.run([program, mode, "203.0.113.99"], HOLE, timeout=20)
    assert r.out.split("\n")[1].split(" after")[0] == outside.stdout.split("\n")[1].split(" after")[0], (r, outside)
    assert r.out.split("\n")[1] == want, r


@pytest.mark.parametrize("threads", [4, 32, 1000])
def test_parked_threads_and_a_signal_to_the_process(srt, net, threads):
    r = srt.run([helper("parked"), "shared", "203.0.113.99", str(threads)], HOLE, timeout=60)
    assert r.code == 0, r
    caught, worst = r.out.split()[1], int(r.out.split()[3])
    assert caught == "yes" and worst <= 133, r


def test_parked_connect_dies_with_its_caller(srt, net):
    program = helper("parked")
    r = srt.sh(f"{program} wait 203.0.113.99 & sleep 0.3; kill -KILL $!; wait $!; echo status $?; "
               f"(exec 3<>/dev/tcp/203.0.113.10/80) 2>/dev/null; echo on", HOLE, timeout=20)
    assert "status 137" in r.out and "on" in r.out, r


def test_parked_connects_stop_nobody_else(srt, net):
    """1 000 parked connects; others go on at their usual speed (also design 7.12)."""
    code = f"""
import socket, subprocess, sys, time
def many(n):
    t = time.monotonic()
    for i in range(n):
        s = socket.create_connection(('203.0.113.10', 80)); s.close()
    return time.monotonic() - t
first = many(50)
p = subprocess.Popen(['{helper('parked')}', 'shared', '203.0.113.99', '1000'])
time.sleep(0.8)
second = many(50)
p.kill()
print(second < 10 * first + 0.5, first, second)
"""
    r = srt.run(["/usr/bin/python3", "-c", code], HOLE, timeout=60)
    assert r.out.startswith("True"), r


def test_full_backlog_inside_stops_nobody_else(srt, net, project):
    """A full TCP and a full Unix backlog inside; and a FIFO without a writer."""
    code = """
import os, socket, threading, time
t = socket.socket(); t.bind(('127.0.0.1', 0)); t.listen(0)
u = socket.socket(socket.AF_UNIX); u.bind('s'); u.listen(0)
os.mkfifo('fifo')
def park(make):
    try: make()
    except OSError: pass
def unix(): k.append(socket.socket(socket.AF_UNIX)); k[-1].connect('s')
k = []
for i in range(5):
    threading.Thread(target=park, args=(lambda: k.append(socket.create_connection(t.getsockname())),), daemon=True).start()
    threading.Thread(target=park, args=(unix,), daemon=True).start()
threading.Thread(target=lambda: open('fifo', 'w'), daemon=True).start()
time.sleep(0.5)
began = time.monotonic()
for i in range(50): socket.create_connection(('203.0.113.10', 80)).close(); open('f', 'w').close()
print(time.monotonic() - began < 2, flush=True)
os._exit(0)
"""
    policy = dict(HOLE, filesystem={"allowWrite": [str(project)]})
    r = srt.run(["/usr/bin/python3", "-c", code], policy, cwd=str(project), timeout=30)
    assert r.out == "True\n", r


def test_connected_listening_and_closed_sockets(srt, net):
    """connect(2) on sockets in every state: as outside."""
    code = """
import socket
def what(f):
    try: f(); return 0
    except OSError as e: return e.errno
a = socket.socket(); a.connect(('203.0.113.10', 80)); print(what(lambda: a.connect(('203.0.113.10', 80))))
b = socket.socket(); b.bind(('127.0.0.1', 0)); b.listen(); print(what(lambda: b.connect(('203.0.113.10', 80))))
c = socket.socket(socket.AF_INET6); print(what(lambda: c.connect(('::ffff:203.0.113.10', 80))))
d = socket.socket(); print(what(lambda: d.connect(('203.0.113.10', 0))))
e = socket.socket(); e.setblocking(False); print(what(lambda: e.connect(('203.0.113.10', 80))))
"""
    outside = subprocess.run(["/usr/bin/python3", "-c", code], capture_output=True, text=True, check=True)
    r = srt.run(["/usr/bin/python3", "-c", code], HOLE)
    ours, theirs = r.out.split(), outside.stdout.split()
    assert ours[:3] == theirs[:3] and ours[4] in ("0", "115"), (r, outside)
    assert ours[3] in (theirs[3], "13"), (r, outside)


def test_listeners_of_srt_are_no_way_out(srt, net):
    """srt's own ports inside lead only where the policy allows."""
    code = """
import socket
for port in (53, 3128, 1080, 1081):
    try: s = socket.create_connection(('127.0.0.1', port), 2); s.sendall(b'\\0' * 100); print(port, b'200' not in s.recv(100))
    except OSError as e: print(port, True)
"""
    r = srt.run(["/usr/bin/python3", "-c", code], HOLE)
    assert r.out.count("True") == 4, r


def test_many_connects_at_once(srt, net):
    code = """
import asyncio
async def one():
    r, w = await asyncio.open_connection('203.0.113.10', 80)
    w.write(b'GET /hello HTTP/1.0\\r\\n\\r\\n'); data = await r.read(); w.close()
    return b'hello' in data
async def main(): print(sum(await asyncio.gather(*[one() for i in range(300)])))
asyncio.run(main())
"""
    began = time.monotonic()
    r = srt.run(["/usr/bin/python3", "-c", code], HOLE, timeout=60)
    assert r.out == "300\n", (r, time.monotonic() - began)
