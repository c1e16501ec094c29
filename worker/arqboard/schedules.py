"""What runs by the clock, as users write it into `WorkerSettings.schedules`.

schedules = [
    every(300, clean_up),
    crontab("0 9 * * mon", newsletter.s(list_id=7), tz="Europe/Berlin"),
    at(datetime(2030, 1, 1, tzinfo=UTC), greet.s("everybody")),
]
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Protocol, TypeAlias, cast

from arq.connections import ArqRedis
from arq.cron import CronJob
from arq.worker import Function

from .board import Board
from .options import CallOptions
from .protocol.arqcron import ArqCron, weekday_number
from .protocol.catchup import CatchUp
from .protocol.commands import Commands
from .protocol.errors import BadSchedule
from .protocol.payload import preview_call
from .protocol.schedule import At, Crontab, Every, Spec
from .protocol.schedule_record import Definition
from .protocol.tags import tags_of
from .protocol.timezones import name_of
from .tasks import Task
from .workflow import Signature

#: What a schedule runs: `task.s(…)`, a task, a function as in `functions`, or the name of one.
Runs: TypeAlias = Signature[Any] | Function | Callable[..., Any] | str

#: A time that no worker lives to see; arq compares it with aware times.
_NEVER = datetime(9000, 1, 1, tzinfo=UTC)


class WorkerLike(Protocol):
    """What scheduling needs of a worker."""

    queue_name: str
    max_tries: int
    job_timeout_s: float | None
    commands: Commands

    @property
    def pool(self) -> ArqRedis: ...
    @property
    def functions(self) -> Mapping[str, Function | CronJob]: ...


@dataclass(frozen=True)
class Schedule:
    """One call and when it is made. `queue` None is the task's or the worker's own."""

    spec: Spec
    signature: Signature[Any]
    name: str
    catch_up: CatchUp = CatchUp.ONE
    queue: str | None = None

    def define(self, worker: WorkerLike) -> Definition:
        """As Redis keeps it, with its payload of now. Raises BadArguments, or SerializationError."""
        job = Board(worker.pool, prefix=worker.commands.keys.prefix).submission(self.signature)
        function = worker.functions.get(job.function)
        options = self.signature.call
        tries = options.max_tries or (function.max_tries if function else None) or worker.max_tries
        timeout = options.timeout or (function.timeout_s if function else None) or worker.job_timeout_s
        return Definition(
            self.name,
            self.spec,
            replace(job, queue=self.queue_of(worker), max_tries=tries, timeout=timeout),
            catch_up=self.catch_up,
            source="code",
            job_id=options.job_id or "",
        )

    def queue_of(self, worker: WorkerLike) -> str:
        task = self.signature.task
        return (
            self.queue or self.signature.call.queue or (task.task_options.queue if task else None) or worker.queue_name
        )


def every(
    interval: float | timedelta,
    runs: Runs,
    *,
    name: str | None = None,
    catch_up: str = "one",
    queue: str | None = None,
    anchor: datetime | None = None,
    tags: Sequence[str] = (),
) -> Schedule:
    """Every so many seconds, counted from `anchor` or from 1970, so restarts and further workers move nothing.

    `every(86_400, …)` is midnight UTC. Its jobs have the `tags`, after those of the call. Raises BadSchedule.
    """
    seconds = interval.total_seconds() if isinstance(interval, timedelta) else interval
    return _schedule(Every(seconds, _aware(anchor).timestamp() if anchor else 0), runs, name, catch_up, queue, tags)


def crontab(
    expression: str,
    runs: Runs,
    *,
    tz: str | tzinfo = "UTC",
    name: str | None = None,
    catch_up: str = "one",
    queue: str | None = None,
    tags: Sequence[str] = (),
) -> Schedule:
    """By a crontab line ("0 9 * * mon", "*/5 * * * *", "@daily", six fields with seconds in front), in a time zone.

    When the clock changes, a job of a fixed time runs once that day. Raises BadSchedule.
    """
    zone = tz if isinstance(tz, str) else name_of(tz)
    return _schedule(Crontab(expression, zone), runs, name, catch_up, queue, tags)


def at(
    when: datetime,
    runs: Runs,
    *,
    name: str | None = None,
    catch_up: str = "one",
    queue: str | None = None,
    tags: Sequence[str] = (),
) -> Schedule:
    """Once. A time without a zone is this machine's. One that has passed before a worker knew it is missed."""
    return _schedule(At(int(_aware(when).timestamp() * 1000)), runs, name, catch_up, queue, tags)


