"""What is around every page, in real Chromium: the palette, keys, the pill, times, titles, languages, small screens."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Route, expect
from waiting import eventually

from arqboard.protocol import State

from .conftest import Site, go_live
from .test_accessibility import violations

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: Notifications as a page sees them; the real ones would be shown by a desktop that is not there.
NOTIFICATIONS = """(() => {
    window.__notes = [];
    const Fake = class { constructor(title, more) { window.__notes.push([title, more.body]); } close() {} };
    Fake.permission = PERMISSION;
    Fake.requestPermission = async () => (Fake.permission = ANSWER);
    window.Notification = Fake;
})()"""


async def running(site: Site, total: int = 100) -> str:
    job_id = await site.submit("stepwise", total=total)
    await site.in_state(job_id, State.RUNNING)
    return job_id


async def step(page: Page, site: Site, job_id: str, done: int) -> None:
    site.stage.steps.put_nowait(done)
    await expect(page.locator(f"#job-{job_id} progress")).to_have_js_property("value", done)


@pytest_asyncio.fixture(loop_scope="session")
async def abroad(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A Russian browser in Berlin."""
    opened = await browser.new_context(
        viewport={"width": 1440, "height": 900}, locale="ru-RU", timezone_id="Europe/Berlin", reduced_motion="reduce"
    )
    yield opened
    await opened.close()


# The palette


