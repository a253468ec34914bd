#!/usr/bin/env python3
"""A cache in front of something slow: GET, and SET on a miss, of keys as popular as Zipf's law says, in less room than
all of them need. Redis with maxmemory beside Cartwheel with the same bytes of disk or of memory, one node and three;
the same keys in the same order for each. A hit rate is that of the second half, when all are full.

    make bench-eviction                                   some minutes
    make bench-eviction BENCH="--mib 16 --keys 250000 --requests 800000 --only 'redis|one node'"

Systems hold different numbers of keys in the same bytes. So each is also measured against a redis-server with as much
memory as makes it hold as many keys: that tells how well the victims are chosen, rather than how much fits.
"""
import argparse
import bisect
import itertools
import random
import re
import socket
import sys
import time

from servers import CARTWHEEL, Server, free_port, redis_version

VALUE_BYTES = 100
BATCH = 128
VALUE = b"x" * VALUE_BYTES
HIT = b"$%d\r\n%s\r\n" % (VALUE_BYTES, VALUE)
MISS = b"$-1\r\n"


def zipf(keys, exponent, requests, seed):
    """Numbers of keys, the popular ones spread over all of them."""
    draw = random.Random(seed)
    names = list(range(keys))
    draw.shuffle(names)
    weights = list(itertools.accumulate((i + 1) ** -exponent for i in range(keys)))
    return [names[bisect.bisect(weights, draw.random() * weights[-1])] for _ in range(requests)]


def key(number):
    return b"key:%012d" % number


def get(number):
    return b"*2\r\n$3\r\nGET\r\n$16\r\n%s\r\n" % key(number)


def set_(number):
    return b"*3\r\n$3\r\nSET\r\n$16\r\n%s\r\n$%d\r\n%s\r\n" % (key(number), VALUE_BYTES, VALUE)


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.replies = self.socket.makefile("rb", 256 * 1024)

    def gets(self, numbers):
        """Those that are not there."""
        self.socket.sendall(b"".join(map(get, numbers)))
        missing = []
        for number in numbers:
            line = self.replies.readline()
            if line == MISS:
                missing.append(number)
            elif line + self.replies.read(VALUE_BYTES + 2) != HIT:
                sys.exit(f"GET answered {line!r}")
        return missing

    def sets(self, numbers):
        """How many were refused."""
        self.socket.sendall(b"".join(map(set_, numbers)))
        return sum(self.replies.readline() != b"+OK\r\n" for _ in numbers)

    def held(self, numbers):
        """Whether this node itself has them."""
        self.socket.sendall(b"".join(
            b"*5\r\n$10\r\nDYN.QUORUM\r\n$1\r\nR\r\n$1\r\n1\r\n$6\r\nEXISTS\r\n$16\r\n%s\r\n" % key(n) for n in numbers))
        return [self.replies.readline() == b":1\r\n" for _ in numbers]


