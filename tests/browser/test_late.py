"""Pages whose sockets come late or are cut: whatever happens meanwhile, they end as pages opened afterwards."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

import pytest
import pytest_asyncio
from floor_data import QUEUE, beat, definition, fall_silent
from playwright.async_api import BrowserContext, Page, Route, expect
from waiting import eventually

from arqboard.composing import begin
from arqboard.protocol import State
from arqboard.protocol.failures import By, Failures
from arqboard.protocol.schedule import Every
from arqboard.protocol.schedules import Schedules
from arqboard.protocol.workflows import FlowState, Workflows
from arqboard.submitting import find_function, submit
from arqboard_dashboard.appkeys import FEED
from arqboard_dashboard.feed import SETTLE_SECONDS

from .as_new import Lines, settle
from .conftest import Site, go_live

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: When it happens: before a page has said what it shows, or while its line is cut.
WHEN = pytest.mark.parametrize("when", ["before the hello", "while it is cut"])
STEP = {"function": "stepwise", "kwargs": {"total": 5}, "fed": False}
STAY = {"function": "stay", "kwargs": {}, "fed": False}


@pytest_asyncio.fixture(loop_scope="session")
async def lines(context: BrowserContext) -> Lines:
    found = Lines()
    await context.route_web_socket(re.compile(r"/ws$"), found.route)
    return found


async def open_without(lines: Lines, context: BrowserContext, when: str, urls: Sequence[str]) -> dict[str, Page]:
    """Pages that hear nothing until the lines are let go."""
    if when == "before the hello":
        lines.hold()
    pages = {url: await context.new_page() for url in urls}
    for url, page in pages.items():
        await page.goto(url)
    if when == "while it is cut":
        for page in pages.values():
            await expect(page.locator("[data-live-state]")).to_have_attribute("data-live-state", "live")
        lines.hold()
        await lines.cut()
    return pages


async def end_as_new(lines: Lines, pages: dict[str, Page]) -> None:
    lines.let_go()
    left, _ = await settle(pages, within=20)
    assert left == {}


@WHEN
async def test_jobs_come_start_end_fail_are_retried_and_deleted(
    context: BrowserContext, site: Site, lines: Lines, when: str
) -> None:
    site.stage.is_broken = True
    runs, ends, gone, again = [
        await site.submit(function)
        for function in ("stepwise", "stay", "chunked", "chunked")
    ]  # fmt: skip
    for job_id, state in ((runs, State.RUNNING), (ends, State.RUNNING), (gone, State.FAILED), (again, State.FAILED)):
        await site.in_state(job_id, state)
    info = find_function(await site.reader.functions(), "typed")
    late = (await submit(site.commands, info, [], {"user_id": 7}, defer_by=3600)).job_id
    [group] = (await Failures(site.redis, site.commands.keys).page(By.FINGERPRINT)).groups
    queries = (
        "", "?state=running", "?state=failed", "?sort=oldest", "?limit=3", "?q=error%3Avalueerror", "?function=typed",
    )  # fmt: skip
    urls = [site.url(f"/jobs{query}") for query in queries]
    urls += [site.url(f"/jobs/{job_id}") for job_id in (runs, ends, late)]
    urls += [site.url(path) for path in ("/failures", f"/failures/{group.name}", "/jobs/new?fn=typed")]
    pages = await open_without(lines, context, when, urls)

    for step in (3, 4, 5):
        site.stage.steps.put_nowait(step)
    await site.commands.abort(ends)
    await site.in_state(ends, State.ABORTED)
    await site.commands.discard(gone)
    site.stage.is_broken = False
    await site.commands.retry(again)
    await site.in_state(again, State.SUCCEEDED)
    await site.commands.reschedule(late, delay_ms=0)
    await site.in_state(late, State.SUCCEEDED)
    site.stage.is_broken = True
    await site.in_state(await site.submit("chunked"), State.FAILED)
    await site.submit("stay")

    await end_as_new(lines, pages)


@WHEN
async def test_the_last_of_a_list_goes(context: BrowserContext, site: Site, lines: Lines, when: str) -> None:
    site.stage.is_broken = True
    job_id = await site.submit("chunked")
    await site.in_state(job_id, State.FAILED)
    [group] = (await Failures(site.redis, site.commands.keys).page(By.FINGERPRINT)).groups
    paths = ("/jobs", "/jobs?state=failed", "/jobs?q=error%3Avalueerror", f"/failures/{group.name}", "/failures")
    pages = await open_without(lines, context, when, [site.url(path) for path in paths])
    await site.commands.discard(job_id)

    await end_as_new(lines, pages)


@WHEN
async def test_queues_workers_schedules_and_workflows_come_change_and_go(
    context: BrowserContext, site: Site, lines: Lines, when: str
) -> None:
    schedules, functions = Schedules(site.redis), await site.reader.functions()
    for name in ("kept", "removed"):
        await schedules.add(definition(name, Every(3600), "typed"))
    await beat(site.redis, site.commands, "m1")
    flow = (await begin(site.commands, functions, {"chain": [STEP, STAY]}, name="album")).job_id
    deleted = (await begin(site.commands, functions, STAY, name="over")).job_id
    await site.commands.abort_workflow(deleted)
    await eventually(lambda: has_ended(site, deleted))
    paths = (
        "/queues", "/queues/arq%3Aqueue", "/workers", f"/workers/{site.worker.id}", "/schedules", "/schedules/kept",
        "/schedules/removed", "/workflows", "/workflows?state=running", f"/workflows/{flow}?open=all",
    )  # fmt: skip
    pages = await open_without(lines, context, when, [site.url(path) for path in paths])
    gone = pages.pop(site.url("/schedules/removed"))  # opened now it would not be found

    site.stage.steps.put_nowait(5)
    await begin(site.commands, functions, STAY, name="second")
    await site.commands.forget_workflow(deleted)
    await schedules.run("kept")
    await schedules.pause("kept")
    await schedules.add(definition("added", Every(300), "typed"))
    await schedules.remove("removed")
    await beat(site.redis, site.commands, "m2", queue="mail")
    await fall_silent(site.redis, site.commands, "m1")
    await site.commands.drain(site.worker.id)
    await site.commands.pause("queue", QUEUE)

    await end_as_new(lines, pages)
    await expect(gone.locator("main")).to_contain_text("This schedule was deleted")


async def has_ended(site: Site, workflow_id: str) -> bool:
    return (await Workflows(site.redis).get(workflow_id)).state is FlowState.ABORTED


async def test_cut_while_it_is_paused_a_page_goes_on_with_what_is_true(page: Page, site: Site, lines: Lines) -> None:
    gone = await site.submit("typed", user_id=1)
    await site.in_state(gone, State.SUCCEEDED)
    await go_live(page, site.url())
    await page.click("[data-pause]")
    await page.mouse.move(0, 0)
    lines.hold()
    await lines.cut()
    await site.commands.discard(gone)
    await site.in_state(await site.submit("typed", user_id=2), State.SUCCEEDED)
    lines.let_go()
    await expect(page.locator("[data-live-state]")).to_contain_text("held")
    await expect(page.locator(f"#job-{gone}")).to_be_visible()
    await page.keyboard.press("p")

    await end_as_new(lines, {"/jobs": page})


async def test_an_answer_that_comes_late_does_not_hide_what_was_pushed_meanwhile(page: Page, site: Site) -> None:
    feed = site.server.app[FEED]

    def since_action() -> float:
        return time.monotonic() - feed._acted_at  # pyright: ignore[reportPrivateUsage]

    async def answer_late(route: Route) -> None:
        answer = await route.fetch()
        await site.commands.resume("queue", QUEUE)
        await eventually(lambda: since_action() > SETTLE_SECONDS)
        await route.fulfill(response=answer)

    await page.route(re.compile(r"/pause$"), answer_late)
    await go_live(page, site.url("/queues"))
    await page.evaluate("addEventListener('htmx:finally:request', () => { window.__answered = true })")
    await page.get_by_role("button", name=f"Pause {QUEUE}").click()
    await eventually(lambda: page.evaluate("window.__answered === true"))
    await expect(page.get_by_role("button", name=f"Pause {QUEUE}")).to_be_visible()


# What comes without a message, or not at all


async def test_the_first_page_of_all_sees_the_first_worker_come(page: Page, site: Site) -> None:
    await site.worker.leases.stop()
    await site.redis.delete(site.commands.keys.workers)
    await go_live(page, site.url())
    await expect(page.locator("main")).to_contain_text("Almost there: start a worker.")
    await beat(site.redis, site.commands, "m1")
    await expect(page.locator("main")).to_contain_text("Let's run the first one.")
    await site.submit("typed", user_id=1)
    await expect(page.locator("#jobs .job")).to_have_count(1)


async def test_tasks_that_are_published_while_one_wants_to_submit_are_there(page: Page, site: Site) -> None:
    functions = await site.redis.hgetall(site.commands.keys.functions)
    await site.worker.leases.stop()
    await site.redis.delete(site.commands.keys.workers, site.commands.keys.functions)
    await go_live(page, site.url("/jobs/new"))
    await expect(page.locator("main")).to_contain_text("No task is known yet")
    await site.redis.hset(site.commands.keys.functions, mapping=functions)
    await beat(site.redis, site.commands, "m1")
    await expect(page.get_by_role("link", name="stepwise")).to_be_visible()


async def test_jobs_of_a_workflow_whose_worker_is_silent_are_stalled(page: Page, site: Site) -> None:
    flow = (await begin(site.commands, await site.reader.functions(), STAY)).job_id
    await go_live(page, site.url(f"/workflows/{flow}?open=all"))
    await expect(page.locator("#jobs .step[data-state=running]")).to_have_count(1)
    await site.worker.leases.stop()
    await expect(page.locator("#jobs .step[data-state=stalled]")).to_have_count(1)


@pytest.mark.parametrize("path", ["/jobs", "/queues"])
async def test_a_list_that_could_not_be_fetched_stays_and_is_fetched_again(page: Page, site: Site, path: str) -> None:
    functions = await site.reader.functions()
    first = await site.submit("typed", user_id=1)
    await begin(site.commands, functions, STAY, name="first")
    await site.in_state(first, State.SUCCEEDED)
    refused: list[str] = []

    async def refuse_once(route: Route) -> None:
        if refused or "hx-request" not in route.request.headers:
            await route.continue_()
        else:
            refused.append(route.request.url)
            await route.fulfill(status=503, content_type="text/html", body="<title>503</title><main id=page></main>")

    await page.route(re.compile(rf"{path}$"), refuse_once)
    await go_live(page, site.url(path))
    rows = page.locator("#jobs .job, #queues-list .qrow:not(.jhead)")
    count = await rows.count()
    await page.evaluate("window.__list = document.querySelector('#jobs, #queues-list')")
    await submit(site.commands, find_function(functions, "typed"), [], {"user_id": 2}, queue="mail")
    await begin(site.commands, functions, STAY, name="second")
    await eventually(lambda: refused)
    await expect(rows).not_to_have_count(count)
    left, _ = await settle({path: page}, within=10)
    assert left == {}
    assert await page.evaluate("window.__list.isConnected") is True
