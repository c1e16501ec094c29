"""A board and a worker in the loop of a test, which does nothing unless it is told to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from arq.connections import ArqRedis, RedisSettings, create_pool

from ..board import Board, JobHandle, connect
from ..live import Live
from ..protocol.client import Client
from ..protocol.inside import Artefact, LogLine
from ..protocol.job import Job, State
from ..protocol.reader import MAX_PAGE, Query
from ..protocol.schedule_record import ScheduleInfo
from ..protocol.schedules import Schedules
from ..running import get_kwargs
from ..schedules import Schedule
from ..scheduling import Scheduler
from ..worker import Worker
from .recorder import Recorder, Seen

#: Short enough that a test does not wait, in the proportions of the real ones.
QUICK = {"lease": 5.0, "heartbeat": 0.5, "flush": 0.02, "idle_flush": 0.02}
_BUSY = (State.QUEUED, State.RUNNING, State.RETRYING, State.DEFERRED)
_LOOK_EVERY = 0.01
#: Ticks in one travel at most; more are a mistake.
MAX_TICKS = 10_000


class StillBusy(AssertionError):
    """Jobs were left when the time was over. The message lists them."""


class JobFailed(AssertionError):
    """A job failed. The message has its error and traceback."""

    def __init__(self, job: Job) -> None:
        self.job = job
        trace = job.error.traceback if job.error else ""
        super().__init__(f"{job.function} {job.id} {job.state}: {job.error}\n{trace}")


class _Waiting(Scheduler):
    """Ticks only when somebody travels."""

    async def run(self) -> None:
        await asyncio.Event().wait()


class _KitWorker(Worker):
    def make_scheduler(self, schedules: Sequence[Schedule]) -> Scheduler:
        return _Waiting(self, schedules)


class Kit:
    """`board` is what `.submit()` uses meanwhile; `pool` is a stock arq pool to the same server."""

    def __init__(self, url: str, board: Board, pool: ArqRedis) -> None:
        self.url, self.board, self.pool = url, board, pool
        self.worker: Worker | None = None
        self.schedules = Schedules(pool, board.commands.keys)
        self._running: asyncio.Task[None] | None = None
        self._recorders: dict[str, Recorder] = {}

    # The worker

    async def use(self, *functions: Any, **settings: Any) -> Worker:
        """Start a worker with a settings class or dict, or with functions and settings. It runs no job by itself.

        A second call stops the first one's worker.
        """
        await self._stop()
        given: dict[str, Any] = {"functions": list(functions)}
        if len(functions) == 1 and (isinstance(functions[0], dict) or hasattr(functions[0], "functions")):
            given = get_kwargs(cast(Any, functions[0]))
        given = {**given, **settings, "redis_settings": RedisSettings.from_dsn(self.url), "handle_signals": False}
        given["arqboard"] = {**(given.get("arqboard") or {}), **QUICK}
        given.setdefault("poll_delay", 0.05)
        worker = self.worker = _KitWorker(**given)
        worker.allow_pick_jobs = False
        self._running = asyncio.create_task(worker.async_run())
        starting = asyncio.create_task(worker.has_started.wait())
        await asyncio.wait({self._running, starting}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await self._running
            raise RuntimeError("the worker ended before it had started")
        self._listen(worker)
        return worker

    def _listen(self, worker: Worker) -> None:
        """Every call of `progress` is kept, not only what reaches Redis."""
        touch = worker.reporter.touch

        def record(live: Live) -> None:
            self._recorders.setdefault(live.job_id, Recorder()).record(live)
            touch(live)

        worker.reporter.touch = record  # type: ignore[method-assign]

    async def run_until_idle(
        self, timeout: float = 10.0, *, skip_waits: bool = True, raise_errors: bool = False
    ) -> list[Job]:
        """Run jobs until none waits or runs, those that jobs and workflows add included. Returns what has ended by
        then, the oldest first.

        `skip_waits` starts deferred jobs and tries with a backoff at once. Raises StillBusy after `timeout` seconds,
        and with `raise_errors` JobFailed for the first job that failed.
        """
        worker = self._started()
        began, worker.allow_pick_jobs = time.monotonic(), True
        try:
            while not await self._is_idle(skip_waits=skip_waits):
                if time.monotonic() - began > timeout:
                    raise StillBusy(await self._left(timeout))
                await asyncio.sleep(_LOOK_EVERY)
        finally:
            worker.allow_pick_jobs = False
        await worker.outbox.drained()
        ended = [job for job in await self.jobs() if job.state.is_terminal]
        failed = next((job for job in ended if job.state is State.FAILED), None)
        if raise_errors and failed:
            raise JobFailed(await self.board.reader.get(failed.id))
        return ended

    async def _is_idle(self, *, skip_waits: bool) -> bool:
        worker = self._started()
        if skip_waits:
            await self._start_now()
        worker.look_again()
        counts, under_way = await self.board.reader.counts(), await self.board.commands.flows_under_way()
        waiting = [state for state in _BUSY if counts[state] and (skip_waits or state is not State.DEFERRED)]
        queued = await self.pool.zcard(worker.queue_name)
        return not (waiting or worker.running or any(under_way) or (queued and skip_waits))

    async def _start_now(self, before: float = float("inf")) -> None:
        """Make jobs due that wait for a time up to then (ms)."""
        client: Client = self.pool
        queue, now = self._started().queue_name, await self.board.reader.now_ms()
        later = await client.zrangebyscore(queue, f"({now}", before)
        for raw in later:
            if not await client.exists(f"arq:in-progress:{raw.decode()}"):
                await client.zadd(queue, {raw: now - 1}, xx=True)

    async def _left(self, timeout: float) -> str:
        jobs = [job for job in await self.jobs() if not job.state.is_terminal]
        told = "\n".join(f"  {job.function} {job.id} {job.state} {job.error or ''}" for job in jobs[:20])
        return f"{len(jobs)} jobs are left after {timeout:g} s:\n{told}"

    def _started(self) -> Worker:
        if self.worker is None:
            raise RuntimeError("there is no worker yet: `await kit.use(WorkerSettings)` first")
        return self.worker

    async def _stop(self) -> None:
        worker, self.worker = self.worker, None
        if worker is not None:
            await worker.close()
        if self._running is not None:
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None

    # Time

    async def now(self) -> datetime:
        """The time that schedules think it is: Redis', and what was travelled."""
        offset = self._started().scheduler.offset_ms
        return datetime.fromtimestamp((await self.board.reader.now_ms() + offset) / 1000, UTC)

    async def travel(self, delta: timedelta | None = None, **units: float) -> list[str]:
        """Let time pass for schedules: `await kit.travel(hours=3)`. Each tick in it comes at its own time, as if a
        worker had run all along. Returns the ids of the jobs they enqueued; `run_until_idle` runs them.

        Deferred jobs whose time comes are made due. Clocks inside of jobs do not move.
        """
        return await self.travel_to(await self.now() + (delta or timedelta(**units)))

    async def travel_to(self, moment: datetime) -> list[str]:
        """The same up to an aware datetime. Raises ValueError where that is past."""
        end = int(moment.timestamp() * 1000)
        if end < (await self.now()).timestamp() * 1000 - 1000:
            raise ValueError(f"{moment} is past; time only goes on")
        enqueued = await self._tick_until(end)
        await self._start_now(end)
        return enqueued

    async def _tick_until(self, end: int) -> list[str]:
        scheduler, reader, enqueued = self._started().scheduler, self.board.reader, list[str]()
        for _ in range(MAX_TICKS):
            times = [info.next for info in await self._infos() if info.next is not None and info.next <= end]
            if not times:
                break
            tick = min(times)
            scheduler.offset_ms = max(scheduler.offset_ms, tick - await reader.now_ms())
            await scheduler.turn()
            infos = await self._infos()
            enqueued += [info.last_job for info in infos if info.last == tick and info.last_job]
            if tick in [info.next for info in infos]:
                break  # nobody here can tick it
        scheduler.offset_ms = max(scheduler.offset_ms, end - await reader.now_ms())
        return enqueued

    async def _infos(self) -> list[ScheduleInfo]:
        return [info for info in await self.schedules.all() if isinstance(info, ScheduleInfo)]

    # What happened

    async def job(self, job: str | JobHandle[Any]) -> Job:
        """Raises JobNotFound."""
        return await self.board.reader.get(_id(job))

    async def jobs(self, function: str | None = None, state: State | None = None) -> list[Job]:
        """All that there are, the oldest first."""
        found: list[Job] = []
        query: Query | None = Query(state, function, limit=MAX_PAGE)
        while query is not None:
            page = await self.board.reader.page(query)
            found += [job for job in page.jobs if isinstance(job, Job)]
            query = Query(state, function, limit=MAX_PAGE, after=page.next) if page.next else None
        return found[::-1]

    async def failed(self) -> list[Job]:
        return await self.jobs(state=State.FAILED)

    def progress(self, job: str | JobHandle[Any]) -> list[Seen]:
        """What a job reported, every call."""
        known = self._recorders.get(_id(job))
        return list(known.seen) if known else []

    async def logs(self, job: str | JobHandle[Any]) -> list[LogLine]:
        return (await self.board.reader.logs(_id(job), limit=1000)).lines

    async def artefacts(self, job: str | JobHandle[Any]) -> dict[str, bytes | str]:
        """By name: the bytes, or the address."""
        made: list[Artefact] = await self.board.reader.artefacts(_id(job))
        return {a.name: a.url or await self.board.reader.artefact_data(_id(job), a.number) or b"" for a in made}

    async def close(self) -> None:
        await self._stop()
        await self.board.close()
        await self.pool.aclose()


@asynccontextmanager
async def kit(url: str) -> AsyncGenerator[Kit]:
    """A kit on the server of that address. Its database is emptied first."""
    client: Client = await create_pool(RedisSettings.from_dsn(url))
    await client.flushdb()
    opened = Kit(url, await connect(url), client)
    try:
        yield opened
    finally:
        await opened.close()


def _id(job: str | JobHandle[Any]) -> str:
    return job if isinstance(job, str) else job.id
