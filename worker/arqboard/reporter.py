"""Sends the latest progress of all jobs of a worker, a few times a second, in calls of at most 100 jobs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from redis.exceptions import RedisError

from .progress import Live
from .protocol.commands import MAX_BATCH, ChunkReport, Commands
from .settings import ToolkitSettings

logger = logging.getLogger("arqboard.reporter")

#: How long job code waits for its marks while Redis is away (seconds). The marks are sent later anyway.
SETTLE_WITHIN = 1.0
AWAY = (RedisError, OSError, TimeoutError)


class Reporter:
    """One per worker. `on_lost(live)` is called for an attempt that does not own its job any more."""

    def __init__(self, commands: Commands, settings: ToolkitSettings, on_lost: Callable[[Live], None]) -> None:
        self._commands = commands
        self._settings = settings
        self._on_lost = on_lost
        self._dirty: dict[str, Live] = {}
        self._waiting: list[tuple[Live, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._lock = asyncio.Lock()
        self._flushed = 0.0
        self.is_watched = True

    def touch(self, live: Live) -> None:
        """This attempt has something new."""
        if self._settings.record:
            self._dirty[live.token] = live
            self._wake.set()

    def settle(self, live: Live) -> asyncio.Future[None]:
        """A future that is done when Redis has what this attempt reported so far, or cannot be reached."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        if live.token not in self._dirty:
            future.set_result(None)
            return future
        self._waiting.append((live, future))
        loop.call_later(SETTLE_WITHIN, _resolve, future)
        self._wake.set()
        return future

    async def run(self) -> None:
        """The duty: until cancelled."""
        while True:
            await self._wake.wait()
            await self._pause()
            self._wake.clear()
            try:
                await self.flush()
            except AWAY as error:
                logger.warning("progress is delayed, Redis is away: %s", error)
                await asyncio.sleep(0.5)
                self._wake.set()

    async def flush(self, tokens: Iterable[str] | None = None) -> None:
        """Send what is new, of all attempts or of some. Raises Redis' errors; nothing is lost by them."""
        async with self._lock:
            chosen = self._dirty if tokens is None else [t for t in tokens if t in self._dirty]
            lives = [self._dirty.pop(token) for token in list(chosen)]
            self._flushed = time.monotonic()
            for start in range(0, len(lives), MAX_BATCH):
                await self._send(lives[start : start + MAX_BATCH])
        self._release({live.token for live in lives})

    async def _pause(self) -> None:
        """The first change after a quiet spell goes at once, the next wait; chunk marks only for this loop turn."""
        interval = self._settings.flush if self.is_watched else self._settings.idle_flush
        while not self._waiting and (left := self._flushed + interval - time.monotonic()) > 0:
            self._wake.clear()
            try:
                async with asyncio.timeout(left):
                    await self._wake.wait()
            except TimeoutError:
                return
        await asyncio.sleep(0)

    async def _send(self, lives: list[Live]) -> None:
        plain = [live for live in lives if live.chunks is None]
        chunked = [live for live in lives if live.chunks is not None]
        sent = [(live, live.chunks.unsent if live.chunks else {}) for live in lives]
        reports = [_chunk_report(live) for live in chunked]
        for live in chunked:
            if live.chunks:
                live.chunks.unsent = {}
        try:
            owned = await self._commands.progress([live.report() for live in plain]) if plain else []
            owned += await self._commands.mark(reports) if reports else []
        except BaseException:
            self._take_back(sent)
            raise
        for live, is_owner in zip(plain + chunked, owned, strict=True):
            if not is_owner:
                self._on_lost(live)

    def _take_back(self, sent: list[tuple[Live, dict[int, str]]]) -> None:
        for live, unsent in sent:
            if live.chunks:
                live.chunks.unsent = {**unsent, **live.chunks.unsent}
            self._dirty.setdefault(live.token, live)

    def _release(self, tokens: set[str]) -> None:
        left: list[tuple[Live, asyncio.Future[None]]] = []
        for live, future in self._waiting:
            if live.token in tokens or live.token not in self._dirty:
                _resolve(future)
            elif not future.done():
                left.append((live, future))
        self._waiting = left


def _chunk_report(live: Live) -> ChunkReport:
    chunks = live.chunks
    assert chunks is not None
    return ChunkReport(live.report(), chunks.total, chunks.size, chunks.items, dict(chunks.unsent))


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
