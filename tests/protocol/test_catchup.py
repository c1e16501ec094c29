"""What becomes of due ticks, by catch-up policy."""

from __future__ import annotations

import pytest

from arqboard.protocol.catchup import BATCH, MAX_RUNS, NAMED, CatchUp, plan
from arqboard.protocol.schedule import At, Crontab, Every, Spec

MINUTE = 60_000
NOW = 1_774_000_040_000  # 20 seconds after a full minute
LATEST = NOW - 20_000


@pytest.mark.parametrize("policy", CatchUp)
def test_a_tick_in_time_runs(policy: CatchUp) -> None:
    planned = plan(Every(60), LATEST, NOW, policy)
    assert (planned.run, planned.missed, planned.next) == ((LATEST,), (), LATEST + MINUTE)


def test_one_runs_the_latest_of_several_ticks_and_names_the_others() -> None:
    planned = plan(Every(60), LATEST - 3 * MINUTE, NOW, CatchUp.ONE)
    assert planned.run == (LATEST,)
    assert planned.missed == (LATEST - 3 * MINUTE, LATEST - 2 * MINUTE, LATEST - MINUTE)
    assert planned.missed_count == 3


def test_skip_runs_nothing_that_is_late() -> None:
    day = Every(86_400)
    tick = NOW // 86_400_000 * 86_400_000
    assert plan(day, tick, tick + 60_000, CatchUp.SKIP).run == (tick,)
    late = plan(day, tick, tick + 60_001, CatchUp.SKIP)
    assert (late.run, late.missed, late.missed_count, late.next) == ((), (tick,), 1, tick + 86_400_000)


def test_all_runs_every_tick_a_batch_at_a_time() -> None:
    planned = plan(Every(60), LATEST - 249 * MINUTE, NOW, CatchUp.ALL)
    assert planned.missed_count == 0
    seen = [*planned.run]
    while planned.next is not None and planned.next <= NOW:
        planned = plan(Every(60), planned.next, NOW, CatchUp.ALL)
        assert len(planned.run) <= BATCH
        seen += planned.run
    assert seen == [LATEST - n * MINUTE for n in reversed(range(250))]


def test_all_runs_the_newest_thousand() -> None:
    planned = plan(Every(60), LATEST - 1499 * MINUTE, NOW, CatchUp.ALL)
    assert planned.missed_count == 500
    assert planned.missed == tuple(LATEST - n * MINUTE for n in reversed(range(MAX_RUNS, MAX_RUNS + NAMED)))
    assert planned.run[0] == LATEST - 999 * MINUTE


@pytest.mark.parametrize(("spec", "counted"), [(Every(60), 30 * 1440), (Crontab("* * * * *"), None)])
def test_after_a_month_the_latest_tick_is_found_without_walking_all(spec: Spec, counted: int | None) -> None:
    planned = plan(spec, LATEST - 30 * 1440 * MINUTE, NOW, CatchUp.ONE)
    assert (planned.run, planned.next) == ((LATEST,), LATEST + MINUTE)
    assert planned.missed == tuple(LATEST - n * MINUTE for n in reversed(range(1, NAMED + 1)))
    assert planned.missed_count == counted or (counted is None and planned.missed_count >= 4999)


def test_a_one_off_is_over_after_its_tick() -> None:
    planned = plan(At(LATEST), LATEST, NOW, CatchUp.ONE)
    assert (planned.run, planned.next) == ((LATEST,), None)
