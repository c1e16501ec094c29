"""What one browser does, the other sees without a reload; what one has filtered stays. In real Chromium."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from floor_data import QUEUE, beat, definition
from playwright.async_api import BrowserContext, Page, expect

from arqboard.protocol import State
from arqboard.protocol.schedule import Every
from arqboard.protocol.schedules import Schedules

from .conftest import Site, go_live

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("says_yes")]


@pytest_asyncio.fixture(loop_scope="session")
async def other(context: BrowserContext) -> AsyncIterator[Page]:
    opened = await context.new_page()
    yield opened
    assert await opened.evaluate("window.__same_document") is True


async def open_both(page: Page, other: Page, url: str, others_url: str = "") -> None:
    await go_live(page, url)
    await go_live(other, others_url or url)
    await other.evaluate("window.__same_document = true")


async def test_a_paused_queue_is_paused_for_all_in_the_list_and_on_its_page(
    page: Page, other: Page, site: Site
) -> None:
    await open_both(page, other, site.url("/queues"), site.url("/queues/arq%3Aqueue"))
    await page.get_by_role("button", name=f"Pause {QUEUE}").click()
    await expect(other.locator("[data-live^='queue-head:']")).to_contain_text("Paused")
    await other.get_by_role("button", name=f"Resume {QUEUE}").click()
    await expect(page.get_by_role("button", name=f"Pause {QUEUE}")).to_be_visible()


async def test_a_drained_worker_is_drained_for_all(page: Page, other: Page, site: Site) -> None:
    worker = site.worker.id
    await open_both(page, other, site.url(f"/workers/{worker}"), site.url("/workers"))
    await page.get_by_role("button", name=f"Drain {worker}").click()
    await expect(other.get_by_role("button", name=f"Resume {worker}")).to_be_visible()
    await other.get_by_role("button", name=f"Resume {worker}").click()
    await expect(page.get_by_role("button", name=f"Drain {worker}")).to_be_visible()


async def test_a_schedule_is_run_paused_and_deleted_for_all(page: Page, other: Page, site: Site) -> None:
    await Schedules(site.redis).add(definition("clean-up", Every(3600), "typed"))
    await open_both(page, other, site.url("/schedules/clean-up"), site.url("/schedules"))
    row = other.locator("[data-live='schedule:clean-up']")
    await page.get_by_role("button", name="Run now").click()
    await expect(row.locator(".tick")).to_have_count(1)
    await page.get_by_role("button", name="Pause clean-up").click()
    await expect(row.get_by_role("button", name="Resume clean-up")).to_be_visible()
    await page.get_by_role("button", name="Delete").click()
    await expect(page).to_have_url(re.compile("/schedules$"))
    await expect(row).to_have_count(0)


async def test_retried_failures_are_gone_for_all(page: Page, other: Page, site: Site) -> None:
    site.stage.is_broken = True
    await site.in_state(await site.submit("chunked"), State.FAILED)
    site.stage.is_broken = False
    await open_both(page, other, site.url("/failures"), site.url("/failures?by=function&window=3h"))
    await expect(other.locator(".f-title")).to_contain_text("chunked")
    await page.get_by_role("button", name="Retry 1 job").click()
    await expect(other.locator("#failures")).to_contain_text("Nothing has failed")
    assert other.url.endswith("/failures?by=function&window=3h")


# The journey of the workers: filtered, opened, acted on, back


async def test_workers_of_one_queue_are_looked_at_one_is_drained_and_back_is_the_same_filter(
    page: Page, site: Site
) -> None:
    worker = site.worker.id
    await beat(site.redis, site.commands, "m1", queue="mail")
    await go_live(page, site.url("/workers"))
    await expect(page.locator(".wcard")).to_have_count(2)
    await page.goto(site.url("/workers?queue=arq%3Aqueue"))
    await expect(page.locator(".wcard")).to_have_count(1)
    await page.get_by_role("link", name=worker, exact=True).click()
    await page.get_by_role("button", name=f"Drain {worker}").click()
    await expect(page.get_by_role("button", name=f"Resume {worker}")).to_be_visible()
    job_id = await site.submit("typed", user_id=1)
    await page.go_back()
    await expect(page).to_have_url(re.compile(r"queue=arq"))
    await expect(page.locator(".wcard")).to_have_count(1)
    await expect(page.locator("[data-live-state]")).to_have_attribute("data-live-state", "live")
    await page.get_by_role("button", name=f"Resume {worker}").click()
    await site.in_state(job_id, State.SUCCEEDED)
    await page.get_by_role("link", name="show all workers").click()
    await expect(page.locator(".wcard")).to_have_count(2)
