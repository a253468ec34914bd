"""redis-py, with its own parser ("python") or hiredis's ("hiredis")."""

import os
import sys
import time

sys.path.insert(0, os.environ["COMPAT_LIB"])
import redis
import redis.connection
from steps import (ALL_BYTES, AUTH_PORT, HOST, PASSWORD, PORT, done, equal, raises, skip, step)

PARSER = {"python": redis.connection.PythonParser,
          "hiredis": redis.connection.HiredisParser}[sys.argv[1]]


def connect(port=PORT, **options):
    pool = redis.ConnectionPool(host=HOST, port=port, socket_timeout=5, parser_class=PARSER,
                                **options)
    return redis.Redis(connection_pool=pool)


r = connect()


@step("connect/resp2")
def _():
    equal(r.ping(), True)


skip("connect/resp3", "redis-py 4 speaks RESP2 only")


@step("values/set-get")
def _():
    equal(r.set("greeting", "hello"), True)
    equal(r.get("greeting"), b"hello")


@step("values/missing")
def _():
    equal(r.get("no such key"), None)
    equal(r.delete("no such key"), 0)


@step("values/binary-value")
def _():
    r.set("bytes", ALL_BYTES)
    equal(r.get("bytes"), ALL_BYTES)


@step("values/binary-key")
def _():
    r.set(ALL_BYTES, "v")
    equal(r.get(ALL_BYTES), b"v")
    equal(r.exists(ALL_BYTES), 1)


@step("values/1mb")
def _():
    big = ALL_BYTES * 4096
    r.set("big", big)
    equal(r.get("big") == big, True)


@step("pipeline/1000")
def _():
    pipe = r.pipeline(transaction=False)
    for i in range(1000):
        pipe.set(f"pipe:{i}", i)
        pipe.get(f"pipe:{i}")
    equal(pipe.execute(), [v for i in range(1000) for v in (True, b"%d" % i)])


@step("multi/exec")
def _():
    pipe = r.pipeline(transaction=True)
    equal(pipe.set("tx", 1).incr("tx").get("tx").execute(), [True, 2, b"2"])


@step("multi/discard")
def _():
    connection = r.connection_pool.get_connection("MULTI")
    for command, reply in (("MULTI", b"OK"), ("SET tx 9", b"QUEUED"), ("DISCARD", b"OK")):
        connection.send_command(*command.split())
        equal(connection.read_response(), reply)
    r.connection_pool.release(connection)
    equal(r.get("tx"), b"2")


@step("multi/watch-conflict")
def _():
    with r.pipeline() as pipe:
        pipe.watch("tx")
        r.set("tx", "other")
        pipe.multi()
        pipe.set("tx", "mine")
        raises(redis.WatchError, "", pipe.execute)
    equal(r.get("tx"), b"other")


@step("expire/ex-ttl")
def _():
    r.set("ttl", "v", ex=100)
    equal(r.ttl("ttl") in (99, 100), True)
    equal((r.ttl("greeting"), r.ttl("no such key")), (-1, -2))
    equal(r.persist("ttl"), True)
    equal(r.ttl("ttl"), -1)


@step("expire/px-gone")
def _():
    r.set("short", "v", px=250)
    equal(0 < r.pttl("short") <= 250, True)
    deadline = time.monotonic() + 3
    while r.get("short") is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    equal((r.get("short"), r.exists("short")), (None, 0))


@step("scan/1000")
def _():
    wanted = {b"scan:%d" % i for i in range(1000)}
    r.mset({key: "v" for key in wanted})
    equal(set(r.scan_iter(match="scan:*", count=50)) == wanted, True)


def hear(subscribe, what, channel, kind):
    with r.pubsub() as listener:
        getattr(listener, subscribe)(what)
        equal(listener.get_message(timeout=5)["type"], subscribe)
        equal(r.publish(channel, ALL_BYTES), 1)
        message = listener.get_message(timeout=5)
        equal((message["type"], message["channel"], message["data"]),
              (kind, channel.encode(), ALL_BYTES))


@step("pubsub/channel")
def _():
    hear("subscribe", "news", "news", "message")


@step("pubsub/pattern")
def _():
    hear("psubscribe", "new?.*", "news.de", "pmessage")


@step("pubsub/unsubscribe")
def _():
    with r.pubsub() as listener:
        listener.subscribe("a", "b")
        listener.unsubscribe("a")
        equal([listener.get_message(timeout=5)["type"] for _ in range(3)],
              ["subscribe", "subscribe", "unsubscribe"])
        equal((r.publish("a", "x"), r.publish("b", "x")), (0, 1))


@step("count/incr")
def _():
    equal([r.incr("n"), r.incr("n", 41), r.decr("n", 2)], [1, 42, 40])


@step("count/incrbyfloat")
def _():
    equal([r.incrbyfloat("f", 10.5), r.incrbyfloat("f", 0.1)], [10.5, 10.6])


@step("error/arity")
def _():
    raises(redis.ResponseError, "wrong number of arguments for 'get' command",
           lambda: r.execute_command("GET"))


@step("error/not-integer")
def _():
    raises(redis.ResponseError, "value is not an integer or out of range",
           lambda: r.incr("greeting"))


@step("auth/required")
def _():
    raises(redis.AuthenticationError, "Authentication required", connect(AUTH_PORT).ping)


@step("auth/wrong")
def _():
    raises(redis.ResponseError, "WRONGPASS", connect(AUTH_PORT, password="nonsense").ping)


