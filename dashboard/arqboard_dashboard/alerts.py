"""What is wrong right now, for the strip over every page: nobody works, a loop lags, a Redis that may lose jobs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aiohttp import web

from arqboard.protocol import QueueInfo, WorkerInfo
from arqboard.protocol.system import SystemReader

from .appkeys import ALERTS, OVERVIEW, RENDERER
from .directions import isolated
from .language import gettext, translated
from .meters import Meter
from .overview import Fresh, Overview

#: A worker whose loop is behind by this much (ms) renews, reports and claims late.
LAG_MS = 1000
#: More of one kind are not told one by one.
MAX_ALERTS = 5


@dataclass(frozen=True, slots=True)
class Alert:
    """One sentence. `code` is what it is dismissed by, `path` where to look, after the mount."""

    code: str
    text: str
    path: str
    is_bad: bool = False


class Alerts:
    """Read at most every few seconds, however many people look."""

    def __init__(self, overview: Overview, system: SystemReader) -> None:
        self._overview, self._system = overview, system
        self._complaints: Fresh[tuple[str, ...]] = Fresh(self._read_complaints, seconds=10)

    async def get(self) -> tuple[Alert, ...]:
        """What is worst first; in the language that is spoken."""
        complaints, queues, workers = await asyncio.gather(
            self._complaints.get(), self._overview.queues.get(), self._overview.workers.get()
        )
        return (*_idle(queues, workers), *_lagging(workers), *(_of_redis(said) for said in complaints))

    async def _read_complaints(self) -> tuple[str, ...]:
        info = await self._system.info()
        return info.complaints if info else ()


def _idle(queues: Sequence[QueueInfo], workers: Sequence[WorkerInfo]) -> Iterator[Alert]:
    """Queues in which jobs wait and nobody works. A paused one is meant to wait."""
    served = {worker.queue for worker in workers if worker.alive}
    alone = [queue.name for queue in queues if queue.backlog and queue.paused is None and queue.name not in served]
    if alone and not served:
        yield Alert("no-worker", gettext("Jobs wait, and no worker is running."), "/workers", is_bad=True)
        return
    for name in alone[:MAX_ALERTS]:
        said = gettext("Jobs wait in the queue %(name)s, and no worker of it is running.") % {"name": isolated(name)}
        yield Alert(f"no-worker:{name}", said, "/workers", is_bad=True)


def _lagging(workers: Sequence[WorkerInfo]) -> Iterator[Alert]:
    for worker in [w for w in workers if w.alive and w.lag_ms > LAG_MS][:MAX_ALERTS]:
        said = gettext("The event loop of the worker %(name)s lags: code of a job blocks it.") % {
            "name": isolated(worker.id)
        }
        yield Alert(f"lag:{worker.id}", said, "/workers")


def _of_redis(said: str) -> Alert:
    """Its numbers change; it stays the same complaint."""
    return Alert(f"redis:{re.sub(r'[^a-z]+', '-', said.lower())[:60]}", translated(said), "/system")


async def _read(app: web.Application, _: str) -> str:
    found, look = await asyncio.gather(app[ALERTS].get(), app[OVERVIEW].look())
    return app[RENDERER].part("alerts", look, oob=True, view=found)


METERS = (Meter("alerts", _read, seconds=2.0),)
