"""Acting on many jobs at once, and taking it back: each job is as it was, whatever else happens meanwhile."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from keyspace import Keyspace, problems

from arqboard.protocol import ArqKeys, JobNotFound, Outcome, Reader, State, WrongState
from arqboard.protocol.acting import RETRY_DELAY_MS, UNDO_MS, Action, Answer, Undone, Wish, is_batch, new_batch
from arqboard.protocol.commands import ArtefactReport, ChunkReport, Commands, Later, LogReport, Report
from arqboard.protocol.graph import Chain, Graph, Step

from .test_verbs import QUEUE, claim, expire_lease, failed, finish, submission, succeeded

BATCH = "0" * 32
#: What every change moves on; all else has to come back.
MOVING = ("version", "position")


async def fail(commands: Commands, *job_ids: str) -> None:
    await commands.submit_many([submission(job_id) for job_id in job_ids])
    await finish(commands, *[failed(attempt) for attempt in await claim(commands)])


async def all_of(redis: Any) -> dict[str, Any]:
    """Everything that is stored, but for what counts changes, and for what goes by itself."""
    space = await Keyspace.read(redis)
    assert problems(space) == []
    stored: dict[str, Any] = {}
    for key, value in space.values.items():
        own = key.removeprefix(space.keys.prefix)
        if own.startswith("job:"):
            value = {name: text for name, text in value.items() if name not in MOVING}
        if own.split(":")[0] not in ("changes", "position", "undo", "stats"):
            stored[key] = (value, "for ever" if space.ttls[key] < 0 else round(space.ttls[key] / 10_000))
    return stored


# Each of many has its own answer


async def test_each_of_many_jobs_has_its_own_answer(commands: Commands) -> None:
    await fail(commands, "a", "b")
    await commands.submit(submission("c"))

    answers = await commands.retry_each(["a", "nope", "c", "b", "a"])

    assert answers == {"a": Answer.DONE, "nope": Answer.GONE, "c": Answer.REFUSED, "b": Answer.DONE}
    assert list(answers) == ["a", "nope", "c", "b"]


async def test_many_are_aborted_waiting_ones_at_once_running_ones_by_their_worker(
    commands: Commands, reader: Reader
) -> None:
    await commands.submit_many([submission("runs")])
    await claim(commands)
    await commands.submit_many([submission("waits"), submission("later", defer_ms=60_000)])

    answers = await commands.abort_each(["runs", "waits", "later", "nope"], by="anna")

    assert answers == {"runs": Answer.ASKED, "waits": Answer.DONE, "later": Answer.DONE, "nope": Answer.GONE}
    assert (await reader.get("runs")).abort_requested
    assert (await reader.get("waits")).state is State.ABORTED
    assert (await commands.abort_each(["waits"]))["waits"] is Answer.REFUSED


async def test_more_jobs_than_one_call_takes_are_all_acted_on(commands: Commands, reader: Reader) -> None:
    ids = [f"j{n}" for n in range(250)]
    await commands.submit_many([submission(job_id) for job_id in ids])

    answers = await commands.act(Wish(Action.ABORT), ids)

    assert list(answers) == ids and set(answers.values()) == {Answer.DONE}
    assert (await reader.counts())[State.ABORTED] == 250


async def test_a_record_that_cant_be_read_spoils_no_other(commands: Commands, redis: Any) -> None:
    await fail(commands, "a", "b")
    await redis.delete(commands.keys.job("a"))
    await redis.set(commands.keys.job("a"), "hostile")

    for action in Action:
        answers = await commands.act(Wish(action, batch=new_batch()), ["a", "nope"])
        assert set(answers.values()) == {Answer.GONE}
    assert (await commands.retry_each(["a", "b"]))["b"] is Answer.DONE


# Priorities


async def test_a_waiting_job_with_a_higher_priority_starts_before_older_ones(
    commands: Commands, reader: Reader
) -> None:
    for job_id in "abcd":
        await commands.submit(submission(job_id))

    await commands.reprioritise(["d", "c"], 5)

    assert [a.job_id for a in await claim(commands)] == ["c", "d", "a", "b"]
    assert (await reader.get("c")).priority == 5


async def test_a_priority_can_be_taken_away_again(commands: Commands) -> None:
    await commands.submit(submission("first"))
    await commands.submit(submission("second", priority=9))
    await commands.reprioritise(["second"], 0)
    assert [a.job_id for a in await claim(commands)] == ["first", "second"]


async def test_a_deferred_job_keeps_its_time_and_has_its_priority_when_that_comes(
    commands: Commands, reader: Reader, redis: Any
) -> None:
    await commands.submit(submission("later", defer_ms=60_000))
    await commands.submit(submission("now"))
    before = await redis.zscore(QUEUE, "later")

    assert await commands.reprioritise(["later"], 5) == {"later": Answer.DONE}
    assert await redis.zscore(QUEUE, "later") == before

    due = await reader.now_ms() - 1
    await redis.hset(commands.keys.job("later"), "run_at", due)
    await redis.zadd(commands.keys.jobs("deferred"), {"later": due})
    await commands.promote()
    assert [a.job_id for a in await claim(commands)] == ["later", "now"]


async def test_a_parked_job_gets_its_new_place_among_the_parked(commands: Commands, redis: Any) -> None:
    await redis.hset(commands.keys.limits, "resize", "1|0|1")
    for job_id in ("a", "b", "c"):
        await commands.submit(submission(job_id))
    [running] = await claim(commands)

    await commands.reprioritise(["c"], 9)
    await finish(commands, succeeded(running))

    assert [a.job_id for a in await claim(commands)] == ["c"]


async def test_jobs_that_do_not_wait_keep_their_priority(commands: Commands) -> None:
    await commands.submit(submission("runs"))
    await claim(commands)
    await fail(commands, "failed")
    answers = await commands.reprioritise(["runs", "failed", "nope"], 3)
    assert answers == {"runs": Answer.REFUSED, "failed": Answer.REFUSED, "nope": Answer.GONE}


@pytest.mark.parametrize("priority", [-1, 10])
async def test_there_are_ten_priorities(commands: Commands, priority: int) -> None:
    with pytest.raises(ValueError, match="0 to 9"):
        await commands.reprioritise(["j1"], priority)


# A retry that can be taken back


async def test_a_retry_that_can_be_undone_starts_a_few_seconds_later(
    commands: Commands, reader: Reader, redis: Any
) -> None:
    await fail(commands, "j1")

    assert await commands.retry("j1", batch=BATCH) is True

    job = await reader.get("j1")
    assert job.state is State.DEFERRED
    assert 0 < job.run_at - await reader.now_ms() <= RETRY_DELAY_MS
    assert await claim(commands) == []
    await redis.zadd(QUEUE, {"j1": 1})
    [attempt] = await claim(commands)
    assert (attempt.payload, attempt.job_try) == (b"payload", 1)


async def test_undo_of_a_retry_leaves_everything_as_it_was(commands: Commands, reader: Reader, redis: Any) -> None:
    await fail(commands, "other")
    await commands.submit(submission("j1", unique="one", priority=3))
    [attempt] = await claim(commands)
    await commands.mark([ChunkReport(Report("j1", attempt.token, 1, 4, "", "", ""), 4, 1, 4, {0: "d", 1: "f"})])
    await redis.hset(commands.keys.job("j1"), "crashes", 1)
    await finish(commands, replace(failed(attempt), result=b"what arq keeps", keep_result_ms=60_000))
    before, shown = await all_of(redis), await reader.get("j1")

    assert await commands.retry_each(["j1"], batch=BATCH) == {"j1": Answer.UNDOABLE}
    assert await redis.exists(ArqKeys.result("j1")) == 0
    assert await commands.undo(BATCH) == {"j1": Undone.DONE}

    after, now_shown = await all_of(redis), await reader.get("j1")
    assert after == before
    assert (now_shown.state, now_shown.tries, now_shown.ended) == (State.FAILED, shown.tries, shown.ended)
    assert now_shown.version > shown.version, "every page hears of it"
    assert await reader.attempts(now_shown) == await reader.attempts(shown)


async def test_what_was_undone_can_be_retried_and_undone_again(commands: Commands, redis: Any) -> None:
    await fail(commands, "j1")
    before = await all_of(redis)
    for _ in range(3):
        batch = new_batch()
        assert is_batch(batch)
        await commands.retry("j1", batch=batch)
        assert await commands.undo(batch) == {"j1": Undone.DONE}
    assert await all_of(redis) == before


async def test_undo_comes_too_late_when_the_job_has_started(commands: Commands, reader: Reader, redis: Any) -> None:
    await fail(commands, "j1")
    await commands.retry("j1", batch=BATCH)
    await redis.zadd(QUEUE, {"j1": 1})
    [attempt] = await claim(commands)

    assert await commands.undo(BATCH) == {"j1": Undone.MOVED_ON}

    assert (await reader.get("j1")).state is State.RUNNING
    assert await finish(commands, succeeded(attempt)) == [True]
    assert await commands.undo(BATCH) == {"j1": Undone.MOVED_ON}


async def test_a_job_that_was_handed_over_is_queued_and_has_started(commands: Commands, redis: Any) -> None:
    """It looks like one that waits for its retry, but an attempt of it has been made."""
    await fail(commands, "j1")
    await commands.retry("j1", batch=BATCH)
    await redis.zadd(QUEUE, {"j1": 1})
    [attempt] = await claim(commands)
    await commands.retry_later([Later("j1", attempt.token, 60_000, Outcome.HANDED_OVER)])
    assert await commands.undo(BATCH) == {"j1": Undone.MOVED_ON}


async def test_undo_and_start_at_once_one_of_them_has_the_job(commands: Commands, reader: Reader, redis: Any) -> None:
    for n in range(40):
        job_id, batch = f"j{n}", new_batch()
        await fail(commands, job_id)
        await commands.retry(job_id, batch=batch)
        await redis.zadd(QUEUE, {job_id: 1})
        asked = [commands.undo(batch), claim(commands)] if n % 2 else [claim(commands), commands.undo(batch)]
        answers: list[Any] = await asyncio.gather(*asked)
        undone, claimed = answers if n % 2 else answers[::-1]
        state = (await reader.get(job_id)).state
        assert (undone[job_id], state) in {(Undone.DONE, State.FAILED), (Undone.MOVED_ON, State.RUNNING)}
        assert len(claimed) == (state is State.RUNNING)
        await finish(commands, *[succeeded(attempt) for attempt in claimed])
    assert problems(await Keyspace.read(redis)) == []


async def test_two_browsers_undo_and_one_of_them_has_done_it(commands: Commands) -> None:
    await fail(commands, "j1", "j2")
    await commands.retry_each(["j1", "j2"], batch=BATCH)
    answers = await asyncio.gather(commands.undo(BATCH), commands.undo(BATCH))
    found = sorted(answer.value for told in answers for answer in told.values())
    assert found.count("done") == 2 and set(found) <= {"done", "too_late"}
    assert await commands.undo(BATCH) == {}


async def test_two_browsers_retry_the_same_job_and_the_second_is_told_so(commands: Commands) -> None:
    await fail(commands, "j1")
    assert await commands.retry_each(["j1"], batch=BATCH) == {"j1": Answer.UNDOABLE}
    assert await commands.retry_each(["j1"], batch=new_batch()) == {"j1": Answer.REFUSED}


async def test_another_action_on_the_job_ends_the_chance_to_undo(commands: Commands, reader: Reader) -> None:
    await fail(commands, "aborted", "deleted", "again")
    await commands.retry_each(["aborted", "deleted", "again"], batch=BATCH)
    await commands.abort("aborted")
    await commands.discard("deleted")
    await commands.abort("again")
    await commands.retry("again", batch=new_batch())

    undone = await commands.undo(BATCH)

    assert undone == {"aborted": Undone.MOVED_ON, "deleted": Undone.GONE, "again": Undone.MOVED_ON}
    assert (await reader.get("aborted")).state is State.ABORTED


async def test_a_step_of_a_workflow_is_retried_at_once_for_good(commands: Commands, reader: Reader) -> None:
    step = Step(submission("x"))
    flow = (await commands.begin(Graph.of(Chain((step, step))))).job_id
    await finish(commands, failed((await claim(commands))[0]))

    assert await commands.retry_each([f"{flow}.0"], batch=BATCH) == {f"{flow}.0": Answer.DONE}

    assert (await reader.get(f"{flow}.0")).state is State.QUEUED
    assert await commands.undo(BATCH) == {}


# A deletion that can be taken back


async def test_a_deleted_job_is_nowhere_at_once(commands: Commands, reader: Reader, redis: Any) -> None:
    await fail(commands, "j1")

    assert await commands.discard("j1", batch=BATCH) is True

    with pytest.raises(JobNotFound):
        await reader.get("j1")
    assert sum((await reader.counts()).values()) == 0
    for asked in (commands.retry("j1"), commands.abort("j1"), commands.discard("j1")):
        with pytest.raises(JobNotFound):
            await asked
    assert problems(await Keyspace.read(redis)) == []


async def test_undo_of_a_deletion_brings_all_back(commands: Commands, reader: Reader, redis: Any) -> None:
    await commands.submit(submission("j1", unique="one"))
    [attempt] = await claim(commands)
    await commands.mark([ChunkReport(Report("j1", attempt.token, 1, 4, "", "", ""), 4, 1, 4, {0: "d", 1: "r"})])
    await commands.log([LogReport("j1", attempt.token, 0, [(0, 20, "INFO", "shop", "a line")])], keep=10)
    await commands.artefact(ArtefactReport("j1", attempt.token, "a.txt", "text/plain", "", b"bytes"))
    await commands.retry_later([Later("j1", attempt.token, 0, Outcome.RETRY, "OSError", "no")])
    [attempt] = await claim(commands)
    await finish(commands, failed(attempt))
    before = await all_of(redis)

    await commands.discard("j1", batch=BATCH)
    assert await commands.undo(BATCH) == {"j1": Undone.DONE}

    assert await all_of(redis) == before
    assert [log.message for log in await reader.log_tail("j1", 10)] == ["a line"]
    await commands.retry("j1")
    assert [a.payload for a in await claim(commands)] == [b"payload"]


@pytest.mark.parametrize("state", ["queued", "deferred", "retrying", "parked", "succeeded", "aborted"])
async def test_a_job_in_any_state_comes_back_as_it_was(commands: Commands, redis: Any, state: str) -> None:
    defer_ms = 60_000 if state == "deferred" else 0
    await commands.submit(submission("j1", defer_ms=defer_ms, unique="one", priority=4, expires_ms=10**6))
    if state == "parked":
        await redis.hset(commands.keys.paused, "function:resize", 1)
        assert await claim(commands) == []
    if state in ("retrying", "succeeded"):
        [attempt] = await claim(commands)
        await commands.retry_later([Later("j1", attempt.token, 0, Outcome.RETRY, "OSError", "no")])
    if state == "succeeded":
        await finish(commands, succeeded((await claim(commands))[0]))
    if state == "aborted":
        await commands.abort("j1")
    before = await all_of(redis)

    assert await commands.discard_each(["j1"], batch=BATCH) == {"j1": Answer.UNDOABLE}
    assert await claim(commands) == []
    assert await commands.undo(BATCH) == {"j1": Undone.DONE}

    after = await all_of(redis)
    if state == "parked":  # it is in its queue, and the next claim parks it
        assert await claim(commands) == []
        after = await all_of(redis)
    assert after == before


async def test_a_retrying_job_that_came_back_goes_on_with_its_next_try(commands: Commands) -> None:
    await commands.submit(submission("j1"))
    [attempt] = await claim(commands)
    await commands.retry_later([Later("j1", attempt.token, 0, Outcome.RETRY, "OSError", "no")])
    await commands.discard("j1", batch=BATCH)
    await commands.undo(BATCH)
    assert [(a.job_try, a.payload) for a in await claim(commands)] == [(2, b"payload")]


async def test_a_running_job_is_not_deleted(commands: Commands) -> None:
    await commands.submit(submission("j1"))
    await claim(commands)
    with pytest.raises(WrongState):
        await commands.discard("j1", batch=BATCH)
    assert await commands.undo(BATCH) == {}


async def test_a_deleted_job_goes_for_good_by_itself(commands: Commands, redis: Any) -> None:
    """Nobody has to come and do it, so it also happens when browser, dashboard and workers are all gone."""
    await commands.submit(submission("j1"))
    [attempt] = await claim(commands)
    await commands.artefact(ArtefactReport("j1", attempt.token, "a.txt", "text/plain", "", b"bytes"))
    await finish(commands, failed(attempt))
    await commands.discard("j1", batch=BATCH)

    space = await Keyspace.read(redis)
    left = {key: ttl for key, ttl in space.ttls.items() if "j1" in key or BATCH in key}
    assert left and all(0 < ttl <= UNDO_MS for ttl in left.values())
    deadlines = {await redis.pexpiretime(key) for key in left if not key.endswith(BATCH)}
    assert len(deadlines) == 1, "so it is there as a whole, or not at all"

    await redis.delete(*left)
    assert await commands.undo(BATCH) == {}


async def test_undo_of_a_deletion_that_is_for_good_by_now_says_so(commands: Commands, redis: Any) -> None:
    await fail(commands, "j1")
    await commands.discard("j1", batch=BATCH)
    await redis.pexpire(commands.keys.deleted("j1"), 0)
    assert await commands.undo(BATCH) == {"j1": Undone.GONE}


async def test_a_new_job_under_the_same_id_inherits_nothing(commands: Commands, reader: Reader, redis: Any) -> None:
    await fail(commands, "j1")
    await commands.retry("j1")
    [attempt] = await claim(commands)
    await commands.log([LogReport("j1", attempt.token, 0, [(0, 20, "INFO", "shop", "old")])], keep=10)
    await finish(commands, failed(attempt))
    await commands.discard("j1", batch=BATCH)

    assert (await commands.submit(submission("j1"))).is_new

    job = await reader.get("j1")
    assert (await reader.attempts(job), await reader.log_tail("j1", 10)) == ([], [])
    assert await commands.undo(BATCH) == {"j1": Undone.GONE}
    assert (await reader.get("j1")).state is State.QUEUED
    assert problems(await Keyspace.read(redis)) == []


async def test_an_id_that_a_stock_client_uses_meanwhile_stays_with_its_job(commands: Commands, redis: Any) -> None:
    await fail(commands, "j1")
    await commands.discard("j1", batch=BATCH)
    await redis.set(ArqKeys.job("j1"), "new call")
    await redis.zadd(QUEUE, {"j1": 1})
    assert await commands.undo(BATCH) == {"j1": Undone.TAKEN}
    assert await redis.get(ArqKeys.job("j1")) == b"new call"


async def test_a_waiting_step_of_a_workflow_is_deleted_for_good(commands: Commands, reader: Reader) -> None:
    flow = (await commands.begin(Graph.of(Chain((Step(submission("x")),))))).job_id
    assert await commands.discard_each([f"{flow}.0"], batch=BATCH) == {f"{flow}.0": Answer.DONE}
    assert await commands.undo(BATCH) == {}


async def test_many_are_deleted_and_brought_back_each_with_its_answer(commands: Commands, reader: Reader) -> None:
    await fail(commands, *[f"j{n}" for n in range(10)])
    answers = await commands.discard_each([*(f"j{n}" for n in range(10)), "nope"], batch=BATCH)
    assert sum(a is Answer.UNDOABLE for a in answers.values()) == 10 and answers["nope"] is Answer.GONE
    await commands.submit(submission("j3"))

    undone = await commands.undo(BATCH)

    assert {job_id for job_id, a in undone.items() if a is not Undone.DONE} == {"j3"}
    assert (await reader.counts())[State.FAILED] == 9


async def test_a_late_end_of_a_deleted_job_changes_nothing(commands: Commands, redis: Any) -> None:
    """Its worker was silent, another one ended the job, it was deleted: then the first one comes back."""
    await commands.submit(submission("j1"))
    [late] = await claim(commands)
    await expire_lease(redis, "j1")
    await finish(commands, failed((await claim(commands, worker="w2"))[0]))
    before = await all_of(redis)
    await commands.discard("j1", batch=BATCH)

    assert await finish(commands, succeeded(late)) == [False]

    await commands.undo(BATCH)
    assert await all_of(redis) == before
