"""The replies that may differ from Redis's, each with the reason: the only such table.

A row is (may these two replies stand for each other?, why). It is asked only when the replies are
not the same bytes, and never about an error: errors are always compared byte by byte. Whatever is
not here must be equal.
"""

import os
import re

from comparison.pools import SHARED_OPTIONS
from comparison import resp

COMMANDS = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "commands.md")
VOLATILE = re.compile(
        rb" ?\b(id|addr|laddr|fd|age|idle|qbuf|qbuf-free|argv-mem|multi-mem|rbs|rbp|obl|oll|"
                      rb"omem|tot-mem|lib-name|lib-ver)=\S*")
MONITOR_LINE = re.compile(rb"\d+\.\d{6} \[(\d+) [^\]]*\] (.*)$", re.S)
MONITORED = b"monitored"
# The comparison's own requests; how many SCANs a full loop takes is each server's business; Redis
# hides the passwords of HELLO and AUTH only where the request is right.
OWN_REQUEST = re.compile(rb'"(ping" "~sync~"|scan"|hello"|auth")', re.I)


class Support:
    """What docs/commands.md says about every command."""

    def __init__(self, path=COMMANDS):
        with open(path, encoding="utf-8") as page:
            rows = re.findall(r"^\| ([A-Z][A-Z0-9_ -]+) \| (yes|different|no) \| ([\d.]*)",
                              page.read(), re.M)
        self.missing = {name for name, support, _ in rows if support == "no"}
        self.here = {name for name, support, _ in rows if support != "no"}
        self.later = {name for name, _, since in rows if since.startswith(("7.2", "7.4", "8."))}


SUPPORT = Support()


def near(tolerance):
    """Integers that lie this close together, of the same sign."""
    def judge(a, b, _):
        x, y = int(a[1]), int(b[1])
        return abs(x - y) <= tolerance and (x > 0) == (y > 0)
    return judge


def same_type(a, b, _):
    return a[0] == b[0] and (a[1] is None) == (b[1] is None)


def any_order(a, b, _):
    return a[0] == b[0] and sorted(a[1]) == sorted(b[1])


def client_id(a, b, sides):
    return int(a[1]) - sides[0].first_id == int(b[1]) - sides[1].first_id


def client_lines(a, b, sides):
    def stripped(reply, side):
        lines = []
        for line in reply[1].splitlines():
            number = int(re.match(rb"(?:txt:)?id=(\d+)", line)[1]) - side.first_id
            lines.append((number, VOLATILE.sub(b"", line)))
        return reply[0], lines
    return stripped(a, sides[0]) == stripped(b, sides[1])


def _pairs(reply):
    return list(zip(reply[1][::2], reply[1][1::2]))


def hello(a, b, sides):
    ours, theirs = dict(_pairs(a)), dict(_pairs(b))
    for fields, side in ((ours, sides[0]), (theirs, sides[1])):
        number = fields[(b"$", b"id")]
        fields[(b"$", b"id")] = (number[0], int(number[1]) - side.first_id)
        del fields[(b"$", b"version")]
    return a[0] == b[0] and ours == theirs


def config_get(a, b, _):
    def shared(reply):
        return sorted((k, v) for k, v in _pairs(reply) if k[1] in SHARED_OPTIONS)
    return a[0] == b[0] and shared(a) == shared(b)


def names_of_commands(a, b, _):
    """Of a list of names: those that both should have."""
    def common(reply):
        names = {element[1].decode().replace("|", " ").upper() for element in reply[1]}
        return {name for name in names if not _only_one_has(name)}
    return a[0] == b[0] and common(a) == common(b)


_OWN_CLUSTER = (
    "CLUSTER CANCEL",
    "CLUSTER COMMIT",
    "CLUSTER JOIN",
    "CLUSTER LEAVE",
    "CLUSTER PLAN",
    "CLUSTER REPAIR",
    "CLUSTER REPLACE",
    "CLUSTER REWEIGHT",
    "CLUSTER RING",
    "CLUSTER VERIFY",
)


def _only_one_has(name):
    """DYN.* and some of CLUSTER are commands of our own, which nothing is compared with."""
    return bool({name, name.split()[0]} &
                (SUPPORT.missing | SUPPORT.later)) or name.startswith(("DYN.", *_OWN_CLUSTER))


