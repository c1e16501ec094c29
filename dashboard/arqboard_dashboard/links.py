"""What things are called: HTML ids of fragments, addresses of jobs and lists, and the one name of a query."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

from arqboard.protocol import Query
from arqboard.protocol.query import Sort

from .job_views import LogView
from .views import Look

_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ROOTS: dict[str, str] = {"row": "job"}


@lru_cache(maxsize=4096)
def dom_id(job_id: str) -> str:
    """The id itself where it is a plain word, else a hash: any string must become one safe HTML id."""
    if _PLAIN_ID.fullmatch(job_id):
        return job_id
    return "x" + hashlib.sha256(job_id.encode(errors="replace")).hexdigest()[:16]


def root_id(kind: str, job_id: str) -> str:
    """The HTML id of a job's fragment: `job-…` for its row, else `<kind>-…`."""
    return f"{_ROOTS.get(kind, kind)}-{dom_id(job_id)}"


@lru_cache(maxsize=4096)
def url_part(text: str) -> str:
    """Any text as one part of a path."""
    return quote(text, safe="", errors="replace")


def job_url(look: Look, job_id: str) -> str:
    """Where a job's page is."""
    return f"{look.base}/jobs/{url_part(job_id)}"


def job_api_url(look: Look, job_id: str) -> str:
    """Where programs find a job."""
    return f"{look.base}/api/v1/jobs/{url_part(job_id)}"


def tag_url(look: Look, tag: str) -> str:
    """The list of the jobs that have a tag, which needs no quotes."""
    return list_url(look, Query(q=f"tag:{tag}"))


def artefact_url(look: Look, job_id: str, number: int) -> str:
    """Where the bytes of an artefact are."""
    return f"{job_api_url(look, job_id)}/artefacts/{number}"


def log_query(log: LogView, level: str | None = None, before: str | None = None) -> str:
    """The part of an address that says which lines of a log: those of `log`, or of another level, or before a place."""
    wanted = {"level": (log.level or "") if level is None else level, "q": log.text, "before": before or ""}
    return urlencode({name: value for name, value in wanted.items() if value}, errors="replace")


@lru_cache(maxsize=1024)
def query_string(query: Query, window: str = "") -> str:
    """The filters that are set, sorted, without the place in the list: one list has one name.

    With the window of the page for what keeps it in links; the list itself has none.
    """
    pairs = {
        "function": query.function,
        "queue": query.queue,
        "state": query.state.value if query.state else None,
        "q": query.q,
        "sort": query.sort.value if query.sort is not Sort.NEWEST else None,
        "limit": str(query.limit) if query.limit != Query().limit else None,
        "window": window,
    }
    return urlencode(sorted((k, v) for k, v in pairs.items() if v), errors="replace")


def list_url(
    look: Look,
    query: Query | None = None,
    after: str | None = None,
    *,
    before: str | None = None,
    window: str = "",
    page: str = "",
    **changes: Any,
) -> str:
    """The list under a query, with some of its filters changed: `list_url(look, q, queue=None)`.

    `page` is what comes after `/jobs`, as for an export.
    """
    filters = replace(query or Query(), after=None, before=None, **changes)
    place = {"after": after} if after else {"before": before} if before else {}
    text = "&".join(part for part in (query_string(filters, window), urlencode(place, errors="replace")) if part)
    return f"{look.base}/jobs{page}" + (f"?{text}" if text else "")
