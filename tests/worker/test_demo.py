"""The demo's tasks do what they say, with real files, a real SMTP server and a real download."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError
from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.jobs import Job
from PIL import Image

from arqboard import Retry
from arqboard.demo.crash import crash
from arqboard.demo.customers import export_customers
from arqboard.demo.download_site import DownloadSite
from arqboard.demo.files import write_whole
from arqboard.demo.flaky_download import flaky_download
from arqboard.demo.import_csv import import_csv, import_rows, read_rows
from arqboard.demo.mail import MailServer, MailSink
from arqboard.demo.photographs import SIZE, take_photograph
from arqboard.demo.resize_images import resize_images
from arqboard.demo.send_newsletter import send_newsletter
from arqboard.demo.settings import WorkerSettings
from arqboard.protocol.signature import FunctionInfo

Context = dict[str, Any]


@pytest.fixture
def sink() -> MailSink:
    return MailSink()


@pytest.fixture
async def ctx(tmp_path: Path, sink: MailSink) -> AsyncIterator[Context]:
    """What a task gets from the worker, without the worker."""
    site = DownloadSite()
    servers = {"mail": await sink.start(), "site": await site.start()}
    yield {"data": tmp_path, "job_id": "job-1", "job_try": 1, **servers}
    await sink.stop()
    await site.stop()


async def test_resize_images_writes_smaller_pictures(ctx: Context) -> None:
    result = await resize_images(ctx, count=4, width=320, pause=0)
    pictures = sorted((ctx["data"] / "resized-320").iterdir())
    assert [size_of(picture) for picture in pictures] == [(320, 213)] * 4
    assert result["images"] == 4
    assert 0 < result["bytes_after"] < result["bytes_before"] / 4


def test_photographs_are_as_large_as_real_ones_and_differ(tmp_path: Path) -> None:
    first, second = (take_photograph(tmp_path, number) for number in (1, 2))
    assert size_of(first) == SIZE
    assert first.stat().st_size > 100_000
    assert first.read_bytes() != second.read_bytes()


async def test_import_csv_imports_good_rows_and_reports_bad_ones_with_their_line(ctx: Context) -> None:
    result = await import_csv(ctx, rows=2500, bad_every=500, pause=0)
    assert (result["imported"], result["rejected"]) == (2495, 5)
    lines = [row.split(":")[0] for row in result["first_rejected"]]
    assert lines == ["line 501", "line 1001", "line 1501", "line 2001", "line 2501"]


async def test_the_reported_line_is_the_line_of_the_file(ctx: Context) -> None:
    result = await import_csv(ctx, rows=1000, bad_every=1000, pause=0)
    lines = (ctx["data"] / "customers-1000-1000.csv").read_text().splitlines()
    assert result["first_rejected"][0].startswith(f"line {len(lines)}: ")


async def test_importing_twice_is_the_same_as_once(ctx: Context) -> None:
    first = await import_csv(ctx, rows=1500, bad_every=100, pause=0)
    assert await import_csv(ctx, rows=1500, bad_every=100, pause=0) == first


def test_a_chunk_of_rows_is_stored_whole_or_not_at_all(tmp_path: Path) -> None:
    rows = read_rows(export_customers(tmp_path, 10, 0))
    database = tmp_path / "one.sqlite"
    import_rows(database, rows[:5])
    broken: Any = [*rows[5:], ("not a line", rows[0][1])]
    with pytest.raises(sqlite3.IntegrityError):
        import_rows(database, broken)
    with sqlite3.connect(database) as db:
        assert db.execute("SELECT count(*) FROM customer").fetchone() == (5,)
    db.close()


async def test_send_newsletter_sends_a_mail_to_everybody(ctx: Context, sink: MailSink) -> None:
    result = await send_newsletter(ctx, subject="Hello", recipients=250, pause=0)
    assert result == {"batches": 3, "failed_batches": []}
    assert sink.mailbox.accepted == 250
    assert b"Subject: Hello" in last_mail(sink)


async def test_a_refused_address_fails_its_batch_and_no_other(ctx: Context, sink: MailSink) -> None:
    result = await send_newsletter(ctx, recipients=300, bad_every=150, pause=0)
    assert result["batches"] == 3
    assert [text.split(":")[0] for text in sorted(result["failed_batches"])] == ["batch 2", "batch 3"]
    assert "bad-150@example.org" in " ".join(result["failed_batches"])
    assert sink.mailbox.accepted == 298


async def test_a_subject_can_not_smuggle_in_a_header(ctx: Context, sink: MailSink) -> None:
    await send_newsletter(ctx, subject="Hi\r\nBcc: all@example.org", recipients=1, pause=0)
    assert b"\nBcc:" not in last_mail(sink)


async def test_a_broken_download_asks_to_be_tried_again_for_its_real_reason(ctx: Context) -> None:
    with pytest.raises(Retry) as raised:
        await flaky_download(ctx, kilobytes=100, failures=1, seconds=0)
    assert isinstance(raised.value.__cause__, ClientError)


async def test_the_download_succeeds_once_the_line_holds(ctx: Context) -> None:
    result = await flaky_download({**ctx, "job_try": 3}, kilobytes=100, failures=2, seconds=0)
    assert (result["bytes"], result["tries"]) == (100_000, 3)
    assert (ctx["data"] / result["file"]).stat().st_size == 100_000


async def test_crash_succeeds_when_it_has_crashed_often_enough(ctx: Context) -> None:
    assert await crash(ctx, after=0, steps=1, crashes=0) == "1 steps done, 0 workers killed"


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    def fail(file: object) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        write_whole(tmp_path / "report.txt", fail)
    assert list(tmp_path.iterdir()) == []


def test_two_jobs_can_make_the_same_input_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor() as threads:
        paths = list(threads.map(lambda _: export_customers(tmp_path, 5000, 7), range(4)))
    assert len(set(paths)) == 1
    assert len(read_rows(paths[0])) == 5000
    assert len(list(tmp_path.iterdir())) == 1


def test_every_task_makes_a_form_that_can_be_sent_as_it_is() -> None:
    """Documented, typed, and with a default for each parameter."""
    for function in WorkerSettings.functions:
        known: Any = function
        info = FunctionInfo.of(known.__name__, getattr(known, "function", known))
        assert info.summary, info.name
        assert all(p.json_schema.get("type") and not p.required for p in info.parameters), info.name


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.org", MailServer("mail.example.org", 587)),
        ("smtps://me:p%40ss@mail.example.org", MailServer("mail.example.org", 465, "me", "p@ss", True)),
    ],
)
def test_a_mail_server_is_read_from_a_url(url: str, server: MailServer) -> None:
    assert MailServer.parse(url) == server


def test_a_wrong_mail_url_is_refused_without_repeating_its_password() -> None:
    with pytest.raises(ValueError, match="SMTP_URL has to look like") as raised:
        MailServer.parse("http://me:secret@mail.example.org")
    assert "secret" not in str(raised.value)


async def test_crash_kills_its_worker_and_the_next_one_finishes_the_job(
    tmp_path: Path, redis_url: str, pool: ArqRedis
) -> None:
    job = await pool.enqueue_job("crash", after=0, steps=3, crashes=1)
    async with running_worker(tmp_path, redis_url) as worker:
        assert await asyncio.wait_for(worker.wait(), 30) == -signal.SIGKILL
    async with running_worker(tmp_path, redis_url):
        assert isinstance(job, Job)
        assert await job.result(timeout=40, poll_delay=0.05) == "3 steps done, 1 workers killed"


async def test_a_flaky_download_goes_through_on_a_real_worker(tmp_path: Path, redis_url: str, pool: ArqRedis) -> None:
    job = await pool.enqueue_job("flaky_download", kilobytes=100, failures=1, seconds=0)
    async with running_worker(tmp_path, redis_url):
        assert isinstance(job, Job)
        assert (await job.result(timeout=30, poll_delay=0.05))["tries"] == 2


@pytest.fixture
async def pool(redis_url: str, redis: object) -> AsyncIterator[ArqRedis]:
    pool = await create_pool(RedisSettings.from_dsn(redis_url))
    yield pool
    await pool.aclose()


def last_mail(sink: MailSink) -> bytes:
    content = sink.mailbox.latest[-1].content
    assert isinstance(content, bytes)
    return content


def size_of(picture: Path) -> tuple[int, int]:
    with Image.open(picture) as image:
        return image.size


@asynccontextmanager
async def running_worker(data: Path, redis_url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "arqboard.cli", "arqboard.demo.settings.WorkerSettings"),
        env={"REDIS_URL": redis_url, "ARQBOARD_DATA": str(data)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield worker
    finally:
        if worker.returncode is None:
            worker.terminate()
        await worker.wait()
