"""Components as Chromium paints them: nothing breaks out, nothing is told by colour alone, nothing changes unseen."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestServer
from PIL import Image, ImageChops
from playwright.async_api import Browser, Page

from arqboard_dashboard.app import create_app
from arqboard_dashboard.patterns import SECTIONS
from arqboard_dashboard.settings import Settings

from . import pictures
from .conftest import ARTEFACTS

pytestmark = pytest.mark.asyncio(loop_scope="session")

ALL = [section.id for section in SECTIONS]
#: Set by `make patterns`: what is painted now is what is wanted.
ACCEPTS = os.environ.get("ARQBOARD_ACCEPT_PICTURES") == "1"
#: Every element of a section with how it looks; where it stands comes from that.
LOOKS = """id => [...document.querySelectorAll(`#p-${id} *`)].filter(el => el.checkVisibility()).map(el => {
  const s = getComputedStyle(el), r = el.getBoundingClientRect();
  return [`${el.tagName} ${el.getAttribute('class')}`, `${Math.round(r.width)} × ${Math.round(r.height)}`, s.color,
    s.backgroundColor, s.padding, s.fontSize, s.display, s.borderTop, s.opacity, s.fill, s.stroke, s.strokeDasharray];
})"""
#: Samples that are wider than their place, with the first element that is too far on the right and is not cut off.
TOO_WIDE = """() => [...document.querySelectorAll('.shown')].filter(el => el.scrollWidth > el.clientWidth + 1)
.map(el => {
  const right = el.getBoundingClientRect().right;
  const guilty = [...el.querySelectorAll('*')].find(one => one.getBoundingClientRect().right > right + 1);
  return [el.closest('.pattern').id, el.previousElementSibling.textContent, guilty?.outerHTML.slice(0, 100)];
})"""
#: Words that are cut off without a sign of it, up or down or at the side.
CUT = """() => [...document.querySelectorAll('.shown :is(.btn, .badge, .tab, .chip, .kpi .k, .kpi .v, h1, h2, dt, dd)')]
  .filter(el => el.checkVisibility() && !el.closest('.vh'))
  .filter(el => {
    const s = getComputedStyle(el);
    if (s.display === 'inline') return false;
    const hides = s.overflowX !== 'visible', scrolls = ['auto', 'scroll'].includes(s.overflowX);
    const isSideways = hides && !scrolls && s.textOverflow !== 'ellipsis' && el.scrollWidth > el.clientWidth + 1;
    return isSideways || s.overflowY !== 'visible' && el.scrollHeight > el.clientHeight + 4;
  }).map(el => [el.closest('.pattern').id, el.outerHTML.slice(0, 120)])"""
ONLY = "id => { for (const el of document.querySelectorAll('.pattern')) el.hidden = id !== '' && el.id !== `p-${id}`; }"
STILL = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync('*, *::before, *::after { transition: none !important }');
  document.adoptedStyleSheets = [sheet];
  document.activeElement?.blur();
  return document.fonts.ready.then(() => true);
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def address() -> AsyncIterator[str]:
    """Of a dashboard in development, whose Redis is away: the page needs none."""
    settings = Settings.read(redis_url="redis://127.0.0.1:1/0", development=True)
    async with TestServer(create_app(settings), host="127.0.0.1") as server:
        yield str(server.make_url("/patterns"))


@pytest_asyncio.fixture(loop_scope="session")
async def sheet(browser: Browser, address: str) -> AsyncIterator[Page]:
    """The page, in light colours and wide."""
    context = await browser.new_context(
        viewport={"width": 1440, "height": 900}, reduced_motion="reduce", timezone_id="UTC", color_scheme="light"
    )
    page = await context.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    await page.goto(address)
    await page.evaluate(STILL)
    yield page
    await context.close()


# How it is laid out


@pytest.mark.parametrize("width", [320, 390, 768, 1440])
async def test_nothing_breaks_out_of_its_place_and_no_word_is_cut_off_unseen(sheet: Page, width: int) -> None:
    await sheet.set_viewport_size({"width": width, "height": 900})

    assert await sheet.evaluate(TOO_WIDE) == []
    assert await sheet.evaluate(CUT) == []
    assert await sheet.evaluate("document.documentElement.scrollWidth") == width


async def test_a_component_looks_the_same_beside_all_others_as_with_the_styles_of_its_own_page(
    sheet: Page, address: str
) -> None:
    """Else a name is used twice, and what is on two pages today looks wrong on one of them tomorrow."""
    together = {section: await sheet.evaluate(LOOKS, section) for section in ALL}

    for section, beside in together.items():
        await sheet.goto(f"{address}?section={section}")
        await sheet.evaluate(STILL)
        alone = await sheet.evaluate(LOOKS, section)
        assert [(one, other) for one, other in zip(alone, beside, strict=True) if one != other] == [], section


async def test_russian_words_have_room(browser: Browser, address: str) -> None:
    context = await browser.new_context(viewport={"width": 390, "height": 900}, locale="ru", reduced_motion="reduce")
    page = await context.new_page()
    await page.goto(address)
    assert await page.evaluate("document.documentElement.lang") == "ru"
    assert await page.evaluate(TOO_WIDE) == []
    await context.close()


# How it is painted


async def test_a_bar_is_painted_as_wide_as_its_value(sheet: Page) -> None:
    await sheet.evaluate(ONLY, "bars")
    bars = sheet.locator(".measured progress")
    painted: list[tuple[str, float, float]] = []
    for n in range(await bars.count()):
        wanted = await bars.nth(n).evaluate("el => el.value / el.max")
        picture = await _shot_of(sheet, bars.nth(n))
        painted.append((str(n), wanted, _filled(picture)))

    assert len(painted) >= 12
    assert [one for one in painted if abs(one[1] - one[2]) > 0.004] == []


async def test_one_failure_among_ten_thousand_chunks_can_be_seen(sheet: Page) -> None:
    await sheet.evaluate(ONLY, "bars")
    sample = sheet.locator(".sample", has_text="one of ten thousand failed")
    red = await sheet.evaluate("getComputedStyle(document.querySelector('.f-failed')).fill")

    picture = await _shot_of(sheet, sample.locator("svg"))

    colours = [picture.getpixel((x, picture.height // 2)) for x in range(picture.width)]
    assert 3 <= sum(str(colour).strip("()") in red for colour in colours) <= 20


async def test_states_differ_without_colours(sheet: Page) -> None:
    badges = sheet.locator("#p-badges .sample").first.locator(".badge")
    told = await badges.evaluate_all(
        "all => all.map(el => [el.textContent.trim(), el.querySelector('use').getAttribute('href')])"
    )

    assert len(told) == 13
    assert len({word for word, _ in told}) == len(told)
    assert len({icon for _, icon in told}) == len(told)


async def test_bars_and_charts_are_seen_in_colours_that_the_reader_forces(sheet: Page) -> None:
    await sheet.emulate_media(forced_colors="active")
    await sheet.evaluate(ONLY, "bars")
    for n in range(2, 6):
        bar = sheet.locator(".measured progress").nth(n)
        share = _filled(await _shot_of(sheet, bar))
        assert abs(share - await bar.evaluate("el => el.value / el.max")) < 0.01
    segments = await _shot_of(sheet, sheet.locator("#p-bars .sample", has_text="under way").locator("svg"))
    assert len({segments.getpixel((x, segments.height // 2)) for x in range(segments.width)}) >= 4


async def test_without_motion_nothing_moves_and_a_bar_that_knows_no_total_looks_like_none_that_does(
    sheet: Page,
) -> None:
    assert await sheet.evaluate("document.getAnimations().filter(one => one.playState === 'running').length") == 0
    await sheet.evaluate(ONLY, "bars")

    striped = await _shot_of(sheet, sheet.locator(".indet").first)

    middle = [striped.getpixel((x, striped.height // 2)) for x in range(striped.width)]
    changes = sum(one != other for one, other in pairwise(middle))
    assert changes > 40  # stripes from one end to the other


async def test_what_is_swapped_in_looks_as_what_was_loaded(sheet: Page, address: str) -> None:
    await sheet.goto(f"{address}?section=rows")
    await sheet.evaluate(STILL)
    before = await pictures.shot(sheet, "#p-rows .sample")
    await sheet.evaluate("document.querySelector('#p-rows').dataset.fresh = ''")

    await sheet.evaluate(
        "url => htmx.ajax('GET', url, {source: '#page', target: '#page', select: '#page', swap: 'outerMorph'})",
        f"{address}?section=rows",
    )

    after = await pictures.shot(sheet, "#p-rows .sample")
    assert await sheet.evaluate("'fresh' in document.querySelector('#p-rows').dataset") is False
    assert not pictures.difference(pictures.small(before), pictures.small(after)).is_seen


async def test_what_was_pointed_at_looks_as_before_when_it_is_left(sheet: Page) -> None:
    await sheet.evaluate(ONLY, "buttons")
    before = await pictures.shot(sheet, "#p-buttons")
    button = sheet.locator("#p-buttons .btn.primary").first
    await button.hover()
    pointed_at = await pictures.shot(sheet, "#p-buttons")
    await sheet.mouse.move(0, 0)

    assert ImageChops.difference(before, pointed_at).getbbox() is not None
    assert ImageChops.difference(before, await pictures.shot(sheet, "#p-buttons")).getbbox() is None


# Pictures that were accepted


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
async def test_components_look_as_in_the_pictures_that_were_accepted(
    sheet: Page, browser: Browser, scheme: Any, width: int
) -> None:
    if not ACCEPTS and pictures.accepted_maker() != pictures.maker(browser.version):
        pytest.skip("another browser or system made the pictures; `make patterns` takes them anew")
    await sheet.emulate_media(color_scheme=scheme)
    await sheet.set_viewport_size({"width": width, "height": 900})
    others: list[tuple[str, pictures.Difference | None]] = []
    for section in ALL:
        await sheet.evaluate(ONLY, section)
        now, name = pictures.small(await pictures.shot(sheet, f"#p-{section}")), f"{section}-{scheme}-{width}"
        if ACCEPTS:
            pictures.accept(name, now)
            continue
        found = _compared(name, now)
        if found is None or found.is_seen:
            others.append((name, found))
    if ACCEPTS:
        pictures.sign(browser.version)
    assert others == [], f"see {ARTEFACTS}; where that is what was meant: make patterns"


async def test_there_is_a_picture_of_each_component_and_of_nothing_else() -> None:
    wanted = {f"{section}-{look}" for section in ALL for look in ("light-1440", "dark-390")}

    assert {path.stem for path in pictures.FOLDER.glob("*.png")} == wanted
    assert sum(path.stat().st_size for path in pictures.FOLDER.iterdir()) < 1_500_000


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [("bars", "--running-s", "#8a2be2"), ("buttons", "--accent", "#008080"), ("rows", "--row-h", "66px"),
     ("tiles", "--fs-2xl", "1.5rem"), ("hero", "--s-4", "1.2rem")],
)  # fmt: skip
async def test_a_change_of_one_variable_is_noticed(sheet: Page, section: str, name: str, value: str) -> None:
    await sheet.evaluate(ONLY, section)
    before = pictures.small(await pictures.shot(sheet, f"#p-{section}"))
    again = pictures.small(await pictures.shot(sheet, f"#p-{section}"))
    await sheet.evaluate("([name, value]) => document.documentElement.style.setProperty(name, value)", [name, value])
    after = pictures.small(await pictures.shot(sheet, f"#p-{section}"))

    assert not pictures.difference(before, again).is_seen
    assert pictures.difference(before, after).is_seen


def _compared(name: str, now: Image.Image) -> pictures.Difference | None:
    """How far it is from the accepted picture, None where there is none; both are kept where that can be seen."""
    stored = pictures.accepted(name)
    if stored is None:
        return None
    found = pictures.difference(stored, now)
    if found.is_seen:
        ARTEFACTS.mkdir(exist_ok=True)
        pictures.side_by_side(stored, now).save(ARTEFACTS / f"{name}.png")
    return found


async def _shot_of(page: Page, element: Any) -> Image.Image:
    """One element, exactly: its edges lie on pixels."""
    await element.evaluate("el => el.dataset.shot = ''")
    picture = await pictures.shot(page, "[data-shot]")
    await element.evaluate("el => delete el.dataset.shot")
    return picture


def _filled(picture: Image.Image) -> float:
    """Where a bar changes its colour, as a share of it; of one colour it is empty if that is grey, as its track."""
    y = picture.height // 2
    line = [picture.getpixel((x, y)) for x in range(picture.width)]
    middle = line[4:-4]  # without the round ends
    changes = [n for n, (one, other) in enumerate(pairwise(middle), 5) if one != other]
    if changes:
        return changes[0] / picture.width
    grey = max(middle[0]) - min(middle[0]) < 16  # type: ignore[arg-type] # pyright: ignore
    return 0.0 if grey else 1.0
