"""A job as a reader needs it: parsed once from its hash, then plain values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from .phases import Phase, parse_phases, percent, settled
from .said import Said
from .tags import readable


class State(StrEnum):
    """Where a job stands. arq's words where arq has them."""

    DEFERRED = "deferred"
    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABORTED = "aborted"

    @property
    def is_terminal(self) -> bool:
        return self in (State.SUCCEEDED, State.FAILED, State.ABORTED)


class Outcome(StrEnum):
    """How one attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RETRY = "retry"
    ABORTED = "aborted"
    LOST = "lost"
    HANDED_OVER = "handed_over"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """What a job raised, as text. `traceback` is "" where it was not loaded (lists) or there is none."""

    type: str
    message: str
    traceback: str = ""

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" if self.message else self.type


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a job. Times are ms since 1970; `ended` is None while it runs."""

    number: int
    started: int
    ended: int | None
    worker: str
    outcome: Outcome | None
    error: ErrorInfo | None = None

    @property
    def duration_ms(self) -> int | None:
        return None if self.ended is None else max(0, self.ended - self.started)

    @classmethod
    def from_json(cls, raw: bytes) -> Attempt:
        """One entry of the list of earlier attempts. Raises ValueError where it can't be read."""
        d = json.loads(raw.decode(errors="replace"))
        error = None
        if d.get("error_type"):
            error = ErrorInfo(str(d["error_type"]), str(d.get("error", "")), str(d.get("traceback", "")))
        return cls(
            number=int(d["number"]),
            started=int(d["started"]),
            ended=int(d["ended"]) if d.get("ended") else None,
            worker=str(d.get("worker", "")),
            outcome=Outcome(d["outcome"]) if d.get("outcome") else None,
            error=error,
        )


@dataclass(frozen=True, slots=True)
class ChunkCounts:
    total: int
    done: int
    failed: int
    running: int
    skipped: int

    @property
    def waiting(self) -> int:
        return max(0, self.total - self.done - self.failed - self.running - self.skipped)

    @property
    def open(self) -> int:
        """Those that somebody could still run or skip."""
        return self.failed + self.waiting


@dataclass(frozen=True, slots=True)
class ProgressInfo:
    """How far a job is. `total` is None where the job has not said it; rate and time left are computed here.

    The base is the start of a sliding window of 5 to 10 seconds, so the rate follows what happens now.
    """

    done: int
    total: int | None
    unit: str
    note: str
    phase: str
    reported: int | None
    base_done: int
    base_at: int | None

    @property
    def percent(self) -> float | None:
        """0 to 100, or None while the total is unknown. Never 100 before everything is done."""
        return percent(self.done, self.total)

    @property
    def rate(self) -> float | None:
        """Units per second over the window, or None while too little is known."""
        if self.base_at is None or self.reported is None or self.reported - self.base_at < 200:
            return None
        return max(0.0, (self.done - self.base_done) * 1000 / (self.reported - self.base_at))

    @property
    def left_seconds(self) -> float | None:
        rate = self.rate
        if not rate or not self.total:
            return None
        return max(0.0, (self.total - self.done) / rate)


