"""What the server must answer, told from one number per item.

An item is a key (or a pair of keys) and its version; its value follows from both, so that a data set of any size has a
model of a few bytes per key. Each connection has items of its own: the order of its commands is known, and so is every
reply.
"""
import collections
import math
import random
import time
import zlib

MEAN_BYTES = 1000  # of a small value
LARGEST_BYTES = 200_000
NOISE = random.Random(1).randbytes(2 * LARGEST_BYTES)
ABSENT = 0

# A command, the reply to it (or a function that judges it), the item's version before and after it.
Step = collections.namedtuple("Step", "item command reply before after")


def value(key, version, largest):
    """Bytes that no other key and no other version has."""
    mark = zlib.crc32(b"%s %d" % (key, version))
    size = mark % largest
    start = mark % (len(NOISE) - largest)
    return b"%s %d " % (key, version) + NOISE[start:start + size]


class Item:
    """Its states are versions; `read` asks for the state, `shows` says what the answer to that is."""

    def __init__(self, name):
        self.name = name
        self.version = ABSENT

    def value(self, version):
        return value(self.name, version, 2 * MEAN_BYTES)

    def read(self):
        return [b"GET", self.name]

    def shows(self, version):
        return None if version == ABSENT else self.value(version)

    def steps(self, rng, next_version):
        """A list of (command, reply, version after it)."""
        dice = rng.random()
        if dice < 0.45:
            return [(self.read(), self.shows(self.version), self.version)]
        if dice < 0.90:
            return [([b"SET", self.name, self.value(next_version)], b"OK", next_version)]
        if dice < 0.95:
            return [([b"EXISTS", self.name], int(self.version != ABSENT), self.version)]
        return [([b"DEL", self.name], int(self.version != ABSENT), ABSENT)]


class Large(Item):
    def value(self, version):
        return value(self.name, version, LARGEST_BYTES)


class Counter(Item):
    def value(self, version):
        return b"%d" % version

    def steps(self, rng, next_version):
        if rng.random() < 0.9:
            return [([b"INCR", self.name], self.version + 1, self.version + 1)]
        return [(self.read(), self.shows(self.version), self.version)]


class Pair(Item):
    """Two keys that only transactions change: nobody ever sees one of them changed without the other."""

    def read(self):
        return [b"MGET", self.name + b":a", self.name + b":b"]

    def shows(self, version):
        return [None, None] if version == ABSENT else [self.value(version)] * 2

    def steps(self, rng, next_version):
        new = self.value(next_version)
        queued = [([b"SET", self.name + b":a", new], b"OK"), (self.read(), [new, self.shows(self.version)[1]]),
                  ([b"SET", self.name + b":b", new], b"OK")]
        return [([b"MULTI"], b"OK", self.version),
                *((command, b"QUEUED", self.version) for command, _ in queued),
                ([b"EXEC"], [reply for _, reply in queued], next_version)]


class Expiring(Item):
    """Its value is there until its time comes, and absent afterwards; while a request is under way it may be either."""

    def __init__(self, name):
        super().__init__(name)
        self.surely_until = self.gone_from = self.lives = 0.0

    def read_reply(self, sent):
        present, surely_until, gone_from = self.value(self.version), self.surely_until, self.gone_from

        def is_right(reply):
            if reply is None:
                return time.time() >= surely_until
            return reply == present and sent <= gone_from
        return is_right

    def replied(self, now):
        """All replies are here, so its time counts from before `now`."""
        self.gone_from = min(self.gone_from, now + self.lives + 0.002)

    def steps(self, rng, next_version):
        now = time.time()
        if rng.random() < 0.5 and self.version != ABSENT:
            return [(self.read(), self.read_reply(now), self.version)]
        milliseconds = rng.choice((20, 500, 5_000))
        self.lives = milliseconds / 1000
        self.surely_until = now + self.lives - 0.002  # the server counts whole milliseconds
        self.gone_from = math.inf
        return [([b"SET", self.name, self.value(next_version)], b"OK", next_version),
                ([b"PEXPIRE", self.name, b"%d" % milliseconds], 1, next_version)]


class Share:
    """The items of one connection."""

    def __init__(self, number, seed, small):
        mark = b"%d:" % number
        self.rng = random.Random(seed * 1000 + number)
        self.small = [Item(b"k:%s%d" % (mark, i)) for i in range(small)]
        self.rare = ([Large(b"large:%s%d" % (mark, i)) for i in range(1 + small // 4000)],
                     [Counter(b"counter:%s%d" % (mark, i)) for i in range(100)],
                     [Pair(b"pair:%s%d" % (mark, i)) for i in range(100)],
                     [Expiring(b"expiring:%s%d" % (mark, i)) for i in range(1000)])
        self.last_version = ABSENT

    def items(self):
        yield from self.small
        for items in self.rare[:3]:  # what expires is not there to be compared
            yield from items

    def pick(self):
        dice = self.rng.random()
        for items, until in zip(self.rare, (0.001, 0.05, 0.07, 0.12)):
            if dice < until:
                return self.rng.choice(items)
        return self.rng.choice(self.small)

    def pipeline(self, commands):
        """At least so many steps; their versions count as reached."""
        steps = []
        while len(steps) < commands:
            item = self.pick()
            self.last_version += 1
            for command, reply, version in item.steps(self.rng, self.last_version):
                steps.append(Step(item, command, reply, item.version, version))
                item.version = version
        return steps

    def fill(self, item):
        self.last_version += 1
        item.version = self.last_version
        return Step(item, [b"SET", item.name, item.value(item.version)], b"OK", ABSENT, item.version)
