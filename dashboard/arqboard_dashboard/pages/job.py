"""One job: how far it is, what it tried, what came of it."""

from __future__ import annotations

import asyncio

from aiohttp import web

from arqboard.protocol import Job, JobNotFound, Reader, Unreadable
from arqboard.protocol.said import Said

from ..appkeys import READER
from ..errors import Unreadable as UnreadableRecord
from ..guard import text_of
from ..inside_parts import METERS, children_of, chunk_of, failed_of, log_view
from ..job_views import JobPage, Shown
from ..parameters import MAX_NAME, choice_of
from ..strictjson import is_text
from .shell import page

__all__ = ["METERS", "id_of", "job", "readable"]


async def job(request: web.Request) -> web.Response:
    reader, query, job_id = request.app[READER], request.query, id_of(request)
    show = choice_of(query, "show", Shown)
    found, marks, until, artefacts, log, children = await asyncio.gather(
        readable(reader, job_id), reader.chunk_marks(job_id), reader.result_until(job_id),
        reader.artefacts(job_id), log_view(reader, job_id, query), children_of(request.app, job_id),
    )  # fmt: skip
    attempts, failed, chunk = await asyncio.gather(
        reader.attempts(found), failed_of(reader, found, marks), chunk_of(reader, found, text_of(query, "chunk"))
    )
    view = JobPage(found, marks, attempts, until, artefacts, log, failed, children, show, chunk)
    return await page(request, "pages/job.html", view, active="jobs", title=f"{found.function} · {found.id}"[:120])


def id_of(request: web.Request) -> str:
    """The job's id in the path. What no job can be called is not found, without asking Redis."""
    job_id = request.match_info["id"]
    if len(job_id) > MAX_NAME or not is_text(job_id):
        raise JobNotFound(job_id[:60].encode(errors="replace").decode())
    return job_id


async def readable(reader: Reader, job_id: str) -> Job:
    """The job with its traceback. Raises JobNotFound, or says that its record can't be read."""
    match (await reader.many([job_id], detail=True))[0]:
        case Job() as found:
            return found
        case Unreadable(why=why):
            raise UnreadableRecord(Said('The record of job "%(id)s" can\'t be read: %(why)s.', id=job_id, why=why))
        case None:
            raise JobNotFound(job_id)
