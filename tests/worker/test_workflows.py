"""Workflows as programs write them, run by real workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from waiting import eventually

from arqboard import (
    BadArguments,
    BadWorkflow,
    Board,
    JobAborted,
    MemberFailed,
    WorkflowFailed,
    chain,
    chord,
    chunks,
    connect,
    group,
    json_deserializer,
    json_serializer,
    signature,
    task,
)
from arqboard.protocol import Reader, State
from arqboard.protocol.workflows import FlowState

from .conftest import StartWorker


@task(name="add")
async def add(ctx: dict[str, Any], a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@task(name="total")
async def total(ctx: dict[str, Any], numbers: list[int]) -> int:
    return sum(numbers)


@task(name="echo")
async def echo(ctx: dict[str, Any], *values: Any) -> list[Any]:
    return list(values)


@task(name="fail")
async def fail(ctx: dict[str, Any], *values: Any) -> None:
    raise ValueError("it broke")


TASKS = (add, total, echo, fail)


@pytest.fixture
async def board(redis: object, redis_url: str) -> AsyncIterator[Board]:
    opened = await connect(redis_url)
    yield opened
    await opened.close()


async def test_the_result_of_a_step_is_the_first_argument_of_the_next(start: StartWorker, board: Board) -> None:
    await start(*TASKS)
    handle = await chain(add.s(1, 2), add.s(10), add.s(b=100)).submit()
    assert await handle.result(timeout=30) == 113
    assert await handle.status() is FlowState.SUCCEEDED


async def test_si_keeps_the_result_out(start: StartWorker, board: Board) -> None:
    await start(*TASKS)
    assert await (await (add.s(1, 2) | add.si(5, 5) | echo.s("x")).submit()).result(timeout=30) == [10, "x"]


async def test_a_chord_gets_the_list_of_results_in_order(start: StartWorker, board: Board) -> None:
    await start(*TASKS)
    handle = await chord((add.s(n, 0) for n in range(10)), echo.s()).submit()
    assert await handle.result(timeout=30) == [list(range(10))]


async def test_a_group_alone_has_a_list_as_its_result(start: StartWorker, board: Board) -> None:
    await start(*TASKS)
    assert await (await group(add.s(n, n) for n in range(4)).submit()).result(timeout=30) == [0, 2, 4, 6]


async def test_parts_nest(start: StartWorker, board: Board) -> None:
    await start(*TASKS)
    inner = chord(group(add.s(1, 1), chain(add.s(2, 2), add.s(3))), total.s())
    handle = await chain(inner, group(add.s(100), echo.s(), group(add.s(1), add.s(2)))).submit()
    assert await handle.result(timeout=30) == [109, [9], [10, 11]]


async def test_values_of_any_type_are_passed_on(start: StartWorker, board: Board) -> None:
    await start(*TASKS)
    handle = await chain(echo.s(None, {"a": (1, 2)}, {3}), echo.s()).submit()
    assert await handle.result(timeout=30) == [[None, {"a": (1, 2)}, {3}]]


async def test_a_failed_step_is_the_workflows_error(start: StartWorker, board: Board, reader: Reader) -> None:
    await start(*TASKS)
    handle = await chain(fail.s(), add.s(1)).submit()
    with pytest.raises(WorkflowFailed, match="ValueError: it broke") as raised:
        await handle.result(timeout=30)
    assert raised.value.job_id == f"{handle.id}.0"
    assert (await reader.get(f"{handle.id}.0")).workflow == handle.id


async def test_with_continue_the_callback_sees_who_failed(start: StartWorker, board: Board) -> None:
    await start(*TASKS)
    handle = await chord([add.s(1, 1), fail.s(), add.s(2, 2)], echo.s()).submit(on_error="continue")
    [[one, failed, two]] = await handle.result(timeout=30)
    assert (one, two) == (2, 4)
    assert failed == MemberFailed(f"{handle.id}.2", "failed", "ValueError", "it broke")


async def test_a_result_that_cannot_be_passed_on_fails_its_step_in_words(start: StartWorker, board: Board) -> None:
    @task(name="opens")
    async def opens(ctx: dict[str, Any]) -> Any:
        return lambda: None

    await start(opens, *TASKS)
    with pytest.raises(WorkflowFailed, match="its result can't be passed on, function"):
        await (await chain(opens.s(), echo.s()).submit()).result(timeout=30)


async def test_a_missing_function_fails_its_step(start: StartWorker, board: Board) -> None:
    await start(*TASKS)
    with pytest.raises(WorkflowFailed, match="'nobody' not found"):
        await (await chain(signature("nobody"), echo.s()).submit()).result(timeout=30)


async def test_a_passed_on_value_of_the_wrong_type_fails_its_step(start: StartWorker, board: Board) -> None:
    await start(*TASKS)
    with pytest.raises(WorkflowFailed, match="BadArguments"):
        await (await chain(echo.s("a"), add.s(1)).submit()).result(timeout=30)


async def test_calls_are_checked_before_anything_is_queued(board: Board, reader: Reader) -> None:
    with pytest.raises(BadArguments, match="b"):
        await chain(add.s(1, 2), add.s("x")).submit()
    with pytest.raises(BadArguments, match="b"):
        await chain(add.s(1), add.s(1)).submit()
    with pytest.raises(BadWorkflow, match="takes calls like"):
        chain(add.s(1, 2), add)  # type: ignore[arg-type] # what is tested
    assert sum((await reader.counts()).values()) == 0


async def test_abort_ends_all_members(start: StartWorker, board: Board, reader: Reader) -> None:
    @task(name="stay")
    async def stay(ctx: dict[str, Any]) -> None:
        await asyncio.Event().wait()

    worker = await start(stay, *TASKS, max_jobs=3)
    handle = await chord((stay.si() for _ in range(8)), total.s()).submit()
    await eventually(lambda: len(worker.running) == 3)
    await handle.abort()
    with pytest.raises(JobAborted):
        await handle.result(timeout=30)
    await eventually(lambda: _count(reader, State.ABORTED, 8))


async def _count(reader: Reader, state: State, n: int) -> bool:
    return (await reader.counts())[state] == n


async def test_a_retried_workflow_comes_to_its_end(start: StartWorker, board: Board) -> None:
    broken = True

    @task(name="mends")
    async def mends(ctx: dict[str, Any], n: int) -> int:
        if broken and n == 2:
            raise ValueError("not yet")
        return n

    await start(mends, *TASKS)
    handle = await chord((mends.s(n) for n in range(4)), total.s()).submit()
    assert (await handle.wait(timeout=30)).state is FlowState.FAILED
    broken = False
    assert await handle.retry() >= 1
    assert await handle.result(timeout=30) == 6


async def test_a_group_of_two_thousand_is_carried_on_by_the_workers(start: StartWorker, board: Board) -> None:
    await start(*TASKS, max_jobs=100)
    handle = await chord((add.s(n, 0) for n in range(2000)), total.s()).submit()
    assert await handle.result(timeout=60) == sum(range(2000))


async def test_two_workers_run_each_callback_once(start: StartWorker, board: Board) -> None:
    called = list[str]()

    @task(name="callback")
    async def callback(ctx: dict[str, Any], results: list[int]) -> int:
        called.append(ctx["job_id"])
        return len(results)

    for _ in range(2):
        await start(callback, *TASKS, max_jobs=20)
    handles = [await chord((add.s(n, 0) for n in range(5)), callback.s()).submit() for _ in range(20)]
    assert [await h.result(timeout=30) for h in handles] == [5] * 20
    assert len(called) == len(set(called)) == 20


async def test_spread_makes_one_workflow_of_many_batches(start: StartWorker, board: Board) -> None:
    @task(name="mail")
    async def mail(ctx: dict[str, Any], users: list[int], subject: str) -> int:
        return len(users)

    await start(mail, *TASKS)
    spread = chunks.spread(range(1050), size=100, task=mail, kwargs={"subject": "Hello"})
    handle = await chord(spread, total.s()).submit(name="newsletter")
    assert await handle.result(timeout=30) == 1050
    info = await handle.info()
    assert (info.done, info.total, info.name) == (12, 12, "newsletter")


async def test_a_workflow_runs_on_json_from_end_to_end(start: StartWorker, redis: object, redis_settings: Any) -> None:
    from arq.connections import create_pool

    codecs: dict[str, Any] = {"job_serializer": json_serializer, "job_deserializer": json_deserializer}
    pool = await create_pool(redis_settings, **codecs)
    opened = await connect(pool)
    await start(*TASKS, **codecs)
    handle = await chord((add.s(n, 0) for n in range(3)), total.s()).submit()
    assert await handle.result(timeout=30) == 3
    await opened.close()
