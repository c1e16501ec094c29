"""Each verb alone against a real server, and with two callers at once. Read top down, it is the life of a job."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from arqboard.protocol import (
    ArqKeys,
    Job,
    JobExists,
    JobNotFound,
    KeyReused,
    Outcome,
    PayloadGone,
    Reader,
    State,
    WrongState,
)
from arqboard.protocol.commands import (
    Adoption,
    ChunkReport,
    Claimed,
    Commands,
    Ended,
    Later,
    Report,
    Submission,
    parse_renewal,
    renew_args,
)
from arqboard.protocol.scripts import register

QUEUE = "arq:queue"


def submission(job_id: str = "j1", **more: Any) -> Submission:
    return Submission(function="resize", queue=QUEUE, payload=b"payload", args="[1]", job_id=job_id, **more)


async def claim(commands: Commands, want: int = 10, worker: str = "w1", lease_ms: int = 10_000) -> list[Claimed]:
    return (await commands.claim(QUEUE, worker, want, lease_ms=lease_ms, max_crashes=3)).jobs


async def finish(commands: Commands, *ended: Ended, keep_jobs: int = 1000) -> list[bool]:
    return await commands.finish(ended, keep_jobs=keep_jobs, keep_jobs_ms=10**9)


def succeeded(attempt: Claimed, **more: Any) -> Ended:
    return Ended(
        attempt.job_id, attempt.token, Outcome.SUCCEEDED, result=b"blob", keep_result_ms=60_000, preview='"ok"', **more
    )


def failed(attempt: Claimed) -> Ended:
    return Ended(attempt.job_id, attempt.token, Outcome.FAILED, error_type="ValueError", error="no", traceback="tb")


async def renew(redis: Any, commands: Commands, tokens: dict[str, str], worker: str = "w1") -> Any:
    script = register(redis, "renew")
    args = renew_args(commands.keys, worker, QUEUE, lease_ms=10_000, record={"host": "h", "pid": 1}, tokens=tokens)
    return parse_renewal(await script(args=args))


async def expire_lease(redis: Any, job_id: str) -> None:
    """What ten seconds without a heartbeat do."""
    await redis.delete(ArqKeys.in_progress(job_id))
    await redis.zadd(QUEUE, {job_id: 1})


# submit


async def test_a_submitted_job_is_queued_in_arqs_keys_and_in_ours(
    commands: Commands, reader: Reader, redis: Any
) -> None:
    submitted = await commands.submit(submission())

    assert submitted.is_new
    assert await redis.get("arq:job:j1") == b"payload"
    assert await redis.zscore(QUEUE, "j1") <= await reader.now_ms()
    job = await reader.get("j1")
    assert (job.function, job.queue, job.state, job.args) == ("resize", QUEUE, State.QUEUED, [1])
    assert (await reader.counts())[State.QUEUED] == 1


async def test_a_deferred_job_is_deferred_until_it_is_promoted(commands: Commands, reader: Reader, redis: Any) -> None:
    await commands.submit(submission(defer_ms=60_000))
    assert (await reader.get("j1")).state is State.DEFERRED
    assert await claim(commands) == []
    assert await commands.promote() == 0

    await redis.zadd(commands.keys.jobs("deferred"), {"j1": 1})
    assert await commands.promote() == 1
    assert (await reader.get("j1")).state is State.QUEUED
    assert (await reader.counts())[State.DEFERRED] == 0


async def test_a_taken_id_is_refused_while_the_job_or_its_result_lives(commands: Commands, redis: Any) -> None:
    await commands.submit(submission())
    with pytest.raises(JobExists):
        await commands.submit(submission())
    [attempt] = await claim(commands)
    await finish(commands, succeeded(attempt))
    with pytest.raises(JobExists):
        await commands.submit(submission())
    await redis.delete("arq:result:j1")
    assert (await commands.submit(submission())).is_new


async def test_an_idempotency_key_makes_a_repeat_harmless(commands: Commands) -> None:
    first = await commands.submit(submission("a", once="key", fingerprint="x"))
    again = await commands.submit(submission("b", once="key", fingerprint="x"))

    assert (first.job_id, first.is_new) == ("a", True)
    assert (again.job_id, again.is_new) == ("a", False)
    with pytest.raises(KeyReused):
        await commands.submit(submission("c", once="key", fingerprint="other"))


async def test_a_submit_whose_reply_was_lost_can_be_sent_again(commands: Commands) -> None:
    sent = submission()
    await commands.submit(sent)
    assert (await commands.submit(sent)).is_new is False


async def test_two_submits_of_one_id_at_once_make_one_job(commands: Commands, reader: Reader) -> None:
    answers = await asyncio.gather(*(commands.submit(submission()) for _ in range(8)), return_exceptions=True)

    assert sum(not isinstance(a, Exception) for a in answers) == 1
    assert (await reader.counts())[State.QUEUED] == 1


# adopt


async def test_a_job_of_stock_enqueue_job_is_adopted_and_then_claimed(
    commands: Commands, reader: Reader, redis: Any
) -> None:
    await redis.set("arq:job:s1", b"theirs")
    await redis.zadd(QUEUE, {"s1": 1000})

    found = await commands.claim(QUEUE, "w1", 10, lease_ms=10_000, max_crashes=3)
    assert found.jobs == [] and found.foreign == [("s1", b"theirs")]
    assert await commands.adopt(QUEUE, [Adoption("s1", "send", "[]", "{}", enqueued=1000)]) == 1

    assert (await reader.get("s1")).state is State.QUEUED
    [attempt] = await claim(commands)
    assert attempt.payload == b"theirs"


async def test_two_workers_adopting_at_once_make_one_record(commands: Commands, reader: Reader, redis: Any) -> None:
    await redis.zadd(QUEUE, {"s1": 1000})
    adoption = Adoption("s1", "send", "[]", "{}", enqueued=1000)
    made = await asyncio.gather(*(commands.adopt(QUEUE, [adoption]) for _ in range(5)))
    assert sorted(made) == [0, 0, 0, 0, 1]
    assert (await reader.page(_all())).total == 1


async def test_a_late_duplicate_of_a_cron_run_is_dropped(commands: Commands, redis: Any) -> None:
    await redis.zadd(QUEUE, {"cron:1": 1000})
    run = Adoption("cron:1", "cron", "[]", "{}", enqueued=1000, unique=True)
    await commands.adopt(QUEUE, [run])
    [attempt] = await claim(commands)
    await finish(commands, succeeded(attempt))
    await redis.zadd(QUEUE, {"cron:1": 1000})

    await commands.adopt(QUEUE, [run])
    assert await claim(commands) == []
    assert await redis.zcard(QUEUE) == 0


# claim


async def test_a_claimed_job_runs_under_a_token_and_a_lease(commands: Commands, reader: Reader, redis: Any) -> None:
    await commands.submit(submission())
    [attempt] = await claim(commands)

    assert attempt.job_try == 1
    assert (await redis.get("arq:in-progress:j1")).decode() == attempt.token
    assert 0 < await redis.pttl("arq:in-progress:j1") <= 10_000
    job = await reader.get("j1")
    assert (job.state, job.worker, job.attempt) == (State.RUNNING, "w1", 1)
    assert await claim(commands, worker="w2") == []


async def test_twenty_claims_at_once_share_a_hundred_jobs_without_overlap(commands: Commands) -> None:
    for n in range(100):
        await commands.submit(submission(f"j{n:03}"))
    claims = await asyncio.gather(*(claim(commands, 9, worker=f"w{n}") for n in range(20)))
    ids = [a.job_id for got in claims for a in got]
    assert sorted(ids) == sorted(set(ids)) == [f"j{n:03}" for n in range(100)]


async def test_running_jobs_are_no_ceiling_for_the_next_claim(commands: Commands) -> None:
    for n in range(300):
        await commands.submit(submission(f"j{n:03}"))
    assert len(await claim(commands, 200)) == 200
    assert len(await claim(commands, 200, worker="w2")) == 100


async def test_a_job_of_a_killed_worker_is_claimed_again_and_burns_no_try(
    commands: Commands, reader: Reader, redis: Any
) -> None:
    await commands.submit(submission())
    [first] = await claim(commands)
    await expire_lease(redis, "j1")
    [second] = await claim(commands, worker="w2")

    assert second.token != first.token
    assert second.job_try == 1
    attempts = await reader.attempts(await reader.get("j1"))
    assert [a.outcome for a in attempts] == [Outcome.LOST, None]


async def test_a_job_that_keeps_killing_workers_is_flagged(commands: Commands, redis: Any) -> None:
    await commands.submit(submission())
    flags = []
    for _ in range(4):
        [attempt] = await claim(commands)
        flags.append(attempt.has_crashed_often)
        await expire_lease(redis, "j1")
    assert flags == [False, False, False, True]


async def test_a_worker_runs_one_suspect_at_a_time_so_victims_outlive_the_killer(
    commands: Commands, reader: Reader, redis: Any
) -> None:
    for job_id in ("killer", "victim"):
        await commands.submit(submission(job_id))
    for _ in range(2):  # the worker dies twice with both
        assert len(await claim(commands)) == 2
        await expire_lease(redis, "killer")
        await expire_lease(redis, "victim")

    [suspect] = await claim(commands)
    assert suspect.crashes == 2
    found = await commands.claim(QUEUE, "w1", 9, lease_ms=10_000, max_crashes=3, takes_suspect=False)
    assert found.jobs == []
    other = {"killer": "victim", "victim": "killer"}[suspect.job_id]
    await expire_lease(redis, suspect.job_id)
    again = {a.job_id: a.has_crashed_often for a in await claim(commands)}
    assert again == {suspect.job_id: True, other: False}


async def test_a_record_of_another_type_does_not_stop_the_queue(commands: Commands, reader: Reader, redis: Any) -> None:
    await redis.set(commands.keys.job("bad"), "not a hash")
    await redis.zadd(QUEUE, {"bad": 1})
    await commands.submit(submission())
    found = await commands.claim(QUEUE, "w1", 10, lease_ms=10_000, max_crashes=3)
    assert [a.job_id for a in found.jobs] == ["j1"]
    await commands.adopt(QUEUE, [Adoption("bad", "f", "[]", "{}", enqueued=1)])
    assert (await reader.get("bad")).state is State.QUEUED


# renew


async def test_a_heartbeat_keeps_the_lease_and_registers_the_worker(
    commands: Commands, reader: Reader, redis: Any
) -> None:
    await commands.submit(submission())
    [attempt] = await claim(commands, lease_ms=500)
    renewal = await renew(redis, commands, {"j1": attempt.token})

    assert (renewal.lost, renewal.abort) == ([], [])
    assert await redis.pttl("arq:in-progress:j1") > 5000
    [worker] = await reader.workers()
    assert (worker.id, worker.alive, worker.host) == ("w1", True, "h")


async def test_a_heartbeat_learns_that_another_attempt_owns_the_job(commands: Commands, redis: Any) -> None:
    await commands.submit(submission())
    [first] = await claim(commands)
    await expire_lease(redis, "j1")
    [second] = await claim(commands, worker="w2")

    assert (await renew(redis, commands, {"j1": first.token})).lost == ["j1"]
    assert (await renew(redis, commands, {"j1": second.token}, "w2")).lost == []


async def test_a_heartbeat_brings_aborts_back_also_those_of_stock_arq(
    commands: Commands, reader: Reader, redis: Any
) -> None:
    for job_id in ("j1", "j2"):
        await commands.submit(submission(job_id))
    tokens = {a.job_id: a.token for a in await claim(commands)}
    assert await commands.abort("j1") is State.RUNNING
    await redis.zadd(ArqKeys.abort, {"j2": await reader.now_ms()})

    assert sorted((await renew(redis, commands, tokens)).abort) == ["j1", "j2"]
    assert await redis.zcard(ArqKeys.abort) == 0


# progress and mark


def report(attempt: Claimed, done: int, total: int | None = 100) -> Report:
    return Report(attempt.job_id, attempt.token, done, total, "rows", "reading", "")


async def test_progress_is_written_by_the_owner_only(commands: Commands, reader: Reader, redis: Any) -> None:
    await commands.submit(submission())
    [first] = await claim(commands)
    before = await reader.get("j1")
    assert await commands.progress([report(first, 25)]) == [True]
    job = await reader.get("j1")
    assert job.progress is not None and job.progress.percent == 25.0
    assert job.position > before.position and job.version == before.version

    await expire_lease(redis, "j1")
    await claim(commands, worker="w2")
    assert await commands.progress([report(first, 99)]) == [False]


async def test_a_new_attempt_begins_without_what_the_last_one_said(
    commands: Commands, reader: Reader, redis: Any
) -> None:
    phases = '[{"n": "Reading", "s": "r"}]'
    await commands.submit(submission())
    [first] = await claim(commands)
    await commands.progress([Report("j1", first.token, 25, 100, "rows", "half of the north", "", phases)])
    said = ("note", "phases", "base_at")
    assert None not in await redis.hmget(commands.keys.job("j1"), said)

    await expire_lease(redis, "j1")
    await claim(commands, worker="w2")

    assert await redis.hmget(commands.keys.job("j1"), said) == [None] * 3
    assert (await reader.get("j1")).phases == []


async def test_marks_count_chunks_and_survive_to_the_next_attempt(
    commands: Commands, reader: Reader, redis: Any
) -> None:
    await commands.submit(submission())
    [first] = await claim(commands)

    def marks(attempt: Claimed, done: int, **letters: str) -> ChunkReport:
        return ChunkReport(report(attempt, done), 4, 25, 100, {int(k[1:]): v for k, v in letters.items()})

    await commands.mark([marks(first, 0, c0="r", c1="r")])
    await commands.mark([marks(first, 25, c0="d")])
    assert await reader.chunk_marks("j1") == "dr.."
    counts = (await reader.get("j1")).chunks
    assert counts is not None and (counts.done, counts.running, counts.waiting) == (1, 1, 2)

    await commands.retry_later([Later("j1", first.token, 0, Outcome.RETRY)])
    [second] = await claim(commands)
    assert second.marks == "df.."
    await commands.mark([ChunkReport(report(second, 0), 5, 20, 100, {0: "r"})])
    assert await reader.chunk_marks("j1") == "r...."


# finish


async def test_a_finished_job_leaves_arqs_result_and_its_record(commands: Commands, reader: Reader, redis: Any) -> None:
    await commands.submit(submission())
    [attempt] = await claim(commands)
    assert await finish(commands, succeeded(attempt)) == [True]

    assert await redis.get("arq:result:j1") == b"blob"
    assert await redis.exists("arq:job:j1", "arq:in-progress:j1", "arq:retry:j1") == 0
    assert await redis.zcard(QUEUE) == 0
    job = await reader.get("j1")
    assert (job.state, job.result, job.outcome) == (State.SUCCEEDED, "ok", Outcome.SUCCEEDED)
    assert (await reader.minutes(2))[-1].succeeded == 1


async def test_a_finish_sent_again_after_a_lost_reply_changes_nothing(commands: Commands, reader: Reader) -> None:
    await commands.submit(submission())
    [attempt] = await claim(commands)
    await finish(commands, succeeded(attempt))
    position = (await reader.get("j1")).position
    assert await finish(commands, succeeded(attempt)) == [True]
    assert (await reader.get("j1")).position == position


async def test_a_zombies_finish_is_discarded_and_kept_among_the_attempts(
    commands: Commands, reader: Reader, redis: Any
) -> None:
    await commands.submit(submission())
    [zombie] = await claim(commands)
    await expire_lease(redis, "j1")
    [owner] = await claim(commands, worker="w2")

    assert await finish(commands, failed(zombie)) == [False]
    assert await finish(commands, succeeded(owner)) == [True]
    assert await finish(commands, failed(zombie)) == [False]
    job = await reader.get("j1")
    assert job.state is State.SUCCEEDED
    outcomes = [a.outcome for a in await reader.attempts(job)]
    assert outcomes.count(Outcome.DISCARDED) == 2 and outcomes[-1] is Outcome.SUCCEEDED


async def test_what_was_asked_of_a_job_is_forgotten_at_its_end(commands: Commands, reader: Reader, redis: Any) -> None:
    await commands.submit(submission())
    [attempt] = await claim(commands)
    await commands.mark([ChunkReport(report(attempt, 0), 2, 50, 100, {0: "r"})])
    await commands.pause_job("j1")
    await redis.zadd("arq:abort", {"j1": await reader.now_ms()})  # as arq asks for it
    assert (await reader.get("j1")).paused is not None

    await finish(commands, succeeded(attempt))

    assert (await reader.get("j1")).paused is None
    assert await redis.zscore("arq:abort", "j1") is None


async def test_chunks_that_run_when_their_job_ends_have_failed(commands: Commands, reader: Reader) -> None:
    await commands.submit(submission())
    [attempt] = await claim(commands)
    await commands.mark([ChunkReport(report(attempt, 50), 2, 50, 100, {0: "d", 1: "r"})])

    await finish(commands, failed(attempt))

    counts = (await reader.get("j1")).chunks
    assert counts is not None and (counts.done, counts.running, counts.failed) == (1, 0, 1)
    assert await reader.chunk_marks("j1") == "df"


async def test_a_record_that_is_gone_holds_up_no_trimming(commands: Commands, redis: Any) -> None:
    await redis.zadd(commands.keys.ended, {"gone": 1})
    for job_id in ("j1", "j2"):
        await commands.submit(submission(job_id))
        await finish(commands, *map(succeeded, await claim(commands)), keep_jobs=1)

    assert await redis.zrange(commands.keys.ended, 0, -1) == [b"j2"]


async def test_history_is_trimmed_to_what_is_kept(commands: Commands, reader: Reader, redis: Any) -> None:
    for n in range(30):
        await commands.submit(submission(f"j{n:02}"))
    for attempt in await claim(commands, 30):
        await finish(commands, succeeded(attempt), keep_jobs=10)
    assert (await reader.page(_all())).total == 10
    assert await redis.exists(commands.keys.job("j00")) == 0
    assert (await reader.counts(function="resize"))[State.SUCCEEDED] == 10


# retry_later


async def test_a_retry_burns_a_try_and_a_hand_over_does_not(commands: Commands, reader: Reader) -> None:
    await commands.submit(submission())
    [first] = await claim(commands)
    await commands.retry_later([Later("j1", first.token, 0, Outcome.HANDED_OVER)])
    assert (await reader.get("j1")).state is State.QUEUED
    [second] = await claim(commands)
    assert second.job_try == 1
    await commands.retry_later([Later("j1", second.token, 60_000, Outcome.RETRY, "OSError", "reset")])
    job = await reader.get("j1")
    assert job.state is State.RETRYING and str(job.error) == "OSError: reset"
    assert await claim(commands) == []


async def test_a_job_that_is_to_be_aborted_does_not_wait_for_its_next_try(commands: Commands) -> None:
    await commands.submit(submission())
    [attempt] = await claim(commands)
    await commands.abort("j1")

    await commands.retry_later([Later("j1", attempt.token, 60_000, Outcome.RETRY)])

    [again] = await claim(commands)
    assert again.is_aborted


# retry


async def test_a_failed_job_is_retried_with_its_own_call(commands: Commands, reader: Reader, redis: Any) -> None:
    await commands.submit(submission())
    [first] = await claim(commands)
    await finish(commands, failed(first))
    assert (await reader.get("j1")).state is State.FAILED

    await commands.retry("j1")
    [second] = await claim(commands)
    assert (second.payload, second.job_try) == (b"payload", 1)
    attempts = await reader.attempts(await reader.get("j1"))
    assert [a.outcome for a in attempts] == [Outcome.FAILED, None]
    assert attempts[0].error is not None and attempts[0].error.traceback == "tb"


async def test_two_retries_at_once_queue_the_job_once(commands: Commands, redis: Any) -> None:
    await commands.submit(submission())
    [attempt] = await claim(commands)
    await finish(commands, failed(attempt))
    answers = await asyncio.gather(*(commands.retry("j1") for _ in range(6)), return_exceptions=True)
    assert sum(a is False for a in answers) == 1
    assert all(isinstance(a, WrongState) for a in answers if a is not False)
    assert await redis.zcard(QUEUE) == 1


@pytest.mark.parametrize("state", ["queued", "running", "succeeded"])
async def test_retry_of_a_job_that_has_not_failed_is_refused(commands: Commands, state: str) -> None:
    await commands.submit(submission())
    if state != "queued":
        [attempt] = await claim(commands)
        if state == "succeeded":
            await finish(commands, succeeded(attempt))
    with pytest.raises(WrongState, match=state):
        await commands.retry("j1")


async def test_retry_says_when_there_is_nothing_to_run(commands: Commands, redis: Any) -> None:
    with pytest.raises(JobNotFound):
        await commands.retry("nope")
    await commands.submit(submission())
    [attempt] = await claim(commands)
    await finish(commands, failed(attempt))
    await redis.delete(commands.keys.payload("j1"))
    with pytest.raises(PayloadGone):
        await commands.retry("j1")


# abort


async def test_a_waiting_job_is_aborted_at_once(commands: Commands, reader: Reader, redis: Any) -> None:
    await commands.submit(submission())
    assert await commands.abort("j1", "anna") is State.ABORTED
    job = await reader.get("j1")
    assert job.state is State.ABORTED and "anna" in str(job.error)
    assert await redis.zcard(QUEUE) == 0
    with pytest.raises(WrongState):
        await commands.abort("j1")
    await commands.retry("j1")
    assert len(await claim(commands)) == 1


async def test_an_abort_raced_with_a_claim_has_one_outcome(commands: Commands, reader: Reader) -> None:
    for n in range(50):
        await commands.submit(submission(f"j{n}"))
        state, attempts = await asyncio.gather(commands.abort(f"j{n}"), claim(commands, 1))
        job: Job = await reader.get(f"j{n}")
        assert (state is State.ABORTED and not attempts and job.state is State.ABORTED) or (
            state is State.RUNNING and job.abort_requested and job.state is State.RUNNING
        )


async def test_an_abort_of_a_job_whose_worker_died_reaches_the_next_attempt(commands: Commands, redis: Any) -> None:
    await commands.submit(submission())
    await claim(commands)
    await commands.abort("j1")
    await expire_lease(redis, "j1")
    [attempt] = await claim(commands, worker="w2")
    assert attempt.is_aborted


async def test_a_running_job_that_no_worker_holds_is_aborted_at_once(
    commands: Commands, reader: Reader, redis: Any
) -> None:
    await commands.submit(submission())
    [zombie] = await claim(commands)
    await expire_lease(redis, "j1")
    assert await commands.abort("j1") is State.ABORTED
    assert await finish(commands, succeeded(zombie)) == [False]
    job = await reader.get("j1")
    assert job.state is State.ABORTED
    assert [a.outcome for a in await reader.attempts(job)] == [Outcome.LOST, Outcome.DISCARDED]


# discard


async def test_a_job_is_deleted_with_everything_about_it(commands: Commands, reader: Reader, redis: Any) -> None:
    await commands.submit(submission())
    [attempt] = await claim(commands)
    with pytest.raises(WrongState):
        await commands.discard("j1")
    await finish(commands, failed(attempt))
    await commands.discard("j1")
    with pytest.raises(JobNotFound):
        await reader.get("j1")
    left = [k async for k in redis.scan_iter("*j1*")]
    assert left == []
    assert (await reader.page(_all())).total == 0


async def test_a_waiting_job_can_be_deleted_and_never_runs(commands: Commands) -> None:
    await commands.submit(submission())
    answers = await asyncio.gather(commands.discard("j1"), commands.discard("j1"), return_exceptions=True)
    assert sorted(str(type(a).__name__) for a in answers) == ["JobNotFound", "bool"]
    assert await claim(commands) == []


# two at once


async def running_job(commands: Commands, job_id: str = "j1") -> Claimed:
    await commands.submit(submission(job_id))
    [attempt] = await claim(commands, 1)
    return attempt


async def test_two_finishes_at_once_end_the_job_once(commands: Commands, reader: Reader) -> None:
    attempt = await running_job(commands)
    codes = await asyncio.gather(*(finish(commands, end) for end in [succeeded(attempt), failed(attempt)] * 4))
    assert all(code == [True] for code in codes)  # the same attempt: a repeat is answered as written
    minute = (await reader.minutes(2))[-1]
    assert minute.succeeded + minute.failed == 1
    assert (await reader.counts())[(await reader.get("j1")).state] == 1


async def test_two_retry_laters_at_once_queue_the_job_once(commands: Commands, reader: Reader, redis: Any) -> None:
    attempt = await running_job(commands)
    later = Later("j1", attempt.token, 0, Outcome.RETRY)
    assert await asyncio.gather(*(commands.retry_later([later]) for _ in range(6))) == [[True]] * 6
    assert (await reader.minutes(2))[-1].retried == 1
    assert await redis.zcard(QUEUE) == 1
    assert len(await claim(commands)) == 1


async def test_a_finish_raced_with_a_retry_later_has_one_outcome(commands: Commands, reader: Reader) -> None:
    for n in range(30):
        attempt = await running_job(commands, f"j{n}")
        later = Later(attempt.job_id, attempt.token, 60_000, Outcome.RETRY)
        await asyncio.gather(commands.retry_later([later]), finish(commands, succeeded(attempt)))
        counts = await reader.counts()
        assert sum(counts.values()) == n + 1
        assert (await reader.get(f"j{n}")).state in (State.RETRYING, State.SUCCEEDED)


async def test_a_heartbeat_raced_with_the_finish_leaves_no_lock(commands: Commands, redis: Any) -> None:
    for n in range(30):
        attempt = await running_job(commands, f"j{n}")
        await asyncio.gather(
            renew(redis, commands, {attempt.job_id: attempt.token}), finish(commands, succeeded(attempt))
        )
        assert await redis.exists(ArqKeys.in_progress(attempt.job_id)) == 0
    assert await redis.zcard(QUEUE) == 0


async def test_progress_and_marks_at_once_keep_the_counts_right(commands: Commands, reader: Reader) -> None:
    attempt = await running_job(commands)
    marks = [ChunkReport(report(attempt, n), 20, 5, 100, {n: "d", (n + 1) % 20: "r"}) for n in range(20)]
    await asyncio.gather(
        *(commands.mark([m]) for m in marks), *(commands.progress([report(attempt, 7)]) for _ in marks)
    )
    counts = (await reader.get("j1")).chunks
    letters = await reader.chunk_marks("j1")
    assert counts is not None
    assert (counts.done, counts.running, counts.waiting) == tuple(letters.count(letter) for letter in "dr.")


async def test_two_promotes_at_once_promote_once(commands: Commands, reader: Reader, redis: Any) -> None:
    await commands.submit(submission(defer_ms=60_000))
    await redis.zadd(commands.keys.jobs("deferred"), {"j1": 1})
    assert sum(await asyncio.gather(*(commands.promote() for _ in range(5)))) == 1
    assert (await reader.counts())[State.QUEUED] == 1


async def test_an_abort_raced_with_the_finish_has_one_outcome(commands: Commands, reader: Reader) -> None:
    for n in range(30):
        attempt = await running_job(commands, f"j{n}")
        answers = await asyncio.gather(
            commands.abort(attempt.job_id), finish(commands, succeeded(attempt)), return_exceptions=True
        )
        assert isinstance(answers[0], WrongState) or answers[0] is State.RUNNING
        assert (await reader.get(f"j{n}")).state is State.SUCCEEDED


# every verb


async def test_every_change_has_the_next_position_and_one_message(
    commands: Commands, reader: Reader, redis: Any
) -> None:
    channel = redis.pubsub()
    await channel.subscribe(commands.keys.live)
    await channel.get_message(timeout=20)
    start, _ = await reader.position()
    await commands.submit(submission())
    [attempt] = await claim(commands)
    await commands.progress([report(attempt, 1)])
    await finish(commands, succeeded(attempt))

    end, epoch = await reader.position()
    assert end == start + 4
    heard = [await channel.get_message(timeout=20) for _ in range(4)]
    assert [int(m["data"]) for m in heard if m] == list(range(start + 1, end + 1))
    changes = await reader.changes_since(start, epoch)
    assert (changes.ids, changes.position) == (["j1"], end)
    await channel.aclose()


def _all() -> Any:
    from arqboard.protocol import Query

    return Query()


async def test_an_abort_by_arqs_own_call_is_known_to_the_next_worker_when_the_first_one_dies(
    commands: Commands, redis: Any
) -> None:
    await commands.submit(submission())
    await redis.zadd(ArqKeys.abort, {"j1": 10**13})
    assert [attempt.is_aborted for attempt in await claim(commands)] == [True]
    await redis.delete(ArqKeys.in_progress("j1"))
    await redis.zadd(QUEUE, {"j1": 1})
    assert [attempt.is_aborted for attempt in await claim(commands, worker="w2")] == [True]
