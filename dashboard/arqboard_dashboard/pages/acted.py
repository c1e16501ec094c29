"""What is answered to an action on a queue, a worker or a schedule: its part of the page, or the way back."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

from ..appkeys import OVERVIEW, RENDERER
from ..links import url_part
from ..place import base
from .shell import see_other


async def part(app: web.Application, partial: str, *, oob: bool = False, **values: object) -> str:
    """A part of a page as it is now. Pushed (`oob`), it finds its place by itself."""
    return app[RENDERER].part(partial, await app[OVERVIEW].look(), oob=oob, **values)


def replaces(request: web.Request, prefix: str) -> bool:
    """Whether htmx will put the answer in the place of a part whose id begins so; it says which as `div#queue-mail`."""
    _, _, target = request.headers.get("HX-Target", "").partition("#")
    return target.startswith(prefix)


def back(request: web.Request, listing: str, name: str, flash: str) -> web.Response:
    """Without JavaScript: to the list, if the form was there, else to the page of the thing."""
    here = f"{base(request.app)}/{listing}"
    came_from = urlsplit(request.headers.get("Referer", "")).path
    return see_other(request, here if came_from == here else f"{here}/{url_part(name)}", flash)
