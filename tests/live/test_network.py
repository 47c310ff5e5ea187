"""A3: every program reaches an allowed host with no proxy variable set, and fails in its own words
on a denied one, with exactly one event."""
import os
import shutil

import pytest

from conftest import helper, need

ALLOWED = {"network": {"allowedDomains": ["allowed.test", "six.test", "v4.test"]}}


def programs(net):
    """name -> (program needed, argv for (host, ip version), text of success)"""
    key = net["ssh_key"]
    ssh = (f"ssh -F /dev/null -o BatchMode=yes -o UserKnownHostsFile={net['known_hosts']} "
           f"-o IdentitiesOnly=yes -o ConnectTimeout=20 -i {key}")
    clone = "rm -rf \"$TMPDIR/c\"; git clone -q {} \"$TMPDIR/c\" && cat \"$TMPDIR/c/README\""
    python = ("import urllib.request,ssl,sys;print(urllib.request.urlopen(sys.argv[1],"
              "context=ssl.create_default_context(cafile=sys.argv[2])).read().decode())")
    node = ("fetch(process.argv[1]).then(r=>r.text()).then(t=>console.log(t))"
            ".catch(e=>{console.error(e.cause||e);process.exit(1)})")
    return {
        "curl-http": ("curl", lambda h: ["curl", "-sS", f"http://{h}/hello"], "hello from"),
        "curl-https": ("curl", lambda h: ["curl", "-sS", "--cacert", net["ca"], f"https://{h}/hello"], "hello from"),
        "git-https": ("git", lambda h: ["sh", "-c", clone.format(f"https://{h}/repo.git")], "a repository"),
        "git-ssh": ("ssh", lambda h: ["sh", "-c", clone.format(f"ssh://root@{h}{net['repo']}")], "a repository"),
        "python": ("python3", lambda h: ["/usr/bin/python3", "-c", python, f"https://{h}/hello", net["ca"]], "hello from"),
        "node": ("node", lambda h: ["node", "-e", node, f"http://{h}/hello"], "hello from"),
        "go": (None, lambda h: [helper("fetch_go"), f"http://{h}/hello"], "hello from"),
        "musl": (None, lambda h: [helper("musl_fetch"), h, "80", "/hello"], "hello from"),
        "musl-static": (None, lambda h: [helper("musl_fetch_static"), h, "80", "/hello"], "hello from"),
        "redis": ("redis-cli", lambda h: ["redis-cli", "-h", h, "ping"], "PONG"),
    }, {"GIT_SSH_COMMAND": ssh, "GIT_SSL_CAINFO": net["ca"], "GIT_CONFIG_GLOBAL": "/dev/null"}


