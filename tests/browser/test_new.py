"""A new job in real Chromium: by keys, with messages while one types, as code that follows, and on a phone."""

from __future__ import annotations

import re
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, Page, expect

from arqboard.protocol import State

from .conftest import Site, go_live
from .test_accessibility import violations

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_what_is_typed_stands_there_as_code_and_a_mistake_is_told_when_its_field_is_left(
    page: Page, site: Site
) -> None:
    await go_live(page, site.url("/jobs/new?fn=typed"))
    await page.click("#code > summary")
    await page.fill("[name='arg.user_id']", "42")
    await expect(page.locator("#python pre")).to_contain_text("user_id=42")
    await expect(page.locator("#curl pre")).to_contain_text('"user_id": 42')
    await expect(page.locator("#link pre")).to_contain_text("arg.user_id=42")

    await page.fill("[name='arg.user_id']", "1.5")
    await page.press("[name='arg.user_id']", "Tab")
    await expect(page.locator("#error-f-user_id")).to_contain_text("integer")
    await expect(page.locator("[name='arg.user_id']")).to_have_attribute("aria-invalid", "true")
    await page.fill("[name='arg.user_id']", "2")
    await expect(page.locator("#error-f-user_id")).to_be_empty()
    await expect(page.locator("[name='arg.user_id']")).not_to_have_attribute("aria-invalid", "true")
    assert await site.reader.counts() == dict.fromkeys(State, 0)  # nothing was started


async def test_a_task_is_found_chosen_and_started_by_keys_and_its_state_is_live_below(page: Page, site: Site) -> None:
    await go_live(page, site.url("/jobs/new"))
    await page.focus("[data-find] input")
    await page.keyboard.type("stepw")
    await expect(page.locator(".pick a:visible")).to_have_count(1)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile(r"fn=stepwise"))
    await expect(page.locator("#offer")).to_contain_text("1 worker takes it")

    job_id = await site.submit("stepwise", total=3)
    await expect(page.locator("#recent .st-running")).to_be_visible()
    site.stage.steps.put_nowait(3)
    await site.in_state(job_id, State.SUCCEEDED)
    await expect(page.locator("#recent .st-succeeded")).to_be_visible()

    await page.click("#recent >> text=Use again")
    await page.wait_for_url(re.compile(r"like="))
    await expect(page.locator("[name='arg.total']")).to_have_value("3")
    await page.focus("[name='arg.total']")
    await page.keyboard.press("Control+Enter")
    await page.wait_for_url(re.compile(r"/jobs/[0-9a-f]{32}$"))
    site.stage.steps.put_nowait(3)


async def test_a_pause_shows_while_the_form_is_open(page: Page, site: Site) -> None:
    await go_live(page, site.url("/jobs/new?fn=typed"))
    await site.commands.pause("function", "typed")
    await expect(page.locator("#offer .alert")).to_contain_text("Task typed is paused")
    await site.commands.resume("function", "typed")
    await expect(page.locator("#offer .alert")).to_have_count(0)


async def test_without_javascript_the_code_is_written_by_a_button(browser: Browser, site: Site) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(site.url("/jobs/new?fn=typed&arg.ratio=0.25"))
    await page.fill("[name='arg.user_id']", "42")
    await page.click("#code > summary")
    await page.click("#code button:visible")
    await expect(page.locator("#python pre")).to_contain_text("user_id=42, ratio=0.25")
    await expect(page.locator("[name='arg.user_id']")).to_have_value("42")
    await context.close()


@pytest.mark.parametrize("width", [1440, 768, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_form_with_mistakes_and_all_of_it_open_is_accessible(
    browser: Browser, site: Site, scheme: Literal["light", "dark"], width: int
) -> None:
    size: Any = {"width": width, "height": 900}
    context = await browser.new_context(color_scheme=scheme, viewport=size, reduced_motion="reduce")
    page = await context.new_page()
    await site.in_state(await site.submit("typed", user_id=1), State.SUCCEEDED)
    await page.goto(site.url("/jobs/new?fn=typed"))
    await page.click("#options > summary")
    await page.fill("[name='opt.priority']", "12")
    await page.click("button.primary:has-text('Enqueue')")
    await expect(page.locator("[data-form-errors]")).to_be_focused()
    await page.click("#code > summary")

    assert await violations(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    await context.close()
