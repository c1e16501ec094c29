"""The page of one job in a real browser: chunks by hand and by keys, a log that follows, traces, and what people do."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect
from waiting import eventually

from arqboard.protocol import State
from arqboard.submitting import find_function, submit

from .conftest import Site, go_live
from .test_accessibility import violations

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def failed_in_chunks(site: Site) -> str:
    """A job of five chunks, the fourth of which broke."""
    site.stage.is_broken = True
    job_id = await site.submit("chunked")
    await site.in_state(job_id, State.FAILED)
    return job_id


async def running_in_chunks(site: Site, total: int = 6) -> str:
    job_id = await site.submit("open_chunks", total=total)
    await site.in_state(job_id, State.RUNNING)
    return job_id


async def agree(page: Page, question: str) -> None:
    """Say yes to what is asked before something that can't be taken back."""
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text(question)
    await dialog.locator("[data-yes]").click()


async def test_a_failed_job_is_looked_into_repaired_and_seen_to_succeed(page: Page, site: Site) -> None:
    job_id = await failed_in_chunks(site)
    await go_live(page, site.url(f"/jobs/{job_id}"))
    table = page.locator(".failed-chunks")
    await expect(table).to_contain_text("ValueError: <b>row 7</b> is not a number")

    await page.locator(".ck").nth(3).hover()
    await expect(page.locator("#chunk-detail")).to_contain_text("items 7 to 8")
    await page.locator('.picks [data-show="failed"]').click()
    await expect(page).to_have_url(f"{site.url(f'/jobs/{job_id}')}?show=failed")
    await expect(page.locator(".ck").first).to_have_css("opacity", "0.14")
    await expect(page.locator(".ck").nth(3)).to_have_css("opacity", "1")

    site.stage.is_broken = False
    await page.get_by_role("button", name="Retry the failed one").click()
    await expect(page.locator("[data-live^='hero:']")).to_have_attribute("data-state", "succeeded")
    await expect(table).to_be_hidden()
    assert await site.reader.chunk_marks(job_id) == "dddd."
    await page.get_by_role("button", name="Resume: 1 chunk left").click()
    await expect(page.locator(".chunk-acts")).to_have_count(0)
    assert await site.reader.chunk_marks(job_id) == "ddddd"
    await page.go_back()  # to what was before this job: filters replace the address
    await expect(page).to_have_url("about:blank")


async def test_chunks_are_skipped_while_the_job_runs(page: Page, site: Site) -> None:
    job_id = await running_in_chunks(site)
    await go_live(page, site.url(f"/jobs/{job_id}"))
    await page.get_by_role("button", name="Skip waiting").click()
    await agree(page, "Skip 5 waiting chunks")
    await expect(page.locator(".ck.st-aborted")).to_have_count(5)
    site.stage.steps.put_nowait(1)
    await expect(page.locator("[data-live^='hero:']")).to_have_attribute("data-state", "succeeded")
    await expect(page.locator(".hero .sub")).to_contain_text("5 skipped")


async def test_the_map_is_walked_by_keys_and_says_where_it_is(page: Page, site: Site) -> None:
    job_id = await failed_in_chunks(site)
    await go_live(page, site.url(f"/jobs/{job_id}"))
    chunk_map = page.get_by_role("slider")
    await expect(chunk_map).to_have_attribute("aria-valuetext", "3 of 5 chunks done, 0 running, failed: 4")
    await chunk_map.focus()
    for _ in range(4):
        await page.keyboard.press("ArrowRight")
    await expect(chunk_map).to_have_attribute("aria-valuenow", "4")
    await expect(chunk_map).to_have_attribute(
        "aria-valuetext", "failed, Chunk 4, items 7 to 8, 0 ms, attempt 1, ValueError: <b>row 7</b> is not a number"
    )
    await page.keyboard.press("End")
    await expect(page.locator("#chunk-detail")).to_contain_text("Chunk 5")
    await page.keyboard.press("Enter")
    assert page.url.endswith("?chunk=5")
    await page.reload()
    await expect(page.locator("#chunk-detail")).to_contain_text("Chunk 5")
    await expect(page.locator(".cursor")).to_be_visible()


