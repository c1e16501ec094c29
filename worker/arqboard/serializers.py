"""Serializers for arq's `job_serializer` and `job_deserializer`: no pickles, and exceptions that come back.

Both sides need the pair: `WorkerSettings` and `create_pool(job_serializer=…, job_deserializer=…)`. What is read may
come from anybody who can write to Redis: it is bounded, loads no code, and is a dict or a DeserializationError.
Plain JSON or msgpack, as other serializers and the dashboard write it, is read as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, NoReturn, cast

from arq.jobs import DeserializationError, Deserializer, Serializer

from .remote import RemoteError
from .tag_reader import MAX_VALUES, Reader
from .tag_writer import Writer

__all__ = [
    "Deserializer",
    "RemoteError",
    "Serializer",
    "json_deserializer",
    "json_serializer",
    "msgpack_deserializer",
    "msgpack_serializer",
]

#: Longest call or result, in bytes, that is written or read.
MAX_BYTES = 32 * 1024 * 1024
#: What we write is `{"$": 1, "v": …}`; without this, there are no tags inside.
_VERSION = 1
# Keeps text that is no valid Unicode, such as names of files.
_LONE = "surrogatepass"


def json_serializer(data: dict[str, Any]) -> bytes:
    """JSON text. Raises TypeError for a value that can't be stored, ValueError for too many of them."""
    return _short(_ENCODER.encode(_enveloped(data, binary=False)).encode("utf-8", _LONE))


def json_deserializer(data: bytes) -> dict[str, Any]:
    """What json_serializer wrote, or plain JSON. Raises DeserializationError."""
    return _opened(data, _from_json)


def msgpack_serializer(data: dict[str, Any]) -> bytes:
    """Msgpack, which is smaller where there are bytes and numbers. Needs `pip install "arqboard[msgpack]"`."""
    msgpack = _msgpack()
    return _short(cast(bytes, msgpack.packb(_enveloped(data, binary=True), unicode_errors=_LONE)))


def msgpack_deserializer(data: bytes) -> dict[str, Any]:
    """What msgpack_serializer wrote, or plain msgpack. Raises DeserializationError."""
    msgpack = _msgpack()
    return _opened(
        data,
        lambda raw: msgpack.unpackb(
            raw, raw=False, strict_map_key=False, unicode_errors=_LONE, max_array_len=MAX_VALUES, max_map_len=MAX_VALUES
        ),
    )


def _enveloped(data: dict[str, Any], *, binary: bool) -> dict[str, Any]:
    return {"$": _VERSION, "v": Writer(binary=binary).write(data)}


def _short(data: bytes) -> bytes:
    if len(data) > MAX_BYTES:
        raise ValueError(f"it is {len(data):,} bytes long, more than {MAX_BYTES:,}: store it elsewhere, pass its name")
    return data


def _opened(data: bytes, parse: Callable[[bytes], Any]) -> dict[str, Any]:
    try:
        tree = parse(_short(data))
        if isinstance(tree, dict) and "$" in tree:
            tree = _untagged(cast("dict[str, Any]", tree))
    except Exception as error:  # hostile data finds many ways to be wrong, and they are all one to the caller
        raise DeserializationError(f"not a call or result that can be read: {error!r:.200}") from error
    if not isinstance(tree, dict):
        raise DeserializationError(f"not a call or result: a {type(tree).__name__}")
    return cast("dict[str, Any]", tree)


def _untagged(envelope: dict[str, Any]) -> Any:
    if envelope["$"] != _VERSION:
        raise ValueError(f"written in version {envelope['$']!r:.20} of the format, this arqboard reads {_VERSION}")
    return Reader().read(envelope["v"])


def _from_json(data: bytes) -> Any:
    return _DECODER.decode(data.decode("utf-8", _LONE))


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


# Built once: `json.dumps` and `json.loads` build them for every call that differs from their defaults.
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_DECODER = json.JSONDecoder(parse_constant=_refuse)


@cache
def _msgpack() -> Any:
    try:
        return import_module("msgpack")
    except ImportError as error:
        raise ImportError('This serializer needs the package msgpack: pip install "arqboard[msgpack]"') from error
