"""All jobs of a list as CSV or JSON, written while they are read: a page of them is all that is held."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any

from aiohttp import web

from arqboard.protocol import Job, Query, Reader, Unreadable
from arqboard.protocol.listing import MAX_PAGE

from .jsonviews import iso, job_json
from .strictjson import shown

#: A spreadsheet takes what begins like this for a formula, also behind a line break that it drops.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
Rows = Sequence[Job | Unreadable]
#: What a column says of a job.
COLUMNS: dict[str, Callable[[Job], Any]] = {
    "id": lambda job: job.id,
    "function": lambda job: job.function,
    "queue": lambda job: job.queue,
    "state": lambda job: job.state.value,
    "enqueued": lambda job: iso(job.enqueued),
    "started": lambda job: iso(job.started),
    "ended": lambda job: iso(job.ended),
    "run_ms": lambda job: job.ended - job.started if job.ended and job.started else None,
    "tries": lambda job: job.tries,
    "max_tries": lambda job: job.max_tries,
    "worker": lambda job: job.worker,
    "error_type": lambda job: job.error.type if job.error else None,
    "error": lambda job: job.error.message if job.error else None,
    "args": lambda job: _json(job.args),
    "kwargs": lambda job: _json(job.kwargs),
    "result": lambda job: _json(job.result) if job.has_result else None,
    "source": lambda job: job.source,
    "workflow": lambda job: job.workflow,
    "tags": lambda job: ", ".join(job.tags),
}


async def pages_of(reader: Reader, query: Query) -> AsyncIterator[Rows]:
    """All pages of a list from its beginning. A search that looks in vain brings empty ones."""
    place: str | None = None
    while True:
        page = await reader.page(replace(query, limit=MAX_PAGE, after=place, before=None))
        yield page.jobs
        if page.next is None:
            return
        place = page.next


async def begun(pages: AsyncIterator[Rows]) -> AsyncIterator[Rows]:
    """The same pages, of which the first has been read."""
    first = await anext(pages)

    async def all_of_them() -> AsyncIterator[Rows]:
        yield first
        async for page in pages:
            yield page

    return all_of_them()


async def as_csv(app: web.Application, pages: AsyncIterator[Rows]) -> AsyncIterator[str]:
    """A header and a line per job. Of what can't be read there is the id."""
    yield _lines([list(COLUMNS)])
    async for jobs in pages:
        yield _lines([_row(job) for job in jobs])


async def as_json(app: web.Application, pages: AsyncIterator[Rows]) -> AsyncIterator[str]:
    """One array of jobs as the API tells them."""
    yield "["
    separator = "\n"
    async for jobs in pages:
        for job in jobs:
            yield separator + shown(job_json(app, job))
            separator = ",\n"
    yield "\n]\n"


def cell(value: Any) -> str:
    """What a spreadsheet shows as it is: with a quote before what it would take for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) and not isinstance(value, int | float) else text


def _row(job: Job | Unreadable) -> list[str]:
    if isinstance(job, Unreadable):
        return [cell(job.id), "", "", "unreadable", *[""] * (len(COLUMNS) - 4)]
    return [cell(read(job)) for read in COLUMNS.values()]


def _lines(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