async def test_where_the_map_is_survives_what_is_pushed(page: Page, site: Site) -> None:
    job_id = await running_in_chunks(site)
    await go_live(page, site.url(f"/jobs/{job_id}"))
    chunk_map = page.get_by_role("slider")
    await chunk_map.focus()
    await page.keyboard.press("End")
    await expect(chunk_map).to_have_attribute("aria-valuenow", "6")
    site.stage.steps.put_nowait(1)
    await expect(page.locator(".ck.st-succeeded")).to_have_count(1)
    await expect(chunk_map).to_have_attribute("aria-valuenow", "6")
    await expect(page.locator(".cursor")).to_be_visible()
    await expect(chunk_map).to_be_focused()
    await site.commands.abort(job_id)


async def test_ten_thousand_chunks_are_one_picture_that_can_be_pointed_at(page: Page, site: Site) -> None:
    job_id = await site.submit("chunked", items=20_000)
    await site.in_state(job_id, State.SUCCEEDED)
    await go_live(page, site.url(f"/jobs/{job_id}"))
    chunk_map = page.get_by_role("slider")
    box = await chunk_map.bounding_box()
    assert box
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await expect(page.locator("#chunk-detail")).to_contain_text("done")
    await chunk_map.focus()
    await page.keyboard.press("End")
    await expect(page.locator("#chunk-detail")).to_contain_text("to 20\u202f000")
    await page.keyboard.press("ArrowUp")
    await expect(chunk_map).to_have_attribute("aria-valuenow", "9800")


# The log


async def test_new_lines_are_added_below_and_the_end_is_followed_until_somebody_scrolls_up(
    page: Page, site: Site
) -> None:
    job_id = await running_in_chunks(site, total=80)
    await go_live(page, site.url(f"/jobs/{job_id}"))
    log, button = page.locator(".log[data-log]"), page.locator("[data-follow]")
    for number in range(40):
        site.stage.steps.put_nowait(number)
    await expect(log.locator("li")).to_have_count(40)
    await log.locator("li").first.evaluate("el => { el.dataset.mine = 'kept' }")
    assert await log.evaluate("el => el.scrollHeight - el.scrollTop - el.clientHeight < 24")

    await log.evaluate("el => { el.scrollTop = 0 }")
    await expect(button).to_have_attribute("aria-pressed", "false")
    for number in range(20):
        site.stage.steps.put_nowait(number)
    await expect(log.locator("li")).to_have_count(60)
    assert await log.evaluate("el => el.scrollTop") == 0
    await expect(log.locator("li").first).to_have_attribute("data-mine", "kept")

    await button.click()
    await expect(button).to_have_attribute("aria-pressed", "true")
    assert await log.evaluate("el => el.scrollHeight - el.scrollTop - el.clientHeight < 24")
    await site.commands.abort(job_id)


async def test_a_filtered_log_gets_only_the_lines_that_fit(page: Page, site: Site) -> None:
    job_id = await running_in_chunks(site, total=30)
    site.stage.steps.put_nowait(1)
    await go_live(page, site.url(f"/jobs/{job_id}"))
    await expect(page.locator(".log li")).to_have_count(1)
    await page.get_by_role("searchbox", name="Search this log").fill("row 2")
    await page.keyboard.press("Enter")
    await expect(page.locator(".log .none")).to_be_visible()
    assert "q=row+2" in page.url
    for number in range(24):
        site.stage.steps.put_nowait(number)
    await expect(page.locator(".log li")).to_have_count(7)  # 2, and 20 to 25
    await expect(page.locator(".log .none")).to_be_hidden()
    await page.get_by_role("navigation", name="Log level").get_by_role("link", name="Errors").click()
    await expect(page.locator(".log li")).to_have_count(0)
    assert "level=error" in page.url and "q=row+2" in page.url
    await site.commands.abort(job_id)


# Where it stands


async def test_a_running_job_says_where_it_waits(page: Page, site: Site) -> None:
    job_id = await site.submit("stay")
    await site.in_state(job_id, State.RUNNING)
    await go_live(page, site.url(f"/jobs/{job_id}"))
    await page.get_by_role("link", name="Ask").click()
    shown = page.locator("#stack-shown")
    await expect(shown).to_contain_text("await asyncio.Event().wait()")
    await expect(shown).to_contain_text("Stage.stay")
    await expect(page.locator("#announce")).to_contain_text("It waits in")
    await expect(page.locator("[aria-live=polite]:not(dialog *), [role=status]:not(dialog *)")).to_have_count(1)
    await page.get_by_role("button", name="Abort").click()
    await agree(page, "Abort stay")
    await expect(page.locator("[data-live^='hero:']")).to_have_attribute("data-state", "aborted")
    await expect(page.locator("#stack")).to_be_hidden()


