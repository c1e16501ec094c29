"""What a payload says: the call that arq's `enqueue_job` or our `submit` stored."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from arq.jobs import DeserializationError, SerializationError

from .protocol.payload import call_dict


@dataclass(slots=True)
class Call:
    """What a payload says: arq's five fields, and whether it was made with a check of its arguments."""

    function: str = "<unknown>"
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict[str, Any])
    job_try: int | None = None
    enqueued: int = 0
    is_checked: bool = False


def write_call(
    function: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    serializer: Callable[[dict[str, Any]], bytes] | None,
) -> bytes:
    """The payload of a call, with the fleet's serializer or as a pickle. Raises SerializationError."""
    try:
        return (serializer or pickle.dumps)(call_dict(function, args, kwargs))
    except Exception as error:
        raise SerializationError(f"the arguments of {function} can't be stored: {error}") from error


def read_call(payload: bytes, deserializer: Callable[[bytes], dict[str, Any]] | None) -> Call:
    """Read a payload with the fleet's deserializer, or as the JSON that the dashboard writes.

    Raises DeserializationError. This is the only place where a pickle is loaded, and it runs in workers only.
    """
    try:
        return _call((deserializer or pickle.loads)(payload))
    except Exception as error:
        if payload[:1] == b"{":
            return _read_json(payload)
        raise DeserializationError("unable to deserialize job") from error


def _read_json(payload: bytes) -> Call:
    try:
        return _call(json.loads(payload))
    except Exception as error:  # any other would stop the search for jobs of stock clients at this one
        raise DeserializationError("unable to deserialize job") from error


def _call(raw: dict[str, Any]) -> Call:
    return Call(raw["f"], tuple(raw["a"]), dict(raw["k"]), raw["t"], int(raw["et"]), bool(raw.get("v")))
