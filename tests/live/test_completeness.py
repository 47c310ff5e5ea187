"""A4 42: every operation that is an event (docs/events.md, "op"), by every kind of program: its errno,
exactly one event with the right fields, and its permitted twin in the same run without one."""
import os
import shutil
import socket
import subprocess
import tempfile

import pytest

from conftest import helper

PROGRAMS = ["glibc", "empty environment", "raw", "static", "musl", "musl static", "go"]

FILES = {  # operation: (what it is done to, op)
    "write": ("file", "file-write"), "overwrite": ("file", "file-write"), "create": (None, "file-create"), "mkdir": (None, "file-create"),
    "mkfifo": (None, "file-create"), "symlink": (None, "file-create"), "link": ("file", "file-create"),
    "unlink": ("file", "file-delete"), "rmdir": ("dir", "file-delete"), "rename": ("file", "file-rename"),
    "chmod": ("file", "file-write"), "chown": ("file", "file-write"), "utimens": ("file", "file-write"),
    "truncate": ("file", "file-write"), "setxattr": ("file", "file-write"),
}
CALLS = {  # operation: (start of the target, errno, its permitted neighbour)
    "bpf": ("bpf", "EPERM", "socket"), "keyctl": ("keyctl", "EPERM", "socket"), "add_key": ("add_key", "EPERM", "socket"),
    "unshare": ("unshare(0x10000000)", "EPERM", "unshare-files"), "userfaultfd": ("userfaultfd", "EPERM", "socket"),
    "packet": ("socket(AF_PACKET, 3, 0)", "EAFNOSUPPORT", "socket"),
    "raw-inet": ("socket(AF_INET, 3, 1)", "EPROTONOSUPPORT", "socket"),
}
ERRNO = {"EPERM": 1, "ENOENT": 2, "EACCES": 13, "EROFS": 30, "EPROTONOSUPPORT": 93, "EAFNOSUPPORT": 97}


@pytest.fixture(params=PROGRAMS)
def program(request):
    """argv of one kind of program."""
    dynamic = "operations"
    return {"glibc": lambda: [helper(dynamic)], "empty environment": lambda: ["env", "-i", helper(dynamic)],
            "raw": lambda: [helper(dynamic), "--raw"], "static": lambda: [helper("static_operations")],
            "musl": lambda: [helper("musl_operations")], "musl static": lambda: [helper("musl_operations_static")],
            "go": lambda: [helper("operations_go")]}[request.param]()


def perform(srt, program, pairs, policy, **kwargs):
    """One run that does each (operation, target); its result and the errnos."""
    r = srt.run(program + [str(word) for pair in pairs for word in pair], policy, **kwargs)
    errnos = r.out.splitlines()
    assert r.code == 0 and len(errnos) == len(pairs) and all(e.isdigit() for e in errnos), r
    return r, [int(e) for e in errnos]


def check(r, program, want):
    """The run told exactly these refusals (each a dict of fields), in any order, each by whoever did it."""
    assert r.count() == len(r.violations) == len(want), r
    for fields in want:
        told = [v for v in r.violations if v["target"] == fields["target"]]
        assert len(told) == 1, f"{fields}\n{r}"
        wrong = {k: (told[0].get(k), v) for k, v in fields.items() if told[0].get(k) != v}
        assert not wrong, f"{wrong}\n{told[0]}"
        exe = [word for word in program if word.startswith("/")][0]
        assert told[0]["pid"] > 1 and told[0]["exe"] == exe and told[0]["count"] == 1, told[0]
        assert "requested" not in told[0] and told[0]["reason"] and "certain" not in told[0], told[0]
    odd = [e["type"] for e in r.events if e["type"] not in ("start", "violation", "exit")]
    assert not odd, r.events
    assert sum(r.events[-1]["totals"].values()) == len(want), r.events[-1]


def make(directory, what):
    directory.mkdir(parents=True)
    path = directory / "it"
    if what == "file":
        path.write_text("some text\n")
        os.chmod(path, 0o644)
        os.utime(path, (5, 5))
    elif what == "dir":
        path.mkdir()
    return str(path)


def look(directory):
    """All that the operations could change."""
    found = {}
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        st = os.lstat(path)
        found[name] = (st.st_mode, st.st_size, st.st_mtime, st.st_ctime_ns, st.st_nlink, os.listxattr(path, follow_symlinks=False))
    return found


@pytest.mark.parametrize("operation", FILES)
def test_writes(srt, tmp_path, program, operation):
    what, op = FILES[operation]
    outside, denied, allowed = (make(tmp_path / d, what) for d in ("outside", "root/denied", "root/allowed"))
    policy = {"filesystem": {"allowWrite": [str(tmp_path / "root")], "denyWrite": [str(tmp_path / "root/denied")]}}
    before = look(tmp_path / "outside"), look(tmp_path / "root/denied"), look(tmp_path / "root/allowed")
    r, errnos = perform(srt, program, [(operation, t) for t in (outside, denied, allowed)], policy)
    assert errnos == [ERRNO["EROFS"], ERRNO["EROFS"], 0], r
    second = {"target2": outside + ".new"} if operation in ("link", "rename") else {}
    common = {"op": op, "errno": "EROFS", "source": "supervisor", "class": "refused"}
    check(r, program, [dict(common, target=outside, rule="/filesystem/allowWrite", **second),
                       dict(common, target=denied, rule="/filesystem/denyWrite/0",
                            **{k: denied + ".new" for k in second})])
    assert (look(tmp_path / "outside"), look(tmp_path / "root/denied")) == before[:2]
    assert look(tmp_path / "root/allowed") != before[2]


