"""axe finds nothing on any page, in both themes, wide and narrow; and no page scrolls sideways."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, expect

from arqboard.protocol import State
from arqboard_dashboard.app import create_app
from arqboard_dashboard.settings import Settings

from .accessible import MANY, violations, walking
from .conftest import Site, go_live

__all__ = ["violations"]  # what tests of one page look with
pytestmark = pytest.mark.asyncio(loop_scope="session")

PASSWORD = "correct horse battery staple"
#: What was filtered out is there to be seen around what was not; it is said in words too.
DIMMED = ".chunk-board:not([data-show='']) .chunks"
NOWHERE = "redis://127.0.0.1:1/0"


@asynccontextmanager
async def served(**settings: Any) -> AsyncGenerator[str]:
    """The address of a dashboard of its own."""
    async with TestServer(create_app(Settings.read(**settings)), host="127.0.0.1") as server:
        yield str(server.make_url("/"))


async def every_state(site: Site) -> dict[str, str]:
    """One job in each state that a page can show."""
    site.stage.is_broken = True
    jobs = {
        "running": await site.submit("stepwise", total=10),
        "busy": await site.submit("stay"),
        "failed": await site.submit("chunked"),
        "succeeded": await site.submit("typed", user_id=1),
        "retrying": await site.submit("again"),
        "aborted": await site.submit("stay"),
    }
    site.stage.steps.put_nowait(4)
    await site.in_state(jobs["aborted"], State.RUNNING)
    await site.commands.abort(jobs["aborted"])
    for state in ("failed", "succeeded", "retrying", "aborted", "running"):
        await site.in_state(jobs[state], State(state))
    return jobs


async def test_jobs_are_accessible_in_every_state(browser: Browser, site: Site) -> None:
    async with walking(browser, site.url("/")) as walk:
        await walk.look("first run", "/jobs")
        for empty in ("/queues", "/failures", "/schedules", "/workflows", "/workers?queue=none"):
            await walk.look(empty)
        jobs = await every_state(site)
        await walk.look("list", "/jobs")
        await walk.look("nothing found", "/jobs?state=deferred")
        await walk.look("new", "/jobs/new")
        await walk.look("form", "/jobs/new?fn=typed")
        for state, job_id in jobs.items():
            await walk.look(state, f"/jobs/{job_id}")


async def test_what_opens_over_every_page_is_accessible(browser: Browser, site: Site) -> None:
    job_id = await site.submit("stay")
    await site.in_state(job_id, State.RUNNING)
    async with walking(browser, site.url("/")) as walk:
        page = walk.page
        await go_live(page, site.url(f"/jobs/{job_id}"))
        await page.get_by_role("button", name="Abort").first.click()
        await expect(page.locator("#ask")).to_be_visible()
        await walk.check("question", "#ask")
        await page.keyboard.press("Escape")
        await page.keyboard.press("Control+k")
        await expect(page.locator("#palette [role=option]").first).to_be_visible()
        await walk.check("palette", "#palette")
        await page.keyboard.press("Escape")
        await page.keyboard.press("?")
        await expect(page.locator("#keys")).to_be_visible()
        await walk.check("keys", "#keys")
        await page.keyboard.press("Escape")
        await walk.look("preferences", "/preferences")
        await walk.look("404", "/jobs/nope")
        await walk.look("422", "/jobs?state=walking")


async def test_what_strangers_see_is_accessible(browser: Browser, site: Site, redis_url: str) -> None:
    async with served(redis_url=redis_url, password=PASSWORD) as url, walking(browser, url) as walk:
        await walk.look("login", "/login")
        await walk.page.fill("#password", "a guess")
        await walk.page.click("main button.primary")
        await expect(walk.page.get_by_role("alert")).to_be_visible()
        await walk.check("a wrong password")
        # as a page that was opened before the server got another secret
        await walk.page.evaluate("document.querySelector('[name=token]').value = 'old'")
        await walk.page.fill("#password", PASSWORD)
        await walk.page.click("main button.primary")
        await expect(walk.page.locator("main")).to_contain_text("403")
        await walk.check("403")


async def test_pages_are_accessible_while_redis_is_away(browser: Browser) -> None:
    async with served(redis_url=NOWHERE) as url, walking(browser, url) as walk:
        await walk.look("away", "/jobs")


async def test_every_component_is_accessible_in_every_state(browser: Browser) -> None:
    async with served(redis_url=NOWHERE, development=True) as url, walking(browser, url, MANY) as walk:
        await walk.page.goto(f"{url}patterns")
        await walk.check("patterns", {"include": [["#page"]], "exclude": [[DIMMED]]})
