"""One job: how far it is, what it tried, what came of it."""

from __future__ import annotations

import asyncio

from aiohttp import web

from arqboard.protocol import Job, JobNotFound, Reader, Unreadable

from ..appkeys import READER
from ..errors import Unreadable as UnreadableRecord
from ..fragments import LOG_SHOWN
from ..parameters import MAX_NAME
from ..strictjson import is_text
from ..views import JobView
from .shell import page


async def job(request: web.Request) -> web.Response:
    reader = request.app[READER]
    job_id = id_of(request)
    found, marks, left, artefacts, lines = await asyncio.gather(
        readable(reader, job_id), reader.chunk_marks(job_id), reader.result_left_ms(job_id),
        reader.artefacts(job_id), reader.log_tail(job_id, LOG_SHOWN),
    )  # fmt: skip
    view = JobView(found, marks, await reader.attempts(found), left, artefacts, lines)
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
            raise UnreadableRecord(f'The record of job "{job_id}" can\'t be read: {why}.')
        case None:
            raise JobNotFound(job_id)
