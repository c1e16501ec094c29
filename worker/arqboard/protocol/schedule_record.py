"""Schedules as values: what is put in place, what is due, and what a page shows."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from .catchup import CatchUp
from .commands import Submission
from .errors import BadSchedule
from .job import Unreadable
from .said import Said, said_by
from .schedule import Spec, from_json

#: A schedule that no worker has registered for so long (ms) has left the code. Workers register each minute.
ORPHANED_AFTER_MS = 180_000
MAX_NAME = 200

INFO_FIELDS = (
    "spec", "function", "queue", "args", "kwargs", "catch_up", "source", "seen", "next", "paused", "last", "last_job",
    "runs", "missed",
)  # fmt: skip


class RunOutcome(StrEnum):
    """What became of one tick of a schedule."""

    ENQUEUED = "enqueued"
    MISSED = "missed"
    OVERLAPPED = "overlapped"
    """an earlier job with the same id or unique key was not over"""
    BY_HAND = "by_hand"


@dataclass(frozen=True, slots=True)
class Definition:
    """What runs and when. `job_id` is one id for all its jobs; without it each has an id of its own.

    Of `job`, the id and the times are not used.
    """

    name: str
    spec: Spec
    job: Submission
    catch_up: CatchUp = CatchUp.ONE
    source: Literal["code", "program"] = "program"
    job_id: str = ""

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= MAX_NAME:
            raise BadSchedule(f"The name of a schedule has 1 to {MAX_NAME} characters, this one {len(self.name)}")

    @property
    def job_text(self) -> str:
        """The job as the verbs take it, without what belongs to one call."""
        told = self.job.description()
        return json.dumps({k: v for k, v in told.items() if k not in ("id", "defer", "once", "fingerprint", "source")})

    @property
    def fingerprint(self) -> str:
        """Tells whether the stored job is this one."""
        return hashlib.sha256(f"{self.job_text} {self.job_id}".encode("utf-8", "replace")).hexdigest()[:16]

    def fields(self) -> list[Any]:
        return [
            "job", self.job_text, "payload", self.job.payload, "function", self.job.function, "queue", self.job.queue,
            "args", self.job.args, "kwargs", self.job.kwargs, "catch_up", self.catch_up.value, "source", self.source,
            "fingerprint", self.fingerprint, "ids", id_prefix(self.name), "job_id", self.job_id,
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class DueSchedule:
    """A schedule whose tick has come."""

    name: str
    tick: int
    spec_text: str
    spec: Spec
    catch_up: CatchUp
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Due:
    """What one look brought: Redis' time, and ms until another schedule is due (None: none is)."""

    now: int
    wait_ms: int | None
    schedules: list[DueSchedule]
    unreadable: list[Unreadable]


@dataclass(frozen=True, slots=True)
class ScheduleInfo:
    """A schedule as a page shows it. Times are ms since 1970.

    `next` is None while it is paused and when it is over. `orphaned`: no worker has had it in its code for three
    minutes, so nobody ticks it. `missed` counts ticks that did not run.
    """

    name: str
    spec: Spec
    function: str
    queue: str
    args: str
    kwargs: str
    next: int | None
    last: int | None
    last_job: str
    paused: bool
    catch_up: CatchUp
    runs: int
    missed: int
    source: str
    orphaned: bool

    @property
    def description(self) -> str:
        return self.spec.describe()


@dataclass(frozen=True, slots=True)
class ScheduleRun:
    """What became of one tick, and when that was written (both ms since 1970). `job` is "" where none was made."""

    tick: int
    at: int
    job: str
    outcome: RunOutcome


def id_prefix(name: str) -> str:
    """What the ids of a schedule's jobs begin with: its name, where job ids may look like that."""
    if re.fullmatch(r"[A-Za-z0-9_.:@=+-]{1,100}", name):
        return name
    mark = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9_.:@=+-]', '_', name)[:80]}-{mark}"


def parse_due(row: list[bytes]) -> DueSchedule | Unreadable:
    """One row of due_schedules.lua."""
    name, tick, text, catch_up, fingerprint = (decoded(raw) for raw in row)
    try:
        return DueSchedule(name, int(tick), text, from_json(text), CatchUp(catch_up), fingerprint)
    except (BadSchedule, ValueError) as error:
        return Unreadable(name, said_by(error))


def parse_run(raw: bytes) -> ScheduleRun | None:
    """One entry of a schedule's history; None where it can't be read."""
    try:
        d = json.loads(raw)
        return ScheduleRun(int(d["tick"]), int(d["at"]), str(d["job"]), RunOutcome(d["outcome"]))
    except (ValueError, KeyError, TypeError):
        return None


def parse_info(name: str, row: Any, now: int) -> ScheduleInfo | Unreadable | None:
    if isinstance(row, Exception):
        return Unreadable(name, Said("its key holds another type of value"))
    d = {field: decoded(raw or b"") for field, raw in zip(INFO_FIELDS, row, strict=True)}
    if not d["spec"]:
        return None
    try:
        return ScheduleInfo(
            name, from_json(d["spec"]), d["function"], d["queue"], d["args"], d["kwargs"],
            next=_number(d["next"]), last=_number(d["last"]), last_job=d["last_job"], paused=d["paused"] == "1",
            catch_up=CatchUp(d["catch_up"]), runs=int(d["runs"] or 0), missed=int(d["missed"] or 0),
            source=d["source"], orphaned=d["source"] == "code" and now - int(d["seen"] or 0) > ORPHANED_AFTER_MS,
        )  # fmt: skip
    except (BadSchedule, ValueError) as error:
        return Unreadable(name, said_by(error))


def _number(text: str) -> int | None:
    return int(text) if text else None


def decoded(raw: bytes) -> str:
    return raw.decode(errors="replace")
