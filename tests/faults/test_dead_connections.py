"""Connections that die without a word, as behind a firewall that forgets them: no answer is waited for for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from arq.connections import RedisSettings, create_pool
from fleet import Server
from waiting import eventually

from arqboard import Board, Worker, chord, connect, current, task
from arqboard.protocol import Reader, State
from arqboard.protocol.workflows import FlowState


class Line:
    """Carries connections to Redis. After `go_silent` those that exist carry nothing any more; new ones do."""

    def __init__(self, port: int) -> None:
        self._port, self._silence = port, asyncio.Event()
        self._carrying: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    def go_silent(self) -> None:
        self._silence.set()
        self._silence = asyncio.Event()

    async def stop(self) -> None:
        self._server.close()
        for task_ in self._carrying:
            task_.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carrying = asyncio.create_task(self._carry(reader, writer, self._silence))
        self._carrying.add(carrying)
        carrying.add_done_callback(self._carrying.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silence: asyncio.Event) -> None:
        answers, requests = await asyncio.open_connection("127.0.0.1", self._port)
        ways = [asyncio.create_task(_pump(*way, silence)) for way in ((reader, requests), (answers, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in (writer, requests):
                end.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, silence: asyncio.Event) -> None:
    with suppress(OSError):
        while data := await source.read(65_536):
            if not silence.is_set():
                sink.write(data)
                await sink.drain()


@pytest.fixture
async def line(own_server: Server) -> AsyncIterator[tuple[Line, RedisSettings]]:
    line = Line(own_server.port)
    yield line, RedisSettings(host="127.0.0.1", port=await line.start())
    await line.stop()


@pytest.fixture
async def board(own_server: Server) -> AsyncIterator[Board]:
    opened = await connect(own_server.url)
    yield opened
    await opened.close()


@task(name="quick")
async def quick(ctx: dict[str, Any], n: int = 0) -> int:
    return n


@task(name="add_up")
async def add_up(ctx: dict[str, Any], numbers: list[int]) -> int:
    return sum(numbers)


async def test_a_worker_whose_connections_die_goes_on_with_others(
    line: tuple[Line, RedisSettings], own_server: Server, board: Board, reader: Reader
) -> None:
    """The reporter waited for its answer for ever, and every end of a job waited for the reporter."""
    may_end = asyncio.Event()

    @task(name="report")
    async def report(ctx: dict[str, Any]) -> str:
        done = 0
        while not may_end.is_set():
            await current()(done := done + 1)
            await asyncio.sleep(0.02)
        return "reported"

    carrier, settings = line
    worker = Worker([report, quick, add_up], redis_settings=settings, handle_signals=False, poll_delay=0.1)
    running = asyncio.create_task(worker.async_run())
    handle = await report.submit()
    await eventually(lambda: _reports(reader, handle.id))
    carrier.go_silent()
    await eventually(worker.reporter._lock.locked)  # it has sent something
    may_end.set()
    flow = await chord((quick.s(n) for n in range(150)), add_up.s()).submit()  # more than one call enqueues
    stock = await create_pool(RedisSettings.from_dsn(own_server.url))
    foreign = await stock.enqueue_job("quick", 7)

    assert await asyncio.wait_for(handle.result(), 60) == "reported"
    assert (await flow.wait(60)).state is FlowState.SUCCEEDED
    assert foreign is not None and await foreign.result(timeout=60, poll_delay=0.1) == 7
    assert (await reader.get(handle.id)).state is State.SUCCEEDED
    await stock.aclose()
    await worker.close()
    await asyncio.gather(running, return_exceptions=True)


async def _reports(reader: Reader, job_id: str) -> bool:
    job = await reader.get(job_id)
    return job.progress is not None and job.progress.done > 3
