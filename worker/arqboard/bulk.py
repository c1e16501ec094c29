"""The built-in function `arqboard:bulk`: acts on all jobs that match a filter, batch by batch.

Exactly once: what is done to a batch, what came of it and where the next one begins are one atomic call, fenced by the
attempt's token. Whoever runs it next, after a kill or an abort and a retry, reads that and goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from .progress import Progress
from .protocol.bulk import BULK, MAX_TRIES, TIMEOUT, Bulk, Place, Tally, tally_of
from .protocol.reader import Reader
from .reporter import ANSWER_WITHIN, AWAY
from .tasks import Task, func

if TYPE_CHECKING:
    from .worker import Worker

T = TypeVar("T")

#: While Redis is away, it is asked again after so many seconds.
PAUSE = 0.3
#: What was done, as it is told.
DONE = {"retry": "retried", "abort": "aborted", "delete": "deleted", "reprioritise": "given the priority"}
_SAID = {"asked": "asked to abort", "lost_call": "lost their call", "taken": "queued anew", "gone": "gone"}


def built_in(worker: Worker) -> dict[str, Task[..., Any]]:
    """The functions that every worker offers beside its own."""

    async def bulk(ctx: dict[str, Any], **asked: Any) -> dict[str, Any]:
        """Act on all jobs that match a filter."""
        run = BulkRun(worker, ctx["job_id"], ctx["progress"], Bulk.from_kwargs(asked))
        return await run.to_the_end()

    return {BULK: func(bulk, name=BULK, timeout=TIMEOUT, max_tries=MAX_TRIES)}


class BulkRun:
    """One attempt of a bulk job."""

    def __init__(self, worker: Worker, job_id: str, progress: Progress, asked: Bulk) -> None:
        self._redis, self._commands = worker.pool, worker.commands
        self._reader = Reader(worker.pool, worker.commands.keys)
        self._job_id, self._token = job_id, worker.running[job_id].token
        self._progress, self._asked, self._plan = progress, asked, asked.plan()

    async def to_the_end(self) -> dict[str, Any]:
        """Batch after batch; Redis may be away meanwhile. An abort comes between two batches."""
        tally = Tally()
        place: Place | None = None
        while place is None or place.step < len(self._plan):
            try:
                tally = await (self._load() if place is None else _whole(self._batch(place)))
                place = tally.place
            except AWAY:  # whether the last batch was done is in Redis
                place = None
                await asyncio.sleep(PAUSE)
        return {"action": self._asked.wish.action.value, "looked": tally.looked, **dict(tally.counts())}

    async def _load(self) -> Tally:
        async with asyncio.timeout(ANSWER_WITHIN):
            tally = await tally_of(self._redis, self._commands.keys, self._job_id)
        await self._tell(tally)
        return tally

    async def _batch(self, place: Place) -> Tally:
        async with asyncio.timeout(ANSWER_WITHIN):
            told = await self._act(place)
        if told is None:
            raise RuntimeError("another attempt owns this bulk job")
        tally = Tally.parse(told)
        await self._tell(tally)
        return tally

    async def _act(self, place: Place) -> str | None:
        page = await self._reader.page(place.query(self._plan))
        meant = {job.id: job.version for job in page.jobs if self._asked.means(job)}
        looked = page.looked.count if page.looked else len(page.jobs)
        return await self._commands.act_in_bulk(
            self._job_id, self._token, self._asked.wish, meant, looked=looked, at=str(place.next(page))
        )

    async def _tell(self, tally: Tally) -> None:
        total = max(self._asked.total, tally.looked)
        is_over = tally.place.step >= len(self._plan)
        await self._progress(total if is_over else tally.looked, total, unit="jobs", note=self._note(tally))

    def _note(self, tally: Tally) -> str:
        done = {**_SAID, "done": DONE[self._asked.wish.action]}
        return ", ".join(f"{number:,} {done.get(name, name)}" for name, number in tally.counts())


async def _whole(batch: Coroutine[Any, Any, T]) -> T:
    """Wait for a batch to its end. A cancellation meanwhile is raised after it: what is told is what was done."""
    task = asyncio.ensure_future(batch)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
