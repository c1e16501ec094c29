"""Bars in other people's pages: what a link opens, to whom, what it says, and what it never says."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSServerHandshakeError
from board import Client, MakeClient, closed, hear, own_origin
from waiting import eventually
from yarl import URL

from arqboard.protocol import Keys
from arqboard.protocol.commands import Commands, Submission
from arqboard.protocol.widget import Grant, Show
from arqboard.widget import link
from arqboard_dashboard.appkeys import HUB, VIEWERS
from arqboard_dashboard.settings import BadSettings, Settings

SECRET = "s" * 40
APP = "https://shop.example.com"


@pytest.fixture
async def board(make_client: MakeClient) -> Client:
    """A dashboard that strangers can't enter, with bars that the shop may frame."""
    return await make_client(widget_secret=SECRET, widget_origins=APP, password="open sesame")


@pytest.fixture
async def job(commands: Commands) -> str:
    """A job whose every text is a secret."""
    call = Submission(
        function="charge_card", queue="arq:queue", payload=b"p", job_id="j1", args='["secret-argument"]',
        kwargs='{"card": "secret-keyword"}',
    )  # fmt: skip
    await commands.submit(call)
    return "j1"


def path(job_id: str = "j1", **given: Any) -> URL:
    """The address of a bar in the dashboard."""
    return URL(link(job_id, secret=SECRET, base="http://x", **given).removeprefix("http://x"), encoded=True)


def socket_path(**given: Any) -> URL:
    return URL("/ws" + str(path(**given)), encoded=True)


def expired(by: int = 1) -> URL:
    return URL(Grant("j1", int(time.time()) - by).path(SECRET), encoded=True)


async def test_a_link_opens_the_bar_of_its_job_to_who_has_no_account(board: Client, job: str) -> None:
    answer = await board.get(path())

    assert answer.status == 200
    text = await answer.text()
    assert "Waiting to start" in text
    assert 'data-state="queued"' in text
    assert "Set-Cookie" not in answer.headers
    assert not board.session.cookie_jar


async def test_it_opens_nothing_else(board: Client, job: str) -> None:
    await board.get(path())

    for behind in ("/jobs", "/jobs/j1", "/api/v1/jobs/j1", "/jobs/j1/share"):
        assert (await board.get(behind, allow_redirects=False)).status in (303, 401)


@pytest.mark.parametrize("show", list(Show))
async def test_nothing_of_the_call_is_told(board: Client, job: str, show: Show) -> None:
    text = await (await board.get(path(show=show))).text()

    assert "secret" not in text.replace(SECRET, "")
    assert "charge_card" not in text
    assert "arq:queue" not in text


async def fill(redis: Any, keys: Keys, **fields: Any) -> None:
    """Let the record of the job say this."""
    await redis.hset(keys.job("j1"), mapping=fields)


RUNNING = {
    "state": "running", "started": 1, "attempt": 1, "worker": "", "reported": 5000, "base_at": 1000, "base_done": 0,
    "done": 31, "total": 48, "unit": "files", "note": "order of ada@example.org", "phase": "Encoding",
}  # fmt: skip


async def test_how_much_is_told_is_signed(board: Client, job: str, redis: Any, keys: Keys) -> None:
    await fill(redis, keys, **RUNNING)

    bar = await (await board.get(path(show="bar"))).text()
    steps = await (await board.get(path(show="steps"))).text()

    assert "64%" in bar and "2 s left" in bar
    assert not [word for word in ("ada@example.org", "Encoding", "files", "31 / 48") if word in bar]
    assert all(word in steps for word in ("64%", "ada@example.org", "Encoding", "31 / 48 files"))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"state": "failed", "error_type": "CardError", "error": "card 4111 <b>no</b>", "ended": 2}, "card 4111 &lt;b"),
        ({"state": "succeeded", "result": '{"paid": "12.50"}', "started": 1, "ended": 2}, "12.50"),
    ],
)  # fmt: skip
async def test_what_came_of_it_is_told_where_the_link_says_so(
    board: Client, job: str, redis: Any, keys: Keys, fields: dict[str, Any], told: str
) -> None:
    await fill(redis, keys, **fields)

    for show in Show:
        assert (told in await (await board.get(path(show=show))).text()) == (show is Show.OUTCOME)


async def test_a_label_stands_over_it_as_text(board: Client, job: str) -> None:
    text = await (await board.get(path(label="<b>Your</b> video"))).text()

    assert '<h1 class="label">&lt;b&gt;Your&lt;/b&gt; video</h1>' in text


async def test_a_job_that_is_not_known_may_still_come(board: Client) -> None:
    """A job of stock arq is known once a worker has seen it, which can be after the page that shows it."""
    answer = await board.get(path("later"))

    assert answer.status == 404
    assert "Not known yet" in await answer.text()


# Refused


@pytest.mark.parametrize(
    "changed",
    ["/widget/j1", "/widget/j1?sig=", "/widget/j1?until=99999999999&sig=" + "A" * 43, "/widget/j1?until=-1&sig=x"],
)
async def test_without_a_good_signature_strangers_learn_nothing(board: Client, job: str, changed: str) -> None:
    known, unknown = await board.get(changed), await board.get(changed.replace("j1", "j2"))

    assert (known.status, unknown.status) == (403, 403)
    assert await known.text() == await unknown.text()
    assert "This link is not right" in await known.text()


