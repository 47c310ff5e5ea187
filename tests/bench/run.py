#!/usr/bin/python3
"""The numbers of docs/performance.md: ratios measured in one run, interleaved.

`./dev bench [NAME...]` runs all or the named ones as the user who calls it and
prints one table: the median of the pairwise ratio, the ratio of the two minima
(what is left where the machine is busy), the medians of both sides.
Everything stays on loopback addresses of a network namespace of its own.
"""
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("SRT_BUILD", os.path.join(TOP, "build"))
SRT = os.path.join(BUILD, "bin", "srt")
BWRAP = ["bwrap", "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts",
         "--unshare-cgroup-try", "--cap-drop", "ALL", "--die-with-parent", "--ro-bind", "/", "/",
         "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/dev/shm"]
ADDRESS = "203.0.113.10"


def timed(argv, **kwargs):
    started = time.perf_counter()
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, **kwargs)
    return time.perf_counter() - started


def pairs(first, second, rounds):
    """Run both in turn; median and quartiles of first/second, minimum by minimum (or, of rates, best by best)."""
    first(), second()
    a, b = [], []
    for _ in range(rounds):
        a.append(first())
        b.append(second())
    ratios = sorted(x / y for x, y in zip(a, b))
    quarter = len(ratios) // 4
    spread = (ratios[quarter], ratios[-1 - quarter])
    return statistics.median(ratios), spread, min(a) / min(b), max(a) / max(b), statistics.median(a), statistics.median(b)


class Bench:
    def __init__(self, directory):
        self.dir = directory
        self.rows = []

    def policy(self, document):
        path = os.path.join(self.dir, "policy.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(document, f)
        return [SRT, "exec", "--quiet", "--policy", path, "--"]

    def row(self, what, aim, numbers, unit="s"):
        median, spread, least, best, a, b = numbers
        scale, name = (1000, "ms") if unit == "s" else (1, unit)
        self.rows.append(f"| {what} | {aim} | {median:.2f} ({spread[0]:.2f} to {spread[1]:.2f}) | {best if 'MB' in unit else least:.2f} | "
                         f"{a * scale:.2f} {name} | {b * scale:.2f} {name} |")
        print(self.rows[-1], flush=True)

    def start(self):
        """srt exec true against bare bwrap with the same namespaces."""
        for title, document in (("no rules", {}),
                                ("writable project, one denied directory, network", self.usual())):
            srt = self.policy(document)
            self.row(f"start: `true`, {title}, against bare bwrap", "≤ 1.7", pairs(
                lambda: timed(srt + ["true"]), lambda: timed(BWRAP + ["true"]), 40))

    def usual(self):
        project = os.path.join(self.dir, "project")
        secret = os.path.join(self.dir, "secret")
        os.makedirs(project, exist_ok=True)
        os.makedirs(secret, exist_ok=True)
        return {"filesystem": {"allowWrite": [project], "denyRead": [secret]},
                "network": {"allowedDomains": ["allowed.test"], "allowedAddresses": [ADDRESS]}}

    def memory(self):
        """Proportional and private memory of every process of srt's own while a command sleeps."""
        process = subprocess.Popen(self.policy(self.usual()) + ["sleep", "30"])
        while not any(name_of(pid) == "sleep" for pid in descendants(process.pid)):
            time.sleep(0.01)
        total, shared, seen = 0, 0, []
        for pid in descendants(process.pid):
            name = name_of(pid)
            if name in ("srt", "bwrap", "srt-init"):
                with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
                    lines = f.read().splitlines()
                private = sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
                share = sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
                total += private
                shared += share
                seen.append(f"{name} {private} kB")
        process.terminate()
        process.wait()
        self.rows.append(f"| private memory of all srt processes | ≤ 8 MB | {total / 1024:.1f} MB | "
                         f"with its share of shared pages {shared / 1024:.1f} MB | {', '.join(seen)} | |")
        print(self.rows[-1])

    def compile(self):
        """A compile with denyRead in force, against bare bwrap."""
        document = self.usual()
        project = document["filesystem"]["allowWrite"][0]
        for i in range(24):
            with open(f"{project}/f{i}.c", "w", encoding="ascii") as f:
                f.write("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <math.h>\n" +
                        "".join(f"int f{i}_{j}(int x) {{ return x * {j} + printf(\"%d\", x); }}\n"
                                for j in range(40)))
        script = "for f in f*.c; do gcc -O1 -c $f -o ${f%.c}.o; done; ar rcs lib.a *.o"
        srt = self.policy(document)
        bare = BWRAP[:-2] + ["--bind", project, project, "--tmpfs", "/dev/shm", "--setenv", "TMPDIR", "/dev/shm", "--chdir", project]
        self.row("compile of 24 files, `denyRead` in force, against bare bwrap", "≤ 1.05", pairs(
            lambda: timed(srt + ["sh", "-c", script], cwd=project),
            lambda: timed(bare + ["sh", "-c", script], cwd=project), 5))

    def opens(self):
        """Operations a second inside against outside: a small C program counts."""
        counter = os.path.join(BUILD, "helpers", "bench_calls")
        document = self.usual()
        project = document["filesystem"]["allowWrite"][0]
        secret = document["filesystem"]["denyRead"][0]
        with open(secret + "/key", "w", encoding="ascii") as f:
            f.write("x")

        def rate(prefix, *argv):
            out = subprocess.run(prefix + [counter, *argv], check=True, capture_output=True)
            return float(out.stdout)
        for title, argv in (("an allowed open for reading", ["read", "/etc/passwd"]),
                            ("an allowed open for writing", ["write", project + "/w"]),
                            ("a refused open for reading", ["read", secret + "/key"]),
                            ("a refused open for writing", ["write", self.dir + "/no"])):
            srt = self.policy(document)
            self.row(f"{title}: time against outside", "", pairs(
                lambda: rate(srt, *argv), lambda: rate([], *argv), 5), unit="µs")

    def latency(self):
        """From the refused call to the line that its reader has: the line is there before the call
        returns, so that the call's own time bounds it; every event is read, none is folded."""
        counter = os.path.join(BUILD, "helpers", "bench_calls")
        read, write = os.pipe()
        threading.Thread(target=drain_fd, args=(read,), daemon=True).start()
        srt = self.policy(self.usual())
        command = srt[:-1] + ["--events", f"fd:{write}", "--", counter, "latency", self.dir + "/no"]

        def percentile(argv, n):
            out = subprocess.run(argv, check=True, capture_output=True, pass_fds=[write])
            return float(out.stdout.split()[n])
        for n, name in ((0, "median"), (1, "99th percentile")):
            self.row(f"a refusal until its line is read, {name}, against a byte to a process and back", "≤ 3 (p99) or 1 ms",
                     pairs(lambda n=n: percentile(command, n),
                           lambda n=n: percentile([counter, "pingpong", "-"], n), 5), unit="µs")
        os.close(write)

    def growth(self):
        """Starts with ten times the rules; many runs at once."""
        project = os.path.join(self.dir, "many")
        os.makedirs(project, exist_ok=True)
        for i in range(3000):
            os.makedirs(f"{project}/d{i}", exist_ok=True)

        def start(n):
            document = {"filesystem": {"allowWrite": [project], "denyRead": [f"{project}/d{i}" for i in range(n)]}}
            path = os.path.join(self.dir, f"many{n}.json")
            with open(path, "w", encoding="utf-8") as f:
                json.dump(document, f)
            return timed([SRT, "exec", "--quiet", "--policy", path, "--", "true"])
        self.row("start with 3 000 denied directories against 300", "≤ 10", pairs(
            lambda: start(3000), lambda: start(300), 5))
        srt = self.policy(self.usual())

        def together(argv, n=100):
            started = time.perf_counter()
            for p in [subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) for _ in range(n)]:
                if p.wait() != 0:
                    sys.exit(f"bench: {argv} failed")
            return time.perf_counter() - started
        self.row("100 runs of `true` at once, against bare bwrap", "", pairs(
            lambda: together(srt + ["true"]), lambda: together(BWRAP + ["true"]), 3))

    def connect(self):
        """connect+close against direct, and one stream through a routed connection."""
        listener = socket.create_server((ADDRESS, 0), backlog=4096)
        port = str(listener.getsockname()[1])

        def serve():
            while True:
                try:
                    c, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=drain, args=(c,), daemon=True).start()
        threading.Thread(target=serve, daemon=True).start()
        counter = os.path.join(BUILD, "helpers", "bench_calls")
        srt = self.policy(self.usual())

        def rate(prefix, mode):
            out = subprocess.run(prefix + [counter, mode, ADDRESS, port], check=True, capture_output=True)
            return float(out.stdout)
        self.row("a connect: time against direct", "", pairs(
            lambda: rate(srt, "connect"), lambda: rate([], "connect"), 5), unit="µs")
        self.row("one stream, routed against direct (throughput)", "≥ 0.5", pairs(
            lambda: rate(srt, "stream"), lambda: rate([], "stream"), 5), unit="MB/s")
        listener.close()


