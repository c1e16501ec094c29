"""Connecting to the server of a test, and waiting for a condition instead of for a time."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

import redis.asyncio

from arqboard.protocol.client import Client

T = TypeVar("T")


def connect(url: str) -> Client:
    """A client of its own."""
    return redis.asyncio.from_url(url)


@overload
async def eventually(probe: Callable[[], Awaitable[T]], *, within: float = ..., every: float = ...) -> T: ...
@overload
async def eventually(probe: Callable[[], T], *, within: float = ..., every: float = ...) -> T: ...
async def eventually(probe: Callable[[], Any], *, within: float = 20.0, every: float = 0.02) -> Any:
    """Ask until the answer is true, and return it. The last answer is in the failure."""
    end = time.monotonic() + within
    while True:
        answer = probe()
        value = await answer if inspect.isawaitable(answer) else answer
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"still {value!r} after {within} s")
        await asyncio.sleep(every)
