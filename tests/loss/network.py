"""A network in the kernel of this machine alone: hosts behind a router, which drops what it is told to.

Each host is a network namespace with one address, 10.77.<number>.2; the router is one more. No file names them: the
kernel frees each once this process has closed it and the processes inside have ended, however either went. Nothing
leads out of them, so what is sent inside stays inside. Takes root (CAP_SYS_ADMIN, CAP_NET_ADMIN) and the program ip.
"""
import ctypes
import os
import re
import shutil
import subprocess

CLONE_NEWNET = 0x40000000
OF_THIS_THREAD = "/proc/thread-self/ns/net"
LIBC = ctypes.CDLL(None, use_errno=True)


class NoNetworks(Exception):
    """Says what is missing."""


def check(result, what):
    if result != 0:
        raise NoNetworks(f"{what}: {os.strerror(ctypes.get_errno())}")


class Namespace:
    """`with namespace:` sockets and processes made meanwhile belong to it. Not across an await."""

    def __init__(self):
        before = os.open(OF_THIS_THREAD, os.O_RDONLY)
        try:
            check(LIBC.unshare(CLONE_NEWNET), "a network namespace cannot be made")
            self.fd = os.open(OF_THIS_THREAD, os.O_RDONLY)
            check(LIBC.setns(before, CLONE_NEWNET), "setns")
        finally:
            os.close(before)
        self.before = None

    def __enter__(self):
        self.before = os.open(OF_THIS_THREAD, os.O_RDONLY)
        check(LIBC.setns(self.fd, CLONE_NEWNET), "setns")

    def __exit__(self, *_):
        check(LIBC.setns(self.before, CLONE_NEWNET), "setns")
        os.close(self.before)

    def ip(self, lines):
        with self:
            done = subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, capture_output=True,
                                  start_new_session=True)  # a Ctrl-C is for us
        if done.returncode != 0:
            raise NoNetworks(f"ip: {done.stderr.strip() or done.stdout.strip()}")

    def path(self):
        """Stands for it in the arguments of ip."""
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    def identity(self):
        return identity(os.fstat(self.fd))

    def close(self):
        os.close(self.fd)


class Network:
    made = set()  # identities of all namespaces of this process, for leftovers()

    def __init__(self, numbers):
        self.router = Namespace()
        self.hosts = {}
        self.dropped = []
        self.open = True
        try:
            self.make(numbers)
        except BaseException:
            self.close()
            raise
        Network.made |= {namespace.identity() for namespace in (self.router, *self.hosts.values())}

    def make(self, numbers):
        lines = ["link set lo up"]
        for number in numbers:
            host = self.hosts[number] = Namespace()
            lines += [f"link add to{number} type veth peer name eth0 netns {host.path()}",
                      f"addr add 10.77.{number}.1/24 dev to{number}", f"link set to{number} up"]
        self.router.ip(lines)
        for number, host in self.hosts.items():
            host.ip(["link set lo up", f"addr add {address(number)}/24 dev eth0", "link set eth0 up",
                     f"route add default via 10.77.{number}.1"])
        with self.router:
            # A check of the way back would make a cut of one direction one of both.
            for device in ("all", "default", *(f"to{number}" for number in numbers)):
                write(f"/proc/sys/net/ipv4/conf/{device}/rp_filter", "0")
            write("/proc/sys/net/ipv4/ip_forward", "1")

    def cut(self, pairs):
        """Packets from the first to the second host of each pair are dropped without a word, until heal()."""
        rules = [f"from {address(source)} to {address(target)} pref 100 blackhole" for source, target in sorted(pairs)]
        self.dropped += rules
        self.router.ip([f"rule add {rule}" for rule in rules])

    def heal(self):
        self.router.ip([f"rule del {rule}" for rule in self.dropped])
        self.dropped = []

    def close(self):
        if not self.open:
            return
        self.open = False
        for namespace in (self.router, *self.hosts.values()):
            namespace.close()


def identity(stat):
    return stat.st_dev, stat.st_ino


def address(number):
    return f"10.77.{number}.2"


def write(path, text):
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
    except OSError as error:
        raise NoNetworks(f"{path}: {error.strerror}") from error


def why_not():
    """What keeps networks from being made here, "" if nothing does."""
    if shutil.which("ip") is None:
        return "the program ip is missing (Debian: iproute2)"
    if os.geteuid() != 0:
        return "it makes network namespaces, which takes root: run it with sudo"
    try:
        Network([1, 2]).close()
    except NoNetworks as missing:
        return f"network namespaces cannot be used here: {missing}"
    return ""


def leftovers(directory):
    """What is still there of what this process made, as lines of text; servers ran below the directory.

    Without processes and open descriptors inside there is no namespace, and without it none of its devices."""
    found = [f"device {name}" for name in os.listdir("/sys/class/net") if re.fullmatch(r"to\d+", name)]
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            if identity(os.stat(f"/proc/self/fd/{descriptor}")) in Network.made:
                found.append(f"descriptor {descriptor} of a namespace")
        except OSError:
            pass  # that of the list itself
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
                words = file.read().replace("\0", " ")
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
            if parent == os.getpid() or f"{os.readlink(f'/proc/{pid}/cwd')}/ {words}".find(directory + "/") >= 0:
                found.append(f"process {pid}: {words}")
        except OSError:
            pass  # gone meanwhile
    return found
