"""A3 34: what an allowed name may lead to.  Looked up by the program and then
connected to, or by name through srt's own proxies: the same answers."""
import socket
import threading
import uuid

import pytest

from conftest import helper, need

PORT = 6379  # Redis on the public addresses; our listeners on this host's own
ALLOWED = "allowed.test"

REACH = f"""
import os, socket, sys
def routed(host):
    return socket.create_connection((host, {PORT}), 10)
def http(host):
    s = socket.create_connection(('127.0.0.1', int(os.environ['HTTP_PROXY'].rsplit(':', 1)[1].strip('/'))))
    s.sendall(f'CONNECT {{host}}:{PORT} HTTP/1.1\\r\\nHost: {{host}}:{PORT}\\r\\n\\r\\n'.encode())
    head = b''
    while not head.endswith(b'\\r\\n\\r\\n'):
        more = s.recv(1)
        if not more: break
        head += more
    if b' 200 ' not in head: raise OSError(head.split(b'\\r\\n')[0].decode())
    return s
def socks(host):
    s = socket.create_connection(('127.0.0.1', int(os.environ['ALL_PROXY'].rsplit(':', 1)[1].strip('/'))))
    s.sendall(b'\\5\\1\\0' + b'\\5\\1\\0\\3' + bytes([len(host)]) + host.encode() + ({PORT}).to_bytes(2, 'big'))
    assert s.recv(2, socket.MSG_WAITALL) == b'\\5\\0'
    if s.recv(10, socket.MSG_WAITALL)[1] != 0: raise OSError('socks refused')
    return s
way = dict(routed=routed, http=http, socks=socks)[sys.argv[1]]
for host in sys.argv[2:]:
    try:
        s = way(host); s.sendall(b'PING\\r\\n'); print(host, s.recv(100).decode().strip())
    except OSError as e: print(host, 'failed', e)
"""

WAYS = ["routed", "http", "socks"]


class Trap:
    """A listener on an address of this host; it says +TRAP to whoever gets there."""

    def __init__(self, address):
        self.sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind((address, PORT))
        self.sock.listen(10)
        self.reached = 0
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                c, _ = self.sock.accept()
            except OSError:
                return
            self.reached += 1
            c.sendall(b"+TRAP\r\n")
            c.close()

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.sock.close()


@pytest.fixture
def traps(net):
    addresses = ["127.0.0.1", "::1", "203.0.113.1", "2001:db8::1"]
    made = {a: Trap(a) for a in addresses}
    yield made
    for t in made.values():
        t.close()


def touched(traps):
    return [address for address, t in traps.items() if t.reached]


def reach(srt, way, domains, *hosts, **network):
    policy = {"network": dict({"allowedDomains": [*domains], "proxyEnv": "always"}, **network)}
    return srt.run(["/usr/bin/python3", "-c", REACH, way, *hosts], policy)


def answers(r):
    return dict(line.split(" ", 1) for line in r.out.splitlines())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name, word", [("loopback.test", "loopback"), ("loopback6.test", "loopback"),
                                        ("metadata.test", "cloud metadata"),
                                        ("own.test", "this host itself"), ("own6.test", "this host itself")])
def test_an_allowed_name_that_leads_to_this_host(srt, traps, way, name, word):
    r = reach(srt, way, [name, ALLOWED], name, ALLOWED)
    got = answers(r)
    assert got[ALLOWED] == "+PONG" and "failed" in got[name], r
    assert not touched(traps)
    v = r.only(target=name if way == "routed" else f"{name}:{PORT}")
    assert word in v["reason"], v
    assert not any(text in v["reason"] for text in ("127.", "169.", "203.", "::")), v
    assert v["rule"] == ("builtin:own-address" if "own" in name else "builtin:resolved-address"), v


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name, address", [("loopback.test", "127.0.0.1"), ("loopback6.test", "[::1]"),
                                           ("own.test", "203.0.113.1"), ("own6.test", "[2001:db8::1]")])
