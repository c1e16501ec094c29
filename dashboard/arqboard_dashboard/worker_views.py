"""What the pages of workers show: values, and what follows from them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from arqboard.protocol import Job, State, WorkerInfo

#: Above this (ms) something blocks the event loop, so that all jobs of the worker wait for it.
SLOW_LOOP_MS = 100
#: Running jobs that a card lists.
CARD_JOBS = 12

Fate = Literal["waits", "taken", "waits again", "ended", "gone"]
Health = Literal["ok", "slow", "draining", "lost"]


@dataclass(frozen=True, slots=True)
class LeftJob:
    """What became of a job that a lost worker had.

    `waits`: nobody has it, until the lease is over at `until`; `taken`: `by` took it over at `at`, now it is `state`;
    `waits again`: it is in its queue; `ended`: somebody ended it; `gone`: it was deleted.
    """

    job_id: str
    function: str
    fate: Fate
    state: State | None = None
    by: str = ""
    at: int = 0
    until: int = 0


@dataclass(frozen=True, slots=True)
class Outdated:
    """What of a worker is another version than the one that started last on its queue has."""

    what: str
    has: str
    newest: str


@dataclass(frozen=True, slots=True)
class WorkerCard:
    """One worker. `jobs` are those that it runs, the oldest first; `left` is what it had when it was lost."""

    info: WorkerInfo
    jobs: list[Job]
    left: list[LeftJob]
    outdated: list[Outdated]
    nobody: bool = False
    """no other worker of its queue is alive, so nobody takes over what it had"""

    @property
    def health(self) -> Health:
        if not self.info.alive:
            return "lost"
        if self.info.lag_ms > SLOW_LOOP_MS:
            return "slow"
        return "draining" if self.info.draining else "ok"

    @property
    def busy(self) -> int:
        """Slots in use: what it said last, or more jobs that it has claimed since."""
        return min(max(len(self.info.running), len(self.jobs)), max(self.info.slots, 1))

    @property
    def waiting(self) -> int:
        """Jobs of a lost worker that nobody has taken over yet."""
        return sum(job.fate == "waits" for job in self.left)


@dataclass(frozen=True, slots=True)
class WorkersView:
    """`pages/workers.html`, and its summary. `queue` is the filter."""

    cards: list[WorkerCard]
    version: int
    queue: str = ""

    @property
    def alive(self) -> list[WorkerCard]:
        return [card for card in self.cards if card.info.alive]

    @property
    def lost(self) -> list[WorkerCard]:
        return [card for card in self.cards if not card.info.alive]

    @property
    def queues(self) -> list[str]:
        return sorted({card.info.queue for card in self.cards})

    @property
    def slots(self) -> int:
        return sum(card.info.slots for card in self.alive)

    @property
    def busy(self) -> int:
        return sum(card.busy for card in self.alive)

    @property
    def members(self) -> str:
        """Changes when a worker comes, goes or is lost: then the list is another one."""
        return members_of(f"{card.info.id} {card.info.alive}" for card in self.cards)

    def of(self, queue: str) -> WorkersView:
        """Those of one queue; all for ""."""
        if not queue:
            return self
        return WorkersView([card for card in self.cards if card.info.queue == queue], self.version, queue)


def members_of(names: Iterable[str]) -> str:
    """A mark of names in their order: it differs when what is listed does."""
    return hashlib.sha256("\0".join(names).encode(errors="replace")).hexdigest()[:12]


def outdated(worker: WorkerInfo, workers: Sequence[WorkerInfo]) -> list[Outdated]:
    """Compared with the worker of its queue that started last: after a deploy, or a step back, it is what runs now."""
    alive = [other for other in workers if other.alive and other.queue == worker.queue]
    if not worker.alive or not alive:
        return []
    newest = max(alive, key=lambda other: (other.started, other.id))
    pairs = (
        ("release", worker.release, newest.release),
        ("arqboard", worker.version, newest.version),
        ("arq", worker.arq, newest.arq),
        ("Python", worker.python, newest.python),
    )
    return [Outdated(what, has, wanted) for what, has, wanted in pairs if wanted and has != wanted]
