"""connect(2) in odd states and under load (A5 52, 55): sockets of every kind, options that
change what connect does, many at once.  Allowed and denied in the same sandbox."""
import re
import socket
import subprocess
import threading

import pytest

from conftest import helper

ALLOWED, DENIED = "203.0.113.10", "203.0.113.20"
POLICY = {"network": {"allowedAddresses": [ALLOWED, "203.0.113.99", "203.0.113.1"]}}

PRELUDE = f"""
import errno, json, os, platform, select, socket, struct, sys, threading, time
OK, NO = ('{ALLOWED}', 80), ('{DENIED}', 80)
CONNECT = {{'x86_64': '42 ', 'aarch64': '203 '}}[platform.machine()]  # in /proc/TID/syscall
def what(f, *args):
    try: f(*args); return 'ok'
    except OSError as e: return errno.errorcode[e.errno]
def hello(s):
    s.setblocking(True); s.settimeout(10)
    s.sendall(b'GET /hello HTTP/1.0\\r\\n\\r\\n')
    data = b''
    while True:
        more = s.recv(1000)
        if not more: return b'hello' in data
        data += more
def connect(s, to):
    '''As a careful program does it, blocking or not.'''
    try: s.connect(to)
    except BlockingIOError:
        select.select([], [s], [], 10)
        e = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if e: raise OSError(e, os.strerror(e))
"""


def python(srt, code, policy=None, **kwargs):
    return srt.run(["/usr/bin/python3", "-c", PRELUDE + code], policy or POLICY, **kwargs)


def python_outside(code):
    done = subprocess.run(["/usr/bin/python3", "-c", PRELUDE + code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done
    return done.stdout


FASTOPEN = """
blocking, no_cookie = sys.argv[1] == 'True', sys.argv[2] == 'True'
def make():
    s = socket.socket(); s.setsockopt(socket.IPPROTO_TCP, 30, 1)  # TCP_FASTOPEN_CONNECT
    if no_cookie: s.setsockopt(socket.IPPROTO_TCP, 34, 1)  # TCP_FASTOPEN_NO_COOKIE
    s.setblocking(blocking)
    return s
over, slowest, n = False, 0, 0
def others():
    global slowest, n
    while not over:
        began = time.monotonic(); s = socket.create_connection(OK); slowest = max(slowest, time.monotonic() - began); s.close(); n += 1
t = threading.Thread(target=others); t.start()
for i in range(20):
    s = make(); print('allowed', what(connect, s, OK), hello(s)); s.close()
print('denied', what(connect, make(), NO))
over = True; t.join()
print('others', n > 0, slowest)
"""


@pytest.mark.parametrize("no_cookie", [False, True], ids=["cookie", "no-cookie"])
@pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "non-blocking"])
def test_fastopen_connect(srt, net, blocking, no_cookie):
    """The option makes connect(2) a promise that the first write keeps."""
    r = srt.run(["/usr/bin/python3", "-c", PRELUDE + FASTOPEN, str(blocking), str(no_cookie)], POLICY)
    lines = r.out.splitlines()
    assert lines[:20] == ["allowed ok True"] * 20, r
    assert lines[20] == "denied EACCES", r
    assert lines[21].startswith("others True"), r
    r.only(op="net-connect", target=f"{DENIED}:80", errno="EACCES", rule="/network/allowedDomains")


def test_a_connection_that_its_caller_hinders_stops_nobody_else(srt, net):
    """IP_MINTTL on the caller's socket eats every answer to its SYN: only it waits, for a time."""
    r = python(srt, """
def stuck():
    s = socket.socket(); s.setsockopt(socket.IPPROTO_IP, 21, 255); results.append(what(s.connect, OK))
def many(n):
    began = time.monotonic()
    for i in range(n): socket.create_connection(OK).close()
    return (time.monotonic() - began) / n
results = []
first = many(40)
threads = [threading.Thread(target=stuck) for i in range(20)]
for t in threads: t.start()
second = many(40)
print(second < 10 * first + 0.01, first, second, flush=True)
s = socket.create_connection(OK); print(hello(s), s.getpeername() == OK)
for t in threads: t.join()
print(sorted(set(results)))
""")
    assert r.out.startswith("True"), r
    assert r.out.splitlines()[1:] == ["True True", "['ETIMEDOUT']"] and not r.violations, r


