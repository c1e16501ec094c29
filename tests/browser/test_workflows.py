"""Workflows in Chromium: they appear, their cards move; they are paused, retried, aborted, deleted, by keys too."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import flow_tasks
import pytest
import pytest_asyncio
from aiohttp.test_utils import TestServer
from fleet import Fleet, Server
from playwright.async_api import Browser, BrowserContext, Locator, Page, expect
from redis.exceptions import RedisError
from waiting import connect, eventually

from arqboard import Board, chord
from arqboard import connect as open_board
from arqboard.composing import begin
from arqboard.protocol import Outcome, Reader
from arqboard.protocol.workflows import FlowState, Workflows
from arqboard_dashboard.app import create_app
from arqboard_dashboard.settings import Settings

from .accessible import walking
from .conftest import Site, go_live

pytestmark = pytest.mark.asyncio(loop_scope="session")


def step(function: str, **kwargs: Any) -> dict[str, Any]:
    return {"function": function, "kwargs": kwargs, "fed": False}


#: Two steps that go as far as the test says, around six quick ones.
ALBUM = {"chain": [step("stepwise", total=10), {"group": [step("stepwise", total=1)] * 6}, step("typed", user_id=1)]}


async def submit(site: Site, spec: dict[str, Any], **options: Any) -> str:
    return (await begin(site.commands, await site.reader.functions(), spec, **options)).job_id


async def in_state(site: Site, workflow_id: str, state: FlowState) -> None:
    workflows = Workflows(site.redis)

    async def probe() -> bool:
        return (await workflows.get(workflow_id)).state is state

    await eventually(probe)


def card(page: Page, number: int) -> Locator:
    return page.locator(f".node[data-live$='/{number}']")


def line(page: Page, number: int) -> Locator:
    return page.locator(f".step[data-live$='/{number}']")


async def yes(page: Page, question: str) -> None:
    """Answer the question before an action."""
    dialog = page.locator("#ask")
    await expect(dialog).to_contain_text(question)
    await dialog.locator("[data-yes]").click()


def steps(site: Site, *done: int) -> None:
    for number in done:
        site.stage.steps.put_nowait(number)


async def test_a_workflow_appears_in_the_list_and_moves_to_its_end(page: Page, site: Site) -> None:
    await go_live(page, site.url("/workflows"))
    await expect(page.locator("main")).to_contain_text("No workflows yet")
    workflow_id = await submit(site, ALBUM, name="album")
    row = page.locator(f"[data-live='flow:{workflow_id}']")
    await expect(row).to_have_attribute("data-state", "running")
    await expect(page.locator("#nav-workflows")).to_have_text("1")

    second = await submit(site, step("typed", user_id=1), name="second")
    await expect(page.locator(f"[data-live='flow:{second}']")).to_have_attribute("data-state", "succeeded")
    await expect(page.locator("#flow-tabs")).to_contain_text("Succeeded1")

    steps(site, 10, *[1] * 6)
    await expect(row).to_have_attribute("data-state", "succeeded")
    await expect(row).to_contain_text("8 of 8 jobs")


async def test_its_cards_and_lines_move_while_one_looks(page: Page, site: Site) -> None:
    workflow_id = await submit(site, ALBUM, name="album")
    await go_live(page, site.url("/workflows"))
    await page.click("text=album")
    await expect(page.locator("h1")).to_have_text("album")
    await page.evaluate("window.__same_document = true")
    for done in (3, 7):
        steps(site, done)
        await expect(card(page, 0).locator("progress")).to_have_js_property("value", done)
        await expect(line(page, 0).locator("progress")).to_have_js_property("value", done)
    await expect(card(page, 2)).to_contain_text("after stepwise")

    steps(site, 10)
    await expect(card(page, 0)).to_have_attribute("data-state", "succeeded")
    await expect(card(page, 2)).to_have_attribute("data-state", "running")
    steps(site, 1, 1)
    await expect(card(page, 2)).to_contain_text("2 / 6")
    await expect(page.locator(".hero")).to_contain_text("3 of 8 jobs")
    steps(site, *[1] * 4)
    await expect(page.locator("[data-live^='flow-hero:']")).to_have_attribute("data-state", "succeeded")
    await expect(card(page, 8)).to_have_attribute("data-state", "succeeded")
    assert await page.evaluate("window.__same_document") is True

    await card(page, 8).click()
    await page.wait_for_url(re.compile(rf"/jobs/{workflow_id}\.8$"))
    await page.get_by_role("link", name=workflow_id, exact=True).first.click()
    await expect(page.locator("h1")).to_have_text("album")


async def test_a_paused_workflow_starts_nothing_until_it_is_resumed(page: Page, site: Site) -> None:
    workflow_id = await submit(site, ALBUM, name="album")
    await go_live(page, site.url(f"/workflows/{workflow_id}"))
    hero = page.locator("[data-live^='flow-hero:']")
    await page.click("button:has-text('Pause')")
    await expect(hero).to_have_attribute("data-state", "paused")
    steps(site, 10)
    await expect(card(page, 0)).to_have_attribute("data-state", "succeeded")
    await expect(card(page, 2)).to_have_attribute("data-state", "waiting")
    await expect(hero).to_contain_text("Nothing starts until it is resumed")

    await page.click("button:has-text('Resume')")
    await expect(card(page, 2)).to_have_attribute("data-state", "running")
    await expect(hero).to_have_attribute("data-state", "running")
    steps(site, *[1] * 6)
    await expect(hero).to_have_attribute("data-state", "succeeded")


async def test_a_failed_workflow_is_retried_and_comes_to_its_end(page: Page, site: Site) -> None:
    site.stage.is_broken = True
    workflow_id = await submit(site, {"chain": [step("chunked"), step("typed", user_id=1)]})
    await go_live(page, site.url(f"/workflows/{workflow_id}"))
    hero = page.locator("[data-live^='flow-hero:']")
    await expect(hero).to_have_attribute("data-state", "failed")
    await expect(card(page, 0)).to_have_attribute("data-state", "failed")
    await expect(card(page, 1)).to_contain_text("blocked by chunked")
    await expect(hero).to_contain_text("<b>row 7</b> is not a number")

    site.stage.is_broken = False
    await page.click("button:has-text('Retry failed (1)')")
    await expect(hero).to_have_attribute("data-state", "succeeded")


async def test_a_workflow_is_aborted_and_then_deleted_after_a_question(page: Page, site: Site) -> None:
    workflow_id = await submit(site, {"chain": [step("stay"), step("typed", user_id=1)]}, name="endless")
    await go_live(page, site.url(f"/workflows/{workflow_id}"))
    await expect(card(page, 0)).to_have_attribute("data-state", "running")
    await page.click("button:has-text('Abort workflow')")
    await yes(page, "endless")
    await expect(page.locator("[data-live^='flow-hero:']")).to_have_attribute("data-state", "aborted")
    await in_state(site, workflow_id, FlowState.ABORTED)
    await expect(card(page, 0)).to_have_attribute("data-state", "aborted")

    await page.click(".hero-block button:has-text('Delete')")
    await yes(page, "endless")
    await page.wait_for_url(re.compile("/workflows$"))
    await expect(page.locator("#toasts")).to_contain_text("deleted")
    assert await site.redis.exists(site.commands.keys.workflow(workflow_id)) == 0


async def test_two_browsers_see_what_the_other_does(context: BrowserContext, page: Page, site: Site) -> None:
    workflow_id = await submit(site, ALBUM)
    other = await context.new_page()
    for each in (page, other):
        await go_live(each, site.url(f"/workflows/{workflow_id}"))
    await page.click("button:has-text('Pause')")
    await expect(other.locator("[data-live^='flow-hero:']")).to_have_attribute("data-state", "paused")
    await site.commands.abort_workflow(workflow_id)
    await expect(page.locator("[data-live^='flow-hero:']")).to_have_attribute("data-state", "aborted")


async def test_many_members_are_opened_filtered_and_followed(page: Page, site: Site) -> None:
    spec = {"chain": [{"group": [step("stepwise", total=1)] * 60}, step("typed", user_id=1)]}
    workflow_id = await submit(site, spec, name="wide")
    await go_live(page, site.url(f"/workflows/{workflow_id}"))
    await card(page, 1).click()
    jobs = page.locator("#jobs")
    await expect(jobs).to_contain_text("1–50 of 60")
    await jobs.get_by_role("link", name="Done").wait_for(state="detached")
    steps(site, 1, 1, 1)
    await expect(jobs.locator(".step[data-state='succeeded']")).to_have_count(3)
    await jobs.get_by_role("link", name=re.compile("Done")).click()
    await expect(jobs.locator(".step")).to_have_count(3)
    steps(site, 1)
    await expect(jobs.locator(".step")).to_have_count(4)
    assert "only=done" in page.url
    await page.go_back()
    await expect(jobs).to_contain_text("1–50 of 60")


async def test_the_picture_is_zoomed_in_place_and_the_address_says_how_far(page: Page, site: Site) -> None:
    spec = {"chain": [step("stepwise", total=n + 1) for n in range(9)]}
    workflow_id = await submit(site, spec)
    await go_live(page, site.url(f"/workflows/{workflow_id}"))
    await expect(page.locator(".dag")).to_have_class(re.compile(r"\bz80\b"))
    await page.get_by_role("link", name="Fit the picture").click()
    wrap = page.locator(".dagwrap")
    assert await wrap.evaluate("el => el.scrollWidth <= el.clientWidth")
    await expect(page).to_have_url(re.compile("zoom=50"))
    await page.get_by_role("link", name="Zoom in").click()
    await expect(page.locator(".dag")).to_have_class(re.compile(r"\bz65\b"))
    steps(site, 1)  # a change does not undo it
    await expect(card(page, 0)).to_have_attribute("data-state", "succeeded")
    await expect(page.locator(".dag")).to_have_class(re.compile(r"\bz65\b"))
    await page.reload()
    await expect(page.locator(".dag")).to_have_class(re.compile(r"\bz65\b"))


async def test_no_line_crosses_a_card(page: Page, site: Site) -> None:
    """Cards are where dag.py thinks, and between its ends each line stays outside of all of them."""
    one = step("stay")
    deep = {"group": [{"chain": [one, {"group": [one] * 3}, one]}, one, {"chain": [one, one, {"group": [one] * 2}]}]}
    spec = {"chain": [one, deep, {"group": [one, {"chain": [one, one]}]}, {"group": [one] * 2}, one]}
    workflow_id = await submit(site, spec)
    await page.goto(site.url(f"/workflows/{workflow_id}?show=graph&zoom=100"))
    crossed = await page.evaluate(
        """() => {
          const dag = document.querySelector('.dag').getBoundingClientRect(), found = [];
          const boxes = [...document.querySelectorAll('.node')].map(el => [el.id, el.getBoundingClientRect()]);
          for (const path of document.querySelectorAll('path.e')) {
            const length = path.getTotalLength();
            for (let at = 0; at < length; at += 3) {
              const p = path.getPointAtLength(at), x = p.x + dag.left, y = p.y + dag.top;
              for (const [id, box] of boxes)
                if (x > box.left + 2 && x < box.right - 2 && y > box.top + 2 && y < box.bottom - 2)
                  found.push([id, at]);
            }
          }
          return found;
        }"""
    )
    assert crossed == []
    ends = await page.evaluate(
        "[...document.querySelectorAll('path.e')].map(p => p.getTotalLength()).some(n => n > 100)"
    )
    assert ends is True


async def test_everything_works_by_keys(page: Page, site: Site) -> None:
    workflow_id = await submit(site, ALBUM, name="album")
    await go_live(page, site.url("/workflows"))
    await page.get_by_role("link", name="album").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_have_text("album")
    await page.get_by_role("button", name="Pause", exact=True).focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-live^='flow-hero:']")).to_have_attribute("data-state", "paused")
    await card(page, 0).focus()
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile(rf"/jobs/{workflow_id}\.0$"))
    await page.keyboard.press("g")
    await page.keyboard.press("w")
    await page.wait_for_url(re.compile("/workflows$"))


async def test_everything_but_the_liveness_works_without_javascript(browser: Browser, site: Site) -> None:
    workflow_id = await submit(site, ALBUM, name="album")
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(site.url("/workflows"))
    await page.fill("[name=name]", "alb")
    await page.click("button:has-text('Search')")
    await expect(page).to_have_url(re.compile("name=alb"))
    await page.click(".wrow a:has-text('album')")
    await page.click("button:has-text('Pause')")
    await expect(page.locator("[data-live^='flow-hero:']")).to_have_attribute("data-state", "paused")
    await expect(page.locator("#toasts")).to_contain_text("Nothing more of the workflow starts")
    await page.get_by_role("link", name="Zoom out").click()
    await expect(page.locator(".dag")).to_have_class(re.compile(r"\bz90\b"))
    await page.get_by_role("link", name="List", exact=True).click()
    await expect(page.locator(".dag")).to_have_count(0)
    await page.click(".step a:has-text('stepwise') >> nth=1")
    await expect(page.locator("#jobs")).to_contain_text("All6")
    await page.click("button:has-text('Abort workflow')")
    await in_state(site, workflow_id, FlowState.ABORTED)
    await context.close()


async def test_every_page_in_every_state_is_accessible(browser: Browser, site: Site) -> None:
    async with walking(browser, site.url("/")) as walk:
        await walk.look("first run", "/workflows")
        for name, workflow_id in (await every_state(site)).items():
            await walk.look(name, f"/workflows/{workflow_id}")
            await walk.look(f"{name}, its jobs", f"/workflows/{workflow_id}?show=list&open=all")
        await walk.look("list", "/workflows")
        await walk.look("none found", "/workflows?name=zebra&state=running")
        await walk.look("unknown", "/workflows/none")


async def every_state(site: Site) -> dict[str, str]:
    """A workflow in each state, with a member in each state that a card has."""
    site.stage.is_broken = True
    wide = {"group": [step("typed", user_id=n) for n in range(6)]}
    flows = {
        "succeeded": await submit(site, {"chain": [wide, step("typed", user_id=1)]}, name="done"),
        "failed": await submit(site, {"chain": [wide, step("chunked"), step("typed", user_id=1)]}, name="failed"),
        "aborted": await submit(site, {"chain": [step("stay"), wide]}, name="aborted"),
        "running": await submit(site, {"chain": [{"group": [step("stay"), step("again"), wide]}, wide]}),
        "paused": await submit(site, {"chain": [step("stay"), wide]}, name="paused"),
        "unreadable": await submit(site, step("typed", user_id=1)),
        "too wide": await submit(site, {"group": [{"chain": [step("typed", user_id=1)] * n} for n in range(1, 16)]}),
    }
    for name in ("succeeded", "failed"):
        await in_state(site, flows[name], FlowState(name))
    await site.commands.abort_workflow(flows["aborted"])
    await site.commands.pause_workflow(flows["paused"])
    await site.redis.hset(site.commands.keys.workflow(flows["unreadable"]), "state", "lost")
    return flows


# Kills


@pytest_asyncio.fixture(loop_scope="session")
async def own_server(tmp_path: Path) -> AsyncIterator[Server]:
    folder = tmp_path / "valkey"
    folder.mkdir()
    server = Server(folder)
    await asyncio.to_thread(server.start)
    yield server
    await asyncio.to_thread(server.kill)


@pytest_asyncio.fixture(loop_scope="session")
async def fleet(own_server: Server, tmp_path: Path) -> AsyncIterator[Fleet]:
    fleet = Fleet(own_server, tmp_path, Path(flow_tasks.__file__))
    yield fleet
    await asyncio.to_thread(fleet.stop)


@pytest_asyncio.fixture(loop_scope="session")
async def board(own_server: Server) -> AsyncIterator[Board]:
    opened = await open_board(own_server.url)
    yield opened
    await opened.close()


async def test_kills_of_the_worker_and_a_restart_of_redis_leave_page_and_redis_agreed_and_the_callback_run_once(
    page: Page, own_server: Server, fleet: Fleet, board: Board
) -> None:
    server = TestServer(create_app(Settings.read(redis_url=own_server.url)), host="127.0.0.1")
    await server.start_server()
    first = fleet.start()
    handle = await chord((flow_tasks.member.s(n) for n in range(300)), flow_tasks.callback.s()).submit(name="kill me")
    await go_live(page, str(server.make_url(f"/workflows/{handle.id}")))
    hero = page.locator("[data-live^='flow-hero:']")
    await eventually(lambda: len(fleet.history("member")) > 30)
    first.kill()
    second = fleet.start()
    await eventually(lambda: len(fleet.history("member")) > 100)
    await asyncio.to_thread(own_server.kill)
    await expect(page.locator("[data-live-state]")).to_have_attribute("data-live-state", "stale")
    second.kill()
    await asyncio.to_thread(own_server.start)
    fleet.start()

    async def has_ended() -> bool:
        try:
            return (await handle.info()).state is FlowState.SUCCEEDED
        except (RedisError, OSError):
            return False

    await eventually(has_ended, within=60)
    await expect(hero).to_have_attribute("data-state", "succeeded")
    await expect(hero).to_contain_text("301 of 301 jobs")
    await expect(card(page, 1)).to_contain_text("300 / 300")
    await expect(card(page, 301)).to_have_attribute("data-state", "succeeded")
    assert await handle.result() == list(range(300))

    client: Any = connect(own_server.url)
    reader = Reader(client)
    attempts = await reader.attempts(await reader.get(f"{handle.id}.301"))
    assert [attempt.outcome for attempt in attempts].count(Outcome.SUCCEEDED) == 1
    assert len(fleet.history("callback")) == 1
    await client.aclose()
    await server.close()
