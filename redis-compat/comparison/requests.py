"""Random requests: for every command its valid forms, then ways to get it wrong.

A history is a list of steps (connection, [request, ...]); the requests of a step are sent in one
write. A request is a list of arguments, or bytes that are sent as they are. `@id0@`, `@addr0@` and
`@laddr0@` stand for the number and the addresses of connection 0, which differ between servers.
"""

from comparison import dump_payload
from comparison.pools import *  # the names in capitals

# Their replies depend on the moment, or become something else: they are sent alone.
ALONE = {b"TTL", b"PTTL", b"EXPIRETIME", b"PEXPIRETIME", b"SCAN", b"RANDOMKEY", b"KEYS", b"DBSIZE",
         b"TIME", b"LASTSAVE", b"INFO", b"CLIENT", b"HELLO", b"RESET", b"QUIT", b"UNSUBSCRIBE",
         b"PUNSUBSCRIBE", b"SUNSUBSCRIBE", b"PUBSUB", b"OBJECT", b"MEMORY", b"CONFIG", b"COMMAND",
         b"EXEC", b"MONITOR", b"FUNCTION", b"SCRIPT", b"SLOWLOG", b"LATENCY", b"WAIT", b"DEBUG",
         b"AUTH", b"MULTI", b"DISCARD"}


