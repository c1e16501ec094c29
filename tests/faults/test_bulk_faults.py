"""A bulk job whose worker is killed, or whose server: what it says and what Redis says agree, nothing is done twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bulks import ended, failed, order
from fleet import Fleet, Server
from keyspace import Keyspace, problems
from redis.exceptions import RedisError
from waiting import eventually

from arqboard.protocol import Job, Outcome, Query, Reader, State
from arqboard.protocol.acting import Action, Wish
from arqboard.protocol.bulk import tally_of
from arqboard.protocol.client import Client
from arqboard.protocol.commands import Commands

JOBS = 2000


@pytest.fixture
async def fleet(own_server: Server, tmp_path: Path) -> AsyncIterator[Fleet]:
    fleet = Fleet(own_server, tmp_path, Path(__file__).parent / "bulk_tasks.py")
    yield fleet
    await asyncio.to_thread(fleet.stop)


async def done_of(redis: Client, reader: Reader, bulk_id: str) -> int:
    try:
        return (await tally_of(redis, reader.keys, bulk_id)).done
    except (RedisError, OSError):
        return 0


async def all_failed_again(reader: Reader, number: int) -> bool:
    counts = await reader.counts(function="broken")
    return counts[State.FAILED] == number


async def test_killed_in_the_middle_it_goes_on_and_retries_nothing_twice(
    fleet: Fleet, commands: Commands, reader: Reader, redis: Client
) -> None:
    """Another worker runs what is retried, and it fails again at once: so it is in the list once more, where a second
    pass would find it."""
    ids = await failed(commands, JOBS, "broken", queue="victims")
    fleet.start("victims")
    bulk_id = await order(commands, reader, Wish(Action.RETRY), Query(state=State.FAILED, function="broken"))
    first = fleet.start("arq:queue")
    await eventually(lambda: done_of(redis, reader, bulk_id), every=0.001)
    first.kill()
    first.wait()
    halfway = await tally_of(redis, reader.keys, bulk_id)
    assert 0 < halfway.done < JOBS, "the kill has to come in the middle"
    fleet.start("arq:queue")

    job = await eventually(lambda: ended(reader, bulk_id), within=60)

    assert job is not None and job.result == {"action": "retry", "looked": JOBS, "done": JOBS}
    assert [a.outcome for a in await reader.attempts(job)] == [Outcome.LOST, Outcome.SUCCEEDED]
    await eventually(lambda: all_failed_again(reader, JOBS), within=60)
    runs = Counter(job_id for job_id, _pid in fleet.history("ran"))
    assert sorted(runs) == ids
    assert set(runs.values()) == {1}
    assert problems(await Keyspace.read(redis)) == []


async def test_what_a_killed_one_says_is_what_was_done(
    fleet: Fleet, commands: Commands, reader: Reader, redis: Client
) -> None:
    await failed(commands, JOBS, "broken", queue="nobody")
    bulk_id = await order(commands, reader, Wish(Action.DELETE), Query(state=State.FAILED))
    worker = fleet.start("arq:queue")
    await eventually(lambda: done_of(redis, reader, bulk_id), every=0.001)
    worker.kill()
    worker.wait()

    tally, counts = await tally_of(redis, reader.keys, bulk_id), await reader.counts(function="broken")

    assert 0 < tally.done < JOBS
    assert counts[State.FAILED] == JOBS - tally.done
    assert tally.looked == tally.done
    await commands.abort(
        bulk_id
    )  # a person has had enough: nobody runs it, so it may end at once or by the next worker
    fleet.start("arq:queue")
    job = await eventually(lambda: ended(reader, bulk_id), within=60)
    assert job is not None and job.state is State.ABORTED
    assert (await reader.counts(function="broken"))[State.FAILED] == counts[State.FAILED], "nothing more was deleted"


async def test_it_outlives_a_restart_of_redis(
    own_server: Server, fleet: Fleet, commands: Commands, reader: Reader, redis: Client
) -> None:
    ids = await failed(commands, JOBS, "broken", queue="victims")
    fleet.start("victims")
    bulk_id = await order(commands, reader, Wish(Action.RETRY), Query(state=State.FAILED, function="broken"))
    fleet.start("arq:queue")
    await eventually(lambda: done_of(redis, reader, bulk_id), every=0.001)
    own_server.kill()
    await asyncio.to_thread(own_server.start)

    job = await eventually(lambda: ended_or_away(reader, bulk_id), within=60)

    assert job is not None and job.state is State.SUCCEEDED
    tally = await tally_of(redis, reader.keys, bulk_id)
    assert tally.done + tally.left_alone == tally.looked
    await eventually(lambda: all_failed_again(reader, JOBS), within=60)
    space = await Keyspace.read(redis)
    assert problems(space) == []
    again = [i for i in ids if int(space.jobs[i]["attempt"]) != 2]
    lost = [a.outcome for i in again for a in await reader.attempts(await reader.get(i))].count(Outcome.LOST)
    assert sum(int(space.jobs[i]["attempt"]) - 2 for i in again) == lost, "only what a lost reply cut short ran again"


async def ended_or_away(reader: Reader, bulk_id: str) -> Job | None:
    try:
        return await ended(reader, bulk_id)
    except (RedisError, OSError):
        return None
