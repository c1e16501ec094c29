"""The walk over pages in which axe finds nothing: each state once, wide and narrow, light and dark."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from pprint import pformat
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, Page, expect

AXE = (Path(__file__).parents[1] / "vendor" / "axe.min.js").read_text()
WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
RULES = (*WCAG, "best-practice")
#: What colours can break, and what the width can: a theme changes no name, no role and no order.
COLOURS, SIZES = ("color-contrast",), ("color-contrast", "target-size")

Scheme = Literal["light", "dark"]
#: Of a page, as axe takes it: a selector, or what is in and what is left out.
Part = str | dict[str, list[list[str]]]
Looks = tuple[tuple[Scheme, int, tuple[str, ...]], ...]
LOOKS: Looks = (("light", 1440, RULES), ("dark", 1440, COLOURS), ("dark", 390, RULES), ("light", 390, SIZES))
#: Where each component is there many times: what a page needs once, as one headline, is not asked.
MANY: Looks = (("light", 1440, WCAG), ("dark", 390, SIZES))
#: Widths at which nothing may scroll sideways, beside the two that axe sees.
WIDTHS = (320, 768)
_RUN = """async ([part, options]) => {
  const { violations } = await window.axe.run(part, { resultTypes: ['violations'], ...options });
  return violations.map(v => [v.id, v.impact, v.nodes[0].html.slice(0, 200), v.nodes.length]);
}"""
#: Else a colour that is inherited changes one generation a frame, even where motion is not wanted.
_AT_ONCE = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync('*, *::before, *::after { transition: none !important }');
  document.adoptedStyleSheets = [sheet];
}"""
_OVERFLOW = "document.documentElement.scrollWidth - innerWidth"


async def violations(page: Page, part: Part = "html", rules: tuple[str, ...] = RULES) -> list[Any]:
    """What axe finds by these rules: which, how bad, the first place of each, and how many there are."""
    kind = "tag" if rules[0] in RULES else "rule"
    options = {"runOnly": {"type": kind, "values": rules}}
    if not await page.evaluate("'axe' in window"):  # half a megabyte, once for each document
        await page.evaluate(AXE + ";0")
    return list(await page.evaluate(_RUN, [part, options]))


@dataclass
class Walk:
    """A page that goes from state to state. What is wrong is kept by the name of the state, and told at the end."""

    page: Page
    url: str
    looks: Looks = LOOKS
    found: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])

    async def look(self, name: str, path: str | None = None) -> None:
        """At an address; its name says what is there to be seen."""
        await self.page.goto(self.url + (name if path is None else path))
        await expect(self.page.locator("h1").first).to_be_visible()
        await self.check(name)

    async def check(self, name: str, part: Part = "html") -> None:
        """What is open now, in both themes and at every width."""
        problems = self.found.setdefault(name, [])
        for scheme, width, rules in self.looks:
            await self._show(scheme, width)
            problems += [(scheme, width, *found) for found in await violations(self.page, part, rules)]
            problems += await self._sideways(width)
        for width in WIDTHS:
            await self._show("light", width)
            problems += await self._sideways(width)
        await self._show("light", 1440)

    async def _show(self, scheme: Scheme, width: int) -> None:
        await self.page.set_viewport_size({"width": width, "height": 900})
        await self.page.evaluate(_AT_ONCE)
        await self.page.emulate_media(color_scheme=scheme)

    async def _sideways(self, width: int) -> list[tuple[str, int, int]]:
        too_wide = await self.page.evaluate(_OVERFLOW)
        return [("scrolls sideways", width, too_wide)] if too_wide > 0 else []


@asynccontextmanager
async def walking(browser: Browser, url: str, looks: Looks = LOOKS) -> AsyncGenerator[Walk]:
    """A walk over the pages of a site; fails at its end with all that was found on the way."""
    context = await browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    walk = Walk(await context.new_page(), url.rstrip("/"), looks)
    try:
        yield walk
    finally:
        await context.close()
    wrong = {name: problems for name, problems in walk.found.items() if problems}
    if wrong:
        pytest.fail(pformat(wrong, width=200), pytrace=False)
