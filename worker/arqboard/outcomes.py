"""How an attempt's end is decided: values first, written in one place (executing.py)."""

from __future__ import annotations

import asyncio
import traceback
from dataclasses import dataclass, field
from typing import Any, Literal

from arq.worker import JobExecutionFailed, Retry, RetryJob

from .backoff import Backoff
from .limits import SoftTimeLimit

MAX_MESSAGE = 2_000
MAX_TRACEBACK = 16_000

Stop = Literal["", "abort", "shutdown", "lost"]


class WorkerLost(JobExecutionFailed):
    """The job killed its worker too often, so it is not tried again."""


class JobExpired(JobExecutionFailed):
    """The job waited longer than it may (`expires`)."""


@dataclass(frozen=True, slots=True)
class Success:
    value: Any


@dataclass(frozen=True, slots=True)
class Failure:
    error: BaseException


@dataclass(frozen=True, slots=True)
class Again:
    """The job asked to run again after a while; `error` is the real exception behind it, if there is one."""

    defer_ms: int
    error: BaseException | None


@dataclass(frozen=True, slots=True)
class Aborted:
    error: BaseException
    why: str = "aborted on request"


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The worker shuts down; another one takes the job, and no try is burnt."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Another attempt owns the job: whatever this one did, it does not count."""


End = Success | Failure | Again | Aborted | HandedOver | Lost


@dataclass(frozen=True, slots=True)
class Policy:
    """When a job runs again by itself. `retry_jobs` is arq's setting: False makes every exception a failure."""

    max_tries: int
    retry_jobs: bool = True
    retry_on: tuple[type[BaseException], ...] = ()
    backoff: Backoff = field(default_factory=Backoff)


def decide(error: BaseException, *, stop: Stop, job_try: int, policy: Policy) -> End:
    """What an exception out of a job means. `stop` is why we cancelled it, "" if we did not."""
    if isinstance(error, asyncio.CancelledError) and not isinstance(error, SoftTimeLimit):
        match stop:
            case "abort":
                return Aborted(error)
            case "lost":
                return Lost()
            case "shutdown" if policy.retry_jobs:
                return HandedOver()
            case _:
                pass  # the job cancelled itself: arq runs it again
    if not policy.retry_jobs:
        return Failure(error)
    if _asks_to_run_again(error):
        return _again(error, job_try, policy.max_tries)
    if isinstance(error, policy.retry_on) and job_try < policy.max_tries:
        return Again(int(policy.backoff.delay(job_try) * 1000), error)
    return Failure(error)


def _asks_to_run_again(error: BaseException) -> bool:
    if isinstance(error, SoftTimeLimit):
        return False
    return isinstance(error, Retry | RetryJob | asyncio.CancelledError)


def _again(error: BaseException, job_try: int, max_tries: int) -> Again | Failure:
    cause = error.__cause__ or (error.__context__ if not error.__suppress_context__ else None)
    if job_try >= max_tries:
        return Failure(cause or JobExecutionFailed(f"max {max_tries} retries exceeded"))
    defer_ms = getattr(error, "defer_score", None) or 0
    return Again(max(0, int(defer_ms)), cause)


def describe(error: BaseException | None) -> tuple[str, str, str]:
    """Type, message and traceback as text, each capped. Never raises, whatever the exception's own code does."""
    if error is None:
        return "", "", ""
    name = type(error).__name__
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - user code
        message = "<its str() raised>"
    try:
        trace = "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001 - user code
        trace = ""
    return _text(name, 200), _text(message, MAX_MESSAGE), _text(trace, MAX_TRACEBACK, keep_end=True)


def _text(text: str, limit: int, *, keep_end: bool = False) -> str:
    clean = text.encode("utf-8", "replace").decode()
    if len(clean) <= limit:
        return clean
    return f"… cut …\n{clean[-limit:]}" if keep_end else f"{clean[:limit]}…"