class Stream:
    """Requests drawn from one random number generator; `commands` are the names to draw from."""

    def __init__(self, random, connections, protocols, commands):
        self.random = random
        self.connections = connections
        self.protocols = protocols
        self.makers = {name: maker for name, maker in MAKERS.items() if name in commands}
        self.names = sorted(self.makers)
        self.hot = [name for name in HOT if name in self.makers]

    def history(self, length):
        """`length` requests in steps; each connection first chooses its protocol."""
        steps = [(c, [[b"HELLO", b"3"]]) for c in range(self.connections)
                 if self.random.choice(self.protocols) == 3]
        while length > 0:
            connection = self.random.randrange(self.connections)
            step = self._step(min(length, self.random.choice([1, 1, 1, 2, 4, 8])))
            length -= len(step)
            steps.append((connection, step))
        return steps

    def _step(self, size):
        requests = []
        for _ in range(size):
            request = self.request()
            alone = isinstance(request, bytes) or not request or request[0].upper() in ALONE
            if alone and requests:
                return requests
            requests.append(request)
            if alone:
                return requests
        return requests

    def request(self):
        r = self.random
        dice = r.random()
        if dice < 0.015:
            return r.choice(INLINE) + r.choice([b"\r\n", b"\n"])
        if dice < 0.018:
            return r.choice(BROKEN)
        if dice < 0.03:
            return [r.choice(UNKNOWN)] + [r.choice(TEXTS) for _ in range(r.randrange(4))]
        name = r.choice(self.hot if r.random() < 0.6 else self.names)
        request = name.encode().split() + self.makers[name](self)
        if r.random() < 0.12:
            request = self._spoil(name, request)
        if r.random() < 0.2:
            request[0] = r.choice([request[0].lower(), request[0].title(), request[0].swapcase()])
        return request

    def _spoil(self, name, request):
        """Wrong arity, wrong argument, doubled or swapped arguments, an argument too many."""
        r = self.random
        if name in NEVER_SPOILED:
            return request
        request = list(request)
        first = len(name.split())
        pool = PERIODS if name in TIMED else INTEGERS + NOT_INTEGERS + FLOATS
        words = TEXTS + KEYS + [b"NX", b"xx", b"GET", b"KEEPTTL", b"ABSTTL", b"REPLACE", b"LEN"]
        kind = r.randrange(6)
        at = r.randrange(first, len(request)) if len(request) > first else None
        if kind == 0:
            return request[:r.randrange(1, len(request) + 1)]
        if kind == 1 or at is None:
            request.insert(r.randrange(first, len(request) + 1), r.choice(words))
        elif kind == 2:
            request[at] = r.choice(pool)
        elif kind == 3:
            request[at] = r.choice(TEXTS)
        elif kind == 4:
            request.insert(at, request[at])
        else:
            other = r.randrange(first, len(request))
            request[at], request[other] = request[other], request[at]
        return request

    # What the makers below are written with.
    def key(self):
        return self.random.choice(KEYS if self.random.random() < 0.5 else KEYS[:4])

    def keys(self, most=4):
        return [self.key() for _ in range(self.random.randint(1, most))]

    def value(self):
        r = self.random
        kind = r.random()
        if kind < 0.4:
            return r.choice(TEXTS)
        if kind < 0.7:
            return r.choice(INTEGERS + NOT_INTEGERS)
        if kind < 0.8:
            return r.choice(FLOATS)
        if kind < 0.9:
            return b"%d" % r.randint(-1000, 100000)
        return bytes(r.choice(b"ab\x00\xff") for _ in range(r.choice([3, 20, 300])))

    def integer(self):
        return self.random.choice(INTEGERS if self.random.random() < 0.9 else NOT_INTEGERS)

    def small(self):
        return self.random.choice(SMALL) if self.random.random() < 0.8 else self.integer()

    def one(self, *choices):
        return self.random.choice(choices)

    def some(self, *groups, likely=0.4):
        """Each group of arguments with this likelihood, in any order, sometimes in lower case."""
        chosen = [g for g in groups if self.random.random() < likely]
        self.random.shuffle(chosen)
        return [self.cased(a) if i == 0 else a for g in chosen for i, a in enumerate(g)]

    def cased(self, word):
        return word if self.random.random() < 0.8 else word.lower()

    def expiry(self):
        option, values = self.random.choice(EXPIRY)
        return [option, self.random.choice(values)]

    def period(self):
        return self.random.choice(PERIODS)

    def condition(self):
        return self.some([b"NX"], [b"XX"], [b"GT"], [b"LT"], likely=0.15)

    def channel(self):
        return self.random.choice(CHANNELS)

    def pattern(self):
        return self.random.choice(PATTERNS)

    def peer(self, what):
        return b"@%s%d@" % (what, self.random.randrange(self.connections))

    def any_request(self):
        """A request for COMMAND GETKEYS: well formed or not."""
        return self.random.choice([
            lambda: [self.random.choice(self.names).encode().split()[0].lower()],
            lambda: [b"SET", self.key(), self.value()], lambda: [b"MSET", b"a", b"1", b"b", b"2"],
            lambda: [b"MGET"] + self.keys(), lambda: [b"BITOP", b"AND"] + self.keys(),
            lambda: [b"COPY", b"a", b"b"], lambda: [b"PING"], lambda: [b"nosuch", b"x"],
            lambda: [b"OBJECT", b"ENCODING", b"a"], lambda: [b"OBJECT"], lambda: [b"SET", b"a"],
            lambda: [b"SET", b"a", b"b", b"GET"], lambda: [b"LCS", b"a", b"b", b"IDX"],
            lambda: [b"BITFIELD", b"a", b"GET", b"u8", b"0"], lambda: [b"MSETNX", b"a", b"1", b"b"],
            lambda: [b"MSET", b"a", b"1", b"b"], lambda: [b"SPUBLISH", b"ch", b"m"],
            lambda: [b"BITFIELD", b"a", b"SET", b"u8", b"0", b"1"], lambda: [b"RENAME", b"a", b"b"],
            lambda: [b"MEMORY", b"USAGE", b"a"], lambda: [b"SSUBSCRIBE", b"a", b"b"]])()


def _set(s):
    return [s.key(), s.value()] + s.some(
        s.one([b"NX"], [b"XX"]), [b"GET"], s.one(s.expiry(), [b"KEEPTTL"]), likely=0.3) + s.some(
            s.expiry(), [b"KEEPTTL"], [b"XX"], [b"NX"], likely=0.03)


def _bitfield(s):
    arguments = [s.key()]
    for _ in range(s.random.randrange(4)):
        encoding, offset = s.one(*ENCODINGS[:12], *ENCODINGS), s.one(*BIT_OFFSETS[:7], *BIT_OFFSETS)
        arguments += s.one([b"GET", encoding, offset], [b"SET", encoding, offset, s.integer()],
                           [b"INCRBY", encoding, offset, s.integer()],
                           [b"OVERFLOW", s.one(b"WRAP", b"SAT", b"fail", b"x")])
    return arguments


