"""When a schedule runs, in the language that is spoken. Programs are told in English by the specs themselves."""

from __future__ import annotations

from datetime import datetime

from arqboard.protocol import timezones
from arqboard.protocol.arqcron import ArqCron
from arqboard.protocol.catchup import CatchUp
from arqboard.protocol.schedule import At, Crontab, Every, Spec

from .cronwords import cron_words
from .language import ENGLISH, N_, gettext, ngettext, spoken
from .units import units

CATCH_UP_WORDS = {
    CatchUp.ONE: N_("runs the latest tick that was missed"),
    CatchUp.SKIP: N_("skips ticks that are more than a minute late"),
    CatchUp.ALL: N_("runs every tick that was missed"),
}


def spec_words(spec: Spec) -> str:
    """`Every 5 minutes`, `At 09:00 on Monday`, without the zone, which stands beside it."""
    text = _words(spec)
    return text[:1].upper() + text[1:]


def _words(spec: Spec) -> str:
    match spec:
        case Every(seconds):
            return _interval(seconds)
        case At(when):
            return gettext("once, on %(time)s") % {"time": wall(when, "UTC")}
        case Crontab() | ArqCron() if spoken() == ENGLISH:
            return spec.describe().removesuffix(f", {spec.tz}")
        case Crontab():
            return cron_words(spec.fields)
        case ArqCron():
            return cron_words(spec.fields, is_both=True)


def _interval(seconds: float) -> str:
    ms = round(seconds * 1000)
    if ms % 86_400_000 == 0:
        n = ms // 86_400_000
        return gettext("every day") if n == 1 else ngettext("every %(n)s day", "every %(n)s days", n) % {"n": n}
    if ms % 3_600_000 == 0:
        n = ms // 3_600_000
        return gettext("every hour") if n == 1 else ngettext("every %(n)s hour", "every %(n)s hours", n) % {"n": n}
    if ms % 60_000 == 0:
        n = ms // 60_000
        return (
            gettext("every minute") if n == 1 else ngettext("every %(n)s minute", "every %(n)s minutes", n) % {"n": n}
        )
    if ms % 1000:
        return gettext("every %(n)s s") % {"n": f"{ms / 1000:g}".replace(".", units().comma)}
    n = ms // 1000
    return gettext("every second") if n == 1 else ngettext("every %(n)s second", "every %(n)s seconds", n) % {"n": n}


def wall(ms: int, zone: str, now: int | None = None, *, seconds: bool = False) -> str:
    """What a clock there shows: `Mon 30 Nov, 09:00`; the year unless it is that of `now`; seconds where there are."""
    tz = timezones.zone(zone)
    try:
        moment = datetime.fromtimestamp(ms / 1000, tz)
    except (ValueError, OverflowError, OSError):
        return gettext("a time that no calendar has")
    time = f"{moment:%H:%M:%S}" if seconds or moment.second else f"{moment:%H:%M}"
    year = "" if now is not None and datetime.fromtimestamp(now / 1000, tz).year == moment.year else f" {moment.year}"
    weekday, month = units().weekdays[moment.weekday()], units().months[moment.month - 1]
    return f"{weekday} {moment.day} {month}{year}, {time}"
