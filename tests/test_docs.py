"""The documentation is true: its programs run, its answers are the API's, its tables, links and commands are right."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import html
import importlib
import json
import re
import shlex
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from glob import glob
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import arq.worker
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from arq.connections import ArqRedis, RedisSettings, create_pool
from click import Command, Group
from prometheus_client.parser import text_string_to_metric_families
from pydantic_settings import BaseSettings
from waiting import eventually
from yarl import URL

from arqboard import connect, create_worker, crontab, signature
from arqboard.cli import main as worker_command
from arqboard.protocol import Job, Outcome, Query, Reader, State
from arqboard.protocol.commands import Commands
from arqboard.settings import ToolkitSettings
from arqboard_dashboard.app import create_app
from arqboard_dashboard.cli import main as arqboard_command
from arqboard_dashboard.routes import ROUTES
from arqboard_dashboard.settings import Settings
from arqboard_dashboard.words import words_json

ROOT = Path(__file__).parents[1]
GUIDE, EXAMPLES = ROOT / "docs" / "guide", ROOT / "docs" / "examples"
#: What users read.
PAGES = [ROOT / "README.md", *sorted(GUIDE.glob("*.md"))]
EVERYTHING = [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))]

FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
Client = TestClient[Any, Any]
Example = Callable[[str], ModuleType]
Start = Callable[[Any], Awaitable[None]]


def blocks(page: Path, language: str) -> list[str]:
    return [text for found, text in FENCE.findall(page.read_text()) if found == language]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


# Programs


def test_every_program_in_the_docs_is_a_file_and_every_file_is_shown() -> None:
    """Whole, or in pieces with text between them that leave nothing out."""
    files = {path.name: path.read_text() for path in EXAMPLES.glob("*.py")}
    shown = {block for page in PAGES for block in blocks(page, "python")}
    assert [block for block in shown if not any(block in text for text in files.values())] == []
    assert [name for name, text in files.items() if without(shown, text).strip()] == []


def without(pieces: set[str], text: str) -> str:
    for piece in sorted(pieces, key=len, reverse=True):
        text = text.replace(piece, "")
    return text


def test_old_code_that_stands_beside_the_new_is_from_a_program_too() -> None:
    files = [path.read_text() for path in (EXAMPLES / "before").glob("*.py")]
    shown = [block for page in PAGES for block in blocks(page, "py")]
    assert len(shown) > 10
    assert [block for block in shown if not any(block in text for text in files)] == []


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Iterator[Example]:
    """Imports an example by name, anew for each test, from its own folder as a user would."""
    names = [path.stem for path in EXAMPLES.glob("*.py")]
    monkeypatch.syspath_prepend(str(EXAMPLES))
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield importlib.import_module
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
async def pool(redis: object, redis_url: str) -> AsyncIterator[ArqRedis]:
    opened = await create_pool(RedisSettings.from_dsn(redis_url))
    yield opened
    await opened.aclose()


@asynccontextmanager
async def working(settings: Any, redis_url: str) -> AsyncIterator[None]:
    worker = create_worker(
        settings, redis_settings=RedisSettings.from_dsn(redis_url), handle_signals=False, poll_delay=0.05
    )
    task = asyncio.create_task(worker.async_run())
    await eventually(lambda: task.done() or (hasattr(worker, "leases") and worker.leases.is_fresh))
    try:
        yield
    finally:
        await worker.close()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def start(redis: object, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    """Starts a worker with a settings class or dict; it is stopped after the test."""
    monkeypatch.setenv("ARQBOARD_HEARTBEAT", "0.2")
    async with AsyncExitStack() as stack:

        async def start_worker(settings: Any) -> None:
            await stack.enter_async_context(working(settings, redis_url))

        yield start_worker


async def ended(reader: Reader, job_id: str, attempts: int = 1) -> Job:
    """The job once it has ended in its attempt of that number."""

    async def probe() -> Job | None:
        job = (await reader.many([job_id], detail=True))[0]
        return job if isinstance(job, Job) and job.state.is_terminal and job.attempt >= attempts else None

    found = await eventually(probe)
    assert found is not None
    return found


async def run(pool: ArqRedis, reader: Reader, function: str, *args: Any) -> Job:
    job = await pool.enqueue_job(function, *args)
    assert job is not None
    return await ended(reader, job.job_id)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """A folder of 25 "logs", of which the 17th can't be compressed."""
    folder = tmp_path / "logs"
    folder.mkdir()
    for number in range(1, 26):
        (folder / f"{number:02}.log").write_text("a line\n")
    (folder / "17.log").unlink()
    (folder / "17.log").mkdir()
    return folder


