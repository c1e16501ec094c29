"""Mistakes that type checkers find: each line that ends in `# error` is reported, and no other. Checked, not run."""

from __future__ import annotations

from typing import Any

from arqboard import chain, chord, group, submit, task

Ctx = dict[str, Any]


@task
async def add(ctx: Ctx, a: int, b: int = 2) -> int:
    return a + b


@task(max_tries=3)
async def say(ctx: Ctx, text: str, *, loud: bool = False) -> None: ...


@task(run_in="thread")
def shrink(ctx: Ctx, path: str) -> bytes:
    return path.encode()


@task  # error
def unsaid(ctx: Ctx) -> bytes:
    """That it runs in a thread has to be said."""
    return b""


@task(run_in="thread", colour="red")  # error
def odd(ctx: Ctx) -> None: ...


async def plain(ctx: Ctx, name: str) -> list[str]:
    return [name]


async def submits() -> None:
    await add.submit("1")  # error
    await add.submit(1, b="2")  # error
    await add.submit()  # error
    await add.submit(b=1)  # error
    await add.submit(1, 2, 3)  # error
    await add.submit(1, c=3)  # error
    await add.submit(None)  # error
    await say.submit(3)  # error
    await say.submit("a", True)  # error
    await say.submit("a", lout=True)  # error
    await shrink.submit(1)  # error
    await shrink.submit("a", "b")  # error


async def takes_results() -> None:
    text: str = await (await add.submit(1)).result()  # error
    more: str = await (await shrink.submit("a")).result()  # error
    names: list[int] = await (await submit(plain, "a")).result()  # error
    print(text, more, names)


async def submits_a_plain_function() -> None:
    await submit(plain, 1)  # error
    await submit(plain)  # error
    await submit(plain, "a", colour="red")  # error
    await submit("plain", "a")  # error


async def sets_options() -> None:
    await add.options(defer_by=1).submit("1")  # error
    await add.options(priority="high").submit(1)  # error
    await add.options(colour="red").submit(1)  # error
    task(max_tries="3")  # error
    task(colour="red")  # error
    task(run_in="moon")  # error
    task(retry_on=(1,))  # error


async def calls(ctx: Ctx) -> None:
    await add(ctx, "1")  # error
    await add(ctx)  # error
    shrink(ctx)  # error
    await shrink(ctx, "a")  # error


async def composes() -> None:
    add.si("1")  # error
    add.si()  # error
    await chain(add.s(1), 3).submit()  # error
    await chain(add.s(1), add).submit()  # error
    await group(n for n in range(3)).submit()  # error
    await chord([add.s(1)], add).submit()  # error
    await group(add.s(1)).submit(on_error="shrug")  # error
    add.s(1).set(colour="red")  # error