def _bitpos(s):
    return [s.key(), s.one(b"0", b"1", b"0", b"1", b"2", b"-1", b"x")] + s.one(
        [], [s.small()], [s.small(), s.small()], [s.small(), s.small(),
                s.one(b"BYTE", b"bit", b"x")])


def _restore(s):
    r = s.random
    payload = dump_payload.make(s.value(), r)
    return [s.key(), s.one(b"0", b"0", s.period()), payload] + s.some(
        [b"REPLACE"], [b"ABSTTL"], [b"IDLETIME", s.small()], [b"FREQ", s.small()], likely=0.3)


def _scan(s):
    cursor = b"0" if s.random.random() < 0.9 else s.one(b"x", b"", b"-1", b"1.5",
            b"18446744073709551616", b" 0")
    return [cursor] + s.some(
        [b"MATCH", s.pattern()], [b"COUNT", s.one(b"1", b"2", b"10", b"1000", b"0", b"-1", b"x")],
        [b"TYPE", s.one(b"string", b"STRING", b"list", b"hash", b"nosuch", b"")], likely=0.3)


def _hello(s):
    return s.one([], [b"2"], [b"3"], [b"3"], [b"4"], [b"1"], [b"x"],
                 [b"3", b"SETNAME", s.one(*NAMES)],
                 [b"2", b"SETNAME", s.one(*NAMES)], [b"3", b"AUTH", b"default", b"secret"],
                 [b"3", b"AUTH", b"x"], [b"3", b"NOSUCH"], [b"3", b"SETNAME"],
                 [b"2", b"AUTH", b"nosuch", b"x", b"SETNAME", b"me"])


def _client_kill(s):
    new_style = s.some([b"ID", s.one(s.peer(b"id"), b"0", b"-1", b"x", b"999999")],
                       [b"ADDR", s.one(s.peer(b"addr"), b"1.2.3.4:5")],
                       [b"LADDR", s.one(s.peer(b"laddr"), b"x")],
                       [b"USER", s.one(b"default", b"x", b"")],
                       [b"TYPE", s.one(b"pubsub", b"replica", b"master", b"slave", b"x")],
                       [b"SKIPME", s.one(b"yes", b"no", b"x")], likely=0.3)
    # Without one of these the connections that the comparison itself needs would be killed.
    if not {b"ID", b"ADDR", b"TYPE"} & {a.upper() for a in new_style}:
        new_style += [b"ADDR", s.peer(b"addr")]
    return s.one([s.peer(b"addr")], [b"1.2.3.4:5"], [b"x"], new_style, new_style, [b"ID"],
                 [b"ID", b"x", b"y"])


def _config_set(s):
    arguments = []
    for _ in range(s.one(1, 1, 1, 2, 3)):
        name = s.one(*CONFIG_VALUES)
        arguments += [s.cased(name.upper()).lower() if s.random.random() < 0.8 else name.upper(),
                      s.one(*CONFIG_VALUES[name])]
    return arguments


def _filter(s):
    return s.one([], [b"FILTERBY", b"ACLCAT", s.one(b"string", b"keyspace", b"nosuch", b"read",
            b"FAST", b"@read")],
                 [b"FILTERBY", b"PATTERN", s.one(b"*get*", b"x*", b"client|*", b"S?T")],
                 [b"FILTERBY", b"MODULE", b"x"], [b"FILTERBY", b"x", b"y"], [b"FILTERBY"], [b"x"])


def _names(s):
    return [s.one(*s.names).lower().replace(" ", "|").encode() if s.random.random() < 0.8
            else s.one(*UNKNOWN) for _ in range(s.one(1, 1, 2))]


def _nothing(_):
    return []


def _key(s):
    return [s.key()]


def _keys(s):
    return s.keys()


def _pairs(s):
    return [x for _ in range(s.random.randint(1, 3)) for x in (s.key(), s.value())]


def _range(s):
    return [s.key(), s.small(), s.small()]


def _channels(s):
    return [s.channel() for _ in range(s.one(1, 1, 2, 3))]


def _patterns(s):
    return [s.pattern() for _ in range(s.one(1, 1, 2))]


def _maybe(maker):
    return lambda s: maker(s) if s.random.random() < 0.6 else []


