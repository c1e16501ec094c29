"""Any value of a job as plain data. What JSON has no word for carries a tag: `{"$": "date", "v": "2026-03-01"}`.

A dict that has a key "$", or keys that aren't text, is written as pairs: in plain data a "$" is always a tag of ours.
Enums travel as their value, dataclasses and pydantic models as dicts; `validation.py` makes them what hints say.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

import pydantic_core
from pydantic import BaseModel, Secret, SecretBytes, SecretStr

from .outcomes import describe
from .remote import is_known
from .tag_reader import MAX_VALUES, Bounded, Reader

#: Values in the arguments of an exception, which is not worth more.
MAX_VALUES_OF_ERRORS = 1_000

_INT64 = range(-(2**63), 2**63)


class Writer(Bounded):
    """`binary` for formats that carry bytes as they are."""

    def __init__(self, *, binary: bool, left: int = MAX_VALUES) -> None:
        super().__init__(left)
        self.binary = binary
        self.of_error: Writer | None = None

    def write(self, value: Any, depth: int = 0) -> Any:
        kind = cast("type[object]", type(value))
        if kind is str or value is None or kind is bool:
            return value
        if kind is int:
            return value if value in _INT64 else _tag("int", hex(value))
        if kind is float:
            return value if math.isfinite(value) else _tag("float", repr(value))
        way = _way_of(kind)  # type: ignore[arg-type] # mypy takes the hash of a class for that of its instances
        return way(self, value, depth)

    def all(self, values: Iterable[Any], depth: int) -> list[Any]:
        return [self.write(value, depth + 1) for value in values]

    def key(self, key: Any, depth: int) -> Any:
        written = self.write(key, depth + 1)
        if type(written) in (dict, list):
            try:
                hash(Reader().read(written))
            except TypeError:
                raise TypeError(f"a {type(key).__name__} can't be a key: it comes back as something else") from None
        return written


Way = Callable[[Writer, Any, int], Any]


def _tag(name: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"$": name, "v": value, **more}


@lru_cache(maxsize=1024)
def _way_of(kind: type[object]) -> Way:
    for base, way in _WAYS:
        if issubclass(kind, base):
            return way
    if dataclasses.is_dataclass(kind):
        return _write_dataclass
    return _write_as_pydantic


def _write_list(writer: Writer, value: Sequence[Any], depth: int) -> Any:
    writer.enter(len(value), depth)
    return writer.all(value, depth)


def _tagged_list(name: str) -> Way:
    return lambda writer, value, depth: _tag(name, _write_list(writer, value, depth))


def _write_dict(writer: Writer, value: dict[Any, Any], depth: int) -> Any:
    writer.enter(len(value), depth)
    plain: dict[str, Any] = {}
    for key, inner in value.items():
        if type(key) is not str or key == "$":
            break
        plain[key] = writer.write(inner, depth + 1)
    else:
        return plain
    return _tag("dict", [[writer.key(key, depth), writer.write(v, depth + 1)] for key, v in value.items()])


def _write_bytes(writer: Writer, value: bytes, depth: int) -> Any:
    return bytes(value) if writer.binary else _tag("bytes", b64encode(value).decode())


def _write_bytearray(writer: Writer, value: bytearray, depth: int) -> Any:
    return _tag("bytearray", writer.write(bytes(value), depth + 1))


def _write_datetime(writer: Writer, value: dt.datetime, depth: int) -> Any:
    return _tag("datetime", dt.datetime.isoformat(value), **_zone(value))


def _write_time(writer: Writer, value: dt.time, depth: int) -> Any:
    return _tag("time", dt.time.isoformat(value), **_zone(value))


def _zone(value: dt.datetime | dt.time) -> dict[str, Any]:
    """What ISO text lacks: the name of the zone, and which of two equal times on the night the clocks go back."""
    named = {"zone": value.tzinfo.key} if isinstance(value.tzinfo, ZoneInfo) and value.tzinfo.key else {}
    return {**named, **({"fold": 1} if value.fold else {})}


def _write_timedelta(writer: Writer, value: dt.timedelta, depth: int) -> Any:
    return _tag("timedelta", [value.days, value.seconds, value.microseconds])


def _write_model(writer: Writer, value: BaseModel, depth: int) -> Any:
    """By field names and as input that validates again; the worker takes names and aliases alike."""
    return writer.write(value.model_dump(round_trip=True, by_alias=False, warnings=False), depth)


def _write_dataclass(writer: Writer, value: Any, depth: int) -> Any:
    return writer.write({f.name: getattr(value, f.name) for f in dataclasses.fields(value)}, depth)


def _write_error(writer: Writer, value: BaseException, depth: int) -> Any:
    inner = writer.of_error or Writer(binary=writer.binary, left=MAX_VALUES_OF_ERRORS)
    inner.of_error = inner
    inner.enter(1, depth)
    type_, message, traceback = describe(value)
    args, state = None, None
    if is_known(value):
        # OSError keeps the name of the file out of its args
        plain = value.__reduce__()[1] if isinstance(value, OSError) else value.args
        args, state = _if_possible(inner, list(plain), depth), _if_possible(inner, dict(vars(value)), depth)
    module = str(type(value).__module__)[:200]
    return {"$": "error", "type": type_, "module": module, "message": message, "traceback": traceback,
            "args": args, "state": state}  # fmt: skip


def _if_possible(writer: Writer, value: Any, depth: int) -> Any:
    try:
        return writer.write(value, depth + 1)
    except (TypeError, ValueError):
        return None


def _write_as_pydantic(writer: Writer, value: Any, depth: int) -> Any:
    """What pydantic writes as text: URLs, IP addresses, patterns, complex numbers, pure paths."""
    try:
        text = pydantic_core.to_jsonable_python(value)
    except ValueError:
        text = None
    if type(text) is not str:
        kind = cast("type[object]", type(value))
        raise TypeError(
            f"a value of type {kind.__module__}.{kind.__qualname__} can't be stored; use plain values, a dataclass or a"
            " pydantic model"
        )
    return text


#: The first base that fits decides.
_WAYS: tuple[tuple[type | tuple[type, ...], Way], ...] = (
    (Enum, lambda writer, value, depth: writer.write(value.value, depth)),
    (BaseModel, _write_model),
    (BaseException, _write_error),
    ((SecretStr, SecretBytes, Secret), lambda writer, value, depth: writer.write(value.get_secret_value(), depth)),
    (dict, _write_dict),
    ((list, deque), _write_list),
    (tuple, _tagged_list("tuple")),
    (set, _tagged_list("set")),
    (frozenset, _tagged_list("frozenset")),
    (str, lambda writer, value, depth: str.__str__(value)),
    (int, lambda writer, value, depth: writer.write(int.__int__(value), depth)),
    (float, lambda writer, value, depth: writer.write(float.__float__(value), depth)),
    (bytes, _write_bytes),
    (bytearray, _write_bytearray),
    (dt.datetime, _write_datetime),
    (dt.date, lambda writer, value, depth: _tag("date", dt.date.isoformat(value))),
    (dt.time, _write_time),
    (dt.timedelta, _write_timedelta),
    (Decimal, lambda writer, value, depth: _tag("decimal", Decimal.__str__(value))),
    (UUID, lambda writer, value, depth: _tag("uuid", UUID.__str__(value))),
    (Path, lambda writer, value, depth: _tag("path", str(value))),
)
