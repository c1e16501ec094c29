"""What surrounds the jobs on every page, read at most once a second however many people look."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from redis.exceptions import ResponseError

from arqboard.protocol import FunctionInfo, QueueInfo, Reader, State, WorkerInfo

from .fresh import Fresh
from .trends import Trends
from .views import Kpis, Look, Side

__all__ = ["EMPTY_SIDE", "Fresh", "Overview"]


class Overview:
    """Functions, queues, workers, counts, tags and the clock of Redis."""

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
        self.tags: Fresh[list[str]] = Fresh(reader.tags)
        self.side = Fresh(self._side)
        self.kpis = Fresh(self._kpis)
        self.trends = Trends(reader)
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
        (version, _), counts, queues, workers, schedules, workflows = await asyncio.gather(
            self._reader.position(), self.counts.get(), self.queues.get(), self.workers.get(),
            self._reader.schedule_count(), self._reader.running_workflows(),
        )  # fmt: skip
        return Side(counts, queues, workers, version, schedules, workflows)

    async def _kpis(self) -> Kpis:
        (version, _), counts, queues, workers = await asyncio.gather(
            self._reader.position(), self.counts.get(), self.queues.get(), self.workers.get()
        )
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
