"""Reports steps to redis-compat/run, which describes the lines."""

import os

CLIENT = os.environ["COMPAT_CLIENT"]
HOST = os.environ["COMPAT_HOST"]
PORT = int(os.environ["COMPAT_PORT"])
AUTH_PORT = int(os.environ["COMPAT_AUTH_PORT"])
PASSWORD = os.environ["COMPAT_PASSWORD"]
ALL_BYTES = bytes(range(256))


def _one_line(error):
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def step(name):
    """Runs the decorated function at once; an exception in it is the step's failure."""
    def run(function):
        try:
            function()
            print(f"ok {CLIENT} {name}", flush=True)
        except Exception as error:  # pylint: disable=broad-except
            print(f"FAIL {CLIENT} {name}: {_one_line(error)}", flush=True)
        return function
    return run


def skip(name, why):
    print(f"skip {CLIENT} {name}: {why}", flush=True)


def equal(got, expected):
    if got != expected:
        raise AssertionError(f"got {got!r:.120}, expected {expected!r:.120}")


def raises(kind, text, function):
    """The call must fail with that type of exception and that text in its message."""
    try:
        result = function()
    except kind as error:
        if text not in str(error):
            raise AssertionError(f"{type(error).__name__} says {error}, expected {text}") from error
        return
    raise AssertionError(f"returned {result!r:.120}, expected {kind.__name__} {text}")


def done():
    print(f"done {CLIENT}", flush=True)
