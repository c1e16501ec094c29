"""Single runs in child processes, and what makes them hard: forks, programs, odd exceptions, limits at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import hard_process_tasks as tasks
import pytest
from waiting import eventually

from arqboard.limits import HardTimeLimit, SoftTimeLimit, within
from arqboard.live import Live
from arqboard.processes import ProcessDied, ProcessPool, ProcessRun, reference_of


@pytest.fixture
async def pool() -> AsyncIterator[ProcessPool]:
    opened = ProcessPool(4)
    yield opened
    await opened.close()


def run_of(pool: ProcessPool, function: Callable[..., Any], *args: Any, **options: Any) -> ProcessRun:
    known: dict[str, Any] = {
        "live": Live("j1", "t"), "on_live": lambda: None, "on_log": lambda lines: None, "grace": 20.0,
    }  # fmt: skip
    return ProcessRun(pool, reference_of(function), {"job_id": "j1"}, args, {}, **{**known, **options})


async def is_usable(pool: ProcessPool) -> bool:
    total, _pid = await run_of(pool, tasks.add, 1, 2).result()
    return bool(total == 3)


def is_alive(pid: int) -> bool:
    """Whether there is such a process, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def written(path: Path) -> str:
    return str(await eventually(lambda: path.exists() and path.read_text()))


async def all_heard(run: ProcessRun) -> None:
    """Wait until the child has taken in what it was told: it answers in the order in which it was asked."""
    answers: list[dict[str, Any]] = []
    run.show(answers.append)
    await eventually(lambda: answers)


# What a job starts


async def test_a_program_that_a_job_starts_can_be_ended_as_usual(pool: ProcessPool) -> None:
    assert await run_of(pool, tasks.terminate_a_program).result() == -signal.SIGTERM


async def test_the_hard_limit_also_ends_the_programs_a_job_has_started(pool: ProcessPool, tmp_path: Path) -> None:
    assert await is_usable(pool)  # its process runs
    run = run_of(pool, tasks.run_a_program, str(tmp_path / "pids"))
    task = asyncio.create_task(within(run, soft=None, hard=2))
    pids = [int(pid) for pid in (await written(tmp_path / "pids")).split()]
    assert all(is_alive(pid) for pid in pids)
    with pytest.raises(HardTimeLimit):
        await task
    await eventually(lambda: not any(is_alive(pid) for pid in pids))


async def test_a_child_that_dies_is_noticed_also_while_a_fork_of_it_lives(pool: ProcessPool, tmp_path: Path) -> None:
    run = run_of(pool, tasks.die_beside_a_fork, str(tmp_path / "pid"))
    with pytest.raises(ProcessDied, match="exit code 3"):
        await asyncio.wait_for(run.result(), 20)
    fork = int(await written(tmp_path / "pid"))
    await eventually(lambda: not is_alive(fork))
    assert await is_usable(pool)


async def test_a_child_that_closes_its_line_to_the_worker_is_ended(pool: ProcessPool) -> None:
    task = asyncio.create_task(run_of(pool, tasks.close_everything).result())
    await asyncio.wait({task}, timeout=20)  # without a cancellation, which would end it too
    with pytest.raises(ProcessDied):
        task.result()
    assert await is_usable(pool)


async def test_signals_to_the_group_of_the_worker_do_not_reach_its_children(pool: ProcessPool) -> None:
    _total, pid = await run_of(pool, tasks.add, 1, 2).result()
    assert os.getpgid(pid) != os.getpgid(0)


async def test_without_news_from_the_system_a_thread_waits_for_the_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)  # as it is outside of Linux
    pool = ProcessPool(4)
    with pytest.raises(ProcessDied, match="exit code 3"):
        await run_of(pool, tasks.die_beside_a_fork, str(tmp_path / "pid")).result()
    assert await is_usable(pool)
    await pool.close()


async def test_no_zombies_and_no_descriptors_are_left(pool: ProcessPool, tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    pids: list[int] = []
    for n in range(4):
        task = asyncio.create_task(run_of(pool, tasks.run_a_program, str(tmp_path / str(n)), grace=0.0).result())
        pids += map(int, (await written(tmp_path / str(n))).split())
        task.cancel()
        await asyncio.wait({task})
    await eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids[::2]))
    await eventually(lambda: not pool._all and len(os.listdir("/proc/self/fd")) <= before)


