"""What the templates receive: one frozen value per page and per live fragment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from arqboard.protocol import (
    Attempt,
    FunctionInfo,
    Job,
    MinuteStats,
    Page,
    Query,
    QueueInfo,
    State,
    Unreadable,
    WorkerInfo,
)
from arqboard.protocol.inside import Artefact, LogLine

from .preferences import Preferences


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

    active: Literal["jobs", "workflows", "queues", "workers", "schedules", "failures", "system", "new", ""]
    title: str
    redis_label: str
    """host and database, never with a password"""
    side: Side
    preferences: Preferences = Preferences()  # noqa: RUF009 - frozen
    can_log_out: bool = False
    flash: str = ""
    """one sentence about what the last action did, "" for none"""


@dataclass(frozen=True, slots=True)
class Side:
    """The sidebar's live part. Key `side`."""

    counts: dict[State, int]
    queues: list[QueueInfo]
    workers: list[WorkerInfo]
    version: int


@dataclass(frozen=True, slots=True)
class Kpis:
    """The tiles over the list. Key `kpis`. `minutes` are the last 40, the unfinished one last."""

    running: int
    busy: int
    """slots in use"""
    slots: int
    workers: int
    """those alive; their slots are counted"""
    queued: int
    retrying: int
    oldest_queued: int | None
    minutes: list[MinuteStats]
    version: int


@dataclass(frozen=True, slots=True)
class Tabs:
    """State tabs with counts under the given filters. Key `tabs:<query string>`."""

    query: Query
    counts: dict[State, int]
    version: int


@dataclass(frozen=True, slots=True)
class JobsView:
    """`pages/jobs.html`"""

    query: Query
    page: Page
    tabs: Tabs
    kpis: Kpis
    functions: list[str]
    queues: list[str]
    first_run: bool
    """no job has ever been seen: show the checklist instead of the list"""
    redis_ms: float
    redis_url: str


@dataclass(frozen=True, slots=True)
class JobView:
    """`pages/job.html`"""

    job: Job
    marks: str
    attempts: list[Attempt]
    result_left_ms: int | None
    artefacts: list[Artefact]
    lines: list[LogLine]
    """the end of its log"""


@dataclass(frozen=True, slots=True)
class FieldView:
    """One input of the generated form."""

    name: str
    id: str
    label: str
    type: str
    """the annotation as written"""
    widget: Literal["text", "number", "checkbox", "select", "date", "datetime", "time", "json", "textarea"]
    value: str
    """as typed, or the default; "on" for a ticked box"""
    required: bool
    options: list[str] = field(default_factory=list[str])
    error: str = ""
    hint: str = ""
    step: str = ""
    minimum: str = ""
    maximum: str = ""


@dataclass(frozen=True, slots=True)
class NewJobView:
    """`pages/new.html`"""

    functions: list[FunctionInfo]
    chosen: FunctionInfo | None
    fields: list[FieldView]
    options: list[FieldView]
    """queue, defer_by (seconds), job_id"""
    queues: list[str]
    errors: dict[str, str]
    """by field name; "" for the form as a whole"""
    python: str
    """the equivalent Python call"""
    workers: int
    again: str = ""
    """id of the job whose arguments these are"""


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
