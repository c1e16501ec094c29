"""What happened lately, as the API tells it: counts, durations and waits by time, errors, deploys."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from aiohttp import web
from multidict import MultiMapping
from pydantic import BaseModel, ConfigDict, Field

from arqboard.protocol import Counts, Reader, Stats, UnknownFunction, percentile
from arqboard.protocol.stats import STEP_SECONDS, Step

from .api import body_of, json_answer
from .appkeys import COMMANDS, READER
from .guard import text_of
from .jsonviews import Json, iso
from .parameters import bad_parameter
from .submission import known_function

HOUR_MS = 3_600_000
_UNIT_MS = {"m": 60_000, "h": HOUR_MS, "d": 24 * HOUR_MS}
_AGO = re.compile(r"(\d{1,6})([mhd])", re.ASCII)
#: Longest text that may be a time.
_MAX_TIME = 40


class NewDeploy(BaseModel):
    """The body of `POST /api/v1/deploys`."""

    model_config = ConfigDict(strict=True, extra="forbid", str_strip_whitespace=True)

    release: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]


async def stats(request: web.Request) -> web.Response:
    """What happened since a time, an hour ago if none is given, of one function or of all."""
    reader, query = request.app[READER], request.query
    function = await _function(request, text_of(query, "function"))
    since, step = _since(query, await reader.now_ms()), _step(query)
    try:
        found = await reader.stats(function, since=since, step=step)
    except ValueError as error:
        raise bad_parameter("step", f"{error}; take a coarser step or a later since") from None
    return json_answer({"function": function, **await _stats_json(reader, found)})


async def deploy(request: web.Request) -> web.Response:
    """Mark that a release runs from now on, unless it is the latest one already."""
    wanted = await body_of(request, NewDeploy, '{"release": "2.4.1"}')
    is_new, time = await request.app[COMMANDS].deploy(wanted.release)
    told = {"release": wanted.release, "time": iso(time), "repeated": not is_new}
    return json_answer(told, HTTPStatus.CREATED if is_new else HTTPStatus.OK)


async def _stats_json(reader: Reader, found: Stats) -> Json:
    total = found.total
    return {
        "step": STEP_SECONDS[found.step],
        "since": iso(found.since),
        "buckets": [{"time": iso(bucket.time), **counts_json(bucket.counts)} for bucket in found.buckets],
        "totals": counts_json(total),
        "errors": errors_json(total),
        "deploys": [{"release": d.release, "time": iso(d.time)} for d in await reader.deploys(found.since)],
    }


def counts_json(counts: Counts) -> Json:
    return {
        "submitted": counts.submitted,
        "started": counts.started,
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "aborted": counts.aborted,
        "retried": counts.retried,
        "lost": counts.lost,
        "run": histogram_json(counts.run, counts.run_ms),
        "wait": histogram_json(counts.wait, counts.wait_ms),
    }


def histogram_json(buckets: Sequence[int], sum_ms: int) -> Json:
    """Percentiles are upper bounds of their buckets, so they can be up to twice what they were."""
    count = sum(buckets)
    return {
        "count": count,
        "mean_ms": round(sum_ms / count, 1) if count else None,
        "p50_ms": percentile(buckets, 0.50),
        "p95_ms": percentile(buckets, 0.95),
        "p99_ms": percentile(buckets, 0.99),
    }


def errors_json(counts: Counts) -> list[Json]:
    """Most frequent first."""
    ordered = sorted(counts.errors.items(), key=lambda error: (-error[1], error[0]))
    return [{"type": kind, "count": count} for kind, count in ordered]


async def _function(request: web.Request, name: str | None) -> str | None:
    """A name that workers have published, or under which something was counted (cron jobs are not published)."""
    if name is None:
        return None
    try:
        await known_function(request.app, name)
    except UnknownFunction:
        if name not in (await request.app[READER].totals()).functions:
            raise
    return name


def _since(query: MultiMapping[str], now: int) -> int:
    text = text_of(query, "since")
    if text is None:
        return now - HOUR_MS
    ago = _AGO.fullmatch(text)
    since = now - int(ago[1]) * _UNIT_MS[ago[2]] if ago else _moment(text)
    if since > now:
        raise bad_parameter("since", f'"{text[:_MAX_TIME]}" is in the future')
    return since


def _moment(text: str) -> int:
    try:
        time = datetime.fromisoformat(text) if len(text) <= _MAX_TIME else None
        if time is not None:
            return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        pass
    raise bad_parameter("since", f'"{text[:_MAX_TIME]}" is not a time; give 2026-11-22T10:00:00Z, or 15m, 24h or 7d')


def _step(query: MultiMapping[str]) -> Step | None:
    text = text_of(query, "step")
    for step in STEP_SECONDS:
        if step == text:
            return step
    if text is None:
        return None
    raise bad_parameter("step", f'"{text[:60]}" is not a step; there are {", ".join(STEP_SECONDS)}')
