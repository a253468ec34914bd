"""Cluster-aware clients on both sides of the published ports: redis-cli, redis-py's RedisCluster and, where
redis-compat/setup has installed it and Node.js runs in a container too, ioredis."""
import os
import shutil

from engine import LABEL, Failed, docker
from nodes import ROOT

COMPAT = os.path.join(ROOT, "redis-compat")
KEYS = 100


def _in_container(nodes, network, environment, *words, mounts=()):
    settings = [word for name, value in environment.items() for word in ("-e", f"{name}={value}")]
    volumes = [word for mount in (f"{COMPAT}:/compat:ro", *mounts) for word in ("-v", mount)]
    return docker("run", "--rm", "-i", "--label", f"{LABEL}={nodes.project}", "--network", network, *volumes, *settings,
                  nodes.tools, *words, check=False)


def _environment(name, addresses):
    return {"COMPAT_CLIENT": name, "COMPAT_NODES": " ".join(addresses), "COMPAT_HOST": "", "COMPAT_PORT": "0",
            "COMPAT_AUTH_PORT": "0", "COMPAT_PASSWORD": "", "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"}


def _steps(name, output):
    """How many steps it passed; all of them."""
    lines = output.splitlines()
    if f"done {name}" not in lines or any(line.startswith("FAIL") for line in lines):
        raise Failed(f"{name}: {output[-400:]}")
    return f"{name} {sum(line.startswith('ok ') for line in lines)} steps"


def _redis_cli(nodes, network, addresses):
    """A plain one is sent to other nodes, at none but these addresses; with -c it goes there and is served."""
    host, port = addresses[0].split(":")
    script = f"for i in $(seq {KEYS}); do echo SET cli:$i v; done | redis-cli -h {host} -p {port}"
    plain = _in_container(nodes, network, {}, "sh", "-c", script)
    told = {line.split()[-1] for line in plain.splitlines() if "MOVED" in line}
    following = _in_container(nodes, network, {}, "sh", "-c", script + " -c")
    if not told or not told <= set(addresses) or following.split().count("OK") != KEYS:
        raise Failed(f"redis-cli at {addresses[0]} is sent to {sorted(told)}; with -c: {following[-200:]}")
    checked = _in_container(nodes, network, {}, "redis-cli", "--cluster", "check", addresses[0])
    if "All 16384 slots covered" not in checked or "[ERR]" in checked:
        raise Failed(f"redis-cli --cluster check {addresses[0]}: {checked[-300:]}")
    return f"redis-cli -c {KEYS} keys, sent to {len(told)} other nodes, --cluster check"


def _redirect(nodes, answer):
    for number in nodes.up_ones:
        nodes.ask(number, "CONFIG", "SET", "cluster-redirect", answer)


def _redis_py(nodes, network, addresses):
    nodes.ask(nodes.up_ones[0], "FLUSHALL")  # of what a client at the other side counted
    environment = _environment("redis-py", addresses) | {"COMPAT_LIB": "/compat/lib"}
    output = _in_container(nodes, network, environment, "python3", "/compat/cluster/redis-py.py", "steps")
    return _steps("redis-py", output)


def _ioredis(nodes, network, addresses):
    mounts = [f"{os.path.realpath(shutil.which('node') or '/nonexistent')}:/usr/local/bin/node:ro"]
    if (not os.path.isdir(os.path.join(COMPAT, "node_modules", "ioredis")) or not shutil.which("node")
            or not _in_container(nodes, network, {}, "node", "--version", mounts=mounts).startswith("v")):
        return "no ioredis: redis-compat/setup installs it"
    output = _in_container(nodes, network, _environment("ioredis", addresses), "node", "/compat/cluster/ioredis.mjs",
                           "steps", mounts=mounts)
    return _steps("ioredis", output)


def _use(nodes, network, addresses):
    # So that redis-cli goes to every address that it is told.
    _redirect(nodes, "yes")
    try:
        said = [_redis_cli(nodes, network, addresses)]
    finally:
        _redirect(nodes, "no")
    said += [client(nodes, network, addresses) for client in (_redis_py, _ioredis)]
    return f"{addresses[0]} and on: " + ", ".join(said)


def outside(nodes):
    return _use(nodes, "host", [f"127.0.0.1:{nodes.ports[number]}" for number in nodes.up_ones])


def inside(nodes):
    return _use(nodes, nodes.network(), [f"node{number}:{nodes.ports[number]}" for number in nodes.up_ones])


CHECKS = (("outside", outside), ("inside", inside))
