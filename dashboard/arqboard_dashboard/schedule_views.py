"""What the pages of schedules show: values, and what follows from them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median
from typing import Any, Literal, cast

from arqboard.protocol import Job, Unreadable
from arqboard.protocol.arqcron import ArqCron
from arqboard.protocol.schedule import At, Crontab, Every, Spec, upcoming
from arqboard.protocol.schedule_record import RunOutcome, ScheduleInfo, ScheduleRun

from .schedule_words import spec_words
from .worker_views import members_of

#: Times to come that are shown.
UPCOMING = 5
#: Ticks that a line of the list shows.
SHOWN_RUNS = 10

Looks = Literal[
    "queued", "deferred", "running", "retrying", "succeeded", "failed", "aborted", "missed", "overlapped", "gone"
]


@dataclass(frozen=True, slots=True)
class Tick:
    """One tick and what became of it. `looks` is its job's state where it has one that is still known."""

    run: ScheduleRun
    job: Job | None

    @property
    def looks(self) -> Looks:
        match self.run.outcome:
            case RunOutcome.MISSED:
                return "missed"
            case RunOutcome.OVERLAPPED:
                return "overlapped"
            case _:
                return self.job.state.value if self.job else "gone"

    @property
    def late_ms(self) -> int:
        """From when it was due to when it was decided."""
        return max(0, self.run.at - self.run.tick)

    @property
    def took_ms(self) -> int | None:
        """How long its job ran, where it made one that has ended."""
        job = None if self.run.outcome is RunOutcome.OVERLAPPED else self.job
        return job.ended - job.started if job and job.started and job.ended and job.ended >= job.started else None


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """One schedule with its last ticks, the newest first."""

    info: ScheduleInfo
    ticks: list[Tick]

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def upcoming(self) -> tuple[int, ...]:
        return () if self.info.next is None else _upcoming(self.info.spec, self.info.next)

    @property
    def zone(self) -> str:
        return zone_of(self.info.spec)

    @property
    def shows_seconds(self) -> bool:
        """Some of its next times are not at a full minute."""
        return any(ms % 60_000 >= 1000 for ms in self.upcoming)

    @property
    def shows_zone(self) -> bool:
        """An interval is the same in all of them."""
        return not isinstance(self.info.spec, Every)

    @property
    def line(self) -> str:
        """The spec as it is written in crontabs and code."""
        match self.info.spec:
            case Every(seconds):
                return f"every({seconds:g})"
            case Crontab(expression, _):
                return expression
            case At():
                return "at(…)"
            case ArqCron():
                return "cron(…)"

    @property
    def words(self) -> str:
        return spec_words(self.info.spec)

    @property
    def is_over(self) -> bool:
        """It has run for the last time."""
        return self.info.next is None and not self.info.paused

    @property
    def is_one_off(self) -> bool:
        return isinstance(self.info.spec, At)

    @property
    def can_delete(self) -> bool:
        """What is in the code of a worker would be put back within a minute."""
        return self.info.source == "program" or self.info.orphaned

    @property
    def can_pause(self) -> bool:
        return not self.info.paused and not self.is_over

    @property
    def last(self) -> Tick | None:
        """The newest that made a job."""
        return next((tick for tick in self.ticks if tick.run.job and tick.looks != "overlapped"), None)

    @property
    def late_ms(self) -> tuple[float, int] | None:
        """How late ticks were enqueued: half of them by less, and the worst. None where none was by the clock."""
        late = [tick.late_ms for tick in self.ticks if tick.run.outcome is RunOutcome.ENQUEUED]
        return (median(late), max(late)) if late else None

    @property
    def call(self) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """What it calls its function with."""
        args, kwargs = value_of(self.info.args), value_of(self.info.kwargs)
        return (
            cast("list[Any]", args) if isinstance(args, list) else [args],
            cast("dict[str, Any]", kwargs) if isinstance(kwargs, dict) else {"…": kwargs},
        )


@dataclass(frozen=True, slots=True)
class SchedulesView:
    """`pages/schedules.html`, and its summary."""

    rows: list[ScheduleRow | Unreadable]
    version: int

    @property
    def readable(self) -> list[ScheduleRow]:
        return [row for row in self.rows if isinstance(row, ScheduleRow)]

    @property
    def paused(self) -> int:
        return sum(row.info.paused for row in self.readable)

    @property
    def orphaned(self) -> int:
        return sum(row.info.orphaned for row in self.readable)

    @property
    def next(self) -> ScheduleRow | None:
        """The one that runs next."""
        due = [row for row in self.readable if row.info.next is not None]
        return min(due, key=lambda row: row.info.next or 0, default=None)

    @property
    def members(self) -> str:
        """Changes when a schedule comes or goes."""
        return members_of(sorted(row.name if isinstance(row, ScheduleRow) else row.id for row in self.rows))


def ticks_of(runs: Sequence[ScheduleRun], jobs: Mapping[str, Job | Unreadable | None]) -> list[Tick]:
    return [Tick(run, found if isinstance(found := jobs.get(run.job), Job) else None) for run in runs]


def zone_of(spec: Spec) -> str:
    return spec.tz if isinstance(spec, (Crontab, ArqCron)) else "UTC"


@lru_cache(maxsize=1000)
def _upcoming(spec: Spec, first: int) -> tuple[int, ...]:
    """The next times of a schedule stay the same until one has come."""
    return (first, *upcoming(spec, first, UPCOMING - 1))


def value_of(preview: str) -> Any:
    """Arguments are JSON; as the text it is where it was cut, because it is long."""
    try:
        return json.loads(preview)
    except ValueError:
        return preview
