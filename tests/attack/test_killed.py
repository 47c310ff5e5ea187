"""A5 62: the launcher or the supervisor is killed, or stopped and then killed, at any moment of the
start and of the run: nothing succeeds that the policy refuses, nothing is left, no false success."""
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from conftest import kill_quietly, left_of, srt_children

RUNS = 30  # for each victim

COMMAND = """
import os, socket, sys, time
outside, secret, ok, marker = sys.argv[1:]
def attempt(word, f):
    try: print(word, f(), flush=True)
    except OSError: pass
def reach(address):
    with socket.create_connection((address, 80), 0.2): return address
for i in range(12):
    attempt('LEAK', lambda: os.open(outside, os.O_CREAT | os.O_WRONLY))
    attempt('LEAK', lambda: os.mkdir(outside + '.d'))
    attempt('LEAK', lambda: open(secret).read())
    attempt('LEAK', lambda: reach('203.0.113.20'))
    attempt('reached', lambda: reach('203.0.113.10'))
    attempt('wrote', lambda: os.open(ok, os.O_CREAT | os.O_WRONLY | os.O_APPEND))
    time.sleep(0.005)
print('end', flush=True)
"""


class Runs:
    def __init__(self, srt, net, tmp_path, project):
        assert net
        self.srt, self.tmp, self.project = srt, tmp_path, project
        self.policy = {"filesystem": {"allowWrite": [str(project)], "denyRead": [str(tmp_path / "secret")]},
                       "network": {"allowedAddresses": ["203.0.113.10"]}}
        self.serial = 0

    def start(self):
        self.serial += 1
        self.marker = f"{self.srt.dir}/marker{self.serial}"
        return self.srt.start(["/usr/bin/python3", "-c", COMMAND, str(self.tmp / "outside/new"), str(self.tmp / "secret/key"),
                               str(self.project / "ok"), self.marker], self.policy, cwd=str(self.project),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              start_new_session=True)

    def check(self, p, told):
        """The run is over within two seconds; what it printed and left behind."""
        out, err = p.communicate(timeout=20)
        told = f"{told}: exit {p.returncode}\n{out}\n{err}"
        deadline = time.monotonic() + 2
        while left := left_of({p.pid}, self.marker):
            assert time.monotonic() < deadline, f"left {left}, {told}"
            time.sleep(0.01)
        assert "LEAK" not in out and "secret" not in out, told
        assert os.listdir(self.tmp / "outside") == ["file"], told
        assert p.returncode != 0 or out.endswith("end\n"), told
        return out


@pytest.fixture
def runs(srt, net, tmp_path, project):
    return Runs(srt, net, tmp_path, project)


def test_undisturbed(runs):
    """The twin: what is allowed succeeds, and the run ends well."""
    p = runs.start()
    out = runs.check(p, "undisturbed")
    assert p.returncode == 0 and out.count("wrote") == 12 and out.count("reached 203.0.113.10") == 12, out


@pytest.mark.parametrize("victim", ["launcher", "supervisor"])
@pytest.mark.parametrize("stopped", [False, True], ids=["kill", "stop then kill"])
def test_killed_at_any_moment(runs, victim, stopped):
    seed = int(os.environ.get("SRT_TEST_SEED") or random.randrange(1 << 30))
    print(f"SRT_TEST_SEED={seed}", file=sys.stderr)
    chance = random.Random(seed)
    ends = 0
    for i in range(RUNS // 2):
        delay, pause = chance.uniform(0, chance.choice((0.008, 0.15))), chance.uniform(0, 0.05)
        told = f"seed {seed}, run {i}: {victim} after {delay * 1000:.1f} ms, stopped for {pause * 1000 if stopped else 0:.1f} ms"
        p = runs.start()
        time.sleep(delay)
        pid = p.pid
        if victim == "supervisor":
            while not srt_children(p.pid) and p.poll() is None:
                pass
            pid = (srt_children(p.pid) or [0])[-1]  # forked last; before that, what watches the start
        if pid and stopped:
            kill_quietly(pid, signal.SIGSTOP)
            time.sleep(pause)
        if pid:
            kill_quietly(pid)
        out = runs.check(p, told)
        ends += out.endswith("end\n")
        if victim == "launcher":
            assert p.returncode in (-9, 0), told
        else:
            assert p.returncode in (125, 0), told
    assert ends < RUNS // 2, "none was disturbed"