NAMES = ["curl-http", "curl-https", "git-https", "git-ssh", "python", "node", "go", "musl",
         "musl-static", "redis"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("host", ["allowed.test", "six.test", "v4.test"])
def test_allowed(srt, net, name, host):
    table, env = programs(net)
    program, argv, text = table[name]
    if program:
        need(program)
    if name == "redis" and host == "six.test":
        host = "allowed.test"
    r = srt.run(argv(host), ALLOWED, env=env)
    assert r.code == 0 and text in r.out, r
    assert not r.violations, r


@pytest.mark.parametrize("name", NAMES)
def test_denied(srt, net, name):
    table, env = programs(net)
    program, argv, _ = table[name]
    if program:
        need(program)
    r = srt.run(argv("denied.test"), ALLOWED, env=env)
    assert r.code != 0 and r.err.strip(), r
    v = r.only(op="net-resolve", target="denied.test", rule="/network/allowedDomains", source="dns")
    assert v["pid"] > 0 and v["exe"], v
    with open(net["dns_log"], encoding="utf-8", errors="replace") as f:
        assert "denied.test" not in f.read().replace("denied.test,", ""), "a denied name left the machine"


@pytest.mark.parametrize("name", ["curl-http", "python", "go", "musl-static", "redis", "node"])
def test_denied_address(srt, net, name):
    """The same by address: no look-up is in the way."""
    table, env = programs(net)
    r = srt.run(table[name][1]("203.0.113.20"), ALLOWED, env=env)
    assert r.code != 0, r
    port = {"redis": 6379, "python": 443}.get(name, 80)
    v = r.only(op="net-connect", target=f"203.0.113.20:{port}", rule="/network/allowedDomains")
    assert v["pid"] > 0 and v["exe"], v


@pytest.mark.parametrize("policy", [{}, {"network": {}}, {"network": {"allowedDomains": []}},
                                    {"network": {"deniedDomains": ["x.test"]}}])
def test_nothing_is_reachable_by_default(srt, net, policy):
    r = srt.sh("curl -sS http://allowed.test/hello; curl -sS http://203.0.113.10/hello; "
               "curl -sS -6 'http://[2001:db8::10]/hello'; curl -sS http://127.0.0.1:22/; echo end", policy)
    assert r.out == "end\n", r
    assert len(r.violations) == 3, r


def test_ports(srt, net):
    policy = {"network": {"allowedDomains": ["allowed.test:443"]}}
    r = srt.sh(f"curl -sS --cacert {net['ca']} https://allowed.test/hello; "
               f"curl -sS --cacert {net['ca']} https://allowed.test:8443/hello", policy)
    assert r.out.count("hello") == 1 and r.code != 0, r
    r.only(op="net-connect", target="allowed.test:8443")


def test_denied_wins(srt, net):
    policy = {"network": {"allowedDomains": ["*.wild.test", "denied.test"], "deniedDomains": ["denied.test"],
                          "deniedDomainReasons": {"denied.test": "ask the network team"}}}
    r = srt.sh("curl -sS http://denied.test/hello; curl -sS http://sub.wild.test/hello", policy)
    assert "hello from sub.wild.test" in r.out
    v = r.only(op="net-resolve", target="denied.test", rule="/network/deniedDomains/0")
    assert "ask the network team" in v["reason"], v


def test_one_look_up_of_two_families_is_one_event(srt, net):
    r = srt.run(["getent", "ahosts", "denied.test"], {"network": {"allowedDomains": ["allowed.test"]}})
    r.only(op="net-resolve", target="denied.test")
    assert not [e for e in r.events if e["type"] == "repeat"], r
    assert r.events[-1]["totals"] == {"/network/allowedDomains": 1} or sum(r.events[-1]["totals"].values()) == 1, r


@pytest.mark.parametrize("name", ["loopback.test", "metadata.test"])
def test_resolved_address_check(srt, net, name):
    policy = {"network": {"allowedDomains": [name, "allowed.test"]}}
    r = srt.sh(f"curl -sS http://{name}:22/; curl -sS http://allowed.test/hello", policy)
    assert r.out.count("hello") == 1, r
    v = r.only(target=name)
    assert "127." not in v["reason"] and "169." not in v["reason"], v


def test_dns_of_every_kind(srt, net):
    need("dig", "getent")
    policy = {"network": {"allowedDomains": ["allowed.test", "alias.test", "six.test"]}}
    r = srt.sh("dig +short allowed.test A; dig +short +tcp allowed.test AAAA; dig +short @8.8.8.8 allowed.test; "
               "getent ahostsv4 alias.test | head -1; dig +short six.test A; dig allowed.test TXT +short", policy)
    assert r.code == 0 and not r.violations, r
    assert r.out.count("203.0.113.10") == 3 and "2001:db8::10" in r.out and "a text" in r.out, r
    r = srt.sh("dig denied.test", policy)
    assert "NXDOMAIN" in r.out and "EDE: 17" in r.out, r
    r.only(op="net-resolve", target="denied.test")


def test_no_datagram_leaves(srt, net):
    need("python3")
    r = srt.run(["/usr/bin/python3", "-c", """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(('203.0.113.53', 5353)); s.settimeout(3)
try:
    s.send(b'x'); s.recv(1); print('answer')
except ConnectionRefusedError: print('refused')
"""], ALLOWED)
    assert r.out == "refused\n", r


def test_server_inside(srt):
    need("python3")
    r = srt.run(["/usr/bin/python3", "-c", """
import socket, threading
for family, a in ((socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1'), (socket.AF_INET, '0.0.0.0')):
    l = socket.socket(family); l.bind((a, 0)); l.listen()
    def serve(l=l): c, _ = l.accept(); c.sendall(b'hi'); c.close()
    t = threading.Thread(target=serve); t.start()
    c = socket.create_connection((a if a != '0.0.0.0' else '127.0.0.1', l.getsockname()[1])); print(c.recv(2)); t.join()
"""])
    assert r.out == "b'hi'\n" * 3 and not r.violations, r


def test_host_loopback_is_not_reachable(srt):
    import socket
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    port = listener.getsockname()[1]
    r = srt.run(["/usr/bin/python3", "-c", f"import socket\ntry: socket.create_connection(('127.0.0.1', {port}), 3)\nexcept OSError as e: print(e)"],
                {"network": {"allowedDomains": ["*", "localhost"]}})
    listener.settimeout(0.2)
    with pytest.raises(TimeoutError):
        listener.accept()
    assert "refused" in r.out, r


def test_true_errnos_of_a_blocking_connect(srt, net):
    script = """
import socket, sys
for host, port in (('203.0.113.10', 81), ('203.0.113.77', 80)):
    s = socket.socket()
    try: s.connect((host, port)); print('connected')
    except OSError as e: print(e.errno)
"""
    policy = {"network": {"allowedAddresses": ["203.0.113.0/24"]}}
    r = srt.run(["/usr/bin/python3", "-c", script], policy)
    assert r.out.split() == ["111", "113"] and not r.violations, r


def test_peer_and_local_names(srt, net):
    script = """
import socket
for a in (('203.0.113.10', 80), ('2001:db8::10', 80), ('::ffff:203.0.113.10', 80)):
    s = socket.socket(socket.AF_INET6 if ':' in a[0] else socket.AF_INET); s.connect(a)
    print(s.getpeername()[:2] == a)
    s.sendall(b'GET /hello HTTP/1.0\\r\\n\\r\\n'); s.shutdown(socket.SHUT_WR)
    data = b''
    while True:
        d = s.recv(1000)
        if not d: break
        data += d
    print(b'hello' in data)
"""
    policy = {"network": {"allowedAddresses": ["203.0.113.10", "2001:db8::10"]}}
    r = srt.run(["/usr/bin/python3", "-c", script], policy)
    assert r.out == "True\n" * 6, r


@pytest.mark.parametrize("name", ["curl-http", "curl-https", "python", "musl"])
def test_level_preload(srt, net, name):
    table, env = programs(net)
    # Without proxy variables it is the shim that routes.
    policy = dict(ALLOWED, minimumLevel="preload", network=dict(ALLOWED["network"], proxyEnv="never"))
    r = srt.run(table[name][1]("allowed.test"), policy, env=env, options=["--level", "preload"])
    assert r.code == 0 and table[name][2] in r.out, r
    assert not r.violations, r
    r = srt.run(table[name][1]("denied.test"), policy, env=env, options=["--level", "preload"])
    assert r.code != 0, r
    v = r.only(rule="/network/allowedDomains")
    assert v["target"].startswith("denied.test"), v


def test_level_preload_must_be_named(srt):
    r = srt.run(["echo", "ran"], {}, options=["--level", "preload"])
    assert (r.code, r.out) == (125, "") and "minimumLevel" in r.err, r


def test_http_and_socks_proxies(srt, net):
    need("curl")
    policy = dict(ALLOWED)
    policy["network"] = dict(ALLOWED["network"], proxyEnv="always")
    r = srt.sh(f"env | grep -i proxy | sort; curl -sS http://allowed.test/hello; "
               f"curl -sS --cacert {net['ca']} https://allowed.test/hello; "
               f"curl -sS -x \"$ALL_PROXY\" http://allowed.test/hello; curl -sS http://denied.test/hello", policy)
    assert "HTTP_PROXY=" in r.out and r.out.count("hello from allowed.test") == 3, r
    v = r.only(rule="/network/allowedDomains")
    assert v["target"] == "denied.test:80" and v["op"] in ("http-request", "net-connect"), v


def test_big_transfer(srt, net):
    r = srt.sh("curl -sS http://allowed.test/big | sha256sum; curl -sS http://allowed.test/big | wc -c", ALLOWED, timeout=120)
    assert str(16 << 20) in r.out, r
