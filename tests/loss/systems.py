"""The systems under test: each with hosts of its own for nodes and clients, started afresh for each run."""
import asyncio
import ctypes
import os
import shutil
import signal
import subprocess
import time

from clients import (CartwheelClient, Connection, Failure, RedisClusterClient, Refused, SentinelClient, Unknown,
                     slot_of)
from modes import MODES, TAG
from network import LIBC, Network, address

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLIENTS = 5
FIRST_CLIENT = 101  # the number of the first client's host; those of nodes start at 1
PORT = 6379
SENTINEL_PORT = 26379
START_SECONDS = 60
ASK_SECONDS = 5.0  # nobody's writes depend on it, and the machine may be busy
NODE_TIMEOUT_MS = 2000  # Redis: silence after which a node counts as failed; its default is 15000 (Sentinel: 30000)
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def die_with_parent():
    LIBC.prctl(DIE_WITH_PARENT, ctypes.c_ulong(signal.SIGKILL))


class Broken(Exception):
    """The system cannot be used, with the reason."""


def fields(info):
    return dict(line.split(":", 1) for line in info.decode().split("\r\n") if ":" in line)


class System:
    name = title = ""
    nodes = 5
    modes = ()

    def __init__(self, directory, rng):
        self.directory = directory
        self.rng = rng
        self.processes = {}
        self.commands = {}
        self.network = Network([*self.node_numbers(), *(FIRST_CLIENT + i for i in range(CLIENTS))])
        self.focus = None  # the node that serves the key

    def node_numbers(self):
        return range(1, self.nodes + 1)

    def addresses(self, port=PORT):
        return [(address(node), port) for node in self.node_numbers()]

    def client_namespace(self, client):
        return self.network.hosts[FIRST_CLIENT + client]

    # ---- processes

    def directory_of(self, node):
        return os.path.join(self.directory, f"node{node}")

    def run(self, node, command, role=""):
        """Starts it on that node's host. It dies with this process, however that ends."""
        os.makedirs(self.directory_of(node), exist_ok=True)
        self.commands[node, role] = command
        with open(os.path.join(self.directory, f"node{node}{role}.log"), "ab") as log, self.network.hosts[node]:
            self.processes[node, role] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent,
                start_new_session=True)  # a Ctrl-C is for us

    def signal(self, node, number):
        for (of, _), process in self.processes.items():
            if of == node:
                process.send_signal(number)

    def kill(self, node):
        self.signal(node, signal.SIGKILL)
        for (of, _), process in self.processes.items():
            if of == node:
                process.wait()

    def restart(self, node):
        for (of, role), command in list(self.commands.items()):
            if of == node:
                self.run(node, command, role)

    def wipe(self, node):
        shutil.rmtree(self.directory_of(node))

    def close(self):
        """Again is allowed."""
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait()
        self.network.close()

    # ---- asking nodes, each from its own host, where no cut reaches

    async def ask(self, node, *words, port=PORT):
        try:
            connection = await Connection.open(self.network.hosts[node], (address(node), port), ASK_SECONDS)
        except Refused as error:
            raise Broken(f"node {node}: {error}") from error
        try:
            reply = await connection.request(words, ASK_SECONDS)
        except Unknown as error:
            raise Broken(f"node {node}: {error}") from error
        finally:
            connection.close()
        if isinstance(reply, Failure):
            raise Broken(f"node {node}: {reply.decode()}")
        return reply

    async def illness(self):
        """Why it is not whole, "" when it is."""
        for node in self.node_numbers():
            try:
                what = await self.illness_of(node)
            except Broken as broken:
                return str(broken)
            if what:
                return f"node {node}: {what}"
        return ""

    async def illness_of(self, node):
        raise NotImplementedError

    async def until_well(self, what):
        until = time.monotonic() + START_SECONDS
        while illness := await self.illness():
            ended = [key for key, process in self.processes.items() if process.poll() is not None]
            if ended or time.monotonic() > until:
                raise Broken(f"{self.title} did not {what}: {illness}; logs in {self.directory}")
            await asyncio.sleep(0.2)

    async def server_of_key(self):
        """The node that CLUSTER SLOTS names first for the slot of the keys."""
        slot = slot_of(TAG)
        for first, last, server, *_ in await self.ask(1, "CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(n for n in self.node_numbers() if address(n) == server[0].decode())
        raise Broken("nobody has the slot of the key")

    # ---- where to cut

    async def minority(self):
        """The smaller half: with the node that serves the key, as in Jepsen's tests."""
        others = [node for node in self.node_numbers() if node != self.focus]
        return [self.focus, self.rng.choice(others)]

    def clients_beside(self, nodes):
        """As many as nodes; at home with them if clients have one."""
        return list(range(len(nodes)))


class Cartwheel(System):
    name, title = "cartwheel", "Cartwheel"
    modes = ("siblings", "counter", "unique", "get-set")
    binary = os.path.join(ROOT, "build", "cartwheel-server")

    def __init__(self, directory, rng, options=()):
        super().__init__(directory, rng)
        self.options = list(options)

    async def start(self):
        join = ",".join(f"{address(node)}:{PORT + 10000}" for node in self.node_numbers())
        for node in self.node_numbers():
            self.run(node, [self.binary, "--bind", address(node), "--port", str(PORT), "--protected-mode", "no",
                            "--dir", self.directory_of(node), "--cluster-join", join,
                            "--cluster-secret", "of-a-network-without-strangers", *self.options])
        await self.until_well("start")
        self.focus = await self.server_of_key()

    async def illness_of(self, node):
        cluster = fields(await self.ask(node, "CLUSTER", "INFO"))
        if cluster["cluster_state"] != "ok" or cluster["cluster_known_nodes"] != str(self.nodes):
            return f"cluster_state:{cluster['cluster_state']}, {cluster['cluster_known_nodes']} members"
        dynamo = fields(await self.ask(node, "INFO", "dynamo"))
        for field, value in dynamo.items():
            if (field.startswith("hints_for_") and value != "0") or (field.startswith("peer_") and value != "up") or (
                    field == "rebuilding_partitions" and value != "0"):
                return f"{field}:{value}"
        if sum(field.startswith("peer_") for field in dynamo) != self.nodes - 1:
            return "not all peers known"
        return ""

    def clients_beside(self, nodes):
        return [node - 1 for node in nodes]

    def client(self, client):
        return CartwheelClient(self.client_namespace(client), self.addresses(), client)

    def reader(self, client):
        return CartwheelClient(self.client_namespace(client), self.addresses(), client, only_first=True)

    async def explain(self):
        """What the nodes say of the keys, for whoever looks for the reason of a loss."""
        lines = []
        for node in self.node_numbers():
            for words in [("DYN.KEYINFO", MODES[mode].key) for mode in ("siblings", "counter")] + [
                    ("INFO", "dynamo"), ("CLUSTER", "VERIFY")]:
                try:
                    reply = await self.ask(node, *words)
                except Broken as broken:
                    reply = broken
                lines.append(f"== node {node}: {' '.join(words)}\n{shown(reply)}")
        return "\n".join(lines)


def shown(reply):
    if isinstance(reply, list):
        return "\n".join(map(shown, reply))
    return reply.decode(errors="replace") if isinstance(reply, bytes) else str(reply)


class Redis(System):
    binary = "redis-server"
    modes = ("sadd", "counter", "unique", "get-set")

    def redis_command(self, node, *options):
        """Kept on disk like Cartwheel's data: a restart after kill -9 forgets nothing."""
        return [self.binary, "--bind", address(node), "--port", str(PORT), "--protected-mode", "no",
                "--dir", self.directory_of(node), "--save", "", "--appendonly", "yes", "--appendfsync", "everysec",
                *options]

    async def illness_of(self, node):
        replication = fields(await self.ask(node, "INFO", "replication"))
        if replication["role"] == "slave" and replication["master_link_status"] != "up":
            return "not linked with its primary"
        return ""


class RedisCluster(Redis):
    name, title = "redis-cluster", "Redis Cluster"
    nodes = 6  # 3 primaries, a replica of each

    def __init__(self, directory, rng):
        super().__init__(directory, rng)
        self.roles = {}  # node -> (its id, that of its primary or "-")

    async def start(self):
        for node in self.node_numbers():
            self.run(node, self.redis_command(node, "--cluster-enabled", "yes",
                                              "--cluster-node-timeout", str(NODE_TIMEOUT_MS)))
        for node in self.node_numbers():
            until = time.monotonic() + START_SECONDS
            while True:
                try:
                    await self.ask(node, "PING")
                    break
                except Broken as broken:
                    if time.monotonic() > until:
                        raise
                    await asyncio.sleep(0.1)
        await self.create()
        await self.until_well("form a cluster")
        self.focus = await self.server_of_key()
        for line in (await self.ask(1, "CLUSTER", "NODES")).decode().splitlines():
            ident, host, _, primary = line.split()[:4]
            self.roles[next(n for n in self.node_numbers() if host.startswith(address(n) + ":"))] = ident, primary

    async def create(self):
        with open(os.path.join(self.directory, "create.log"), "wb") as log, self.network.hosts[1]:
            process = subprocess.Popen(
                ["redis-cli", "--cluster", "create", *(f"{host}:{port}" for host, port in self.addresses()),
                 "--cluster-replicas", "1", "--cluster-yes"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent)
        until = time.monotonic() + START_SECONDS
        try:
            while process.poll() is None and time.monotonic() < until:
                await asyncio.sleep(0.1)
        finally:
            process.kill()
            process.wait()
        if process.returncode != 0:
            raise Broken(f"redis-cli --cluster create failed: {self.directory}/create.log")

    async def illness_of(self, node):
        cluster = fields(await self.ask(node, "CLUSTER", "INFO"))
        if cluster["cluster_state"] != "ok" or cluster["cluster_slots_ok"] != "16384":
            return f"cluster_state:{cluster['cluster_state']}"
        lines = (await self.ask(node, "CLUSTER", "NODES")).decode().splitlines()
        flags = [line.split()[2].split(",") for line in lines]
        if len(lines) != self.nodes or any("fail" in flag or "fail?" in flag or "handshake" in flag for flag in flags):
            return "it does not see all members"
        if sum("master" in flag for flag in flags) != 3:
            return "it does not know of 3 primaries"
        return await super().illness_of(node)

    async def minority(self):
        """The key's primary without its replica, so that a failover is possible, and the replicas of the other two."""
        mine = self.roles[self.focus][0]
        return [self.focus, *(node for node, (_, primary) in self.roles.items() if primary not in ("-", mine))]

    def clients_beside(self, nodes):
        return list(range(min(len(nodes), 2)))

    def client(self, client):
        return RedisClusterClient(self.client_namespace(client), self.addresses(), self.rng)

    reader = client


class Sentinel(Redis):
    """A primary and four replicas, a sentinel beside each, as in Jepsen's test of it."""
    name, title = "sentinel", "Redis Sentinel"

    async def start(self):
        self.focus = self.rng.choice(list(self.node_numbers()))
        for node in self.node_numbers():
            # Files, which sentinels rewrite: whoever is started again knows its place.
            server = self.file(node, "redis.conf", [
                f"replicaof {address(self.focus)} {PORT}"] if node != self.focus else [])
            sentinel = self.file(node, "sentinel.conf", [
                f"port {SENTINEL_PORT}", f"bind {address(node)}", "protected-mode no",
                f"sentinel monitor main {address(self.focus)} {PORT} 3",
                f"sentinel down-after-milliseconds main {NODE_TIMEOUT_MS}", "sentinel failover-timeout main 10000"])
            command = self.redis_command(node)
            self.run(node, [command[0], server, *command[1:]])
            self.run(node, [self.binary, sentinel, "--sentinel"], "-sentinel")
        await self.until_well("start")

    def file(self, node, name, lines):
        os.makedirs(self.directory_of(node), exist_ok=True)
        path = os.path.join(self.directory_of(node), name)
        with open(path, "w", encoding="utf-8") as file:
            file.write("".join(line + "\n" for line in lines))
        return path

    async def illness_of(self, node):
        state = await self.ask(node, "SENTINEL", "MASTER", "main", port=SENTINEL_PORT)
        state = dict(zip(state[::2], state[1::2]))
        if state[b"flags"] != b"master" or state[b"num-other-sentinels"] != b"4" or state[b"num-slaves"] != b"4":
            return "its sentinel does not see all members"
        replication = fields(await self.ask(node, "INFO", "replication"))
        if (replication["role"] == "master") != (state[b"ip"].decode() == address(node)):
            return "two primaries"
        return await super().illness_of(node)

    def client(self, client):
        return SentinelClient(self.client_namespace(client), self.addresses(), self.addresses(SENTINEL_PORT), client)

    reader = client


SYSTEMS = {system.name: system for system in (Cartwheel, RedisCluster, Sentinel)}
