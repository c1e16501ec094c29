"""What an exception means to who asked: a status, a code, words, and what to do."""

from __future__ import annotations

import dataclasses
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aiohttp import web
from redis.exceptions import AuthenticationError, ReadOnlyError, RedisError, ResponseError
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import TimeoutError as NoAnswer

from arqboard.protocol import (
    ArqboardError,
    BadArguments,
    BadWorkflow,
    JobExists,
    JobNotFound,
    KeyReused,
    NoSuchChunk,
    PayloadGone,
    UnknownFunction,
    WorkerNotFound,
    WorkflowNotFound,
    WrongState,
)
from arqboard.protocol.errors import ScheduleInUse, ScheduleNotFound
from arqboard.protocol.keybrowser import KeyNotFound
from arqboard.protocol.said import said_by
from arqboard.protocol.savedviews import TooManyViews, ViewNotFound

from .errors import BadInput, FailureNotFound, Refused, Unreadable
from .language import N_, gettext

log = logging.getLogger("arqboard.dashboard")

#: Seconds after which a client may ask again while Redis is away.
RETRY_SECONDS = 2
#: What Redis answers while it can be reached but not used.
_UNUSABLE = (
    "OOM", "MISCONF", "READONLY", "LOADING", "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN", "TRYAGAIN", "NOAUTH",
    "NOPERM",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as it is told."""

    status: int
    code: str
    message: str
    title: str = ""
    field: str = ""
    fields: Mapping[str, str] = dataclasses.field(default_factory=dict[str, str])
    hint: str = ""
    retry_seconds: int | None = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict[str, str])

    def as_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.field:
            told["field"] = self.field
        if self.fields:
            told["fields"] = dict(self.fields)
        return {"error": told}


def problem_of(error: Exception, redis_label: str = "Redis") -> Problem:
    """What an exception means to the person who asked."""
    match error:
        case ArqboardError():
            return _of_ours(error)
        case RedisError() if is_away(error):
            return _away(error, redis_label)
        case UnicodeEncodeError():
            return Problem(
                400, "not_text", N_("A part of the request holds half of a surrogate pair, which is not text.")
            )
        case _:
            return _broken(error)


def is_away(error: Exception) -> bool:
    """Whether Redis can't be reached or used now, as opposed to a mistake of ours."""
    match error:
        case LostConnection() | NoAnswer() | ReadOnlyError() | AuthenticationError():
            return True
        case ResponseError():
            said = str(error)
            return said.startswith(_UNUSABLE) or any(f" {word} " in said for word in _UNUSABLE)
        case _:
            return False


def _of_ours(error: ArqboardError) -> Problem:
    message = said_by(error)
    match error:
        case JobNotFound():
            return Problem(404, "job_not_found", message, "No such job")
        case UnknownFunction():
            return Problem(404, "unknown_function", message, "No such function", field="function")
        case WorkflowNotFound():
            return Problem(404, "workflow_not_found", message, "No such workflow")
        case ScheduleNotFound():
            return Problem(404, "schedule_not_found", message, "No such schedule")
        case WorkerNotFound():
            return Problem(404, "worker_not_found", message, "No such worker")
        case KeyNotFound():
            return Problem(404, "key_not_found", message, "No such key")
        case ViewNotFound():
            return Problem(404, "view_not_found", message, "No such view")
        case FailureNotFound():
            return Problem(404, "failure_not_found", message, "No such failures")
        case BadWorkflow():
            return Problem(422, "bad_workflow", message, "This workflow can't run", error.where, error.fields)
        case ScheduleInUse():
            return Problem(409, "schedule_in_use", message, "Not now")
        case TooManyViews():
            return Problem(409, "too_many_views", message, "Not now", field="name")
        case WrongState():
            return Problem(409, "wrong_state", message, "Not now")
        case NoSuchChunk():
            return Problem(409, "no_such_chunk", message, "Not now")
        case JobExists():
            return Problem(409, "job_exists", message, "This id is taken", field="job_id")
        case PayloadGone():
            return Problem(409, "payload_gone", message, "The call has expired")
        case KeyReused():
            return Problem(409, "key_reused", message, "This key was used", field="Idempotency-Key")
        case BadArguments():
            return Problem(422, "bad_arguments", message, "The arguments don't fit", _first(error), error.problems)
        case Unreadable():
            return Problem(422, "unreadable", message, "This record can't be read")
        case BadInput():
            return Problem(error.status, error.code, message, field=error.field)
        case Refused():
            return Problem(error.status, error.code, message, headers=error.headers)
        case _:
            return Problem(422, "refused", message)


def _first(error: BadArguments) -> str:
    return next(iter(error.problems), "")


def _away(error: Exception, label: str) -> Problem:
    said = " ".join(str(error).split()) or type(error).__name__
    return Problem(
        503,
        "redis_unavailable",
        gettext("Redis at %(label)s can't be used now: %(said)s") % {"label": label, "said": said},
        "Redis is away",
        hint="Jobs are safe with their workers; this page comes back by itself when Redis does.",
        retry_seconds=RETRY_SECONDS,
        headers={"Retry-After": str(RETRY_SECONDS)},
    )


def _broken(error: Exception) -> Problem:
    number = secrets.token_hex(6)
    log.error("request %s failed", number, exc_info=error)
    return Problem(
        500,
        "internal_error",
        gettext("Something broke on our side. The log has the details under %(number)s.") % {"number": number},
        "This should not happen",
        headers={"X-Request-Id": number},
    )


_HTTP: dict[int, tuple[str, str]] = {
    400: ("bad_request", "The request can't be understood."),
    401: ("unauthorized", "Sign in first."),
    403: ("forbidden", "This is not allowed."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not take that method."),
    408: ("too_slow", "The request took too long to arrive."),
    413: ("too_large", "The body is too large: 256 kB are the most."),
    415: ("wrong_content_type", "The body is of a type that is not taken here."),
    503: ("unavailable", "Not now; try again in a moment."),
}


#: RFC 9110's names, which Python has from 3.13 on.
_NAMES = {413: "Content Too Large", 422: "Unprocessable Content"}


def phrase(status: int) -> str:
    """What an HTTP status is called, the same under every Python."""
    return _NAMES.get(status) or HTTPStatus(status).phrase


def problem_of_http(answer: web.HTTPException, method: str) -> Problem:
    """aiohttp's own answers. Their texts can hold parts of the request, so they are not repeated."""
    code, message = _HTTP.get(answer.status, ("refused", phrase(answer.status)))
    told = ("Allow", "Retry-After", "WWW-Authenticate")
    kept = {name: value for name, value in answer.headers.items() if name in told}
    if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
        wrong = gettext("%(method)s is not possible here; %(allowed)s is.")
        message = wrong % {"method": method, "allowed": kept.get("Allow", gettext("nothing"))}
    return Problem(answer.status, code, message, headers=kept)
