"""A4 46: what a program forges: the shim's annotation at level full, its reports at level preload."""
import os
import shutil
import socket
import subprocess
import tempfile

import pytest

from conftest import helper, wait_until

OWN = ("seq", "time", "run", "pid", "tid", "host_pid", "caller")  # differ between two runs


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
    argv = [helper(program), "4", "7", *target]
    runs = [srt.run(argv, policy_of(target), env=env) for env in ({}, {"FORGE": how})]
    for r in runs:
        assert r.code == 0 and r.out == f"done {4 * 7 * 5}\n", r
        assert r.count() == 4 * 7 * 5 and all(e["pid"] > 1 for e in r.violations), r
        assert all(e.get("caller", "").isprintable() and len(e.get("caller", "")) < 256 for e in r.violations)
        assert r.events[-1]["type"] == "exit" and sum(r.events[-1]["totals"].values()) == 4 * 7 * 5, r
    honest, forged = (told(r) for r in runs)
    assert honest == forged, "\n".join(str(k) for k in set(honest) ^ set(forged))
    assert not any("requested" in dict(k) for k in forged)
    if how == "notes":  # the forgery is one that srt reads
        assert any(e.get("caller") for e in runs[1].violations), runs[1]


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
