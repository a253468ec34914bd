"""Django's cache and sessions through django-redis. Its incr and locks are Lua and left out."""

import os
import sys
import time

sys.path.insert(0, os.environ["COMPAT_LIB"])
import django
from django.conf import settings
from steps import ALL_BYTES, HOST, PORT, Done, Equal, Step

settings.configure(
    CACHES={"default": {"BACKEND": "django_redis.cache.RedisCache",
                        "LOCATION": f"redis://{HOST}:{PORT}/1",
                        "OPTIONS": {"SOCKET_TIMEOUT": 5}}},
    SESSION_ENGINE="django.contrib.sessions.backends.cache", SECRET_KEY="compat", USE_TZ=True)
django.setup()

from django.contrib.sessions.backends.cache import SessionStore
from django.core.cache import cache


@Step("cache/set-get")
def _():
    value = {"name": "Ada", "tags": [1, None], "bytes": ALL_BYTES}
    Equal(cache.set("user", value, timeout=100), True)
    Equal((cache.get("user"), cache.get("nobody", "none")), (value, "none"))
    Equal((cache.has_key("user"), "nobody" in cache), (True, False))


@Step("cache/ttl")
def _():
    Equal((cache.ttl("user") in (99, 100), cache.ttl("nobody")), (True, 0))
    cache.set("short", 1, timeout=0.1)
    deadline = time.monotonic() + 3
    while cache.get("short") is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    Equal(cache.get("short"), None)
    Equal((cache.expire("user", 50), cache.ttl("user") in (49, 50)), (True, True))
    Equal((cache.persist("user"), cache.ttl("user")), (True, None))
    Equal((cache.touch("user", 70), cache.touch("nobody", 70)), (True, False))


@Step("cache/add")
def _():
    Equal((cache.add("once", 1), cache.add("once", 2), cache.get("once")), (True, False, 1))


@Step("cache/many")
def _():
    values = {f"many:{i}": i for i in range(200)}
    cache.set_many(values, timeout=60)
    Equal(cache.get_many(list(values) + ["nobody"]), values)
    Equal(cache.delete_many(["many:1", "many:2", "nobody"]), 2)


@Step("cache/get-or-set")
def _():
    Equal((cache.get_or_set("lazy", lambda: 5, 60), cache.get_or_set("lazy", 6)), (5, 5))


@Step("cache/versions")
def _():
    cache.set("v", "one", version=1)
    cache.set("v", "two", version=2)
    Equal((cache.get("v", version=1), cache.get("v", version=2)), ("one", "two"))


@Step("cache/delete-pattern")
def _():
    Equal(cache.delete_pattern("many:1*"), 110)  # 1, 10..19, 100..199 but 1, which is gone
    Equal(len(cache.keys("many:*")), 88)
    Equal(len(list(cache.iter_keys("many:*"))), 88)


@Step("cache/clear")
def _():
    cache.clear()
    Equal((cache.get("user"), cache.keys("*")), (None, []))


@Step("session/create")
def _():
    session = SessionStore()
    session["user"] = "Ada"
    session.save()
    Equal(SessionStore(session.session_key)["user"], "Ada")
    Equal(SessionStore().exists(session.session_key), True)


@Step("session/change-and-delete")
def _():
    session = SessionStore()
    session["visits"] = 1
    session.create()
    session["visits"] += 1
    session.save()
    old = session.session_key
    session.cycle_key()
    Equal((SessionStore(session.session_key)["visits"], session.exists(old)), (2, False))
    session.flush()
    Equal(cache.keys("*sessions*" + old), [])


Done()