def command_info(a, b, _):
    """Without the subcommands that only one of the servers has, and without notes about keys."""
    def common(reply):
        if reply[1] is None or not isinstance(reply[1], list):
            return reply
        entries = []
        for entry in reply[1]:
            if entry[1] is None or len(entry[1]) < 10:
                entries.append(entry)
                continue
            fields = list(entry[1])
            fields[9] = (b"*", sorted(s for s in fields[9][1]
                                      if not _only_one_has(s[1][0][1].decode().replace("|",
                                              " ").upper())))
            entries.append((entry[0], fields))
        if len(entries) > 50:  # all commands rather than those asked for
            entries = sorted(e for e in entries if not _only_one_has(e[1][0][1].decode().upper()))
        return reply[0], entries
    return _sorted_sets(common(a)) == _sorted_sets(common(b))


def _sorted_sets(reply):
    """Redis's `~` and its lists of simple strings (flags, categories) have no meaningful order."""
    if not isinstance(reply[1], list):
        return reply
    elements = [_sorted_sets(e) for e in reply[1]]
    if elements[:1] == [(b"$", b"notes")]:
        del elements[:2]
    if reply[0] == b"~" or elements and all(e[0] == b"+" for e in elements):
        elements.sort()
    return reply[0], elements


def slow_log(a, b, _):
    def stripped(reply):
        return [(e[1][3], e[1][5]) for e in reply[1]]
    return stripped(a) == stripped(b)


def unsubscribed(replies):
    """The confirmations of one UNSUBSCRIBE without channels: names and counts apart."""
    return [sorted((r[1][1] for r in replies), key=repr), [(r[0], r[1][0], r[1][2])
            for r in replies]]


def confirmation(a, b, _):
    return a[0] == b[0] and a[1][0] == b[1][0] and a[1][2] == b[1][2]


def help_text(a, b, _):
    return a[0] == b[0] and a[1][0] == b[1][0]


_CLOCK = "tells the time, which has gone on a little between the two servers"
_OURS = "is documented as our own in docs/commands.md"
_ORDER = "Redis answers in the order of a hash table with a random seed"
_HELP = "help texts are our own; what the first line says is compared"

TABLE = {
    "TTL": (near(1), _CLOCK), "PTTL": (near(2000), _CLOCK),
    "EXPIRETIME": (near(2), _CLOCK), "PEXPIRETIME": (near(2000), _CLOCK),
    "TIME": (same_type, _CLOCK), "LASTSAVE": (same_type, _CLOCK),
    "KEYS": (any_order, _ORDER), "PUBSUB CHANNELS": (any_order, _ORDER),
    "PUBSUB SHARDCHANNELS": (any_order, _ORDER),
    "UNSUBSCRIBE": (confirmation, _ORDER), "PUNSUBSCRIBE": (confirmation, _ORDER),
    "SUNSUBSCRIBE": (confirmation, _ORDER),
    "SCAN": (same_type,
             "a full loop is compared as a set by the runner; a single page is not comparable"),
    "RANDOMKEY": (same_type, "the runner asks each server whether the key exists"),
    "DBSIZE": (same_type,
               "counts expired keys until they are reclaimed; the runner asks until both agree"),
    "OBJECT ENCODING": (same_type, _OURS), "OBJECT IDLETIME": (same_type, _OURS),
    "OBJECT REFCOUNT": (same_type, _OURS + "; Redis shares small integers"),
    "MEMORY USAGE": (same_type, _OURS), "MEMORY STATS": (same_type, _OURS),
    "MEMORY DOCTOR": (same_type, _OURS),
    "LATENCY DOCTOR": (same_type, _OURS),
    "COMMAND DOCS": (same_type, _OURS), "COMMAND": (command_info,
            "Redis has the commands that are `no` in docs/commands.md"),
            "COMMAND COUNT": (same_type, _OURS),
    "COMMAND LIST": (names_of_commands, "Redis has the commands that are `no` in docs/commands.md"),
    "COMMAND INFO": (command_info,
                     "Redis has the subcommands that are `no` in docs/commands.md, and notes"),
    "INFO": (same_type,
             "numbers of the process; sections are compared in tests/server/info_test.cc"),
    "LATENCY HISTOGRAM": (same_type, "how long commands took"),
    "LATENCY LATEST": (same_type, "how long commands took"),
    "SLOWLOG GET": (slow_log, "numbers, times and addresses; arguments and names are compared"),
    "SLOWLOG LEN": (same_type, "how long commands took"),
    "CLIENT ID": (client_id, "counted from the first connection"),
    "CLIENT LIST": (client_lines, "addresses, ages, buffers"),
    "CLIENT INFO": (client_lines, "addresses, ages, buffers"),
    "HELLO": (hello,
              "the version and the connection's number, counted from the first connection"),
    "CONFIG GET": (config_get, "each server has options of its own; the shared ones are compared"),
}
for _container in ("OBJECT PUBSUB CLIENT COMMAND CONFIG LATENCY MEMORY SLOWLOG FUNCTION "
                   "SCRIPT").split():
    TABLE[_container + " HELP"] = (help_text, _HELP)

