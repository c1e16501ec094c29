"""How a language writes numbers, times and sizes."""

from __future__ import annotations

from dataclasses import dataclass

from .language import ENGLISH, spoken


@dataclass(frozen=True, slots=True)
class Units:
    """The short words beside numbers, and the comma inside them."""

    comma: str
    ms: str
    s: str
    m: str
    h: str
    d: str
    many: tuple[str, str, str]
    """what stands after thousands, millions, thousand millions, with its space where there is one"""
    sizes: tuple[str, str, str, str]
    months: tuple[str, ...]
    """after the day: `5 May`"""
    month_names: tuple[str, ...]
    """alone"""
    weekdays: tuple[str, ...]
    """from Monday on"""


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS_RU = ("янв", "фев", "мар", "апр", "мая", "июн", "июл", "авг", "сен", "окт", "ноя", "дек")
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WEEKDAYS_RU = ("пн", "вт", "ср", "чт", "пт", "сб", "вс")
UNITS = {
    ENGLISH: Units(
        ".", "ms", "s", "m", "h", "d", ("k", "M", "G"), ("B", "kB", "MB", "GB"), _MONTHS, _MONTHS, _WEEKDAYS
    ),
    "ru": Units(
        ",",
        "мс",
        "с",
        "мин",
        "ч",
        "д",
        ("\u00a0тыс.", "\u00a0млн", "\u00a0млрд"),
        ("Б", "кБ", "МБ", "ГБ"),
        _MONTHS_RU,
        (*_MONTHS_RU[:4], "май", *_MONTHS_RU[5:]),
        _WEEKDAYS_RU,
    ),
}


def units() -> Units:
    """Those of the language that is spoken."""
    return UNITS[spoken()]
