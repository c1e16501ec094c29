"""When a schedule runs: each kind, in words, as text, through changes of the clock, and arq's cron beside arq's."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from arq.cron import next_cron
from hypothesis import example, given, settings
from hypothesis import strategies as st

from arqboard.protocol.arqcron import ArqCron
from arqboard.protocol.errors import BadSchedule
from arqboard.protocol.schedule import At, Crontab, Every, Spec, from_json, to_json, upcoming

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def ms(text: str, tz: str = "UTC", fold: int = 0) -> int:
    moment = dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(tz), fold=fold)
    return int(moment.timestamp() * 1000)


def walls(spec: Spec, after: int, n: int, tz: str) -> list[str]:
    """The next times as people there read them, with the offset of the zone."""
    return [f"{dt.datetime.fromtimestamp(t / 1000, ZoneInfo(tz)):%m-%d %H:%M %z}" for t in upcoming(spec, after, n)]


# The kinds


def test_every_counts_from_1970_so_a_restart_moves_nothing() -> None:
    spec = Every(300)
    assert spec.next_after(ms("2026-01-01 10:02:13")) == ms("2026-01-01 10:05")
    assert spec.next_after(ms("2026-01-01 10:05")) == ms("2026-01-01 10:10")


def test_every_can_count_from_another_time() -> None:
    spec = Every(86_400, anchor=3 * 3600)
    assert spec.next_after(ms("2026-01-01 02:59")) == ms("2026-01-01 03:00")
    assert spec.next_after(ms("2026-01-01 03:00")) == ms("2026-01-02 03:00")


def test_a_crontab_is_read_in_its_time_zone() -> None:
    spec = Crontab("0 9 * * mon", BERLIN)
    assert spec.next_after(ms("2026-01-01 00:00")) == ms("2026-01-05 09:00", BERLIN) == ms("2026-01-05 08:00")
    assert spec.next_after(ms("2026-07-01 00:00")) == ms("2026-07-06 09:00", BERLIN) == ms("2026-07-06 07:00")


@pytest.mark.parametrize(
    ("alias", "expected"),
    [
        ("@hourly", "2026-01-01 11:00"),
        ("@daily", "2026-01-02 00:00"),
        ("@midnight", "2026-01-02 00:00"),
        ("@weekly", "2026-01-04 00:00"),
        ("@monthly", "2026-02-01 00:00"),
        ("@yearly", "2027-01-01 00:00"),
        ("@Annually", "2027-01-01 00:00"),
    ],
)
def test_crons_aliases_are_known(alias: str, expected: str) -> None:
    assert Crontab(alias).next_after(ms("2026-01-01 10:30")) == ms(expected)


def test_a_crontab_may_have_seconds() -> None:
    assert Crontab("*/10 * * * * *").next_after(ms("2026-01-01 10:00:09")) == ms("2026-01-01 10:00:10")


def test_a_one_off_has_one_time() -> None:
    spec = At(ms("2026-01-01 10:00"))
    assert spec.next_after(ms("2026-01-01 09:59:59")) == ms("2026-01-01 10:00")
    assert spec.next_after(ms("2026-01-01 10:00")) is None


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (Every(1), "every second"),
        (Every(300), "every 5 minutes"),
        (Every(5400), "every 90 minutes"),
        (Every(86_400), "every day"),
        (Every(0.5), "every 0.5 seconds"),
        (Crontab("0 9 * * mon", BERLIN), "At 09:00 on Monday, Europe/Berlin"),
        (Crontab("@daily"), "At 00:00 every day, UTC"),
        (At(1_774_000_000_000), "once, at 2026-03-20 09:46:40 UTC"),
        (ArqCron(hour=2, minute=30, tz=BERLIN), "At 02:30 every day, Europe/Berlin"),
        (ArqCron(minute=set(range(0, 60, 15))), "Every 15th minute of every hour, UTC"),
        (ArqCron(weekday={0, 1, 2, 3, 4}, hour=9, minute=0), "At 09:00 on Monday through Friday, UTC"),
        (ArqCron(day=1, weekday=6, hour=3, minute=0), "At 03:00 on the first day of every month if it's Sunday, UTC"),
    ],
)  # fmt: skip
def test_a_schedule_is_said_in_words(spec: Spec, said: str) -> None:
    assert spec.describe() == said


# As text


@pytest.mark.parametrize(
    "spec",
    [
        Every(300),
        Every(0.5, anchor=7),
        Crontab("0 9 * * mon", BERLIN),
        At(5),
        ArqCron(hour={3, 1}, weekday=0, tz=BERLIN),
    ],
)
def test_a_spec_comes_back_from_its_text(spec: Spec) -> None:
    assert from_json(to_json(spec)) == spec


def test_equal_specs_have_one_text() -> None:
    assert to_json(Every(300.0)) == to_json(Every(300))
    assert to_json(Crontab(" 0  9 * * mon ")) == to_json(Crontab("0 9 * * mon"))
    assert to_json(ArqCron(hour=3)) == to_json(ArqCron(hour=[3, 3]))


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", "{}", '{"kind":"sundial"}', '{"kind":"every"}', '{"kind":"every","seconds":"x"}',
        '{"kind":"crontab","expression":7}', '{"kind":"at","when_ms":"soon"}', '{"kind":"cron","hour":["x"]}', b"\xff",
        '{"kind":"every","seconds":60,"colour":"red"}',
    ],
)  # fmt: skip
def test_a_text_that_is_no_spec_is_refused(text: str | bytes) -> None:
    with pytest.raises(BadSchedule):
        from_json(text)


# What is refused


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: Every(0), "every: 0 seconds is too short"),
        (lambda: Every(-5), "too short"),
        (lambda: Every(float("nan")), "no interval"),
        (lambda: Crontab("61 * * * *"), "bad minute"),
        (lambda: Crontab("* * *"), "wrong number of fields"),
        (lambda: Crontab("0 0 30 2 *"), "bad day-of-month"),
        (lambda: Crontab("@reboot"), 'No crontab alias "@reboot"'),
        (lambda: Crontab("0 9 * * *", "Europe/Berlni"), "Did you mean Europe/Berlin"),
        (lambda: Crontab("0 9 * * *", "Europe"), 'No time zone "Europe"'),
        (lambda: Crontab("0 9 * * *", "../../etc/passwd"), "No time zone"),
        (lambda: Crontab("0 9 * * *", "UTC+24:00"), "less than 24 hours"),
        (lambda: ArqCron(hour=24), "hour is 0 to 23, not 24"),
        (lambda: ArqCron(month={2, 4}, day=31), "no such month has a day 31"),
        (lambda: ArqCron(minute=set()), "minute is 0 to 59"),
        (lambda: At(10**20), "is no time"),
    ],
)
def test_nonsense_is_refused_with_its_reason(make: Any, why: str) -> None:
    with pytest.raises(BadSchedule, match=why.replace("+", r"\+")):
        make()


# When the clock changes: Berlin 2026-03-29 02:00 → 03:00 and 2026-10-25 03:00 → 02:00,
# New York 2026-03-08 02:00 → 03:00 and 2026-11-01 02:00 → 01:00


def test_a_time_that_is_left_out_in_spring_runs_right_after_the_gap() -> None:
    assert walls(Crontab("30 2 * * *", BERLIN), ms("2026-03-28 00:00"), 3, BERLIN) == [
        "03-28 02:30 +0100", "03-29 03:00 +0200", "03-30 02:30 +0200",
    ]  # fmt: skip
    assert walls(Crontab("30 2 * * *", NEW_YORK), ms("2026-03-07 00:00", NEW_YORK), 3, NEW_YORK) == [
        "03-07 02:30 -0500", "03-08 03:00 -0400", "03-09 02:30 -0400",
    ]  # fmt: skip


def test_a_time_that_comes_twice_in_autumn_runs_once() -> None:
    assert walls(Crontab("30 2 * * *", BERLIN), ms("2026-10-24 00:00"), 3, BERLIN) == [
        "10-24 02:30 +0200", "10-25 02:30 +0200", "10-26 02:30 +0100",
    ]  # fmt: skip
    assert walls(Crontab("30 1 * * *", NEW_YORK), ms("2026-10-31 00:00", NEW_YORK), 3, NEW_YORK) == [
        "10-31 01:30 -0400", "11-01 01:30 -0400", "11-02 01:30 -0500",
    ]  # fmt: skip


def test_it_runs_no_second_time_for_a_worker_that_starts_in_the_repeated_hour() -> None:
    between = ms("2026-10-25 02:10", BERLIN, fold=1)
    assert walls(Crontab("30 2 * * *", BERLIN), between, 1, BERLIN) == ["10-26 02:30 +0100"]


@pytest.mark.parametrize(
    ("tz", "start"), [(BERLIN, "2026-03-28 22:00"), (BERLIN, "2026-10-24 22:00"), (NEW_YORK, "2026-11-01 03:00")]
)
def test_an_hourly_job_follows_the_real_time(tz: str, start: str) -> None:
    times = upcoming(Crontab("15 * * * *", tz), ms(start), 10)
    assert {later - earlier for earlier, later in pairwise(times)} == {3_600_000}


@settings(max_examples=60, deadline=None)
@given(
    expression=st.sampled_from(
        ["30 2 * * *", "0,30 1-3 * * *", "15 * * * *", "*/20 * * * *", "0 2 * * sun", "5 3 25 * *"]
    ),
    zone=st.sampled_from([BERLIN, NEW_YORK, "Australia/Lord_Howe", "UTC"]),
    start=st.sampled_from(["2026-03-07", "2026-03-28", "2026-04-04", "2026-10-03", "2026-10-24", "2026-10-31"]),
    offsets=st.lists(st.integers(0, 60 * 72), min_size=1, max_size=10),
)
def test_the_next_time_is_the_same_from_wherever_it_is_asked(
    expression: str, zone: str, start: str, offsets: list[int]
) -> None:
    """Any worker may ask at any time, so the answer must not depend on which times were asked for before."""
    spec = Crontab(expression, zone)
    first = ms(start)
    times = upcoming(spec, first, 300)
    assert times == sorted(set(times))
    for offset in offsets:
        asked = first + offset * 60_000
        assert spec.next_after(asked) == next(t for t in times if t > asked)


# arq's cron, beside arq's own


def _some(numbers: range) -> st.SearchStrategy[Any]:
    return st.none() | st.sampled_from(numbers) | st.sets(st.sampled_from(numbers), min_size=1, max_size=6)


CRONS = st.fixed_dictionaries(
    {
        "month": _some(range(1, 13)), "day": _some(range(1, 29)), "weekday": st.none() | _some(range(7)),
        "hour": _some(range(24)), "minute": _some(range(60)), "second": _some(range(60)),
        "microsecond": st.sampled_from([0, 1, 123_456, 999_999]) | st.integers(0, 999_999),
    }
)  # fmt: skip
DAILY_CRONS = st.fixed_dictionaries(
    {
        "hour": _some(range(24)),
        "minute": st.sets(st.integers(0, 59), min_size=1, max_size=3),
        "second": st.integers(0, 59),
    }
)
TIMES = st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2039, 12, 31))


@settings(max_examples=200, deadline=None)
@given(cron=CRONS, start=TIMES, zone=st.sampled_from(["UTC", "UTC+02:00", "UTC-09:30"]))
@example({"month": 2, "day": 29, "weekday": None, "hour": None, "minute": None, "second": 0, "microsecond": 0},
         dt.datetime(2023, 12, 31, 23, 59, 59, 999_999), "UTC")  # fmt: skip
def test_arqs_cron_runs_when_arq_runs_it(cron: dict[str, Any], start: dt.datetime, zone: str) -> None:
    spec = ArqCron(**cron, tz=zone)
    asked = int(start.replace(tzinfo=dt.UTC).timestamp() * 1000)
    previous = dt.datetime.fromtimestamp(asked / 1000, _tz(zone))
    for _ in range(3):
        previous = next_cron(previous, **cron)
        asked_next = spec.next_after(asked)
        assert asked_next == int(previous.timestamp() * 1000)
        asked = asked_next


def _tz(name: str) -> dt.tzinfo:
    if name == "UTC":
        return dt.UTC
    sign, hours, minutes = name[3], int(name[4:6]), int(name[7:])
    ahead = dt.timedelta(hours=hours, minutes=minutes)
    return dt.timezone(-ahead if sign == "-" else ahead)


@settings(max_examples=60, deadline=None)
@given(
    cron=DAILY_CRONS,
    change=st.sampled_from(
        [
            (NEW_YORK, "2026-03-08 07:00"), (NEW_YORK, "2026-11-01 06:00"), (BERLIN, "2026-03-29 01:00"),
            (BERLIN, "2026-10-25 01:00"), ("Australia/Lord_Howe", "2026-04-04 15:00"),
            ("Australia/Lord_Howe", "2026-10-03 15:30"),
        ]
    ),
    minute=st.integers(0, 600),
)  # fmt: skip
@example({"hour": 2, "minute": {1, 30}, "second": 0}, ("Australia/Lord_Howe", "2026-10-03 15:30"), 0)
@example({"hour": 2, "minute": {30, 45}, "second": 0}, (BERLIN, "2026-03-29 01:00"), 335)
def test_arqs_cron_runs_when_arq_runs_it_through_changes_of_the_clock(
    cron: dict[str, Any], change: tuple[str, str], minute: int
) -> None:
    """arq's worker goes from one time to the next; ours are the same ones, in order, from wherever it is asked."""
    zone, moment = change
    first = ms(moment) - 5 * 3_600_000
    previous = dt.datetime.fromtimestamp(first / 1000, ZoneInfo(zone))
    theirs: set[int] = set()
    while not theirs or max(theirs) < first + 37 * 3_600_000:
        previous = next_cron(previous, **cron)
        theirs.add(int(previous.timestamp() * 1000))
    asked = first + minute * 60_000
    from_then = asked + 1000  # arq looks from the next whole second on
    assert ArqCron(**cron, tz=zone).next_after(asked) == min(t for t in theirs if t >= from_then)


def test_a_leap_day_on_a_given_weekday_is_found() -> None:
    assert ArqCron(month=2, day=29, weekday=0, hour=0, minute=0, microsecond=0).next_after(ms("2026-01-01")) == ms(
        "2044-02-29"
    )
