"""How long a job waits between its tries."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arqboard.backoff import Backoff


def never() -> float:
    return 0.0


def almost_all() -> float:
    return math.nextafter(1, 0)


def test_each_wait_is_twice_the_one_before() -> None:
    assert [Backoff().delay(n, never) for n in (1, 2, 3, 4)] == [1, 2, 4, 8]


def test_no_wait_is_longer_than_the_cap() -> None:
    assert Backoff(base=10, factor=3, cap=60).delay(3, never) == 60


@pytest.mark.parametrize("job_try", [10_000, 10**18, 10**400])
def test_a_very_late_try_waits_for_the_cap(job_try: int) -> None:
    assert Backoff().delay(job_try, never) == 600


def test_a_factor_close_to_one_is_not_taken_for_a_large_one() -> None:
    assert Backoff(factor=1.0001).delay(10_001, never) == pytest.approx(math.e, abs=0.001)


def test_a_factor_of_one_waits_the_same_each_time() -> None:
    backoff = Backoff(base=5, factor=1)
    assert {backoff.delay(n, never) for n in (1, 2, 50, 10**400)} == {5}


def test_jitter_takes_up_to_half_by_itself() -> None:
    assert Backoff().delay(4, almost_all) == pytest.approx(4)


@pytest.mark.parametrize(("jitter", "shortest"), [(True, 0), (1, 0), (False, 8), (0, 8), (0.25, 6)])
def test_jitter_is_the_share_that_chance_may_take(jitter: float | bool, shortest: float) -> None:
    backoff = Backoff(jitter=jitter)
    assert backoff.delay(4, almost_all) == pytest.approx(shortest)
    assert backoff.delay(4, never) == 8


def test_waits_differ_from_job_to_job() -> None:
    assert len({Backoff().delay(5) for _ in range(20)}) > 1


@given(st.integers(1, 10**6), st.floats(0.001, 1e6), st.floats(1, 100), st.floats(0, 1))
def test_a_wait_is_between_nothing_and_the_cap(job_try: int, base: float, factor: float, jitter: float) -> None:
    backoff = Backoff(base, factor, cap=1e6, jitter=jitter)
    assert 0 <= backoff.delay(job_try) <= 1e6


@pytest.mark.parametrize(
    ("nonsense", "said"),
    [
        ({"base": 0}, "base has to be more than 0 seconds, not 0"),
        ({"base": -1}, "base"),
        ({"base": math.nan}, "base"),
        ({"base": math.inf}, "base"),
        ({"factor": 0.5}, "factor has to be 1 or more"),
        ({"factor": math.nan}, "factor"),
        ({"base": 10, "cap": 5}, "cap has to be at least base, which is 10 seconds, not 5"),
        ({"cap": math.inf}, "cap"),
        ({"jitter": 1.1}, "jitter has to be from 0"),
        ({"jitter": -0.1}, "jitter"),
    ],
)
def test_nonsense_is_refused(nonsense: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Backoff(**nonsense)


def test_there_is_no_wait_before_the_first_try() -> None:
    with pytest.raises(ValueError, match="job_try has to be 1 or more, not 0"):
        Backoff().delay(0)
