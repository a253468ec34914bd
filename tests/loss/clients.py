"""Clients of each system, as ordinary applications use: they know several nodes, follow redirections and try again.

All have the same time-outs and number of attempts. Only what certainly had no effect is tried again: a connection that
was never made, or a reply that promises that nothing was done. No answer in time, a connection that broke after the
request was sent, and any other error leave the outcome open (Unknown): maybe applied.
"""
import asyncio
import binascii
import socket
import time

CONNECT_SECONDS = 0.5
REPLY_SECONDS = 2.0  # more than dyn-deadline, after which a Cartwheel node answers in any case
TRY_SECONDS = 2.0    # no new attempt later than this
ATTEMPTS = 5
PAUSE_SECONDS = 0.1  # between two attempts

# Replies after which nothing was done.
NOTHING_DONE = (b"NOREPLICAS", b"CLUSTERDOWN", b"BADCTX", b"SIBLINGSLIMIT", b"BUSY", b"OOM", b"MOVED", b"ASK",
                b"TRYAGAIN", b"READONLY", b"LOADING", b"MASTERDOWN")


class Refused(Exception):
    """Nothing was done."""


class Unknown(Exception):
    """Maybe it was."""


class Failure(bytes):
    """An error reply."""


def encode(words):
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


async def read_reply(reader):
    """bytes, an int, None, a list or a Failure."""
    line = await reader.readuntil(b"\r\n")
    kind, rest = line[:1], line[1:-2]
    if kind == b"$":
        return None if rest == b"-1" else (await reader.readexactly(int(rest) + 2))[:-2]
    if kind == b"*":
        return [await read_reply(reader) for _ in range(int(rest))]
    if kind == b":":
        return int(rest)
    return Failure(rest) if kind == b"-" else rest


class Connection:
    @classmethod
    async def open(cls, namespace, address, seconds=CONNECT_SECONDS):
        """From inside the namespace. Refused: it could not be made in time."""
        with namespace:
            plain = socket.socket()
        try:
            plain.setblocking(False)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(seconds):
                await asyncio.get_running_loop().sock_connect(plain, address)
            self = cls()
            self.reader, self.writer = await asyncio.open_connection(sock=plain)
            return self
        except OSError as error:  # TimeoutError is one
            plain.close()
            raise Refused(f"no connection to {address[0]}: {str(error) or 'time-out'}") from error

    async def pipeline(self, commands, seconds=REPLY_SECONDS):
        try:
            async with asyncio.timeout(seconds):
                self.writer.write(b"".join(map(encode, commands)))
                return [await read_reply(self.reader) for _ in commands]
        except (OSError, EOFError) as error:
            self.close()
            raise Unknown(repr(error)) from error
        except asyncio.CancelledError:
            self.close()
            raise

    async def request(self, words, seconds=REPLY_SECONDS):
        return (await self.pipeline([words], seconds))[0]

    def closed(self):
        return self.writer.is_closing()

    def close(self):
        self.writer.transport.abort()


class Client:
    """One connection to each node, one request at a time."""

    def __init__(self, namespace, addresses):
        self.namespace = namespace
        self.addresses = addresses
        self.connections = {}

    async def connect(self, address):
        connection = self.connections.get(address)
        if connection is None or connection.closed():
            connection = self.connections[address] = await Connection.open(self.namespace, address)
        return connection

    async def target(self, key):
        """The address to ask next."""
        raise NotImplementedError

    def failed(self, address, key, reply):
        """That address gave no answer (None) or an error."""
        raise NotImplementedError

    async def call(self, key, *words):
        """The reply, never an error. Refused or Unknown else."""
        until = time.monotonic() + TRY_SECONDS
        for attempt in range(ATTEMPTS):
            if attempt > 0:
                if time.monotonic() > until:
                    break
                await asyncio.sleep(PAUSE_SECONDS)
            address = None
            try:
                address = await self.target(key)
                connection = await self.connect(address)
            except Refused as refused:
                why = refused
                self.failed(address, key, None)
                continue
            try:
                reply = await connection.request(words)
            except Unknown:
                self.failed(address, key, None)
                raise
            if not isinstance(reply, Failure):
                return reply
            self.failed(address, key, reply)
            if not reply.startswith(NOTHING_DONE):
                raise Unknown(reply.decode())
            why = Refused(reply.decode())
        raise why

    async def get_all(self, keys):
        """The values of many keys."""
        return [await self.call(key, "GET", key) for key in keys]

    def close(self):
        for connection in self.connections.values():
            connection.close()


