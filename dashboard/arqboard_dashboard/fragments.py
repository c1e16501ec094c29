"""From keys to fragments: what pages can watch, and how it is read and rendered, once for all of them."""

from __future__ import annotations

import time
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard, cast
from urllib.parse import parse_qsl

from redis.exceptions import RedisError

from arqboard.protocol import Job, Query, Reader, State, Unreadable
from arqboard.protocol.listing import FOREVER, MAX_PAGE
from arqboard.protocol.query import Sort
from arqboard.protocol.search import parse as parse_search

from .frames import Fragment
from .job_views import log_version
from .language import ENGLISH, speaking
from .meters import all_meters
from .render import WIDGETS
from .topics import in_every_language, in_language, split
from .trends import WINDOWS
from .views import Look, Tabs

if TYPE_CHECKING:
    from aiohttp import web

    from .faults import Faults
    from .overview import Overview
    from .render import Kind, Renderer

#: Redis is away, or does not answer in time.
AWAY = (RedisError, OSError)
#: How often a worker that nobody knows makes us ask for the workers again.
WORKERS_GAP = 0.2
MAX_KEY = 600
#: With a search of 300 letters, each of them six bytes in an address, and names beside it.
MAX_LIST_KEY = 4000

#: Fragments of one job. A row contains its progress cell, so `prog` comes first and the row covers it.
JOB_KINDS: tuple[Kind, ...] = (
    "prog", "row", "hero", "chunks", "attempts", "facts", "outcome", "kept", "artefacts", "log", *WIDGETS,
)  # fmt: skip
#: These show whether the worker of a running job is alive.
SHOW_WORKER = in_every_language(("row", "hero", *WIDGETS))
METERS_OF_PAGES = all_meters()
METERS = in_every_language(("tabs", "side", *METERS_OF_PAGES))
_FILTERS = frozenset(("function", "queue", "state", "limit", "q", "sort", "window"))
LISTS = frozenset(("list",))
_LONG = frozenset(("list", "tabs"))
_JOB_KINDS = in_every_language(JOB_KINDS)
_IN_LISTS = in_every_language(("prog", "row", "widget-bar"))
#: These stay the same while a job only makes progress.
_BY_VERSION = frozenset(("row", "attempts", "facts", "outcome", "kept"))


class Fragments:
    """Makes the fragment of each key from what Redis says now."""

    def __init__(
        self, app: web.Application, reader: Reader, renderer: Renderer, overview: Overview, faults: Faults
    ) -> None:
        self._app = app
        self._reader, self._renderer, self._overview, self._faults = reader, renderer, overview, faults
        self._workers_at = float("-inf")

    async def of_jobs(
        self, wanted: Mapping[str, Sequence[str]], known: Mapping[str, Fragment] | None = None
    ) -> list[Fragment]:
        """Fragments of these jobs, without those that are `known` in their present version.

        Their kinds are in languages (`ru|row`): a job is read once, and rendered in each that somebody reads.
        """
        in_lists = [job_id for job_id, kinds in wanted.items() if _IN_LISTS.issuperset(kinds)]
        on_pages = [job_id for job_id, kinds in wanted.items() if not _IN_LISTS.issuperset(kinds)]
        jobs = [*await self._reader.many(in_lists), *await self._reader.many(on_pages, detail=True)]
        look = await self._look_for(jobs)
        fragments = [
            await self._fragment(kind, job_id, job, look)
            for job_id, job in zip([*in_lists, *on_pages], jobs, strict=True)
            for kind in wanted[job_id]
            if not _is_known(kind, job, known or {})
        ]
        return [fragment for fragment in fragments if fragment]

    async def meter(self, key: str, position: int) -> Fragment:
        """Tabs, tiles, sidebar or a page's own part, from values that are at most a second old."""
        language, plain = split(key)
        with speaking(language):
            return await self._meter(key, plain, position)

    async def _meter(self, key: str, plain: str, position: int) -> Fragment:
        kind, _, name = plain.partition(":")
        if kind in METERS_OF_PAGES:
            html = await METERS_OF_PAGES[kind].read(self._app, name)
            return Fragment(key, position, html, timed=True)
        look = await self._overview.look()
        match kind:
            case "tabs":
                tabs = await tabs_of(self._reader, parse_query(name), position, window_in(name))
                return Fragment(key, position, self._renderer.tabs(tabs, look, oob=True))
            case _:
                side = await self._overview.side.get()
                return Fragment(key, side.version, self._renderer.side(side, look, oob=True), timed=True)

    async def _look_for(self, jobs: Iterable[Job | Unreadable | None]) -> Look:
        """What all fragments share. A worker seen for the first time must not look dead."""
        look = await self._overview.look()
        known = {worker.id for worker in self._overview.workers.last or ()}
        new = any(is_running(job) and job.worker not in known for job in jobs)
        if not new or time.monotonic() - self._workers_at < WORKERS_GAP:
            return look
        self._workers_at = time.monotonic()
        await self._overview.workers.again()
        return await self._overview.look()

    async def _fragment(self, kind: str, job_id: str, job: Job | Unreadable | None, look: Look) -> Fragment | None:
        """One fragment, or None where this kind has nothing to show for such a job."""
        language, plain = split(kind)
        with speaking(language):
            return await self._fragment_of(f"{kind}:{job_id}", cast("Kind", plain), job_id, job, look)

    async def _fragment_of(
        self, key: str, kind: Kind, job_id: str, job: Job | Unreadable | None, look: Look
    ) -> Fragment | None:
        if not isinstance(job, Job):
            html = self._html_of_none(kind, job_id, job, look)
            return Fragment(key, 0, html) if html else None
        try:
            html = await self._html(kind, job, look)
        except AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - one job that breaks a template must not stop all others
            self._faults.met(error)
            return await self._fragment_of(key, kind, job_id, Unreadable(job_id, "it can't be shown"), look)
        version = _version(kind, job)
        return Fragment(key, version, html, timed=kind in SHOW_WORKER and job.state is State.RUNNING)

    def _html_of_none(self, kind: Kind, job_id: str, why: Unreadable | None, look: Look) -> str:
        """A job that was deleted, or can't be read: its row or hero says so, the rest stays as it was."""
        if kind == "row":
            return self._renderer.row(why, look, oob=True) if why else self._renderer.gone(kind, job_id)
        if kind in WIDGETS:
            return self._renderer.widget(None, kind.removeprefix("widget-"), look, oob=True)
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
            case "kept":
                until = await self._reader.result_until(job.id)
                return self._renderer.kept(job, until, look, oob=True)
            case "artefacts":
                made = await self._reader.artefacts(job.id) if job.artefacts else []
                return self._renderer.artefacts(job, made, look, oob=True)
            case "log":
                return self._renderer.log(job, look, oob=True)
            case "widget-bar" | "widget-steps" | "widget-outcome":
                return self._renderer.widget(job, kind.removeprefix("widget-"), look, oob=True)


