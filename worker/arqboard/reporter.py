"""Sends the latest progress and the log lines of all jobs of a worker, a few times a second, many jobs in one call."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from redis.exceptions import RedisError

from .live import Live
from .logs import MAX_WAITING, Line
from .protocol.commands import MAX_BATCH, ChunkReport, Commands, LogReport, Report
from .settings import ToolkitSettings

logger = logging.getLogger("arqboard.reporter")

#: How long job code waits for its marks while Redis is away (seconds). The marks are sent later anyway.
SETTLE_WITHIN = 1.0
#: An answer that takes longer (seconds) is not waited for: its connection may be dead, and nobody has said so.
ANSWER_WITHIN = 5.0
AWAY = (RedisError, OSError, TimeoutError)


class Reporter:
    """One per worker. `on_lost(live)` is called for an attempt that does not own its job any more."""

    def __init__(self, commands: Commands, settings: ToolkitSettings, on_lost: Callable[[Live], None]) -> None:
        self._commands = commands
        self._settings = settings
        self._on_lost = on_lost
        self.on_flush: Callable[[Live], None] | None = None
        """called for each attempt whose progress Redis has just taken"""
        self._dirty: dict[str, Live] = {}
        self._logging: dict[str, Live] = {}
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
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

    def log(self, live: Live, line: Line) -> None:
        """This attempt logged a line. From any thread."""
        if not live.log(line):
            return
        if threading.get_ident() == self._thread:
            self._logged(live)
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._logged, live)

    def _logged(self, live: Live) -> None:
        self._logging[live.token] = live
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
                async with asyncio.timeout(ANSWER_WITHIN):  # ends wait for it
                    await self.flush()
            except AWAY as error:
                logger.warning("progress is delayed, Redis is away: %s", str(error) or "no answer")
                await asyncio.sleep(0.5)
                self._wake.set()

    async def flush(self, tokens: Iterable[str] | None = None) -> None:
        """Send what is new, of all attempts or of some. Raises Redis' errors; nothing is lost by them."""
        async with self._lock:
            chosen = list(self._dirty) if tokens is None else list(tokens)
            self._flushed = time.monotonic()
            for start in range(0, len(chosen), MAX_BATCH):
                batch = chosen[start : start + MAX_BATCH]
                await self._send([self._dirty.pop(token) for token in batch if token in self._dirty])
            if self._logging:
                await self._send_lines(list(self._logging) if tokens is None else chosen)
        self._release(set(chosen))

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
        if not lives:
            return
        plain = [live for live in lives if live.chunks is None]
        chunked = [live for live in lives if live.chunks is not None]
        reports = [live.report() for live in plain]
        marks = [_chunk_report(live) for live in chunked]
        try:
            owned = await self._commands.progress(reports) if reports else []
            codes = await self._commands.mark(marks) if marks else []
        except BaseException:
            self._take_back(plain, chunked, marks)
            raise
        told = reports + [mark.report for mark in marks]
        for live, report, is_owner in zip(plain + chunked, told, owned + [code > 0 for code in codes], strict=True):
            if is_owner:
                self._was_sent(live, report)
            else:
                self._on_lost(live)
        for live, code in zip(chunked, codes, strict=True):
            if not live.has_seen(code - 1):
                live.take_skips(code - 1, await self._commands.chunk_marks(live.job_id))

    def _was_sent(self, live: Live, report: Report) -> None:
        live.was_sent(report)
        if self.on_flush is None:
            return
        try:
            self.on_flush(live)
        except Exception:
            logger.exception("on_flush of job %s", live.job_id)

    def _take_back(self, plain: Sequence[Live], chunked: Sequence[Live], marks: Sequence[ChunkReport]) -> None:
        for live, mark in zip(chunked, marks, strict=True):
            if live.chunks:
                live.chunks.unsent = {**mark.marks, **live.chunks.unsent}
                live.chunks.ends = {**mark.ends, **live.chunks.ends}
        for live in (*plain, *chunked):
            self._dirty.setdefault(live.token, live)

    async def _send_lines(self, tokens: Sequence[str]) -> None:
        """Lines wait with their attempt until Redis has them. A call has at most about 500."""
        batch: list[tuple[Live, list[Line]]] = []
        for live in [self._logging[token] for token in tokens if token in self._logging]:
            lines = live.lines.waiting() if live.lines else []
            if batch and (len(batch) == MAX_BATCH or sum(len(more) for _, more in batch) + len(lines) > MAX_WAITING):
                await self._send_line_batch(batch)
                batch = []
            batch.append((live, lines))
        if batch:
            await self._send_line_batch(batch)

    async def _send_line_batch(self, batch: list[tuple[Live, list[Line]]]) -> None:
        reports = [_log_report(live, lines) for live, lines in batch]
        owned = await self._commands.log(reports, keep=self._settings.log_lines)
        for (live, lines), is_owner in zip(batch, owned, strict=True):
            if live.lines is not None:
                live.lines.was_sent(len(lines))
                if live.lines:  # logged meanwhile
                    self._wake.set()
                else:
                    self._logging.pop(live.token, None)
            if not is_owner:
                self._on_lost(live)

    def _release(self, tokens: set[str]) -> None:
        left: list[tuple[Live, asyncio.Future[None]]] = []
        for live, future in self._waiting:
            if live.token in tokens or live.token not in self._dirty:
                _resolve(future)
            elif not future.done():
                left.append((live, future))
        self._waiting = left


def _chunk_report(live: Live) -> ChunkReport:
    """What is new of the chunks, taken from them."""
    chunks = live.chunks
    assert chunks is not None
    marks, chunks.unsent = chunks.unsent, {}
    ends, chunks.ends = chunks.ends, {}
    return ChunkReport(live.report(), chunks.total, chunks.size, chunks.items, marks, ends)


def _log_report(live: Live, lines: list[Line]) -> LogReport:
    """Ages instead of times: Redis' clock says when that was."""
    now = time.time()
    told = [
        (max(0, round((now - line.created) * 1000)), line.levelno, logging.getLevelName(line.levelno), line.logger,
         line.message)
        for line in lines
    ]  # fmt: skip
    return LogReport(live.job_id, live.token, live.lines.sent if live.lines else 0, told)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
