"""What can be typed into the search field of the list: words, and qualifiers like `fn:resize` or `-state:failed`.

All terms have to match. A qualifier takes several values, any of which will do: `queue:media,mail`. Quotes keep spaces,
commas and colons, `*` stands for any text, `-` before a qualifier excludes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from .job import Job
from .qualifiers import ARGUMENT_FIELDS, QUALIFIERS, WORD_FIELDS, Test, argument, moment_ms, word
from .said import Said, said_by

#: Of a search that is parsed at all. It is part of addresses and of what pages watch.
MAX_TEXT, MAX_TERMS = 300, 20
#: What a record must say to be read at all.
_ALWAYS: Final = ("function", "queue", "state", "enqueued", "run_at", "version")
TIMES: Final = ("since", "until")
ARGUMENT: Final = "args."
WORD: Final = ""

_MINUS = re.compile(r"-(?=[A-Za-z_][\w.-]*:)")
_NAME = re.compile(r"([A-Za-z_][\w.-]*):")
_VALUE = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^\s"])*')
_PART = re.compile(r'"((?:[^"\\]|\\.)*)"|([^",]+)|(,)', re.DOTALL)
_PLAIN = re.compile(r'[^\s",:\\]+')


class SearchError(ValueError):
    """What was typed can't be understood: from `start` to `end` it makes no sense."""

    def __init__(self, message: str, start: int, end: int) -> None:
        self.start, self.end = start, end
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Term:
    """One word (`name` is "") or one qualifier with the values that will do."""

    name: str
    values: tuple[str, ...]
    excludes: bool = False

    def __str__(self) -> str:
        """As it can be typed again."""
        if self.name == WORD:
            text = self.values[0]
            return text if _PLAIN.fullmatch(text) and not text.startswith("-") else _quoted(text)
        return f"{'-' if self.excludes else ''}{self.name}:{','.join(map(_as_value, self.values))}"

    @property
    def exact(self) -> str | None:
        """The one value that it asks for, where that is a plain name."""
        if self.excludes or len(self.values) != 1 or "*" in self.values[0]:
            return None
        return self.values[0]


@dataclass(frozen=True, slots=True)
class Search:
    """What was typed, understood. Equal searches are written the same: `str(search)` is the name of one."""

    terms: tuple[Term, ...] = ()

    def __str__(self) -> str:
        return " ".join(map(str, self.terms))

    def without(self, term: Term) -> Search:
        return Search(tuple(t for t in self.terms if t != term))

    @property
    def is_scan(self) -> bool:
        """Whether no index answers it, so that records have to be looked at."""
        return any(term.name not in TIMES for term in self.terms)

    @property
    def needs_clock(self) -> bool:
        return any(term.name in (*TIMES, "took") for term in self.terms)

    def span(self, now: int) -> tuple[float, float]:
        """The first and last time (ms) that `since` and `until` allow, by the times that the index is ordered by."""
        times = {name: [moment_ms(t.values[0], now) for t in self.terms if t.name == name] for name in TIMES}
        return max(times["since"], default=float("-inf")), min(times["until"], default=float("inf"))

    @property
    def fields(self) -> tuple[str, ...]:
        """What has to be read of each record to tell whether it matches."""
        wanted = {field: None for term in self.terms for field in _fields_of(term)}
        return tuple(dict.fromkeys([*_ALWAYS, *wanted]))

    def matches(self, job: Job, now: int) -> bool:
        """Whether a job is what all terms but `since` and `until` ask for; those are in `span`."""
        return all(test(job, now) for test in _tests(self))


@lru_cache(maxsize=512)
def parse(text: str) -> Search:
    """Raises SearchError, which says which part of the text is wrong."""
    if len(text) > MAX_TEXT:
        raise SearchError(Said("a search has at most %(n)s characters", n=MAX_TEXT), MAX_TEXT, len(text))
    terms: dict[Term, None] = {}
    for term, start, end in _terms(text):
        _check(term, start, end)
        terms[term] = None
        if len(terms) > MAX_TERMS:
            raise SearchError(Said("a search has at most %(n)s terms", n=MAX_TERMS), start, end)
    search = Search(tuple(terms))
    if len(str(search)) > MAX_TEXT:  # as it is written from now on, with quotes where they belong
        raise SearchError(Said("a search has at most %(n)s characters", n=MAX_TEXT), 0, len(text))
    return search


