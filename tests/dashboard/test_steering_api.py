"""The JSON API of what people do to one job: chunks, time, stack, children; and what it refuses."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from board import Client
from waiting import eventually

from arqboard.protocol import Keys, Reader, State
from arqboard.protocol.commands import Commands

from .test_job import chunked, ended, logged, queued, running


async def post(client: Client, path: str, body: Any = None, status: int = 202) -> Any:
    answer = (
        await client.post(f"/api/v1/jobs/j1/{path}", json=body)
        if body is not None
        else await client.post(f"/api/v1/jobs/j1/{path}", headers={"Content-Type": "application/json"})
    )
    assert answer.status == status, await answer.text()
    return await answer.json()


async def get(client: Client, path: str, status: int = 200) -> Any:
    answer = await client.get(f"/api/v1/jobs/j1/{path}")
    assert answer.status == status, await answer.text()
    return await answer.json()


async def test_chunks_are_listed_by_state_page_by_page(client: Client, commands: Commands) -> None:
    await chunked(commands, "dfdfrf..")
    first = await get(client, "chunks?state=failed&limit=2")
    assert [(c["number"], c["state"]) for c in first["chunks"]] == [(2, "failed"), (4, "failed")]
    rest = await get(client, f"chunks?state=failed&start={first['next']}")
    assert ([c["number"] for c in rest["chunks"]], rest["next"], rest["total"]) == ([6], None, 8)
    assert "OSError" in rest["chunks"][0]["error"]
    problem = await get(client, "chunks?state=lost", 422)
    assert problem["error"]["field"] == "state"


async def test_failed_chunks_are_run_again_and_others_skipped(
    client: Client, commands: Commands, reader: Reader
) -> None:
    await ended(commands, await chunked(commands, "dff.."))
    assert (await post(client, "chunks/skip", {"numbers": [2, 4]}, 200))["skipped"] == 2
    assert (await post(client, "chunks/skip", {"which": "waiting"}, 200))["skipped"] == 1
    assert await reader.chunk_marks("j1") == "dsfss"
    assert (await post(client, "chunks/retry", {"only_failed": True}))["state"] == "queued"
    assert (await reader.get("j1")).state is State.QUEUED


async def test_without_a_body_all_that_is_left_is_run(client: Client, commands: Commands) -> None:
    await ended(commands, await chunked(commands, "df.."))
    await post(client, "chunks/retry")


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("chunks/skip", {"which": "all"}, 422, "bad_request"), ("chunks/skip", {"numbers": [0]}, 422, "bad_request"),
        ("chunks/skip", {}, 422, "bad_request"), ("chunks/skip", {"numbers": []}, 422, "bad_request"),
        ("chunks/skip", {"which": "open", "numbers": [3]}, 422, "bad_request"),
        ("chunks/skip", {"numbers": [1]}, 409, "no_such_chunk"), ("chunks/retry", {}, 409, "wrong_state"),
        ("reschedule", {"delay": 1}, 409, "wrong_state"), ("reschedule", {}, 422, "bad_request"),
        ("reschedule", {"delay": 1, "at": "2099-01-01"}, 422, "bad_request"),
        ("reschedule", {"at": "soon"}, 422, "bad_parameter"), ("reschedule", {"delay": -1}, 422, "bad_request"),
    ],
)  # fmt: skip
async def test_what_can_not_be_done_is_refused(
    client: Client, commands: Commands, reader: Reader, path: str, body: Any, status: int, code: str
) -> None:
    await chunked(commands, "dd.")
    assert (await post(client, path, body, status))["error"]["code"] == code
    assert await reader.chunk_marks("j1") == "dd."


async def test_a_waiting_job_gets_another_time(client: Client, commands: Commands, reader: Reader) -> None:
    await queued(commands)
    told = await post(client, "reschedule", {"at": "2099-01-01T00:00:00+00:00"})
    assert (told["state"], told["run_at"]) == ("deferred", "2099-01-01T00:00:00.000Z")
    assert (await post(client, "reschedule", {"delay": 0}))["state"] == "queued"
    assert (await reader.get("j1")).state is State.QUEUED


async def test_where_a_job_stands_is_asked_of_its_worker(
    client: Client, commands: Commands, redis: Any, keys: Keys
) -> None:
    await running(commands)
    assert (await get(client, "stack", 504))["error"]["code"] == "no_answer"
    await redis.hset(keys.worker("w1"), "pid", 1)

    async def answer() -> None:
        [[_, name]] = json.loads(await eventually(lambda: redis.hget(keys.worker("w1"), "asked")))
        picture = {"kind": "loop", "frames": [["/srv/a.py", 7, "work", "await x"]], "beside": [], "blocked": []}
        await redis.rpush(keys.answer(name), json.dumps(picture))

    answering = asyncio.create_task(answer())
    told = await get(client, "stack")
    await answering
    assert told == {
        "kind": "loop", "beside": [], "blocked": [],
        "frames": [{"file": "/srv/a.py", "line": 7, "function": "work", "source": "await x"}],
    }  # fmt: skip


async def test_a_log_is_read_backwards_and_searched(client: Client, commands: Commands) -> None:
    await logged(commands, await running(commands), 9)
    last = await get(client, "logs?before=%2B&limit=2&level=warning")
    assert [line["level"] for line in last["lines"]] == ["WARNING", "ERROR"]
    before = await get(client, f"logs?before={last['before']}&limit=100")
    assert (len(before["lines"]), before["before"]) == (7, None)
    found = await get(client, "logs?q=%3E7%3C")
    assert [line["message"] for line in found["lines"]] == ["line <i>7</i>"]


@pytest.mark.parametrize(
    "path", ["logs?before=x", "logs?after=x", "logs?level=loud", "logs?limit=0", "chunks?start=x", "chunks?limit=1001"]
)
async def test_a_bad_parameter_is_named(client: Client, commands: Commands, path: str) -> None:
    await running(commands)
    error = (await get(client, path, 422))["error"]
    assert (error["code"], error["field"]) == ("bad_parameter", path.partition("?")[2].partition("=")[0])


async def test_children_are_told(client: Client, commands: Commands) -> None:
    await running(commands)
    await queued(commands, "child", parent="j1")
    told = await get(client, "children")
    assert ([job["id"] for job in told["jobs"]], told["workflows"], told["total"]) == (["child"], [], 1)
