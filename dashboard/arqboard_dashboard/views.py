"""What the templates receive: one frozen value per page and per live fragment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from arqboard.protocol import (
    Job,
    Query,
    QueueInfo,
    State,
    Unreadable,
    WorkerInfo,
)

from .preferences import Preferences

if TYPE_CHECKING:
    from .alerts import Alert


@dataclass(frozen=True, slots=True)
class Look:
    """What every template may know that is not data: shared by all browsers, so nothing personal is in it."""

    now: int
    """ms since 1970 by Redis' clock, at the time of rendering"""
    alive: frozenset[str]
    """ids of workers that reported in the last seconds; a running job of another worker is shown as stalled"""
    base: str
    """URL prefix where the dashboard is mounted, "" at the root; every link starts with it"""
    form_token: str
    """goes into every form as the hidden field `token`"""
    build: str
    """changes with every release: the page reloads itself when the server has another"""
    static: str
    """URL prefix of static files, with their hash: `{{ look.static }}/app.css`"""


@dataclass(frozen=True, slots=True)
class Shell:
    """What surrounds every page. Personal, so it is never in a live fragment."""

    active: Literal["jobs", "workflows", "queues", "workers", "schedules", "failures", "system", "new", "patterns", ""]
    title: str
    redis_label: str
    """host and database, never with a password"""
    side: Side
    preferences: Preferences = Preferences()  # noqa: RUF009 - frozen
    can_log_out: bool = False
    is_development: bool = False
    """the page of all components is there"""
    flash: Told | None = None
    """what the last action did"""
    alerts: tuple[Alert, ...] = ()
    """what is wrong right now"""


@dataclass(frozen=True, slots=True)
class Told:
    """`partials/done.html`: what an action did. With a `batch` it offers Undo; `url` is where to look on."""

    message: str
    details: tuple[str, ...] = ()
    batch: str = ""
    is_bad: bool = False
    seconds: int = 6
    """how long it stays"""
    refreshes: bool = False
    """rows of the list came or went by it"""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Side:
    """The sidebar's live part. Key `side`."""

    counts: dict[State, int]
    queues: list[QueueInfo]
    workers: list[WorkerInfo]
    version: int
    schedules: int = 0
    """how many there are"""
    workflows: int = 0
    """how many run"""


@dataclass(frozen=True, slots=True)
class Kpis:
    """What the tiles over the list say of now. Key `kpis`, or `kpis:<window>`; the rest is a Trend."""

    running: int
    busy: int
    """slots in use"""
    slots: int
    workers: int
    """those alive; their slots are counted"""
    queued: int
    retrying: int
    oldest_queued: int | None
    version: int


@dataclass(frozen=True, slots=True)
class Tabs:
    """State tabs with counts under the given filters. Key `tabs:<query string>`."""

    query: Query
    counts: dict[State, int] | None
    """None where a search is on, which no count knows of, or a tag that many jobs have"""
    version: int
    window: str = ""
    """of the page that they are on, kept in their links"""


@dataclass(frozen=True, slots=True)
class ErrorView:
    """`pages/error.html`, also for 404, 409, 422 and Redis away"""

    status: int
    title: str
    message: str
    hint: str = ""
    retry_seconds: int | None = None
    back: str = ""


@dataclass(frozen=True, slots=True)
class LoginView:
    """`pages/login.html`"""

    next: str
    error: str = ""


Row = Job | Unreadable
Context = dict[str, Any]
