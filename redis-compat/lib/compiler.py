"""Compiles the clients that are written in C++, for redis-compat/run and redis-compat/run-cluster."""

import subprocess


def compile_client(source, binary, timeout_s):
    """From one file on libhiredis; a RuntimeError says what the compiler said."""
    build = subprocess.run(["g++", "-std=c++20", "-Wall", "-Wextra", "-o", binary, source,
                            "-lhiredis"], capture_output=True, text=True, timeout=timeout_s,
                           check=False)
    if build.returncode != 0:
        raise RuntimeError(build.stderr.strip())
