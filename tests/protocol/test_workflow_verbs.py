"""Workflows as the verbs carry them: what starts when a job ends, and what a failed one means. No worker is needed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import pytest

from arqboard.protocol import BadWorkflow, KeyReused, Outcome, Reader, State, WorkflowNotFound, WrongState
from arqboard.protocol.commands import Claimed, Commands, Ended, Later, Submission
from arqboard.protocol.graph import Chain, Graph, Group, Part, Step
from arqboard.protocol.workflows import Fed, FlowState, Missing, Workflows

QUEUE = "arq:queue"


@pytest.fixture
def workflows(redis: Any, commands: Commands) -> Workflows:
    return Workflows(redis, commands.keys)


def step(name: str) -> Step:
    return Step(Submission(function=name, queue=QUEUE, payload=name.encode()))


def chain(*parts: Part) -> Chain:
    return Chain(parts)


def group(*parts: Part) -> Group:
    return Group(parts)


async def begin(commands: Commands, part: Part, **options: Any) -> str:
    return (await commands.begin(Graph.of(part, **options))).job_id


async def claim(commands: Commands, want: int = 100) -> list[Claimed]:
    return (await commands.claim(QUEUE, "w1", want, lease_ms=10_000, max_crashes=3)).jobs


def name_of(attempt: Claimed) -> str:
    return attempt.payload.decode()


async def finish(commands: Commands, *attempts: Claimed, outcome: Outcome = Outcome.SUCCEEDED) -> list[bool]:
    if outcome is Outcome.SUCCEEDED:
        ended = [Ended(a.job_id, a.token, outcome, passed_on=b"of " + a.payload) for a in attempts]
    else:
        ended = [Ended(a.job_id, a.token, outcome, error_type="ValueError", error="no") for a in attempts]
    return await commands.finish(ended, keep_jobs=1000, keep_jobs_ms=10**9)


async def run_all(commands: Commands, failing: Sequence[str] = ()) -> list[str]:
    """Run what can run, one claim after the other, and say in which order."""
    ran = list[str]()
    while True:
        while await commands.launch():
            pass
        attempts = await claim(commands, 7)
        if not attempts:
            return ran
        for attempt in attempts:
            ran.append(name_of(attempt))
            is_bad = name_of(attempt) in failing
            await finish(commands, attempt, outcome=Outcome.FAILED if is_bad else Outcome.SUCCEEDED)


async def test_a_chain_starts_each_step_when_the_one_before_has_succeeded(
    commands: Commands, workflows: Workflows
) -> None:
    wf = await begin(commands, chain(step("a"), step("b"), step("c")))
    [a] = await claim(commands)
    assert name_of(a) == "a"
    assert await claim(commands) == []

    await finish(commands, a)
    [b] = await claim(commands)
    assert (name_of(b), b.workflow, b.node) == ("b", wf, 1)
    assert await workflows.fed(wf, b.node) == b"of a"
    await finish(commands, b)
    [c] = await claim(commands)
    await finish(commands, c)

    info = await workflows.get(wf)
    assert (info.state, info.done, info.total, info.name) == (FlowState.SUCCEEDED, 3, 3, "a → b → c")
    assert await workflows.result(wf, info.exit) == b"of c"


async def test_a_step_that_is_not_fed_gets_nothing(commands: Commands, workflows: Workflows) -> None:
    second = Step(Submission(function="b", queue=QUEUE, payload=b"b"), is_fed=False)
    wf = await begin(commands, chain(step("a"), second))
    await finish(commands, *await claim(commands))
    [b] = await claim(commands)
    assert await workflows.fed(wf, b.node) is None


async def test_a_chord_gets_the_results_in_the_order_of_its_members(commands: Commands, workflows: Workflows) -> None:
    wf = await begin(commands, chain(group(step("a"), step("b"), step("c")), step("then")))
    members = await claim(commands)
    assert [name_of(m) for m in members] == ["a", "b", "c"]
    for member in reversed(members):
        assert await claim(commands) == []
        await finish(commands, member)
    [then] = await claim(commands)
    assert await workflows.fed(wf, then.node) == [b"of a", b"of b", b"of c"]


async def test_the_last_two_members_in_one_call_or_at_once_start_the_callback_once(
    commands: Commands, redis: Any
) -> None:
    for at_once in (False, True):
        await redis.flushall()
        await begin(commands, chain(group(*(step(f"m{n}") for n in range(10))), step("then")))
        members = await claim(commands)
        if at_once:
            await asyncio.gather(*(finish(commands, m) for m in members))
        else:
            await finish(commands, *members)
        assert [name_of(a) for a in await claim(commands)] == ["then"]


async def test_a_member_that_ends_twice_counts_once(commands: Commands) -> None:
    await begin(commands, chain(group(step("a"), step("b")), step("then")))
    a, b = await claim(commands)
    assert await finish(commands, a) == [True]
    assert await finish(commands, a) == [True]  # a lost reply, sent again
    assert await claim(commands) == []
    await finish(commands, b)
    assert len(await claim(commands)) == 1


async def test_parts_nest_to_any_depth_and_keep_their_order(commands: Commands, workflows: Workflows) -> None:
    part = chain(
        step("a"),
        group(chain(step("b"), step("c")), group(step("d"), chain(step("e"), group(step("f"), step("g")))), group()),
        step("z"),
    )
    wf = await begin(commands, part)
    assert sorted(await run_all(commands)) == list("abcdefgz")
    info = await workflows.get(wf)
    assert info.state is FlowState.SUCCEEDED
    fed = await workflows.fed(wf, info.exit)
    assert fed == [b"of c", [b"of d", [b"of f", b"of g"]], []]


async def test_a_group_after_a_group_gets_the_whole_list_in_each_member(
    commands: Commands, workflows: Workflows
) -> None:
    wf = await begin(commands, chain(group(step("a"), step("b")), group(step("c"), step("d"))))
    await finish(commands, *await claim(commands))
    c, d = await claim(commands)
    assert await workflows.fed(wf, c.node) == await workflows.fed(wf, d.node) == [b"of a", b"of b"]


async def test_an_empty_group_is_over_at_once(commands: Commands, workflows: Workflows) -> None:
    wf = await begin(commands, chain(group(), step("then")))
    [then] = await claim(commands)
    assert await workflows.fed(wf, then.node) == []
    alone = await begin(commands, group())
    assert (await workflows.get(alone)).state is FlowState.SUCCEEDED


async def test_a_wide_group_is_enqueued_bit_by_bit(commands: Commands, workflows: Workflows, redis: Any) -> None:
    await begin(commands, chain(group(*(step(f"m{n}") for n in range(1234))), step("then")))
    assert await redis.zcard(QUEUE) == 100
    assert await commands.launch() == 634
    assert len(await run_all(commands)) == 1235


async def test_a_wide_group_costs_one_call_for_five_hundred_members(commands: Commands, redis: Any) -> None:
    await commands.begin(Graph.of(group(step("warm"))))
    await commands.launch()
    before = (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"]
    await commands.begin(Graph.of(group(*(step("m") for _ in range(10_000)))))
    while await commands.launch():
        pass
    calls = (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"] - before
    assert calls <= 10_000 / 500 * 2 + 2


# Failures


async def test_a_failed_member_stops_the_workflow(commands: Commands, reader: Reader, workflows: Workflows) -> None:
    wf = await begin(commands, chain(group(step("a"), step("b"), step("c")), step("then")))
    a, b = await claim(commands, 2)
    await finish(commands, a, outcome=Outcome.FAILED)

    info = await workflows.get(wf)
    assert (info.state, str(info.error), info.failed_job) == (FlowState.FAILED, "ValueError: no", a.job_id)
    while await commands.sweep():
        pass
    assert (await reader.get(f"{wf}.3")).state is State.ABORTED  # it waited
    assert (await reader.get(b.job_id)).state is State.RUNNING  # it may finish
    await finish(commands, b)
    assert await claim(commands) == []
    info = await workflows.get(wf)
    assert (info.done, info.failed, info.aborted) == (1, 1, 1)


async def test_with_continue_the_callback_is_told_what_is_missing(commands: Commands, workflows: Workflows) -> None:
    wf = await begin(commands, chain(group(step("a"), step("b")), step("then")), on_error="continue")
    ran = await run_all(commands, failing=["a"])
    assert ran == ["a", "b", "then"]
    info = await workflows.get(wf)
    assert (info.state, info.failed) == (FlowState.SUCCEEDED, 1)
    fed = await workflows.fed(wf, info.exit)
    assert isinstance(fed, list)
    missing, second = fed
    assert isinstance(missing, Missing) and str(missing.error) == "ValueError: no"
    assert second == b"of b"


async def test_with_continue_the_rest_of_a_failed_chain_is_skipped_and_its_group_goes_on(
    commands: Commands, workflows: Workflows
) -> None:
    part = chain(group(chain(step("a"), step("b"), group(step("c"), step("d"))), step("e")), step("then"))
    wf = await begin(commands, part, on_error="continue")
    assert await run_all(commands, failing=["a"]) == ["a", "e", "then"]
    info = await workflows.get(wf)
    assert (info.state, info.skipped, info.failed) == (FlowState.SUCCEEDED, 3, 1)


async def test_with_continue_a_chain_that_fails_is_a_failed_workflow(commands: Commands, workflows: Workflows) -> None:
    wf = await begin(commands, chain(step("a"), group(step("b"), step("c")), step("d")), on_error="continue")
    assert await run_all(commands, failing=["a"]) == ["a"]
    info = await workflows.get(wf)
    assert (info.state, info.skipped) == (FlowState.FAILED, 3)


async def test_a_group_with_failed_members_has_failed_once_all_have_ended(
    commands: Commands, workflows: Workflows
) -> None:
    wf = await begin(commands, group(step("a"), step("b"), step("c")), on_error="continue")
    assert len(await run_all(commands, failing=["b"])) == 3
    info = await workflows.get(wf)
    assert (info.state, str(info.error)) == (FlowState.FAILED, "MembersFailed: 1 of its jobs failed")


@pytest.mark.parametrize("on_error", ["stop", "continue"])
async def test_a_retried_workflow_goes_on_from_what_failed(
    commands: Commands, workflows: Workflows, on_error: str
) -> None:
    part = chain(step("a"), group(chain(step("b"), step("c")), step("d")), step("e"))
    wf = await begin(commands, part, on_error=on_error)
    first = await run_all(commands, failing=["b", "e"])
    while await commands.sweep():
        pass
    assert (await workflows.get(wf)).state is FlowState.FAILED

    assert await commands.retry_workflow(wf) >= 1
    again = await run_all(commands)
    assert "a" not in again
    info = await workflows.get(wf)
    assert (info.state, info.failed, info.aborted) == (FlowState.SUCCEEDED, 0, 0)
    assert set(first + again) >= set("abde") and info.done + info.skipped == 5


async def test_what_was_passed_on_is_kept_as_long_as_the_workflow_runs_and_a_while_longer(
    commands: Commands, redis: Any
) -> None:
    wf = await begin(commands, chain(step("a"), step("b")))
    await run_all(commands, failing=["b"])
    results = commands.keys.results(wf)
    assert await redis.pttl(results) > 0

    await commands.retry_workflow(wf)
    assert await redis.pttl(results) == -1

    await run_all(commands)
    assert await redis.pttl(results) > 0


async def test_one_failed_job_retried_by_hand_carries_its_workflow_on(commands: Commands, workflows: Workflows) -> None:
    wf = await begin(commands, chain(step("a"), step("b")))
    await run_all(commands, failing=["a"])
    await commands.retry(f"{wf}.0")
    assert (await workflows.get(wf)).state is FlowState.RUNNING
    assert await run_all(commands) == ["a", "b"]
    assert (await workflows.get(wf)).state is FlowState.SUCCEEDED


async def test_a_member_of_a_finished_group_retried_alone_ends_the_workflow_anew(
    commands: Commands, workflows: Workflows
) -> None:
    wf = await begin(commands, group(step("a"), step("b")), on_error="continue")
    await run_all(commands, failing=["b"])
    await commands.retry(f"{wf}.2")
    assert await run_all(commands) == ["b"]
    info = await workflows.get(wf)
    assert (info.state, await workflows.result(wf, info.exit)) == (FlowState.SUCCEEDED, [b"of a", b"of b"])


async def test_an_aborted_member_is_a_failed_one(commands: Commands, workflows: Workflows) -> None:
    wf = await begin(commands, chain(step("a"), step("b")))
    await commands.abort(f"{wf}.0")
    info = await workflows.get(wf)
    assert (info.state, info.aborted) == (FlowState.FAILED, 1)


async def test_a_deleted_member_does_not_leave_its_workflow_stuck(commands: Commands, workflows: Workflows) -> None:
    wf = await begin(commands, chain(group(step("a"), step("b")), step("then")), on_error="continue")
    await commands.discard(f"{wf}.1")
    assert await run_all(commands) == ["b", "then"]
    assert (await workflows.get(wf)).state is FlowState.SUCCEEDED


# Abort


async def test_abort_ends_what_waits_and_asks_what_runs(
    commands: Commands, reader: Reader, workflows: Workflows
) -> None:
    wf = await begin(commands, chain(group(*(step(f"m{n}") for n in range(700))), step("then")))
    [running] = await claim(commands, 1)
    await commands.abort_workflow(wf, by="ada")

    counts = await reader.counts()
    assert (counts[State.RUNNING], counts[State.QUEUED]) == (1, 0)
    assert (await reader.get(running.job_id)).abort_requested is not None
    await finish(commands, running, outcome=Outcome.ABORTED)
    assert await claim(commands) == []
    info = await workflows.get(wf)
    assert (info.state, str(info.error)) == (FlowState.ABORTED, "Aborted: aborted by ada")
    with pytest.raises(WrongState, match="workflow"):
        await commands.abort_workflow(wf)
    with pytest.raises(WorkflowNotFound):
        await commands.abort_workflow("none")


async def test_an_aborted_workflow_can_be_run_again(commands: Commands, workflows: Workflows) -> None:
    wf = await begin(commands, chain(group(*(step(f"m{n}") for n in range(650))), step("then")))
    await commands.abort_workflow(wf)
    assert await commands.retry_workflow(wf) == 100  # the others were never enqueued
    assert len(await run_all(commands)) == 651
    assert (await workflows.get(wf)).state is FlowState.SUCCEEDED


async def test_an_aborted_workflow_is_not_run_again_before_its_last_job_has_stopped(
    commands: Commands, workflows: Workflows
) -> None:
    wf = await begin(commands, chain(group(step("a"), step("b")), step("then")))
    first, last = await claim(commands)
    await commands.abort_workflow(wf)
    await finish(commands, first, outcome=Outcome.ABORTED)

    with pytest.raises(WrongState, match="Some of its jobs have not ended yet"):
        await commands.retry_workflow(wf)

    await finish(commands, last, outcome=Outcome.ABORTED)
    assert await commands.retry_workflow(wf) == 2
    assert len(await run_all(commands)) == 3
    assert (await workflows.get(wf)).state is FlowState.SUCCEEDED


async def test_a_retry_of_a_workflow_that_did_not_fail_is_refused(commands: Commands) -> None:
    wf = await begin(commands, step("a"))
    with pytest.raises(WrongState, match="None of its jobs"):
        await commands.retry_workflow(wf)
    with pytest.raises(WorkflowNotFound):
        await commands.retry_workflow("none")


# Beginning


async def test_the_same_idempotency_key_begins_a_workflow_once(commands: Commands) -> None:
    one = await commands.begin(Graph.of(step("a")), once="k", fingerprint="f")
    two = await commands.begin(Graph.of(step("a")), once="k", fingerprint="f")
    assert (one.job_id, one.is_new, two.is_new) == (two.job_id, True, False)
    with pytest.raises(KeyReused):
        await commands.begin(Graph.of(step("b")), once="k", fingerprint="g")


async def test_what_was_staged_and_never_begun_goes_by_itself(commands: Commands, redis: Any) -> None:
    await commands._call("stage", "wf1", 0, "{}", b"payload")
    for key in (commands.keys.nodes("wf1"), "arqboard:calls:wf1"):
        assert 0 < await redis.ttl(key) <= 3600


@pytest.mark.parametrize("part", [chain(), group(chain())])
def test_an_empty_chain_is_refused_where_it_is(part: Part) -> None:
    with pytest.raises(BadWorkflow, match="empty"):
        Graph.of(part)


def test_deep_nesting_is_refused_in_words() -> None:
    part: Part = step("a")
    for _ in range(200):
        part = chain(part)
    with pytest.raises(BadWorkflow, match="nested deeper"):
        Graph.of(part)


async def test_ended_workflows_are_forgotten_and_running_ones_kept(
    commands: Commands, workflows: Workflows, redis: Any
) -> None:
    running = await begin(commands, chain(step("a"), step("b")))
    over = [(await commands.begin(Graph.of(group()), keep=1)).job_id for _ in range(4)]
    kept = {info.id for info in (await workflows.page())[0]}
    # Which of those that ended in one millisecond goes first is open.
    assert kept >= {running, over[3]} and len(kept & set(over)) == 2
    for gone in set(over) - kept:
        with pytest.raises(WorkflowNotFound):
            await workflows.get(gone)
        assert await redis.exists(commands.keys.nodes(gone)) == 0


async def test_the_list_pages_by_its_cursor(commands: Commands, workflows: Workflows) -> None:
    ids = [await begin(commands, group()) for _ in range(5)]
    seen, cursor = list[str](), None
    while True:
        infos, cursor, total = await workflows.page(FlowState.SUCCEEDED, limit=2, after=cursor)
        seen += [i.id for i in infos]
        if cursor is None:
            break
    assert sorted(seen) == sorted(ids) and total == 5


# Whatever happens


def a_part(rng: random.Random, names: list[str], depth: int = 0) -> Part:
    kind = rng.choice(["step", "chain", "group"]) if depth < 4 else "step"
    if kind == "step":
        names.append(f"s{len(names)}")
        return step(names[-1])
    parts = tuple(a_part(rng, names, depth + 1) for _ in range(rng.randint(1, 4)))
    return Chain(parts) if kind == "chain" else Group(parts)


def expected(part: Part) -> Fed:
    match part:
        case Step(call):
            return b"of " + call.payload
        case Chain(parts):
            return expected(parts[-1])
        case Group(parts):
            return [expected(p) for p in parts]


@pytest.mark.parametrize("seed", range(60))
async def test_any_workflow_ends_with_everything_run_once_and_in_order(
    commands: Commands, workflows: Workflows, seed: int
) -> None:
    rng, names = random.Random(seed), list[str]()
    part = a_part(rng, names)
    wf = await begin(commands, part)
    assert sorted(await run_all(commands)) == sorted(names)
    info = await workflows.get(wf)
    assert info.state is FlowState.SUCCEEDED
    assert await workflows.result(wf, info.exit) == expected(part)


@pytest.mark.parametrize("seed", range(60))
async def test_any_workflow_with_failures_ends_and_a_retry_brings_it_to_its_end(
    commands: Commands, workflows: Workflows, seed: int
) -> None:
    rng, names = random.Random(seed), list[str]()
    part = a_part(rng, names)
    on_error = rng.choice(["stop", "continue"])
    wf = await begin(commands, part, on_error=on_error)
    failing = [n for n in names if rng.random() < 0.3]
    for _ in range(20):
        await run_all(commands, failing=failing)
        while await commands.sweep():
            pass
        info = await workflows.get(wf)
        assert info.state is not FlowState.RUNNING, f"stuck with {on_error}"
        assert info.done + info.failed + info.aborted + info.skipped <= len(names)
        if info.state is FlowState.SUCCEEDED and info.failed + info.aborted == 0:
            break
        failing = [n for n in failing if rng.random() < 0.5]
        await commands.retry_workflow(wf)
    assert info.state is FlowState.SUCCEEDED


@pytest.mark.parametrize("outcome", [Outcome.RETRY, Outcome.HANDED_OVER])
async def test_a_job_that_would_run_again_after_its_workflow_was_aborted_is_ended_at_once(
    commands: Commands, reader: Reader, outcome: Outcome
) -> None:
    wf = await begin(commands, group(step("a"), step("b")))
    a, b = await claim(commands)
    await commands.abort_workflow(wf)
    assert await commands.flows_under_way() == (0, 0)

    assert await commands.retry_later([Later(b.job_id, b.token, 600_000, outcome)]) == [True]
    assert await commands.flows_under_way() == (0, 1)
    assert await commands.sweep() == 0
    assert [(await reader.get(job.job_id)).state for job in (a, b)] == [State.RUNNING, State.ABORTED]