async def test_until_when_arq_keeps_the_result_is_said_as_soon_as_there_is_one(page: Page, site: Site) -> None:
    job_id = await site.submit("stepwise", total=2)
    await site.in_state(job_id, State.RUNNING)
    await go_live(page, site.url(f"/jobs/{job_id}"))
    await expect(page.locator(".kept")).to_be_hidden()

    site.stage.steps.put_nowait(2)

    await expect(page.locator(".kept")).to_contain_text("arq keeps the result until")
    until = await page.locator(".kept time").get_attribute("datetime")
    left = datetime.fromisoformat(until or "").timestamp() * 1000 - await site.reader.now_ms()
    assert abs(left - await site.redis.pttl(f"arq:result:{job_id}")) < 1000


async def test_when_no_worker_answers_the_page_says_so(page: Page, site: Site) -> None:
    job_id = await site.submit("stay")
    await site.in_state(job_id, State.RUNNING)
    await go_live(page, site.url(f"/jobs/{job_id}"))
    worker = (await site.reader.get(job_id)).worker
    await site.redis.hset(site.commands.keys.job(job_id), "worker", f"{worker}-gone")
    await page.get_by_role("link", name="Ask").click()
    await expect(page.locator("#stack-shown")).to_contain_text("No worker answered")
    await expect(page.locator("#announce")).to_contain_text("No worker answered")
    await site.redis.hset(site.commands.keys.job(job_id), "worker", worker)
    await site.commands.abort(job_id)


# Traces, trees, raw record, another time


async def test_a_trace_is_fetched_unfolded_and_copied(context: BrowserContext, page: Page, site: Site) -> None:
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    job_id = await failed_in_chunks(site)
    await go_live(page, site.url(f"/jobs/{job_id}"))
    attempt = page.locator(".ev details")
    await attempt.locator("> summary").click()
    await expect(attempt.locator(".frames li:not(.lib)").first).to_contain_text("raise ValueError")
    folded = attempt.locator("details.folded")
    await expect(folded.first).not_to_have_attribute("open", "")
    await attempt.get_by_role("button", name="Full trace").click()
    await expect(folded.first).to_have_attribute("open", "")
    await attempt.get_by_role("button", name="Copy").click()

    async def copied() -> bool:
        text = await page.evaluate("navigator.clipboard.readText()")
        return str(text).startswith("Traceback (most recent call last):")

    await eventually(copied)
    await page.locator("details[id^=raw-] > summary").click()
    await expect(page.locator("details[id^=raw-]")).to_contain_text("not opened")


async def test_a_waiting_job_is_put_off_and_then_run_now(page: Page, site: Site) -> None:
    job_id = await site.submit("again")
    await site.in_state(job_id, State.RETRYING)
    await go_live(page, site.url(f"/jobs/{job_id}"))
    hero = page.locator("[data-live^='hero:']")
    await page.get_by_text("Reschedule…").click()
    await page.get_by_label("After").fill("3")
    await page.get_by_label("Unit").select_option("hours")
    await page.get_by_label("After").press("Enter")
    await expect(hero.locator("time[data-left]").first).to_have_text("in 3 h")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Run now").click()
    await expect(page.locator(".events")).to_contain_text("Attempt 2 started")


@pytest.mark.parametrize(
    ("function", "seen"),
    [
        ("open_chunks", ".map, .log li, [data-live^='outcome:']"),
        ("report", ".stepper li, .log li, [data-live^='artefacts:'] li, [data-live^='outcome:']"),
    ],
)
async def test_opened_before_it_began_the_page_ends_as_one_opened_afterwards(
    page: Page, site: Site, function: str, seen: str
) -> None:
    info = find_function(await site.reader.functions(), function)
    job_id = (await submit(site.commands, info, [], {}, defer_by=3600)).job_id
    await go_live(page, site.url(f"/jobs/{job_id}"))
    await page.get_by_role("button", name="Run now").click()
    for step in (1, 2, 3, 4, 4, 4):  # as many as either task asks for
        site.stage.steps.put_nowait(step)
    await site.in_state(job_id, State.SUCCEEDED)
    for part in seen.split(", "):
        await expect(page.locator(part).first).to_be_visible()
    await expect(page.locator("[data-live^='hero:']")).to_contain_text("Succeeded")
    words = "document.querySelector('main').innerText.replace(/arq keeps the result until.*/, '').trim()"
    lived = await page.evaluate(words)
    await page.reload()
    assert await page.evaluate(words) == lived


