"""What a form is filled in with before anybody types: the arguments of an earlier job, or a link."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from arqboard.protocol import FunctionInfo, Job, Parameter
from arqboard.protocol.payload import REDACTED, is_secret

from .inputs import as_text, input_of

#: Options that a link may carry: an id or a start that has passed would only be refused.
LINKED_OPTIONS = frozenset({"queue", "defer_by", "priority", "max_tries", "timeout", "unique_key", "tags"})
_CUT = re.compile(r"… \(\d+ more characters\)$|^… \d+ more$|^…$")
#: What a preview shows of a date, because JSON has none.
_DATE_REPR = re.compile(r"datetime\.(?:date|datetime|time)\(([\d, ]+)\)")


@dataclass(frozen=True, slots=True)
class Prefill:
    """Texts of fields by parameter name, and which of them can't be known."""

    texts: dict[str, str] = field(default_factory=dict[str, str])
    hidden: set[str] = field(default_factory=set[str])
    options: dict[str, str] = field(default_factory=dict[str, str])
    """texts of options, as `opt.<name>`"""


def from_job(info: FunctionInfo, job: Job) -> Prefill:
    """The arguments of an earlier job. What its record hides or cuts is left empty, never sent as shown."""
    given: dict[str, Any] = dict(job.kwargs)
    positional = [p for p in info.parameters if p.kind in ("normal", "positional")]
    given.update({p.name: value for p, value in zip(positional, job.args, strict=False)})
    rest = job.args[len(positional) :]
    prefill = Prefill(options=_options(info, job))
    named = {p.name for p in info.parameters}
    for parameter in info.parameters:
        if parameter.kind == "var_positional":
            _prefill(parameter, rest, prefill)
        elif parameter.kind == "var_keyword":
            _prefill(parameter, {k: v for k, v in given.items() if k not in named}, prefill)
        elif parameter.name in given:
            _prefill(parameter, given[parameter.name], prefill)
    if "…" in job.kwargs:
        prefill.hidden.update(named - set(given))
    return prefill


def from_query(info: FunctionInfo, query: Mapping[str, str]) -> Prefill:
    """A link that fills in the form: `?fn=resize&arg.width=200`. Secrets are not taken from links."""
    prefill = Prefill(options={n: v for n, v in query.items() if n.removeprefix("opt.") in LINKED_OPTIONS})
    for parameter in info.parameters:
        text = query.get(f"arg.{parameter.name}")
        if text is not None and is_secret(parameter.name):
            prefill.hidden.add(parameter.name)
        elif text is not None:
            prefill.texts[parameter.name] = text
    return prefill


def _options(info: FunctionInfo, job: Job) -> dict[str, str]:
    """Of an earlier job: its queue, and what it had otherwise than the function has it."""
    options = {"opt.queue": job.queue}
    if job.priority != info.priority:
        options["opt.priority"] = str(job.priority)
    if job.max_tries not in (0, info.max_tries):
        options["opt.max_tries"] = str(job.max_tries)
    if job.timeout and job.timeout != info.timeout:
        options["opt.timeout"] = f"{job.timeout:g}"
    if own := [tag for tag in job.tags if tag not in info.tags]:
        options["opt.tags"] = ", ".join(own)
    return options


def _prefill(parameter: Parameter, value: Any, prefill: Prefill) -> None:
    if _is_hidden(value):
        prefill.hidden.add(parameter.name)
        return
    prefill.texts[parameter.name] = as_text(_dated(value), input_of(parameter))


def _is_hidden(value: Any) -> bool:
    """Whether any part of a shown value is not the value: redacted, or cut."""
    match value:
        case str():
            return value == REDACTED or _CUT.search(value) is not None
        case list():
            items: list[Any] = value  # pyright: ignore[reportUnknownVariableType] - JSON
            return any(map(_is_hidden, items))
        case dict():
            pairs: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType] - JSON
            return "…" in pairs or any(map(_is_hidden, pairs.values()))
        case _:
            return False


def _dated(value: Any) -> Any:
    """Dates are shown as Python writes them; an input wants ISO 8601."""
    match = _DATE_REPR.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    numbers = [int(part) for part in match[1].split(",")]
    if str(value).startswith("datetime.time("):
        return ":".join(f"{n:02}" for n in (*numbers, 0)[:3])
    day = "-".join(f"{n:02}" for n in numbers[:3])
    clock = ":".join(f"{n:02}" for n in (*numbers[3:6], 0, 0)[:3])
    return day if str(value).startswith("datetime.date(") else f"{day}T{clock}"
