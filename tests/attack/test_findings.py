"""What the readings found, each with its permitted twin: nobody must find it again."""
import os
import shutil
import socket
import subprocess
import tempfile
import threading

import pytest

from conftest import SRT, helper

HELPER_FLIP = "path_flip"


@pytest.fixture
def levels(srt):
    def run(argv, level="full", policy=None, **kwargs):
        policy = dict(policy or {}, minimumLevel="preload")
        return srt.run(argv, policy, options=["--level", level], **kwargs)
    return run


@pytest.mark.parametrize("level", ["full", "preload"])
def test_devices_and_proc_sys_are_the_machines(levels, level):
    """chmod of a device node, sysctls by every spelling: also for root."""
    before = os.stat("/dev/full").st_mode
    core = open("/proc/sys/kernel/core_pattern", encoding="ascii").read()
    r = levels(["/usr/bin/python3", "-c", """
import os
def what(f):
    try: f(); return 'done'
    except OSError as e: return str(e.errno)
print(what(lambda: os.chmod('/dev/full', 0o646)), what(lambda: os.utime('/dev/zero')))
for p in ('/proc/sys/kernel/core_pattern', '/proc/./self/../sys/kernel/core_pattern', '//proc/self/../sys/kernel/core_pattern'):
    print(what(lambda: os.close(os.open(p, os.O_WRONLY))))
print(what(lambda: open('/dev/null', 'w').write('x')), what(lambda: open('/proc/self/comm', 'w').write('x')))
"""], level)
    words = r.out.split()
    assert "done" not in words[:5] and words[5:] == ["done", "done"], r
    assert os.stat("/dev/full").st_mode == before
    assert open("/proc/sys/kernel/core_pattern", encoding="ascii").read() == core


@pytest.mark.parametrize("level", ["full", "preload"])
def test_metadata_of_an_input_file(levels, tmp_path, level):
    path = tmp_path / "in"
    path.write_text("some text\n")
    path.chmod(0o644)
    with open(path, "rb") as f:
        r = levels(["/usr/bin/python3", "-c", """
import os, sys
for f in (lambda: os.fchmod(0, 0o611), lambda: os.chmod('/proc/self/fd/0', 0o611), lambda: os.utime('/dev/stdin', (1, 1))):
    try: f(); print('done')
    except OSError as e: print(e.errno)
print(sys.stdin.read())
"""], level, stdin=f)
    assert "done" not in r.out and "some text" in r.out, r
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("call", ["chmod", "utimes", "setxattr", "chown"])
def test_metadata_path_flipped_to_a_stream(srt, project, tmp_path, call):
    """A second thread turns an allowed path into standard input's link."""
    host = tmp_path / "hostfile"
    host.write_text("x")
    host.chmod(0o644)
    os.utime(host, (5, 5))
    (project / "ok").write_text("x")
    with open(host, "rb") as f:
        r = srt.run([helper(HELPER_FLIP), call, str(project / "ok"), "/proc/self/fd/0", "8000"],
                    {"filesystem": {"allowWrite": [str(project)]}}, stdin=f, timeout=60)
    assert r.code == 0 and "allowed" in r.out, r
    st = host.stat()
    assert st.st_mode & 0o777 == 0o644 and st.st_mtime == 5 and os.listxattr(host) == []


def test_metadata_of_a_device_that_was_handed_in(srt):
    before = os.stat("/dev/null").st_mode
    r = srt.run(["/usr/bin/python3", "-c", "import os\ntry: os.fchmod(0, 0o664); print('done')\nexcept OSError as e: print(e.errno)"], {})
    assert r.out in ("1\n", "30\n") and os.stat("/dev/null").st_mode == before, r


def test_refused_calls_under_way_at_the_end(srt):
    """Threads are refused while the command ends: its status is still its own."""
    code = """
import os, threading, time
def loop():
    while True:
        try: open('/etc/hostname', 'a')
        except OSError: pass
for i in range(24): threading.Thread(target=loop, daemon=True).start()
time.sleep(0.1)
os._exit(0)
"""
    for _ in range(12):
        r = srt.run(["/usr/bin/python3", "-c", code], {})
        assert r.code == 0 and "supervisor" not in r.err, r