# What a job raises


@pytest.mark.parametrize("function", [tasks.raise_, tasks.raise_async], ids=["plain", "coroutine"])
@pytest.mark.parametrize("what", sorted(tasks.KINDS))
async def test_whatever_a_job_raises_is_its_error_and_its_process_lives(
    pool: ProcessPool, function: Callable[..., Any], what: str
) -> None:
    _total, pid = await run_of(pool, tasks.add, 1, 2).result()
    with pytest.raises(type(tasks.KINDS[what])) as caught:
        await within(run_of(pool, function, what), soft=None, hard=20)
    assert str(caught.value) == str(tasks.KINDS[what])
    assert (await run_of(pool, tasks.add, 1, 2).result())[1] == pid


async def test_a_report_that_fails_in_the_worker_does_not_break_the_job(
    pool: ProcessPool, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError("no reporter")

    assert await run_of(pool, tasks.report, on_live=broken).result() == "done"
    assert "no reporter" in caplog.text


async def test_context_variables_of_one_job_are_not_those_of_the_next(pool: ProcessPool) -> None:
    assert await run_of(pool, tasks.remember, "first").result() == "nobody"
    assert await run_of(pool, tasks.remember, "second").result() == "nobody"


# What comes together


async def test_a_cancellation_beside_the_soft_limit_is_not_lost(pool: ProcessPool, tmp_path: Path) -> None:
    """The system makes one signal of two that wait."""
    started, seen = tmp_path / "started", tmp_path / "seen"
    run = run_of(pool, tasks.hear_late, str(started), str(seen))
    task = asyncio.create_task(run.result())
    await written(started)
    run.interrupt(SoftTimeLimit())
    task.cancel()
    await asyncio.sleep(0)  # it is passed on
    await all_heard(run)
    seen.touch()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 20)
    assert seen.read_text() == ""


async def test_an_abort_is_not_lost_in_a_group_that_is_left_for_the_soft_limit(
    pool: ProcessPool, tmp_path: Path
) -> None:
    leaving, release = tmp_path / "leaving", tmp_path / "release"
    assert await is_usable(pool)  # its process runs
    run = run_of(pool, tasks.leave_a_group, str(leaving), str(release))
    task = asyncio.create_task(within(run, soft=1.5, hard=20))
    await written(leaving)
    task.cancel()
    for _ in range(3):
        await asyncio.sleep(0)  # it is passed on, from task to task
    await all_heard(run)
    release.touch()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_process_that_is_being_killed_gets_no_other_job(pool: ProcessPool, tmp_path: Path) -> None:
    for n in range(5):
        task = asyncio.create_task(run_of(pool, tasks.run_a_program, str(tmp_path / str(n))).result())
        await written(tmp_path / str(n))
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()  # the second one does not wait
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await is_usable(pool)


@pytest.mark.parametrize("function", [tasks.wait_a_moment, tasks.wait_a_moment_async], ids=["plain", "coroutine"])
async def test_whatever_comes_when_each_run_ends_and_no_process_is_lost(
    pool: ProcessPool, function: Callable[..., Any]
) -> None:
    chance = random.Random(7)

    async def one() -> str:
        run = run_of(pool, function, chance.random() * 0.02)
        task = asyncio.create_task(run.result())
        await asyncio.sleep(chance.random() * 0.03)
        steps: list[Callable[[], object]] = [lambda: run.interrupt(SoftTimeLimit()), task.cancel]
        for step in chance.sample(steps, chance.randrange(3)):
            step()
        with contextlib.suppress(asyncio.CancelledError):
            return str(await asyncio.wait_for(asyncio.shield(task), 20))
        return "cancelled"

    await asyncio.gather(*(run_of(pool, tasks.add, 1, 2).result() for _ in range(4)))
    pids = {child._process.pid for child in pool._all}
    for _ in range(40):
        assert set(await asyncio.gather(*(one() for _ in range(4)))) <= {"done", "cancelled"}
    assert {child._process.pid for child in pool._all} == pids
