"""Tagged data as values again. Nothing here imports code that the data names; see tag_writer.py for the tags."""

from __future__ import annotations

import datetime as dt
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from .remote import rebuild

MAX_DEPTH = 100
#: Values in containers, over the whole call or result. What is shared counts each time: it is written each time.
MAX_VALUES = 5_000_000
#: In a set or dict of at least so many, equal hashes are counted: enough of them would take hours to insert.
MANY, MAX_EQUAL_HASHES = 1_000, 100


class Bounded:
    """Counts what it passes, so that neither a cycle nor a hostile text keeps it busy."""

    def __init__(self, left: int = MAX_VALUES) -> None:
        self.left = left

    def enter(self, size: int, depth: int) -> None:
        self.left -= size + 1
        if self.left < 0:
            raise ValueError("it holds too many values")
        if depth >= MAX_DEPTH:
            raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep")


class Reader(Bounded):
    """Raises an Exception of some kind on anything that no Writer has written."""

    def read(self, tree: Any, depth: int = 0) -> Any:
        kind = cast("type[object]", type(tree))
        if kind is list:
            self.enter(len(tree), depth)
            return [self.read(value, depth + 1) for value in tree]
        if kind is not dict:
            return tree
        if "$" in tree:
            return _TAGS[tree["$"]](self, tree, depth)
        self.enter(len(tree), depth)
        return {key: self.read(value, depth + 1) for key, value in tree.items()}

    def items(self, tree: dict[str, Any], depth: int) -> list[Any]:
        items = self.read(tree["v"], depth)
        if type(items) is not list:
            raise ValueError("a tag of several values holds none")
        return cast("list[Any]", items)


def _read_set(reader: Reader, tree: dict[str, Any], depth: int) -> Any:
    return _as_set(set, reader.items(tree, depth))


def _read_frozenset(reader: Reader, tree: dict[str, Any], depth: int) -> Any:
    return _as_set(frozenset, reader.items(tree, depth))


def _as_set(kind: Callable[[list[Any]], Any], items: list[Any]) -> Any:
    """A list where the items were frozen dataclasses or models: as dicts they fit in no set."""
    try:
        _refuse_collisions(items)
        return kind(items)
    except TypeError:
        return items


def _read_dict(reader: Reader, tree: dict[str, Any], depth: int) -> Any:
    reader.enter(2 * len(tree["v"]), depth)
    pairs = [(reader.read(key, depth + 1), reader.read(value, depth + 1)) for key, value in tree["v"]]
    _refuse_collisions([key for key, _value in pairs])
    return dict(pairs)


def _refuse_collisions(items: list[Any]) -> None:
    if len(items) < MANY:
        return
    # As text, which Python hashes with a secret: counted as numbers they would collide here too.
    [(_hash, most)] = Counter(str(hash(item)) for item in items).most_common(1)
    if most > MAX_EQUAL_HASHES:
        raise ValueError("its items are made to collide")


def _read_datetime(reader: Reader, tree: dict[str, Any], depth: int) -> dt.datetime:
    return cast("dt.datetime", _in_zone(dt.datetime.fromisoformat(tree["v"]), tree))


def _read_time(reader: Reader, tree: dict[str, Any], depth: int) -> dt.time:
    return cast("dt.time", _in_zone(dt.time.fromisoformat(tree["v"]), tree))


def _in_zone(value: Any, tree: dict[str, Any]) -> Any:
    """Where the zone is unknown, the offset that the text has."""
    if fold := tree.get("fold"):
        value = value.replace(fold=fold)
    if zone := tree.get("zone"):
        try:
            return value.replace(tzinfo=ZoneInfo(zone))
        except (KeyError, OSError, ValueError):
            return value
    return value


def _read_bytes(reader: Reader, tree: dict[str, Any], depth: int) -> bytes:
    return b64decode(tree["v"], validate=True)


def _read_bytearray(reader: Reader, tree: dict[str, Any], depth: int) -> bytearray:
    content = reader.read(tree["v"], depth + 1)
    if type(content) is not bytes:  # a number would be so many zeros
        raise ValueError("a bytearray that is not made of bytes")
    return bytearray(content)


def _read_error(reader: Reader, tree: dict[str, Any], depth: int) -> BaseException:
    reader.enter(1, depth)
    args, state = reader.read(tree["args"], depth + 1), reader.read(tree["state"], depth + 1)
    texts = {name: tree[name] for name in ("module", "message", "traceback")}
    if not all(type(text) is str for text in (tree["type"], *texts.values())):
        raise ValueError("an exception that is not described in text")
    return rebuild(type_=tree["type"], args=None if args is None else tuple(args), state=dict(state or {}), **texts)


_TAGS: Mapping[Any, Callable[[Reader, dict[str, Any], int], Any]] = {
    "int": lambda reader, tree, depth: int(tree["v"], 16),
    "float": lambda reader, tree, depth: float(tree["v"]),
    "dict": _read_dict,
    "tuple": lambda reader, tree, depth: tuple(reader.items(tree, depth)),
    "set": _read_set,
    "frozenset": _read_frozenset,
    "bytes": _read_bytes,
    "bytearray": _read_bytearray,
    "datetime": _read_datetime,
    "date": lambda reader, tree, depth: dt.date.fromisoformat(tree["v"]),
    "time": _read_time,
    "timedelta": lambda reader, tree, depth: dt.timedelta(*tree["v"]),
    "decimal": lambda reader, tree, depth: Decimal(tree["v"]),
    "uuid": lambda reader, tree, depth: UUID(tree["v"]),
    "path": lambda reader, tree, depth: Path(tree["v"]),
    "error": _read_error,
}
