"""Plays a history on both servers and finds the first reply that differs; shrinks it.

When has a server said all it has to say? A second connection is asked twice: the first answer
comes after a turn of the server's loop in which the request was readable, the second after the turn
that wrote the replies. Only a difference makes us wait longer, in case something is on its way.
"""

import collections
import itertools
import time

from comparison import differences, resp
from comparison.pools import CONFIG_VALUES

Difference = collections.namedtuple("Difference", "step connection requests redis ours")
SYNC = [b"PING", b"~sync~"]
UNSUBSCRIBES = {"UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"}
CLEAN = [(b"CLIENT", b"UNPAUSE"), (b"FLUSHALL",), (b"SLOWLOG", b"RESET"), (b"CONFIG", b"RESETSTAT")]


class Side:
    """One of the two servers and the connections to it."""

    def __init__(self, port, connections):
        self.port = port
        self.control = resp.Connection(port)
        self.first_id = int(self.control.ask(b"CLIENT", b"ID")[1])
        self.opened = 0
        self.connections = [None] * connections
        self.ids = [0] * connections
        self.defaults = self._options()

    def _options(self):
        reply = self.control.ask(b"CONFIG", b"GET", *CONFIG_VALUES)
        return {k[1]: v[1] for k, v in zip(reply[1][::2], reply[1][1::2])
                if k[1] not in (b"port", b"databases", b"unixsocketperm")}

    def reset(self):
        """Empty, with the options it started with, and with no connections but ours."""
        for connection in self.connections:
            if connection is not None:
                connection.close()
        self.connections = [None] * len(self.connections)
        for request in CLEAN:
            self.control.ask(*request)
        changed = [x for k, v in self._options().items() if self.defaults[k] != v
                   for x in (k, self.defaults[k])]
        if changed and self.control.ask(b"CONFIG", b"SET", *changed)[0] == b"-":
            raise RuntimeError(f"cannot restore {changed}")
        while len(self.control.ask(b"CLIENT", b"LIST")[1].splitlines()) > 1:
            time.sleep(0.001)
        for index in range(len(self.connections)):
            self._open(index)

    def _open(self, index):
        self.connections[index] = resp.Connection(self.port)
        self.connections[index].ask(b"PING")  # so that both servers accept in the same order
        self.opened += 1
        self.ids[index] = self.first_id + self.opened

    def send(self, index, requests):
        if self.connections[index].closed:
            self._open(index)
        self.connections[index].send(b"".join(map(self._bytes, requests)))

    def _bytes(self, request):
        if isinstance(request, bytes):
            return request
        return resp.encode([self._resolve(argument) for argument in request])

    def _resolve(self, argument):
        if not argument.endswith(b"@") or not argument.startswith((b"@id", b"@addr", b"@laddr")):
            return argument
        what, index = argument[1:-2], int(argument[-2:-1])
        if what == b"id":
            return b"%d" % self.ids[index]
        return self.connections[index].address if what == b"addr" else b"127.0.0.1:%d" % self.port

    def drain(self):
        return [connection.drain() for connection in self.connections]