def drain(connection):
    with connection, contextlib.suppress(ConnectionResetError):  # how a client ends
        buffer = bytearray(1 << 18)
        while connection.recv_into(buffer):
            pass


def drain_fd(fd):
    while os.read(fd, 1 << 16):
        pass


def name_of(pid):
    """Of the program that a process runs; "" when it is gone."""
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return ""


def descendants(pid):
    found = [pid]
    for at in found:
        try:
            with open(f"/proc/{at}/task/{at}/children", encoding="ascii") as f:
                found += [int(c) for c in f.read().split()]
        except OSError:
            pass
    return found


def main():
    if os.environ.get("SRT_BENCH_INSIDE") != "1":
        os.environ["SRT_BENCH_INSIDE"] = "1"
        prepare = f"ip link set lo up && ip addr add {ADDRESS}/32 dev lo && exec \"$@\""
        root = [] if os.geteuid() == 0 else ["--map-root-user"]
        os.execvp("unshare", ["unshare", *root, "--net", "sh", "-c", prepare, "sh", sys.executable, __file__,
                              *sys.argv[1:]])
    directory = tempfile.mkdtemp(prefix="srt-bench-", dir="/var/tmp")
    os.environ["HOME"] = directory
    bench = Bench(directory)
    print(f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, Linux {os.uname().release}, "
          f"uid {os.geteuid()}, load {os.getloadavg()[0]:.1f}\n\n| what | aim | ratio (median, quartiles) | ratio of the best | srt | baseline |\n|---|---|---|---|---|---|")
    try:
        for name in sys.argv[1:] or ["start", "memory", "compile", "opens", "latency", "connect", "growth"]:
            getattr(bench, name)()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
