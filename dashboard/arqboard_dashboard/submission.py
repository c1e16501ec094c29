"""What may be asked with a new job beside its arguments: queue, start, id; the same for form and API."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from aiohttp import web

from arqboard.protocol import FunctionInfo
from arqboard.protocol.keys import ArqKeys
from arqboard.submitting import find_function

from .appkeys import OVERVIEW
from .errors import BadInput

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
    """Checked options. `defer_by` is in seconds; None leaves the choice to the function and the clock."""

    queue: str | None = None
    job_id: str | None = None
    defer_by: float | None = None

    @classmethod
    async def of(
        cls,
        app: web.Application,
        info: FunctionInfo,
        *,
        queue: str | None,
        job_id: str | None,
        defer_by: float | None,
    ) -> Self:
        """Raises BadInput, which names the option."""
        if job_id is not None and (not _ID.fullmatch(job_id) or job_id in _TAKEN_IDS):
            raise _bad("job_id", "An id has 1 to 128 letters, digits or any of _ . : @ = + -, and is not `new`.")
        if defer_by is not None and not (math.isfinite(defer_by) and 0 <= defer_by <= MAX_DEFER):
            raise _bad("defer_by", f"A job can start 0 to {MAX_DEFER} seconds from now.")
        if queue is not None and queue not in (info.queue, ArqKeys.default_queue):
            await _check_queue(app, queue)
        return cls(queue, job_id, defer_by)

    @classmethod
    async def of_form(cls, app: web.Application, info: FunctionInfo, typed: Mapping[str, str]) -> Self:
        """From the fields `opt.…`, where empty means not given."""
        texts = {name: typed.get(f"opt.{name}", "").strip() or None for name in ("queue", "job_id", "defer_by")}
        return await cls.of(
            app, info, queue=texts["queue"], job_id=texts["job_id"], defer_by=_seconds(texts["defer_by"])
        )


async def _check_queue(app: web.Application, queue: str) -> None:
    """A queue's name is a Redis key of arq's, so only queues that exist are written to."""
    queues = app[OVERVIEW].queues
    if queue not in {known.name for known in await queues.get()}:
        names = ", ".join(known.name for known in await queues.again())
        if queue not in names.split(", "):
            raise _bad("queue", f'There is no queue "{queue[:60]}", but {names or ArqKeys.default_queue}.')


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return float(text) if len(text) < 30 and "_" not in text else math.nan
    except ValueError:
        return math.nan


def _bad(field: str, message: str) -> BadInput:
    return BadInput(message, code="bad_option", field=field, status=422)
