"""Kill the worker, restart Redis: afterwards the page says what Redis says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestServer
from bulks import failed
from fleet import Fleet, Server
from playwright.async_api import BrowserContext, Page, expect
from waiting import connect, eventually

from arqboard.composing import begin
from arqboard.protocol import Reader
from arqboard.protocol.commands import Commands
from arqboard.submitting import find_function, submit
from arqboard_dashboard.app import create_app
from arqboard_dashboard.settings import Settings

from .conftest import go_live

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("says_yes")]

COUNT = {"function": "count", "kwargs": {"total": 1, "pause": 0.0}, "fed": False}


@dataclass
class Scene:
    board: TestServer
    server: Server
    fleet: Fleet
    reader: Reader
    commands: Commands

    def url(self, path: str) -> str:
        return str(self.board.make_url(path))

    async def count_to(self, total: int, pause: float) -> str:
        await eventually(self.reader.functions)
        info = find_function(await self.reader.functions(), "count")
        return (await submit(self.commands, info, [total, pause], {})).job_id


@pytest_asyncio.fixture(loop_scope="session")
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    folder = tmp_path / "valkey"
    folder.mkdir()
    server = Server(folder)
    await asyncio.to_thread(server.start)
    client: Any = connect(server.url)
    fleet = Fleet(server, tmp_path)
    board = TestServer(create_app(Settings.read(redis_url=server.url)), host="127.0.0.1")
    await board.start_server()
    yield Scene(board, server, fleet, Reader(client), Commands(client))
    await board.close()
    await asyncio.to_thread(fleet.stop)
    await client.aclose()
    await asyncio.to_thread(server.kill)


async def test_a_killed_workers_job_stalls_on_the_page_and_then_goes_on(page: Page, scene: Scene) -> None:
    first = scene.fleet.start()
    job_id = await scene.count_to(40, 0.1)
    await go_live(page, scene.url(f"/jobs/{job_id}"))
    hero = page.locator("[data-live^='hero:']")
    await expect(page.locator(".ck.st-succeeded")).not_to_have_count(0)
    first.kill()
    await expect(hero).to_have_attribute("data-state", "stalled")
    scene.fleet.start()
    await expect(hero).to_have_attribute("data-state", "running")
    await expect(hero).to_have_attribute("data-state", "succeeded", timeout=30_000)
    await expect(page.locator(".ck.st-succeeded")).to_have_count(40)
    await expect(page.locator("[data-live^='attempts:']")).to_contain_text("Attempt 1 was lost")


async def test_a_redis_restart_mid_job_leaves_the_page_equal_to_redis(page: Page, scene: Scene) -> None:
    scene.fleet.start()
    job_id = await scene.count_to(60, 0.1)
    await go_live(page, scene.url("/jobs"))
    bar = page.locator(f"#job-{job_id}")
    await expect(bar).to_have_attribute("data-state", "running")
    await asyncio.to_thread(scene.server.kill)
    await expect(page.locator("[data-live-state]")).to_have_attribute("data-live-state", "stale")
    await asyncio.to_thread(scene.server.start)
    await expect(page.locator("[data-live-state]")).to_have_attribute("data-live-state", "live")
    await expect(bar).to_have_attribute("data-state", "succeeded", timeout=40_000)
    job = await scene.reader.get(job_id)
    await expect(bar).to_have_attribute("data-v", str(job.version))
    assert job.result == 60


async def test_failures_workflows_and_the_system_come_back_from_a_restart_with_what_is_true(
    context: BrowserContext, scene: Scene
) -> None:
    scene.fleet.start()
    await scene.count_to(1, 0.0)
    flow = await begin(scene.commands, await scene.reader.functions(), {"chain": [COUNT, COUNT]}, name="two steps")
    await failed(scene.commands, 2, queue="nobody")
    pages = {path: await context.new_page() for path in ("/failures", "/workflows", "/system")}
    for path, page in pages.items():
        await go_live(page, scene.url(path))
        await page.evaluate("window.__same_document = true")
    row = pages["/workflows"].locator(f"[data-live='flow:{flow.job_id}']")
    await expect(row).to_have_attribute("data-state", "succeeded")
    await expect(pages["/failures"].get_by_role("link", name="2 in 1 h")).to_be_visible()

    await asyncio.to_thread(scene.server.kill)
    for page in pages.values():
        await expect(page.locator("[data-live-state]")).to_have_attribute("data-live-state", "stale")
        await expect(page.locator("[data-live-state]")).to_contain_text("Redis away")
    await expect(row).to_have_attribute("data-state", "succeeded")  # what was true is still shown
    await asyncio.to_thread(scene.server.start)
    for page in pages.values():
        await expect(page.locator("[data-live-state]")).to_have_attribute("data-live-state", "live")

    await failed(scene.commands, 1, "crop", queue="nobody")
    again = await begin(scene.commands, await eventually(scene.reader.functions), {"chain": [COUNT]}, name="one step")
    await expect(pages["/failures"].get_by_role("link", name="1 in 1 h")).to_be_visible()
    await expect(pages["/workflows"].locator(f"[data-live='flow:{again.job_id}']")).to_be_visible()
    await expect(pages["/system"].locator("#system")).to_contain_text("every write is logged")
    for page in pages.values():
        assert await page.evaluate("window.__same_document") is True


async def test_while_redis_is_away_every_page_says_so_and_comes_back(page: Page, scene: Scene) -> None:
    scene.fleet.start()
    job_id = await scene.count_to(1, 0.0)
    await asyncio.to_thread(scene.server.kill)
    response = await page.goto(scene.url(f"/jobs/{job_id}"))
    assert response is not None
    assert response.status == 503
    await expect(page.locator("main")).to_contain_text(f"127.0.0.1:{scene.server.port}")
    await asyncio.to_thread(scene.server.start)
    await expect(page.locator("h1")).to_have_text("count", timeout=30_000)  # by itself
