#!/usr/bin/env python3
"""Cartwheel beside redis-server: throughput, latency and server CPU per operation, from one interleaved run.

Each repetition runs every workload against both servers in turn, the order swapped each time, so that a machine
whose speed drifts is unfair to both alike. Printed are medians, the spread of Cartwheel's throughput and the
ratios; on a shared machine CPU per operation is the figure to trust.

    make bench                           everything, 5 repetitions
    make bench BENCH="-n 3 --only get"   some of it
"""
import argparse
import csv
import io
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# name, redis-benchmark arguments (keys from 1M unless said otherwise), requests, commands in one request
WORKLOADS = [
    ("get P16", ["-t", "get", "-P", "16"], 2_000_000),
    ("get P1", ["-t", "get", "-P", "1"], 200_000),
    ("set P16", ["-t", "set", "-P", "16"], 200_000),
    ("set P1", ["-t", "set", "-P", "1"], 40_000),
    ("incr P16", ["-t", "incr", "-P", "16"], 200_000),
    ("mset P16", ["-t", "mset", "-P", "16"], 20_000),
    ("ping P16", ["-t", "ping_mbulk", "-P", "16"], 2_000_000),
]
KEYS = 1_000_000
VALUE_BYTES = 100
CLIENTS = 50


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A server on a free loopback port with a directory of its own, stopped by its pid."""

    def __init__(self, name, command):
        self.name = name
        self.port = free_port()
        self.directory = tempfile.mkdtemp(prefix="cartwheel-bench-")
        self.log = open(os.path.join(self.directory, "log"), "wb")
        self.process = subprocess.Popen(
            command + ["--port", str(self.port), "--dir", self.directory, "--bind", "127.0.0.1"],
            stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    sys.exit(f"{name} did not start, see its output above")
                time.sleep(0.02)

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mib(self):
        with open(f"/proc/{self.process.pid}/statm") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)


def benchmark(server, arguments, requests):
    """One redis-benchmark run: (requests/s, p50 ms, p99 ms, server CPU us per request)."""
    before = server.cpu_seconds()
    done = subprocess.run(
        ["redis-benchmark", "-p", str(server.port), "-n", str(requests), "-c", str(CLIENTS), "-r", str(KEYS),
         "-d", str(VALUE_BYTES), "--csv", *arguments],
        capture_output=True, text=True, timeout=600)
    cpu = server.cpu_seconds() - before
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    if done.returncode != 0 or not rows or "ERR" in done.stderr:
        sys.exit(f"redis-benchmark against {server.name} failed: {done.stderr or done.stdout}")
    row = rows[-1]
    return (float(row["rps"]), float(row["p50_latency_ms"]), float(row["p99_latency_ms"]), cpu / requests * 1e6)


def fill(server):
    """All keys that the workloads read, in one stream."""
    value = b"x" * VALUE_BYTES
    with subprocess.Popen(["redis-cli", "-p", str(server.port), "--pipe"], stdin=subprocess.PIPE,
                          stdout=subprocess.DEVNULL) as cli:
        for start in range(0, KEYS, 10_000):
            cli.stdin.write(b"".join(
                b"*3\r\n$3\r\nSET\r\n$16\r\nkey:%012d\r\n$%d\r\n%s\r\n" % (i, VALUE_BYTES, value)
                for i in range(start, start + 10_000)))
        cli.stdin.close()
        cli.wait(300)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=5, help="repetitions (default 5)")
    parser.add_argument("--only", help="workloads whose name starts so")
    parser.add_argument("--server", default=os.path.join(ROOT, "build", "cartwheel-server"))
    parser.add_argument("--redis-options", default="--appendonly yes --appendfsync everysec --save ''",
                        help="redis-server's options")
    options = parser.parse_args()
    workloads = [w for w in WORKLOADS if not options.only or w[0].startswith(options.only)]

    servers = []
    try:
        import shlex
        servers = [Server("cartwheel", [options.server]),
                   Server("redis", ["redis-server", *shlex.split(options.redis_options)])]
        for server in servers:
            fill(server)
        figures = {}
        for repetition in range(options.n):
            for name, arguments, requests in workloads:
                for server in servers if repetition % 2 == 0 else reversed(servers):
                    figures.setdefault((name, server.name), []).append(benchmark(server, arguments, requests))
        report(options, servers, workloads, figures)
    finally:
        for server in servers:
            server.stop()


def report(options, servers, workloads, figures):
    version = subprocess.run(["redis-server", "--version"], capture_output=True, text=True).stdout.split()[2]
    print(f"{KEYS} keys, {VALUE_BYTES} B values, {CLIENTS} clients, {options.n} interleaved repetitions, medians; "
          f"redis {version} {options.redis_options}")
    print(f"{'workload':<10} {'ops/s':>9} {'spread':>13} {'redis':>9} {'ratio':>6} | {'p50 ms':>7} {'redis':>7} "
          f"| {'p99 ms':>7} {'redis':>7} | {'CPU us/op':>9} {'redis':>6} {'ratio':>6}")
    for name, _, _ in workloads:
        ours, theirs = figures[(name, "cartwheel")], figures[(name, "redis")]
        median = lambda rows, i: statistics.median(row[i] for row in rows)
        ops, redis_ops = median(ours, 0), median(theirs, 0)
        cpu, redis_cpu = median(ours, 3), median(theirs, 3)
        spread = f"{min(r[0] for r in ours) / 1000:.0f}k-{max(r[0] for r in ours) / 1000:.0f}k"
        print(f"{name:<10} {ops:>9.0f} {spread:>13} {redis_ops:>9.0f} {ops / redis_ops:>6.2f} "
              f"| {median(ours, 1):>7.2f} {median(theirs, 1):>7.2f} | {median(ours, 2):>7.2f} {median(theirs, 2):>7.2f} "
              f"| {cpu:>9.2f} {redis_cpu:>6.2f} {cpu / redis_cpu if redis_cpu else 0:>6.2f}")
    print("RSS MiB: " + ", ".join(f"{s.name} {s.rss_mib():.0f}" for s in servers))


if __name__ == "__main__":
    main()
