"""The JSON API of acting on many jobs: by their ids at once, by a filter as a job."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from aiohttp import web
from multidict import MultiDict
from pydantic import BaseModel, ConfigDict, Field

from arqboard.protocol import State
from arqboard.protocol.acting import MAX_PRIORITY, Action, Answer, Wish
from arqboard.protocol.reader import MAX_PAGE

from .api import body_of, json_answer
from .appkeys import COMMANDS
from .bulk import start
from .bulkform import ids_of
from .errors import BadInput
from .listquery import query_of
from .place import job_resource

_EXAMPLE = '{"action": "retry", "filter": {"state": "failed", "function": "resize"}}'
_CODES = {
    Answer.GONE: "job_not_found", Answer.REFUSED: "wrong_state", Answer.LOST_CALL: "payload_gone",
    Answer.TAKEN: "job_exists",
}  # fmt: skip


class Filter(BaseModel):
    """Which jobs, as the list's own parameters have it; an empty one means all that the action is for."""

    model_config = ConfigDict(strict=True, extra="forbid")

    state: str | None = None
    function: str | None = None
    queue: str | None = None
    q: str | None = None


class BulkAction(BaseModel):
    """The body: `ids` or a `filter`, one of the two; `priority` (0 to 9) for reprioritise."""

    model_config = ConfigDict(strict=True, extra="forbid")

    action: str
    ids: Annotated[list[str], Field(max_length=MAX_PAGE)] | None = None
    filter: Filter | None = None
    priority: Annotated[int, Field(ge=0, le=MAX_PRIORITY)] | None = None


async def bulk(request: web.Request) -> web.Response:
    """Retry, abort, delete or reprioritise many jobs."""
    wanted = await body_of(request, BulkAction, _EXAMPLE)
    wish = _wish(request, wanted)
    if (wanted.ids is None) == (wanted.filter is None):
        raise BadInput("Give either `ids` or a `filter`.", code="bad_request", field="ids", status=422)
    if wanted.ids is not None:
        return await _to_ids(request, wish, ids_of(wanted.ids))
    return await _to_all(request, wish, wanted.filter or Filter())


def _wish(request: web.Request, wanted: BulkAction) -> Wish:
    if wanted.action not in set(Action):
        there = ", ".join(Action)
        raise BadInput(f"action: there are {there}", code="bad_request", field="action", status=422)
    action = Action(wanted.action)
    if (action is Action.REPRIORITISE) != (wanted.priority is not None):
        raise BadInput("priority: goes with reprioritise, and only with it", field="priority", status=422)
    return Wish(action, priority=wanted.priority or 0, by=request.remote or "")


async def _to_ids(request: web.Request, wish: Wish, ids: tuple[str, ...]) -> web.Response:
    """Each has its own answer; one that can't be done stops no other."""
    answers = await request.app[COMMANDS].act(wish, ids)
    told: dict[str, Any] = {
        "done": [job_id for job_id, answer in answers.items() if answer.is_done],
        "refused": [{"id": i, "code": _CODES[answer]} for i, answer in answers.items() if not answer.is_done],
    }
    if wish.action is Action.ABORT:
        told["asked"] = [job_id for job_id, answer in answers.items() if answer is Answer.ASKED]
    return json_answer(told, HTTPStatus.ACCEPTED)


async def _to_all(request: web.Request, wish: Wish, wanted: Filter) -> web.Response:
    """It runs as a job, whose address is answered."""
    given = {name: value for name, value in wanted.model_dump().items() if value}
    started = await start(request.app, wish, query_of(MultiDict(given)))
    url = job_resource(request.app, started.job_id)
    told = {"job": started.job_id, "state": State.QUEUED.value, "total": started.total, "repeated": not started.is_new}
    return json_answer({**told, "url": url}, HTTPStatus.ACCEPTED, {"Location": url})
