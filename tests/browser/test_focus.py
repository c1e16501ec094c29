"""Focus is never lost: by the keyboard alone, whatever an action or somebody else does to what has it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from bulks import failed
from floor_data import QUEUE, definition
from playwright.async_api import Locator, Page, expect
from waiting import eventually

from arqboard.protocol import Query, State
from arqboard.protocol.acting import Action, Wish
from arqboard.protocol.bulk import BULK, Bulk
from arqboard.protocol.schedule import Every
from arqboard.protocol.schedules import Schedules

from .conftest import Site, go_live

#: The elements whose requests htmx is not done with.
UNDER_WAY = """
    window.__underWay = new Set();
    addEventListener('htmx:before:request', event => __underWay.add(event.target));
    addEventListener('htmx:finally:request', event => __underWay.delete(event.target));
"""
TWO_FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("at_once")]


@pytest_asyncio.fixture(loop_scope="session")
async def schedules(site: Site) -> AsyncIterator[Schedules]:
    store = Schedules(site.redis)
    for name in ("backup", "clean-up", "newsletter"):
        await store.add(definition(name, Every(3600), "typed"))
    yield store


def button(where: Page | Locator, name: str) -> Locator:
    return where.get_by_role("button", name=name)


async def strike(page: Page, target: Locator, key: str = "Enter") -> None:
    """Focus it as Tab would, and press the key."""
    await target.focus()
    await page.keyboard.press(key)


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def under_way(page: Page) -> None:
    await page.add_init_script(UNDER_WAY)


async def press_again(page: Page, key: str) -> None:
    """The same place again. A push may have changed it before the answer came, and until htmx is done with that, it
    takes no other post; how long this takes depends on the machine."""
    await eventually(lambda: page.evaluate("![...__underWay].some(element => element.isConnected)"))
    await page.evaluate(TWO_FRAMES)
    await page.keyboard.press(key)


async def answer(page: Page, *keys: str) -> None:
    """What is asked is answered by keys."""
    await expect(page.locator("#ask")).to_be_visible()
    for key in keys:
        await page.keyboard.press(key)
    await expect(page.locator("#ask")).to_be_hidden()
    await page.evaluate(TWO_FRAMES)  # the dialog says that it is closed with the next one; no finger is faster


# The same button, or what took its place


async def test_pause_becomes_resume_and_keeps_the_focus(page: Page, site: Site) -> None:
    await go_live(page, site.url("/queues"))
    await strike(page, button(page, f"Pause {QUEUE}"))
    await expect(button(page, f"Resume {QUEUE}")).to_be_focused()
    await press_again(page, "Space")
    await expect(button(page, f"Pause {QUEUE}")).to_be_focused()


async def test_on_a_queues_page_both_kinds_of_pause_keep_the_focus(page: Page, site: Site) -> None:
    await go_live(page, site.url("/queues/arq%3Aqueue"))
    for name in (QUEUE, "typed"):
        await strike(page, button(page, f"Pause {name}"))
        await expect(button(page, f"Resume {name}")).to_be_focused()
        await press_again(page, "Enter")
        await expect(button(page, f"Pause {name}")).to_be_focused()


@pytest.mark.parametrize("path", ["/workers", "/workers/{id}"])
async def test_a_worker_is_drained_after_a_yes_and_resumed(page: Page, site: Site, path: str) -> None:
    worker = site.worker.id
    await go_live(page, site.url(path.format(id=worker)))
    drain, resume = button(page, f"Drain {worker}"), button(page, f"Resume {worker}")
    await strike(page, drain)
    await expect(page.locator("#ask-what")).to_have_text(f"Drain worker {worker}?")
    await answer(page, "Escape")
    await expect(drain).to_be_focused()
    await press_again(page, "Enter")
    await answer(page, "Enter")
    await expect(resume).to_be_focused()
    assert [info.draining for info in await site.reader.workers()] == [True]
    await press_again(page, "Enter")
    await expect(drain).to_be_focused()


async def test_a_schedule_is_run_paused_and_resumed_in_its_row(page: Page, site: Site, schedules: Schedules) -> None:
    await go_live(page, site.url("/schedules"))
    run, row = button(page, "Run now clean-up"), page.locator("[data-live='schedule:clean-up']")
    await strike(page, run)
    await expect(row.locator(".tick")).to_have_count(1)
    await expect(run).to_be_focused()
    await strike(page, button(page, "Pause clean-up"))
    await expect(button(page, "Resume clean-up")).to_be_focused()
    await press_again(page, "Enter")
    await expect(button(page, "Pause clean-up")).to_be_focused()


async def test_in_a_jobs_row_the_next_action_is_where_the_last_one_was(page: Page, site: Site) -> None:
    job_id = await site.submit("stay")
    await site.in_state(job_id, State.RUNNING)
    await go_live(page, site.url())
    row = page.locator(f"#job-{job_id}")
    await strike(page, button(row, "Abort"))
    await answer(page, "Tab", "Enter")
    await expect(row).to_have_attribute("data-state", "aborted")
    await expect(row.locator(":focus")).to_have_count(1)  # its name, had it to wait for the worker
    await strike(page, button(row, "Retry"))
    await expect(row).to_have_attribute("data-state", "running")
    await expect(button(row, "Abort")).to_be_focused()


async def test_on_a_jobs_page_the_next_action_is_where_the_last_one_was(page: Page, site: Site) -> None:
    site.stage.is_broken = True
    job_id = await site.submit("chunked")
    await go_live(page, site.url(f"/jobs/{job_id}"))
    hero = page.locator("[data-live^='hero:']")
    await expect(hero).to_have_attribute("data-state", "failed")
    await site.commands.pause("function", "chunked")
    await strike(page, hero.get_by_role("button", name="Retry", exact=True))
    await expect(hero).to_have_attribute("data-state", "queued")
    await expect(hero.locator("button:focus")).to_have_count(1)


# The row has gone


async def test_the_next_row_then_the_one_before_then_the_heading(page: Page, site: Site, schedules: Schedules) -> None:
    await go_live(page, site.url("/schedules"))
    for name, then in (("backup", "clean-up"), ("newsletter", "clean-up")):
        await strike(page, button(page, f"Delete {name}"))
        await expect(page.locator("#ask-what")).to_contain_text(name)
        await expect(page.locator("#ask [data-no]")).to_be_focused()
        await answer(page, "Tab", "Enter")
        await expect(page.get_by_role("link", name=then)).to_be_focused()
    await strike(page, button(page, "Delete clean-up"))
    await answer(page, "Enter")  # on No
    await expect(button(page, "Delete clean-up")).to_be_focused()
    await press_again(page, "Enter")
    await answer(page, "Tab", "Enter")
    await expect(page.locator("main .empty")).to_be_visible()
    await expect(page.locator("main :is(h1, h2):focus")).to_have_count(1)


async def test_a_deleted_job_gives_the_focus_to_the_next_and_undo_leaves_it_there(page: Page, site: Site) -> None:
    first, second, third = (await failed(site.commands, 3, queue="nobody"))[::-1]
    await go_live(page, site.url())
    await strike(page, button(page.locator(f"#job-{second}"), "Delete"))
    await expect(page.locator(f"#job-{second}")).to_have_count(0)
    link = page.locator(f"#job-{third} .fn a")
    await expect(link).to_be_focused()
    await strike(page, button(page.locator("#toasts"), "Undo"))
    await expect(page.locator("#toasts")).to_contain_text("1 job is as it was")
    await expect(link).to_be_focused()
    await strike(page, button(page.locator("#toasts"), "Dismiss").last)
    await expect(link).to_be_focused()
    await strike(page, button(page.locator(f"#job-{third}"), "Delete"))
    await expect(page.locator(".job :focus")).to_have_count(1)
    assert first != third


async def test_the_bar_of_a_selection_goes_and_the_list_has_the_focus(page: Page, site: Site) -> None:
    await failed(site.commands, 3, queue="nobody")
    await go_live(page, site.url())
    await page.keyboard.press("j")
    await page.keyboard.press("x")
    await strike(page, page.locator("#bulk button[value=retry]"))
    await expect(page.locator("#bulk")).to_be_hidden()
    await expect(page.get_by_role("heading", name="Job list")).to_be_focused()


async def test_a_group_of_failures_is_retried_and_the_focus_is_not_lost(page: Page, site: Site) -> None:
    site.stage.is_broken = True
    await site.in_state(await site.submit("chunked"), State.FAILED)
    site.stage.is_broken = False
    await go_live(page, site.url("/failures"))
    await strike(page, button(page, "Retry 1 job"))
    await answer(page, "Escape")
    await expect(button(page, "Retry 1 job")).to_be_focused()
    await press_again(page, "Enter")
    await answer(page, "Enter")
    await expect(page.locator("#failures")).to_contain_text("Nothing has failed")
    await expect(page.locator("main:focus, main :focus")).to_have_count(1)


# Somebody else takes it away


async def test_what_somebody_else_deletes_gives_the_focus_to_the_next_row(page: Page, site: Site) -> None:
    third, second, first = await failed(site.commands, 3, queue="nobody")
    await go_live(page, site.url())
    await button(page.locator(f"#job-{second}"), "Retry").focus()
    await site.commands.discard(second)
    await expect(page.locator(f"#job-{second}")).to_have_count(0)
    await expect(page.locator(f"#job-{third} .fn a")).to_be_focused()
    assert first


async def test_what_goes_while_its_question_is_open_gives_the_focus_on_when_that_is_closed(
    page: Page, site: Site
) -> None:
    [old] = await failed(site.commands, 1, queue="nobody")
    job_id = await site.submit("stay")
    await site.in_state(job_id, State.RUNNING)
    await go_live(page, site.url())
    await strike(page, button(page.locator(f"#job-{job_id}"), "Abort"))
    await expect(page.locator("#ask")).to_be_visible()
    await site.commands.abort(job_id)
    await site.in_state(job_id, State.ABORTED)
    await site.commands.discard(job_id)
    await expect(page.locator(f"#job-{job_id}")).to_have_count(0)
    await expect(page.locator("#ask [data-no]")).to_be_focused()
    await answer(page, "Escape")
    await expect(page.locator(f"#job-{old} .fn a")).to_be_focused()


async def test_who_clicked_on_nothing_is_not_sent_back_by_a_push(page: Page, site: Site) -> None:
    [job_id] = await failed(site.commands, 1, queue="nobody")
    await go_live(page, site.url())
    await page.locator(f"#job-{job_id} .fn a").focus()
    await page.locator("h1").click()
    await site.commands.discard(job_id)
    await expect(page.locator(f"#job-{job_id}")).to_have_count(0)
    assert await page.evaluate("document.activeElement.id") == "page"  # where the click went


# Counting, bulk jobs, workflows


async def test_the_count_of_keys_is_started_by_a_button_that_keeps_the_focus(page: Page, site: Site) -> None:
    await go_live(page, site.url("/system"))
    await strike(page, button(page, "Count now"))
    await expect(page.locator("#keycount table")).to_be_visible()
    await expect(button(page, "Count now")).to_be_focused()


async def test_a_stopped_bulk_job_leaves_the_focus_on_the_page(page: Page, site: Site) -> None:
    await failed(site.commands, 3, queue="nobody")
    await site.commands.pause("function", BULK)
    bulk = Bulk(Wish(Action.RETRY), Query(state=State.FAILED), until=await site.reader.now_ms(), total=3)
    await site.commands.submit(bulk.submission("arq:queue"))
    await go_live(page, site.url())
    await strike(page, button(page.locator("#bulks"), "Stop"))
    await answer(page, "Escape")
    await expect(button(page.locator("#bulks"), "Stop")).to_be_focused()
    await press_again(page, "Enter")
    await answer(page, "Tab", "Enter")
    await expect(page.locator("#bulks")).to_be_hidden()
    await expect(page.locator("main:focus, main :focus")).to_have_count(1)
