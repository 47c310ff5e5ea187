#!/usr/bin/python3
"""Runs a command in a test network: `testnet.py --as root|user|self -- COMMAND...`

As root it stages what was built where an ordinary user can read it, makes two
network namespaces of its own joined by a veth pair, starts real servers in one
and the command in the other, and takes everything down when the command ends
(or when it is killed: every process here has a parent-death signal).

    client 203.0.113.1  2001:db8::1       the command, and srt in it
    server 203.0.113.53                   dnsmasq, for *.test; rebind.test: helpers/rebind_dns.py
           203.0.113.10 2001:db8::10      allowed.test   nginx, sshd, redis
           203.0.113.20 2001:db8::20      denied.test    the same servers
           203.0.113.99                   a black hole: packets are dropped

With `self` (not root) there is no network: tests that need one say so.
Facts for the tests are in the JSON file named by SRT_TEST_NET.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
BUILD = os.environ.get("SRT_TEST_BUILD", os.path.join(TOP, "build"))
PATH = ":".join(["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
                 "/usr/local/go/bin"])
HUNG = ("writable", "refused", "denied")  # file systems that never answer (hungfs.py)
USER_ID = 64242  # nobody's: no process or file of the machine has it
HOSTS = {
    "allowed.test": ("203.0.113.10", "2001:db8::10"),
    "denied.test": ("203.0.113.20", "2001:db8::20"),
    "hole.test": ("203.0.113.99", None),
    "loopback.test": ("127.0.0.1", "::1"),
    "loopback6.test": (None, "::1"),
    "metadata.test": ("169.254.169.254", None),
    "own.test": ("203.0.113.1", None),
    "own6.test": (None, "2001:db8::1"),
    "mixed.test": ("203.0.113.10,127.0.0.1", None),
    "mixed-families.test": ("203.0.113.10", "::1"),
    "six.test": (None, "2001:db8::10"),
    "v4.test": ("203.0.113.10", None),
    "sub.wild.test": ("203.0.113.10", "2001:db8::10"),
}


def sh(*argv, **kwargs):
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, **kwargs)


def die_with_parent():
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def go_helpers(stage):
    source = os.path.join(HERE, "helpers", "go")
    if not os.path.isdir(source) or not shutil.which("go", path=PATH):
        return
    env = dict(os.environ, CGO_ENABLED="0", GOFLAGS="-mod=mod", GOPATH=stage + "/gopath",
               GOCACHE=os.environ.get("GOCACHE", "/var/tmp/srt-test-gocache"), GO111MODULE="off",
               PATH=PATH)
    for name in sorted(os.listdir(source)):
        if name.endswith(".go"):
            sh("go", "build", "-o", f"{stage}/helpers/{name[:-3]}_go", os.path.join(source, name),
               env=env)


def musl_helpers(stage):
    """helpers/musl_*.c: NAME (dynamic) and NAME_static."""
    compiler = shutil.which("musl-gcc", path=PATH)
    directory = os.path.join(HERE, "helpers")
    for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else []:
        if compiler and name.startswith("musl_") and name.endswith(".c"):
            source = os.path.join(HERE, "helpers", name)
            out = f"{stage}/helpers/{name[:-2]}"
            sh(compiler, "-O1", "-o", out, source)
            sh(compiler, "-O1", "-static", "-o", out + "_static", source)


def stage_files():
    stage = tempfile.mkdtemp(prefix="srt-test-", dir="/var/tmp")
    os.chmod(stage, 0o755)
    for part in ("bin", "lib", "helpers"):
        if os.path.isdir(os.path.join(BUILD, part)):
            shutil.copytree(os.path.join(BUILD, part), os.path.join(stage, part))
    os.makedirs(stage + "/helpers", exist_ok=True)
    shutil.copytree(HERE, stage + "/tests", ignore=shutil.ignore_patterns("__pycache__", "data"))
    go_helpers(stage)
    musl_helpers(stage)
    sh("chmod", "-R", "a+rX", stage)
    return stage


def certificates(directory):
    """A test CA and one certificate for every name."""
    os.makedirs(directory)
    quiet = {"stderr": subprocess.DEVNULL, "cwd": directory}
    sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
       "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=srt test CA",
       **quiet)
    sh("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
       "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=test", **quiet)
    names = ",".join([f"DNS:{n}" for n in HOSTS] + ["IP:203.0.113.10", "IP:203.0.113.20"])
    with open(directory + "/ext", "w") as f:
        f.write(f"subjectAltName={names}\n")
    sh("openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
       "-CAcreateserial", "-days", "2", "-extfile", "ext", "-out", "server.pem",
       stdout=subprocess.DEVNULL, **quiet)
    os.chmod(directory + "/ca.pem", 0o644)


NGINX = """
master_process off; daemon off; pid {dir}/nginx.pid; error_log {dir}/nginx.err;
user root;
events {{ worker_connections 2048; }}
http {{
  access_log {dir}/nginx.log; client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2;
  fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
  server {{
    listen 203.0.113.10:80; listen 203.0.113.20:80; listen [2001:db8::10]:80; listen [2001:db8::20]:80;
    listen 203.0.113.10:443 ssl; listen 203.0.113.20:443 ssl;
    listen [2001:db8::10]:443 ssl; listen [2001:db8::20]:443 ssl; listen 203.0.113.10:8443 ssl;
    ssl_certificate {dir}/tls/server.pem; ssl_certificate_key {dir}/tls/server.key;
    root {dir}/www;
    location = /hello {{ default_type text/plain; return 200 "hello from $host\\n"; }}
  }}
}}
"""

SSHD = """
ListenAddress 203.0.113.10
ListenAddress 203.0.113.20
ListenAddress 2001:db8::10
ListenAddress 2001:db8::20
HostKey {dir}/ssh/host
PidFile {dir}/sshd.pid
AuthorizedKeysFile {dir}/ssh/id.pub
PermitRootLogin yes
StrictModes no
UsePAM no
PasswordAuthentication no
"""


def repository(directory):
    env = dict(os.environ, HOME=directory, GIT_CONFIG_NOSYSTEM="1", GIT_AUTHOR_NAME="t",
               GIT_AUTHOR_EMAIL="t@test", GIT_COMMITTER_NAME="t", GIT_COMMITTER_EMAIL="t@test")
    work = directory + "/repo.work"
    os.makedirs(work)
    with open(work + "/README", "w") as f:
        f.write("a repository\n")
    sh("git", "-c", "init.defaultBranch=main", "init", "-q", work, env=env)
    sh("git", "-C", work, "add", ".", env=env)
    sh("git", "-C", work, "commit", "-q", "-m", "first", env=env)
    bare = directory + "/www/repo.git"
    sh("git", "clone", "-q", "--bare", work, bare, env=env)
    sh("git", "-C", bare, "update-server-info", env=env)
    return bare


class Net:
    def __init__(self, stage, owner):
        self.dir = stage + "/net"
        self.owner = owner
        self.children = []
        os.makedirs(self.dir + "/www")
        os.makedirs(self.dir + "/ssh")

    def start(self, *argv):
        with open(f"{self.dir}/{os.path.basename(argv[0])}.out", "ab") as out:
            self.children.append(subprocess.Popen(
                ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", *argv],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, preexec_fn=die_with_parent))

    def links(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"],
                                       preexec_fn=die_with_parent)
        self.children.append(self.holder)
        mine = os.readlink("/proc/self/ns/net")
        deadline = time.monotonic() + 5
        while os.readlink(f"/proc/{self.holder.pid}/ns/net") == mine:
            if time.monotonic() > deadline:
                sys.exit("testnet: no second network namespace")
            time.sleep(0.01)
        inside = ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", "ip"]
        sh("ip", "link", "set", "lo", "up")
        sh("ip", "link", "add", "cli", "type", "veth", "peer", "name", "srv", "netns",
           str(self.holder.pid))
        for address in ("203.0.113.1/24", "2001:db8::1/64"):
            sh("ip", "addr", "add", address, "dev", "cli", *(["nodad"] if ":" in address else []))
        sh("ip", "link", "set", "cli", "up")
        sh(*inside, "link", "set", "lo", "up")
        for address in ("203.0.113.53/24", "203.0.113.10/24", "203.0.113.20/24",
                        "203.0.113.99/24", "2001:db8::10/64", "2001:db8::20/64"):
            sh(*inside, "addr", "add", address, "dev", "srv",
               *(["nodad"] if ":" in address else []))
        sh(*inside, "link", "set", "srv", "up")
        # The black hole answers ARP (the address is there) and drops the rest.
        sh(*inside, "rule", "add", "to", "203.0.113.1", "from", "203.0.113.99", "blackhole")

    def mounts(self):
        """In a mount namespace of our own: the resolver's file, a name for
        the ordinary user (ssh wants one), the mode that udev gives /dev/fuse
        everywhere but on bare kernels, shared directories that nobody else
        writes to (tests compare listings), a file system that is full after
        a few files, and a block device that everybody may open."""
        sh("mount", "--make-rprivate", "/")
        for directory in ("/tmp", "/dev/shm"):
            sh("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", directory)
        os.mkdir(self.dir + "/small")
        sh("mount", "-t", "tmpfs", "-o", f"size=64k,nr_inodes=8,mode=0755,uid={self.owner}", "tmpfs", self.dir + "/small")
        with open(self.dir + "/resolv.conf", "w") as f:
            f.write("nameserver 203.0.113.53\noptions timeout:2 attempts:2\n")
        sh("mount", "--bind", self.dir + "/resolv.conf", os.path.realpath("/etc/resolv.conf"))
        with open("/etc/passwd") as f, open(self.dir + "/passwd", "w") as whole:
            whole.write(f.read() + f"srt-test:x:{USER_ID}:{USER_ID}::{self.dir}:/bin/sh\n")
        sh("mount", "--bind", self.dir + "/passwd", "/etc/passwd")
        sh("mount", "-t", "tmpfs", "tmpfs", self.dir + "/ssh", "-o", "mode=0755")
        sh("mknod", "-m", "666", self.dir + "/ssh/block", "b", "7", "0")  # a loop device
        if os.path.exists("/dev/fuse"):
            sh("mknod", "-m", "666", self.dir + "/ssh/fuse", "c", "10", "229")
            sh("mount", "--bind", self.dir + "/ssh/fuse", "/dev/fuse")
            for case in HUNG:  # what waits in one holds up who mounts on it
                os.makedirs(f"{self.dir}/{case}/hung")
                self.children.append(subprocess.Popen(
                    [sys.executable, os.path.dirname(self.dir) + "/tests/hungfs.py", f"{self.dir}/{case}/hung"],
                    preexec_fn=die_with_parent))

    def servers(self):
        d = self.dir
        certificates(d + "/tls")
        sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", d + "/ssh/host")
        sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", d + "/ssh/id")
        os.chmod(d + "/ssh/id", 0o600)
        os.chown(d + "/ssh/id", self.owner, self.owner)
        with open(d + "/ssh/host.pub") as key, open(d + "/ssh/known_hosts", "w") as known:
            host_key = " ".join(key.read().split()[:2])
            for name, addresses in HOSTS.items():
                known.write(",".join([name] + [a for a in addresses if a]) + f" {host_key}\n")
        with open(d + "/www/big", "wb") as f:
            f.write(os.urandom(1 << 16) * 256)
        self.repo = repository(d)
        sh("chmod", "-R", "a+rX", d + "/www", d + "/repo.work")
        with open(d + "/nginx.conf", "w") as f:
            f.write(NGINX.format(dir=d))
        with open(d + "/sshd_config", "w") as f:
            f.write(SSHD.format(dir=d))
        os.makedirs("/run/sshd", exist_ok=True)
        records = [f"--host-record={name},{address}" for name, addresses in HOSTS.items()
                   for a in addresses if a for address in a.split(",")]
        self.start("dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null",
                   "--port=53", "--listen-address=203.0.113.53", "--bind-interfaces",
                   "--user=root", "--log-queries", "--log-facility=" + d + "/dns.log", "--pid-file=",
                   "--cname=alias.test,allowed.test", "--txt-record=allowed.test,a text", "--local=/test/",
                   "--server=/rebind.test/203.0.113.53#5353", *records)
        self.start(sys.executable, os.path.dirname(d) + "/tests/helpers/rebind_dns.py", "203.0.113.53", "5353")
        self.start("nginx", "-c", d + "/nginx.conf", "-p", d, "-e", d + "/nginx.err")
        self.start("/usr/sbin/sshd", "-D", "-e", "-f", d + "/sshd_config")
        self.start("redis-server", "--port", "6379", "--bind", "203.0.113.10", "203.0.113.20",
                   "2001:db8::10", "--save", "", "--protected-mode", "no", "--dir", d)
        self.wait_for()

    def wait_for(self):
        import socket
        deadline = time.monotonic() + 20
        for address, port in (("203.0.113.10", 80), ("203.0.113.10", 443), ("203.0.113.10", 22),
                              ("203.0.113.10", 6379), ("203.0.113.53", 53)):
            while True:
                try:
                    socket.create_connection((address, port), 1).close()
                    break
                except OSError as e:
                    if time.monotonic() > deadline:
                        sys.exit(f"testnet: no server on {address}:{port}: {e}")
                    time.sleep(0.05)

    def facts(self):
        path = self.dir + "/facts.json"
        with open(path, "w") as f:
            json.dump({"ca": self.dir + "/tls/ca.pem", "ssh_key": self.dir + "/ssh/id",
                       "known_hosts": self.dir + "/ssh/known_hosts", "repo": self.repo,
                       "small": self.dir + "/small", "block": self.dir + "/ssh/block",
                       "dns_log": self.dir + "/dns.log", "hosts": HOSTS,
                       "hung": {case: f"{self.dir}/{case}/hung" for case in HUNG}}, f)
        for name in ("facts.json", "dns.log"):
            if os.path.exists(f"{self.dir}/{name}"):
                os.chmod(f"{self.dir}/{name}", 0o644)
        os.chmod(self.dir + "/tls", 0o755)
        return path

    def stop(self):
        for child in reversed(self.children):
            child.kill()
        for child in self.children:
            child.wait()


def environment(stage, home):
    env = {k: v for k, v in os.environ.items()
           if k in ("LANG", "TERM", "CI", "SRT_TEST_MUST_WORK", "SRT_TEST_SEED")}
    env.update(HOME=home, PATH=PATH, SRT_BUILD=stage, PYTHONDONTWRITEBYTECODE="1",
               TMPDIR=stage + "/tmp", PYTEST_DEBUG_TEMPROOT=stage + "/tmp", SHELL="/bin/bash")
    return env


def as_self(command):
    env = dict(os.environ, SRT_BUILD=BUILD)
    return subprocess.run(command, env=env, check=False).returncode


def as_root_or_user(who, command):
    if os.environ.get("SRT_TESTNET_INSIDE") != "1":
        # All that follows happens in namespaces of its own.
        os.environ["SRT_TESTNET_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", sys.executable, os.path.abspath(__file__),
                              "--as", who, "--", *command])
    owner = USER_ID if who == "user" else 0
    stage = stage_files()
    net = Net(stage, owner)
    try:
        net.mounts()
        net.links()
        net.servers()
        home = stage + "/home"
        for directory in (home, stage + "/tmp"):
            os.makedirs(directory)
            os.chown(directory, owner, owner)
        env = environment(stage, home)
        env["SRT_TEST_NET"] = net.facts()
        prefix = []
        if who == "user":
            prefix = ["setpriv", f"--reuid={owner}", f"--regid={owner}", "--clear-groups"]
        return subprocess.run(prefix + command, env=env, cwd=stage, check=False,
                              preexec_fn=die_with_parent).returncode
    finally:
        net.stop()
        for part in ("ssh", "small", *(f"{case}/hung" for case in HUNG)):
            subprocess.run(["umount", "-l", f"{net.dir}/{part}"], check=False, stderr=subprocess.DEVNULL)
        if not os.environ.get("SRT_TEST_KEEP"):
            shutil.rmtree(stage, ignore_errors=True)


def main():
    if len(sys.argv) < 5 or sys.argv[1] != "--as" or sys.argv[3] != "--":
        sys.exit(__doc__)
    who, command = sys.argv[2], sys.argv[4:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if who == "self":
        return as_self(command)
    return as_root_or_user(who, command)


if __name__ == "__main__":
    sys.exit(main())
