"""What the pages of failures ask and receive: groups of failed jobs, and one of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlencode

from multidict import MultiDict, MultiMapping

from arqboard.protocol import Job, Page
from arqboard.protocol.failing import Action
from arqboard.protocol.failures import TIMES_MS, By, Group, GroupPage, Order

from .directions import isolated
from .errors import FailureNotFound
from .formats import number
from .guard import text_of
from .language import Nn_, gettext, ngettext
from .links import url_part
from .parameters import MAX_NAME, bad_parameter, choice_of, cursor_of, not_among, number_of
from .strictjson import is_text
from .traces import Trace

#: The columns, by how they are called in a URL.
WINDOWS: dict[str, int] = dict(zip(("1h", "3h", "24h", "3d", "7d"), TIMES_MS, strict=True))
ORDERS: dict[str, Order] = {"last": "last", "count": "count"}
#: Groups on a page.
GROUPS = 50
MAX_PAGE = 1000


@dataclass(frozen=True, slots=True)
class FailuresQuery:
    """Which groups: `window` is a name in WINDOWS, "" for all that are kept."""

    by: By = By.FINGERPRINT
    window: str = ""
    order: Order = "last"
    page: int = 1

    @classmethod
    def of(cls, query: MultiMapping[str]) -> Self:
        """From a URL. Raises BadInput, which names the parameter."""
        order = text_of(query, "order") or "last"
        if order not in ORDERS:
            raise bad_parameter("order", not_among(order, "order", ORDERS))
        page = min(max(1, number_of(query, "page", 1)), MAX_PAGE)
        return cls(choice_of(query, "by", By) or By.FINGERPRINT, window_of(query, "window"), ORDERS[order], page)

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `text` made. Raises ValueError for anything else."""
        pairs = parse_qsl(text, strict_parsing=True, max_num_fields=4, errors="strict") if text else []
        query = cls.of(MultiDict(pairs))
        if query.text() != text:
            raise ValueError("these are no groups of failures")
        return query

    @property
    def within_ms(self) -> int:
        return WINDOWS.get(self.window, 0)

    def text(self, **changes: Any) -> str:
        """The one query string of these groups, of other ones with `changes`."""
        other = replace(self, **{"page": 1, **changes} if changes else {})
        pairs = {"by": other.by.value, "window": other.window, "order": other.order, "page": str(other.page)}
        plain = {"by": By.FINGERPRINT.value, "window": "", "order": "last", "page": "1"}
        return urlencode({name: value for name, value in pairs.items() if value != plain[name]})

    def path(self, **changes: Any) -> str:
        """What comes after the mount."""
        text = self.text(**changes)
        return f"/failures?{text}" if text else "/failures"

    def changed(self, name: Literal["by", "window", "order"], value: str) -> str:
        """The path with one choice changed, as the template has it: a name and a text."""
        return self.path(**{name: By(value) if name == "by" else value})

    def group_path(self, group: Group, window: str | None = None) -> str:
        """Where the jobs of a group are that failed in a time: by default in that of the groups."""
        return GroupQuery(group.by, group.name, self.window if window is None else window).path()

    def verb_path(self, group: Group, verb: Action) -> str:
        return GroupQuery(group.by, group.name, self.window).path(verb)

    def function_path(self, function: str) -> str:
        """All failures of a function."""
        return GroupQuery(By.FUNCTION, function, self.window).path()


