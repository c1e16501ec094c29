"""Pages that were away, behind another tab or in the back-forward cache: in Chromium itself, Playwright fakes both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from waiting import eventually

from arqboard.protocol import State
from arqboard_dashboard.appkeys import HUB

from .cdp import Chromium, Tab, chromium
from .conftest import ARGUMENTS, Site, chromium_path

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIVE = "document.querySelector('[data-live-state]')?.dataset.liveState === 'live'"


@pytest_asyncio.fixture(loop_scope="session")
async def real(tmp_path: Path) -> AsyncIterator[Chromium]:
    path = chromium_path()
    if path is None:
        pytest.skip("no Chromium that can be started without Playwright")
    async with chromium(path, ARGUMENTS, tmp_path / "profile") as browser:
        yield browser


async def running(site: Site) -> str:
    job_id = await site.submit("stepwise", total=1000)
    await site.in_state(job_id, State.RUNNING)
    return job_id


def bar(job_id: str) -> str:
    return f"document.querySelector('#job-{job_id} progress, #hero-{job_id} progress')?.value"


async def step(site: Site, done: int) -> None:
    site.stage.steps.put_nowait(done)
    await eventually(site.stage.steps.empty)


async def hide(real: Chromium, tab: Tab) -> None:
    await (await real.open("about:blank")).bring_to_front()
    await tab.until("document.hidden")


async def test_a_hidden_tab_goes_quiet_and_comes_back_with_what_is_true(real: Chromium, site: Site) -> None:
    job_id = await running(site)
    tab = await real.open(site.url())
    await tab.until(LIVE)
    await hide(real, tab)
    hub = site.server.app[HUB]
    for done in range(1, 10):
        await step(site, done)
    [mailbox] = hub._mailboxes()
    await eventually(lambda: not mailbox.ready())  # its window is full: nothing more is sent
    sent = hub.fragments_sent
    for done in range(10, 60):
        await step(site, done)
    await eventually(lambda: f"prog:{job_id}" in mailbox.dirty or f"row:{job_id}" in mailbox.dirty)
    assert hub.fragments_sent == sent
    await tab.bring_to_front()
    await tab.until(f"{bar(job_id)} === 59")


async def test_a_hidden_tab_in_which_a_bell_was_rung_is_told_when_the_job_ends(real: Chromium, site: Site) -> None:
    job_id = await running(site)
    tab = await real.open(site.url(f"/jobs/{job_id}"))
    await tab.until(LIVE)
    await tab.value(
        "window.__notes = []; window.Notification = class { constructor(title) { __notes.push(title); } };"
        "Notification.permission = 'granted'; document.querySelector('[data-bell]').click()"
    )
    await tab.until("document.querySelector('[data-bell]').getAttribute('aria-pressed') === 'true'")
    await hide(real, tab)
    for done in range(1, 30):
        await step(site, done)
    await site.commands.abort(job_id)
    assert await tab.until("window.__notes[0]") == "stepwise: Aborted"
    assert await tab.value("document.hidden") is True


async def test_back_from_the_cache_is_live_and_shows_what_was_missed(real: Chromium, site: Site) -> None:
    job_id = await running(site)
    tab = await real.open(site.url())
    await tab.until(LIVE)
    await tab.value(
        "window.__mark = 1; addEventListener('pageshow', event => { window.__persisted = event.persisted; })"
    )
    await tab.value("location.href = '/preferences'")
    await tab.until("location.pathname === '/preferences' && document.readyState === 'complete'")
    await step(site, 70)
    await tab.value("history.back()")
    await tab.until(f"location.pathname === '/jobs' && {LIVE}")
    if not await tab.value("window.__persisted"):
        pytest.fail("the page was not kept in the back-forward cache")
    assert await tab.value("window.__mark") == 1
    await tab.until(f"{bar(job_id)} === 70")
    await step(site, 80)
    await tab.until(f"{bar(job_id)} === 80")
