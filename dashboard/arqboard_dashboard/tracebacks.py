"""A traceback as it is read: own frames at full length, runs of library frames folded, each exception by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from .traces import TraceFrame, frame_in

#: Of a recursion the first and the last frames say enough.
MAX_FRAMES = 60
_START = "Traceback (most recent call last):"
_PACKAGE = re.compile(r"(?:site|dist)-packages[/\\]([^/\\]+)|[/\\]lib(?:64)?[/\\]python3[^/\\]*[/\\]([^/\\.]+)")


@dataclass(frozen=True, slots=True)
class Run:
    """Frames that follow each other and are all the user's own, or all of libraries."""

    is_own: bool
    frames: tuple[TraceFrame, ...]

    @property
    def packages(self) -> str:
        """What the frames of libraries belong to, each once."""
        return ", ".join(dict.fromkeys(_package(frame.file) for frame in self.frames))


@dataclass(frozen=True, slots=True)
class Block:
    """One exception: what stands before it ("During handling of …"), its frames, and what it says."""

    kind: Literal["trace", "text"]
    intro: str
    runs: tuple[Run, ...]
    says: str


def blocks_of(text: str) -> list[Block]:
    """The exceptions of a traceback in the order in which it prints them, the one that was raised last."""
    sections: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.startswith(_START):
            sections.append([])
        sections[-1].append(line)
    intro, found = "\n".join(sections[0]).strip(), list[Block]()
    for section in sections[1:]:
        frames, rest = _frames_in(section[1:])
        says, following = _split(rest)
        found.append(Block("trace", intro, _runs(frames), says))
        intro = following
    if intro or not found:
        found.append(Block("text", intro, (), ""))
    return found


def _frames_in(lines: Sequence[str]) -> tuple[list[TraceFrame], list[str]]:
    """The frames at the start of the lines, and what comes after them."""
    frames: list[TraceFrame] = []
    at = 0
    while at < len(lines) and lines[at].startswith("  "):
        end = at + 1
        while end < len(lines) and lines[end].startswith("    "):
            end += 1
        frame = frame_in(lines[at], [line[4:] for line in lines[at + 1 : end]])
        if frame is not None:
            frames.append(frame)
        at = end
    return frames, list(lines[at:])


def _split(lines: Sequence[str]) -> tuple[str, str]:
    """What the exception says, and what leads over to the next one."""
    text = "\n".join(lines)
    for bridge in ("\n\nDuring handling of the above", "\n\nThe above exception was the direct cause"):
        if (at := text.find(bridge)) >= 0:
            return text[:at].strip("\n"), text[at:].strip()
    return text.strip("\n"), ""


def _runs(frames: list[TraceFrame]) -> tuple[Run, ...]:
    shown = frames if len(frames) <= MAX_FRAMES else [*frames[: MAX_FRAMES // 2], *frames[-MAX_FRAMES // 2 :]]
    return tuple(_grouped(shown))


def _grouped(frames: Sequence[TraceFrame]) -> Iterator[Run]:
    for is_own, run in groupby(frames, key=lambda frame: frame.is_own):
        yield Run(is_own, tuple(run))


def _package(file: str) -> str:
    found = _PACKAGE.search(file)
    if found:
        return found[1] or found[2]
    return "arqboard" if "arqboard" in file else file
