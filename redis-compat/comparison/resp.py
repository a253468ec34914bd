"""Replies as they stand on the wire: a parser that keeps every byte, and a connection.

A reply is a pair (type byte, payload). The payload of an aggregate is a list of replies, that of a
blob its bytes or None for a null, that of anything else the line as it was sent. Nothing is
converted, so two equal replies are equal bytes.
"""

import socket

AGGREGATES = b"*%~>|"
BLOBS = b"$=!"
CLOSED = (b"closed", b"")


class Malformed(Exception):
    """What a server sent is not RESP."""


def parse_reply(data, start):
    """The reply at `start` and where it ends, or None while it is incomplete."""
    end = data.find(b"\r\n", start)
    if end < 0:
        return None
    kind, line, position = data[start:start + 1], data[start + 1:end], end + 2
    if kind in BLOBS and kind:
        if line == b"-1":
            return (kind, None), position
        size = _count(line)
        if len(data) < position + size + 2:
            return None
        if data[position + size:position + size + 2] != b"\r\n":
            raise Malformed(f"blob without its end: {data[start:start + 80]!r}")
        return (kind, data[position:position + size]), position + size + 2
    if kind in AGGREGATES and kind:
        if line == b"-1":
            return (kind, None), position
        elements = []
        for _ in range(_count(line) * (2 if kind in b"%|" else 1)):
            element = parse_reply(data, position)
            if element is None:
                return None
            elements.append(element[0])
            position = element[1]
        return (kind, elements), position
    if kind not in b"+-:_#,(":
        raise Malformed(f"no reply starts like {data[start:start + 80]!r}")
    return (kind, line), position


def _count(line):
    if not line.isdigit():
        raise Malformed(f"not a length: {line[:80]!r}")
    return int(line)


def encode(arguments):
    """A request as clients send it."""
    parts = [b"*%d\r\n" % len(arguments)]
    for argument in arguments:
        parts.append(b"$%d\r\n%s\r\n" % (len(argument), argument))
    return b"".join(parts)


def show(reply, indent=""):
    """A reply for people: one element a line, long blobs cut."""
    kind, payload = reply
    if isinstance(payload, list):
        inner = "".join("\n" + show(element, indent + "  ") for element in payload)
        return f"{indent}{kind.decode()}{len(payload)}{inner}"
    text = "null" if payload is None else repr(payload[:400])[1:]
    more = f" ... {len(payload)} bytes" if payload is not None and len(payload) > 400 else ""
    return f"{indent}{kind.decode()} {text}{more}"


class Connection:
    """A client that sends bytes and collects whatever whole replies have come."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.address = b"%s:%d" % ((self.socket.getsockname()[0].encode(),)
                                   + self.socket.getsockname()[1:])
        self.buffer = b""
        self.closed = False

    def send(self, data):
        try:
            self.socket.settimeout(10)
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server closed it: the next read sees that

    def ask(self, *arguments):
        """Sends one request and waits for its reply. For connections that get nothing else."""
        self.send(encode(arguments))
        while True:
            reply = parse_reply(self.buffer, 0)
            if reply is not None:
                self.buffer = self.buffer[reply[1]:]
                return reply[0]
            received = self.socket.recv(65536)
            if not received:
                raise ConnectionError("the server closed the connection")
            self.buffer += received

    def drain(self):
        """The whole replies that have arrived; CLOSED is the last one of a closed connection."""
        if self.closed:
            return []
        self.socket.setblocking(False)
        try:
            while True:
                received = self.socket.recv(1 << 20)
                if not received:
                    self.closed = True
                    break
                self.buffer += received
        except BlockingIOError:
            pass
        except ConnectionResetError:
            self.closed = True
        replies, position = [], 0
        while position < len(self.buffer):
            reply = parse_reply(self.buffer, position)
            if reply is None:
                break
            replies.append(reply[0])
            position = reply[1]
        self.buffer = self.buffer[position:]
        if self.closed:
            self.socket.close()
            replies.append(CLOSED)
        return replies

    def close(self):
        self.closed = True
        self.socket.close()