@dataclass
class Held:
    """Answers that come when they are let go."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)


async def holding(page: Page, what: str) -> Held:
    held = Held()

    async def hold(route: Route) -> None:
        held.asked.set()
        await held.go.wait()
        await route.continue_()

    await page.route(re.compile(rf"{what}$"), hold)
    return held


async def test_the_palette_goes_everywhere_by_the_keyboard_alone(page: Page, site: Site) -> None:
    await go_live(page, site.url())
    await page.keyboard.press("Control+k")
    field = page.get_by_role("combobox")
    await expect(field).to_be_focused()
    await page.keyboard.type("typ")
    chosen = page.locator("#palette [aria-selected=true]")
    await expect(chosen).to_have_attribute("href", re.compile(r"fn=typed"))
    assert await field.get_attribute("aria-activedescendant") == await chosen.get_attribute("id")
    await page.keyboard.press("ArrowDown")
    await expect(chosen).to_have_attribute("href", re.compile(r"function=typed"))
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile(r"/jobs/new\?fn=typed"))


async def test_enter_waits_for_the_answer_to_what_was_typed(page: Page, site: Site) -> None:
    await go_live(page, site.url())
    held = await holding(page, "q=typ")
    await page.keyboard.press("Control+k")
    await expect(page.locator("#palette [role=option]").first).to_be_visible()
    await page.keyboard.type("typ")
    await held.asked.wait()
    await page.keyboard.press("Enter")
    await expect(page.locator("#palette")).to_be_visible()
    held.go.set()
    await page.wait_for_url(re.compile(r"/jobs/new\?fn=typed"))


async def test_a_late_answer_leaves_what_was_chosen(page: Page, site: Site) -> None:
    await go_live(page, site.url())
    held = await holding(page, "q=typ")
    await page.keyboard.press("Control+k")
    await page.keyboard.type("ty")
    options = page.locator("#palette [role=option]")
    await expect(options.first).to_have_attribute("href", re.compile("fn=typed"))
    await page.keyboard.type("p")
    await held.asked.wait()
    await page.keyboard.press("ArrowDown")
    before = await options.first.element_handle()
    held.go.set()
    await eventually(lambda: page.evaluate("option => !option.isConnected", before))
    await expect(page.locator("#palette [aria-selected=true]")).to_have_attribute("href", re.compile("function=typed"))


async def test_a_job_is_opened_by_its_id_and_offered_again_later(page: Page, site: Site) -> None:
    job_id = await site.submit("typed", user_id=1)
    await go_live(page, site.url())
    await page.keyboard.press("Control+k")
    await page.keyboard.type(job_id)
    await expect(page.locator("#palette [aria-selected=true]")).to_contain_text(job_id)
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile(job_id))
    await page.keyboard.press("Control+k")
    await expect(page.locator("#palette [role=group]").first).to_contain_text("Recent")
    await expect(page.locator("#palette [role=option]").first).to_contain_text(job_id)


async def test_the_palette_gives_the_focus_back_and_says_when_nothing_is_found(page: Page, site: Site) -> None:
    await go_live(page, site.url("/jobs/new"))
    new = page.locator(".top [data-new]")
    await new.focus()
    await page.keyboard.press("Control+k")
    await page.keyboard.type("zzzz")
    await expect(page.locator("#palette [data-none]")).to_contain_text("“zzzz”")
    await page.keyboard.press("Escape")
    await expect(page.locator("#palette")).to_be_hidden()
    await expect(new).to_be_focused()


async def test_hostile_names_are_text_in_the_palette(page: Page, site: Site) -> None:
    await go_live(page, site.url())
    await page.evaluate(
        "localStorage.setItem('arqboard-recent',"
        " JSON.stringify([{text: '<img src=x onerror=window.__pwned=1>', hint: '', href: '/jobs'}]))"
    )
    await page.keyboard.press("Control+k")
    await expect(page.locator("#palette [role=option]").first).to_contain_text("<img")
    assert await page.evaluate("window.__pwned") is None


# Keys


async def test_rows_are_walked_opened_and_acted_on_by_keys(page: Page, site: Site) -> None:
    first = await running(site)
    second = await running(site)
    await go_live(page, site.url())
    await page.keyboard.press("j")
    await expect(page.locator(f"#job-{second} .fn a")).to_be_focused()
    await page.keyboard.press("j")
    await expect(page.locator(f"#job-{first} .fn a")).to_be_focused()
    await page.keyboard.press("k")
    await page.evaluate(
        "addEventListener('arqboard:select', event => { window.__selected = event.target.dataset.live; })"
    )
    await page.keyboard.press("x")
    assert await page.evaluate("window.__selected") == f"row:{second}"
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile(second))
    await page.keyboard.press("g")
    await page.keyboard.press("j")
    await page.wait_for_url(re.compile(r"/jobs$"))


async def test_keys_are_listed_and_do_nothing_while_one_types(page: Page, site: Site) -> None:
    await go_live(page, site.url())
    await page.keyboard.press("?")
    sheet = page.locator("#keys")
    await expect(sheet).to_be_visible()
    assert await violations(page) == []
    await page.keyboard.press("n")  # a dialog is open
    await page.keyboard.press("Escape")
    await expect(sheet).to_be_hidden()
    await page.keyboard.press("/")
    await page.keyboard.type("np?")
    await expect(page.locator("input[type=search]:focus")).to_have_value("np?")
    assert page.url.endswith("/jobs")


async def test_keys_can_be_switched_off(page: Page, site: Site) -> None:
    await page.goto(site.url("/preferences"))
    await page.select_option("#p-keys", "off")
    await page.click("main button.primary")
    await expect(page.locator("#toasts")).to_contain_text("kept in this browser")
    await page.keyboard.press("?")
    await page.keyboard.press("n")
    await page.keyboard.press("Control+k")  # this is no single key
    await expect(page.locator("#palette")).to_be_visible()
    await expect(page.locator("#keys")).to_be_hidden()
    assert page.url.endswith("/preferences")


# Live, paused, late


async def test_while_paused_nothing_moves_and_going_on_shows_what_is_true(page: Page, site: Site) -> None:
    job_id = await running(site)
    await go_live(page, site.url())
    await step(page, site, job_id, 10)
    await page.keyboard.press("p")
    pill = page.locator("[data-live-state]")
    await expect(pill).to_have_attribute("data-held", "")
    for done in (20, 30, 40):
        site.stage.steps.put_nowait(done)
    await eventually(site.stage.steps.empty)
    await expect(pill).to_contain_text(re.compile(r"\d+ changes? held"))
    await expect(page.locator(f"#job-{job_id} progress")).to_have_js_property("value", 10)
    assert await page.locator("[data-pause]").get_attribute("aria-pressed") == "true"
    await page.click("[data-pause]")
    await expect(page.locator(f"#job-{job_id} progress")).to_have_js_property("value", 40)
    await step(page, site, job_id, 50)


async def test_jobs_that_came_or_went_while_paused_are_there_or_gone_afterwards(page: Page, site: Site) -> None:
    gone = await site.submit("typed", user_id=1)
    await site.in_state(gone, State.SUCCEEDED)
    await go_live(page, site.url())
    await expect(page.locator(f"#job-{gone}")).to_be_visible()
    await page.click("[data-pause]")
    await expect(page.locator("[data-live-state]")).to_have_attribute("data-held", "")
    await site.commands.discard(gone)
    new = await site.submit("typed", user_id=2)
    await expect(page.locator("[data-live-state]")).to_contain_text("held")
    await expect(page.locator(f"#job-{gone}")).to_be_visible()
    await page.mouse.move(0, 0)
    await page.keyboard.press("p")
    await expect(page.locator(f"#job-{gone}")).to_have_count(0)
    await expect(page.locator(f"#job-{new}")).to_have_count(1)


async def test_the_pill_says_how_much_comes_in_and_how_old_the_page_is(page: Page, site: Site) -> None:
    job_id = await running(site)
    await go_live(page, site.url())
    pill = page.locator("[data-live-state]")
    for done in range(1, 16):
        await step(page, site, job_id, done)
    await expect(pill).to_contain_text(re.compile(r"Live · \d+/s"))
    await site.server.close()
    await expect(pill).to_contain_text(re.compile(r"Reconnecting… data from \d+ s ago"))
    assert await page.evaluate("document.documentElement.hasAttribute('data-stale')") is False
    await page.evaluate("arqboard.pill.set('reconnecting', Date.now() - 61000)")
    await expect(page.locator("html")).to_have_attribute("data-stale", "")
    line = await page.locator(".kpi .v").first.evaluate("el => getComputedStyle(el).textDecorationStyle")
    assert line == "dotted"


async def test_a_socket_that_says_nothing_is_opened_anew(page: Page, site: Site) -> None:
    """As after a sleep: the line looks open, and nobody is at its other end."""
    job_id = await running(site)
    dead = False

    async def forward(ws: Any) -> None:
        server = ws.connect_to_server()
        ws.on_message(lambda message: None if dead else server.send(message))
        server.on_message(lambda message: None if dead else ws.send(message))

    await page.route_web_socket(re.compile(r"/ws$"), forward)
    await page.clock.install()
    await go_live(page, site.url())
    await step(page, site, job_id, 5)
    dead = True
    site.stage.steps.put_nowait(33)
    await eventually(site.stage.steps.empty)
    await page.clock.run_for(5_000)
    await expect(page.locator(f"#job-{job_id} progress")).to_have_js_property("value", 5)
    dead = False
    await page.clock.fast_forward(45_000)
    await expect(page.locator(f"#job-{job_id} progress")).to_have_js_property("value", 33)


# Titles and notifications


async def test_the_title_and_the_icon_say_what_runs_and_what_failed(page: Page, site: Site) -> None:
    site.stage.is_broken = True
    await site.in_state(await site.submit("chunked"), State.FAILED)
    await go_live(page, site.url())
    await expect(page).to_have_title("(1 failed) Jobs · arqboard")
    job_id = await running(site)
    await expect(page).to_have_title("(1 running, 1 failed) Jobs · arqboard")
    await expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile("favicon-running-failed.svg"))
    icon = await page.request.get(site.url(await page.locator("link[rel=icon]").get_attribute("href") or ""))
    assert icon.ok
    await site.commands.abort(job_id)
    await expect(page).to_have_title("(1 failed) Jobs · arqboard")


async def test_who_rings_the_bell_is_told_when_the_job_ends(page: Page, site: Site) -> None:
    await page.add_init_script(NOTIFICATIONS.replace("PERMISSION", "'default'").replace("ANSWER", "'granted'"))
    job_id = await running(site)
    await go_live(page, site.url(f"/jobs/{job_id}"))
    bell = page.locator("[data-bell]")
    await bell.click()
    await expect(bell).to_have_attribute("aria-pressed", "true")
    await page.reload()  # it is remembered
    await expect(bell).to_have_attribute("aria-pressed", "true")
    await expect(page.locator("[data-live-state]")).to_have_attribute("data-live-state", "live")
    await page.evaluate("void Object.defineProperty(Notification, 'permission', {value: 'granted'})")
    await site.commands.abort(job_id)
    await expect(bell).to_be_hidden()
    assert await eventually(lambda: page.evaluate("window.__notes")) == [["stepwise: Aborted", job_id]]


async def test_a_refused_bell_says_so(page: Page, site: Site) -> None:
    await page.add_init_script(NOTIFICATIONS.replace("PERMISSION", "'default'").replace("ANSWER", "'denied'"))
    job_id = await running(site)
    await go_live(page, site.url(f"/jobs/{job_id}"))
    await page.locator("[data-bell]").click()
    await expect(page.locator("[data-bell-denied]")).to_contain_text("refuses notifications")
    await expect(page.locator("[data-bell]")).to_have_attribute("aria-pressed", "false")


# Times and languages


async def test_times_are_in_the_readers_zone_and_say_so(abroad: BrowserContext, site: Site) -> None:
    page = await abroad.new_page()
    job_id = await running(site)
    await go_live(page, site.url())
    time = page.locator(f"#job-{job_id} .c-t time").first
    utc = await time.get_attribute("datetime")
    berlin = await page.evaluate(
        "at => new Intl.DateTimeFormat('ru', {timeZone: 'Europe/Berlin', timeStyle: 'medium'}).format(new Date(at))",
        utc,
    )
    await expect(time).to_have_text(berlin)
    assert re.search(r"GMT\+0?[12]", await time.get_attribute("title") or "")
    await step(page, site, job_id, 5)
    await site.commands.abort(job_id)  # the row is rendered anew, in UTC
    await expect(page.locator(f"#job-{job_id}")).to_have_attribute("data-state", "aborted")
    await expect(time).to_have_text(berlin)


async def test_a_chosen_zone_is_kept(page: Page, site: Site) -> None:
    job_id = await running(site)
    await page.goto(site.url("/preferences"))
    await page.select_option("#p-zone", "Asia/Kolkata")
    await page.click("main button.primary")
    await expect(page.locator("main [data-zone]")).to_have_attribute("title", "Asia/Kolkata")
    await go_live(page, site.url(f"/jobs/{job_id}"))
    times = page.locator("[data-live^='attempts:'] time")
    assert "GMT+05:30" in (await times.first.get_attribute("title") or "")


async def test_a_russian_page_stays_russian_while_it_lives(abroad: BrowserContext, page: Page, site: Site) -> None:
    job_id = await running(site)
    russian = await abroad.new_page()
    await go_live(russian, site.url())
    await go_live(page, site.url())
    await expect(russian.locator("html")).to_have_attribute("lang", "ru")
    await expect(russian.locator(f"#job-{job_id} .badge")).to_have_text("Идёт")
    await step(russian, site, job_id, 10)
    await step(page, site, job_id, 20)
    await site.commands.abort(job_id)
    await expect(russian.locator(f"#job-{job_id} .badge")).to_have_text("Прервано")
    await expect(page.locator(f"#job-{job_id} .badge")).to_have_text("Aborted")
    await expect(russian).to_have_title(re.compile("Задания"))


async def test_the_language_is_chosen_on_a_page_and_kept(page: Page, site: Site) -> None:
    await page.goto(site.url("/preferences"))
    await page.select_option("#p-language", "ru")
    await page.click("main button.primary")
    await expect(page.locator("h1")).to_have_text("Настройки")
    await page.select_option("#p-language", "")
    await page.click("main button.primary")
    await expect(page.locator("h1")).to_have_text("Preferences")


# Small screens, no scripts


async def test_on_a_phone_the_places_are_behind_a_button(browser: Browser, site: Site) -> None:
    context = await browser.new_context(viewport={"width": 390, "height": 844}, reduced_motion="reduce")
    page = await context.new_page()
    await go_live(page, site.url())
    panel = page.locator("#side-panel")
    await expect(panel).to_be_hidden()
    await page.click(".side-menu")
    await expect(panel).to_be_visible()
    assert await violations(page) == []
    await page.keyboard.press("Escape")
    await expect(panel).to_be_hidden()
    await page.click(".side-menu")
    await panel.get_by_role("link", name=re.compile("Failures")).click()
    await page.wait_for_url(re.compile("failures|state=failed"))
    await context.close()


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_every_page_fits_a_phone_in_every_language(browser: Browser, site: Site, language: str) -> None:
    site.stage.is_broken = True
    failed = await site.submit("chunked")
    await site.in_state(failed, State.FAILED)
    job_id = await running(site)
    context = await browser.new_context(
        viewport={"width": 390, "height": 844}, locale=language, reduced_motion="reduce", color_scheme="dark"
    )
    page = await context.new_page()
    places = [
        "/jobs",
        "/preferences",
        "/jobs/new?fn=typed",
        f"/jobs/{failed}",
        f"/jobs/{job_id}",
        "/jobs/nope",
        "/login",
    ]
    places += [href for href in await _places(page, site) if href not in places]
    wrong: dict[str, Any] = {}
    for path in places:
        await page.goto(site.url(path))
        await expect(page.locator("html")).to_have_attribute("lang", language)
        overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        found = await violations(page)
        if overflow > 0 or found:
            wrong[path] = (overflow, found)
    await context.close()
    assert wrong == {}


async def _places(page: Page, site: Site) -> list[str]:
    await page.goto(site.url("/jobs"))
    links: list[str] = await page.locator("#side-panel .nav").evaluate_all(
        "all => all.map(a => a.getAttribute('href'))"
    )
    return links


async def test_without_scripts_nothing_offers_what_needs_them(browser: Browser, site: Site) -> None:
    context = await browser.new_context(java_script_enabled=False, locale="ru")
    page = await context.new_page()
    await page.goto(site.url("/preferences"))
    assert await page.locator(".scripted:visible, [data-bell]:visible, dialog:visible").count() == 0
    await page.select_option("#p-theme", "dark")
    await page.click("main button.primary")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await page.fill(".top input[name=q]", "typed")
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile("typed"))
    await context.close()
