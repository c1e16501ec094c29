"""Workers: what each runs, how it is, and what became of the jobs of those that are lost."""

from __future__ import annotations

from aiohttp import web

from arqboard.protocol import WorkerNotFound

from ..appkeys import COMMANDS, WORKER_BOARD
from ..language import gettext
from ..meters import Meter, some_name
from ..parameters import name_of
from ..worker_views import WorkerCard
from .acted import back, part, replaces
from .shell import html_response, is_htmx, page


async def workers(request: web.Request) -> web.Response:
    """All of them, or those of one `queue`."""
    view = (await request.app[WORKER_BOARD].all.get()).of(name_of(request.query, "queue") or "")
    return await page(request, "pages/workers.html", view, active="workers", title="Workers")


async def worker(request: web.Request) -> web.Response:
    card = await request.app[WORKER_BOARD].card(request.match_info["id"])
    return await page(
        request, "pages/worker.html", card, active="workers", title=f"{card.info.id} · {gettext('worker')}"[:120]
    )


async def drain(request: web.Request) -> web.Response:
    """It finishes what it runs and claims no more."""
    worker_id = request.match_info["id"]
    await request.app[COMMANDS].drain(worker_id)
    return await _shown(request, worker_id, "worker_drained")


async def resume(request: web.Request) -> web.Response:
    worker_id = request.match_info["id"]
    await request.app[COMMANDS].undrain(worker_id)
    return await _shown(request, worker_id, "worker_resumed")


async def _shown(request: web.Request, worker_id: str, flash: str) -> web.Response:
    board = request.app[WORKER_BOARD]
    await board.again()
    if not is_htmx(request):
        return back(request, "workers", worker_id, flash)
    partial = "worker_page" if replaces(request, "worker-page-") else "worker_card"
    return html_response(await part(request.app, partial, worker=await board.card(worker_id)))


# Live parts


async def _read_summary(app: web.Application, queue: str) -> str:
    return await part(app, "worker_summary", oob=True, view=(await app[WORKER_BOARD].all.get()).of(queue))


async def _read_card(app: web.Application, worker_id: str) -> str:
    card = await _card_or_none(app, worker_id)
    return await part(app, "worker_card", oob=True, worker=card) if card else ""


async def _read_page(app: web.Application, worker_id: str) -> str:
    card = await _card_or_none(app, worker_id)
    if card is None:
        return await part(app, "worker_gone", oob=True, worker_id=worker_id)
    return await part(app, "worker_page", oob=True, worker=card)


async def _card_or_none(app: web.Application, worker_id: str) -> WorkerCard | None:
    try:
        return await app[WORKER_BOARD].card(worker_id)
    except WorkerNotFound:
        return None


def _any_queue(_: str) -> None:
    """The summary is of all workers, or of those of one queue."""


METERS = (
    Meter("workers", _read_summary, _any_queue, idle_seconds=1.0),
    Meter("worker", _read_card, some_name, idle_seconds=2.0),
    Meter("worker-page", _read_page, some_name, idle_seconds=2.0),
)