def from_cron_jobs(cron_jobs: Iterable[CronJob], tz: tzinfo | None) -> list[Schedule]:
    """arq's cron jobs as schedules, in the worker's time zone. Those that each worker runs for itself stay arq's."""
    return [_of_cron_job(cron_job, name_of(tz or UTC)) for cron_job in cron_jobs if cron_job.unique]


def arqs_own(cron_jobs: Iterable[CronJob]) -> list[CronJob]:
    """What is left for arq: cron jobs with `unique=False`, and the first run of those with `run_at_startup`."""
    return [_left_for_arq(cron_job) for cron_job in cron_jobs if not cron_job.unique or _has_start_run(cron_job)]


def check(schedules: Iterable[Schedule], worker: WorkerLike) -> None:
    """Raises BadSchedule for two of one name, and for a function that the worker has not."""
    names: set[str] = set()
    for schedule in schedules:
        if schedule.name in names:
            raise BadSchedule(f'Two schedules are called "{schedule.name}": give one of them a name (name="…").')
        names.add(schedule.name)
        function = schedule.signature.function
        if schedule.queue_of(worker) == worker.queue_name and function not in worker.functions:
            known = ", ".join(sorted(worker.functions)[:20])
            raise BadSchedule(
                f'The schedule "{schedule.name}" runs "{function}", which the worker has not; it has {known}'
            )


class _StartRun(CronJob):
    """The first run of a cron job, when the worker starts. The schedule does the others."""

    of: CronJob

    def calculate_next(self, prev_run: datetime) -> None:
        """arq asks once it has enqueued the run."""
        self.next_run = self.of.next_run = _NEVER


def _has_start_run(cron_job: CronJob) -> bool:
    return cron_job.run_at_startup and cron_job.next_run is None


def _left_for_arq(cron_job: CronJob) -> CronJob:
    if not cron_job.unique:
        return cron_job
    start = _StartRun(**vars(cron_job))
    start.of = cron_job
    return start


def _schedule(
    spec: Spec, runs: Runs, name: str | None, catch_up: str, queue: str | None, tags: Sequence[str]
) -> Schedule:
    signature = _signature(runs)
    if more := tags_of(tags):
        signature = signature.set(tags=[*(signature.call.tags or ()), *more])
    return Schedule(spec, signature, name or _default_name(signature), _catch_up(catch_up), queue)


def _of_cron_job(cron_job: CronJob, tz: str) -> Schedule:
    spec = ArqCron(
        cron_job.month, cron_job.day, weekday_number(cron_job.weekday), cron_job.hour, cron_job.minute, cron_job.second,
        cron_job.microsecond, tz,
    )  # fmt: skip
    return Schedule(spec, Signature(cron_job.name, call=CallOptions(job_id=cron_job.job_id)), cron_job.name)


def _signature(runs: Runs) -> Signature[Any]:
    if isinstance(runs, Signature):
        return cast("Signature[Any]", runs)
    if isinstance(runs, Task):
        return cast("Task[..., Any]", runs).s()
    if isinstance(runs, str):
        return Signature(runs)
    name = runs.name if isinstance(runs, Function) else getattr(runs, "__qualname__", None)
    if name is None:
        raise BadSchedule(f"A schedule runs a task, a function, its name or task.s(…), not {runs!r}.")
    return Signature(name)


def _default_name(signature: Signature[Any]) -> str:
    """The function's name, and a mark of the arguments where there are any: the same in every process."""
    if not signature.args and not signature.kwargs:
        return signature.function
    shown = "\0".join(preview_call(signature.args, signature.kwargs))
    return f"{signature.function}-{hashlib.sha256(shown.encode('utf-8', 'replace')).hexdigest()[:6]}"


def _catch_up(text: str) -> CatchUp:
    try:
        return CatchUp(text)
    except ValueError:
        raise BadSchedule(f'catch_up is "one", "skip" or "all", not {text!r}') from None


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.astimezone()
