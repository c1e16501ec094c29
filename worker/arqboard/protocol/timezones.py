"""Time zones by name: those of the IANA database, and fixed offsets as `UTC+02:00`."""

from __future__ import annotations

import datetime as dt
import difflib
import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from .errors import BadSchedule

_OFFSET = re.compile(r"UTC([+-])(\d\d):(\d\d)(?::(\d\d))?")


def zone(name: str) -> dt.tzinfo:
    """The time zone of that name. Raises BadSchedule with names that are near."""
    if name == "UTC":
        return dt.UTC
    if offset := _OFFSET.fullmatch(name):
        return _fixed(name, offset)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # an OSError for a folder, as "Europe"
        near = difflib.get_close_matches(name, available_timezones(), n=2, cutoff=0.6)
        help_ = f" Did you mean {' or '.join(near)}?" if near else ' Names look like "Europe/Berlin" or "UTC+02:00".'
        raise BadSchedule(f'No time zone "{name[:60]}".{help_}') from None


def name_of(tz: dt.tzinfo) -> str:
    """The name under which `zone` finds it again; a zone without a name becomes the offset that it has now."""
    if tz is dt.UTC:
        return "UTC"
    key = getattr(tz, "key", None) or getattr(tz, "zone", None)  # zoneinfo's and pytz' word for it
    if isinstance(key, str):
        return key
    offset = tz.utcoffset(dt.datetime.now()) or dt.timedelta()
    return _offset_name(offset)


def _offset_name(offset: dt.timedelta) -> str:
    seconds = int(offset.total_seconds())
    if seconds == 0:
        return "UTC"
    minutes, rest = divmod(abs(seconds), 60)
    text = f"UTC{'-' if seconds < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"
    return f"{text}:{rest:02}" if rest else text


def _fixed(name: str, offset: re.Match[str]) -> dt.tzinfo:
    sign, hours, minutes, seconds = offset[1], int(offset[2]), int(offset[3]), int(offset[4] or 0)
    ahead = dt.timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if ahead >= dt.timedelta(days=1):
        raise BadSchedule(f'No time zone "{name}": an offset is less than 24 hours.')
    return dt.timezone(-ahead if sign == "-" else ahead, name)
