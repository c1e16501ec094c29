"""How values are written for people: pure functions, installed as template filters under their own names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from markupsafe import Markup, escape

from .directions import isolated
from .language import N_, gettext, ngettext
from .units import units

#: Joins groups of three digits: narrow and unbreakable.
THIN = "\u202f"
#: More characters than this of one value are never put on a page.
MAX_SHOWN = 20_000

_DAY = 86_400_000
_FIRST, _LAST = -62_135_596_800_000, 253_402_300_799_999


def duration(ms: float | None) -> str:
    """Two units at most: `212 ms`, `9.8 s`, `1 m 42 s`, `2 h 5 m`, `3 d 4 h`. "" for None."""
    if ms is None:
        return ""
    u = units()
    if ms < 1000:
        return f"{max(0, int(ms))} {u.ms}"
    if ms < 59_950:
        return f"{_point(f'{ms / 1000:.1f}') if ms < 9950 else round(ms / 1000)} {u.s}"
    return _in_two_units(round(ms / 1000))


def millis(ms: float) -> str:
    """Milliseconds that are few: `0.4 ms`."""
    return f"{_point(f'{ms:.1f}')} {units().ms}"


def _in_two_units(seconds: int) -> str:
    u = units()
    for size, unit, small, name in ((86400, u.d, 3600, u.h), (3600, u.h, 60, u.m), (60, u.m, 1, u.s)):
        if seconds >= size:
            rest = seconds % size // small
            return f"{seconds // size} {unit} {rest} {name}" if rest else f"{seconds // size} {unit}"
    return f"{seconds} {u.s}"


def left(seconds: float | None) -> str:
    """Time to go in whole seconds, as precise as a guess deserves: `3 s`, `1 m 42 s`."""
    return "" if seconds is None else _in_two_units(max(1, round(seconds)))


def number(value: float) -> str:
    """Digits in thin groups of three: `51 200`."""
    return f"{int(value):,}".replace(",", THIN)


def compact(value: float) -> str:
    """Three digits at most: `9.4`, `84`, `1.9k`, `51k`, `2.1M`."""
    thousand, million, milliard = units().many
    for size, unit in ((1e9, milliard), (1e6, million), (1e3, thousand)):
        if value >= size * 0.9995:
            return f"{_three(value / size)}{unit}"
    return _three(value)


def brief(value: float) -> str:
    """All digits up to a million, then three: `51 200`, `2.1M`."""
    return number(value) if value < 1e6 else compact(value)


def size(count: int) -> str:
    """Bytes as people say them: 512 B, 3.4 kB, 2.1 MB."""
    small, *bigger = units().sizes
    value, unit = float(count), small
    for unit_above in bigger:
        if value < 1000:
            break
        value, unit = value / 1000, unit_above
    return f"{value:.0f} {unit}" if unit == small or value >= 100 else f"{_point(f'{value:.1f}')} {unit}"


def rate(per_second: float | None, unit: str = "") -> str:
    """Speed as people say it: `84 files/s`, `1.9k rows/s`, and `12 rows/min` where it is less than one a second."""
    if per_second is None:
        return ""
    unit = isolated(unit)
    if 0 < per_second < 0.95:
        return f"{compact(per_second * 60)} {unit}/{gettext('min')}".replace(" /", "/")
    return f"{compact(per_second)} {unit}/{units().s}".replace(" /", "/")


def percent(value: float) -> str:
    """Whole percents, rounded down, so that 100 means all of it."""
    return f"{int(value)}%"


def clock(ms: int, now: int) -> str:
    """When, as short as it stays clear, in UTC: `14:26:41` today, `20 Nov 14:26` this year, else `2025-11-20`."""
    at = _utc(ms)
    if ms // _DAY == now // _DAY:
        return at.isoformat()[11:19]
    return f"{at.day} {units().months[at.month - 1]} {at:%H:%M}" if at.year == _utc(now).year else at.date().isoformat()


def iso(ms: int) -> str:
    """For `<time datetime>`: `2026-11-22T14:26:41.208Z`."""
    return _utc(ms).isoformat(timespec="milliseconds")[:23] + "Z"


#: What stands before an absolute time, as a sentence for those whose words go elsewhere.
_BEFORE = {"at ": N_("at %(time)s"), "since ": N_("since %(time)s")}


def time_tag(ms: int, now: int, mode: str = "", before: str = "") -> Markup:
    """A moment as `<time>`, absolute. `mode` lets live.js rewrite its text every second.

    `ago` becomes "3 m ago", `left` "in 12 s", `since` "2 m 31 s"; `before` stands before the absolute text only.
    """
    at = iso(ms)
    shown = at[11:19] if ms // _DAY == now // _DAY else clock(ms, now)  # every row has some times, mostly of today
    data = f" data-{mode}" if mode else ""
    text = gettext(_BEFORE[before]) % {"time": shown} if before in _BEFORE else f"{before}{shown}"
    return Markup(f'<time datetime="{at}"{data} title="{at}">{text}</time>')  # noqa: S704 - digits and words of ours


def plural(count: int, one: str, many: str = "") -> str:
    """`1 worker`, `3 workers`; in the form of the language that is spoken."""
    return f"{number(count)} {ngettext(one, many or one + 's', count)}"


def call_text(args: Sequence[Any], kwargs: Mapping[str, Any], cap: int = 200) -> str:
    """The arguments of a call on one line: `"a.png", size=[1600, 900]`."""
    parts = [one_line(value, cap) for value in args]
    parts += [f"{name}={one_line(value, cap)}" for name, value in kwargs.items()]
    return _cut(", ".join(parts), cap)


def one_line(value: Any, cap: int = 200) -> str:
    """A value as JSON on one line, cut after `cap` characters."""
    return _cut(_json(value, indent=None), cap)


def json_html(value: Any, cap: int = MAX_SHOWN) -> Markup:
    """A value as indented JSON with coloured tokens. Every token is escaped; a long value is cut and says so."""
    text = _json(value, indent=2)
    shown = "".join(_tokens(text[:cap]))
    if len(text) > cap:
        left_out = ngettext(
            "%(count)s more character is not shown", "%(count)s more characters are not shown", len(text) - cap
        )
        shown += f'\n<span class="cut">… {escape(left_out % {"count": number(len(text) - cap)})}</span>'
    return Markup(shown)  # noqa: S704 - made of escaped tokens only


def first_line(text: str, cap: int = 300) -> str:
    """What is left of a message where there is room for one line."""
    return _cut(text.strip().split("\n", 1)[0], cap)


def tail(text: str, cap: int = MAX_SHOWN) -> str:
    """The end of a long text, where a traceback says what happened."""
    more = len(text) - cap
    if more <= 0:
        return text
    left_out = ngettext("%(count)s earlier character is not shown", "%(count)s earlier characters are not shown", more)
    return f"… {left_out % {'count': number(more)}}\n{text[-cap:]}"


def scrub(text: str) -> str:
    """What can't be sent as UTF-8 (half a surrogate pair, which JSON can hold) becomes a question mark."""
    return text.encode(errors="replace").decode()


