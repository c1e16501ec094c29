"""Where a running job stands: asked of its worker, which answers within a heartbeat."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from .client import Client
from .commands import Commands

#: How long (seconds) an answer is waited for. A worker whose event loop is blocked finds the question by its heartbeat.
WITHIN = 3.0
MAX_FRAMES, MAX_TASKS = 100, 20


@dataclass(frozen=True, slots=True)
class StackFrame:
    """One line of a stack. `source` is "" where the worker can't read it."""

    file: str
    line: int
    function: str
    source: str


@dataclass(frozen=True, slots=True)
class Stack:
    """Where a job stands, the innermost frame last. `kind` is where its code runs: loop, thread or process.

    `beside` are tasks that it has started, by name. `blocked` is what keeps its worker's event loop busy.
    """

    kind: str
    frames: list[StackFrame]
    beside: list[tuple[str, list[StackFrame]]]
    blocked: list[StackFrame]


async def stack_of(commands: Commands, waiting: Client, job_id: str, within: float = WITHIN) -> Stack | None:
    """Ask and wait. None where no worker answers in time. `waiting` is a client whose calls may take that long.

    Raises JobNotFound, or WrongState when the job does not run.
    """
    answer = uuid4().hex
    if not await commands.ask_stack(job_id, answer):
        return None
    found = await waiting.blpop([commands.keys.answer(answer)], timeout=within)
    return _parse(found[1]) if found else None


def _parse(raw: bytes) -> Stack | None:
    try:
        told = json.loads(raw[:1_000_000].decode(errors="replace"))
        beside = [(str(name)[:200], _frames(frames)) for name, frames in told["beside"][:MAX_TASKS]]
        return Stack(str(told["kind"])[:20], _frames(told["frames"]), beside, _frames(told["blocked"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _frames(told: Iterable[Any]) -> list[StackFrame]:
    frames = [(str(file)[:500], int(line), str(name)[:300], str(source)[:500]) for file, line, name, source in told]
    return [StackFrame(*frame) for frame in frames[:MAX_FRAMES]]
