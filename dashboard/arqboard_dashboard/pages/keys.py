"""Single keys: found by name, prefix or the id of what they belong to, and looked into. Nothing is changed here."""

from __future__ import annotations

from aiohttp import web

from arqboard.protocol import Keys
from arqboard.protocol.said import said_by

from ..appkeys import KEY_BROWSER, READER
from ..guard import text_of
from ..language import N_, gettext, translated
from ..parameters import bad_parameter, name_of
from ..system_views import KeysView, KeyView
from .shell import page


async def keys(request: web.Request) -> web.Response:
    """Keys that begin with a text, or belong to an id. A look is bounded; its cursor is in the URL."""
    text = name_of(request.query, "find") or ""
    found = await request.app[KEY_BROWSER].find(text, cursor_of(request)) if text else None
    view = KeysView(text, found, beginnings(request.app[READER].keys))
    return await page(request, "pages/keys.html", view, active="system", title="Keys")


async def key(request: web.Request) -> web.Response:
    """One key: its type, size and lifetime, and a page of what is in it."""
    name = name_of(request.query, "name")
    if name is None:
        raise bad_parameter("name", gettext("which key? Give its name"))
    after = text_of(request.query, "after") or ""
    try:
        value = await request.app[KEY_BROWSER].read(name, after)
    except ValueError as error:
        raise bad_parameter("after", translated(said_by(error))) from None
    view = KeyView(value, job_of(name, request.app[READER].keys), not after)
    return await page(request, "pages/key.html", view, active="system", title=name[:120])


def cursor_of(request: web.Request) -> int:
    """Where the look before ended; Redis takes any number up to 64 bits."""
    text = text_of(request.query, "cursor") or "0"
    if not (text.isascii() and text.isdigit() and int(text[:20]) < 2**64):
        wrong = gettext('"%(text)s" is no place in a search; take it from the link to more') % {"text": text[:60]}
        raise bad_parameter("cursor", wrong)
    return int(text[:20])


def job_of(name: str, keys: Keys) -> str:
    """The job whose record or part a key is, by its name."""
    for start in (keys.job(""), keys.payload(""), keys.attempts(""), keys.chunks(""), keys.log(""), "arq:job:"):
        if name.startswith(start):
            return name.removeprefix(start)
    return ""


def beginnings(keys: Keys) -> list[tuple[str, str]]:
    return [
        (keys.job(""), N_("records of jobs")),
        (keys.jobs().partition("*")[0], N_("indexes of jobs")),
        (keys.workflow(""), N_("workflows")),
        (f"{keys.failures('fingerprint')}", N_("faults")),
        (keys.worker(""), N_("workers")),
        (f"{keys.stats_hour(0)[:-1]}", N_("counts by the hour")),
        ("arq:", N_("arq's own")),
    ]
