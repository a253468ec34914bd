"""redis-py, with its own parser ("python") or hiredis's ("hiredis")."""

import os
import sys
import time

sys.path.insert(0, os.environ["COMPAT_LIB"])
import redis
import redis.connection
from steps import (ALL_BYTES, AUTH_PORT, HOST, PASSWORD, PORT, Done, Equal, Raises, Skip, Step)

PARSER = {"python": redis.connection.PythonParser,
          "hiredis": redis.connection.HiredisParser}[sys.argv[1]]


def Connect(port=PORT, **options):
    pool = redis.ConnectionPool(host=HOST, port=port, socket_timeout=5, parser_class=PARSER,
                                **options)
    return redis.Redis(connection_pool=pool)


r = Connect()


@Step("connect/resp2")
def _():
    Equal(r.ping(), True)


Skip("connect/resp3", "redis-py 4 speaks RESP2 only")


@Step("values/set-get")
def _():
    Equal(r.set("greeting", "hello"), True)
    Equal(r.get("greeting"), b"hello")


@Step("values/missing")
def _():
    Equal(r.get("no such key"), None)
    Equal(r.delete("no such key"), 0)


@Step("values/binary-value")
def _():
    r.set("bytes", ALL_BYTES)
    Equal(r.get("bytes"), ALL_BYTES)


@Step("values/binary-key")
def _():
    r.set(ALL_BYTES, "v")
    Equal(r.get(ALL_BYTES), b"v")
    Equal(r.exists(ALL_BYTES), 1)


@Step("values/1mb")
def _():
    big = ALL_BYTES * 4096
    r.set("big", big)
    Equal(r.get("big") == big, True)


@Step("pipeline/1000")
def _():
    pipe = r.pipeline(transaction=False)
    for i in range(1000):
        pipe.set(f"pipe:{i}", i)
        pipe.get(f"pipe:{i}")
    Equal(pipe.execute(), [v for i in range(1000) for v in (True, b"%d" % i)])


@Step("multi/exec")
def _():
    pipe = r.pipeline(transaction=True)
    Equal(pipe.set("tx", 1).incr("tx").get("tx").execute(), [True, 2, b"2"])


@Step("multi/discard")
def _():
    connection = r.connection_pool.get_connection("MULTI")
    for command, reply in (("MULTI", b"OK"), ("SET tx 9", b"QUEUED"), ("DISCARD", b"OK")):
        connection.send_command(*command.split())
        Equal(connection.read_response(), reply)
    r.connection_pool.release(connection)
    Equal(r.get("tx"), b"2")


@Step("multi/watch-conflict")
def _():
    with r.pipeline() as pipe:
        pipe.watch("tx")
        r.set("tx", "other")
        pipe.multi()
        pipe.set("tx", "mine")
        Raises(redis.WatchError, "", pipe.execute)
    Equal(r.get("tx"), b"other")


@Step("expire/ex-ttl")
def _():
    r.set("ttl", "v", ex=100)
    Equal(r.ttl("ttl") in (99, 100), True)
    Equal((r.ttl("greeting"), r.ttl("no such key")), (-1, -2))
    Equal(r.persist("ttl"), True)
    Equal(r.ttl("ttl"), -1)


@Step("expire/px-gone")
def _():
    r.set("short", "v", px=150)
    Equal(0 < r.pttl("short") <= 150, True)
    deadline = time.monotonic() + 3
    while r.get("short") is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    Equal((r.get("short"), r.exists("short")), (None, 0))


@Step("scan/1000")
def _():
    wanted = {b"scan:%d" % i for i in range(1000)}
    r.mset({key: "v" for key in wanted})
    Equal(set(r.scan_iter(match="scan:*", count=50)) == wanted, True)


def Hear(subscribe, what, channel, kind):
    with r.pubsub() as listener:
        getattr(listener, subscribe)(what)
        Equal(listener.get_message(timeout=5)["type"], subscribe)
        Equal(r.publish(channel, ALL_BYTES), 1)
        message = listener.get_message(timeout=5)
        Equal((message["type"], message["channel"], message["data"]),
              (kind, channel.encode(), ALL_BYTES))


@Step("pubsub/channel")
def _():
    Hear("subscribe", "news", "news", "message")


@Step("pubsub/pattern")
def _():
    Hear("psubscribe", "new?.*", "news.de", "pmessage")


@Step("pubsub/unsubscribe")
def _():
    with r.pubsub() as listener:
        listener.subscribe("a", "b")
        listener.unsubscribe("a")
        Equal([listener.get_message(timeout=5)["type"] for _ in range(3)],
              ["subscribe", "subscribe", "unsubscribe"])
        Equal((r.publish("a", "x"), r.publish("b", "x")), (0, 1))


@Step("count/incr")
def _():
    Equal([r.incr("n"), r.incr("n", 41), r.decr("n", 2)], [1, 42, 40])


@Step("count/incrbyfloat")
def _():
    Equal([r.incrbyfloat("f", 10.5), r.incrbyfloat("f", 0.1)], [10.5, 10.6])


@Step("error/arity")
def _():
    Raises(redis.ResponseError, "wrong number of arguments for 'get' command",
           lambda: r.execute_command("GET"))


@Step("error/not-integer")
def _():
    Raises(redis.ResponseError, "value is not an integer or out of range",
           lambda: r.incr("greeting"))


@Step("auth/required")
def _():
    Raises(redis.AuthenticationError, "Authentication required", Connect(AUTH_PORT).ping)


@Step("auth/wrong")
def _():
    Raises(redis.ResponseError, "WRONGPASS", Connect(AUTH_PORT, password="nonsense").ping)


@Step("auth/right")
def _():
    Equal(Connect(AUTH_PORT, password=PASSWORD).set("k", "v"), True)
    Equal(Connect(AUTH_PORT, username="default", password=PASSWORD).get("k"), b"v")


@Step("reconnect/after-kill")
def _():
    victim = Connect(max_connections=1)
    number = victim.client_id()
    Equal(r.client_kill_filter(_id=number), 1)
    Equal(victim.get("greeting"), b"hello")
    Equal(victim.client_id() > number, True)


@Step("select/isolation")
def _():
    other = Connect(db=5)
    other.set("only in 5", "v")
    Equal((other.get("only in 5"), r.get("only in 5")), (b"v", None))
    Equal((other.get("greeting"), other.dbsize()), (None, 1))
    other.flushdb()
    Equal(r.get("greeting"), b"hello")


@Step("name/set-get")
def _():
    named = Connect(client_name="compat-test")
    Equal(named.client_getname(), "compat-test")
    Equal([c["name"] for c in r.client_list() if c["name"]], ["compat-test"])


@Step("many/mset-mget-1000")
def _():
    values = {f"many:{i}": b"%d" % i for i in range(1000)}
    Equal(r.mset(values), True)
    Equal(r.mget(values), list(values.values()))


@Step("info/parse")
def _():
    info = r.info()
    Equal((info["redis_version"][:2], info["role"], info["loading"]), ("7.", "master", 0))
    Equal((info["tcp_port"], info["db0"]["keys"]), (PORT, r.dbsize()))
    Equal(r.info("clients")["connected_clients"] >= 1, True)


@Step("extra/command-table")
def _():
    Equal(r.command()["get"]["arity"], 2)


@Step("extra/config")
def _():
    Equal(int(r.config_get("port")["port"]), PORT)


@Step("extra/monitor")
def _():
    with r.monitor() as monitor:
        r.get("greeting")
        Equal(monitor.next_command()["command"], "GET greeting")


Done()
