"""The bar of one job in the pages of another site: pushed, themed, over at its end, and nowhere it may not be."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from fleet import Server
from playwright.async_api import Browser, FrameLocator, Page, expect
from waiting import connect, eventually

from arqboard.protocol import State
from arqboard.protocol.commands import Commands, Submission
from arqboard.widget import iframe, link, script
from arqboard_dashboard.app import create_app
from arqboard_dashboard.settings import Settings

from .accessible import violations
from .conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

SECRET = "s" * 40
POLICY = "default-src 'none'; script-src {home} 'nonce-n'; frame-src {home}; base-uri 'none'"
LISTEN = """<script nonce="n">
window.told = [];
for (const kind of ['progress', 'done', 'expired', 'refused'])
  document.addEventListener(`arqboard:${kind}`, e => told.push([kind, e.detail.state ?? '', e.detail.percent ?? -1]));
document.addEventListener('securitypolicyviolation', e => told.push(['violation', e.violatedDirective, 0]));
</script>"""


class Shop:
    """Somebody's web application: one page on an origin of its own, with a policy as strict as it can be."""

    def __init__(self) -> None:
        app = web.Application()
        app.router.add_get("/", self.page)
        self.server = TestServer(app, host="127.0.0.1")
        self.body, self.home = "", ""

    async def page(self, request: web.Request) -> web.Response:
        text = f'<!doctype html><meta name="viewport" content="width=device-width">{LISTEN}<main>{self.body}</main>'
        headers = {"Content-Security-Policy": POLICY.format(home=self.home)}
        return web.Response(text=text, content_type="text/html", headers=headers)

    @property
    def origin(self) -> str:
        return str(self.server.make_url("/")).rstrip("/")


