"""Signing in and out in real Chromium: to where one wanted to go, and every open page knows when it is over."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, BrowserContext, Page, expect

from arqboard_dashboard.app import create_app
from arqboard_dashboard.settings import Settings

from .conftest import Site, go_live

pytestmark = pytest.mark.asyncio(loop_scope="session")

PASSWORD = "correct horse"


@pytest_asyncio.fixture(loop_scope="session")
async def locked(site: Site, redis_url: str) -> AsyncIterator[TestServer]:
    """The same dashboard behind a password."""
    server = TestServer(create_app(Settings.read(redis_url=redis_url, password=PASSWORD)), host="127.0.0.1")
    await server.start_server()
    yield server
    await server.close()


async def sign_in(page: Page, password: str = PASSWORD) -> None:
    await expect(page.get_by_label("Password")).to_be_focused()
    await page.keyboard.type(password)
    await page.keyboard.press("Enter")


async def test_a_stranger_signs_in_by_keys_and_is_where_they_wanted_to_be(page: Page, locked: TestServer) -> None:
    await page.goto(str(locked.make_url("/schedules")))
    await expect(page).to_have_url(re.compile(r"/login\?next="))
    await sign_in(page, "wrong horse")
    await expect(page.get_by_role("alert")).to_be_visible()
    assert await page.get_by_label("Password").get_attribute("aria-invalid") == "true"
    await sign_in(page)
    await expect(page).to_have_url(re.compile("/schedules$"))
    await expect(page.locator("[data-live-state]")).to_have_attribute("data-live-state", "live")


async def test_who_signs_out_in_one_tab_is_out_in_all_and_comes_back_to_the_same_page(
    page: Page, context: BrowserContext, locked: TestServer
) -> None:
    await page.goto(str(locked.make_url("/queues")))
    await sign_in(page)
    await expect(page).to_have_url(re.compile("/queues$"))
    other = await context.new_page()
    await go_live(other, str(locked.make_url("/workers?queue=arq%3Aqueue")))

    await page.get_by_role("button", name="Log out").click()

    pill = other.locator("[data-live-state]")
    await expect(pill).to_have_attribute("data-live-state", "signed-out")
    await pill.get_by_role("link", name="Sign in again").click()
    await expect(other).to_have_url(re.compile(r"/login\?next="))
    await sign_in(other)
    await expect(other).to_have_url(re.compile(r"/workers\?queue=arq"))
    await expect(pill).to_have_attribute("data-live-state", "live")


async def test_signing_in_works_on_a_phone_without_scripts(browser: Browser, locked: TestServer) -> None:
    context = await browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = await context.new_page()
    await page.goto(str(locked.make_url("/failures")))
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page).to_have_url(re.compile("/failures$"))
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    await context.close()