def repair(logs: Path) -> None:
    (logs / "17.log").rmdir()
    (logs / "17.log").write_text("a line\n")


async def test_tasks_resumes_at_the_chunk_that_failed(
    example: Example, start: Start, pool: ArqRedis, reader: Reader, commands: Commands, logs: Path, monkeypatch: Any
) -> None:
    tasks, ran = example("tasks"), list[str]()
    compress = tasks.compress

    def noted(file: str, level: int) -> None:
        ran.append(Path(file).stem)
        compress(file, level)

    monkeypatch.setattr(tasks, "compress", noted)
    await start(tasks.WorkerSettings)
    job = await run(pool, reader, "compress_logs", str(logs))
    assert (job.state, job.chunks and (job.chunks.done, job.chunks.failed)) == (State.FAILED, (1, 1))
    assert ran == [f"{n:02}" for n in range(1, 18)]

    repair(logs)
    await commands.retry(job.id)
    job = await ended(reader, job.id, attempts=2)
    assert (job.state, job.result) == (State.SUCCEEDED, "25 files compressed")
    assert ran[17:] == [f"{n:02}" for n in range(11, 26)]
    assert gzip.decompress((logs / "07.log.gz").read_bytes()) == b"a line\n"


async def test_enqueue_is_a_program_of_a_plain_arq_client(
    example: Example, start: Start, redis_url: str, logs: Path
) -> None:
    repair(logs)
    await start(example("tasks").WorkerSettings)
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, EXAMPLES / "enqueue.py", redis_url, logs), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asyncio.wait_for(program.communicate(), 60)
    assert said.decode() == "25 files compressed\n"


async def test_jobs_of_the_page_about_tasks_are_found_by_their_tags(
    example: Example, start: Start, reader: Reader, redis_url: str
) -> None:
    tagged = example("tagged")
    await start(tagged.WorkerSettings)

    board = await connect(redis_url)
    job = await tagged.import_now(42)

    assert await job.result(timeout=10) == "orders of north"
    await board.close()
    for tag in ("import", "customer:42"):
        assert [found.id for found in (await reader.page(Query(q=f"tag:{tag}"))).jobs] == [job.id]


async def test_test_tasks_passes(example: Example, tmp_path: Path) -> None:
    await example("test_tasks").test_every_log_is_compressed(tmp_path)


async def test_test_orders_passes_as_a_suite_of_its_own(tmp_path: Path) -> None:
    for name in ("orders.py", "test_orders.py"):
        (tmp_path / name).write_text((EXAMPLES / name).read_text())
    options = ("-q", "-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function")
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", *options), cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asyncio.wait_for(program.communicate(), 120)
    assert program.returncode == 0 and b"4 passed" in said, said.decode()


async def test_report_says_how_far_it_is(example: Example, start: Start, pool: ArqRedis, reader: Reader) -> None:
    await start({"functions": [example("report").yearly_report]})
    job = await run(pool, reader, "yearly_report", 2026)
    assert (job.state, job.result) == (State.SUCCEEDED, 78_000)
    assert job.progress is not None
    assert (job.progress.done, job.progress.total, job.progress.unit) == (12, 12, "months")
    assert (job.progress.phase, job.progress.note) == ("Writing", "")


async def test_checksum_reports_from_its_thread(
    example: Example, start: Start, pool: ArqRedis, reader: Reader, tmp_path: Path
) -> None:
    file = tmp_path / "large"
    file.write_bytes(b"0123456789" * 250_000)
    await start({"functions": [example("checksum").checksum]})
    job = await run(pool, reader, "checksum", str(file))
    assert job.result == hashlib.sha256(file.read_bytes()).hexdigest()
    assert job.progress is not None
    assert (job.progress.done, job.progress.total, job.progress.phase) == (2_500_000, 2_500_000, "Reading")


