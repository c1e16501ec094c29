"""The duty that ticks: reads what is due by Redis' clock and has it enqueued, each tick once among all workers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from redis.exceptions import RedisError

from .protocol.catchup import plan
from .protocol.schedule_record import DueSchedule
from .protocol.schedules import MAX_DUE, Schedules
from .schedules import Schedule, WorkerLike, check

logger = logging.getLogger("arqboard.scheduling")

AWAY = (RedisError, OSError, TimeoutError)
#: Between two looks at most (seconds), so that a schedule that others added or changed is seen.
LOOK_EVERY = 1.0
#: Between two times that a worker says which schedules are in its code (seconds).
RENEW_EVERY = 60.0
#: An answer of Redis that takes longer (seconds) is not waited for.
ANSWER_WITHIN = 10.0


class Scheduler:
    """One per worker. `schedules` are those of its code.

    No local clock decides anything. `offset_ms` is added to Redis' time, for tests that travel in time.
    """

    offset_ms: int = 0

    def __init__(self, worker: WorkerLike, schedules: Sequence[Schedule]) -> None:
        """Raises BadSchedule where they do not fit each other or the worker."""
        check(schedules, worker)
        self._worker = worker
        self._own = {schedule.name: schedule for schedule in schedules}
        self._store = Schedules(worker.pool, worker.commands.keys)
        self._renew_at = 0.0
        self._is_registered = False
        self._is_away = False
        self._complained: set[str] = set()

    async def register(self) -> None:
        """Put the schedules of this code in place: what is new or changed counts from now on."""
        await self._add(list(self._own))
        self._is_registered = True
        self._renew_at = time.monotonic() + RENEW_EVERY

    async def run(self) -> None:
        """The duty: until cancelled. Redis may be away meanwhile."""
        while True:
            try:
                async with asyncio.timeout(ANSWER_WITHIN):
                    await self._keep_registered()
                    wait = await self.turn()
                self._is_away = False
            except AWAY as error:
                wait = LOOK_EVERY
                if not self._is_away:
                    logger.warning("schedules wait, Redis is away: %s: %s", type(error).__name__, error)
                self._is_away = True
            except Exception:
                wait = LOOK_EVERY
                logger.exception("schedules: this turn failed, the next one is tried")
            await asyncio.sleep(wait)

    async def turn(self) -> float:
        """Tick what is due. Returns how many seconds the next look can wait."""
        due = await self._store.due(self._worker.queue_name, self._own, offset_ms=self.offset_ms)
        for bad in due.unreadable:
            self._complain(bad.id, "can't be read: %s", bad.why)
        now = due.now + self.offset_ms
        waits = [LOOK_EVERY * 1000 if due.wait_ms is None else due.wait_ms]
        if len(due.schedules) == MAX_DUE:
            waits.append(10)
        for schedule in due.schedules:
            following = await self._tick(schedule, now)
            if following is not None:
                waits.append(following - now)
        return min(LOOK_EVERY, max(0, min(waits)) / 1000)

    async def _tick(self, due: DueSchedule, now: int) -> int | None:
        """Returns when it is due next: at once where more ticks wait than one call takes."""
        try:
            planned = plan(due.spec, due.tick, now, due.catch_up)
            jobs = await self._store.tick(due, planned, self._payload(due))
        except AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - one bad schedule must not hold up the others
            self._complain(due.name, "could not be ticked: %r", error)
            return None
        if jobs is not None and planned.missed_count:
            logger.warning('schedule "%s" has missed %d ticks', due.name, planned.missed_count)
        return planned.next

    def _payload(self, due: DueSchedule) -> bytes:
        """The call with a time of now, where the stored one is what this code says; else the stored one is taken."""
        own = self._own.get(due.name)
        if own is None:
            return b""
        definition = own.define(self._worker)
        return definition.job.payload if definition.fingerprint == due.fingerprint else b""

    async def _keep_registered(self) -> None:
        if not self._is_registered:
            await self.register()
        elif time.monotonic() >= self._renew_at:
            await self._add(await self._store.renew(list(self._own)) if self._own else [])
            self._renew_at = time.monotonic() + RENEW_EVERY

    async def _add(self, names: Sequence[str]) -> None:
        for name in names:
            try:
                definition = self._own[name].define(self._worker)
            except Exception as error:  # noqa: BLE001 - arguments that do not fit or can't be stored
                self._complain(name, "is left out: %s", error)
                continue
            await self._store.add(definition, offset_ms=self.offset_ms)

    def _complain(self, name: str, what: str, *args: object) -> None:
        """Once for each schedule."""
        if name not in self._complained:
            self._complained.add(name)
            logger.error('schedule "%s" ' + what, name, *args)
