#!/usr/bin/env python3
"""The cluster of docker/compose.yaml with real containers: it forms, clients on both sides of the published ports use it,
and it goes through faults while clients write. After each fault no acknowledged write is lost and all owners of every key
hold the same. Nothing is left on the engine, however this ends.

    make docker-test                               builds the image and runs all of it
    tests/docker/run.py --image cartwheel          with an image that is there
    tests/docker/run.py --only kill --only halves  those steps
    tests/docker/run.py --from OLD_IMAGE           an upgrade alone: starts with that image, ends with --image
"""
import argparse
import os
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import canary  # noqa: E402
import clients  # noqa: E402
import engine  # noqa: E402
import faults  # noqa: E402
from load import Load  # noqa: E402
from nodes import Nodes  # noqa: E402

HEALTHY_WITHIN_S = 15
EQUAL_WITHIN_S = 60
LONGEST_S = 600
TOOLS = "cartwheel-test-tools"
HERE = os.path.dirname(os.path.abspath(__file__))


def _check(check):
    return lambda test: check(test.nodes)


def _fault(fault):
    return lambda test: test.fault(fault)


OF_THREE = [*[(name, _check(check)) for name, check in canary.CHECKS],
            *[(fault.__name__, _fault(fault)) for fault in faults.OF_THREE]]
GROW = [("grow", _fault(faults.grow))]
OF_FIVE = [*[(name, _check(check)) for name, check in clients.CHECKS],
           *[(fault.__name__, _fault(fault)) for fault in faults.OF_FIVE]]


class Test:
    def __init__(self, options):
        self.options = options
        self.project = f"{engine.PREFIX}{os.getpid()}"
        self.nodes = None
        self.passed = self.failed = 0

    def say(self, good, name, seconds, text):
        self.passed += good
        self.failed += not good
        print(f"{'ok  ' if good else 'FAIL'} {name:13} {seconds:6.1f} s  {text}", flush=True)

    def step(self, name, function, *arguments):
        """Runs what returns words for people, or raises Failed."""
        began = time.monotonic()
        try:
            text, good = function(*arguments), True
        except (engine.Failed, OSError, EOFError) as error:
            text, good = str(error) or type(error).__name__, False
        self.say(good, name, time.monotonic() - began, text)
        return good

    def prepare(self):
        with open(os.path.join(HERE, "tools.Dockerfile"), "rb") as file:
            engine.docker("build", *os.environ.get("DOCKER_BUILD_ARGS", "").split(), "-t", TOOLS, "-",
                          stdin=file.read(), timeout=300)
        self.nodes = Nodes(self.project, self.options.start_image or self.options.image, TOOLS)
        return "clients, iptables, tc, libfaketime"

    def form(self):
        seconds = self.nodes.up()
        equal, _ = self.nodes.wait_equal(EQUAL_WITHIN_S * self.options.patience)
        text = f"healthy {seconds:.1f} s after compose up, one cluster {equal:.1f} s later"
        if seconds > HEALTHY_WITHIN_S * self.options.patience:
            raise engine.Failed(text + ": too slow")
        return text

    def fault(self, fault):
        nodes = self.nodes
        with Load(nodes, fault.__name__) as load:
            what = fault(nodes)
            ended = time.monotonic()
            time.sleep(0.5)
        _, repaired = nodes.wait_equal(EQUAL_WITHIN_S * self.options.patience, len(load.open()))
        equal = f"equal after {time.monotonic() - ended:.1f} s"
        if repaired:
            equal += f", of which CLUSTER REPAIR made {repaired} of {len(load.open())} writes equal that were never answered"
        lost = load.lost()
        if lost:
            raise engine.Failed(f"{len(lost)} of {len(load.acknowledged())} acknowledged writes lost: {lost[:3]}")
        if len(fault.allowed) == 1 and not load.errors(fault.allowed):
            raise engine.Failed(f"the clients of node{fault.allowed[0]} noticed nothing: did anything happen?")
        others = load.errors([i for i in load.writers if i not in fault.allowed])
        # Where not every node holds every key, a write may be on its way to a node when that is lost.
        wrong = [error for error in others if len(nodes.up_ones) == 3 or not error.startswith("UNCERTAIN ")]
        if wrong:
            raise engine.Failed(f"{len(wrong)} errors at nodes that were well: {wrong[:3]}")
        if not all(writer.acknowledged for writer in load.writers.values()):
            raise engine.Failed("a client was never answered")
        return (f"{fault.__doc__}{f' ({what})' if what else ''}: {len(load.acknowledged())} writes acknowledged, 0 lost, "
                f"errors {len(load.errors(fault.allowed))} there, {len(others)} elsewhere, {equal}")

    def upgrade(self):
        self.nodes.set_image(self.options.image)
        return self.fault(faults.recreate)

    def wanted(self, steps):
        return [(name, function) for name, function in steps if not self.options.only or name in self.options.only]

    def all(self):
        if not self.step("tools", self.prepare) or (not self.step("up", self.form) and not self.nodes.up_ones):
            return
        if self.options.start_image:
            self.step("upgrade", self.upgrade)
            return
        for name, function in self.wanted(OF_THREE):
            self.step(name, function, self)
        of_five = self.wanted(OF_FIVE)
        if of_five or self.wanted(GROW):
            self.step("grow", GROW[0][1], self)
        for name, function in of_five:
            self.step(name, function, self)

    def clean(self):
        began = time.monotonic()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)
        if self.failed and self.nodes:
            for i in self.nodes.up_ones:
                print(f"---- the end of node{i}'s log", flush=True)
                try:
                    print(engine.run("docker", "logs", "--tail", "8", self.nodes.container(i)))
                except engine.Failed as error:
                    print(error)
        engine.remove(self.project)
        if self.nodes:
            self.nodes.close()
        left = engine.left_of(self.project)
        self.say(not left, "left behind", time.monotonic() - began, ", ".join(left) or "no container, network or volume")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", default="cartwheel")
    parser.add_argument("--only", action="append", default=[], metavar="STEP",
                        choices=[name for name, _ in OF_THREE + GROW + OF_FIVE])
    parser.add_argument("--patience", type=float, default=1, metavar="TIMES",
                        help="how much longer than usual all may take, as on a busy machine")
    parser.add_argument("--from", dest="start_image", metavar="OLD_IMAGE")
    options = parser.parse_args()
    try:
        engine.docker("version")
    except (OSError, engine.Failed):
        sys.exit("tests/docker/run.py: no Docker engine answers")

    def interrupted(number, _):
        raise SystemExit(f"ended by {signal.Signals(number).name}")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, interrupted)
    signal.alarm(int(LONGEST_S * options.patience))
    engine.remove_what_the_dead_left()
    began = time.monotonic()
    test = Test(options)
    try:
        test.all()
    finally:
        test.clean()
    print(f"docker: {test.passed} passed, {test.failed} failed, {time.monotonic() - began:.0f} s")
    return 1 if test.failed else 0


if __name__ == "__main__":
    sys.exit(main())
