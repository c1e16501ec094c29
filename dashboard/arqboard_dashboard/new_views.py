"""What the form of a new job receives."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlencode

from arqboard.protocol import FunctionInfo, Job, Unreadable

from .inputs import Widget
from .jsonplace import Place


@dataclass(frozen=True, slots=True)
class FieldView:
    """One input of the generated form."""

    name: str
    id: str
    label: str
    type: str
    """the annotation as written"""
    widget: Widget
    value: str
    """as typed, or the default; "on" for a ticked box"""
    required: bool
    options: list[str] = field(default_factory=list[str])
    error: str = ""
    place: Place | None = None
    """where in a JSON text the error is"""
    hint: str = ""
    shape: str = ""
    """what JSON has to look like"""
    example: str = ""
    """JSON that does"""
    placeholder: str = ""
    step: str = ""
    minimum: str = ""
    maximum: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """Whether anybody would run a job of this function from this queue."""

    function: str
    queue: str
    workers: int
    """living ones, whatever they do"""
    offering: int
    """those that take this function from this queue, and more jobs at all"""
    ignorant: int
    """those of this queue that would take the job and don't know the function"""
    elsewhere: tuple[str, ...]
    """queues on which the function is offered"""
    queue_paused: int | None
    """since when (ms)"""
    function_paused: int | None

    @property
    def name(self) -> str:
        """What stands behind `offer:` as the name of this live part."""
        return urlencode({"fn": self.function, "queue": self.queue}, errors="replace")

    @property
    def is_fine(self) -> bool:
        return bool(self.offering) and not (self.ignorant or self.queue_paused or self.function_paused)


@dataclass(frozen=True, slots=True)
class CodeView:
    """The same call for programs, and as a link. `partials/new_code.html`"""

    python: str
    curl: str
    link: str
    """"" where the arguments are too long for one"""
    hidden: tuple[str, ...]
    """arguments with names of secrets, which none of these shows"""
    summary: str
    """the options in a few words"""


@dataclass(frozen=True, slots=True)
class RecentView:
    """The last jobs of a function. `partials/new_recent.html`"""

    function: str
    jobs: list[Job | Unreadable]
    total: int


@dataclass(frozen=True, slots=True)
class Choice:
    """A function in the list of all."""

    info: FunctionInfo
    is_offered: bool
    """a living worker has it"""
    is_found: bool
    """it is what was searched for"""


@dataclass(frozen=True, slots=True)
class NewJobView:
    """`pages/new.html`; `partials/new_form.html` with what was typed is the answer to a refused one."""

    choices: list[Choice]
    find: str
    """what they were searched by"""
    chosen: FunctionInfo | None
    fields: list[FieldView]
    options: list[FieldView]
    errors: dict[str, str]
    """by field name; "" for the form as a whole"""
    code: CodeView | None
    offer: Offer | None
    recent: RecentView | None
    position: int
    """version of the parts that are live"""
    again: str = ""
    """id of the job that this one stands in for"""
    like: str = ""
    """id of the job whose arguments are filled in"""
    code_open: bool = False
