"""What was acknowledged, what is there, and what lies between."""
import dataclasses

from modes import ACKNOWLEDGED, FAILED, UNCERTAIN

GAP_SECONDS = 1.0  # no acknowledged write for longer counts as unavailable


@dataclasses.dataclass
class Attempt:
    client: int
    number: int
    outcome: str
    began: float
    ended: float


@dataclasses.dataclass
class Run:
    """One system, mode and nemesis, once."""
    counts: bool
    attempts: list = dataclasses.field(default_factory=list)
    probes: list = dataclasses.field(default_factory=list)   # (time, what all readers saw, None if not all could read)
    readings: list = dataclasses.field(default_factory=list)  # at the end, one for each reader
    sides: list = dataclasses.field(default_factory=list)
    due: float = 0.0   # attempts a second that were to be made
    cut: float = 0.0
    healed: float = 0.0
    whole_after: float | None = None  # seconds from healed; None: not in time

    def of(self, outcome):
        return [attempt for attempt in self.attempts if attempt.outcome == outcome]


@dataclasses.dataclass
class Verdict:
    attempted: int
    acknowledged: int
    lost: int
    phantoms: int
    served: float              # share of the writes due between cut and heal that were acknowledged
    unavailable: list          # seconds, for each side
    readable_after: float | None
    whole_after: float | None


def judge(run):
    acknowledged, failed = run.of(ACKNOWLEDGED), run.of(FAILED)
    if run.counts:
        lost = max(0, len(acknowledged) - min(run.readings))
        phantoms = max(0, max(run.readings) - len(acknowledged) - len(run.of(UNCERTAIN)))
    else:
        everywhere, anywhere = set.intersection(*run.readings), set.union(*run.readings)
        lost = len({attempt.number for attempt in acknowledged} - everywhere)
        phantoms = len(anywhere - {attempt.number for attempt in run.attempts if attempt.outcome != FAILED})
    during = [attempt for attempt in acknowledged if run.cut <= attempt.ended <= run.healed]
    return Verdict(
        attempted=len(run.attempts), acknowledged=len(acknowledged), lost=lost, phantoms=phantoms,
        served=len(during) / max(run.due * (run.healed - run.cut), 1),
        unavailable=[unavailable([a.ended for a in during if a.client in side], run.cut, run.healed)
                     for side in run.sides],
        readable_after=readable_after(run), whole_after=run.whole_after)


def unavailable(times, cut, healed):
    """Seconds between cut and healed that lie in gaps longer than GAP_SECONDS without an acknowledged write."""
    edges = [cut, *sorted(times), healed]
    return sum(gap for gap in (after - before for before, after in zip(edges, edges[1:])) if gap > GAP_SECONDS)


def readable_after(run):
    """Seconds from healed until all readers see, for good, what was acknowledged before and is there at the end."""
    before = [attempt.number for attempt in run.of(ACKNOWLEDGED) if attempt.ended <= run.healed]
    if run.counts:
        there = min(len(before), min(run.readings))
    else:
        there = set(before) & set.intersection(*run.readings)
    since = None
    for time, seen in run.probes:
        good = seen is not None and seen >= there  # of sets: holds at least these
        since = (time if since is None else since) if good else None
    return None if since is None else since - run.healed


class Sum:
    """Of several runs: counts are added, of seconds the worst stays."""

    def __init__(self):
        self.runs = self.attempted = self.acknowledged = self.lost = self.phantoms = 0
        self.served = 0.0
        self.unavailable = []
        self.readable_after = self.whole_after = 0.0

    def add(self, verdict):
        self.runs += 1
        for field in ("attempted", "acknowledged", "lost", "phantoms", "served"):
            setattr(self, field, getattr(self, field) + getattr(verdict, field))
        sides = verdict.unavailable
        if len(sides) > 2:  # a ring: that of the worst client
            sides = [max(sides)]
        self.unavailable = list(map(max, self.unavailable or sides, sides))
        self.readable_after = later(self.readable_after, verdict.readable_after)
        self.whole_after = later(self.whole_after, verdict.whole_after)

    def cells(self, bound):
        return [str(self.runs), str(self.attempted), str(self.acknowledged), str(self.lost),
                f"{100 * self.lost / max(self.acknowledged, 1):.1f}", str(self.phantoms),
                f"{100 * self.served / self.runs:.0f}", " / ".join(f"{seconds:.1f}" for seconds in self.unavailable),
                after(self.readable_after, bound), after(self.whole_after, bound)]


def totals(sums):
    """Of all nemeses; seconds of different ones do not add up."""
    runs, attempted, acknowledged, lost, phantoms, served = (
        sum(getattr(one, field) for one in sums)
        for field in ("runs", "attempted", "acknowledged", "lost", "phantoms", "served"))
    return [str(runs), str(attempted), str(acknowledged), f"**{lost}**", f"**{100 * lost / max(acknowledged, 1):.1f}**",
            str(phantoms), f"{100 * served / runs:.0f}", "", "", ""]


HEADINGS = ["system", "clients", "nemesis", "runs", "attempted", "acknowledged", "lost", "lost %", "phantoms",
            "served %", "unavailable s", "readable after s", "whole after s"]


def later(a, b):
    return None if a is None or b is None else max(a, b)


def after(seconds, bound):
    return f"> {bound:.0f}" if seconds is None else f"{seconds:.1f}"
