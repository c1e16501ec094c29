"""Workflows that programs write down as JSON: read, checked against the signatures, and begun."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from .protocol.commands import Commands, Submission, Submitted
from .protocol.errors import BadArguments, BadWorkflow, UnknownFunction
from .protocol.graph import MAX_NODES, Chain, Graph, Group, OnError, Part, Step
from .protocol.keys import ArqKeys
from .protocol.payload import encode_call, preview_call
from .protocol.signature import FunctionInfo
from .submitting import find_function, fingerprint

#: Levels of parts within parts that are read.
MAX_DEPTH = 50
_STEP_KEYS = ("function", "args", "kwargs", "queue", "fed", "priority", "defer_by")


async def begin(
    commands: Commands,
    functions: Mapping[str, FunctionInfo],
    spec: Any,
    *,
    name: str = "",
    on_error: OnError = "stop",
    once: str = "",
    source: str = "",
) -> Submitted:
    """Check a workflow and start it. `once` is an idempotency key.

    `spec` is {"function", "args"?, "kwargs"?}, {"chain": [...]}, {"group": [...]} or {"chord": {"group": [...], "then":
    {...}}}, nested. Raises BadWorkflow, which says where, or KeyReused.
    """
    part = _Reading(functions, source).part(spec, "", is_fed=False, depth=0)
    graph = Graph.of(part, name=name, on_error=on_error, source=source)
    print_of = fingerprint(spec, name, on_error) if once else ""
    return await commands.begin(graph, once=once, fingerprint=print_of)


class _Reading:
    def __init__(self, functions: Mapping[str, FunctionInfo], source: str) -> None:
        self._functions, self._source = functions, source
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
        is_fed = is_fed and _value(spec, where, "fed", bool, True)
        args, kwargs = _value(spec, where, "args", list, []), _value(spec, where, "kwargs", dict, {})
        try:
            info = find_function(self._functions, _value(spec, where, "function", str, ""))
            call = info.bind(args, kwargs, is_fed=is_fed)
        except UnknownFunction as error:
            raise BadWorkflow(_at(where, "function"), str(error)) from error
        except BadArguments as error:
            raise BadWorkflow(where, str(error)) from error
        return Step(self._submission(info, call.args, call.kwargs, spec, where, is_fed=is_fed), is_fed)

    def _submission(
        self,
        info: FunctionInfo,
        args: list[Any],
        kwargs: dict[str, Any],
        spec: Mapping[str, Any],
        where: str,
        *,
        is_fed: bool,
    ) -> Submission:
        names = [p.name for p in info.parameters if p.kind in ("positional", "normal")][1 if is_fed else 0 :]
        shown_args, shown_kwargs = preview_call(args, kwargs, names)
        priority = _value(spec, where, "priority", int, info.priority)
        defer = _value(spec, where, "defer_by", (int, float), 0)
        if not 0 <= priority <= 9:
            raise BadWorkflow(_at(where, "priority"), "is 0 to 9")
        if not 0 <= defer <= 366 * 86_400:
            raise BadWorkflow(_at(where, "defer_by"), "is 0 to a year, in seconds")
        return Submission(
            function=info.name,
            queue=_value(spec, where, "queue", str, "") or info.queue or ArqKeys.default_queue,
            payload=encode_call(info.name, args, kwargs, serializer=info.serializer),
            args=shown_args,
            kwargs=shown_kwargs,
            defer_ms=round(defer * 1000),
            expires_ms=None if info.expires is None else round(info.expires * 1000),
            source=self._source,
            max_tries=info.max_tries,
            timeout=info.timeout,
            priority=priority,
        )


def _at(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _kind(value: Any) -> str:
    match value:
        case list():
            return "a list"
        case str():
            return "a text"
        case None:
            return "null"
        case _:
            return f"a {type(value).__name__}"


def _only(spec: Mapping[str, Any], where: str, known: Sequence[str]) -> None:
    for key in spec:
        if key not in known:
            raise BadWorkflow(_at(where, str(key)[:60]), f"there is no such key here; there are {', '.join(known)}")


def _listed(parts: Any, where: str) -> Sequence[Any]:
    if not isinstance(parts, list):
        raise BadWorkflow(where, f"has to be a list, not {_kind(parts)}")
    return parts  # pyright: ignore[reportUnknownVariableType] - JSON


def _value(spec: Mapping[str, Any], where: str, name: str, kind: Any, default: Any) -> Any:
    value = spec.get(name, default)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise BadWorkflow(_at(where, name), f"can't be {_kind(value)}")
    return value
