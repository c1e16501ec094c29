"""Takes pictures of the real thing: `arqboard up` on a free port, demo jobs, Chromium.

    python docs/screenshots.py

It takes some minutes. Those that the README and the guide show go into docs/images; every page in light and dark, wide
and on a phone, goes into tests/artefacts.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Literal
from urllib.error import HTTPError

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

IMAGES = Path(__file__).parent / "images"
ARTEFACTS = Path(__file__).parents[1] / "tests" / "artefacts" / "screenshots"
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
DESKTOP, TABLET = ViewportSize(width=1440, height=900), ViewportSize(width=768, height=1024)
PHONE = ViewportSize(width=390, height=844)
#: Lists, and how the addresses of the pages begin that they lead to.
LISTS = {name: f"/{name}/" for name in ("workflows", "queues", "workers", "schedules", "failures")}
LISTS |= {"system": "/system/key?", "system/keys": "/system/keys?"}
#: As root in a container Chromium needs no-sandbox.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb"]
MAX_BYTES = 250_000
#: Chunks beside each other and one job that gets what came of them; the worker has slots left for the others.
CHORD = {
    "chord": {
        "group": [{"function": "process_chunk", "kwargs": {"chunk_id": number, "pause": 3}} for number in range(4)],
        "then": {"function": "finalize"},
    },
    "name": "four_chunks",
}

#: What a night at a shop could be: an import, then four branches beside each other, then a mailing and a report.
NIGHT = {
    "chain": [
        {"function": "import_csv", "kwargs": {"rows": 5000, "bad_every": 0, "pause": 0}},
        {
            "group": [
                {
                    "chain": [
                        {"function": "resize_images", "kwargs": {"count": 6, "width": 320, "pause": 0}, "fed": False},
                        {"function": "resize_images", "kwargs": {"count": 40, "width": 1024, "pause": 1}, "fed": False},
                    ]
                },
                {
                    "chain": [
                        {"function": "scrape_pages", "kwargs": {"pages": 80, "pause": 2.5}, "fed": False},
                        {"function": "upload_file", "fed": False},
                    ]
                },
                {"function": "export_csv", "kwargs": {"rows": 60_000, "pause": 1}, "fed": False},
                *(
                    {"function": "generate_report", "kwargs": {"user_id": n, "pause": n / 3}, "fed": False}
                    for n in range(1, 9)
                ),
            ]
        },
        {"function": "send_newsletter", "kwargs": {"recipients": 1500}, "fed": False},
        {"function": "daily_report", "fed": False},
    ],
    "name": "nightly_close",
}


class Board:
    """The dashboard that runs, asked over its JSON API."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.url}/api/v1{path}", data, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
            return json.load(answer)

    def submit(self, function: str, *, defer_by: float | None = None, **kwargs: Any) -> str:
        body = {"function": function, "kwargs": kwargs, "defer_by": defer_by}
        return str(self.ask("POST", "/jobs", body)["id"])

    def job(self, job_id: str) -> Any:
        """None before its workflow has come to it."""
        try:
            return self.ask("GET", f"/jobs/{job_id}")
        except HTTPError as error:
            if error.code == 404:
                return None
            raise

    def wait(self, job_id: str, wanted: Callable[[Any], bool]) -> None:
        """Until the job is as wanted. Raises TimeoutError after two minutes."""
        end = time.monotonic() + 120
        while (job := self.job(job_id)) is None or not wanted(job):
            if time.monotonic() > end:
                raise TimeoutError(f"{job_id} is still {job}")
            time.sleep(0.1)

    def wait_for_state(self, job_id: str, *states: str) -> None:
        self.wait(job_id, lambda job: job["state"] in states)

    def wait_for_chunks(self, job_id: str, done: int) -> None:
        self.wait(job_id, lambda job: job["progress"]["chunks"]["done"] >= done)


