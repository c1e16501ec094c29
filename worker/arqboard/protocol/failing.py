"""What is done to all failed jobs of a group: they are retried or deleted, in calls of bounded size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from .client import Client
from .failures import By
from .keys import Keys
from .scripts import register

#: Jobs in one call, and in all calls of one request; who asks is told that there are more.
BATCH, MAX_DONE = 100, 10_000

Action = Literal["retry", "delete"]


@dataclass(frozen=True, slots=True)
class Acted:
    """What came of it. Jobs are refused whose stored call is gone, or whose id is queued anew by now."""

    done: int
    refused: int
    has_more: bool


class FailureCommands:
    """Verbs on groups of failed jobs, over one client that it does not own."""

    def __init__(self, redis: Client, keys: Keys | None = None) -> None:
        self.keys = keys or Keys()
        self._act = register(redis, "act_on_failures")

    async def act(
        self, by: By, name: str, action: Action, *, since: int = 0, until: int, most: int = MAX_DONE
    ) -> Acted:
        """Retry or delete the jobs of a group that failed between two times (ms), the newest first, `most` at most.

        What fails while this goes on is left alone: `until` is when it was asked for.
        """
        done = refused = 0
        has_more = True
        while has_more and done + refused < most:
            size = min(BATCH, most - done - refused)
            asked: list[Any] = [by.value, name, action, since, until, refused, size]
            now_done, now_refused, more = await self._act(args=[self.keys.prefix, *asked])
            done, refused, has_more = done + now_done, refused + now_refused, more == 1
        return Acted(done, refused, has_more)
