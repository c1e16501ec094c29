"""The templates' environment: what they can call, compiled once, rows remembered."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from pathlib import Path
from types import CodeType
from typing import Any, Literal, cast

from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.bccache import Bucket
from jinja2.runtime import Context, Macro
from markupsafe import Markup

from arqboard.protocol import Job, State, Unreadable
from arqboard.protocol.said import said_by

from . import charts, floor, formats
from .directions import all_isolated, isolated, visible
from .failures_views import WINDOWS, heat
from .job_views import chunk_legend, log_version
from .jobwords import JOB_FIGURES, JOB_WORDS
from .jsontree import json_text, json_tree
from .language import N_, cached_by_language, gettext, ngettext, npgettext, pgettext, spoken, translated
from .links import (
    artefact_url,
    dom_id,
    job_api_url,
    job_url,
    list_url,
    log_query,
    query_string,
    root_id,
    tag_url,
    url_part,
)
from .navigation import PLACES
from .tiles import Tiles, busy_share, used_slots
from .timecharts import TIMECHARTS
from .tracebacks import blocks_of
from .views import Look
from .words import words_json
from .workflow_views import WORKFLOW_VIEWS


class Compiled(BytecodeCache):
    """Compiled templates, kept for all applications of this process: compiling takes a thousand times a rendering."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._code[bucket.key, bucket.checksum] = bucket.code


_COMPILED = Compiled()


class _Environment(Environment):
    """Gives each template its globals as one plain dict: every render and include copies them."""

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        return {**self.globals, **(d or {})}


def new_environment(templates: Path) -> Environment:
    """An environment with every filter, global and macro that the templates use."""
    env = _Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        bytecode_cache=_COMPILED,
        extensions=["jinja2.ext.i18n"],
    )
    _translate(env)
    env.filters.update(FILTERS)
    names: dict[str, Any] = {**GLOBALS, "row_of": RowCache(env)}
    env.globals.update(names)
    # As globals, because an import in every partial took half of the time of a row.
    macros: dict[str, Any] = vars(env.get_template("macros.html").module)
    env.globals.update({name: value for name, value in macros.items() if isinstance(value, Macro)})
    # These see nothing but their few arguments.
    env.globals.update({name: cached_by_language(256)(macros[name]) for name in ("icon", "badge")})
    return env


def _translate(env: Environment) -> None:
    """`_()` and `{% trans %}` say what the language that is spoken has for it, so all languages share this."""
    env.policies["ext.i18n.trimmed"] = True
    env.install_gettext_callables(  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] - of the extension
        gettext, ngettext, newstyle=True, pgettext=pgettext, npgettext=npgettext
    )
    for name in ("gettext", "ngettext", "pgettext", "npgettext"):
        env.globals[name] = _isolating(cast("Callable[..., str]", env.globals[name]))


def _isolating(say: Callable[..., str]) -> Callable[..., str]:
    """A name in a sentence turns none of the words around it, whoever wrote the name."""

    @pass_context
    def said_with_names(context: Context, *args: Any, **values: Any) -> str:
        return say(context, *args, **all_isolated(values))

    return said_with_names


def moment(ms: int, look: Look, mode: Literal["", "ago", "left", "since"] = "", before: str = "") -> Markup:
    """A time as templates write it: `moment(job.started, look, "since", "since ")`."""
    return formats.time_tag(ms, look.now, mode, before)


def shown_state(job: Job | Unreadable, look: Look) -> str:
    """The state as shown: `stalled` where a job runs on a worker that went silent."""
    if isinstance(job, Unreadable):
        return "unreadable"
    if job.state is State.RUNNING and job.worker and job.worker not in look.alive:
        return "stalled"
    return job.state.value


def badge_state(job: Job, state: str) -> str:
    """What a job's badge says of a shown state: a wish to abort comes first, as long as it can come true."""
    if job.abort_requested and not job.state.is_terminal:
        return "aborting"
    return "paused" if state == "running" and job.paused is not None else state


