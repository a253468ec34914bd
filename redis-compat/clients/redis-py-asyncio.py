"""redis-py on asyncio (what aioredis became), which speaks RESP2."""

import asyncio
import os
import sys
import time

sys.path.insert(0, os.environ["COMPAT_LIB"])
import redis.asyncio as aioredis
from steps import ALL_BYTES, AUTH_PORT, HOST, PASSWORD, PORT, Done, Equal, Skip, Step

LOOP = asyncio.new_event_loop()
asyncio.set_event_loop(LOOP)


def AsyncStep(name):
    """Step for a coroutine function: runs it to its end, 10 seconds at most."""
    def Run(function):
        Step(name)(lambda: LOOP.run_until_complete(asyncio.wait_for(function(), 10)))
        return function
    return Run


def Connect(port=PORT, **options):
    return aioredis.Redis(host=HOST, port=port, socket_timeout=5, **options)


async def Raises(kind, text, coroutine):
    try:
        result = await coroutine
    except kind as error:
        Equal(text in str(error) or str(error), True)
        return
    raise AssertionError(f"returned {result!r:.120}, expected {kind.__name__} {text}")


r = Connect()


@AsyncStep("connect/resp2")
async def _():
    Equal(await r.ping(), True)


Skip("connect/resp3", "redis-py 4 speaks RESP2 only")


@AsyncStep("values/set-get")
async def _():
    Equal(await r.set("greeting", "hello"), True)
    Equal(await r.get("greeting"), b"hello")


@AsyncStep("values/missing")
async def _():
    Equal(await r.get("no such key"), None)
    Equal(await r.delete("no such key"), 0)


@AsyncStep("values/binary-value")
async def _():
    await r.set("bytes", ALL_BYTES)
    Equal(await r.get("bytes"), ALL_BYTES)


@AsyncStep("values/binary-key")
async def _():
    await r.set(ALL_BYTES, "v")
    Equal((await r.get(ALL_BYTES), await r.exists(ALL_BYTES)), (b"v", 1))


@AsyncStep("values/1mb")
async def _():
    big = ALL_BYTES * 4096
    await r.set("big", big)
    Equal(await r.get("big") == big, True)


@AsyncStep("pipeline/1000")
async def _():
    pipe = r.pipeline(transaction=False)
    for i in range(1000):
        pipe.set(f"pipe:{i}", i).get(f"pipe:{i}")
    Equal(await pipe.execute(), [v for i in range(1000) for v in (True, b"%d" % i)])


@AsyncStep("multi/exec")
async def _():
    pipe = r.pipeline(transaction=True)
    Equal(await pipe.set("tx", 1).incr("tx").get("tx").execute(), [True, 2, b"2"])


@AsyncStep("multi/discard")
async def _():
    one = Connect(single_connection_client=True)
    Equal([await one.execute_command(*command.split())
           for command in ("MULTI", "INCR tx", "DISCARD")], [b"OK", b"QUEUED", b"OK"])
    Equal(await one.get("tx"), b"2")
    await one.close()


@AsyncStep("multi/watch-conflict")
async def _():
    async with r.pipeline() as pipe:
        await pipe.watch("tx")
        await r.set("tx", "other")
        pipe.multi()
        pipe.set("tx", "mine")
        await Raises(aioredis.WatchError, "", pipe.execute())
    Equal(await r.get("tx"), b"other")


@AsyncStep("expire/ex-ttl")
async def _():
    await r.set("ttl", "v", ex=100)
    Equal(await r.ttl("ttl") in (99, 100), True)
    Equal((await r.ttl("greeting"), await r.ttl("no such key")), (-1, -2))


@AsyncStep("expire/px-gone")
async def _():
    await r.set("short", "v", px=150)
    Equal(0 < await r.pttl("short") <= 150, True)
    deadline = time.monotonic() + 3
    while await r.get("short") is not None and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    Equal((await r.get("short"), await r.exists("short")), (None, 0))


