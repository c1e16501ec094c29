"""Time limits: what a job sees of them, and what its worker does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from typing import Any, NoReturn

import pytest
from waiting import eventually

from arqboard.limits import HardTimeLimit, LoopRun, SoftTimeLimit, Stopwatch, within

Job = Callable[..., Awaitable[Any]]
who: ContextVar[str] = ContextVar("who", default="nobody")


def run_of(function: Job, *args: Any, **kwargs: Any) -> LoopRun:
    return LoopRun(function, {}, args, kwargs)


async def forever(ctx: object) -> NoReturn:
    await asyncio.Event().wait()
    raise AssertionError


# What a limit means


async def test_a_job_that_ends_in_time_returns_its_result() -> None:
    async def add(ctx: object, a: int, *, b: int) -> int:
        await asyncio.sleep(0)
        return a + b

    assert await within(run_of(add, 1, b=2), soft=5, hard=10) == 3


async def test_a_job_can_clean_up_at_its_soft_limit_and_return() -> None:
    async def careful(ctx: object) -> str:
        try:
            await forever(ctx)
        except SoftTimeLimit as limit:
            await asyncio.sleep(0)  # cleaning up may wait
            return str(limit)

    assert await within(run_of(careful), soft=0.03, hard=10) == "ran longer than its soft limit of 0.03 s"


async def test_a_job_that_does_not_know_its_soft_limit_fails_with_it() -> None:
    async def careless(ctx: object) -> None:
        try:
            await forever(ctx)
        except Exception:  # does not catch it
            return

    with pytest.raises(SoftTimeLimit, match=r"soft limit of 0\.03 s"):
        await within(run_of(careless), soft=0.03, hard=None)


async def test_a_job_is_cancelled_at_its_hard_limit() -> None:
    seen: list[BaseException] = []

    async def job(ctx: object) -> None:
        try:
            await forever(ctx)
        except asyncio.CancelledError as error:
            seen.append(error)
            raise

    with pytest.raises(HardTimeLimit, match=r"ran longer than its limit of 0\.03 s and was ended"):
        await within(run_of(job), soft=None, hard=0.03)
    assert [type(error) for error in seen] == [asyncio.CancelledError]


async def test_an_error_of_the_clean_up_at_the_hard_limit_is_the_limits_cause() -> None:
    async def job(ctx: object) -> None:
        try:
            await forever(ctx)
        finally:
            raise ValueError("while closing")

    with pytest.raises(HardTimeLimit) as caught:
        await within(run_of(job), soft=None, hard=0.03)
    assert repr(caught.value.__cause__) == "ValueError('while closing')"


async def test_a_job_that_goes_on_after_both_limits_is_left_to_itself(caplog: pytest.LogCaptureFixture) -> None:
    release = asyncio.Event()
    swallowed: list[str] = []

    async def stubborn(ctx: object) -> str:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError as error:
                swallowed.append(type(error).__name__)
        return "at last"

    with caplog.at_level(logging.WARNING), pytest.raises(HardTimeLimit):
        await within(run_of(stubborn), soft=0.02, hard=0.3, grace=0.04)
    release.set()
    await eventually(lambda: not others())
    assert swallowed == ["SoftTimeLimit", "CancelledError"]
    assert [record.getMessage().partition("stubborn")[2] for record in caplog.records] == [
        " runs on 0.04 s after its limit; it is left to itself"
    ]


async def test_a_job_that_returns_while_it_is_cancelled_keeps_its_result() -> None:
    async def job(ctx: object) -> str:
        try:
            await forever(ctx)
        except asyncio.CancelledError:
            return "half of it"

    assert await within(run_of(job), soft=None, hard=0.03) == "half of it"


async def test_a_job_that_ends_in_the_turn_of_its_limit_keeps_its_result() -> None:
    gate = asyncio.Event()

    async def job(ctx: object) -> str:
        asyncio.get_running_loop().call_soon(gate.set)
        await gate.wait()
        block_until(0.35)  # the alarm is due when this comes back, and the job is done
        return "done"

    assert await within(run_of(job), soft=0.3, hard=0.32) == "done"


async def test_the_errors_of_a_job_go_through() -> None:
    async def broken(ctx: object) -> None:
        await asyncio.sleep(0)
        raise KeyError("key")

    for limits in ({"soft": None, "hard": None}, {"soft": 1, "hard": 2}):
        with pytest.raises(KeyError, match="key"):
            await within(run_of(broken), **limits)


async def test_system_exit_in_a_job_does_not_end_the_loop() -> None:
    async def leaving(ctx: object) -> None:
        await asyncio.sleep(0)
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        await within(run_of(leaving), soft=None, hard=5)


async def test_the_job_sees_the_context_of_its_caller() -> None:
    async def job(ctx: object) -> str:
        return who.get()

    who.set("me")
    assert await within(run_of(job), soft=None, hard=5) == "me"
    assert await within(run_of(job), soft=None, hard=None) == "me"


async def test_without_limits_the_job_runs_in_the_task_of_its_caller() -> None:
    async def job(ctx: object) -> Any:
        return asyncio.current_task()

    assert await within(run_of(job), soft=None, hard=None) is asyncio.current_task()


async def test_anything_that_can_be_awaited_is_a_job() -> None:
    def job(ctx: object) -> asyncio.Future[str]:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.01, future.set_result, "from a future")
        return future

    assert await within(run_of(job), soft=5, hard=5) == "from a future"


# Cancellations from outside


async def test_an_abort_reaches_the_job() -> None:
    started = asyncio.Event()
    seen: list[BaseException] = []

    async def job(ctx: object) -> None:
        started.set()
        try:
            await forever(ctx)
        except asyncio.CancelledError as error:
            seen.append(error)
            raise

    task = asyncio.create_task(within(run_of(job), soft=5, hard=10))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [type(error) for error in seen] == [asyncio.CancelledError]


async def test_an_abort_before_the_job_began_ends_it() -> None:
    ran: list[int] = []

    async def job(ctx: object) -> None:
        ran.append(1)

    task = asyncio.create_task(within(run_of(job), soft=5, hard=10))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not ran


async def test_the_soft_limit_does_not_come_into_the_clean_up_after_an_abort() -> None:
    started, cleaned = asyncio.Event(), asyncio.Event()

    async def job(ctx: object) -> None:
        started.set()
        try:
            await forever(ctx)
        finally:
            await asyncio.sleep(0.05)
            cleaned.set()

    task = asyncio.create_task(within(run_of(job), soft=0.03, hard=10))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned.is_set()


async def test_an_abort_is_not_lost_in_a_group_that_is_left_for_the_soft_limit() -> None:
    """The group is left with what it was left for first, and drops what comes while it waits for its tasks."""
    leaving, aborted = asyncio.Event(), asyncio.Event()

    async def child() -> None:
        try:
            await forever(None)
        finally:
            leaving.set()
            await aborted.wait()

    async def job(ctx: object) -> str:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(child())
        except SoftTimeLimit:
            return "goes on after its soft limit"
        return "never"

    task = asyncio.create_task(within(run_of(job), soft=0.02, hard=5))
    await leaving.wait()
    task.cancel()
    await asyncio.sleep(0)
    aborted.set()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert not isinstance(caught.value, SoftTimeLimit)


async def test_an_abort_after_the_hard_limit_is_an_abort() -> None:
    closing, release = asyncio.Event(), asyncio.Event()

    async def slow_to_close(ctx: object) -> None:
        try:
            await forever(ctx)
        finally:
            closing.set()
            with contextlib.suppress(asyncio.CancelledError):
                await release.wait()

    task = asyncio.create_task(within(run_of(slow_to_close), soft=None, hard=0.02))
    await closing.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_job_that_ignores_an_abort_still_has_its_hard_limit() -> None:
    started, release = asyncio.Event(), asyncio.Event()

    async def stubborn(ctx: object) -> None:
        started.set()
        while not release.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await release.wait()

    task = asyncio.create_task(within(run_of(stubborn), soft=None, hard=0.03, grace=0.03))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()
    await eventually(lambda: not others())


# The soft limit and what asyncio has


async def test_tasks_of_a_group_are_cancelled_at_the_soft_limit() -> None:
    cancelled: list[int] = []

    async def child(number: int) -> None:
        try:
            await forever(None)
        except asyncio.CancelledError:
            cancelled.append(number)
            raise

    async def job(ctx: object) -> str:
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(3):
                    group.create_task(child(number))
        except SoftTimeLimit:
            return "cleaned"
        return "never"

    assert await within(run_of(job), soft=0.03, hard=5) == "cleaned"
    assert sorted(cancelled) == [0, 1, 2]
    assert not others()


async def test_the_soft_limit_in_the_body_of_a_group_is_what_the_job_fails_with() -> None:
    """Before Python 3.13 the group wraps it; that must not show."""
    child: list[asyncio.Task[Any]] = []

    async def job(ctx: object) -> None:
        async with asyncio.TaskGroup() as group:
            child.append(group.create_task(forever(None)))
            await forever(ctx)

    with pytest.raises(SoftTimeLimit):
        await within(run_of(job), soft=0.03, hard=5)
    assert child[0].cancelled()


async def test_an_error_beside_the_soft_limit_in_a_group_is_not_hidden() -> None:
    async def child() -> None:
        try:
            await forever(None)
        finally:
            raise ValueError("of the child")

    async def job(ctx: object) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(child())
            await forever(ctx)

    with pytest.raises(BaseExceptionGroup) as caught:
        await within(run_of(job), soft=0.03, hard=5)
    assert caught.value.subgroup(ValueError) is not None


async def test_what_a_group_raises_beside_the_soft_limit_is_an_ordinary_group() -> None:
    """Before Python 3.13 the limit is in it, which makes it a BaseExceptionGroup, and `except Exception` passes it."""

    async def child() -> None:
        try:
            await forever(None)
        finally:
            raise ValueError("of the child")

    async def job(ctx: object) -> None:
        async with asyncio.TaskGroup() as outer, asyncio.TaskGroup() as group:
            group.create_task(child())
            outer.create_task(child())
            await forever(ctx)

    with pytest.raises(ExceptionGroup) as caught:
        await within(run_of(job), soft=0.03, hard=5)
    assert caught.value.subgroup(lambda error: isinstance(error, SoftTimeLimit)) is None


async def test_a_timeout_around_the_place_does_not_take_the_soft_limit_for_its_own() -> None:
    async def job(ctx: object) -> str:
        try:
            async with asyncio.timeout(5):
                await forever(ctx)
        except TimeoutError:
            return "timeout"
        except SoftTimeLimit:
            return "soft limit"

    assert await within(run_of(job), soft=0.03, hard=5) == "soft limit"


async def test_a_timeout_works_after_the_soft_limit() -> None:
    async def job(ctx: object) -> str:
        with contextlib.suppress(SoftTimeLimit):
            await forever(ctx)
        try:
            async with asyncio.timeout(0.02):
                await forever(ctx)
        except TimeoutError:
            return f"timeout, {current().cancelling()} cancellations"

    assert await within(run_of(job), soft=0.02, hard=5) == "timeout, 0 cancellations"


async def test_shielded_work_goes_on_at_the_soft_limit() -> None:
    release = asyncio.Event()

    async def job(ctx: object) -> bool:
        work = asyncio.ensure_future(release.wait())
        try:
            await asyncio.shield(work)
        except SoftTimeLimit:
            release.set()
            return await work
        return False

    assert await within(run_of(job), soft=0.02, hard=5) is True


async def test_gathered_work_is_cancelled_at_the_soft_limit() -> None:
    work: list[asyncio.Task[Any]] = []

    async def job(ctx: object) -> None:
        work.extend(asyncio.ensure_future(forever(None)) for _ in range(3))
        await asyncio.gather(*work)

    with pytest.raises(SoftTimeLimit):
        await within(run_of(job), soft=0.02, hard=5)
    assert all(task.cancelled() for task in work)


async def test_what_a_child_returns_when_it_is_cancelled_is_not_lost() -> None:
    """The child takes the cancellation for itself, so the limit comes at the next await."""

    async def child() -> str:
        try:
            await forever(None)
        except asyncio.CancelledError:
            return "partial"

    async def job(ctx: object) -> str:
        got = await asyncio.ensure_future(child())
        try:
            await forever(ctx)
        except SoftTimeLimit:
            return f"{got}, then the limit"

    assert await within(run_of(job), soft=0.02, hard=5) == "partial, then the limit"


async def test_async_generators_and_contexts_are_left_at_the_soft_limit() -> None:
    left: list[str] = []

    @contextlib.asynccontextmanager
    async def resource() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await asyncio.sleep(0)
            left.append("resource")

    async def job(ctx: object) -> None:
        async with resource():
            await forever(ctx)

    with pytest.raises(SoftTimeLimit):
        await within(run_of(job), soft=0.02, hard=5)
    assert left == ["resource"]


# interrupt, by hand


async def test_an_interrupt_arrives_as_the_very_exception() -> None:
    error = RuntimeError("this one")
    run, task = begin(forever)
    await asyncio.sleep(0)
    run.interrupt(error)
    with pytest.raises(RuntimeError) as caught:
        await task
    assert caught.value is error
    assert task.cancelling() == 0


async def test_an_interrupt_before_the_start_ends_the_job_before_it_runs() -> None:
    ran: list[int] = []

    async def job(ctx: object) -> None:
        ran.append(1)

    run, task = begin(job)
    run.interrupt(SoftTimeLimit())
    with pytest.raises(SoftTimeLimit):
        await task
    assert not ran


async def test_an_interrupt_while_the_job_computes_comes_at_its_next_await() -> None:
    async def job(ctx: dict[str, LoopRun]) -> str:
        ctx["run"].interrupt(SoftTimeLimit())
        computed = "computed"
        try:
            await asyncio.sleep(0)
        except SoftTimeLimit:
            return f"{computed}, then interrupted"
        return "not interrupted"

    ctx: dict[str, Any] = {}
    ctx["run"] = run = LoopRun(job, ctx, (), {})
    task = asyncio.create_task(run.result())
    assert await task == "computed, then interrupted"


async def test_an_interrupt_while_the_job_computes_its_last_is_dropped() -> None:
    async def job(ctx: dict[str, LoopRun]) -> str:
        ctx["run"].interrupt(SoftTimeLimit())
        return "done"

    async def caller(run: LoopRun) -> str:
        result = await run.result()
        await asyncio.sleep(0)  # nothing of it may come here
        return str(result)

    ctx: dict[str, Any] = {}
    ctx["run"] = run = LoopRun(job, ctx, (), {})
    task = asyncio.create_task(caller(run))
    assert await task == "done"
    assert task.cancelling() == 0


async def test_an_interrupt_after_the_end_is_dropped() -> None:
    async def job(ctx: object) -> int:
        return 1

    run = run_of(job)
    assert await run.result() == 1
    run.interrupt(SoftTimeLimit())
    await asyncio.sleep(0)


async def test_only_the_first_interrupt_counts() -> None:
    first, second = SoftTimeLimit("first"), SoftTimeLimit("second")
    run, task = begin(forever)
    await asyncio.sleep(0)
    run.interrupt(first)
    run.interrupt(second)
    with pytest.raises(SoftTimeLimit, match="first"):
        await task


@pytest.mark.parametrize("cancel_first", [True, False])
async def test_a_cancellation_beside_an_interrupt_goes_first_and_both_arrive(cancel_first: bool) -> None:
    seen: list[str] = []

    async def job(ctx: object) -> None:
        for _ in range(3):
            try:
                await asyncio.sleep(0.02)
            except asyncio.CancelledError as error:
                seen.append(type(error).__name__)

    run, task = begin(job)
    await asyncio.sleep(0)
    steps: list[Callable[[], object]] = [task.cancel, lambda: run.interrupt(SoftTimeLimit())]
    for step in steps if cancel_first else reversed(steps):
        step()
    await task
    assert seen == ["CancelledError", "SoftTimeLimit"]
    assert task.cancelling() == 1  # the real one, which the job has swallowed


# Any order of interrupt, cancellation and end


@pytest.mark.parametrize("seed", range(200))
async def test_whatever_comes_together_nothing_hangs_and_no_cancellation_is_lost(seed: int) -> None:
    chance = random.Random(seed)
    seen: list[str] = []
    run, task = begin(job_of(chance, seen))
    error = SoftTimeLimit(str(seed))
    was_cancelled = was_interrupted = False
    when = {"interrupt": chance.randrange(12), "cancel": chance.choice([chance.randrange(12), 99])}
    for tick in range(12):
        for step in chance.sample(sorted(when), 2):
            if when[step] == tick and not task.done():
                if step == "cancel":  # as `within` does it
                    error.give_way()
                    was_cancelled = task.cancel()
                else:
                    was_interrupted = True
                    run.interrupt(error)
        await asyncio.sleep(0)
    await asyncio.wait({task}, timeout=10)
    assert task.done()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    if was_cancelled:
        assert task.cancelled()
        assert "CancelledError" in seen or not seen  # not seen: it came before the job began
    if was_interrupted and not was_cancelled:
        # cancelled: by the interrupt, before the job began; errors: from Python 3.13 on they take its place in a group
        assert "SoftTimeLimit" in seen or task.cancelled() or "errors" in seen
    assert seen.count("SoftTimeLimit") <= 1
    assert task.cancelling() == was_cancelled
    assert not others()


def job_of(chance: random.Random, seen: list[str]) -> Job:
    """A job of random steps, each waiting in another way. An interrupt does not end it, a cancellation does."""

    async def grouped() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))
            group.create_task(asyncio.sleep(0.001))

    async def gathered() -> None:
        await asyncio.gather(asyncio.sleep(0), asyncio.sleep(0.001))

    async def timed_out() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                await asyncio.sleep(1)

    async def shielded() -> None:
        await asyncio.shield(asyncio.sleep(0))

    async def failing() -> None:
        await asyncio.sleep(0)
        raise ValueError

    async def failing_group() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(failing())
                await asyncio.sleep(1)  # here, since a failure while the group is left counts as a cancellation in 3.11
        except BaseExceptionGroup as errors:
            if current().cancelling():  # before Python 3.13 the errors take the place of a cancellation
                raise asyncio.CancelledError from None
            if limits := errors.subgroup(SoftTimeLimit):
                raise limits.exceptions[0] from None
            seen.append("errors")

    kinds: list[Callable[[], Awaitable[Any]]] = [
        lambda: asyncio.sleep(0), grouped, gathered, timed_out, shielded, failing_group,
    ]  # fmt: skip
    steps = chance.choices(kinds, k=chance.randrange(1, 6))

    async def job(ctx: object) -> None:
        for step in [*steps, kinds[0], kinds[0]]:  # the last ones give place to what comes late
            try:
                await step()
            except SoftTimeLimit:
                seen.append("SoftTimeLimit")
            except asyncio.CancelledError:
                seen.append("CancelledError")
                raise

    return job


# Pausing


async def test_time_in_which_a_job_is_paused_does_not_count() -> None:
    stopwatch = Stopwatch()
    loop = asyncio.get_running_loop()

    async def job(ctx: object) -> float:
        stopwatch.pause()
        began = loop.time()
        loop.call_later(0.15, stopwatch.resume)
        try:
            await forever(ctx)
        except SoftTimeLimit:
            return loop.time() - began

    began = loop.time()
    took = await within(run_of(job), soft=0.05, hard=5, stopwatch=stopwatch)
    counted, passed = stopwatch.elapsed, loop.time() - began
    assert took > 0.19
    assert 0.05 <= counted < passed - 0.14


async def test_a_pause_that_ends_before_the_limit_moves_it() -> None:
    stopwatch = Stopwatch()
    loop = asyncio.get_running_loop()

    def pause() -> None:
        stopwatch.pause()
        loop.call_later(0.1, stopwatch.resume)

    async def job(ctx: object) -> None:
        loop.call_later(0.01, pause)
        await forever(ctx)

    began = loop.time()
    with pytest.raises(HardTimeLimit):
        await within(run_of(job), soft=None, hard=0.3, stopwatch=stopwatch)
    assert loop.time() - began > 0.395


async def test_the_limits_count_from_when_the_job_begins() -> None:
    stopwatch = Stopwatch()
    stopwatch._spent = 1_000.0

    async def job(ctx: object) -> str:
        await asyncio.sleep(0.01)
        return "done"

    assert await within(run_of(job), soft=5, hard=10, stopwatch=stopwatch) == "done"


async def test_pausing_twice_is_pausing_once() -> None:
    stopwatch = Stopwatch()
    stopwatch.pause()
    stopwatch.pause()
    stood = stopwatch.elapsed
    assert stopwatch.is_paused
    assert stopwatch.elapsed == stood
    stopwatch.resume()
    stopwatch.resume()
    assert not stopwatch.is_paused


async def test_a_pause_after_the_hard_limit_does_not_save_a_stubborn_job() -> None:
    stopwatch, release = Stopwatch(), asyncio.Event()
    given_up: list[BaseException] = []

    async def stubborn(ctx: object) -> None:
        while not release.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await release.wait()
            stopwatch.pause()
            stopwatch.resume()

    run = run_of(stubborn)
    task = asyncio.create_task(
        within(run, soft=None, hard=0.02, stopwatch=stopwatch, grace=0.05, give_up=given_up.append)
    )
    with contextlib.suppress(AssertionError):
        await eventually(lambda: given_up)
    release.set()
    await asyncio.wait({task})
    assert [type(error) for error in given_up] == [HardTimeLimit]


async def test_nothing_listens_to_the_stopwatch_after_the_end() -> None:
    stopwatch = Stopwatch()
    for _ in range(3):
        with pytest.raises(SoftTimeLimit):
            await within(run_of(forever), soft=0.01, hard=60, stopwatch=stopwatch)
    assert not stopwatch.on_resume


def begin(job: Job) -> tuple[LoopRun, asyncio.Task[Any]]:
    run = run_of(job)
    return run, asyncio.create_task(run.result())


def current() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


def others() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {current()}


def block_until(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        pass


if sys.version_info >= (3, 13):

    async def test_a_group_lets_the_soft_limit_through_as_it_is() -> None:
        async def job(ctx: object) -> str:
            try:
                async with asyncio.TaskGroup():
                    await forever(ctx)
            except SoftTimeLimit:
                return "caught"

        assert await within(run_of(job), soft=0.02, hard=5) == "caught"
