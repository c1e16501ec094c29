"""What people do to one job: skip its chunks, run those that are left, give it another time."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from keyspace import Keyspace, problems

from arqboard.protocol import ArqKeys, Job, JobNotFound, Keys, NoSuchChunk, PayloadGone, Reader, State, WrongState
from arqboard.protocol.commands import ChunkReport, Claimed, Commands, Ended, Later, Report, Submission
from arqboard.protocol.job import Outcome
from arqboard.protocol.stacks import stack_of

QUEUE = "arq:queue"
HOUR = 3_600_000


async def submitted(commands: Commands, job_id: str = "j1", **more: Any) -> None:
    await commands.submit(Submission(function="resize", queue=QUEUE, payload=b"payload", job_id=job_id, **more))


async def claim(commands: Commands) -> Claimed:
    [attempt] = (await commands.claim(QUEUE, "w1", 1, lease_ms=10_000, max_crashes=3)).jobs
    return attempt


async def claimed(commands: Commands, job_id: str = "j1") -> Claimed:
    await submitted(commands, job_id)
    return await claim(commands)


def marked(attempt: Claimed, marks: str, at: int = 0, total: int = 6) -> ChunkReport:
    """What a worker tells of the chunks from an index on."""
    report = Report(attempt.job_id, attempt.token, 0, total, "rows", "", "")
    return ChunkReport(report, total, 1, total, {at + n: mark for n, mark in enumerate(marks) if mark != "."})


async def finish(commands: Commands, attempt: Claimed, outcome: Outcome = Outcome.FAILED) -> None:
    ended = Ended(attempt.job_id, attempt.token, outcome, error_type="" if outcome is Outcome.SUCCEEDED else "E")
    assert await commands.finish([ended], keep_jobs=100, keep_jobs_ms=10**12) == [True]


async def ended_with(commands: Commands, marks: str, outcome: Outcome = Outcome.FAILED) -> Claimed:
    attempt = await claimed(commands)
    await commands.mark([marked(attempt, marks, total=len(marks))])
    await finish(commands, attempt, outcome)
    return attempt


async def is_sound(redis: Any) -> bool:
    return problems(await Keyspace.read(redis)) == []


# Skipping


async def test_failed_chunks_of_a_failed_job_are_skipped_and_a_retry_goes_on_without_them(
    commands: Commands, reader: Reader, redis: Any
) -> None:
    await ended_with(commands, "dfdf..")

    assert await commands.skip_chunks("j1", "failed") == 2

    assert await reader.chunk_marks("j1") == "dsds.."
    counts = (await reader.get("j1")).chunks
    assert counts is not None and (counts.failed, counts.skipped, counts.open) == (0, 2, 2)
    await commands.retry("j1")
    assert (await claim(commands)).marks == "dsds.."
    assert await is_sound(redis)


async def test_single_chunks_are_skipped_by_number(commands: Commands, reader: Reader) -> None:
    await ended_with(commands, "dff...")

    assert await commands.skip_chunks("j1", "open", [3, 5, 1, 99]) == 2

    assert await reader.chunk_marks("j1") == "dfs.s."


async def test_no_numbers_are_no_chunks(commands: Commands, reader: Reader) -> None:
    await ended_with(commands, "dff...")

    with pytest.raises(NoSuchChunk, match="None of these chunks"):
        await commands.skip_chunks("j1", "open", [])

    assert await reader.chunk_marks("j1") == "dff..."


async def test_chunks_that_run_or_are_done_are_not_skipped(commands: Commands, reader: Reader) -> None:
    attempt = await claimed(commands)
    await commands.mark([marked(attempt, "dr")])

    with pytest.raises(NoSuchChunk, match="None of these chunks has failed or waits"):
        await commands.skip_chunks("j1", "open", [1, 2])

    assert await reader.chunk_marks("j1") == "dr...."


async def test_skipping_needs_a_job_with_chunks(commands: Commands) -> None:
    with pytest.raises(JobNotFound):
        await commands.skip_chunks("j1")
    await claimed(commands)
    with pytest.raises(NoSuchChunk, match="It does not work in chunks"):
        await commands.skip_chunks("j1")


async def test_a_running_worker_hears_of_each_skipping_with_its_next_mark(commands: Commands) -> None:
    attempt = await claimed(commands)
    assert await commands.mark([marked(attempt, "r")]) == [1]
    await commands.skip_chunks("j1", "waiting", [4])
    assert await commands.mark([marked(attempt, "d")]) == [2]
    await commands.skip_chunks("j1", "waiting", [5])
    assert await commands.mark([marked(attempt, "r", at=1)]) == [3]
    await finish(commands, attempt)
    await commands.retry("j1")
    again = await claim(commands)
    assert await commands.mark([marked(again, "r", at=1)]) == [1]  # it has the marks from its claim


async def test_a_chunk_that_had_begun_when_it_was_skipped_counts_as_what_became_of_it(
    commands: Commands, reader: Reader, redis: Any
) -> None:
    attempt = await claimed(commands)
    await commands.mark([marked(attempt, "d")])
    await commands.skip_chunks("j1", "waiting", [2, 3])
    await commands.mark([marked(attempt, "r", at=1)])
    await commands.mark([marked(attempt, "d", at=1)])

    assert await reader.chunk_marks("j1") == "dds..."
    assert await is_sound(redis)


async def test_skipping_races_with_marks_and_the_counts_stay_right(commands: Commands, redis: Any) -> None:
    attempt = await claimed(commands)
    total, dice = 300, random.Random(7)
    await commands.mark([marked(attempt, "d", total=total)])

    async def work() -> None:
        for index in range(1, total):
            await commands.mark([marked(attempt, "r", at=index, total=total)])
            await commands.mark([marked(attempt, dice.choice("df"), at=index, total=total)])

    async def skip() -> None:
        for _ in range(total):
            numbers = dice.sample(range(1, total + 1), 3)
            try:
                await commands.skip_chunks("j1", dice.choice(("open", "failed", "waiting")), numbers)
            except NoSuchChunk:
                continue

    await asyncio.gather(work(), skip())
    assert await is_sound(redis)


# Running what is left


async def test_only_failed_chunks_are_run_when_that_is_asked(commands: Commands, redis: Any) -> None:
    await ended_with(commands, "dfd...")

    await commands.retry_chunks("j1", only_failed=True)

    attempt = await claim(commands)
    assert attempt.only_failed and attempt.marks == "dfd..."
    await commands.retry_later([Later("j1", attempt.token, 0, Outcome.RETRY)])
    assert (await claim(commands)).only_failed  # also in the tries that follow
    assert await is_sound(redis)


async def test_a_plain_retry_forgets_that_only_failed_chunks_were_asked_for(commands: Commands) -> None:
    await ended_with(commands, "dfd...")
    await commands.retry_chunks("j1", only_failed=True)
    await finish(commands, await claim(commands))
    await commands.retry("j1")
    assert not (await claim(commands)).only_failed


async def test_a_job_that_succeeded_past_failed_chunks_can_run_them(
    commands: Commands, reader: Reader, redis: Any, keys: Keys
) -> None:
    await ended_with(commands, "dfdddd", Outcome.SUCCEEDED)
    assert (await reader.get("j1")).can_run_chunks
    with pytest.raises(WrongState):
        await commands.retry("j1")

    await commands.retry_chunks("j1")

    attempt = await claim(commands)
    assert (attempt.payload, attempt.marks, attempt.only_failed) == (b"payload", "dfdddd", False)
    await commands.mark([marked(attempt, "d", at=1)])
    await finish(commands, attempt, Outcome.SUCCEEDED)
    assert not (await reader.get("j1")).can_run_chunks
    assert not await redis.exists(keys.payload("j1"))
    assert await is_sound(redis)


async def test_a_call_is_not_kept_once_the_last_chunk_of_a_good_job_is_skipped(
    commands: Commands, redis: Any, keys: Keys
) -> None:
    await ended_with(commands, "df.ddd", Outcome.SUCCEEDED)
    assert await redis.exists(keys.payload("j1"))
    await commands.skip_chunks("j1", "failed")
    assert await redis.exists(keys.payload("j1"))
    await commands.skip_chunks("j1", "waiting")
    assert not await redis.exists(keys.payload("j1"))
    assert await is_sound(redis)


async def test_what_can_not_be_run_is_refused_by_name(commands: Commands, redis: Any, keys: Keys) -> None:
    with pytest.raises(JobNotFound):
        await commands.retry_chunks("j1")
    attempt = await claimed(commands)
    await commands.mark([marked(attempt, "d..")])
    with pytest.raises(WrongState, match="once it has ended"):
        await commands.retry_chunks("j1")
    await finish(commands, attempt)
    with pytest.raises(NoSuchChunk, match="None of its chunks has failed"):
        await commands.retry_chunks("j1", only_failed=True)
    await redis.delete(keys.payload("j1"))
    with pytest.raises(PayloadGone):
        await commands.retry_chunks("j1")


# Another time


async def seconds_ahead(reader: Reader, job: Job) -> int:
    return round((job.run_at - await reader.now_ms()) / 1000)


async def test_a_deferred_job_runs_now(commands: Commands, reader: Reader, redis: Any) -> None:
    await submitted(commands, defer_ms=HOUR)

    assert await commands.reschedule("j1")

    assert (await reader.get("j1")).state is State.QUEUED
    assert (await claim(commands)).job_id == "j1"
    assert await is_sound(redis)


async def test_a_queued_job_is_put_off_and_a_deferred_one_moved(commands: Commands, reader: Reader, redis: Any) -> None:
    await submitted(commands, priority=9)
    await commands.reschedule("j1", delay_ms=60_000)
    job = await reader.get("j1")
    assert job.state is State.DEFERRED and await seconds_ahead(reader, job) == 60
    assert (await commands.claim(QUEUE, "w1", 1, lease_ms=10_000, max_crashes=3)).jobs == []

    at = await reader.now_ms() + 2 * HOUR
    await commands.reschedule("j1", at_ms=at)
    assert (await reader.get("j1")).run_at == at
    assert await redis.zscore(QUEUE, "j1") == at
    assert await is_sound(redis)


async def test_a_job_that_waits_for_its_retry_keeps_its_state_and_its_tries(
    commands: Commands, reader: Reader, redis: Any
) -> None:
    attempt = await claimed(commands)
    await commands.retry_later([Later("j1", attempt.token, HOUR, Outcome.RETRY)])
    await commands.reschedule("j1", delay_ms=48 * HOUR)
    assert (await reader.get("j1")).state is State.RETRYING
    assert await redis.pttl(ArqKeys.retry("j1")) > 48 * HOUR  # arq forgets the tries after 25 hours
    await commands.reschedule("j1")
    assert (await claim(commands)).job_try == 2
    assert await is_sound(redis)


async def test_a_job_that_is_due_stays_where_it_stands_in_the_queue(commands: Commands, reader: Reader) -> None:
    await submitted(commands)
    before = await reader.get("j1")
    assert not await commands.reschedule("j1")
    assert (await reader.get("j1")).position == before.position


async def test_an_expiry_and_the_stored_call_move_with_the_job(commands: Commands, redis: Any, keys: Keys) -> None:
    await submitted(commands, defer_ms=HOUR, expires_ms=HOUR)
    before = float(await redis.hget(keys.job("j1"), "expires_at"))
    await commands.reschedule("j1", delay_ms=72 * HOUR)
    assert float(await redis.hget(keys.job("j1"), "expires_at")) - before == pytest.approx(71 * HOUR, abs=5_000)
    assert await redis.pttl(ArqKeys.job("j1")) > 72 * HOUR


async def test_a_parked_job_that_is_put_off_leaves_where_it_is_parked(
    commands: Commands, reader: Reader, redis: Any, keys: Keys
) -> None:
    await redis.hset(keys.limits, "resize", "1|0|1")
    await claimed(commands, "j1")
    await submitted(commands, "j2")
    await commands.claim(QUEUE, "w1", 1, lease_ms=10_000, max_crashes=3)
    await commands.reschedule("j2", delay_ms=HOUR)
    assert (await reader.get("j2")).state is State.DEFERRED
    assert await is_sound(redis)


@pytest.mark.parametrize("outcome", [None, Outcome.SUCCEEDED, Outcome.FAILED])
async def test_a_job_that_runs_or_has_ended_has_no_other_time(commands: Commands, outcome: Outcome | None) -> None:
    with pytest.raises(JobNotFound):
        await commands.reschedule("j1")
    attempt = await claimed(commands)
    if outcome:
        await finish(commands, attempt, outcome)
    with pytest.raises(WrongState, match="Only a job that waits"):
        await commands.reschedule("j1", delay_ms=1)


# Children


async def test_a_job_lists_what_it_submitted_the_newest_first(commands: Commands, reader: Reader, redis: Any) -> None:
    attempt = await claimed(commands)
    for job_id in ("a", "b", "c"):
        await submitted(commands, job_id, parent="j1")

    found, count = await reader.children("j1", limit=2)

    assert ([child.id for child in found], count) == (["c", "b"], 3)
    assert await is_sound(redis)
    await finish(commands, attempt)
    await commands.discard("j1")
    assert (await reader.children("j1")) == ([], 0)
    assert await is_sound(redis)


async def test_a_parent_that_is_gone_gets_no_list(commands: Commands, redis: Any, keys: Keys) -> None:
    await submitted(commands, "a", parent="nobody")
    assert not await redis.exists(keys.children("nobody"))


async def test_the_list_of_children_is_capped(commands: Commands, reader: Reader) -> None:
    await claimed(commands)
    many = [Submission("resize", QUEUE, b"p", job_id=f"c{n}", parent="j1") for n in range(1_100)]
    await commands.submit_many(many)
    found, count = await reader.children("j1", limit=1)
    assert (found[0].id, count) == ("c1099", 1_000)


# Where it stands


async def test_only_a_running_job_stands_somewhere(commands: Commands, redis: Any) -> None:
    with pytest.raises(JobNotFound):
        await stack_of(commands, redis, "j1")
    await submitted(commands)
    with pytest.raises(WrongState, match="Only a running job"):
        await stack_of(commands, redis, "j1")


async def test_nobody_is_waited_for_when_nothing_is_known_of_the_worker(commands: Commands, redis: Any) -> None:
    await claimed(commands)
    assert await stack_of(commands, redis, "j1", within=60) is None
    assert not await redis.exists(commands.keys.worker("w1"))


async def test_a_worker_that_says_nothing_is_not_waited_for_long(commands: Commands, redis: Any) -> None:
    await claimed(commands)
    await redis.hset(commands.keys.worker("w1"), "pid", 1)
    assert await stack_of(commands, redis, "j1", within=0.05) is None
    assert await redis.hget(commands.keys.worker("w1"), "asked")
