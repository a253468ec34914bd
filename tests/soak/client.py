"""A client that pipelines: commands gather, go out together, and each reply is compared with what was expected."""
import socket


class Failure(bytes):
    """An error reply."""


class Connection:
    def __init__(self, port, timeout_s=60):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.replies = self.socket.makefile("rb", 256 * 1024)

    def send(self, commands):
        self.socket.sendall(b"".join(encode(command) for command in commands))

    def read(self):
        """One reply: bytes, an int, None, a list or a Failure. EOFError when the server is gone."""
        line = self.replies.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            if rest == b"-1":
                return None
            value = self.replies.read(int(rest) + 2)
            if len(value) != int(rest) + 2:
                raise EOFError
            return value[:-2]
        if kind == b":":
            return int(rest)
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        return Failure(rest) if kind == b"-" else rest

    def close(self):
        self.replies.close()
        self.socket.close()


def encode(command):
    return b"*%d\r\n" % len(command) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in command)
