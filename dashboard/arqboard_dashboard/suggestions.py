"""What may come next in the search field: qualifiers, and values that there really are."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from arqboard.protocol import State
from arqboard.protocol.search import ARGUMENT, TIMES, Term

from .appkeys import OVERVIEW
from .language import N_, gettext
from .trends import WINDOWS

#: Shown at once.
MOST = 12
#: Words of what was typed, with the quotes that hold them together; the last ones may still be open.
_WORD = re.compile(r'(?:"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[^\s"])++', re.DOTALL)
HINTS: Final[Mapping[str, str]] = {
    "fn": N_("the function, * for any text"),
    "queue": N_("the queue"),
    "state": N_("one or several states, with commas"),
    "worker": N_("the worker that has it"),
    "tag": N_("a tag that jobs were given"),
    "id": N_("the job's id, * for any text"),
    "error": N_("words of the error, or its type"),
    "took": N_("how long it ran: >10s, <500ms"),
    "source": N_("who submitted it"),
    "args.": N_("an argument by its name: args.user_id:42"),
    "since": N_("15m, 24h, 7d, or a date"),
    "until": N_("15m, 24h, 7d, or a date"),
}
_FIXED: Final[Mapping[str, tuple[str, ...]]] = {
    "state": tuple(State),
    "since": ("15m", "1h", "6h", "24h", "7d"),
    "until": ("15m", "1h", "6h", "24h"),
    "took": (">1s", ">10s", ">1m", ">10m", "<100ms"),
    "source": ("dashboard", "api", "program", "enqueue_job", "schedule *"),
}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`value` is what the field holds once this has been chosen; with `is_done` it can be searched for."""

    value: str
    label: str
    hint: str = ""
    is_done: bool = True


async def suggest(app: web.Application, typed: str, function: str | None) -> list[Suggestion]:
    """What the last word may become, the likeliest first. `function` is the one that the list is filtered by."""
    words = _WORD.findall(typed)
    word = words[-1] if words and typed.endswith(words[-1]) else ""
    head = typed[: len(typed) - len(word)]
    minus = "-" if word.startswith("-") else ""
    name, colon, value = word.removeprefix("-").partition(":")
    if colon:
        found = await _values(app, name.lower(), value.rpartition(",")[2].strip('"'))
        kept = value.rpartition(",")[0]
        return [_chosen(head + minus, name.lower(), kept, text, hint) for text, hint in found][:MOST]
    return [
        Suggestion(head + minus + s.value, s.label, s.hint, s.is_done)
        for s in [*_qualifiers(name, minus), *await _arguments(app, name, function), *await _names(app, name)]
    ][:MOST]


def _chosen(head: str, name: str, kept: str, text: str, hint: str) -> Suggestion:
    term = str(Term(name, (text,)))
    written = f"{name}:{kept},{term.partition(':')[2]}" if kept else term
    return Suggestion(head + written, written, hint)


def _qualifiers(start: str, minus: str) -> list[Suggestion]:
    """Names of qualifiers. Without a letter these come first: most people do not know them."""
    names = [name for name in HINTS if name.startswith(start.lower()) and not (minus and name in TIMES)]
    return [
        Suggestion(name if name == ARGUMENT else f"{name}:", name if name == ARGUMENT else f"{name}:",
                   gettext(HINTS[name]), is_done=False)
        for name in names
    ]  # fmt: skip


async def _names(app: web.Application, part: str) -> list[Suggestion]:
    """Functions, queues and workers with this in their name."""
    if not part:
        return []
    found: list[Suggestion] = []
    for name in ("fn", "queue", "worker", "tag"):
        for text, hint in await _values(app, name, part):
            term = str(Term(name, (text,)))
            found.append(Suggestion(term, term, hint))
    return found


async def _arguments(app: web.Application, start: str, function: str | None) -> list[Suggestion]:
    """Names of parameters, of the function that is asked for or of all."""
    if not start.startswith(ARGUMENT):
        return []
    part, functions = start.removeprefix(ARGUMENT), await app[OVERVIEW].functions.get()
    infos = [functions[function]] if function in functions else functions.values()
    names = {p.name: info.name for info in infos for p in info.parameters if part.casefold() in p.name.casefold()}
    return [Suggestion(f"{ARGUMENT}{name}:", f"{ARGUMENT}{name}:", of, is_done=False) for name, of in names.items()]


async def _values(app: web.Application, name: str, part: str) -> list[tuple[str, str]]:
    """Values with this in them and what is said of each, those that begin with it first."""
    read = _READ.get(name)
    found = await read(app) if read else [(text, "") for text in _FIXED.get(name, ())]
    wanted = part.casefold()
    fitting = [(text, hint) for text, hint in found if wanted in text.casefold()]
    return sorted(fitting, key=lambda value: not value[0].casefold().startswith(wanted))


async def _functions(app: web.Application) -> Iterable[tuple[str, str]]:
    functions = await app[OVERVIEW].functions.get()
    return [(name, (info.doc or "").partition("\n")[0]) for name, info in functions.items()]


async def _queues(app: web.Application) -> Iterable[tuple[str, str]]:
    return [(queue.name, gettext(HINTS["queue"])) for queue in await app[OVERVIEW].queues.get()]


async def _workers(app: web.Application) -> Iterable[tuple[str, str]]:
    return [(worker.id, gettext(HINTS["worker"])) for worker in await app[OVERVIEW].workers.get()]


async def _tags(app: web.Application) -> Iterable[tuple[str, str]]:
    return [(tag, gettext(HINTS["tag"])) for tag in await app[OVERVIEW].tags.get()]


async def _errors(app: web.Application) -> Iterable[tuple[str, str]]:
    """Types of exceptions of the last days, the most frequent first."""
    errors = (await app[OVERVIEW].trends.get(WINDOWS["7d"])).total.errors
    return [(kind, f"{count}×") for kind, count in sorted(errors.items(), key=lambda error: -error[1])]


_READ: Final[Mapping[str, Callable[[web.Application], Coroutine[Any, Any, Iterable[tuple[str, str]]]]]] = {
    "fn": _functions, "queue": _queues, "worker": _workers, "tag": _tags, "error": _errors,
}  # fmt: skip
