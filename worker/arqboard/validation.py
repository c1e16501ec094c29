"""A call against the type hints of its function: what doesn't fit is named before a job runs or is submitted.

Values are converted as pydantic does it in its lax mode, so what came as JSON is what the hint says: a date from ISO
text, an enum from its value, a dataclass or model from a dict, and also a number from the text of one. A value that is
right already is passed as it is. What has no hint, or one that is no schema, is passed unchecked.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from weakref import WeakKeyDictionary

from pydantic import PydanticUserError, ValidationError

from .hints import Validate, collects_all, hints_of, validator
from .protocol.errors import BadArguments
from .protocol.payload import REDACTED, preview

#: Longest value that an error repeats, and how many places in one argument it names.
MAX_SHOWN, MAX_PLACES = 80, 3

_NOTHING: Any = inspect.Parameter.empty
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """A parameter. `validate` is None where there is nothing to check."""

    name: str
    validate: Validate | None = None
    is_required: bool = False
    default: Any = _NOTHING


class CallChecker:
    """Checks calls of one function, without its first parameter, arq's `ctx`. `of` makes it once per function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.name = str(getattr(function, "__name__", type(function).__name__))
        self.positional: list[Checked] = []
        self.by_name: dict[str, Checked] = {}
        self.more_args: Checked | None = None
        self.more_kwargs: Checked | None = None
        self.takes_kwargs_as_one = False
        self._read(function)
        self._keyword_only = [p for p in self.by_name.values() if p not in self.positional and p.is_required]
        self._is_checked = any(p.validate for p in self._all())

    @classmethod
    def of(cls, function: Callable[..., Any]) -> CallChecker:
        try:
            return _made.get(function) or _made.setdefault(function, cls(function))
        except TypeError:  # a callable that can't be hashed or referred to weakly
            return cls(function)

    def check(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], *, fed: bool = False
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments as the hints want them, by position and by name as they were given; no defaults are added.

        `fed`: the step before it gives the first positional argument, so `args` begin with the second. Raises
        BadArguments, which names every parameter that is wrong.
        """
        problems: dict[str, str] = {}
        slots = self.positional[1:] if fed else self.positional
        self._check_names(slots, args, kwargs, problems, fed=fed)
        if self._is_checked:
            args = self._check_args(slots, args, problems)
            kwargs = self._check_kwargs(kwargs, problems)
        if problems:
            raise BadArguments(self.name, problems)
        return tuple(args), dict(kwargs)

    def _read(self, function: Callable[..., Any]) -> None:
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (ValueError, TypeError):  # some functions written in C say nothing of themselves
            self.more_args, self.more_kwargs = Checked("args"), Checked("kwargs")
            return
        hints = hints_of(function)
        takes_ctx = parameters and parameters[0].kind in _POSITIONAL
        for parameter in parameters[1:] if takes_ctx else parameters:
            self._add(parameter, hints.get(parameter.name))

    def _add(self, parameter: inspect.Parameter, hint: Any) -> None:
        name, default = parameter.name, parameter.default
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            self.more_args = Checked(name, validator(hint))
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            self.more_kwargs = Checked(name, validator(hint))
            self.takes_kwargs_as_one = collects_all(hint)
        else:
            checked = Checked(name, validator(hint), default is _NOTHING, default)
            if parameter.kind in _POSITIONAL:
                self.positional.append(checked)
            if parameter.kind in _NAMED:
                self.by_name[name] = checked

    def _all(self) -> list[Checked]:
        more = [p for p in (self.more_args, self.more_kwargs) if p]
        return [*self.positional, *self.by_name.values(), *more]

    # Do the names fit?

    def _check_names(
        self,
        slots: list[Checked],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        problems: dict[str, str],
        *,
        fed: bool,
    ) -> None:
        if self.more_args is None and (len(args) > len(slots) or (fed and not self.positional)):
            problems[""] = _too_many(len(self.positional), len(args), fed=fed)
        for name in kwargs:
            if name not in self.by_name and self.more_kwargs is None:
                problems[name] = self._unknown(name)
        for parameter in slots[: len(args)]:
            if parameter.name in kwargs and parameter.name in self.by_name:
                problems[parameter.name] = "given twice, by position and by name"
        if fed and self.positional and self.positional[0].name in kwargs and self.positional[0].name in self.by_name:
            problems[self.positional[0].name] = "given twice, by the step before it and by name"
        for parameter in slots[len(args) :]:
            if parameter.is_required and not (parameter.name in kwargs and parameter.name in self.by_name):
                problems.setdefault(parameter.name, "is required")
        for parameter in self._keyword_only:
            if parameter.name not in kwargs:
                problems[parameter.name] = "is required"

    def _unknown(self, name: str) -> str:
        if any(p.name == name for p in self.positional):
            return "can only be given by position"
        names = [p.name for p in self.positional] + [n for n in self.by_name if self.by_name[n] not in self.positional]
        near = difflib.get_close_matches(name, names, n=1)
        takes = f"it takes {', '.join(names)}" if names else "it takes none"
        return f"no such parameter; {f'did you mean {near[0]}?' if near else takes}"

    # Do the values fit?

    def _check_args(self, slots: list[Checked], args: Sequence[Any], problems: dict[str, str]) -> list[Any]:
        values = [_checked(p, value, problems) for p, value in zip(slots, args, strict=False)]
        for n, value in enumerate(args[len(slots) :]):
            if self.more_args:
                value = _checked(self.more_args, value, problems, f"{self.more_args.name}[{n}]")
            values.append(value)
        return values

    def _check_kwargs(self, kwargs: Mapping[str, Any], problems: dict[str, str]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        others: dict[str, Any] = {}
        for name, value in kwargs.items():
            parameter = self.by_name.get(name)
            if parameter:
                values[name] = _checked(parameter, value, problems)
            else:
                others[name] = value
        if self.more_kwargs is None:
            return values
        if self.takes_kwargs_as_one:
            return {**values, **_checked(self.more_kwargs, others, problems)}
        return {**values, **{name: _checked(self.more_kwargs, v, problems, name) for name, v in others.items()}}


_made: WeakKeyDictionary[Callable[..., Any], CallChecker] = WeakKeyDictionary()


def _too_many(takes: int, given: int, *, fed: bool) -> str:
    if fed and not takes:
        return "it takes no positional argument, so it can't take the result of the step before it"
    fed_too = ", one by the step before it" if fed else ""
    return f"it takes at most {takes} positional arguments, {given + fed} were given{fed_too}"


def _checked(parameter: Checked, value: Any, problems: dict[str, str], name: str = "") -> Any:
    """The value as it should be; where it can't be, a problem. What equals the default is the author's affair."""
    if parameter.validate is None or value is parameter.default:
        return value
    try:
        return parameter.validate(value)
    except ValidationError as error:
        problems.setdefault(name or parameter.name, _said(parameter.name, value, error))
    except PydanticUserError:  # a model whose own hints can't be resolved
        return value
    except Exception as error:  # noqa: BLE001 - a validator is user code
        problems.setdefault(name or parameter.name, f"could not be checked, {type(error).__name__}: {error}")
    return value


# What is wrong, in words


def _said(parameter: str, value: Any, error: ValidationError) -> str:
    """What is wrong at each place; several answers at one place are the members of a union, any of which would do."""
    places: dict[tuple[int | str, ...], list[str]] = {}
    found: dict[tuple[int | str, ...], str] = {}
    for detail in error.errors(include_url=False, include_context=False):
        is_missing = detail["type"] in ("missing", "missing_argument")
        place = _place(value, detail["loc"], is_missing=is_missing)
        message = detail["msg"][:1].lower() + detail["msg"][1:]
        answers = places.setdefault(place, [])
        if message not in answers:
            answers.append(message)
        found[place] = "" if is_missing else _got([parameter, *map(str, place)], detail["input"])
    texts = [_at(place, " or ".join(answers) + found[place]) for place, answers in places.items()]
    more = f"; and {len(texts) - MAX_PLACES} more" if len(texts) > MAX_PLACES else ""
    return "; ".join(texts[:MAX_PLACES]) + more


def _at(place: tuple[int | str, ...], text: str) -> str:
    where = "".join(f"[{part!r}]" for part in place)
    return f"at {where}: {text}" if where else text


def _place(value: Any, loc: tuple[int | str, ...], *, is_missing: bool) -> tuple[int | str, ...]:
    """The keys and indexes on the way; the names of union members and the like, which pydantic adds, are left out."""
    place: list[int | str] = []
    for n, part in enumerate(loc):
        if isinstance(value, Mapping) and part in value:
            value = cast("Mapping[Any, Any]", value)[part]
        elif isinstance(value, Sequence) and isinstance(part, int) and part < len(cast("Sequence[Any]", value)):
            value = cast("Sequence[Any]", value)[part]
        elif not (is_missing and n == len(loc) - 1):
            continue
        place.append(part)
    return tuple(place)


def _got(names: list[str], value: Any) -> str:
    """Nothing of a secret, and of what is long its type."""
    if any(REDACTED in preview({name: 0}) for name in names):
        return ""
    match value:
        case None | bool():
            return f", got {value}"
        case str() | float() if len(repr(value)) <= MAX_SHOWN:
            return f", got {value!r} ({type(value).__name__})"
        case int() if abs(value) < 2**64:
            return f", got {value} ({type(value).__name__})"
        case _:
            return f", got a value of type {type(value).__name__}"
