#!/usr/bin/env python3
"""Jepsen's set test ("Call me maybe") on real processes: cut the network, heal it, count what is gone.

Five nodes in network namespaces, five clients in namespaces of their own, each of which adds integers that nobody else
adds. In the middle a nemesis; then the end is waited for and everything is read through each node. Beside Cartwheel,
under the same nemesis at the same time, a Redis Cluster of three primaries and three replicas. Needs root.

    make loss                                      three rounds of everything, about twelve minutes, then one table
    make loss LOSS="--runs 10"                     ten rounds
    make loss LOSS="--modes siblings --nemeses halves,kill --systems cartwheel"
    make loss LOSS=--quick                         one round of two nemeses, a minute
    tests/loss/loss.py --canary                    planted losses and a cluster that does lose: all must be reported

Exit status 1: Cartwheel lost something with siblings, counters or unique keys, kept something it had refused, or was
not whole again in time. The data, logs and history of such a run are kept, and where is said.
"""
import argparse
import asyncio
import datetime
import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import canary
import judge
import network
from clients import Refused, Unknown
from modes import MODES
from nemeses import NEMESES
from systems import CLIENTS, NODE_TIMEOUT_MS, ROOT, SYSTEMS, Broken, Cartwheel, RedisCluster, Sentinel

PROBE_SECONDS = 0.5
PROMISED = ("siblings", "counter", "unique")  # what Cartwheel may not lose
COLUMNS = """\
- attempted, acknowledged, lost: writes, over all runs; lost: acknowledged, and missing at the end when read through any
  one of the clients. Counters: acknowledged less the value, if positive. An error or time-out is no acknowledgement.
- phantoms: there at the end, though the client was told that nothing was done.
- served: of the writes due between cut and heal, how many were acknowledged, on all sides together.
- unavailable: between cut and heal, the gaps of more than {gap:g} s without an acknowledged write of a side's
  clients, added up: smaller side / larger side; of a ring the client that had the most.
- readable after: from heal until all clients see what was acknowledged before and is still there at the end.
- whole after: from heal until each node sees all others and owes them nothing (hints; replication links up).
- Seconds are those of the worst run."""


