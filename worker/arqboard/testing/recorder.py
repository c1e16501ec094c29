"""What jobs said of their progress, every call of it, in order."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..live import Live
from ..progress import Progress, reset_current, set_current


@dataclass(frozen=True, slots=True)
class Seen:
    """One call of `progress`, with what it left everything at. `marks` has one letter per chunk."""

    done: int
    total: int | None
    unit: str = ""
    note: str = ""
    phase: str = ""
    marks: str = ""


class Recorder:
    """Of one job. `ctx` is what a task needs that is called by hand."""

    def __init__(self, live: Live | None = None) -> None:
        self.seen: list[Seen] = []
        self.progress = Progress(live or Live("test", ""), self.record)
        self.ctx: dict[str, Any] = {"job_id": "test", "job_try": 1, "progress": self.progress}

    def record(self, live: Live) -> None:
        marks = live.chunks.marks.decode() if live.chunks else ""
        self.seen.append(Seen(live.done, live.total, live.unit, live.note, live.phase, marks))

    @property
    def last(self) -> Seen:
        """Raises IndexError where nothing was reported."""
        return self.seen[-1]

    @property
    def notes(self) -> list[str]:
        """The status lines, each once as long as it stood."""
        notes: list[str] = []
        for seen in self.seen:
            if seen.note and notes[-1:] != [seen.note]:
                notes.append(seen.note)
        return notes


@contextmanager
def recorder() -> Generator[Recorder]:
    """For a task that a test calls by hand: `with recorder() as seen: await resize(seen.ctx, "a.jpg")`.

    `current()`, `chunks` and `ctx["progress"]` report to it; no Redis is needed.
    """
    made = Recorder()
    before = set_current(made.progress)
    try:
        yield made
    finally:
        reset_current(before)
