"""axe finds nothing on any page, in both themes, wide and narrow; and no page scrolls sideways."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, Page, expect

from arqboard.protocol import State

from .conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

AXE = (Path(__file__).parents[1] / "vendor" / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


async def violations(page: Page, part: str = "html") -> list[Any]:
    await page.evaluate(AXE + ";0")
    found: dict[str, Any] = await page.evaluate("([part, rules]) => axe.run(part, {runOnly: rules})", [part, RULES])
    return [(v["id"], v["impact"], v["nodes"][0]["html"][:200]) for v in found["violations"]]


async def every_state(site: Site) -> dict[str, str]:
    """One job in each state that a page can show."""
    site.stage.is_broken = True
    jobs = {
        "running": await site.submit("stepwise", total=10),
        "busy": await site.submit("stay"),
        "failed": await site.submit("chunked"),
        "succeeded": await site.submit("typed", user_id=1),
        "retrying": await site.submit("again"),
        "aborted": await site.submit("stay"),
    }
    site.stage.steps.put_nowait(4)
    await site.in_state(jobs["aborted"], State.RUNNING)
    await site.commands.abort(jobs["aborted"])
    for state in ("failed", "succeeded", "retrying", "aborted", "running"):
        await site.in_state(jobs[state], State(state))
    return jobs


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_is_accessible(
    browser: Browser, site: Site, scheme: Literal["light", "dark"], width: int
) -> None:
    size = {"width": width, "height": 900}
    context = await browser.new_context(color_scheme=scheme, viewport=size, reduced_motion="reduce")  # type: ignore[arg-type]
    page = await context.new_page()
    found: dict[str, list[Any]] = {}

    async def look(name: str, path: str) -> None:
        await page.goto(site.url(path))
        await expect(page.locator("h1")).to_be_visible()
        found[name] = await violations(page)
        overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if overflow > 0:
            found[name].append(("scrolls sideways", overflow))

    await look("first run", "/jobs")
    jobs = await every_state(site)
    await look("list", "/jobs")
    await look("nothing found", "/jobs?state=deferred")
    await look("new", "/jobs/new")
    await look("form", "/jobs/new?fn=typed")
    await look("unknown job", "/jobs/nope")
    for state, job_id in jobs.items():
        await look(state, f"/jobs/{job_id}")
    await context.close()
    assert {name: problems for name, problems in found.items() if problems} == {}