@dataclass
class Board:
    """A dashboard beside a site's own, whose bars one shop may show; it can be stopped and started again."""

    redis_url: str
    shop: Shop
    port: int = 0
    server: TestServer | None = None

    async def start(self) -> None:
        settings = Settings.read(redis_url=self.redis_url, widget_secret=SECRET, widget_origins=self.shop.origin)
        self.server = TestServer(create_app(settings), host="127.0.0.1", port=self.port or None)
        await self.server.start_server()
        self.port = self.server.port or 0
        self.shop.home = self.home

    async def stop(self) -> None:
        if self.server is not None:
            await self.server.close()

    @property
    def home(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def link(self, job_id: str, **given: Any) -> str:
        return link(job_id, secret=SECRET, base=self.home, **given)


@pytest_asyncio.fixture(loop_scope="session")
async def shop() -> AsyncIterator[Shop]:
    opened = Shop()
    await opened.server.start_server()
    yield opened
    await opened.server.close()


@pytest_asyncio.fixture(loop_scope="session")
async def board(site: Site, redis_url: str, shop: Shop) -> AsyncIterator[Board]:
    opened = Board(redis_url, shop)
    await opened.start()
    yield opened
    await opened.stop()


def bar(page: Page) -> FrameLocator:
    return page.frame_locator("iframe")


async def told(page: Page, kind: str) -> list[Any]:
    """What the page around has heard."""
    heard: list[Any] = await page.evaluate("told")
    return [what for what in heard if what[0] == kind]


async def is_at(site: Site, job_id: str, done: int) -> bool:
    job = await site.in_state(job_id, State.RUNNING)
    return job.progress is not None and job.progress.done == done


def has_complained(page: Page, of: str) -> bool:
    """Whether the browser's console has said so."""
    return any(of in said for said in page.complaints)  # type: ignore[attr-defined]


async def test_a_shops_user_sees_the_bar_move_and_the_shop_hears_the_end(
    page: Page, site: Site, board: Board, shop: Shop
) -> None:
    job_id = await site.submit("stepwise", total=10)
    shop.body = script(board.link(job_id, show="steps", label="Your prints"))
    await page.goto(shop.origin)
    await expect(bar(page).locator("h1")).to_have_text("Your prints")

    site.stage.steps.put_nowait(4)
    await expect(bar(page).locator(".pct")).to_have_text("40%")
    await expect(bar(page).locator("progress")).to_have_attribute("value", "40.0")
    await expect(bar(page).locator(".amount")).to_contain_text("4 / 10 steps")
    site.stage.steps.put_nowait(7)
    await expect(bar(page).locator(".pct")).to_have_text("70%")
    site.stage.steps.put_nowait(10)
    await expect(bar(page).locator(".say")).to_have_text("Done")

    assert await eventually(lambda: told(page, "done")) == [["done", "succeeded", 100]]
    assert [percent for _, state, percent in await told(page, "progress") if percent in (40, 70)] == [40, 70]
    assert await told(page, "violation") == []
    assert page.complaints == []  # type: ignore[attr-defined]


async def test_the_socket_is_closed_at_the_end_and_not_opened_again(
    page: Page, site: Site, board: Board, shop: Shop
) -> None:
    sockets: list[Any] = []
    page.on("websocket", lambda socket: sockets.append(socket))
    job_id = await site.submit("stepwise", total=2)
    shop.body = script(board.link(job_id))
    await page.goto(shop.origin)
    await expect(bar(page).locator("#widget")).to_have_attribute("data-state", "running")

    site.stage.steps.put_nowait(2)

    await expect(bar(page).locator(".say")).to_have_text("Done")
    assert await eventually(lambda: sockets[0].is_closed())
    await page.reload()  # which shows the end, and needs no socket for that
    assert await eventually(lambda: told(page, "done"))
    assert len(sockets) == 1


@pytest.mark.usefixtures("at_once")
async def test_a_job_that_was_stopped_and_is_run_again_is_followed(
    page: Page, site: Site, board: Board, shop: Shop
) -> None:
    job_id = await site.submit("stepwise", total=10)
    shop.body = script(board.link(job_id))
    await page.goto(shop.origin)
    await expect(bar(page).locator("#widget")).to_have_attribute("data-state", "running")
    await site.commands.abort(job_id)
    await expect(bar(page).locator(".say")).to_have_text("Stopped")
    await site.in_state(job_id, State.ABORTED)

    await site.commands.retry(job_id)
    site.stage.steps.put_nowait(4)
    await expect(bar(page).locator(".pct")).to_have_text("40%")
    site.stage.steps.put_nowait(10)

    await expect(bar(page).locator(".say")).to_have_text("Done")
    assert await eventually(partial(are_told, page, "done", 2))
    assert [state for _, state, _ in await told(page, "done")] == ["aborted", "succeeded"]


async def are_told(page: Page, kind: str, n: int) -> bool:
    return len(await told(page, kind)) == n


async def test_a_frame_without_a_script_is_live_too(page: Page, site: Site, board: Board, shop: Shop) -> None:
    job_id = await site.submit("stepwise", total=10)
    shop.body = iframe(board.link(job_id), title="Your prints")
    await page.goto(shop.origin)

    site.stage.steps.put_nowait(3)

    await expect(page.locator("iframe[title='Your prints']")).to_be_visible()
    await expect(bar(page).locator(".pct")).to_have_text("30%")


async def test_the_shop_hears_the_end_of_a_bar_that_is_out_of_sight(
    page: Page, site: Site, board: Board, shop: Shop
) -> None:
    """Browsers paint nothing of a frame that is far below, and paint is what frames are acknowledged by."""
    job_id = await site.submit("stepwise", total=10)
    shop.body = "<br>" * 500 + script(board.link(job_id))
    await page.goto(shop.origin)
    for step in range(1, 10):
        site.stage.steps.put_nowait(step)
        await eventually(partial(has_progress, page, step * 10))
    site.stage.steps.put_nowait(10)

    assert await eventually(lambda: told(page, "done")) == [["done", "succeeded", 100]]


async def has_progress(page: Page, percent: int) -> bool:
    return any(said[2] == percent for said in await told(page, "progress"))


async def test_a_page_of_another_origin_can_not_frame_it(page: Page, site: Site, board: Board, shop: Shop) -> None:
    job_id = await site.submit("stay")
    stranger = Shop()
    await stranger.server.start_server()
    stranger.home, stranger.body = board.home, script(board.link(job_id))
    await page.goto(stranger.origin)

    assert await eventually(lambda: has_complained(page, "frame-ancestors"))
    await expect(bar(page).locator("#widget")).to_have_count(0)
    await stranger.server.close()


async def test_the_rest_of_the_dashboard_can_not_be_framed_by_the_shop(page: Page, board: Board, shop: Shop) -> None:
    shop.body = f'<iframe src="{board.home}/jobs"></iframe>'
    await page.goto(shop.origin)

    assert await eventually(lambda: has_complained(page, "frame-ancestors"))
    await expect(bar(page).locator("#page")).to_have_count(0)


async def test_several_bars_on_one_page_keep_apart(page: Page, site: Site, board: Board, shop: Shop) -> None:
    one, other = await site.submit("typed", user_id=1), await site.submit("stay")
    shop.body = "".join(f"<p id=p{n}>{script(board.link(job))}</p>" for n, job in enumerate((one, other)))
    await page.goto(shop.origin)

    await expect(page.frame_locator("iframe >> nth=0").locator(".say")).to_have_text("Done")
    await expect(page.frame_locator("iframe >> nth=1").locator(".say")).to_have_text("Running")
    assert await eventually(lambda: told(page, "done")) == [["done", "succeeded", -1]]


async def test_what_others_post_is_not_believed(page: Page, site: Site, board: Board, shop: Shop) -> None:
    """The page itself, or another frame in it, could say what it likes."""
    job_id = await site.submit("stay")
    shop.body = script(board.link(job_id))
    await page.goto(shop.origin)
    await site.in_state(job_id, State.RUNNING)
    await expect(bar(page).locator("#widget")).to_have_attribute("data-state", "running")

    await page.evaluate("postMessage({arqboard: 'done', state: 'succeeded'}, '*')")
    await page.evaluate("postMessage({arqboard: 'height', height: 2000}, '*')")
    await site.commands.abort(job_id)

    assert await eventually(lambda: told(page, "done")) == [["done", "aborted", -1]]
    assert (await page.locator("iframe").bounding_box() or {"height": 2000})["height"] < 200


@pytest.mark.parametrize("job", ["javascript:alert(1)", "https://evil.example/widget/j1?sig=x", "/jobs", ""])
async def test_the_script_makes_frames_of_links_to_its_own_bars_only(
    page: Page, board: Board, shop: Shop, job: str
) -> None:
    shop.body = f'<script src="{board.home}/widget.js" data-job="{job}"></script>'
    await page.goto(shop.origin)

    assert await eventually(lambda: has_complained(page, "has to be a link"))
    assert await page.locator("iframe").count() == 0


async def test_a_link_that_expires_while_it_is_open_keeps_what_was_known(
    page: Page, site: Site, board: Board, shop: Shop
) -> None:
    job_id = await site.submit("stepwise", total=10)
    site.stage.steps.put_nowait(4)
    await eventually(partial(is_at, site, job_id, 4))
    shop.body = script(board.link(job_id, expires=timedelta(seconds=5)))
    await page.goto(shop.origin)
    await expect(bar(page).locator(".pct")).to_have_text("40%")

    await expect(bar(page).locator("#note")).to_contain_text("This link has expired")
    await expect(bar(page).locator(".pct")).to_have_text("40%")
    assert await eventually(lambda: told(page, "expired"))
    await page.reload()
    await expect(bar(page).locator(".said")).to_have_text("This link has expired.")


async def test_a_dashboard_that_starts_again_is_found_again(page: Page, site: Site, board: Board, shop: Shop) -> None:
    job_id = await site.submit("stepwise", total=10)
    shop.body = script(board.link(job_id))
    await page.goto(shop.origin)
    site.stage.steps.put_nowait(4)
    await expect(bar(page).locator(".pct")).to_have_text("40%")

    await board.stop()
    await expect(bar(page).locator("#note")).to_contain_text("connecting again")
    site.stage.steps.put_nowait(6)
    await board.start()

    await expect(bar(page).locator(".pct")).to_have_text("60%")
    await expect(bar(page).locator("#note")).to_be_empty()


async def test_a_redis_that_restarts_is_said_and_then_forgotten(page: Page, tmp_path: Path, shop: Shop) -> None:
    folder = tmp_path / "valkey"
    folder.mkdir()
    server = Server(folder)
    await asyncio.to_thread(server.start)
    client: Any = connect(server.url)
    commands = Commands(client)
    await commands.submit(Submission(function="f", queue="arq:queue", payload=b"p", job_id="j1"))
    board = Board(server.url, shop)
    await board.start()
    shop.body = script(board.link("j1"))
    await page.goto(shop.origin)
    await expect(bar(page).locator(".say")).to_have_text("Waiting to start")

    await asyncio.to_thread(server.kill)
    await expect(bar(page).locator("#note")).to_contain_text("Not up to date")
    await expect(bar(page).locator(".say")).to_have_text("Waiting to start")
    await asyncio.to_thread(server.start)
    await expect(bar(page).locator("#note")).to_be_empty()
    await commands.abort("j1")
    await expect(bar(page).locator(".say")).to_have_text("Stopped")

    await board.stop()
    await client.aclose()
    await asyncio.to_thread(server.kill)


async def test_a_bar_that_was_opened_while_redis_was_away_comes_by_itself(
    page: Page, tmp_path: Path, shop: Shop
) -> None:
    folder = tmp_path / "valkey"
    folder.mkdir()
    server = Server(folder)
    board = Board(server.url, shop)
    await board.start()
    shop.body = script(board.link("j1"))
    await page.goto(shop.origin)
    await expect(bar(page).locator(".said")).to_contain_text("comes back by itself")

    await asyncio.to_thread(server.start)

    await expect(bar(page).locator(".say")).to_have_text("Not known yet, or no longer kept")
    await board.stop()
    await asyncio.to_thread(server.kill)


# How it looks


async def colour(page: Page, selector: str, name: str) -> str:
    found: str = await bar(page).locator(selector).evaluate(f"el => getComputedStyle(el).{name}")
    return found


async def test_theme_and_colours_are_those_of_the_line(page: Page, site: Site, board: Board, shop: Shop) -> None:
    job_id = await site.submit("stay")
    await site.in_state(job_id, State.RUNNING)
    for theme, surface, accent in (
        ("light", "rgb(255, 255, 255)", "rgb(194, 65, 12)"),
        ("dark", "rgb(17, 20, 27)", "rgb(251, 146, 60)"),
    ):
        shop.body = script(board.link(job_id), theme=theme, accent="c2410c,fb923c", radius=3)  # type: ignore[arg-type]
        await page.goto(shop.origin)
        await expect(bar(page).locator("#widget")).to_have_attribute("data-state", "running")
        assert await colour(page, ".card", "backgroundColor") == surface
        assert await colour(page, "progress", "color") == accent
        assert await colour(page, ".card", "borderRadius") == "3px"
    assert page.complaints == []  # type: ignore[attr-defined]


async def test_it_follows_the_browser_where_nothing_is_said(page: Page, site: Site, board: Board, shop: Shop) -> None:
    job_id = await site.submit("stay")
    shop.body = script(board.link(job_id))
    await page.emulate_media(color_scheme="dark")
    await page.goto(shop.origin)
    await expect(bar(page).locator("#widget")).to_be_visible()

    assert await colour(page, ".card", "backgroundColor") == "rgb(17, 20, 27)"


@pytest.mark.parametrize("looks", [{}, {"compact": True}, {"plain": True}, {"compact": True, "plain": True}], ids=str)
async def test_the_frame_is_as_high_as_what_is_in_it(
    page: Page, site: Site, board: Board, shop: Shop, looks: dict[str, bool]
) -> None:
    job_id = await site.submit("stay")
    label = "A label that is too long for one line of a narrow frame, so that it takes two or three"
    shop.body = script(board.link(job_id, label=label), **looks)  # type: ignore[arg-type]
    await page.set_viewport_size({"width": 320, "height": 600})
    await page.goto(shop.origin)
    await expect(bar(page).locator("#widget")).to_be_visible()

    async def fits() -> bool:
        inside: float = await bar(page).locator("body").evaluate("el => el.getBoundingClientRect().height")
        outside = (await page.locator("iframe").bounding_box() or {"height": 0})["height"]
        return abs(inside - outside) < 1.5

    assert await eventually(fits)
    assert await bar(page).locator("html").evaluate("el => el.scrollWidth - el.clientWidth") <= 0
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


async def test_it_speaks_the_language_of_the_page_around(page: Page, site: Site, board: Board, shop: Shop) -> None:
    job_id = await site.submit("stepwise", total=10)
    shop.body = script(board.link(job_id), lang="ru")
    await page.goto(shop.origin)

    site.stage.steps.put_nowait(10)

    await expect(bar(page).locator(".say")).to_have_text("Готово")


async def test_axe_finds_nothing_in_any_state(browser: Browser, site: Site, board: Board) -> None:
    site.stage.is_broken = True
    jobs = {
        "running": await site.submit("stepwise", total=10), "busy": await site.submit("stay"),
        "failed": await site.submit("chunked"), "succeeded": await site.submit("typed", user_id=1),
        "retrying": await site.submit("again"), "unknown": "nope",
    }  # fmt: skip
    site.stage.steps.put_nowait(4)
    for state in ("failed", "succeeded", "retrying", "running"):
        await site.in_state(jobs[state], State(state))
    context = await browser.new_context(viewport={"width": 320, "height": 300}, reduced_motion="reduce")
    page, found = await context.new_page(), dict[str, list[Any]]()
    for name, job_id in jobs.items():
        for looks in ("theme=light", "theme=dark", "theme=light&compact=1", "theme=dark&plain=1"):
            await page.goto(f"{board.link(job_id, show='outcome', label='Your prints')}&{looks}")
            found[f"{name} {looks}"] = await violations(page)
    await page.goto(f"{board.home}/widget/j1")
    found["refused"] = await violations(page)
    await context.close()
    assert {name: problems for name, problems in found.items() if problems} == {}


async def test_without_scripts_a_frame_shows_where_the_job_stands(
    browser: Browser, site: Site, board: Board, shop: Shop
) -> None:
    job_id = await site.submit("stepwise", total=10)
    site.stage.steps.put_nowait(4)
    await eventually(partial(is_at, site, job_id, 4))
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    shop.body = iframe(board.link(job_id), accent="c2410c")
    await page.goto(shop.origin)

    await expect(bar(page).locator(".pct")).to_have_text("40%")
    await expect(bar(page).locator("meta[http-equiv=refresh]")).to_have_attribute("content", "10")
    await context.close()


# The page that makes links


async def test_a_link_is_made_previewed_and_copied(page: Page, site: Site, board: Board) -> None:
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=board.home)
    job_id = await site.submit("stepwise", total=10)
    await page.goto(f"{board.home}/jobs/{job_id}")
    await page.get_by_role("link", name="Share…").click()
    await expect(bar(page).locator(".say")).to_have_text("Running")

    site.stage.steps.put_nowait(4)
    await expect(bar(page).locator(".pct")).to_have_text("40%")
    await page.get_by_label("also phase, note and amounts").check()
    await page.get_by_label("Label").fill("Your prints")
    await page.locator("#theme").select_option("dark")
    await page.get_by_role("button", name="Make the link").click()

    await expect(page).to_have_url(re.compile("show=steps&label=Your\\+prints&theme=dark"))
    await expect(bar(page).locator("h1")).to_have_text("Your prints")
    await expect(bar(page).locator(".amount")).to_contain_text("4 / 10 steps")
    await page.get_by_role("button", name="Copy: As a link").click()
    copied: str = await page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"{board.home}/widget/{job_id}?until=")
    await page.goto(copied)
    await expect(page.locator("h1")).to_have_text("Your prints")


