"""What travels: the call as arq's workers read it, and the previews that people read."""

from __future__ import annotations

import datetime as dt
import json
import pickle  # dumps only: a test holds that nothing here or in the dashboard loads one
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

#: Longest preview of arguments or results that is kept, in characters of JSON.
MAX_PREVIEW = 16_000
#: Longest text inside a preview.
MAX_TEXT = 2_000
MAX_ITEMS = 200
MAX_DEPTH = 8
#: Whole numbers with more digits than the API takes are kept as text.
LONGEST_INT = 10**100
REDACTED = "[redacted]"

_SECRET = re.compile(
    r"passw|secret|(^|_)token$|api_?key|authorization|credential|private_?key|cookie|\bpin\b|ssn", re.IGNORECASE
)


def is_secret(name: str) -> bool:
    """Whether an argument or a key of that name is never shown."""
    return _SECRET.search(name) is not None


def encode_call(
    function: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    serializer: Literal["pickle", "custom"] = "pickle",
    job_try: int | None = None,
) -> bytes:
    """The payload of a job, as arq 0.28 stores it (jobs.serialize_job).

    A fleet with a serializer of its own gets JSON, which our worker reads whatever its serializer is.
    """
    call = call_dict(function, args, kwargs, job_try=job_try)
    if serializer == "pickle":
        return pickle.dumps(call)
    return json.dumps(call, default=str, allow_nan=False).encode()


def call_dict(
    function: str, args: Sequence[Any], kwargs: Mapping[str, Any], *, job_try: int | None = None
) -> dict[str, Any]:
    """arq's five fields, and one of ours that stock workers pass over: `v` says that the call was checked against the
    signature where it was made, so a worker checks it as well."""
    return {"t": job_try, "f": function, "a": tuple(args), "k": dict(kwargs), "et": int(time.time() * 1000), "v": 1}


def preview(value: Any) -> str:
    """JSON text of any value, for showing: secrets out, long things cut, what JSON lacks as its repr. Never raises."""
    try:
        text = json.dumps(_shown(value, 0), ensure_ascii=False, allow_nan=False)
    except Exception as error:  # noqa: BLE001 - a mapping or a number can be user code
        text = json.dumps(f"<{type(value).__name__}: can't be shown, {type(error).__name__}>")
    if len(text) <= MAX_PREVIEW:
        return text
    return json.dumps(_shorten(text, MAX_PREVIEW // 2), ensure_ascii=False)


def preview_call(args: Sequence[Any], kwargs: Mapping[str, Any], names: Sequence[str] = ()) -> tuple[str, str]:
    """Previews of both parts of a call: always a JSON list and a JSON object. `names` of the positional arguments."""
    secret = [bool(_SECRET.search(name)) for name in names] + [False] * len(args)
    shown_args = preview([REDACTED if hide else value for value, hide in zip(args, secret, strict=False)])
    shown_kwargs = preview(dict(kwargs))
    if not shown_args.startswith("["):
        shown_args = json.dumps([json.loads(shown_args)])
    if not shown_kwargs.startswith("{"):
        shown_kwargs = json.dumps({"…": json.loads(shown_kwargs)})
    return shown_args, shown_kwargs


def _shown(value: Any, depth: int) -> Any:
    match value:
        case None | bool():
            return value
        case int():
            return value if abs(value) < LONGEST_INT else _shorten(_digits(value), MAX_TEXT)
        case float():
            return value if value == value and abs(value) != float("inf") else str(value)
        case str():
            return _shorten(value, MAX_TEXT)
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
        case _ if depth >= MAX_DEPTH:
            return "…"
        case Mapping():
            return _shown_mapping(cast("Mapping[Any, Any]", value), depth)
        case list() | tuple() | set() | frozenset():
            return _shown_items(value, depth)
        case _:
            return _shorten(_safe_repr(value), MAX_TEXT)


def _shown_mapping(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for n, (key, inner) in enumerate(value.items()):
        if n >= MAX_ITEMS:
            shown["…"] = f"{len(value) - n} more"
            break
        name = _shorten(key if isinstance(key, str) else _safe_repr(key), 200)
        shown[name] = REDACTED if _SECRET.search(name) else _shown(inner, depth + 1)
    return shown


def _shown_items(value: Any, depth: int) -> list[Any]:
    shown: list[Any] = []
    for n, inner in enumerate(value):
        if n >= MAX_ITEMS:
            shown.append(f"… {len(value) - n} more")
            break
        shown.append(_shown(inner, depth + 1))
    return shown


def _safe_repr(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - a repr is user code
        return f"<{type(value).__name__}: its repr raised {type(error).__name__}>"


def _digits(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # more digits than Python converts by default
        return f"<int of {value.bit_length()} bits>"


def _shorten(text: str, limit: int) -> str:
    return _clean(text) if len(text) <= limit else f"{_clean(text[:limit])}… ({len(text) - limit} more characters)"


def _clean(text: str) -> str:
    """Lone surrogates can't be sent as UTF-8; they become the replacement character."""
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text
