"""Read the pages of a website, four at once, past those that fail."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Annotated, Any

from aiohttp import ClientError, ClientSession, ClientTimeout
from pydantic import Field

from arqboard import Backoff, chunks, task

logger = logging.getLogger(__name__)


@task(max_tries=3, retry_on=(ClientError, TimeoutError), backoff=Backoff(base=1), timeout=300, concurrency=2)
async def scrape_pages(
    ctx: dict[str, Any],
    pages: Annotated[int, Field(ge=1, le=1000)] = 20,
    pause: Annotated[float, Field(ge=0, le=10)] = 0.2,
) -> dict[str, Any]:
    """Collect the titles of a website's articles.

    The index says which there are. A page that can't be read is a failed chunk and a line in the log, the others go
    on. No more than two such jobs run at once, over all workers, to be kind to the site. `pause` follows each page.
    """
    database: Path = ctx["data"] / "articles.sqlite"
    async with ClientSession(ctx["website"], raise_for_status=True, timeout=ClientTimeout(total=10)) as session:
        links = Page.parse(await fetch(session, f"/articles?count={pages}")).links

        async def scrape(chunk: Sequence[str]) -> None:
            for path in chunk:
                await asyncio.to_thread(store, database, path, await read(session, path))
                await asyncio.sleep(pause)

        summary = await chunks.each(scrape, links, size=1, concurrency=4, on_error="continue", unit="pages")
    return {
        "pages": summary.done,
        "failed": [f"{links[index]}: {why}" for index, why in sorted(summary.errors.items())],
        **await asyncio.to_thread(report, database, links),
    }


class Page(HTMLParser):
    """What a page says of itself: its title, its words, and where it links to."""

    def __init__(self) -> None:
        super().__init__()
        self.title, self.words = "", 0
        self.links: list[str] = []
        self._is_in_title = False

    @classmethod
    def parse(cls, html: str) -> Page:
        page = cls()
        page.feed(html)
        page.close()
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_in_title = tag == "title"
        href = dict(attrs).get("href") if tag == "a" else None
        if href:
            self.links.append(href)

    def handle_endtag(self, tag: str) -> None:
        self._is_in_title = False

    def handle_data(self, data: str) -> None:
        if self._is_in_title:
            self.title += data
        else:
            self.words += len(data.split())


async def fetch(session: ClientSession, path: str) -> str:
    async with session.get(path) as answer:
        return await answer.text()


async def read(session: ClientSession, path: str) -> Page:
    try:
        page = Page.parse(await fetch(session, path))
    except (ClientError, TimeoutError) as error:
        logger.warning("%s can't be read: %s", path, error or type(error).__name__)
        raise
    logger.info("%s has %s words: %s", path, page.words, page.title)
    return page


def store(database: Path, path: str, page: Page) -> None:
    with opened(database) as db, db:
        db.execute("INSERT OR REPLACE INTO article VALUES (?, ?, ?)", (path, page.title, page.words))


def report(database: Path, links: Sequence[str]) -> dict[str, Any]:
    """Of these pages, also those that an earlier attempt has read."""
    with opened(database) as db:
        known = {path: (title, words) for path, title, words in db.execute("SELECT path, title, words FROM article")}
    found = [known[path] for path in links if path in known]
    return {"words": sum(words for _, words in found), "titles": [title for title, _ in found[:10]]}


@contextmanager
def opened(database: Path) -> Generator[sqlite3.Connection]:
    with closing(sqlite3.connect(database, timeout=30)) as db:
        db.execute("CREATE TABLE IF NOT EXISTS article (path TEXT PRIMARY KEY, title TEXT, words INTEGER)")
        yield db