@pytest.mark.parametrize("call, want, name", [
    ("socket(socket.AF_INET, socket.SOCK_STREAM, 262)", "EPROTONOSUPPORT", "socket(AF_INET, 1, 262)"),
    ("socket(socket.AF_INET6, socket.SOCK_STREAM, 262)", "EPROTONOSUPPORT", "socket(AF_INET6, 1, 262)"),
    ("socket(socket.AF_INET, socket.SOCK_DGRAM, 136)", "EPROTONOSUPPORT", "socket(AF_INET, 2, 136)"),
    ("socket(socket.AF_INET, socket.SOCK_STREAM, 132)", "EPROTONOSUPPORT", "socket(AF_INET, 1, 132)"),
    ("socket(socket.AF_INET, socket.SOCK_SEQPACKET, 132)", "EPROTONOSUPPORT", "socket(AF_INET, 5, 132)"),
    ("socket(socket.AF_UNIX, socket.SOCK_RAW)", "EPROTONOSUPPORT", "socket(AF_UNIX, 3, 0)"),
    ("socket(socket.AF_UNIX, socket.SOCK_DGRAM)", "EPROTONOSUPPORT", "socket(AF_UNIX, 2, 0)"),
    ("socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)", "EPROTONOSUPPORT", "socketpair(AF_UNIX, 2, 0)"),
    ("socketpair(socket.AF_UNIX, socket.SOCK_RAW)", "EPROTONOSUPPORT", "socketpair(AF_UNIX, 3, 0)"),
])
def test_refused_kinds_of_sockets(srt, net, call, want, name):
    r = python(srt, f"""
print(what(lambda: socket.{call}))
s = socket.create_connection(OK); print(hello(s))
a, b = socket.socketpair(); a.send(b'x'); print(b.recv(1))
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET); a.send(b'x'); print(b.recv(1))
""")
    assert r.out.splitlines() == [want, "True", "b'x'", "b'x'"], r
    v = r.only(op="syscall", errno=want, source="supervisor")
    assert v["target"] == name, v


def test_the_listeners_of_srt(srt, net):
    """Reached from inside they lead where the policy allows; the ports as such are nobody's elsewhere."""
    r = python(srt, """
def ask(port, *parts, of='127.0.0.1'):
    s = socket.create_connection((of, port), 10)
    got = b''
    for part in parts: s.sendall(part); got = s.recv(300)
    return got
for host in (OK[0], NO[0]):
    print('http', host, ask(3128, f'CONNECT {host}:80 HTTP/1.1\\r\\nHost: {host}:80\\r\\n\\r\\n'.encode())[9:12])
    print('socks', host, ask(1080, b'\\5\\1\\0', b'\\5\\1\\0\\1' + socket.inet_aton(host) + b'\\0\\x50')[1] == 0)
for to in (('127.0.0.2', 3128), ('127.0.0.1', 1081), ('10.255.255.1', 3128), ('0.0.0.0', 1081), (OK[0], 3128), (NO[0], 3128)):
    s = socket.socket(); print(to, what(connect, s, to))
""")
    assert r.out.splitlines() == [
        f"http {ALLOWED} b'200'", f"socks {ALLOWED} True", f"http {DENIED} b'403'", f"socks {DENIED} False",
        "('127.0.0.2', 3128) ECONNREFUSED", "('127.0.0.1', 1081) ECONNREFUSED", "('10.255.255.1', 3128) ECONNREFUSED",
        "('0.0.0.0', 1081) ECONNREFUSED", f"('{ALLOWED}', 3128) ECONNREFUSED", f"('{DENIED}', 3128) EACCES"], r
    assert [(v["op"], v["target"]) for v in r.violations] == [
        ("http-request", f"{DENIED}:80"), ("net-connect", f"{DENIED}:80"), ("net-connect", f"{DENIED}:3128")], r


