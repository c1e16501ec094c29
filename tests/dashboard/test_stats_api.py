"""What happened lately, over the JSON API: counts and durations by time, errors, deploys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from board import Client

from arqboard.protocol import Keys, Outcome, Reader
from arqboard.protocol.commands import Commands, Ended, Submission

STATS, DEPLOYS = "/api/v1/stats", "/api/v1/deploys"
QUEUE = "arq:queue"


async def run(commands: Commands, function: str = "resize", error: str = "") -> None:
    """One job from its submission to its end."""
    await commands.submit(Submission(function, QUEUE, b"p"))
    [attempt] = (await commands.claim(QUEUE, "w1", 1, lease_ms=10_000, max_crashes=3)).jobs
    ended = Ended(attempt.job_id, attempt.token, Outcome.FAILED if error else Outcome.SUCCEEDED, error_type=error)
    await commands.finish([ended], keep_jobs=1000, keep_jobs_ms=10**9)


async def stats(client: Client, **params: str) -> Any:
    answer = await client.get(STATS, params=params)
    assert answer.status == 200, await answer.text()
    return await answer.json()


async def error_of(answer: Any) -> tuple[int, str, str]:
    error = (await answer.json())["error"]
    return answer.status, error["code"], error.get("field", "")


async def test_the_last_hour_is_told_minute_by_minute(client: Client, commands: Commands) -> None:
    await run(commands)
    await run(commands, error="OSError")
    await run(commands, error="OSError")
    await run(commands, "total", error="ValueError")

    told = await stats(client)

    assert told.keys() == {"function", "step", "since", "buckets", "totals", "errors", "deploys"}
    assert (told["function"], told["step"], told["deploys"]) == (None, 60, [])
    assert len(told["buckets"]) in (61, 62) and told["buckets"][0]["time"] == told["since"]
    assert sum(bucket["failed"] for bucket in told["buckets"]) == told["totals"]["failed"] == 3
    assert told["errors"] == [{"type": "OSError", "count": 2}, {"type": "ValueError", "count": 1}]
    last = told["buckets"][-1]
    assert {**told["totals"]}.keys() | {"time"} == last.keys()


async def test_one_function_can_be_asked_for(client: Client, commands: Commands, redis: Any, keys: Keys) -> None:
    await run(commands)
    await run(commands, "total", error="ValueError")

    told = await stats(client, function="total", since="15m")

    totals = told["totals"]
    assert {name: totals[name] for name in ("submitted", "started", "succeeded", "failed", "aborted", "retried")} == {
        "submitted": 1, "started": 1, "succeeded": 0, "failed": 1, "aborted": 0, "retried": 0
    }  # fmt: skip
    assert totals["run"].keys() == totals["wait"].keys() == {"count", "mean_ms", "p50_ms", "p95_ms", "p99_ms"}
    assert totals["run"]["count"] == 1 and totals["run"]["p50_ms"] >= totals["run"]["mean_ms"]
    assert told["errors"] == [{"type": "ValueError", "count": 1}]
    nothing = (await stats(client, function="nothing"))["totals"]["run"]
    assert nothing == {"count": 0, "mean_ms": None, "p50_ms": None, "p95_ms": None, "p99_ms": None}


@pytest.mark.parametrize(
    ("params", "step"),
    [({}, 60), ({"since": "6h"}, 60), ({"since": "24h"}, 3600), ({"since": "7d"}, 3600), ({"since": "60d"}, 86_400),
     ({"since": "30d", "step": "hour"}, 3600), ({"since": "999999d"}, 86_400)],
)  # fmt: skip
async def test_the_step_follows_from_the_time_or_is_given(client: Client, params: dict[str, str], step: int) -> None:
    told = await stats(client, **params)
    assert told["step"] == step
    assert 1 < len(told["buckets"]) <= 732


async def test_since_can_be_a_time(client: Client) -> None:
    then = datetime.now(UTC) - timedelta(minutes=30)
    for text in (then.isoformat(), then.strftime("%Y-%m-%dT%H:%M:%SZ"), then.strftime("%Y-%m-%d %H:%M")):
        told = await stats(client, since=text)
        assert told["since"] == then.strftime("%Y-%m-%dT%H:%M:00.000Z")


@pytest.mark.parametrize(
    ("params", "field"),
    [({"since": "yesterday"}, "since"), ({"since": "5s"}, "since"), ({"since": "9" * 5000}, "since"),
     ({"since": "2999-01-01"}, "since"), ({"since": "²h"}, "since"), ({"since": "0001-01-01T00:00:00+23:59"}, ""),
     ({"step": "week"}, "step"), ({"step": "60"}, "step"), ({"since": "24h", "step": "minute"}, "step")],
)  # fmt: skip
async def test_bad_parameters_are_named(client: Client, params: dict[str, str], field: str) -> None:
    answer = await client.get(STATS, params=params)
    if field:
        assert await error_of(answer) == (422, "bad_parameter", field)
    else:
        assert answer.status in (200, 422)


async def test_an_unknown_function_is_not_found_and_one_that_only_ran_is(client: Client, commands: Commands) -> None:
    assert await error_of(await client.get(STATS, params={"function": "rezise"})) == (
        404, "unknown_function", "function"
    )  # fmt: skip

    await run(commands, "cron:tidy")
    assert (await stats(client, function="cron:tidy"))["totals"]["succeeded"] == 1


async def test_a_release_is_marked_and_shown_with_the_stats(client: Client, reader: Reader) -> None:
    answer = await client.post(DEPLOYS, json={"release": " 2.4.1 "})
    assert answer.status == 201
    told = await answer.json()
    assert (told["release"], told["repeated"]) == ("2.4.1", False)

    again = await client.post(DEPLOYS, json={"release": "2.4.1"})
    assert (again.status, await again.json()) == (200, {**told, "repeated": True})
    assert (await stats(client))["deploys"] == [{"release": "2.4.1", "time": told["time"]}]


@pytest.mark.parametrize(
    "body", [{}, {"release": ""}, {"release": "  "}, {"release": 7}, {"release": "x" * 101}, {"release": "a\nb"},
             {"release": "1", "more": 1}, [], "1"]
)  # fmt: skip
async def test_a_bad_release_is_refused(client: Client, reader: Reader, body: Any) -> None:
    answer = await client.post(DEPLOYS, json=body)
    assert (await error_of(answer))[:2] == (422, "bad_request")
    assert await reader.deploys() == []