def called(job: Job | Unreadable) -> str:
    """What a screen reader, and a question before an action, call a job."""
    if isinstance(job, Job):
        return f"{isolated(job.function)} {isolated(job.id)}"
    return gettext("unreadable job %(id)s") % {"id": isolated(job.id)}


def said(text: str | Exception) -> str:
    """What the protocol or one of its errors says, in the language that is spoken."""
    return translated(text if isinstance(text, str) else said_by(text))


def percent_of(job: Job) -> float | None:
    """How far a job is: by what it reported, else by its chunks, else unknown."""
    if job.progress is not None and job.progress.percent is not None:
        return job.progress.percent
    if job.chunks is not None:
        return min(100.0, job.chunks.done * 100 / job.chunks.total)
    return None


class RowCache:
    """Rows of pages as they were rendered before: most rows of a list are old jobs that no longer change."""

    def __init__(self, env: Environment, size: int = 2000) -> None:
        self._env, self._size = env, size
        self._rows: OrderedDict[tuple[object, ...], Markup] = OrderedDict()

    def __call__(self, job: Job | Unreadable, look: Look) -> Markup:
        key = _row_key(job, look)
        found = self._rows.pop(key, None) or self._render(job, look)
        self._rows[key] = found
        if len(self._rows) > self._size:
            self._rows.popitem(last=False)
        return found

    def _render(self, job: Job | Unreadable, look: Look) -> Markup:
        html = self._env.get_template("partials/row.html").render(job=job, look=look, oob=False)
        return Markup(html)  # noqa: S704 - the output of an autoescaped template


def _row_key(job: Job | Unreadable, look: Look) -> tuple[object, ...]:
    """All that a row's HTML depends on; `position` stands for every change of the job."""
    frame = (spoken(), look.base, look.form_token, look.now // 86_400_000, shown_state(job, look))
    if isinstance(job, Unreadable):
        return (job.id, job.why, *frame)
    return (job.id, job.position, job.version, job.enqueued, *frame)


FILTERS: dict[str, Any] = {
    "duration": formats.duration, "millis": formats.millis, "left": formats.left, "number": formats.number,
    "compact": formats.compact,
    "brief": formats.brief, "rate": formats.rate, "percent": formats.percent, "clock": formats.clock,
    "iso": formats.iso, "plural": formats.plural, "call_text": formats.call_text, "one_line": formats.one_line,
    "json_html": formats.json_html, "tail": formats.tail, "first_line": formats.first_line, "dom_id": dom_id,
    "url_part": url_part, "query_string": query_string, "bytes": formats.size, "said": said, "visible": visible,
    **JOB_FIGURES,
}  # fmt: skip
GLOBALS: dict[str, Any] = {
    **floor.GLOBALS,
    "oob": False, "State": State, "shown_state": shown_state, "badge_state": badge_state, "percent_of": percent_of,
    "called": called, "used_slots": used_slots, "job_url": job_url, "list_url": list_url, "root_id": root_id,
    "tag_url": tag_url, "log_version": log_version,
    "job_api_url": job_api_url, "artefact_url": artefact_url,
    "N_": N_, "spoken": spoken, "words_json": words_json,
    "WINDOWS": WINDOWS, "heat": heat,
    "PLACES": PLACES, "moment": moment, "tiles": Tiles, "sparkline": charts.sparkline,
    **WORKFLOW_VIEWS, "busy_share": busy_share, **TIMECHARTS, **JOB_WORDS,
    "segbar": charts.segbar,
    "chunk_map": charts.chunk_map, "chunk_columns": charts.chunk_columns, "chunk_words": charts.chunk_words,
    "chunk_legend": chunk_legend, "lanes": charts.lanes, "gantt_ticks": charts.ticks, "log_query": log_query,
    "trace_blocks": blocks_of, "json_tree": json_tree, "json_text": json_text, "max_squares": charts.MAX_SQUARES,
}  # fmt: skip
