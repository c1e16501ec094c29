"""The JSON API of saved views: the lists that were given a name."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from arqboard.protocol.savedviews import ViewNotFound

from .api import body_of, json_answer
from .appkeys import SAVED_VIEWS
from .jsonviews import Json
from .pages.savedviews import keep, saved_views
from .place import base


class NewView(BaseModel):
    """The body of `POST /api/v1/views`: `query` is what the address of the list says after its `?`."""

    model_config = ConfigDict(strict=True, extra="forbid")

    name: str
    query: str


async def views(request: web.Request) -> web.Response:
    """All of them, by name."""
    found = await saved_views(request.app)
    return json_answer({"views": [_view_json(request.app, view.name, view.query) for view in found]})


async def save(request: web.Request) -> web.Response:
    """Keep a list under a name, in place of the one that had it."""
    wanted = await body_of(request, NewView, '{"name": "Failed mails", "query": "function=send_email&state=failed"}')
    query = await keep(request.app, wanted.name, wanted.query)
    return json_answer(_view_json(request.app, " ".join(wanted.name.split()), query), HTTPStatus.CREATED)


async def delete(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if not await request.app[SAVED_VIEWS].delete(name):
        raise ViewNotFound(name)
    return web.Response(status=HTTPStatus.NO_CONTENT)


def _view_json(app: web.Application, name: str, query: str) -> Json:
    """With where people find the list. Programs find the same jobs at `/api/v1/jobs`, but for its `window`."""
    address = f"?{query}" if query else ""
    return {"name": name, "query": query, "page": f"{base(app)}/jobs{address}"}
