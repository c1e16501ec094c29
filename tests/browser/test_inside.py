"""What a job's page shows of its inside while it happens: log, phases, artefacts; and a pause between two chunks."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from arqboard.protocol import ArqKeys, State
from arqboard.submitting import find_function, submit

from .conftest import Site, go_live

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("says_yes")]


async def test_the_log_grows_while_the_job_runs_and_a_pause_holds_it(page: Page, site: Site) -> None:
    job_id = await site.submit("open_chunks")
    await go_live(page, site.url(f"/jobs/{job_id}"))
    hero, log = page.locator("[data-live^='hero:']"), page.locator(".log-card")
    await expect(hero).to_contain_text("of 6 chunks")
    await expect(log).to_be_hidden()
    for number in (1, 2):
        site.stage.steps.put_nowait(number)
        await expect(log).to_contain_text(f"row {number} <b>is in</b>")

    await page.get_by_role("button", name="Pause", exact=True).click()
    await expect(page.get_by_role("button", name="Resume")).to_be_visible()
    site.stage.steps.put_nowait(3)
    await expect(hero).to_contain_text("Paused before the next chunk")
    await expect(hero).to_contain_text("3 of 6 chunks")  # the one that ran came to its end
    for number in (4, 5, 6):
        site.stage.steps.put_nowait(number)
    await page.get_by_role("button", name="Resume").click()
    await expect(hero).to_have_attribute("data-state", "succeeded")
    await expect(log.locator("li")).to_have_count(6)


async def test_phases_move_and_an_artefact_is_downloaded(page: Page, site: Site) -> None:
    job_id = await site.submit("report")
    await go_live(page, site.url(f"/jobs/{job_id}"))
    hero, steps = page.locator("[data-live^='hero:']"), page.get_by_role("list", name="Steps")
    await expect(hero).to_contain_text("step 1 of 2")
    for done in (1, 3):
        site.stage.steps.put_nowait(done)
        await expect(steps.locator("[aria-current]")).to_contain_text(f"{done} / 4 pages")
    site.stage.steps.put_nowait(4)
    await expect(hero).to_contain_text("step 2 of 2")
    await expect(page.locator(".log .lv-warning")).to_contain_text("the font is missing")
    link = page.get_by_role("link", name="report.txt")
    async with page.expect_download() as started:
        await link.click()
    download = await started.value
    assert download.suggested_filename == "report.txt"
    assert (await download.path()).read_bytes() == b"hello"
    site.stage.steps.put_nowait(0)
    await site.in_state(job_id, State.SUCCEEDED)
    await expect(steps.locator(".st-succeeded")).to_have_count(2)


async def test_the_log_of_a_job_made_anew_under_the_same_id_takes_the_place_of_the_old_one(
    page: Page, site: Site
) -> None:
    info = find_function(await site.reader.functions(), "open_chunks")
    await submit(site.commands, info, [], {"total": 3}, job_id="same")
    for number in range(3):
        site.stage.steps.put_nowait(number)
    await site.in_state("same", State.SUCCEEDED)
    await go_live(page, site.url("/jobs/same"))
    lines = page.locator("#log-lines > li")
    await expect(lines).to_have_count(3)

    await site.redis.delete(ArqKeys.result("same"))
    await submit(site.commands, info, [], {"total": 2}, job_id="same")
    site.stage.steps.put_nowait(0)

    await expect(lines).to_have_count(1)
    await expect(page.locator("[data-live='log:same']")).to_have_text("1 line")
    site.stage.steps.put_nowait(0)
    await expect(lines).to_have_count(2)
    await site.in_state("same", State.SUCCEEDED)
