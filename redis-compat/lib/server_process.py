"""A server process on a free loopback port, for redis-compat/run and redis-compat/compare."""

import os
import socket
import subprocess
import sys
import time

START_TIMEOUT_S = 20
STOP_TIMEOUT_S = 10


class Server:
    """One server process on a free loopback port with a directory of its own."""

    def __init__(self, binary, directory, options=()):
        self.binary = binary
        self.directory = directory
        self.options = list(options)
        self.process = None
        self.port = None

    def start(self):
        os.makedirs(self.directory, exist_ok=True)
        for _ in range(3):  # the port is free when asked, another process may take it before we do
            self.port = free_port()
            command = [self.binary, "--port", str(self.port), "--bind", "127.0.0.1",
                       "--dir", self.directory] + self.options
            with open(self.log_path(), "ab") as log:
                self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                                stderr=log, start_new_session=True)
            if self._wait_until_it_answers():
                return
            self.stop()
        sys.exit(f"{self.binary} does not answer on its port; its output:\n{self.log_tail()}")

    def stop(self):
        """Asks it to end, then insists. Returns its exit status, None if it was not running."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        status, self.process = self.process.returncode, None
        return status

    def ask(self, *args):
        """Sends one command inline and returns the first line of the reply."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(" ".join(args).encode() + b"\r\n")
            return connection.makefile("rb").readline().decode("latin-1").strip()

    def log_path(self):
        return os.path.join(self.directory, "server.log")

    def log_tail(self):
        with open(self.log_path(), errors="replace") as log:
            return "".join(log.readlines()[-20:])

    def _wait_until_it_answers(self):
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                # With a password the answer is NOAUTH: it answers, which is all we ask.
                if not self.ask("PING").startswith("-LOADING"):
                    return True
            except OSError:
                pass
            time.sleep(0.02)
        return False


_handed_out = set()


def free_port():
    """A free loopback port, never the same twice: its server may not listen yet when the next is asked for."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in _handed_out:
            _handed_out.add(port)
            return port