async def test_export_orders_has_phases_a_log_and_a_file(
    example: Example, start: Start, pool: ArqRedis, reader: Reader
) -> None:
    await start({"functions": [example("export_orders").export_orders]})
    job = await run(pool, reader, "export_orders", [{"id": 1, "total": 5}, {"id": 2, "total": -3}])
    job = await reader.get(job.id)
    assert [(phase.name, phase.state, phase.done, phase.total) for phase in job.phases] == [
        ("Checking", "done", 2, 2), ("Writing", "done", 0, None)
    ]  # fmt: skip
    assert [line.message for line in (await reader.logs(job.id)).lines] == ["order 2 has a negative total"]
    assert [artefact.name for artefact in await reader.artefacts(job.id)] == ["orders.csv"]
    assert await reader.artefact_data(job.id, 1) == b"id,total\r\n1,5\r\n2,-3\r\n"


@asynccontextmanager
async def serving(method: str, handler: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route(method, "/", handler)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


async def test_publish_prices_sends_again_only_what_failed(
    example: Example, start: Start, pool: ArqRedis, reader: Reader, commands: Commands
) -> None:
    requests = list[list[str]]()

    async def shop(request: web.Request) -> web.Response:
        requests.append(sorted(await request.json()))
        return web.Response(status=503 if "item-150" in requests[-1] and len(requests) <= 3 else 204)

    await start({"functions": [example("publish_prices").publish_prices]})
    async with serving("PUT", shop) as url:
        job = await run(pool, reader, "publish_prices", url, {f"item-{n:03}": n / 100 for n in range(250)})
        assert job.state is State.FAILED
        assert job.error is not None and job.error.message.startswith("1 of 3 requests failed: {1: ")
        assert sorted(map(len, requests)) == [50, 100, 100]

        await commands.retry(job.id)
        assert (await ended(reader, job.id, attempts=2)).result == 250
    assert requests[3:] == [[f"item-{n:03}" for n in range(100, 200)]]


async def test_exchange_rates_is_tried_again_and_its_error_kept(
    example: Example, start: Start, pool: ArqRedis, reader: Reader
) -> None:
    asked = list[int]()

    async def bank(request: web.Request) -> web.Response:
        asked.append(1)
        return web.json_response({"EUR": 1.0}, status=200 if len(asked) > 1 else 503)

    await start(example("exchange_rates").WorkerSettings)
    async with serving("GET", bank) as url:
        job = await run(pool, reader, "fetch_rates", url)
    first, second = await reader.attempts(job)
    assert (first.outcome, second.outcome) == (Outcome.RETRY, Outcome.SUCCEEDED)
    assert first.error is not None and first.error.type == "ClientResponseError"
    assert (job.result, job.tries, job.max_tries, job.timeout) == ({"EUR": 1.0}, 2, 5, 30)


@pytest.fixture
def ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands in for the converter: writes its target, then takes its time if the source says so."""
    program = tmp_path / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho frames > "$5"\n[ "$2" = long ] && exec sleep 600\nexit 0\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    return program


async def test_convert_video_leaves_the_video_and_after_an_abort_nothing(
    example: Example, start: Start, pool: ArqRedis, reader: Reader, commands: Commands, ffmpeg: Path, tmp_path: Path
) -> None:
    await start({"functions": [example("convert_video").convert_video]})
    job = await run(pool, reader, "convert_video", "short", str(tmp_path / "a.mp4"))
    assert (job.state, (tmp_path / "a.mp4").read_text()) == (State.SUCCEEDED, "frames\n")

    long = await pool.enqueue_job("convert_video", "long", str(tmp_path / "b.mp4"))
    assert long is not None
    await eventually((tmp_path / "b.mp4.part").exists)
    await commands.abort(long.job_id)
    assert (await ended(reader, long.job_id)).state is State.ABORTED
    assert glob(f"{tmp_path}/b.mp4*") == []


async def test_worker_settings_are_taken_by_our_worker_and_by_stock_arq(
    example: Example, start: Start, pool: ArqRedis, reader: Reader, redis_url: str, logs: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("REDIS_URL", redis_url)
    settings = example("worker_settings").WorkerSettings
    toolkit = create_worker(settings, handle_signals=False).toolkit
    assert (toolkit.keep_jobs_for, toolkit.max_crashes) == (30 * 86_400, 1)
    assert "compress_logs" in arq.worker.create_worker(settings, handle_signals=False).functions
    repair(logs)
    await start(settings)
    assert (await run(pool, reader, "compress_logs", str(logs))).state is State.SUCCEEDED


async def test_mounted_has_the_shop_and_the_dashboard(example: Example, redis: object, redis_url: str) -> None:
    async with TestClient(TestServer(example("mounted").shop(redis_url))) as client:
        assert await (await client.get("/")).text() == "Hello"
        assert "Jobs" in await (await client.get("/ops/jobs")).text()
        assert await (await client.get("/ops/api/v1/queues")).json() == {"queues": []}


async def test_the_order_page_has_the_bar_of_its_job(
    example: Example, start: Start, redis: object, redis_url: str, monkeypatch: Any
) -> None:
    secret = "s" * 40
    shop = example("order_page")
    await start(shop.WorkerSettings)
    board = create_app(Settings.read(redis_url=redis_url, widget_secret=secret))
    async with TestClient(TestServer(board)) as dashboard, TestClient(TestServer(shop.shop(redis_url))) as client:
        monkeypatch.setenv("ARQBOARD_WIDGET_SECRET", secret)
        monkeypatch.setenv("DASHBOARD", str(dashboard.make_url("/")))
        assert (await client.get("/orders/7")).status == 404
        page = await (await client.post("/orders")).text()
        (link,) = re.findall(r'data-job="([^"]+)"', page)
        address = URL(html.unescape(link), encoded=True).relative()

        async def bar() -> str:
            return await (await dashboard.get(address)).text()

        assert await eventually(lambda: has(bar, "Done"))
        assert "Your prints" in await bar()


async def has(page: Callable[[], Awaitable[str]], text: str) -> bool:
    return text in await page()


# The API, as the page says it

HEX, TIME = re.compile(r"[0-9a-f]{32}"), re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
WORKER, BY_HAND = re.compile(r"[\w.-]+-\d+-[0-9a-f]{4}"), re.compile(r"run-[0-9a-f]{12}")
#: What differs from run to run. Where it is there, it is only compared in kind.
CHANGING = {
    "rate", "left_seconds", "pid", "host", "lag_ms", "rss", "traceback", "version", "arq", "python", "mean_ms",
    "p50_ms", "p95_ms", "p99_ms", "ms",
}  # fmt: skip
EXCHANGE = re.compile(r"^```sh\n(curl .*?)^```\n(.*?)(?=^```sh|\Z)", re.DOTALL | re.MULTILINE)


@pytest.fixture
async def client(redis: object, redis_url: str) -> AsyncIterator[Client]:
    async with TestClient(TestServer(create_app(Settings.read(redis_url=redis_url)))) as opened:
        yield opened


class Replay:
    """Says what the page says, to a running dashboard. Ids of the page become those of this run."""

    def __init__(self, client: Client, logs: Path) -> None:
        self.client, self.logs = client, logs
        self.ids: dict[str, str] = {}

    async def send(self, command: str) -> tuple[int, Any]:
        words = shlex.split(command.replace("\\\n", " ").replace("/var/log/shop", str(self.logs)))
        options = dict(pairwise(words))
        headers = dict(value.split(": ") for option, value in pairwise(words) if option == "-H")
        (url,) = (word for word in words if word.startswith("http"))
        path = HEX.sub(lambda found: self.ids.get(found[0], found[0]), url.removeprefix("http://127.0.0.1:8700"))
        answer = await self.client.request(
            options.get("-X", "GET"), path, data=options.get("-d"), headers=headers, skip_auto_headers=["Content-Type"]
        )
        text = (await answer.text()).replace(str(self.logs), "/var/log/shop")
        return answer.status, json.loads(text) if text else None

    def compare(self, said: Any, real: Any, key: str = "") -> None:
        match said, real:
            case dict(), dict():
                assert list(said) == list(real)
                for name in said:
                    self.compare(said[name], real[name], name)
            case list(), list():
                assert len(said) == len(real), key
                for one, other in zip(said, real, strict=True):
                    self.compare(one, other, key)
            case _ if key in CHANGING:
                assert said is None or real is None or isinstance(real, type(said) | int)
            case str(), str():
                self.ids.update(zip(HEX.findall(said), HEX.findall(real), strict=True))
                assert plain(said) == plain(real), key
            case _:
                assert said == real, key


def plain(text: str) -> str:
    for kind, pattern in (("id", HEX), ("time", TIME), ("run", BY_HAND), ("worker", WORKER)):
        text = pattern.sub(f"<{kind}>", text)
    return text


async def test_the_answers_on_the_api_page_are_the_real_ones(
    example: Example, start: Start, reader: Reader, client: Client, logs: Path
) -> None:
    tasks = example("tasks")
    nightly = crontab("0 3 * * *", signature("compress_logs", folder=str(logs)), name="nightly")
    await start({"functions": tasks.WorkerSettings.functions, "schedules": [nightly]})
    replay = Replay(client, logs)
    exchanges = EXCHANGE.findall((GUIDE / "json-api.md").read_text())
    assert len(exchanges) > 10
    for command, after in exchanges:
        if command.endswith("/retry\n"):
            repair(logs)
        if "/workers" in command:
            await eventually(lambda: has_reported(reader))
        status, real = await replay.send(command)
        (said,) = re.findall(r"Answer `(\d+)`", after)
        assert (int(said), command) == (status, command)
        shown = re.search(r"^```json\n(.*?)^```", after, re.DOTALL | re.MULTILINE)
        replay.compare(json.loads(shown[1]) if shown else None, real)
        await eventually(lambda: nothing_moves(reader))


async def has_reported(reader: Reader) -> bool:
    """Whether the worker has said by heartbeat that it did what the page lets it do."""
    return [(worker.done, worker.failed) for worker in await reader.workers()] == [(1, 1)]


async def nothing_moves(reader: Reader) -> bool:
    counts = await reader.counts()
    return counts[State.QUEUED] + counts[State.RUNNING] == 0


async def test_the_calls_in_the_readme_are_understood(
    example: Example, start: Start, client: Client, reader: Reader, logs: Path
) -> None:
    await start(example("tasks").WorkerSettings)
    replay = Replay(client, logs)
    (block,) = (text for text in blocks(ROOT / "README.md", "sh") if "curl" in text)
    setting, *calls = block.splitlines()
    variables = dict(word.split("=", 1) for word in shlex.split(setting))
    job_id = "ID"
    for call in calls:
        for name, value in variables.items():
            call = call.replace(f"${name}", value)
        status, answer = await replay.send(call.replace("{id}", job_id))
        assert status in (200, 202), (call, answer)
        job_id = answer.get("id", job_id)
        await eventually(lambda: nothing_moves(reader))


def test_every_route_of_the_api_is_documented_and_no_other() -> None:
    page = (GUIDE / "json-api.md").read_text()
    routes = {f"{r.method} {r.path}" for r in ROUTES if isinstance(r, web.RouteDef) and r.path.startswith("/api/")}
    assert set(re.findall(r"^\| `([A-Z]+ /api/[^`]+)` \|", page, re.MULTILINE)) == routes


def test_every_error_code_is_documented() -> None:
    page = (GUIDE / "json-api.md").read_text()
    source = "\n".join(path.read_text() for path in (ROOT / "dashboard").rglob("*.py"))
    patterns = (r'\bcode="(\w+)"', r'Problem\(\s*\d+,\s*"(\w+)"', r'^ +\d{3}: \("(\w+)",', r'code: str = "(\w+)"')
    codes = {code for pattern in patterns for code in re.findall(pattern, source, re.MULTILINE)}
    assert {"job_not_found", "bad_json", "too_large"} <= codes
    assert [code for code in sorted(codes) if f"`{code}`" not in page] == []


async def test_metrics_in_the_docs_exist(client: Client) -> None:
    found = {
        name for page in PAGES for name in re.findall(r"`(arqboard_(?!dashboard|kit|server)\w+)`", page.read_text())
    }
    scraped = await (await client.get("/metrics")).text()
    assert found
    assert [name for name in found if name not in scraped] == []


async def test_metrics_of_jobs_are_all_in_their_table_with_their_labels(
    client: Client, commands: Commands, redis: Any
) -> None:
    keys = commands.keys
    await redis.hset(keys.stats_totals, mapping={"fn|resize": 1, "failed|resize": 1, "errors|resize": '{"OSError": 1}'})
    await redis.zadd(keys.workers, {"w1": await Reader(redis).now_ms()})
    await redis.hset(keys.worker("w1"), mapping={"queue": "arq:queue"})
    await redis.sadd(keys.queues, "arq:queue")
    families = text_string_to_metric_families(await (await client.get("/metrics")).text())
    scraped = {
        family.name + ("_total" if family.type == "counter" else ""): set(family.samples[0].labels) - {"le"}
        for family in families
        if family.name.startswith("arq_")
    }
    rows = re.findall(r"^\| `(arq_\w+)` \| ([^|]+) \|", (GUIDE / "metrics.md").read_text(), re.MULTILINE)
    assert {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows} == scraped


def test_alerts_in_the_docs_ask_for_metrics_that_exist() -> None:
    page = (GUIDE / "metrics.md").read_text()
    known = set(re.findall(r"^\| `(arq_\w+)`", page, re.MULTILINE))
    asked = {name for block in blocks(GUIDE / "metrics.md", "yaml") for name in re.findall(r"\barq_\w+", block)}
    assert asked
    assert asked <= known


# Tables, links, commands


@pytest.mark.parametrize(
    ("page", "settings"), [("running-the-worker.md", ToolkitSettings), ("dashboard.md", Settings)], ids=lambda v: str(v)
)
def test_every_setting_is_in_its_table_with_its_default(page: str, settings: type[BaseSettings]) -> None:
    rows = re.findall(r"^\| `(ARQBOARD_\w+)` \| ([^|]+) \|", (GUIDE / page).read_text(), re.MULTILINE)
    assert rows == [(f"ARQBOARD_{name.upper()}", default(field)) for name, field in settings.model_fields.items()]


def default(field: Any) -> str:
    match field.default:
        case _ if field.default_factory:
            return "new at each start"
        case None | "" | ():
            return "not set"
        case bool() as flag:
            return f"`{str(flag).lower()}`"
        case int() as number:
            return f"`{number}`"
        case float() as number:
            return f"`{number:g}`"
        case text:
            return f"`{text}`"


@pytest.mark.parametrize("page", EVERYTHING, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text())
    links = re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", text)
    local = [link for pair in links for link in pair if link and not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not leads_somewhere(page, link)] == []


def leads_somewhere(page: Path, link: str) -> bool:
    path, _, heading = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return target.exists() and (not heading or heading in headings(target))


def headings(page: Path) -> set[str]:
    """The anchors that a page has, as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in found}


