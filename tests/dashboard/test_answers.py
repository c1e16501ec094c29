"""Errors say what is wrong and what to do, in the form that was asked for, and give nothing away."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from board import Client, MakeClient
from fleet import Server

from arqboard.protocol import Reader
from arqboard_dashboard.appkeys import READER

NOWHERE = "redis://me:hunter2@127.0.0.1:1/0"


@pytest.fixture
async def adrift(make_client: MakeClient) -> Client:
    """A dashboard whose Redis is not there."""
    client: Client = await make_client(redis_url=NOWHERE, redis=None)
    return client


async def test_without_redis_a_page_says_which_redis_and_tries_again(adrift: Client) -> None:
    answer = await adrift.get("/jobs")

    text = await answer.text()
    assert (answer.status, answer.content_type) == (503, "text/html")
    assert answer.headers["Retry-After"] == "2"
    assert "127.0.0.1:1/0" in text
    assert "refused" in text or "Connect call failed" in text
    assert "hunter2" not in text


async def test_without_redis_the_api_says_so_too(adrift: Client) -> None:
    for path in ("/api/v1/jobs", "/api/v1/jobs/x", "/api/v1/functions", "/healthz"):
        answer = await adrift.get(path)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
        assert (await answer.json())["error"]["code"] == "redis_unavailable"
    answer = await adrift.post("/api/v1/jobs", json={"function": "x"})
    assert answer.status == 503


async def test_a_redis_that_hangs_is_not_waited_for(make_client: MakeClient, tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.start()
    try:
        client = await make_client(redis_url=server.url, redis=None)
        assert (await client.get("/jobs")).status == 200
        server.hang()  # it accepts connections and says no more
        async with asyncio.timeout(60):
            answers = await asyncio.gather(*(client.get(path) for path in ("/jobs", "/jobs/x", "/api/v1/jobs") * 4))
        assert {answer.status for answer in answers} == {503}
    finally:
        server.kill()


async def test_a_bug_shows_a_number_and_the_log_the_rest(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(self: Reader, *_: Any) -> None:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(type(client.app[READER]), "page", broken)
    for path in ("/jobs", "/api/v1/jobs"):
        with caplog.at_level(logging.ERROR):
            answer = await client.get(path)
        text = await answer.text()
        number = answer.headers["X-Request-Id"]
        assert answer.status == 500
        assert number in text
        assert number in caplog.text
        assert "secret" not in text
        assert "Traceback" not in text
        assert "the secret inside" in caplog.text


async def test_who_asks_for_json_gets_json_from_pages_too(client: Client) -> None:
    answer = await client.get("/jobs/nobody", headers={"Accept": "application/json"})

    assert (answer.status, (await answer.json())["error"]["code"]) == (404, "job_not_found")


async def test_what_was_asked_for_is_shown_as_text_only(client: Client) -> None:
    answer = await client.get("/jobs/%3Cscript%3Ealert(1)%3C%2Fscript%3E")

    assert answer.status == 404
    assert "<script>alert" not in await answer.text()
