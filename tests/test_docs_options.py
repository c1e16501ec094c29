"""The guide's programs that use @task run as they are shown, and its tables of options are those of the code."""

from __future__ import annotations

import ast
import asyncio
import dataclasses
import importlib
import inspect
import re
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import fields
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import arq.worker
import pytest
from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.jobs import Job as ArqJob
from waiting import eventually

from arqboard import (
    Backoff,
    BadArguments,
    SoftTimeLimit,
    connect,
    create_worker,
    json_deserializer,
    json_serializer,
)
from arqboard.options import CallOptions, TaskOptions
from arqboard.protocol import Reader, State
from arqboard.protocol.schedule import Crontab, Every, upcoming
from arqboard.protocol.schedule_record import ScheduleInfo
from arqboard.testing import Kit, kit

ROOT = Path(__file__).parents[1]
EXAMPLES, GUIDE = ROOT / "docs" / "examples", ROOT / "docs" / "guide"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    """The example that the test names in its parameter, imported anew."""
    name: str = request.param
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.delitem(sys.modules, name, raising=False)
    yield importlib.import_module(name)
    sys.modules.pop(name, None)


def of(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("example", [name], indirect=True)


@pytest.fixture
async def running(redis: object, redis_url: str) -> AsyncIterator[Kit]:
    async with kit(redis_url) as opened:
        yield opened


@of("pipeline")
async def test_pipeline_downloads_scales_and_publishes(example: ModuleType, running: Kit) -> None:
    await running.use(example.WorkerSettings)
    album = await example.album(["http://pictures/a.png", "http://pictures/b.png"], "Summer").submit()
    sizes = await example.three_sizes("http://pictures/a.png").submit()
    mails = await example.mail_everybody(list(range(1050)), "News").submit()
    await running.run_until_idle(raise_errors=True)
    assert await album.result() == "Summer: 640-a.png, 640-b.png"
    assert await sizes.result() == ["320-a.png", "640-a.png", "1280-a.png"]
    assert (await mails.result(), (await mails.info()).total) == (1050, 12)


@of("typed")
async def test_typed_gets_dataclasses_and_dates_over_json(
    example: ModuleType, redis: Any, redis_url: str, running: Kit
) -> None:
    await running.use(example.WorkerSettings)
    pool = await create_pool(
        RedisSettings.from_dsn(redis_url), job_serializer=json_serializer, job_deserializer=json_deserializer
    )
    board = await connect(pool)
    lines = [example.Line("tea", Decimal("2.50")), example.Line("cups", Decimal("7.25"))]
    handle = await example.invoice.submit(lines, due=date(2026, 12, 1))
    assert b'"2.50"' in await redis.get(f"arq:job:{handle.id}")
    await running.run_until_idle(raise_errors=True)
    assert await handle.result() == Decimal("9.75")
    await board.close()


@of("clockwork")
async def test_clockwork_has_five_minutes_mondays_a_new_year_and_a_cron_job(example: ModuleType, running: Kit) -> None:
    await running.use(example.WorkerSettings)
    found = {info.name: info for info in await running.schedules.all() if isinstance(info, ScheduleInfo)}
    assert set(found) == {"clean_sessions", "digest", "new-year", "cron:rotate_keys"}
    assert found["clean_sessions"].spec == Every(300)
    assert found["digest"].spec == Crontab("0 9 * * mon", "Europe/Berlin")
    assert all(info.next for info in found.values())


@of("audit")
async def test_audit_leaves_a_file_and_a_log_and_tells_of_its_failure(
    example: ModuleType, running: Kit, reader: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    await running.use(example.WorkerSettings)
    good = await example.audit.submit(["2024", "2025?"])
    await running.run_until_idle(raise_errors=True)
    assert await good.result() == 1
    assert [line.message for line in (await reader.logs(good.id)).lines] == ["2025? is not clear"]
    assert await reader.artefact_data(good.id, 1) == b"2025?"
    job = await reader.get(good.id)
    assert [(phase.name, phase.state) for phase in job.phases] == [("Reading", "done"), ("Writing", "done")]

    bad = await running.pool.enqueue_job("audit", [7])
    assert bad is not None
    await running.run_until_idle()
    assert "failed on" in caplog.text


@of("flow")
async def test_flow_makes_one_job_of_two_and_keeps_order(example: ModuleType, running: Kit) -> None:
    await running.use(example.WorkerSettings)
    first, again, other = [await example.rebuild_index.submit(name) for name in ("users", "users", "orders")]
    assert (first.is_new, again.is_new, other.is_new) == (True, False, True)
    assert again.id == first.id
    asked = [await example.ask_the_api.submit(f"question {n}") for n in range(5)]
    reminded = await example.remind.submit(7)
    assert not (await example.remind.submit(7)).is_new
    await running.run_until_idle(raise_errors=True)
    assert [await handle.result() for handle in asked] == [f"QUESTION {n}" for n in range(5)]
    jobs = [await handle.info() for handle in (reminded, *asked)]
    assert min(jobs, key=lambda job: job.started or 0).function == "remind"
    assert not (await example.remind.submit(7)).is_new, "once an hour, also when it has ended"


@of("limits")
async def test_limits_runs_in_all_three_places(
    example: ModuleType, running: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = tmp_path / "ledger"
    ledger.write_text("one\ntwo\n")
    await running.use(example.WorkerSettings)
    crawled = await example.crawl.submit(["/", "/about"])
    imported, trained = await example.import_ledger.submit(str(ledger)), await example.train.submit(rounds=2)
    await running.run_until_idle(raise_errors=True)
    assert await crawled.result() == {"found": {"/": 1, "/about": 6}, "complete": True}
    assert await imported.result() == 2
    assert 0 < await trained.result() < 1
    progress = (await trained.info()).progress
    assert progress is not None and (progress.done, progress.total, progress.unit) == (2, 2, "rounds")

    async def slow(page: str) -> int:
        if page == "/slow":
            raise SoftTimeLimit
        return len(page)

    monkeypatch.setattr(example, "read", slow)
    assert await example.crawl({}, ["/", "/slow"]) == {"found": {"/": 1}, "complete": False}


@of("newsletter")
async def test_newsletter_sends_and_takes_one_back(
    example: ModuleType, redis_url: str, running: Kit, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = await running.use(example.WorkerSettings)
    worker.allow_pick_jobs = True
    await example.main(redis_url)
    assert capsys.readouterr().out.splitlines() == ["100 mails sent", str(State.DEFERRED)]
    assert create_worker(example.WorkerSettings, handle_signals=False).functions["send_newsletter"].max_tries == 5


@of("failures")
async def test_failures_are_retried_and_replaced(
    example: ModuleType,
    redis_url: str,
    running: Kit,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def is_down(address: str) -> str:
        raise ConnectionError(address)

    await running.use(example.WorkerSettings)
    with monkeypatch.context() as patch:
        patch.setattr(example, "hand_over", is_down)
        good, bad = await example.deliver.submit("ann@example.com"), await example.deliver.submit("nowhere")
        await running.run_until_idle()
    assert [(await handle.info()).tries for handle in (good, bad)] == [3, 1]

    await example.look_through_failures(redis_url)
    assert capsys.readouterr().out.splitlines() == [
        f"{bad.id} ValueError: nowhere is no address after 1 tries", "1 retried"
    ]  # fmt: skip
    await running.run_until_idle()
    found = {job.id: job for job in await running.jobs()}
    assert found[good.id].result == "delivered to ann@example.com"
    [instead] = [job for job in found.values() if job.retry_of]
    assert (instead.retry_of, instead.result) == (bad.id, "delivered to postmaster@example.com")


# Old code beside the new


@of("from_celery")
async def test_what_stands_beside_celerys_code_runs(
    example: ModuleType, redis_url: str, running: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = list[int]()

    async def ask_bank(order: int) -> str:
        tries.append(order)
        if len(tries) == 1:
            raise ConnectionError
        return "paid"

    monkeypatch.setattr(example, "ask_bank", ask_bank)
    worker = await running.use(example.WorkerSettings)
    paid, parcel = await example.charge.submit(7), await example.follow_parcel.submit(7)
    lines, rows = await example.export.submit([1, 2]), await example.import_rows.submit(["a", "b"])
    await running.run_until_idle(raise_errors=True)
    assert [await paid.result(), await parcel.result(), await lines.result()] == [
        "paid", "delivered", ["order 1", "order 2"]
    ]  # fmt: skip
    assert running.progress(rows)[-1].done == 2
    assert len(await running.travel_to(datetime(2030, 1, 7, 23, tzinfo=UTC))) > 0

    worker.allow_pick_jobs = True
    assert await example.close_day([1, 2, 3]) == 600
    assert await example.order(redis_url) == 700


async def finished(pool: ArqRedis, job_id: str) -> Any:
    return await ArqJob(job_id, pool).result(timeout=10, poll_delay=0.02)


@pytest.mark.parametrize("make", [arq.worker.create_worker, create_worker], ids=["arq", "arqboard"])
@pytest.mark.parametrize("example", ["before.arq_app"], indirect=True)
async def test_the_old_code_of_arq_runs_on_both_workers(
    example: ModuleType, make: Any, running: Kit, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = make(
        example.WorkerSettings, redis_settings=RedisSettings.from_dsn(redis_url), handle_signals=False, poll_delay=0.02
    )
    working = asyncio.create_task(worker.async_run())
    try:
        assert await example.order(redis_url) == "order 7 is paid"
        await running.pool.enqueue_job("render", 7, _job_id="render")
        await running.pool.enqueue_job("import_rows", ["a", "b"], _job_id="rows")
        await finished(running.pool, "render")
        await finished(running.pool, "rows")
        assert await running.pool.get("import:rows") == b"2/2"
        await eventually(lambda: capsys.readouterr().out == "mailed order-7.pdf\n")
        await eventually(lambda: all(job.done() for job in worker.tasks.values()))  # arq's `close` may not cut one
    finally:
        await worker.close()
        await asyncio.gather(working, return_exceptions=True)


@of("from_arq")
async def test_what_stands_beside_arqs_code_runs(
    example: ModuleType, redis_url: str, running: Kit, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = await running.use(example.WorkerSettings)
    await example.send_invoice(7)
    rows = await example.import_rows.submit(["a", "b"])
    await running.run_until_idle(raise_errors=True)
    assert capsys.readouterr().out == "mailed order-7.pdf\n"
    assert (running.progress(rows)[-1].done, running.progress(rows)[-1].unit) == (2, "rows")

    worker.allow_pick_jobs = True
    assert await example.order(redis_url) == "order 7 is paid"
    assert await example.order(redis_url) == "it is under way"


def test_the_old_code_of_celery_is_python() -> None:
    ast.parse((EXAMPLES / "before" / "celery_app.py").read_text())


# Tables and words


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading of tasks.md, without its head."""
    _, _, after = (GUIDE / "tasks.md").read_text().partition(f"## {heading}\n")
    found = re.findall(r"^\| `.+ \|$", after.partition("\n## ")[0], re.MULTILINE)
    return [row.strip("| ").split(" | ") for row in found]


def named(field: dataclasses.Field[Any]) -> list[str]:
    """Its name and its type, without the None that says it can be left out."""
    return [f"`{field.name}`", f"`{str(field.type).removesuffix(' | None')}`"]


def default(field: dataclasses.Field[Any]) -> str | None:
    """As it is shown; None where words say what holds."""
    value = field.default_factory() if callable(field.default_factory) else field.default
    match value:
        case None:
            return None
        case str():
            return f'`"{value}"`'
        case Backoff():
            return "`Backoff()`"
        case _:
            return f"`{value}`"


def test_the_table_of_task_options_has_every_one_with_its_type_and_default() -> None:
    shown = rows("Options of a task")
    assert [row[:2] for row in shown] == [named(field) for field in fields(TaskOptions)]
    for row, field in zip(shown, fields(TaskOptions), strict=True):
        assert row[2] == default(field) if default(field) else "`" not in row[2], row
    of_worker = inspect.signature(arq.worker.Worker).parameters
    said = {"max_tries": "max_tries", "timeout": "job_timeout", "keep_result": "keep_result"}
    for row in shown:
        if (name := row[0].strip("`")) in said:
            assert row[2] == f"the worker's, {of_worker[said[name]].default}"


def test_the_table_of_call_options_has_every_one_with_its_type() -> None:
    assert [row[:2] for row in rows("Options of a call")] == [named(field) for field in fields(CallOptions)]
    assert all(field.default is None for field in fields(CallOptions))


def test_the_table_of_backoffs_is_computed() -> None:
    page = (GUIDE / "retries-and-failures.md").read_text()
    found = re.findall(r"^\| `(Backoff\(.*?\))` \| (.+) \|$", page, re.MULTILINE)
    assert len(found) == 4
    for made, waits in found:
        given = {name: float(value) for name, value in re.findall(r"(\w+)=(\d+)", made)}
        backoff = Backoff(**given, jitter=False)
        assert [f"{backoff.delay(n):g}" for n in range(1, 12)] == waits.split(" | ")
    assert (Backoff().delay(1, lambda: 0), Backoff().delay(1, lambda: 1)) == (1, 0.5)


@of("typed")
def test_wrong_arguments_are_told_as_the_page_says(example: ModuleType) -> None:
    with pytest.raises(BadArguments) as raised:
        example.invoice.checker.check([[{"product": "tea"}]], {"due": "soon"})
    assert f"BadArguments: {raised.value}\n" in (GUIDE / "tasks.md").read_text()
    assert list(raised.value.problems) == ["lines", "due"]


@pytest.mark.parametrize(
    ("crontab", "day", "times"),
    [
        ("30 2 * * *", datetime(2026, 3, 29), ["03:00"]),
        ("30 2 * * *", datetime(2026, 10, 25), ["02:30"]),
        ("0 * * * *", datetime(2026, 3, 29, 0, 30), ["01:00", "03:00", "04:00"]),
        ("0 * * * *", datetime(2026, 10, 25, 0, 30), ["01:00", "02:00", "02:00", "03:00"]),
    ],
)
def test_crontabs_do_on_days_when_clocks_change_what_the_page_says(
    crontab: str, day: datetime, times: list[str]
) -> None:
    zone = ZoneInfo("Europe/Berlin")
    found = upcoming(Crontab(crontab, "Europe/Berlin"), int(day.replace(tzinfo=zone).timestamp() * 1000), len(times))
    local = [datetime.fromtimestamp(ms / 1000, zone) for ms in found]
    assert [f"{moment:%H:%M}" for moment in local] == times
    assert {moment.date() for moment in local} == {day.date()}
    assert f"| `{crontab}` |" in (GUIDE / "schedules.md").read_text()


def test_an_option_that_makes_no_sense_is_refused_as_the_page_says() -> None:
    with pytest.raises(ValueError, match="the soft limit comes first"):
        TaskOptions(soft_timeout=60, timeout=30)
