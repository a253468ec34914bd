"""The nodes of docker/compose.yaml in a project of their own, on free ports of this machine."""
import concurrent.futures
import os
import re
import shutil
import sys
import tempfile
import time

from engine import LABEL, Failed, docker, find_compose, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "redis-compat"))
sys.path.insert(0, os.path.join(ROOT, "tests", "soak"))
from client import Connection, Failure  # noqa: E402
from lib.server_process import free_port  # noqa: E402

FILES = ("compose.yaml", "compose.five.yaml")
EQUAL = "all owners of each of the "
HEALS_BY_ITSELF_S = 5


class Nodes:
    """Node i of 1 to 5 is service nodeI. Three of them run unless more are asked for."""

    def __init__(self, project, image, tools):
        self.project = project
        self.tools = tools
        self.ports = {i: free_port() for i in range(1, 6)}
        self.up_ones = []
        self.five = False
        self.compose = find_compose()
        self.directory = tempfile.mkdtemp(prefix=project + "-")
        for name in ("node.yaml", *FILES):
            with open(os.path.join(ROOT, "docker", name), encoding="utf-8") as file:
                text = file.read()
            # As a person would who has the ports taken: the same number on both sides.
            text = re.sub(r"\b700([1-5])\b", lambda match: str(self.ports[int(match[1])]), text)
            with open(os.path.join(self.directory, name), "w", encoding="utf-8") as file:
                file.write(text)
        self.set_image(image)

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    def set_image(self, image):
        """Of containers that are made from now on."""
        path = os.path.join(self.directory, "node.yaml")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(re.sub(r"(?m)^    image: .*$", f"    image: {image}", text))

    # ---- containers

    def call_compose(self, *words, override=None):
        files = [os.path.join(self.directory, name) for name in FILES[:2 if self.five else 1]]
        if override:
            files.append(os.path.join(self.directory, "override.yaml"))
            with open(files[-1], "w", encoding="utf-8") as file:
                file.write(override)
        return run(*self.compose, "-p", self.project, *[word for file in files for word in ("-f", file)], *words)

    def up(self, *numbers, override=None):
        """Makes or starts those, or all, and waits until all are healthy. Returns how many seconds that took."""
        began = time.monotonic()
        self.call_compose("up", "-d", *[f"node{i}" for i in numbers], override=override)
        self.up_ones = sorted(set(self.up_ones) | set(numbers or range(1, 6 if self.five else 4)))
        for i in self.up_ones:
            self.wait_healthy(i)
        return time.monotonic() - began

    def container(self, number):
        name = docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={self.project}",
                      "--filter", f"label=com.docker.compose.service=node{number}")
        if not name:
            raise Failed(f"node{number} has no container")
        return name

    def inspect(self, number, what):
        return docker("inspect", "-f", what, self.container(number))

    def wait_healthy(self, number, seconds=60):
        def healthy():
            return self.inspect(number, "{{.State.Health.Status}}") == "healthy"
        wait_for(healthy, seconds, f"node{number} is not healthy", every=0.2)

    def remove(self, number):
        """Container and disk."""
        docker("rm", "-f", self.container(number))
        docker("volume", "rm", f"{self.project}_node{number}")
        self.up_ones.remove(number)

    # ---- their network

    def network(self):
        return self.project + "_default"

    def address(self, number):
        return self.inspect(number, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")

    def in_networks_of(self, scripts):
        """Runs a shell script in the network namespace of each of those nodes, all at about the same time. What they change
        there goes with the node's container. Returns what they printed."""
        def inside(number, script):
            return docker("run", "--rm", "--label", f"{LABEL}={self.project}", "--network",
                          "container:" + self.container(number), "--cap-add", "NET_ADMIN", self.tools, "sh", "-ec", script)

        with concurrent.futures.ThreadPoolExecutor(len(scripts)) as threads:
            return "\n".join(threads.map(inside, scripts.keys(), scripts.values()))

    # ---- as a client

    def ask(self, number, *words, timeout=10):
        connection = Connection(self.ports[number], timeout)
        try:
            connection.send([[word.encode() for word in words]])
            reply = connection.read()
        finally:
            connection.close()
        if isinstance(reply, Failure):
            raise Failed(f"node{number}: {' '.join(words)}: {reply.decode()}")
        return reply.decode() if isinstance(reply, bytes) else reply

    def verify(self, number):
        """The first line of CLUSTER VERIFY, or why there is none."""
        try:
            return self.ask(number, "CLUSTER", "VERIFY", timeout=30).split("\n", 1)[0].strip()
        except (OSError, EOFError, Failed) as error:
            return str(error) or type(error).__name__

    def wait_equal(self, seconds, open_writes=0):
        """All that are up know each other and nobody else, and hold the same. Returns the seconds until then, and how many
        partitions were only so after CLUSTER REPAIR: not more than `open_writes`. A node that dies with a write that it has
        told nobody of keeps that write, which makes one partition differ until somebody reads or compares it."""
        def whole(number):
            info = self.ask(number, "CLUSTER", "INFO")
            return f"cluster_known_nodes:{len(self.up_ones)}\r\n" in info and "cluster_nodes_lost:0" in info

        began = time.monotonic()
        for i in self.up_ones:
            wait_for(lambda i=i: whole(i), began + seconds - time.monotonic(), f"node{i} misses others")
        at = self.up_ones[0]
        repaired = 0
        while not (said := self.verify(at)).startswith(EQUAL):
            differ = re.match(r"of (\d+) partitions (\d+) are the same", said)
            differing = int(differ[1]) - int(differ[2]) if differ else 0
            if time.monotonic() > began + seconds:
                raise Failed(f"the owners differ: {said}")
            if not repaired and 0 < differing <= open_writes and time.monotonic() > began + HEALS_BY_ITSELF_S:
                repaired = differing
                for i in self.up_ones:
                    self.ask(i, "CLUSTER", "REPAIR")
            time.sleep(0.1)
        return time.monotonic() - began, repaired

    def clock_of(self, number):
        """Seconds since 1970, as the node has them."""
        connection = Connection(self.ports[number], 10)
        try:
            connection.send([[b"TIME"]])
            seconds, microseconds = connection.read()
        finally:
            connection.close()
        return int(seconds) + int(microseconds) / 1e6

    def ids(self):
        """By number, of those that CLUSTER NODES lists as it says them outside."""
        found = {}
        for line in self.ask(self.up_ones[0], "CLUSTER", "NODES").splitlines():
            name, address = line.split()[:2]
            port = int(address.split("@")[0].rsplit(":", 1)[1])
            found.update({i: name for i in self.ports if self.ports[i] == port})
        return found


def wait_for(condition, seconds, otherwise, every=0.1):
    deadline = time.monotonic() + seconds
    why = ""
    while True:
        try:
            if condition():
                return
        except (OSError, EOFError, Failed) as error:
            why = f" ({error})"
        if time.monotonic() > deadline:
            raise Failed(otherwise + why)
        time.sleep(every)
