"""Lists under names: kept, forgotten, and shown over the list of jobs."""

from __future__ import annotations

from urllib.parse import parse_qsl

from aiohttp import web
from multidict import MultiDict

from arqboard.protocol.savedviews import MAX_NAME, MAX_QUERY, SavedView

from ..appkeys import SAVED_VIEWS
from ..errors import BadInput
from ..guard import read_form
from ..language import gettext
from ..links import query_string
from ..listquery import asked_of
from ..parameters import bad_parameter
from ..place import base
from ..strictjson import is_text
from .shell import see_other


async def saved_views(app: web.Application) -> list[SavedView]:
    """Those whose address still says a list; what somebody else wrote into Redis is left out."""
    return [view for view in await app[SAVED_VIEWS].all() if view.query == canonical(view.query)]


async def save(request: web.Request) -> web.Response:
    """Keep the list that the form names, under the name that was typed."""
    form = await read_form(request)
    query = await keep(request.app, form.get("name", ""), form.get("query", ""))
    return see_other(request, _list(request, query), "view_saved")


async def keep(app: web.Application, name: str, query: str) -> str:
    """Keep a list under a name; returns its address in its one spelling. Raises BadInput or TooManyViews."""
    named, spelled = _named(name), canonical(query)
    if spelled is None:
        raise bad_parameter("query", gettext("this is no list of jobs"))
    await app[SAVED_VIEWS].save(named, spelled)
    return spelled


async def delete(request: web.Request) -> web.Response:
    """Forget a list by its name, and go back to what was shown."""
    form = await read_form(request)
    await request.app[SAVED_VIEWS].delete(_named(form.get("name", "")))
    return see_other(request, _list(request, canonical(form.get("query", "")) or ""), "view_deleted")


def _named(typed: str) -> str:
    name = " ".join(typed.split())
    if not name or len(name) > MAX_NAME or not name.isprintable() or not is_text(name):
        raise bad_parameter("name", gettext("a view has a name of at most %(n)s characters") % {"n": MAX_NAME})
    return name


def canonical(query: str) -> str | None:
    """The one spelling of what an address says; None where it says no list."""
    if len(query) > MAX_QUERY:
        return None
    try:
        asked = asked_of(MultiDict(parse_qsl(query, strict_parsing=bool(query), errors="strict")))
    except (BadInput, ValueError):
        return None
    return None if asked.problem else query_string(asked.query, asked.window_name)


def _list(request: web.Request, query: str) -> str:
    return f"{base(request.app)}/jobs" + (f"?{query}" if query else "")
