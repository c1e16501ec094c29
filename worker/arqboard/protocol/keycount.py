"""Counts every key by kind and guesses its bytes from samples: a slow walk through all that somebody asked for.

It is the one place that scans, so it paces itself: it rests as long as each step took, and it can be stopped.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import ResponseError

from .client import Client
from .keys import Keys
from .system import is_refusal

STEP = 1_000
#: Of each kind the first so many keys are measured, then one of a hundred.
MEASURED_FIRST, MEASURED_THEN = 100, 100
#: More kinds than this are counted together; queue names are anybody's.
MAX_KINDS = 60
OTHERS, REST = "keys of others", "other kinds"
_KIND = re.compile(r"[a-z_-]+")


@dataclass(slots=True)
class Kind:
    """What is known of one kind so far."""

    name: str
    count: int = 0
    measured: int = 0
    measured_bytes: int = 0

    @property
    def bytes(self) -> int | None:
        """Of all of them, as far as samples tell; None where none could be measured."""
        return round(self.measured_bytes / self.measured * self.count) if self.measured else None

    @property
    def wants_sample(self) -> bool:
        return self.measured < MEASURED_FIRST or self.count % MEASURED_THEN == 0


@dataclass(slots=True)
class KeyCount:
    """A count, under way or over. `total` is what the database said it has at the beginning."""

    keys: Keys
    total: int = 0
    seen: int = 0
    is_over: bool = False
    is_stopped: bool = False
    can_measure: bool = True
    kinds: dict[str, Kind] = field(default_factory=dict[str, Kind])

    def stop(self) -> None:
        """After the step that is under way."""
        self.is_stopped = True

    async def run(self, redis: Client) -> None:
        """From the beginning to the end, or until it is stopped. Raises what Redis raises."""
        try:
            self.total = int(await redis.dbsize())
            cursor = -1
            while cursor != 0 and not self.is_stopped:
                began = time.monotonic()
                cursor, found = await redis.scan(max(cursor, 0), count=STEP)
                await self._add(redis, found)
                await asyncio.sleep(time.monotonic() - began)  # leave Redis half of the time to others
        finally:
            self.is_over = True

    async def _add(self, redis: Client, found: list[bytes]) -> None:
        samples: list[tuple[Kind, bytes]] = []
        for raw in found:
            kind = self._kind_of(raw.decode(errors="replace"))
            kind.count += 1
            if self.can_measure and kind.wants_sample:
                kind.measured += 1
                samples.append((kind, raw))
        self.seen += len(found)
        if samples:
            await self._measure(redis, samples)

    async def _measure(self, redis: Client, samples: list[tuple[Kind, bytes]]) -> None:
        pipe = redis.pipeline(transaction=False)
        for _, raw in samples:
            pipe.memory_usage(raw)
        answers: list[Any] = await pipe.execute(raise_on_error=False)
        for (kind, _), answer in zip(samples, answers, strict=True):
            if isinstance(answer, int):
                kind.measured_bytes += answer
            else:  # it has gone meanwhile, or we may not ask
                kind.measured -= 1
                self.can_measure = self.can_measure and not (isinstance(answer, ResponseError) and is_refusal(answer))

    def _kind_of(self, name: str) -> Kind:
        label = kind_of(name, self.keys)
        if label not in self.kinds and len(self.kinds) >= MAX_KINDS:
            label = REST
        return self.kinds.setdefault(label, Kind(label))


def kind_of(name: str, keys: Keys) -> str:
    """`job:`, `stats:`, `arq:result:`…: what comes before the names that people give."""
    own = name.removeprefix(keys.prefix)
    if own != name:
        found = _KIND.match(own)
        return f"{keys.prefix}{found[0] if found else '?'}"
    if not name.startswith("arq:"):
        return OTHERS
    found = _KIND.match(name, 4)
    return f"arq:{found[0] if found else '?'}"
