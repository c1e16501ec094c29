"""Where running code stands: what a coroutine awaits, down to the innermost frame, and what a thread does."""

from __future__ import annotations

import asyncio
import gc
import linecache
import sys
from collections.abc import Iterator, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from inspect import isasyncgen, iscoroutine
from types import FrameType
from typing import Any

from .progress import Live, current

MAX_FRAMES, MAX_TASKS, MAX_TEXT = 100, 20, 300
#: Files of ours from which a job's code is called: what is above them in a thread's stack is not the job's.
_CALLERS = tuple(
    f"/arqboard/{name}.py" for name in ("executing", "limits", "loops", "threads", "process_child", "striking")
)


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of a stack. `source` is "" where the file can't be read."""

    file: str
    line: int
    function: str
    source: str

    @classmethod
    def of(cls, frame: FrameType) -> Frame:
        code, line = frame.f_code, frame.f_lineno or 0
        linecache.checkcache(code.co_filename)
        source = linecache.getline(code.co_filename, line, frame.f_globals).strip()
        return cls(_text(code.co_filename), line, _text(code.co_qualname), _text(source))


@dataclass(frozen=True, slots=True)
class Picture:
    """Where a job stands, the outermost frame first. `kind` is where its code runs: loop, thread or process.

    `beside` are other tasks that it has started; `blocked` is what keeps the worker's event loop busy, so that nothing
    else gets its turn.
    """

    kind: str
    frames: list[Frame]
    beside: list[tuple[str, list[Frame]]] = field(default_factory=list[tuple[str, list[Frame]]])
    blocked: list[Frame] = field(default_factory=list[Frame])

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "frames": _told(self.frames),
            "beside": [[_text(name), _told(frames)] for name, frames in self.beside[:MAX_TASKS]],
            "blocked": _told(self.blocked),
        }


def frames_of_awaitable(awaitable: Any) -> list[Frame]:
    """Where a coroutine waits: its own frame, that of what it awaits, and so on to the innermost."""
    frames: list[Frame] = []
    while awaitable is not None and len(frames) < MAX_FRAMES:
        frame = _first(awaitable, "cr_frame", "gi_frame", "ag_frame")
        if frame is not None:
            frames.append(Frame.of(frame))
        awaitable = _first(awaitable, "cr_await", "gi_yieldfrom", "ag_await") or _wrapped(awaitable)
    return frames


def frames_of_thread(ident: int | None) -> list[Frame]:
    """What a thread does now, below the place where the worker called the job's code."""
    frame = sys._current_frames().get(ident or -1)  # pyright: ignore[reportPrivateUsage] - documented
    return [Frame.of(frame) for frame in reversed(list(_until_called(frame)))] if frame is not None else []


def tasks_of(live: Live, loop: asyncio.AbstractEventLoop) -> list[asyncio.Task[Any]]:
    """The tasks of this loop that an attempt's code has started: they inherit its context."""
    return [task for task in asyncio.all_tasks(loop) if _belongs(task, live)]


def _belongs(task: asyncio.Task[Any], live: Live) -> bool:
    context = _context_of(task)
    return context is not None and context.run(current).live is live


def _context_of(task: asyncio.Task[Any]) -> Context | None:
    """Python 3.12 says it; before, it is among what the task refers to."""
    told = getattr(task, "get_context", None)
    if told is not None:
        found: Context = told()
        return found
    return next((thing for thing in gc.get_referents(task) if isinstance(thing, Context)), None)


def _first(thing: Any, *names: str) -> Any:
    return next((value for name in names if (value := getattr(thing, name, None)) is not None), None)


def _wrapped(awaitable: Any) -> Any:
    """What stands behind awaitables that don't show it: `__await__` of a coroutine, a step of an async generator."""
    if type(awaitable).__name__ not in ("coroutine_wrapper", "async_generator_asend", "async_generator_athrow"):
        return None
    return next((thing for thing in gc.get_referents(awaitable) if iscoroutine(thing) or isasyncgen(thing)), None)


def _until_called(frame: FrameType | None) -> Iterator[FrameType]:
    count = 0
    while frame is not None and count < MAX_FRAMES and not frame.f_code.co_filename.endswith(_CALLERS):
        yield frame
        frame, count = frame.f_back, count + 1


def _told(frames: Sequence[Frame]) -> list[list[Any]]:
    return [[frame.file, frame.line, frame.function, frame.source] for frame in frames]


def _text(text: str) -> str:
    return text[:MAX_TEXT].encode("utf-8", "replace").decode()
