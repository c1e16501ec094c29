"""The JSON API of failures: what the pages show and do, for programs."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from aiohttp import web

from arqboard.protocol.failing import Action
from arqboard.protocol.failures import Group

from .api import json_answer
from .appkeys import FAILURES, READER
from .errors import FailureNotFound
from .failures_views import GROUPS, WINDOWS, FailuresQuery, GroupQuery, is_new
from .jsonviews import Json, iso, job_json
from .pages.failures import act_on, deployed, jobs_of


async def failures(request: web.Request) -> web.Response:
    """Groups of failed jobs: `by`, `window`, `order` and `page` as on the page."""
    query = FailuresQuery.of(request.query)
    found, release = await asyncio.gather(
        request.app[FAILURES].page(
            query.by, within_ms=query.within_ms, order=query.order, offset=(query.page - 1) * GROUPS, limit=GROUPS
        ),
        deployed(request.app[READER]),
    )
    return json_answer({"failures": [group_json(group, release) for group in found.groups], "total": found.total})


async def failure(request: web.Request) -> web.Response:
    """One group with its jobs, the newest first; `since` and `after` as on its page."""
    query = GroupQuery.of(request.match_info["name"], request.query)
    group = await request.app[FAILURES].get(query.by, query.name)
    if group is None:
        raise FailureNotFound(query.name)
    jobs, release = await asyncio.gather(jobs_of(request.app, query), deployed(request.app[READER]))
    told = group_json(group, release)
    told["matching"] = jobs.total
    told["jobs"] = [job_json(request.app, job) for job in jobs.jobs]
    told["next"] = jobs.next
    return json_answer(told)


async def retry(request: web.Request) -> web.Response:
    return await _act(request, "retry")


async def delete(request: web.Request) -> web.Response:
    return await _act(request, "delete")


async def _act(request: web.Request, action: Action) -> web.Response:
    query = GroupQuery.of(request.match_info["name"], request.query)
    acted = await act_on(request.app, query, action)
    told = {"done": acted.done, "refused": acted.refused, "has_more": acted.has_more}
    return json_answer(told, HTTPStatus.ACCEPTED)


def group_json(group: Group, release: int | None) -> Json:
    return {
        "by": group.by.value,
        "name": group.name,
        "type": group.type,
        "message": group.message,
        "frame": group.frame or None,
        "function": group.function,
        "functions": group.functions,
        "jobs": group.jobs,
        "counts": dict(zip(WINDOWS, group.counts, strict=True)),
        "ever": group.ever,
        "first": iso(group.first or group.oldest),
        "last": iso(group.last or group.newest),
        "newest": iso(group.newest),
        "new": is_new(group, release),
    }
