"""What a page promises while things change under it: it is right, it says when it isn't, and it leaves you alone."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect
from waiting import eventually

from arqboard.protocol import Job, State

from .conftest import Site, go_live

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("says_yes")]

SHOWN = """Object.fromEntries([...document.querySelectorAll('.job')].map(row => [
    row.dataset.live.slice(4), [row.dataset.state, +row.dataset.v, row.querySelector('progress')?.value ?? null]]))"""


async def shown(page: Page) -> dict[str, list[Any]]:
    """Each row as a person sees it: state, version, and the bar's value."""
    rows: dict[str, list[Any]] = await page.evaluate(SHOWN)
    return {job_id: row if row[0] == "running" else [*row[:2], None] for job_id, row in rows.items()}


async def stored(site: Site, job_ids: list[str]) -> dict[str, list[Any]]:
    """The same from Redis."""
    jobs = [job for job in await site.reader.many(job_ids) if isinstance(job, Job)]
    return {job.id: [job.state.value, job.version, _bar(job)] for job in jobs}


def _bar(job: Job) -> int | None:
    if job.state is not State.RUNNING or job.progress is None or not job.progress.total:
        return None
    return job.progress.done


async def equals_redis(page: Page, site: Site, job_ids: list[str]) -> None:
    async def probe() -> bool:
        return await shown(page) == await stored(site, job_ids)

    try:
        await eventually(probe)
    except AssertionError:
        assert await shown(page) == await stored(site, job_ids)


def cut_connections(site: Site) -> int:
    """As a network does: every connection to the dashboard ends without a goodbye."""
    server = site.server.runner.server if site.server.runner else None
    connections = list(server.connections) if server else []
    for connection in connections:
        if connection.transport:
            connection.transport.abort()
    return len(connections)


async def running_jobs(site: Site, n: int) -> list[str]:
    job_ids = [await site.submit("stepwise", total=100, label=str(i)) for i in range(n)]
    for job_id in job_ids:
        await site.in_state(job_id, State.RUNNING)
    return job_ids


# Right, whatever happens to the connection


async def test_after_a_drop_and_fifty_changes_the_page_equals_redis(page: Page, site: Site) -> None:
    job_ids = await running_jobs(site, 8)
    await go_live(page, site.url())
    await equals_redis(page, site, job_ids)

    assert cut_connections(site) >= 1
    for n in range(50):
        site.stage.steps.put_nowait(n + 1)
    await eventually(site.stage.steps.empty)
    await site.commands.abort(job_ids[0])
    await site.in_state(job_ids[0], State.ABORTED)
    await expect(page.locator("[data-live-state]")).to_have_attribute("data-live-state", "live")
    await equals_redis(page, site, job_ids)


async def test_a_job_deleted_while_the_page_was_offline_leaves_it(page: Page, site: Site) -> None:
    job_id = await site.submit("typed", user_id=1)
    await site.in_state(job_id, State.SUCCEEDED)
    await site.submit("typed", user_id=2)
    await go_live(page, site.url())
    await expect(page.locator(f"#job-{job_id}")).to_have_count(1)
    cut_connections(site)
    await site.commands.discard(job_id)
    await expect(page.locator(f"#job-{job_id}")).to_have_count(0)


async def test_a_change_between_the_page_and_its_socket_is_not_lost(page: Page, site: Site) -> None:
    [job_id] = await running_jobs(site, 1)

    async def change_meanwhile(route: Any) -> None:
        response = await route.fetch()
        site.stage.steps.put_nowait(50)
        await eventually(site.stage.steps.empty)
        await route.fulfill(response=response)

    await page.route(re.compile(r"/jobs$"), change_meanwhile)
    await go_live(page, site.url())
    await expect(page.locator(f"#job-{job_id} progress")).to_have_js_property("value", 50)


