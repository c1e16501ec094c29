"""What each qualifier of a search means: a test of one job, made once from the value that was typed."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, cast

from .job import Job, State
from .said import Said

#: Whether a job matches at this time (ms).
Test = Callable[[Job, int], bool]

_UNITS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s?(ms|s|m|h|d)", re.ASCII)
_BOUND = re.compile(r"(>=|<=|>|<)\s?(.+)", re.DOTALL)
_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip
#: Longest text that may be a time.
_MAX_TIME = 40


@dataclass(frozen=True, slots=True)
class Qualifier:
    """`make` turns one value into a test. Raises ValueError, which says what the value has to be."""

    make: Callable[[str], Test]
    fields: tuple[str, ...]
    """of the record, that the test looks at; a list is searched by reading these alone"""


def like(pattern: str) -> Callable[[str], bool]:
    """Whether a text is this; each `*` stands for any text. In linear time, as both were written by anybody."""
    first, *others = pattern.split("*")
    if not others:
        return pattern.__eq__
    *middle, last = others

    def matches(text: str) -> bool:
        at, end = len(first), len(text) - len(last)
        if at > end or not text.startswith(first) or not text.endswith(last):
            return False
        for part in middle:
            found = text.find(part, at, end)
            if found < 0:
                return False
            at = found + len(part)
        return True

    return matches


def duration_ms(text: str) -> float:
    """`500ms`, `10s`, `1.5h`. Raises ValueError."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(Said('"%(text)s" is not a length of time; write 500ms, 10s, 5m, 2h or 1d', text=text[:40]))
    return float(match[1]) * _UNITS[match[2]]


def moment_ms(text: str, now: int) -> int:
    """`15m` ago, or a date and time, in UTC where it does not say another zone. Raises ValueError."""
    if _DURATION.fullmatch(text):
        return now - int(duration_ms(text))
    try:
        time = datetime.fromisoformat(text) if len(text) <= _MAX_TIME else None
        if time is not None:
            return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        pass
    raise ValueError(Said('"%(text)s" is not a time; write 15m, 24h or 7d, or 2026-11-22T10:00', text=text[:40]))


def word(text: str) -> Test:
    """A word is looked for in everything a row shows."""
    wanted = text.casefold()
    return lambda job, _: any(wanted in part.casefold() for part in _texts(job))


WORD_FIELDS = ("args", "kwargs", "error_type", "error", "note", "reported", "worker", "tags")


def _texts(job: Job) -> list[str]:
    texts = [job.function, job.id, job.worker, *job.tags]
    if job.error:
        texts.append(str(job.error))
    if job.progress:
        texts.append(job.progress.note)
    texts += [_written(value) for value in (job.args, job.kwargs) if value]
    return texts


def _named(read: Callable[[Job], str]) -> Callable[[str], Test]:
    def make(value: str) -> Test:
        matches = like(value)
        return lambda job, _: matches(read(job))

    return make


def _state(value: str) -> Test:
    try:
        state = State(value.lower())
    except ValueError:
        names = ", ".join(State)
        raise ValueError(Said('"%(text)s" is not a state; there are %(names)s', text=value[:40], names=names)) from None
    return lambda job, _: job.state is state


def _tag(value: str) -> Test:
    matches = like(value)
    return lambda job, _: any(map(matches, job.tags))


def _error(value: str) -> Test:
    matches = like(f"*{value.casefold()}*")
    return lambda job, _: job.error is not None and matches(str(job.error).casefold())


def _took(value: str) -> Test:
    """How long the last attempt ran, or has been running until now."""
    bound = _BOUND.fullmatch(value)
    if bound is None:
        raise ValueError(Said("it needs a limit, like took:>10s or took:<500ms"))
    compare, limit = _COMPARE[bound[1]], duration_ms(bound[2])

    def test(job: Job, now: int) -> bool:
        if job.started is None or (job.ended is None and job.state is not State.RUNNING):
            return False
        return compare((job.ended or now) - job.started, limit)

    return test


def argument(path: str) -> Callable[[str], Test]:
    """`args.user.id` is in the keyword arguments, `args.0` is the first positional one."""
    names = path.split(".")

    def make(value: str) -> Test:
        fits = _fits(value)
        return lambda job, _: any(fits(found) for found in _at(_root(job, names[0]), names))

    return make


ARGUMENT_FIELDS = ("args", "kwargs")


def _root(job: Job, name: str) -> Any:
    return job.args if name.isdecimal() and name not in job.kwargs else job.kwargs


def _at(value: Any, names: Sequence[str]) -> list[Any]:
    """What is there, as a list of one; of a list also each item, so that one of them is enough. None: not there."""
    for name in names:
        if isinstance(value, dict):
            members = cast("dict[str, Any]", value)
            if name not in members:
                return []
            value = members[name]
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(items := cast("list[Any]", value)):
            value = items[int(name)]
        else:
            return []
    return [value, *cast("list[Any]", value)] if isinstance(value, list) else [value]


def _fits(value: str) -> Callable[[Any], bool]:
    """Whether an argument is what was typed: by number where both are numbers, else by how it is written."""
    bound = _BOUND.fullmatch(value)
    if bound is not None and (limit := _number(bound[2])) is not None:
        compare = _COMPARE[bound[1]]
        return lambda found: _is_number(found) and compare(found, limit)
    wanted, matches = _number(value), like(value)
    return lambda found: matches(_written(found)) or (wanted is not None and _is_number(found) and found == wanted)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", text, re.ASCII) else None


def _written(value: Any) -> str:
    """Text as it is, everything else as JSON."""
    try:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):
        return ""


#: By name. `args.<path>`, `since` and `until` are read by `search.py`.
QUALIFIERS: Final[Mapping[str, Qualifier]] = {
    "fn": Qualifier(_named(lambda job: job.function), ()),
    "queue": Qualifier(_named(lambda job: job.queue), ()),
    "state": Qualifier(_state, ()),
    "worker": Qualifier(_named(lambda job: job.worker), ("worker",)),
    "tag": Qualifier(_tag, ("tags",)),
    "id": Qualifier(_named(lambda job: job.id), ()),
    "error": Qualifier(_error, ("error_type", "error")),
    "took": Qualifier(_took, ("started", "ended")),
    "source": Qualifier(_named(lambda job: job.source), ("source",)),
}
