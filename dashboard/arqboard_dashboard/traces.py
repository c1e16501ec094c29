"""A traceback as text, taken apart: the frames of the user's own code are what is read first."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: More frames than this are not shown one by one; a recursion has thousands.
MAX_FRAMES = 60
_FRAME = re.compile(r'^  (?:\| )*File "(?P<file>[^"\n]+)", line (?P<line>\d+), in (?P<function>.+)$')
#: What is installed, and what stands around a job. The worker's paths, so they are only looked at.
_LIBRARY = re.compile(
    r"[/\\](site|dist)-packages[/\\]|[/\\]lib(64)?[/\\]python3[^/\\]*[/\\]|^<|[/\\]arqboard[/\\](?!demo[/\\])"
)


@dataclass(frozen=True, slots=True)
class TraceFrame:
    """One frame. `code` is its source line and what Python says under it."""

    file: str
    line: int
    function: str
    code: str
    is_own: bool


@dataclass(frozen=True, slots=True)
class Trace:
    """The frames of the last exception in a traceback, the innermost last."""

    frames: tuple[TraceFrame, ...]

    @property
    def own(self) -> tuple[TraceFrame, ...]:
        """Those of the user's code, the innermost first: where to look."""
        return tuple(frame for frame in reversed(self.frames) if frame.is_own)

    @property
    def others(self) -> int:
        return len(self.frames) - len(self.own)


def read_trace(text: str) -> Trace:
    """What can be told from the text; without frames where nothing can."""
    lines = text.splitlines()
    start = max((n for n, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")), default=0)
    found: list[tuple[re.Match[str], list[str]]] = []
    for line in lines[start:]:
        match = _FRAME.match(line)
        if match:
            found.append((match, []))
        elif found and line.startswith("    "):
            found[-1][1].append(line[4:])
    return Trace(tuple(_frame(match, code) for match, code in found[-MAX_FRAMES:]))


def is_own(file: str) -> bool:
    """Whether a file is of the user's code, as far as its path tells."""
    return not _LIBRARY.search(file)


def frame_in(line: str, code: list[str]) -> TraceFrame | None:
    """The frame that a line of a traceback begins, with the lines under it; None for any other line."""
    match = _FRAME.match(line)
    return _frame(match, code) if match else None


def _frame(match: re.Match[str], code: list[str]) -> TraceFrame:
    file = match["file"]
    return TraceFrame(file, int(match["line"][:9]), match["function"], "\n".join(code), is_own(file))
