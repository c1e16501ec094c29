"""Rows are selected and acted on together; questions, and the way back. In real Chromium."""

from __future__ import annotations

import re
from typing import Any, Literal

import pytest
from bulks import failed, in_state, waiting
from playwright.async_api import Browser, BrowserContext, Locator, Page, Route, expect
from waiting import eventually

from arqboard.protocol import Query, State
from arqboard.protocol.acting import Action, Wish
from arqboard.protocol.bulk import BULK, Bulk

from .conftest import Site, go_live
from .test_accessibility import violations

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("says_yes")]


def boxes(page: Page) -> Locator:
    return page.locator(".c-sel input[name=id]")


def toast(page: Page) -> Locator:
    return page.locator("#toasts .toast").last


async def is_in(site: Site, state: State, number: int) -> bool:
    return await in_state(site.reader, state) == number


async def test_a_range_is_selected_with_shift_and_all_of_the_page_by_the_head(page: Page, site: Site) -> None:
    await failed(site.commands, 8, queue="nobody")
    await go_live(page, site.url())
    bar, head = page.locator("#bulk"), page.locator(".jhead [data-page]")
    await expect(bar).to_be_hidden()
    await boxes(page).nth(1).check()
    await boxes(page).nth(4).click(modifiers=["Shift"])
    await expect(bar.locator("[data-count]")).to_have_text("4 selected")
    await expect(head).to_have_js_property("indeterminate", True)
    await head.check()
    await expect(bar.locator("[data-count]")).to_have_text("8 selected")
    await bar.get_by_label("Clear the selection").click()
    await expect(bar).to_be_hidden()
    assert page.complaints == []  # type: ignore[attr-defined] # pyright: ignore


async def test_what_is_selected_stays_while_rows_change_and_goes_with_the_filter(page: Page, site: Site) -> None:
    await failed(site.commands, 3, queue="nobody")
    moving = await site.submit("stepwise", total=10)
    await go_live(page, site.url())
    row = page.locator(f"#job-{moving}")
    await row.locator(".c-sel input").check()
    for done in (3, 6):
        site.stage.steps.put_nowait(done)
        await expect(row.locator("progress")).to_have_js_property("value", done)
    await waiting(site.commands, 1, "mail", queue="nobody")
    await expect(page.locator("[data-live-more]")).to_be_visible()
    await expect(row.locator(".c-sel input")).to_be_checked()
    await page.locator(".tabs a", has_text="Failed").click()
    await expect(page.locator(".job")).to_have_count(3)
    await expect(page.locator("#bulk")).to_be_hidden()
    site.stage.steps.put_nowait(10)


async def test_selected_jobs_are_retried_and_taken_back_as_if_nothing_had_been(page: Page, site: Site) -> None:
    ids = await failed(site.commands, 4, queue="nobody")
    await waiting(site.commands, 1, "mail", queue="nobody")
    await go_live(page, site.url())
    await page.locator(".jhead [data-page]").check()
    await page.locator("#bulk button[value=retry]").click()
    await expect(toast(page)).to_contain_text("4 jobs run again, 1 could not: it waits")
    await expect(page.locator(f"#job-{ids[0]}")).to_have_attribute("data-state", "deferred")
    await expect(page.locator("#bulk")).to_be_hidden()
    await toast(page).get_by_role("button", name="Undo").click()
    await expect(toast(page)).to_contain_text("4 jobs are as they were")
    await expect(page.locator(f"#job-{ids[0]}")).to_have_attribute("data-state", "failed")
    assert await in_state(site.reader, State.FAILED) == 4


async def test_a_deleted_row_comes_back_by_undo(page: Page, site: Site) -> None:
    ids = await failed(site.commands, 2, queue="nobody")
    await go_live(page, site.url())
    row = page.locator(f"#job-{ids[0]}")
    await row.get_by_role("button", name=re.compile("Delete")).click()
    await expect(row).to_have_count(0)
    await toast(page).get_by_role("button", name="Undo").click()
    await expect(row).to_have_attribute("data-state", "failed")


