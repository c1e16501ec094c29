"""All that matches as a file: whole, in bounded memory, and harmless to a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from board import Client
from redis.exceptions import ConnectionError as LostConnection

from arqboard.protocol import Keys
from arqboard.protocol import listing as listing_module
from arqboard.protocol.commands import Commands, Submission
from arqboard_dashboard.appkeys import READER
from arqboard_dashboard.exporting import COLUMNS, cell


async def put(commands: Commands, n: int, function: str = "resize", args: str = "[]") -> None:
    for i in range(n):
        await commands.submit(Submission(function, "q", b"p", job_id=f"{function}{i:04}", args=args))


async def lines(client: Client, **query: str) -> list[dict[str, str]]:
    answer = await client.get("/jobs/export.csv", params=query)
    assert answer.status == 200
    return list(csv.DictReader(io.StringIO(await answer.text())))


async def test_every_job_is_in_the_file_once(client: Client, commands: Commands) -> None:
    await put(commands, 450)
    await put(commands, 5, "total")

    found = await lines(client, function="resize")
    assert [line["id"] for line in found] == [f"resize{i:04}" for i in range(449, -1, -1)]
    assert list(found[0]) == list(COLUMNS)
    assert (found[0]["state"], found[0]["queue"]) == ("queued", "q")


async def test_a_search_is_followed_to_its_end(
    client: Client, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing_module, "MAX_LOOKED", 100)
    await put(commands, 3, "needle")
    await put(commands, 300)

    assert [line["function"] for line in await lines(client, q="fn:need*")] == ["needle"] * 3


async def test_json_is_what_the_api_says(client: Client, commands: Commands) -> None:
    await put(commands, 3, args='["ü"]')

    answer = await client.get("/jobs/export.json")
    found = json.loads(await answer.text())
    listed = (await (await client.get("/api/v1/jobs")).json())["jobs"]

    assert answer.content_type == "application/json"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="jobs-')
    assert found == listed
    assert json.loads(await (await client.get("/jobs/export.json?q=nothing")).text()) == []


@pytest.mark.parametrize("text", ['=HYPERLINK("http://x")', "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
async def test_no_cell_is_a_formula(client: Client, commands: Commands, redis: Any, keys: Keys, text: str) -> None:
    await put(commands, 1)
    await redis.hset(keys.job("resize0000"), mapping={"worker": text, "error_type": text, "error": text})

    [line] = await lines(client)
    for column in ("worker", "error_type", "error"):
        assert line[column].startswith("'")


def test_numbers_stay_numbers() -> None:
    assert (cell(-5), cell(None), cell("plain"), cell("")) == ("-5", "", "plain", "")


async def test_a_record_that_cannot_be_read_is_a_line_of_its_own(
    client: Client, commands: Commands, redis: Any, keys: Keys
) -> None:
    await put(commands, 2)
    await redis.hset(keys.job("resize0001"), "state", "confused")

    assert [(line["id"], line["state"]) for line in await lines(client)] == [
        ("resize0001", "unreadable"), ("resize0000", "queued"),
    ]  # fmt: skip


async def test_a_bad_filter_is_told_and_not_written_into_a_file(client: Client) -> None:
    answer = await client.get("/jobs/export.csv?q=foo:bar")

    assert answer.status == 422
    assert "Content-Disposition" not in answer.headers


async def test_a_file_that_breaks_off_does_not_look_whole(
    client: Client, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    import aiohttp

    await put(commands, 450)
    read = client.app[READER].page

    async def broken(query: Any) -> Any:
        if query.after is not None:
            raise LostConnection("gone")
        return await read(query)

    monkeypatch.setattr(client.app[READER], "page", broken)
    with pytest.raises(aiohttp.ClientError):
        await (await client.get("/jobs/export.csv")).read()
