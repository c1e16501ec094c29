"""The JSON API of a job's inside: its log, its chunks one by one, and what it made."""

from __future__ import annotations

import re
from http import HTTPStatus
from urllib.parse import quote

from aiohttp import web
from multidict import MultiMapping

from arqboard.protocol.inside import MAX_CHUNKS as MOST_CHUNKS
from arqboard.protocol.inside import Artefact, ChunkInfo
from arqboard.protocol.joblog import LogFilter, LogLine, levelno_of

from .api import json_answer
from .appkeys import READER
from .errors import BadInput
from .inside_parts import searched
from .job_views import MARKS, Shown
from .jsonviews import Json, iso
from .pages.job import id_of, readable
from .parameters import bad_parameter, choice_of
from .place import job_resource

#: Types that a browser may be told; what a job calls something else is sent as bytes.
SAFE_TYPES = frozenset((
    "application/pdf", "application/json", "application/zip", "image/png", "image/jpeg", "image/gif", "image/webp",
    "text/csv", "text/plain",
))  # fmt: skip


async def logs(request: web.Request) -> web.Response:
    """Lines of a job's log after the one that `after` names, or the last before `before`, oldest first; those from a
    `level` on, with the text `q` in them. `next` goes into the next request."""
    reader, job_id, query = request.app[READER], id_of(request), request.query
    await readable(reader, job_id)
    limit, level, text = number_of(request, "limit", 500, 1, 1000), level_of(query), searched(query)
    try:
        if "before" in query:
            page = await reader.log_before(job_id, query["before"] or "+", limit, LogFilter(level, text))
        else:
            page = await reader.logs(job_id, query.get("after") or "0", limit, min_level=level, text=text)
    except ValueError as error:
        raise bad_parameter("before" if "before" in query else "after", str(error)) from None
    told: Json = {"lines": [_log_json(line) for line in page.lines], "next": page.next}
    if "before" in query:
        told["before"] = page.before
    return json_answer(told)


async def chunks(request: web.Request) -> web.Response:
    """Chunks from the index `start` on, those in one `state` or all, each with how long it took and why it failed."""
    reader, job_id = request.app[READER], id_of(request)
    found, state = await readable(reader, job_id), choice_of(request.query, "state", Shown)
    start = number_of(request, "start", 0, 0, 10**9)
    limit = number_of(request, "limit", MOST_CHUNKS, 1, MOST_CHUNKS)
    total = found.chunks.total if found.chunks else 0
    if state is None:
        infos, following = await reader.chunk_info(job_id, start, start + limit), start + limit
    else:
        marks = await reader.chunk_marks(job_id)
        wanted = [n for n, mark in enumerate(marks[start:], start) if MARKS.get(mark) is state][: limit + 1]
        infos = [info for info in await reader.chunks_at(job_id, wanted[:limit]) if MARKS.get(info.mark) is state]
        following = wanted[limit] if len(wanted) > limit else total
    told = [_chunk_json(info) for info in infos]
    return json_answer({"chunks": told, "next": following if following < total else None, "total": total})


async def artefacts(request: web.Request) -> web.Response:
    """What the job made, in the order in which it first made it."""
    reader, job_id = request.app[READER], id_of(request)
    await readable(reader, job_id)
    made = await reader.artefacts(job_id)
    return json_answer({"artefacts": [_artefact_json(request.app, job_id, artefact) for artefact in made]})


async def artefact(request: web.Request) -> web.Response:
    """The bytes of one, as a download: what a job made is never shown as a page of ours."""
    reader, job_id = request.app[READER], id_of(request)
    wanted = request.match_info["number"]
    made = {str(a.number): a for a in await reader.artefacts(job_id)}.get(wanted)
    data = None if made is None or made.url else await reader.artefact_data(job_id, made.number)
    if made is None or data is None:
        has_url = f" It is at {made.url}." if made is not None and made.url else ""
        raise BadInput(
            f'Job "{job_id}" has no file {wanted[:20]}.{has_url}',
            code="artefact_not_found",
            status=HTTPStatus.NOT_FOUND,
        )
    kind = made.type.partition(";")[0].strip().lower()
    return web.Response(
        body=data,
        headers={
            "Content-Type": kind if kind in SAFE_TYPES else "application/octet-stream",
            "Content-Disposition": disposition(made.name),
        },
    )


def disposition(name: str) -> str:
    """An attachment of that name (RFC 6266): plain for old programs, and as it is for all others."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name).strip() or "artefact"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def level_of(query: MultiMapping[str]) -> int:
    """The rank of the level that is asked for; 0 for all. Raises BadInput."""
    try:
        return levelno_of(query.get("level") or None)
    except ValueError as error:
        raise bad_parameter("level", str(error)) from None


def number_of(request: web.Request, name: str, default: int, least: int, most: int) -> int:
    """A number in the query. Raises BadInput."""
    text = request.query.get(name, "")
    if not text:
        return default
    if not re.fullmatch(r"\d{1,10}", text, re.ASCII) or not least <= int(text) <= most:
        raise bad_parameter(name, f'"{text[:60]}" is not a number from {least} to {most}')
    return int(text)


def _log_json(line: LogLine) -> Json:
    return {
        "id": line.id,
        "time": iso(line.time),
        "level": line.level,
        "logger": line.logger,
        "message": line.message,
        "attempt": line.attempt,
    }


def _chunk_json(info: ChunkInfo) -> Json:
    return {
        "number": info.index + 1,
        "state": MARKS.get(info.mark, Shown.WAITING).value,
        "ms": info.ms,
        "attempt": info.attempt,
        "error": info.error or None,
    }


def _artefact_json(app: web.Application, job_id: str, made: Artefact) -> Json:
    return {
        "number": made.number,
        "name": made.name,
        "type": made.type,
        "size": made.size,
        "attempt": made.attempt,
        "created": iso(made.created),
        "url": made.url or f"{job_resource(app, job_id)}/artefacts/{made.number}",
    }
