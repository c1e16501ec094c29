"""Tasks with options: how they are submitted, tried again, limited, checked, and what their hooks hear."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from arq.connections import ArqRedis
from arq.jobs import SerializationError
from waiting import eventually

from arqboard import (
    Backoff,
    BadArguments,
    Board,
    HardTimeLimit,
    JobAborted,
    JobExists,
    JobHandle,
    NoBoard,
    Retry,
    SoftTimeLimit,
    Task,
    chain,
    chunks,
    connect,
    every,
    func,
    submit,
    submit_many,
    task,
)
from arqboard.protocol import Job, JobNotFound, Outcome, Reader, State
from arqboard.protocol.commands import Commands
from arqboard.submitting import submit as submit_checked

from .conftest import StartWorker

QUICKLY = Backoff(base=0.01, jitter=False)


@pytest.fixture
async def board(redis: object, redis_url: str) -> AsyncIterator[Board]:
    opened = await connect(redis_url)
    yield opened
    await opened.close()


async def test_a_task_is_submitted_and_waited_for(start: StartWorker, board: Board) -> None:
    @task
    async def add(ctx: dict[str, Any], a: int, b: int = 2) -> int:
        return a + b

    await start(add)
    handle = await add.submit(1, b=5)
    assert await handle.result(timeout=20) == 6
    assert await handle.status() is State.SUCCEEDED
    assert await add({}, 1) == 3  # it is still a function


async def test_a_function_that_is_no_task_is_submitted_with_its_arguments_checked(
    start: StartWorker, board: Board
) -> None:
    async def double(ctx: dict[str, Any], n: int) -> int:
        return 2 * n

    await start(double)
    handle = await submit(double, n=4)
    await eventually(lambda: _ended(handle.info))
    assert (await handle.info()).function.endswith("double")
    with pytest.raises(BadArguments, match="n"):
        await submit(double, n="four")  # type: ignore[arg-type] # what is tested


async def _ended(info: Any) -> bool:
    job: Job = await info()
    return job.state.is_terminal


async def test_without_a_board_the_error_says_what_to_do() -> None:
    @task
    async def lost(ctx: dict[str, Any]) -> None: ...

    with pytest.raises(NoBoard, match=r"arqboard\.connect"):
        await lost.submit()


async def test_a_job_that_a_job_submits_knows_its_parent(start: StartWorker, board: Board, reader: Reader) -> None:
    @task(name="child")
    async def child(ctx: dict[str, Any]) -> None: ...

    @task(name="parent")
    async def parent(ctx: dict[str, Any]) -> str:
        return str((await child.submit()).id)

    await start(parent, child)
    handle = await parent.submit()
    child_id = await handle.result(timeout=20)
    assert (await reader.get(child_id)).parent == handle.id


async def test_ten_jobs_go_in_one_call(start: StartWorker, board: Board) -> None:
    @task(name="square")
    async def square(ctx: dict[str, Any], n: int) -> int:
        return n * n

    await start(square)
    handles = await submit_many(square.s(n) for n in range(10))
    assert [await h.result(timeout=20) for h in handles] == [n * n for n in range(10)]
    with pytest.raises(BadArguments):
        await submit_many([square.s(1), square.s("x")])


async def test_a_refused_job_stops_no_other_of_the_same_call(board: Board) -> None:
    @task(name="square")
    async def square(ctx: dict[str, Any], n: int) -> int:
        return n * n

    await square.options(job_id="taken").submit(1)
    calls = [square.s(1), square.s(2).set(job_id="taken"), square.s(3)]
    first, refused, last = await submit_many(calls, return_exceptions=True)
    assert isinstance(first, JobHandle) and isinstance(refused, JobExists) and isinstance(last, JobHandle)
    assert await last.status() is State.QUEUED
    with pytest.raises(JobExists):
        await submit_many([square.s(2).set(job_id="taken"), square.s(3).set(job_id="late")])
    assert await board.job("late").status() is State.QUEUED


async def test_a_result_that_cannot_be_written_down_is_an_error_where_it_is_awaited(
    start: StartWorker, board: Board
) -> None:
    @task(name="opened")
    async def opened(ctx: dict[str, Any]) -> object:
        return threading.Lock()

    await start(opened)
    with pytest.raises(SerializationError, match="unable to serialize result"):
        await (await opened.submit()).result(timeout=20)


# Retries


async def test_listed_exceptions_are_tried_again_and_the_last_one_is_the_jobs_error(
    start: StartWorker, board: Board, reader: Reader
) -> None:
    @task(name="flaky", max_tries=3, retry_on=(OSError,), backoff=QUICKLY)
    async def flaky(ctx: dict[str, Any]) -> None:
        raise ConnectionResetError(f"reset {ctx['job_try']}")

    await start(flaky)
    handle = await flaky.submit()
    with pytest.raises(ConnectionResetError, match="reset 3"):
        await handle.result(timeout=20)
    attempts = await reader.attempts(await handle.info())
    assert [a.outcome for a in attempts] == [Outcome.RETRY, Outcome.RETRY, Outcome.FAILED]
    assert [a.error and a.error.message for a in attempts] == ["reset 1", "reset 2", "reset 3"]


async def test_other_exceptions_fail_at_once(start: StartWorker, board: Board) -> None:
    @task(name="wrong", max_tries=3, retry_on=(OSError,), backoff=QUICKLY)
    async def wrong(ctx: dict[str, Any]) -> None:
        raise ValueError("no")

    await start(wrong)
    handle = await wrong.submit()
    with pytest.raises(ValueError, match="no"):
        await handle.result(timeout=20)
    assert (await handle.info()).tries == 1


async def test_retry_asks_for_another_try_with_its_own_delay(start: StartWorker, board: Board) -> None:
    @task(name="asks", max_tries=2)
    async def asks(ctx: dict[str, Any]) -> int:
        if ctx["job_try"] == 1:
            raise Retry(defer=0.01)
        return int(ctx["job_try"])

    await start(asks)
    assert await (await asks.submit()).result(timeout=20) == 2


async def test_one_call_may_have_its_own_number_of_tries(start: StartWorker, board: Board) -> None:
    @task(name="flaky", max_tries=5, retry_on=(OSError,), backoff=QUICKLY)
    async def flaky(ctx: dict[str, Any]) -> None:
        raise OSError("no")

    await start(flaky)
    handle = await flaky.options(max_tries=2).submit()
    await handle.wait(timeout=20)
    job = await handle.info()
    assert (job.tries, job.max_tries, job.state) == (2, 2, State.FAILED)


async def test_a_failed_job_with_edited_arguments_is_a_new_linked_job(
    start: StartWorker, board: Board, reader: Reader
) -> None:
    @task(name="half")
    async def half(ctx: dict[str, Any], n: int) -> int:
        if n % 2:
            raise ValueError("odd")
        return n // 2

    await start(half)
    failed = await half.submit(3)
    await failed.wait(timeout=20)
    edited = await half.options(retry_of=failed.id).submit(4)
    assert await edited.result(timeout=20) == 2
    assert (await reader.get(edited.id)).retry_of == failed.id
    assert (await reader.get(failed.id)).retried_as == edited.id

    await half.options(retry_of="gone").submit(2)
    with pytest.raises(JobNotFound):
        await reader.get("gone")


# Limits


async def test_the_soft_limit_is_raised_inside_so_the_job_can_clean_up(start: StartWorker, board: Board) -> None:
    @task(name="slow", soft_timeout=0.05, timeout=5)
    async def slow(ctx: dict[str, Any]) -> str:
        try:
            await asyncio.Event().wait()
        except SoftTimeLimit:
            return "cleaned up"
        return "never"

    await start(slow)
    assert await (await slow.submit()).result(timeout=20) == "cleaned up"


async def test_a_soft_limit_that_is_let_through_fails_the_job(start: StartWorker, board: Board) -> None:
    @task(name="slow", soft_timeout=timedelta(milliseconds=50), timeout=timedelta(minutes=1))
    async def slow(ctx: dict[str, Any]) -> None:
        await asyncio.Event().wait()

    await start(slow)
    handle = await slow.submit()
    job = await handle.wait(timeout=20)
    assert job.state is State.FAILED and job.error is not None
    assert str(job.error) == "SoftTimeLimit: ran longer than its soft limit of 0.05 s"
    with pytest.raises(TimeoutError, match="soft limit"):  # no CancelledError: who waits is not cancelled
        await handle.result(timeout=20)


async def test_the_hard_limit_ends_the_job_and_can_be_tried_again(start: StartWorker, board: Board) -> None:
    @task(name="stuck", timeout=0.05, max_tries=2, retry_on=(TimeoutError,), backoff=QUICKLY)
    async def stuck(ctx: dict[str, Any]) -> None:
        await asyncio.Event().wait()

    await start(stuck)
    handle = await stuck.submit()
    with pytest.raises(HardTimeLimit, match=r"limit of 0\.05 s"):
        await handle.result(timeout=20)
    assert (await handle.info()).tries == 2


async def test_one_call_may_have_its_own_limits(start: StartWorker, board: Board) -> None:
    @task(name="stuck")
    async def stuck(ctx: dict[str, Any]) -> None:
        await asyncio.Event().wait()

    await start(stuck)
    soft = await (await stuck.options(soft_timeout=0.05).submit()).wait(timeout=20)
    hard = await (await stuck.options(timeout=0.05).submit()).wait(timeout=20)
    assert [j.error and j.error.type for j in (soft, hard)] == ["SoftTimeLimit", "HardTimeLimit"]


async def test_a_plain_function_runs_in_a_thread(start: StartWorker, board: Board) -> None:
    import threading

    def where(ctx: dict[str, Any]) -> bool:
        return threading.current_thread() is threading.main_thread()

    await start(task(name="where", run_in="thread")(where))
    assert await (await func(where, name="where").submit()).result(timeout=20) is False


# Arguments


@dataclass
class Address:
    street: str
    since: date


async def test_arguments_are_checked_before_anything_is_queued(board: Board, reader: Reader) -> None:
    @task(name="typed")
    async def typed(ctx: dict[str, Any], list_id: int, when: date) -> None: ...

    with pytest.raises(BadArguments) as raised:
        await typed.submit(list_id="seven", when=date(2026, 1, 1))  # type: ignore[arg-type] # what is tested
    assert list(raised.value.problems) == ["list_id"]
    with pytest.raises(BadArguments, match="when"):
        await typed.submit(list_id=7)  # type: ignore[call-arg] # as above
    assert (await reader.page(_all())).total == 0


def _all() -> Any:
    from arqboard.protocol import Query

    return Query()


async def _exists(reader: Reader, job_id: str) -> bool:
    return (await reader.many([job_id]))[0] is not None


async def test_the_worker_checks_too_and_says_what_is_wrong(
    start: StartWorker, board: Board, pool: ArqRedis, reader: Reader
) -> None:
    ran = False

    @task(name="typed", max_tries=5, retry_on=(Exception,))
    async def typed(ctx: dict[str, Any], list_id: int) -> None:
        nonlocal ran
        ran = True

    await start(typed)
    job = await pool.enqueue_job("typed", list_id="seven")
    assert job is not None
    await eventually(lambda: _exists(reader, job.job_id))
    found = await board.job(job.job_id).wait(timeout=20)
    assert found.state is State.FAILED and found.error is not None
    assert found.error.type == "BadArguments" and "list_id" in found.error.message
    assert not ran and found.tries == 1


async def test_arguments_arrive_as_their_hints_say(start: StartWorker, board: Board, pool: ArqRedis) -> None:
    @task(name="typed")
    async def typed(ctx: dict[str, Any], home: Address, at: datetime) -> str:
        return f"{type(home).__name__} {home.since.year} {at.tzinfo}"

    await start(typed)
    home = {"street": "Main", "since": "2026-01-02"}
    job = await pool.enqueue_job("typed", home=home, at="2026-01-02T03:04:05Z")
    assert job is not None and await job.result(timeout=20, poll_delay=0.02) == "Address 2026 UTC"


async def test_plain_arq_code_is_left_as_it_is(start: StartWorker, pool: ArqRedis) -> None:
    async def sloppy(ctx: dict[str, Any], n: int) -> str:
        return type(n).__name__

    await start(sloppy)
    job = await pool.enqueue_job("sloppy", "5")
    assert job is not None and await job.result(timeout=20, poll_delay=0.02) == "str"


async def test_tags_of_the_task_and_of_the_call_are_on_the_job(board: Board) -> None:
    @task(tags=["import"])
    async def load(ctx: dict[str, Any]) -> None: ...

    plain = await (await load.submit()).info()
    both = await (await load.options(tags=("customer:42", "import")).submit()).info()

    assert plain.tags == ("import",)
    assert both.tags == ("import", "customer:42")


async def test_all_jobs_of_a_workflow_have_its_tags(board: Board, start: StartWorker, reader: Reader) -> None:
    @task(tags=["own"])
    async def one(ctx: dict[str, Any]) -> None: ...

    await start(one)
    flow = await chain(one.si(), one.si().set(tags=["last"])).submit(tags=["whole"])
    await flow.wait(10)

    assert [(await reader.get(f"{flow.id}.{n}")).tags for n in range(2)] == [
        ("own", "whole"), ("own", "last", "whole"),
    ]  # fmt: skip


async def test_jobs_of_stock_enqueue_job_get_the_tags_of_their_task(
    start: StartWorker, pool: ArqRedis, reader: Reader
) -> None:
    @task(tags=["import"])
    async def load(ctx: dict[str, Any]) -> None: ...

    await start(load)
    sent = await pool.enqueue_job(load.name)
    assert sent is not None
    await sent.result(timeout=30)
    assert (await reader.get(sent.job_id)).tags == ("import",)


@pytest.mark.parametrize("tags", ["import", ["two words"], [str(n) for n in range(11)]])
async def test_what_is_no_tag_is_refused_where_it_is_written(tags: Any) -> None:
    async def load(ctx: dict[str, Any]) -> None: ...

    with pytest.raises(ValueError, match="tag"):
        task(tags=tags)(load)
    with pytest.raises(ValueError, match="tag"):
        task(load).options(tags=tags)
    with pytest.raises(ValueError, match="tag"):
        every(60, task(load), tags=tags)


async def test_wrong_options_are_refused_where_they_are_written() -> None:
    async def work(ctx: dict[str, Any]) -> None: ...

    with pytest.raises(ValueError, match="the soft limit comes first"):
        task(soft_timeout=10, timeout=5)(work)
    with pytest.raises(ValueError, match="priority has to be from 0 to 9"):
        task(priority=10)(work)
    with pytest.raises(ValueError, match="a rate looks like"):
        task(rate="often")
    with pytest.raises(ValueError, match="is a coroutine function"):
        task(run_in="thread")(work)  # a coroutine function
    with pytest.raises(TypeError, match="there is no option 'prio'"):
        task(work).options(prio=1)  # type: ignore[call-arg] # what is tested
    with pytest.raises(TypeError, match="is a task already"):
        task(task(work))


# ctx and hooks


async def test_ctx_has_the_function_its_arguments_the_queue_and_the_worker(start: StartWorker, board: Board) -> None:
    @task(name="shows")
    async def shows(ctx: dict[str, Any], a: int, b: str = "x") -> list[Any]:
        return [ctx["function"], list(ctx["args"]), ctx["kwargs"], ctx["queue"], ctx["worker"]]

    worker = await start(shows)
    assert await (await shows.submit(1, b="y")).result(timeout=20) == ["shows", [1], {"b": "y"}, "arq:queue", worker.id]


class Heard(list[tuple[Any, ...]]):
    """What hooks were told."""

    def hook(self, name: str) -> Any:
        async def hear(ctx: dict[str, Any], *what: Any) -> None:
            self.append((name, ctx["function"], *(repr(w) for w in what)))

        return hear


async def test_hooks_of_a_task_and_of_all_hear_the_end_once_it_is_stored(start: StartWorker, board: Board) -> None:
    heard = Heard()

    @task(name="good", on_success=heard.hook("own success"))
    async def good(ctx: dict[str, Any]) -> int:
        return 7

    @task(name="bad", max_tries=2, retry_on=(ValueError,), backoff=QUICKLY, on_retry=heard.hook("own retry"))
    async def bad(ctx: dict[str, Any]) -> None:
        raise ValueError("no")

    await start(good, bad, on_success=heard.hook("success"), on_failure=heard.hook("failure"))
    await (await good.submit()).wait(timeout=20)
    await (await bad.submit()).wait(timeout=20)
    await eventually(lambda: len(heard) == 4)
    assert heard == [
        ("own success", "good", "7"),
        ("success", "good", "7"),
        ("own retry", "bad", "ValueError('no')", "0.01"),
        ("failure", "bad", "ValueError('no')"),
    ]


async def test_a_hook_hears_a_failure_of_a_job_that_never_ran(start: StartWorker, board: Board, pool: ArqRedis) -> None:
    heard = Heard()

    @task(name="typed")
    async def typed(ctx: dict[str, Any], n: int) -> None: ...

    await start(typed, on_failure=heard.hook("failure"))
    await pool.enqueue_job("typed", n="x")
    await eventually(lambda: heard)
    assert heard[0][:2] == ("failure", "typed") and "BadArguments" in heard[0][2]


async def test_a_hook_that_raises_is_logged_and_harms_nothing(
    start: StartWorker, board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(ctx: dict[str, Any], *what: Any) -> None:
        raise RuntimeError("the hook broke")

    @task(name="good")
    async def good(ctx: dict[str, Any]) -> int:
        return 1

    await start(good, on_success=broken)
    with caplog.at_level(logging.ERROR):
        assert await (await good.submit()).result(timeout=20) == 1
        await eventually(lambda: "the hook broke" in caplog.text)


async def test_a_hook_hears_progress(start: StartWorker, board: Board) -> None:
    heard, go_on = list[int](), asyncio.Event()

    async def listen(ctx: dict[str, Any], progress: Any) -> None:
        heard.append(progress.done)
        if progress.done == 5:
            go_on.set()

    @task(name="steps", on_progress=listen)
    async def steps(ctx: dict[str, Any]) -> None:
        await ctx["progress"](5, 10)
        await go_on.wait()

    await start(steps)
    await (await steps.submit()).result(timeout=20)
    assert 5 in heard


# Flow control, with a worker


async def test_a_unique_task_has_one_job_per_arguments(start: StartWorker, board: Board) -> None:
    release = asyncio.Event()

    @task(name="sync_user", unique=True)
    async def sync_user(ctx: dict[str, Any], user: int) -> None:
        await release.wait()

    await start(sync_user)
    first, again, other = [await sync_user.submit(n) for n in (1, 1, 2)]
    assert (first.id == again.id, again.is_new, other.is_new) == (True, False, True)
    info = (await board.reader.functions())["sync_user"]  # as the dashboard and the API submit it
    assert (await submit_checked(board.commands, info, [1], {})).job_id == first.id
    release.set()
    await first.wait(timeout=20)
    assert (await sync_user.submit(1)).is_new


async def test_a_job_id_is_taken_until_its_result_has_gone(start: StartWorker, board: Board) -> None:
    @task(name="once")
    async def once(ctx: dict[str, Any]) -> int:
        return 1

    await start(once)
    await (await once.options(job_id="mine").submit()).wait(timeout=20)
    with pytest.raises(JobExists):
        await once.options(job_id="mine").submit()


async def test_an_expired_job_fails_with_its_reason(start: StartWorker, board: Board, redis: Any) -> None:
    @task(name="late", expires=60)
    async def late(ctx: dict[str, Any]) -> None: ...

    handle = await late.submit()
    await redis.hset(board.commands.keys.job(handle.id), "expires_at", 1000)
    await start(late)
    job = await handle.wait(timeout=20)
    assert job.error is not None and str(job.error) == "JobExpired: it waited longer than it may (expires)"
    await handle.retry()
    assert (await handle.wait(timeout=20)).state is State.SUCCEEDED


async def test_an_ignored_result_is_not_kept(start: StartWorker, board: Board, redis: Any) -> None:
    @task(name="quiet", ignore_result=True)
    async def quiet(ctx: dict[str, Any]) -> str:
        return "x" * 1000

    await start(quiet)
    handle = await quiet.submit()
    job = await handle.wait(timeout=20)
    assert (job.state, job.has_result, await redis.exists(f"arq:result:{handle.id}")) == (State.SUCCEEDED, False, 0)


async def test_no_more_than_the_concurrency_of_a_task_run(start: StartWorker, board: Board) -> None:
    most = now = 0

    @task(name="narrow", concurrency=2)
    async def narrow(ctx: dict[str, Any]) -> None:
        nonlocal most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02)
        now -= 1

    await start(narrow, max_jobs=10)
    await start(narrow, max_jobs=10)
    handles = await submit_many(narrow.s() for _ in range(12))
    for handle in handles:
        await handle.wait(timeout=30)
    assert most == 2


async def test_a_paused_job_stops_before_its_next_chunk_and_its_limit_stops_counting(
    start: StartWorker, board: Board, commands: Commands, reader: Reader
) -> None:
    done = list[int]()
    step = asyncio.Semaphore(0)

    @task(name="chunked", timeout=60)
    async def chunked(ctx: dict[str, Any]) -> int:
        async for chunk in chunks(range(6), size=1):
            await step.acquire()
            done.append(chunk.number)
        return len(done)

    worker = await start(chunked)
    handle = await chunked.submit()
    step.release()
    await eventually(lambda: done == [1])
    await eventually(lambda: _has_chunks(reader, handle.id))
    await commands.pause_job(handle.id)
    attempt = worker.running[handle.id]
    await eventually(lambda: attempt.stopwatch.is_paused or attempt.live.is_paused)
    for _ in range(10):
        step.release()
    await eventually(lambda: attempt.stopwatch.is_paused)
    held, counted = list(done), attempt.stopwatch.elapsed
    await _heartbeats(worker, 3)
    assert done == held and len(done) < 6
    assert attempt.stopwatch.elapsed == counted
    assert (await handle.info()).paused is not None

    await commands.resume_job(handle.id)
    assert await handle.result(timeout=20) == 6


async def _has_chunks(reader: Reader, job_id: str) -> bool:
    job = await reader.get(job_id)
    return job.chunks is not None


def _renewed_after(worker: Any, before: float) -> bool:
    return bool(worker.leases._renewed > before)


async def _heartbeats(worker: Any, n: int) -> None:
    """Wait for so many renewals of the leases."""
    for _ in range(n):
        before = worker.leases._renewed
        await eventually(partial(_renewed_after, worker, before))


async def test_a_drained_worker_claims_nothing_until_it_may_again(
    start: StartWorker, board: Board, commands: Commands
) -> None:
    @task(name="quick")
    async def quick(ctx: dict[str, Any]) -> int:
        return 1

    worker = await start(quick)
    await commands.drain(worker.id)
    await eventually(lambda: worker.is_draining)
    handle = await quick.submit()
    await _heartbeats(worker, 2)
    assert await handle.status() is State.QUEUED
    await commands.undrain(worker.id)
    assert await handle.result(timeout=20) == 1


async def test_an_aborted_job_has_no_result(start: StartWorker, board: Board) -> None:
    @task(name="stay")
    async def stay(ctx: dict[str, Any]) -> None:
        await asyncio.Event().wait()

    await start(stay)
    handle = await stay.options(defer_until=datetime.now(UTC) + timedelta(hours=1)).submit()
    assert await handle.status() is State.DEFERRED
    assert await handle.abort() is State.ABORTED
    with pytest.raises(JobAborted):
        await handle.result(timeout=20)


async def test_a_task_runs_on_a_stock_worker_too(board: Board, pool: ArqRedis, redis_settings: Any) -> None:
    import arq.worker

    @task(name="add", max_tries=3, timeout=5)
    async def add(ctx: dict[str, Any], a: int) -> int:
        return a + 1

    def sync(ctx: dict[str, Any]) -> str:
        return "from a thread"

    functions: list[Any] = [add, task(name="sync", run_in="thread")(sync)]
    stock = arq.worker.Worker(
        functions, redis_settings=redis_settings, burst=True, poll_delay=0.05, handle_signals=False
    )
    one, two = await pool.enqueue_job("add", 1), await pool.enqueue_job("sync")
    with contextlib.suppress(asyncio.CancelledError):
        await stock.async_run()
    await stock.close()
    assert one is not None and two is not None
    assert [await one.result(timeout=1), await two.result(timeout=1)] == [2, "from a thread"]


def test_a_task_says_what_it_is() -> None:
    @task(max_tries=2)
    async def send(ctx: dict[str, Any]) -> None:
        """Send it."""

    assert isinstance(send, Task)
    assert (send.__name__, send.__doc__, send.max_tries) == ("send", "Send it.", 2)
    assert repr(send).endswith("send>") and len({send, send}) == 1


async def test_a_job_that_goes_on_after_its_hard_limit_is_left_to_itself(start: StartWorker, board: Board) -> None:
    release = asyncio.Event()

    @task(name="stubborn", timeout=0.05)
    async def stubborn(ctx: dict[str, Any]) -> None:
        while not release.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await release.wait()

    worker = await start(stubborn, arqboard={"abort_grace": 0.1})
    handle = await stubborn.submit()
    with pytest.raises(HardTimeLimit):
        await handle.result(timeout=20)
    assert worker.running == {}
    release.set()


async def test_a_job_that_fails_while_its_hard_limit_ends_it_failed_by_the_limit(
    start: StartWorker, board: Board
) -> None:
    @task(name="trips", timeout=0.05)
    async def trips(ctx: dict[str, Any]) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("while cleaning up")

    await start(trips)
    job = await (await trips.submit()).wait(timeout=20)
    assert job.error is not None and job.error.type == "HardTimeLimit"
    assert "while cleaning up" in job.error.traceback


async def test_an_abort_during_the_grace_of_a_hard_limit_is_an_abort(start: StartWorker, board: Board) -> None:
    cancelled = asyncio.Event()

    @task(name="cleans", timeout=0.05)
    async def cleans(ctx: dict[str, Any]) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            await asyncio.Event().wait()

    await start(cleans, arqboard={"abort_grace": 5.0})
    handle = await cleans.submit()
    await asyncio.wait_for(cancelled.wait(), 30)
    await handle.abort()
    assert (await handle.wait(timeout=20)).state is State.ABORTED