@dataclass(frozen=True, slots=True)
class GroupQuery:
    """Which jobs of which group: those that failed in the last `since`, a name in WINDOWS, or "" for all."""

    by: By
    name: str
    since: str = ""
    after: str | None = None

    @classmethod
    def of(cls, name: str, query: MultiMapping[str]) -> Self:
        by = choice_of(query, "by", By) or By.FINGERPRINT
        if len(name) > MAX_NAME or not is_text(name):
            raise FailureNotFound(name[:60].encode(errors="replace").decode())
        return cls(by, name, window_of(query, "since"), cursor_of(query))

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `text` made. Raises ValueError for anything else."""
        pairs = dict(parse_qsl(text, strict_parsing=True, max_num_fields=3, errors="strict"))
        query = cls.of(pairs.pop("name", ""), MultiDict(pairs))
        if query.text() != text or not query.name:
            raise ValueError("this is no group of failures")
        return query

    @property
    def since_ms(self) -> int:
        return WINDOWS.get(self.since, 0)

    def text(self) -> str:
        """The one name of these jobs, wherever the page of them ends."""
        pairs = {"by": self.by.value, "name": self.name, "since": self.since}
        return urlencode({name: value for name, value in pairs.items() if value}, errors="replace")

    def path(self, verb: str = "", **changes: Any) -> str:
        """What comes after the mount: the page, or where to post what is to be done."""
        other = replace(self, **changes)
        pairs = {"by": "" if other.by is By.FINGERPRINT else other.by.value, "since": other.since, "after": other.after}
        text = urlencode({name: value for name, value in pairs.items() if value}, errors="replace")
        return f"/failures/{url_part(other.name)}{verb and '/' + verb}{text and '?' + text}"


@dataclass(frozen=True, slots=True)
class FailuresView:
    """`pages/failures.html` and the part that is live on it"""

    query: FailuresQuery
    page: GroupPage
    failed: int
    """jobs that have failed and were not retried, in all"""
    deployed: int | None
    """when (ms) the newest release came; what failed first since then is new"""
    version: int

    @property
    def more(self) -> bool:
        return self.query.page * GROUPS < self.page.total

    @property
    def said(self) -> str:
        """How many groups there are, and which of them are shown."""
        first, shown = (self.query.page - 1) * GROUPS + 1, len(self.page.groups)
        groups = ngettext("%(n)s group", "%(n)s groups", self.page.total) % {"n": number(self.page.total)}
        return groups if shown == self.page.total else f"{first}–{first + shown - 1} / {groups}"

    def is_new(self, group: Group) -> bool:
        return is_new(group, self.deployed)

    def name_of(self, group: Group) -> str:
        return name_of(group)

    def count_of(self, group: Group) -> int:
        """Jobs in the time that is looked at."""
        return count_in(group, self.query.window)

    def ask(self, verb: Action, group: Group) -> str:
        return question(verb, group, self.query.window)


@dataclass(frozen=True, slots=True)
class GroupView:
    """`pages/failure.html` and the part of it that is live; the latter has no jobs"""

    query: GroupQuery
    group: Group
    deployed: int | None
    version: int
    jobs: Page | None = None
    sample: Job | None = None
    """the newest of the group that can be read, with its traceback"""
    trace: Trace | None = None

    @property
    def count(self) -> int:
        """Jobs in the time that is looked at."""
        return count_in(self.group, self.query.since)

    @property
    def name(self) -> str:
        return name_of(self.group)

    @property
    def by_function(self) -> By:
        return By.FUNCTION

    @property
    def is_new(self) -> bool:
        return is_new(self.group, self.deployed)

    def ask(self, verb: Action) -> str:
        return question(verb, self.group, self.query.since)

    def label(self, verb: Action) -> str:
        if verb == "retry":
            said = ngettext("Retry %(n)s job", "Retry %(n)s jobs", self.count)
        else:
            said = ngettext("Delete %(n)s job", "Delete %(n)s jobs", self.count)
        return said % {"n": number(self.count)}

    @property
    def live_key(self) -> str:
        """What the page watches; "" where the name is too long to be watched."""
        key = f"failure:{self.query.text()}"
        return key if len(key) <= MAX_KEY else ""


#: As fragments.MAX_KEY, which can't be imported here: fragments are made of the pages' parts.
MAX_KEY = 600


def window_of(query: MultiMapping[str], name: str) -> str:
    """One of WINDOWS; "" where it is missing or `all`."""
    text = text_of(query, name) or "all"
    if text != "all" and text not in WINDOWS:
        raise bad_parameter(name, not_among(text, name, WINDOWS))
    return "" if text == "all" else text


def is_new(group: Group, deployed: int | None) -> bool:
    """Only a fingerprint is a fault of its own; a function or a type can have had others."""
    if group.by is not By.FINGERPRINT or deployed is None or group.first is None:
        return False
    return group.first >= deployed


def name_of(group: Group) -> str:
    """What people call it: the exception, or the function."""
    return group.name if group.by is not By.FINGERPRINT else group.type or group.name


def count_in(group: Group, window: str) -> int:
    return dict(zip(WINDOWS, group.counts, strict=True)).get(window, group.jobs)


def question(verb: Action, group: Group, window: str) -> str:
    """What is asked before all jobs of a group are hit, with their number."""
    n = count_in(group, window)
    said = ngettext(*_QUESTIONS[verb, group.by is By.FUNCTION], n)
    return said % {"n": number(n), "what": isolated(_named(group))}


#: By what is done, and whether the group is a function's.
_QUESTIONS: Mapping[tuple[Action, bool], tuple[str, str]] = {
    ("retry", False): Nn_("Retry %(n)s job that failed with %(what)s?", "Retry %(n)s jobs that failed with %(what)s?"),
    ("retry", True): Nn_("Retry %(n)s job that failed in %(what)s?", "Retry %(n)s jobs that failed in %(what)s?"),
    ("delete", False): Nn_(
        "Delete %(n)s job that failed with %(what)s?", "Delete %(n)s jobs that failed with %(what)s?"
    ),
    ("delete", True): Nn_("Delete %(n)s job that failed in %(what)s?", "Delete %(n)s jobs that failed in %(what)s?"),
}


def _named(group: Group) -> str:
    if group.by is By.FUNCTION:
        return group.name
    what = group.type or group.name
    if group.by is not By.FINGERPRINT or not group.frame:
        return what
    return gettext("%(error)s at %(place)s") % {"error": isolated(what), "place": isolated(group.frame)}


def heat(count: int) -> int:
    """How dark a cell of the grid is, 0 to 4: one step for each power of ten or so."""
    return 0 if count <= 0 else min(4, 1 + int(math.log10(count) * 1.3))