@AsyncStep("scan/1000")
async def _():
    wanted = {b"scan:%d" % i for i in range(1000)}
    await r.mset({key: "v" for key in wanted})
    Equal({key async for key in r.scan_iter(match="scan:*", count=50)} == wanted, True)


async def Hear(subscribe, what, channel, kind):
    async with r.pubsub() as listener:
        await getattr(listener, subscribe)(what)
        Equal((await listener.get_message(timeout=5))["type"], subscribe)
        Equal(await r.publish(channel, ALL_BYTES), 1)
        message = await listener.get_message(timeout=5)
        Equal((message["type"], message["channel"], message["data"]),
              (kind, channel.encode(), ALL_BYTES))


@AsyncStep("pubsub/channel")
async def _():
    await Hear("subscribe", "news", "news", "message")


@AsyncStep("pubsub/pattern")
async def _():
    await Hear("psubscribe", "new?.*", "news.de", "pmessage")


@AsyncStep("pubsub/unsubscribe")
async def _():
    async with r.pubsub() as listener:
        await listener.subscribe("a", "b")
        await listener.unsubscribe("a")
        Equal([(await listener.get_message(timeout=5))["type"] for _ in range(3)],
              ["subscribe", "subscribe", "unsubscribe"])
        Equal((await r.publish("a", "x"), await r.publish("b", "x")), (0, 1))


@AsyncStep("count/incr")
async def _():
    Equal([await r.incr("n"), await r.incrby("n", 41), await r.decr("n", 2)], [1, 42, 40])


@AsyncStep("count/incrbyfloat")
async def _():
    Equal([await r.incrbyfloat("f", 10.5), await r.incrbyfloat("f", 0.1)], [10.5, 10.6])


@AsyncStep("error/arity")
async def _():
    await Raises(aioredis.ResponseError, "wrong number of arguments for 'get' command",
                 r.execute_command("GET"))


@AsyncStep("error/not-integer")
async def _():
    await Raises(aioredis.ResponseError, "value is not an integer or out of range",
                 r.incr("greeting"))


@AsyncStep("auth/required")
async def _():
    await Raises(aioredis.AuthenticationError, "Authentication required",
                 Connect(AUTH_PORT).ping())


@AsyncStep("auth/wrong")
async def _():
    await Raises(aioredis.RedisError, "WRONGPASS", Connect(AUTH_PORT, password="nonsense").ping())


@AsyncStep("auth/right")
async def _():
    Equal(await Connect(AUTH_PORT, password=PASSWORD).set("k", "v"), True)
    Equal(await Connect(AUTH_PORT, username="default", password=PASSWORD).get("k"), b"v")


@AsyncStep("reconnect/after-kill")
async def _():
    victim = Connect(max_connections=1)
    number = await victim.client_id()
    Equal(await r.client_kill_filter(_id=number), 1)
    Equal(await victim.get("greeting"), b"hello")
    Equal(await victim.client_id() > number, True)


@AsyncStep("select/isolation")
async def _():
    other = Connect(db=5)
    await other.set("only in 5", "v")
    Equal((await r.get("only in 5"), await other.get("greeting"), await other.dbsize()),
          (None, None, 1))
    Equal((await other.flushdb(), await r.get("greeting")), (True, b"hello"))


@AsyncStep("name/set-get")
async def _():
    Equal(await Connect(client_name="compat-test").client_getname(), "compat-test")


@AsyncStep("many/mset-mget-1000")
async def _():
    values = {f"many:{i}": b"%d" % i for i in range(1000)}
    Equal(await r.mset(values), True)
    Equal(await r.mget(values), list(values.values()))


@AsyncStep("info/parse")
async def _():
    info = await r.info()
    Equal((info["redis_version"][:2], info["role"], info["loading"]), ("7.", "master", 0))
    Equal((info["tcp_port"], info["db0"]["keys"]), (PORT, await r.dbsize()))


Done()
