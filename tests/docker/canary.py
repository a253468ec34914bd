"""Each checker is given something wrong, and has to say so."""
from engine import LABEL, Failed, docker, left_of
from load import Load, Writer


def lost_writes(nodes):
    with Load(nodes, "canary") as load:
        pass
    if load.lost():
        raise Failed(f"on a cluster that is well these are lost: {load.lost()[:3]}")
    deleted = load.writers[1].acknowledged[0]
    nodes.ask(2, "DEL", deleted.decode())
    load.writers[3].acknowledged.append(b"canary:never written")
    if load.lost() != sorted([deleted, b"canary:never written"]):
        raise Failed(f"one write deleted, one made up, and these are said to be lost: {load.lost()}")
    return f"of {len(load.acknowledged())} writes, the one that was deleted and the one made up are found"


def errors(nodes):
    writer = Writer(0, nodes.ports[5], "canary")  # nobody listens there yet
    writer.start()
    writer.done.wait(0.3)
    writer.done.set()
    writer.join()
    if not writer.broken or writer.acknowledged:
        raise Failed("a client of a node that is not there saw no error")
    return "a client of a node that is not there counts errors"


def left_behind(nodes):
    name = docker("volume", "create", "--label", f"{LABEL}={nodes.project}")
    found = f"volume {name}" in left_of(nodes.project)
    docker("volume", "rm", name)
    if not found:
        raise Failed("a volume that was left behind is not found")
    return "a volume that is left behind is found"


CHECKS = (("canary lost", lost_writes), ("canary error", errors), ("canary left", left_behind))
