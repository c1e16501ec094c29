"""The JSON API of schedules, pauses, workers, retry by filter, and of a job's inside."""

from __future__ import annotations

from typing import Any

import pytest
from board import Client, MakeClient

from arqboard.protocol import FunctionInfo, Keys, Outcome
from arqboard.protocol.client import Client as Redis
from arqboard.protocol.commands import (
    ArtefactReport,
    ChunkReport,
    Claimed,
    Commands,
    Ended,
    LogReport,
    Report,
    Submission,
    renew_args,
)
from arqboard.protocol.schedule import Crontab, Every
from arqboard.protocol.schedule_record import Definition
from arqboard.protocol.schedules import Schedules
from arqboard.protocol.scripts import register

QUEUE = "arq:queue"


async def resize(ctx: dict[Any, Any], width: int = 1) -> None: ...


def submission(job_id: str, **more: Any) -> Submission:
    return Submission(function="resize", queue=QUEUE, payload=b"payload", job_id=job_id, **more)


@pytest.fixture
async def client(make_client: MakeClient, redis: Redis, commands: Commands) -> Client:
    info = FunctionInfo.of("resize", resize, queue=QUEUE)
    await redis.hset(commands.keys.functions, "resize", info.model_dump_json())
    return await make_client()


@pytest.fixture
async def schedules(redis: Redis) -> Schedules:
    store = Schedules(redis)
    await store.add(Definition("clean-up", Every(300), submission("unused")))
    await store.add(Definition("news letter/ä", Crontab("0 9 * * mon", "Europe/Berlin"), submission("unused")))
    return store


async def said(client: Client, method: str, path: str, status: int, **more: Any) -> Any:
    answer = await client.request(method, f"/api/v1{path}", **more)
    told = await answer.json() if answer.status != 204 else None
    assert answer.status == status, told
    return told


async def claimed(commands: Commands) -> list[Claimed]:
    return (await commands.claim(QUEUE, "w1", 100, lease_ms=60_000, max_crashes=3)).jobs


# Schedules


async def test_schedules_say_when_they_run(client: Client, schedules: Schedules) -> None:
    listed = (await said(client, "GET", "/schedules", 200))["schedules"]
    by_name = {schedule["name"]: schedule for schedule in listed}
    assert {"name", "spec", "next", "last", "paused"} <= by_name["clean-up"].keys()
    assert (by_name["clean-up"]["spec"], by_name["clean-up"]["last"]) == ("every 300 s", None)
    weekly = by_name["news letter/ä"]
    assert weekly["spec"] == "0 9 * * mon Europe/Berlin" and weekly["description"].startswith("At 09:00 on Monday")


async def test_one_schedule_says_its_next_times_and_what_became_of_the_last(
    client: Client, schedules: Schedules
) -> None:
    told = await said(client, "POST", "/schedules/clean-up/run", 202)
    assert told["state"] == "queued" and told["url"] == f"/api/v1/jobs/{told['id'].replace(':', '%3A')}"
    one = await said(client, "GET", "/schedules/clean-up", 200)
    assert len(one["upcoming"]) == 5 and one["upcoming"][0] == one["next"]
    assert [(run["outcome"], run["job"]) for run in one["history"]] == [("by_hand", told["id"])]
    assert (await said(client, "GET", f"/jobs/{told['id']}", 200))["function"] == "resize"


async def test_a_schedule_is_paused_and_resumed(client: Client, schedules: Schedules) -> None:
    path = "/schedules/news%20letter%2F%C3%A4"
    assert await said(client, "POST", f"{path}/pause", 202) == {"name": "news letter/ä", "paused": True}
    one = await said(client, "GET", path, 200)
    assert (one["paused"], one["next"], one["upcoming"]) == (True, None, [])
    await said(client, "POST", f"{path}/resume", 202)
    assert (await said(client, "GET", path, 200))["next"] is not None


async def test_a_schedule_of_a_program_is_deleted_and_one_of_running_code_is_not(
    client: Client, schedules: Schedules
) -> None:
    await said(client, "DELETE", "/schedules/clean-up", 204)
    await said(client, "GET", "/schedules/clean-up", 404)
    await schedules.add(Definition("coded", Every(60), submission("unused"), source="code"))
    await schedules.renew(["coded"])
    assert (await said(client, "DELETE", "/schedules/coded", 409))["error"]["code"] == "schedule_in_use"


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("DELETE", ""), ("POST", "/run"), ("POST", "/pause")])
async def test_an_unknown_schedule_is_not_found(client: Client, method: str, path: str) -> None:
    assert (await said(client, method, f"/schedules/none{path}", 404))["error"]["code"] == "schedule_not_found"


