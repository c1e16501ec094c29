"""Follows Redis for all browsers at once: the only subscription, one read and one rendering per change.

A message only says that it is time to look; what changed is read from the change index. So lost, doubled or
late messages can't make a page wrong, and a subscription that has died costs a second at most.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any, TypeGuard
from urllib.parse import parse_qsl

from redis.exceptions import RedisError

from arqboard.protocol import Changes, Job, Query, Reader, State, Unreadable
from arqboard.protocol.reader import MAX_PAGE

from . import frames
from .frames import Fragment
from .views import Look, Tabs

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.client import PubSub

    from .hub import Hub
    from .overview import Overview
    from .render import Kind, Renderer

log = logging.getLogger(__name__)

#: Without any message, this is how old a page can get.
LOOK_SECONDS = 1.0
#: At most twenty looks a second: sockets take a frame only every tenth of a second.
LOOK_GAP = 0.05
#: Messages read one at a time cost ten times as much as those read together, so they may gather this long.
BURST_SECONDS = 0.01
MAX_BURST = 1000
LISTS_GAP = 0.5
METERS_GAP = 1.0
#: What the meters are made of may be a second old, so they are read again for a while after the last change.
SETTLE_SECONDS = 2.5
KPIS_SECONDS = 5.0
LOOKING_SECONDS = 5.0
#: How often a worker that nobody knows makes us ask for the workers again.
WORKERS_GAP = 0.2
#: A subscription that is silent this long is asked whether it still lives.
SILENCE_SECONDS = 15.0
FIRST_BACKOFF, MAX_BACKOFF = 0.1, 1.0
#: Jobs read and rendered before the event loop gets its turn.
BATCH = 50
MAX_KEY = 600
STALE = "live:stale"

#: Fragments of one job. A row contains its progress cell, so `prog` comes first and the row covers it.
JOB_KINDS: tuple[Kind, ...] = ("prog", "row", "hero", "chunks", "attempts", "facts", "outcome")
_IN_LISTS = frozenset(("prog", "row"))
#: These stay the same while a job only makes progress.
_BY_VERSION = frozenset(("row", "attempts", "facts", "outcome"))
#: These show whether the worker of a running job is alive.
_SHOW_WORKER = frozenset(("row", "hero"))
_METERS = frozenset(("tabs", "kpis", "side"))
_LISTS = frozenset(("list",))

#: Redis is away, or does not answer in time.
_AWAY = (RedisError, OSError)


class Feed:
    """What is true now, brought to the hub. `start()` and `stop()` frame its life."""

    def __init__(self, redis: Redis, reader: Reader, renderer: Renderer, hub: Hub, overview: Overview) -> None:
        self._redis, self._reader, self._renderer = redis, reader, renderer
        self._hub, self._overview = hub, overview
        self.position, self.epoch = 0, ""
        self.store_ok = True
        self.last_look = time.monotonic()
        """monotonic time of the last look that succeeded"""
        self.lag_ms = 0.0
        """from the message to the fragments, in the last look that a message has caused"""
        self._generation = 0
        self._tops: dict[str, list[str]] = {}
        self._alive: frozenset[str] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._wake, self._loading = asyncio.Event(), asyncio.Lock()
        self._woken: float | None = None
        self._backoff = 0.0
        self._lists_changed = False
        never = float("-inf")
        self._changed_at = self._lists_at = self._meters_at = self._kpis_at = never
        self._looking_at = self._workers_at = never
        self._reported: set[str] = set()

    async def start(self) -> None:
        """Begin to follow. Redis may be away: that is a state to show, not an error."""
        self._tasks = [
            asyncio.create_task(self._listen(), name="arqboard feed: listen"),
            asyncio.create_task(self._keep_looking(), name="arqboard feed: look"),
        ]

    async def stop(self) -> None:
        """End both tasks and wait for them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    # For sockets

    async def load(self, keys: Iterable[str]) -> dict[str, Fragment]:
        """The current fragment of each key that has one. Call it after the hub has been told who watches."""
        wanted = list(keys)
        self._wake.set()
        fetched: dict[str, Fragment] = {}
        async with self._loading:
            missing = [key for key in wanted if key not in self._hub.fragments]
            if missing and self.store_ok:
                try:
                    fetched = await self._fetch_same(missing)
                except _AWAY as error:
                    self._lost(error)
            for fragment in fetched.values():
                self._hub.keep(fragment)
        known = {key: self._hub.fragments[key] for key in wanted if key in self._hub.fragments}
        return {**fetched, **known}

    def behind(self, live: Mapping[str, int]) -> dict[str, int]:
        """Lists with new jobs on top of the rows that a page shows, and how many.

        A list with version 0 is not the first page, so nothing can be said about it.
        """
        found: dict[str, int] = {}
        for key, shown in live.items():
            if shown and (ids := self._tops.get(key)):
                new = sum(1 for _ in takewhile(lambda job_id: f"row:{job_id}" not in live, ids))
                if new:
                    found[key] = new
        return found

    def ready_frame(self) -> bytes:
        """Redis' clock, and the name of the present data: under another name all versions are void."""
        return frames.message("ready", now=self._overview.now_ms(), epoch=f"{self.epoch}.{self._generation}")

    def store_frame(self) -> bytes:
        """Whether Redis answers, and how many seconds old the page is if not."""
        return frames.message("store", ok=self.store_ok, age=round(time.monotonic() - self.last_look, 1))

    # When to look

    async def _listen(self) -> None:
        """Wake up at each message, over a connection of its own, for ever."""
        while True:
            try:
                await self._subscribed()
            except _AWAY as error:
                log.debug("The subscription is lost (%s); looking once a second until it is back.", error)
            await asyncio.sleep(MAX_BACKOFF)

    async def _subscribed(self) -> None:
        pubsub: PubSub
        async with self._redis.pubsub() as pubsub:  # pyright: ignore[reportUnknownMemberType] - untyped kwargs
            await pubsub.subscribe(self._reader.keys.live)  # pyright: ignore[reportUnknownMemberType] - the same
            asked = False
            while True:
                if await pubsub.get_message(timeout=SILENCE_SECONDS) is not None:
                    asked = False
                    self._wake_up()
                    await asyncio.sleep(BURST_SECONDS)
                    if await _drain(pubsub):
                        self._wake_up()
                elif asked:
                    raise ConnectionError("no answer to a ping")
                else:
                    asked = True
                    await pubsub.ping()  # pyright: ignore[reportUnknownMemberType] - untyped reply

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
            except _AWAY as error:
                self._lost(error)
            except Exception as error:  # noqa: BLE001 - the outermost loop: the next look may go better
                self._report(error)
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

    def _report(self, error: Exception) -> None:
        """Log each kind of failure once, with its trace: it may come twenty times a second."""
        name = f"{type(error).__name__}: {error}"[:200]
        if name not in self._reported and len(self._reported) < 100:
            self._reported.add(name)
            log.error("The feed has met %s; it goes on.", name, exc_info=error)

    # What to look at

    async def _look(self) -> None:
        if not self._hub.sockets:
            await self._skip()
            return
        if _is_over(self._looking_at, LOOKING_SECONDS):
            await self._reader.looking()
            self._looking_at = time.monotonic()
        await self._follow()
        await self._follow_workers()
        await self._follow_lists()
        await self._follow_meters()

    async def _skip(self) -> None:
        """Nobody looks: what happens is skipped, unless somebody came while we asked where it stands."""
        position, epoch = await self._reader.position()
        if not self._hub.sockets:
            self.position, self.epoch = position, epoch

    async def _follow(self) -> None:
        """Publish what has changed since the last look; everything if that can't be told."""
        changes = await self._reader.changes_since(self.position, self.epoch)
        if changes.ids or changes.reset or not self.store_ok:
            self._changed_at, self._lists_changed = time.monotonic(), True
        if changes.reset:
            self._begin_anew(changes)
        if changes.reset or not self.store_ok:
            await self._publish(_ids_in(self._hub.topics), anew=True)
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
        jobs = await self._reader.many(_ids_in(self._hub.topics, _SHOW_WORKER))
        moved = before ^ alive
        await self._publish([job.id for job in jobs if _is_running(job) and job.worker in moved], anew=True)

    async def _follow_lists(self) -> None:
        """Tell browsers that a list has other first rows; they fetch it when it suits them."""
        if not self._lists_changed or not _is_over(self._lists_at, LISTS_GAP):
            return
        self._lists_at, self._lists_changed = time.monotonic(), False
        watched = _of_kinds(self._hub.topics, _LISTS)
        for key, ids in (await self._read_tops(watched)).items():
            before = self._tops.get(key)
            if before is not None and before != ids:
                self._hub.event(key, STALE, len(set(ids).difference(before)))
            self._tops[key] = ids
        for key in self._tops.keys() - self._hub.topics.keys():
            del self._tops[key]

    async def _follow_meters(self) -> None:
        """Tabs and tiles while things change, the sidebar every second: a worker dies without a word."""
        if not _is_over(self._meters_at, METERS_GAP):
            return
        self._meters_at = time.monotonic()
        kinds = {"side"}
        if not _is_over(self._changed_at, SETTLE_SECONDS):
            kinds |= {"tabs", "kpis"}
        if "kpis" in kinds or _is_over(self._kpis_at, KPIS_SECONDS):
            kinds.add("kpis")
            self._kpis_at = self._meters_at
        for key in _of_kinds(self._hub.topics, kinds):
            fragment = await self._meter(key)
            known = self._hub.fragments.get(key)
            if known is None or known.html != fragment.html:
                self._publish_one(fragment)

    # From keys to fragments

    async def _publish(self, job_ids: Sequence[str], *, anew: bool = False) -> None:
        """Read and render what is watched of these jobs. `anew`: although their versions may be known."""
        watched = self._hub.topics
        wanted = {job_id: kinds for job_id in job_ids if (kinds := _kinds_of(job_id, watched))}
        for batch in _batches(wanted):
            for fragment in await self._render(batch, anew=anew):
                self._publish_one(fragment)
            await asyncio.sleep(0)

    def _publish_one(self, fragment: Fragment) -> None:
        kind, _, name = fragment.key.partition(":")
        covers = f"prog:{name}" if kind == "row" else ""
        self._hub.publish(fragment.key, fragment.version, fragment.html, timed=fragment.timed, covers=covers)

    async def _fetch(self, keys: Sequence[str]) -> dict[str, Fragment]:
        """What nobody has watched until now. A list has no fragment; which jobs are on top is noted."""
        fetched = [await self._meter(key) for key in _of_kinds(keys, _METERS)]
        for batch in _batches({job_id: _kinds_of(job_id, keys) for job_id in _ids_in(keys)}):
            fetched += await self._render(batch, anew=True)
        tops = await self._read_tops([key for key in _of_kinds(keys, _LISTS) if key not in self._tops])
        for key, ids in tops.items():
            self._tops.setdefault(key, ids)
        return {fragment.key: fragment for fragment in fetched}

    async def _fetch_same(self, keys: Sequence[str]) -> dict[str, Fragment]:
        """Like `_fetch`, all from before or all from after the data have become others."""
        while True:
            generation = self._generation
            fetched = await self._fetch(keys)
            if generation == self._generation:
                return fetched

    async def _read_tops(self, keys: Sequence[str]) -> dict[str, list[str]]:
        if not keys:
            return {}
        queries = [parse_query(key.partition(":")[2]) for key in keys]
        return dict(zip(keys, await self._reader.top_ids(queries), strict=True))

    async def _render(self, wanted: Mapping[str, Sequence[Kind]], *, anew: bool) -> list[Fragment]:
        """Fragments of these kinds of these jobs. Unless `anew`, without those whose version is known."""
        in_lists = [job_id for job_id, kinds in wanted.items() if _IN_LISTS.issuperset(kinds)]
        on_pages = [job_id for job_id in wanted if job_id not in set(in_lists)]
        jobs = [*await self._reader.many(in_lists), *await self._reader.many(on_pages, detail=True)]
        look = await self._look_for(jobs)
        fragments = [
            await self._fragment(kind, job_id, job, look)
            for job_id, job in zip([*in_lists, *on_pages], jobs, strict=True)
            for kind in wanted[job_id]
            if anew or self._is_new(kind, job)
        ]
        return [fragment for fragment in fragments if fragment]

    def _is_new(self, kind: Kind, job: Job | Unreadable | None) -> bool:
        """Whether this kind of fragment of a job that has changed differs from the one that is known."""
        if kind not in _BY_VERSION or not isinstance(job, Job):
            return True
        known = self._hub.fragments.get(f"{kind}:{job.id}")
        return known is None or known.version != job.version

    async def _look_for(self, jobs: Iterable[Job | Unreadable | None]) -> Look:
        """What all fragments share. A worker seen for the first time must not look dead."""
        look = await self._overview.look()
        known = {worker.id for worker in self._overview.workers.last or ()}
        new = any(_is_running(job) and job.worker not in known for job in jobs)
        if not new or not _is_over(self._workers_at, WORKERS_GAP):
            return look
        self._workers_at = time.monotonic()
        await self._overview.workers.again()
        return await self._overview.look()

    async def _fragment(self, kind: Kind, job_id: str, job: Job | Unreadable | None, look: Look) -> Fragment | None:
        """One fragment, or None where this kind has nothing to show for such a job."""
        key = f"{kind}:{job_id}"
        if not isinstance(job, Job):
            html = self._html_of_none(kind, job_id, job, look)
            return Fragment(key, 0, html) if html else None
        try:
            html = await self._html(kind, job, look)
        except _AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - one job that breaks a template must not stop all others
            self._report(error)
            return await self._fragment(kind, job_id, Unreadable(job_id, "it can't be shown"), look)
        version = job.version if kind in _BY_VERSION else job.position
        return Fragment(key, version, html, timed=kind in _SHOW_WORKER and job.state is State.RUNNING)

    def _html_of_none(self, kind: Kind, job_id: str, why: Unreadable | None, look: Look) -> str:
        """A job that was deleted, or can't be read: its row or hero says so, the rest stays as it was."""
        if kind == "row":
            return self._renderer.row(why, look, oob=True) if why else self._renderer.gone(kind, job_id)
        return self._renderer.hero_gone(job_id, look) if kind == "hero" and why is None else ""

    async def _html(self, kind: Kind, job: Job, look: Look) -> str:
        match kind:
            case "row":
                return self._renderer.row(job, look, oob=True)
            case "prog":
                return self._renderer.prog(job, look, oob=True)
            case "hero":
                return self._renderer.hero(job, look, oob=True)
            case "chunks":
                marks = await self._reader.chunk_marks(job.id)
                return self._renderer.chunks(job, marks, look, oob=True)
            case "attempts":
                attempts = await self._reader.attempts(job)
                return self._renderer.attempts(job, attempts, look, oob=True)
            case "facts":
                return self._renderer.facts(job, look, oob=True)
            case "outcome":
                return self._renderer.outcome(job, look, oob=True)

    async def _meter(self, key: str) -> Fragment:
        """Tabs, tiles or sidebar, from values that are at most a second old."""
        look = await self._overview.look()
        kind, _, name = key.partition(":")
        match kind:
            case "tabs":
                query, position = parse_query(name), self.position
                tabs = Tabs(query, await self._reader.counts(query.queue, query.function), position)
                return Fragment(key, position, self._renderer.tabs(tabs, look, oob=True))
            case "kpis":
                kpis = await self._overview.kpis.get()
                return Fragment(key, kpis.version, self._renderer.kpis(kpis, look, oob=True), timed=True)
            case _:
                side = await self._overview.side.get()
                return Fragment(key, side.version, self._renderer.side(side, look, oob=True), timed=True)


