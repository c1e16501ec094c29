"""Work in chunks: each is marked as it runs and ends, and a retry goes on where the last attempt stopped.

Two forms. A plain loop:

    async for chunk in chunks(rows, size=100, unit="rows"):
        ...

Several at once, past failures if you like:

    summary = await chunks.each(work, rows, size=100, concurrency=4, on_error="continue")

Items must come in the same order in every try; when their number or the size changes, the map starts anew. People can
skip chunks while the job runs: each is looked at right before it would begin.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from .live import ChunkMap, error_text
from .progress import Progress, current

if TYPE_CHECKING:
    from .tasks import Task
    from .workflow import group

T = TypeVar("T")
R = TypeVar("R")

#: A map has one byte per chunk and is shown whole; more chunks than this help nobody.
MAX_CHUNKS = 100_000


class ChunkError(ValueError):
    """Chunks were asked for in a way that can't work. The message says what to change."""


class Chunk(list[T]):
    """The items of one chunk. `number` counts from 1 over all chunks, as the page does; `start` is the index of its
    first item among all items."""

    def __init__(self, items: Iterable[T], number: int, start: int) -> None:
        super().__init__(items)
        self.number = number
        self.start = start


@dataclass(slots=True)
class Summary:
    """What became of the chunks, over all attempts. `errors` has the failures of this attempt by chunk index."""

    total: int
    done: int = 0
    failed: int = 0
    skipped: int = 0
    errors: dict[int, str] = field(default_factory=dict[int, str])


