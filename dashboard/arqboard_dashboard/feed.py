"""Follows Redis for all browsers at once: the only subscription, one read and one rendering per change.

A message only says that it is time to look; what changed is read from the change index. So lost, doubled or
late messages can't make a page wrong, and a subscription that has died costs a second at most.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from redis.exceptions import ResponseError

from arqboard.protocol import Changes, Reader
from arqboard.protocol.commands import Commands

from . import frames
from .faults import Faults
from .fragments import AWAY, METERS, METERS_OF_PAGES, SHOW_WORKER, Fragments, ids_in, is_running, kinds_of, of_kinds
from .frames import Fragment
from .language import ENGLISH
from .lists import Lists
from .subscription import Subscription
from .topics import in_every_language, languages_in, split

if TYPE_CHECKING:
    from aiohttp import web
    from redis.asyncio import Redis

    from .hub import Hub
    from .overview import Overview
    from .render import Renderer

log = logging.getLogger(__name__)

#: Without any message, this is how old a page can get.
LOOK_SECONDS = 1.0
#: At most twenty looks a second: sockets take a frame only every tenth of a second.
LOOK_GAP = 0.05
LISTS_GAP = 0.5
METERS_GAP = 1.0
#: Deferred jobs become due without a message, and without any worker that would say so.
PROMOTE_GAP = 1.0
#: What the meters are made of may be a second old, so they are read again for a while after the last change.
SETTLE_SECONDS = 2.5
FIRST_BACKOFF, MAX_BACKOFF = 0.1, 1.0
#: Jobs read and rendered before the event loop gets its turn.
BATCH = 50
_ROWS = in_every_language(("row",))
_PARTS = in_every_language(METERS_OF_PAGES)
_NEVER = float("-inf")


class Feed:
    """What is true now, brought to the hub. `start()` and `stop()` frame its life."""

    def __init__(
        self,
        app: web.Application,
        redis: Redis,
        reader: Reader,
        commands: Commands,
        renderer: Renderer,
        hub: Hub,
        overview: Overview,
    ) -> None:
        self._reader, self._commands, self._hub, self._overview = reader, commands, hub, overview
        self._faults = Faults("The feed")
        self._fragments = Fragments(app, reader, renderer, overview, self._faults)
        self._lists = Lists(reader, hub)
        self._subscription = Subscription(redis, reader.keys.live, self._wake_up)
        self.position, self.epoch = 0, ""
        self.store_ok = True
        self.last_look = time.monotonic()
        """monotonic time of the last look that succeeded"""
        self.lag_ms = 0.0
        """from the message to the fragments, in the last look that a message has caused"""
        self._generation = 0
        self._alive: frozenset[str] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._wake, self._loading = asyncio.Event(), asyncio.Lock()
        self._woken: float | None = None
        self._backoff = 0.0
        self._lists_changed = False
        self._changed_at = self._lists_at = self._meters_at = self._promoted_at = self._acted_at = _NEVER
        self._read_at: dict[str, float] = {}
        self._spoken: Counter[str] = Counter()
        self._languages: tuple[str, ...] = (ENGLISH,)

    async def start(self) -> None:
        """Begin to follow. Redis may be away: that is a state to show, not an error."""
        self._tasks = [
            asyncio.create_task(self._subscription.keep(), name="arqboard feed: listen"),
            asyncio.create_task(self._keep_looking(), name="arqboard feed: look"),
        ]

    async def stop(self) -> None:
        """End both tasks and wait for them. A cancellation can get lost in a read of redis-py, so it is repeated."""
        running = set(self._tasks)
        while running:
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=0.5)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    # For sockets

    @contextmanager
    def spoken(self, language: str) -> Generator[None, None, None]:
        """While a page is open, changes are rendered in its language too. English always is: it costs no look-up."""
        self._spoken[language] += 1
        self._languages = tuple({ENGLISH: None, **self._spoken})
        try:
            yield
        finally:
            self._spoken -= Counter((language,))  # which forgets those that nobody speaks any more
            self._languages = tuple({ENGLISH: None, **self._spoken})

    async def load(self, keys: Iterable[str]) -> dict[str, Fragment]:
        """The current fragment of each key that has one. Call it after the hub has been told who watches."""
        wanted = list(keys)
        self._wake.set()
        fetched: dict[str, Fragment] = {}
        async with self._loading:
            before = {key: self._hub.fragments.get(key) for key in wanted}
            missing = [key for key, known in before.items() if known is None or self._is_old(key)]
            if missing and self.store_ok:
                self._read_at |= {key: time.monotonic() for key in missing if key in self._read_at}
                try:
                    fetched = await self._fetch_same(missing)
                except AWAY as error:
                    self._lost(error)
            if not self.store_ok:
                self._lists.doubt(wanted)
            for key, fragment in fetched.items():
                self._renew(fragment, before[key])
        known = {key: self._hub.fragments[key] for key in wanted if key in self._hub.fragments}
        return {**fetched, **known}

    def _is_old(self, key: str) -> bool:
        """Parts are read seldom while nothing happens. Who comes has read the page just now, and knows better."""
        meter = METERS_OF_PAGES.get(split(key)[1].partition(":")[0])
        return meter is not None and _is_over(self._read_at.get(key, _NEVER), meter.seconds)

    def _renew(self, fragment: Fragment, before: Fragment | None) -> None:
        """What was read for one who came is new to all, unless a look has read it meanwhile."""
        now = self._hub.fragments.get(fragment.key)
        if now is None:
            self._hub.keep(fragment)
        elif now is before and now.html != fragment.html:
            self._publish_one(fragment)

    def behind(self, live: Mapping[str, int]) -> dict[str, int]:
        """Lists with new jobs on top of the rows that a page shows, and how many."""
        return self._lists.behind(live)

    def ready_frame(self) -> bytes:
        """Redis' clock, and the name of the present data: under another name all versions are void."""
        return frames.message("ready", now=self._overview.now_ms(), epoch=f"{self.epoch}.{self._generation}")

    def store_frame(self) -> bytes:
        """Whether Redis answers, and how many seconds old the page is if not."""
        return frames.message("store", ok=self.store_ok, age=round(time.monotonic() - self.last_look, 1))

    async def _fetch_same(self, keys: Sequence[str]) -> dict[str, Fragment]:
        """Like `_fetch`, all from before or all from after the data have become others."""
        while True:
            generation = self._generation
            fetched = await self._fetch(keys)
            if generation == self._generation:
                return fetched

    async def _fetch(self, keys: Sequence[str]) -> dict[str, Fragment]:
        """What nobody has watched until now. A list has no fragment; which jobs are on top is noted."""
        read = [await self._meter(key) for key in of_kinds(keys, METERS)]
        fetched = [fragment for fragment in read if fragment]
        languages = languages_in(keys)
        for batch in _batches({job_id: kinds_of(job_id, keys, languages) for job_id in ids_in(keys)}):
            fetched += await self._fragments.of_jobs(batch)
        await self._lists.note(keys)
        return {fragment.key: fragment for fragment in fetched}

    # When to look

    def acted(self) -> None:
        """Somebody did something on a page, and was answered with the part as it was then. If it is undone before the
        next reading, nothing looks different to us and that page stays wrong; so for a while parts are sent anyhow."""
        self._acted_at = self._changed_at = time.monotonic()
        self._meters_at = _NEVER
        self._read_at.clear()
        self._wake.set()

    def _wake_up(self) -> None:
        if self._hub.sockets:
            self._woken = self._woken or time.monotonic()
            self._wake.set()

    async def _keep_looking(self) -> None:
        while True:
            began = time.monotonic()
            try:
                await self._look()
                self._found()
            except AWAY as error:
                self._lost(error)
            except Exception as error:  # noqa: BLE001 - the outermost loop: the next look may go better
                self._faults.met(error)
                self._backoff = MAX_BACKOFF
            await asyncio.sleep(max(self._backoff, began + LOOK_GAP - time.monotonic()))
            await self._until_woken()

    async def _until_woken(self) -> None:
        """Wait for a message, or until something is due without one."""
        patience = LISTS_GAP if self._lists_changed else LOOK_SECONDS
        if not self._backoff:
            await _wait_for(self._wake, patience)
        self._wake.clear()

    def _found(self) -> None:
        self.last_look = time.monotonic()
        self._backoff = 0.0
        if self._woken is not None:
            self.lag_ms, self._woken = (self.last_look - self._woken) * 1000, None
        if not self.store_ok:
            self.store_ok = True
            log.warning("Redis answers again.")
            self._hub.broadcast(self.store_frame())

    def _lost(self, error: Exception) -> None:
        self._woken = None
        self._backoff = min(MAX_BACKOFF, self._backoff * 2 or FIRST_BACKOFF)
        if self.store_ok:
            self.store_ok = False
            log.warning("Redis does not answer (%s: %s); trying on.", type(error).__name__, error)
            self._hub.broadcast(self.store_frame())

    # What to look at

    async def _look(self) -> None:
        if not self._hub.sockets:
            await self._skip()
            return
        await self._overview.looking.get()
        await self._promote()
        await self._follow()
        await self._follow_workers()
        await self._follow_lists()
        await self._follow_meters()

    async def _skip(self) -> None:
        """Nobody looks: what happens is skipped, unless somebody came while we asked where it stands."""
        position, epoch = await self._reader.position()
        if not self._hub.sockets:
            self.position, self.epoch = position, epoch
            self._lists.forget()

    async def _promote(self) -> None:
        """Jobs whose time has come are queued, also while no worker runs that would call them so."""
        if _is_over(self._promoted_at, PROMOTE_GAP):
            self._promoted_at = time.monotonic()
            try:
                await self._commands.promote()
            except ResponseError as error:  # a Redis that takes no writes can still be read
                self._faults.met(error)

    async def _follow(self) -> None:
        """Publish what has changed since the last look; everything if that can't be told."""
        changes = await self._reader.changes_since(self.position, self.epoch)
        if changes.ids or changes.reset or not self.store_ok:
            self._changed_at, self._lists_changed = time.monotonic(), True
            self._lists.hear(changes.ids)
        if changes.reset:
            self._begin_anew(changes)
            self._lists.forget_searches()
        if changes.reset or not self.store_ok:
            await self._publish(ids_in(self._hub.topics), anew=True)
        else:
            await self._publish(changes.ids)
        self.position, self.epoch = changes.position, changes.epoch
        if changes.more:
            self._wake.set()

    def _begin_anew(self, changes: Changes) -> None:
        """Where the data are others than before, versions start again, and browsers must know that first."""
        is_other = changes.epoch != self.epoch or changes.position < self.position
        self.position, self.epoch = changes.position, changes.epoch
        if is_other:
            self._generation += 1
            self._hub.forget()
            self._hub.broadcast(self.ready_frame())

    async def _follow_workers(self) -> None:
        """When a worker comes or goes, its running jobs look different although they have not changed."""
        alive = (await self._overview.look()).alive
        before, self._alive = self._alive, alive
        if before is None or before == alive:
            return
        jobs = await self._reader.many(ids_in(self._hub.topics, SHOW_WORKER))
        moved = before ^ alive
        await self._publish([job.id for job in jobs if is_running(job) and job.worker in moved], anew=True)

    async def _follow_lists(self) -> None:
        if self._lists_changed and _is_over(self._lists_at, LISTS_GAP):
            self._lists_at, self._lists_changed = time.monotonic(), False
            await self._lists.follow()

    async def _follow_meters(self) -> None:
        """Tabs while things change, the sidebar every second: a worker dies without a word.

        What else pages have, each in its own time.
        """
        if not _is_over(self._meters_at, METERS_GAP):
            return
        self._meters_at = time.monotonic()
        is_anew = not _is_over(self._acted_at, SETTLE_SECONDS)
        kinds = {"side"}
        if not _is_over(self._changed_at, SETTLE_SECONDS):
            kinds.add("tabs")
        for key in [*of_kinds(self._hub.topics, in_every_language(kinds)), *self._due_parts()]:
            fragment, known = await self._meter(key), self._hub.fragments.get(key)
            if fragment and (known is None or known.html != fragment.html or is_anew):
                self._publish_one(fragment)

    def _due_parts(self) -> list[str]:
        """Parts of pages whose time has come. Each is read once more after the last change has settled."""
        watched = of_kinds(self._hub.topics, _PARTS)
        self._read_at = {key: self._read_at.get(key, _NEVER) for key in watched}
        due: list[str] = []
        for key, read_at in self._read_at.items():
            meter = METERS_OF_PAGES[split(key)[1].partition(":")[0]]
            is_busy = read_at < self._changed_at + SETTLE_SECONDS
            if _is_over(read_at, (meter.seconds if is_busy else meter.idle_seconds) - METERS_GAP / 2):
                due.append(key)
                self._read_at[key] = self._meters_at
        return due

    async def _meter(self, key: str) -> Fragment | None:
        try:
            fragment = await self._fragments.meter(key, self.position)
        except AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - one part that can't be made must not stop all others
            self._faults.met(error)
            return None
        return fragment if fragment.html else None

    # What is new goes to the hub

    async def _publish(self, job_ids: Sequence[str], *, anew: bool = False) -> None:
        """Read and render what is watched of these jobs. `anew`: although their versions may be known."""
        watched = self._hub.topics
        wanted = {job_id: kinds for job_id in job_ids if (kinds := kinds_of(job_id, watched, self._languages))}
        for batch in _batches(wanted):
            for fragment in await self._fragments.of_jobs(batch, None if anew else self._hub.fragments):
                self._publish_one(fragment)
            await asyncio.sleep(0)

    def _publish_one(self, fragment: Fragment) -> None:
        kind, _, name = fragment.key.partition(":")
        covers = f"{kind.removesuffix('row')}prog:{name}" if kind in _ROWS else ""
        self._hub.publish(fragment.key, fragment.version, fragment.html, timed=fragment.timed, covers=covers)


def _batches(wanted: Mapping[str, list[str]]) -> Iterable[dict[str, list[str]]]:
    ids = list(wanted)
    for start in range(0, len(ids), BATCH):
        yield {job_id: wanted[job_id] for job_id in ids[start : start + BATCH]}


def _is_over(since: float, seconds: float) -> bool:
    return time.monotonic() - since >= seconds


async def _wait_for(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
