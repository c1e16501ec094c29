"""The count of all keys that somebody asked for: one at a time for each dashboard, owned by the application."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

from aiohttp import web

from arqboard.protocol.keycount import KeyCount

from .appkeys import KEY_COUNTING, OVERVIEW, READER, REDIS
from .fragments import AWAY

log = logging.getLogger(__name__)


class KeyCounting:
    """Starts and stops counts. The last one stays to be shown."""

    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._task: asyncio.Task[None] | None = None
        self.count: KeyCount | None = None
        self.counted_at: int | None = None
        """ms since 1970 when the last one was over"""

    @property
    def is_running(self) -> bool:
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Count anew, unless a count is under way."""
        if not self.is_running:
            self.count = KeyCount(self._app[READER].keys)
            self._task = asyncio.create_task(self._run(self.count), name="count keys")

    def stop(self) -> None:
        """What has been counted until now stays."""
        if self.count is not None:
            self.count.stop()

    async def _run(self, count: KeyCount) -> None:
        try:
            await count.run(self._app[REDIS])
        except AWAY as error:
            count.stop()
            log.warning("The keys can't be counted: %s", error)
        self.counted_at = self._app[OVERVIEW].now_ms()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


async def closing(app: web.Application) -> AsyncIterator[None]:
    """Frames the life of the application: a count ends with it."""
    yield
    await app[KEY_COUNTING].close()
