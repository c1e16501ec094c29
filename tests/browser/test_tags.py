"""Tags in a browser: given in a form, seen live, followed to their jobs, searched for, and gone back from."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from arqboard.protocol import State
from arqboard.protocol.commands import Submission

from .accessible import walking
from .conftest import Site, go_live

pytestmark = [pytest.mark.asyncio(loop_scope="session")]

TAGS = ("import", "customer:42", "nightly", "eu-west")


async def wait_in_line(site: Site, job_id: str, *tags: str, **more: Any) -> None:
    """A job in a queue that nobody works on."""
    await site.commands.submit(Submission("typed", "elsewhere", b"p", job_id=job_id, tags=tags, **more))


async def test_a_job_gets_tags_in_its_form_and_is_found_by_them(page: Page, site: Site) -> None:
    await wait_in_line(site, "other", "nightly")
    await go_live(page, site.url("/jobs/new?fn=typed"))
    await page.get_by_label("user_id").fill("7")
    await page.locator("#options > summary").click()
    tags = page.get_by_label("Tags")
    await tags.fill("two, b*d")
    await page.get_by_role("button", name="Enqueue job").click()
    await expect(page.locator("#error-o-tags")).to_contain_text("is no tag")
    await expect(tags).to_have_value("two, b*d")

    await tags.fill("import customer:42")
    await page.get_by_role("button", name="Enqueue job").click()
    await expect(page).to_have_url(re.compile("/jobs/[0-9a-f]{32}"))
    listed = page.get_by_role("list", name="Tags")
    await expect(listed.get_by_role("link")).to_have_text(["import", "customer:42"])
    job_id = page.url.rpartition("/")[2].partition("?")[0]

    await listed.get_by_role("link", name="customer:42").click()
    await expect(page.locator(".finder .chip")).to_contain_text("tag:customer:42")
    await expect(page.locator(".joblist .job")).to_have_count(1)
    await expect(page.locator(f"#job-{job_id} .jtag")).to_have_text(["import", "+1"])

    await page.go_back()
    await expect(page.locator("#h-job")).to_have_text("typed")


async def test_jobs_of_a_tag_come_into_its_list_by_themselves(page: Page, site: Site) -> None:
    await wait_in_line(site, "first", "import")
    await go_live(page, site.url("/jobs?q=tag:import"))
    await expect(page.locator(".joblist .job")).to_have_count(1)

    await wait_in_line(site, "plain")
    await wait_in_line(site, "second", *TAGS)

    await expect(page.locator(".joblist .job")).to_have_count(2)
    await expect(page.locator("#job-second .jtag")).to_have_text(["import", "+3"])
    await expect(page.locator("#tabs .tab", has_text="Queued").locator(".ct")).to_have_text("2")

    await site.commands.abort("first")
    await expect(page.locator("#tabs .tab", has_text="Aborted").locator(".ct")).to_have_text("1")
    await expect(page.locator("#tabs .tab", has_text="All").locator(".ct")).to_have_text("2")


async def test_tags_are_suggested_and_chosen_by_keys(page: Page, site: Site) -> None:
    await wait_in_line(site, "one", "customer:42")
    await go_live(page, site.url())
    await page.locator("#add").focus()
    await page.keyboard.type("tag:cust")
    await expect(page.get_by_role("option", name="tag:customer:42")).to_be_visible()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    await expect(page.locator(".finder .chip")).to_contain_text("tag:customer:42")
    await expect(page.locator(".joblist .job")).to_have_count(1)


async def test_without_scripts_a_tag_is_a_link_and_the_form_takes_tags(browser: Browser, site: Site) -> None:
    context = await browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 800})
    page = await context.new_page()
    await wait_in_line(site, "one", *TAGS)
    await wait_in_line(site, "two")

    await page.goto(site.url("/jobs/one"))
    await page.get_by_role("link", name="nightly").click()
    await expect(page.locator(".joblist .job")).to_have_count(1)

    await page.goto(site.url("/jobs/new?fn=stay&opt.tags=a, b"))
    await page.get_by_role("button", name="Enqueue job").click()
    await expect(page.get_by_role("list", name="Tags").get_by_role("link")).to_have_text(["a", "b"])
    job_id = page.url.rpartition("/")[2].partition("?")[0]
    await site.in_state(job_id, State.RUNNING)
    await site.commands.abort(job_id)
    await context.close()


async def test_pages_with_tags_are_clean_and_never_too_wide(browser: Browser, site: Site) -> None:
    await wait_in_line(site, "one", *TAGS)
    await wait_in_line(site, "long", *(f"{n}{'x' * 58}" for n in range(10)))
    async with walking(browser, site.url("/")) as walk:
        await walk.look("the list", "/jobs?q=tag:import,0*")
        await walk.look("with long tags", "/jobs")
        await walk.look("a job", "/jobs/one")
        await walk.look("a job with long tags", "/jobs/long")