def test_pictures_are_small_and_shown() -> None:
    pictures = list((ROOT / "docs" / "images").iterdir())
    shown = "".join(page.read_text() for page in PAGES)
    assert pictures
    assert [path.name for path in pictures if path.stat().st_size > 250_000 or f"images/{path.name}" not in shown] == []


def commands_in(page: Path) -> Iterator[list[str]]:
    """Each call of make or of ours, in blocks and between backticks, without variables before it."""
    text = page.read_text()
    lines = [line for block in blocks(page, "sh") for line in block.replace("\\\n", " ").splitlines()]
    for line in [*lines, *re.findall(r"`([^`\n]+)`", FENCE.sub("", text))]:
        for part in line.split(" && "):
            words = [word for word in part.split() if not re.match(r"[A-Z_]+=", word)]
            if words and words[0] in ("make", "arqboard", "arqboard-worker"):
                yield words


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_exist(page: Path) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for program, *words in commands_in(page):
        if program == "make":
            assert words[:1] == [] or words[0] in targets, words
        else:
            assert unknown_options(worker_command if program == "arqboard-worker" else arqboard_command, words) == []


def unknown_options(command: Command, words: list[str]) -> list[str]:
    if isinstance(command, Group) and words and not words[0].startswith("-"):
        command, words = command.commands[words[0]], words[1:]
    known = {option for parameter in command.params for option in parameter.opts}
    return [word for word in words if word.startswith("-") and word not in known]


