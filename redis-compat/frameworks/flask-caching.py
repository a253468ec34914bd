"""Flask-Caching with its RedisCache: views, functions and the cache itself."""

import os
import sys
import time

sys.path.insert(0, os.environ["COMPAT_LIB"])
from flask import Flask
from flask_caching import Cache
from steps import ALL_BYTES, HOST, PORT, Done, Equal, Step

app = Flask("compat")
cache = Cache(app, config={"CACHE_TYPE": "RedisCache", "CACHE_KEY_PREFIX": "flask:",
                           "CACHE_REDIS_URL": f"redis://{HOST}:{PORT}/2",
                           "CACHE_DEFAULT_TIMEOUT": 60})
calls = []


@app.route("/page")
@cache.cached(timeout=50)
def Page():
    calls.append("page")
    return f"page {len(calls)}"


@cache.memoize(50)
def Double(n):
    calls.append(n)
    return 2 * n


@Step("cache/view")
def _():
    browser = app.test_client()
    Equal([browser.get("/page").data for _ in range(3)], [b"page 1"] * 3)


@Step("cache/memoize")
def _():
    with app.app_context():
        Equal((Double(4), Double(4), Double(5), calls.count(4)), (8, 8, 10, 1))
        cache.delete_memoized(Double)
        Equal((Double(4), calls.count(4)), (8, 2))


@Step("cache/set-get")
def _():
    Equal((cache.set("bytes", ALL_BYTES), cache.get("bytes")), (True, ALL_BYTES))
    Equal((cache.get("nobody"), cache.has("bytes"), cache.delete("bytes")), (None, 1, True))


@Step("cache/add")
def _():
    Equal((cache.add("once", 1), bool(cache.add("once", 2)), cache.get("once")), (True, False, 1))


@Step("cache/ttl")
def _():
    cache.set("short", 1, timeout=1)
    Equal(cache.get("short"), 1)
    deadline = time.monotonic() + 4
    while cache.get("short") is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    Equal(cache.get("short"), None)


@Step("cache/many")
def _():
    values = {f"many:{i}": i for i in range(100)}
    cache.set_many(values)
    Equal(cache.get_many(*values), list(values.values()))
    Equal(cache.get_dict("many:1", "nobody"), {"many:1": 1, "nobody": None})
    cache.delete_many("many:1", "many:2")
    Equal(cache.get_many("many:1", "many:3"), [None, 3])


@Step("cache/count")
def _():
    Equal((cache.cache.inc("hits", 4), cache.cache.dec("hits", 3)), (4, 1))


@Step("cache/clear")
def _():
    cache.clear()
    Equal(cache.get_many("many:3", "once"), [None, None])


Done()
