"""What the clients do: each adds integers that nobody else adds, and counts one as acknowledged when told so."""
import itertools

from clients import Refused, Unknown

ACKNOWLEDGED, FAILED, UNCERTAIN = "acknowledged", "failed", "uncertain"
TAG = "{set}"  # of all keys but the unique ones: one slot, so that the same nodes serve them


def joined(elements):
    return ",".join(map(str, sorted(elements)))


def split(value):
    return set(map(int, value.split(b","))) if value else set()


class Mode:
    counts = False      # the reading is a number, not a set
    one_by_one = False  # each element is a key

    async def add(self, client, number):
        """ACKNOWLEDGED, FAILED (certainly not applied) or UNCERTAIN."""
        try:
            write = await self.prepare(client, number)
        except (Refused, Unknown):
            return FAILED  # nothing was written yet
        try:
            await client.call(*write)
            return ACKNOWLEDGED
        except Refused:
            return FAILED
        except Unknown:
            return UNCERTAIN

    async def prepare(self, client, number):
        """The key and the words of the write, after the reads that it takes."""
        raise NotImplementedError

    async def read(self, client, numbers):
        """What is there: the set, or the counter's value. Of `numbers` alone where each is a key."""
        raise NotImplementedError


class Siblings(Mode):
    """DYN.GET, union of all siblings and the new element, DYN.SET with the context read."""
    name, key = "siblings", TAG + "siblings"

    async def prepare(self, client, number):
        context, values = await client.call(self.key, "DYN.GET", self.key)
        union = set().union(*map(split, values)) | {number}
        return self.key, "DYN.SET", self.key, joined(union), "CONTEXT", context

    async def read(self, client, numbers):
        _, values = await client.call(self.key, "DYN.GET", self.key)
        return set().union(*map(split, values))


class ReadModifyWrite(Mode):
    """GET, add the new element, SET: two clients at a time overwrite each other, whatever the server does."""
    name, key = "get-set", TAG + "get-set"

    async def prepare(self, client, number):
        return self.key, "SET", self.key, joined(split(await client.call(self.key, "GET", self.key)) | {number})

    async def read(self, client, numbers):
        return split(await client.call(self.key, "GET", self.key))


class SetType(Mode):
    """SADD."""
    name, key = "sadd", TAG + "sadd"

    async def prepare(self, client, number):
        return self.key, "SADD", self.key, number

    async def read(self, client, numbers):
        return set(map(int, await client.call(self.key, "SMEMBERS", self.key)))


class Counter(Mode):
    """INCR."""
    name, key, counts = "counter", TAG + "counter", True

    async def prepare(self, client, number):
        return self.key, "INCR", self.key

    async def read(self, client, numbers):
        return int(await client.call(self.key, "GET", self.key) or 0)


class Unique(Mode):
    """SET of a key for each element, over all slots."""
    name, one_by_one = "unique", True

    @staticmethod
    def of(number):
        return f"unique:{number}"

    async def prepare(self, client, number):
        return self.of(number), "SET", self.of(number), number

    async def read(self, client, numbers):
        numbers = sorted(numbers)
        values = await client.get_all([self.of(number) for number in numbers]) if numbers else []
        return set(itertools.compress(numbers, (value == b"%d" % number for value, number in zip(values, numbers))))


MODES = {mode.name: mode for mode in (Siblings(), SetType(), Counter(), Unique(), ReadModifyWrite())}
