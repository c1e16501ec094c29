"""The list of jobs in a browser: searched and paged while it lives, by keyboard, without scripts, on a phone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Browser, CDPSession, Page, expect
from waiting import eventually

from arqboard.protocol import State
from arqboard.protocol.commands import Report, Submission

from .accessible import violations, walking
from .conftest import Site, go_live

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("says_yes")]

FIELD = "#add"
#: Ends when an element has been in the same place for ten frames.
AT_REST = """selector => new Promise(done => {
    let place = null, frames = 0;
    const look = () => {
        const now = document.querySelector(selector).getBoundingClientRect().top;
        frames = now === place ? frames + 1 : 0;
        place = now;
        if (frames === 10) done(); else requestAnimationFrame(look);
    };
    look();
})"""
CHIPS = ".finder .chip"


async def done(site: Site, *user_ids: int) -> list[str]:
    """Jobs that have succeeded, one by one."""
    ids: list[str] = []
    for user_id in user_ids:
        ids.append(await site.submit("typed", user_id=user_id))
        await site.in_state(ids[-1], State.SUCCEEDED)
    return ids


async def failed(site: Site) -> str:
    site.stage.is_broken = True
    job_id = await site.submit("chunked")
    await site.in_state(job_id, State.FAILED)
    return job_id


def asked(page: Page) -> dict[str, str]:
    """What the address of the page says."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


async def ids(page: Page) -> list[str]:
    found: list[str] = await page.eval_on_selector_all(".joblist .job", "rows => rows.map(row => row.id.slice(4))")
    return found


async def settled(page: Page, **query: str) -> None:
    """Wait until the address says this and nothing else."""
    await eventually(lambda: asked(page) == query)
    await expect(page.locator("[data-live-state]")).to_have_attribute("data-live-state", "live")


# The journey


async def test_from_the_list_to_one_job_and_back(page: Page, site: Site) -> None:
    first, second = await done(site, 1, 42)
    bad = await failed(site)
    await go_live(page, site.url())
    await page.evaluate("window.__same_document = true")

    await page.fill(FIELD, "args.user_id:42")
    await page.press(FIELD, "Enter")
    await settled(page, q="args.user_id:42")
    await expect(page.locator(CHIPS)).to_have_text("args.user_id:42")
    assert await ids(page) == [second]
    assert await page.input_value(FIELD) == ""

    third = await site.submit("typed", user_id=42)
    await expect(page.locator(f"#job-{third}")).to_have_attribute("data-state", "succeeded")
    assert await ids(page) == [third, second]

    await page.click(f"{CHIPS} a")
    await settled(page)
    await page.click(".tabs a:has-text('Failed')")
    await settled(page, state="failed")
    assert await ids(page) == [bad]
    await page.go_back()
    await settled(page)
    await expect(page.locator(".tabs a[aria-current]")).to_contain_text("All")
    await page.click(f"#job-{first} .fn a")
    await expect(page.locator("h1")).to_contain_text("typed")
    await page.go_back()
    await expect(page.locator(f"#job-{first}")).to_be_visible()


async def test_a_pasted_id_opens_the_job(page: Page, site: Site) -> None:
    [job_id] = await done(site, 1)
    await go_live(page, site.url("/jobs?q=typed"))
    await page.fill(FIELD, job_id)
    await page.press(FIELD, "Enter")
    await page.wait_for_url(f"**/jobs/{job_id}")


async def test_a_mistake_is_shown_where_it_is_and_can_be_put_right(page: Page, site: Site) -> None:
    await done(site, 1)
    await go_live(page, site.url())
    await page.fill(FIELD, "typed foo:bar")
    await page.press(FIELD, "Enter")
    await expect(page.locator(".typed mark")).to_have_text("foo:bar")
    assert await page.input_value(FIELD) == "typed foo:bar"
    assert await page.get_attribute(FIELD, "aria-invalid") == "true"

    await page.fill(FIELD, "typed")
    await page.press(FIELD, "Enter")
    await settled(page, function="typed")
    await expect(page.locator(".joblist .job")).to_have_count(1)


async def test_selects_apply_at_once_and_the_rest_is_kept(page: Page, site: Site) -> None:
    job_ids = await done(site, 1, 2)
    await failed(site)
    await go_live(page, site.url("/jobs?window=6h&q=-state%3Afailed"))
    await page.select_option("select[name=sort]", "oldest")
    await eventually(lambda: asked(page).get("sort") == "oldest")
    await page.select_option("select[name=function]", "typed")
    await settled(page, function="typed", q="-state:failed", sort="oldest", window="6h")
    assert await ids(page) == job_ids


# Suggestions, by keyboard