class Runner:
    def __init__(self, redis_port, our_port, connections, canary=False):
        self.sides = [Side(redis_port, connections), Side(our_port, connections)]
        self.canary = canary
        self.patience = (0.02, 0.1, 0.4)  # seconds to wait for what may be on its way
        self.queued = [[] for _ in range(connections)]  # names of what waits for EXEC
        self.sent = [[] for _ in range(connections)]  # names of what may still be answered
        self.held = [False] * connections
        self.last = None  # what was sent last

    def run(self, history):
        """The first difference, or None."""
        for side in self.sides:
            side.reset()
        self.queued, self.sent = [[] for _ in self.queued], [[] for _ in self.queued]
        self.held = [False] * len(self.queued)
        for number, (connection, requests) in enumerate(history):
            self.last = connection, requests
            difference = self._step(number, connection, requests)
            if difference is not None:
                return difference
        return None

    def _step(self, number, connection, requests):
        self._note_sent(connection, requests)
        for side in self.sides:
            side.send(connection, requests)
        if differences.name_of(requests[0]) == "WAIT":
            time.sleep(0.01)
        self._sync()
        replies = [side.drain() for side in self.sides]
        for wait in self.patience + (0,):
            self._follow_up(connection, requests, replies)
            if self.canary:
                replies[1][connection] = [_plant(r) for r in replies[1][connection]]
            wrong = [(c, pair) for c in range(len(self.queued)) if (pair := self.first_difference(
                self.sent[c], replies[0][c], replies[1][c])) is not None]
            if not wrong:
                break
            if wait == 0:
                return Difference(number, wrong[0][0], requests, *wrong[0][1])
            time.sleep(wait)
            self._sync()
            for side, so_far in zip(self.sides, replies):
                for c, more in enumerate(side.drain()):
                    so_far[c] += more
        for c, answered in enumerate(replies[0]):
            if answered:
                self.held[c] = False
            elif c == connection:
                self.held[c] = True
        self._remember(connection, requests, replies[0][connection])
        return None

    def _note_sent(self, connection, requests):
        """Replies that WAIT or CLIENT PAUSE hold back come with those of later requests."""
        if not self.held[connection]:
            self.sent[connection] = []
        self.sent[connection] += [differences.name_of(request) for request in requests]

    def _sync(self):
        for _ in range(2):
            for side in self.sides:
                side.control.send(resp.encode(SYNC))
            for side in self.sides:
                while True:
                    reply = resp.parse_reply(side.control.buffer, 0)
                    if reply is not None:
                        break
                    received = side.control.socket.recv(65536)
                    if not received:
                        raise ConnectionError(f"port {side.port} closed the control connection")
                    side.control.buffer += received
                side.control.buffer = side.control.buffer[reply[1]:]

    def first_difference(self, names, ours, theirs):
        """The replies of the two servers that do not go together, None if all do. `names` are those
        of the commands that they may be replies to."""
        if ours == theirs:
            return None
        a, b = differences.settle_pushes(ours), differences.settle_pushes(theirs)
        if names and names[-1] in UNSUBSCRIBES and all(map(differences.is_push, a + b)) \
                and differences.unsubscribed(a) == differences.unsubscribed(b):
            return None
        if names and names[-1] == "EXEC" and a == [resp.CLOSED] and b[-1:] == a:
            return None  # a client that killed itself: Redis closes in the midst of EXEC's array
        answers = sum(not differences.is_push(reply) for reply in a)
        if names and names[-1] == "EXEC" and answers > len(names):
            # Confirmations of subscriptions made EXEC's array end before the last replies.
            missing = answers - len(names)
            names = names + max(self.queued, key=len)[-missing:] + [""] * missing
            names = names[:answers]
        arrays = "EXEC" in names  # one that was too short may have waited for other replies
        names = iter(names[-answers:] if len(a) == len(b) and answers <= len(names) else ())
        for x, y in itertools.zip_longest(a, b):
            name = next(names, None) if x is not None and not differences.is_push(x) else None
            if x == y or name is not None and self._same(name, x, y):
                continue
            if not (arrays and x and y and self._same("EXEC", x, y)):
                return x, y
        return None

    def _same(self, name, a, b):
        if name == "EXEC" and a[0] == b[0] == b"*" and a[1] and b[1]:
            # Which reply is whose is lost to CLIENT REPLY SKIP and to confirmations.
            return len(a[1]) == len(b[1]) and all(
                x == y or any(differences.may_differ(queued, x, y, self.sides)
                              for queue in self.queued for queued in queue)
                for x, y in zip(a[1], b[1]))
        return differences.may_differ(name, a, b, self.sides)

    def _remember(self, connection, requests, replies):
        """Which commands wait for EXEC, because its reply is theirs."""
        replies = [reply for reply in replies if not differences.is_push(reply)]
        queue = self.queued[connection]
        if resp.CLOSED in replies:
            queue.clear()
        for request, reply in zip(requests, replies) if len(requests) == len(replies) else ():
            name = differences.name_of(request)
            if reply == (b"+", b"QUEUED"):
                if isinstance(request, bytes):
                    request = request.split()
                # In RESP2 a subscription's confirmations stand among the replies, one a channel.
                name = request[0].upper()
                many = name.endswith(b"SUBSCRIBE") and name != b"SSUBSCRIBE"
                several = len(request) - 1 if many else 1
                queue += [differences.name_of(request)] * max(1, several)
            elif name in ("EXEC", "DISCARD", "RESET") or (name, reply) == ("MULTI", (b"+", b"OK")):
                queue.clear()

    def _follow_up(self, connection, requests, replies):
        """What one reply does not tell: all pages of a SCAN, that a random key exists, how many
        keys there are once the expired ones are gone."""
        if len(requests) != 1:
            return
        name = differences.name_of(requests[0])
        redis = self.sides[0].connections[connection]
        if (name in ("QUIT", "CLIENT") or isinstance(requests[0],
                bytes)) and replies[1][connection] == [resp.CLOSED] and not replies[0][connection]:
            redis.close()  # it waits for the reply that CLIENT REPLY OFF keeps from being sent
            replies[0][connection].append(resp.CLOSED)
        if isinstance(requests[0], bytes):
            return
        ours = [[r for r in side[connection] if not differences.is_push(r)] for side in replies]
        if [len(r) for r in ours] != [1, 1] or ours[0][0][0] != ours[1][0][0]:
            return
        if name == "SCAN" and ours[0][0][0] == b"*" and requests[0][1] == b"0":
            for index in (0, 1):
                replies[index][connection] = [self._scan(index, connection, requests[0],
                        ours[index][0])]
        elif name == "RANDOMKEY" and ours[0][0][0] == b"$" and None not in (ours[0][0][1],
                ours[1][0][1]):
            for index in (0, 1):
                key = ours[index][0][1]
                replies[index][connection] = self._ask(index, connection, [b"EXISTS", key])
        elif name == "DBSIZE" and ours[0][0][0] == b":":
            deadline = time.monotonic() + 3
            while replies[0][connection] != replies[1][connection] and time.monotonic() < deadline:
                time.sleep(0.05)
                for index in (0, 1):
                    replies[index][connection] = self._ask(index, connection, requests[0])

    def _scan(self, index, connection, request, reply):
        keys, pages = set(), 0
        while True:
            keys.update(element[1] for element in reply[1][1][1])
            cursor, pages = reply[1][0][1], pages + 1
            if cursor == b"0" or pages > 1000:
                return (b"*", [(b"$", cursor), (b"*", [(b"$", key) for key in sorted(keys)])])
            reply = self._ask(index, connection, [b"SCAN", cursor] + request[2:])[0]

    def _ask(self, index, connection, request):
        self.sides[index].send(connection, [request])
        self._sync()
        return [r for r in self.sides[index].drain()[connection] if not differences.is_push(r)]


