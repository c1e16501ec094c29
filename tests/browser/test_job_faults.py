"""The page of one job while its worker is killed and Redis restarts: in the end it says what Redis says."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Page, expect
from waiting import eventually

from arqboard.protocol import State

from .conftest import go_live
from .test_faults import Scene, scene

__all__ = ["scene"]

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_skipped_chunks_outlive_the_worker_and_a_restart_of_redis(page: Page, scene: Scene) -> None:
    first = scene.fleet.start()
    job_id = await scene.count_to(30, 0.1)
    await go_live(page, scene.url(f"/jobs/{job_id}"))
    await expect(page.locator(".ck.st-succeeded")).not_to_have_count(0)
    await scene.commands.skip_chunks(job_id, "waiting", range(16, 31, 2))
    await expect(page.locator(".ck.st-aborted")).to_have_count(8)
    first.kill()
    await asyncio.to_thread(scene.server.kill)
    await expect(page.locator("[data-live-state]")).to_have_attribute("data-live-state", "stale")
    await asyncio.to_thread(scene.server.start)
    await expect(page.locator("[data-live-state]")).to_have_attribute("data-live-state", "live")
    scene.fleet.start()
    await expect(page.locator("[data-live^='hero:']")).to_have_attribute("data-state", "succeeded", timeout=40_000)

    marks = await scene.reader.chunk_marks(job_id)
    assert marks.count("s") == 8 and marks.count("d") == 22
    await expect(page.locator(".ck.st-succeeded")).to_have_count(22)
    await expect(page.locator(".ck.st-aborted")).to_have_count(8)
    await expect(page.locator(".hero .pct")).to_have_text("100%")


async def test_that_a_killed_worker_gives_no_answer_is_said_on_the_page(page: Page, scene: Scene) -> None:
    worker = scene.fleet.start()
    job_id = await scene.count_to(1, 60)

    async def runs() -> bool:
        return (await scene.reader.get(job_id)).state is State.RUNNING

    await eventually(runs)
    await go_live(page, scene.url(f"/jobs/{job_id}"))
    ask, shown = page.get_by_role("link", name="Ask"), page.locator("#stack-shown")
    await ask.click()
    await expect(shown).to_contain_text("await asyncio.sleep(pause)")
    worker.kill()
    await ask.click()
    await expect(shown).to_contain_text("No worker answered within 3.")