STATES = """
def sockets():
    a = socket.socket(); a.connect(OK); yield 'connected', a
    a = socket.socket(); a.connect(OK); a.shutdown(socket.SHUT_WR); a.recv(1); yield 'closed by both', a
    a = socket.socket(); a.connect(OK); disconnect(a); what(a.connect, OK); disconnect(a); yield 'twice disconnected', a
    a = socket.socket(); a.bind(('127.0.0.1', 0)); a.listen(); yield 'listening', a
    a = socket.socket(); a.bind(('', 0)); yield 'bound', a
    a = socket.socket(); a.connect(OK); disconnect(a); yield 'disconnected', a
    a = socket.socket(); disconnect(a); yield 'never connected', a
    a = socket.socket(); what(a.connect, ('127.0.0.1', 1)); yield 'refused', a
    a = socket.socket(); yield 'fresh', a
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def disconnect(s):
    libc.connect(s.fileno(), bytes(16), 16)  # AF_UNSPEC
"""


def test_sockets_in_every_state(srt, net):
    """To an allowed address as outside; to a denied one refused where outside it would connect."""
    code = STATES + """
for name, s in sockets():
    end = what(s.connect, TO)
    print(name + ':', end, end == 'ok' and TO is OK and hello(s), flush=True)
"""
    allowed, denied = "TO = OK\n" + code, "TO = NO\n" + code
    r = python(srt, allowed)
    assert r.out == python_outside(allowed) and not r.violations, r
    r = python(srt, denied)
    outside = python_outside(denied)
    assert r.out == outside.replace(" ok ", " EACCES "), (r, outside)
    assert r.count(op="net-connect", target=f"{DENIED}:80") == outside.count(" ok ") == 6, r


def test_disconnected_and_connected_again(srt, net):
    code = STATES + """
s = socket.socket()
for i in range(3):
    print(what(s.connect, OK), hello(s)); disconnect(s)
    print(what(s.connect, NO)); disconnect(s)
print(what(s.connect, OK), hello(s), s.getpeername())
"""
    r = python(srt, code)
    assert r.out == "ok True\nEACCES\n" * 3 + f"ok True ('{ALLOWED}', 80)\n", r
    assert r.count(op="net-connect", target=f"{DENIED}:80") == len(r.violations) + sum(
        e["count"] for e in r.events if e["type"] == "repeat") == 3, r


@pytest.mark.parametrize("option", ["s.setsockopt(socket.SOL_SOCKET, 25, b'lo')",  # SO_BINDTODEVICE
                                    "s.setsockopt(socket.IPPROTO_IP, 19, 1)",  # IP_TRANSPARENT
                                    "s.setsockopt(socket.IPPROTO_IP, 15, 1)",  # IP_FREEBIND
                                    "s.setsockopt(socket.SOL_SOCKET, 36, 1)",  # SO_MARK
                                    "s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)",
                                    "s.setsockopt(socket.SOL_SOCKET, socket.SO_DONTROUTE, 1)",
                                    "s.bind(('', 34567))",
                                    "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('', 34568))",
                                    "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1); s.bind(('', 34569))",
                                    "s.bind((OK[0], 34570))"])
def test_sockets_with_options(srt, net, option):
    """Set or refused (no capability inside): the socket leads where the policy says."""
    r = python(srt, f"""
def make():
    s = socket.socket()
    try: {option}
    except PermissionError: pass
    return s
s = make(); name = s.getsockname()
print(what(connect, s, OK), hello(s), name[1] in (0, s.getsockname()[1])); s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); s.close()
s = make(); print(what(connect, s, NO))
""")
    assert r.out == "ok True True\nEACCES\n", r
    r.only(op="net-connect", target=f"{DENIED}:80")


def test_a_socket_bound_to_its_own_destination(srt, net):
    """Every address can be bound inside: whoever connects to himself waits alone."""
    r = python(srt, """
def bound(reuse):
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse); s.bind((OK[0], 6379))
    return s
s = bound(0); s.connect((OK[0], 6379)); s.sendall(b'PING\\r\\n'); print(s.recv(10))
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); s.close()
s = bound(1); results = []
t = threading.Thread(target=lambda: results.append(what(s.connect, (OK[0], 6379)))); t.start()
began = time.monotonic(); print(hello(socket.create_connection(OK)), time.monotonic() - began < 3)
t.join(); print(results)
""")
    assert r.out == "b'+PONG\\r\\n'\nTrue True\n['ETIMEDOUT']\n" and not r.violations, r


