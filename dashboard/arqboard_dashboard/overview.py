"""What surrounds the jobs on every page, read at most once a second however many people look."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar

from redis.exceptions import ResponseError

from arqboard.protocol import FunctionInfo, MinuteStats, QueueInfo, Reader, State, WorkerInfo

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
        self._minutes: dict[int, MinuteStats] = {}
        self._epoch = ""
        self._ahead_ms = 0.0
        self.redis_ms = 0.0
        self.functions: Fresh[dict[str, FunctionInfo]] = Fresh(reader.functions)
        self.queues: Fresh[list[QueueInfo]] = Fresh(reader.queues)
        self.workers: Fresh[list[WorkerInfo]] = Fresh(reader.workers)
        self.counts: Fresh[dict[State, int]] = Fresh(reader.counts)
        self.side = Fresh(self._side)
        self.kpis = Fresh(self._kpis)
        self.looking = Fresh(self._say_looking)
        """not a value: asked for, it tells workers that somebody wants to see progress, once a second at most"""
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

    async def _say_looking(self) -> bool:
        """A Redis that takes no writes (full, or a replica) can still be read."""
        try:
            await self._reader.looking()
        except ResponseError:
            return False
        return True

    async def _side(self) -> Side:
        (version, _), counts, queues, workers = await asyncio.gather(
            self._reader.position(), self.counts.get(), self.queues.get(), self.workers.get()
        )
        return Side(counts, queues, workers, version)

    async def _last_minutes(self, epoch: str) -> list[MinuteStats]:
        """What ended lately. A minute that is over stays as it was, so only what came since is read."""
        if epoch != self._epoch:
            self._epoch, self._minutes = epoch, {}
        newest = max(self._minutes, default=0)
        since = self.now_ms() // 60_000 - newest
        found = await self._reader.minutes(max(2, min(since + 2, MINUTES)))
        known = {**self._minutes, **{stats.minute: stats for stats in found}}
        first = found[-1].minute - MINUTES
        self._minutes = {minute: stats for minute, stats in known.items() if minute > first}
        return [self._minutes[minute] for minute in sorted(self._minutes)]

    async def _kpis(self) -> Kpis:
        (version, epoch), counts, queues, workers = await asyncio.gather(
            self._reader.position(), self.counts.get(), self.queues.get(), self.workers.get()
        )
        minutes = await self._last_minutes(epoch)
        alive = [worker for worker in workers if worker.alive]
        waits = [queue.oldest for queue in queues if queue.oldest is not None]
        return Kpis(
            running=counts[State.RUNNING],
            busy=_busy(workers, counts[State.RUNNING]),
            slots=sum(worker.slots for worker in alive),
            workers=len(alive),
            queued=sum(queue.queued for queue in queues),
            retrying=sum(queue.retrying for queue in queues),
            oldest_queued=min(waits, default=None),
            minutes=minutes,
            version=version,
        )


def _busy(workers: Sequence[WorkerInfo], running: int) -> int:
    """How many slots of living workers are taken.

    What workers say is up to two seconds old, so the number of running jobs is better, unless some of those were left
    behind by workers that have gone silent.
    """
    alive = [worker for worker in workers if worker.alive]
    left_behind = any(worker.running for worker in workers if not worker.alive)
    told = sum(len(worker.running) for worker in alive)
    return min(told if left_behind else running, sum(worker.slots for worker in alive))


#: Nothing is known, which is not the same as nothing being there.
EMPTY_SIDE = Side({}, [], [], 0)
