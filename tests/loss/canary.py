"""The checks have to fail when they should: on planted faults, and on a cluster that does lose."""
import copy
import os

import judge
from modes import FAILED
from nemeses import Healthy, Wipe
from systems import Cartwheel, RedisCluster

MUST_LOSE = ("siblings", "counter", "unique")


def with_a_lost_one(run):
    """An acknowledged element that was never written."""
    run = copy.deepcopy(run)
    run.attempts.append(judge.Attempt(0, 10**9, judge.ACKNOWLEDGED, run.cut, run.cut))
    return run


def with_a_phantom(run):
    """One that is there, and its client was told that nothing was done."""
    run = copy.deepcopy(run)
    run.of(judge.ACKNOWLEDGED)[0].outcome = FAILED
    return run


def planted(runs):
    """(what, whether it was seen) for each fault planted in what a healthy cluster gave."""
    for mode, run in runs.items():
        if mode != "get-set":
            verdict = judge.judge(run)
            yield f"{mode}: a healthy run loses nothing", verdict.lost == 0 and verdict.phantoms == 0
        before = judge.judge(run).lost
        yield f"{mode}: a lost element", judge.judge(with_a_lost_one(run)).lost == before + 1
        if mode != "get-set":
            yield f"{mode}: a phantom", judge.judge(with_a_phantom(run)).phantoms == 1
        silent = copy.deepcopy(run)
        middle = (run.cut + run.healed) / 2
        silent.attempts = [a for a in run.attempts if not middle - 1 < a.ended < middle + 1]
        yield f"{mode}: two seconds without a write", all(seconds >= 1.9 for seconds in judge.judge(silent).unavailable)
        blind = copy.deepcopy(run)
        blind.probes = [(time, None) for time, _ in run.probes]
        yield f"{mode}: a reader that never sees anything", judge.judge(blind).readable_after is None


async def run(run_one, options, directory):
    options.before, options.seconds, options.after, options.settle = 1, 3, 1, 10
    results = []
    for kind in (Cartwheel, RedisCluster):
        if kind.name in options.systems:
            episode, _, _ = await run_one(kind, Healthy, 0, options.modes, options, os.path.join(directory, kind.name))
            results += [(f"{kind.title}, {what}", seen) for what, seen in planted(episode.runs)]
    # One copy of each key, and the disk of the node that serves it gone.
    _, verdicts, broken = await run_one(Cartwheel, Wipe, 0, options.modes, options, os.path.join(directory, "wipe"),
                                        ["--dyn-n", "1", "--dyn-w", "1", "--dyn-r", "1"])
    results += [(f"Cartwheel with one copy, disk wiped, {mode}: {verdict.lost} of {verdict.acknowledged} lost",
                 verdict.lost > 0) for mode, verdict in verdicts.items() if mode in MUST_LOSE]
    results.append(("which would end the test with status 1", bool(broken)))
    for what, seen in results:
        print(f"{'seen' if seen else 'MISSED':<7}{what}")
    passed = all(seen for _, seen in results)
    print("PASS: every check fails when it should" if passed else "FAIL: a check did not see its planted fault")
    return 0 if passed else 1