def _plant(reply):
    """The canary's difference: one integer is another one."""
    return (b":", b"43") if reply == (b":", b"42") else reply


def signature(difference):
    """What kind of difference it is, to see whether a shorter history still shows the same."""
    def kind(reply):
        if reply is None:
            return None
        return reply[0], reply[1][:12] if reply[0] == b"-" else None
    return kind(difference.redis), kind(difference.ours), \
        {differences.name_of(request) for request in difference.requests}


def same_kind(one, other):
    a, b = signature(one), signature(other)
    return a[:2] == b[:2] and bool(a[2] & b[2])


def shrink(runner, history, difference, runs=400):
    """The shortest history found that ends in the same kind of difference, and that difference."""
    runner.patience = (0.02,)  # a slip of it only makes the shortest history longer
    history = history[:difference.step + 1]
    split = [(c, [request]) for c, requests in history for request in requests]
    for candidate in (split, history):
        again = runner.run(candidate)
        if again is not None and same_kind(again, difference):
            history, difference = candidate[:again.step + 1], again
            break
    else:
        return history, None
    size = max(1, len(history) // 2)
    while runs > 0:
        at, progress = 0, False
        while at < len(history) and runs > 0:
            shorter = history[:at] + history[at + size:]
            runs -= 1
            again = runner.run(shorter) if shorter else None
            if again is not None and same_kind(again, difference):
                history, difference, progress = shorter[:again.step + 1], again, True
            else:
                at += size
        if size == 1 and not progress:
            break
        size = max(1, size // 2)
    return history, difference
