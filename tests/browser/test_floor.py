"""Queues, workers and schedules as people run them: paused, drained, killed, run by hand. In real Chromium, live."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from floor_data import QUEUE, beat, definition, fall_silent
from playwright.async_api import Browser, Page, expect
from waiting import eventually

from arqboard.protocol import State
from arqboard.protocol.schedule import At, Crontab, Every
from arqboard.protocol.schedules import Schedules

from .accessible import walking
from .conftest import Site, go_live
from .test_faults import Scene, scene

__all__ = ["scene"]
pytestmark = pytest.mark.asyncio(loop_scope="session")

QUEUE_URL = "/queues/arq%3Aqueue"


@pytest_asyncio.fixture(loop_scope="session")
async def schedules(site: Site) -> AsyncIterator[Schedules]:
    """One of each kind."""
    store = Schedules(site.redis)
    await store.add(definition("clean-up", Every(3600), "typed"))
    await store.add(definition("newsletter", Crontab("0 9 * * mon", "Europe/Berlin"), "typed"))
    await store.add(definition("once", At(1_900_000_000_000), "typed"))
    yield store


async def unharmed(page: Page) -> None:
    """It is still the page that was opened, and nothing was complained of."""
    assert await page.evaluate("window.__same_document") is True
    assert page.complaints == []  # type: ignore[attr-defined] # pyright: ignore
    assert await page.evaluate("window.__violations") == []


async def open_live(page: Page, url: str) -> None:
    await go_live(page, url)
    await page.evaluate("window.__same_document = true")


# Queues


async def test_a_queue_is_paused_in_the_list_fills_up_and_goes_on(page: Page, site: Site) -> None:
    await open_live(page, site.url("/queues"))
    row = page.locator(".qrow", has=page.get_by_role("link", name=QUEUE))
    await expect(row).to_contain_text("1 worker")
    await row.get_by_role("button", name=f"Pause {QUEUE}").click()
    await expect(row).to_contain_text("Paused")

    job_id = await site.submit("typed", user_id=1)
    await expect(row).to_contain_text("1 queued")
    await row.get_by_role("button", name=f"Resume {QUEUE}").click()
    await site.in_state(job_id, State.SUCCEEDED)
    await expect(row).to_contain_text("nothing waits")
    await expect(row).to_contain_text(re.compile("p50 .* p95"))
    await unharmed(page)


async def test_a_new_queue_comes_into_the_list_by_itself(page: Page, site: Site) -> None:
    await open_live(page, site.url("/queues"))
    await expect(page.locator(".qrow:not(.jhead)")).to_have_count(1)
    await beat(site.redis, site.commands, "m1", queue="mail")
    row = page.locator(".qrow", has=page.get_by_role("link", name="mail", exact=True))
    await expect(row).to_contain_text("0 / 4 slots")
    await row.get_by_role("button", name="Pause mail").click()
    await expect(row).to_contain_text("Paused")
    await unharmed(page)


async def test_a_queues_page_moves_and_a_function_is_held(page: Page, site: Site) -> None:
    await page.goto(site.url("/queues"))
    await page.locator(".qrow").get_by_role("link", name=QUEUE).click()
    await expect(page.locator("[data-live-state]")).to_have_attribute("data-live-state", "live")
    functions = page.locator("[data-live^='queue-functions:']")
    await functions.get_by_role("button", name="Pause typed").click()
    row = functions.locator(".fnrow", has=page.get_by_role("link", name="typed", exact=True))
    await expect(row).to_contain_text("Paused")

    job_id = await site.submit("typed", user_id=1)
    await expect(row).to_contain_text("1 held back")
    await row.get_by_role("button", name="Resume typed").click()
    await site.in_state(job_id, State.SUCCEEDED)
    await expect(row).not_to_contain_text("held back")
    await page.get_by_role("link", name="24 h").click()
    await expect(page).to_have_url(re.compile("span=24h"))
    await expect(page.locator("[data-live^='queue-charts:24h/']")).to_contain_text("15 minutes")
    await page.go_back()
    await expect(page.locator("[data-live^='queue-charts:1h/']")).to_be_visible()


# Workers


async def test_a_killed_worker_stays_with_its_jobs_until_another_takes_them_over(page: Page, scene: Scene) -> None:
    first = scene.fleet.start()
    job_id = await scene.count_to(400, 0.1)
    await open_live(page, scene.url("/workers"))
    await expect(page.get_by_role("link", name="count")).to_be_visible()
    first.kill()
    lost = page.locator(".wcard.is-lost")
    await expect(lost).to_contain_text("no other worker listens")
    await expect(page.locator("#workers-now")).to_contain_text("1 lost")

    queues = await page.context.new_page()
    await go_live(queues, scene.url("/queues"))
    await expect(queues.locator(".qrow:not(.jhead)")).to_contain_text("No worker listens")
    scene.fleet.start()
    await expect(queues.locator(".qrow:not(.jhead)")).to_contain_text("1 worker")
    await queues.close()

    await expect(lost).to_contain_text("taken over by")
    await expect(lost).to_contain_text("Running")
    [other] = [worker.id for worker in await scene.reader.workers() if worker.alive]
    await lost.get_by_role("link", name=other).click()
    await expect(page.locator("h1")).to_have_text(other)
    await expect(page.get_by_role("link", name="count").first).to_have_attribute("href", f"/jobs/{job_id}")


async def test_a_restart_of_redis_leaves_the_pages_equal_to_redis(page: Page, scene: Scene) -> None:
    scene.fleet.start()
    await scene.count_to(300, 0.1)
    await go_live(page, scene.url("/workers"))
    await expect(page.get_by_role("link", name="count")).to_be_visible()
    await asyncio.to_thread(scene.server.kill)
    await expect(page.locator("[data-live-state]")).to_have_attribute("data-live-state", "stale")
    response = await (await page.context.new_page()).goto(scene.url("/queues"))
    assert response is not None and response.status == 503

    await asyncio.to_thread(scene.server.start)
    await expect(page.locator("[data-live-state]")).to_have_attribute("data-live-state", "live")
    await expect(page.locator("#workers-now")).to_contain_text("1 alive", timeout=30_000)
    await expect(page.locator(".wcard")).to_contain_text(re.compile(r"[1-9]\d?%"), timeout=30_000)
    [worker] = await eventually(scene.reader.workers)
    await expect(page.locator(".wcard")).to_have_attribute("data-live", f"worker:{worker.id}")


# Schedules


async def test_a_schedules_times_open_and_stay_open_while_the_row_changes(
    page: Page, site: Site, schedules: Schedules
) -> None:
    await open_live(page, site.url("/schedules"))
    row = page.locator("[data-live='schedule:newsletter']")
    await row.locator("summary").click()
    await expect(row.locator(".upcoming li")).to_have_count(5)
    await schedules.run("newsletter")
    await expect(row.locator(".tick")).to_have_count(1)
    await expect(row.locator(".upcoming li").first).to_be_visible()
    await row.get_by_role("link", name="newsletter").click()
    await expect(page.locator("h1")).to_have_text("newsletter")
    await expect(page.locator(".runtable tbody tr")).to_have_count(1)
    await page.go_back()
    await expect(row).to_be_visible()


# Everything


async def test_all_of_it_works_without_javascript(browser: Browser, site: Site, schedules: Schedules) -> None:
    context = await browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = await context.new_page()
    await page.goto(site.url("/queues"))
    await page.get_by_role("button", name=f"Pause {QUEUE}").click()
    await expect(page).to_have_url(re.compile(r"/queues$"))
    await expect(page.locator(".toast")).to_contain_text("Nothing of the queue starts")
    await page.get_by_role("button", name=f"Resume {QUEUE}").click()
    await page.goto(site.url(f"/workers/{site.worker.id}"))
    await page.get_by_role("button", name=re.compile("Drain")).click()
    await expect(page.get_by_role("button", name=re.compile("Resume"))).to_be_visible()
    await page.get_by_role("button", name=re.compile("Resume")).click()
    await page.goto(site.url("/schedules/clean-up"))
    await page.get_by_role("button", name=re.compile("Run now")).click()
    await expect(page).to_have_url(re.compile(r"/jobs/clean-up"))
    await context.close()


async def every_state(site: Site) -> None:
    """Queues, workers and schedules in each state that their pages can show."""
    site.stage.is_broken = True
    await site.submit("stepwise", total=10)
    site.stage.steps.put_nowait(4)
    await site.in_state(await site.submit("chunked"), State.FAILED)
    await beat(site.redis, site.commands, "slow", lag_ms="430", release="v1", started=1, functions='["a", "b"]')
    await beat(site.redis, site.commands, "new", release="v2", started=2)
    await beat(site.redis, site.commands, "lost", queue="mail", running='["gone"]')
    await site.commands.pause("queue", "mail")
    await site.commands.pause("function", "again")
    await site.redis.hset(site.commands.keys.limits, "stay", "1|100|5")
    await fall_silent(site.redis, site.commands, "lost")
    store = Schedules(site.redis)
    await store.run("clean-up")
    await store.pause("newsletter")
    await store.add(definition("broken", Every(60)))
    await site.redis.hset(store.keys.schedule("broken"), "spec", "{")


PAGES = ("/queues", QUEUE_URL, "/workers", "/workers/slow", "/workers/lost", "/schedules", "/schedules/clean-up")


async def test_every_page_is_accessible(browser: Browser, site: Site, schedules: Schedules) -> None:
    await every_state(site)
    async with walking(browser, site.url("/")) as walk:
        for path in PAGES:
            await go_live(walk.page, site.url(path))
            await walk.check(path)
