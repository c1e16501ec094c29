"""A program that type checkers find nothing wrong with. It is checked, not run; see tests/test_typing.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, assert_type

from arq.connections import RedisSettings

from arqboard import (
    Backoff,
    JobHandle,
    Rate,
    Signature,
    Task,
    WorkflowHandle,
    chain,
    chord,
    connect,
    func,
    group,
    json_deserializer,
    json_serializer,
    signature,
    submit,
    submit_many,
    task,
)

Ctx = dict[str, Any]


@task
async def add(ctx: Ctx, a: int, b: int = 2) -> int:
    return a + b


@task()
async def say(ctx: Ctx, text: str, *, loud: bool = False) -> None: ...


@task(
    name="mail.send", max_tries=5, retry_on=(OSError, TimeoutError), backoff=Backoff(base=2), timeout=60,
    soft_timeout=50.5, priority=3, concurrency=2, rate="100/m", burst=10, unique=True, unique_for=60, expires=3600,
    queue="mail",
)  # fmt: skip
async def send(ctx: Ctx, /, to: Sequence[str], at: datetime | None = None, **headers: str) -> dict[str, int]:
    """With `**headers`, mypy wants the `/` after ctx: without it, a header could be called ctx."""
    return {one: len(headers) for one in to}


@task(run_in="thread")
def shrink(ctx: Ctx, path: str) -> bytes:
    return path.encode()


@task(run_in="thread", ignore_result=True)
def index(ctx: Ctx, words: list[str], /) -> int:
    return len(words)


@task(run_in="process", rate=Rate(0.5))
def render(ctx: Ctx, page: int, scale: float = 1) -> bytes:
    return b"" * page


@task(run_in="process")
async def crawl(ctx: Ctx, url: str) -> list[str]:
    return [url]


async def plain(ctx: Ctx, name: str, count: int = 1) -> list[str]:
    return [name] * count


async def submits(ctx: Ctx) -> None:
    handle = await add.submit(1, b=3)
    assert_type(handle, JobHandle[int])
    assert_type(await handle.result(), int)
    assert_type(await handle.result(timeout=5), int)
    assert_type(handle.id, str)

    await say.submit("hello", loud=True)
    assert_type(await (await send.submit(["a@b.c"], at=datetime.now(UTC), subject="Hi")).result(), dict[str, int])
    assert_type(await (await shrink.submit(path="x.png")).result(), bytes)
    assert_type(await (await index.submit(["a"])).result(), int)
    assert_type(await (await render.submit(1, scale=2)).result(), bytes)
    assert_type(await (await crawl.submit("/")).result(), list[str])


async def submits_a_plain_function() -> None:
    handle = await submit(plain, "Ann", count=2)
    assert_type(handle, JobHandle[list[str]])
    assert_type(await (await submit(add, 1)).result(), int)


async def submits_with_options() -> None:
    later = add.options(defer_by=10, priority=9, job_id="a", queue="slow", unique_key="k", max_tries=1, tags=["x"])
    assert_type(await later.submit(1), JobHandle[int])
    await add.options(defer_until=datetime.now(UTC) + timedelta(days=1), once="key", expires=60).submit(a=1)
    assert_type(await (await shrink.options(timeout=5).submit("x")).result(), bytes)


async def still_calls(ctx: Ctx) -> None:
    """A task is its function."""
    assert_type(await add(ctx, 1), int)
    assert_type(shrink(ctx, "x"), bytes)
    assert_type(await asyncio.gather(add(ctx, 1), add(ctx, b=2, a=1)), tuple[int, int])


async def composes() -> None:
    assert_type(add.s(1), Signature[int])
    assert_type(add.si(1, b=2), Signature[int])
    assert_type(await add.s(1, 2).submit(), JobHandle[int])
    assert_type(await add.s(1).set(priority=1).submit(), JobHandle[int])

    assert_type(await chain(add.s(1), add.s(b=2), say.si("done")).submit(), WorkflowHandle)
    assert_type(await (add.s(1) | add.s(2)).submit(on_error="continue", name="sum", tags=("x",)), WorkflowHandle)
    await group(add.s(n) for n in range(3)).submit()
    await group(add.s(1), chain(shrink.s("x"), say.si("y"))).submit(once="key")
    await chord([add.s(n, n) for n in range(3)], index.s()).submit()
    await chord(group(add.s(1), add.s(2)), say.si("all")).submit()
    await chain(signature("elsewhere", 1, x=2), add.s()).submit()
    assert_type(await submit_many(add.s(n) for n in range(100)), list[JobHandle[int]])


async def connects() -> None:
    settings = RedisSettings()
    board = await connect(settings)
    await connect("redis://127.0.0.1:6379/0")
    assert_type(board.job("id"), JobHandle[Any])
    assert_type(await board.submit(add.s(1)), JobHandle[int])
    await board.close()


def takes(tasks: Sequence[Task[..., Any]], function: Callable[..., Any]) -> None: ...


class WorkerSettings:
    """As a user's settings class has it."""

    functions = (add, say, send, shrink, func(plain, name="other", timeout=timedelta(minutes=1), max_tries=3))
    job_serializer = json_serializer
    job_deserializer = json_deserializer


takes([add, shrink, render], add)
