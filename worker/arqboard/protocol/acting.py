"""What people do to many jobs at once, each with its own answer; and taking it back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from .job import State

if TYPE_CHECKING:
    from .client import Client
    from .keys import Keys

T = TypeVar("T")

#: Jobs in one call: a longer one would hold Redis for milliseconds.
MAX_BATCH = 100
#: A retry that can be taken back starts so much later.
RETRY_DELAY_MS = 5_000
#: How long a deleted job can be brought back. Then it is gone, whether or not anybody looks.
UNDO_MS = 30_000
#: Priorities there are, the higher the sooner.
MAX_PRIORITY = 9

_BATCH = re.compile(r"[0-9a-f]{32}")
_WAITING = (State.DEFERRED, State.RETRYING, State.QUEUED)


class Action(StrEnum):
    """What can be done to many jobs."""

    RETRY = "retry"
    ABORT = "abort"
    DELETE = "delete"
    REPRIORITISE = "reprioritise"

    @property
    def states(self) -> tuple[State, ...]:
        """Jobs of which states it is for, those first that jobs leave for the later ones."""
        match self:
            case Action.RETRY:
                return (State.FAILED, State.ABORTED)
            case Action.ABORT:
                return (*_WAITING, State.RUNNING)
            case Action.DELETE:
                return (*_WAITING, State.SUCCEEDED, State.FAILED, State.ABORTED)
            case Action.REPRIORITISE:
                return _WAITING


class Answer(StrEnum):
    """What came of it for one job."""

    DONE = "done"
    UNDOABLE = "undoable"
    """done, and it can be taken back"""
    ASKED = "asked"
    """its worker is asked to abort it"""
    GONE = "gone"
    REFUSED = "refused"
    """it is in a state that this can't be done in"""
    LOST_CALL = "lost_call"
    """its stored call has expired"""
    TAKEN = "taken"
    """its id is queued anew"""

    @property
    def is_done(self) -> bool:
        return self in (Answer.DONE, Answer.UNDOABLE, Answer.ASKED)


class Undone(StrEnum):
    """What came of taking it back, for one job."""

    DONE = "done"
    GONE = "gone"
    """its time is over, or it was deleted for good"""
    MOVED_ON = "moved_on"
    """it has started, or something else was done to it since"""
    TOO_LATE = "too_late"
    """it was taken back before, or too long ago"""
    TAKEN = "taken"
    """its id is in use again"""


_ANSWERS = {
    -1: Answer.GONE, -2: Answer.REFUSED, -3: Answer.LOST_CALL, -4: Answer.TAKEN, 1: Answer.DONE, 5: Answer.UNDOABLE,
}  # fmt: skip
_OF_ABORT = {**_ANSWERS, 2: Answer.ASKED}
_OF_DISCARD = {**_ANSWERS, 2: Answer.UNDOABLE}
_UNDONE = {
    1: Undone.DONE, -1: Undone.GONE, -2: Undone.MOVED_ON, -3: Undone.TOO_LATE, -4: Undone.TAKEN,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wish:
    """What to do: `priority` for REPRIORITISE, `by` (text for people) for ABORT. With a `batch` a retry starts
    RETRY_DELAY_MS later, and it and a deletion can be taken back under that name."""

    action: Action
    priority: int = 0
    by: str = ""
    batch: str = ""

    @property
    def detail(self) -> str:
        return str(self.priority) if self.action is Action.REPRIORITISE else self.by


def new_batch() -> str:
    """A name under which what is done now can be taken back."""
    return uuid4().hex


def is_batch(text: str) -> bool:
    return bool(_BATCH.fullmatch(text))


class Acting:
    """The part of `Commands` that takes many jobs. MAX_BATCH of them are one atomic call; each has its own answer."""

    if TYPE_CHECKING:
        _redis: Client
        keys: Keys

        async def _call(self, verb: str, *args: Any) -> Any: ...

    async def act(self, wish: Wish, job_ids: Sequence[str]) -> dict[str, Answer]:
        """Do it to each of these jobs that it can be done to."""
        match wish.action:
            case Action.RETRY:
                return await self.retry_each(job_ids, batch=wish.batch)
            case Action.ABORT:
                return await self.abort_each(job_ids, by=wish.by)
            case Action.DELETE:
                return await self.discard_each(job_ids, batch=wish.batch)
            case Action.REPRIORITISE:
                return await self.reprioritise(job_ids, wish.priority)

    async def retry_each(self, job_ids: Sequence[str], *, batch: str = "") -> dict[str, Answer]:
        """Run failed and aborted jobs again. With a `batch` they start RETRY_DELAY_MS later, and until then it can be
        undone, but for steps of workflows, which go on at once."""
        told = (RETRY_DELAY_MS if batch else 0, batch, UNDO_MS)
        return await self._each("retry", told, job_ids, _ANSWERS)

    async def abort_each(self, job_ids: Sequence[str], *, by: str = "") -> dict[str, Answer]:
        """End jobs that wait; ask the workers of those that run."""
        return await self._each("abort", (by,), job_ids, _OF_ABORT)

    async def discard_each(self, job_ids: Sequence[str], *, batch: str = "") -> dict[str, Answer]:
        """Delete jobs that do not run. With a `batch` they can be brought back for UNDO_MS, but for waiting steps of
        workflows, which go on without them at once."""
        return await self._each("discard", (batch, UNDO_MS), job_ids, _OF_DISCARD)

    async def reprioritise(self, job_ids: Sequence[str], priority: int) -> dict[str, Answer]:
        """Give waiting jobs another priority (0 to 9, higher first). Raises ValueError for another number."""
        if not 0 <= priority <= MAX_PRIORITY:
            raise ValueError(f"a priority is 0 to {MAX_PRIORITY}, not {priority}")
        return await self._each("reprioritise", (priority,), job_ids, _ANSWERS)

    async def undo(self, batch: str) -> dict[str, Undone]:
        """Take back what was done under this name: each job is as it was before. Empty where nothing is known of it."""
        raw = await self._redis.hkeys(self.keys.undo(batch))
        job_ids = [job_id.decode(errors="replace") for job_id in raw]
        return await self._each("undo", (batch,), job_ids, _UNDONE)

    async def act_in_bulk(
        self, bulk_id: str, token: str, wish: Wish, jobs: Mapping[str, int], *, looked: int, at: str
    ) -> str | None:
        """One batch of a bulk job: at most MAX_BATCH jobs with the versions they were looked at in; `at` is where the
        next begins. What it has come to so far, as JSON (see bulk.lua); None where another attempt owns the bulk job.
        """
        fitting = [part for pair in jobs.items() for part in pair]
        told = await self._call("bulk", bulk_id, token, wish.action.value, wish.detail, at, looked, *fitting)
        return None if told is None else told.decode(errors="replace")

    async def _each(
        self, verb: str, told: tuple[Any, ...], job_ids: Sequence[str], answers: Mapping[int, T]
    ) -> dict[str, T]:
        found: dict[str, T] = {}
        wanted = list(dict.fromkeys(job_ids))
        for start in range(0, len(wanted), MAX_BATCH):
            batch = wanted[start : start + MAX_BATCH]
            codes = await self._call(verb, *told, *batch)
            found.update((job_id, answers[code]) for job_id, code in zip(batch, codes, strict=True))
        return found