async def test_the_link_of_one_job_is_not_that_of_another(board: Client, job: str) -> None:
    other = str(path("j2")).replace("/j2?", "/j1?")

    assert (await board.get(URL(other, encoded=True))).status == 403


@pytest.mark.parametrize("by", [0, 1, 10**6])
async def test_an_expired_link_says_so(board: Client, job: str, by: int) -> None:
    answer = await board.get(expired(by))

    assert answer.status == 410
    assert "This link has expired" in await answer.text()


async def test_without_a_secret_there_are_no_bars(make_client: MakeClient, job: str) -> None:
    off = await make_client()

    for address in (path(), URL("/widget.js"), URL("/widget.css")):
        assert (await off.get(address)).status == 404
    with pytest.raises(WSServerHandshakeError) as refused:
        await off.ws_connect(socket_path(), origin=own_origin(off))
    assert refused.value.status == 404


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ("theme=javascript:alert(1)", "theme"), ("theme=Dark", "theme"), ("accent=red", "accent"),
        ("accent=123456;}body{display:none", "accent"), ("accent=12345", "accent"), ("accent=123456,", "accent"),
        ("radius=25", "radius"), ("radius=-1", "radius"), ("radius=1e1", "radius"), ("radius=%D9%A3", "radius"),
        ("compact=maybe", "compact"), ("plain=2", "plain"), ("lang=xx", "lang"), ("lang=../ru", "lang"),
        ("accent=" + "1" * 5000, "accent"), ("theme=%0d%0aX-A:1", "theme"),
    ],
)  # fmt: skip
async def test_looks_that_there_are_not_are_named(board: Client, job: str, wrong: str, name: str) -> None:
    answer = await board.get(URL(f"{path()}&{wrong}", encoded=True))

    assert answer.status == 422
    text = await answer.text()
    assert "does not fit" in text or "there are" in text
    assert "X-A" not in answer.headers
    if name in ("accent", "radius"):
        assert (await board.get(URL(f"/widget.css?{wrong}", encoded=True))).status == 422


@pytest.mark.parametrize("tail", ["/../../jobs", "%2f..%2fjobs", "/live", "%00", "%ff", "\\..\\jobs"])
async def test_other_paths_lead_nowhere(board: Client, job: str, tail: str) -> None:
    address, _, query = str(path()).partition("?")
    answer = await board.get(URL(f"{address}{tail}?{query}", encoded=True), allow_redirects=False)

    assert answer.status in (303, 403, 404)
    assert "charge_card" not in await answer.text()


async def test_an_id_may_be_anything(board: Client, commands: Commands) -> None:
    for job_id in ("a/b?c#d", "ключ 7", "__proto__", "%2e%2e", "<i>", "x" * 500):
        await commands.submit(Submission(function="f", queue="arq:queue", payload=b"p", job_id=job_id))

        answer = await board.get(path(job_id))

        assert answer.status == 200
        assert 'data-state="queued"' in await answer.text()


# Headers


async def test_the_pages_that_may_frame_it_are_named_and_no_others(board: Client, job: str) -> None:
    for address in (path(), expired(), URL("/widget/j1"), URL(f"{path()}&theme=x", encoded=True)):
        headers = (await board.get(address)).headers
        policy = headers["Content-Security-Policy"]
        assert policy.endswith(f"frame-ancestors 'self' {APP}")
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';")
        assert "X-Frame-Options" not in headers
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"


async def test_no_other_page_may_be_framed(board: Client) -> None:
    for address in ("/jobs", "/login", "/healthz", "/nothing", "/widgets"):
        headers = (await board.get(address, allow_redirects=False)).headers
        assert headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


async def test_other_sites_can_load_the_script(board: Client) -> None:
    answer = await board.get("/widget.js")

    assert answer.status == 200
    assert answer.content_type.endswith("/javascript")
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["Cache-Control"] == "public, max-age=3600"


async def test_colours_are_a_style_sheet(board: Client) -> None:
    answer = await board.get("/widget.css?accent=%23C2410C,fb923c&radius=3")

    assert answer.content_type == "text/css"
    assert await answer.text() == ":root{--accent:light-dark(#c2410c,#fb923c);--radius:3px}\n"


@pytest.mark.parametrize(
    "origins",
    ["shop.example.com", "https://shop.example.com/", "https://a b", "https://a;script-src *", "*, https://a.example",
     "https://*", "https://*.*.example", "null", "data:", "https://a.example:99999999", "https://u@a.example"],
)  # fmt: skip
def test_what_is_no_origin_is_no_setting(origins: str) -> None:
    with pytest.raises(BadSettings, match="ARQBOARD_WIDGET_ORIGINS takes origins"):
        Settings.read(widget_origins=origins)


@pytest.mark.parametrize("origins", ["*", "https://a.example, http://localhost:3000", "https://*.Example.com", ""])
def test_origins_are_taken_one_by_one_or_all_at_once(origins: str) -> None:
    assert len(Settings.read(widget_origins=origins).widget_origins) == len([o for o in origins.split(",") if o])


