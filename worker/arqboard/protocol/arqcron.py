"""When arq's `cron(...)` runs: the meaning of arq 0.28's `next_cron`, without arq and without its endless loops."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from cronsim.explain import explain

from .errors import BadSchedule
from .timezones import zone

Numbers = tuple[int, ...]
#: A set, list or tuple of numbers, one number, or None for any: what arq's `cron` takes.
Option = Collection[int] | int | None

WEEKDAYS = ("mon", "tues", "wed", "thurs", "fri", "sat", "sun")  # arq's spelling
RANGES = {
    "month": range(1, 13), "day": range(1, 32), "weekday": range(7), "hour": range(24), "minute": range(60),
    "second": range(60),
}  # fmt: skip
_DAYS_OF = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
#: 29 February on a given weekday comes every 28 years, or every 40 around 2100.
_HORIZON = dt.timedelta(days=41 * 366)
_SECOND = dt.timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class ArqCron:
    """A moment that fits every given field, in a time zone's wall time. None is any; weekday 0 is Monday.

    A wall time that a change of the clock leaves out runs as Python counts it (02:30 is 03:30), one that comes twice
    runs the first time: what arq does.
    """

    month: Option = None
    day: Option = None
    weekday: Option = None
    hour: Option = None
    minute: Option = None
    second: Option = 0
    microsecond: int = 123_456
    tz: str = "UTC"

    def __post_init__(self) -> None:
        for name, allowed in RANGES.items():
            object.__setattr__(self, name, _numbers(name, getattr(self, name), allowed))
        if not 0 <= self.microsecond <= 999_999:
            raise BadSchedule(f"cron: microsecond is 0 to 999999, not {self.microsecond}")
        longest = max(_DAYS_OF[month - 1] for month in self._values("month"))
        if min(self._values("day")) > longest:
            raise BadSchedule(f"cron: no such month has a day {min(self._values('day'))}")
        zone(self.tz)

    def next_after(self, ms: int) -> int | None:
        """The first moment after `ms` (ms since 1970, as is the answer). None when there is none in 40 years."""
        tz = zone(self.tz)
        wall = dt.datetime.fromtimestamp(ms / 1000, tz).replace(tzinfo=None)
        found = self._first_after(wall, ms, tz)
        skipped = self._skipped_after(wall, ms, tz)
        return min((t for t in (found, skipped) if t is not None), default=None)

    def describe(self) -> str:
        """In words, in cron's manner."""
        text = explain(self.fields)
        if self.day is not None and self.weekday is not None:  # crontab's "or" is arq's "and"
            fields = [self._field(name) for name in ("second", "minute", "hour", "day", "month")]
            days = explain(f"0 0 * * {self._field('weekday')}").partition(" on ")[2]
            text = f"{explain(' '.join([*fields, '*']))} if it's {days}"
        return f"{text}, {self.tz}"

    @property
    def fields(self) -> str:
        """As crontab writes them, seconds first; a day and a weekday are both to fit, though."""
        return " ".join(self._field(name) for name in ("second", "minute", "hour", "day", "month", "weekday"))

    def _first_after(self, wall: dt.datetime, ms: int, tz: dt.tzinfo) -> int | None:
        for moment in self._walls(wall):
            aware = moment.replace(tzinfo=tz)
            if _ms(aware) <= ms:  # so while a repeated hour lasts: its moments have been
                continue
            return min(self._beside(aware)) if _is_left_out(aware) else _ms(aware)
        return None

    def _beside(self, left_out: dt.datetime) -> Iterator[int]:
        """A moment that is left out, and those of later wall times that can come before it, since it runs later."""
        wall, runs = left_out.replace(tzinfo=None), _real(left_out).replace(tzinfo=None)
        yield _ms(left_out)
        for moment in self._walls(wall):
            if moment > runs:
                return
            yield _ms(moment.replace(tzinfo=left_out.tzinfo))

    def _skipped_after(self, wall: dt.datetime, ms: int, tz: dt.tzinfo) -> int | None:
        """Moments that a change of the clock left out come while the hour after it lasts."""
        now = dt.datetime.fromtimestamp(ms / 1000, tz).utcoffset() or dt.timedelta()
        before = dt.datetime.fromtimestamp(ms / 1000 - 7200, tz).utcoffset() or dt.timedelta()
        if now <= before:
            return None
        moment = next(self._walls(wall - (now - before)), None)
        if moment is None or not _is_left_out(aware := moment.replace(tzinfo=tz)):
            return None
        return found if (found := _ms(aware)) > ms else None

    def _walls(self, wall: dt.datetime) -> Iterator[dt.datetime]:
        """Wall times that fit, from the whole second after this one."""
        start = (wall + _SECOND).replace(microsecond=0)
        end = start + _HORIZON
        while (day := self._first_day(start, end)) is not None:
            time = self._first_time(day.time())
            if time is None:
                start = dt.datetime.combine(day.date() + dt.timedelta(days=1), dt.time())
                continue
            found = dt.datetime.combine(day.date(), time)
            yield found.replace(microsecond=self.microsecond)
            start = found + _SECOND

    def _first_day(self, start: dt.datetime, end: dt.datetime) -> dt.datetime | None:
        months, days, weekdays = self._values("month"), self._values("day"), self._values("weekday")
        while start < end:
            if start.month not in months:
                start = (start.replace(day=1) + dt.timedelta(days=32)).replace(day=1, hour=0, minute=0, second=0)
            elif start.day not in days or start.weekday() not in weekdays:
                start = start.replace(hour=0, minute=0, second=0) + dt.timedelta(days=1)
            else:
                return start
        return None

    def _first_time(self, start: dt.time) -> dt.time | None:
        """The first time of day that fits, from `start` on."""
        hours, minutes, seconds = self._values("hour"), self._values("minute"), self._values("second")
        for hour in hours:
            if hour > start.hour:
                return dt.time(hour, minutes[0], seconds[0])
            for minute in minutes if hour == start.hour else ():
                if minute > start.minute:
                    return dt.time(hour, minute, seconds[0])
                for second in seconds if minute == start.minute else ():
                    if second >= start.second:
                        return dt.time(hour, minute, second)
        return None

    def _values(self, name: str) -> Numbers:
        value: Numbers | None = getattr(self, name)
        return tuple(RANGES[name]) if value is None else value

    def _field(self, name: str) -> str:
        """A field as crontab writes it."""
        values, allowed = self._values(name), RANGES[name]
        if len(values) == len(allowed):
            return "*"
        if name == "weekday":
            values = tuple(value + 1 for value in values)
        first, last, step = values[0], values[-1], 0
        if len(values) > 2:
            step = values[1] - first
        if step == 1 and len(values) == last - first + 1:
            return f"{first}-{last}"
        is_all_along = first == allowed.start and last + step > allowed[-1]
        if step > 1 and is_all_along and list(values) == list(range(first, last + 1, step)):
            return f"*/{step}"
        return ",".join(map(str, values))


def weekday_number(value: Option | str) -> Option:
    """arq takes a weekday's name as well as its number."""
    if not isinstance(value, str):
        return value
    if value.lower() not in WEEKDAYS:
        raise BadSchedule(f'cron: no weekday "{value}"; they are {", ".join(WEEKDAYS)}')
    return WEEKDAYS.index(value.lower())


def _numbers(name: str, value: Option, allowed: range) -> Numbers | None:
    if value is None:
        return None
    numbers = tuple(sorted({value} if isinstance(value, int) else set(value)))
    if not numbers or not all(number in allowed for number in numbers):
        raise BadSchedule(f"cron: {name} is {allowed.start} to {allowed.stop - 1}, not {value!r}")
    return numbers


def _ms(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1000)  # arq's own formula, so that both make the same job id


def _is_left_out(moment: dt.datetime) -> bool:
    return _real(moment).replace(tzinfo=None) != moment.replace(tzinfo=None)


def _real(moment: dt.datetime) -> dt.datetime:
    """What clocks show at that moment."""
    return moment.astimezone(dt.UTC).astimezone(moment.tzinfo)
