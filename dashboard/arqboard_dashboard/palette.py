"""What the palette finds: places, jobs by id, and by name functions, queues, workers, schedules, workflows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace

from arqboard.protocol import Job, Reader, Unreadable
from arqboard.protocol.schedules import Schedules
from arqboard.protocol.workflows import WorkflowInfo, Workflows

from .language import gettext
from .links import job_url, list_url, url_part
from .navigation import PLACES
from .overview import Fresh, Overview
from .parameters import MAX_NAME
from .views import Look

#: Entries of one group.
MOST = 6
#: The newest workflows are found by their name; all by their id.
WORKFLOWS = 100
NAMES_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: where it leads, or what it `does` here."""

    text: str
    symbol: str
    href: str = ""
    hint: str = ""
    does: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    entries: list[Entry]


class Palette:
    """Answers from what the overview has cached; only an id is looked up for each question."""

    def __init__(self, reader: Reader, overview: Overview, schedules: Schedules, workflows: Workflows) -> None:
        self._reader, self._overview = reader, overview
        self._schedules_store, self._workflows_store = schedules, workflows
        self._schedules = Fresh(self._all_schedules, NAMES_SECONDS)
        self._workflows = Fresh(self._newest_workflows, NAMES_SECONDS)

    async def find(self, wanted: str) -> list[Group]:
        """Groups with something in them, the best match first. Everything is offered for nothing."""
        look = await self._overview.look()
        functions, queues, workers, schedules, workflows, jobs = await asyncio.gather(
            self._overview.functions.get(), self._overview.queues.get(), self._overview.workers.get(),
            self._schedules.get(), self._workflows.get(), self._jobs(wanted, look),
        )  # fmt: skip
        groups = [
            Group(gettext("Jobs"), jobs),
            Group(gettext("Go to"), _best(wanted, _places(look))),
            Group(gettext("New job"), _best(wanted, _new_jobs(look, functions))),
            Group(gettext("Functions"), _best(wanted, _functions(look, functions)) if wanted else []),
            Group(gettext("Queues"), _best(wanted, _of_page(look, "queues", (queue.name for queue in queues)))),
            Group(gettext("Workers"), _best(wanted, _of_page(look, "workers", (w.id for w in workers)))),
            Group(gettext("Schedules"), _best(wanted, _of_page(look, "schedules", schedules))),
            Group(gettext("Workflows"), _best(wanted, _flows(look, workflows))),
            Group(gettext("Do"), _best(wanted, _actions())),
        ]
        return [group for group in groups if group.entries]

    async def _jobs(self, wanted: str, look: Look) -> list[Entry]:
        """The job with exactly this id."""
        if not 0 < len(wanted) <= MAX_NAME:
            return []
        match (await self._reader.many([wanted]))[0]:
            case Job() as job:
                return [Entry(job.function, "activity", job_url(look, job.id), job.id)]
            case Unreadable(id=job_id):
                return [Entry(gettext("its record can't be read"), "activity", job_url(look, job_id), job_id)]
            case None:
                return []

    async def _all_schedules(self) -> list[str]:
        return [info.name for info in await self._schedules_store.all() if not isinstance(info, Unreadable)]

    async def _newest_workflows(self) -> list[WorkflowInfo]:
        found, _, _ = await self._workflows_store.page(limit=WORKFLOWS)
        return [info for info in found if isinstance(info, WorkflowInfo)]


def _best(wanted: str, entries: Iterable[Entry]) -> list[Entry]:
    """Those that have the words in what they are called, first those that begin with them."""
    words = wanted.casefold().split()
    found = [entry for entry in entries if all(word in entry.text.casefold() for word in words)]
    if words:
        found.sort(key=lambda entry: not entry.text.casefold().startswith(words[0]))
    return found[:MOST]


def _places(look: Look) -> list[Entry]:
    places = [Entry(gettext(p.title), p.symbol, look.base + p.path, f"g {p.key_stroke}") for p in PLACES]
    return [*places, Entry(gettext("Preferences"), "sliders-horizontal", f"{look.base}/preferences")]


def _new_jobs(look: Look, functions: Iterable[str]) -> list[Entry]:
    return [Entry(name, "plus", f"{look.base}/jobs/new?fn={url_part(name)}") for name in functions]


def _functions(look: Look, functions: Iterable[str]) -> list[Entry]:
    return [Entry(name, "list-checks", list_url(look, function=name)) for name in functions]


def _of_page(look: Look, key: str, names: Iterable[str]) -> list[Entry]:
    """Things that have a page each, beside the place where they are listed."""
    place = next((place for place in PLACES if place.key == key), None)
    if place is None:
        return []
    return [Entry(name, place.symbol, f"{look.base}{place.path}/{url_part(name)}") for name in names]


def _flows(look: Look, workflows: Iterable[WorkflowInfo]) -> list[Entry]:
    known = [(info, _of_page(look, "workflows", [info.id])) for info in workflows]
    return [replace(entry, text=info.name or info.id, hint=info.id) for info, entries in known for entry in entries]


def _actions() -> list[Entry]:
    return [
        Entry(gettext("Pause live updates, or go on"), "pause", hint="p", does="pause"),
        Entry(gettext("Change the theme"), "moon", hint="t", does="theme"),
        Entry(gettext("Show all keys"), "keyboard", hint="?", does="keys"),
    ]
