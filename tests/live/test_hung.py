"""A5 52: a file system that never answers holds up who asked it, and nobody else."""
import os
import subprocess

import pytest

from conftest import Result, wait_until

CODE = """
import os, socket, sys, threading, time
hung, project, outside, secret, where = sys.argv[1:]
def ask(f):
    try: f(); print('answered')
    except OSError as e: print('errno', e.errno)
asked = [lambda: open(hung + '/a', 'w'), lambda: os.chmod(hung + '/c', 0o600),
         lambda: socket.socket(socket.AF_UNIX).connect(hung + '/d'), lambda: os.truncate(hung + '/e', 0)]
if where == 'denied': # what is no call of srt's would wait for ever, as outside
    asked += [lambda: open(hung + '/b'), lambda: os.stat(hung + '/f')]
for f in asked:
    threading.Thread(target=ask, args=(f,), daemon=True).start()
    time.sleep(0.05)
def took(f):
    best = []
    for i in range(9):
        t = time.monotonic()
        try: f(i)
        except OSError: pass
        best.append(time.monotonic() - t)
    return sorted(best)[4]
def connect(i):
    s = socket.create_connection(('203.0.113.10', 80)); s.close()
for f in (lambda i: open(f'{project}/n{i}', 'w').close(), lambda i: open(f'{outside}/n{i}', 'w'),
          lambda i: open(secret + '/key'), connect, lambda i: os.chmod(project + '/file', 0o640 + i % 2)):
    print(took(f) < 0.05)
print('end', flush=True)
os._exit(0)
"""


@pytest.mark.parametrize("where", ["writable", "refused", "denied"])
def test_a_hung_file_system_stops_nobody_else(srt, net, tmp_path, project, where):
    """By the supervisor (writes, connects), by the masks (reads); several at once."""
    hung = net["hung"][where]
    files = {"allowWrite": [str(project)], "denyRead": [str(tmp_path / "secret")]}
    if where == "writable":
        files["allowWrite"].append(os.path.dirname(hung))
        files["mandatoryDenySearchDepth"] = 1  # a search of it would wait, as any
    if where == "denied":
        files["denyRead"].append(hung)
    policy = {"filesystem": files, "network": {"allowedAddresses": ["203.0.113.10"]}}
    # A thread of srt's that asked the hung file system cannot end before it answers, so that srt
    # is not waited for; its last record is.
    p = srt.start(["/usr/bin/python3", "-c", CODE, hung, str(project), str(tmp_path / "outside"),
                   str(tmp_path / "secret"), where], policy, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                  options=["--quiet"], text=True)
    assert [p.stdout.readline() for _ in range(6)] == ["True\n"] * 5 + ["end\n"]
    wait_until(lambda: any(e["type"] == "exit" for e in srt.read_events(p.events)), 10, "the end of the run")
    r = Result(0, "", "", srt.read_events(p.events))
    assert r.events[-1]["status"] == 0, r
    assert r.count(target=str(tmp_path / "secret/key")) == 9, r
    assert sum(1 for v in r.violations if v["target"].startswith(str(tmp_path / "outside"))) == 9, r
