"""The call of a form for programs: in Python, as a request, and as a link to the form itself."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast
from urllib.parse import urlencode

from arqboard.protocol import FunctionInfo
from arqboard.protocol.payload import is_secret

from .forms import default_texts
from .prefill import LINKED_OPTIONS
from .submission import Options

#: Longer links are cut by what they are pasted into.
MAX_LINK = 2000
MAX_WIDTH = 88
HIDDEN = "…"
#: What arq's own call of each option is; the others are arqboard's.
_ARQ = {"queue": "_queue_name", "job_id": "_job_id", "defer_by": "_defer_by"}


def as_python(info: FunctionInfo, args: Sequence[Any], kwargs: Mapping[str, Any], options: Options) -> str:
    """arq's call where arq has all of it, else arqboard's. Secrets are not shown."""
    words = [*_positional(info, args), *(f"{n}={literal(hide(n, v))}" for n, v in kwargs.items())]
    given = _given(options)
    if given.keys() <= _ARQ.keys():
        more = [f"{_ARQ[name]}={literal(value)}" for name, value in given.items()]
        call = _call("await pool.enqueue_job", [literal(info.name), *words, *more])
        return _with_imports(call)
    call = _call("call = signature", [literal(info.name), *words])
    set_ = _call("await call.set", [f"{name}={literal(value)}" for name, value in given.items()])
    return _with_imports(f"{call}\n{set_}.submit()", "from arqboard import signature")


def as_curl(
    url: str, info: FunctionInfo, args: Sequence[Any], kwargs: Mapping[str, Any], options: Options, *, has_token: bool
) -> str:
    """The request that starts the same job. Secrets are not shown."""
    body: dict[str, Any] = {"function": info.name}
    if args:
        names = [p.name for p in info.parameters if p.kind in ("normal", "positional")]
        body["args"] = [hide(name, value) for name, value in zip(_padded(names, len(args)), args, strict=True)]
    if kwargs:
        body["kwargs"] = {name: hide(name, value) for name, value in kwargs.items()}
    body.update(_given(options))
    token = ['-H "Authorization: Bearer $ARQBOARD_TOKEN"'] if has_token else []
    data = json.dumps(body, ensure_ascii=False, indent=2, default=_as_text)
    parts = [f"curl -X POST {quoted(url)}", *token, "-H 'Content-Type: application/json'", f"-d {quoted(data)}"]
    return " \\\n  ".join(parts)


def as_link(form: str, info: FunctionInfo, texts: Mapping[str, str], options: Mapping[str, str]) -> str:
    """The form with what was typed; "" where that is too long. Secrets and ids stay out."""
    defaults = default_texts(info)
    pairs = {"fn": info.name}
    for parameter in info.parameters:
        name = f"arg.{parameter.name}"
        text = texts.get(name, "")
        if text != defaults.get(name, "") and not holds_secret(parameter.name, text):
            pairs[name] = text
    pairs.update({n: v for n, v in options.items() if v and n.removeprefix("opt.") in LINKED_OPTIONS})
    link = f"{form}?{urlencode(pairs, errors='replace')}"
    return link if len(link) <= MAX_LINK else ""


def hidden_in(args: Mapping[str, Any]) -> tuple[str, ...]:
    """Which arguments hold something that is not shown."""
    return tuple(name for name, value in args.items() if hide(name, value) != value)


def hide(name: str, value: Any) -> Any:
    """The value without what has the name of a secret, at any depth."""
    if is_secret(name):
        return HIDDEN
    match value:
        case dict():
            pairs = cast("dict[str, Any]", value)
            return {key: hide(str(key), inner) for key, inner in pairs.items()}
        case list():
            return [hide("", inner) for inner in cast("list[Any]", value)]
        case _:
            return value


def holds_secret(name: str, text: str) -> bool:
    """Whether a typed text is a secret, or JSON with one in it; JSON that is broken might be."""
    if is_secret(name):
        return True
    if '"' not in text or not is_secret(text):
        return False
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return True
    return bool(hide(name, value) != value)


def literal(value: Any) -> str:
    """A value as Python, with double quotes as formatters have them."""
    match value:
        case str():
            return json.dumps(value, ensure_ascii=False)
        case list():
            return f"[{', '.join(map(literal, cast('list[Any]', value)))}]"
        case dict():
            pairs = cast("dict[Any, Any]", value)
            return "{" + ", ".join(f"{literal(key)}: {literal(inner)}" for key, inner in pairs.items()) + "}"
        case float() if value.is_integer() and abs(value) < 1e15:
            return f"{value:.1f}"
        case _:
            return repr(value)


def quoted(text: str) -> str:
    """One word for a shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def _given(options: Options) -> dict[str, Any]:
    names = ("queue", "job_id", "defer_by", "priority", "unique_key", "max_tries", "timeout")
    values = {**{name: getattr(options, name) for name in names}, "tags": list(options.tags) or None}
    return {name: _rounded(value) for name, value in values.items() if value is not None}


def _rounded(value: Any) -> Any:
    """Seconds until a moment are counted from now; their fractions say nothing."""
    return (int(value) if value.is_integer() else round(value, 1)) if isinstance(value, float) else value


def _positional(info: FunctionInfo, args: Sequence[Any]) -> Iterator[str]:
    names = [p.name for p in info.parameters if p.kind in ("normal", "positional")]
    for name, value in zip(_padded(names, len(args)), args, strict=True):
        yield literal(hide(name, value))


def _padded(names: list[str], count: int) -> list[str]:
    return (names + [""] * count)[:count]


def _call(function: str, words: Sequence[str]) -> str:
    """On one line where it fits, else a line for each argument."""
    line = f"{function}({', '.join(words)})"
    return line if len(line) <= MAX_WIDTH else f"{function}(\n" + "".join(f"    {word},\n" for word in words) + ")"


def _with_imports(code: str, *imports: str) -> str:
    lines = [*(["import datetime"] if "datetime." in code else []), *imports]
    return "\n".join([*lines, "", code]) if lines else code


def _as_text(value: Any) -> str:
    """JSON has no dates; the API takes them as ISO 8601."""
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return f"PT{value.total_seconds():g}S"
    return str(value)
