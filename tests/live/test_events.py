"""A4: events."""
import json
import os
import subprocess
import time

import pytest

from conftest import SRT, helper, need, wait_until


def test_start_and_exit_records(srt):
    r = srt.sh("exit 3", {})
    first, last = r.events[0], r.events[-1]
    assert first["type"] == "start" and first["policy"]["sha256"] and first["layers"], first
    assert last["type"] == "exit" and last["status"] == 3 and last["totals"] == {}, last
    assert [e["seq"] for e in r.events] == list(range(1, len(r.events) + 1))
    assert len({e["run"] for e in r.events}) == 1 and all(e["v"] == 1 for e in r.events)


def test_fields_of_a_violation(srt, tmp_path):
    r = srt.sh(f"cd {tmp_path}; touch outside-new", {})
    v = r.only(op="file-create", target=str(tmp_path / "outside-new"), requested="outside-new", call="openat",
               **{"class": "refused"}, rule="/filesystem/allowWrite", errno="EROFS", source="supervisor", count=1)
    assert v["exe"].endswith("/touch") and v["argv"] == ["touch", "outside-new"] and v["cwd"] == str(tmp_path), v
    # What does not exist cannot be named: the directory is the smallest change that works.
    assert v["change"] == [{"op": "test", "path": "", "value": {}},
                           {"op": "add", "path": "/filesystem", "value": {"allowWrite": [str(tmp_path)]}}], v


def test_what_the_host_refuses_is_no_event(srt, tmp_path):
    (tmp_path / "dir").mkdir()
    r = srt.sh(f"cd {tmp_path}; cat absent; mkdir dir; rmdir absent; rm dir; echo x > absent/y; : < absent", {})
    assert not r.violations, r


def test_recorded_before_the_program_sees_the_error(srt, tmp_path):
    """After the failed call returns, a non-blocking read of an idle sink finds the line."""
    need("python3")
    read, write = os.pipe()
    script = (f"import os\nfor i in range(200):\n"
              f" try: os.open('{tmp_path}/no%d' % i, os.O_WRONLY | os.O_CREAT)\n"
              f" except OSError: os.write(1, b'.'); os.read(0, 1)\n")
    command = [SRT, "exec", "--quiet", "--events", f"fd:{write}", "/usr/bin/python3", "-c", script]
    p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[write],
                         env=srt.environment(None))
    os.close(write)
    os.set_blocking(read, False)
    seen = b""
    for i in range(200):
        assert p.stdout.read(1) == b"."
        try:
            seen += os.read(read, 1 << 20)
        except BlockingIOError:
            pass
        assert f"/no{i}\"".encode() in seen, f"event {i} was not there"
        p.stdin.write(b"x")
        p.stdin.flush()
    p.stdin.close()
    assert p.wait(timeout=10) == 0
    os.close(read)


def test_folding_keeps_exact_totals(srt, tmp_path):
    r = srt.run([helper("refuse_loop"), "100000", str(tmp_path / "no")], {}, timeout=300)
    assert r.out == "100000\n", r
    totals = r.events[-1]["totals"]
    assert totals == {"/filesystem/allowWrite": 100000}, totals
    assert r.count(rule="/filesystem/allowWrite") == 100000
    assert len(r.events) < 2000


def test_a_reader_that_never_reads(srt, tmp_path):
    read, write = os.pipe()
    started = time.monotonic()
    done = subprocess.run([SRT, "exec", "--quiet", "--events", f"fd:{write}", "--events", srt.path("events"),
                           helper("refuse_loop"), "20000", str(tmp_path / "no%")],
                          pass_fds=[write], env=srt.environment(None), capture_output=True, check=False, timeout=120)
    assert done.stdout == b"20000\n", done
    assert time.monotonic() - started < 100
    os.close(read)
    os.close(write)


