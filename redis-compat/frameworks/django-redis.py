"""Django's cache and sessions through django-redis. Its incr and locks are Lua and left out."""

import os
import sys
import time

sys.path.insert(0, os.environ["COMPAT_LIB"])
import django
from django.conf import settings
from steps import ALL_BYTES, HOST, PORT, done, equal, step

settings.configure(
    CACHES={"default": {"BACKEND": "django_redis.cache.RedisCache",
                        "LOCATION": f"redis://{HOST}:{PORT}/1",
                        "OPTIONS": {"SOCKET_TIMEOUT": 5}}},
    SESSION_ENGINE="django.contrib.sessions.backends.cache", SECRET_KEY="compat", USE_TZ=True)
django.setup()

from django.contrib.sessions.backends.cache import SessionStore
from django.core.cache import cache


@step("cache/set-get")
def _():
    value = {"name": "Ada", "tags": [1, None], "bytes": ALL_BYTES}
    equal(cache.set("user", value, timeout=100), True)
    equal((cache.get("user"), cache.get("nobody", "none")), (value, "none"))
    equal((cache.has_key("user"), "nobody" in cache), (True, False))


@step("cache/ttl")
def _():
    equal((cache.ttl("user") in (99, 100), cache.ttl("nobody")), (True, 0))
    cache.set("short", 1, timeout=0.1)
    deadline = time.monotonic() + 3
    while cache.get("short") is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    equal(cache.get("short"), None)
    equal((cache.expire("user", 50), cache.ttl("user") in (49, 50)), (True, True))
    equal((cache.persist("user"), cache.ttl("user")), (True, None))
    equal((cache.touch("user", 70), cache.touch("nobody", 70)), (True, False))


@step("cache/add")
def _():
    equal((cache.add("once", 1), cache.add("once", 2), cache.get("once")), (True, False, 1))


@step("cache/many")
def _():
    values = {f"many:{i}": i for i in range(200)}
    cache.set_many(values, timeout=60)
    equal(cache.get_many(list(values) + ["nobody"]), values)
    equal(cache.delete_many(["many:1", "many:2", "nobody"]), 2)


@step("cache/get-or-set")
def _():
    equal((cache.get_or_set("lazy", lambda: 5, 60), cache.get_or_set("lazy", 6)), (5, 5))


@step("cache/versions")
def _():
    cache.set("v", "one", version=1)
    cache.set("v", "two", version=2)
    equal((cache.get("v", version=1), cache.get("v", version=2)), ("one", "two"))


@step("cache/delete-pattern")
def _():
    equal(cache.delete_pattern("many:1*"), 110)  # 1, 10..19, 100..199 but 1, which is gone
    equal(len(cache.keys("many:*")), 88)
    equal(len(list(cache.iter_keys("many:*"))), 88)


@step("cache/clear")
def _():
    cache.clear()
    equal((cache.get("user"), cache.keys("*")), (None, []))


@step("session/create")
def _():
    session = SessionStore()
    session["user"] = "Ada"
    session.save()
    equal(SessionStore(session.session_key)["user"], "Ada")
    equal(SessionStore().exists(session.session_key), True)


@step("session/change-and-delete")
def _():
    session = SessionStore()
    session["visits"] = 1
    session.create()
    session["visits"] += 1
    session.save()
    old = session.session_key
    session.cycle_key()
    equal((SessionStore(session.session_key)["visits"], session.exists(old)), (2, False))
    session.flush()
    equal(cache.keys("*sessions*" + old), [])


done()