async def test_a_search_is_put_together_from_suggestions_by_keyboard(page: Page, site: Site) -> None:
    await done(site, 1)
    bad = await failed(site)
    await go_live(page, site.url())
    options = page.locator("#suggestions [role=option]")
    await page.focus(FIELD)
    await expect(options.first).to_be_visible()
    assert await page.get_attribute(FIELD, "aria-expanded") == "true"

    await page.keyboard.type("err")
    await expect(options).to_have_text([re.compile("^error:")])
    await page.keyboard.press("ArrowDown")
    assert await page.get_attribute(FIELD, "aria-activedescendant") == "option-1"
    await page.keyboard.press("Enter")
    await expect(options).to_have_text([re.compile("^error:ValueError")])
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Enter")
    await settled(page, q="error:ValueError")
    assert await ids(page) == [bad]
    await expect(page.locator("#suggestions")).to_be_hidden()
    assert await page.evaluate("document.activeElement.id") == "add"

    await page.keyboard.press("Backspace")  # the chip becomes text again
    assert await page.input_value(FIELD) == "error:ValueError"
    await page.fill(FIELD, "")
    await page.press(FIELD, "Enter")
    await settled(page)


async def test_escape_closes_suggestions_and_keeps_what_was_typed(page: Page, site: Site) -> None:
    await done(site, 1)
    await go_live(page, site.url())
    await page.focus(FIELD)
    await page.keyboard.type("fn:ty")
    await expect(page.locator("#suggestions")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("#suggestions")).to_be_hidden()
    assert await page.input_value(FIELD) == "fn:ty"
    assert asked(page) == {}


async def test_a_suggestion_can_be_clicked(page: Page, site: Site) -> None:
    await done(site, 1)
    await failed(site)
    await go_live(page, site.url())
    await page.fill(FIELD, "fn:typ")
    await page.click("#suggestions [role=option]:has-text('fn:typed')")
    await settled(page, function="typed")


# Stable under the eyes


async def test_new_matches_of_a_search_wait_behind_a_button_while_somebody_reads(page: Page, site: Site) -> None:
    [first] = await done(site, 7)
    await go_live(page, site.url("/jobs?q=args.user_id%3A7"))
    await page.hover(f"#job-{first}")
    other, second = await done(site, 8, 7)
    offer = page.locator("[data-live-more]")
    await expect(offer).to_have_text("1 new job")
    assert await ids(page) == [first]
    await offer.click()
    await expect(page.locator(f"#job-{second}")).to_be_visible()
    assert await ids(page) == [second, first]
    await expect(page.locator(f"#job-{other}")).to_have_count(0)


async def test_a_job_that_leaves_the_filter_stays_dimmed_until_the_list_is_fetched(page: Page, site: Site) -> None:
    first = await site.submit("stay")
    await site.in_state(first, State.RUNNING)
    second = await site.submit("stay")  # what begins in one millisecond has no order
    await site.in_state(second, State.RUNNING)
    await go_live(page, site.url("/jobs?state=running"))
    row = page.locator(f"#job-{first}")
    await row.hover()
    await site.commands.abort(first)
    await expect(row).to_have_attribute("data-state", "aborted")
    await expect(row).to_have_css("opacity", "0.55")
    await expect(page.locator(f"#job-{second}")).to_have_css("opacity", "1")
    assert await ids(page) == [second, first]
    await page.dispatch_event("#jobs", "live:refresh")
    await expect(row).to_have_count(0)


async def test_with_the_oldest_first_new_jobs_come_in_below(page: Page, site: Site) -> None:
    [first] = await done(site, 1)
    await go_live(page, site.url("/jobs?sort=oldest"))
    [second] = await done(site, 2)
    await expect(page.locator(f"#job-{second}")).to_be_visible()
    assert await ids(page) == [first, second]


# Tiles and charts


async def test_tiles_and_charts_follow_what_ends(page: Page, site: Site) -> None:
    await done(site, 1)
    await go_live(page, site.url("/jobs?window=15m"))
    bars = page.locator("#charts [aria-labelledby=h-throughput] .bar title")
    await expect(bars).to_have_text([re.compile("1 done")])
    await page.click(".chart-data summary")
    await done(site, 2)
    await failed(site)
    await expect(page.locator("#kpis")).to_contain_text("33%")
    await expect(page.locator("#charts")).to_contain_text("failed 1")
    await expect(page.locator(".chart-data tbody tr").first).to_contain_text("so far")
    assert await page.get_attribute(".chart-data", "open") == ""
    await page.click(".seg a:has-text('7')")
    await settled(page, window="7d")
    await expect(page.locator("#charts")).to_have_attribute("data-live", "charts:7d")


# Saved views and files


