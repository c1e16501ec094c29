"""The options of a new job as its form has them: text by text, each with what is wrong with it."""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from arqboard.protocol import FunctionInfo
from arqboard.protocol.tags import split

from .appkeys import OVERVIEW
from .errors import BadInput
from .language import gettext
from .submission import MAX_DEFER, Options, bad_option, check_defer, check_id, check_queue, checked_tags

MAX_PRIORITY, MAX_TRIES, MAX_UNIQUE = 9, 1000, 200
#: A start that lies this little in the past is meant to be now.
GRACE_SECONDS = 60


async def options_of(
    app: web.Application, info: FunctionInfo, typed: Mapping[str, str]
) -> tuple[Options, dict[str, str]]:
    """From the fields `opt.…`, where empty means not given: the options, and what is wrong by their names."""
    texts = {name: typed.get(f"opt.{name}", "").strip() or None for name in _READERS}
    values, problems = dict[str, Any](), dict[str, str]()
    for name, read in _READERS.items():
        try:
            values[name] = await read(app, info, texts[name])
        except BadInput as error:
            problems[name] = str(error)
    run_at = values.pop("run_at", None)
    if run_at is not None and values.get("defer_by") is not None:
        problems["run_at"] = gettext("Either this or a number of seconds: a job starts once.")
    elif run_at is not None:
        values["defer_by"] = run_at
    return Options(**values), problems


async def _queue(app: web.Application, info: FunctionInfo, text: str | None) -> str | None:
    await check_queue(app, info, text)
    return text


async def _job_id(_app: web.Application, _info: FunctionInfo, text: str | None) -> str | None:
    check_id(text)
    return text


async def _defer_by(_app: web.Application, _info: FunctionInfo, text: str | None) -> float | None:
    seconds = None if text is None else _number(text)
    check_defer(seconds)
    return seconds


async def _run_at(app: web.Application, _info: FunctionInfo, text: str | None) -> float | None:
    """Seconds until a time of the day in UTC; a moment that has just passed is now."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        wrong = gettext('"%(text)s" is not a date with a time like 2026-01-31T09:30.') % {"text": text[:40]}
        raise bad_option("run_at", wrong) from None
    left = at.replace(tzinfo=at.tzinfo or UTC).timestamp() - app[OVERVIEW].now_ms() / 1000
    if not -GRACE_SECONDS <= left <= MAX_DEFER:
        raise bad_option(
            "run_at", gettext("This has passed.") if left < 0 else gettext("This is more than a year ahead.")
        )
    return max(0.0, left)


async def _priority(_app: web.Application, _info: FunctionInfo, text: str | None) -> int | None:
    return _whole("priority", text, 0, MAX_PRIORITY)


async def _max_tries(_app: web.Application, _info: FunctionInfo, text: str | None) -> int | None:
    return _whole("max_tries", text, 1, MAX_TRIES)


async def _timeout(_app: web.Application, _info: FunctionInfo, text: str | None) -> float | None:
    seconds = None if text is None else _number(text)
    if seconds is not None and not 0 < seconds <= MAX_DEFER:
        wrong = gettext("A time limit has more than 0 and at most %(n)s seconds.") % {"n": MAX_DEFER}
        raise bad_option("timeout", wrong)
    return seconds


async def _unique_key(_app: web.Application, _info: FunctionInfo, text: str | None) -> str | None:
    if text is not None and len(text) > MAX_UNIQUE:
        raise bad_option("unique_key", gettext("A unique key has at most %(n)s characters.") % {"n": MAX_UNIQUE})
    return text


async def _tags(_app: web.Application, info: FunctionInfo, text: str | None) -> tuple[str, ...]:
    return checked_tags(info, split(text or ""))


def _whole(name: str, text: str | None, low: int, high: int) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,6}", text, re.ASCII) or not low <= int(text) <= high:
        wrong = gettext('"%(text)s" is not a whole number from %(low)s to %(high)s.')
        raise bad_option(name, wrong % {"text": text[:20], "low": low, "high": high})
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text) if len(text) < 30 and "_" not in text else math.nan
    except ValueError:
        return math.nan


_Reader = Callable[[web.Application, FunctionInfo, str | None], Awaitable[Any]]
_READERS: Mapping[str, _Reader] = {
    "queue": _queue, "defer_by": _defer_by, "run_at": _run_at, "priority": _priority, "max_tries": _max_tries,
    "timeout": _timeout, "job_id": _job_id, "unique_key": _unique_key, "tags": _tags,
}  # fmt: skip
NAMES = tuple(_READERS)
