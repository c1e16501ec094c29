"""One attempt as its job last described it, from which the reporter sends what Redis has not seen."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from .logs import Line, LogBuffer
from .protocol.commands import Report

MAX_ERROR = 500
_making = threading.Lock()


def error_text(error: BaseException) -> str:
    """An error in one line, as it is kept with a chunk. Never raises."""
    try:
        said = str(error)
    except Exception:  # noqa: BLE001 - an exception's text is user code
        said = "its text can't be read"
    name = type(error).__name__
    return (f"{name}: {said}" if said else name)[:MAX_ERROR].encode("utf-8", "replace").decode()


@dataclass(slots=True)
class ChunkMap:
    """The chunks of one attempt: where each stands, and what Redis has not seen of it yet.

    `unsent` are marks by index; `ends` are durations (ms) and errors of chunks that ended.
    """

    size: int
    items: int
    marks: bytearray
    unsent: dict[int, str] = field(default_factory=dict[int, str])
    ends: dict[int, tuple[int, str]] = field(default_factory=dict[int, tuple[int, str]])
    begun: dict[int, float] = field(default_factory=dict[int, float])

    @property
    def total(self) -> int:
        return len(self.marks)

    def begin(self, index: int) -> None:
        self.begun[index] = time.monotonic()
        self._set(index, "r")

    def end(self, index: int, letter: str, error: str = "") -> None:
        took = time.monotonic() - self.begun.pop(index, time.monotonic())
        self.ends[index] = (max(0, round(took * 1000)), error)
        self._set(index, letter)

    def _set(self, index: int, letter: str) -> None:
        self.marks[index] = ord(letter)
        self.unsent[index] = letter

    def skip(self, indexes: Iterable[int]) -> None:
        """These are not to be run. What has begun, or ended and not been told yet, stays as it is."""
        for index in indexes:
            if self.marks[index] in b".f" and index not in self.unsent:
                self.marks[index] = ord("s")

    def is_done(self, index: int) -> bool:
        return self.marks[index] in b"ds"


class Gate:
    """One pause of a job. The first that waits calls `on_pause`, the last that goes on calls `on_resume`."""

    def __init__(self, on_pause: Callable[[], None] | None, on_resume: Callable[[], None] | None) -> None:
        self._on_pause, self._on_resume = on_pause, on_resume
        self._opened = asyncio.Event()
        self._waiting = 0

    def open(self) -> None:
        self._opened.set()

    async def wait(self) -> None:
        self.enter()
        try:
            await self._opened.wait()
        finally:
            self.leave()

    def enter(self) -> None:
        self._waiting += 1
        if self._waiting == 1 and self._on_pause:
            self._on_pause()

    def leave(self) -> None:
        self._waiting -= 1
        if not self._waiting and self._on_resume:
            self._on_resume()


@dataclass(slots=True, eq=False)
class Live:
    """The progress of one attempt, as the job last said it.

    Names with an underscore belong to this process; they are not copied to or from a child that runs the job.
    """

    job_id: str
    token: str
    done: int = 0
    total: int | None = None
    unit: str = ""
    note: str = ""
    phase: str = ""
    chunks: ChunkMap | None = None
    known_marks: str = ""
    known_size: int = 0
    known_items: int = 0
    only_failed: bool = False
    phases: str = ""
    _phases_sent: str = field(default="", init=False, repr=False)
    _log: LogBuffer | None = field(default=None, init=False, repr=False)
    _gate: Gate | None = field(default=None, init=False, repr=False)
    _relay: Callable[[bool], None] | None = field(default=None, init=False, repr=False)
    _skips_seen: int = field(default=0, init=False, repr=False)
    _relay_skips: Callable[[list[int]], None] | None = field(default=None, init=False, repr=False)

    def report(self) -> Report:
        """What is to be sent; `phases` only if they changed."""
        phases = "" if self.phases == self._phases_sent else self.phases
        return Report(self.job_id, self.token, self.done, self.total, self.unit, self.note, self.phase, phases)

    def was_sent(self, report: Report) -> None:
        if report.phases:
            self._phases_sent = report.phases

    # The log

    def log(self, line: Line) -> bool:
        """Keep a line for the reporter. True when no other waited. From any thread."""
        if self._log is None:
            with _making:
                self._log = self._log or LogBuffer()
        return self._log.add(line)

    @property
    def lines(self) -> LogBuffer | None:
        return self._log

    # Pausing: chunk loops stop at the gate, so a chunk that has begun ends

    def pause(self, on_pause: Callable[[], None] | None = None, on_resume: Callable[[], None] | None = None) -> None:
        """Hold the job before its next chunk. `on_pause` is called when it waits there, `on_resume` when it goes on."""
        if self._gate is None:
            self._gate = Gate(on_pause, on_resume)
            if self._relay:
                self._gate.enter()
                self._relay(True)

    def resume(self) -> None:
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.open()
            if self._relay:
                gate.leave()
                self._relay(False)

    def relay_pauses(self, relay: Callable[[bool], None]) -> None:
        """The chunks run in a child process: pass on whether it has to pause. It counts as waiting from then on."""
        self._relay = relay
        if self._gate is not None:
            self._gate.enter()
            relay(True)

    @property
    def is_paused(self) -> bool:
        return self._gate is not None

    async def pass_gate(self) -> None:
        """Wait while the job is paused."""
        while self._gate is not None:
            await self._gate.wait()

    # Chunks that people skip while the job runs

    def has_seen(self, skips: int) -> bool:
        """Whether it is known what so many acts of skipping have skipped."""
        return skips <= self._skips_seen

    def take_skips(self, skips: int, marks: str) -> None:
        """Chunks that Redis has as skipped, and that have not begun here, will not be run."""
        self._skips_seen = skips
        if self.chunks is None:
            return
        skipped = [index for index, mark in enumerate(marks[: self.chunks.total]) if mark == "s"]
        self.chunks.skip(skipped)
        if self._relay_skips:
            self._relay_skips(skipped)

    def relay_skips(self, relay: Callable[[list[int]], None]) -> None:
        """The chunks run in a child process: tell it what is skipped."""
        self._relay_skips = relay

    # The end

    def fail_chunks(self, error: BaseException) -> bool:
        """The attempt ends with this error: chunks that still run failed with it. True when there were any."""
        if self.chunks is None or not self.chunks.begun:
            return False
        for index in list(self.chunks.begun):
            self.chunks.end(index, "f", error_text(error))
        return True
