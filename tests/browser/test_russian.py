"""In Russian no page has English left on it, in any state, and the longer words fit. In real Chromium.

Data stays as it is. `TERMS` are what Russian engineers write in Latin letters themselves.
"""

from __future__ import annotations

import platform
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from floor_data import beat, definition, fall_silent
from playwright.async_api import Browser, BrowserContext, Page, expect
from waiting import eventually

from arqboard.composing import begin
from arqboard.protocol import State
from arqboard.protocol.arqcron import ArqCron
from arqboard.protocol.failures import By, Failures
from arqboard.protocol.schedule import At, Crontab, Every, Spec
from arqboard.protocol.schedules import Schedules

from .conftest import Site, go_live

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: All that is read or heard of a page, seen or not: its title, its texts, and attributes that are read out. What is
#: code or monospaced is data.
READ = """async path => {
  const page = new DOMParser().parseFromString(await (await fetch(path)).text(), 'text/html');
  const found = [page.title];
  const walk = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
  const spoken = ['aria-label', 'title', 'placeholder', 'alt', 'aria-description', 'aria-valuetext', 'hx-confirm'];
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    if (node.nodeType === Node.ELEMENT_NODE) found.push(...spoken.map(name => node.getAttribute(name) ?? ''));
    else if (!node.parentElement.closest('code, pre, kbd, script, style, option, .mono')) found.push(node.data);
  }
  return found;
}"""
TERMS = frozenset(
    re.findall(
        r"\w+",
        """
AOF API arq arqboard await chain chord cron CSV Ctrl curl English Enter Esc GMT group HTTP HTTPS ID INFO JavaScript JSON
OOM pid Prometheus Python RDB Redis Shift SLOWLOG Space Tab UTC UTF Valkey WebSocket false null true
appendonly base hash list master maxmemory no noeviction prefix redis set skiplist standalone stream string yes zset
""",
    )
)
WORD = re.compile(r"(?<![\w{}@&=?:/.#\"'-])[A-Za-z][A-Za-z'’]+(?!\.?\w|[:=(])")
#: What is there to choose from is said as addresses write it.
CHOICES = re.compile(r"(?<=есть ).*|(?<=только ).*|(?<=для )\w+;|«[^»]*»|`[^`]*`")
#: Names and texts of the test's own jobs, and times as the browser writes them.
OURS = re.compile(
    r"\b[0-9a-f]{16,}\b[.\d]*|\d{4}-\d\d-\d\dT[\d:.]+Z|Europe/\w+|host-\d|tests\.browser\.\S+|→ .*|\(.*: \w+.*\)"
    r"|arq:queue|\b(typed|chunked|stepwise|open_chunks|again|stay|report|mail|slow|lost|new|gone|nope|broken|zebra)\b"
    r"|ValueError|<b>row 7</b> is not a number|DeserializationError|unable to deserialize job|aborted on request"
    r"|Reading|Writing|\d+ (rows|steps|pages)\b|\bat 1\b|JSONDecodeError|\S+ · pid \d+"
)


def english(text: str) -> list[str]:
    """Words of a text that should be Russian."""
    return [word for word in WORD.findall(OURS.sub("", CHOICES.sub("", " ".join(text.split())))) if word not in TERMS]


async def data_of(site: Site) -> set[str]:
    """Texts in which functions and workers say something of themselves."""
    found = {site.worker.id, platform.node()}
    for info in (await site.reader.functions()).values():
        found |= {info.doc, *(p.name for p in info.parameters), *(p.type for p in info.parameters)}
        found |= {f"{p.type} = {p.default!r}" for p in info.parameters}
    return found


def step(function: str, **kwargs: Any) -> dict[str, Any]:
    return {"function": function, "kwargs": kwargs, "fed": False}


@pytest_asyncio.fixture(loop_scope="session")
async def russian(browser: Browser) -> AsyncIterator[BrowserContext]:
    opened = await browser.new_context(
        viewport={"width": 1440, "height": 900}, locale="ru-RU", timezone_id="Europe/Moscow", reduced_motion="reduce"
    )
    yield opened
    await opened.close()


async def jobs_of_every_kind(site: Site) -> dict[str, str]:
    """One in each state, with bars, phases and chunks, and one whose record can't be read."""
    site.stage.is_broken = True
    jobs = {
        "failed": await site.submit("chunked"),
        "succeeded": await site.submit("typed", user_id=1),
        "retrying": await site.submit("again"),
        "aborted": await site.submit("stay"),
        "unreadable": await site.submit("typed", user_id=2),
    }
    await site.in_state(jobs["aborted"], State.RUNNING)
    await site.commands.abort(jobs["aborted"])
    await site.in_state(jobs["unreadable"], State.SUCCEEDED)
    await site.redis.hset(site.commands.keys.job(jobs["unreadable"]), "state", "lost")
    for name in ("failed", "succeeded", "retrying", "aborted"):
        await site.in_state(jobs[name], State(name))
    site.stage.steps.put_nowait(1)
    jobs["counted"] = await site.submit("stepwise", total=1)
    await site.in_state(jobs["counted"], State.SUCCEEDED)
    for function in ("stepwise", "report", "open_chunks"):
        jobs[function] = await site.submit(function)
        await site.in_state(jobs[function], State.RUNNING)
        site.stage.steps.put_nowait(1)
        await eventually(site.stage.steps.empty)
    return jobs