def parse_key(key: str) -> tuple[str, str]:
    """The kind and the name in a key that a page can watch. Raises ValueError for any other."""
    kind, colon, name = key.partition(":")
    if len(key) > MAX_KEY:
        raise ValueError("the key is too long")
    key.encode()
    match kind:
        case "tabs" | "list" if colon:
            parse_query(name)
        case "kpis" | "side" if not colon:
            pass
        case _ if kind in JOB_KINDS and name:
            pass
        case _:
            raise ValueError("there is no such key")
    return kind, name


def parse_query(text: str) -> Query:
    """The query whose filters were written by `render.query_string`. Raises ValueError for anything else."""
    pairs = parse_qsl(text, strict_parsing=True, max_num_fields=4, errors="strict") if text else []
    filters: dict[str, Any] = dict(pairs)  # str, until two of them are parsed below
    if len(filters) != len(pairs) or not filters.keys() <= {"function", "queue", "state", "limit"}:
        raise ValueError("there is no such filter")
    if "state" in filters:
        filters["state"] = State(filters["state"])
    if "limit" in filters:
        filters["limit"] = min(MAX_PAGE, max(1, int(filters["limit"])))
    return Query(**filters)


def _of_kinds(keys: Iterable[str], kinds: Container[str]) -> list[str]:
    return [key for key in keys if key.partition(":")[0] in kinds]


def _ids_in(keys: Iterable[str], kinds: Container[str] = JOB_KINDS) -> list[str]:
    return list(dict.fromkeys(key.partition(":")[2] for key in _of_kinds(keys, kinds)))


def _kinds_of(job_id: str, keys: Container[str]) -> list[Kind]:
    return [kind for kind in JOB_KINDS if f"{kind}:{job_id}" in keys]


def _batches(wanted: Mapping[str, list[Kind]]) -> Iterable[dict[str, list[Kind]]]:
    ids = list(wanted)
    for start in range(0, len(ids), BATCH):
        yield {job_id: wanted[job_id] for job_id in ids[start : start + BATCH]}


def _is_running(job: Job | Unreadable | None) -> TypeGuard[Job]:
    return isinstance(job, Job) and job.state is State.RUNNING


def _is_over(since: float, seconds: float) -> bool:
    return time.monotonic() - since >= seconds


async def _wait_for(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


async def _drain(pubsub: PubSub) -> bool:
    """Take the messages that have come meanwhile. They all say the same."""
    taken = 0
    while taken < MAX_BURST and await pubsub.get_message(timeout=0) is not None:
        taken += 1
    return taken > 0
