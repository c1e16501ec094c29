"""The strip over every page: what is wrong now comes, is heard once, can be hidden, and goes by itself."""

from __future__ import annotations

import re

import pytest
from bulks import waiting
from floor_data import beat
from playwright.async_api import Browser, Locator, Page, expect

from .conftest import Site, go_live

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOBODY = "Jobs wait in the queue mail, and no worker of it is running."


def strip(page: Page, text: str) -> Locator:
    return page.locator("#alerts .strip", has_text=text)


async def test_jobs_that_nobody_runs_are_told_while_one_looks_until_a_worker_comes(page: Page, site: Site) -> None:
    await go_live(page, site.url("/queues"))
    await expect(strip(page, "mail")).to_have_count(0)
    await waiting(site.commands, 2, queue="mail")
    await expect(strip(page, NOBODY)).to_be_visible()
    await expect(page.locator("#announce")).to_have_text(NOBODY)
    await beat(site.redis, site.commands, "m1", queue="mail")
    await expect(strip(page, "mail")).to_have_count(0)
    assert page.complaints == []  # type: ignore[attr-defined] # pyright: ignore


async def test_a_paused_queue_may_wait(page: Page, site: Site) -> None:
    await waiting(site.commands, 1, queue="mail")
    await go_live(page, site.url("/queues"))
    await expect(strip(page, NOBODY)).to_be_visible()
    await page.get_by_role("button", name="Pause mail").click()
    await expect(strip(page, "mail")).to_have_count(0)


async def test_a_loop_that_lags_is_told_and_leads_to_its_worker(page: Page, site: Site) -> None:
    await go_live(page, site.url("/schedules"))
    await beat(site.redis, site.commands, "slow", lag_ms="1500")
    alert = strip(page, "The event loop of the worker slow lags")
    await alert.get_by_role("link", name="Look").click()
    await expect(page).to_have_url(re.compile("/workers$"))
    await expect(page.locator("[data-live='worker:slow']")).to_be_visible()


async def test_what_was_hidden_by_a_key_stays_hidden_in_this_session_only(
    page: Page, browser: Browser, site: Site
) -> None:
    for queue in ("mail", "video"):
        await waiting(site.commands, 1, f"send_{queue}", queue=queue)
    await go_live(page, site.url("/workers"))
    hide = strip(page, NOBODY).get_by_role("button", name="Hide")
    await hide.focus()
    await page.keyboard.press("Enter")
    await expect(strip(page, NOBODY)).to_be_hidden()
    await expect(page.locator("#alerts button:focus")).to_have_count(1)  # the next one
    await go_live(page, site.url("/failures"))
    await expect(strip(page, "video")).to_be_visible()
    await expect(strip(page, NOBODY)).to_be_hidden()

    other = await browser.new_context()
    elsewhere = await other.new_page()
    await elsewhere.goto(site.url("/failures"))
    await expect(strip(elsewhere, NOBODY)).to_be_visible()
    await other.close()


async def test_the_last_one_that_is_hidden_leaves_the_focus_on_the_page(page: Page, site: Site) -> None:
    await go_live(page, site.url("/workers"))
    for _ in range(await page.locator("#alerts .strip").count()):  # that this Redis may lose jobs
        await page.locator("#alerts button:visible").first.focus()
        await page.keyboard.press("Enter")
    await expect(page.locator("#alerts .strip:visible")).to_have_count(0)
    await expect(page.locator("#page")).to_be_focused()


async def test_what_an_action_did_is_heard_in_the_same_region(page: Page, site: Site) -> None:
    [job_id] = await waiting(site.commands, 1, queue="mail")
    await site.commands.abort(job_id)
    await go_live(page, site.url())
    await page.locator(f"#job-{job_id}").get_by_role("button", name="Delete").click()
    await expect(page.locator("#announce")).to_contain_text(f"{job_id} is deleted")
    polite = "[aria-live=polite]:not(dialog *), [role=status]:not(dialog *)"
    await expect(page.locator(polite)).to_have_count(1)


async def test_without_scripts_it_is_there_and_offers_no_button_that_does_nothing(browser: Browser, site: Site) -> None:
    await waiting(site.commands, 1, queue="mail")
    context = await browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = await context.new_page()
    await page.goto(site.url("/workers"))
    await expect(strip(page, NOBODY)).to_be_visible()
    await expect(page.locator("#alerts button:visible")).to_have_count(0)
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    await context.close()
