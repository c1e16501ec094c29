"""What the models of the verbs have found, as the shortest sequence that shows it."""

from __future__ import annotations

from typing import Any

from arqboard.protocol import ArqKeys, Outcome, Reader
from arqboard.protocol.commands import Claimed, Commands, Ended, Later, Submission

QUEUE = ArqKeys.default_queue
HOUR_MS = 3_600_000


def submission(job_id: str, **more: Any) -> Submission:
    return Submission(function="resize", queue=QUEUE, payload=b"payload", job_id=job_id, **more)


async def claim(commands: Commands, worker: str = "w1") -> list[Claimed]:
    return (await commands.claim(QUEUE, worker, 100, lease_ms=10_000, max_crashes=3)).jobs


async def finish(commands: Commands, attempt: Claimed, outcome: Outcome) -> None:
    await commands.finish([Ended(attempt.job_id, attempt.token, outcome)], keep_jobs=1000, keep_jobs_ms=10**12)


async def test_an_abort_by_arqs_own_call_is_not_lost_with_the_worker_that_heard_of_it(
    commands: Commands, reader: Reader, redis: Any
) -> None:
    await commands.submit(submission("a"))
    await redis.zadd(ArqKeys.abort, {"a": await reader.now_ms()})
    [first] = await claim(commands)
    assert first.is_aborted
    await redis.delete(ArqKeys.in_progress("a"))
    await redis.zadd(QUEUE, {"a": 1})
    [second] = await claim(commands, "w2")
    assert second.is_aborted


async def test_a_job_that_is_to_be_aborted_and_asks_to_run_again_later_is_ended_at_once(
    commands: Commands,
) -> None:
    """It waited out its backoff first: an hour after the abort it was still "retrying"."""
    await commands.submit(submission("a"))
    [attempt] = await claim(commands)
    await commands.abort("a")
    await commands.retry_later([Later("a", attempt.token, HOUR_MS, Outcome.RETRY)])
    [again] = await claim(commands)
    assert again.is_aborted


async def test_a_retried_job_has_its_unique_key_again(commands: Commands) -> None:
    await commands.submit(submission("a", unique="user:7"))
    [attempt] = await claim(commands)
    await finish(commands, attempt, Outcome.FAILED)
    await commands.retry("a")
    other = await commands.submit(submission("b", unique="user:7"))
    assert (other.job_id, other.is_new) == ("a", False)


async def test_a_retried_job_takes_its_unique_key_from_no_other(commands: Commands, redis: Any) -> None:
    await commands.submit(submission("a", unique="user:7"))
    [attempt] = await claim(commands)
    await finish(commands, attempt, Outcome.FAILED)
    await commands.submit(submission("b", unique="user:7"))
    await commands.retry("a")
    for started in await claim(commands):
        await finish(commands, started, Outcome.SUCCEEDED)
    assert (await commands.submit(submission("c", unique="user:7"))).is_new
    assert await redis.get("arqboard:unique:user:7") == b"c"


async def test_a_deferred_job_that_its_functions_rate_holds_back_is_not_promoted_past_it(
    commands: Commands, redis: Any
) -> None:
    """A claim that came before the promotion reserved its time; the promotion made it due by its priority."""
    await redis.hset(commands.keys.limits, "resize", f"0|{HOUR_MS}|1")
    await commands.submit(submission("now"))
    await commands.submit(submission("later", defer_ms=HOUR_MS, priority=9))
    assert [a.job_id for a in await claim(commands)] == ["now"]
    await redis.zadd(QUEUE, {"later": 1000})
    await redis.hset(commands.keys.job("later"), "run_at", 1000)
    await redis.zadd(commands.keys.jobs("deferred"), {"later": 1000})
    assert await claim(commands) == []
    reserved = await redis.zscore(QUEUE, "later")
    await commands.promote()
    assert await redis.zscore(QUEUE, "later") == reserved
    assert await claim(commands) == []