def _bad_option(s):
    return [s.one(b"x", b"", b"ASYNCC")]


def _flush(s):
    return s.one([], [], [b"ASYNC"], [b"sync"], [b"x"], [b"ASYNC", b"SYNC"])


MAKERS = {
    "APPEND": lambda s: [s.key(), s.value()],
    "DECR": _key, "INCR": _key, "GET": _key, "GETDEL": _key, "STRLEN": _key,
    "DECRBY": lambda s: [s.key(), s.integer()],
    "INCRBY": lambda s: [s.key(), s.integer()],
    "INCRBYFLOAT": lambda s: [s.key(), s.one(*FLOATS)],
    "GETEX": lambda s: [s.key()] + s.one([], s.expiry(), s.expiry(), [b"PERSIST"],
                                         [b"persist", b"EX"],
                                         [b"PERSIST"] + s.expiry()),
    "GETRANGE": _range, "SUBSTR": _range,
    "GETSET": lambda s: [s.key(), s.value()],
    "LCS": lambda s: [s.key(), s.key()] + s.some(
        [b"LEN"], [b"IDX"], [b"MINMATCHLEN", s.small()], [b"WITHMATCHLEN"]),
    "MGET": _keys,
    "MSET": _pairs, "MSETNX": _pairs,
    "PSETEX": lambda s: [s.key(), s.period(), s.value()],
    "SETEX": lambda s: [s.key(), s.one(*SECONDS), s.value()],
    "SET": _set,
    "SETNX": lambda s: [s.key(), s.value()],
    "SETRANGE": lambda s: [s.key(), s.small(), s.value()],
    "BITCOUNT": lambda s: [s.key()] + s.one([], [s.small()], [s.small(), s.small()],
                                            [s.small(), s.small(), s.one(b"BYTE", b"bit", b"x")]),
    "BITFIELD": _bitfield, "BITFIELD_RO": _bitfield,
    "BITOP": lambda s: [s.one(b"AND", b"or", b"XOR", b"NOT", b"x")] + [s.key()] + s.keys(3),
    "BITPOS": _bitpos,
    "GETBIT": lambda s: [s.key(), s.one(*BIT_OFFSETS)],
    "SETBIT": lambda s: [s.key(), s.one(*BIT_OFFSETS), s.one(b"0", b"1", b"1", b"2", b"x", b"-1")],
    "COPY": lambda s: [s.key(), s.key()] + s.some(
        [b"DB", s.one(b"0", b"1", b"2", b"16", b"-1", b"x")], [b"REPLACE"]),
    "DEL": _keys, "EXISTS": _keys, "TOUCH": _keys, "UNLINK": _keys,
    "DUMP": _key, "TYPE": _key, "TTL": _key, "PTTL": _key, "EXPIRETIME": _key, "PEXPIRETIME": _key,
    "PERSIST": _key,
    "EXPIRE": lambda s: [s.key(), s.one(*SECONDS)] + s.condition(),
    "PEXPIRE": lambda s: [s.key(), s.period()] + s.condition(),
    "EXPIREAT": lambda s: [s.key(), s.one(*MOMENTS_S)] + s.condition(),
    "PEXPIREAT": lambda s: [s.key(), s.one(*MOMENTS_MS)] + s.condition(),
    "KEYS": lambda s: [s.pattern()],
    "MOVE": lambda s: [s.key(), s.one(b"0", b"1", b"2", b"16", b"-1", b"x", b"")],
    "OBJECT ENCODING": _key, "OBJECT FREQ": _key, "OBJECT IDLETIME": _key, "OBJECT REFCOUNT": _key,
    "OBJECT HELP": _nothing,
    "RANDOMKEY": _nothing,
    "RENAME": lambda s: [s.key(), s.key()], "RENAMENX": lambda s: [s.key(), s.key()],
    "RESTORE": _restore,
    "SCAN": _scan,
    "WAIT": lambda s: s.one([b"0", b"0"], [b"0", b"5"], [b"1", b"5"], [b"-1", b"1"], [b"1", b"-1"],
                            [b"x", b"0"], [b"0", b"x"], [b"1", b"9223372036854775807"]),
    "DISCARD": _nothing, "EXEC": _nothing, "MULTI": _nothing, "UNWATCH": _nothing, "WATCH": _keys,
    "PSUBSCRIBE": _patterns, "PUNSUBSCRIBE": _maybe(_patterns),
    "SUBSCRIBE": _channels, "UNSUBSCRIBE": _maybe(_channels),
    "SSUBSCRIBE": _channels, "SUNSUBSCRIBE": _maybe(_channels),
    "PUBLISH": lambda s: [s.channel(), s.value()], "SPUBLISH": lambda s: [s.channel(), s.value()],
    "PUBSUB CHANNELS": _maybe(lambda s: [s.pattern()]),
    "PUBSUB SHARDCHANNELS": _maybe(lambda s: [s.pattern()]),
    "PUBSUB NUMPAT": _nothing, "PUBSUB HELP": _nothing,
    "PUBSUB NUMSUB": _maybe(_channels), "PUBSUB SHARDNUMSUB": _maybe(_channels),
    "AUTH": lambda s: s.one([b"secret"], [b"x"], [b"default", b"secret"], [b"default", b"x"],
                            [b"nosuch", b"x"], [b"", b""], [b"a", b"b", b"c"]),
    "CLIENT GETNAME": _nothing, "CLIENT GETREDIR": _nothing, "CLIENT HELP": _nothing,
    "CLIENT ID": _nothing, "CLIENT INFO": _nothing,
    "CLIENT KILL": _client_kill,
    "CLIENT LIST": lambda s: s.one([], [b"ID", s.peer(b"id")],
                                   [b"ID", s.peer(b"id"), b"0", s.peer(b"id")],
                                   [b"TYPE", s.one(b"normal", b"PUBSUB", b"master", b"replica",
                                           b"x")],
                                   [b"ID"], [b"ID", b"x"], [b"x"], [b"TYPE"]),
    "CLIENT NO-EVICT": lambda s: [s.one(b"on", b"OFF", b"x")],
    "CLIENT PAUSE": lambda s: s.one([b"1"], [b"1", b"ALL"], [b"100000", b"WRITE"], [b"-1"], [b"x"],
                                    [b"1", b"x"], [b"0"], [b"1000000000", b"write"]),
    "CLIENT UNPAUSE": _nothing,
    "CLIENT REPLY": lambda s: [s.one(b"ON", b"on", b"ON", b"OFF", b"SKIP", b"x")],
    "CLIENT SETNAME": lambda s: [s.one(*NAMES)],
    "CLIENT TRACKINGINFO": _nothing,
    "CLIENT UNBLOCK": lambda s: [s.one(s.peer(b"id"), s.peer(b"id"), b"0", b"x")] + s.one(
        [], [], [b"TIMEOUT"], [b"error"], [b"x"]),
    "ECHO": lambda s: [s.value()],
    "HELLO": _hello,
    "PING": lambda s: s.one([], [s.value()], [s.value(), s.value()]),
    "QUIT": _nothing, "RESET": _nothing,
    "SELECT": lambda s: [s.one(b"0", b"0", b"1", b"2", b"15", b"16", b"-1", b"x", b"",
                               b"99999999999")],
    "BGREWRITEAOF": _bad_option, "SAVE": _bad_option, "BGSAVE": _bad_option,
    "COMMAND": _nothing, "COMMAND COUNT": _nothing, "COMMAND HELP": _nothing,
    "COMMAND DOCS": _names,
    "COMMAND GETKEYS": lambda s: s.any_request(),
    "COMMAND GETKEYSANDFLAGS": lambda s: s.any_request(),
    "COMMAND INFO": _names, "COMMAND LIST": _filter,
    "CONFIG GET": lambda s: [s.one(*SHARED_OPTIONS, b"max*", b"*", b"nosuch", b"SLOW*", b"?imeout",
                                   b"")
                             for _ in range(s.one(1, 1, 2))],
    "CONFIG HELP": _nothing, "CONFIG RESETSTAT": _nothing, "CONFIG REWRITE": _nothing,
    "CONFIG SET": _config_set,
    "DBSIZE": _nothing,
    "DEBUG": lambda s: [s.one(b"SLEEP", b"sleep"), s.one(b"0", b"0.001", b"x", b"", b"-1")],
    "FLUSHALL": _flush, "FLUSHDB": _flush, "FUNCTION FLUSH": _flush, "SCRIPT FLUSH": _flush,
    "FUNCTION HELP": _nothing, "SCRIPT HELP": _nothing,
    "INFO": lambda s: s.one([], [b"server"], [b"nosuch"], [b"keyspace", b"clients"], [b"all"],
                            [b"everything"],
                            [b"default"]),
    "LASTSAVE": _nothing, "TIME": _nothing, "ROLE": _nothing,
    "LATENCY DOCTOR": _nothing, "LATENCY HELP": _nothing, "LATENCY LATEST": _nothing,
    "LATENCY HISTOGRAM": _maybe(_names),
    "LATENCY HISTORY": lambda s: [s.one(b"command", b"x", b"")],
    "LATENCY RESET": _maybe(lambda s: [b"command"]),
    "MEMORY DOCTOR": _nothing, "MEMORY HELP": _nothing, "MEMORY PURGE": _nothing,
    "MEMORY STATS": _nothing,
    "MEMORY USAGE": lambda s: [s.key()] + s.one([], [], [b"SAMPLES", s.small()], [b"SAMPLES"],
            [b"x", b"1"]),
    "MONITOR": _nothing,
    "SHUTDOWN": lambda s: s.one([b"x"], [b"ABORT"], [b"SAVE", b"NOSAVE"], [b"ABORT", b"NOW"]),
    "SLOWLOG GET": lambda s: s.one([], [b"-1"], [b"10"], [b"-2"], [b"x"], [b"0"], [b"1", b"2"]),
    "SLOWLOG HELP": _nothing, "SLOWLOG LEN": _nothing, "SLOWLOG RESET": _nothing,
    "ASKING": _nothing, "READONLY": _nothing, "READWRITE": _nothing,
    "CLUSTER HELP": _nothing, "CLUSTER INFO": _nothing, "CLUSTER MYID": _nothing,
    "CLUSTER FORGET": lambda s: [b"x"], "CLUSTER LINKS": _nothing,
    "CLUSTER MEET": lambda s: [b"127.0.0.1", s.one(b"1", b"x")],
    "CLUSTER NODES": _nothing, "CLUSTER RESET": _nothing, "CLUSTER SHARDS": _nothing,
    "CLUSTER SLOTS": _nothing,
    "CLUSTER KEYSLOT": lambda s: [s.key()],
    "CLUSTER COUNTKEYSINSLOT": lambda s: [s.one(b"0", b"16384", b"x")],
    "CLUSTER GETKEYSINSLOT": lambda s: [b"0", s.one(b"1", b"-1", b"x")],
    "CLUSTER COUNT-FAILURE-REPORTS": lambda s: [b"x"],
    "CLUSTER REPLICAS": lambda s: [b"x"], "CLUSTER SLAVES": lambda s: [b"x"],
}
# Most of a history is about data; the rest would leave it mostly with errors.
HOT = """APPEND DECR GET GETDEL INCR STRLEN DECRBY INCRBY INCRBYFLOAT GETEX GETRANGE GETSET LCS MGET
 MSET MSETNX PSETEX SETEX SET SET SET SETNX SETRANGE BITCOUNT BITFIELD BITFIELD_RO BITOP BITPOS
 GETBIT
 SETBIT COPY DEL EXISTS DUMP TYPE TTL PTTL EXPIRETIME PEXPIRETIME PERSIST EXPIRE PEXPIRE EXPIREAT
 PEXPIREAT MOVE RENAME RENAMENX RESTORE UNLINK MULTI EXEC EXEC EXEC DISCARD WATCH PUBLISH SUBSCRIBE
 PSUBSCRIBE UNSUBSCRIBE""".split()
# Spoiled they could stop the server, sleep, kill or silence the connections of the comparison.
NEVER_SPOILED = {"SHUTDOWN", "DEBUG", "CLIENT KILL", "CLIENT PAUSE", "WAIT", "BGSAVE", "SAVE",
                 "BGREWRITEAOF",
                 "CONFIG SET"}
TIMED = {"SET", "GETEX", "SETEX", "PSETEX", "EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT", "RESTORE"}