@step("auth/right")
def _():
    equal(connect(AUTH_PORT, password=PASSWORD).set("k", "v"), True)
    equal(connect(AUTH_PORT, username="default", password=PASSWORD).get("k"), b"v")


@step("reconnect/after-kill")
def _():
    victim = connect(max_connections=1)
    number = victim.client_id()
    equal(r.client_kill_filter(_id=number), 1)
    equal(victim.get("greeting"), b"hello")
    equal(victim.client_id() > number, True)


@step("select/isolation")
def _():
    other = connect(db=5)
    other.set("only in 5", "v")
    equal((other.get("only in 5"), r.get("only in 5")), (b"v", None))
    equal((other.get("greeting"), other.dbsize()), (None, 1))
    other.flushdb()
    equal(r.get("greeting"), b"hello")


@step("name/set-get")
def _():
    named = connect(client_name="compat-test")
    equal(named.client_getname(), "compat-test")
    equal([c["name"] for c in r.client_list() if c["name"]], ["compat-test"])


@step("many/mset-mget-1000")
def _():
    values = {f"many:{i}": b"%d" % i for i in range(1000)}
    equal(r.mset(values), True)
    equal(r.mget(values), list(values.values()))


@step("info/parse")
def _():
    info = r.info()
    equal((info["redis_version"][:2], info["role"], info["loading"]), ("7.", "master", 0))
    equal((info["tcp_port"], info["db0"]["keys"] >= 3000), (PORT, True))
    equal(r.info("clients")["connected_clients"] >= 1, True)


# redis-py parses each of these replies into a type of its own.
@step("extra/strings")
def _():
    r.set("s", "Hello")
    equal((r.append("s", " World"), r.strlen("s"), r.getrange("s", 0, 4)), (11, 11, b"Hello"))
    equal((r.setrange("s", 6, "Redis"), r.getset("s", "x")), (11, b"Hello Redis"))
    equal((r.set("s", "y", get=True, keepttl=True), r.set("s", "z", nx=True)), (b"x", None))
    equal((r.getex("s", ex=9), r.ttl("s") in (8, 9), r.getdel("s")), (b"y", True, b"y"))
    equal((r.setnx("s", 1), r.setnx("s", 2), r.msetnx({"s": 1, "s2": 1})), (True, False, False))
    r.mset({"lcs1": "ohmytext", "lcs2": "mynewtext"})
    equal(r.execute_command("LCS", "lcs1", "lcs2"), b"mytext")


@step("extra/bits")
def _():
    equal((r.setbit("b", 7, 1), r.getbit("b", 7), r.bitcount("b"), r.bitpos("b", 1)), (0, 1, 1, 7))
    equal((r.bitop("NOT", "nb", "b"), r.get("nb")), (1, b"\xfe"))
    equal(r.bitfield("bf").set("u8", 0, 255).incrby("u8", 0, 1).execute(), [0, 0])


@step("extra/keys")
def _():
    r.mset({"k1": "v", "k2": "v"})
    equal((r.type("k1"), r.type("nil"), r.touch("k1", "k2", "nil")), (b"string", b"none", 2))
    equal((r.rename("k1", "k3"), r.renamenx("k3", "k2"), r.copy("k3", "k4")), (True, False, True))
    equal((r.restore("k5", 0, r.dump("k3")), r.get("k5")), (b"OK", b"v"))
    equal((r.move("k5", 9), r.exists("k5")), (True, 0))
    equal((r.object("encoding", "k3"), r.object("refcount", "k3") >= 1), (b"embstr", True))
    equal((r.unlink("k3", "k4"), sorted(r.keys("k[0-9]")), r.randomkey() is not None),
          (2, [b"k2"], True))
    equal((r.expire("k2", 100, gt=True), r.expire("k2", 100, lt=True)), (False, True))
    equal(abs(r.execute_command("EXPIRETIME", "k2") - time.time() - 100) < 2, True)
    raises(redis.ResponseError, "no such key", lambda: r.rename("no such key", "k"))


@step("extra/server")
def _():
    equal((r.echo("hi"), abs(r.time()[0] - time.time()) < 5, r.lastsave() is not None),
          (b"hi", True, True))
    equal((r.role()[0], r.wait(0, 10), r.memory_usage("greeting") > 0), (b"master", 0, True))
    equal((r.config_set("slowlog-log-slower-than", 0), r.slowlog_reset()), (True, True))
    r.get("greeting")
    equal(b"GET greeting" in [entry["command"] for entry in r.slowlog_get(10)], True)
    equal((r.config_set("slowlog-log-slower-than", 10000), r.slowlog_len() > 0), (True, True))
    equal((r.config_resetstat(), r.client_info()["db"], len(r.client_list(_type="normal")) > 0),
          (True, 0, True))


@step("extra/pubsub-introspection")
def _():
    with r.pubsub() as listener:
        listener.subscribe("here")
        listener.psubscribe("h*")
        for _ in range(2):
            listener.get_message(timeout=5)
        equal((r.pubsub_channels("he*"), r.pubsub_numsub("here", "gone"), r.pubsub_numpat()),
              ([b"here"], [(b"here", 1), (b"gone", 0)], 1))
        listener.ping()
        equal(listener.get_message(timeout=5)["type"], "pong")


@step("extra/command-table")
def _():
    equal(r.command()["get"]["arity"], 2)


@step("extra/config")
def _():
    equal(int(r.config_get("port")["port"]), PORT)


@step("extra/monitor")
def _():
    with r.monitor() as monitor:
        r.get("greeting")
        equal(monitor.next_command()["command"], "GET greeting")


done()
