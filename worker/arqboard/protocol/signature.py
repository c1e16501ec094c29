"""A function's signature as data: published by workers, read by the dashboard, which never imports task code.

The worker turns type hints into JSON schema with pydantic; the dashboard turns the schema back into a pydantic
model, so a form and a JSON call are checked by one and the same thing.
"""

from __future__ import annotations

import datetime as dt
import inspect
import json
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PydanticInvalidForJsonSchema,
    PydanticSchemaGenerationError,
    PydanticUndefinedAnnotation,
    TypeAdapter,
    ValidationError,
    create_model,
)

from .errors import BadArguments
from .mistakes import sentence_of
from .said import Said

#: How many levels of nesting an argument may have.
MAX_DEPTH = 20


class Parameter(BaseModel):
    """One parameter after `ctx`. `type` is the annotation as written, `json_schema` what pydantic makes of it."""

    model_config = ConfigDict(frozen=True)

    name: str
    type: str = "Any"
    json_schema: dict[str, Any] = Field(default_factory=dict)
    required: bool = True
    default: Any = None
    kind: Literal["normal", "positional", "keyword", "var_positional", "var_keyword"] = "normal"


class FunctionInfo(BaseModel):
    """A function that a worker offers. Times are in seconds; `timeout` None is no limit, `expires` None for ever."""

    model_config = ConfigDict(frozen=True)

    name: str
    doc: str = ""
    signature: str = "()"
    parameters: list[Parameter] = []
    queue: str = ""
    max_tries: int = 5
    timeout: float | None = None
    serializer: Literal["pickle", "custom"] = "pickle"
    soft_timeout: float | None = None
    priority: int = 0
    expires: float | None = None
    unique: bool = False
    unique_for: float | None = None
    ignore_result: bool = False
    concurrency: int | None = None
    rate: str = ""
    run_in: str = "loop"
    tags: list[str] = []

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return self.doc.strip().split("\n", 1)[0]

    @classmethod
    def of(cls, name: str, function: Callable[..., Any], **limits: Any) -> FunctionInfo:
        """Describe a task function, whose first parameter is arq's `ctx`. Never raises on odd annotations."""
        parameters = list(_parameters(function))
        shown = ", ".join(_as_written(p) for p in parameters)
        return cls(
            name=name, doc=inspect.getdoc(function) or "", signature=f"({shown})", parameters=parameters, **limits
        )

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any], *, lax: bool = False, is_fed: bool = False) -> Call:
        """Check a call against the signature and return it with converted values.

        `lax` also takes numbers and dates written as text, as forms and query strings send them. `is_fed`: the step
        before in a workflow fills the first parameter, and `args` are what comes after it. Raises BadArguments, which
        names every parameter that is wrong.
        """
        return _Binding(self, args, kwargs, is_fed=is_fed).checked(lax=lax)


class Call(BaseModel):
    """A checked call: what `function(ctx, *args, **kwargs)` will receive."""

    args: list[Any]
    kwargs: dict[str, Any]


def _parameters(function: Callable[..., Any]) -> typing.Iterator[Parameter]:
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        return
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except Exception:  # noqa: BLE001 - annotations are user code: anything can be raised, and we only describe
        hints = {}
    for parameter in list(signature.parameters.values())[1:]:
        yield _describe(parameter, hints.get(parameter.name, parameter.annotation))


_KINDS: dict[Any, Any] = {
    inspect.Parameter.POSITIONAL_ONLY: "positional",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "normal",
    inspect.Parameter.KEYWORD_ONLY: "keyword",
    inspect.Parameter.VAR_POSITIONAL: "var_positional",
    inspect.Parameter.VAR_KEYWORD: "var_keyword",
}


def _describe(parameter: inspect.Parameter, hint: Any) -> Parameter:
    kind = _KINDS[parameter.kind]
    is_variadic = kind.startswith("var_")
    has_default = parameter.default is not inspect.Parameter.empty
    schema, default = _schema(hint), None
    if has_default:
        default = _json_safe(parameter.default)
    return Parameter(
        name=parameter.name,
        type=_type_text(hint),
        json_schema=schema,
        required=not has_default and not is_variadic,
        default=default,
        kind=kind,
    )


def _schema(hint: Any) -> dict[str, Any]:
    if hint is inspect.Parameter.empty or hint is Any or isinstance(hint, str):
        return {}
    try:
        return TypeAdapter(hint).json_schema()
    except (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUndefinedAnnotation, TypeError):
        return {}
    except Exception:  # noqa: BLE001 - a model of the user's can raise anything while its schema is made
        return {}


