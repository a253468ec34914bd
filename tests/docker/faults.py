"""What is done to the nodes while clients write. Each says in its first line what it is; `allowed` is whose clients may see
errors meanwhile: those of a node that is gone or cut off. Everybody else's may not see one."""
import time

from engine import LABEL, Failed, docker
from nodes import EQUAL

FAULT_S = 4
PAUSE_S = 10


def allowed(*numbers):
    def mark(function):
        function.allowed = numbers
        return function
    return mark


# ---- a container

@allowed(2)
def kill(nodes):
    """kill -9, and started again"""
    docker("kill", "-s", "KILL", nodes.container(2))
    time.sleep(FAULT_S)
    docker("start", nodes.container(2))
    nodes.wait_healthy(2)


@allowed(2)
def pause(nodes):
    """frozen for 10 s (docker pause)"""
    docker("pause", nodes.container(2))
    time.sleep(PAUSE_S)
    docker("unpause", nodes.container(2))


@allowed(3)
def restart(nodes):
    """docker restart"""
    docker("restart", nodes.container(3))
    nodes.wait_healthy(3)


@allowed(1)
def shutdown(nodes):
    """SHUTDOWN by a client: the restart policy brings it back"""
    began = nodes.inspect(1, "{{.State.StartedAt}}")
    try:
        nodes.ask(1, "SHUTDOWN")
    except (OSError, EOFError):
        pass
    deadline = time.monotonic() + 20
    while nodes.inspect(1, "{{.State.StartedAt}}") == began:
        if time.monotonic() > deadline:
            raise Failed("Docker did not start it again")
        time.sleep(0.1)
    nodes.wait_healthy(1)


@allowed(3)
def wipe(nodes):
    """container and volume removed, made anew with an empty disk"""
    nodes.remove(3)
    time.sleep(FAULT_S)
    nodes.up(3)


# ---- the network

def _rules(nodes, from_nodes):
    """Nothing comes from those any more."""
    return "\n".join(f"iptables -A INPUT -s {nodes.address(other)} -j DROP" for other in from_nodes)


def _heal(nodes, *numbers):
    nodes.in_networks_of({number: "iptables -F INPUT" for number in numbers})


def _split(nodes, one, other):
    """Cut from both sides, and seen to be: their node cannot say that all are equal."""
    sides = {number: far for side, far in ((one, other), (other, one)) for number in side}
    nodes.in_networks_of({number: _rules(nodes, far) for number, far in sides.items()})
    time.sleep(FAULT_S)
    seen = nodes.verify(one[0])
    if seen.startswith(EQUAL):
        raise Failed(f"the network is cut, and CLUSTER VERIFY says: {seen}")
    _heal(nodes, *one, *other)


@allowed(1)
def alone(nodes):
    """one node cut off from the two others"""
    _split(nodes, (1,), (2, 3))


@allowed()
def halves(nodes):
    """two nodes cut off from three"""
    _split(nodes, (1, 2), (3, 4, 5))


@allowed(2)
def one_way(nodes):
    """node2 is heard and hears nobody"""
    nodes.in_networks_of({2: _rules(nodes, (1, 3))})
    time.sleep(FAULT_S)
    _heal(nodes, 2)


@allowed(3)
def clients_only(nodes):
    """clients outside do not reach node3, the nodes do"""
    nodes.in_networks_of({3: "iptables -A INPUT -p tcp --dport 7000 -j DROP"})
    time.sleep(FAULT_S)
    lost = nodes.ask(1, "CLUSTER", "INFO")
    if "cluster_nodes_lost:0" not in lost:
        raise Failed("the other nodes should not have noticed")
    _heal(nodes, 3)


@allowed(2)
def unplugged(nodes):
    """taken off the network and back on (docker network disconnect)"""
    container = nodes.container(2)
    docker("network", "disconnect", nodes.network(), container)
    time.sleep(FAULT_S)
    docker("network", "connect", "--alias", "node2", nodes.network(), container)


NETEM = "tc qdisc add dev eth0 root netem delay 40ms 10ms loss 3% rate 8mbit"
INSTEAD = "tc qdisc add dev eth0 root tbf rate 2mbit burst 16kb latency 300ms"


@allowed(1, 2, 3)
def slow(nodes):
    """node3 behind a slow link that loses packets"""
    others = [nodes.address(number) for number in (1, 2)]
    script = f"""
      if {NETEM} 2> /dev/null; then echo '40 ms, 8 Mbit/s, 3 % lost: netem'; exit; fi
      {INSTEAD} 2> /dev/null && echo '2 Mbit/s: tbf, since this kernel has no netem' || echo 'no qdisc in this kernel'
      for from in {' '.join(others)}; do
        iptables -A INPUT -s $from -m statistic --mode random --probability 0.05 -j DROP && echo '5 % lost'
      done"""
    what = ", ".join(dict.fromkeys(nodes.in_networks_of({3: script}).splitlines()))
    time.sleep(2 * FAULT_S)
    nodes.in_networks_of({3: "tc qdisc del dev eth0 root 2> /dev/null || true; iptables -F INPUT"})
    return what


# ---- the clock

CLOCK = """
services:
  node3:
    environment: {{LD_PRELOAD: /faketime/libfaketime.so.1, FAKETIME: "{offset}", FAKETIME_DONT_FAKE_MONOTONIC: "1"}}
    volumes: ["{volume}:/faketime:ro"]
volumes:
  {volume}: {{}}
"""


@allowed(3)
def clock(nodes):
    """node3's clock is 30 s ahead (libfaketime)"""
    name = "clock"
    docker("volume", "create", "--label", f"{LABEL}={nodes.project}", f"{nodes.project}_{name}")
    docker("run", "--rm", "-v", f"{nodes.project}_{name}:/faketime", nodes.tools, "true")
    nodes.up(3, override=CLOCK.format(offset="+30s", volume=name))
    ahead = nodes.clock_of(3) - nodes.clock_of(1)
    if not 29 < ahead < 31:
        raise Failed(f"its clock is ahead by {ahead:.3f} s")
    time.sleep(FAULT_S)
    nodes.up(3)
    return f"ahead by {ahead:.1f} s"


# ---- the members

@allowed()
def grow(nodes):
    """node4 and node5 join (compose.five.yaml)"""
    nodes.five = True
    nodes.up(4, 5)


@allowed(5)
def replace(nodes):
    """node5 dies for good and is forgotten; another takes its place"""
    gone = nodes.ids()[5]
    nodes.remove(5)
    nodes.ask(1, "CLUSTER", "FORGET", gone)
    nodes.up(5)


@allowed(1, 2, 3, 4, 5)
def recreate(nodes):
    """all containers made anew, one after another, as for an upgrade"""
    for number in list(nodes.up_ones):
        nodes.call_compose("up", "-d", "--no-deps", "--force-recreate", f"node{number}")
        nodes.wait_healthy(number)


OF_THREE = (kill, pause, restart, shutdown, wipe, alone, one_way, clients_only, unplugged, slow, clock)
OF_FIVE = (halves, replace, recreate)