@pytest.mark.parametrize("operation", ["read", "list"])
@pytest.mark.parametrize("source", ["mask", "supervisor"])
def test_reads(srt, tmp_path, program, operation, source):
    """A denied file or directory itself, and what lies below a denied directory; with FUSE and with plain masks."""
    (tmp_path / "secret/sub/deep").mkdir(parents=True)
    (tmp_path / "shown/sub").mkdir(parents=True)
    for name in ("secret/key", "secret/sub/deep/key", "shown/key", "file"):
        (tmp_path / name).write_text("x")
    names = {"read": ["file", "secret/key", "secret/sub/deep/key"],
             "list": ["secret", "secret/sub", "secret/sub/deep"]}[operation]
    twins = {"read": ["shown/key"], "list": ["shown", "shown/sub"]}[operation]
    policy = {"filesystem": {"denyRead": [str(tmp_path / "secret"), str(tmp_path / "file")]}}
    r, errnos = perform(srt, program, [(operation, tmp_path / n) for n in names + twins], policy,
                        env={"SRT_TEST_NO_FUSE": "1"} if source == "supervisor" else {})
    assert errnos == [ERRNO["EACCES"]] * 3 + [0] * len(twins), r
    check(r, program, [{"op": "file-read", "target": str(tmp_path / n), "errno": "EACCES", "source": source,
                        "class": "refused", "rule": f"/filesystem/denyRead/{1 if n == 'file' else 0}"} for n in names])


@pytest.mark.parametrize("operation", [o for o in FILES if o not in ("link", "rename")])
@pytest.mark.parametrize("fuse", [True, False], ids=["fuse", "plain"])
def test_writes_behind_a_mask(srt, tmp_path, program, operation, fuse):
    """In a denied directory and deeper in it: one event, and certain, although nothing inside can see the file."""
    what, op = FILES[operation]
    near, deep, allowed = (make(tmp_path / d, what) for d in ("secret", "secret/sub/deep", "open"))
    policy = {"filesystem": {"denyRead": [str(tmp_path / "secret")], "allowWrite": [str(tmp_path / "open")]}}
    before = look(tmp_path / "secret"), look(tmp_path / "secret/sub/deep")
    r, errnos = perform(srt, program, [(operation, t) for t in (near, deep, allowed)], policy,
                        env={} if fuse else {"SRT_TEST_NO_FUSE": "1"})
    assert errnos[0] in (ERRNO["EACCES"], ERRNO["EROFS"]) and errnos[1:] == [ERRNO["EACCES"], 0], r
    check(r, program, [{"op": op, "target": t, "class": "refused"} for t in (near, deep)])
    assert (look(tmp_path / "secret"), look(tmp_path / "secret/sub/deep")) == before


@pytest.mark.parametrize("operation", ["connect", "connect-nonblock"])
def test_connects(srt, net, program, operation):
    policy = {"network": {"allowedAddresses": ["203.0.113.10", "2001:db8::10"]}}
    targets = ["203.0.113.20:80", "[2001:db8::20]:80", "203.0.113.10:80", "[2001:db8::10]:80"]
    r, errnos = perform(srt, program, [(operation, t) for t in targets], policy)
    assert errnos == [ERRNO["EACCES"]] * 2 + [0, 0], r
    check(r, program, [{"op": "net-connect", "target": t, "errno": "EACCES", "source": "proxy", "class": "refused",
                        "rule": "/network/allowedDomains", "call": "connect"} for t in targets[:2]])


def test_look_ups(srt, net, program):
    policy = {"network": {"allowedDomains": ["allowed.test"]}}
    r, errnos = perform(srt, program, [("resolve", "denied.test"), ("resolve", "allowed.test")], policy)
    assert errnos == [ERRNO["ENOENT"], 0], r
    check(r, program, [{"op": "net-resolve", "target": "denied.test", "source": "dns", "class": "refused",
                        "rule": "/network/allowedDomains"}])


def test_unix_sockets(srt, program):
    directory = tempfile.mkdtemp(prefix="s", dir="/tmp")  # the path must fit into an address
    servers = []
    for name in ("denied", "allowed"):
        servers.append(socket.socket(socket.AF_UNIX))
        servers[-1].bind(f"{directory}/{name}")
        servers[-1].listen()
    denied, allowed = directory + "/denied", directory + "/allowed"
    try:
        r, errnos = perform(srt, program, [("unix", denied), ("unix", allowed)], {"network": {"allowUnixSockets": [allowed]}})
        assert errnos == [ERRNO["EACCES"], 0], r
        check(r, program, [{"op": "unix-connect", "target": denied, "errno": "EACCES", "source": "supervisor",
                            "class": "refused", "rule": "/network/allowUnixSockets", "call": "connect"}])
    finally:
        for s in servers:
            s.close()
        shutil.rmtree(directory)


@pytest.mark.parametrize("operation", CALLS)
def test_system_calls(srt, program, operation):
    """What the host itself refuses this user fails as there, without event."""
    target, errno, twin = CALLS[operation]
    if operation == "unshare" and program[0].endswith("_go"):
        target = "clone("  # Go's way: unshare(2) is EINVAL for threads
    outside = subprocess.run(program + [operation, "-"], check=True, capture_output=True, text=True).stdout.split()
    r, errnos = perform(srt, program, [(operation, "-"), (twin, "-")], {})
    assert errnos == [ERRNO[errno] if outside == ["0"] else int(outside[0]), 0], f"outside {outside}\n{r}"
    told = [v["target"] for v in r.violations]
    if outside == ["0"]:
        assert len(told) == 1 and told[0].startswith(target), r
        check(r, program, [{"op": "syscall", "target": told[0], "errno": errno, "source": "supervisor",
                            "class": "refused", "rule": "builtin:syscalls", "call": target.split("(")[0]}])
    else:
        check(r, program, [])
