"""Phases and steps: what job code says of its parts, and what a reader sees of it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from arq.connections import ArqRedis
from waiting import eventually

from arqboard import Progress, chunks, current
from arqboard.live import Live
from arqboard.progress import set_current
from arqboard.protocol import Job, Phase, PhaseState, Reader, State
from arqboard.protocol.phases import parse_phases

from .conftest import StartWorker, has_state


def looking(live: Live) -> tuple[int, int | None, str, str]:
    """What the job's progress shows."""
    return live.done, live.total, live.unit, live.phase


def on(live: Live) -> Progress:
    return Progress(live, lambda live: None)


async def phases_of(reader: Reader, job_id: str) -> list[Phase]:
    return (await reader.get(job_id)).phases


def told(phases: list[Phase]) -> list[tuple[str, str, int, int | None]]:
    return [(p.name, p.state.value, p.done, p.total) for p in phases]


# Seen from outside


async def test_phases_are_seen_as_they_come_run_and_end(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    at_twenty, go_on = asyncio.Event(), asyncio.Event()

    async def work(ctx: dict[str, Any]) -> None:
        progress = current()
        progress.plan("Reading", "Importing", "Writing")
        async with progress.step("Reading"):
            await asyncio.sleep(0.02)
        async with progress.phase("Importing", total=300, unit="rows") as phase:
            await phase(20, note="the large ones")
            at_twenty.set()
            await go_on.wait()
            await phase(300)
        async with progress.step("Writing"):
            pass

    await start(work)
    job = await pool.enqueue_job("work")
    assert job is not None
    await asyncio.wait_for(at_twenty.wait(), 30)
    seen = await eventually(lambda: _importing(reader, job.job_id))
    assert seen is not None
    assert told(seen.phases) == [
        ("Reading", "done", 0, None), ("Importing", "running", 20, 300), ("Writing", "waiting", 0, None)
    ]  # fmt: skip
    assert seen.progress is not None
    assert (seen.progress.done, seen.progress.total, seen.progress.unit, seen.progress.phase, seen.progress.note) == (
        20, 300, "rows", "Importing", "the large ones"
    )  # fmt: skip

    go_on.set()
    await eventually(lambda: has_state(reader, job.job_id, State.SUCCEEDED))
    reading, importing, writing = await phases_of(reader, job.job_id)
    assert told([reading, importing, writing]) == [
        ("Reading", "done", 0, None), ("Importing", "done", 300, 300), ("Writing", "done", 0, None)
    ]  # fmt: skip
    assert reading.duration_ms is not None and reading.duration_ms >= 15
    assert importing.started is not None and reading.ended is not None and importing.started >= reading.ended
    assert (await reader.many([job.job_id]))[0].phases == []  # type: ignore[union-attr] # a list row has no phases


async def test_an_error_fails_the_phase_and_the_next_attempt_starts_anew(
    start: StartWorker, pool: ArqRedis, reader: Reader, commands: Any
) -> None:
    is_broken = True

    async def work(ctx: dict[str, Any]) -> None:
        async with current().phase("Importing", 10) as phase:
            await phase(4)
            if is_broken:
                raise ValueError("row 5")

    await start(work)
    job = await pool.enqueue_job("work")
    assert job is not None
    await eventually(lambda: has_state(reader, job.job_id, State.FAILED))
    assert told(await phases_of(reader, job.job_id)) == [("Importing", "failed", 4, 10)]

    is_broken = False
    await commands.retry(job.job_id)
    await eventually(lambda: has_state(reader, job.job_id, State.SUCCEEDED))
    assert told(await phases_of(reader, job.job_id)) == [("Importing", "done", 4, 10)]


async def test_a_thread_reports_its_phase(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    def blocking(progress: Progress) -> None:
        with progress.phase("Hashing", 8, unit="files") as phase:
            for done in range(9):
                phase.report(done)

    async def work(ctx: dict[str, Any]) -> None:
        await asyncio.to_thread(blocking, current())

    await start(work)
    job = await pool.enqueue_job("work")
    assert job is not None
    await eventually(lambda: has_state(reader, job.job_id, State.SUCCEEDED))
    assert told(await phases_of(reader, job.job_id)) == [("Hashing", "done", 8, 8)]


# What the job's progress shows


async def test_while_a_phase_is_open_the_progress_is_the_phases() -> None:
    live = Live("j", "t")
    progress = on(live)
    await progress(3, 10, unit="files")
    async with progress.phase("Packing", 5, unit="boxes") as outer:
        await outer(1)
        assert looking(live) == (1, 5, "boxes", "Packing")
        async with progress.step("Printing"):
            assert looking(live) == (0, None, "", "Printing")
            await outer(2)
            assert looking(live) == (0, None, "", "Printing")
        assert looking(live) == (2, 5, "boxes", "Packing")
    assert looking(live) == (3, 10, "files", "")


async def test_a_job_that_counts_in_phases_only_keeps_the_last_in_view() -> None:
    live = Live("j", "t")
    progress = on(live)
    for name, total in (("Reading", 5), ("Writing", 7)):
        async with progress.phase(name, total) as phase:
            await phase(total)
    assert looking(live) == (7, 7, "", "Writing")


async def test_the_old_keyword_still_names_a_phase() -> None:
    live = Live("j", "t")
    await on(live)(1, 2, phase="Reading")
    assert (looking(live), live.phases) == ((1, 2, "", "Reading"), "")


async def test_chunks_inside_a_phase_count_for_the_phase() -> None:
    live = Live("j", "t")
    set_current(on(live))
    async with current().phase("Importing") as phase:
        async for _ in chunks(range(10), size=5, unit="rows"):
            pass
        assert (phase.done, phase.total) == (10, 10)
    assert looking(live) == (10, 10, "rows", "Importing")


async def test_steps_inside_concurrent_chunks_do_not_disturb_the_count() -> None:
    live = Live("j", "t")
    set_current(on(live))

    async def work(chunk: list[int]) -> None:
        async with current().step(f"Part {chunk[0]}"):
            await asyncio.sleep(0.001 * (chunk[0] % 3))

    await chunks.each(work, range(40), size=2, concurrency=4, unit="rows")
    assert looking(live) == (40, 40, "rows", "")


async def test_phases_are_capped_and_the_newest_kept() -> None:
    live = Live("j", "t")
    progress = on(live)
    progress.plan("Last")
    for n in range(80):
        async with progress.step(f"{n:03}" + "x" * 200):
            pass
    phases = parse_phases(json.loads(live.phases), began=0)
    assert len(phases) == 50
    assert phases[-1].state is PhaseState.WAITING and phases[-2].name.startswith("079")
    assert len(phases[0].name) == 100


async def test_a_new_plan_replaces_what_was_to_come() -> None:
    live = Live("j", "t")
    progress = on(live)
    progress.plan("Reading", "Guessing")
    async with progress.step("Reading"):
        progress.plan("Checking", "Writing")
        async with progress.step("Cleaning"):
            pass
    names = [p.name for p in parse_phases(json.loads(live.phases), began=0)]
    assert names == ["Reading", "Cleaning", "Checking", "Writing"]


async def test_a_phase_that_is_not_open_says_so() -> None:
    with pytest.raises(RuntimeError, match="not open"):
        await current().phase("Reading")(1)


async def test_outside_a_job_phases_go_nowhere() -> None:
    async with current().phase("Reading", 3) as phase:
        await phase(2)
        assert phase.done == 2


async def test_numbers_and_texts_that_cannot_be_kept_are_cut() -> None:
    live = Live("j", "t")
    await on(live)(10**20, -5, note="\ud800" + "n" * 600)
    assert (live.done, live.total, len(live.note), live.note[0]) == (10**15, 0, 500, "?")


async def _importing(reader: Reader, job_id: str) -> Job | None:
    job = await reader.get(job_id)
    return job if [p.done for p in job.phases if p.name == "Importing"] == [20] else None
