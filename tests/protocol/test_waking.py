"""Whatever lets a job start says so to the workers of its queue, which else would find it at their next look."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from floor_data import definition

from arqboard.protocol import Outcome
from arqboard.protocol.commands import Claimed, Commands, Ended, Later, Submission
from arqboard.protocol.graph import Chain, Graph, Step
from arqboard.protocol.schedule import Every
from arqboard.protocol.schedules import Schedules

QUEUE = "arq:queue"
WOKEN = [f"wake {QUEUE}"]
Act = Callable[[], Awaitable[object]]


@pytest.fixture
def heard(redis: Any, commands: Commands) -> Callable[[Act], Awaitable[list[str]]]:
    async def listen(act: Act) -> list[str]:
        """What workers are told of queues while this is done."""
        said: list[str] = []
        async with redis.pubsub() as channel:
            await channel.subscribe(commands.keys.control)
            await act()
            await redis.publish(commands.keys.control, "that is all")
            async for message in channel.listen():
                if message["data"] == b"that is all":
                    return said
                if message["type"] == "message" and message["data"].startswith(b"wake "):
                    said.append(message["data"].decode())
        raise AssertionError("the channel has ended")

    return listen


def submission(job_id: str = "j1", **more: Any) -> Submission:
    return Submission(function="resize", queue=QUEUE, payload=b"call", job_id=job_id, **more)


async def claimed(commands: Commands) -> Claimed:
    [attempt] = (await commands.claim(QUEUE, "w1", 1, lease_ms=10_000, max_crashes=3)).jobs
    return attempt


async def finish(commands: Commands, attempt: Claimed, outcome: Outcome = Outcome.SUCCEEDED) -> None:
    await commands.finish([Ended(attempt.job_id, attempt.token, outcome)], keep_jobs=100, keep_jobs_ms=10**9)


async def test_a_new_job_wakes_and_a_deferred_one_does_not(commands: Commands, heard: Any) -> None:
    assert await heard(lambda: commands.submit(submission())) == WOKEN
    assert await heard(lambda: commands.submit(submission("later", defer_ms=60_000))) == []


async def test_many_new_jobs_wake_each_queue_once(commands: Commands, heard: Any) -> None:
    many = [*(submission(f"j{n}") for n in range(5)), Submission("send", "mail", b"call", job_id="m")]
    assert sorted(await heard(lambda: commands.submit_many(many))) == [*WOKEN, "wake mail"]


async def test_a_job_that_is_put_forward_wakes_and_one_that_is_put_off_does_not(commands: Commands, heard: Any) -> None:
    await commands.submit(submission(defer_ms=60_000))
    assert await heard(lambda: commands.reschedule("j1", delay_ms=90_000)) == []
    assert await heard(lambda: commands.reschedule("j1")) == WOKEN


async def test_a_job_that_is_handed_over_wakes_and_one_that_backs_off_does_not(commands: Commands, heard: Any) -> None:
    await commands.submit(submission())
    first = await claimed(commands)
    assert await heard(lambda: commands.retry_later([Later("j1", first.token, 0, Outcome.HANDED_OVER)])) == WOKEN
    second = await claimed(commands)
    assert await heard(lambda: commands.retry_later([Later("j1", second.token, 60_000, Outcome.RETRY)])) == []


async def test_a_retry_by_hand_wakes(commands: Commands, heard: Any) -> None:
    await commands.submit(submission())
    await finish(commands, await claimed(commands), Outcome.FAILED)
    assert await heard(lambda: commands.retry("j1")) == WOKEN


async def test_a_job_that_is_brought_back_wakes(commands: Commands, heard: Any) -> None:
    await commands.submit(submission())
    await commands.discard("j1", batch="b1")
    assert await heard(lambda: commands.undo("b1")) == WOKEN


async def test_a_resumed_queue_wakes_its_workers_and_a_resumed_function_all(commands: Commands, heard: Any) -> None:
    await commands.submit(submission())
    await commands.pause("queue", QUEUE)
    await commands.pause("function", "resize")
    assert await heard(lambda: commands.resume("queue", QUEUE)) == WOKEN
    assert await heard(lambda: commands.resume("function", "resize")) == WOKEN


async def test_each_step_of_a_workflow_wakes_for_the_next(commands: Commands, heard: Any) -> None:
    graph = Graph.of(Chain(tuple(Step(Submission(name, QUEUE, b"call")) for name in "ab")))
    assert await heard(lambda: commands.begin(graph)) == WOKEN
    first = await claimed(commands)
    assert await heard(lambda: finish(commands, first)) == WOKEN
    second = await claimed(commands)
    assert await heard(lambda: finish(commands, second)) == []


async def test_a_schedule_that_is_run_by_hand_wakes(commands: Commands, redis: Any, heard: Any) -> None:
    schedules = Schedules(redis, commands.keys)
    await schedules.add(definition("clean-up", Every(3600)))
    assert await heard(lambda: schedules.run("clean-up")) == WOKEN