def _json_safe(value: Any) -> Any:
    try:
        return TypeAdapter(Any).dump_python(value, mode="json")
    except Exception:  # noqa: BLE001 - a default can be any object
        return repr(value)[:200]


def _type_text(hint: Any) -> str:
    if hint is inspect.Parameter.empty:
        return "Any"
    while typing.get_origin(hint) is Annotated:
        hint = typing.get_args(hint)[0]
    text = hint if isinstance(hint, str) else inspect.formatannotation(hint)
    return str(text).replace("typing.", "").replace("datetime.", "")


def _as_written(p: Parameter) -> str:
    star = {"var_positional": "*", "var_keyword": "**"}.get(p.kind, "")
    text = f"{star}{p.name}" + (f": {p.type}" if p.type != "Any" else "")
    return text if p.required or star else f"{text} = {p.default!r}"


class _Binding:
    """Puts positional and keyword arguments to parameters, then checks the values."""

    def __init__(
        self, info: FunctionInfo, args: Sequence[Any], kwargs: Mapping[str, Any], *, is_fed: bool = False
    ) -> None:
        self.info = info
        self.problems: dict[str, str] = {}
        self.paths: dict[str, tuple[int | str, ...]] = {}
        self.filled = self._filled() if is_fed else ""
        self.named: dict[str, Any] = {}
        self.extra_args: list[Any] = []
        self.extra_kwargs: dict[str, Any] = {}
        self._bind(args, kwargs)

    def _filled(self) -> str:
        """The parameter that the step before fills."""
        first = next((p for p in self.info.parameters if p.kind in ("positional", "normal")), None)
        takes_more = any(p.kind == "var_positional" for p in self.info.parameters)
        if first is None and not takes_more:
            self.problems[""] = Said("it takes no argument by position, so no result can be passed on to it")
        return first.name if first else ""

    def _bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        by_kind = {p.kind: p for p in self.info.parameters}
        positional = [p for p in self.info.parameters if p.kind in ("positional", "normal") and p.name != self.filled]
        for parameter, value in zip(positional, args, strict=False):
            self.named[parameter.name] = value
        self.extra_args = list(args[len(positional) :])
        if self.extra_args and "var_positional" not in by_kind:
            self.problems[""] = Said(
                "it takes at most %(most)s positional arguments, %(given)s were given",
                most=len(positional), given=len(args),
            )  # fmt: skip
        by_name = {p.name: p for p in self.info.parameters if p.kind in ("normal", "keyword")}
        for name, value in kwargs.items():
            if name in self.named:
                self.problems[name] = Said("given twice, by position and by name")
            elif name == self.filled:
                self.problems[name] = Said("the step before it fills this one")
            elif name in by_name:
                self.named[name] = value
            elif "var_keyword" in by_kind:
                self.extra_kwargs[name] = value
            else:
                self.problems[name] = Said("no such parameter; it takes %(signature)s", signature=self.info.signature)
        for parameter in self.info.parameters:
            if parameter.required and parameter.name not in self.named and parameter.name != self.filled:
                self.problems.setdefault(parameter.name, Said("is required"))

    def checked(self, *, lax: bool) -> Call:
        values = dict(self.named)
        for parameter in self.info.parameters:
            if parameter.name in values and parameter.name not in self.problems:
                self._check(parameter, values, lax=lax)
        if self.problems:
            raise BadArguments(self.info.name, self.problems, self.paths)
        return self._call(values)

    def _check(self, parameter: Parameter, values: dict[str, Any], *, lax: bool) -> None:
        adapter = _adapter(json.dumps(parameter.json_schema))
        try:
            value = (
                adapter.validate_python(values[parameter.name], strict=False)
                if lax
                else _strict(adapter, values[parameter.name])
            )
        except ValidationError as error:
            self.problems[parameter.name] = _say(error)
            self.paths[parameter.name] = error.errors(include_url=False, include_context=False)[0]["loc"]
        else:
            values[parameter.name] = _plain(value)

    def _call(self, values: dict[str, Any]) -> Call:
        """By name wherever possible, by position only where the signature says so or extra ones follow."""
        names = [p.name for p in self.info.parameters if p.kind == "positional" and p.name in values]
        if self.extra_args:
            names = [p.name for p in self.info.parameters if p.kind in ("positional", "normal") and p.name in values]
        args = [values.pop(name) for name in names] + self.extra_args
        return Call(args=args, kwargs={**values, **self.extra_kwargs})