#: Fields a list row needs: everything small. The rest is read on the job's own page.
ROW_FIELDS: tuple[str, ...] = (
    "function", "queue", "state", "args", "kwargs", "enqueued", "run_at", "started", "ended", "tries", "max_tries",
    "attempt", "worker", "done", "total", "unit", "note", "phase", "reported", "base_done", "base_at", "chunk_total",
    "chunk_done", "chunk_failed", "chunk_running", "chunk_skipped", "chunk_size", "chunk_items", "error_type", "error",
    "result", "outcome", "abort_requested", "crashes", "source", "position", "version", "paused", "priority",
    "workflow", "parent", "retry_of", "retried_as", "tags",
)  # fmt: skip
DETAIL_FIELDS: tuple[str, ...] = (
    *ROW_FIELDS, "traceback", "timeout", "phases", "log_lines", "log_warnings", "log_errors", "artefacts",
    "fingerprint",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that is there but can't be understood. It spoils its own row only."""

    id: str
    why: str


@dataclass(frozen=True, slots=True)
class Job:
    """One job. Times are ms since 1970 by Redis' clock, None where it has not happened.

    `position` moves with every change of the job, `version` only with changes other than progress.
    `args`, `kwargs` and `result` are previews: redacted by name, capped, and safe to show as text.
    """

    id: str
    function: str
    queue: str
    state: State
    args: list[Any]
    kwargs: dict[str, Any]
    enqueued: int
    run_at: int
    started: int | None
    ended: int | None
    tries: int
    max_tries: int
    attempt: int
    worker: str
    timeout: float | None
    progress: ProgressInfo | None
    chunks: ChunkCounts | None
    chunk_size: int
    chunk_items: int
    error: ErrorInfo | None
    result: Any
    has_result: bool
    outcome: Outcome | None
    abort_requested: int | None
    crashes: int
    source: str
    position: int
    version: int
    phases: list[Phase] = field(default_factory=list[Phase], kw_only=True)
    """of the last attempt; like the next two only where it was read in detail"""
    log_lines: int = field(default=0, kw_only=True)
    """how many were ever written; of these the newest are kept"""
    log_warnings: int = field(default=0, kw_only=True)
    """of these, lines of the level WARNING; then of ERROR and above"""
    log_errors: int = field(default=0, kw_only=True)
    artefacts: int = field(default=0, kw_only=True)
    paused: int | None = field(default=None, kw_only=True)
    """since when it waits before its next chunk"""
    priority: int = field(default=0, kw_only=True)
    workflow: str = field(default="", kw_only=True)
    parent: str = field(default="", kw_only=True)
    """the job that submitted it"""
    retry_of: str = field(default="", kw_only=True)
    """the job that this one was made to stand in for, with other arguments"""
    retried_as: str = field(default="", kw_only=True)
    """the last job that was made to stand in for this one"""
    fingerprint: str = field(default="", kw_only=True)
    """of a failed job: which failures it is one of; see failures.py"""
    tags: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    def can_retry(self) -> bool:
        return self.state in (State.FAILED, State.ABORTED)

    @property
    def can_abort(self) -> bool:
        return not self.state.is_terminal

    @property
    def can_pause(self) -> bool:
        return self.state is State.RUNNING and self.chunks is not None and self.paused is None

    @property
    def can_run_chunks(self) -> bool:
        """Whether a run for the chunks that are left can be asked for."""
        is_step = self.state is State.SUCCEEDED and bool(self.workflow)
        return self.state.is_terminal and not is_step and self.chunks is not None and self.chunks.open > 0

    @property
    def can_reschedule(self) -> bool:
        return self.state in (State.DEFERRED, State.QUEUED, State.RETRYING)

    @property
    def can_discard(self) -> bool:
        return self.state is not State.RUNNING

    @property
    def current_attempt(self) -> Attempt | None:
        """The last attempt: the one that runs, or the one that ended last. Earlier ones are in their own list."""
        if self.started is None:
            return None
        return Attempt(self.attempt, self.started, self.ended, self.worker, self.outcome, self.error)

    @classmethod
    def from_hash(cls, job_id: str, raw: Mapping[str, bytes | None]) -> Job:
        """Parse a hash. Raises ValueError, saying what, where a field makes no sense."""
        f = _Fields(raw)
        state = _state(f.text("state"))
        version = f.number("version")
        return cls(
            id=job_id,
            function=f.text("function"),
            queue=f.text("queue"),
            state=state,
            args=f.json("args", list),
            kwargs=f.json("kwargs", dict),
            enqueued=f.number("enqueued"),
            run_at=f.number("run_at"),
            started=f.maybe("started"),
            ended=f.maybe("ended"),
            tries=f.number("tries", 0),
            max_tries=f.number("max_tries", 0),
            attempt=f.number("attempt", 0),
            worker=f.text("worker", ""),
            timeout=f.real("timeout"),
            progress=_progress(f),
            chunks=_chunks(f),
            chunk_size=f.number("chunk_size", 0),
            chunk_items=f.number("chunk_items", 0),
            error=_error(f),
            result=f.any("result"),
            has_result=f.has("result"),
            outcome=_outcome(f, state),
            abort_requested=f.maybe("abort_requested"),
            crashes=f.number("crashes", 0),
            source=f.text("source", ""),
            position=max(version, f.number("position", 0)),
            version=version,
            phases=_phases(f, state),
            log_lines=max(0, f.number("log_lines", 0)),
            log_warnings=max(0, f.number("log_warnings", 0)),
            log_errors=max(0, f.number("log_errors", 0)),
            artefacts=max(0, f.number("artefacts", 0)),
            paused=f.maybe("paused"),
            priority=f.number("priority", 0),
            workflow=f.text("workflow", ""),
            parent=f.text("parent", ""),
            retry_of=f.text("retry_of", ""),
            retried_as=f.text("retried_as", ""),
            fingerprint=f.text("fingerprint", ""),
            tags=readable(f.any("tags")),
        )


@dataclass(frozen=True, slots=True)
class _Fields:
    """Typed access to a raw hash, with errors that name the field."""

    raw: Mapping[str, bytes | None] = field(repr=False)

    def has(self, name: str) -> bool:
        return bool(self.raw.get(name))

    def text(self, name: str, default: str | None = None) -> str:
        value = self.raw.get(name)
        if value is None:
            if default is None:
                raise ValueError(Said("its field %(name)s is missing", name=name))
            return default
        return value.decode(errors="replace")

    def number(self, name: str, default: int | None = None) -> int:
        value = self.maybe(name)
        if value is None:
            if default is None:
                raise ValueError(Said("its field %(name)s is missing", name=name))
            return default
        return value

    def maybe(self, name: str) -> int | None:
        value = self.raw.get(name)
        if not value:
            return None
        try:
            number = int(float(value))
        except (ValueError, OverflowError):
            raise ValueError(Said("its field %(name)s is not a number", name=name)) from None
        if abs(number) > 10**15:
            raise ValueError(Said("its field %(name)s is out of range", name=name))
        return number

    def real(self, name: str) -> float | None:
        value = self.maybe(name)
        return None if value is None else float(self.raw[name] or 0)

    def any(self, name: str) -> Any:
        """JSON text. What can't be parsed is shown as the text it is."""
        text = self.text(name, "")
        if not text:
            return None
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text

    def json(self, name: str, kind: type[Any]) -> Any:
        value = self.any(name)
        if value is None:
            return kind()
        if not isinstance(value, kind):
            wrong = Said("its field %(name)s is not a %(kind)s", name=name, kind=kind.__name__)
            raise ValueError(wrong)  # noqa: TRY004 - one kind of error per record
        return value


def _state(text: str) -> State:
    if text not in set(State):
        raise ValueError(Said("it has no state like %(state)s", state=repr(text[:60])))
    return State(text)


def _progress(f: _Fields) -> ProgressInfo | None:
    if not f.has("reported"):
        return None
    return ProgressInfo(
        done=max(0, f.number("done", 0)),
        total=f.maybe("total"),
        unit=f.text("unit", ""),
        note=f.text("note", ""),
        phase=f.text("phase", ""),
        reported=f.maybe("reported"),
        base_done=f.number("base_done", 0),
        base_at=f.maybe("base_at"),
    )


def _phases(f: _Fields, state: State) -> list[Phase]:
    """The phase that is shown counts in the job's own progress, which is written more often."""
    if not f.has("phases"):
        return []
    phases, job = parse_phases(f.any("phases"), began=f.maybe("started") or 0), _progress(f)
    if job is not None:
        phases = [replace(p, done=job.done, total=job.total, unit=job.unit) if p.is_shown else p for p in phases]
    return phases if state is State.RUNNING else settled(phases, f.maybe("ended"))


def _chunks(f: _Fields) -> ChunkCounts | None:
    total = f.number("chunk_total", 0)
    if total <= 0:
        return None
    counts = (max(0, f.number(f"chunk_{kind}", 0)) for kind in ("done", "failed", "running", "skipped"))
    return ChunkCounts(total, *counts)


def _outcome(f: _Fields, state: State) -> Outcome | None:
    """How the last attempt ended. What ended the job is its state."""
    if state.is_terminal:
        return Outcome(state.value)
    return Outcome(f.text("outcome")) if f.has("outcome") else None


def _error(f: _Fields) -> ErrorInfo | None:
    if not f.has("error_type"):
        return None
    return ErrorInfo(f.text("error_type"), f.text("error", ""), f.text("traceback", ""))