def _terms(text: str) -> Iterator[tuple[Term, int, int]]:
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        start = at
        excludes = _MINUS.match(text, at) is not None
        at += excludes
        named = _NAME.match(text, at)
        at = named.end() if named else at
        value = _VALUE.match(text, at)
        end = value.end() if value else at
        if end < len(text) and text[end] == '"':
            raise SearchError(Said("this quote is never closed"), end, len(text))
        yield _term(named[1] if named else WORD, text[at:end], excludes, start, end), start, end
        at = end


def _term(name: str, written: str, excludes: bool, start: int, end: int) -> Term:
    known = name.lower()
    if name == WORD:
        return Term(WORD, (_unquoted(written),))
    if known.startswith(ARGUMENT) and len(name) > len(ARGUMENT):
        return Term(ARGUMENT + name[len(ARGUMENT) :], _values(written), excludes)
    if known not in QUALIFIERS and known not in TIMES:
        names = ", ".join(f"{known}:" for known in (*QUALIFIERS, "args.<name>", *TIMES))
        unknown = Said(
            'there is no "%(name)s:"; there are %(names)s. Put it in quotes to look for it', name=name[:40], names=names
        )
        raise SearchError(unknown, start, end)
    if known in TIMES and excludes:
        raise SearchError(
            Said("%(name)s: can't be excluded; say the other of since: and until:", name=known), start, end
        )
    return Term(known, _values(written), excludes)


def _check(term: Term, start: int, end: int) -> None:
    """Make its tests once, so that what is wrong with a value is found now. Raises SearchError."""
    if not any(value.strip() for value in term.values):
        empty = (
            Said("%(name)s: needs a value", name=term.name) if term.name else Said("there is nothing in these quotes")
        )
        raise SearchError(empty, start, end)
    try:
        if term.name in TIMES:
            if len(term.values) != 1:
                raise ValueError(Said("it takes one time"))
            moment_ms(term.values[0], 0)
        else:
            _test(term)
    except ValueError as error:
        raise SearchError(Said("%(name)s: %(why)s", name=term.name, why=said_by(error)), start, end) from None


@lru_cache(maxsize=512)
def _tests(search: Search) -> tuple[Test, ...]:
    return tuple(_test(term) for term in search.terms if term.name not in TIMES)


def _test(term: Term) -> Test:
    tests = [_value_test(term.name, value) for value in term.values]
    if term.excludes:
        return lambda job, now: not any(test(job, now) for test in tests)
    return tests[0] if len(tests) == 1 else lambda job, now: any(test(job, now) for test in tests)


def _value_test(name: str, value: str) -> Test:
    if name == WORD:
        return word(value)
    if name.startswith(ARGUMENT):
        return argument(name[len(ARGUMENT) :])(value)
    return QUALIFIERS[name].make(value)


def _fields_of(term: Term) -> tuple[str, ...]:
    if term.name == WORD:
        return WORD_FIELDS
    if term.name in TIMES:
        return ()
    return ARGUMENT_FIELDS if term.name.startswith(ARGUMENT) else QUALIFIERS[term.name].fields


def _values(written: str) -> tuple[str, ...]:
    """The parts between commas, without the quotes that kept them together."""
    values = [""]
    for quoted, plain, comma in _PART.findall(written):
        if comma:
            values.append("")
        else:
            values[-1] += re.sub(r"\\(.)", r"\1", quoted) if quoted else plain
    return tuple(dict.fromkeys(value for value in values if value.strip())) or ("",)


def _unquoted(written: str) -> str:
    return "".join(re.sub(r"\\(.)", r"\1", quoted) if quoted else plain or comma
                   for quoted, plain, comma in _PART.findall(written))  # fmt: skip


def _as_value(value: str) -> str:
    """A value may hold a colon without quotes; only what would end it needs them."""
    return value if re.fullmatch(r'[^\s",\\]+', value) else _quoted(value)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
