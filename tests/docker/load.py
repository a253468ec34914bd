"""A small load, one client at each node: each writes keys of its own, one after another, and notes what was acknowledged."""
import threading
import time

from nodes import Connection, Failure

TIMEOUT_S = 3
PAUSE_S = 0.004
BATCH = 500
SHOWN = 3


class Writer(threading.Thread):
    def __init__(self, number, port, name):
        super().__init__(daemon=True)
        self.number, self.port = number, port
        self.name_of_keys = name
        self.acknowledged = []
        self.open = []     # keys whose write was begun and neither acknowledged nor refused: stored or not
        self.refused = []  # error replies
        self.broken = []   # connections that broke, were refused or fell silent
        self.done = threading.Event()

    def run(self):
        connection = None
        written = 0
        while not self.done.is_set():
            try:
                if connection is None:
                    connection = Connection(self.port, TIMEOUT_S)
                key = b"%s:%d:%d" % (self.name_of_keys.encode(), self.number, written)
                written += 1
                self.open.append(key)
                connection.send([[b"SET", key, key]])
                reply = connection.read()
                if not isinstance(reply, Failure) or not reply.startswith(b"UNCERTAIN "):
                    self.open.pop()
                if isinstance(reply, Failure):
                    self.refused.append(reply.decode())
                elif reply == b"OK":
                    self.acknowledged.append(key)
                else:
                    self.refused.append(f"SET was answered {reply!r}")
            except (OSError, EOFError) as error:
                self.broken.append(f"{type(error).__name__} {error}".strip())
                if connection is not None:
                    connection.close()
                connection = None
                self.done.wait(0.05)
            self.done.wait(PAUSE_S)
        if connection is not None:
            connection.close()


class Load:
    """Runs between `with` and its end; then what was acknowledged can be read back."""

    def __init__(self, nodes, name):
        self.nodes = nodes
        self.writers = {i: Writer(i, nodes.ports[i], name) for i in nodes.up_ones}

    def __enter__(self):
        for writer in self.writers.values():
            writer.start()
        time.sleep(0.5)
        return self

    def __exit__(self, *_):
        for writer in self.writers.values():
            writer.done.set()
        for writer in self.writers.values():
            writer.join(2 * TIMEOUT_S)

    def acknowledged(self):
        return [key for writer in self.writers.values() for key in writer.acknowledged]

    def open(self):
        return [key for writer in self.writers.values() for key in writer.open]

    def errors(self, numbers=None):
        return [error for i, writer in self.writers.items() if numbers is None or i in numbers
                for error in writer.refused + writer.broken]

    def lost(self):
        """The acknowledged keys that some node does not have, each read at every node."""
        keys = self.acknowledged()
        missing = set()
        for number in self.nodes.up_ones:
            connection = Connection(self.nodes.ports[number], 20)
            for at in range(0, len(keys), BATCH):
                batch = keys[at:at + BATCH]
                connection.send([[b"GET", key] for key in batch])
                missing |= {key for key in batch if connection.read() != key}
            connection.close()
        return sorted(missing)
