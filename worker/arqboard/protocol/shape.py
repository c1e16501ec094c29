"""What a workflow looks like, told so briefly that ten thousand equal members are one entry.

A graph numbers its nodes in the order in which its parts are written: a join comes before its members, a chain's parts
follow each other. So the shape alone says which number each node has, and a page that draws a workflow need not read
its nodes. It is kept as JSON: `"resize"` is a step, `{"chain": […]}` a chain, `{"group": [[3, …], …]}` a group with so
many equal members in a row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

#: A workflow has at most so many nodes, and parts within parts.
MAX_NODES, MAX_NESTING = 100_000, 100
#: A shape that would take more characters than this is not kept: nobody could look at what is drawn from it.
MAX_TEXT = 200_000


@dataclass(frozen=True, slots=True)
class One:
    """A job."""

    function: str
    size: int = field(default=1, init=False)


@dataclass(frozen=True, slots=True)
class Sequence:
    """Parts one after the other. `size` counts nodes, as in the others."""

    parts: tuple[Shape, ...]
    size: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", sum(part.size for part in self.parts))


@dataclass(frozen=True, slots=True)
class Parallel:
    """Runs of equal members, and how many are in each."""

    runs: tuple[tuple[int, Shape], ...]
    size: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", 1 + sum(count * member.size for count, member in self.runs))


Shape: TypeAlias = One | Sequence | Parallel


def written(shape: Shape) -> str:
    """As Redis keeps it; "" where that is too long."""
    text = json.dumps(_plain(shape), separators=(",", ":"))
    return text if len(text) <= MAX_TEXT else ""


def read_shape(text: str) -> Shape | None:
    """None where there is none, or none that a graph could have."""
    if not text or len(text) > MAX_TEXT:
        return None
    try:
        shape = _parsed(json.loads(text), 0)
    except (ValueError, TypeError, RecursionError):
        return None
    return shape if shape.size <= MAX_NODES else None


def functions_in(shape: Shape) -> Iterator[str]:
    """What the jobs are called, each kind of member once."""
    match shape:
        case One(function):
            yield function
        case Sequence(parts):
            for part in parts:
                yield from functions_in(part)
        case Parallel(runs):
            for _, member in runs:
                yield from functions_in(member)


def _plain(shape: Shape) -> Any:
    match shape:
        case One(function):
            return function
        case Sequence(parts):
            return {"chain": [_plain(part) for part in parts]}
        case Parallel(runs):
            return {"group": [[count, _plain(member)] for count, member in runs]}


def _parsed(raw: Any, depth: int) -> Shape:
    """Raises ValueError or TypeError for what is no shape."""
    if depth > MAX_NESTING:
        raise ValueError("nested too deeply")
    match raw:
        case str():
            return One(raw)
        case {"chain": [first, *others]}:
            return Sequence(tuple(_parsed(part, depth + 1) for part in (first, *others)))
        case {"group": [*runs]}:
            return Parallel(tuple(_run(run, depth) for run in runs))
        case _:
            raise ValueError("no shape")


def _run(raw: Any, depth: int) -> tuple[int, Shape]:
    count, member = raw
    if type(count) is not int or not 0 < count <= MAX_NODES:
        raise ValueError("no count")
    return count, _parsed(member, depth + 1)