async def test_an_older_rendering_never_overwrites_a_newer_one(page: Page, site: Site) -> None:
    [job_id] = await running_jobs(site, 1)
    await go_live(page, site.url())
    cell = page.locator(f"#prog-{job_id}")
    await expect(cell).not_to_have_attribute("data-v", "0")  # 0 after a change of data: nothing is older than that
    old = await cell.evaluate("cell => cell.outerHTML")
    for done in (30, 60):
        site.stage.steps.put_nowait(done)
        await expect(page.locator(f"#job-{job_id} progress")).to_have_js_property("value", done)
    await page.evaluate(
        "html => htmx.swap({target: document.body, swap: 'none', text: html, select: null})",
        old.replace("<div ", '<div hx-swap-oob="outerMorph" ', 1),
    )
    await expect(page.locator(f"#job-{job_id} progress")).to_have_js_property("value", 60)


async def test_back_from_another_page_is_live_again(page: Page, site: Site) -> None:
    [job_id] = await running_jobs(site, 1)
    await go_live(page, site.url())
    await page.click("text=New job >> nth=0")
    await page.go_back()
    await expect(page.locator("[data-live-state]")).to_have_attribute("data-live-state", "live")
    site.stage.steps.put_nowait(42)
    await expect(page.locator(f"#job-{job_id} progress")).to_have_js_property("value", 42)


async def test_two_browsers_see_each_others_actions(browser: Browser, page: Page, site: Site) -> None:
    job_id = await site.submit("stay")
    await site.in_state(job_id, State.RUNNING)
    other = await browser.new_page()
    await go_live(other, site.url())
    await go_live(page, site.url(f"/jobs/{job_id}"))
    await page.click(".hero-block button:has-text('Abort')")
    await expect(other.locator(f"#job-{job_id}")).to_have_attribute("data-state", "aborted")
    await other.close()


# Honest about what it knows


async def test_the_pill_says_when_redis_is_away_and_when_it_is_back(page: Page, site: Site) -> None:
    [job_id] = await running_jobs(site, 1)
    await go_live(page, site.url())
    pill = page.locator("[data-live-state]")
    await site.redis.execute_command("CLIENT", "PAUSE", "4000", "ALL")
    await expect(pill).to_have_attribute("data-live-state", "stale")
    await expect(pill).to_contain_text("Redis away")
    await expect(pill).to_have_attribute("data-live-state", "live")
    site.stage.steps.put_nowait(77)
    await expect(page.locator(f"#job-{job_id} progress")).to_have_js_property("value", 77)


async def test_the_pill_says_when_the_dashboard_is_gone(page: Page, site: Site) -> None:
    await go_live(page, site.url())
    await site.server.close()
    await expect(page.locator("[data-live-state]")).to_have_attribute("data-live-state", "reconnecting")


async def test_a_job_whose_worker_says_nothing_is_shown_as_stalled(page: Page, site: Site) -> None:
    [job_id] = await running_jobs(site, 1)
    await go_live(page, site.url())
    await site.worker.leases.stop()  # what a frozen process looks like from outside
    await expect(page.locator(f"#job-{job_id}")).to_have_attribute("data-state", "stalled")


# It leaves you alone


async def test_focus_and_selection_survive_updates(page: Page, site: Site) -> None:
    [job_id] = await running_jobs(site, 1)
    await go_live(page, site.url())
    row = page.locator(f"#job-{job_id}")
    await row.get_by_role("button", name=re.compile("Abort")).focus()
    await page.evaluate(
        "id => { const range = document.createRange();"
        " range.selectNodeContents(document.querySelector(`#job-${id} .id`));"
        " getSelection().removeAllRanges(); getSelection().addRange(range);"
        " window.__button = document.activeElement; }",
        job_id,
    )
    for done in range(1, 21):
        site.stage.steps.put_nowait(done)
        await expect(row.locator("progress")).to_have_js_property("value", done)
    assert await page.evaluate("document.activeElement === window.__button") is True
    assert await page.evaluate("getSelection().toString()") == job_id


async def test_what_was_typed_and_opened_survives_updates_of_the_page(page: Page, site: Site) -> None:
    site.stage.is_broken = True
    job_id = await site.submit("chunked")
    await site.in_state(job_id, State.FAILED)
    await go_live(page, site.url(f"/jobs/{job_id}"))
    await page.fill("input[name=q]", "half typed")
    summary = page.locator("[data-live^='attempts:'] summary").first
    await summary.click()
    details = page.locator("[data-live^='attempts:'] details").first
    await expect(details).to_have_attribute("open", "")
    await page.focus("input[name=q]")
    await site.commands.retry(job_id)
    await expect(page.locator("[data-live^='attempts:']")).to_contain_text("Attempt 2 failed")
    await expect(details).to_have_attribute("open", "")
    assert await page.input_value("input[name=q]") == "half typed"
    assert await page.evaluate("document.activeElement.name") == "q"


