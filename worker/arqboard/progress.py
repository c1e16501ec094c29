"""What job code holds to say how far it is and what it made. A call costs no I/O; the reporter sends the latest."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar, Token

from .artefacts import ArtefactError, NewArtefact
from .live import ChunkMap, Live
from .phases import MAX_WORD, Phase, PhaseBook, PhaseRecord, number, text

__all__ = ["ChunkMap", "Live", "Progress", "current", "set_current"]

MAX_NOTE = 500
#: A loop that only reports progress still lets others run: it yields at least this often (seconds).
YIELD_EVERY = 0.005

Settle = Callable[[Live], "asyncio.Future[None]"]
Store = Callable[[Live, NewArtefact], Awaitable[None]]


class Progress:
    """Call it as often as you like: `await progress(done, total, note="…")`.

    `done` and `total` count whatever `unit` says; a float is rounded down. `note` is the job's status line, at most
    500 characters. What is left out keeps its value.
    """

    def __init__(
        self, live: Live, touch: Callable[[Live], None], settle: Settle | None = None, store: Store | None = None
    ) -> None:
        self._live = live
        self._touch = touch
        self._settle = settle
        self._store = store
        self._loop = asyncio.get_running_loop() if settle or store else None
        self._thread = threading.get_ident()
        self._began = time.monotonic()
        self._yielded = 0.0
        self._book: PhaseBook | None = None

    async def __call__(
        self,
        done: float | None = None,
        total: float | None = None,
        *,
        note: str | None = None,
        unit: str | None = None,
        phase: str | None = None,
    ) -> None:
        """Say how far the job is. Returns at once; other coroutines get their turn now and then."""
        self._set(done, total, note, unit, phase)
        self._touch(self._live)
        if (now := time.monotonic()) - self._yielded > YIELD_EVERY:
            self._yielded = now
            await asyncio.sleep(0)

    def report(
        self,
        done: float | None = None,
        total: float | None = None,
        *,
        note: str | None = None,
        unit: str | None = None,
        phase: str | None = None,
    ) -> None:
        """The same from synchronous code, also from a thread (`asyncio.to_thread`)."""
        self._set(done, total, note, unit, phase)
        self.touched()

    def _set(
        self, done: float | None, total: float | None, note: str | None, unit: str | None, phase: str | None
    ) -> None:
        live = self._live
        if done is not None:
            live.done = number(done)
        if total is not None:
            live.total = number(total)
        if note is not None:
            live.note = text(note, MAX_NOTE)
        if unit is not None:
            live.unit = text(unit, MAX_WORD)
        if phase is not None:
            live.phase = text(phase, MAX_WORD)

    @property
    def done(self) -> int:
        return self._live.done

    @property
    def total(self) -> int | None:
        return self._live.total

    # Phases

    def phase(self, name: str, total: float | None = None, *, unit: str = "") -> Phase:
        """A part of the job with its own total: `async with progress.phase("Importing", 300, unit="rows") as phase:`.

        While it is open, the job's progress is that of the phase; of several that are open, of the one opened last.
        An error that leaves it marks it failed. The last 50 are kept.
        """
        return Phase(self, name, total, unit)

    def step(self, name: str) -> Phase:
        """A part of the job that can't say how far it is: `async with progress.step("Download"):`."""
        return Phase(self, name, None, "")

    def plan(self, *names: str) -> None:
        """Announce the phases to come, so that the page shows them before they begin."""
        self.book.plan(names)
        self.touched()

    # Artefacts

    async def artefact(
        self,
        name: str,
        *,
        path: str | os.PathLike[str] | None = None,
        data: bytes | str | None = None,
        url: str | None = None,
        type: str = "",
    ) -> None:
        """Keep something the job made, to be downloaded from its page: a file, bytes (text as UTF-8), or a link.

        `type` is a media type, guessed from the name where it is left out. An artefact of the same name replaces the
        earlier one, also that of an earlier attempt. Returns when it is stored. Raises ArtefactError where it is too
        large (5 MB unless `artefact_max` says otherwise), where there are more than 50, or where a URL is not http(s).
        """
        made = NewArtefact.of(name, path=path, data=data, url=url, type=type)
        if self._store is not None:
            await self._store(self._live, made)

    def add_artefact(
        self,
        name: str,
        *,
        path: str | os.PathLike[str] | None = None,
        data: bytes | str | None = None,
        url: str | None = None,
        type: str = "",
    ) -> None:
        """The same from a thread (`asyncio.to_thread`). It waits too, so a coroutine has to await `artefact`."""
        made = NewArtefact.of(name, path=path, data=data, url=url, type=type)
        if self._store is None or self._loop is None:
            return
        if threading.get_ident() == self._thread:
            raise ArtefactError("add_artefact is for threads; here, write `await progress.artefact(…)`")
        asyncio.run_coroutine_threadsafe(_stored(self._store(self._live, made)), self._loop).result()

    # Used by chunks and phases

    @property
    def live(self) -> Live:
        return self._live

    @property
    def shown(self) -> PhaseRecord | None:
        """The phase whose numbers the job's are now."""
        return self._book.shown if self._book else None

    def add(self, phase: PhaseRecord | None, count: int) -> None:
        """Count on, in that phase or in the job itself, whichever phases are open now."""
        if self._book is None:
            self._live.done += count
        else:
            self._book.add(phase, count)

    @property
    def book(self) -> PhaseBook:
        if self._book is None:
            self._book = PhaseBook(self._live, self._began)
        return self._book

    def touched(self) -> None:
        """Something changed; send it with the next flush. From any thread."""
        if self._loop is None or threading.get_ident() == self._thread:
            self._touch(self._live)
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._touch, self._live)

    async def settled(self) -> None:
        """Wait until Redis has what was reported so far, at most a second."""
        if self._settle is not None:
            await self._settle(self._live)


async def _stored(storing: Awaitable[None]) -> None:
    await storing


_current: ContextVar[Progress | None] = ContextVar("arqboard_progress", default=None)


def current() -> Progress:
    """The progress of the job that this code runs in. Outside a job: one that goes nowhere, so tasks stay testable."""
    return _current.get() or Progress(Live("", ""), lambda live: None)


def set_current(progress: Progress) -> Token[Progress | None]:
    """Make a progress the current one of this task and of everything it starts."""
    return _current.set(progress)


def reset_current(before: Token[Progress | None]) -> None:
    """What was current before that `set_current` is so again."""
    _current.reset(before)