async def test_a_view_is_saved_under_a_name_used_and_deleted(page: Page, site: Site) -> None:
    await failed(site)
    await done(site, 1)
    await go_live(page, site.url("/jobs?state=failed"))
    await page.click("summary[aria-label='Save this view']")
    await page.fill("#view-name", "What broke")
    await page.press("#view-name", "Enter")
    view = page.locator(".views .view")
    await expect(view).to_have_class(re.compile("here"))
    await page.goto(site.url())
    await page.click(".views a:has-text('What broke')")
    await settled(page, state="failed")
    await view.get_by_role("button").click()
    await expect(view).to_have_count(0)


async def test_the_list_is_downloaded_as_it_is_filtered(page: Page, site: Site) -> None:
    await failed(site)
    [job_id] = await done(site, 1)
    await go_live(page, site.url("/jobs?state=succeeded"))
    await page.click("summary[aria-label='Export this list']")
    async with page.expect_download() as waiting:
        await page.click(".menu a:has-text('CSV')")
    path = await (await waiting.value).path()
    lines = path.read_text().splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(f"{job_id},typed,")


# Much at once


async def put_many(site: Site, n: int) -> list[str]:
    """Running jobs of the worker, as far as anybody knows; their progress is reported by the test itself."""
    worker = (await site.reader.workers())[0].id
    for start in range(0, n, 100):
        await asyncio.gather(
            *(
                site.commands.submit(Submission("bulk", "lonely", b"p", job_id=f"b{i:03}"))
                for i in range(start, min(n, start + 100))
            )
        )
    claimed = await site.commands.claim("lonely", worker, n, lease_ms=600_000, max_crashes=3)
    return [f"{job.job_id}\0{job.token}" for job in claimed.jobs]


async def five_hundred_a_second(site: Site, running: list[list[str]], enough: asyncio.Event) -> int:
    """Each job goes one step on in every round: ten reports in one call, every 20 ms. Returns how far they came."""
    loop = asyncio.get_running_loop()
    due, done = loop.time(), 0
    while not enough.is_set():
        done += 1
        reports = [Report(job_id, token, done, 10_000, "", "", "") for job_id, token in running]
        for start in range(0, len(reports), 10):
            await site.commands.progress(reports[start : start + 10])
            due += 0.02
            await asyncio.sleep(due - loop.time())
    return done


#: What a page has to bear: its longest task, and how often it painted between changes.
BURDEN = """() => {
    const it = window.__burden = {
        task_ms: 0, since: performance.now(), frames: 0, swaps: 0, most_swaps_in_a_frame: 0,
    };
    let here = 0;
    new PerformanceObserver(list => list.getEntries().forEach(task => {
        it.task_ms = Math.max(it.task_ms, Math.round(task.duration));
    })).observe({type: 'longtask'});
    document.addEventListener('live:swapped', () => {
        it.swaps++;
        it.most_swaps_in_a_frame = Math.max(it.most_swaps_in_a_frame, ++here);
    });
    const frame = () => { it.frames++; here = 0; requestAnimationFrame(frame); };
    frame();
}"""
BARS = "rows => Object.fromEntries(rows.map(row => [row.id.slice(4), row.querySelector('progress')?.value]))"
PLACE = "document.querySelector('#job-b003').getBoundingClientRect().top"


async def select_and_read(page: Page) -> float:
    """Scroll down, select the id of a job and point at its row. Returns where that is."""
    await page.locator("#job-b003").scroll_into_view_if_needed()
    await page.locator("#job-b003 .fn").hover()
    await page.evaluate(
        "() => { const range = document.createRange();"
        " range.selectNodeContents(document.querySelector('#job-b003 .id'));"
        " getSelection().removeAllRanges(); getSelection().addRange(range); }"
    )
    await page.evaluate(AT_REST, "#job-b003")
    place: float = await page.evaluate(PLACE)
    assert 0 < place < 900  # it is looked at
    return place


async def busy_ms(cdp: CDPSession) -> float:
    """The processor's time that the page's thread has had: what else this machine does is not counted."""
    metrics = (await cdp.send("Performance.getMetrics"))["metrics"]
    return 1000 * float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))


