"""What a payload says: the call that arq's `enqueue_job` or our `submit` stored."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from arq.jobs import DeserializationError


@dataclass(slots=True)
class Call:
    """What a payload says: arq's five fields."""

    function: str = "<unknown>"
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict[str, Any])
    job_try: int | None = None
    enqueued: int = 0


def read_call(payload: bytes, deserializer: Callable[[bytes], dict[str, Any]] | None) -> Call:
    """Read a payload with the fleet's deserializer, or as the JSON that the dashboard writes.

    Raises DeserializationError. This is the only place where a pickle is loaded, and it runs in workers only.
    """
    try:
        raw = (deserializer or pickle.loads)(payload)
        return _call(raw)
    except Exception as error:
        if payload[:1] == b"{":
            return _call(json.loads(payload))
        raise DeserializationError("unable to deserialize job") from error


def _call(raw: dict[str, Any]) -> Call:
    return Call(raw["f"], tuple(raw["a"]), dict(raw["k"]), raw["t"], int(raw["et"]))
