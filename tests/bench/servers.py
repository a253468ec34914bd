"""The servers that benchmarks and soaks measure: started on free loopback ports, watched through /proc, stopped by pid."""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CARTWHEEL = os.path.join(ROOT, "build", "cartwheel-server")
sys.path.insert(0, os.path.join(ROOT, "redis-compat"))
from lib.server_process import free_port  # noqa: E402


class Server:
    """A server on a free loopback port with a directory of its own."""

    def __init__(self, name, command):
        self.name = name
        self.command = command
        self.port = free_port()
        self.directory = tempfile.mkdtemp(prefix="cartwheel-bench-")
        self.log = open(os.path.join(self.directory, "log"), "ab")
        self.start()

    def start(self):
        """Returns the seconds until it answers PING."""
        began = time.monotonic()
        self.process = subprocess.Popen(
            self.command + ["--port", str(self.port), "--dir", self.directory, "--bind", "127.0.0.1"],
            stdout=self.log, stderr=self.log)
        while time.monotonic() < began + 120:
            try:
                if self.call("PING") == "PONG":
                    return time.monotonic() - began
            except OSError:
                if self.process.poll() is not None:
                    break
            time.sleep(0.02)
        with open(os.path.join(self.directory, "log"), "rb") as log:
            sys.stderr.buffer.write(log.read()[-2000:])
        self.stop()
        sys.exit(f"{self.name} did not start")

    def call(self, *arguments):
        """One command on a connection of its own; the reply as redis-cli would show one line of it."""
        with socket.create_connection(("127.0.0.1", self.port), 60) as s:
            s.sendall(b"*%d\r\n" % len(arguments) +
                      b"".join(b"$%d\r\n%s\r\n" % (len(a.encode()), a.encode()) for a in arguments))
            with s.makefile("rb") as replies:
                line = replies.readline().decode().rstrip("\r\n")
                if line.startswith("$") and line != "$-1":
                    return replies.read(int(line[1:])).decode()
                return line[1:]

    def info(self, field):
        for line in self.call("INFO", "everything").splitlines():
            if line.startswith(field + ":"):
                return line.partition(":")[2].strip()
        return ""

    def cpu_seconds(self):
        """Of all threads, as the scheduler counts it."""
        total = 0
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            try:
                with open(f"/proc/{self.process.pid}/task/{task}/schedstat") as f:
                    total += int(f.read().split()[0])
            except FileNotFoundError:
                pass
        return total / 1e9

    def memory_mib(self):
        """Resident memory: (all, of which anonymous, of which the page cache's)."""
        fields = {}
        with open(f"/proc/{self.process.pid}/status") as f:
            for line in f:
                name, _, value = line.partition(":")
                if name.startswith(("VmRSS", "Rss")):
                    fields[name] = int(value.split()[0]) / 1024
        return fields["VmRSS"], fields["RssAnon"], fields["RssFile"]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)


def redis_version():
    return subprocess.run(["redis-server", "--version"], capture_output=True, text=True).stdout.split()[2]


def redis_server(*options):
    return Server("redis", ["redis-server", "--appendonly", "yes", "--save", "", *options])


def fill(server, first, last, value_bytes):
    """Sets the keys of redis-benchmark, key:000000000000 and on, in one stream."""
    value = b"x" * value_bytes
    with subprocess.Popen(["redis-cli", "-p", str(server.port), "--pipe"], stdin=subprocess.PIPE,
                          stdout=subprocess.DEVNULL) as cli:
        for start in range(first, last, 10_000):
            cli.stdin.write(b"".join(
                b"*3\r\n$3\r\nSET\r\n$16\r\nkey:%012d\r\n$%d\r\n%s\r\n" % (i, value_bytes, value)
                for i in range(start, min(last, start + 10_000))))
        cli.stdin.close()
        cli.wait(600)
