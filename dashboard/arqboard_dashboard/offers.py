"""Beside the form: whether anybody would run the job, and the last jobs of the same function."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import parse_qs

from aiohttp import web

from arqboard.protocol import FunctionInfo, Query, WorkerInfo

from .appkeys import FEED, OVERVIEW, READER, RENDERER
from .new_views import Choice, Offer, RecentView
from .parameters import MAX_NAME

RECENT = 5


async def offer_of(app: web.Application, function: str, queue: str) -> Offer:
    """What is known now of who would run it."""
    overview = app[OVERVIEW]
    workers, queues, held = await asyncio.gather(
        overview.workers.get(), overview.queues.get(), app[READER].paused("function")
    )
    ready = [worker for worker in workers if worker.alive and not worker.draining]
    here = [worker for worker in ready if worker.queue == queue]
    return Offer(
        function=function,
        queue=queue,
        workers=sum(worker.alive for worker in workers),
        offering=sum(function in worker.functions for worker in here),
        ignorant=sum(function not in worker.functions for worker in here),
        elsewhere=tuple(sorted({w.queue for w in ready if function in w.functions} - {queue}))[:3],
        queue_paused=next((known.paused for known in queues if known.name == queue), None),
        function_paused=held.get(function),
    )


async def recent_of(app: web.Application, function: str) -> RecentView:
    """The newest jobs of a function."""
    found = await app[READER].page(Query(function=function, limit=RECENT))
    return RecentView(function, found.jobs, found.total)


def choices_of(functions: Sequence[FunctionInfo], workers: Sequence[WorkerInfo], find: str) -> list[Choice]:
    """All functions; found are those whose name or description has what is searched for."""
    offered = {name for worker in workers if worker.alive for name in worker.functions}
    wanted = find.strip().casefold()
    return [
        Choice(info, info.name in offered, wanted in info.name.casefold() or wanted in info.summary.casefold())
        for info in functions
    ]


# As live parts


def check_offer(name: str) -> None:
    """Raises ValueError for what is no such name."""
    _offer_parts(name)


def check_recent(name: str) -> None:
    """Raises ValueError for what no function can be called."""
    if not 0 < len(name) <= MAX_NAME:
        raise ValueError("no function has such a name")


async def read_offer(app: web.Application, name: str) -> str:
    offer = await offer_of(app, *_offer_parts(name))
    look = await app[OVERVIEW].look()
    return app[RENDERER].part("new_offer", look, oob=True, offer=offer, position=app[FEED].position)


async def read_recent(app: web.Application, name: str) -> str:
    recent = await recent_of(app, name)
    look = await app[OVERVIEW].look()
    return app[RENDERER].part("new_recent", look, oob=True, recent=recent, position=app[FEED].position)


def _offer_parts(name: str) -> tuple[str, str]:
    fields = parse_qs(name, strict_parsing=True, max_num_fields=2)
    try:
        return fields["fn"][0], fields["queue"][0]
    except KeyError as error:
        raise ValueError(f"{error} is missing") from None
