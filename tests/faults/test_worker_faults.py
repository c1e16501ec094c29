"""Kills, pauses and restarts. No job is lost, none ends twice, and no done chunk runs again."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from typing import Any

import pytest
from fleet import Fleet, Server
from redis.exceptions import RedisError
from waiting import eventually

from arqboard.protocol import Job, Outcome, Reader, State
from arqboard.protocol.commands import Commands
from arqboard.protocol.signature import FunctionInfo
from arqboard.submitting import find_function, submit


async def offered(reader: Reader, name: str) -> FunctionInfo:
    await eventually(reader.functions)
    return find_function(await reader.functions(), name)


async def job_of(reader: Reader, job_id: str) -> Job | None:
    try:
        found = (await reader.many([job_id]))[0]
    except (RedisError, OSError):
        return None
    return found if isinstance(found, Job) else None


async def is_in(reader: Reader, job_id: str, state: State) -> bool:
    job = await job_of(reader, job_id)
    return job is not None and job.state is state


async def has_done(reader: Reader, job_id: str, chunks: int) -> bool:
    job = await job_of(reader, job_id)
    return job is not None and job.chunks is not None and job.chunks.done >= chunks


async def terminal_ends(reader: Reader) -> int:
    """How many times any job reached an end, as counted by the verbs."""
    return sum(m.succeeded + m.failed + m.aborted for m in await reader.minutes(60))


def indexes(fleet: Fleet, job_id: str) -> list[int]:
    return [int(index) for known, index, _pid in fleet.history("chunk") if known == job_id]


async def test_a_worker_killed_mid_chunk_loses_no_job_and_repeats_only_that_chunk(
    fleet: Fleet, commands: Commands, reader: Reader
) -> None:
    first = fleet.start()
    info = await offered(reader, "count")
    job_id = (await submit(commands, info, [30, 0.05], {})).job_id
    await eventually(lambda: has_done(reader, job_id, 5))
    first.kill()
    fleet.start()

    await eventually(lambda: is_in(reader, job_id, State.SUCCEEDED), within=30)
    job = await reader.get(job_id)
    outcomes = [a.outcome for a in await reader.attempts(job)]
    assert outcomes == [Outcome.LOST, Outcome.SUCCEEDED]
    assert job.tries == 1
    runs = Counter(indexes(fleet, job_id))
    assert sorted(runs) == list(range(30))
    assert sum(runs.values()) <= 31  # the chunk that was cut, once more
    assert await terminal_ends(reader) == 1


async def test_a_killed_workers_job_starts_again_within_fifteen_seconds(
    fleet: Fleet, commands: Commands, reader: Reader
) -> None:
    """Whatever its timeout is (300 s here); arq needs 310 s. The lease, not the clock, bounds it: 10 s plus a poll."""
    first = fleet.start()
    info = await offered(reader, "count")
    job_id = (await submit(commands, info, [500, 0.1], {})).job_id
    await eventually(lambda: has_done(reader, job_id, 1))
    lease = await reader._redis.pttl(f"arq:in-progress:{job_id}")
    assert lease <= 10_000
    first.kill()
    second = fleet.start()
    await eventually(lambda: _started_by(reader, job_id, second.pid), within=30)
    attempts = await reader.attempts(await reader.get(job_id))
    assert attempts[0].ended is not None and attempts[1].started - attempts[0].ended < 1000


async def _started_by(reader: Reader, job_id: str, pid: int) -> bool:
    job = await job_of(reader, job_id)
    return job is not None and f"-{pid}-" in job.worker


async def test_a_worker_paused_past_its_lease_cannot_end_the_job_a_second_time(
    fleet: Fleet, commands: Commands, reader: Reader
) -> None:
    zombie = fleet.start()
    info = await offered(reader, "count")
    job_id = (await submit(commands, info, [25, 0.05], {})).job_id
    await eventually(lambda: has_done(reader, job_id, 3))
    os.kill(zombie.pid, signal.SIGSTOP)
    fleet.start()
    await eventually(lambda: is_in(reader, job_id, State.SUCCEEDED), within=40)
    ended = (await reader.get(job_id)).ended
    os.kill(zombie.pid, signal.SIGCONT)

    # The zombie takes part again: it can be seen to end a job that only it could have claimed by then.
    other = fleet.processes[1]
    other.kill()
    after = (await submit(commands, info, [1, 0.0], {})).job_id
    await eventually(lambda: is_in(reader, after, State.SUCCEEDED), within=30)
    job = await reader.get(job_id)
    assert (job.state, job.ended) == (State.SUCCEEDED, ended)
    assert [pid for known, pid in fleet.history("end") if known == job_id] == [str(other.pid)]
    assert await terminal_ends(reader) == 2


async def test_a_redis_restart_mid_job_fails_nothing_and_ends_no_worker(
    fleet: Fleet, own_server: Server, commands: Commands, reader: Reader
) -> None:
    worker = fleet.start()
    info = await offered(reader, "count")
    job_id = (await submit(commands, info, [40, 0.1], {})).job_id
    await eventually(lambda: has_done(reader, job_id, 3))
    own_server.kill()
    before = len(indexes(fleet, job_id))
    await eventually(lambda: len(indexes(fleet, job_id)) > before)  # the job goes on meanwhile
    own_server.start()

    await eventually(lambda: is_in(reader, job_id, State.SUCCEEDED), within=30)
    assert worker.poll() is None
    assert Counter(indexes(fleet, job_id)) == Counter(range(40))
    assert await terminal_ends(reader) == 1


async def test_a_redis_that_is_away_past_every_lease_leaves_each_job_to_its_worker(
    fleet: Fleet, own_server: Server, commands: Commands, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was back first took the jobs of the others. They ran twice then, and counted as killers of workers."""
    monkeypatch.setenv("ARQBOARD_LEASE", "12")
    monkeypatch.setenv("ARQBOARD_HEARTBEAT", "4")
    late, *_ = [fleet.start() for _ in range(3)]
    await eventually(lambda: _are_back(reader, 3))
    info = await offered(reader, "count")
    ids = [(await submit(commands, info, [40, 0.5], {})).job_id for _ in range(50)]  # two workers take 40
    await eventually(lambda: {process.pid for process in fleet.processes} <= pids_of(fleet))
    own_server.kill()
    await passed(12.5)
    os.kill(late.pid, signal.SIGSTOP)
    own_server.start()
    await eventually(lambda: _are_back(reader, 2))
    await passed(1)  # in which they would have claimed
    os.kill(late.pid, signal.SIGCONT)

    await eventually(lambda: _counts(reader, State.SUCCEEDED, len(ids)), within=60)
    jobs = [job for job in await reader.many(ids) if isinstance(job, Job)]
    assert [len(await reader.attempts(job)) for job in jobs] == [1] * len(ids)
    assert len(fleet.history("end")) == len(ids)