@pytest.mark.parametrize("secret", ["short", f"{SECRET},short", "x" * 31])
def test_a_secret_that_can_be_guessed_is_no_setting(secret: str) -> None:
    with pytest.raises(BadSettings, match="ARQBOARD_WIDGET_SECRET has to be 32 or more random characters"):
        Settings.read(widget_secret=secret)


# Live


async def watch(client: Client, **given: Any) -> ClientWebSocketResponse:
    return await client.ws_connect(socket_path(**given), origin=own_origin(client))


async def test_what_changes_is_pushed(board: Client, job: str, commands: Commands) -> None:
    ws = await watch(board, show="outcome")

    await hear(ws, "patch", 'data-state="queued"')
    await commands.abort("j1")

    told = await hear(ws, "patch", 'data-state="aborted"')
    assert "data-over" in told["content"]
    assert "secret" not in json.dumps(told)


async def test_a_job_that_comes_later_comes_by_itself(board: Client, commands: Commands) -> None:
    ws = await watch(board)
    await hear(ws, "ready")

    await commands.submit(Submission(function="f", queue="arq:queue", payload=b"p", job_id="j1"))

    await hear(ws, "patch", 'data-state="queued"')


async def test_it_speaks_the_language_of_the_page(board: Client, job: str) -> None:
    address = socket_path().update_query(lang="ru")
    ws = await board.ws_connect(address, origin=own_origin(board))

    assert "Waiting" not in (await hear(ws, "patch"))["content"]


async def test_the_socket_closes_when_the_link_expires(board: Client, job: str) -> None:
    ws = await watch(board, expires=timedelta(seconds=1))

    assert await closed(ws) == 4410


@pytest.mark.parametrize(
    "message",
    ['{"t":"watch","live":{"row:j2":0}}', '{"t":"hello","p":1,"live":{"kpis":0},"b":""}', "{", "[]", "x" * 300,
     '{"t":"ack","seq":"1"}'],
)  # fmt: skip
async def test_it_takes_nothing_but_acknowledgements(board: Client, job: str, message: str) -> None:
    ws = await watch(board)
    await ws.send_str(message)

    assert await closed(ws) in (4400, 1009)
    assert await eventually(lambda: board.app[HUB].sockets == 0)
    assert await eventually(lambda: board.app[VIEWERS].open == 0)


async def test_a_flood_of_acknowledgements_ends_it(board: Client, job: str) -> None:
    ws = await watch(board)
    for _ in range(100):
        await ws.send_json({"t": "ack", "seq": 1})

    assert await closed(ws) == 1008


async def test_it_watches_the_bar_and_nothing_more(board: Client, job: str) -> None:
    ws = await watch(board, show="steps")
    await hear(ws, "patch")

    assert list(board.app[HUB].topics) == ["widget-steps:j1"]


@pytest.mark.parametrize("origin", [None, "null", APP, "http://127.0.0.1:1"])
async def test_only_our_own_frame_may_open_it(board: Client, job: str, origin: str | None) -> None:
    with pytest.raises(WSServerHandshakeError) as refused:
        await board.ws_connect(socket_path(), origin=origin)

    assert refused.value.status == 403


async def test_the_socket_wants_the_same_signature(board: Client, job: str) -> None:
    for address, status in ((URL("/ws/widget/j1"), 403), (URL("/ws" + str(expired()), encoded=True), 410)):
        with pytest.raises(WSServerHandshakeError) as refused:
            await board.ws_connect(address, origin=own_origin(board))
        assert refused.value.status == status


async def test_bars_leave_half_of_all_sockets_to_those_who_work_here(make_client: MakeClient, job: str) -> None:
    board = await make_client(widget_secret=SECRET, max_sockets=4)
    open_ones = [await watch(board) for _ in range(2)]

    with pytest.raises(WSServerHandshakeError) as refused:
        await watch(board)
    assert refused.value.status == 503
    async with board.ws_connect("/ws", origin=own_origin(board)) as page:
        assert not page.closed
    await open_ones[0].close()
    assert await eventually(lambda: board.app[VIEWERS].open == 1)
    assert not (await watch(board)).closed


async def test_redis_that_is_away_is_said_without_saying_where_it_is(make_client: MakeClient) -> None:
    board = await make_client(widget_secret=SECRET, redis_url="redis://127.0.0.1:1/0", redis=None)

    answer = await board.get(path())

    assert answer.status == 503
    text = await answer.text()
    assert "comes back by itself" in text
    assert "data-retries" in text
    assert "127.0.0.1" not in text and "Redis" not in text


async def test_many_bars_of_one_job_share_a_fragment(board: Client, job: str, commands: Commands) -> None:
    sockets = [await watch(board) for _ in range(5)]
    await asyncio.gather(*(hear(ws, "patch") for ws in sockets))
    await commands.abort("j1")

    told = await asyncio.gather(*(hear(ws, "patch", "aborted") for ws in sockets))
    assert len({message["content"] for message in told}) == 1