HOSTILE = ["a\nb", "a\x1b[31mb", 'a"b\\', "a\udcffb", "a‮b", "a\tb"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names(srt, tmp_path, name):
    target = os.fsencode(str(tmp_path / "outside")) + b"-" + os.fsencode(name)
    r = srt.run(["touch", target], {}, options=["--events", "-"])
    v = r.violations[0]
    if "\udcff" in name:
        import base64
        assert base64.b64decode(v["target_b64"]) == target and "�" in v["target"], v
    else:
        assert os.fsencode(v["target"]) == target, v
    human = [line for line in r.err.splitlines() if line.startswith("srt: denied")]
    assert len(human) == 1 and "\x1b" not in human[0] and "‮" not in human[0], r


def test_human_forms(srt, tmp_path):
    def err(*options):
        done = subprocess.run([SRT, "exec", *options, "touch", str(tmp_path / "no")], capture_output=True,
                              check=False, text=True, env=srt.environment({"HOME": srt.dir}))
        return [line for line in done.stderr.splitlines() if not line.startswith("touch:")]
    line, = err("--verbose")[:1]
    assert line.startswith("srt: denied create") or line.startswith("srt: denied write"), line
    assert str(tmp_path / "no") in line and "touch[" in line and "(/filesystem/allowWrite)" in line
    assert len(err()) == 1 and err("--quiet") == []
    note = err("--annotate", "--quiet")
    assert note[0] == "<sandbox_violations>" and note[-1] == "</sandbox_violations>" and len(note) == 3, note


def test_a_run_without_violations_prints_nothing(srt):
    r = srt.run(["true"], {})
    assert r.err == "" and r.out == ""


def test_ignored_violations(srt, tmp_path):
    policy = {"ignoreViolations": {"*": [str(tmp_path / "quiet")]}}
    r = srt.sh(f"touch {tmp_path}/quiet; touch {tmp_path}/loud", policy)
    r.only(target=str(tmp_path / "loud"))
    assert not (tmp_path / "quiet").exists()


def test_event_file_is_private_and_no_link_is_followed(srt, tmp_path):
    path = tmp_path / "ev"
    subprocess.run([SRT, "exec", "--events", str(path), "true"], check=True, env=srt.environment({"HOME": srt.dir}))
    assert path.stat().st_mode & 0o777 == 0o600
    (tmp_path / "link").symlink_to(path)
    done = subprocess.run([SRT, "exec", "--events", str(tmp_path / "link"), "echo", "ran"], capture_output=True,
                          check=False, env=srt.environment({"HOME": srt.dir}))
    assert done.returncode == 125 and done.stdout == b"", done


def test_unix_sink(srt, tmp_path):
    import socket
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "s"))
    server.listen()
    subprocess.run([SRT, "exec", "--events", f"unix:{tmp_path}/s", "true"], check=True,
                   env=srt.environment({"HOME": srt.dir}))
    connection, _ = server.accept()
    with connection.makefile(encoding="utf-8") as f:
        types = [json.loads(line)["type"] for line in f]
    assert types[0] == "start" and types[-1] == "exit"
    done = subprocess.run([SRT, "exec", "--events", "unix:/does/not/exist", "echo", "ran"], capture_output=True,
                          check=False, env=srt.environment({"HOME": srt.dir}))
    assert done.returncode == 125 and done.stdout == b""


def test_an_error_of_srt_is_an_event(srt, tmp_path):
    r = srt.run(["/does/not/exist"], {})
    assert r.code == 127
    r = srt.run(["echo"], {"filesystem": {"allowWrite": [str(tmp_path / "absent")]}})
    assert r.code == 125 and r.events and r.events[-1]["type"] == "error", r


def test_probes_are_no_refusals(srt, tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s/k").write_text("x")
    policy = {"filesystem": {"denyRead": [str(tmp_path / "s")]}}
    r = srt.run(["/usr/bin/python3", "-c", f"import os\ntry: os.stat('{tmp_path}/s/k')\nexcept OSError as e: print(e.errno)\nprint(os.access('{tmp_path}/s/k', os.R_OK))"], policy)
    assert r.out == "13\nFalse\n", r
    probes = [e for e in r.events if e["type"] == "violation" and e["class"] == "probe"]
    repeats = [e for e in r.events if e["type"] == "repeat" and e["ref"] == probes[0]["seq"]]
    assert len(probes) + sum(e["count"] for e in repeats) == 2 and not r.violations, r
    assert r.err == "srt: denied 2 probes (-v shows them)\n", r
