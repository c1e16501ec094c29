"""Critical path and the earliest end: measured where it can be, silent where it would be a guess."""

from __future__ import annotations

from typing import Any

from arqboard.protocol import Job, Reader
from arqboard.protocol.client import Client as Redis
from arqboard.protocol.commands import Commands, Ended, Submission
from arqboard.protocol.job import Outcome
from arqboard.protocol.shape import One, Parallel, Sequence
from arqboard.protocol.standing import Tally
from arqboard_dashboard.dag import draw
from arqboard_dashboard.flow_times import Average, Averages, Step, critical_path, ready_at

#: fetch, then a long branch beside two short ones, then publish.
SHAPE = Sequence((
    One("fetch"),
    Parallel(((1, Sequence((One("audio"), One("text")))), (48, One("video")))),
    One("publish"),
))  # fmt: skip
AVERAGES = {
    "fetch": Average(1000, 5), "audio": Average(2000, 5), "text": Average(9000, 5), "video": Average(3000, 5),
    "publish": Average(500, 5),
}  # fmt: skip
NOW = 1_764_000_000_000


def job(**given: Any) -> Job:
    fields = {"function": "f", "queue": "q", "state": "running", "args": "[]", "kwargs": "{}", "enqueued": NOW,
              "run_at": NOW, "version": 1, **given}  # fmt: skip
    return Job.from_hash("j", {name: str(value).encode() for name, value in fields.items()})


def steps(**tallies: Tally) -> list[Step]:
    drawing = draw(SHAPE)
    assert drawing
    return [Step(box, tallies.get(box.function, Tally(len(box.numbers))), None) for box in drawing.boxes]


def functions(found: list[Step], boxes: frozenset[int]) -> list[str]:
    return [found[n].box.function for n in sorted(boxes)]


def test_the_critical_path_is_the_longest_chain_with_one_member_of_a_fan_out() -> None:
    found = steps()
    path = critical_path(found, AVERAGES)
    assert path and functions(found, path.boxes) == ["fetch", "audio", "text", "publish"]
    assert (path.ms, path.unknown) == (12_500, 0)


def test_what_has_run_counts_as_long_as_it_took() -> None:
    found = steps()
    found[2] = Step(found[2].box, Tally(1, done=1), job(state="succeeded", started=NOW, ended=NOW + 100))
    path = critical_path(found, AVERAGES)
    assert path and functions(found, path.boxes) == ["fetch", "video", "publish"]


def test_steps_that_never_ran_are_counted_and_all_unknown_is_nothing() -> None:
    path = critical_path(steps(), {"video": Average(3000, 1)})
    assert path and (path.ms, path.unknown) == (3000, 4)
    assert critical_path(steps(), {}) is None


def test_it_is_ready_after_the_longest_chain_or_all_the_work_whichever_is_later() -> None:
    many_slots, few_slots = ready_at(steps(), AVERAGES, 1000, NOW), ready_at(steps(), AVERAGES, 4, NOW)
    assert many_slots and abs(many_slots - NOW - 12_500) <= 500
    work = 1000 + 2000 + 9000 + 48 * 3000 + 500
    assert few_slots and abs(few_slots - NOW - work / 4) <= 2500


def test_what_is_done_is_not_waited_for_and_what_runs_only_for_its_rest() -> None:
    done = {name: Tally(1, done=1) for name in ("fetch", "audio", "text")}
    found = steps(**done, video=Tally(48, done=48), publish=Tally(1, running=1))
    found[-1] = Step(found[-1].box, found[-1].tally, job(started=NOW - 400))
    at = ready_at(found, {**AVERAGES, "publish": Average(5400, 5)}, 4, NOW)
    assert at and abs(at - NOW - 5000) <= 500


def test_a_guess_is_not_made() -> None:
    assert ready_at(steps(), AVERAGES, 0, NOW) is None  # nobody would run it
    assert ready_at(steps(), {**AVERAGES, "text": Average(9000, 2)}, 4, NOW) is None
    assert ready_at(steps(), {name: a for name, a in AVERAGES.items() if name != "text"}, 4, NOW) is None


async def test_averages_are_of_the_runs_of_a_function(commands: Commands, reader: Reader, redis: Redis) -> None:
    for _ in range(3):
        await commands.submit(Submission("resize", "arq:queue", b"p"))
    jobs = (await commands.claim("arq:queue", "w1", 3, lease_ms=10_000, max_crashes=3)).jobs
    for attempt in jobs:
        await redis.hincrby(commands.keys.job(attempt.job_id), "started", -500)
    ended = [Ended(attempt.job_id, attempt.token, Outcome.SUCCEEDED) for attempt in jobs]
    await commands.finish(ended, keep_jobs=9, keep_jobs_ms=10**9)
    found = await Averages(reader).of(["resize", "unknown", "resize"])
    assert list(found) == ["resize"]
    assert found["resize"].runs == 3 and 500 <= found["resize"].ms < 1500
