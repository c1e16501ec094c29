"""What the models of the verbs have found, as the shortest sequence that shows it."""

from __future__ import annotations

from typing import Any

import pytest
from keyspace import Keyspace, problems

from arqboard.protocol import ArqKeys, Outcome, Reader, State
from arqboard.protocol.acting import Answer, Undone, new_batch
from arqboard.protocol.commands import Claimed, Commands, Ended, Later, Submission
from arqboard.protocol.graph import Chain, Graph, Group, Step
from arqboard.protocol.workflows import FlowState, Workflows

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


def step(name: str) -> Step:
    return Step(Submission(function=name, queue=QUEUE, payload=name.encode()))


async def test_a_group_whose_member_was_aborted_has_not_succeeded(commands: Commands, redis: Any) -> None:
    wf = (await commands.begin(Graph.of(Group((step("a"), step("b"))), on_error="continue"))).job_id
    await commands.abort(f"{wf}.1")
    for attempt in await claim(commands):
        await finish(commands, attempt, Outcome.SUCCEEDED)
    info = await Workflows(redis).get(wf)
    assert (info.state, str(info.error)) == (FlowState.FAILED, "MembersFailed: 1 of its jobs was aborted")


async def test_a_member_retried_after_its_workflow_has_succeeded_leaves_that_as_it_is(
    commands: Commands, redis: Any
) -> None:
    """What was passed over because of it stays so: nothing would start it."""
    part = Chain((Group((Chain((step("a"), step("b"))), step("c"))), step("then")))
    wf = (await commands.begin(Graph.of(part, on_error="continue"))).job_id
    for attempt in await claim(commands):
        await finish(commands, attempt, Outcome.FAILED if attempt.payload == b"a" else Outcome.SUCCEEDED)
    [then] = await claim(commands)
    await finish(commands, then, Outcome.SUCCEEDED)
    workflows = Workflows(redis)
    [failed] = [node for node in await workflows.nodes(wf) if node.state == "failed"]

    await commands.retry(failed.id)
    [again] = await claim(commands)
    await finish(commands, again, Outcome.SUCCEEDED)
    info = await workflows.get(wf)
    assert (info.state, info.done, info.failed, info.skipped) == (FlowState.SUCCEEDED, 3, 0, 1)
    assert await commands.flows_under_way() == (0, 0)


async def test_an_empty_group_that_was_passed_over_is_not_counted_among_the_skipped_jobs(
    commands: Commands, redis: Any
) -> None:
    wf = (await commands.begin(Graph.of(Chain((step("a"), Group(()), step("b"))), on_error="continue"))).job_id
    [a] = await claim(commands)
    await finish(commands, a, Outcome.FAILED)
    assert (await Workflows(redis).get(wf)).skipped == 1
    await commands.retry_workflow(wf)
    assert (await Workflows(redis).get(wf)).skipped == 0


@pytest.mark.parametrize("action", ["abort_each", "discard_each"])
async def test_a_step_that_starts_and_ends_in_one_call_leaves_nothing_behind(
    commands: Commands, redis: Any, action: str
) -> None:
    """The end of the members starts what follows them, which is named in the same call: it stayed in the queue."""
    step = Step(Submission(function="resize", queue=QUEUE, payload=b"step"))
    graph = Graph.of(Chain((Group((step, step)), step)), on_error="continue")
    wf = (await commands.begin(graph)).job_id
    answers = await getattr(commands, action)([f"{wf}.{n}" for n in range(len(graph.nodes))])
    assert [answer.is_done for answer in answers.values()].count(True) == 3
    assert problems(await Keyspace.read(redis)) == []
    assert await claim(commands) == []


async def test_a_retry_that_was_aborted_and_retried_for_good_is_not_taken_back_by_the_first_ones_undo(
    commands: Commands, reader: Reader
) -> None:
    batch = new_batch()
    await commands.submit(submission("a"))
    await commands.abort("a")
    assert await commands.retry_each(["a"], batch=batch) == {"a": Answer.UNDOABLE}
    await commands.abort("a")
    await commands.retry("a")

    assert await commands.undo(batch) == {"a": Undone.MOVED_ON}
    assert (await reader.get("a")).state is State.QUEUED