async def floor_of_every_kind(site: Site) -> None:
    """Workers, queues and schedules in each state."""
    await beat(site.redis, site.commands, "slow", lag_ms="4300", release="v1", started=1, functions='["a", "b"]')
    await beat(site.redis, site.commands, "new", release="v2", started=2)
    await beat(site.redis, site.commands, "lost", queue="mail", running='["gone"]')
    await fall_silent(site.redis, site.commands, "lost")
    await site.commands.pause("queue", "mail")
    await site.commands.pause("function", "again")
    await site.redis.hset(site.commands.keys.limits, "stay", "1|100|5")
    await site.commands.deploy("v2.0")
    store = Schedules(site.redis)
    specs: tuple[Spec, ...] = (
        Every(3600), Every(300), At(1_900_000_000_000), Crontab("0 9 * * mon", "Europe/Berlin"), Crontab("@monthly"),
        Crontab("*/5 1-3 1,15 jan-mar *"), ArqCron(hour=3, minute={7, 8}, day=13, weekday=4),
    )  # fmt: skip
    for number, spec in enumerate(specs):
        await store.add(definition(f"s{number}", spec, "typed"))
    await store.run("s0")
    await store.pause("s1")
    await store.add(definition("broken", Every(60)))
    await site.redis.hset(store.keys.schedule("broken"), "spec", "{")


async def workflows_of_every_kind(site: Site) -> dict[str, str]:
    functions = await site.reader.functions()

    async def submit(*steps: Any) -> str:
        return (await begin(site.commands, functions, {"chain": list(steps)})).job_id

    some = {"group": [step("typed", user_id=n) for n in range(3)]}
    flows = {
        "succeeded": await submit(some, step("typed", user_id=1)),
        "failed": await submit(some, step("chunked"), some),
        "aborted": await submit(step("stay"), some),
        "running": await submit({"group": [step("stay"), step("again")]}, some),
        "paused": await submit(step("stay"), some),
        "too wide": await submit({"group": [{"chain": [step("typed", user_id=1)] * n} for n in range(1, 16)]}),
        "unreadable": await submit(step("typed", user_id=1)),
    }
    await site.commands.abort_workflow(flows["aborted"])
    await site.commands.pause_workflow(flows["paused"])
    await site.redis.hset(site.commands.keys.workflow(flows["unreadable"]), "state", "lost")
    return flows


EMPTY = ("/jobs", "/workflows", "/queues", "/workers?queue=zebra", "/schedules", "/failures", "/login")
LISTS = (
    "/jobs", "/jobs?state=deferred", "/jobs?state=failed", "/jobs?q=typed", "/queues", "/queues/arq%3Aqueue",
    "/queues/arq%3Aqueue?span=24h", "/queues/mail", "/workers", "/workers/slow", "/workers/lost", "/schedules",
    "/schedules/broken", *(f"/schedules/s{n}" for n in range(7)), "/workflows", "/workflows?name=zebra&state=running",
    "/failures", "/failures?by=function", "/failures?by=exception&window=1h&order=count",
    "/failures/chunked?by=function",
    "/system", "/system/keys", "/system/keys?find=arqboard:", "/system/keys?find=nope",
    "/system/key?name=arqboard:changes", "/preferences", "/palette?q=ty",
)  # fmt: skip
FORMS = (
    "/jobs/new", "/jobs/new?fn=typed", "/jobs/new?fn=chunked", "/jobs/bulk?action=abort&state=running",
    "/jobs/bulk?action=retry&query=state%3Dfailed", "/jobs/bulk?action=delete&state=succeeded",
)  # fmt: skip
MISTAKES = (
    "/nope", "/jobs/nope", "/jobs/new?fn=nope", "/queues/nope", "/workers/nope", "/schedules/nope", "/workflows/nope",
    "/failures/nope", "/system/key?name=nope", "/system/key", "/jobs?limit=x", "/jobs?state=x", "/jobs?after=x",
    "/jobs?sort=x", "/jobs?window=x", "/jobs/bulk?action=x", "/failures?by=x", "/failures?order=x", "/failures?page=x",
    "/queues/mail?span=x", "/workflows?state=x", "/system/keys?cursor=x", "/system/key?name=arqboard:changes&after=x",
    "/jobs?q=nope:1", "/jobs?q=took:1", "/jobs?q=took:>1y", "/jobs?q=state:x", "/jobs?q=since:x", "/jobs?q=-since:1h",
    '/jobs?q="x', '/jobs?q=""', "/jobs?q=fn:", f"/jobs?q={'a ' * 60}",
)  # fmt: skip


