"""Ends of attempts on their way to Redis: those of one loop turn go out in one call, and none is ever dropped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from redis.exceptions import BusyLoadingError, OutOfMemoryError, ReadOnlyError, ResponseError

from .protocol.commands import MAX_BATCH, Commands, Ended, Later
from .reporter import AWAY, Reporter
from .settings import ToolkitSettings

logger = logging.getLogger("arqboard.outbox")

#: One call that takes longer than this (seconds) counts as lost and is sent again; ends may be sent twice.
CALL_WITHIN = 10.0
MAX_BACKOFF = 2.0

Sent = Callable[[bool], None]


class Outbox:
    """One per worker. `put(end, sent)` calls `sent(was_written)` once Redis has answered."""

    def __init__(self, commands: Commands, reporter: Reporter, settings: ToolkitSettings) -> None:
        self._commands = commands
        self._reporter = reporter
        self._settings = settings
        self._ends: list[tuple[Ended | Later, Sent]] = []
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    def put(self, end: Ended | Later, sent: Sent) -> None:
        """Send an end. Returns at once; Redis may be away for as long as it likes."""
        self._ends.append((end, sent))
        self._empty.clear()
        self._wake.set()

    async def drained(self) -> None:
        """Wait until everything has been sent."""
        await self._empty.wait()

    async def run(self) -> None:
        """The duty: until cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(0)  # let the other jobs of this loop turn end too
            self._wake.clear()
            while self._ends:
                await self._send_batch()
            self._empty.set()

    async def _send_batch(self) -> None:
        batch, self._ends = self._ends[:MAX_BATCH], self._ends[MAX_BATCH:]
        delay = 0.05
        while True:
            try:
                written = await self._send([end for end, _ in batch])
                break
            except Exception as error:
                if not _passes(error):
                    logger.exception("an end of %d jobs can't be written; their leases will run out", len(batch))
                    written = [False] * len(batch)
                    break
                logger.warning("%d ends wait, Redis is away: %s", len(batch), str(error) or "no answer")
                await asyncio.sleep(delay)
                delay = min(MAX_BACKOFF, delay * 2)
        for (end, sent), was_written in zip(batch, written, strict=True):
            try:
                sent(was_written)
            except Exception:
                logger.exception("after the end of %s", end.job_id)

    async def _send(self, ends: list[Ended | Later]) -> list[bool]:
        """Progress first, so that a finished job shows its last state."""
        ended = [e for e in ends if isinstance(e, Ended)]
        later = [e for e in ends if isinstance(e, Later)]
        answers: dict[int, bool] = {}
        async with asyncio.timeout(CALL_WITHIN):
            await self._send_progress(ends)
            if ended:
                keep = {"keep_jobs": self._settings.keep_jobs, "keep_jobs_ms": self._settings.keep_jobs_ms}
                codes = await self._commands.finish(ended, **keep)
                answers |= {id(e): c for e, c in zip(ended, codes, strict=True)}
            if later:
                codes = await self._commands.retry_later(later)
                answers |= {id(e): c for e, c in zip(later, codes, strict=True)}
        return [answers[id(e)] for e in ends]

    async def _send_progress(self, ends: list[Ended | Later]) -> None:
        """An end does not wait for progress that can't be sent."""
        try:
            await self._reporter.flush([end.token for end in ends])
        except Exception as error:
            if _passes(error):
                raise
            logger.exception("the last progress of %d jobs can't be sent", len(ends))


def _passes(error: Exception) -> bool:
    """What Redis refuses for now passes; a script that fails by itself, and what is no error of Redis, do not."""
    if isinstance(error, (OutOfMemoryError, ReadOnlyError, BusyLoadingError)) or "MISCONF" in str(error):
        return True
    return isinstance(error, AWAY) and not isinstance(error, ResponseError)
