"""Flask-Caching with its RedisCache: views, functions and the cache itself."""

import os
import sys
import time

sys.path.insert(0, os.environ["COMPAT_LIB"])
from flask import Flask
from flask_caching import Cache
from steps import ALL_BYTES, HOST, PORT, done, equal, step

app = Flask("compat")
cache = Cache(app, config={"CACHE_TYPE": "RedisCache", "CACHE_KEY_PREFIX": "flask:",
                           "CACHE_REDIS_URL": f"redis://{HOST}:{PORT}/2",
                           "CACHE_DEFAULT_TIMEOUT": 60})
calls = []


@app.route("/page")
@cache.cached(timeout=50)
def page():
    calls.append("page")
    return f"page {len(calls)}"


@cache.memoize(50)
def double(n):
    calls.append(n)
    return 2 * n


@step("cache/view")
def _():
    browser = app.test_client()
    equal([browser.get("/page").data for _ in range(3)], [b"page 1"] * 3)


@step("cache/memoize")
def _():
    with app.app_context():
        equal((double(4), double(4), double(5), calls.count(4)), (8, 8, 10, 1))
        cache.delete_memoized(double)
        equal((double(4), calls.count(4)), (8, 2))


@step("cache/set-get")
def _():
    equal((cache.set("bytes", ALL_BYTES), cache.get("bytes")), (True, ALL_BYTES))
    equal((cache.get("nobody"), cache.has("bytes"), cache.delete("bytes")), (None, 1, True))


@step("cache/add")
def _():
    equal((cache.add("once", 1), bool(cache.add("once", 2)), cache.get("once")), (True, False, 1))


@step("cache/ttl")
def _():
    cache.set("short", 1, timeout=1)
    equal(cache.get("short"), 1)
    deadline = time.monotonic() + 4
    while cache.get("short") is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    equal(cache.get("short"), None)


@step("cache/many")
def _():
    values = {f"many:{i}": i for i in range(100)}
    cache.set_many(values)
    equal(cache.get_many(*values), list(values.values()))
    equal(cache.get_dict("many:1", "nobody"), {"many:1": 1, "nobody": None})
    cache.delete_many("many:1", "many:2")
    equal(cache.get_many("many:1", "many:3"), [None, 3])


@step("cache/count")
def _():
    equal((cache.cache.inc("hits", 4), cache.cache.dec("hits", 3)), (4, 1))


@step("cache/clear")
def _():
    cache.clear()
    equal(cache.get_many("many:3", "once"), [None, None])


done()
