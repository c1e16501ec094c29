"""Hears the hints that submit and abort send to workers, and comes back when the connection is lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from .protocol.client import Client
from .reporter import AWAY

logger = logging.getLogger("arqboard.listening")

#: A subscription that says nothing for so long (seconds) is asked whether it lives.
PING_EVERY = 5.0


class Listener:
    """A subscription to one channel. A lost message costs one poll delay or one heartbeat, no job."""

    def __init__(self, pool: Client, channel: str, heard: Callable[[str], None]) -> None:
        self._pool, self._channel, self._heard = pool, channel, heard

    async def run(self) -> None:
        """The duty: until cancelled."""
        while True:
            subscription: Any = self._pool.pubsub()
            try:
                await subscription.subscribe(self._channel)
                await self._listen(subscription)
            except AWAY as error:
                logger.debug("the control channel is lost: %s", error)
                await asyncio.sleep(0.5)
            finally:
                await _close(subscription)

    async def _listen(self, subscription: Any) -> None:
        silent = 0
        while True:
            message = await subscription.get_message(timeout=PING_EVERY)
            if message is None:
                silent += 1
                if silent > 2:
                    raise TimeoutError("no answer to a ping")
                await subscription.ping()
                continue
            silent = 0
            if message["type"] == "message":
                self._heard(message["data"].decode(errors="replace"))


async def _close(subscription: Any) -> None:
    try:
        await subscription.aclose()
    except AWAY:
        return
