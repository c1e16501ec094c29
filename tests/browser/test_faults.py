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
from fleet import Fleet, Server
from playwright.async_api import Page, expect
from waiting import connect, eventually

from arqboard.protocol import Reader
from arqboard.protocol.commands import Commands
from arqboard.submitting import find_function, submit
from arqboard_dashboard.app import create_app
from arqboard_dashboard.settings import Settings

from .conftest import go_live

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("says_yes")]


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
