"""A4 46: what a program forges: the shim's annotation at level full, its reports at level preload."""
import os
import shutil
import socket
import subprocess
import tempfile

import pytest

from conftest import Result, helper

# What differs between two runs; the patch of the first of several events makes the lists that the others append to.
OWN = ("seq", "time", "run", "pid", "tid", "host_pid", "caller", "caller_b64", "change")


@pytest.fixture
def target(tmp_path):
    """Arguments of the forger: a directory, a denied file, a socket of the host."""
    (tmp_path / "dir").mkdir()
    (tmp_path / "secret").write_text("x")
    short = tempfile.mkdtemp(prefix="s", dir="/tmp")  # the path must fit into an address
    s = socket.socket(socket.AF_UNIX)
    s.bind(short + "/host")
    s.listen()
    yield [str(tmp_path / "dir"), str(tmp_path / "secret"), short + "/host"]
    s.close()
    shutil.rmtree(short)


def policy_of(target):
    return {"filesystem": {"denyRead": [target[1]]}}


def memory(pid):
    """KiB that are the process's own."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(next(line for line in f if line.startswith("RssAnon:")).split()[1])


def family(pid):
    """The launcher and the forks of it that live outside the sandbox."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [pid] + [int(c) for c in f.read().split()]


def told(r):
    """The events of a run as a sorted list, without what differs between runs; repeats counted."""
    counts = {}
    for e in r.violations:
        key = tuple(sorted((k, str(v)) for k, v in e.items() if k not in OWN))
        counts[key] = counts.get(key, 0) + r.count(seq=e["seq"])
    return counts


@pytest.mark.parametrize("program", ["static_forger", "forger"])
@pytest.mark.parametrize("how", ["notes", "stack"])
def test_forged_annotations_change_nothing_but_caller(srt, target, program, how):
    argv = [helper(program), "4", "8", *target]
    runs = [srt.run(argv, policy_of(target), env=env, options=["--events", "-"]) for env in ({}, {"FORGE": how})]
    for r in runs:
        assert r.code == 0 and r.out == f"done {4 * 8 * 5}\n", r
        assert r.count() == 4 * 8 * 5 and all(e["pid"] > 1 for e in r.violations), r
        assert all(len(e.get("caller", "")) < 256 for e in r.violations), r
        assert r.events[-1]["type"] == "exit" and sum(r.events[-1]["totals"].values()) == 4 * 8 * 5, r
        # The JSON was parsed, so it has no raw control character; nor has what people see.
        assert "srt: denied" in r.err and "\x1b" not in r.err and "\udcff" not in r.err, r
    honest, forged = (told(r) for r in runs)
    assert honest == forged, "\n".join(str(k) for k in set(honest) ^ set(forged))
    assert not any("requested" in dict(k) for k in forged)
    if how == "notes":  # the forgery is one that srt reads
        assert any("\x1b[31m" in e.get("caller", "") for e in runs[1].violations), runs[1]


