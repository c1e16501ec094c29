"""Schedules: a row of each, and the page of one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from arqboard.protocol import Job, Unreadable
from arqboard.protocol.catchup import CatchUp
from arqboard.protocol.schedule import At, Crontab, Every, Spec
from arqboard.protocol.schedule_record import RunOutcome, ScheduleInfo, ScheduleRun

from ..schedule_views import ScheduleRow, SchedulesView, Tick
from . import made_jobs as made
from .samples import DAY, HOSTILE, HOUR, LONG, MINUTE, NOW, RUSSIAN, SECOND, Sample, Section


def _schedule(name: str, spec: Spec, ticks: list[Tick], **changes: Any) -> ScheduleRow:
    info = ScheduleInfo(
        name=name, spec=spec, function="prune_sessions", queue="arq:queue", args="[]", kwargs='{"older_than_days": 30}',
        next=NOW + 33 * MINUTE + 20 * SECOND, last=NOW - 27 * MINUTE, last_job="", paused=False, catch_up=CatchUp.ONE,
        runs=812, missed=3, source="code", orphaned=False,
    )  # fmt: skip
    return ScheduleRow(replace(info, **changes), ticks)


def _tick(n: int, outcome: RunOutcome, job: Job | None) -> Tick:
    at = NOW - 27 * MINUTE - n * HOUR
    return Tick(ScheduleRun(at, at + 40 * n, job.id if job else "", outcome), job)


_TICKS = [
    _tick(n, RunOutcome.ENQUEUED, job)
    for n, job in enumerate((made.RUNNING, made.SUCCEEDED, made.FAILED, made.RETRYING, made.QUEUED, made.ABORTED))
] + [
    _tick(6, RunOutcome.MISSED, None), _tick(7, RunOutcome.OVERLAPPED, made.RUNNING),
    Tick(ScheduleRun(NOW - 9 * HOUR, NOW - 9 * HOUR, "gone", RunOutcome.ENQUEUED), None),
    _tick(9, RunOutcome.BY_HAND, made.SUCCEEDED),
]  # fmt: skip
_WEEKLY = Crontab("0 9 * * mon", "Europe/Berlin")
_SCHEDULES: list[ScheduleRow | Unreadable] = [
    _schedule("prune", Every(3600), _TICKS),
    _schedule("newsletter", _WEEKLY, _TICKS[1:2], next=NOW + 4 * DAY + 17 * HOUR + 33 * MINUTE + 20 * SECOND),
    _schedule("held", _WEEKLY, _TICKS[:3], paused=True, next=None),
    _schedule("missed", Every(60), _TICKS[6:7], missed=1440), _schedule("nobody", Every(60), [], orphaned=True),
    _schedule("once", At(NOW - DAY), _TICKS[1:2], next=None, source="program"),
    _schedule(RUSSIAN, Every(90.5), [], function=RUSSIAN), _schedule(HOSTILE, Every(5), _TICKS, function=HOSTILE),
    _schedule(LONG, _WEEKLY, _TICKS, function=LONG, queue="queue:" + LONG), Unreadable("broken", "its spec is no JSON"),
]  # fmt: skip

SECTION = Section(
    "schedules",
    "Schedules",
    (
        Sample(
            "Active, held, missed, nobody’s, over; Russian, hostile, long, unreadable",
            "schedule_list",
            {"view": SchedulesView(_SCHEDULES, 1)},
        ),
        Sample("The page of one", "schedule_page", {"schedule": _schedule("page-prune", Every(3600), _TICKS)}),
        Sample(
            "Held, it has not run yet",
            "schedule_page",
            {"schedule": _schedule("page-held", _WEEKLY, [], paused=True, next=None)},
        ),
    ),
    ("schedules",),
)
NONE_YET = Sample("No schedule yet", "schedule_list", {"view": SchedulesView([], 1)})
