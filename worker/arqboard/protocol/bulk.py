"""Acting on all jobs that match a filter: what is asked, how it is cut into batches, and what came of it.

It runs as a job, `arqboard:bulk`, which every worker of ours offers (see bulk.py beside the worker).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from typing import Any, Self, TypeGuard

from .acting import MAX_BATCH, MAX_PRIORITY, Action, Wish
from .client import Client
from .commands import Submission
from .errors import ArqboardError
from .job import Job, State, Unreadable
from .keys import Keys
from .listing import ListReader, Page
from .payload import encode_call
from .query import Query
from .said import Said

#: The built-in function. No function of a user's is called so: the name is ours.
BULK = "arqboard:bulk"
#: A million jobs take minutes; its worker's own limits are for other jobs.
TIMEOUT, MAX_TRIES = 7 * 86_400, 20


class NotForThese(ArqboardError):
    """The filter asks for jobs in a state that the action is not for."""

    def __init__(self, action: Action, state: State) -> None:
        self.action, self.state = action, state
        fitting = ", ".join(action.states)
        super().__init__(
            Said(
                "Can't %(action)s jobs that are %(state)s, only those that are %(fitting)s.",
                action=Said(action), state=Said(state), fitting=fitting,
            )
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bulk:
    """What to do to all jobs that match `query` (its page aside) and were there at `until` (ms by Redis' clock).

    `total` is how many that were when it was asked: the size of the indexes, so an upper bound under a search.
    """

    wish: Wish
    query: Query
    until: int
    total: int

    def plan(self) -> list[Query]:
        """One list after the other, each in one state; `since:15m` means before it was asked. Raises NotForThese."""
        return plan(self.wish.action, replace(self.query, at=self.until))

    def means(self, job: Job | Unreadable) -> TypeGuard[Job]:
        """Whether a job is one of those. Bulk jobs are not, unless the filter names them; nor is one that came later,
        or ended later: what this very bulk job retried and what has failed again is not retried twice."""
        if not isinstance(job, Job):
            return False
        if job.function == BULK and self.query.function != BULK:
            return False
        since = job.ended or job.enqueued if job.state.is_terminal else job.enqueued
        return since <= self.until and self.query.matches(job, self.until)

    def submission(self, queue: str) -> Submission:
        """The job that does it. While one that does the same waits or runs, there is no second."""
        told = self.as_kwargs()
        same = {name: value for name, value in told.items() if name not in ("until", "total", "by")}
        unique = sha256(json.dumps(same, sort_keys=True).encode("utf-8", "replace")).hexdigest()[:32]
        return Submission(
            function=BULK, queue=queue, payload=encode_call(BULK, [], told, serializer="custom"),
            kwargs=json.dumps(told), source="bulk action", max_tries=MAX_TRIES, timeout=TIMEOUT, priority=MAX_PRIORITY,
            unique=f"{BULK}:{unique}",
        )  # fmt: skip

    def as_kwargs(self) -> dict[str, Any]:
        """As the call of the job has it, where people read it too."""
        query, wish = self.query, self.wish
        told: dict[str, Any] = {"action": wish.action.value}
        if wish.action is Action.REPRIORITISE:
            told["priority"] = wish.priority
        filters = {"state": query.state and query.state.value, "function": query.function, "queue": query.queue}
        told.update({name: value for name, value in {**filters, "q": query.q, "by": wish.by}.items() if value})
        return {**told, "until": self.until, "total": self.total}

    @classmethod
    def from_kwargs(cls, told: Mapping[str, Any]) -> Self:
        """Raises ValueError, KeyError or TypeError for what nobody of ours wrote."""
        state = told.get("state")
        priority = int(told.get("priority", 0))
        if not 0 <= priority <= MAX_PRIORITY:
            raise ValueError(f"a priority is 0 to {MAX_PRIORITY}, not {priority}")
        return cls(
            Wish(Action(told["action"]), priority, str(told.get("by", ""))),
            Query(
                state=State(state) if state else None,
                function=told.get("function"),
                queue=told.get("queue"),
                q=str(told.get("q", "")),
            ),
            int(told["until"]),
            int(told["total"]),
        )


def plan(action: Action, query: Query) -> list[Query]:
    """The lists that an action goes through, those first that jobs leave for the later ones. Raises NotForThese."""
    if query.state is not None and query.state not in action.states:
        raise NotForThese(action, query.state)
    states = [query.state] if query.state else action.states
    bare = replace(query, after=None, before=None, limit=MAX_BATCH)
    return [replace(bare, state=state) for state in states]


async def count(reader: ListReader, action: Action, query: Query) -> int:
    """How many jobs an action is for: exactly, or, under a search that no index answers, at most. Raises NotForThese.

    Bulk jobs are not counted, as none is meant (but see `Bulk.means`).
    """
    states = [part.state for part in plan(action, query)]
    span = query.search.span(await reader.now_ms())
    counts = await reader.counts(query.queue, query.function, span)
    ours = await reader.counts(query.queue, BULK, span) if query.function is None else {}
    most = sum(counts[state] - ours.get(state, 0) for state in states if state)
    return most if query.tag is None else min(most, await reader.tagged(query.tag, span))


@dataclass(frozen=True, slots=True)
class Place:
    """Where the next batch begins: in which list of the plan, after which entry. Written as `2|1764000000000~jobid`."""

    step: int = 0
    after: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        step, _, after = text.partition("|")
        return cls(int(step or 0), after or None)

    def query(self, lists: Sequence[Query]) -> Query:
        """The next page of a plan."""
        return replace(lists[self.step], after=self.after)

    def next(self, page: Page) -> Self:
        """Behind a page of this list."""
        return replace(self, after=page.next) if page.next else type(self)(self.step + 1)

    def __str__(self) -> str:
        return f"{self.step}|{self.after or ''}"


@dataclass(frozen=True, slots=True)
class Tally:
    """What a bulk job has come to. Written with each batch in one step, so it holds whatever happens to the worker."""

    at: str = ""
    looked: int = 0
    done: int = 0
    asked: int = 0
    """whose workers were asked to abort them"""
    gone: int = 0
    refused: int = 0
    lost_call: int = 0
    taken: int = 0
    changed: int = 0
    """left alone, since they had changed between the look and the deed"""

    @classmethod
    def parse(cls, text: str | bytes | None) -> Self:
        """Nothing yet where it can't be read."""
        try:
            told = json.loads(text or "{}")
            return cls(
                at=str(told.get("at", "")),
                **{name: int(told.get(name, 0)) for name in (f.name for f in fields(cls)) if name != "at"},
            )
        except (ValueError, TypeError, AttributeError):
            return cls()

    @property
    def place(self) -> Place:
        return Place.parse(self.at)

    def counts(self) -> Iterator[tuple[str, int]]:
        """What there is to tell, by name."""
        for name in ("done", "asked", "refused", "changed", "lost_call", "taken", "gone"):
            if number := getattr(self, name):
                yield name, number

    @property
    def left_alone(self) -> int:
        """Jobs that it was meant for and that were not acted on."""
        return self.refused + self.changed + self.lost_call + self.taken + self.gone


async def tally_of(redis: Client, keys: Keys, bulk_id: str) -> Tally:
    """What a bulk job has come to so far."""
    return Tally.parse(await redis.hget(keys.job(bulk_id), "bulk"))
