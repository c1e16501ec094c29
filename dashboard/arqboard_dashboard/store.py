"""The dashboard's Redis clients: one that gives up soon, and one that waits for as long as nothing happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.exceptions import TimeoutError as NoAnswer

#: Seconds until a read or write is given up: a page answers within two, whatever Redis does.
REDIS_SECONDS = 1.5
MAX_CONNECTIONS = 64


@asynccontextmanager
async def _promptly() -> AsyncGenerator[None]:
    try:
        async with asyncio.timeout(REDIS_SECONDS):
            yield
    except TimeoutError:
        raise NoAnswer(f"no answer within {REDIS_SECONDS} s") from None


class PromptPipeline(Pipeline):
    """A pipeline that raises redis' TimeoutError when its answer takes too long."""

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        async with _promptly():
            answers: list[Any] = await super().execute(raise_on_error)
            return answers


class PromptRedis(Redis):
    """A client that raises redis' TimeoutError when an answer takes too long.

    redis-py's own `socket_timeout` wraps each send in `asyncio.wait_for`, which on Python 3.11 loses a cancellation
    that comes as the send completes: a task that is told to stop then goes on.
    """

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        async with _promptly():
            untyped: Any = super()
            return await untyped.execute_command(*args, **options)

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> PromptPipeline:
        pool: Any = self.connection_pool
        return PromptPipeline(pool, self.response_callbacks, transaction, shard_hint)


def prompt(url: str, retry: Retry | None = None) -> Redis:
    """A client for pages and the API. Connects when it is needed, so the dashboard starts while Redis is away."""
    return PromptRedis.from_pool(_pool(url, retry=retry))


def patient(url: str) -> Redis:
    """A client for the feed's subscription."""
    return Redis.from_pool(_pool(url, health_check_interval=15))


def _pool(url: str, **options: Any) -> BlockingConnectionPool:
    # the plain pool connects one at a time, so behind a Redis that hangs requests would wait in a row
    pool: BlockingConnectionPool = BlockingConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType]
        url, socket_connect_timeout=REDIS_SECONDS, max_connections=MAX_CONNECTIONS, timeout=REDIS_SECONDS, **options
    )
    return pool