async def test_new_jobs_wait_behind_a_button_while_the_pointer_is_on_the_list(page: Page, site: Site) -> None:
    first = await site.submit("typed", user_id=1)
    await site.in_state(first, State.SUCCEEDED)
    await go_live(page, site.url())
    await page.hover(f"#job-{first}")
    second = await site.submit("typed", user_id=2)
    offer = page.locator("[data-live-more]")
    await expect(offer).to_be_visible()
    await expect(page.locator(f"#job-{second}")).to_have_count(0)
    await offer.click()
    await expect(page.locator(f"#job-{second}")).to_have_count(1)


async def test_an_idle_page_gets_no_frames(page: Page, site: Site) -> None:
    job_id = await site.submit("typed", user_id=1)
    await site.in_state(job_id, State.SUCCEEDED)
    frames: list[str] = []
    page.on("websocket", lambda ws: ws.on("framereceived", lambda payload: frames.append(str(payload))))
    await go_live(page, site.url())
    other = await site.submit("typed", user_id=2)
    await expect(page.locator(f"#job-{other}")).to_have_count(1)
    await eventually(lambda: _quiet(frames))


async def _quiet(frames: list[str]) -> bool:
    """Whether three seconds pass without a frame; what is left from the last change may still come before."""
    before = len(frames)
    for _ in range(30):
        await asyncio.sleep(0.1)
        if len(frames) != before:
            return False
    return True


# Safe


async def test_a_strict_content_policy_is_never_violated(page: Page, site: Site) -> None:
    job_id = await site.submit("stepwise", total=5)
    await go_live(page, site.url())
    site.stage.steps.put_nowait(2)
    await expect(page.locator(f"#job-{job_id} progress")).to_have_js_property("value", 2)
    await page.click(".tabs a:has-text('Running')")
    await expect(page.locator(".tabs a[aria-current]")).to_contain_text("Running")
    violations = await page.evaluate("window.__violations")
    for path in (f"/jobs/{job_id}", "/jobs/new?fn=typed", "/jobs/nope"):
        await page.goto(site.url(path))
        violations += await page.evaluate("window.__violations")
    assert violations == []
    await page.evaluate("document.body.setAttribute('style', 'color: red')")
    await page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color:red\">x</p>')")
    assert await eventually(lambda: page.evaluate("window.__violations.length")) >= 1  # the check can fail


HOSTILE = [
    "<script>window.__pwned=1</script>",
    "<img src=x onerror=window.__pwned=1>",
    '"><div hx-get="/evil" hx-trigger="load">x</div>',
    "</span><b data-live='row:x' id='jobs'>",
    "{{ 7*7 }} ${7*7} \u202e \x1b[31m",
    "javascript:window.__pwned=1",
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_what_workers_and_users_write_is_only_ever_text(page: Page, site: Site, text: str) -> None:
    requests: list[str] = []
    page.on("request", lambda r: requests.append(r.url))
    job_id = await site.submit("stepwise", total=3, label=text)
    await site.in_state(job_id, State.RUNNING)
    await go_live(page, site.url())
    await site.redis.hset(site.commands.keys.job(job_id), mapping={"note": text, "unit": text, "phase": text})
    site.stage.steps.put_nowait(1)
    await expect(page.locator(f"#job-{job_id} progress")).to_have_js_property("value", 1)
    await page.goto(site.url(f"/jobs/{job_id}"))
    await expect(page.locator("main")).to_contain_text(text.split("\x1b")[0].strip()[:12])
    assert await page.evaluate("window.__pwned") is None
    assert not [url for url in requests if "evil" in url]
    assert await page.locator("[hx-get='/evil']").count() == 0
    assert page.complaints == []  # type: ignore[attr-defined] # pyright: ignore
