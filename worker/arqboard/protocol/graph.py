"""A workflow as a graph: what chains, groups and chords come to, whatever they are nested in.

A node is a job, or a join: the results of a group's members in their order. A job has one node before it at most,
whose result is its first argument; a group after a group therefore costs one edge per member and not their product.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

from .errors import BadWorkflow
from .shape import MAX_NESTING, MAX_NODES, One, Parallel, Sequence, Shape, written
from .tags import tags_of

if TYPE_CHECKING:
    from .commands import Submission

OnError = Literal["stop", "continue"]


@dataclass(frozen=True, slots=True)
class Step:
    """One job. `is_fed`: the result of what comes before it is its first argument."""

    call: Submission
    is_fed: bool = True


@dataclass(frozen=True, slots=True)
class Chain:
    """Parts one after the other."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Parts beside each other; their results are a list in this order."""

    parts: tuple[Part, ...]


Part: TypeAlias = Step | Chain | Group


@dataclass(slots=True)
class Node:
    """A job (`call`) or, without one, a join of its members. It starts after `before`, `fed_by` it or by nothing."""

    call: Submission | None = None
    before: int | None = None
    fed_by: int | None = None
    next: list[int] = field(default_factory=list[int])
    groups: list[int] = field(default_factory=list[int])
    join: int | None = None
    members: list[int] = field(default_factory=list[int])
    is_nested: bool = False

    def record(self) -> str:
        """What Redis keeps of it (see _workflow.lua)."""
        told: dict[str, Any] = dict(self.call.description()) if self.call else {"members": self.members}
        given = {
            "before": self.before, "fed_by": self.fed_by, "next": self.next or None, "groups": self.groups or None,
            "join": self.join,
            "is_nested": self.is_nested or None,
        }  # fmt: skip
        told.update({name: value for name, value in given.items() if value is not None})
        return json.dumps(told)


@dataclass(slots=True)
class Graph:
    """A whole workflow. `exit` is the node whose end is the workflow's, `roots` are those that start at once."""

    name: str
    on_error: OnError = "stop"
    source: str = ""
    parent: str = ""
    nodes: list[Node] = field(default_factory=list[Node])
    roots: list[int] = field(default_factory=list[int])
    exit: int = 0
    shape: str = ""
    """how it is drawn; see shape.py"""

    @classmethod
    def of(cls, part: Part, *, name: str = "", on_error: OnError = "stop", source: str = "", parent: str = "") -> Self:
        """Raises BadWorkflow where a part has nothing in it, or there is too much."""
        if on_error not in ("stop", "continue"):
            raise BadWorkflow("on_error", f'has to be "stop" or "continue", not {str(on_error)[:60]!r}')
        graph = cls(name or named(part), on_error, source, parent)
        graph.exit = graph._add(part, None, "workflow", 0)
        graph.shape = written(shape_of(part))
        return graph

    def tag(self, tags: Collection[str]) -> None:
        """Give all jobs these tags too. Raises ValueError."""
        for node in self.nodes:
            if node.call is not None:
                node.call = replace(node.call, tags=tags_of([*node.call.tags, *tags]))

    @property
    def total(self) -> int:
        return sum(node.call is not None for node in self.nodes)

    def description(self) -> dict[str, Any]:
        """What `begin` is told beside the nodes."""
        joins = {str(n): len(node.members) for n, node in enumerate(self.nodes) if node.members}
        return {
            "name": self.name, "size": len(self.nodes), "total": self.total, "exit": self.exit,
            "on_error": self.on_error, "source": self.source, "parent": self.parent, "roots": self.roots,
            "joins": joins, "shape": self.shape,
        }  # fmt: skip

    def _add(self, part: Part, before: int | None, where: str, depth: int) -> int:
        """The number of the node that has this part's result."""
        if depth > MAX_NESTING:
            raise BadWorkflow(where, f"is nested deeper than {MAX_NESTING}")
        match part:
            case Step():
                return self._add_step(part, before)
            case Chain():
                return self._add_chain(part, before, where, depth)
            case Group():
                return self._add_group(part, before, where, depth)

    def _new(self, node: Node) -> int:
        if len(self.nodes) >= MAX_NODES:
            raise BadWorkflow("workflow", f"has more than {MAX_NODES} jobs; give each more to do (chunks.spread)")
        self.nodes.append(node)
        return len(self.nodes) - 1

    def _follow(self, before: int | None, number: int) -> None:
        (self.roots if before is None else self.nodes[before].next).append(number)

    def _add_step(self, step: Step, before: int | None) -> int:
        number = self._new(Node(step.call, before, before if step.is_fed else None))
        self._follow(before, number)
        return number

    def _add_chain(self, chain: Chain, before: int | None, where: str, depth: int) -> int:
        if not chain.parts:
            raise BadWorkflow(where, "this chain is empty; it needs one step at least")
        for n, part in enumerate(chain.parts):
            before = self._add(part, before, f"{where}.chain[{n}]", depth + 1)
        assert before is not None
        return before

    def _add_group(self, group: Group, before: int | None, where: str, depth: int) -> int:
        number = self._new(Node())
        if before is not None:
            self.nodes[before].groups.append(number)
        if not group.parts:
            self._follow(before, number)
        join = self.nodes[number]
        for n, part in enumerate(group.parts):
            member = self._add(part, before, f"{where}.group[{n}]", depth + 1)
            self.nodes[member].join = number
            join.members.append(member)
            join.is_nested |= self.nodes[member].call is None
        return number


def steps(part: Part) -> Iterator[Step]:
    """Every job of a part, in order."""
    match part:
        case Step():
            yield part
        case Chain(parts) | Group(parts):
            for inner in parts:
                yield from steps(inner)


def shape_of(part: Part) -> Shape:
    """What a part looks like."""
    match part:
        case Step(call):
            return One(call.function)
        case Chain(parts):
            return Sequence(tuple(shape_of(inner) for inner in parts))
        case Group(parts):
            runs = groupby(shape_of(inner) for inner in parts)
            return Parallel(tuple((sum(1 for _ in run), member) for member, run in runs))


def named(part: Part) -> str:
    """What a part is called where nobody said: its functions, as one would say it."""
    match part:
        case Step(call):
            return call.function
        case Chain(parts):
            return _shortened(" → ".join(named(p) for p in parts[:6]) + (" → …" if len(parts) > 6 else ""))
        case Group(parts):
            names = list(dict.fromkeys(named(p) for p in parts[:50]))
            one = f"{len(parts)} × {names[0]}" if len(names) == 1 else f"({', '.join(names[:6])})"
            return _shortened(one if parts else "empty group")


def _shortened(text: str) -> str:
    return text if len(text) <= 200 else text[:199] + "…"