def test_a_literal_entry_exempts_that_address(srt, traps, way, name, address):
    """By the host's network; a program's own connect to loopback stays inside."""
    bare = address.strip("[]")
    other = "own.test" if bare != "203.0.113.1" else "loopback.test"
    for entry in (address, f"{address}:{PORT}"):
        r = reach(srt, way, [name, other, ALLOWED, entry], name, other, ALLOWED)
        inside = way == "routed" and "loopback" in name
        assert answers(r)[ALLOWED] == "+PONG" and "failed" in answers(r)[other], r
        assert inside or answers(r)[name] == "+TRAP", r
        assert touched(traps) == ([] if inside else [bare]), r
        r.only(target=other if way == "routed" else f"{other}:{PORT}")


@pytest.mark.parametrize("way", WAYS)
def test_a_literal_entry_with_another_port_exempts_nothing(srt, traps, way):
    r = reach(srt, way, ["own.test", ALLOWED, f"203.0.113.1:{PORT + 1}"], "own.test", ALLOWED)
    assert answers(r)[ALLOWED] == "+PONG" and "failed" in answers(r)["own.test"], r
    assert not touched(traps)
    assert r.only()["target"] in ("own.test", f"own.test:{PORT}"), r


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["mixed.test", "mixed-families.test"])
def test_mixed_answers(srt, traps, way, name):
    """The public one works, loopback is neither dialled nor shown."""
    r = reach(srt, way, [name], name, name)
    assert r.out == f"{name} +PONG\n" * 2 and not r.violations, r
    assert not touched(traps)


@pytest.mark.parametrize("name", ["mixed.test", "mixed-families.test"])
def test_mixed_answers_seen_by_programs(srt, traps, net, name):
    need("getent")
    r = srt.sh(f"getent ahosts {name} | cut -d' ' -f1 | sort -u; {helper('musl_fetch_static')} {name} 80 /hello",
               {"network": {"allowedDomains": [name]}})
    assert r.out.startswith("203.0.113.10\n") and "hello" in r.out and not r.violations, r
    assert not touched(traps)


@pytest.mark.parametrize("then, word", [("loopback", "loopback"), ("metadata", "cloud metadata"),
                                        ("own", "this host itself")])
@pytest.mark.parametrize("way", WAYS)
def test_rebinding(srt, traps, way, then, word):
    """The name server answers otherwise the second time: the dial goes to what was checked, and the
    second look-up is checked like the first."""
    name = f"t{uuid.uuid4().hex}.{then}.rebind.test"
    r = reach(srt, way, ["*.rebind.test", ALLOWED], name, ALLOWED, name)
    lines = [line.split(" ", 1)[1] for line in r.out.splitlines()]
    assert lines[:2] == ["+PONG", "+PONG"] and lines[2].startswith("failed"), r
    assert not touched(traps)
    v = r.only(target=name if way == "routed" else f"{name}:{PORT}")
    assert word in v["reason"], v


def test_a_name_used_after_it_was_rebound(srt, traps):
    """What the name led to first stays open for who remembers the address; the new one does not open."""
    name = f"t{uuid.uuid4().hex}.own.rebind.test"
    code = f"""
import socket
def ping(address):
    try:
        s = socket.create_connection((address, {PORT}), 10); s.sendall(b'PING\\r\\n'); return s.recv(100)
    except OSError as e: return e.errno
first = socket.gethostbyname('{name}')
try: print(socket.gethostbyname('{name}'))
except OSError as e: print('refused')
print(first, ping(first), ping('203.0.113.1'))
"""
    r = srt.run(["/usr/bin/python3", "-c", code], {"network": {"allowedDomains": ["*.rebind.test"]}})
    assert r.out == "refused\n203.0.113.10 b'+PONG\\r\\n' 13\n", r
    assert not touched(traps)
    assert [v["target"] for v in r.violations] == [name, f"203.0.113.1:{PORT}"], r
