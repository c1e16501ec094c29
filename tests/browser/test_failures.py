"""From a grid of what fails to exactly the jobs, and back to nothing. In real Chromium."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from playwright.async_api import Browser, Page, WebSocketRoute, expect
from waiting import eventually

from arqboard.protocol import State
from arqboard.protocol.failures import By, Failures

from .accessible import walking
from .conftest import Site, go_live

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def fail(site: Site, jobs: int = 1) -> list[str]:
    """Jobs that break in their fourth chunk."""
    site.stage.is_broken = True
    ids = [await site.submit("chunked") for _ in range(jobs)]
    for job_id in ids:
        await site.in_state(job_id, State.FAILED)
    return ids


async def say_yes(page: Page) -> str:
    """Agree to what is asked; returns the question."""
    dialog = page.locator("#ask")
    await expect(dialog).to_be_visible()
    question = await dialog.locator("#ask-what").inner_text()
    await dialog.locator("[data-yes]").click()
    return question


async def test_a_failure_shows_up_is_followed_to_its_jobs_and_retried(page: Page, site: Site) -> None:
    await go_live(page, site.url("/failures"))
    await expect(page.locator("#failures")).to_contain_text("Nothing has failed")
    await page.evaluate("window.__same_document = true")

    await fail(site, 2)
    row = page.locator(".frow:not(.fhead)")
    await expect(row).to_contain_text("ValueError")
    await expect(row).to_contain_text(f"{__package__}.conftest:Stage.chunked")
    await expect(row.get_by_role("link", name="2 in 1 h")).to_be_visible()
    assert await page.evaluate("window.__same_document") is True

    await row.get_by_role("link", name="2 in 1 h").click()
    await expect(page).to_have_url(re.compile(r"/failures/[0-9a-f]{16}\?since=1h$"))
    await expect(page.locator("#jobs .job")).to_have_count(2)
    await expect(page.locator(".f-trace li").first).to_contain_text("chunked")

    site.stage.is_broken = False
    await page.get_by_role("button", name="Retry 2 jobs").click()
    assert await say_yes(page) == f"Retry 2 jobs that failed with ValueError at {__package__}.conftest:Stage.chunked?"
    await expect(page.locator("#toasts")).to_contain_text("2 jobs run again.")
    await expect(page.locator("#jobs .job.st-succeeded")).to_have_count(2)

    await page.go_back()
    await expect(page.locator("#failures")).to_contain_text("Nothing has failed")
    assert page.complaints == []  # type: ignore[attr-defined] # pyright: ignore
    assert await page.evaluate("window.__violations") == []


async def test_new_failures_of_a_group_come_into_its_list(page: Page, site: Site) -> None:
    await fail(site)
    name = (await Failures(site.redis).page(By.FINGERPRINT)).groups[0].name
    await go_live(page, site.url(f"/failures/{name}"))
    await page.mouse.move(5, 5)

    [new] = await fail(site)

    await expect(page.locator(f"#job-{new}")).to_be_visible()
    await expect(page.locator("#failure")).to_contain_text("Retry 2 jobs")


async def test_a_list_that_is_read_offers_its_new_jobs(page: Page, site: Site) -> None:
    await fail(site)
    name = (await Failures(site.redis).page(By.FINGERPRINT)).groups[0].name
    await go_live(page, site.url(f"/failures/{name}"))
    await page.locator("#jobs .job a").first.focus()

    [new] = await fail(site)

    await expect(page.locator("[data-live-more]")).to_contain_text("1 new job")
    await expect(page.locator(f"#job-{new}")).to_have_count(0)


async def test_a_group_is_deleted_from_the_grid(page: Page, site: Site) -> None:
    jobs = await fail(site, 3)
    await go_live(page, site.url("/failures?by=exception&order=count"))

    await page.get_by_role("button", name="Delete 3 jobs that failed with ValueError").click()
    assert "Delete 3 jobs" in await say_yes(page)

    await expect(page.locator("#failures")).to_contain_text("Nothing has failed")
    await expect(page.locator("#toasts")).to_contain_text("3 jobs were deleted.")
    assert await site.reader.many(jobs) == [None, None, None]


async def test_no_means_no(page: Page, site: Site) -> None:
    await fail(site)
    await go_live(page, site.url("/failures"))

    await page.get_by_role("button", name="Delete 1 job").click()
    await expect(page.locator("#ask")).to_be_visible()
    await page.keyboard.press("Escape")

    await expect(page.locator("#ask")).to_be_hidden()
    assert (await site.reader.counts())[State.FAILED] == 1


async def test_choices_are_in_the_url_and_come_back(page: Page, site: Site) -> None:
    await fail(site)
    await go_live(page, site.url("/failures"))

    await page.get_by_role("link", name="Function", exact=True).click()
    await expect(page).to_have_url(re.compile(r"/failures\?by=function$"))
    await expect(page.locator(".f-title")).to_contain_text("chunked")
    await page.get_by_role("link", name="3 h", exact=True).click()
    await expect(page).to_have_url(re.compile(r"by=function&window=3h$"))
    await page.go_back()

    await expect(page.get_by_role("link", name="any time")).to_have_attribute("aria-current", "true")


async def test_a_frame_for_the_choices_before_leaves_the_new_ones(page: Page, site: Site) -> None:
    late: list[str | bytes] = []
    acknowledged: list[int] = []
    lines: list[WebSocketRoute] = []
    is_held = asyncio.Event()

    def route(line: WebSocketRoute) -> None:
        server = line.connect_to_server()
        server.on_message(lambda message: late.append(message) if is_held.is_set() else line.send(message))

        def hear(message: str | bytes) -> None:
            acknowledged.append(json.loads(message).get("seq", 0))
            server.send(message)

        line.on_message(hear)
        lines.append(line)

    await page.route_web_socket(re.compile(r"/ws$"), route)
    await fail(site)
    await go_live(page, site.url("/failures"))
    is_held.set()
    await fail(site)
    await eventually(lambda: any('data-live=\\"failures:\\"' in str(message) for message in late))

    await page.get_by_role("link", name="Function", exact=True).click()
    await expect(page.locator(".f-title")).to_contain_text("chunked")
    newest = max(json.loads(message).get("seq", 0) for message in late)
    for message in late:
        lines[0].send(message)
    await eventually(lambda: newest in acknowledged)

    assert await page.get_attribute("#failures", "data-live") == "failures:by=function"
    assert "chunked" in await page.inner_text(".f-title")


async def test_the_grid_is_used_with_keys_only(page: Page, site: Site) -> None:
    await fail(site)
    await go_live(page, site.url("/failures"))

    await page.locator(".f-title a").focus()
    for _ in range(2):  # past the function's tag to the first number
        await page.keyboard.press("Tab")
    await expect(page.locator(":focus")).to_have_attribute("href", re.compile(r"since=1h"))
    await page.keyboard.press("Enter")

    await expect(page.locator("#failure")).to_be_visible()


async def test_everything_works_without_scripts(browser: Browser, site: Site) -> None:
    await fail(site, 2)
    site.stage.is_broken = False
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(site.url("/failures"))
    await page.get_by_role("link", name="2 in 24 h").click()
    await expect(page.locator("#jobs .job")).to_have_count(2)

    await page.get_by_role("button", name="Retry 2 jobs").click()

    await expect(page).to_have_url(re.compile("/failures$"))
    await expect(page.locator("#toasts")).to_contain_text("run again")
    await eventually(lambda: _all_succeeded(site))
    await context.close()


async def _all_succeeded(site: Site) -> bool:
    return (await site.reader.counts())[State.SUCCEEDED] == 2


async def test_failures_are_accessible_in_every_state(browser: Browser, site: Site) -> None:
    async with walking(browser, site.url("/")) as walk:
        await walk.look("/failures")
        await fail(site, 12)
        await site.commands.deploy("2.0")
        name = (await Failures(site.redis).page(By.FINGERPRINT)).groups[0].name
        for path in (
            "/failures?window=1h", "/failures?by=function", "/failures?by=exception&order=count", f"/failures/{name}",
            f"/failures/{name}?since=1h", "/failures/chunked?by=function", "/failures/nope", "/failures?page=9",
        ):  # fmt: skip
            await walk.look(path)