_TOKEN = re.compile(
    r'(?P<jk>"(?:[^"\\]|\\.)*")(?=\s*:)|(?P<js>"(?:[^"\\]|\\.)*"?)'
    r"|(?P<jn>-?\d[\d.eE+-]*|true|false|null|NaN|-?Infinity)|(?P<jp>[{}\[\],:]+)|(?P<other>\s+|.)",
    re.DOTALL,
)


def _tokens(text: str) -> Iterator[str]:
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        word = escape(match.group())
        yield str(word) if kind == "other" else f'<span class="{kind}">{word}</span>'


def _json(value: Any, *, indent: int | None) -> str:
    try:
        return json.dumps(value, indent=indent, ensure_ascii=False, default=str)
    except RecursionError:
        return gettext("nested too deeply to be shown")
    except (TypeError, ValueError):
        return gettext("a value that can't be shown (%(type)s)") % {"type": type(cast(object, value)).__name__}


def _cut(text: str, cap: int) -> str:
    return text if len(text) <= cap else text[: cap - 1] + "…"


def _three(value: float) -> str:
    return _point(f"{value:.1f}".removesuffix(".0")) if value < 9.95 else f"{value:.0f}"


def _point(digits: str) -> str:
    """With the decimal comma of the language that is spoken."""
    return digits.replace(".", units().comma)


def _utc(ms: int) -> datetime:
    """Times come from Redis and can be absurd; the calendar ends in year 9999."""
    return datetime.fromtimestamp(min(max(ms, _FIRST), _LAST) / 1000, UTC)
