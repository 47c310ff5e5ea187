#!/usr/bin/python3
"""Runs the tests of ./dev and counts them: `run.py all|live|asan [PYTEST ARGS]`.

Each stage prints its own output; the last line of all is
"N passed, N failed, N skipped".  With SRT_TEST_MUST_WORK=1 a skip is a failure.
"""
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
BUILD = os.path.join(TOP, "build")
ASAN = os.path.join(TOP, "build-asan")


class Count:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, passed=0, failed=0, skipped=0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped


def run(title, argv, env=None):
    """Run one stage, echo it, return (exit status, output)."""
    started = time.monotonic()
    print(f"== {title}", flush=True)
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, env=env, cwd=TOP)
    lines = []
    for raw in process.stdout:
        line = raw.decode("utf-8", "replace")
        lines.append(line)
        sys.stdout.write(line)
        sys.stdout.flush()
    status = process.wait()
    print(f"== {title}: exit {status}, {time.monotonic() - started:.0f} s", flush=True)
    return status, "".join(lines)


def lint(count):
    status, text = run("lint", [os.path.join(HERE, "lint.sh"), BUILD])
    passed = len(re.findall(r"^lint: .* ok$", text, re.M))
    failed = len(re.findall(r"^lint: .* FAILED$", text, re.M))
    skipped = len(re.findall(r"^lint: .* skipped$", text, re.M))
    count.add(passed, failed or (1 if status else 0), skipped)


def ctest(count, title, build):
    env = dict(os.environ, UBSAN_OPTIONS="print_stacktrace=1")
    status, text = run(title, ["ctest", "--test-dir", build, "--output-on-failure", "-j", "2"], env)
    total = re.search(r"(\d+) tests? failed out of (\d+)", text)
    skipped = len(re.findall(r"\*\*\*Skipped", text))
    if not total or int(total.group(2)) == 0:
        count.add(failed=1)
        return
    failed = int(total.group(1))
    count.add(int(total.group(2)) - failed - skipped, failed or (1 if status else 0), skipped)


def pytest(count, title, prefix, args):
    command = prefix + ["/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider", "-q", "-ra"]
    paths = [a for a in args if not a.startswith("-") and os.path.exists(a.split("::")[0])]
    status, text = run(title, command + args + ([] if paths else ["tests/live", "tests/attack"]))
    tail = text.strip().splitlines()[-1] if text.strip() else ""

    def number(word):
        found = re.search(rf"(\d+) {word}", tail)
        return int(found.group(1)) if found else 0

    failed = number("failed") + number("errors?")
    count.add(number("passed"), failed or (1 if status else 0), number("skipped"))


def live(count, args):
    """As root: in a test network of our own, once as root, once as an ordinary
    user.  As an ordinary user: once, as oneself."""
    net = [os.path.join(HERE, "testnet.py")]
    if os.geteuid() != 0:
        pytest(count, "live (user)", net + ["--as", "self", "--"], args)
        return
    pytest(count, "live (root)", net + ["--as", "root", "--"], args)
    pytest(count, "live (user)", net + ["--as", "user", "--"], args)


def main():
    what, args = sys.argv[1], sys.argv[2:]
    count = Count()
    if what == "all":
        lint(count)
        ctest(count, "unit", BUILD)
    if what in ("all", "asan"):
        ctest(count, "unit, ASan and UBSan", ASAN)
    if what in ("all", "live"):
        live(count, args)
    if os.environ.get("SRT_TEST_MUST_WORK") == "1":
        count.add(failed=count.skipped)
        count.skipped = 0
    print(f"{count.passed} passed, {count.failed} failed, {count.skipped} skipped")
    return 1 if count.failed or not count.passed else 0


if __name__ == "__main__":
    sys.exit(main())
