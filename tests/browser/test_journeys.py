"""What a person does: submit, watch, retry, abort, run again, delete. In real Chromium, without a reload."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, Page, expect
from waiting import eventually

from arqboard.protocol import State

from .conftest import Site, go_live

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("says_yes", "at_once")]


async def bar_value(page: Page) -> int:
    return int(await page.locator("progress.big").evaluate("bar => bar.value"))


async def test_a_job_is_submitted_by_form_and_its_bar_moves_to_the_end(page: Page, site: Site) -> None:
    await page.goto(site.url("/jobs/new?fn=stepwise"))
    await page.fill("[name='arg.total']", "8")
    await page.click("button:has-text('Enqueue')")
    await page.wait_for_url(re.compile(r"/jobs/[0-9a-f]{32}$"))
    await expect(page.locator("[data-live-state]")).to_have_attribute("data-live-state", "live")
    await page.evaluate("window.__same_document = true")

    for done in (1, 2, 3, 5, 6, 7):
        site.stage.steps.put_nowait(done)
        await expect(page.locator("progress.big")).to_have_js_property("value", done)
    await expect(page.locator("[data-live^='hero:']")).to_contain_text("at 7")
    site.stage.steps.put_nowait(8)
    await expect(page.locator("[data-live^='hero:']")).to_have_attribute("data-state", "succeeded")
    await expect(page.locator("[data-live^='outcome:']")).to_contain_text("8")
    assert await page.evaluate("window.__same_document") is True


async def test_a_new_job_appears_in_the_list_and_its_row_moves(page: Page, site: Site) -> None:
    await site.submit("typed", user_id=1)
    await go_live(page, site.url())
    job_id = await site.submit("stepwise", total=10)
    row = page.locator(f"#job-{job_id}")
    await expect(row).to_be_visible()
    for done in (2, 4, 6, 8, 9):
        site.stage.steps.put_nowait(done)
        await expect(row.locator("progress")).to_have_js_property("value", done)
    site.stage.steps.put_nowait(10)
    await expect(row).to_have_attribute("data-state", "succeeded")


async def test_a_failed_job_is_retried_and_resumes_at_the_right_chunk(page: Page, site: Site) -> None:
    site.stage.is_broken = True
    job_id = await site.submit("chunked")
    await go_live(page, site.url(f"/jobs/{job_id}"))
    await expect(page.locator("[data-live^='hero:']")).to_have_attribute("data-state", "failed")
    await expect(page.locator("[data-live^='outcome:']")).to_contain_text("<b>row 7</b> is not a number")
    assert site.stage.ran == [0, 1, 2, 3, 4, 5]

    site.stage.is_broken = False
    await page.click(".hero-block button:has-text('Retry')")
    await expect(page.locator("[data-live^='hero:']")).to_have_attribute("data-state", "succeeded")
    assert site.stage.ran == list(range(10))
    await expect(page.locator("[data-live^='attempts:']")).to_contain_text("Attempt 2")
    chunks = page.locator("[data-live^='chunks:'] .ck")
    await expect(chunks).to_have_count(5)


async def test_a_running_job_is_aborted(page: Page, site: Site) -> None:
    job_id = await site.submit("stay")
    await go_live(page, site.url(f"/jobs/{job_id}"))
    await expect(page.locator("[data-live^='hero:']")).to_have_attribute("data-state", "running")
    await page.click(".hero-block button:has-text('Abort')")
    await expect(page.locator("[data-live^='hero:']")).to_have_attribute("data-state", "aborted")
    assert (await site.in_state(job_id, State.ABORTED)).state is State.ABORTED


async def test_a_row_is_aborted_retried_and_deleted_in_the_list(page: Page, site: Site) -> None:
    job_id = await site.submit("stay")
    await site.in_state(job_id, State.RUNNING)
    await go_live(page, site.url())
    row = page.locator(f"#job-{job_id}")
    await row.get_by_role("button", name=re.compile("Abort")).click()
    await expect(row).to_have_attribute("data-state", "aborted")
    await row.get_by_role("button", name=re.compile("Retry")).click()
    await expect(row).to_have_attribute("data-state", "running")
    await row.get_by_role("button", name=re.compile("Abort")).click()
    await expect(row).to_have_attribute("data-state", "aborted")
    await row.get_by_role("button", name=re.compile("Delete")).click()
    await expect(row).to_have_count(0)
    assert await site.redis.exists(site.commands.keys.job(job_id)) == 0


async def test_run_again_opens_the_form_with_the_same_arguments(page: Page, site: Site) -> None:
    job_id = await site.submit("typed", user_id=42, ratio=0.25, notify=False)
    await site.in_state(job_id, State.SUCCEEDED)
    await page.goto(site.url(f"/jobs/{job_id}"))
    await page.click("text=Run again")
    await expect(page.locator("[name='arg.user_id']")).to_have_value("42")
    await expect(page.locator("[name='arg.ratio']")).to_have_value("0.25")
    await expect(page.locator("[name='arg.notify']")).not_to_be_checked()
    await page.fill("[name='arg.user_id']", "43")
    await page.click("button:has-text('Enqueue')")
    await page.wait_for_url(re.compile(r"/jobs/[0-9a-f]{32}$"))
    await expect(page.locator("[data-live^='hero:']")).to_have_attribute("data-state", "succeeded")
    second = page.url.rsplit("/", 1)[-1]
    assert (await site.reader.get(second)).result == {"user_id": 43, "ratio": 0.25, "notify": False}


async def test_a_form_with_a_mistake_comes_back_as_typed_with_the_message_at_the_field(page: Page, site: Site) -> None:
    await page.goto(site.url("/jobs/new?fn=typed"))
    await page.evaluate(
        "document.querySelector('form.new-job, #new-job form, form#new-job')?.setAttribute('novalidate','')"
    )
    await page.fill("[name='arg.ratio']", "0.75")
    await page.click("button:has-text('Enqueue')")
    field = page.locator("[name='arg.user_id']")
    await expect(field).to_have_attribute("aria-invalid", "true")
    described = await field.get_attribute("aria-describedby")
    await expect(page.locator(f"#{(described or '').split()[-1]}")).to_contain_text("required")
    await expect(page.locator("[name='arg.ratio']")).to_have_value("0.75")


async def test_filters_are_in_the_url_and_back_works(page: Page, site: Site) -> None:
    for _ in range(2):
        await site.in_state(await site.submit("typed", user_id=1), State.SUCCEEDED)
    await site.in_state(await site.submit("again"), State.RETRYING)
    await go_live(page, site.url())
    await expect(page.locator(".job")).to_have_count(3)
    await page.click(".tabs a:has-text('Retrying')")
    await expect(page.locator(".job")).to_have_count(1)
    assert "state=retrying" in page.url
    await page.go_back()
    await expect(page.locator(".job")).to_have_count(3)
    await page.select_option("select[name=function]", "typed")
    await expect(page.locator(".job")).to_have_count(2)
    assert "function=typed" in page.url
    await site.submit("typed", user_id=9)
    await expect(page.locator(".job")).to_have_count(3)


async def test_everything_but_the_liveness_works_without_javascript(browser: Browser, site: Site) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(site.url("/jobs/new?fn=typed"))
    await page.fill("[name='arg.user_id']", "5")
    await page.click("button:has-text('Enqueue')")
    await page.wait_for_url(re.compile(r"/jobs/[0-9a-f]{32}"))
    job_id = re.search(r"[0-9a-f]{32}", page.url)[0]  # type: ignore[index]
    await site.in_state(job_id, State.SUCCEEDED)
    await page.reload()
    await expect(page.locator("h1")).to_have_text("typed")
    await page.click("button:has-text('Delete')")
    await page.wait_for_url(re.compile(r"/jobs(\?.*)?$"))
    await expect(page.locator(f"#job-{job_id}")).to_have_count(0)
    stay = await site.submit("stay")
    await site.in_state(stay, State.RUNNING)
    await page.goto(site.url(f"/jobs/{stay}"))
    await page.click("button:has-text('Abort')")
    await site.in_state(stay, State.ABORTED)
    await context.close()


async def test_a_first_run_offers_the_first_job(page: Page, site: Site) -> None:
    await page.goto(site.url())
    await expect(page.locator("main")).to_contain_text("No jobs yet")
    await expect(page.locator("main")).to_contain_text("1 worker")


async def test_an_unknown_job_is_a_page_that_says_so(page: Page, site: Site) -> None:
    response = await page.goto(site.url("/jobs/nope"))
    assert response is not None and response.status == 404
    await expect(page.locator("main")).to_contain_text("nope")


async def test_pasting_a_job_id_into_search_opens_the_job(page: Page, site: Site) -> None:
    job_id = await site.submit("typed", user_id=1)
    await page.goto(site.url())
    await page.fill("input[name=q]", job_id)
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile(job_id))
    await eventually(lambda: page.locator("h1").count())
