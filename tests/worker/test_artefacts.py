"""Artefacts: what a job made, kept to be downloaded from its page."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from arq.connections import ArqRedis
from arq.worker import Retry

from arqboard import current
from arqboard.artefacts import ArtefactError
from arqboard.protocol import Reader, State

from .conftest import StartWorker, ended


async def test_files_bytes_texts_and_links_are_kept(
    start: StartWorker, pool: ArqRedis, reader: Reader, tmp_path: Path
) -> None:
    path = tmp_path / "made.pdf"
    path.write_bytes(b"%PDF-1.7")

    async def work(ctx: dict[str, Any]) -> None:
        progress = current()
        await progress.artefact("report.pdf", path=path)
        await progress.artefact("rows.csv", data="name\nZoë\n")
        await progress.artefact("raw", data=b"\x00\xff", type="application/x-thing")
        await progress.artefact("Report", url="https://example.org/r/7?x=1")

    await start(work)
    job_id = await ended(pool, reader, "work")
    made = await reader.artefacts(job_id)
    assert [(a.number, a.name, a.type, a.size, a.url) for a in made] == [
        (1, "report.pdf", "application/pdf", 8, ""),
        (2, "rows.csv", "text/csv", 10, ""),
        (3, "raw", "application/x-thing", 2, ""),
        (4, "Report", "", 0, "https://example.org/r/7?x=1"),
    ]
    assert [await reader.artefact_data(job_id, n) for n in (1, 2, 3, 4, 5)] == [
        b"%PDF-1.7", "name\nZoë\n".encode(), b"\x00\xff", None, None
    ]  # fmt: skip
    assert (await reader.get(job_id)).artefacts == 4
    now = await reader.now_ms()
    assert all(a.attempt == 1 and abs(a.created - now) < 60_000 for a in made)


async def test_a_later_attempt_replaces_what_has_the_same_name(
    start: StartWorker, pool: ArqRedis, reader: Reader
) -> None:
    async def work(ctx: dict[str, Any]) -> None:
        await current().artefact("first", data=b"first")
        await current().artefact("report", data=f"try {ctx['job_try']}")
        if ctx["job_try"] == 1:
            raise Retry

    await start(work)
    job_id = await ended(pool, reader, "work")
    made = await reader.artefacts(job_id)
    assert [(a.number, a.name, a.attempt) for a in made] == [(1, "first", 2), (2, "report", 2)]
    assert await reader.artefact_data(job_id, 2) == b"try 2"


async def test_a_thread_waits_until_its_artefact_is_kept(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    def blocking() -> None:
        current().add_artefact("sum.txt", data="42")
        with pytest.raises(ArtefactError, match="artefact_max"):
            current().add_artefact("large", data=b"x" * 2000)

    async def work(ctx: dict[str, Any]) -> None:
        await asyncio.to_thread(blocking)
        with pytest.raises(ArtefactError, match="await progress"):
            current().add_artefact("here", data=b"")

    await start(work, arqboard={"artefact_max": 1000})
    job_id = await ended(pool, reader, "work")
    assert (await reader.get(job_id)).state is State.SUCCEEDED
    assert await reader.artefact_data(job_id, 1) == b"42"


async def test_what_is_too_large_is_refused_with_what_to_do(
    start: StartWorker, pool: ArqRedis, reader: Reader, tmp_path: Path
) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"x" * 1001)

    async def work(ctx: dict[str, Any]) -> None:
        await current().artefact("fits", data=b"x" * 1000)
        await current().artefact("large", path=path)

    await start(work, arqboard={"artefact_max": 1000})
    job = await reader.get(await ended(pool, reader, "work"))
    assert "1,001 bytes, more than the 1,000" in str(job.error) and "Upload it elsewhere" in str(job.error)
    assert job.artefacts == 1


async def test_a_job_keeps_fifty(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    async def work(ctx: dict[str, Any]) -> None:
        for n in range(51):
            await current().artefact(f"{n}", data=b"")

    await start(work)
    job_id = await ended(pool, reader, "work")
    assert "one too many: a job keeps 50" in str((await reader.get(job_id)).error)
    assert len(await reader.artefacts(job_id)) == 50


async def test_a_missing_file_is_the_jobs_error(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    async def work(ctx: dict[str, Any]) -> None:
        await current().artefact("report", path="/nowhere/report.pdf")

    await start(work)
    job = await reader.get(await ended(pool, reader, "work"))
    assert job.error is not None and job.error.type == "FileNotFoundError"


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "ftp://example.org/a", "//example.org", "https://", "http://a b", "http://[", "x" * 3000,
     "https://example.org/\nSet-Cookie"],
)  # fmt: skip
async def test_only_web_addresses_can_be_linked(url: str) -> None:
    with pytest.raises(ArtefactError, match=r"http\(s\) address"):
        await current().artefact("Report", url=url)


async def test_an_artefact_is_one_thing() -> None:
    with pytest.raises(ArtefactError, match="exactly one"):
        await current().artefact("Report", url="https://example.org", data=b"x")
    with pytest.raises(ArtefactError, match="exactly one"):
        await current().artefact("Report")
    with pytest.raises(ArtefactError, match="needs a name"):
        await current().artefact(" \n", data=b"x")


async def test_outside_a_job_artefacts_go_nowhere() -> None:
    await current().artefact("report", path="/nowhere/report.pdf")
    current().add_artefact("report", data=b"x")
