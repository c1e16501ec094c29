"""Somebody else has written into our keys: what can't be read spoils its own job or workflow, and no other."""

from __future__ import annotations

from typing import Any

import pytest

from arqboard.protocol import ArqKeys, Outcome, State
from arqboard.protocol.acting import Action, Wish
from arqboard.protocol.commands import Claimed, Commands, Ended, Later, Report, Submission, parse_renewal, renew_args
from arqboard.protocol.graph import Chain, Graph, Group, Step
from arqboard.protocol.scripts import register

QUEUE = ArqKeys.default_queue
GOOD = ["good1", "good2", "good3"]


def submission(job_id: str = "", **more: Any) -> Submission:
    return Submission(function="resize", queue=QUEUE, payload=b"call", job_id=job_id, **more)


async def claim(commands: Commands) -> list[Claimed]:
    return (await commands.claim(QUEUE, "w1", 100, lease_ms=60_000, max_crashes=3)).jobs


async def end(commands: Commands, attempts: list[Claimed]) -> None:
    ended = [Ended(a.job_id, a.token, Outcome.FAILED, error_type="OSError") for a in attempts]
    await commands.finish(ended, keep_jobs=1000, keep_jobs_ms=10**12)


async def is_in(redis: Any, job_id: str, state: State) -> bool:
    """In the record and in the index."""
    key = f"arqboard:jobs:{state}/*/*"
    return bool(
        await redis.hget(f"arqboard:job:{job_id}", "state") == state.encode() and await redis.zscore(key, job_id)
    )


@pytest.mark.parametrize("value", ["", "x", "-1", "[]"])
@pytest.mark.parametrize(
    "field", ["run_at", "enqueued", "priority", "expires_at", "crashes", "attempt", "chunk_total", "node", "tries"]
)
async def test_a_job_whose_record_has_nonsense_in_a_field_holds_up_no_other(
    commands: Commands, redis: Any, field: str, value: str
) -> None:
    await commands.submit_many([submission("bad", priority=9), submission("late", defer_ms=1), *map(submission, GOOD)])
    await redis.hset(commands.keys.job("bad"), field, value)
    await commands.promote()
    await commands.act(Wish(Action.REPRIORITISE, priority=2), ["bad", *GOOD])
    attempts = await claim(commands)
    assert {*GOOD} <= {attempt.job_id for attempt in attempts}
    await commands.retry_later([Later(a.job_id, a.token, 0, Outcome.RETRY) for a in attempts])
    await end(commands, await claim(commands))
    for job_id in GOOD:
        assert await is_in(redis, job_id, State.FAILED)


@pytest.mark.parametrize("field", ["state", "function", "queue", "run_at", "enqueued", "started", "token"])
async def test_a_job_whose_record_lacks_a_field_holds_up_no_end_of_another(
    commands: Commands, redis: Any, field: str
) -> None:
    await commands.submit_many([*map(submission, ["bad", *GOOD])])
    attempts = await claim(commands)
    await redis.hdel(commands.keys.job("bad"), field)
    await end(commands, attempts)
    for job_id in GOOD:
        assert await is_in(redis, job_id, State.FAILED)


async def test_a_record_of_another_type_holds_up_no_other(commands: Commands, redis: Any) -> None:
    await commands.submit_many([*map(submission, ["bad", *GOOD])])
    attempts = await claim(commands)
    await redis.delete(commands.keys.job("bad"))
    await redis.set(commands.keys.job("bad"), "x")

    owned = await commands.progress([Report(a.job_id, a.token, 1, 2, "", "", "") for a in attempts])
    assert dict(zip((a.job_id for a in attempts), owned, strict=True)) == {"bad": False, **dict.fromkeys(GOOD, True)}
    tokens = {a.job_id: a.token for a in attempts}
    args = renew_args(commands.keys, "w1", QUEUE, lease_ms=60_000, record={"pid": 1}, tokens=tokens)
    assert parse_renewal(await register(redis, "renew")(args=args)).lost == ["bad"]
    assert await commands.retry_later([Later("bad", tokens["bad"], 0, Outcome.RETRY)]) == [False]
    await end(commands, attempts)
    for job_id in GOOD:
        assert await is_in(redis, job_id, State.FAILED)


@pytest.mark.parametrize("part", ["attempts", "chunks", "log", "children", "chunk_info"])
async def test_a_part_of_a_job_of_another_type_holds_up_no_attempt(commands: Commands, redis: Any, part: str) -> None:
    await commands.submit_many([*map(submission, ["bad", *GOOD])])
    key = f"arqboard:{part}:bad"
    await (redis.lpush(key, "x") if part == "chunks" else redis.set(key, "x"))
    attempts = await claim(commands)
    await commands.retry_later([Later(a.job_id, a.token, 0, Outcome.RETRY) for a in attempts])
    again = await claim(commands)
    assert len(again) == 4
    await end(commands, again)
    for job_id in ("bad", *GOOD):
        assert await is_in(redis, job_id, State.FAILED)


@pytest.mark.parametrize("part", ["workflow", "nodes", "marks", "results"])
async def test_a_workflow_that_cannot_be_read_holds_up_no_other_job(commands: Commands, redis: Any, part: str) -> None:
    step = Step(submission())
    wf = (await commands.begin(Graph.of(Chain((Group((step, step)), step))))).job_id
    await commands.submit_many([*map(submission, GOOD)])
    key = f"arqboard:{part}:{wf}"
    await redis.delete(key)
    await (redis.lpush(key, "x") if part == "marks" else redis.set(key, "x"))
    attempts = await claim(commands)
    assert {*GOOD} <= {attempt.job_id for attempt in attempts}
    await commands.retry_later([Later(a.job_id, a.token, 0, Outcome.RETRY) for a in attempts[:2]])
    await end(commands, [*attempts[2:], *await claim(commands)])
    await commands.sweep()
    await commands.retry_each([f"{wf}.0", *GOOD])
    for job_id in GOOD:
        assert await is_in(redis, job_id, State.QUEUED)
