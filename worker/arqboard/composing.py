"""Workflows that programs write down as JSON: read, checked against the signatures, and begun."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from .protocol.commands import Commands, Submission, Submitted
from .protocol.errors import BadArguments, BadWorkflow, UnknownFunction
from .protocol.graph import Chain, Graph, Group, OnError, Part, Step
from .protocol.keys import ArqKeys
from .protocol.payload import encode_call, preview_call
from .protocol.shape import MAX_NODES
from .protocol.signature import MAX_DEPTH as MAX_ARGUMENT_DEPTH
from .protocol.signature import Call, FunctionInfo
from .protocol.tags import tags_of
from .submitting import find_function, fingerprint

#: Levels of parts within parts that are read.
MAX_DEPTH = 50
#: Levels of JSON that a workflow can have: two for each part, the last step with its `args`, and those.
MAX_JSON_DEPTH = 2 * MAX_DEPTH + 2 + MAX_ARGUMENT_DEPTH
#: Longest name of a function: the nearest names are looked for, which costs the square of it.
MAX_NAME = 500
#: A year, the longest that a start may lie ahead (seconds).
MAX_DEFER = 366 * 86_400
_STEP_KEYS = ("function", "args", "kwargs", "queue", "fed", "priority", "defer_by", "tags")
_BY_POSITION = ("positional", "normal")


async def begin(
    commands: Commands,
    functions: Mapping[str, FunctionInfo],
    spec: Any,
    *,
    queues: Collection[str] = (),
    name: str = "",
    on_error: OnError = "stop",
    once: str = "",
    source: str = "",
    tags: Sequence[str] = (),
) -> Submitted:
    """Check a workflow and start it. `once` is an idempotency key. All its jobs have the `tags`, after their own.

    `spec` is {"function", "args"?, "kwargs"?}, {"chain": [...]}, {"group": [...]} or {"chord": {"group": [...], "then":
    {...}}}, nested. A step runs in its function's queue, or in one of `queues`. Raises BadWorkflow, which says where,
    or KeyReused.
    """

    def read() -> Graph:
        part = _Reading(functions, queues, source).part(spec, "", is_fed=False, depth=0)
        graph = Graph.of(part, name=name, on_error=on_error, source=source)
        _tag(graph, tags)
        return graph

    graph = await asyncio.to_thread(read)  # ten thousand steps take a second
    print_of = fingerprint(spec, name, on_error) if once else ""
    return await commands.begin(graph, once=once, fingerprint=print_of)


class _Reading:
    def __init__(self, functions: Mapping[str, FunctionInfo], queues: Collection[str], source: str) -> None:
        self._functions, self._queues, self._source = functions, {*queues, ArqKeys.default_queue}, source
        self._steps = 0

    def part(self, spec: Any, where: str, *, is_fed: bool, depth: int) -> Part:
        if depth > MAX_DEPTH:
            raise BadWorkflow(where, f"is nested deeper than {MAX_DEPTH}")
        if not isinstance(spec, dict):
            raise BadWorkflow(where, f"has to be an object with function, chain, group or chord, not {_kind(spec)}")
        spec = cast("dict[str, Any]", spec)
        match [key for key in ("function", "chain", "group", "chord") if key in spec]:
            case ["function"]:
                return self._step(spec, where, is_fed=is_fed)
            case ["chain"]:
                _only(spec, where, ("chain",))
                return self._chain(spec["chain"], _at(where, "chain"), is_fed=is_fed, depth=depth)
            case ["group"]:
                _only(spec, where, ("group",))
                return self._group(spec["group"], _at(where, "group"), is_fed=is_fed, depth=depth)
            case ["chord"]:
                _only(spec, where, ("chord",))
                return self._chord(spec["chord"], _at(where, "chord"), is_fed=is_fed, depth=depth)
            case _:
                raise BadWorkflow(where, "has to have one of function, chain, group and chord")

    def _chain(self, parts: Any, where: str, *, is_fed: bool, depth: int) -> Chain:
        read: list[Part] = []
        for n, spec in enumerate(_listed(parts, where)):
            read.append(self.part(spec, f"{where}[{n}]", is_fed=is_fed, depth=depth + 1))
            is_fed = True
        if not read:
            raise BadWorkflow(where, "is empty; a chain needs one step at least")
        return Chain(tuple(read))

    def _group(self, parts: Any, where: str, *, is_fed: bool, depth: int) -> Group:
        listed = enumerate(_listed(parts, where))
        return Group(tuple(self.part(spec, f"{where}[{n}]", is_fed=is_fed, depth=depth + 1) for n, spec in listed))

    def _chord(self, chord: Any, where: str, *, is_fed: bool, depth: int) -> Chain:
        if not isinstance(chord, dict) or set(cast("dict[str, Any]", chord)) != {"group", "then"}:
            raise BadWorkflow(where, "has to be an object with group and then")
        chord = cast("dict[str, Any]", chord)
        group = self._group(chord["group"], f"{where}.group", is_fed=is_fed, depth=depth + 1)
        return Chain((group, self.part(chord["then"], f"{where}.then", is_fed=True, depth=depth + 1)))

    def _step(self, spec: Mapping[str, Any], where: str, *, is_fed: bool) -> Step:
        _only(spec, where, _STEP_KEYS)
        self._steps += 1
        if self._steps > MAX_NODES:
            raise BadWorkflow(where, f"is more than the {MAX_NODES} jobs that a workflow can have")
        is_fed = _value(spec, where, "fed", bool, True) and is_fed
        info = self._function(spec, where)
        args, kwargs = _arguments(spec, where, "args", list), _arguments(spec, where, "kwargs", dict)
        try:
            call = info.bind(args, kwargs, is_fed=is_fed)
        except BadArguments as error:
            raise _misfit(error, where, args, kwargs, _names(info, is_fed=is_fed)) from error
        return Step(self._submission(info, call, spec, where, is_fed=is_fed), is_fed)

    def _function(self, spec: Mapping[str, Any], where: str) -> FunctionInfo:
        name = _value(spec, where, "function", str, "")
        if not 0 < len(name) <= MAX_NAME:
            raise BadWorkflow(_at(where, "function"), f"has to be a name of 1 to {MAX_NAME} characters")
        try:
            return find_function(self._functions, name)
        except UnknownFunction as error:
            raise BadWorkflow(_at(where, "function"), str(error)) from error

    def _submission(
        self, info: FunctionInfo, call: Call, spec: Mapping[str, Any], where: str, *, is_fed: bool
    ) -> Submission:
        shown_args, shown_kwargs = preview_call(call.args, call.kwargs, _names(info, is_fed=is_fed))
        return Submission(
            function=info.name,
            queue=self._queue(info, spec, where),
            payload=encode_call(info.name, call.args, call.kwargs, serializer=info.serializer),
            args=shown_args,
            kwargs=shown_kwargs,
            defer_ms=round(_within(spec, where, "defer_by", (int, float), 0, MAX_DEFER) * 1000),
            expires_ms=None if info.expires is None else round(info.expires * 1000),
            source=self._source,
            max_tries=info.max_tries,
            timeout=info.timeout,
            options='{"ignore_result": true}' if info.ignore_result else "",
            priority=_within(spec, where, "priority", int, info.priority, 9),
            tags=_tags(info, spec, where),
        )

    def _queue(self, info: FunctionInfo, spec: Mapping[str, Any], where: str) -> str:
        """A queue's name is a Redis key of arq's, so only queues that exist are written to."""
        own = info.queue or ArqKeys.default_queue
        queue = str(_value(spec, where, "queue", str, own))
        if queue != own and queue not in self._queues:
            raise BadWorkflow(_at(where, "queue"), f'there is no queue "{queue[:60]}"')
        return queue


def _names(info: FunctionInfo, *, is_fed: bool) -> list[str]:
    """The parameters that `args` fill, in order."""
    return [p.name for p in info.parameters if p.kind in _BY_POSITION][1 if is_fed else 0 :]


def _misfit(
    error: BadArguments, where: str, args: list[Any], kwargs: Mapping[str, Any], names: list[str]
) -> BadWorkflow:
    """Says of each argument that is wrong where it is in the request, or would have to be."""

    def place(name: str) -> str:
        if not name:
            return _at(where, "args") if args else where
        if name in names[: len(args)] and name not in kwargs:
            return _at(where, f"args[{names.index(name)}]")
        return _at(where, f"kwargs.{name[:100]}")

    fields = {place(name): why for name, why in error.problems.items()}
    (first, why), *others = fields.items()
    return BadWorkflow(first, "; ".join([why, *(f"{path}: {said}" for path, said in others)]), fields)


def _at(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "an object"


def _only(spec: Mapping[str, Any], where: str, known: Sequence[str]) -> None:
    for key in spec:
        if key not in known:
            raise BadWorkflow(_at(where, str(key)[:60]), f"there is no such key here; there are {', '.join(known)}")


def _listed(parts: Any, where: str) -> Sequence[Any]:
    if not isinstance(parts, (list, tuple)):
        raise BadWorkflow(where, f"has to be a list, not {_kind(parts)}")
    return parts  # pyright: ignore[reportUnknownVariableType] - JSON


def _value(spec: Mapping[str, Any], where: str, name: str, kind: Any, default: Any) -> Any:
    value = spec.get(name, default)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise BadWorkflow(_at(where, name), f"can't be {_kind(value)}")
    return value


def _within(spec: Mapping[str, Any], where: str, name: str, kind: Any, default: float, most: int) -> Any:
    value = _value(spec, where, name, kind, default)
    if not 0 <= value <= most:
        raise BadWorkflow(_at(where, name), f"has to be 0 to {most}")
    return value


def _tag(graph: Graph, tags: Any) -> None:
    try:
        graph.tag(tags_of(_listed(tags, "tags")))
    except ValueError as error:
        raise BadWorkflow("tags", str(error)) from error


def _tags(info: FunctionInfo, spec: Mapping[str, Any], where: str) -> tuple[str, ...]:
    try:
        return tags_of([*info.tags, *_value(spec, where, "tags", list, [])])
    except ValueError as error:
        raise BadWorkflow(_at(where, "tags"), str(error)) from error


def _arguments(spec: Mapping[str, Any], where: str, name: str, kind: Any) -> Any:
    value = _value(spec, where, name, kind, kind())
    if _is_deeper(value, MAX_ARGUMENT_DEPTH + 1):
        raise BadWorkflow(_at(where, name), f"is nested more than {MAX_ARGUMENT_DEPTH} levels deep")
    return value


def _is_deeper(value: Any, levels: int) -> bool:
    match value:
        case list() | dict() if levels == 0:
            return True
        case list():
            return any(_is_deeper(inner, levels - 1) for inner in cast("list[Any]", value))
        case dict():
            return any(_is_deeper(inner, levels - 1) for inner in cast("dict[str, Any]", value).values())
        case _:
            return False