class Episode:
    """One nemesis on one system, with all its modes at the same time."""

    def __init__(self, system, nemesis, modes, options):
        self.system, self.nemesis, self.options = system, nemesis, options
        self.modes = [MODES[name] for name in system.modes if name in modes]
        self.runs = {mode.name: judge.Run(mode.counts, due=CLIENTS * options.rate) for mode in self.modes}
        self.readers = [system.reader(client) for client in range(CLIENTS)]
        self.clients = []
        self.loading = True
        self.whole = self.agreed = False

    async def run(self):
        options = self.options
        load = [asyncio.create_task(self.load(mode, client)) for mode in self.modes for client in range(CLIENTS)]
        probing = None
        try:
            await asyncio.sleep(options.before)
            cut = time.monotonic()
            await self.nemesis.inflict()
            await asyncio.sleep(options.seconds)
            healed = time.monotonic()
            await self.nemesis.heal()
            for run in self.runs.values():
                run.cut, run.healed, run.sides = cut, healed, self.nemesis.sides
            probing = asyncio.create_task(self.probe(healed))
            await asyncio.sleep(options.after)
            self.loading = False
            await asyncio.gather(*load)
            await self.until_settled(probing)
            await self.read_all()
        finally:
            await self.nemesis.stop()
            for task in (*load, *([probing] if probing else [])):
                task.cancel()
            await asyncio.gather(*load, *([probing] if probing else []), return_exceptions=True)
            for client in (*self.clients, *self.readers):
                client.close()

    async def load(self, mode, number):
        """Adds one element after the other, at the rate given or slower where answers take longer."""
        client = self.system.client(number)
        self.clients.append(client)
        attempts = self.runs[mode.name].attempts
        await asyncio.sleep(self.system.rng.random() / self.options.rate)
        due = time.monotonic()
        element = number
        while self.loading:
            began = time.monotonic()
            outcome = await mode.add(client, element)
            attempts.append(judge.Attempt(number, element, outcome, began, time.monotonic()))
            element += CLIENTS
            due = max(due + 1 / self.options.rate, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    # ---- reading

    async def read(self, mode, reader, numbers):
        try:
            return await mode.read(self.readers[reader], numbers)
        except (Refused, Unknown):
            return None

    async def seen(self, mode):
        """What all readers see, None if one cannot read; and whether they see the same."""
        if mode.one_by_one:  # each key through one of the readers
            known = [a.number for a in self.runs[mode.name].of(judge.ACKNOWLEDGED)]
            parts = [await self.read(mode, reader, [n for n in known if n // CLIENTS % CLIENTS == reader])
                     for reader in range(CLIENTS)]
            return (None, False) if None in parts else (set().union(*parts), True)
        parts = [await self.read(mode, reader, None) for reader in range(CLIENTS)]
        if None in parts:
            return None, False
        return min(parts) if mode.counts else set.intersection(*parts), all(part == parts[0] for part in parts)

    async def probe(self, healed):
        """Reads and looks at the nodes' health again and again."""
        while True:
            began = time.monotonic()
            agreed = True
            for mode in self.modes:
                saw, same = await self.seen(mode)
                self.runs[mode.name].probes.append((time.monotonic(), saw))
                agreed = agreed and same
            whole = not await self.system.illness()
            for run in self.runs.values():
                if not whole:
                    run.whole_after = None
                elif run.whole_after is None:
                    run.whole_after = time.monotonic() - healed
            self.whole, self.agreed = whole, agreed
            await asyncio.sleep(max(0.05, began + PROBE_SECONDS - time.monotonic()))

    async def until_settled(self, probing):
        """Until two probes after the last write found the system whole and all readers agreed, or the bound."""
        until = time.monotonic() + self.options.settle
        first = len(next(iter(self.runs.values())).probes) + 1  # the one under way may have begun before
        good = seen = 0
        while good < 2 and time.monotonic() < until and not probing.done():
            await asyncio.sleep(0.05)
            count = min(len(run.probes) for run in self.runs.values())
            if count > max(first, seen):
                seen = count
                good = good + 1 if self.whole and self.agreed else 0
        probing.cancel()
        await asyncio.gather(probing, return_exceptions=True)
        if not probing.cancelled() and probing.exception():
            raise probing.exception()

    async def read_all(self):
        """Everything through each reader. What cannot be read for 10 s is not there."""
        for mode in self.modes:
            run = self.runs[mode.name]
            numbers = [attempt.number for attempt in run.attempts]
            for reader in range(CLIENTS):
                until = time.monotonic() + 10
                while (reading := await self.read(mode, reader, numbers)) is None and time.monotonic() < until:
                    await asyncio.sleep(0.2)
                run.readings.append((0 if mode.counts else set()) if reading is None else reading)


def keep(episode, verdicts, explanation):
    """For whoever looks for the reason."""
    system = episode.system
    with open(os.path.join(system.directory, "explanation"), "w", encoding="utf-8") as file:
        file.write(explanation)
    history = {}
    for name, run in episode.runs.items():
        there = run.readings if run.counts else [sorted(reading) for reading in run.readings]
        history[name] = {"verdict": vars(verdicts[name]), "cut": run.cut, "healed": run.healed, "readings": there,
                         "sides": run.sides, "attempts": [vars(attempt) for attempt in run.attempts]}
        if not run.counts:
            everywhere = set.intersection(*run.readings)
            history[name]["lost"] = [vars(a) for a in run.of(judge.ACKNOWLEDGED) if a.number not in everywhere]
    history["focus"] = system.focus
    with open(os.path.join(system.directory, "history.json"), "w", encoding="utf-8") as file:
        json.dump(history, file, indent=1)


def broken_promises(system, verdicts):
    """What makes the exit status 1, as text."""
    found = []
    for mode, verdict in verdicts.items() if system.name == Cartwheel.name else ():
        for count, what in ((verdict.lost, "lost"), (verdict.phantoms, "there though refused")):
            if count and mode in PROMISED:
                found.append(f"{mode}: {count} {what}")
        if mode in PROMISED and verdict.readable_after is None:
            found.append(f"{mode}: not readable everywhere in time")
    if verdicts and system.name == Cartwheel.name and next(iter(verdicts.values())).whole_after is None:
        found.append(f"not whole in time: {system.last_illness}")
    return found


async def run_one(kind, nemesis, turn, modes, options, directory, system_options=()):
    """Starts a system, runs one nemesis and ends it. Its episode and verdicts."""
    os.makedirs(directory)
    rng = random.Random(f"{options.seed} {kind.name} {nemesis.name} {turn}")
    system = kind(directory, rng, *((system_options,) if system_options else ()))
    broken = []
    try:
        await system.start()
        episode = Episode(system, nemesis(system, turn), modes, options)
        await episode.run()
        verdicts = {name: judge.judge(run) for name, run in episode.runs.items()}
        system.last_illness = await system.illness()
        broken = broken_promises(system, verdicts)
        if broken and not options.canary:
            keep(episode, verdicts, await system.explain())
            print(f"FOUND: {nemesis.name}, round {turn + 1}: {'; '.join(broken)}; kept: {directory}", flush=True)
    except asyncio.CancelledError:
        system.close()
        shutil.rmtree(directory)
        raise
    finally:
        system.close()
    if options.canary or not (broken or options.keep):
        shutil.rmtree(directory)
    return episode, verdicts, broken


# ---- all of them

def chosen(text, known, what):
    names = text.split(",")
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"no such {what}: {name}; there are {', '.join(known)}")
    return names


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="rounds of every nemesis (default 3)")
    parser.add_argument("--modes", type=lambda text: chosen(text, list(MODES), "mode"), default=list(MODES),
                        help=f"of {','.join(MODES)}")
    parser.add_argument("--nemeses", type=lambda text: chosen(text, list(NEMESES), "nemesis"), default=list(NEMESES),
                        help=f"of {','.join(NEMESES)}")
    parser.add_argument("--systems", type=lambda text: chosen(text, list(SYSTEMS), "system"),
                        default=[Cartwheel.name, RedisCluster.name], help=f"of {','.join(SYSTEMS)}")
    parser.add_argument("--sentinel", action="store_true", help="Redis with Sentinel as well")
    parser.add_argument("--seconds", type=float, default=8, help="from cut to heal (default 8)")
    parser.add_argument("--before", type=float, default=2, help="seconds of load before the cut (default 2)")
    parser.add_argument("--after", type=float, default=3, help="seconds of load after heal (default 3)")
    parser.add_argument("--settle", type=float, default=30, help="seconds for the rest, at most (default 30)")
    parser.add_argument("--rate", type=float, default=10, help="writes a second of each client (default 10)")
    parser.add_argument("--seed", type=int, default=1, help="chooses nodes and sides; not the timing (default 1)")
    parser.add_argument("--server", default=Cartwheel.binary, help="the cartwheel-server to test")
    parser.add_argument("--keep", action="store_true", help="data and logs of all runs, below build/loss-*")
    parser.add_argument("--quick", action="store_true", help="one round of halves and kill, 5 s each")
    parser.add_argument("--canary", action="store_true", help="every check has to fail")
    options = parser.parse_args()
    if options.quick:
        options.runs, options.nemeses, options.seconds = 1, ["halves", "kill"], 5
    if options.sentinel and Sentinel.name not in options.systems:
        options.systems.append(Sentinel.name)
    Cartwheel.binary = options.server
    return options


def usable(options):
    """The systems whose programs are there. Says what is left out."""
    kinds = []
    for kind in (SYSTEMS[name] for name in options.systems):
        programs = [kind.binary] if kind is not RedisCluster else [kind.binary, "redis-cli"]
        missing = [program for program in programs if shutil.which(program) is None]
        if missing and kind is Cartwheel:
            sys.exit(f"{missing[0]} is missing: make server builds it")
        if missing:
            print(f"{kind.title} is left out: {', '.join(missing)} not found (Debian: redis-server, redis-tools)")
        else:
            kinds.append(kind)
    return kinds


async def attempt(kind, nemesis, turn, *rest):
    """run_one; a system that did not even start is reported, and the others go on."""
    try:
        _, verdicts, broken = await run_one(kind, nemesis, turn, *rest)
        return verdicts, broken
    except Broken as reason:
        print(f"no result of {kind.title}, {nemesis.name}, round {turn + 1}: {reason}", flush=True)
        return {}, [str(reason)] if kind is Cartwheel else []


async def rounds(kinds, options, directory):
    """(system, mode, nemesis) -> Sum; and what Cartwheel must not do and did."""
    sums, found = {}, []
    for turn in range(options.runs):
        for name in options.nemeses:
            began = time.monotonic()
            results = await asyncio.gather(*(
                attempt(kind, NEMESES[name], turn, options.modes, options,
                        os.path.join(directory, f"{turn + 1}-{name}-{kind.name}")) for kind in kinds))
            losses = []
            for kind, (verdicts, broken) in zip(kinds, results):
                found += [f"{name}: {what}" for what in broken]
                for mode, verdict in verdicts.items():
                    sums.setdefault((kind.name, mode, name), judge.Sum()).add(verdict)
                losses.append(f"{kind.name} lost " + " ".join(
                    f"{mode}:{verdict.lost}/{verdict.acknowledged}" for mode, verdict in verdicts.items()))
            print(f"round {turn + 1} of {options.runs}, {name}, {time.monotonic() - began:.0f} s: {'; '.join(losses)}",
                  file=sys.stderr, flush=True)
    return sums, found


def table(kinds, sums, options):
    rows = [judge.HEADINGS, ["---"] * len(judge.HEADINGS)]
    for kind in kinds:
        for mode in kind.modes:
            rows += [[kind.title, mode, nemesis, *sums[kind.name, mode, nemesis].cells(options.after + options.settle)]
                     for nemesis in options.nemeses if (kind.name, mode, nemesis) in sums]
            of_all = [found for (system, of, _), found in sums.items() if (system, of) == (kind.name, mode)]
            if len(of_all) > 1:
                rows.append([kind.title, mode, "**all**", *judge.totals(of_all)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def version(command):
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def heading(kinds, options):
    commit = version(["git", "rev-parse", "--short=10", "HEAD"])
    redis = "" if len(kinds) == 1 and kinds[0] is Cartwheel else (
        ", " + " ".join(version(["redis-server", "--version"]).split()[:3]) +
        f", node time-out {NODE_TIMEOUT_MS} ms, appendfsync everysec")
    return (f"{datetime.date.today()}, commit {commit}, {platform.machine()}, {os.cpu_count()} cores{redis}; "
            f"{options.runs} runs, {CLIENTS} clients of {options.rate:g} writes a second for each kind of client, "
            f"{options.before:g} s, nemesis {options.seconds:g} s, {options.after:g} s")


async def main_task(kinds, options, directory):
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asyncio.current_task().cancel)
    if options.canary:
        return await canary.run(run_one, options, directory)
    head = heading(kinds, options)  # of the commit that is tested, whatever comes meanwhile
    sums, found = await rounds(kinds, options, directory)
    print(head + "\n")
    print(table(kinds, sums, options) + "\n")
    print(COLUMNS.format(gap=judge.GAP_SECONDS))
    print("\nFAIL: " + "; ".join(found) if found else "\nPASS")
    return 1 if found else 0


def main():
    options = parse_arguments()
    missing = network.why_not()
    if missing:
        sys.exit(f"the loss test cannot run here: {missing}")
    kinds = usable(options)
    os.makedirs(os.path.join(ROOT, "build"), exist_ok=True)
    directory = tempfile.mkdtemp(prefix="loss-", dir=os.path.join(ROOT, "build"))
    status = 1
    try:
        status = asyncio.run(main_task(kinds, options, directory))
    except (Broken, network.NoNetworks) as broken:
        print(f"FAIL: {broken}")
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("stopped")
        status = 130
    finally:
        if not os.listdir(directory):
            os.rmdir(directory)
        left = network.leftovers(directory)
        print("nothing is left of its networks and processes" if not left else "LEFT BEHIND: " + "; ".join(left))
    return 1 if left else status


if __name__ == "__main__":
    sys.exit(main())
