"""The tests of this folder have a server of their own, since they kill it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from fleet import Fleet, Server
from waiting import connect

from arqboard.protocol.client import Client


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "valkey"
    folder.mkdir()
    server = Server(folder)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def redis_url(own_server: Server) -> str:
    """The tests of this folder use the server that they kill."""
    return own_server.url


@pytest.fixture
async def fleet(own_server: Server, tmp_path: Path) -> AsyncIterator[Fleet]:
    fleet = Fleet(own_server, tmp_path)
    yield fleet
    await asyncio.to_thread(fleet.stop)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Client]:
    """A client that reconnects."""
    client: Client = connect(redis_url)
    yield client
    await client.aclose()
