"""What the pages of schedules read, at most once a second however many people look."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from arqboard.protocol import Reader, Unreadable
from arqboard.protocol.schedule_record import ScheduleInfo, ScheduleRun
from arqboard.protocol.schedules import Schedules

from .overview import Fresh
from .schedule_views import SHOWN_RUNS, ScheduleRow, SchedulesView, Tick, ticks_of

#: Schedules on one page.
MAX_SHOWN = 200


class ScheduleBoard:
    """Schedules with what became of their ticks."""

    def __init__(self, schedules: Schedules, reader: Reader) -> None:
        self._schedules, self._reader = schedules, reader
        self.all: Fresh[SchedulesView] = Fresh(self._all)

    async def row(self, name: str) -> ScheduleRow | Unreadable | None:
        """As it is in the list; None where it is not there."""
        for row in (await self.all.get()).rows:
            if name == (row.name if isinstance(row, ScheduleRow) else row.id):
                return row
        return None

    async def page(self, name: str) -> ScheduleRow:
        """With all ticks that are kept. Raises ScheduleNotFound, or BadSchedule where its record can't be read."""
        info, runs = await asyncio.gather(self._schedules.get(name), self._schedules.runs(name))
        [ticks] = await self._ticks([runs])
        return ScheduleRow(info, ticks)

    async def _all(self) -> SchedulesView:
        infos, (version, _) = await asyncio.gather(self._schedules.all(), self._reader.position())
        shown = sorted(infos[:MAX_SHOWN], key=_name)
        readable = [info for info in shown if isinstance(info, ScheduleInfo)]
        runs = await self._schedules.recent([info.name for info in readable], SHOWN_RUNS)
        ticks = dict(zip((info.name for info in readable), await self._ticks(runs), strict=True))
        rows = [ScheduleRow(info, ticks[info.name]) if isinstance(info, ScheduleInfo) else info for info in shown]
        return SchedulesView(rows, version)

    async def _ticks(self, runs: Sequence[Sequence[ScheduleRun]]) -> list[list[Tick]]:
        """Ticks with their jobs, of many schedules in one read."""
        ids = list(dict.fromkeys(run.job for of_one in runs for run in of_one if run.job))
        jobs = dict(zip(ids, await self._reader.many(ids), strict=True))
        return [ticks_of(of_one, jobs) for of_one in runs]


def _name(info: ScheduleInfo | Unreadable) -> str:
    return info.name if isinstance(info, ScheduleInfo) else info.id
