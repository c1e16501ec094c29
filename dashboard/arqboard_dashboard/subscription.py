"""Listens to what is published. A message only says that it is time to look."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.client import PubSub

log = logging.getLogger(__name__)

#: Messages read one at a time cost ten times as much as those read together, so they may gather this long.
BURST_SECONDS = 0.01
MAX_BURST = 1000
#: A subscription that is silent this long is asked whether it still lives.
SILENCE_SECONDS = 15.0
AGAIN_SECONDS = 1.0


class Subscription:
    """Calls `on_message` for each burst of messages, over a connection of its own."""

    def __init__(self, redis: Redis, channel: str, on_message: Callable[[], None]) -> None:
        self._redis, self._channel, self._on_message = redis, channel, on_message

    async def keep(self) -> None:
        """Listen for ever; subscribe again whenever the connection is lost."""
        while True:
            try:
                await self._listen()
            except (RedisError, OSError) as error:
                log.debug("The subscription is lost (%s); looking once a second until it is back.", error)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _listen(self) -> None:
        pubsub: PubSub
        async with self._redis.pubsub() as pubsub:  # pyright: ignore[reportUnknownMemberType] - untyped kwargs
            await pubsub.subscribe(self._channel)  # pyright: ignore[reportUnknownMemberType] - the same
            asked = False
            while True:
                if await pubsub.get_message(timeout=SILENCE_SECONDS) is not None:
                    asked = False
                    self._on_message()
                    await asyncio.sleep(BURST_SECONDS)
                    if await _drain(pubsub):
                        self._on_message()
                elif asked:
                    raise ConnectionError("no answer to a ping")
                else:
                    asked = True
                    await pubsub.ping()  # pyright: ignore[reportUnknownMemberType] - untyped reply


async def _drain(pubsub: PubSub) -> bool:
    """Take the messages that have come meanwhile. They all say the same."""
    taken = 0
    while taken < MAX_BURST and await pubsub.get_message(timeout=0) is not None:
        taken += 1
    return taken > 0
