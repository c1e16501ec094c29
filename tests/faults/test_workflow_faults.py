"""Workflows while workers and Redis are killed: every callback once, none stuck, every list in its order."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import flow_tasks
import pytest
from fleet import Fleet, Server
from redis.exceptions import RedisError
from waiting import eventually

from arqboard import Board, WorkflowHandle, chain, chord, connect, group
from arqboard.protocol import Outcome, Reader
from arqboard.protocol.workflows import FlowState

Flow = chain | group
CHORDS, CHAINS, GROUPS, KILLS = 50, 100, 100, 20
MEMBERS, STEPS = 10, 5


@pytest.fixture
async def fleet(own_server: Server, tmp_path: Path) -> AsyncIterator[Fleet]:
    fleet = Fleet(own_server, tmp_path, Path(flow_tasks.__file__))
    yield fleet
    await asyncio.to_thread(fleet.stop)


@pytest.fixture
async def board(own_server: Server) -> AsyncIterator[Board]:
    opened = await connect(own_server.url)
    yield opened
    await opened.close()


async def insisted(call: Callable[[], Awaitable[Any]]) -> Any:
    """Ask until Redis answers, as a program that has to get through does."""

    async def probe() -> Any:
        try:
            return [await call()]
        except (RedisError, OSError):
            return None

    return (await eventually(probe, within=60))[0]


def kinds() -> list[tuple[Flow, Any]]:
    """Every workflow with the result that it has to have."""
    numbers = list(range(MEMBERS))
    chords = [(chord((flow_tasks.member.s(n) for n in numbers), flow_tasks.callback.s()), numbers)] * CHORDS
    steps = [flow_tasks.step.s([], 0), *(flow_tasks.step.s(n) for n in range(1, STEPS))]
    chains = [(chain(*steps), list(range(STEPS)))] * CHAINS
    groups = [(group(flow_tasks.member.s(n) for n in numbers), numbers)] * GROUPS
    return [*chords, *chains, *groups]


async def test_two_hundred_and_fifty_workflows_survive_twenty_kills_and_a_redis_restart(
    fleet: Fleet, own_server: Server, board: Board, reader: Reader
) -> None:
    for _ in range(3):
        fleet.start()
    wanted = kinds()
    random.Random(7).shuffle(wanted)
    handles: list[WorkflowHandle] = []
    submitting = asyncio.create_task(_submit(wanted, handles))
    for kill in range(KILLS):
        await eventually(partial(_has_moved, fleet, (kill + 1) * 70), within=60)
        await eventually(partial(_kills_the_busiest, fleet), within=60)
        fleet.start()
        if kill == KILLS // 2:
            own_server.kill()
            own_server.start()
    await submitting

    infos = [await insisted(partial(handle.wait, 120)) for handle in handles]
    assert Counter(info.state for info in infos) == {FlowState.SUCCEEDED: len(wanted)}
    assert [info.done == info.total for info in infos].count(False) == 0
    for handle, (_, result) in zip(handles, wanted, strict=True):
        assert await handle.result() == result
    await _each_callback_ended_once(handles, wanted, reader)
    assert await board.commands.flows_under_way() == (0, 0)
    ended = sum(m.succeeded + m.failed + m.aborted for m in await reader.minutes(60))
    assert ended == sum(info.total for info in infos)
    assert (await reader.totals()).all.lost > KILLS  # the kills did cut jobs


async def _submit(wanted: list[tuple[Flow, Any]], handles: list[WorkflowHandle]) -> None:
    """With an idempotency key, so that a lost answer costs nothing."""
    for n, (flow, _) in enumerate(wanted):
        handles.append(await insisted(partial(flow.submit, once=f"flow-{n}")))


def _kills_the_busiest(fleet: Fleet) -> bool:
    """The living worker that has begun a job last. One that still starts has nothing to lose."""
    alive = {process.pid: process for process in fleet.processes if process.poll() is None}
    begun = [int(line.split()[-1]) for line in fleet.file.read_text().splitlines()]
    busiest = next((alive[pid] for pid in reversed(begun) if pid in alive), None)
    if busiest:
        busiest.kill()
    return busiest is not None


def _has_moved(fleet: Fleet, runs: int) -> bool:
    return len(fleet.history("member")) + len(fleet.history("step")) > runs


async def _each_callback_ended_once(
    handles: list[WorkflowHandle], wanted: list[tuple[Flow, Any]], reader: Reader
) -> None:
    """Its body may have started again only where its attempt was cut."""
    for handle, (flow, _) in zip(handles, wanted, strict=True):
        if isinstance(flow, chain) and len(flow.parts) == 2:
            job = await reader.get(f"{handle.id}.{(await handle.info()).exit}")
            outcomes = Counter(attempt.outcome for attempt in await reader.attempts(job))
            assert job.function == "callback" and outcomes[Outcome.SUCCEEDED] == 1
            assert set(outcomes) <= {Outcome.SUCCEEDED, Outcome.LOST, Outcome.DISCARDED}
