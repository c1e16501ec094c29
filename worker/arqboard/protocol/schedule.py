"""When a schedule runs, as a value: in words, as its one JSON text, and its next moment. Times are ms since 1970."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, TypeAlias, cast

from cronsim import CronSim, CronSimError

from .arqcron import ArqCron
from .errors import BadSchedule
from .said import Said
from .timezones import zone

#: The shortest interval, in seconds.
SHORTEST = 0.1
#: Cron's short words for common crontabs.
ALIASES = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
_UNITS = (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1000))


@dataclass(frozen=True, slots=True)
class Every:
    """Every so many seconds, counted from `anchor` (seconds since 1970), so that a restart moves nothing."""

    seconds: float
    anchor: float = 0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.seconds) and math.isfinite(self.anchor)):
            raise BadSchedule(f"every: {self.seconds!r} from {self.anchor!r} is no interval")
        if self.seconds < SHORTEST:
            raise BadSchedule(f"every: {self.seconds:g} seconds is too short, the shortest interval is {SHORTEST:g}")
        object.__setattr__(self, "seconds", _plain(self.seconds))
        object.__setattr__(self, "anchor", _plain(self.anchor))

    def next_after(self, ms: int) -> int | None:
        step, anchor = self._step, round(self.anchor * 1000)
        return anchor + ((ms - anchor) // step + 1) * step

    def count(self, first: int, until: int) -> int:
        """How many moments there are from `first`, which is one, until then."""
        return (until - first) // self._step + 1

    def describe(self) -> str:
        for unit, length in _UNITS:
            if self._step % length == 0:
                n = self._step // length
                return f"every {unit}" if n == 1 else f"every {n} {unit}s"
        return f"every {self._step / 1000:g} seconds"

    @property
    def _step(self) -> int:
        return round(self.seconds * 1000)


@dataclass(frozen=True, slots=True)
class Crontab:
    """A crontab line of five fields (six with seconds in front) or an alias, in a time zone's wall time.

    When the clock changes it does as Debian's cron: a job of a fixed time that is left out runs right after the gap,
    one whose time comes twice runs once; jobs of every hour or minute follow the real time.
    """

    expression: str
    tz: str = "UTC"

    def __post_init__(self) -> None:
        text = " ".join(self.expression.split())
        object.__setattr__(self, "expression", text)
        if text.startswith("@") and text.lower() not in ALIASES:
            raise BadSchedule(f'No crontab alias "{text[:60]}"; there are {", ".join(ALIASES)}.')
        zone(self.tz)
        if self.next_after(0) is None:
            raise BadSchedule(f'The crontab "{text}" never comes.')

    def next_after(self, ms: int) -> int | None:
        for moment in self._cron(ms):
            found = math.floor(moment.timestamp() * 1000)
            if found > ms:  # not so in a repeated hour: a fixed time is the first of the two
                return found
        return None

    def describe(self) -> str:
        return f"{self._cron(0).explain()}, {self.tz}"

    @property
    def fields(self) -> str:
        """The line without an alias."""
        return ALIASES.get(self.expression.lower(), self.expression)

    def _cron(self, ms: int) -> CronSim:
        try:
            return CronSim(self.fields, dt.datetime.fromtimestamp(ms / 1000, zone(self.tz)))
        except CronSimError as error:
            raise BadSchedule(f'The crontab "{self.expression[:60]}" can\'t be read: {_said(error)}.') from None


@dataclass(frozen=True, slots=True)
class At:
    """Once, at this time."""

    when_ms: int

    def __post_init__(self) -> None:
        try:
            dt.datetime.fromtimestamp(self.when_ms / 1000, dt.UTC)
        except (ValueError, OverflowError, OSError):
            raise BadSchedule(f"at: {self.when_ms!r} is no time") from None

    def next_after(self, ms: int) -> int | None:
        return self.when_ms if self.when_ms > ms else None

    def describe(self) -> str:
        moment = dt.datetime.fromtimestamp(self.when_ms / 1000, dt.UTC)
        return f"once, at {moment:%Y-%m-%d %H:%M:%S} UTC"


Spec: TypeAlias = Every | Crontab | At | ArqCron

_KINDS: dict[str, Callable[..., Spec]] = {"every": Every, "crontab": Crontab, "at": At, "cron": ArqCron}
_NAMES: dict[type[Any], str] = {Every: "every", Crontab: "crontab", At: "at", ArqCron: "cron"}


def to_json(spec: Spec) -> str:
    """The one text of a spec: equal specs have equal texts."""
    return json.dumps({"kind": _NAMES[type(spec)], **asdict(spec)}, sort_keys=True, separators=(",", ":"))


def from_json(text: str | bytes) -> Spec:
    """The spec of a text. Raises BadSchedule, also for a kind that a newer release has written."""
    try:
        fields = json.loads(text)
        kind = _KINDS[fields.pop("kind")]
        return kind(**cast("dict[str, Any]", fields))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        wrong = type(error).__name__
        raise BadSchedule(
            Said("its times can't be read: %(error)s in %(text)s", error=wrong, text=_shown(text))
        ) from error


def ticks_after(spec: Spec, ms: int) -> Iterator[int]:
    """Every moment after `ms`, without end where the spec has none."""
    while (found := spec.next_after(ms)) is not None:
        yield found
        ms = found


def upcoming(spec: Spec, ms: int, n: int) -> list[int]:
    """The next `n` moments after `ms`; fewer where there are no more."""
    return list(islice(ticks_after(spec, ms), n))


def _plain(number: float) -> float:
    """300.0 and 300 are one value, so they have one text."""
    return int(number) if number == int(number) else number


def _said(error: CronSimError) -> str:
    text = str(error)
    return f"{text[:1].lower()}{text[1:]}" if text else "it makes no sense"


def _shown(text: str | bytes) -> str:
    return text[:200].decode(errors="replace") if isinstance(text, bytes) else text[:200]
