"""The testing kit, used as its users do."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from arqboard import Backoff, chain, chord, chunks, crontab, current, every, task
from arqboard.protocol import State
from arqboard.testing import JobFailed, Kit, Seen, StillBusy, kit, recorder

log = logging.getLogger("shop.of_the_kit")
log.setLevel(logging.INFO)


@task(name="double")
async def double(ctx: dict[str, Any], n: int) -> int:
    log.info("doubling %d", n)
    return 2 * n


@task(name="total")
async def total(ctx: dict[str, Any], numbers: list[int]) -> int:
    return sum(numbers)


@task(name="flaky", max_tries=4, retry_on=(OSError,), backoff=Backoff(base=3600, cap=86_400))
async def flaky(ctx: dict[str, Any]) -> int:
    if ctx["job_try"] < 4:
        raise OSError("not yet")
    return int(ctx["job_try"])


@task(name="broken")
async def broken(ctx: dict[str, Any]) -> None:
    raise ValueError("it broke")


@task(name="counts")
async def counts(ctx: dict[str, Any]) -> None:
    progress = current()
    for n in range(3):
        await progress(n + 1, 3, unit="rows", note=f"row {n + 1}")
    await progress.artefact("rows.txt", data="1\n2\n3\n")


@pytest.fixture
async def used(redis: object, redis_url: str) -> AsyncIterator[Kit]:
    async with kit(redis_url) as opened:
        await opened.use(double, total, flaky, broken, counts)
        yield opened


async def test_nothing_runs_until_it_is_told_to(used: Kit) -> None:
    handle = await double.submit(4)
    assert (await used.job(handle)).state is State.QUEUED
    [job] = await used.run_until_idle()
    assert (job.id, job.result) == (handle.id, 8)
    assert [line.message for line in await used.logs(handle)] == ["doubling 4"]


async def test_workflows_run_to_their_end(used: Kit) -> None:
    handle = await chain(chord((double.s(n) for n in range(5)), total.s()), double.s()).submit()
    assert len(await used.run_until_idle()) == 7
    assert await handle.result() == 40


async def test_waits_are_skipped_or_kept(used: Kit) -> None:
    hours = await flaky.submit()  # its backoff is an hour, two, four
    later = await double.options(defer_by=86_400).submit(1)
    await used.run_until_idle()
    assert await hours.result() == 4 and await later.result() == 2

    kept = await double.options(defer_by=86_400).submit(2)
    await used.run_until_idle(skip_waits=False)
    assert (await used.job(kept)).state is State.DEFERRED


async def test_a_failed_job_can_be_an_error_of_the_test(used: Kit) -> None:
    await broken.submit()
    [job] = await used.run_until_idle()
    assert job.state is State.FAILED and [j.id for j in await used.failed()] == [job.id]
    with pytest.raises(JobFailed, match="it broke") as raised:
        await used.run_until_idle(raise_errors=True)
    assert "Traceback" in str(raised.value)


async def test_jobs_that_never_end_are_named(used: Kit) -> None:
    @task(name="stay")
    async def stay(ctx: dict[str, Any]) -> None:
        await asyncio.Event().wait()

    await used.use(stay)
    await stay.submit()
    with pytest.raises(StillBusy, match="stay"):
        await used.run_until_idle(timeout=0.3)


async def test_every_report_is_kept_and_what_the_job_made(used: Kit) -> None:
    handle = await counts.submit()
    await used.run_until_idle()
    assert used.progress(handle) == [Seen(n, 3, "rows", f"row {n}") for n in (1, 2, 3)]
    assert await used.artefacts(handle) == {"rows.txt": b"1\n2\n3\n"}


async def test_a_task_called_by_hand_reports_to_a_recorder() -> None:
    with recorder() as seen:
        await counts(seen.ctx)
        async for chunk in chunks(range(4), size=2):
            assert chunk
    assert seen.notes == ["row 1", "row 2", "row 3"]
    assert (seen.seen[0], seen.last.marks) == (Seen(1, 3, "rows", "row 1"), "dd")


async def test_without_a_worker_the_error_says_what_to_do(redis: object, redis_url: str) -> None:
    async with kit(redis_url) as opened:
        with pytest.raises(RuntimeError, match=r"kit\.use"):
            await opened.run_until_idle()


# Time travel


async def test_time_travel_ticks_each_schedule_at_its_own_times(used: Kit) -> None:
    weekly = crontab("0 9 * * mon", double.s(1), tz="Europe/Berlin", name="weekly")
    await used.use(double, schedules=[every(3600, double.s(2), name="hourly"), weekly])
    enqueued = await used.travel(days=7)
    by_name = [job_id.split(":")[0] for job_id in enqueued]
    assert by_name.count("hourly") == 7 * 24 and by_name.count("weekly") == 1
    jobs = await used.run_until_idle(timeout=30)
    assert len(jobs) == 7 * 24 + 1 and {job.state for job in jobs} == {State.SUCCEEDED}


async def test_time_travel_goes_on_from_where_it_was(used: Kit) -> None:
    await used.use(double, schedules=[every(86_400, double.s(2), name="daily")])
    assert len(await used.travel(days=1)) == 1
    assert len(await used.travel(days=2)) == 2
    with pytest.raises(ValueError, match="is past"):
        await used.travel_to(datetime(2020, 1, 1, tzinfo=UTC))


async def test_time_travel_brings_deferred_jobs(used: Kit) -> None:
    handle = await double.options(defer_by=3600).submit(3)
    await used.travel(minutes=30)
    await used.run_until_idle(skip_waits=False)
    assert (await used.job(handle)).state is State.DEFERRED
    await used.travel(minutes=31)
    await used.run_until_idle(skip_waits=False)
    assert await handle.result() == 6


PROJECT = """
import pytest
from arqboard import task

pytest_plugins = ["arqboard.testing"]

@task
async def greet(ctx, name: str) -> str:
    return f"Hello {name}"

{marker}
async def test_greet(arqboard_kit):
    await arqboard_kit.use(greet)
    handle = await greet.submit("Ada")
    await arqboard_kit.run_until_idle(raise_errors=True)
    assert await handle.result() == "Hello Ada"
"""


@pytest.mark.parametrize("mode", ["auto", "strict"])
async def test_the_plugin_works_in_a_project_of_its_own(tmp_path: Path, mode: str) -> None:
    marker = "@pytest.mark.asyncio" if mode == "strict" else ""
    (tmp_path / "test_shop.py").write_text(PROJECT.replace("{marker}", marker))
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", "-W", "error", "-o", f"asyncio_mode={mode}",
          "-o", "asyncio_default_fixture_loop_scope=function", "-p", "no:cacheprovider"),
        cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(program.communicate(), 120)
    assert program.returncode == 0 and b"1 passed" in said, said.decode()
