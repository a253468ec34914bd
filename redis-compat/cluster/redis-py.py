"""redis-py's RedisCluster."""

import os
import sys
import time

sys.path.insert(0, os.environ["COMPAT_LIB"])
from redis.cluster import ClusterNode, RedisCluster  # pylint: disable=wrong-import-position
from steps import CLIENT, done, equal, step  # pylint: disable=wrong-import-position

NODES = [address.split(":") for address in os.environ["COMPAT_NODES"].split()]


def connect():
    return RedisCluster(startup_nodes=[ClusterNode(host, int(port)) for host, port in NODES],
                        decode_responses=True, socket_timeout=2)


def death():
    cluster = connect()
    end = time.monotonic() + float(os.environ["COMPAT_SECONDS"])
    operations = errors = number = 0
    longest = 0.0
    last = ""
    while time.monotonic() < end:
        key = f"death:{CLIENT}:{number % 200}"
        began = time.monotonic()
        try:
            cluster.set(key, str(number))
            value = cluster.get(key)
            if value != str(number):
                raise ValueError(f"read {value}, wrote {number}")
        except Exception as error:  # pylint: disable=broad-except
            errors += 1
            last = " ".join(f"{type(error).__name__} {error}".split())
        number += 1
        operations += 2
        longest = max(longest, time.monotonic() - began)
    print(f"death {operations} {errors} {longest * 1000:.0f} {last}", flush=True)


if sys.argv[1] == "death":
    death()
    sys.exit(0)

r = connect()


@step("cluster/connect")
def _():
    equal(len(r.get_nodes()), len(NODES))


@step("cluster/set-get")
def _():
    for i in range(300):
        equal(r.set(f"py:{i}", f"v{i}"), True)
    for i in range(300):
        equal(r.get(f"py:{i}"), f"v{i}")


@step("cluster/hash-tag")
def _():
    equal(r.mset({"{t}:a": "1", "{t}:b": "2"}), True)
    equal(r.mget("{t}:a", "{t}:b", "{t}:c"), ["1", "2", None])


@step("cluster/across-slots")
def _():
    equal(r.mset_nonatomic({"x": "1", "y": "2", "z": "3"}), [True] * 3)
    equal(r.mget_nonatomic("x", "y", "z"), ["1", "2", "3"])


@step("cluster/pipeline")
def _():
    pipeline = r.pipeline()
    for i in range(100):
        pipeline.incr(f"pipe:{i % 7}")
    equal(len(pipeline.execute()), 100)
    equal(sum(int(r.get(f"pipe:{i}")) for i in range(7)), 100)


@step("cluster/scan")
def _():
    names = set(r.scan_iter(match="py:*", count=100))
    equal(names, {f"py:{i}" for i in range(300)})


@step("cluster/delete")
def _():
    equal(sum(r.delete(f"py:{i}") for i in range(300)), 300)


done()
