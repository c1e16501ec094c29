"""A worker says which release it runs, for the charts."""

from __future__ import annotations

from typing import Any

from arqboard.protocol import Reader

from .conftest import StartWorker


async def noop(ctx: dict[Any, Any]) -> None: ...


async def test_workers_of_a_new_release_mark_it_once(start: StartWorker, reader: Reader) -> None:
    for release in ("1.0", "1.0", "1.1"):
        await start(noop, arqboard={"release": release})

    assert [deploy.release for deploy in await reader.deploys()] == ["1.0", "1.1"]


async def test_without_a_release_there_is_no_mark(start: StartWorker, reader: Reader) -> None:
    await start(noop)

    assert await reader.deploys() == []
