"""The Docker engine through its command line, and what one test leaves there: found by its name, removed, proven gone."""
import os
import re
import subprocess
import sys
import time

PREFIX = "cartwheel-test-"
LABEL = "cartwheel-test"
REMOVED_WITHIN_S = 60
COMPOSE_LABEL = "com.docker.compose.project"


class Failed(Exception):
    """A program said no; the text is what it said."""


def run(*words, timeout=120, check=True, stdin=None):
    """What it printed, without the end of the last line. Failed: it ended with an error."""
    try:
        done = subprocess.run(words, input=stdin, stdin=None if stdin else subprocess.DEVNULL, capture_output=True,
                              timeout=timeout, check=False)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{' '.join(words)[:200]}: not done after {timeout} s") from error
    output = done.stdout.decode(errors="replace").rstrip()
    if check and done.returncode != 0:
        raise Failed(f"{' '.join(words)[:200]}: {(done.stderr.decode(errors='replace') + output)[-600:].strip()}")
    return output


def docker(*words, **options):
    return run("docker", *words, **options)


def find_compose():
    """The words that Compose is called with."""
    for words in (["docker", "compose"], ["docker-compose"]):
        try:
            run(*words, "version")
            return words
        except (OSError, Failed):
            pass
    sys.exit("neither 'docker compose' nor docker-compose is installed")


def _kinds(project):
    """Each kind of thing that a project has: how to list what is left, and how to remove one."""
    for label in (f"{COMPOSE_LABEL}={project}", f"{LABEL}={project}"):
        only = ("--filter", f"label={label}")
        yield "container", ("ps", "-aq", *only), ("rm", "-fv")
        yield "network", ("network", "ls", "-q", *only), ("network", "rm")
        yield "volume", ("volume", "ls", "-q", *only), ("volume", "rm", "-f")


def left_of(project):
    """What the engine still has of it, as words for people."""
    return [f"{kind} {name}" for kind, listing, _ in _kinds(project) for name in docker(*listing).split()]


def remove(project):
    """Again and again, as the engine may be at work on what an interrupted command wanted."""
    deadline = time.monotonic() + REMOVED_WITHIN_S
    while left_of(project) and time.monotonic() < deadline:
        for _, listing, removal in _kinds(project):
            names = docker(*listing, check=False).split()
            if names:
                docker(*removal, *names, check=False)
        time.sleep(0.2)


def remove_what_the_dead_left():
    """Of runs that were killed too hard to clean up: the project's name has the number of a process that is gone."""
    names = set()
    for listing in (("ps", "-a"), ("network", "ls"), ("volume", "ls")):
        for label in (COMPOSE_LABEL, LABEL):
            names |= set(docker(*listing, "--filter", f"label={label}", "--format",
                                f'{{{{.Label "{label}"}}}}').split())
    for name in names:
        match = re.fullmatch(PREFIX + r"(\d+)", name)
        if match and not os.path.exists(f"/proc/{match[1]}"):
            print(f"removing what {name} left behind", flush=True)
            remove(name)