# What no request asks for, commands and other things.
# (CLIENT REPLY OFF, then QUIT, a protocol error or a CLIENT KILL of oneself, leaves a connection
# to Redis open; the runner closes it.)
NOT_SENT = {
    "CLIENT SETINFO": "of Redis 7.2, unknown to the reference",
    "CLIENT NO-TOUCH": "of Redis 7.2, unknown to the reference",
    "CLUSTER MYSHARDID": "of Redis 7.2, unknown to the reference",
    **dict.fromkeys(_OWN_CLUSTER, "our own"),
    "values out of the bounds of maxclients and proto-max-bulk-len": "our own bounds",
    "sizes without digits": "0 in Redis's configuration, refused here",
    "times after the year 10889": "refused here; docs/commands.md",
    "a NUL in an inline request": "Redis waits for ever: to it, the line has no end",
    "CLIENT PAUSE 9223372036854775807": "overflows in Redis, which then does not pause",
    "RESTORE of a string longer than its payload": "Redis takes the version for its end",
}


def may_differ(name, a, b, sides):
    """Whether the replies to the command `name` may be `a` from Redis and `b` from us."""
    if a == b:
        return True
    if name not in TABLE or b"-" in (a[0], b[0]) or (b"+", b"QUEUED") in (a, b):
        return False
    if a == resp.CLOSED or b == resp.CLOSED:
        return False
    try:
        return TABLE[name][0](a, b, sides)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return False  # not the shape of a reply to this command


def name_of(request):
    """The command of a request as the table spells it: `CONFIG GET`, `SET`."""
    if isinstance(request, bytes):
        request = [] if request[:1] in (b"*", b"$") else request.split()
    if not request:
        return ""
    words = [w.decode("latin-1").upper() for w in request[:2]]
    return " ".join(words) if " ".join(words) in TABLE else words[0]


def is_push(reply):
    """A message, a confirmation of SUBSCRIBE, a line of MONITOR: not the reply to a request."""
    kind, payload = reply
    if kind in (b">", MONITORED):
        return True
    if kind == b"*" and payload and len(payload) in (3, 4):
        first = payload[0][1]
        if len(payload) == 4:
            return first == b"pmessage"
        return first in (b"message", b"smessage") or isinstance(first,
                bytes) and payload[2][0] == b":" \
            and first.endswith(b"subscribe")
    return kind == b"+" and MONITOR_LINE.match(payload) is not None


def settle_pushes(replies):
    """MONITOR's lines without times, addresses and our own requests; pattern messages, whose order
    among the patterns that match is that of a hash table in Redis, sorted."""
    settled = []
    for reply in replies:
        line = MONITOR_LINE.match(reply[1]) if reply[0] == b"+" else None
        if line is not None:
            if OWN_REQUEST.search(line[2]):
                continue
            reply = (MONITORED, line[1] + b" " + line[2])
        settled.append(reply)
    start = 0
    while start < len(settled):
        end = start
        while end < len(settled) and _is_pattern_message(settled[end]) \
                and settled[end][1][2:] == settled[start][1][2:]:
            end += 1
        settled[start:end] = sorted(settled[start:end])
        start = max(end, start + 1)
    return settled


def _is_pattern_message(reply):
    return reply[0] in b">*" and isinstance(reply[1], list) and reply[1][:1] == [(b"$",
            b"pmessage")]
