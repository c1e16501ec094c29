"""The page that makes links to one job's bar, and the same for programs."""

from __future__ import annotations

import html
import re
import time
from typing import Any

import pytest
from board import Client, MakeClient
from click.testing import CliRunner, Result
from yarl import URL

from arqboard.protocol import Keys
from arqboard.protocol.commands import Commands, Submission
from arqboard.protocol.widget import Grant, Show
from arqboard_dashboard.cli import main

SECRET = "s" * 40


@pytest.fixture
async def board(make_client: MakeClient, commands: Commands) -> Client:
    await commands.submit(Submission(function="f", queue="arq:queue", payload=b"p", job_id="a/b"))
    return await make_client(widget_secret=SECRET, widget_origins="https://shop.example.com")


def shown(text: str, name: str) -> str:
    """What is in the box of that name, as somebody copies it."""
    found = re.search(rf'<pre [^>]*aria-labelledby="h-{name}"[^>]*>(.*?)</pre>', text, re.DOTALL)
    assert found is not None
    return html.unescape(found[1])


def grant_in(link: str) -> Grant:
    url = URL(link, encoded=True)
    return Grant.read(URL(url.raw_parts[-1], encoded=True).path, url.query, (SECRET,))


async def page(client: Client, query: str = "", status: int = 200) -> str:
    answer = await client.get(URL(f"/jobs/a%2Fb/share{query}", encoded=True))
    assert answer.status == status
    return await answer.text()


async def test_the_page_of_a_job_leads_to_it(board: Client) -> None:
    text = await (await board.get(URL("/jobs/a%2Fb", encoded=True))).text()

    assert 'href="/jobs/a%2Fb/share"' in text


async def test_it_makes_a_link_that_opens_the_bar(board: Client) -> None:
    link = shown(await page(board), "link")

    assert grant_in(link).show is Show.BAR
    answer = await board.get(URL(link.removeprefix(str(board.make_url("/")).rstrip("/")), encoded=True))
    assert answer.status == 200
    assert 'data-state="queued"' in await answer.text()


async def test_what_was_chosen_is_in_the_address_and_in_the_lines(board: Client) -> None:
    chosen = "?expires=7d&show=steps&label=Your+%22video%22&theme=dark&accent=%23C2410C&compact=1&plain=1"

    text = await page(board, chosen)

    grant = grant_in(shown(text, "link"))
    assert (grant.job_id, grant.show, grant.label) == ("a/b", Show.STEPS, 'Your "video"')
    assert 'data-theme="dark" data-accent="c2410c" data-compact="1" data-plain="1" async' in shown(text, "script")
    assert "theme=dark&amp;accent=c2410c&amp;compact=1&amp;plain=1" in shown(text, "iframe")
    assert re.search(r'<option value="7d" selected>', text)
    assert re.search(r'name="compact" value="1" checked', text)


async def test_the_preview_may_be_framed_here_and_nothing_else_may(board: Client) -> None:
    answer = await board.get(URL("/jobs/a%2Fb/share", encoded=True))

    assert answer.headers["Content-Security-Policy"].endswith("; frame-src 'self'")
    assert "frame-src" not in (await board.get("/jobs")).headers["Content-Security-Policy"]


async def test_who_may_frame_nothing_is_told(make_client: MakeClient, board: Client) -> None:
    lonely = await make_client(widget_secret=SECRET)

    assert "set ARQBOARD_WIDGET_ORIGINS" in await page(lonely)
    assert "set ARQBOARD_WIDGET_ORIGINS" not in await page(board)


async def test_without_a_secret_it_says_how_to_turn_it_on(make_client: MakeClient, board: Client) -> None:
    off = await make_client()
    text = await page(off)

    assert "ARQBOARD_WIDGET_SECRET=" in text
    assert "/widget/" not in text


@pytest.mark.parametrize(
    "wrong", ["expires=2d", "show=everything", "label=a%0ab", "label=" + "x" * 101, "accent=red", "theme=x"]
)
async def test_what_can_not_be_chosen_is_named(board: Client, wrong: str) -> None:
    await page(board, f"?{wrong}", status=422)


async def test_a_job_that_is_not_there_has_no_link(board: Client) -> None:
    assert (await board.get("/jobs/nope/share")).status == 404
    assert (await board.post("/api/v1/jobs/nope/widget", json={})).status == 404


async def test_strangers_make_no_links(make_client: MakeClient) -> None:
    board = await make_client(widget_secret=SECRET, token="t" * 20)

    assert (await board.get("/jobs/j1/share", allow_redirects=False)).status == 303
    assert (await board.post("/api/v1/jobs/j1/widget", json={})).status == 401


# Programs


async def ask(client: Client, body: Any, status: int = 200) -> Any:
    answer = await client.post(URL("/api/v1/jobs/a%2Fb/widget", encoded=True), json=body)
    assert answer.status == status
    return await answer.json()


async def test_a_program_gets_the_same(board: Client) -> None:
    told = await ask(board, {"expires": 60, "show": "outcome", "label": "x"})

    grant = grant_in(told["url"])
    assert (grant.job_id, grant.show, grant.label) == ("a/b", Show.OUTCOME, "x")
    assert html.escape(told["url"]) in told["script"] and html.escape(told["url"]) in told["iframe"]
    assert told["expires"].endswith("Z")


async def test_a_program_that_says_nothing_gets_the_bar_for_an_hour(board: Client) -> None:
    answer = await board.post(URL("/api/v1/jobs/a%2Fb/widget", encoded=True))

    assert grant_in((await answer.json())["url"]).show is Show.BAR


@pytest.mark.parametrize(
    ("body", "field"),
    [({"expires": 0}, "expires"), ({"expires": "1h"}, "expires"), ({"expires": 10**9}, "expires"),
     ({"show": "all"}, "show"), ({"label": "a\nb"}, "label"), ({"label": "x" * 101}, "label"),
     ({"theme": "x"}, "theme")],
)  # fmt: skip
async def test_a_mistake_is_named(board: Client, body: Any, field: str) -> None:
    assert (await ask(board, body, 422))["error"]["field"] == field


async def test_a_program_is_told_that_links_are_off(make_client: MakeClient, board: Client, keys: Keys) -> None:
    off = await make_client()

    assert (await ask(off, {}, 409))["error"]["code"] == "widgets_off"


# The command line


def run(*words: str, secret: str = SECRET) -> Result:
    return CliRunner().invoke(main, ["widget", *words], env={"ARQBOARD_WIDGET_SECRET": secret})


def test_the_command_prints_a_link() -> None:
    done = run("j1", "--base", "https://ops.example.com", "--expires", "2d", "--show", "steps", "--label", "x")

    assert done.exit_code == 0
    grant = grant_in(done.output.strip())
    assert (grant.job_id, grant.show, grant.label) == ("j1", Show.STEPS, "x")
    assert 2 * 86400 - 10 < grant.until - time.time() <= 2 * 86400 + 1


@pytest.mark.parametrize("span", ["", "1", "h", "1.5h", "-1h", "0s", "400d", "1 h", "9999999s"])
def test_a_span_that_is_none_is_told(span: str) -> None:
    done = run("j1", "--base", "https://ops.example.com", "--expires", span)

    assert (done.exit_code, "expires:" in done.output) == (1, True)


def test_without_a_secret_the_command_says_which_one_it_wants() -> None:
    done = run("j1", "--base", "https://ops.example.com", secret="")

    assert (done.exit_code, "ARQBOARD_WIDGET_SECRET" in done.output) == (1, True)