class _Plan(Generic[T]):
    """The items, cut; the map of this attempt; and the progress that both lead to."""

    def __init__(self, items: Iterable[T], size: int, unit: str | None, progress: Progress) -> None:
        if size < 1:
            raise ChunkError(f"size is {size}; a chunk needs at least one item")
        self.items: Sequence[T] = items if isinstance(items, Sequence) else list(items)
        self.size = size
        self.progress = progress
        self._phase = progress.shown
        self._is_resumed = False
        self.map = self._prepare(-(-len(self.items) // size))
        self._say(unit)

    def _prepare(self, total: int) -> ChunkMap:
        if total > MAX_CHUNKS:
            fits = -(-len(self.items) // MAX_CHUNKS)
            raise ChunkError(f"{len(self.items)} items by {self.size} make {total} chunks; use size={fits} or more")
        live = self.progress.live
        if live.chunks is not None:
            raise ChunkError("this job has a chunk map already; put both loops into one, or split the job in two")
        self._is_resumed = self._is_same(total)
        known = live.known_marks if self._is_resumed else "." * total
        live.chunks = ChunkMap(self.size, len(self.items), bytearray(known.encode()))
        if known != live.known_marks and live.known_marks:
            live.note = "the items changed since the last attempt: started anew"
        return live.chunks

    def _is_same(self, total: int) -> bool:
        live = self.progress.live
        return (len(live.known_marks), live.known_size, live.known_items) == (total, self.size, len(self.items))

    def _say(self, unit: str | None) -> None:
        live = self.progress.live
        live.total = len(self.items)
        live.done = sum(self._count(i) for i in range(self.map.total) if self.map.is_done(i))
        live.unit = unit or live.unit or "items"
        self.progress.touched()

    def _count(self, index: int) -> int:
        return min(self.size, len(self.items) - index * self.size)

    def waiting(self) -> list[int]:
        """Chunks that no attempt has done; where somebody asked for that, only those that failed."""
        wanted = b"f" if self._is_resumed and self.progress.live.only_failed else b".fr"
        return [i for i in range(self.map.total) if self.map.marks[i] in wanted]

    def passes_over(self, index: int) -> bool:
        """Whether somebody has skipped this chunk since the attempt began. It counts as done."""
        if not self.map.is_done(index):
            return False
        self.progress.add(self._phase, self._count(index))
        self.progress.touched()
        return True

    def chunk(self, index: int) -> Chunk[T]:
        start = index * self.size
        return Chunk(self.items[start : start + self.size], index + 1, start)

    async def pass_gate(self) -> None:
        """Wait here while the job is paused; what was skipped in the pause comes with the answer to a report."""
        if self.progress.live.is_paused:
            await self.progress.live.pass_gate()
            self.progress.touched()
            await self.progress.settled()

    def begin(self, index: int) -> None:
        self.map.begin(index)
        self.progress.touched()

    async def done(self, index: int) -> None:
        """Mark a chunk done, and wait until Redis knows it: from then on no attempt runs it again."""
        self.map.end(index, "d")
        self.progress.add(self._phase, self._count(index))
        self.progress.touched()
        await self.progress.settled()

    def failed(self, index: int, error: str) -> None:
        self.map.end(index, "f", error)
        self.progress.touched()

    def summary(self, errors: dict[int, str]) -> Summary:
        marks = self.map.marks
        return Summary(len(marks), marks.count(b"d"), marks.count(b"f"), marks.count(b"s"), errors)


class _Loop(Generic[T]):
    """What `async for chunk in chunks(...)` iterates over."""

    def __init__(self, items: Iterable[T], size: int, unit: str | None) -> None:
        self._items, self._size, self._unit = items, size, unit

    async def __aiter__(self) -> AsyncIterator[Chunk[T]]:
        plan = _Plan(self._items, self._size, self._unit, current())
        for index in plan.waiting():
            await plan.pass_gate()
            if plan.passes_over(index):
                continue
            plan.begin(index)
            await asyncio.sleep(0)
            yield plan.chunk(index)
            await plan.done(index)


class _Chunks:
    """The callable `chunks`, with its second form `chunks.each`."""

    def __call__(self, items: Iterable[T], *, size: int = 100, unit: str | None = None) -> _Loop[T]:
        """Iterate over the chunks that are not done yet. A chunk is done when the loop comes back for the next.

        An error in the body ends the loop; the chunk is marked failed when the attempt ends. Raises ChunkError for
        a size that can't work and for a second chunked loop in one job.
        """
        return _Loop(items, size, unit)

    async def each(
        self,
        work: Callable[[Chunk[T]], Awaitable[Any]],
        items: Iterable[T],
        *,
        size: int = 100,
        concurrency: int = 4,
        on_error: Literal["stop", "continue"] = "stop",
        unit: str | None = None,
    ) -> Summary:
        """Run `work(chunk)` for every chunk that is not done yet, several at once.

        "stop": the first error cancels the others and is raised. "continue": failed chunks are marked and listed in
        the summary, the rest goes on. Raises ChunkError as above.
        """
        if concurrency < 1:
            raise ChunkError(f"concurrency is {concurrency}; at least one chunk has to run")
        plan = _Plan(items, size, unit, current())
        errors: dict[int, str] = {}
        waiting = deque(plan.waiting())
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(concurrency, plan.map.total)):
                    group.create_task(_take(plan, waiting, work, errors, on_error))
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return plan.summary(errors)

    def spread(
        self, items: Iterable[Any], *, size: int = 100, task: Task[..., R], kwargs: Mapping[str, Any] | None = None
    ) -> group:
        """The same work over the whole fleet: one job of `task` for each batch of items, as a group with one bar.

        The batch, a list, is the first argument; `kwargs` are added to each call. `await chunks.spread(…).submit()`
        queues it, `chord(chunks.spread(…), then.s())` adds what comes after. Raises ChunkError for a size below 1.
        """
        from .workflow import group

        if size < 1:
            raise ChunkError(f"size is {size}; a batch needs at least one item")
        listed = items if isinstance(items, Sequence) else list(items)
        batches = (list(listed[start : start + size]) for start in range(0, len(listed), size))
        return group(task.s(batch, **(kwargs or {})) for batch in batches)


async def _take(
    plan: _Plan[T],
    waiting: deque[int],
    work: Callable[[Chunk[T]], Awaitable[Any]],
    errors: dict[int, str],
    on_error: Literal["stop", "continue"],
) -> None:
    """One of the concurrent runners: takes the next chunk until there is none."""
    while waiting:
        await plan.pass_gate()
        if not waiting:  # others took the rest meanwhile
            return
        index = waiting.popleft()
        if plan.passes_over(index):
            continue
        plan.begin(index)
        await asyncio.sleep(0)
        try:
            await work(plan.chunk(index))
        except asyncio.CancelledError:
            plan.failed(index, "cancelled")
            raise
        except Exception as error:
            errors[index] = error_text(error)
            plan.failed(index, errors[index])
            if on_error == "stop":
                raise
        else:
            await plan.done(index)


chunks = _Chunks()
