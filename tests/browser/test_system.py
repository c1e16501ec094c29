"""The system as people look at it: live numbers, a count with its bar, keys by their names. In real Chromium."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from .accessible import walking
from .conftest import Site, go_live

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_system_is_live(page: Page, site: Site) -> None:
    await go_live(page, site.url("/system"))
    await expect(page.locator("#system")).to_contain_text("set appendonly yes")
    await page.evaluate("window.__same_document = true")
    await expect(page.locator("#system")).to_contain_text(re.compile(r"Open pages\s*1 /"))

    await site.redis.config_set("appendonly", "yes")
    try:
        await expect(page.locator("#system")).not_to_contain_text("set appendonly yes")
    finally:
        await site.redis.config_set("appendonly", "no")
    await expect(page.locator("#system")).to_contain_text("set appendonly yes")

    assert await page.evaluate("window.__same_document") is True
    assert page.complaints == []  # type: ignore[attr-defined] # pyright: ignore
    assert await page.evaluate("window.__violations") == []


async def test_all_keys_are_counted_when_somebody_asks(page: Page, site: Site) -> None:
    pipe = site.redis.pipeline()
    for n in range(20_000):
        pipe.set(f"session:{n}", 1)
    await pipe.execute()
    await go_live(page, site.url("/system"))

    await page.get_by_role("button", name="Count now").click()

    await expect(page.locator("#keycount")).to_contain_text("20\u202f000")
    await expect(page.get_by_role("button", name="Count now")).to_be_visible()


async def test_a_count_is_stopped_and_says_how_far_it_came_to_everybody(
    page: Page, context: BrowserContext, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("arqboard.protocol.keycount.STEP", 1)  # as slow as on a large Redis
    await site.redis.mset({f"session:{n}": 1 for n in range(50_000)})
    other = await context.new_page()
    for opened in (page, other):
        await go_live(opened, site.url("/system"))

    await page.get_by_role("button", name="Count now").focus()
    await page.keyboard.press("Enter")
    stop = page.get_by_role("button", name="Stop")
    await expect(stop).to_be_focused()
    await expect(other.locator("#keycount progress")).to_be_visible()
    await page.keyboard.press("Enter")

    for opened in (page, other):
        await expect(opened.locator("#keycount")).to_contain_text(re.compile(r"Stopped after [\d\s]+ of 50\s\d+ keys"))
    await expect(page.get_by_role("button", name="Count now")).to_be_focused()


async def test_a_key_is_found_by_the_id_of_a_job_and_read(page: Page, site: Site) -> None:
    job_id = await site.submit("typed", user_id=7)
    await go_live(page, site.url("/system"))

    await page.get_by_role("link", name="Look into keys").click()
    await page.get_by_role("searchbox", name="The beginning of a key").fill(job_id)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(f"find={job_id}"))
    await page.get_by_role("link", name=f"arqboard:job:{job_id}").click()

    await expect(page.get_by_role("row", name="function typed")).to_be_visible()
    await page.get_by_role("link", name=job_id, exact=True).click()
    await expect(page).to_have_url(re.compile(f"/jobs/{job_id}$"))
    await page.go_back()
    await expect(page.locator("h1")).to_have_text(f"arqboard:job:{job_id}")


async def test_keys_are_read_without_scripts(browser: Browser, site: Site) -> None:
    await site.submit("typed", user_id=7)
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(site.url("/system/keys"))
    await page.get_by_role("link", name="arqboard:jobs:").click()
    await page.get_by_role("link", name="arqboard:jobs:*/*/*").click()
    await expect(page.locator("h1")).to_have_text("arqboard:jobs:*/*/*")
    await page.goto(site.url("/system"))
    await page.get_by_role("button", name="Count now").click()
    await expect(page.locator("#keycount")).to_be_visible()
    await context.close()


async def test_the_system_is_accessible_in_every_state(browser: Browser, site: Site) -> None:
    job_id = await site.submit("typed", user_id=7)
    await site.redis.config_set("slowlog-log-slower-than", 0)
    async with walking(browser, site.url("/")) as walk:
        await walk.look("slow commands", "/system")
        await site.redis.config_set("slowlog-log-slower-than", 10_000)
        await walk.page.get_by_role("button", name="Count now").click()
        await expect(walk.page.locator("#keycount table")).to_be_visible()
        for path in (
            "/system", "/system/keys", "/system/keys?find=arqboard:", "/system/keys?find=nope",
            f"/system/keys?find={job_id}", "/system/key?name=arqboard:epoch",
            f"/system/key?name=arqboard:job:{job_id}", "/system/key?name=arqboard:changes",
            "/system/key?name=nope",
        ):  # fmt: skip
            await walk.look(path)