async def passed(seconds: float) -> None:
    over = time.monotonic() + seconds
    await eventually(lambda: time.monotonic() > over)


async def _are_back(reader: Reader, workers: int) -> bool:
    """So many have had a heartbeat in the last seconds."""
    try:
        now = await reader.now_ms()
        return bool(await reader._redis.zcount(reader.keys.workers, now - 5000, now) >= workers)
    except (RedisError, OSError):
        return False


def pids_of(fleet: Fleet) -> set[int]:
    """Workers that run a job."""
    return {int(pid) for _job_id, _index, pid in fleet.history("chunk")}


async def test_a_job_that_ends_while_redis_is_away_keeps_its_result(
    fleet: Fleet, own_server: Server, commands: Commands, reader: Reader
) -> None:
    fleet.start()
    info = await offered(reader, "count")
    job_id = (await submit(commands, info, [5, 0.2], {})).job_id
    await eventually(lambda: has_done(reader, job_id, 2))
    own_server.kill()
    await eventually(lambda: fleet.history("end"))
    own_server.start()
    await eventually(lambda: is_in(reader, job_id, State.SUCCEEDED), within=30)
    assert (await reader.get(job_id)).result == 5
    assert len(fleet.history("end")) == 1


async def test_a_full_redis_loses_no_result(fleet: Fleet, commands: Commands, reader: Reader, redis: Any) -> None:
    worker = fleet.start()
    info = await offered(reader, "count")
    job_id = (await submit(commands, info, [4, 0.2], {})).job_id
    await eventually(lambda: has_done(reader, job_id, 1))
    await redis.config_set("maxmemory", "1")
    await eventually(lambda: fleet.history("end"))
    assert (await reader.get(job_id)).state is State.RUNNING  # it is read all the same
    await redis.config_set("maxmemory", "0")
    await eventually(lambda: is_in(reader, job_id, State.SUCCEEDED), within=30)
    assert worker.poll() is None
    assert len(fleet.history("end")) == 1


