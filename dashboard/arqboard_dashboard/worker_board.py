"""What the pages of workers read, at most once a second however many people look."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from arqboard.protocol import Job, Query, Reader, State, Unreadable, WorkerInfo, WorkerNotFound
from arqboard.protocol.client import Client
from arqboard.protocol.fleet import Taken, read_leases, read_taken
from arqboard.protocol.reader import MAX_PAGE

from .overview import Fresh
from .worker_views import LeftJob, WorkerCard, WorkersView, outdated

if TYPE_CHECKING:
    from .overview import Overview

#: Workers on one page; more are found by their queue.
MAX_SHOWN = 100
#: Jobs of a lost worker that are followed.
MAX_LEFT = 50


class WorkerBoard:
    """Workers with what they run or have left behind, over a client that it does not own."""

    def __init__(self, redis: Client, reader: Reader, overview: Overview) -> None:
        self._redis, self._reader, self._overview = redis, reader, overview
        self.all: Fresh[WorkersView] = Fresh(self._all)

    async def again(self) -> WorkersView:
        """Read now: something was asked of a worker."""
        self._overview.workers.expire()
        return await self.all.again()

    async def card(self, worker_id: str) -> WorkerCard:
        """Raises WorkerNotFound."""
        for card in (await self.all.get()).cards:
            if card.info.id == worker_id:
                return card
        raise WorkerNotFound(worker_id)

    async def _all(self) -> WorkersView:
        workers, running, (version, _) = await asyncio.gather(
            self._overview.workers.get(), self._running(), self._reader.position()
        )
        left = await self._left([worker for worker in workers if not worker.alive], running)
        served = {worker.queue for worker in workers if worker.alive}
        cards = [
            WorkerCard(
                info=worker,
                jobs=running[worker.id] if worker.alive else [],
                left=left.get(worker.id, []),
                outdated=outdated(worker, workers),
                nobody=worker.queue not in served,
            )
            for worker in workers[:MAX_SHOWN]
        ]
        return WorkersView(cards, version)

    async def _running(self) -> Mapping[str, list[Job]]:
        """Running jobs by worker, the oldest first. Of very many, the newest MAX_PAGE."""
        page = await self._reader.page(Query(state=State.RUNNING, limit=MAX_PAGE))
        found: defaultdict[str, list[Job]] = defaultdict(list)
        for job in reversed(page.jobs):
            if isinstance(job, Job) and job.state is State.RUNNING:
                found[job.worker].append(job)
        return found

    async def _left(self, lost: Sequence[WorkerInfo], running: Mapping[str, list[Job]]) -> dict[str, list[LeftJob]]:
        """What became of the jobs of each lost worker: those it named last, it still holds, or that were taken over."""
        if not lost:
            return {}
        taken = await read_taken(self._redis, self._reader.keys, [worker.id for worker in lost], MAX_LEFT)
        had = {worker.id: _had(worker, running.get(worker.id, ()), taken[worker.id]) for worker in lost}
        ids = list(dict.fromkeys(job_id for job_ids in had.values() for job_id in job_ids))
        jobs = dict(zip(ids, await self._reader.many(ids), strict=True))
        held = {i: job.queue for i, job in jobs.items() if isinstance(job, Job) and job.state is State.RUNNING}
        leases = await read_leases(self._redis, held)
        fates = {
            worker: [_fate(worker, job_id, jobs[job_id], _newest(taken[worker], job_id), leases) for job_id in job_ids]
            for worker, job_ids in had.items()
        }
        return {worker: [fate for fate in of_one if fate] for worker, of_one in fates.items()}


def _had(worker: WorkerInfo, held: Sequence[Job], taken: Sequence[Taken]) -> list[str]:
    """Ids of jobs that a lost worker had, each once."""
    ids = [*(job.id for job in held), *(one.job_id for one in taken), *worker.running]
    return list(dict.fromkeys(ids))[:MAX_LEFT]


def _fate(
    worker: str, job_id: str, job: Job | Unreadable | None, taken: Taken | None, leases: Mapping[str, int]
) -> LeftJob | None:
    """None for a job that the worker itself had ended before it was lost."""
    if taken is not None:
        state = job.state if isinstance(job, Job) else None
        return LeftJob(job_id, taken.function, "taken", state, taken.by, taken.at)
    if not isinstance(job, Job):
        return LeftJob(job_id, "", "gone")
    if job.state is State.RUNNING:
        if job.worker != worker:
            return LeftJob(job_id, job.function, "taken", job.state, job.worker, job.started or 0)
        return LeftJob(job_id, job.function, "waits", job.state, until=leases.get(job_id, 0))
    if job.state.is_terminal:
        return None if job.worker == worker else LeftJob(job_id, job.function, "ended", job.state, job.worker)
    return LeftJob(job_id, job.function, "waits again", job.state)


def _newest(taken: Sequence[Taken], job_id: str) -> Taken | None:
    return next((found for found in taken if found.job_id == job_id), None)
