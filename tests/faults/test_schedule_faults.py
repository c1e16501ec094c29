"""Schedules on workers whose clocks are hours apart and that are killed: each tick once, and none is lost silently."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import clock_tasks
import pytest
from fleet import Fleet, Server
from waiting import eventually

from arqboard.protocol import Query, Reader, State
from arqboard.protocol.schedule_record import RunOutcome
from arqboard.protocol.schedules import Schedules

HOUR = 3600
NAMES = ("each-second", "cron-second")


@pytest.fixture
async def fleet(own_server: Server, tmp_path: Path) -> AsyncIterator[Fleet]:
    fleet = Fleet(own_server, tmp_path, Path(clock_tasks.__file__))
    yield fleet
    await asyncio.to_thread(fleet.stop)


@pytest.fixture
def schedules(redis: Any) -> Schedules:
    return Schedules(redis)


async def ran(schedules: Schedules, name: str) -> int:
    return len([run for run in await schedules.runs(name) if run.outcome is RunOutcome.ENQUEUED])


async def has_run(schedules: Schedules, times: int) -> bool:
    return all([await ran(schedules, name) >= times for name in NAMES])


async def test_each_tick_runs_once_on_clocks_an_hour_apart_while_workers_are_killed(
    fleet: Fleet, schedules: Schedules, reader: Reader
) -> None:
    for skew in (0, HOUR, -HOUR):
        fleet.start(str(skew))
    await eventually(lambda: has_run(schedules, 3), within=30)
    fleet.processes[0].kill()
    fleet.start(str(2 * HOUR))
    await eventually(lambda: has_run(schedules, 7), within=30)
    fleet.processes[1].kill()
    await eventually(lambda: has_run(schedules, 10), within=30)

    for name in NAMES:
        runs = await schedules.runs(name)
        ticks = [run.tick for run in reversed(runs)]
        assert len(ticks) == len(set(ticks))
        assert Counter(later - sooner for sooner, later in pairwise(ticks)) == {1000: len(ticks) - 1}
        now = await reader.now_ms()
        assert all(abs(tick - now) < 60_000 for tick in ticks)  # of the real time, not of a worker's

    await asyncio.to_thread(fleet.stop)
    ids = [job_id for job_id, _pid in fleet.history("tick")]
    assert len(ids) >= 18
    page = await reader.page(Query(state=State.SUCCEEDED, limit=200))
    assert len({job.id for job in page.jobs}) == len(page.jobs) >= 18
    assert max(Counter(ids).values()) <= 2  # a body that was cut by a kill may have run again


async def test_what_was_due_while_no_worker_ran_is_told_as_missed(fleet: Fleet, schedules: Schedules) -> None:
    first = fleet.start("0")
    await eventually(lambda: has_run(schedules, 1), within=30)
    first.kill()
    last = max([run.tick for run in await schedules.runs("each-second")])

    async def three_seconds_have_passed() -> bool:
        return await schedules.now_ms() > last + 3_500

    await eventually(three_seconds_have_passed)
    fleet.start(str(HOUR))
    await eventually(lambda: _has_caught_up(schedules, last), within=30)
    after = [run for run in await schedules.runs("each-second") if run.tick > last]
    missed = [run for run in after if run.outcome is RunOutcome.MISSED]
    assert len(missed) >= 2 and (await schedules.get("each-second")).missed >= 2
    assert Counter(run.tick for run in after).most_common(1)[0][1] == 1


async def _has_caught_up(schedules: Schedules, last: int) -> bool:
    return any(run.tick > last and run.outcome is RunOutcome.ENQUEUED for run in await schedules.runs("each-second"))