# Everywhere


async def test_without_javascript_links_and_forms_do_the_same(browser: Browser, site: Site) -> None:
    job_id = await failed_in_chunks(site)
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(site.url(f"/jobs/{job_id}"))
    await page.get_by_label("Chunk number").fill("4")
    await page.get_by_role("button", name="Look").click()
    await expect(page.locator("#chunk-detail")).to_contain_text("items 7 to 8")
    await page.locator(".picks").get_by_role("link", name="failed 1").click()
    await expect(page.locator(".ck").first).to_have_css("opacity", "0.14")
    await page.locator(".ev details > summary").click()
    await page.get_by_role("link", name="The traceback of attempt 1").click()
    await expect(page.locator(".frames li:not(.lib)").first).to_contain_text("raise ValueError")
    await page.get_by_role("link", name="The job").click()
    await page.get_by_role("button", name="Skip failed").click()
    await expect(page.locator(".toast")).to_contain_text("have been skipped")
    await expect(page.locator(".ck.st-aborted")).to_have_count(1)
    await context.close()


async def test_a_page_survives_the_loss_of_its_worker_and_of_redis(page: Page, site: Site) -> None:
    """What the lease says when the worker is gone, and what the pill says while Redis is: see test_faults.py."""
    job_id = await running_in_chunks(site)
    await go_live(page, site.url(f"/jobs/{job_id}"))
    site.stage.steps.put_nowait(1)
    await expect(page.locator(".log li")).to_have_count(1)
    await site.redis.client_kill_filter(_type="normal", skipme=True)
    await site.redis.client_kill_filter(_type="pubsub", skipme=True)
    site.stage.steps.put_nowait(2)
    await expect(page.locator(".log li")).to_have_count(2)
    await expect(page.locator(".ck.st-succeeded")).to_have_count(2)
    await site.commands.abort(job_id)


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_part_is_accessible_and_fits(
    browser: Browser, site: Site, scheme: Literal["light", "dark"], width: int
) -> None:
    failed, waiting = await failed_in_chunks(site), await site.submit("again")
    running = await running_in_chunks(site)
    site.stage.steps.put_nowait(1)
    await site.in_state(waiting, State.RETRYING)
    size: Any = {"width": width, "height": 900}
    context = await browser.new_context(color_scheme=scheme, viewport=size, reduced_motion="reduce")
    page = await context.new_page()
    found: dict[str, list[Any]] = {}

    async def look(name: str) -> None:
        found[name] = await violations(page)
        overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if overflow > 0:
            found[name].append(("scrolls sideways", overflow))

    await page.goto(site.url(f"/jobs/{failed}?show=failed&chunk=4"))
    await page.locator(".ev details > summary").click()
    await expect(page.locator(".ev .frames li:not(.lib)").first).to_be_visible()
    await page.locator("details[id^=raw-] > summary").click()
    await expect(page.locator(".rawfields")).to_be_visible()
    await look("failed")
    await page.goto(site.url(f"/jobs/{waiting}"))
    await page.get_by_text("Reschedule…").click()
    await look("waiting")
    await page.goto(site.url(f"/jobs/{running}"))
    await expect(page.locator(".log li")).to_have_count(1)
    await page.get_by_role("link", name="Ask").click()
    await expect(page.locator("#stack-shown .frames").first).to_be_visible()
    await look("running")
    for part in ("log", "raw", "stack", "chunks/1"):
        await page.goto(site.url(f"/jobs/{running}/{part}"))
        await look(part)
    await site.commands.abort(running)
    await context.close()
    assert {name: problems for name, problems in found.items() if problems} == {}


async def test_on_paper_there_is_nothing_to_click(page: Page, site: Site) -> None:
    job_id = await failed_in_chunks(site)
    await page.goto(site.url(f"/jobs/{job_id}"))
    await page.emulate_media(media="print")
    for gone in (".side", ".top", ".acts-wide", ".chunk-acts", ".log-tools"):
        assert not await page.locator(gone).first.is_visible()
    for kept in ("h1", ".chunks", ".events", ".facts"):
        assert await page.locator(kept).first.is_visible()