def test_two_programs_connect_to_one_place_at_the_same_moment(srt, net):
    """A thousand rounds of two processes, by turns blocking and not: each gets its own connection."""
    r = python(srt, """
def run(pipe, go):
    bad = []
    for i in range(1000):
        os.read(go, 1)
        s = socket.socket(); s.setblocking(i % 2 == 0)
        end = what(connect, s, OK)
        if end == 'ok' and s.getpeername() != OK: end = 'another port'
        if end == 'ok' and i % 50 == 0 and not hello(s): end = 'no answer'
        if end != 'ok': bad.append((i, end))
        s.close()
    os.write(pipe, json.dumps(bad).encode() + b'\\n'); os._exit(0)
results, out = os.pipe()
starts = []
for i in range(2):
    r, w = os.pipe(); starts.append(w)
    if os.fork() == 0: run(out, r)
for i in range(1000):
    for w in starts: os.write(w, b'x')
os.close(out)
print(os.fdopen(results).read(), end='')
""", timeout=100)
    assert r.out == "[]\n[]\n" and not r.violations, r


def full_listener():
    """An upstream whose backlog is full: what comes now is neither accepted nor refused."""
    s = socket.socket()
    s.bind(("203.0.113.1", 0))
    s.listen(0)
    fillers = []
    for _ in range(3):
        f = socket.socket()
        f.setblocking(False)
        f.connect_ex(s.getsockname())
        fillers.append(f)
    return s, fillers


def test_a_full_backlog_upstream_stops_nobody_else(srt, net):
    """1 000 connects parked on an allowed upstream that does not accept (A5 52)."""
    listener, fillers = full_listener()
    r = python(srt, f"""
def median(n):
    times = []
    for i in range(n):
        began = time.monotonic(); socket.create_connection(OK).close(); times.append(time.monotonic() - began)
    return sorted(times)[n // 2]
def park():
    s = socket.socket(); s.connect(('203.0.113.1', {listener.getsockname()[1]}))
threading.stack_size(65536)
first = median(100)
for i in range(1000): threading.Thread(target=park, daemon=True).start()
def parked(): return sum(open('/proc/self/task/' + t + '/syscall').read().startswith(CONNECT) for t in os.listdir('/proc/self/task'))
while parked() < 1000: pass
second = median(100)
print(second < 10 * first + 0.005, parked(), first, second, flush=True)
os._exit(0)
""", timeout=100)
    listener.close()
    for f in fillers:
        f.close()
    assert r.out.startswith("True 1000"), r


class Late:
    """An upstream that accepts nobody until open(), then answers `pong`."""

    def __init__(self):
        self.listener, self.fillers = full_listener()
        self.address = self.listener.getsockname()

    def open(self):
        for f in self.fillers:
            f.close()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                c, _ = self.listener.accept()
            except OSError:
                return
            if c.recv(10):
                c.sendall(b"pong")
            c.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


INTERRUPTED = """
import signal
to = (sys.argv[1], int(sys.argv[2]))
signal.signal(signal.SIGUSR1, lambda *_: print('interrupted', flush=True))
s = socket.socket()
def interrupt():
    while not open(f'/proc/self/task/{caller}/syscall').read().startswith(CONNECT): pass
    time.sleep(0.1); os.kill(os.getpid(), signal.SIGUSR1) if sys.argv[3] == 'process' else signal.pthread_kill(main, signal.SIGUSR1)
main, caller = threading.get_ident(), threading.get_native_id()
if sys.argv[3] == 'child':
    if os.fork() == 0:
        while not open(f'/proc/{caller}/syscall').read().startswith(CONNECT): pass
        time.sleep(0.1); os.kill(os.getppid(), signal.SIGUSR1); os._exit(0)
else: threading.Thread(target=interrupt).start()
s.connect(to)
s.sendall(b'ping'); print(s.recv(10), s.getpeername() == to, what(s.connect, to), what(s.connect, to))
"""