# Queues, functions, workers


async def test_a_queue_is_held_and_says_so(client: Client, commands: Commands) -> None:
    await commands.submit(submission("a"))
    assert await said(client, "POST", f"/queues/{QUEUE}/pause", 202) == {"name": QUEUE, "paused": True}
    [queue] = (await said(client, "GET", "/queues", 200))["queues"]
    assert queue["paused"] is not None and await claimed(commands) == []
    await said(client, "POST", f"/queues/{QUEUE}/resume", 202)
    [queue] = (await said(client, "GET", "/queues", 200))["queues"]
    assert queue["paused"] is None and len(await claimed(commands)) == 1


async def test_a_function_is_held_and_says_so(client: Client, commands: Commands) -> None:
    await commands.submit(submission("a"))
    await said(client, "POST", "/functions/resize/pause", 202)
    [function] = (await said(client, "GET", "/functions", 200))["functions"]
    assert function["paused"] is not None and await claimed(commands) == []
    await said(client, "POST", "/functions/resize/resume", 202)
    assert len(await claimed(commands)) == 1


async def test_a_worker_is_drained_and_says_so(client: Client, commands: Commands, redis: Redis) -> None:
    record = {"host": "h", "heartbeat": "2"}
    args = renew_args(commands.keys, "w1", QUEUE, lease_ms=10_000, record=record, tokens={})
    await register(redis, "renew")(args=args)
    assert await said(client, "POST", "/workers/w1/drain", 202) == {"id": "w1", "draining": True}
    [worker] = (await said(client, "GET", "/workers", 200))["workers"]
    assert worker["draining"] is True
    await said(client, "POST", "/workers/w1/resume", 202)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/queues/none/pause", "unknown_queue"),
        ("/queues/none/resume", "unknown_queue"),
        ("/functions/none/pause", "unknown_function"),
        ("/workers/none/drain", "worker_not_found"),
        ("/jobs/none/pause", "job_not_found"),
        ("/jobs/none/resume", "job_not_found"),
    ],
)
async def test_what_does_not_exist_cannot_be_held(client: Client, path: str, code: str) -> None:
    assert (await said(client, "POST", path, 404))["error"]["code"] == code


# Jobs


async def chunked(commands: Commands) -> Claimed:
    await commands.submit(submission("a"))
    [attempt] = await claimed(commands)
    report = Report("a", attempt.token, 2, 6, "rows", "", "")
    marks = ChunkReport(report, 3, 2, 6, {0: "d", 1: "f"}, {0: (120, ""), 1: (80, "ValueError: row 3")})
    await commands.mark([marks])
    return attempt


async def test_a_running_job_is_paused_and_resumed(client: Client, commands: Commands) -> None:
    await chunked(commands)
    told = await said(client, "POST", "/jobs/a/pause", 202)
    assert (told["state"], told["paused"]) == ("running", True)
    assert (await said(client, "GET", "/jobs/a", 200))["paused"] is not None
    await said(client, "POST", "/jobs/a/resume", 202)
    assert (await said(client, "GET", "/jobs/a", 200))["paused"] is None


async def test_a_waiting_job_cannot_be_paused(client: Client, commands: Commands) -> None:
    await commands.submit(submission("a"))
    assert (await said(client, "POST", "/jobs/a/pause", 409))["error"]["code"] == "wrong_state"


async def test_chunks_say_how_long_they_took_and_why_they_failed(client: Client, commands: Commands) -> None:
    await chunked(commands)
    told = await said(client, "GET", "/jobs/a/chunks?limit=2", 200)
    assert (told["total"], told["next"]) == (3, 2)
    assert told["chunks"] == [
        {"number": 1, "state": "done", "ms": 120, "attempt": 1, "error": None},
        {"number": 2, "state": "failed", "ms": 80, "attempt": 1, "error": "ValueError: row 3"},
    ]
    rest = await said(client, "GET", "/jobs/a/chunks?start=2", 200)
    assert [chunk["state"] for chunk in rest["chunks"]] == ["waiting"] and rest["next"] is None


async def test_the_log_is_read_on_from_where_it_was(client: Client, commands: Commands) -> None:
    attempt = await chunked(commands)
    lines = [(20, 20, "INFO", "shop", "started"), (10, 40, "ERROR", "shop", "<b>broke</b>")]
    await commands.log([LogReport("a", attempt.token, 0, lines)], keep=1000)
    first = await said(client, "GET", "/jobs/a/logs?limit=1", 200)
    assert [(line["level"], line["message"]) for line in first["lines"]] == [("INFO", "started")]
    rest = await said(client, "GET", f"/jobs/a/logs?after={first['next']}", 200)
    assert [(line["level"], line["message"]) for line in rest["lines"]] == [("ERROR", "<b>broke</b>")]
    assert (await said(client, "GET", f"/jobs/a/logs?after={rest['next']}", 200))["lines"] == []
    errors = await said(client, "GET", "/jobs/a/logs?level=error", 200)
    assert [line["message"] for line in errors["lines"]] == ["<b>broke</b>"]


