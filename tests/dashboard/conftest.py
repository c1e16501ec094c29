"""The dashboard on a real Redis, in the loop of the test, and some functions as a worker would publish them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from board import FUNCTIONS, Client, MakeClient

from arqboard.protocol import FunctionInfo, Keys
from arqboard_dashboard.app import create_app
from arqboard_dashboard.settings import Settings


@pytest.fixture
async def functions(redis: Any, keys: Keys) -> dict[str, FunctionInfo]:
    """What a worker has published."""
    await redis.hset(keys.functions, mapping={name: info.model_dump_json() for name, info in FUNCTIONS.items()})
    return FUNCTIONS


@pytest.fixture
async def make_client(redis: Any, redis_url: str) -> AsyncIterator[MakeClient]:
    """A dashboard with the given settings, and a browser-like client that follows no redirects by itself."""
    clients: list[Client] = []

    async def make(**given: Any) -> Client:
        given_redis = given.pop("redis", redis)
        app = create_app(Settings.read(**{"redis_url": redis_url, **given}), redis=given_redis)
        client: Client = TestClient(TestServer(app))
        await client.start_server()
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.close()


@pytest.fixture
async def client(make_client: MakeClient, functions: dict[str, FunctionInfo]) -> Client:
    """A dashboard that nobody has to sign in to."""
    return await make_client()
