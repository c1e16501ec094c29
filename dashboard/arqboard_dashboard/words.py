"""What scripts say: the words that can't stand in a template, because they depend on what happens in the browser."""

from __future__ import annotations

import json
from collections.abc import Callable

from .language import cached_by_language, gettext, ngettext
from .units import units

Words = dict[str, str | dict[str, str]]
#: A number of each kind that browsers tell apart (CLDR's names); a language that has fewer forms repeats one.
_KINDS = {"one": 1, "few": 2, "many": 5, "other": 5}


@cached_by_language(size=8)
def words_json() -> str:
    """All of them in the language that is spoken, for the `content` of a meta element."""
    return json.dumps(
        {**_of_the_pill(), **_of_questions(), **_of_jobs(), **_of_times(), **_of_the_palette()}, ensure_ascii=False
    )


def _of_the_pill() -> Words:
    return {
        "live": gettext("Live"),
        "live_rate": gettext("Live · %(n)s/s"),
        "paused": gettext("Paused"),
        "held": _forms(lambda n: ngettext("%(n)s change held", "%(n)s changes held", n)),
        "reconnecting": gettext("Reconnecting…"),
        "reconnecting_since": gettext("Reconnecting… data from %(span)s ago"),
        "offline": gettext("Offline"),
        "offline_since": gettext("Offline, data from %(span)s ago"),
        "stale": gettext("Redis away"),
        "stale_since": gettext("Redis away, %(span)s old"),
        "closed": gettext("Not live: reload the page"),
        "signed-out": gettext("Sign in again"),
        "live_again": gettext("Live again"),
    }


def _of_jobs() -> Words:
    return {
        "new_jobs": _forms(lambda n: ngettext("%(n)s new job", "%(n)s new jobs", n)),
        "n_running": _forms(lambda n: ngettext("%(n)s running", "%(n)s running", n)),
        "n_failed": _forms(lambda n: ngettext("%(n)s failed", "%(n)s failed", n)),
        "job_is": gettext("%(name)s: %(state)s"),
        "bell_on": gettext("You will be told when this job ends"),
        "bell_off": gettext("Tell me when this job ends"),
        "bell_denied": gettext("The browser refuses notifications of this site"),
        "copied": gettext("Copied"),
        "not_copied": gettext("Could not copy"),
    }


def _of_questions() -> Words:
    return {
        "go_on": gettext("Go on"),
        "selected": _forms(lambda n: ngettext("%(n)s selected", "%(n)s selected", n)),
        "ask_abort": _forms(
            lambda n: ngettext(
                "Abort %(n)s selected job? If it runs, its worker is asked to cancel it.",
                "Abort %(n)s selected jobs? The workers of those that run are asked to cancel them.",
                n,
            )
        ),
    }


def _of_times() -> Words:
    u = units()
    return {
        "units": f"{u.d} {u.h} {u.m} {u.s}",
        "months": " ".join(u.months),
        "ago": gettext("%(span)s ago"),
        "in": gettext("in %(span)s"),
        "now": gettext("now"),
    }


def _of_the_palette() -> Words:
    return {
        "recent": gettext("Recent"),
        "palette_none": gettext("Nothing is called “%(q)s”. Enter looks for it among the jobs."),
        "palette_away": gettext("The dashboard does not answer."),
    }


def _forms(of: Callable[[int], str]) -> dict[str, str]:
    return {kind: of(sample) for kind, sample in _KINDS.items()}