async def test_the_page_that_makes_links_works_by_keyboard_and_without_scripts(
    browser: Browser, page: Page, site: Site, board: Board
) -> None:
    job_id = await site.submit("stay")
    await page.goto(f"{board.home}/jobs/{job_id}/share")
    await page.get_by_label("Good for").focus()
    for key in ("ArrowDown", "Tab", "ArrowDown", "Tab", "K", "Enter"):
        await page.keyboard.press(key)
    await expect(page).to_have_url(re.compile("expires=7d&show=steps&label=K"))

    context = await browser.new_context(java_script_enabled=False)
    plain = await context.new_page()
    await plain.goto(f"{board.home}/jobs/{job_id}/share")
    await plain.get_by_label("Label").fill("Plain")
    await plain.get_by_role("button", name="Make the link").click()
    await expect(bar(plain).locator("h1")).to_have_text("Plain")
    await expect(plain.locator("pre[aria-labelledby=h-link]")).to_contain_text("label=Plain")
    await context.close()


async def test_axe_finds_nothing_on_the_page_that_makes_links(page: Page, site: Site, board: Board) -> None:
    job_id, found = await site.submit("stay"), dict[str, list[Any]]()
    for name, home in (("on", board.home), ("off", site.url("").rstrip("/"))):
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            for width in (1440, 390):
                await page.set_viewport_size({"width": width, "height": 900})
                await page.goto(f"{home}/jobs/{job_id}/share")
                found[f"{name} {width} {scheme}"] = await violations(page)
                overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert overflow <= 0, (name, width)
    assert {name: problems for name, problems in found.items() if problems} == {}