def parse_key(key: str) -> tuple[str, str]:
    """The kind and the name in a key that a page can watch. Raises ValueError for any other."""
    kind, colon, name = key.partition(":")
    if len(key) > (MAX_LIST_KEY if kind in _LONG else MAX_KEY):
        raise ValueError("the key is too long")
    key.encode()
    match kind:
        case "tabs" if colon:
            parse_query(name)
            window_in(name)
        case "list" if colon:
            parse_query(name)
        case "side" if not colon:
            pass
        case _ if kind in METERS_OF_PAGES:
            METERS_OF_PAGES[kind].check(name)
        case _ if kind in JOB_KINDS and name:
            pass
        case _:
            raise ValueError("there is no such key")
    return kind, name


def parse_query(text: str) -> Query:
    """The query whose filters were written by `links.query_string`. Raises ValueError for anything else."""
    filters = _pairs(text)
    filters.pop("window", None)
    if "state" in filters:
        filters["state"] = State(filters["state"])
    if "sort" in filters:
        filters["sort"] = Sort(filters["sort"])
    if "limit" in filters:
        filters["limit"] = min(MAX_PAGE, max(1, int(filters["limit"])))
    query = Query(**filters)
    parse_search(query.q)
    return query


def window_in(text: str) -> str:
    """The window that `links.query_string` wrote beside the filters; "" for the usual one."""
    window = str(_pairs(text).get("window", ""))
    if window and window not in WINDOWS:
        raise ValueError("there is no such window")
    return window


def _pairs(text: str) -> dict[str, Any]:
    """Texts by name, some of which are parsed further."""
    pairs = parse_qsl(text, strict_parsing=True, max_num_fields=len(_FILTERS), errors="strict") if text else []
    filters: dict[str, Any] = dict(pairs)
    if len(filters) != len(pairs) or not filters.keys() <= _FILTERS:
        raise ValueError("there is no such filter")
    return filters


async def tabs_of(reader: Reader, query: Query, position: int, window: str = "") -> Tabs:
    """State tabs with counts under the other filters. A search can't be counted, a time can, and so can a tag that few
    jobs have."""
    search = query.search
    if query.tag is not None:
        return Tabs(query, await reader.tag_counts(query), position, window)
    if search.is_scan:
        return Tabs(query, None, position, window)
    span = search.span(await reader.now_ms()) if search.needs_clock else FOREVER
    return Tabs(query, await reader.counts(query.queue, query.function, span), position, window)


def of_kinds(keys: Iterable[str], kinds: Container[str]) -> list[str]:
    """Those of the keys that are of one of these kinds."""
    return [key for key in keys if key.partition(":")[0] in kinds]


def ids_in(keys: Iterable[str], kinds: Container[str] = _JOB_KINDS) -> list[str]:
    """The jobs that the keys of these kinds name, each once."""
    return list(dict.fromkeys(key.partition(":")[2] for key in of_kinds(keys, kinds)))


def kinds_of(job_id: str, keys: Container[str], languages: Iterable[str] = (ENGLISH,)) -> list[str]:
    """What of a job is among the keys, in these languages."""
    named = (kind for language in languages for kind in in_language(JOB_KINDS, language))
    return [kind for kind in named if f"{kind}:{job_id}" in keys]


def is_running(job: Job | Unreadable | None) -> TypeGuard[Job]:
    """Whether it is a job that a worker has."""
    return isinstance(job, Job) and job.state is State.RUNNING


def _is_known(kind: str, job: Job | Unreadable | None, known: Mapping[str, Fragment]) -> bool:
    """Whether this kind of fragment of a job that has changed is as it was before."""
    _, plain = split(kind)
    if plain not in _BY_VERSION | {"log"} or not isinstance(job, Job):
        return False
    before = known.get(f"{kind}:{job.id}")
    return before is not None and before.version == _version(plain, job)


def _version(kind: str, job: Job) -> int:
    """What a fragment's version is: most change with every change of the job, some with fewer."""
    if kind == "log":
        return log_version(job)
    return job.version if kind in _BY_VERSION else job.position