class CartwheelClient(Client):
    """Stays with a node until it fails, then takes the next one. Any node serves any key."""

    def __init__(self, namespace, addresses, first, only_first=False):
        super().__init__(namespace, addresses[first:] + addresses[:first])
        self.at = 0
        self.only_first = only_first  # for reading through each node

    async def target(self, key):
        return self.addresses[self.at]

    def failed(self, address, key, reply):
        if not self.only_first:
            self.at = (self.at + 1) % len(self.addresses)

    async def get_all(self, keys):
        values = []
        for start in range(0, len(keys), 200):
            values += await self.call(keys[start], "MGET", *keys[start:start + 200])
        return values


def slot_of(key):
    key = key.encode()
    start = key.find(b"{")
    end = key.find(b"}", start + 1)
    return binascii.crc_hqx(key[start + 1:end] if start >= 0 and end > start + 1 else key, 0) % 16384


class RedisClusterClient(Client):
    """Keeps the map of slots; after an error or time-out learns it anew, from whichever node answers."""

    def __init__(self, namespace, addresses, rng):
        super().__init__(namespace, addresses)
        self.rng = rng
        self.slots = None
        self.stale = True

    async def refresh(self):
        why = Refused("no node")
        for address in self.rng.sample(self.addresses, len(self.addresses)):
            try:
                ranges = await (await self.connect(address)).request(["CLUSTER", "SLOTS"], CONNECT_SECONDS)
            except (Refused, Unknown) as error:
                why = error
                continue
            if isinstance(ranges, list):
                self.slots = [None] * 16384
                for first, last, primary, *_ in ranges:
                    self.slots[first:last + 1] = [(primary[0].decode(), primary[1])] * (last + 1 - first)
                self.stale = False
                return
        raise Refused(f"no slots: {why}")

    async def target(self, key):
        if self.stale:
            await self.refresh()
        address = self.slots[slot_of(key)]
        if address is None:
            self.stale = True
            raise Refused("nobody has the slot")
        return address

    def failed(self, address, key, reply):
        self.stale = True
        if reply is not None and reply.startswith(b"MOVED"):
            host, port = reply.split()[2].decode().rsplit(":", 1)
            self.slots[slot_of(key)] = (host, int(port))
            self.stale = False  # for the attempt that follows; the next failure refreshes

    async def get_all(self, keys):
        """A pipeline to each primary; what goes wrong there is asked once more one by one."""
        if self.stale:
            await self.refresh()
        groups = {}
        for key in keys:
            groups.setdefault(self.slots[slot_of(key)], []).append(key)
        values = {}
        for address, group in groups.items():
            try:
                connection = await self.connect(address) if address else None
                replies = await connection.pipeline([["GET", key] for key in group]) if connection else []
            except (Refused, Unknown):
                replies = []
            values.update((key, value) for key, value in zip(group, replies) if not isinstance(value, Failure))
        missing = [key for key in keys if key not in values]
        if missing:
            self.stale = True
        for key in missing:
            values[key] = await self.call(key, "GET", key)
        return [values[key] for key in keys]


class SentinelClient(Client):
    """Asks the sentinels, the nearest first, who the primary is, again after each failure."""

    def __init__(self, namespace, addresses, sentinels, first):
        super().__init__(namespace, addresses)
        self.sentinels = sentinels[first:] + sentinels[:first]
        self.primary = None

    async def target(self, key):
        why = "no sentinel"
        for sentinel in self.sentinels if self.primary is None else []:
            try:
                reply = await (await self.connect(sentinel)).request(
                    ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"], CONNECT_SECONDS)
            except (Refused, Unknown) as error:
                why = error
                continue
            if isinstance(reply, list):
                self.primary = (reply[0].decode(), int(reply[1]))
                break
        if self.primary is None:
            raise Refused(f"no primary: {why}")
        return self.primary

    def failed(self, address, key, reply):
        self.primary = None

    async def get_all(self, keys):
        values = []
        for start in range(0, len(keys), 200):
            values += await self.call(keys[start], "MGET", *keys[start:start + 200])
        return values
