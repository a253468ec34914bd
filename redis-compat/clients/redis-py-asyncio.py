"""redis-py on asyncio (what aioredis became), which speaks RESP2."""

import asyncio
import os
import sys
import time

sys.path.insert(0, os.environ["COMPAT_LIB"])
import redis.asyncio as aioredis
from steps import ALL_BYTES, AUTH_PORT, HOST, PASSWORD, PORT, done, equal, skip, step

LOOP = asyncio.new_event_loop()
asyncio.set_event_loop(LOOP)


def async_step(name):
    """Step for a coroutine function: runs it to its end, 10 seconds at most."""
    def run(function):
        step(name)(lambda: LOOP.run_until_complete(asyncio.wait_for(function(), 10)))
        return function
    return run


def connect(port=PORT, **options):
    return aioredis.Redis(host=HOST, port=port, socket_timeout=5, **options)


async def raises(kind, text, coroutine):
    try:
        result = await coroutine
    except kind as error:
        equal(text in str(error) or str(error), True)
        return
    raise AssertionError(f"returned {result!r:.120}, expected {kind.__name__} {text}")


r = connect()


@async_step("connect/resp2")
async def _():
    equal(await r.ping(), True)


skip("connect/resp3", "redis-py 4 speaks RESP2 only")


@async_step("values/set-get")
async def _():
    equal(await r.set("greeting", "hello"), True)
    equal(await r.get("greeting"), b"hello")


@async_step("values/missing")
async def _():
    equal(await r.get("no such key"), None)
    equal(await r.delete("no such key"), 0)


@async_step("values/binary-value")
async def _():
    await r.set("bytes", ALL_BYTES)
    equal(await r.get("bytes"), ALL_BYTES)


@async_step("values/binary-key")
async def _():
    await r.set(ALL_BYTES, "v")
    equal((await r.get(ALL_BYTES), await r.exists(ALL_BYTES)), (b"v", 1))


@async_step("values/1mb")
async def _():
    big = ALL_BYTES * 4096
    await r.set("big", big)
    equal(await r.get("big") == big, True)


@async_step("pipeline/1000")
async def _():
    pipe = r.pipeline(transaction=False)
    for i in range(1000):
        pipe.set(f"pipe:{i}", i).get(f"pipe:{i}")
    equal(await pipe.execute(), [v for i in range(1000) for v in (True, b"%d" % i)])


@async_step("multi/exec")
async def _():
    pipe = r.pipeline(transaction=True)
    equal(await pipe.set("tx", 1).incr("tx").get("tx").execute(), [True, 2, b"2"])


@async_step("multi/discard")
async def _():
    one = connect(single_connection_client=True)
    equal([await one.execute_command(*command.split())
           for command in ("MULTI", "INCR tx", "DISCARD")], [b"OK", b"QUEUED", b"OK"])
    equal(await one.get("tx"), b"2")
    await one.close()


@async_step("multi/watch-conflict")
async def _():
    async with r.pipeline() as pipe:
        await pipe.watch("tx")
        await r.set("tx", "other")
        pipe.multi()
        pipe.set("tx", "mine")
        await raises(aioredis.WatchError, "", pipe.execute())
    equal(await r.get("tx"), b"other")


@async_step("expire/ex-ttl")
async def _():
    await r.set("ttl", "v", ex=100)
    equal(await r.ttl("ttl") in (99, 100), True)
    equal((await r.ttl("greeting"), await r.ttl("no such key")), (-1, -2))


@async_step("expire/px-gone")
async def _():
    await r.set("short", "v", px=250)
    equal(0 < await r.pttl("short") <= 250, True)
    deadline = time.monotonic() + 3
    while await r.get("short") is not None and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    equal((await r.get("short"), await r.exists("short")), (None, 0))


@async_step("scan/1000")
async def _():
    wanted = {b"scan:%d" % i for i in range(1000)}
    await r.mset({key: "v" for key in wanted})
    equal({key async for key in r.scan_iter(match="scan:*", count=50)} == wanted, True)


async def hear(subscribe, what, channel, kind):
    async with r.pubsub() as listener:
        await getattr(listener, subscribe)(what)
        equal((await listener.get_message(timeout=5))["type"], subscribe)
        equal(await r.publish(channel, ALL_BYTES), 1)
        message = await listener.get_message(timeout=5)
        equal((message["type"], message["channel"], message["data"]),
              (kind, channel.encode(), ALL_BYTES))


@async_step("pubsub/channel")
async def _():
    await hear("subscribe", "news", "news", "message")


@async_step("pubsub/pattern")
async def _():
    await hear("psubscribe", "new?.*", "news.de", "pmessage")


@async_step("pubsub/unsubscribe")
async def _():
    async with r.pubsub() as listener:
        await listener.subscribe("a", "b")
        await listener.unsubscribe("a")
        equal([(await listener.get_message(timeout=5))["type"] for _ in range(3)],
              ["subscribe", "subscribe", "unsubscribe"])
        equal((await r.publish("a", "x"), await r.publish("b", "x")), (0, 1))


@async_step("count/incr")
async def _():
    equal([await r.incr("n"), await r.incrby("n", 41), await r.decr("n", 2)], [1, 42, 40])


@async_step("count/incrbyfloat")
async def _():
    equal([await r.incrbyfloat("f", 10.5), await r.incrbyfloat("f", 0.1)], [10.5, 10.6])


@async_step("error/arity")
async def _():
    await raises(aioredis.ResponseError, "wrong number of arguments for 'get' command",
                 r.execute_command("GET"))


@async_step("error/not-integer")
async def _():
    await raises(aioredis.ResponseError, "value is not an integer or out of range",
                 r.incr("greeting"))


@async_step("auth/required")
async def _():
    await raises(aioredis.AuthenticationError, "Authentication required",
                 connect(AUTH_PORT).ping())


@async_step("auth/wrong")
async def _():
    await raises(aioredis.RedisError, "WRONGPASS", connect(AUTH_PORT, password="nonsense").ping())


@async_step("auth/right")
async def _():
    equal(await connect(AUTH_PORT, password=PASSWORD).set("k", "v"), True)
    equal(await connect(AUTH_PORT, username="default", password=PASSWORD).get("k"), b"v")


@async_step("reconnect/after-kill")
async def _():
    victim = connect(max_connections=1)
    number = await victim.client_id()
    equal(await r.client_kill_filter(_id=number), 1)
    equal(await victim.get("greeting"), b"hello")
    equal(await victim.client_id() > number, True)


@async_step("select/isolation")
async def _():
    other = connect(db=5)
    await other.set("only in 5", "v")
    equal((await r.get("only in 5"), await other.get("greeting"), await other.dbsize()),
          (None, None, 1))
    equal((await other.flushdb(), await r.get("greeting")), (True, b"hello"))


@async_step("name/set-get")
async def _():
    equal(await connect(client_name="compat-test").client_getname(), "compat-test")


@async_step("many/mset-mget-1000")
async def _():
    values = {f"many:{i}": b"%d" % i for i in range(1000)}
    equal(await r.mset(values), True)
    equal(await r.mget(values), list(values.values()))


@async_step("info/parse")
async def _():
    info = await r.info()
    equal((info["redis_version"][:2], info["role"], info["loading"]), ("7.", "master", 0))
    equal((info["tcp_port"], info["db0"]["keys"] >= 3000), (PORT, True))


done()
