"""What the pages of queues read, at most once a second however many people look, and their live parts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from arqboard.protocol import QueueInfo, Reader, WorkerInfo
from arqboard.protocol.client import Client
from arqboard.protocol.queues import FunctionDepth, QueueCounts, read_function_depths

from .errors import BadInput
from .language import gettext
from .overview import Fresh
from .queue_history import QueueHistory
from .queue_views import SPANS, ChartBucket, QueueCharts, QueuePage, QueueRow, QueuesView, Span

if TYPE_CHECKING:
    from .overview import Overview

#: Queues on one page; more are found by their address.
MAX_SHOWN = 200


class QueueBoard:
    """Rows of queues, and all of one queue, over a client that it does not own."""

    def __init__(self, redis: Client, reader: Reader, overview: Overview) -> None:
        self._redis, self._reader, self._overview = redis, reader, overview
        self._history = QueueHistory(redis, reader.keys)
        self.all: Fresh[QueuesView] = Fresh(self._all)

    async def again(self) -> QueuesView:
        """Read now: something was done to a queue."""
        self._overview.queues.expire()
        return await self.all.again()

    async def row(self, name: str) -> QueueRow:
        """Raises BadInput where there is no such queue."""
        view = await self.all.get()
        for row in view.rows:
            if row.info.name == name:
                return row
        raise unknown_queue(name)

    async def page(self, name: str, span: Span) -> QueuePage:
        row, functions, workers, charts = await asyncio.gather(
            self.row(name), self.functions(name), self.workers(name), self.charts(name, span)
        )
        return QueuePage(row, functions, workers, charts, (await self.all.get()).version)

    async def functions(self, name: str) -> list[FunctionDepth]:
        """Functions that workers offer on this queue, and others that it has jobs of; the fullest first."""
        infos = await self._overview.functions.get()
        found = await read_function_depths(self._redis, self._reader.keys, name, sorted(infos))
        shown = [depth for depth in found if depth.has_any or infos[depth.name].queue == name]
        return sorted(shown, key=lambda depth: (-sum(depth.counts.values()), depth.name))

    async def workers(self, name: str) -> list[WorkerInfo]:
        return [worker for worker in await self._overview.workers.get() if worker.queue == name]

    async def charts(self, name: str, span: Span) -> QueueCharts:
        minutes, each = SPANS[span]
        now = self._overview.now_ms()
        _, epoch = await self._reader.position()
        counts = (await self._history.last([name], now, minutes + each, epoch))[name]
        return QueueCharts(name, span, _buckets(counts, now // 60_000, minutes // each, each))

    async def _all(self) -> QueuesView:
        (version, epoch), queues, workers = await asyncio.gather(
            self._reader.position(), self._overview.queues.get(), self._overview.workers.get()
        )
        shown, now = queues[:MAX_SHOWN], self._overview.now_ms()
        minutes = await self._history.last([queue.name for queue in shown], now, 60, epoch)
        return QueuesView([_row(queue, workers, minutes[queue.name], now) for queue in shown], version)


def unknown_queue(name: str) -> BadInput:
    wrong = gettext('There is no queue "%(name)s".') % {"name": name[:60]}
    return BadInput(wrong, code="unknown_queue", field="name", status=404)


def _row(info: QueueInfo, workers: Sequence[WorkerInfo], minutes: list[QueueCounts], now: int) -> QueueRow:
    alive = [worker for worker in workers if worker.alive and worker.queue == info.name]
    return QueueRow(
        info=info,
        workers=len(alive),
        busy=sum(min(len(worker.running), worker.slots) for worker in alive),
        slots=sum(worker.slots for worker in alive),
        minutes=minutes,
        now=now,
    )


def _buckets(counts: Sequence[QueueCounts], newest: int, count: int, each: int) -> list[ChartBucket]:
    """Minutes (the last one is `newest`) in buckets that begin at multiples of their size."""
    by_minute = dict(zip(range(newest - len(counts) + 1, newest + 1), counts, strict=True))
    last = newest // each
    return [
        ChartBucket(
            n * each * 60_000,
            QueueCounts.sum(by_minute[minute] for minute in range(n * each, n * each + each) if minute in by_minute),
        )
        for n in range(last - count + 1, last + 1)
    ]