@contextmanager
def running() -> Iterator[Board]:
    """`arqboard up` with a data folder that is gone afterwards."""
    port = free_port()
    program = str(Path(sys.executable).with_name("arqboard"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ARQBOARD_", "REDIS_"))}
    with (
        tempfile.TemporaryDirectory(prefix="arqboard-") as folder,
        subprocess.Popen(  # noqa: S603 - our own command
            [program, "up", "--port", str(port), "--data", folder], env=environment, stdout=subprocess.PIPE, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            if not any("Press Ctrl-C" in line for line in process.stdout):
                raise RuntimeError("arqboard up did not start")
            yield Board(port)
        finally:
            process.terminate()
            process.wait(30)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def fill(board: Board) -> str:
    """Jobs in every state. Returns the one to look at: aborted once, retried, and in the middle of its chunks."""
    board.ask("POST", "/workflows", CHORD)
    board.submit("flaky_download", kilobytes=400, failures=10, seconds=0.5)
    for width in (320, 640):
        board.wait_for_state(board.submit("resize_images", count=12, width=width, pause=0), "succeeded")
    board.wait_for_state(board.submit("import_csv", rows=20_000, pause=0), "succeeded")
    board.wait_for_state(board.submit("send_newsletter", recipients=800, pause=0, connections=4), "succeeded")
    abort_at(board, board.submit("import_csv", rows=50_000, pause=0.2), 5)
    hero = board.submit("import_csv", rows=100_000, pause=0.5)
    abort_at(board, hero, 28)
    flaky = board.submit("flaky_download", kilobytes=2_000, failures=5, seconds=2)
    board.submit("resize_images", count=90, width=1024, pause=1.0)
    board.submit("send_newsletter", subject="Spring sale", recipients=5000, defer_by=3600)
    board.submit("send_newsletter", subject="What is new this week", recipients=2500, bad_every=700, pause=0.03)
    board.ask("POST", f"/jobs/{hero}/retry")
    board.wait(flaky, lambda job: job["state"] == "retrying" and job["tries"] == 4)
    return hero


def abort_at(board: Board, job_id: str, chunks: int) -> None:
    board.wait_for_chunks(job_id, chunks)
    board.ask("POST", f"/jobs/{job_id}/abort")
    board.wait_for_state(job_id, "aborted")


def take_all(browser: Browser, board: Board) -> None:
    night = str(board.ask("POST", "/workflows", NIGHT)["id"])
    board.wait(f"{night}.3", lambda job: (job["progress"]["chunks"] or {"done": 0})["done"] >= 3)
    take(browser, board, f"/workflows/{night}?show=graph", "workflow-light")
    hero = fill(board)
    take(browser, board, "/jobs", "jobs-light")
    take(browser, board, f"/jobs/{hero}", "job-dark", scheme="dark", until="running 1")
    take(browser, board, f"/jobs/{hero}", "job-phone", size=PHONE, scale=2, until="running 1")
    take(browser, board, "/jobs/new?fn=import_csv&arg.rows=20000", "new-light", opened="#options, #code")
    take_every_page(browser, board, hero)


def take_every_page(browser: Browser, board: Board, hero: str) -> None:
    """All of them as people see them: both themes, wide, on a tablet and on a phone, whole."""
    pages = {"jobs": "/jobs", "job": f"/jobs/{hero}", "new": "/jobs/new?fn=import_csv", "preferences": "/preferences"}
    for name, below in LISTS.items():
        pages[name.replace("/", "-")] = f"/{name}"
        pages[f"{name.replace('/', '-')}-one"] = first_in(browser, board, f"/{name}", below)
    for name, path in pages.items():
        for scheme in SCHEMES:
            for size in (DESKTOP, TABLET, PHONE):
                take(browser, board, path, f"{name}-{scheme}-{size['width']}", scheme=scheme, size=size, whole=True)


def first_in(browser: Browser, board: Board, path: str, below: str) -> str:
    """What the first link on this page leads to that goes further down."""
    with browser.new_page() as page:
        page.goto(board.url + path)
        return str(page.locator(f"main a[href^='{below}']").first.get_attribute("href"))


def take(
    browser: Browser,
    board: Board,
    path: str,
    name: str,
    *,
    scheme: Scheme = "light",
    size: ViewportSize = DESKTOP,
    scale: int = 1,
    opened: str = "",
    until: str = "",
    whole: bool = False,
) -> None:
    """One picture. `opened` selects the folded parts that are to be open; `until` is what the page has to say; `whole`
    ones are of the page at any length, and go to the artefacts."""
    context = browser.new_context(
        viewport=size, device_scale_factor=scale, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(board.url + path)
    expect(page.locator("[data-live-state]").first).to_have_attribute("data-live-state", "live")
    for part in page.locator(opened).all() if opened else []:
        part.locator("summary").click()
    settle(page)
    expect(page.locator("#page")).to_contain_text(until)
    if whole:
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": size["width"], "height": height})  # rows out of sight are not painted
        settle(page)
        page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)
    else:
        save(page.screenshot(), IMAGES / f"{name}.png")
    context.close()


def settle(page: Page) -> None:
    """Fonts are there, a few live changes have come in, and nothing is pointed at."""
    page.evaluate("document.fonts.ready")
    page.mouse.move(0, 0)
    page.wait_for_timeout(1500)


def save(png: bytes, path: Path) -> None:
    """Without an alpha channel and packed well; no colour is changed."""
    path.parent.mkdir(exist_ok=True)
    with Image.open(BytesIO(png)) as picture:
        picture.convert("RGB").save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size // 1000} kB")
    if path.stat().st_size > MAX_BYTES:
        raise RuntimeError(f"{path} has more than {MAX_BYTES} bytes")


def main() -> None:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with running() as board, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        take_all(browser, board)
        browser.close()


if __name__ == "__main__":
    main()
