"""What a form or a program asks for many jobs: which, and what to do to them. Mistakes are named after the field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl

from aiohttp import web
from multidict import MultiDict

from arqboard.protocol import Query
from arqboard.protocol.acting import MAX_PRIORITY, Action, Wish
from arqboard.protocol.reader import MAX_PAGE

from .guard import read_pairs
from .language import gettext
from .listquery import query_of
from .parameters import MAX_NAME, bad_parameter, not_among
from .strictjson import is_text

#: More jobs than this are acted on after their number was typed.
TYPE_FROM = 100


@dataclass(frozen=True, slots=True)
class BulkForm:
    """`query_text` is the list that the form stands under, as it is in addresses; `ids` its selected rows."""

    wish: Wish
    ids: tuple[str, ...]
    is_all: bool
    query: Query
    query_text: str
    is_confirmed: bool
    typed: str

    @classmethod
    async def read(cls, request: web.Request) -> Self:
        """From the form that was sent."""
        pairs = await read_pairs(request)
        fields, ids = dict(pairs), [value for name, value in pairs if name == "id"]
        return cls._of(request, fields, ids)

    @classmethod
    def of_address(cls, request: web.Request) -> Self:
        """From the address of the page that asks: `?action=retry&query=state%3Dfailed`."""
        return cls._of(request, {**dict(request.query), "all": "1"}, [])

    @classmethod
    def _of(cls, request: web.Request, fields: Mapping[str, str], ids: Sequence[str]) -> Self:
        text = fields.get("query", "")
        action = action_of(fields.get("action", ""))
        priority = priority_of(fields.get("priority", "")) if action is Action.REPRIORITISE else 0
        return cls(
            Wish(action, priority=priority, by=request.remote or ""), ids_of(ids), fields.get("all") == "1",
            query_of_text(text), text, fields.get("confirmed") == "1", fields.get("typed", "").strip(),
        )  # fmt: skip


def action_of(text: str) -> Action:
    if text not in set(Action):
        raise bad_parameter("action", not_among(text, "action", Action))
    return Action(text)


def priority_of(text: str) -> int:
    if text not in {str(n) for n in range(MAX_PRIORITY + 1)}:
        wrong = gettext('"%(text)s" is not a priority; give 0 to %(most)s, higher first')
        raise bad_parameter("priority", wrong % {"text": text[:60], "most": MAX_PRIORITY})
    return int(text)


def ids_of(ids: Sequence[str]) -> tuple[str, ...]:
    """At most a page of them, each once."""
    found = tuple(dict.fromkeys(ids))
    if len(found) > MAX_PAGE:
        wrong = gettext("%(n)s jobs are the most that can be named; more are acted on by a filter")
        raise bad_parameter("id", wrong % {"n": MAX_PAGE})
    if any(not job_id or len(job_id) > MAX_NAME or not is_text(job_id) for job_id in found):
        raise bad_parameter("id", gettext("no job has such an id"))
    return found


def query_of_text(text: str) -> Query:
    """The list that a query string names."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError:
        wrong = gettext('"%(text)s" names no list of jobs') % {"text": text[:60]}
        raise bad_parameter("query", wrong) from None
    return query_of(MultiDict(pairs))
