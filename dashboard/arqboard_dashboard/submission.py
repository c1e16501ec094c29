"""What may be asked with a new job beside its arguments: queue, start, id; the same for form and API."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from aiohttp import web

from arqboard.protocol import FunctionInfo
from arqboard.protocol.keys import ArqKeys
from arqboard.protocol.said import said_by
from arqboard.protocol.tags import tags_of
from arqboard.submitting import find_function

from .appkeys import OVERVIEW
from .errors import BadInput
from .language import gettext, translated

#: A year, the longest that a start may lie ahead.
MAX_DEFER = 366 * 86_400
_ID = re.compile(r"[A-Za-z0-9_.:@=+-]{1,128}")
#: Words that stand for something else in a path.
_TAKEN_IDS = frozenset({"new", "bulk", ".", ".."})


async def known_function(app: web.Application, name: str) -> FunctionInfo:
    """What workers have published under the name, a moment ago included. Raises UnknownFunction."""
    functions = app[OVERVIEW].functions
    found = (await functions.get()).get(name)
    return found or find_function(await functions.again(), name)


@dataclass(frozen=True, slots=True)
class Options:
    """Checked options. Times are in seconds; None leaves the choice to the function and the clock."""

    queue: str | None = None
    job_id: str | None = None
    defer_by: float | None = None
    priority: int | None = None
    unique_key: str | None = None
    max_tries: int | None = None
    timeout: float | None = None
    tags: tuple[str, ...] = ()
    """beside those of the function"""

    @classmethod
    async def of(
        cls,
        app: web.Application,
        info: FunctionInfo,
        *,
        queue: str | None,
        job_id: str | None,
        defer_by: float | None,
        tags: Sequence[str] = (),
    ) -> Self:
        """What only a request can have wrong; the rest is in the model of its body. Raises BadInput."""
        check_id(job_id)
        check_defer(defer_by)
        await check_queue(app, info, queue)
        return cls(queue, job_id, defer_by, tags=checked_tags(info, tags))


def check_id(job_id: str | None) -> None:
    if job_id is not None and (not _ID.fullmatch(job_id) or job_id in _TAKEN_IDS):
        raise bad_option(
            "job_id", gettext("An id has 1 to 128 letters, digits or any of _ . : @ = + -, and is not `new`.")
        )


def check_defer(defer_by: float | None) -> None:
    if defer_by is not None and not (math.isfinite(defer_by) and 0 <= defer_by <= MAX_DEFER):
        raise bad_option("defer_by", gettext("A job can start 0 to %(n)s seconds from now.") % {"n": MAX_DEFER})


async def check_queue(app: web.Application, info: FunctionInfo, queue: str | None) -> None:
    """A queue's name is a Redis key of arq's, so only queues that exist are written to."""
    if queue is None or queue in (info.queue, ArqKeys.default_queue):
        return
    queues = app[OVERVIEW].queues
    if queue not in {known.name for known in await queues.get()}:
        names = [known.name for known in await queues.again()]
        if queue not in names:
            there_are = ", ".join(names) or ArqKeys.default_queue
            wrong = gettext('There is no queue "%(name)s", but %(names)s.') % {"name": queue[:60], "names": there_are}
            raise bad_option("queue", wrong)


def checked_tags(info: FunctionInfo, tags: Sequence[str]) -> tuple[str, ...]:
    """Those that come beside the function's own; all together there may be only so many. Raises BadInput."""
    try:
        return tags_of([*info.tags, *tags])[len(info.tags) :]
    except ValueError as error:
        raise bad_option("tags", f"{translated(said_by(error))}.") from None


def bad_option(field: str, message: str) -> BadInput:
    return BadInput(message, code="bad_option", field=field, status=422)
