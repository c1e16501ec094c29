"""What is read for one job's page, piece by piece; each piece also for who asks for it alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import islice

from aiohttp import web
from multidict import MultiMapping

from arqboard.protocol import Attempt, Job, Reader, WorkflowNotFound
from arqboard.protocol.inside import Child
from arqboard.protocol.joblog import LogFilter, levelno_of, place_of
from arqboard.protocol.said import said_by
from arqboard.protocol.workflows import WorkflowInfo, Workflows

from .appkeys import OVERVIEW, READER, RENDERER, WORKFLOWS
from .errors import BadInput
from .guard import text_of
from .job_views import CHILDREN_SHOWN, FAILED_SHOWN, LOG_SHOWN, Children, ChunkView, FailedChunks, Level, LogView
from .language import gettext, translated
from .meters import Meter, some_name
from .parameters import MAX_NAME, bad_parameter, choice_of
from .strictjson import is_text

MAX_LOG = 1_000


# The log


async def log_view(reader: Reader, job_id: str, query: MultiMapping[str]) -> LogView:
    """The last lines before `before` that are of a `level` and have the text `q` in them. Raises BadInput."""
    level, text = choice_of(query, "level", Level), searched(query)
    before = _place(query, "before") or "+"
    page = await reader.log_before(job_id, before, LOG_SHOWN, LogFilter(levelno_of(level), text))
    return LogView(page.lines, page.before, page.next, level, text)


async def log_after(reader: Reader, job_id: str, query: MultiMapping[str]) -> LogView:
    """The lines after `after` of that `level` and with that text: what has come since."""
    level, text = choice_of(query, "level", Level), searched(query)
    page = await reader.logs(job_id, _place(query, "after") or "0", MAX_LOG, min_level=level, text=text)
    return LogView(page.lines, None, page.next, level, text)


def searched(query: MultiMapping[str]) -> str:
    """The text that is looked for in a log, "" for none."""
    text = text_of(query, "q") or ""
    if len(text) > MAX_NAME or not is_text(text):
        raise bad_parameter("q", gettext("no line of a log has such a text"))
    return text


def _place(query: MultiMapping[str], name: str) -> str | None:
    text = text_of(query, name)
    try:
        return None if text is None else place_of(text)
    except ValueError as error:
        raise bad_parameter(name, translated(said_by(error))) from None


# Chunks


async def chunk_of(reader: Reader, job: Job, text: str | None) -> ChunkView | None:
    """The chunk of that number; None where none is asked for. Raises BadInput."""
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not int(text):
        wrong = gettext('"%(text)s" is not the number of a chunk; they count from 1') % {"text": text[:60]}
        raise bad_parameter("chunk", wrong)
    found = await reader.chunks_at(job.id, [int(text) - 1])
    if not found:
        total = job.chunks.total if job.chunks else 0
        wrong = gettext('Job "%(id)s" has no chunk %(n)s; it has %(total)s.') % {
            "id": job.id,
            "n": text,
            "total": total,
        }
        raise BadInput(wrong, code="chunk_not_found", status=404)
    return ChunkView.of(job, found[0])


async def failed_of(reader: Reader, job: Job, marks: str | None = None) -> FailedChunks:
    """The first failed chunks with their errors."""
    if job.chunks is None or not job.chunks.failed:
        return FailedChunks([], 0)
    letters = await reader.chunk_marks(job.id) if marks is None else marks
    indexes = (index for index, mark in enumerate(letters) if mark == "f")
    infos = await reader.chunks_at(job.id, list(islice(indexes, FAILED_SHOWN)))
    return FailedChunks([ChunkView.of(job, info) for info in infos if info.mark == "f"], letters.count("f"))


# Children


async def children_of(app: web.Application, job_id: str) -> Children:
    """What a job submitted, the newest first, without what has been deleted since."""
    reader = app[READER]
    found, total = await reader.children(job_id, CHILDREN_SHOWN)
    jobs, workflows = await asyncio.gather(
        reader.many([child.id for child in found if not child.is_workflow]), _workflows(app[WORKFLOWS], found)
    )
    return Children([job for job in jobs if job is not None], workflows, total)


async def _workflows(workflows: Workflows, children: Sequence[Child]) -> list[WorkflowInfo]:
    ids = [child.id for child in children if child.is_workflow]
    found = await asyncio.gather(*(workflows.get(workflow_id) for workflow_id in ids), return_exceptions=True)
    for answer in found:
        if isinstance(answer, BaseException) and not isinstance(answer, (WorkflowNotFound, ValueError)):
            raise answer
    return [info for info in found if isinstance(info, WorkflowInfo)]


# Attempts


async def attempt_of(reader: Reader, job: Job, text: str) -> Attempt:
    """The attempt of that number, or of that place from the end ("-1") where it came too late to have one."""
    attempts = await reader.attempts(job)
    found = [attempt for attempt in attempts if str(attempt.number) == text]
    if not found:
        wrong = gettext('Job "%(id)s" has no attempt %(n)s.') % {"id": job.id, "n": text[:20]}
        raise BadInput(wrong, code="attempt_not_found", status=404)
    return found[-1]


# Live parts that are not of one job's record


async def _failed_chunks(app: web.Application, job_id: str) -> str:
    reader = app[READER]
    job = (await reader.many([job_id]))[0]
    if not isinstance(job, Job):
        return ""
    failed = await failed_of(reader, job)
    return app[RENDERER].part("failed_chunks", await app[OVERVIEW].look(), oob=True, job=job, failed=failed)


async def _children(app: web.Application, job_id: str) -> str:
    found = await children_of(app, job_id)
    return app[RENDERER].part("children", await app[OVERVIEW].look(), oob=True, job_id=job_id, children=found)


def _an_id(name: str) -> None:
    some_name(name)
    if len(name) > MAX_NAME:
        raise ValueError("no job has such an id")


METERS = (
    Meter("failed-chunks", _failed_chunks, check=_an_id),
    Meter("children", _children, check=_an_id),
)
