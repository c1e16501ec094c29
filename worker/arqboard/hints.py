"""A function's type hints, each as far as it can be resolved, and what checks a value against one."""

from __future__ import annotations

import inspect
import types
import typing
from collections import abc
from collections.abc import Callable
from functools import partial
from typing import Any

from pydantic import ConfigDict, PydanticUserError, TypeAdapter

Validate = Callable[[Any], Any]

#: pydantic makes these one-way iterators of whatever is given, a list too. They are passed as they are.
_LAZY = (abc.Iterable, abc.Iterator, abc.Generator)


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Hints by parameter, without those that name something unknown here, such as what only type checkers import."""
    inner = _plain(function)
    try:
        return typing.get_type_hints(inner, include_extras=True)
    except Exception:  # noqa: BLE001 - annotations are user code
        hints: dict[str, Any] = getattr(inner, "__annotations__", {})
    resolved: dict[str, Any] = {}
    for name, hint in hints.items():
        try:
            one = types.SimpleNamespace(__annotations__={name: hint})
            resolved |= typing.get_type_hints(one, getattr(inner, "__globals__", {}), include_extras=True)
        except Exception:  # noqa: BLE001, S112 - as above; this one is not checked
            continue
    return resolved


def validator(hint: Any) -> Validate | None:
    """What converts a value to the hint, or raises; None where everything fits, or the hint is no schema."""
    if hint is None or hint is Any or hint is object or hint is inspect.Parameter.empty or _is_lazy(hint):
        return None
    try:
        adapter = _adapter(hint)
    except Exception:  # noqa: BLE001 - a type of the user's can raise anything while its schema is made
        return None
    # By name too: the serializers write models by the names of their fields.
    return partial(adapter.validate_python, by_alias=True, by_name=True)


def collects_all(hint: Any) -> bool:
    """Whether `**kwargs: Unpack[Options]`: one hint for all of them."""
    return typing.get_origin(hint) is typing.Unpack


def _adapter(hint: Any) -> TypeAdapter[Any]:
    if collects_all(hint):
        (hint,) = typing.get_args(hint)
    try:
        return TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticUserError:  # models, dataclasses and TypedDicts have a configuration of their own
        return TypeAdapter(hint)


def _is_lazy(hint: Any) -> bool:
    return hint in _LAZY or typing.get_origin(hint) in _LAZY or any(map(_is_lazy, typing.get_args(hint)))


def _plain(function: Any) -> Any:
    """The function that has the annotations: behind decorators, partials and objects that can be called."""
    while isinstance(function, partial):
        function = function.func
    function = inspect.unwrap(function)
    has_hints = inspect.isroutine(function) or isinstance(function, type)
    return function if has_hints else type(function).__call__