def test_forged_annotations_cost_no_memory(srt, target):
    p = srt.start([helper("static_forger"), "4", "200", *target], policy_of(target), env={"FORGE": "notes"},
                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def phase():
        words = p.stdout.readline().split()
        return int(words[1]), sum(memory(pid) for pid in family(p.pid))

    sizes = [phase()]
    for _ in range(4):
        p.stdin.write(b"again\n")
        p.stdin.flush()
        sizes.append(phase())
    p.stdin.close()
    assert p.wait(timeout=30) == 0
    assert [n for n, _ in sizes] == [4000 * i for i in range(1, 6)]
    assert sizes[-1][1] - sizes[0][1] < 4096, sizes  # the first 4 000 fill what is bounded
    assert sum(srt.read_events(p.events)[-1]["totals"].values()) == 20000


# ---- level preload: what a program tells the report port ----

REPORT = """
import os, resource, socket, struct, sys, time
MAGIC, READ, WRITE, CREATE = 0x53525450, 1, 2, 3
port = struct.unpack('=IIQHHI', open('/dev/srt/shim', 'rb').read(24))[4]

def dial():
    s = socket.socket()
    s.settimeout(10)
    s.connect(('127.0.0.1', port))
    return s

def report(op, path, err=13, magic=MAGIC, length=None, tid=7):
    path = os.fsencode(path)
    return struct.pack('=IHHiiQ', magic, op, len(path) if length is None else length, err, tid, 0xdead) + path

def send(message):
    # Whether the report was taken: one byte back.
    with dial() as s:
        try:
            s.sendall(message)
            return s.recv(1) == b'\\0'
        except OSError:
            return False

def until_taken(message):
    for _ in range(2000):
        if send(message):
            return
        time.sleep(0.01)
    sys.exit('never taken')

def step(text):
    print(text, flush=True)
    sys.stdin.readline()
"""


def preload(srt, code, policy, argv=()):
    return srt.start(["/usr/bin/python3", "-c", REPORT + code, *map(str, argv)], dict(policy, minimumLevel="preload"),
                     ["--level", "preload"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                     text=True)


def end(srt, p):
    """Let it run to its end; output and events."""
    out, err = p.communicate(timeout=120)
    assert p.returncode == 0, out + err
    return Result(0, out, err, srt.read_events(p.events))


def test_forged_reports_are_judged(srt, tmp_path):
    """Only what the policy refuses and the host would allow; as `shim`, whatever is in the report."""
    for d in ("secret", "open"):
        (tmp_path / d).mkdir()
        (tmp_path / d / "f").write_text("x")
    (tmp_path / "outside").write_text("x")
    policy = {"filesystem": {"denyRead": [str(tmp_path / "secret")], "allowWrite": [str(tmp_path / "open")]}}
    p = preload(srt, """
d = sys.argv[1]
print([send(report(*r)) for r in (
    (READ, d + '/open/f'), (WRITE, d + '/open/f'), (CREATE, d + '/open/new'), (READ, '/etc/passwd'),
    (READ, d + '/secret/absent'), (WRITE, d + '/absent'), (CREATE, d + '/absent/x'), (WRITE, d), (CREATE, '/'),
    (READ, d + '/secret/f/below'))])
print([send(report(*r)) for r in ((READ, d + '/secret/f'), (WRITE, d + '/outside', 30), (CREATE, d + '/new', 30))])
""", policy, [tmp_path])
    r = end(srt, p)
    assert r.out.splitlines() == [str([True] * 10), str([True] * 3)], r
    told = sorted((e["op"], e["target"], e["errno"], e["rule"]) for e in r.violations)
    assert told == [("file-create", str(tmp_path / "new"), "EROFS", "/filesystem/allowWrite"),
                    ("file-read", str(tmp_path / "secret/f"), "EACCES", "/filesystem/denyRead/0"),
                    ("file-write", str(tmp_path / "outside"), "EROFS", "/filesystem/allowWrite")], r
    for e in r.violations:
        assert e["source"] == "shim" and e["pid"] > 1 and "tid" not in e and "python" in e["exe"], e


def test_honest_reports(srt, tmp_path):
    """What the host itself refuses is no report of the shim either."""
    (tmp_path / "secret").write_text("x")
    (tmp_path / "outside").write_text("x")
    (tmp_path / "mine").write_text("x")
    policy = {"filesystem": {"denyRead": [str(tmp_path / "secret")], "allowWrite": [str(tmp_path / "mine")]},
              "minimumLevel": "preload"}
    r = srt.sh("cat secret; echo x >> outside; echo x > new; echo x > absent/new; cat absent; echo x > secret/x; "
               "echo x >> mine && echo x >> /dev/null && echo written", policy, options=["--level", "preload"],
               cwd=str(tmp_path))
    assert r.out == "written\n", r
    assert sorted((e["op"], e["target"]) for e in r.violations) == [
        ("file-create", str(tmp_path / "new")), ("file-read", str(tmp_path / "secret")),
        ("file-write", str(tmp_path / "outside"))], r
    assert all(e["source"] == "shim" and e["pid"] > 1 for e in r.violations), r
    r = srt.sh("cat /etc/shadow >&2; echo x >> /etc/shadow; cat /etc/passwd > /dev/null && echo read", policy,
               options=["--level", "preload"])
    assert r.out == "read\n", r
    # Root may write it on the host, nobody else: an event for the one, none for the other.
    assert [e["target"] for e in r.violations] == (["/etc/shadow"] if os.geteuid() == 0 else []), r


MALFORMED = """
d = sys.argv[1]
whole = report(READ, d + '/secret')
bad = [b'', b'x', whole[:10], whole[:23], whole[:24], whole[:-1], b'\\0' * 24, b'\\xff' * 5000,
       b'GET / HTTP/1.1\\r\\nHost: x.example.com\\r\\n\\r\\n', report(READ, d + '/secret', magic=1), report(0, d + '/secret'),
       report(4, d + '/secret'), report(65535, d + '/secret'), report(READ, ''), report(READ, d + '/secret', length=65535),
       report(READ, d + '/secret', length=4096), report(READ, 'x' * 65535), report(READ, d + '/\\0/secret'),
       report(READ, 'secret'), report(READ, d + '/secret', err=0), report(READ, d + '/secret', err=-13),
       report(READ, d + '/secret', err=4096), report(READ, d + '/secret', err=2**31 - 1)]
def each(message):
    # Sent, then the sending side shut: it is to be dropped at once, not waited for.
    with dial() as s:
        try:
            s.sendall(message)
            s.shutdown(socket.SHUT_WR)
            return s.recv(1)
        except TimeoutError:
            return b'waited for'
        except OSError:
            return b''
print([i for i, m in enumerate(bad) if each(m) != b''])
print(each(whole + b'y' * 1000000) in (b'', b'\\0'), send(whole))
"""


def test_malformed_reports_are_dropped(srt, tmp_path):
    (tmp_path / "secret").write_text("x")
    r = end(srt, preload(srt, MALFORMED, {"filesystem": {"denyRead": [str(tmp_path / "secret")]}}, [tmp_path]))
    assert r.out == "[]\nTrue True\n", r
    # The whole one, and the one with a megabyte behind it.
    assert {e["target"] for e in r.violations} == {str(tmp_path / "secret")} and r.count() == 2, r
    assert all(e["source"] == "shim" for e in r.violations), r


FLOOD = """
d = sys.argv[1]
step('ready')
started = time.monotonic()
def flood(number):
    for i in range(1500):
        message = (report(CREATE, '%s/%d-%d' % (d, number, i), 30), report(WRITE, '/' + 'x' * 4000, 30),
                   report(READ, d + '/secret')[:20], os.urandom(100))[i % 4]
        s = dial()
        try: s.sendall(message)
        except OSError: pass
        s.close()
children = []
for number in range(4):
    children.append(os.fork())
    if children[-1] == 0:
        flood(number)
        os._exit(0)
for c in children: assert os.waitpid(c, 0)[1] == 0
held = []
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 3100), hard))
for i in range(3000):
    try: held.append(dial())
    except OSError: break
for s in held[::2]:
    try: s.send(report(READ, d + '/secret')[:30])
    except OSError: pass
print(time.monotonic() - started, flush=True)
step(len(held))
for s in held: s.close()
until_taken(report(WRITE, d + '/last', 30))
try: open(d + '/secret')
except OSError as e: print(e.errno)
step('end')
"""


def test_flooded_report_port(srt, tmp_path):
    (tmp_path / "secret").write_text("x")
    (tmp_path / "last").write_text("x")
    p = preload(srt, FLOOD, {"filesystem": {"denyRead": [str(tmp_path / "secret")]}}, [tmp_path])

    def line():
        return p.stdout.readline().strip()

    def size():
        return sum(memory(pid) for pid in family(p.pid))

    def go_on():
        p.stdin.write("\n")
        p.stdin.flush()

    assert line() == "ready"
    before = size()
    go_on()
    seconds = float(line())
    assert int(line()) > 500
    flooded = size()
    go_on()
    assert [line(), line()] == ["13", "end"]
    after = size()
    r = end(srt, p)
    assert max(flooded, after) - before < 8192, (before, flooded, after)
    assert all(e["source"] == "shim" for e in r.violations), r
    assert r.count() <= 2000 * (seconds + 2), (r.count(), seconds)
    assert [e["message"] for e in r.events if e["type"] == "warning"] == \
        ["the shim reports too fast: some are not recorded"], [e for e in r.events if e["type"] == "warning"]
    # The honest report of the shim after all that, by whoever made it.
    told = [e for e in r.violations if e["target"] == str(tmp_path / "secret")]
    assert len(told) == 1 and told[0]["op"] == "file-read" and told[0]["pid"] > 1, told
