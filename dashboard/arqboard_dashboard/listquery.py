"""What an address asks of the list of jobs: filters, search, order, the window of its charts."""

from __future__ import annotations

from dataclasses import dataclass, replace

from multidict import MultiMapping

from arqboard.protocol import Query, State
from arqboard.protocol.query import Sort
from arqboard.protocol.said import said_by
from arqboard.protocol.search import Search, SearchError, parse

from .guard import text_of
from .language import gettext, translated
from .parameters import bad_parameter, choice_of, cursor_of, limit_of, name_of, not_among
from .strictjson import is_text
from .trends import DEFAULT, WINDOWS, Window


@dataclass(frozen=True, slots=True)
class Asked:
    """The list that is wanted, and what can't be understood of the search."""

    query: Query
    window: Window
    typed: str = ""
    """stays in the search field, because something is wrong with it"""
    problem: SearchError | None = None
    is_settled: bool = True
    """whether the address is the one that such a list has"""

    @property
    def window_name(self) -> str:
        """As it is in addresses: nothing for the usual one."""
        return "" if self.window.name == DEFAULT else self.window.name


def query_of(query: MultiMapping[str]) -> Query:
    """The filters of a list, for programs. Raises BadInput, which names the parameter."""
    text = _search_text(query, "q")
    try:
        return replace(_filters_of(query), q=text).settled()
    except SearchError as error:
        wrong = text[error.start : error.end]
        at = gettext('%(why)s (at character %(n)s: "%(text)s")')
        said = {"why": translated(said_by(error)), "n": error.start + 1, "text": wrong[:60]}
        raise bad_parameter("q", at % said) from None


def asked_of(query: MultiMapping[str]) -> Asked:
    """The same for people, who see their mistakes where they made them. `add` is what the search field adds to `q`."""
    filters, window = _filters_of(query), window_of(query)
    text, added = _search_text(query, "q"), _search_text(query, "add")
    search, typed = Search(), text
    try:
        search = parse(text)
        typed = added
        both = parse(str(Search((*search.terms, *parse(added).terms))))
        wanted = replace(filters, q=str(both))
        settled = wanted.settled()
    except SearchError as error:
        return Asked(replace(filters, q=str(search)), window, typed, error)
    is_settled = "add" not in query and settled == replace(filters, q=text)
    return Asked(settled, window, is_settled=is_settled)


def window_of(query: MultiMapping[str]) -> Window:
    """The window of tiles and charts. Raises BadInput."""
    name = text_of(query, "window") or DEFAULT
    if name not in WINDOWS:
        raise bad_parameter("window", not_among(name, "window", WINDOWS))
    return WINDOWS[name]


def _filters_of(query: MultiMapping[str]) -> Query:
    after = cursor_of(query)
    return Query(
        state=choice_of(query, "state", State),
        function=name_of(query, "function"),
        queue=name_of(query, "queue"),
        limit=limit_of(query),
        after=after,
        before=None if after else cursor_of(query, "before"),
        sort=choice_of(query, "sort", Sort) or Sort.NEWEST,
    )


def _search_text(query: MultiMapping[str], name: str) -> str:
    text = text_of(query, name) or ""
    if not is_text(text):
        raise bad_parameter(name, gettext("a search is text"))
    return text
