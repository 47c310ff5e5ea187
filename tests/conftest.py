"""Fixtures for the live and attack tests: the built srt, a policy, the network."""
import json
import os
import shutil
import signal
import subprocess
import time

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("SRT_BUILD", os.path.join(TOP, "build"))
SRT = os.path.join(BUILD, "bin", "srt")
HELPERS = os.path.join(BUILD, "helpers")


# A shell that starts us in the background may have these ignored, and what is ignored stays so in
# every program; the tests are about programs that handle them.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGQUIT) == signal.SIG_IGN:
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


class Result:
    """What one run of srt left behind."""

    def __init__(self, code, out, err, events):
        self.code, self.out, self.err, self.events = code, out, err, events

    def __repr__(self):
        return f"exit {self.code}\n-- out\n{self.out}\n-- err\n{self.err}\n-- refused\n{self.violations}"

    @property
    def violations(self):
        """Violation records that are no mere probes."""
        return [e for e in self.events if e["type"] == "violation" and e["class"] == "refused"]

    def count(self, **fields):
        """Refusals whose record has these fields, repeats included."""
        def fits(e):
            return all(e.get(k) == v for k, v in fields.items())
        refs = {e["seq"]: e for e in self.violations if fits(e)}
        repeats = sum(e["count"] for e in self.events
                      if e["type"] == "repeat" and e["ref"] in refs)
        return len(refs) + repeats

    def only(self, **fields):
        """The one refusal of the run; it must have these fields."""
        assert len(self.violations) == 1, f"{self.violations}\n{self}"
        v = self.violations[0]
        for key, value in fields.items():
            assert v.get(key) == value, f"{key}: {v.get(key)!r}, want {value!r}\n{v}"
        return v

    def __str__(self):
        return f"exit {self.code}\n--- out\n{self.out}\n--- err\n{self.err}\n--- events\n" + \
            "\n".join(json.dumps(e) for e in self.events)


class Srt:
    """Runs srt exec with a policy, collecting the events."""

    def __init__(self, directory):
        self.dir = directory
        self.serial = 0

    def path(self, suffix):
        self.serial += 1
        return os.path.join(self.dir, f"{self.serial}.{suffix}")

    def write_policy(self, policy):
        path = self.path("policy.json")
        with open(path, "w", encoding="utf-8") as f:
            f.write(policy if isinstance(policy, str) else json.dumps(policy))
        return path

    def command(self, argv, policy=None, options=(), events=None):
        command = [SRT, "exec"]
        if policy is not None:
            command += ["--policy", self.write_policy(policy)]
        if events:
            command += ["--events", events]
        return command + [str(o) for o in options] + ["--"] + [os.fsencode(a) if isinstance(a, str) else a for a in argv]

    @staticmethod
    def environment(env):
        whole = {k: v for k, v in os.environ.items() if not k.startswith("SRT_") and k != "LD_PRELOAD"}
        whole.update(env or {})
        return whole

    def run(self, argv, policy=None, options=(), env=None, cwd=None, input=None, timeout=60,
            **kwargs):
        """Run to the end.  `policy`: a dict or text; output is decoded, odd bytes kept."""
        events = self.path("events")
        done = subprocess.run(self.command(argv, policy, options, events),
                              env=self.environment(env), cwd=cwd or self.dir, timeout=timeout,
                              capture_output=True, check=False,
                              **({"input": input} if input is not None else
                                 {"stdin": subprocess.DEVNULL} if "stdin" not in kwargs else {}),
                              **kwargs)
        return Result(done.returncode, done.stdout.decode("utf-8", "surrogateescape"),
                      done.stderr.decode("utf-8", "surrogateescape"), self.read_events(events))

    def sh(self, script, policy=None, **kwargs):
        return self.run(["sh", "-c", script], policy, **kwargs)

    def start(self, argv, policy=None, options=(), env=None, cwd=None, **kwargs):
        """A Popen; .events is the path of its event file."""
        events = self.path("events")
        process = subprocess.Popen(self.command(argv, policy, options, events),
                                   env=self.environment(env), cwd=cwd or self.dir, **kwargs)
        process.events = events
        return process

    @staticmethod
    def read_events(path):
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as f:
            return [json.loads(line) for line in f]


@pytest.fixture
def srt(tmp_path):
    """srt with its files in a directory that is no part of any project."""
    directory = tmp_path / "srt"
    directory.mkdir()
    return Srt(str(directory))


@pytest.fixture
def project(tmp_path):
    """A writable project directory with some content, and a secret beside it."""
    directory = tmp_path / "project"
    directory.mkdir()
    (directory / "file").write_text("content\n")
    (directory / "sub").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("outside\n")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("secret\n")
    return directory


@pytest.fixture(scope="session")
def net():
    """Facts about the test network (tests/testnet.py)."""
    path = os.environ.get("SRT_TEST_NET")
    if not path:
        pytest.skip("needs the test network: run as root by ./dev live")
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def helper(name):
    """Path of a built helper program; skips where its compiler is missing."""
    path = os.path.join(HELPERS, name)
    if not os.path.exists(path):
        pytest.skip(f"helper {name} is not built")
    return path


def only(condition):
    """A test that means nothing elsewhere (a user who cannot set it up, another processor's numbers) is not collected
    there, rather than passed or skipped."""
    return lambda test: test if condition else None


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"needs {program}")


def patched(document, change):
    """RFC 6902 as far as srt writes it; what does not apply is an error."""
    document = json.loads(json.dumps(document))
    for step in change:
        words = [w.replace("~1", "/").replace("~0", "~") for w in step["path"].split("/")[1:]]
        at = document
        for w in words[:-1]:
            at = at[int(w)] if isinstance(at, list) else at[w]
        last = words[-1] if words else None
        if step["op"] == "test":
            value = at if last is None else at[int(last)] if isinstance(at, list) else at[last]
            assert value == step["value"], (step, document)
        elif step["op"] == "remove":
            del at[int(last) if isinstance(at, list) else last]
        else:
            assert step["op"] == "add", step
            if isinstance(at, list):
                at.insert(len(at) if last == "-" else int(last), step["value"])
            else:
                assert last not in at, f"{step} would replace what is in {document}"
                at[last] = step["value"]
    return document


def wait_until(condition, timeout=5.0, what="condition"):
    """Poll until condition() is true; fails the test after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}"
        time.sleep(0.01)


def left_of(sessions, marker):
    """Processes of some runs: their sessions, which only the supervisors leave, and all that name the marker."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
                fields = f.read().rpartition(")")[2].split()
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if fields[0] != "Z" and (int(fields[3]) in sessions or marker.encode() in f.read()):
                    found.append(int(pid))
        except OSError:
            pass
    return found


def processes_with(marker):
    """Host pids whose command line holds `marker`, ourselves not."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if marker.encode() in f.read() and int(pid) != os.getpid():
                    found.append(int(pid))
        except OSError:
            pass
    return found


def supervisor_of(pid):
    """The host pid of the supervisor of a running srt, which is its one child that is srt itself
    (during the start there is another)."""
    wait_until(lambda: len(srt_children(pid)) == 1, what="one child that is srt")
    return srt_children(pid)[0]


def srt_children(pid):
    """Children that are srt itself, in the order of their birth; none when the process is gone."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(c) for c in f.read().split() if os.path.basename(os.readlink(f"/proc/{c}/exe")) == "srt"]
    except OSError:
        return []


def process_state(pid):
    """The letter of /proc/PID/stat; "" when the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def kill_quietly(pid, sig=signal.SIGKILL):
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        pass
