"""What the templates about many jobs at once receive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from arqboard.protocol import Job, Query
from arqboard.protocol.acting import Action, Wish

from .bulkform import TYPE_FROM
from .formats import number
from .language import N_, Nn_, gettext, ngettext

#: What each action is called on its button, and its icon.
ACTIONS = {
    Action.RETRY: (N_("Retry"), "rotate-cw"),
    Action.ABORT: (N_("Abort"), "octagon-x"),
    Action.DELETE: (N_("Delete"), "trash-2"),
    Action.REPRIORITISE: (N_("Set priority"), "arrow-up"),
}
_WHY = {
    Action.RETRY: N_("They run again under their own ids, with their own calls."),
    Action.ABORT: N_("Those that wait are ended; the workers of those that run are asked to cancel them."),
    Action.DELETE: N_("They go for good, with their logs and results; those that wait will never run."),
    Action.REPRIORITISE: N_("Those with a higher priority start before all others of their queue."),
}
_QUESTIONS = {
    Action.RETRY: Nn_("Retry %(n)s job?", "Retry %(n)s jobs?"),
    Action.ABORT: Nn_("Abort %(n)s job?", "Abort %(n)s jobs?"),
    Action.DELETE: Nn_("Delete %(n)s job?", "Delete %(n)s jobs?"),
    Action.REPRIORITISE: Nn_("Give %(n)s job priority %(priority)s?", "Give %(n)s jobs priority %(priority)s?"),
}
_FILTERS = {"state": N_("State"), "function": N_("Function"), "queue": N_("Queue"), "q": N_("Search")}


def filters_of(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Which jobs are meant, as names and values. From a query, or from the call of a bulk job, which says the same."""
    shown = {key: str(told[key]) for key in _FILTERS if told.get(key)}
    found = [(gettext(_FILTERS[key]), gettext(text) if key == "state" else text) for key, text in shown.items()]
    return found or [(gettext("Jobs"), gettext("all"))]


@dataclass(frozen=True, slots=True)
class QuestionView:
    """`partials/bulk_question.html`: before something is done to `ids`, or else to all that match."""

    wish: Wish
    query: Query
    query_text: str
    total: int
    is_exact: bool = True
    """false under a search, of which only an upper bound is known"""
    ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    has_worker: bool = True
    problem: str = ""

    @property
    def title(self) -> str:
        said = ngettext(*_QUESTIONS[self.wish.action], self.total)
        return said % {"n": number(self.total), "priority": self.wish.priority}

    @property
    def why(self) -> str:
        return gettext(_WHY[self.wish.action])

    @property
    def label(self) -> str:
        return gettext(ACTIONS[self.wish.action][0])

    @property
    def symbol(self) -> str:
        return ACTIONS[self.wish.action][1]

    @property
    def is_grave(self) -> bool:
        return self.wish.action in (Action.ABORT, Action.DELETE)

    @property
    def must_type(self) -> bool:
        """Many jobs: their number is typed, so that nobody says yes without having read it."""
        return not self.ids and self.total > TYPE_FROM

    @property
    def filters(self) -> list[tuple[str, str]]:
        query = self.query
        state = query.state.value if query.state else ""
        return filters_of({"state": state, "function": query.function, "queue": query.queue, "q": query.q})


@dataclass(frozen=True, slots=True)
class BulksView:
    """`partials/bulks.html`: bulk jobs that have not ended."""

    jobs: list[Job] = field(default_factory=list[Job])
    has_worker: bool = True

    def title(self, job: Job) -> str:
        """`Retry: failed, resize`, from what was asked."""
        label, _ = ACTIONS.get(job.kwargs.get("action", ""), (N_("Act on jobs"), ""))
        return f"{gettext(label)}: {', '.join(value for _, value in filters_of(job.kwargs))}"
