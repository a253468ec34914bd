"""What one number per operation does not tell: a dataset larger than the memory, a restart, memory itself."""
import os
import socket
import statistics
import subprocess
import threading
import time

from servers import Server, fill, redis_server

MIB = 1 << 20


class Prober:
    """One client that reads a random key every millisecond: what a user notices of a stall."""

    def __init__(self, server, keys):
        self.latencies = []
        self.stopped = False
        self.thread = threading.Thread(target=self.run, args=(server.port, keys))
        self.thread.start()

    def run(self, port, keys):
        import random
        pick = random.Random(1)
        with socket.create_connection(("127.0.0.1", port), 30) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while not self.stopped:
                began = time.perf_counter()
                s.sendall(b"GET key:%012d\r\n" % pick.randrange(keys))
                s.recv(4096)
                self.latencies.append((time.perf_counter() - began) * 1000)
                time.sleep(0.001)

    def stop(self):
        """(p99, longest) in milliseconds."""
        self.stopped = True
        self.thread.join()
        ordered = sorted(self.latencies)
        return ordered[int(len(ordered) * 0.99)], ordered[-1]


def write_for(server, keys, seconds):
    """Random SETs at pipeline 16 for about so long, by another process."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        subprocess.run(["redis-benchmark", "-p", str(server.port), "-t", "set", "-n", "200000", "-P", "16", "-c", "10",
                        "-r", str(keys), "-d", "100", "-q"], capture_output=True, timeout=120)


def large_dataset(cartwheel, maxmemory_mib=128, seconds=15):
    """A dataset of four times maxmemory: latency of reads alone and beside flushes, memory in use."""
    keys = maxmemory_mib * MIB * 4 // 160
    server = Server("cartwheel", [cartwheel, "--maxmemory", f"{maxmemory_mib}mb", "--checkpoint-log-size", "64mb"])
    try:
        fill(server, 0, keys, 100)
        server.call("SAVE")
        prober = Prober(server, keys)
        time.sleep(seconds)
        quiet_p99, quiet_longest = prober.stop()
        prober = Prober(server, keys)
        write_for(server, keys, seconds)
        busy_p99, busy_longest = prober.stop()
        all_mib, anonymous, files = server.memory_mib()
        return [
            (f"{keys / 1e6:.1f}M keys, maxmemory {maxmemory_mib} MiB: GET p99", f"{quiet_p99:.2f} ms", "", "< 1 ms",
             quiet_p99 < 1),
            ("  longest GET beside writes and flushes", f"{busy_longest:.1f} ms", "",
             "< 50 ms", busy_longest < 50),
            ("  GET p99 beside them (10 clients write at full speed)", f"{busy_p99:.2f} ms", "", "", True),
            ("  flushes meanwhile", server.info("rdb_saves") or "?", "", "", True),
            ("  memory", f"{all_mib:.0f} MiB ({anonymous:.0f} own, {files:.0f} page cache)", "",
             f"<= {maxmemory_mib * 1.25:.0f} MiB", all_mib <= maxmemory_mib * 1.25),
        ]
    finally:
        server.stop()


def restart(cartwheel, keys=4_000_000, log_mib=1024):
    """Time from kill -9 to the first PONG with so many keys and so long a log."""
    server = Server("cartwheel", [cartwheel, "--maxmemory", "4gb", "--checkpoint-log-size", "8gb",
                                  "--checkpoint-interval", "0"])
    try:
        fill(server, 0, keys, 100)
        while int(server.info("aof_current_size") or 0) < log_mib * MIB:
            fill(server, 0, 1_000_000, 100)
        log = int(server.info("aof_current_size") or 0) / MIB
        server.kill()
        seconds = server.start()
        found = int(server.call("DBSIZE"))
        return [(f"restart after kill -9: {keys / 1e6:.0f}M keys, log of {log:.0f} MiB", f"{seconds:.1f} s", "",
                 "< 10 s", seconds < 10 and found == keys)]
    finally:
        server.stop()


def memory(cartwheel, keys=1_000_000):
    """Resident memory of the same keys in both servers."""
    ours = Server("cartwheel", [cartwheel])
    theirs = redis_server("--appendfsync", "everysec")
    try:
        figures = []
        for server in (ours, theirs):
            fill(server, 0, keys, 100)
            time.sleep(2)
            figures.append(server.memory_mib())
        ratio = figures[0][0] / figures[1][0]
        return [(f"memory for {keys / 1e6:.0f}M x 100 B", f"{figures[0][0]:.0f} MiB ({figures[0][1]:.0f} own)",
                 f"{figures[1][0]:.0f} MiB", "<= 1.2x", ratio <= 1.2)]
    finally:
        ours.stop()
        theirs.stop()


def always(cartwheel, repetitions, requests=100_000):
    """SET at pipeline 1 with every commit forced to the disk, in both."""
    ours = Server("cartwheel", [cartwheel, "--appendfsync", "always"])
    theirs = redis_server("--appendfsync", "always")
    try:
        rates = {"cartwheel": [], "redis": []}
        for repetition in range(repetitions):
            for server in (ours, theirs) if repetition % 2 == 0 else (theirs, ours):
                done = subprocess.run(
                    ["redis-benchmark", "-p", str(server.port), "-t", "set", "-n", str(requests), "-c", "50", "-r",
                     "1000000", "-d", "100", "--csv"], capture_output=True, text=True, timeout=300)
                rates[server.name].append(float(done.stdout.splitlines()[-1].split('","')[1]))
        mine, redis = statistics.median(rates["cartwheel"]), statistics.median(rates["redis"])
        spread = f"{min(rates['cartwheel']) / 1000:.0f}k-{max(rates['cartwheel']) / 1000:.0f}k"
        return [("appendfsync always, SET P1, ops/s", f"{mine:.0f} ({spread})", f"{redis:.0f}",
                 ">= 1.2x", mine / redis >= 1.2)]
    finally:
        ours.stop()
        theirs.stop()


SCENARIOS = {
    "always": lambda options: always(options.server, options.n),
    "memory": lambda options: memory(options.server),
    "large": lambda options: large_dataset(options.server),
    "restart": lambda options: restart(options.server),
}


def report(rows):
    for name, mine, redis, goal, met in rows:
        against = f"redis {redis}" if redis else ""
        print(f"{name:<58} {mine:<36} {against:<16} {goal:<11} {'' if not goal else 'met' if met else 'MISSED'}")
    return all(met for *_, met in rows)
