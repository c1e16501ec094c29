"""What surrounds the jobs on every page, read at most once a second however many people look."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from arqboard.protocol import FunctionInfo, QueueInfo, Reader, State, WorkerInfo

from .views import Kpis, Look, Side

T = TypeVar("T")
#: Minutes shown in the tiles.
MINUTES = 40


class Fresh(Generic[T]):
    """A value that is read again once it is older than `seconds`; all who ask meanwhile share one reading.

    They share its failure too: behind a Redis that hangs, nobody waits for the others' turn first.
    """

    def __init__(self, read: Callable[[], Coroutine[Any, Any, T]], seconds: float = 1.0) -> None:
        self._read, self._seconds = read, seconds
        self._until = 0.0
        self._reading: asyncio.Task[T] | None = None
        self.last: T | None = None
        """the last reading, however old; None before the first"""

    async def get(self) -> T:
        if self.last is not None and time.monotonic() < self._until:
            return self.last
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_once())
            self._reading.add_done_callback(self._over)
        return await asyncio.shield(self._reading)  # who asked first may go; the others still wait for it

    async def again(self) -> T:
        """Read now, because something was missing that may have come since."""
        self.expire()
        return await self.get()

    def expire(self) -> None:
        self._until = 0.0

    async def _read_once(self) -> T:
        began = time.monotonic()
        self.last = await self._read()
        self._until = began + self._seconds
        return self.last

    def _over(self, task: asyncio.Task[T]) -> None:
        self._reading = None
        if not task.cancelled():
            task.exception()  # seen, even if all who waited have gone


class Overview:
    """Functions, queues, workers, counts and the clock of Redis."""

    def __init__(
        self,
        reader: Reader,
        *,
        base: Callable[[], str],
        form_token: str,
        build: str,
        static: Callable[[], str],
    ) -> None:
        self._reader, self._base, self._static = reader, base, static
        self._form_token, self._build = form_token, build
        self._ahead_ms = 0.0
        self.redis_ms = 0.0
        self.functions: Fresh[dict[str, FunctionInfo]] = Fresh(reader.functions)
        self.queues: Fresh[list[QueueInfo]] = Fresh(reader.queues)
        self.workers: Fresh[list[WorkerInfo]] = Fresh(reader.workers)
        self.counts: Fresh[dict[State, int]] = Fresh(reader.counts)
        self.side = Fresh(self._side)
        self.kpis = Fresh(self._kpis)
        self._clock = Fresh(self._measure)

    async def look(self) -> Look:
        """The values that all fragments share, now."""
        workers, _ = await asyncio.gather(self.workers.get(), self._clock.get())
        return self._look(frozenset(worker.id for worker in workers if worker.alive))

    def last_look(self) -> Look:
        """The same from memory, for pages that are shown while Redis is away."""
        return self._look(frozenset(worker.id for worker in self.workers.last or [] if worker.alive))

    def last_side(self) -> Side:
        return self.side.last or EMPTY_SIDE

    @property
    def empty_side(self) -> Side:
        """For who may not see any."""
        return EMPTY_SIDE

    async def ping(self) -> None:
        """Raises what Redis raises when it can't be used."""
        await self._clock.again()

    def now_ms(self) -> int:
        """Redis' clock, from ours and the difference measured last."""
        return round(time.time() * 1000 + self._ahead_ms)

    def _look(self, alive: frozenset[str]) -> Look:
        return Look(
            now=self.now_ms(), alive=alive, base=self._base(), form_token=self._form_token, build=self._build,
            static=self._static(),
        )  # fmt: skip

    async def _measure(self) -> float:
        asked, began = time.time(), time.perf_counter()
        now = await self._reader.now_ms()
        self.redis_ms = (time.perf_counter() - began) * 1000
        self._ahead_ms = now - asked * 1000 - self.redis_ms / 2
        return self._ahead_ms

    async def _side(self) -> Side:
        (version, _), counts, queues, workers = await asyncio.gather(
            self._reader.position(), self.counts.get(), self.queues.get(), self.workers.get()
        )
        return Side(counts, queues, workers, version)

    async def _kpis(self) -> Kpis:
        (version, _), counts, queues, workers, minutes = await asyncio.gather(
            self._reader.position(), self.counts.get(), self.queues.get(), self.workers.get(),
            self._reader.minutes(MINUTES),
        )  # fmt: skip
        alive = [worker for worker in workers if worker.alive]
        waits = [queue.oldest for queue in queues if queue.oldest is not None]
        return Kpis(
            running=counts[State.RUNNING],
            slots=sum(worker.slots for worker in alive),
            workers=len(alive),
            queued=counts[State.QUEUED] + counts[State.RETRYING],
            oldest_queued=min(waits, default=None),
            minutes=minutes,
            version=version,
        )


EMPTY_SIDE = Side(dict.fromkeys(State, 0), [], [], 0)
