"""A crontab line in the words of another language than English, for which cronsim has its own.

Names of days and months are short and stand in lists, so that no language has to decline them.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

from cronsim.explain import Expression, Field, Sequence

from .language import gettext
from .units import units

#: Times of the day that are told one by one.
MAX_TIMES = 4


def cron_words(fields: str, *, is_both: bool = False) -> str:
    """`at 09:00, Mon–Fri, Jan`. `is_both`: a day of the month has to be that weekday too, as arq means it."""
    line = Expression(fields.upper().split())
    days, months = _days(line, is_both=is_both), _months(line.month)
    every_day = gettext("every day") if not days and not months and _times(line) else ""
    return ", ".join(part for part in (_time(line), days, months, every_day) if part)


# The time of the day


def _time(line: Expression) -> str:
    if times := _times(line):
        return gettext("at %(times)s") % {"times": ", ".join(times)}
    second, minute, hour = _second(line.second), _minute(line.minute), _hour(line.hour)
    if line.hour.star and line.minute.star:
        return second or gettext("every minute")
    if line.minute.zero and not second:
        return gettext("at the start of every hour") if line.hour.star else hour
    return ", ".join(part for part in (second, minute, hour) if part)


def _times(line: Expression) -> list[str]:
    """`09:00`, or with seconds; nothing where there are many, or where one field is open."""
    fields = (line.hour, line.minute, line.second)
    if not all(field.all_singles for field in fields):
        return []
    found = list(product(*(sorted(field.singles()) for field in fields)))
    shown = 2 if line.second.zero else 3
    return [":".join(f"{n:02}" for n in time[:shown]) for time in found] if len(found) <= MAX_TIMES else []


def _second(field: Field) -> str:
    if field.zero:
        return ""
    if field.star:
        return gettext("every second")
    if step := _step(field):
        return gettext("each %(n)sth second") % {"n": step}
    return gettext("seconds %(values)s") % {"values": _values(field)}


def _minute(field: Field) -> str:
    if field.star:
        return gettext("every minute")
    if step := _step(field):
        return gettext("each %(n)sth minute") % {"n": step}
    return gettext("minutes %(values)s") % {"values": _values(field)}


def _hour(field: Field) -> str:
    if field.star:
        return gettext("every hour")
    if step := _step(field):
        return gettext("each %(n)sth hour") % {"n": step}
    return gettext("hours %(values)s") % {"values": _values(field)}


# The days


def _days(line: Expression, *, is_both: bool) -> str:
    days, weekdays = _days_of_month(line.day), _weekdays(line.dow)
    if not (days and weekdays):
        return days or weekdays
    together = line.day_and or is_both
    said = gettext("%(days)s if it is %(weekdays)s") if together else gettext("%(days)s or %(weekdays)s")
    return said % {"days": days, "weekdays": weekdays}


def _days_of_month(field: Field) -> str:
    if field.star:
        return ""
    if step := _step(field):
        return gettext("each %(n)sth day of the month") % {"n": step}
    return gettext("days %(values)s") % {"values": _values(field, _day)}


def _day(number: int) -> str:
    match number:
        case -1:
            return gettext("the last of the month")
        case -2:
            return gettext("the last workday of the month")
        case _:
            return str(number)


def _weekdays(field: Field) -> str:
    if field.star:
        return ""
    if step := _step(field):
        return gettext("each %(n)sth day of the week") % {"n": step}
    return _values(field, lambda number: units().weekdays[(number - 1) % 7])


def _months(field: Field) -> str:
    if field.star:
        return ""
    if step := _step(field):
        return gettext("each %(n)sth month") % {"n": step}
    return _values(field, lambda number: units().month_names[number - 1])


# Numbers and names


def _step(field: Field) -> int:
    """Of `*/5` the 5; 0 where the field says something else."""
    only = field.parsed[0]
    return only.step if len(field.parsed) == 1 and only.start is None else 0


def _values(field: Field, name: Callable[[int], str] = str) -> str:
    return ", ".join(_value(part, name) for part in field.parsed)


def _value(part: Sequence, name: Callable[[int], str]) -> str:
    if part.start is None or part.stop is None:
        return f"*/{part.step}" if part.step > 1 else "*"
    if part.start != part.stop:
        span = f"{name(part.start)}–{name(part.stop)}"
        return span if part.step == 1 else gettext("%(span)s by %(step)s") % {"span": span, "step": part.step}
    if part.nth is None or part.start < 0:
        return name(part.start)
    if part.nth < 0:
        return gettext("%(day)s (the last of the month)") % {"day": name(part.start)}
    return gettext("%(day)s (number %(n)s of the month)") % {"day": name(part.start), "n": part.nth}
