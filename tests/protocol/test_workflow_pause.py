"""A paused workflow starts nothing: what runs goes on, what is due is held, and nothing gets lost on the way back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from keyspace import Keyspace, problems

from arqboard.protocol import Outcome, Query, Reader, State, WorkflowNotFound, WrongState
from arqboard.protocol.commands import Claimed, Commands, Ended, Later, Submission
from arqboard.protocol.graph import Chain, Graph, Group, Part, Step
from arqboard.protocol.workflows import FlowState, Workflows

QUEUE = "arq:queue"


@pytest.fixture
def workflows(redis: Any, commands: Commands) -> Workflows:
    return Workflows(redis, commands.keys)


def step(name: str, **options: Any) -> Step:
    return Step(Submission(function=name, queue=QUEUE, payload=name.encode(), **options))


def chord(members: int) -> Chain:
    return Chain((Group(tuple(step(f"m{n}") for n in range(members))), step("then")))


async def begin(commands: Commands, part: Part, **options: Any) -> str:
    return (await commands.begin(Graph.of(part, **options))).job_id


async def claim(commands: Commands, want: int = 100) -> list[Claimed]:
    return (await commands.claim(QUEUE, "w1", want, lease_ms=10_000, max_crashes=3)).jobs


async def finish(commands: Commands, *attempts: Claimed, outcome: Outcome = Outcome.SUCCEEDED) -> None:
    error = "ValueError" if outcome is Outcome.FAILED else ""
    ended = [Ended(a.job_id, a.token, outcome, passed_on=b"r", error_type=error) for a in attempts]
    await commands.finish(ended, keep_jobs=20_000, keep_jobs_ms=10**9)


async def run_all(commands: Commands) -> list[str]:
    """Run what can run; says what, in order."""
    ran = list[str]()
    while True:
        while await commands.launch():
            pass
        attempts = await claim(commands)
        if not attempts:
            return ran
        ran += [attempt.payload.decode() for attempt in attempts]
        await finish(commands, *attempts)


async def test_nothing_starts_while_it_is_paused_and_what_runs_goes_on(
    commands: Commands, workflows: Workflows
) -> None:
    wf = await begin(commands, Chain((step("a"), step("b"))))
    [a] = await claim(commands)
    await commands.pause_workflow(wf)

    await finish(commands, a)
    assert await run_all(commands) == []
    info = await workflows.get(wf)
    assert (info.state, info.done, info.paused is not None) == (FlowState.RUNNING, 1, True)

    await commands.resume_workflow(wf)
    assert await run_all(commands) == ["b"]
    info = await workflows.get(wf)
    assert (info.state, info.paused) == (FlowState.SUCCEEDED, None)


async def test_jobs_that_were_queued_already_are_held_and_come_back(
    commands: Commands, redis: Any, reader: Reader
) -> None:
    wf = await begin(commands, chord(50))
    await commands.pause_workflow(wf)
    assert await claim(commands) == []
    assert await redis.zcard(QUEUE) == 0
    assert (await reader.get(f"{wf}.1")).state is State.QUEUED

    await commands.resume_workflow(wf)
    *members, then = await run_all(commands)
    assert (sorted(members), then) == (sorted(f"m{n}" for n in range(50)), "then")


async def test_held_jobs_come_back_in_their_order(commands: Commands, redis: Any) -> None:
    wf = await begin(commands, Group((step("low"), step("high", priority=9))))
    await commands.pause_workflow(wf)
    await claim(commands)
    await commands.resume_workflow(wf)
    assert await run_all(commands) == ["high", "low"]


async def test_jobs_of_others_pass_those_that_are_held(commands: Commands) -> None:
    await commands.pause_workflow(await begin(commands, chord(3)))
    await begin(commands, step("other"))
    assert [a.payload for a in await claim(commands)] == [b"other"]


async def test_held_jobs_are_looked_at_once_and_not_by_every_claim(commands: Commands, redis: Any) -> None:
    await commands.pause_workflow(await begin(commands, chord(100)))
    await claim(commands)
    await redis.config_resetstat()
    await claim(commands)
    assert "cmdstat_hmget" not in await redis.info("commandstats")


async def test_a_wide_group_stops_growing_while_it_is_paused(commands: Commands, redis: Any) -> None:
    wf = await begin(commands, chord(2000))
    await commands.pause_workflow(wf)
    assert await commands.launch() == 0
    assert await commands.flows_under_way() == (0, 0)  # workers do not ask again and again
    assert await redis.zcard(QUEUE) == 100

    await commands.resume_workflow(wf)
    assert len(await run_all(commands)) == 2001


async def test_a_try_that_is_due_waits_too(commands: Commands) -> None:
    wf = await begin(commands, step("a"))
    [a] = await claim(commands)
    await commands.pause_workflow(wf)
    await commands.retry_later([Later(a.job_id, a.token, 0, Outcome.RETRY)])
    assert await claim(commands) == []
    await commands.resume_workflow(wf)
    await commands.launch()
    assert [again.job_id for again in await claim(commands)] == [a.job_id]


async def test_a_job_whose_worker_died_goes_on(commands: Commands, redis: Any) -> None:
    wf = await begin(commands, step("a"))
    [a] = await claim(commands)
    await commands.pause_workflow(wf)
    await redis.delete(f"arq:in-progress:{a.job_id}")
    await redis.zadd(QUEUE, {a.job_id: 1})
    assert [again.job_id for again in await claim(commands)] == [a.job_id]


async def test_abort_ends_what_is_held(commands: Commands, redis: Any, reader: Reader, workflows: Workflows) -> None:
    wf = await begin(commands, chord(5))
    await commands.pause_workflow(wf)
    await claim(commands)
    await commands.abort(f"{wf}.1")
    assert await redis.zcard(commands.keys.held(wf)) == 4

    wf = await begin(commands, chord(5))
    await commands.pause_workflow(wf)
    await claim(commands)
    await commands.abort_workflow(wf)
    info = await workflows.get(wf)
    assert (info.state, info.paused, info.aborted) == (FlowState.ABORTED, None, 5)
    assert await redis.exists(commands.keys.held(wf)) == 0
    assert (await reader.get(f"{wf}.1")).state is State.ABORTED


async def test_an_abort_by_arqs_own_call_ends_a_due_job_of_a_paused_workflow(commands: Commands, redis: Any) -> None:
    wf = await begin(commands, step("a"))
    await commands.pause_workflow(wf)
    await redis.zadd("arq:abort", {f"{wf}.0": await Reader(redis).now_ms()})
    [a] = await claim(commands)
    assert a.is_aborted


async def test_a_retry_while_it_is_paused_waits_for_the_resume(commands: Commands, workflows: Workflows) -> None:
    wf = await begin(commands, chord(3), on_error="continue")
    first, *others = await claim(commands)
    await finish(commands, first, outcome=Outcome.FAILED)
    await commands.pause_workflow(wf)
    assert await commands.retry_workflow(wf) == 1
    await finish(commands, *others)
    assert await run_all(commands) == []

    await commands.resume_workflow(wf)
    assert await run_all(commands) == ["m0", "then"]
    assert (await workflows.get(wf)).state is FlowState.SUCCEEDED


async def test_a_workflow_that_failed_while_it_was_paused_is_retried_with_all_that_was_held(
    commands: Commands, workflows: Workflows
) -> None:
    """Before the sweep has ended what waits."""
    wf = await begin(commands, chord(4))
    [m0] = await claim(commands, 1)
    await commands.pause_workflow(wf)
    await claim(commands)
    await finish(commands, m0, outcome=Outcome.FAILED)
    assert (await workflows.get(wf)).paused is None

    assert await commands.retry_workflow(wf) == 1
    assert sorted(await run_all(commands)) == ["m0", "m1", "m2", "m3", "then"]


async def test_pauses_and_resumes_that_race_with_ends_lose_no_step_and_start_none_twice(
    commands: Commands, redis: Any, workflows: Workflows
) -> None:
    wf = await begin(commands, Chain((step("a"), chord(150), chord(150))))
    ran = list[str]()

    async def worker() -> None:
        while (await workflows.get(wf)).state is FlowState.RUNNING:
            await commands.launch()
            attempts = await claim(commands, 7)
            ran.extend(attempt.payload.decode() for attempt in attempts)
            await finish(commands, *attempts)

    async def switch() -> None:
        while (await workflows.get(wf)).state is FlowState.RUNNING:
            for verb in (commands.pause_workflow, commands.resume_workflow):
                try:
                    await verb(wf)
                except WrongState:
                    return  # it came to its end in between

    await asyncio.gather(worker(), worker(), worker(), switch(), switch())
    of_a_chord = [*(f"m{n}" for n in range(150)), "then"]
    assert sorted(ran) == sorted(["a", *of_a_chord, *of_a_chord])
    assert problems(await Keyspace.read(redis)) == []


async def test_only_a_running_workflow_is_paused_and_twice_is_as_good_as_once(commands: Commands) -> None:
    wf = await begin(commands, step("a"))
    await commands.pause_workflow(wf)
    await commands.pause_workflow(wf)
    await commands.resume_workflow(wf)
    await commands.resume_workflow(wf)
    assert await run_all(commands) == ["a"]
    for verb in (commands.pause_workflow, commands.resume_workflow):
        with pytest.raises(WrongState, match="it is succeeded"):
            await verb(wf)
        with pytest.raises(WorkflowNotFound):
            await verb("none")


async def test_a_held_job_that_gets_a_priority_starts_before_the_others_once_it_goes_on(
    commands: Commands, redis: Any, reader: Reader
) -> None:
    wf = await begin(commands, Group((step("first"), step("second"))))
    await commands.pause_workflow(wf)
    assert await claim(commands) == []  # which holds them

    [second] = (await reader.page(Query(function="second"))).jobs
    await commands.reprioritise([second.id], 9)
    await commands.resume_workflow(wf)

    assert problems(await Keyspace.read(redis)) == []
    assert await run_all(commands) == ["second", "first"]


# Deleting


async def test_a_workflow_that_is_over_is_deleted_and_its_jobs_stay(
    commands: Commands, redis: Any, reader: Reader, workflows: Workflows
) -> None:
    wf = await begin(commands, chord(3))
    await run_all(commands)
    position, epoch = await reader.position()
    await commands.forget_workflow(wf)

    with pytest.raises(WorkflowNotFound):
        await workflows.get(wf)
    assert (await workflows.page())[2] == 0
    assert (await reader.get(f"{wf}.1")).state is State.SUCCEEDED
    assert (await reader.changes_since(position, epoch)).ids == [f"workflow:{wf}"]
    assert problems(await Keyspace.read(redis)) == []


async def test_what_runs_or_has_jobs_that_run_is_not_deleted(commands: Commands) -> None:
    wf = await begin(commands, chord(2))
    m0, m1 = await claim(commands)
    with pytest.raises(WrongState, match="Abort it first"):
        await commands.forget_workflow(wf)
    await finish(commands, m0, outcome=Outcome.FAILED)
    with pytest.raises(WrongState, match="not ended yet"):
        await commands.forget_workflow(wf)
    await finish(commands, m1)
    await commands.forget_workflow(wf)
    with pytest.raises(WorkflowNotFound):
        await commands.forget_workflow(wf)