@pytest.mark.parametrize(
    "query", ["logs?after=x", "logs?limit=0", "logs?level=loud", "chunks?start=-1", "chunks?limit=9999"]
)
async def test_bad_queries_are_refused(client: Client, commands: Commands, query: str) -> None:
    await chunked(commands)
    await said(client, "GET", f"/jobs/a/{query}", 422)


@pytest.mark.parametrize("what", ["logs", "chunks", "artefacts"])
async def test_an_unknown_job_has_no_inside(client: Client, what: str) -> None:
    assert (await said(client, "GET", f"/jobs/none/{what}", 404))["error"]["code"] == "job_not_found"


async def test_artefacts_are_sent_as_downloads_whatever_a_job_calls_them(client: Client, commands: Commands) -> None:
    attempt = await chunked(commands)
    hostile = ('<script>".html', "text/html", "", b"<script>alert(1)</script>")
    for name, kind, url, data in (
        ("résumé.pdf", "application/pdf", "", b"%PDF"),
        hostile,
        ("web", "", "https://e.org/1", b""),
    ):
        await commands.artefact(ArtefactReport("a", attempt.token, name, kind, url, data))
    listed = (await said(client, "GET", "/jobs/a/artefacts", 200))["artefacts"]
    assert [made["url"] for made in listed] == [
        "/api/v1/jobs/a/artefacts/1", "/api/v1/jobs/a/artefacts/2", "https://e.org/1",
    ]  # fmt: skip
    pdf, page = [await client.get(f"/api/v1/jobs/a/artefacts/{n}") for n in (1, 2)]
    assert (pdf.content_type, await pdf.read()) == ("application/pdf", b"%PDF")
    assert "filename*=UTF-8''r%C3%A9sum%C3%A9.pdf" in pdf.headers["Content-Disposition"]
    assert page.content_type == "application/octet-stream" and page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Content-Disposition"].startswith('attachment; filename="_script__.html"')
    told = await said(client, "GET", "/jobs/a/artefacts/3", 404)
    assert told["error"]["code"] == "artefact_not_found" and "https://e.org/1" in told["error"]["message"]
    await said(client, "GET", "/jobs/a/artefacts/x", 404)
    assert (await said(client, "GET", "/jobs/a", 200))["artefacts"] == 3


async def test_failed_jobs_are_retried_by_a_filter(client: Client, commands: Commands) -> None:
    for n in range(250):
        await commands.submit(submission(f"j{n}"))
    ended = [Ended(a.job_id, a.token, Outcome.FAILED) for _ in range(3) for a in await claimed(commands)]
    await commands.finish(ended, keep_jobs=1000, keep_jobs_ms=10**9)
    assert await said(client, "POST", "/jobs/retry?function=other", 202) == {"retried": 0, "left": 0}
    assert await said(client, "POST", "/jobs/retry?function=resize", 202) == {"retried": 250, "left": 0}
    await said(client, "POST", "/jobs/retry?state=succeeded", 422)


async def test_a_job_is_submitted_with_a_priority_a_key_and_a_link(client: Client, commands: Commands) -> None:
    body = {"function": "resize", "priority": 7, "unique_key": "user:1", "retry_of": "old"}
    one = await said(client, "POST", "/jobs", 202, json=body)
    two = await said(client, "POST", "/jobs", 202, json=body)
    assert (one["id"], two["repeated"]) == (two["id"], True)
    job = await said(client, "GET", f"/jobs/{one['id']}", 200)
    assert (job["priority"], job["retry_of"]) == (7, "old")


async def test_a_unique_function_has_one_job_per_arguments(client: Client, redis: Redis, keys: Keys) -> None:
    info = FunctionInfo.of("resize", resize, unique=True)
    await redis.hset(keys.functions, "resize", info.model_dump_json())
    one, two = [await said(client, "POST", "/jobs", 202, json={"function": "resize", "args": [1]}) for _ in range(2)]
    other = await said(client, "POST", "/jobs", 202, json={"function": "resize", "args": [2]})
    assert (one["id"], two["repeated"]) == (two["id"], True) and other["id"] != one["id"]
