"""The guide's programs that use @task run as they are shown, and its tables of options are those of the code."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import fields
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from arq.connections import RedisSettings, create_pool

from arqboard import SoftTimeLimit, connect, create_worker, json_deserializer, json_serializer
from arqboard.options import CallOptions, TaskOptions
from arqboard.protocol import Reader, State
from arqboard.protocol.schedule import Crontab, Every
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


def rows(heading: str) -> list[str]:
    """The names in the first column of the table under a heading of tasks.md."""
    _, _, after = (GUIDE / "tasks.md").read_text().partition(f"## {heading}\n")
    return re.findall(r"^\| `(\w+)` \|", after.partition("\n## ")[0], re.MULTILINE)


def test_the_tables_name_every_option() -> None:
    assert rows("Options of a task") == [field.name for field in fields(TaskOptions)]
    assert rows("Options of a call") == [field.name for field in fields(CallOptions)]


def test_an_option_that_makes_no_sense_is_refused_as_the_page_says() -> None:
    with pytest.raises(ValueError, match="the soft limit comes first"):
        TaskOptions(soft_timeout=60, timeout=30)
