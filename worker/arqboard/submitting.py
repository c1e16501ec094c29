"""Submitting a job as a program does: checked against the signature, then queued in one atomic step."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from .protocol.commands import Commands, Submission, Submitted
from .protocol.errors import UnknownFunction
from .protocol.keys import ArqKeys
from .protocol.payload import encode_call, preview_call
from .protocol.signature import FunctionInfo
from .protocol.tags import tags_of


def find_function(functions: Mapping[str, FunctionInfo], name: str) -> FunctionInfo:
    """The published function of that name. Raises UnknownFunction with the nearest names."""
    found = functions.get(name)
    if found is None:
        raise UnknownFunction(name, difflib.get_close_matches(name, list(functions), n=3, cutoff=0.5))
    return found


async def submit(
    commands: Commands,
    info: FunctionInfo,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    queue: str | None = None,
    job_id: str | None = None,
    defer_by: float | None = None,
    once: str | None = None,
    source: str = "",
    lax: bool = False,
    priority: int | None = None,
    retry_of: str | None = None,
    unique_key: str | None = None,
    max_tries: int | None = None,
    timeout: float | None = None,
    tags: Sequence[str] = (),
) -> Submitted:
    """Check a call and queue it. `defer_by` is in seconds; `once` is an idempotency key; `retry_of` names the job that
    this one stands in for; one job at a time has a `unique_key`, which a `unique` function gets by itself. `max_tries`
    and `timeout` (seconds) are of this call; None leaves them to the function. `tags` come after the function's own.

    Raises BadArguments, JobExists or KeyReused; ValueError for tags that are none. `lax` takes numbers written as text,
    as forms send them.
    """
    call = info.bind(args, kwargs, lax=lax)
    target = queue or info.queue or ArqKeys.default_queue
    names = [p.name for p in info.parameters if p.kind in ("positional", "normal")]
    shown_args, shown_kwargs = preview_call(call.args, call.kwargs, names)
    named: dict[str, Any] = {"job_id": job_id} if job_id else {}
    unique = unique_key or (one_of_its_kind(info.name, call.args, call.kwargs, names) if _is_unique(info) else "")
    return await commands.submit(
        Submission(
            function=info.name,
            queue=target,
            payload=encode_call(info.name, call.args, call.kwargs, serializer=info.serializer),
            args=shown_args,
            kwargs=shown_kwargs,
            defer_ms=round((defer_by or 0) * 1000),
            once=once or "",
            fingerprint=fingerprint(info.name, args, kwargs, target, job_id, defer_by) if once else "",
            source=source,
            max_tries=max_tries or info.max_tries,
            timeout=timeout or info.timeout,
            priority=info.priority if priority is None else priority,
            expires_ms=None if info.expires is None else round(info.expires * 1000),
            options=_carried(info, max_tries, timeout),
            retry_of=retry_of or "",
            tags=tags_of([*info.tags, *tags]),
            unique=unique,
            window_ms=round((info.unique_for or 0) * 1000),
            **named,
        )
    )


def one_of_its_kind(function: str, args: Sequence[Any], kwargs: Mapping[str, Any], names: Sequence[str]) -> str:
    """The unique key of a call of a `unique` function: the same for the same arguments, whoever submits them.

    `names` are those of the parameters that can be given by position.
    """
    named = {**dict(zip(names, args, strict=False)), **kwargs}
    return f"{function}:{fingerprint(named, list(args[len(names) :]))[:32]}"


def _carried(info: FunctionInfo, max_tries: int | None, timeout: float | None) -> str:
    """JSON of what the worker has to know of this call; "" where there is nothing."""
    known = {"ignore_result": info.ignore_result or None, "max_tries": max_tries, "timeout": timeout}
    told = {name: value for name, value in known.items() if value is not None}
    return json.dumps(told) if told else ""


def _is_unique(info: FunctionInfo) -> bool:
    return info.unique or info.unique_for is not None


def fingerprint(*request: Any) -> str:
    """What tells one request from another under the same idempotency key."""
    text = json.dumps(request, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