def test_parked_connects_do_not_starve_the_others(srt, project):
    """1 000 connects wait for the program's own full backlog; a refusal elsewhere is quick."""
    code = """
import os, socket, threading, time
u = socket.socket(socket.AF_UNIX); u.bind('q'); u.listen(0)
def park():
    s = socket.socket(socket.AF_UNIX)
    began.append(0)
    try: s.connect('q')
    except OSError: pass
began = []
threading.stack_size(65536)
for i in range(1000): threading.Thread(target=park, daemon=True).start()
while len(began) < 1000: time.sleep(0.01)
times = []
for i in range(20):
    t = time.monotonic()
    try: open('../outside/file', 'a')
    except OSError: times.append(time.monotonic() - t)
print(threading.active_count() > 990, len(times), sorted(times)[10] < 0.02, flush=True)
os._exit(0)
"""
    r = srt.run(["/usr/bin/python3", "-c", code], {"filesystem": {"allowWrite": [str(project)]}}, cwd=str(project), timeout=60)
    assert r.out == "True 20 True\n" and r.code == 0, r


def test_unlink_by_a_spelling_of_proc_self(srt, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("x")
    for spelling in ("/proc/./self/root", "//proc/self/root", "/proc/self/root"):
        r = srt.run(["/usr/bin/python3", "-c", f"import os; os.unlink('{spelling}{victim}')"], {})
        assert victim.exists()
        r.only(op="file-delete", target=str(victim), rule="/filesystem/allowWrite")


def test_signals_do_not_leave(tmp_path):
    """kill(0) and kill(-pgid) from inside: those outside in the group live on."""
    done = subprocess.run(["setsid", "sh", "-c", f"sh -c '{SRT} exec --quiet -- sh -c \"kill -KILL 0\"; echo parent'; echo wrapper"],
                          capture_output=True, text=True, timeout=20, check=False)
    assert done.stdout == "parent\nwrapper\n", done
    done = subprocess.run([SRT, "exec", "--quiet", "--", "sh", "-c", "sleep 100 & kill -TERM $!; wait $!; echo $?"],
                          capture_output=True, text=True, timeout=20, check=False)
    assert done.stdout == "143\n", done


def test_socket_of_the_same_inode_number_elsewhere(srt, tmp_path):
    """A socket bound inside does not open a host's that has its inode number."""
    directory = tempfile.mkdtemp(prefix="s", dir="/dev/shm")
    try:
        path = directory + "/host.sock"
        s = socket.socket(socket.AF_UNIX)
        s.bind(path)
        os.chmod(path, 0o777)
        os.chmod(directory, 0o777)
        s.listen()
        code = f"""
import os, socket
host = os.stat('{tmp_path}/link/host.sock').st_ino if False else {os.stat(path).st_ino}
for i in range(3000):
    b = socket.socket(socket.AF_UNIX); p = '/dev/shm/b%d' % i; b.bind(p)
    if os.stat(p).st_ino % 2**32 == host % 2**32: b.listen(); break
    b.close(); os.unlink(p)
c = socket.socket(socket.AF_UNIX)
try: c.connect(p); print('own')
except OSError as e: print(e.errno)
c = socket.socket(socket.AF_UNIX)
try: c.connect('{path}'); print('host')
except OSError as e: print(e.errno)
"""
        r = srt.run(["/usr/bin/python3", "-c", code], {"filesystem": {"allowWrite": [directory]}}, timeout=60)
        assert "host" not in r.out, r
    finally:
        shutil.rmtree(directory)


def test_no_unix_socket_at_level_preload(levels, tmp_path):
    directory = tempfile.mkdtemp(prefix="s", dir="/tmp")
    s = socket.socket(socket.AF_UNIX)
    s.bind(directory + "/host.sock")
    os.chmod(directory, 0o755)
    os.chmod(directory + "/host.sock", 0o777)
    s.listen()
    code = f"""
import socket
try: socket.socket(socket.AF_UNIX).connect('{directory}/host.sock'); print('host')
except OSError as e: print(e.errno)
a, b = socket.socketpair(); a.send(b'x'); print(b.recv(1))
"""
    r = levels(["/usr/bin/python3", "-c", code], "preload")
    assert "host" not in r.out and "b'x'" in r.out, r
    shutil.rmtree(directory)


def test_allowed_root_whose_parent_becomes_a_link(srt, tmp_path):
    """While srt starts, another process swaps a directory above an allowWrite root
    for a link elsewhere: never is the other place writable."""
    for d in ("w/a/build", "evil/build"):
        (tmp_path / d).mkdir(parents=True)
    (tmp_path / "w/l").symlink_to(tmp_path / "evil")
    over = False

    def swap():
        import ctypes
        lib = ctypes.CDLL(None, use_errno=True)
        a, b = os.fsencode(tmp_path / "w/a"), os.fsencode(tmp_path / "w/l")
        while not over:
            lib.renameat2(-100, a, -100, b, 2)  # RENAME_EXCHANGE
            threading.Event().wait(0.002)

    thread = threading.Thread(target=swap)
    thread.start()
    ran = 0
    try:
        for _ in range(60):
            r = srt.sh(f"echo x > {tmp_path}/evil/build/x; grep -qa {tmp_path}/evil /dev/srt/image && echo judged; echo ran",
                       {"filesystem": {"allowWrite": [str(tmp_path / "w/a/build")]}})
            if "ran" in r.out and "judged" not in r.out:
                ran += 1
                assert not (tmp_path / "evil/build/x").exists(), r
            elif r.code != 0:
                assert r.code == 125, r
            if (tmp_path / "evil/build/x").exists():
                (tmp_path / "evil/build/x").unlink()
    finally:
        over = True
        thread.join()
    assert ran > 0


def test_srt_itself_cannot_be_changed(srt, tmp_path):
    """A writable root that holds srt: the command cannot choose the next sandbox."""
    top = tmp_path / "tool"
    shutil.copytree(os.path.dirname(os.path.dirname(SRT)) + "/bin", top / "bin")
    shutil.copytree(os.path.dirname(os.path.dirname(SRT)) + "/lib", top / "lib")
    done = subprocess.run([top / "bin/srt", "exec", "--quiet", "--allow-write", str(top), "--", "sh", "-c",
                           f"cd {top}; for f in bin/srt bin/srt-init lib/libsrtshim.so; do echo x > $f; mv $f $f.old; done; echo x > other; ls bin"],
                          capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert "srt-init" in done.stdout and (top / "other").exists() and "old" not in done.stdout, done
    assert (top / "bin/srt-init").read_bytes() == open(os.path.dirname(SRT) + "/srt-init", "rb").read()


def test_the_machine_stays_read_only_below_a_writable_root(srt):
    r = srt.run(["/usr/bin/python3", "-c", """
import os
for p in ('/sys/kernel/mm/ksm/run', '/proc/irq/default_smp_affinity', '/proc/sys/kernel/core_pattern'):
    for s in ('', '/proc/./self/root'):
        try: os.close(os.open(s + p, os.O_WRONLY)); print('opened', s + p)
        except OSError: pass
open(os.environ['TMPDIR'] + '/x', 'w').write('x'); print('end')
"""], {"filesystem": {"allowWrite": ["/"]}})
    assert r.out == "end\n", r


def test_short_ipv6_address(srt, net):
    """24 bytes are an address for connect(2) (SIN6_LEN_RFC2133): judged and routed."""
    code = """
import ctypes, socket
lib = ctypes.CDLL(None, use_errno=True)
for host in ('2001:db8::10', '2001:db8::20'):
    s = socket.socket(socket.AF_INET6)
    a = bytes([10, 0, 0, 80, 0, 0, 0, 0]) + socket.inet_pton(socket.AF_INET6, host)
    print(lib.connect(s.fileno(), a, 24), ctypes.get_errno())
"""
    r = srt.run(["/usr/bin/python3", "-c", code], {"network": {"allowedAddresses": ["2001:db8::10"]}})
    assert r.out.splitlines()[0].startswith("0 ") and r.out.splitlines()[1] == "-1 13", r
    r.only(op="net-connect", target="[2001:db8::20]:80")


def test_path_descriptors_have_no_metadata_calls(srt, project):
    code = """
import os
fd = os.open('file', os.O_PATH)
for f in (lambda: os.utime(fd), lambda: os.fchmod(fd, 0o600)):
    try: f(); print('done')
    except OSError as e: print(e.errno)
os.utime('file'); os.chmod('file', 0o600); print('by path')
"""
    r = srt.run(["/usr/bin/python3", "-c", code], {"filesystem": {"allowWrite": [str(project)]}}, cwd=str(project))
    assert r.out == "9\n9\nby path\n" and not r.violations, r
