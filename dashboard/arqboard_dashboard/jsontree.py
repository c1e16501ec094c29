"""A JSON value as a tree that can be opened and closed: numbers exact, everything bounded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

Kind = Literal["object", "array", "string", "number", "word", "more"]
#: More values than this are not shown; what is not says so.
MAX_NODES, MAX_DEPTH, MAX_TEXT = 1_500, 60, 4_000
#: What has no more entries than this is open from the start, near the root.
OPEN_ENTRIES, OPEN_DEPTH = 12, 2


@dataclass(slots=True)
class Node:
    """One value. `key` is its name or place in what holds it, None for the root and in lists."""

    kind: Kind
    text: str
    key: str | None = None
    children: list[Node] = field(default_factory=list["Node"])
    count: int = 0
    is_open: bool = False


class _Budget:
    def __init__(self) -> None:
        self.left = MAX_NODES

    def take(self) -> bool:
        self.left -= 1
        return self.left >= 0


def json_tree(value: Any) -> Node:
    """The tree of a value that came from JSON."""
    return _node(value, None, 0, _Budget())


def json_text(value: Any) -> str:
    """The same as text, to be copied: indented, numbers exact."""
    try:
        return json.dumps(value, indent=2, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return str(type(value).__name__)


def _node(value: Any, key: str | None, depth: int, budget: _Budget) -> Node:
    match value:
        case dict() if depth < MAX_DEPTH:
            entries = cast("Mapping[Any, Any]", value)
            return _branch("object", key, depth, budget, len(entries), ((str(k), v) for k, v in entries.items()))
        case list() if depth < MAX_DEPTH:
            items = cast("list[Any]", value)
            return _branch("array", key, depth, budget, len(items), ((None, item) for item in items))
        case dict() | list():
            return Node("more", "nested too deeply to be shown", key)
        case str():
            return Node("string", _cut(json.dumps(value, ensure_ascii=False)), key)
        case bool() | None:
            return Node("word", json.dumps(value), key)
        case _:
            return Node("number", _cut(json.dumps(value, default=str)), key)


def _branch(
    kind: Kind, key: str | None, depth: int, budget: _Budget, count: int, entries: Iterator[tuple[str | None, Any]]
) -> Node:
    node = Node(kind, "", key, count=count, is_open=(depth < OPEN_DEPTH and count <= OPEN_ENTRIES) or depth == 0)
    for name, inner in entries:
        if not budget.take():
            node.children.append(Node("more", f"{count - len(node.children)} more are not shown"))
            break
        node.children.append(_node(inner, name, depth + 1, budget))
    return node


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}… ({len(text) - MAX_TEXT} more characters)"
