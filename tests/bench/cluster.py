#!/usr/bin/env python3
"""Three nodes beside Redis with replicas and beside a single Redis, from one interleaved run.

Cartwheel: three nodes of one machine, N=3, R=W=2, clients spread over all of them. Redis: a primary and two replicas,
appendonly everysec on each, with WAIT 1 after every write; and a single server, appendonly everysec. CPU is that of
all processes of a system together. A latency is that of a batch: as many requests as the pipeline is deep.

    make bench-cluster                      5 repetitions
    make bench-cluster BENCH="-n 2 --only set"
"""
import argparse
import os
import statistics
import subprocess
import sys

from bench import judge
from servers import CARTWHEEL, ROOT, Server, fill, free_port, redis_server, redis_version

LOAD = os.path.join(ROOT, "build", "tests", "bench_load")
KEYS = 1_000_000
VALUE_BYTES = 100
CLIENTS = 48

# name, arguments, requests; the system it is compared with, and the goals: throughput at least, CPU per operation at
# most, p99 at most, as ratios to that.
WORKLOADS = [
    ("set P16", ["set", "--pipeline", "16"], 960_000, "redis+wait", (5, 0.30, 1.0)),
    ("get P16", ["get", "--pipeline", "16"], 1_920_000, "redis", (None, 0.9, 1.0)),
    ("set P1", ["set", "--pipeline", "1"], 144_000, "redis+wait", (None, 0.6, 1.0)),
    ("get P1", ["get", "--pipeline", "1"], 192_000, "redis", (None, None, 1.0)),
]


class System:
    def __init__(self, name, servers, ports, arguments=()):
        self.name, self.servers, self.ports, self.arguments = name, servers, ports, list(arguments)

    def run(self, arguments, requests):
        """(requests/s, p50 ms, p99 ms, CPU us per request of all its processes)."""
        before = sum(s.cpu_seconds() for s in self.servers)
        extra = self.arguments if "set" in arguments else []
        done = subprocess.run(
            [LOAD, "--ports", ",".join(map(str, self.ports)), "--clients", str(CLIENTS), "--requests", str(requests),
             "--keys", str(KEYS), "--value-bytes", str(VALUE_BYTES), *arguments, *extra],
            capture_output=True, text=True, timeout=600)
        cpu = sum(s.cpu_seconds() for s in self.servers) - before
        if done.returncode != 0:
            sys.exit(f"load on {self.name} failed: {done.stderr}")
        rps, p50, p99, errors = map(float, done.stdout.split())
        if errors:
            sys.exit(f"{self.name} answered {errors:.0f} errors: {done.stderr}")
        return rps, p50, p99, cpu / requests * 1e6

    def stop(self):
        for server in self.servers:
            server.stop()


def cartwheel_cluster(command):
    nodes = " ".join(f"{i}=127.0.0.1:{free_port()}" for i in (1, 2, 3))
    servers = [Server(f"cartwheel {i}", [command, "--cluster-nodes", nodes, "--cluster-self", str(i),
                                         "--cluster-secret", "of a benchmark on the loopback alone"]) for i in (1, 2, 3)]
    return System("cartwheel", servers, [s.port for s in servers])


def redis_with_replicas():
    primary = redis_server("--appendfsync", "everysec")
    replicas = [redis_server("--appendfsync", "everysec", "--replicaof", f"127.0.0.1 {primary.port}") for _ in range(2)]
    return System("redis+wait", [primary, *replicas], [primary.port], ["--wait"])


def report(systems, workloads, figures, repetitions):
    print(f"{KEYS} keys, {VALUE_BYTES} B values, {CLIENTS} clients, {repetitions} interleaved repetitions, medians; "
          f"redis {redis_version()}")
    print(f"{'workload':<9} {'system':<11} {'ops/s':>8} {'p50 ms':>7} {'p99 ms':>7} {'CPU us/op':>9} | ratio to it: ops, CPU, p99")
    for name, _, _, _, _ in workloads:
        for system in systems:
            rows = figures[(name, system.name)]
            rps, p50, p99, cpu = (statistics.median(row[i] for row in rows) for i in range(4))
            print(f"{name:<9} {system.name:<11} {rps:>8.0f} {p50:>7.2f} {p99:>7.2f} {cpu:>9.2f} | "
                  + against(name, system, workloads, figures))


def against(name, system, workloads, figures):
    """Our ratios to this system, and whether they reach the goals where it is the one compared with."""
    if system.name == "cartwheel":
        return ""
    median = lambda who, i: statistics.median(row[i] for row in figures[(name, who)])
    ratios = [median("cartwheel", i) / median(system.name, i) for i in (0, 3, 2)]
    text = "  ".join(f"{ratio:.2f}" for ratio in ratios)
    _, _, _, compared, goals = next(w for w in workloads if w[0] == name)
    return f"{text}  {judge(goals, *ratios)}" if compared == system.name else text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=5, help="repetitions (default 5)")
    parser.add_argument("--only", help="workloads whose name starts so")
    parser.add_argument("--server", default=CARTWHEEL)
    parser.add_argument("--alone", action="store_true", help="Cartwheel without the others")
    options = parser.parse_args()
    workloads = [w for w in WORKLOADS if not options.only or w[0].startswith(options.only)]
    systems = []
    try:
        systems.append(cartwheel_cluster(options.server))
        if not options.alone:
            systems.append(redis_with_replicas())
            single = redis_server("--appendfsync", "everysec")
            systems.append(System("redis", [single], [single.port]))
        for system in systems:
            fill(system.servers[0], 0, KEYS, VALUE_BYTES)
        figures = {}
        for repetition in range(options.n):
            for name, arguments, requests, _, _ in workloads:
                for system in systems if repetition % 2 == 0 else reversed(systems):
                    figures.setdefault((name, system.name), []).append(system.run(arguments, requests))
        report(systems, workloads, figures, options.n)
    finally:
        for system in systems:
            system.stop()


if __name__ == "__main__":
    main()
