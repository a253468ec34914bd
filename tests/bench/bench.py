#!/usr/bin/env python3
"""Cartwheel beside redis-server: throughput, latency and server CPU per operation, from one interleaved run.

Each repetition runs every workload against both servers in turn, the order swapped each time, so that a machine
whose speed drifts is unfair to both alike. Printed are medians, the spread of Cartwheel's throughput and the
ratios; on a shared machine CPU per operation is the figure to trust.

    make bench                           everything, 5 repetitions
    make bench BENCH="-n 3 --only get"   some of it; the rows after the table are called always, memory, large, restart
"""
import argparse
import csv
import io
import shlex
import statistics
import subprocess
import sys

import scenarios
from servers import CARTWHEEL, Server, fill, redis_version

# name, redis-benchmark arguments (keys from 1M unless said otherwise), requests, commands in one request
# and the goals: throughput at least, CPU per operation at most, p99 at most, all as ratios to redis-server. A SET
# takes so many requests that flushes are part of what is measured.
WORKLOADS = [
    ("get P16", ["-t", "get", "-P", "16"], 2_000_000, (1.3, 0.6, None)),
    ("get P1", ["-t", "get", "-P", "1"], 200_000, (None, 1.0, 1.1)),
    ("set P16", ["-t", "set", "-P", "16"], 2_000_000, (1.2, 0.8, None)),
    ("set P1", ["-t", "set", "-P", "1"], 200_000, (None, 1.0, 1.1)),
    ("incr P16", ["-t", "incr", "-P", "16"], 1_000_000, (None, None, None)),
    ("mset P16", ["-t", "mset", "-P", "16"], 100_000, (None, None, None)),
    ("ping P16", ["-t", "ping_mbulk", "-P", "16"], 2_000_000, (None, None, None)),
]
KEYS = 1_000_000
VALUE_BYTES = 100
CLIENTS = 50


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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=5, help="repetitions (default 5)")
    parser.add_argument("--only", help="workloads whose name starts so")
    parser.add_argument("--server", default=CARTWHEEL)
    parser.add_argument("--redis-options", default="--appendonly yes --appendfsync everysec --save ''",
                        help="redis-server's options")
    options = parser.parse_args()
    workloads = [w for w in WORKLOADS if not options.only or w[0].startswith(options.only)]

    if workloads:
        run_workloads(options, workloads)
    rows = []
    for name, scenario in scenarios.SCENARIOS.items():
        if not options.only or name.startswith(options.only):
            rows += scenario(options)
    scenarios.report(rows)


def run_workloads(options, workloads):
    servers = []
    try:
        servers = [Server("cartwheel", [options.server]),
                   Server("redis", ["redis-server", *shlex.split(options.redis_options)])]
        for server in servers:
            fill(server, 0, KEYS, VALUE_BYTES)
        figures = {}
        for repetition in range(options.n):
            for name, arguments, requests, _ in workloads:
                for server in servers if repetition % 2 == 0 else reversed(servers):
                    figures.setdefault((name, server.name), []).append(benchmark(server, arguments, requests))
        report(options, servers, workloads, figures)
    finally:
        for server in servers:
            server.stop()


def report(options, servers, workloads, figures):
    print(f"{KEYS} keys, {VALUE_BYTES} B values, {CLIENTS} clients, {options.n} interleaved repetitions, medians; "
          f"redis {redis_version()} {options.redis_options}")
    print(f"{'workload':<10} {'ops/s':>9} {'spread':>13} {'redis':>9} {'ratio':>6} | {'p50 ms':>7} {'redis':>7} "
          f"| {'p99 ms':>7} {'redis':>7} | {'CPU us/op':>9} {'redis':>6} {'ratio':>6} | goals (ops, CPU, p99)")
    for name, _, _, goals in workloads:
        ours, theirs = figures[(name, "cartwheel")], figures[(name, "redis")]
        median = lambda rows, i: statistics.median(row[i] for row in rows)
        ops, redis_ops = median(ours, 0), median(theirs, 0)
        cpu, redis_cpu = median(ours, 3), median(theirs, 3)
        spread = f"{min(r[0] for r in ours) / 1000:.0f}k-{max(r[0] for r in ours) / 1000:.0f}k"
        print(f"{name:<10} {ops:>9.0f} {spread:>13} {redis_ops:>9.0f} {ops / redis_ops:>6.2f} "
              f"| {median(ours, 1):>7.2f} {median(theirs, 1):>7.2f} | {median(ours, 2):>7.2f} {median(theirs, 2):>7.2f} "
              f"| {cpu:>9.2f} {redis_cpu:>6.2f} {cpu / redis_cpu if redis_cpu else 0:>6.2f} | "
              + judge(goals, ops / redis_ops, cpu / redis_cpu, median(ours, 2) / max(median(theirs, 2), 1e-9)))
    for s in servers:
        print("%s: %.0f MiB resident, %.0f of it its own, %.0f page cache" % (s.name, *s.memory_mib()))


def judge(goals, ops, cpu, p99):
    """Each goal and whether the ratio meets it."""
    verdicts = []
    for goal, met, text in ((goals[0], goals[0] and ops >= goals[0], ">="), (goals[1], goals[1] and cpu <= goals[1], "<="),
                            (goals[2], goals[2] and p99 <= goals[2], "<=")):
        if goal:
            verdicts.append(f"{text} {goal} {'met' if met else 'MISSED'}")
    return ", ".join(verdicts)


if __name__ == "__main__":
    main()
