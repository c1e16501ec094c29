"""The demo's tasks as jobs on a real worker, with a real mail server, real pictures, PDFs and web servers."""

from __future__ import annotations

import asyncio
import io
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from arqboard.demo import settings
from arqboard.demo.charge_invoice import charge, charge_invoice
from arqboard.demo.download_file import download_file
from arqboard.demo.export_csv import export_csv
from arqboard.demo.finalize import finalize
from arqboard.demo.generate_report import generate_report
from arqboard.demo.paths import inside
from arqboard.demo.process_chunk import process_chunk
from arqboard.demo.process_image import process_image
from arqboard.demo.push_notification import push_notification, signature
from arqboard.demo.push_service import PushServer
from arqboard.demo.resize_image import resize_image
from arqboard.demo.scrape_pages import scrape_pages
from arqboard.demo.send_email import send_email
from arqboard.demo.upload_file import upload_file
from arqboard.demo.workflows import image_pipeline, ten_chunks
from arqboard.protocol import Outcome, State
from arqboard.testing import Kit, kit


@pytest.fixture
async def demo(redis: object, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Kit]:
    monkeypatch.setattr(settings, "SETTINGS", settings.DemoSettings.model_construct(data=tmp_path, smtp_url=None))
    async with kit(redis_url) as opened:
        await opened.use(settings.WorkerSettings)
        yield opened


def context(demo: Kit) -> dict[Any, Any]:
    assert demo.worker is not None
    return demo.worker.ctx


async def test_a_mail_arrives(demo: Kit) -> None:
    handle = await send_email.submit("ada@example.org", "Hello\nBcc: all@example.org", "How are you?")
    await demo.run_until_idle(raise_errors=True)
    [mail] = context(demo)["mail_sink"].mailbox.latest
    content = mail.content.decode()
    assert mail.rcpt_tos == ["ada@example.org"] and "How are you?" in content
    assert "\nBcc:" not in content and (await handle.result())["message_id"] in content


async def test_a_refused_mail_is_tried_three_times_and_fails_with_what_the_server_said(demo: Kit) -> None:
    handle = await send_email.submit(to="bad@example.org")
    await demo.run_until_idle()
    job = await demo.job(handle)
    assert (job.state, job.tries) == (State.FAILED, 3)
    assert (
        job.error is not None and job.error.type == "SMTPRecipientsRefused" and "no such mailbox" in job.error.message
    )
    outcomes = [attempt.outcome for attempt in await demo.board.reader.attempts(job)]
    assert outcomes == [Outcome.RETRY, Outcome.RETRY, Outcome.FAILED]


async def test_an_image_is_processed_in_another_process(demo: Kit) -> None:
    handle = await process_image.submit(number=2, width=120, rounds=2)
    await demo.run_until_idle(timeout=60, raise_errors=True)
    result = await handle.result()
    [(name, data)] = (await demo.artefacts(handle)).items()
    assert isinstance(data, bytes)
    with Image.open(io.BytesIO(data)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (result["width"], result["height"]))
    assert name == "photograph-0002-120.jpg" and max(result["width"], result["height"]) == 120


async def test_a_report_is_a_pdf_made_in_phases(demo: Kit) -> None:
    handle = await generate_report.submit(user_id=3, pause=0)
    await demo.run_until_idle(timeout=60, raise_errors=True)
    job, result = await demo.job(handle), await handle.result()
    assert [(phase.name, phase.state.value) for phase in job.phases] == [
        ("Collecting", "done"), ("Drawing", "done"), ("Writing", "done"),
    ]  # fmt: skip
    data = (await demo.artefacts(handle))["report-3.pdf"]
    assert isinstance(data, bytes) and data.startswith(b"%PDF") and len(data) == result["bytes"]
    assert data.count(b"/Type /Page\n") == result["pages"] >= 1 and result["is_complete"]


async def test_a_report_out_of_time_is_made_of_what_there_is(demo: Kit) -> None:
    handle = await generate_report.options(soft_timeout=0.6).submit(user_id=3, pause=0.2)
    await demo.run_until_idle(timeout=60, raise_errors=True)
    assert (await handle.result())["is_complete"] is False
    assert any("out of time" in line.message for line in await demo.logs(handle))


async def test_an_import_tells_of_each_row_that_it_rejects(demo: Kit, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "arqboard.demo")
    job = await demo.pool.enqueue_job("import_csv", rows=2500, bad_every=500, pause=0)
    assert job is not None
    await demo.run_until_idle(timeout=30, raise_errors=True)
    lines = await demo.logs(job.job_id)
    assert "has 2500 rows" in lines[0].message
    assert [line.message.split(" is ")[0] for line in lines[1:]] == [f"line {500 * n + 1}" for n in range(1, 6)]


async def test_a_newsletter_tells_of_each_batch_and_of_who_was_refused(
    demo: Kit, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "arqboard.demo")
    job = await demo.pool.enqueue_job("send_newsletter", recipients=200, bad_every=150, connections=1, pause=0)
    assert job is not None
    await demo.run_until_idle(timeout=30)
    lines = [line.message for line in await demo.logs(job.job_id)]
    assert [line for line in lines if line.endswith("sent")] == [
        "reader-1@example.org … reader-100@example.org: 100 sent",
        "reader-101@example.org … reader-200@example.org: 99 sent",
    ]
    assert any(line.startswith("bad-150@example.org was refused: ") for line in lines)


