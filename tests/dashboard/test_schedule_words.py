"""When schedules run, in words, in English and in Russian."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arqboard.protocol.arqcron import ArqCron
from arqboard.protocol.schedule import At, Crontab, Every, Spec
from arqboard_dashboard.cronwords import cron_words
from arqboard_dashboard.language import speaking
from arqboard_dashboard.schedule_words import spec_words, wall


@pytest.mark.parametrize(
    ("spec", "english", "russian"),
    [
        (Every(60), "Every minute", "Каждую минуту"),
        (Every(300), "Every 5 minutes", "Каждые 5 минут"),
        (Every(120), "Every 2 minutes", "Каждые 2 минуты"),
        (Every(21 * 3600), "Every 21 hours", "Каждый 21 час"),
        (Every(86_400), "Every day", "Каждый день"),
        (Every(1.5), "Every 1.5 s", "Каждые 1,5 с"),
        (At(1_900_000_000_000), "Once, on Sun 17 Mar 2030, 17:46:40", "Один раз, вс 17 мар 2030, 17:46:40"),
        (Crontab("0 9 * * mon"), "At 09:00 on Monday", "В 09:00, пн"),
        (Crontab("@hourly"), "At the start of every hour", "В начале каждого часа"),
        (Crontab("*/5 1-3 * * *"), "Every fifth minute from 01:00 through 03:59", "Каждую 5-ю минуту, часы: 1–3"),
        (Crontab("30 6 1 * *"), "At 06:30 on the first day of every month", "В 06:30, числа: 1"),
        (Crontab("0 0 L * *"), "At 00:00 on the last day of every month", "В 00:00, числа: последнее в месяце"),
        (Crontab("0 0 13 * fri"), "At 00:00 on the 13th day of month and on Friday", "В 00:00, числа: 13 или пт"),
        (ArqCron(hour=3, minute=30), "At 03:30 every day", "В 03:30, каждый день"),
        (
            ArqCron(hour=0, minute=0, day=13, weekday=4),
            "At 00:00 on the 13th day of every month if it's Friday",
            "В 00:00, числа: 13, если это пт",
        ),
    ],
    ids=str,
)
def test_a_schedule_in_words(spec: Spec, english: str, russian: str) -> None:
    assert spec_words(spec) == english
    with speaking("ru"):
        assert spec_words(spec) == russian


def field(low: int, high: int) -> st.SearchStrategy[str]:
    """`*`, a number, a span, a step or a list of some of these."""
    number = st.integers(low, high)
    span = st.tuples(number, number).map(lambda ends: f"{min(ends)}-{max(ends)}")
    steps = st.tuples(st.one_of(st.just("*"), span), st.integers(2, 5)).map(lambda parts: f"{parts[0]}/{parts[1]}")
    part = st.one_of(number.map(str), span, steps)
    return st.one_of(st.just("*"), st.lists(part, min_size=1, max_size=3).map(",".join))


CRONTABS = st.tuples(field(0, 59), field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7)).map(" ".join)


@given(CRONTABS, st.booleans())
def test_any_crontab_is_told_in_russian_without_a_latin_letter(fields: str, is_both: bool) -> None:
    with speaking("ru"):
        words = cron_words(fields, is_both=is_both)
    assert words and not re.search("[A-Za-z%]", words)


@given(CRONTABS)
def test_no_number_of_a_list_is_left_out(fields: str) -> None:
    """The time of the day aside, where 7 is 07."""
    with speaking("ru"):
        words = cron_words(fields)
    days = fields.split()[3]
    if re.fullmatch(r"[\d,]+", days):
        assert set(days.split(",")) <= set(re.findall(r"\d+", words))


def test_a_weekday_of_the_month_is_told_by_its_number() -> None:
    with speaking("ru"):
        assert cron_words("0 9 * * mon#2") == "в 09:00, пн (2-й раз в месяце)"
        assert cron_words("0 9 * * 5L") == "в 09:00, пт (последний раз в месяце)"


def test_a_time_is_told_as_a_clock_there_shows_it() -> None:
    assert wall(1_900_000_000_000, "Europe/Berlin") == "Sun 17 Mar 2030, 18:46:40"
    with speaking("ru"):
        assert wall(1_900_000_000_000, "Asia/Tokyo", now=1_895_000_000_000) == "пн 18 мар, 02:46:40"
        assert wall(10**18, "UTC") == "время, которого нет в календаре"