def run(system, sequence):
    connections = [Connection(server.port) for server in system]
    half = len(sequence) // 2
    missed = [0, 0]
    written = refused = 0
    began = time.monotonic()
    for at, begin in enumerate(range(0, len(sequence), BATCH)):
        numbers = sequence[begin:begin + BATCH]
        connection = connections[at % len(connections)]
        missing = connection.gets(numbers)
        missed[begin >= half] += len(missing)
        if missing:
            refused += connection.sets(missing)
            written += len(missing)
    seconds = time.monotonic() - began
    rate = 1 - missed[1] / (len(sequence) - (half + BATCH - 1) // BATCH * BATCH)
    return rate, written, refused, len(sequence) / seconds


def number_of(server, field):
    return int(server.info(field) or 0)


def keys_of(server):
    found = re.search(r"keys=(\d+)", server.info("db0"))
    return int(found.group(1)) if found else 0


def disagreements(system, keys):
    """Of every tenth key, how many are not at all nodes alike."""
    connections = [Connection(server.port) for server in system]
    numbers = range(0, keys, 10)
    differ = held = 0
    for begin in range(0, len(numbers), 500):
        of_nodes = list(zip(*(c.held(numbers[begin:begin + 500]) for c in connections)))
        differ += sum(len(set(of)) > 1 for of in of_nodes)
        held += sum(any(of) for of in of_nodes)
    return differ, held


def redis(bytes_):
    return [Server("redis", ["redis-server", "--save", "", "--appendonly", "no", "--maxmemory", str(bytes_),
                             "--maxmemory-policy", POLICY])]


def cartwheel(mib, where, nodes):
    limit = (["--maxstorage", f"{mib}mb", "--maxmemory", f"{max(mib, 8)}mb", "--checkpoint-log-size",
              f"{max(mib // 8, 1)}mb"] if where == "disk" else
             ["--save", "", "--appendonly", "no", "--maxmemory", f"{mib}mb"])
    members = " ".join(f"{i}=127.0.0.1:{free_port()}" for i in range(1, nodes + 1))
    servers = []
    for i in range(1, nodes + 1):
        cluster = [] if nodes == 1 else ["--cluster-nodes", members, "--cluster-self", str(i),
                                         "--cluster-secret", "of a benchmark on the loopback alone"]
        servers.append(Server(f"cartwheel {i}", [CARTWHEEL, *limit, "--maxmemory-policy", POLICY, *cluster]))
    return servers


def await_links(system):
    """Until each node is linked with the others, and they know that none of them has anything."""
    until = time.monotonic() + 60
    while len(system) > 1 and time.monotonic() < until:
        of_all = [s.call("INFO", "dynamo") for s in system]
        if all(t.count(":up") == len(system) - 1 and "rebuilding_partitions:0\r" in t for t in of_all):
            return
        time.sleep(0.2)


def measure(name, start, sequence, keys):
    system = []
    try:
        system = start()
        await_links(system)
        rate, written, refused, speed = run(system, sequence)
        held = [keys_of(s) for s in system]
        evicted = [number_of(s, "evicted_keys") for s in system]
        takes = [number_of(s, "bytes_in_use") or number_of(s, "used_memory") for s in system]
        resident = [s.memory_mib()[0] for s in system]
        print(f"{name:<26} {100 * rate:>6.2f} {speed:>8.0f} {written:>9} {refused:>7} "
              f"{'/'.join(map(str, evicted)):>24} {'/'.join(map(str, held)):>21} "
              f"{'/'.join(f'{t / 2**20:.0f}' for t in takes):>11} {'/'.join(f'{r:.0f}' for r in resident):>11}",
              flush=True)
        if len(system) > 1:
            between_nodes(system, written, keys)
        return rate, held[0]
    finally:
        for server in system:
            server.stop()


def between_nodes(system, written, keys):
    total = lambda field: sum(number_of(s, field) for s in system)
    time.sleep(3)  # what is under way arrives
    differ, held = disagreements(system, keys)
    print(f"{'':<26} copies {total('copies_applied')} = {total('copies_applied') / written:.3f} a write, "
          f"read repairs {total('read_repairs')}, evictions: requests {total('eviction_requests_sent')} "
          f"(unanswered {total('eviction_requests_unanswered')}), chosen {total('keys_chosen')}, by others' choice "
          f"{total('evicted_by_others_choice')}, alone {total('evicted_alone')}, passed over "
          f"{total('evictions_passed_over')}; uses told {total('uses_told')}\n"
          f"{'':<26} of every tenth key {differ} differ between nodes, of {held} held; "
          + system[0].call("CLUSTER", "VERIFY").splitlines()[0], flush=True)


def main():
    global POLICY
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=64, help="of memory or disk, each")
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=3_000_000)
    parser.add_argument("--exponent", type=float, default=1.0)
    parser.add_argument("--policy", default="allkeys-lru")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="a regular expression of the systems' names")
    options = parser.parse_args()
    POLICY = options.policy
    sequence = zipf(options.keys, options.exponent, options.requests, options.seed)
    print(f"{options.keys} keys of {VALUE_BYTES} B, Zipf exponent {options.exponent}, {options.requests} requests, "
          f"{options.mib} MiB, {POLICY}; redis {redis_version()}")
    print(f"{'system':<26} {'hits %':>6} {'GETs/s':>8} {'SETs':>9} {'refused':>7} {'evicted':>24} {'keys held':>21} {'MiB':>11} {'RSS MiB':>11}")
    wanted = re.compile(options.only)
    bytes_ = options.mib << 20
    figures = {}
    for name, start in (("redis", lambda: redis(bytes_)),
                        ("one node, disk", lambda: cartwheel(options.mib, "disk", 1)),
                        ("one node, memory", lambda: cartwheel(options.mib, "memory", 1)),
                        ("three nodes, disk", lambda: cartwheel(options.mib, "disk", 3)),
                        ("three nodes, memory", lambda: cartwheel(options.mib, "memory", 3))):
        if wanted.search(name):
            figures[name] = measure(name, start, sequence, options.keys)
    if "redis" not in figures:
        return
    for name, (rate, held) in list(figures.items()):
        if name == "redis":
            continue
        as_many = int(bytes_ * held / max(figures["redis"][1], 1))
        same, _ = measure(f"redis, keys of {name}"[:26], lambda: redis(as_many), sequence, options.keys)
        print(f"{'':<26} {name}: {100 * (rate - figures['redis'][0]):+.2f} points against redis in the same bytes, "
              f"{100 * (rate - same):+.2f} against redis with as many keys", flush=True)


if __name__ == "__main__":
    main()