async def test_an_export_has_every_row_once(demo: Kit, tmp_path: Path) -> None:
    handle = await export_csv.submit(rows=2500, pause=0)
    await demo.run_until_idle(timeout=30, raise_errors=True)
    result = await handle.result()
    data = (await demo.artefacts(handle))["customers.csv"]
    assert isinstance(data, bytes)
    lines = data.decode().splitlines()
    assert len(lines) == 2501 and len(set(lines)) == 2501 and result["can_be_downloaded"]
    assert [path.name for path in (tmp_path / "demo" / "exports").iterdir()] == [result["file"]]


async def test_pages_are_scraped_past_one_that_is_missing(demo: Kit) -> None:
    handle = await scrape_pages.submit(pages=15, pause=0)
    await demo.run_until_idle(timeout=30, raise_errors=True)
    result = await handle.result()
    assert result["pages"] == 14 and len(result["failed"]) == 1 and "/articles/13" in result["failed"][0]
    warnings = [line.message for line in await demo.logs(handle) if line.level == "WARNING"]
    assert len(warnings) == 1 and "/articles/13 can't be read: 404" in warnings[0] and result["words"] > 1000


async def test_a_notification_is_signed_and_delivered_once(demo: Kit) -> None:
    handle = await push_notification.submit(user_id=7, message="Hi")
    await demo.run_until_idle(raise_errors=True)
    assert (await handle.result())["is_new"] is True
    ctx: dict[str, Any] = {**context(demo), "job_id": handle.id}
    again = await push_notification(ctx, 7, "Hi")
    assert again["is_new"] is False


async def test_a_wrong_signature_is_refused(demo: Kit) -> None:
    push: PushServer = context(demo)["push"]
    forged: dict[str, Any] = {**context(demo), "job_id": "x", "push": PushServer(push.url, "another secret")}
    with pytest.raises(Exception, match="401"):
        await push_notification(forged)
    assert signature("a", b"x")["X-Signature"] != signature("b", b"x")["X-Signature"]


async def test_an_invoice_is_charged_once_however_often_it_is_asked_for(demo: Kit, tmp_path: Path) -> None:
    one, two = await charge_invoice.submit("INV-7", 100), await charge_invoice.submit("INV-7", 100)
    assert one.id == two.id
    await demo.run_until_idle(raise_errors=True)
    later = await charge_invoice.submit("INV-7", 100)
    await demo.run_until_idle(raise_errors=True)
    first, second = await one.result(), await later.result()
    assert (first["is_new"], second["is_new"]) == (True, False) and first["charge_id"] == second["charge_id"]


async def test_two_charges_at_the_same_moment_are_one(tmp_path: Path) -> None:
    database = tmp_path / "charges.sqlite"
    both = await asyncio.gather(*(asyncio.to_thread(charge, database, "INV-8", 100) for _ in range(8)))
    assert sum(one["is_new"] for one in both) == 1 and len({one["charge_id"] for one in both}) == 1
    with sqlite3.connect(database) as db:
        assert db.execute("SELECT count(*) FROM charge").fetchone() == (1,)
    db.close()


async def test_an_image_is_downloaded_resized_and_uploaded_in_a_chain(demo: Kit, tmp_path: Path) -> None:
    flow = await image_pipeline().submit()
    await demo.run_until_idle(timeout=30, raise_errors=True)
    result = await flow.result()
    uploaded = tmp_path / "demo" / "uploads" / result["url"].rsplit("/", 1)[1]
    with Image.open(uploaded) as picture:
        assert picture.width == 640
    assert uploaded.stat().st_size == result["bytes"]


async def test_ten_chunks_and_a_finalize_make_a_chord(demo: Kit) -> None:
    flow = await ten_chunks().submit()
    await demo.run_until_idle(timeout=60, raise_errors=True)
    assert await flow.result() == {"status": "completed", "chunks": list(range(10))}
    assert len(await demo.jobs(process_chunk.name)) == 10 and len(await demo.jobs(finalize.name)) == 1


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", ".", "a/../../b"])
async def test_paths_stay_in_the_demos_folder(demo: Kit, tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError, match="in the folder of the demo"):
        inside(tmp_path, path)
    for job in (resize_image, upload_file):
        handle = await job.submit(path)
        await demo.run_until_idle()
        found = await demo.job(handle)
        assert found.state is State.FAILED and found.error is not None and found.error.type == "ValueError"


async def test_only_web_addresses_are_downloaded(demo: Kit) -> None:
    handle = await download_file.submit(context(demo)["website"] + "/nothing-here")
    await demo.run_until_idle()
    job = await demo.job(handle)
    assert (job.state, job.tries) == (State.FAILED, 3) and job.error is not None and "404" in job.error.message


async def test_what_runs_by_the_clock_runs_by_the_clock(demo: Kit) -> None:
    """A day of the demo's schedules, and where the Monday's is."""
    start = await demo.now()
    await demo.travel(days=1)
    jobs = await demo.run_until_idle(timeout=120, raise_errors=True)
    ran = {job.function: 0 for job in jobs}
    for job in jobs:
        ran[job.function] += 1
    assert ran["daily_report"] == 1 and 47 <= ran["refresh_cache"] <= 49
    assert ran["clean_sessions"] >= 1  # it is unique: while one waits, another tick makes no second
    newsletter = await demo.schedules.get("newsletter")
    assert newsletter.next is not None
    local = datetime.fromtimestamp(newsletter.next / 1000, UTC)
    assert local.weekday() == 0 and local.hour in (7, 8) and local > start