async def test_two_browsers_see_each_others_actions_and_one_undo_counts(
    page: Page, context: BrowserContext, site: Site
) -> None:
    ids = await failed(site.commands, 2, queue="nobody")
    other = await context.new_page()
    for opened in (page, other):
        await go_live(opened, site.url())
    await boxes(page).first.check()
    await page.locator("#bulk button[value=delete]").click()
    await expect(other.locator(f"#job-{ids[1]}")).to_have_count(0)
    await toast(page).get_by_role("button", name="Undo").click()
    await expect(page.locator(f"#job-{ids[1]}")).to_be_visible()
    await expect(other.locator(f"#job-{ids[1]}")).to_be_visible()


async def test_a_question_names_what_is_hit_and_escape_leaves_everything(context: BrowserContext, site: Site) -> None:
    job_id = await site.submit("stay")
    await site.in_state(job_id, State.RUNNING)
    page = await context.new_page()
    await go_live(page, site.url())
    button = page.locator(f"#job-{job_id}").get_by_role("button", name=re.compile("Abort"))
    await button.focus()
    await page.keyboard.press("Enter")
    dialog = page.locator("#ask")
    await expect(dialog).to_contain_text(f"Abort stay {job_id}?")
    await expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    assert await violations(page) == []
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(button).to_be_focused()
    assert (await site.reader.get(job_id)).abort_requested is None
    await page.keyboard.press("Enter")
    await dialog.get_by_role("button", name="Abort").click()
    await site.in_state(job_id, State.ABORTED)


async def test_aborting_many_asks_with_their_number(context: BrowserContext, site: Site) -> None:
    await waiting(site.commands, 3, queue="nobody")
    page = await context.new_page()
    await go_live(page, site.url())
    await boxes(page).nth(0).check()
    await boxes(page).nth(1).check()
    await page.locator("#bulk button[value=abort]").click()
    await expect(page.locator("#ask")).to_contain_text("Abort 2 selected jobs?")
    await page.locator("#ask [data-yes]").click()
    await expect(toast(page)).to_contain_text("2 jobs are aborted")
    assert await in_state(site.reader, State.QUEUED) == 1


async def test_all_that_match_run_as_a_job_with_its_own_bar(context: BrowserContext, site: Site) -> None:
    await failed(site.commands, 150, queue="nobody")
    await site.commands.pause("function", BULK)
    page = await context.new_page()
    await go_live(page, site.url("/jobs?state=failed"))
    await boxes(page).first.check()
    await page.locator("#bulk .everything").click()
    await expect(page.locator("#bulk [data-count]")).to_have_text("All 150 that match")
    await page.locator("#bulk button[value=retry]").click()
    question = page.locator("#bulk-ask")
    await expect(question).to_contain_text("Retry 150 jobs?")
    await expect(question.locator("[name=typed]")).to_be_focused()
    await question.locator("[name=typed]").fill("15")
    await page.keyboard.press("Enter")
    await expect(question).to_contain_text("Type the number of jobs as it is shown.")
    await question.locator("[name=typed]").fill("150")
    await page.keyboard.press("Enter")
    await expect(question).to_be_hidden()
    await expect(page.locator("#bulks")).to_contain_text("Retry: failed")
    await expect(page.locator("#bulk")).to_be_hidden()

    await site.commands.resume("function", BULK)

    await eventually(lambda: is_in(site, State.QUEUED, 150))
    await expect(page.locator("#bulks")).to_be_hidden()
    await expect(page.locator(".job").first).to_have_attribute("data-state", "queued")


async def test_a_bulk_job_is_stopped_from_the_list(page: Page, site: Site) -> None:
    await failed(site.commands, 3, queue="nobody")
    await site.commands.pause("function", BULK)
    bulk = Bulk(Wish(Action.RETRY), Query(state=State.FAILED), until=await site.reader.now_ms(), total=3)
    job_id = (await site.commands.submit(bulk.submission("arq:queue"))).job_id
    await go_live(page, site.url())
    await page.locator("#bulks").get_by_role("button", name="Stop").click()
    await site.in_state(job_id, State.ABORTED)
    await expect(page.locator("#bulks")).to_be_hidden()
    assert await in_state(site.reader, State.FAILED) == 3


