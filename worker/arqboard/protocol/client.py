"""How a Redis client is typed here."""

from __future__ import annotations

from typing import Any, TypeAlias

#: An asyncio client of redis-py. Its release 5 annotates every command as `Awaitable[T] | T`, which can't be
#: awaited under mypy or pyright in strict mode; so answers are untyped, and get their types where they are parsed.
Client: TypeAlias = Any
#: The same for a blocking client.
BlockingClient: TypeAlias = Any


async def now_ms(redis: Client) -> int:
    """Redis' clock. Ages are measured against it, never against a local clock."""
    seconds, micros = await redis.time()
    return int(seconds * 1000 + micros // 1000)
