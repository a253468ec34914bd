#!/usr/bin/env python3
"""A server under a data set four times its memory: every reply is right, and memory, log and disk stay bounded.

Four connections send pipelines of GET, SET, DEL, EXISTS, INCR, PEXPIRE, MULTI and values up to 200 KB; a model knows
every reply. Flushes come often, since the log may grow by 1/8 of the memory only. Once a second memory, log and disk are
looked at. After the first quarter of the time memory has to be flat. At the end every key is read once.

    make soak                                       one minute
    make soak SOAK="--minutes 10 --maxmemory 64mb"  longer
    make soak SOAK="--seconds 30 --crashes 3"       with kill -9 and a restart, three times
    tests/soak/soak.py --canary                     every check is given something wrong, and has to say so
"""
import argparse
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench"))

import judge
import model
from client import Connection, Failure
from servers import CARTWHEEL, Server

CONNECTIONS = 4
LONGEST_PIPELINE = 200
MAX_ERRORS_SHOWN = 10
BATCH = 500  # of the fill and of the reading at the end


class Soak:
    def __init__(self, options):
        self.options = options
        self.rng = random.Random(options.seed)
        small = 4 * options.maxmemory // model.MEAN_BYTES // CONNECTIONS
        self.shares = [model.Share(number, options.seed, small) for number in range(CONNECTIONS)]
        self.checkpoint_log = max(options.maxmemory // 8, 1 << 20)
        self.server = Server("cartwheel", [
            options.server, "--maxmemory", str(options.maxmemory), "--checkpoint-log-size", str(self.checkpoint_log),
            "--appendfsync", options.appendfsync])
        self.connections = []
        self.samples = []
        self.ops = self.errors = self.life = 0
        self.memory = []  # what was seen since the last sample
        self.done = threading.Event()
        self.watcher = threading.Thread(target=self.watch_memory)
        self.watcher.start()

    def connect(self):
        for connection in self.connections:
            connection.close()
        self.connections = [Connection(self.server.port) for _ in range(CONNECTIONS)]

    # ---- requests and replies

    def check(self, command, expected, reply):
        self.ops += 1
        if expected(reply) if callable(expected) else reply == expected and not isinstance(reply, Failure):
            return
        self.errors += 1
        if self.errors <= MAX_ERRORS_SHOWN:
            print(f"WRONG: {b' '.join(command)[:80]!r}: {show(reply)}"
                  + ("" if callable(expected) else f" instead of {show(expected)}"), file=sys.stderr)

    def exchange(self, pipelines):
        """Sends a pipeline on each connection and checks all replies."""
        for connection, steps in zip(self.connections, pipelines):
            connection.send([command for _, command, *_ in steps])
        for connection, steps in zip(self.connections, pipelines):
            for _, command, expected, *_ in steps:
                self.check(command, expected, connection.read())
        now = time.time()
        for steps in pipelines:
            for item, *_ in steps:
                if isinstance(item, model.Expiring):
                    item.replied(now)

    def fill(self):
        work = [[item for item in share.items() if type(item) in (model.Item, model.Large)] for share in self.shares]
        for at in range(0, max(map(len, work)), BATCH):
            self.exchange([[share.fill(item) for item in items[at:at + BATCH]]
                           for share, items in zip(self.shares, work)])

    def read_everything(self):
        work = [list(share.items()) for share in self.shares]
        for at in range(0, max(map(len, work)), BATCH):
            self.exchange([[model.Step(item, item.read(), item.shows(item.version), item.version, item.version)
                            for item in items[at:at + BATCH]] for items in work])

    # ---- kill -9

    def crash(self):
        """In the midst of pipelines. What was acknowledged is there afterwards; of the rest each item has one state
        that it went through."""
        pipelines = [share.pipeline(LONGEST_PIPELINE) for share in self.shares]
        killer = threading.Timer(self.rng.uniform(0, 0.1), self.server.process.kill)
        killer.start()
        replied = [0] * CONNECTIONS
        for number, (connection, steps) in enumerate(zip(self.connections, pipelines)):
            try:
                connection.send([step.command for step in steps])
                for step in steps:
                    self.check(step.command, step.reply, connection.read())
                    replied[number] += 1
            except (EOFError, ConnectionError):
                pass
        killer.join()
        self.server.kill()
        self.life += 1
        self.memory = []
        took = self.server.start()
        self.connect()
        print(f"kill -9 after {sum(replied)} of {sum(map(len, pipelines))} replies; serves again after {took:.1f} s",
              flush=True)
        for connection, steps, done in zip(self.connections, pipelines, replied):
            self.settle(connection, steps, done)

    def settle(self, connection, steps, done):
        """Takes over the state that each item of the broken pipeline turns out to have."""
        states = {}
        for number, step in enumerate(steps):
            if number < done:
                states[step.item] = [step.after]
            else:
                states.setdefault(step.item, [step.before]).append(step.after)
        for item, versions in states.items():
            if isinstance(item, model.Expiring):
                item.version = model.ABSENT  # not asked for until it is set again
                continue
            connection.send([item.read()])
            reply = connection.read()
            self.check(item.read(), lambda reply: any(reply == item.shows(v) for v in versions), reply)
            item.version = next((v for v in versions if reply == item.shows(v)), versions[-1])

    # ---- the run

    def watch_memory(self):
        """In a thread, in the midst of requests: memory that a turn takes is memory in use."""
        while not self.done.wait(0.05):
            try:
                self.memory.append(self.server.memory_mib())
            except (OSError, KeyError):  # between two processes
                pass

    def sample(self, seconds):
        info = dict(line.split(":", 1) for line in self.server.call("INFO", "persistence").splitlines() if ":" in line)
        seen = self.memory or [self.server.memory_mib()]
        self.memory = []
        rss, anonymous, file = (max(figures) for figures in zip(*seen))
        self.samples.append(judge.Sample(
            seconds=seconds, life=self.life, ops=self.ops, rss=rss, anonymous=anonymous, file=file,
            log=int(info["log_bytes"]) / judge.MIB, disk=disk_mib(self.server.directory),
            flushes=int(info["rdb_saves"]), errors=self.errors))

    def run(self):
        duration, rate = self.options.duration, self.options.rate
        self.connect()
        self.fill()
        print(f"{sum(len(share.small) for share in self.shares)} keys filled, "
              f"{disk_mib(self.server.directory):.0f} MiB on disk", flush=True)
        self.ops = 0
        crashes = [duration * (n + 1) / (self.options.crashes + 1) for n in range(self.options.crashes)]
        began, next_sample = time.monotonic(), 0.0
        while (seconds := time.monotonic() - began) < duration:
            if crashes and seconds >= crashes[0]:
                crashes.pop(0)
                self.crash()
            if seconds >= next_sample:
                self.sample(seconds)
                next_sample = seconds + 1
            self.exchange([share.pipeline(self.rng.randint(1, LONGEST_PIPELINE)) for share in self.shares])
            time.sleep(max(0.0, self.ops / rate - (time.monotonic() - began)))
        if self.options.canary:
            self.shares[0].small[0].version += 1
        self.read_everything()
        self.sample(time.monotonic() - began)

    def stop(self):
        self.done.set()
        self.watcher.join()
        for connection in self.connections:
            connection.close()
        self.server.stop()


def show(reply):
    return f"{reply[:40]!r} ({len(reply)} bytes)" if isinstance(reply, bytes) else repr(reply)[:100]


def disk_mib(directory):
    total = 0
    for entry in os.scandir(directory):
        if entry.name != "log":  # what the server printed
            try:
                total += entry.stat().st_blocks * 512
            except FileNotFoundError:
                pass
    return total / judge.MIB


def size(text):
    for suffix, factor in (("kb", 1 << 10), ("mb", 1 << 20), ("gb", 1 << 30)):
        if text.lower().endswith(suffix):
            return int(text[:-2]) * factor
    return int(text)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seconds", type=float, help="instead of --minutes")
    parser.add_argument("--maxmemory", type=size, default=size("64mb"))
    parser.add_argument("--appendfsync", default="everysec", choices=("always", "everysec", "no"))
    parser.add_argument("--crashes", type=int, default=0, help="so many times kill -9 and a restart")
    parser.add_argument("--rate", type=int, default=20_000, help="commands a second at most (default 20000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--server", default=CARTWHEEL)
    parser.add_argument("--canary", action="store_true", help="every check has to fail")
    options = parser.parse_args()
    options.duration = options.seconds or options.minutes * 60
    return options


def main():
    options = parse_arguments()
    soak = Soak(options)
    try:
        soak.run()
    finally:
        soak.stop()
    limit = judge.bounds(options.maxmemory / judge.MIB, soak.checkpoint_log / judge.MIB,
                         4 * options.maxmemory / judge.MIB)
    if options.canary:
        limit = judge.Bounds(rss=1, growth=-1000, log=0, disk=1, flushes=10**9)
    judge.table(soak.samples, 60 if options.duration >= 120 else options.duration / 4)
    verdicts = judge.verdicts(soak.samples, options.duration, soak.errors, limit)
    for name, found, holds in verdicts:
        print(f"{name:<8} {'ok' if holds else 'FAILED':<7} {found}")
    if options.canary:
        passed = not any(holds for _, _, holds in verdicts)
        print("PASS: every check fails when it should" if passed else "FAIL: a check did not see its planted fault")
    else:
        passed = all(holds for _, _, holds in verdicts)
        print(f"{'PASS' if passed else 'FAIL'} (seed {options.seed})")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