async def test_by_keyboard_rows_are_selected_and_acted_on(page: Page, site: Site) -> None:
    await failed(site.commands, 3, queue="nobody")
    await go_live(page, site.url())
    await page.keyboard.press("j")
    await page.keyboard.press("x")
    await page.keyboard.press("j")
    await page.keyboard.press("x")
    await expect(page.locator("#bulk [data-count]")).to_have_text("2 selected")
    await page.keyboard.press("Escape")
    await expect(page.locator("#bulk")).to_be_hidden()
    await page.keyboard.press("x")
    await page.locator("#bulk button[value=delete]").focus()
    await page.keyboard.press("Enter")
    await expect(toast(page)).to_contain_text("1 job is deleted")
    await expect(page.locator(".job")).to_have_count(2)


async def test_without_scripts_rows_are_selected_and_the_server_asks(browser: Browser, site: Site) -> None:
    await failed(site.commands, 3, queue="nobody")
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(site.url())
    await boxes(page).nth(0).check()
    await boxes(page).nth(1).check()
    await page.locator("#bulk button[value=delete]").click()
    await expect(page.locator("h2")).to_contain_text(["Delete 2 jobs?"])
    await page.locator("form.asked button").click()
    await expect(toast(page)).to_contain_text("2 jobs are deleted.")
    await expect(page.locator(".job")).to_have_count(1)
    await toast(page).get_by_role("button", name="Undo").click()
    await expect(page.locator(".job")).to_have_count(3)
    await boxes(page).nth(0).check()
    await page.locator("#bulk .everything").click()
    await page.locator("#bulk button[value=retry]").click()
    await page.locator("form.asked button").click()
    await expect(page.locator("h1")).to_have_text(BULK)
    await eventually(lambda: is_in(site, State.QUEUED, 3))
    await context.close()


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_selection_questions_and_notes_are_accessible(
    browser: Browser, site: Site, scheme: Literal["light", "dark"], width: int
) -> None:
    await failed(site.commands, 120, queue="nobody")
    size = {"width": width, "height": 900}
    context = await browser.new_context(color_scheme=scheme, viewport=size, reduced_motion="reduce")  # type: ignore[arg-type]
    page = await context.new_page()
    found: dict[str, list[Any]] = {}

    async def look(name: str) -> None:
        found[name] = await violations(page)
        if overflow := await page.evaluate("document.documentElement.scrollWidth - innerWidth"):
            found[name].append(("scrolls sideways", overflow))

    await site.commands.pause("function", BULK)
    await go_live(page, site.url())
    await boxes(page).first.check()
    await page.evaluate("scrollTo(0, document.body.scrollHeight)")  # there the bar lies over no row
    await look("selected")
    await page.locator("#bulk button[value=retry]").click()
    await expect(toast(page)).to_be_visible()
    await look("note with undo")
    await boxes(page).nth(1).check()
    await page.locator("#bulk .everything").click()
    await page.locator("#bulk button[value=delete]").click()
    await expect(page.locator("#bulk-ask form")).to_be_visible()
    await look("question")
    await page.locator("#bulk-ask [name=typed]").fill("120")
    await page.locator("#bulk-ask button").click()
    await expect(page.locator("#bulks .bulkrow")).to_be_visible()
    await look("under way")
    await page.goto(site.url("/jobs/bulk?action=abort&query="))
    await expect(page.locator("form.asked")).to_be_visible()
    await look("page that asks")
    await context.close()
    assert {name: problems for name, problems in found.items() if problems} == {}


async def test_an_answer_that_comes_after_its_row_has_gone_still_leaves_its_note(page: Page, site: Site) -> None:
    job_id = await site.submit("typed", user_id=1)
    await site.in_state(job_id, State.SUCCEEDED)
    row = page.locator(f"#job-{job_id}")

    async def late(route: Route) -> None:
        answer = await route.fetch()
        await expect(row).to_have_count(0)
        await route.fulfill(response=answer)

    await page.route("**/delete", late)
    await go_live(page, site.url("/jobs"))
    await row.get_by_role("button", name="Delete").click()
    await page.locator("#toasts").get_by_role("button", name="Undo").click()
    await expect(row).to_be_visible()