async def test_a_worker_on_a_demoted_master_waits_and_goes_on(
    fleet: Fleet, commands: Commands, reader: Reader, redis: Any
) -> None:
    worker = fleet.start()
    info = await offered(reader, "count")
    job_id = (await submit(commands, info, [4, 0.2], {})).job_id
    await eventually(lambda: has_done(reader, job_id, 1))
    await redis.execute_command("REPLICAOF", "127.0.0.1", "1")
    await eventually(lambda: fleet.history("end"))
    await redis.execute_command("REPLICAOF", "NO", "ONE")
    await eventually(lambda: is_in(reader, job_id, State.SUCCEEDED), within=30)
    assert worker.poll() is None


async def test_five_hundred_jobs_survive_kills_of_workers_and_of_redis(
    fleet: Fleet, own_server: Server, commands: Commands, reader: Reader
) -> None:
    for _ in range(3):
        fleet.start()
    info = await offered(reader, "quick")
    for n in range(500):
        await submit(commands, info, [n], {})
        if n == 150:
            fleet.processes[0].kill()
            fleet.start()
        if n == 300:
            own_server.kill()
            own_server.start()
            await _answers(reader)
        if n == 400:
            fleet.processes[1].kill()
            fleet.start()
    await eventually(lambda: _counts(reader, State.SUCCEEDED, 500), within=60)
    assert await terminal_ends(reader) == 500
    counts = await reader.counts()
    assert sum(counts.values()) == 500


async def _answers(reader: Reader) -> None:
    async def probe() -> Any:
        try:
            return await reader.position()
        except (RedisError, OSError):
            return None

    await eventually(probe)


async def _counts(reader: Reader, state: State, n: int) -> bool:
    try:
        return (await reader.counts())[state] == n
    except (RedisError, OSError):
        return False


async def test_ten_deploys_under_load_lose_no_attempt(fleet: Fleet, commands: Commands, reader: Reader) -> None:
    """What a claim took while its worker was being stopped is handed back too, not left to its lease."""
    fleet.start()
    info = await offered(reader, "quick")
    sent = [(await submit(commands, info, [n], {})).job_id for n in range(1500)]
    for _ in range(10):
        fleet.processes[-1].terminate()
        fleet.start()
        await asyncio.to_thread(fleet.processes[-2].wait, 15)
    await eventually(lambda: _counts(reader, State.SUCCEEDED, len(sent)), within=60)
    jobs = [job for job in await reader.many(sent) if isinstance(job, Job)]
    assert len(jobs) == len(sent)
    assert [job.id for job in jobs if job.crashes] == []


async def test_a_deploy_hands_over_and_burns_no_try(fleet: Fleet, commands: Commands, reader: Reader) -> None:
    first = fleet.start()
    info = await offered(reader, "count")
    job_id = (await submit(commands, info, [20, 0.1], {})).job_id
    await eventually(lambda: has_done(reader, job_id, 2))
    fleet.start()
    first.terminate()
    assert await asyncio.to_thread(first.wait, 15) == 0
    await eventually(lambda: is_in(reader, job_id, State.SUCCEEDED), within=20)
    job = await reader.get(job_id)
    assert (job.tries, [a.outcome for a in await reader.attempts(job)]) == (
        1, [Outcome.HANDED_OVER, Outcome.SUCCEEDED],
    )  # fmt: skip