@lru_cache(maxsize=1000)
def _adapter(schema_text: str) -> TypeAdapter[Any]:
    """Made once per schema: it takes a hundred times as long as a check, and a workflow has thousands of calls."""
    schema = json.loads(schema_text)
    return TypeAdapter(_type_of(schema, schema.get("$defs", {})))


def _strict(adapter: TypeAdapter[Any], value: Any) -> Any:
    """As JSON is read: a date may be text, but a number may not."""
    return adapter.validate_json(json.dumps(value), strict=True)


def _say(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = "".join(f"[{part!r}]" for part in first["loc"] if not str(part).startswith("function-"))
    text = sentence_of(first)
    return (
        Said("at %(where)s: %(what)s", where=where, what=text) if where and not _is_union_branch(first["loc"]) else text
    )


def _is_union_branch(loc: tuple[int | str, ...]) -> bool:
    return len(loc) == 1 and isinstance(loc[0], str) and loc[0] in {"int", "float", "str", "bool", "none", "date"}


def _plain(value: Any) -> Any:
    """Values that any worker can load: models become dicts, so no class of ours travels."""
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, list):
        return [_plain(v) for v in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in cast("dict[Any, Any]", value).items()}
    return value


_FORMATS: dict[str, Any] = {"date": dt.date, "date-time": dt.datetime, "time": dt.time, "duration": dt.timedelta}
_BOUNDS = {
    "minimum": "ge", "maximum": "le", "exclusiveMinimum": "gt", "exclusiveMaximum": "lt", "multipleOf": "multiple_of",
    "minLength": "min_length", "maxLength": "max_length", "pattern": "pattern", "minItems": "min_length",
    "maxItems": "max_length",
}  # fmt: skip


def _type_of(schema: Mapping[str, Any], defs: Mapping[str, Any], depth: int = 0) -> Any:
    """The Python type that a JSON schema describes; Any for what it does not say."""
    if depth > MAX_DEPTH:
        return Any
    if "$ref" in schema:
        return _type_of(defs.get(str(schema["$ref"]).rsplit("/", 1)[-1], {}), defs, depth + 1)
    if "const" in schema:
        return Literal[schema["const"]]
    if "enum" in schema:
        return Literal[tuple(schema["enum"])]
    if "anyOf" in schema or "oneOf" in schema:
        options = [_type_of(s, defs, depth + 1) for s in schema.get("anyOf") or schema["oneOf"]]
        return typing.Union[tuple(options)]  # noqa: UP007 - built from a list at run time
    return _bounded(_simple(schema, defs, depth), schema)


def _simple(schema: Mapping[str, Any], defs: Mapping[str, Any], depth: int) -> Any:
    match schema.get("type"):
        case "integer":
            return int
        case "number":
            return float
        case "boolean":
            return bool
        case "null":
            return type(None)
        case "string":
            return _FORMATS.get(str(schema.get("format", "")), str)
        case "array":
            return list[_type_of(schema.get("items", {}), defs, depth + 1)]  # type: ignore[misc]
        case "object":
            return _object(schema, defs, depth)
        case _:
            return Any


def _object(schema: Mapping[str, Any], defs: Mapping[str, Any], depth: int) -> Any:
    properties: Mapping[str, Any] = schema.get("properties", {})
    if not properties:
        values = schema.get("additionalProperties")
        return dict[str, _type_of(values, defs, depth + 1) if isinstance(values, dict) else Any]  # type: ignore[misc]
    required = set(schema.get("required", ()))
    fields: dict[str, Any] = {}
    for n, (name, inner) in enumerate(properties.items()):
        default = ... if name in required else inner.get("default")
        fields[f"field_{n}"] = (_type_of(inner, defs, depth + 1), Field(default, alias=name, serialization_alias=name))
    return create_model(str(schema.get("title", "Object")), __base__=_ByAlias, **fields)


class _ByAlias(BaseModel):
    model_config = ConfigDict(serialize_by_alias=True)


def _bounded(type_: Any, schema: Mapping[str, Any]) -> Any:
    bounds = {theirs: schema[ours] for ours, theirs in _BOUNDS.items() if ours in schema}
    if not bounds or type_ is Any:
        return type_
    return Annotated[type_, Field(**bounds)]