@pytest.mark.parametrize("how", ["thread", "process", "child"])
@pytest.mark.parametrize("inside", [True, False], ids=["inside", "outside"])
def test_an_interrupted_connect_goes_on(srt, net, inside, how):
    """connect(2): after EINTR the connection is made all the same, and can be waited for, as Python does."""
    upstream = Late()
    argv = ["/usr/bin/python3", "-c", PRELUDE + INTERRUPTED, upstream.address[0], str(upstream.address[1]), how]
    with (srt.start(argv, POLICY, stdout=subprocess.PIPE, text=True) if inside else
          subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)) as p:
        assert p.stdout.readline() == "interrupted\n"
        upstream.open()
        assert p.communicate(timeout=20)[0] == "b'pong' True ok EISCONN\n"
        assert p.returncode == 0
    upstream.close()
    if inside:
        assert not [e for e in srt.read_events(p.events) if e["type"] == "violation"]


def test_an_interrupted_socket_is_used_again(srt, net):
    """Given up, disconnected, connected elsewhere: the new one has nothing of the old."""
    r = python(srt, STATES + """
import signal
class Over(Exception): pass
def over(*_): raise Over
signal.signal(signal.SIGALRM, over)
s = socket.socket()
for to in (OK, NO, OK):
    s.setblocking(True); signal.setitimer(signal.ITIMER_REAL, 0.3)
    try: s.connect(('203.0.113.99', 80)); print('connected')
    except Over: print('over')
    disconnect(s); end = what(s.connect, to); print(end, end == 'ok' and hello(s)); disconnect(s)
""")
    assert r.out == "over\nok True\nover\nEACCES False\nover\nok True\n", r
    r.only(op="net-connect", target=f"{DENIED}:80")


@pytest.mark.parametrize("mode, errno, seconds, caught", [
    ("int", 4, 1, 1), ("int-restart", 4, 2, 2), ("close", 115, 3, 0), ("new", 115, 3, 1), ("thread-new", 115, 3, 1)])
def test_parked_connect_interrupted(srt, net, mode, errno, seconds, caught):
    """The same program outside, against the same black hole, is the measure (A5 56, 65)."""
    program = [helper("parked"), mode, "203.0.113.99"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as outside:
        r = srt.run(program, POLICY, timeout=20)
        theirs = outside.communicate(timeout=20)[0]
    assert not r.violations, r
    for out in (r.out, theirs):
        got = [int(n) for n in re.findall(r"\d+", out)]
        assert got[0] == errno and got[2] == caught and seconds <= got[1] <= seconds + 2, (r, theirs)


def test_a_killed_caller_leaves_nothing_behind(srt, net):
    """SIGKILL of a parked caller, again and again: others connect, and the upstream is let go."""
    r = python(srt, f"""
import signal, subprocess
for i in range(20):
    p = subprocess.Popen(['{helper("parked")}', 'wait', '203.0.113.99'], stdout=subprocess.PIPE)
    p.stdout.readline()
    while not open(f'/proc/{{p.pid}}/syscall').read().startswith(CONNECT): pass
    p.kill(); print(p.wait(5), what(socket.create_connection, OK))
""")
    assert r.out == "-9 ok\n" * 20 and not r.violations, r


@pytest.mark.parametrize("what", ["write", "connect"])
def test_two_thousand_threads_refused_at_once(srt, net, tmp_path, what):
    """4 processes of 500 threads (A5 65): exact totals, no hang, and the permitted twin after it."""
    program = helper("refused_threads")
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    target = str(tmp_path / "refused") if what == "write" else DENIED
    policy = dict(POLICY, filesystem={"allowWrite": [str(allowed)]})
    r = srt.sh(f"for i in 1 2 3 4; do {program} {what} 500 {target} & done; wait; "
               f"echo x > {allowed}/file && curl -sS http://{ALLOWED}/hello", policy, timeout=60)
    assert r.out.splitlines()[:4] == ["500 0"] * 4 and "hello" in r.out, r
    rule = "/filesystem/allowWrite" if what == "write" else "/network/allowedDomains"
    assert r.events[-1]["totals"] == {rule: 2000} and r.count(rule=rule) == 2000, r.events[-1]
