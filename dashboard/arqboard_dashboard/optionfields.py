"""The inputs for the options of a new job, and what they say in a few words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arqboard.protocol import FunctionInfo
from arqboard.protocol.keys import ArqKeys

from .formats import duration
from .formoptions import MAX_PRIORITY, MAX_TRIES
from .inputs import Widget
from .language import gettext, ngettext
from .new_views import FieldView
from .submission import MAX_DEFER


def queue_of(info: FunctionInfo) -> str:
    """Where a job of this function goes if nothing is said."""
    return info.queue or ArqKeys.default_queue


def option_fields(
    info: FunctionInfo, typed: Mapping[str, str], problems: Mapping[str, str], queues: list[str]
) -> list[FieldView]:
    """Queue, start, limits and id of the job to be. They are named `opt.…`: parameters can have the same names.

    A queue that is not there can't be chosen, so the function's own is.
    """

    def option(name: str, label: str, widget: Widget, **more: Any) -> FieldView:
        return FieldView(
            name=f"opt.{name}", id=f"o-{name}", label=gettext(label), widget=widget, required=False,
            type=more.pop("type_", ""),
            value=more.pop("value", typed.get(f"opt.{name}", "")), error=problems.get(f"opt.{name}", ""), **more,
        )  # fmt: skip

    chosen = typed.get("opt.queue", "")
    queue, limit = chosen if chosen in queues else queue_of(info), f"{info.timeout:g}" if info.timeout else "none"
    seconds: dict[str, Any] = {"type_": gettext("seconds"), "minimum": "0", "step": "any"}
    whole: dict[str, Any] = {"widget": "number", "step": "1"}
    return [
        option("queue", "Queue", "select", value=queue, options=queues),
        option("defer_by", "Start in", "number", placeholder=gettext("now"), maximum=str(MAX_DEFER), **seconds),
        option("run_at", "Start at", "datetime", type_="UTC"),
        option("priority", "Priority", **whole, **_range(0, MAX_PRIORITY), placeholder=str(info.priority)),
        option("max_tries", "Max tries", **whole, **_range(1, MAX_TRIES), placeholder=str(info.max_tries)),
        option("timeout", "Time limit", "number", placeholder=limit, **seconds),
        option("job_id", "Job id", "text", placeholder=gettext("made by itself")),
        option(
            "unique_key", "Unique key", "text", placeholder=gettext("none"), hint=gettext("One job at a time has it.")
        ),
        option("tags", "Tags", "text", placeholder=gettext("none"), hint=_tags_hint(info)),
    ]


def _tags_hint(info: FunctionInfo) -> str:
    if not info.tags:
        return gettext("With commas between them.")
    return gettext("Beside those of the task: %(tags)s") % {"tags": ", ".join(info.tags)}


def _range(low: int, high: int) -> dict[str, Any]:
    return {
        "type_": gettext("%(low)s to %(high)s") % {"low": low, "high": high},
        "minimum": str(low),
        "maximum": str(high),
    }


def summary_of(info: FunctionInfo, typed: Mapping[str, str]) -> str:
    """`queue arq:queue · now · 5 tries`, of what has been typed so far."""

    def said(name: str) -> str:
        return typed.get(f"opt.{name}", "").strip()[:40]

    start = gettext("now")
    if said("defer_by"):
        start = gettext("in %(span)s") % {"span": _seconds(said("defer_by"))}
    elif said("run_at"):
        start = gettext("at %(time)s") % {"time": said("run_at")}
    tries = said("max_tries") or str(info.max_tries)
    tried = ngettext("%(n)s try", "%(n)s tries", int(tries) if tries.isdecimal() else 0) % {"n": tries}
    parts = [gettext("queue %(name)s") % {"name": said("queue") or queue_of(info)}, start, tried]
    if said("priority") or info.priority:
        parts.append(gettext("priority %(n)s") % {"n": said("priority") or info.priority})
    return " · ".join(parts)


def _seconds(text: str) -> str:
    return duration(float(text) * 1000) if text.replace(".", "", 1).isdigit() and len(text) < 10 else f"{text} s"
