"""Schedules in Redis: the verbs, typed, and what readers see. When a schedule runs is in schedule.py."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import uuid4

from . import schedule as specs
from .catchup import Plan
from .client import Client, now_ms
from .errors import BadSchedule, JobExists, ScheduleInUse, ScheduleNotFound
from .job import Unreadable
from .keys import Keys
from .said import Said
from .schedule import At
from .schedule_record import (
    INFO_FIELDS,
    ORPHANED_AFTER_MS,
    Definition,
    Due,
    DueSchedule,
    ScheduleInfo,
    ScheduleRun,
    decoded,
    id_prefix,
    parse_due,
    parse_info,
    parse_run,
)
from .scripts import Verbs

#: Schedules that one look brings back; more are due at the next.
MAX_DUE = 100


class Schedules:
    """All schedules of an installation, over one client that it does not own."""

    def __init__(self, redis: Client, keys: Keys | None = None) -> None:
        self._redis = redis
        self.keys = keys or Keys()
        self._call = Verbs(redis, self.keys.prefix)

    # Asked by people and programs

    async def add(self, definition: Definition, *, offset_ms: int = 0) -> bool:
        """Put a schedule in place or bring it up to date. True when it is new or its spec has changed.

        A changed spec is due at its next time from now on; an unchanged one when it was due, even if that is past.
        """
        now = await self.now_ms() + offset_ms
        due, late = definition.spec.next_after(now), ""
        if isinstance(definition.spec, At) and due is None:
            late = str(definition.spec.when_ms)
        spec = specs.to_json(definition.spec)
        code = await self._call("schedule", definition.name, spec, _text(due), late, *definition.fields())
        return bool(code != 3)

    async def run(self, name: str) -> str:
        """Run it now, by hand, also while it is paused. Returns the job's id.

        Raises ScheduleNotFound, or JobExists where a job with the same id or unique key is not over.
        """
        code, raw_id = await self._call("run_schedule", name, f"{id_prefix(name)}:run-{uuid4().hex[:12]}")
        if code == -1:
            raise ScheduleNotFound(name)
        if code == -2:
            raise JobExists(raw_id.decode(), schedule=name)
        return str(raw_id.decode())

    async def pause(self, name: str) -> bool:
        """False when it was paused already. Raises ScheduleNotFound."""
        return self._changed(name, await self._call("pause_schedule", name))

    async def resume(self, name: str) -> bool:
        """Due again from now on; what it left out does not run. False when it was not paused.

        Raises ScheduleNotFound, or BadSchedule when its spec can't be read.
        """
        while True:
            now = await self.now_ms()
            text = await self._redis.hget(self.keys.schedule(name), "spec")
            if text is None:
                raise ScheduleNotFound(name)
            due = specs.from_json(text).next_after(now)
            code = await self._call("resume_schedule", name, text, _text(due))
            if code != -2:  # its spec has changed meanwhile
                return self._changed(name, code)

    async def remove(self, name: str) -> None:
        """Raises ScheduleNotFound, or ScheduleInUse while it is in the code of a running worker."""
        match await self._call("unschedule", name, ORPHANED_AFTER_MS):
            case -1:
                raise ScheduleNotFound(name)
            case -2:
                raise ScheduleInUse(name)
            case _:
                return

    def _changed(self, name: str, code: int) -> bool:
        if code == -1:
            raise ScheduleNotFound(name)
        return code == 1

    # Asked by workers

    async def renew(self, names: Sequence[str]) -> list[str]:
        """Say that these are still in the code. Returns those that are not stored."""
        return [decoded(raw) for raw in await self._call("renew_schedules", *names)]

    async def due(self, queue: str, names: Iterable[str], *, offset_ms: int = 0) -> Due:
        """What is due by Redis' clock for a worker of this queue with these schedules in its code."""
        now, wait, rows = await self._call("due_schedules", offset_ms, queue, MAX_DUE, *names)
        found = [parse_due(row) for row in rows]
        schedules = [row for row in found if isinstance(row, DueSchedule)]
        return Due(now, None if wait < 0 else wait, schedules, [row for row in found if isinstance(row, Unreadable)])

    async def tick(self, due: DueSchedule, plan: Plan, payload: bytes = b"") -> list[str] | None:
        """Do what is planned for a due schedule. Returns the ids of its jobs; None when another worker did it.

        `payload` goes in place of the stored one.
        """
        code, ids = await self._call(
            "tick", due.name, due.tick, due.spec_text, _text(plan.next), plan.missed_count,
            json.dumps(plan.missed), payload, *plan.run,
        )  # fmt: skip
        return [raw.decode() for raw in ids] if code == 1 else None

    # What there is

    async def now_ms(self) -> int:
        """Redis' clock."""
        return await now_ms(self._redis)

    async def all(self) -> list[ScheduleInfo | Unreadable]:
        """Every schedule, the next one first; paused ones and those that are over last."""
        names = [decoded(raw) for raw in await self._redis.zrange(self.keys.schedules, 0, -1)]
        found = await self._infos(names)
        return [info for info in found if info is not None]

    async def get(self, name: str) -> ScheduleInfo:
        """Raises ScheduleNotFound, or BadSchedule where its record can't be read."""
        match (await self._infos([name]))[0]:
            case None:
                raise ScheduleNotFound(name)
            case Unreadable(why=why):
                raise BadSchedule(Said('The schedule "%(name)s" can\'t be read: %(why)s', name=name, why=why))
            case info:
                return info

    async def runs(self, name: str) -> list[ScheduleRun]:
        """What became of its last 100 ticks, newest first."""
        return _readable(await self._redis.lrange(self.keys.schedule_runs(name), 0, -1))

    async def recent(self, names: Sequence[str], n: int) -> list[list[ScheduleRun]]:
        """The last `n` ticks of each of these schedules, newest first. One round trip."""
        pipe = self._redis.pipeline(transaction=False)
        for name in names:
            pipe.lrange(self.keys.schedule_runs(name), 0, n - 1)
        rows: list[Any] = await pipe.execute(raise_on_error=False)
        return [[] if isinstance(row, Exception) else _readable(row) for row in rows]

    async def upcoming(self, name: str, n: int) -> list[int]:
        """Its next `n` times (ms); none while it is paused. Raises ScheduleNotFound or BadSchedule."""
        info = await self.get(name)
        if info.next is None:
            return []
        return [info.next, *specs.upcoming(info.spec, info.next, n - 1)][:n]

    async def _infos(self, names: Sequence[str]) -> list[ScheduleInfo | Unreadable | None]:
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        for name in names:
            pipe.hmget(self.keys.schedule(name), INFO_FIELDS)
        (seconds, _), *rows = await pipe.execute(raise_on_error=False)
        return [parse_info(name, row, int(seconds * 1000)) for name, row in zip(names, rows, strict=True)]


def _readable(rows: Iterable[bytes]) -> list[ScheduleRun]:
    return [run for run in map(parse_run, rows) if run is not None]


def _text(ms: int | None) -> str:
    return "" if ms is None else str(ms)
