"""What is done to a system in the middle of a run. Every one ends with heal()."""
import asyncio
import signal

from systems import CLIENTS, FIRST_CLIENT


class Nemesis:
    """`sides`: the clients in groups, the smaller side first, each of which is asked how long it could not write."""
    name = ""
    does = ""

    def __init__(self, system, turn):
        self.system = system
        self.turn = turn  # counts the rounds: what has two variants takes them by turns
        self.sides = [list(range(CLIENTS))]

    async def inflict(self):
        pass

    async def heal(self):
        self.system.network.heal()

    async def stop(self):
        """Nothing more happens by itself. Also without heal(), when a run ends early."""

    def split(self, nodes, directions):
        """Cuts those nodes and the clients beside them from all others."""
        system = self.system
        near = system.clients_beside(nodes)
        far = [client for client in range(CLIENTS) if client not in near]
        here = [*nodes, *(FIRST_CLIENT + client for client in near)]
        there = [*(node for node in system.node_numbers() if node not in nodes),
                 *(FIRST_CLIENT + client for client in far)]
        pairs = set()
        for a in here:
            for b in there:
                pairs |= {(a, b)} if "out" in directions else set()
                pairs |= {(b, a)} if "in" in directions else set()
        self.sides = [near, far]
        system.network.cut(pairs)


class Healthy(Nemesis):
    name, does = "none", "nothing happens"


class Halves(Nemesis):
    name, does = "halves", "two sides; the node that serves the key is on the smaller one"

    async def inflict(self):
        self.split(await self.system.minority(), ("in", "out"))


class Isolated(Nemesis):
    name, does = "isolated", "the node that serves the key, and a client, alone"

    async def inflict(self):
        self.split([self.system.focus], ("in", "out"))


class OneWay(Nemesis):
    name, does = "one-way", "as halves, but in one direction only: by turns from and to the smaller side"

    async def inflict(self):
        self.split(await self.system.minority(), ("out",) if self.turn % 2 == 0 else ("in",))


class Ring(Nemesis):
    name, does = "ring", "each node sees a majority, no two the same one"

    async def inflict(self):
        system = self.system
        nodes = list(system.node_numbers())
        system.rng.shuffle(nodes)
        count = len(nodes)
        # Of five: itself and both neighbours. Of six: the one opposite, too.
        near = {0, 1, count - 1} | ({count // 2} if count % 2 == 0 else set())
        sees = {node: {nodes[(at + step) % count] for step in near} for at, node in enumerate(nodes)}
        pairs = {(a, b) for a in nodes for b in nodes if b not in sees[a]}
        for client in range(CLIENTS):
            host = FIRST_CLIENT + client
            for node in nodes:
                if node not in sees[client + 1]:  # a client sits beside the node of its number
                    pairs |= {(host, node), (node, host)}
        self.sides = [[client] for client in range(CLIENTS)]
        system.network.cut(pairs)


class Kill(Nemesis):
    name, does = "kill", "kill -9 of the node that serves the key; it is started again at the end"

    async def inflict(self):
        self.system.kill(self.system.focus)

    async def heal(self):
        self.system.restart(self.system.focus)


class Wipe(Kill):
    """Of the canary alone."""
    name, does = "wipe", "kill -9 of the node that serves the key; it comes back without its data"

    async def inflict(self):
        await super().inflict()
        self.system.wipe(self.system.focus)


class Pause(Nemesis):
    name, does = "pause", "SIGSTOP of the node that serves the key, SIGCONT at the end"

    async def inflict(self):
        self.system.signal(self.system.focus, signal.SIGSTOP)

    async def heal(self):
        self.system.signal(self.system.focus, signal.SIGCONT)


class Storm(Nemesis):
    name, does = "storm", "short cuts of any kind, and short kills and pauses of any node, at the same time"

    def __init__(self, system, turn):
        super().__init__(system, turn)
        self.lanes = []

    async def inflict(self):
        self.lanes = [asyncio.create_task(lane()) for lane in (self.cuts, self.stops)]

    async def stop(self):
        lanes, self.lanes = self.lanes, []
        for lane in lanes:
            lane.cancel()
        for outcome in await asyncio.gather(*lanes, return_exceptions=True):
            if not isinstance(outcome, asyncio.CancelledError):
                raise outcome

    async def heal(self):
        await self.stop()
        self.sides = [list(range(CLIENTS))]  # they changed too often to have any

    async def for_a_while(self):
        await asyncio.sleep(self.system.rng.uniform(0.5, 2))

    async def cuts(self):
        rng, system = self.system.rng, self.system
        while True:
            nodes = rng.sample(list(system.node_numbers()), rng.choice((1, 2)))
            try:
                self.split(nodes, rng.choice((("in", "out"), ("in",), ("out",))))
                await self.for_a_while()
            finally:
                system.network.heal()
            await self.for_a_while()

    async def stops(self):
        rng, system = self.system.rng, self.system
        while True:
            await self.for_a_while()
            node = rng.choice(list(system.node_numbers()))
            kill = rng.random() < 0.5
            try:
                system.kill(node) if kill else system.signal(node, signal.SIGSTOP)
                await self.for_a_while()
            finally:
                system.restart(node) if kill else system.signal(node, signal.SIGCONT)


NEMESES = {nemesis.name: nemesis for nemesis in (Healthy, Halves, Ring, Isolated, OneWay, Kill, Pause, Storm)}