async def test_two_hundred_rows_at_five_hundred_changes_a_second_leave_you_alone(
    page: Page, site: Site, record_property: Callable[[str, object], None]
) -> None:
    running = [claim.split("\0") for claim in await put_many(site, 200)]
    await go_live(page, site.url("/jobs?limit=200"))
    await expect(page.locator(".joblist .job[data-state=running]")).to_have_count(200)
    await page.click(".chart-data summary")
    cdp = await page.context.new_cdp_session(page)
    await cdp.send("Performance.enable", {"timeDomain": "threadTicks"})
    await page.evaluate(BURDEN)
    enough = asyncio.Event()
    changing = asyncio.create_task(five_hundred_a_second(site, running, enough))

    await page.focus(FIELD)
    await page.keyboard.type("fn:bulk queue:lonely", delay=50)
    await page.keyboard.press("Escape")  # the suggestions
    assert await page.input_value(FIELD) == "fn:bulk queue:lonely"  # every key, in order
    place = await select_and_read(page)
    swaps = await page.evaluate("__burden.swaps")
    await eventually(lambda: page.evaluate(f"__burden.swaps > {swaps + 10}"))  # all the while the rows go on
    enough.set()
    done = await changing

    assert await page.evaluate("getSelection().toString()") == "b003"
    assert await page.evaluate("document.querySelector('#job-b003').matches(':hover')")
    assert await page.input_value(FIELD) == "fn:bulk queue:lonely"
    assert await page.evaluate("document.activeElement.id") == FIELD[1:]
    assert await page.get_attribute(".chart-data", "open") == ""
    await page.evaluate(AT_REST, "#job-b003")
    assert abs(await page.evaluate(PLACE) - place) < 2

    async def is_true() -> bool:
        return set((await page.eval_on_selector_all(".joblist .job", BARS)).values()) == {done}

    await eventually(is_true)
    assert {job.progress.done for job in await site.reader.many([job_id for job_id, _ in running])} == {done}  # type: ignore[union-attr]
    burden = await page.evaluate("({...__burden, ms: performance.now() - __burden.since})")
    burden["busy_ms"] = await busy_ms(cdp)
    record_property("burden", burden)
    assert burden["busy_ms"] < burden["ms"] / 2  # it was all of it while each change laid the page out 200 times
    assert burden["most_swaps_in_a_frame"] <= 4  # two frames of the server may be on their way, and two answers
    await page.press(FIELD, "Enter")  # and it still does what it is told
    await eventually(lambda: asked(page) == {"function": "bulk", "queue": "lonely", "limit": "200"})


# Without scripts, small, accessible


async def test_without_scripts_everything_but_life_works(browser: Browser, site: Site) -> None:
    first, second = await done(site, 1, 42)
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(site.url())
    await page.fill(FIELD, "args.user_id:42")
    await page.select_option("select[name=sort]", "oldest")
    await page.click("button:has-text('Apply')")
    assert asked(page) == {"q": "args.user_id:42", "sort": "oldest"}
    await expect(page.locator(".joblist .job")).to_have_count(1)
    await page.click(f"{CHIPS} a")
    await expect(page.locator(".joblist .job")).to_have_count(2)
    await page.click(".jhead a")
    await expect(page.locator(".joblist .job").first).to_have_id(f"job-{second}")
    await page.click(".seg a:has-text('24')")
    assert asked(page) == {"window": "24h"}
    await page.click("summary[aria-label='Save this view']")
    await page.fill("#view-name", "mine")
    await page.click(".menu .save button")
    await expect(page.locator(".views a")).to_have_text("mine")
    await page.click("button[name=density]")
    await expect(page.locator("html")).to_have_attribute("data-density", "compact")
    assert first != second
    await context.close()


async def test_the_list_is_accessible_in_every_state(browser: Browser, site: Site) -> None:
    await failed(site)
    await done(site, 1, 2, 3)
    await site.commands.deploy("2.4.1")
    await site.redis.hset(site.commands.keys.views, mapping={"What broke": "state=failed", "A" * 60: ""})
    async with walking(browser, site.url("/")) as walk:
        page = walk.page
        await page.goto(site.url())
        await page.click(".chart-data summary")
        await walk.check("list, its charts as a table")
        await walk.look("search", "/jobs?q=typed+-state%3Afailed+took%3A%3C10h+" + "x" * 60)
        await walk.look("full search", "/jobs?q=%22user_id%22&limit=2&window=7d")
        await walk.look("second page", "/jobs?limit=1&after=9999999999999~x")
        await walk.look("bad search", "/jobs?q=fn%3Atyped&add=foo%3A" + "y" * 80)
        for name in ("Save this view", "Export this list"):  # what lies under an open menu is not aimed at
            await page.goto(site.url("/jobs?sort=oldest&queue=arq:queue"))
            await page.click(f"summary[aria-label='{name}']")
            await walk.check(name, ".menu[open]")
        await page.goto(site.url())
        await page.focus(FIELD)
        await expect(page.locator("#suggestions [role=option]").first).to_be_visible()
        await page.keyboard.press("ArrowDown")
        walk.found["suggestions"] = await violations(page)


async def test_nothing_on_the_page_breaks_the_content_policy(page: Page, site: Site) -> None:
    await done(site, 1)
    await go_live(page, site.url())
    await page.fill(FIELD, "fn:ty")
    await page.click("#suggestions [role=option]:has-text('fn:typed')")
    await settled(page, function="typed")
    assert await page.evaluate("window.__violations") == []
    assert page.complaints == []  # type: ignore[attr-defined] # pyright: ignore
