"""From `await progress(...)` in a worker to the changed bar in a real Chromium.

    python bench/progress_latency.py [--rounds 3] [--changes 60] [--seconds 10] [--rows 20] [--rate 50]

Server, dashboard, worker and Chromium are processes of their own, the page is the list of jobs. The job notes
time.time_ns() before each call; a MutationObserver notes performance.timeOrigin + performance.now() when the value of
a `<progress>` has changed: both come from the system's clock, which is checked. "after quiet" is one job with a change
about every 400 ms, so every change is the first; "steady" is `--rate` changes a second over `--rows` rows. A change
that a newer one overtook counts until the bar shows the newer one. The parts of the way are of the first kind: until
a subscriber to Redis hears of the change, until the frame is in the browser (before htmx sees it), until the DOM has
changed.
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import os
import random
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from arq.connections import ArqRedis, RedisSettings, create_pool
from playwright.async_api import Browser, Page, async_playwright
from support import Dashboard, dashboard, embedded_server, percentile, running, show_table, typical, until

from arqboard import Worker, current
from arqboard.protocol import Keys

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--disable-dev-shm-usage",
]  # fmt: skip
GO = "bench:go"
QUIET_GAP = 0.4
#: The worker learns from its heartbeat (2 s) that somebody looks, and then reports at full rate.
SETTLE = 3.0
#: What the two clocks may differ by (ms). Date.now() has no fractions.
CLOCKS = 2.0

OBSERVE = """(() => {
  const now = () => performance.timeOrigin + performance.now();
  const log = window.__log = { bars: [], frames: [] };
  const Plain = window.WebSocket;
  window.WebSocket = class extends Plain {
    constructor(...given) { super(...given); this.addEventListener('message', () => log.frames.push(now())); }
  };
  new MutationObserver(changes => {
    const at = now();
    for (const { target } of changes) {
      const cell = target.closest('[data-live^="prog:"]');
      if (cell) log.bars.push([cell.dataset.live.slice(5), +target.getAttribute('value'), at]);
    }
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ['value'] });
})()"""


async def report(ctx: dict[str, Any], changes: int, gap: float) -> list[int]:
    """Report 1, 2, 3… at random gaps. Returns when each was said (ns since 1970)."""
    await current()(0, changes)
    await until(lambda: ctx["redis"].exists(GO), every=0.02)
    said: list[int] = []
    for number in range(1, changes + 1):
        await asyncio.sleep(gap * random.uniform(0.5, 1.5))
        said.append(time.time_ns())
        await current()(number, changes)
    await asyncio.sleep(1)
    return said


def work(port: int) -> None:
    Worker(functions=[report], max_jobs=100, redis_settings=RedisSettings(port=port)).run()


@dataclass
class Seen:
    """What one round has brought (times in ms since 1970)."""

    took: list[float] = field(default_factory=list)
    said: list[float] = field(default_factory=list)
    shown: list[float] = field(default_factory=list)
    heard: list[float] = field(default_factory=list)
    frames: list[float] = field(default_factory=list)

    def parts(self) -> list[tuple[float, float, float]]:
        """Worker to Redis, Redis to browser, browser to DOM, for changes that came alone."""
        rows: list[tuple[float, float, float]] = []
        for said, shown in zip(self.said, self.shown, strict=True):
            heard = self.heard[bisect.bisect(self.heard, said)]
            frame = self.frames[bisect.bisect(self.frames, shown) - 1]
            rows.append((heard - said, frame - heard, shown - frame))
        return rows


@asynccontextmanager
async def hearing(pool: ArqRedis, heard: list[float]) -> AsyncIterator[None]:
    """Note when each change is announced."""
    subscription: Any = pool.pubsub()
    await subscription.subscribe(Keys().live)

    async def listen() -> None:
        while True:
            if await subscription.get_message(ignore_subscribe_messages=True, timeout=5):
                heard.append(time.time_ns() / 1e6)

    task = asyncio.create_task(listen())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await subscription.aclose()


async def watch(browser: Browser, board: Dashboard, pool: ArqRedis, rows: int, changes: int, gap: float) -> Seen:
    """One round: start the jobs, look at them, let them go, and compare what they said with what was seen."""
    jobs = [await pool.enqueue_job("report", changes, gap) for _ in range(rows)]
    page = await browser.new_page()
    await page.add_init_script(OBSERVE)
    await page.goto(board.url("/jobs"))
    await page.wait_for_selector("[data-live-state=live]")
    await page.locator("[data-live^='prog:'] progress").nth(rows - 1).wait_for(state="attached")
    await check_clock(page)
    await asyncio.sleep(SETTLE)
    seen = Seen()
    async with hearing(pool, seen.heard):
        await pool.set(GO, 1)
        results = {job.job_id: await job.result(timeout=120) for job in jobs if job}
    log = await page.evaluate("window.__log")
    await check_clock(page)
    await page.close()
    seen.frames = log["frames"]
    for job_id, said in results.items():
        compare(seen, [number / 1e6 for number in said], [bar[1:] for bar in log["bars"] if bar[0] == job_id])
    return seen


def compare(seen: Seen, said: list[float], bars: list[tuple[int, float]]) -> None:
    """Each change is over when the bar first shows its value or a later one."""
    n = 0
    for number, when in enumerate(said, 1):
        while bars[n][0] < number:
            n += 1
        seen.said.append(when)
        seen.shown.append(bars[n][1])
        seen.took.append(bars[n][1] - when)


async def check_clock(page: Page) -> None:
    off = await page.evaluate("performance.timeOrigin + performance.now() - Date.now()")
    if abs(off) > CLOCKS:
        raise RuntimeError(f"the browser's clock is {off:.1f} ms off the system's; nothing can be measured with it")


async def measure(options: argparse.Namespace) -> dict[str, list[Seen]]:
    steady = int(options.seconds * options.rate / options.rows), options.rows / options.rate
    kinds = {"first change after quiet": (1, options.changes, QUIET_GAP), "steady": (options.rows, *steady)}
    rounds: dict[str, list[Seen]] = {kind: [] for kind in kinds}
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        for _ in range(options.rounds):
            for kind, how in kinds.items():
                with embedded_server() as port, running(work, port), dashboard(port) as board:
                    pool = await create_pool(RedisSettings(port=port))
                    rounds[kind].append(await watch(browser, board, pool, *how))
                    await pool.aclose()
        await browser.close()
    return rounds


def show(rounds: dict[str, list[Seen]]) -> None:
    shares = (0.5, 0.9, 0.99)
    show_table(
        ["progress → bar, ms", "changes", "p50", "p90", "p99", "max"],
        [
            [kind, str(sum(len(seen.took) for seen in some)),
             *(f"{typical([seen.took for seen in some], share):.1f}" for share in shares),
             f"{max(percentile(seen.took, 1) for seen in some):.1f}"]
            for kind, some in rounds.items()
        ],
    )  # fmt: skip
    print()
    parts = [list(zip(*seen.parts(), strict=True)) for seen in rounds["first change after quiet"]]
    names = ("worker → Redis", "Redis → browser", "browser → DOM")
    show_table(
        ["part of the way, ms", "p50", "p90", "p99"],
        [[name, *(f"{typical([p[n] for p in parts], share):.1f}" for share in shares)] for n, name in enumerate(names)],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--changes", type=int, default=60, help="after quiet, in each round")
    parser.add_argument("--seconds", type=float, default=10.0, help="of steady changes in each round")
    parser.add_argument("--rows", type=int, default=20)
    parser.add_argument("--rate", type=float, default=50.0, help="steady changes a second, over all rows")
    show(asyncio.run(measure(parser.parse_args())))


if __name__ == "__main__":
    main()
