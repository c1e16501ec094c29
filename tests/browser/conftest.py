"""Real Chromium against the real dashboard, a real worker and a real server, all in the loop of the tests."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestServer
from arq.connections import RedisSettings
from arq.worker import Retry, func
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect
from waiting import connect, eventually

from arqboard import Worker, chunks, current
from arqboard.protocol import Job, Reader, State
from arqboard.protocol.client import Client
from arqboard.protocol.commands import Commands
from arqboard.submitting import find_function, submit
from arqboard_dashboard.app import create_app
from arqboard_dashboard.settings import Settings

expect.set_options(timeout=20_000)

#: As root in a container Chromium needs no-sandbox; the rest keeps it from calling home.
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--disable-quic", "--disable-dev-shm-usage", "--disable-features=LocalNetworkAccessChecks",
]  # fmt: skip
ARTEFACTS = Path(__file__).parents[1] / "artefacts"
log = logging.getLogger("shop")
log.setLevel(logging.INFO)  # pytest has handlers of its own, so the worker leaves the level of the root as it is


def chromium_path() -> str | None:
    """Debian's browser, or the one that Playwright brought; an error in CI where there is none."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found and os.environ.get("CI") == "true" and not os.environ.get("PLAYWRIGHT_BROWSER"):
        raise RuntimeError("no Chromium: apt-get install chromium, or set CHROMIUM to its path")
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        path = chromium_path()
        try:
            running = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        except Exception as error:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(f"no browser: {str(error).splitlines()[0]}")
        yield running
        await running.close()


@dataclass
class Stage:
    """What the tasks of the tests wait for, so that a test decides when a bar moves."""

    steps: asyncio.Queue[int] = field(default_factory=asyncio.Queue)
    is_broken: bool = False
    ran: list[int] = field(default_factory=list)

    async def stepwise(self, ctx: dict[str, Any], total: int = 10, label: str = "x") -> int:
        """Go as far as the test says."""
        while (done := await self.steps.get()) < total:
            await current()(done, total, unit="steps", note=f"at {done}")
        await current()(total)
        return total

    async def chunked(self, ctx: dict[str, Any], items: int = 10, size: int = 2) -> int:
        """Work in chunks; the fourth breaks while the stage is broken."""
        async for chunk in chunks(range(items), size=size, unit="rows"):
            if chunk.number == 4 and self.is_broken:
                raise ValueError("<b>row 7</b> is not a number")
            self.ran += chunk
        return len(self.ran)

    async def open_chunks(self, ctx: dict[str, Any], total: int = 6) -> int:
        """A chunk for each step that the test allows, told in the log."""
        async for chunk in chunks(range(total), size=1, unit="rows"):
            await self.steps.get()
            log.info("row %d <b>is in</b>", chunk.number)
        return total

    async def report(self, ctx: dict[str, Any]) -> int:
        """Two phases, a warning and a file."""
        progress = current()
        progress.plan("Reading", "Writing")
        async with progress.phase("Reading", total=4, unit="pages") as phase:
            while (done := await self.steps.get()) < 4:
                await phase(done)
            await phase(4)
        log.warning("the font is missing")
        async with progress.phase("Writing"):
            await progress.artefact("report.txt", data=b"hello", type="text/plain")
            await self.steps.get()
        return 4

    async def stay(self, ctx: dict[str, Any]) -> None:
        """Run until aborted."""
        await asyncio.Event().wait()

    async def again(self, ctx: dict[str, Any]) -> None:
        """Ask for another try, later."""
        raise Retry(defer=600)

    async def typed(self, ctx: dict[str, Any], user_id: int, ratio: float = 0.5, notify: bool = True) -> dict[str, Any]:
        """Show what arrived."""
        return {"user_id": user_id, "ratio": ratio, "notify": notify}

    def functions(self) -> list[Any]:
        bodies = (
            self.stepwise, self.chunked, self.open_chunks, self.report, self.stay, self.again, self.typed,
        )  # fmt: skip
        return [func(body, name=body.__name__, max_tries=3) for body in bodies]


@dataclass
class Site:
    """The dashboard under test and everything behind it."""

    server: TestServer
    redis: Any
    reader: Reader
    commands: Commands
    worker: Worker
    stage: Stage

    def url(self, path: str = "/jobs") -> str:
        return str(self.server.make_url(path))

    async def submit(self, function: str, **kwargs: Any) -> str:
        info = find_function(await self.reader.functions(), function)
        return (await submit(self.commands, info, [], kwargs)).job_id

    async def in_state(self, job_id: str, state: State) -> Job:
        async def probe() -> Job | None:
            found = (await self.reader.many([job_id]))[0]
            return found if isinstance(found, Job) and found.state is state else None

        found = await eventually(probe)
        assert found is not None
        return found


@pytest_asyncio.fixture(loop_scope="session")
async def site(redis_url: str) -> AsyncIterator[Site]:
    client: Client = connect(redis_url)
    await client.flushall()
    stage = Stage()
    quick = {"lease": 5.0, "heartbeat": 0.5, "flush": 0.05, "idle_flush": 0.05}
    worker = Worker(
        stage.functions(), redis_settings=RedisSettings.from_dsn(redis_url), handle_signals=False, poll_delay=0.1,
        arqboard=quick,
    )  # fmt: skip
    running = asyncio.create_task(worker.async_run())
    server = TestServer(create_app(Settings.read(redis_url=redis_url)), host="127.0.0.1")
    await server.start_server()
    reader = Reader(client)
    await eventually(reader.workers)
    yield Site(server, client, reader, Commands(client), worker, stage)
    await server.close()
    await worker.close()
    await asyncio.gather(running, return_exceptions=True)
    await client.aclose()


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    opened = await browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    await opened.add_init_script(
        "window.__violations = []; document.addEventListener('securitypolicyviolation',"
        " e => window.__violations.push(`${e.violatedDirective} ${e.blockedURI}`))"
    )
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext, request: pytest.FixtureRequest) -> AsyncIterator[Page]:
    """A fresh page. `page.complaints` has what its console said in warnings and errors."""
    opened = await context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    opened.on("pageerror", lambda e: complaints.append(str(e)))
    opened.complaints = complaints  # type: ignore[attr-defined] # pyright: ignore
    yield opened
    report = getattr(request.node, "report_call", None)
    if report and report.failed:
        ARTEFACTS.mkdir(exist_ok=True)
        await opened.screenshot(path=ARTEFACTS / f"{request.node.name}.png", full_page=True)


@pytest_asyncio.fixture(loop_scope="session")
async def says_yes(page: Page) -> None:
    """The page says yes to every question, for tests that are not about questions."""
    await page.add_init_script(
        "new MutationObserver(() => document.querySelector('#ask[open] [data-yes]')?.click())"
        ".observe(document, {subtree: true, attributeFilter: ['open']})"
    )


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A retried job starts without the seconds in which that can be undone, for tests that are not about undo."""
    monkeypatch.setattr("arqboard.protocol.acting.RETRY_DELAY_MS", 0)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    outcome = yield
    report = outcome.get_result()
    setattr(item, f"report_{report.when}", report)


async def go_live(page: Page, url: str) -> None:
    """Open a page and wait until it says that it is live."""
    await page.goto(url)
    await expect(page.locator("[data-live-state]")).to_have_attribute("data-live-state", "live")