def test_options_of_the_worker_are_all_in_its_table() -> None:
    page = (GUIDE / "running-the-worker.md").read_text()
    options = [option for parameter in worker_command.params for option in parameter.opts if option.startswith("--")]
    assert [option for option in options if f"`{option}`" not in page] == []


def test_the_pill_says_what_the_guide_says() -> None:
    _, _, section = (GUIDE / "dashboard.md").read_text().partition("## The live pill")
    told = [said.strip() for said in re.findall(r"^\| ([A-Z0-9][^|]+) \|", section.partition("\n## ")[0], re.MULTILINE)]
    words = json.loads(words_json())
    names = "live live_rate paused held reconnecting_since offline offline_since stale_since closed signed-out"
    labels = [words[name]["other"] if name == "held" else words[name] for name in names.split()]
    patterns = [re.sub(r"%\\\((n|span)\\\)s", r"\\d+( s)?", re.escape(label)) for label in labels]
    assert len(told) == len(patterns)
    assert [pattern for pattern in patterns if not any(re.fullmatch(pattern, said) for said in told)] == []


@pytest.mark.parametrize("page", [*EVERYTHING, *EXAMPLES.glob("*.py")], ids=named)
def test_no_page_names_a_folder_of_whoever_wrote_it(page: Path) -> None:
    assert re.findall(r"/(?:home|root|work|Users|tmp)/\S*", page.read_text()) == []