async def left_over(page: Page, site: Site, paths: list[str]) -> dict[str, list[str]]:
    """The English on these pages, by where it is."""
    found: dict[str, list[str]] = {}
    data, worker = await data_of(site), site.worker.id
    for path in paths:
        for text in await page.evaluate(READ, path):
            shown = text.strip().replace(worker, "")
            if shown not in data and (words := english(shown)):
                found.setdefault(f"{' '.join(text.split())[:160]} ({' '.join(words)})", []).append(path)
    return found


async def test_no_page_has_english_left_on_it_in_any_state(russian: BrowserContext, site: Site) -> None:
    page = await russian.new_page()
    await page.goto(site.url("/preferences"))
    found = await left_over(page, site, list(EMPTY))
    jobs, flows = await jobs_of_every_kind(site), await workflows_of_every_kind(site)
    await floor_of_every_kind(site)
    group = (await Failures(site.redis).page(By.FINGERPRINT)).groups[0].name
    failed, running = f"/jobs/{jobs['failed']}", f"/jobs/{jobs['stepwise']}"
    inside = [
        f"{failed}/chunks/4", f"{failed}/chunks/99", f"{failed}/chunks/x", f"{failed}/attempts/1", f"{failed}/log",
        f"{failed}/attempts/9", f"{failed}?level=x", f"{failed}?chunk=x", f"{running}/stack", f"/failures/{group}",
        f"/failures/{group}?since=1h", f"/workflows/{flows['running']}?zoom=x", f"/workflows/{flows['running']}?open=x",
        f"/jobs/new?again={jobs['failed']}", f"/jobs/new?like={jobs['succeeded']}",
    ]  # fmt: skip
    things = [*(f"/jobs/{job_id}" for job_id in jobs.values()), *(f"/workflows/{flow}" for flow in flows.values())]
    steps = [f"/workflows/{flow}?show=list&open=all" for flow in flows.values()]
    found |= await left_over(page, site, [*LISTS, *FORMS, *MISTAKES, *inside, *things, *steps])
    assert found == {}, "\n".join(f"{text}: {where[0]}" for text, where in found.items())


async def test_english_would_be_found() -> None:
    assert english("Нет задания «nope». It may have been deleted, UTC") == ["It", "may", "have", "been", "deleted"]


#: Where a label is cut off: what holds it is narrower than its words, and does not wrap or scroll.
CUT = """() => [...document.querySelectorAll(
    '.btn, .tab, .badge, .kpi .k, .kpi .d, .seg a, h1, h2, dt, th, [role=columnheader]')]
  .filter(el => el.checkVisibility() && !el.closest('.vh, [hx-ignore]') && el.scrollWidth - el.clientWidth > 1
    && getComputedStyle(el).display !== 'inline' && getComputedStyle(el).overflowX !== 'visible')
  .map(el => el.textContent.trim().slice(0, 60))"""


@pytest.mark.parametrize("width", [390, 1440])
async def test_the_longer_words_fit(russian: BrowserContext, site: Site, width: int) -> None:
    jobs, flows = await jobs_of_every_kind(site), await workflows_of_every_kind(site)
    await floor_of_every_kind(site)
    page = await russian.new_page()
    await page.set_viewport_size({"width": width, "height": 900})
    found: dict[str, Any] = {}
    paths = [
        "/jobs", "/jobs/new?fn=typed", f"/jobs/{jobs['failed']}", f"/jobs/{jobs['report']}", "/workflows", "/queues",
        f"/workflows/{flows['running']}", "/queues/arq%3Aqueue", "/workers", "/workers/slow", "/schedules",
        "/schedules/s5", "/failures", "/failures/chunked?by=function", "/system", "/preferences",
        "/jobs/bulk?action=abort&state=running",
    ]  # fmt: skip
    for path in paths:
        await page.goto(site.url(path))
        overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        cut = await page.evaluate(CUT)
        if overflow > 0 or cut:
            found[path] = (overflow, cut)
    assert found == {}


async def test_questions_notes_and_the_pill_are_russian(russian: BrowserContext, site: Site) -> None:
    page = await russian.new_page()
    job_id = await site.submit("stay")
    await site.in_state(job_id, State.RUNNING)
    await go_live(page, site.url("/jobs"))
    said = [await page.locator("[data-live-state]").inner_text()]
    await page.locator(f"#job-{job_id}").get_by_role("button", name="Прервать").click()
    said.append(await page.locator("#ask").inner_text())
    await page.locator("#ask [data-yes]").click()
    await site.in_state(job_id, State.ABORTED)
    await page.locator(f"#job-{job_id}").get_by_role("button", name="Удалить").click()
    await expect(page.locator("#toasts .toast").last).to_contain_text("удалено")
    said.append(await page.locator("#toasts").inner_text())
    await page.keyboard.press("?")
    said.append(await page.locator("dialog[open]").inner_text())
    assert [words for text in said if (words := english(text))] == []
