"""Exceptions from another process: as themselves where that needs no code of the user's, else as RemoteError."""

from __future__ import annotations

import asyncio
import builtins
from functools import cache
from importlib import import_module
from typing import Any

from arq.jobs import DeserializationError, ResultNotFound, SerializationError
from arq.worker import JobExecutionFailed, Retry, RetryJob

from .protocol.errors import ArqboardError

#: Modules of ours whose exceptions come back as themselves.
_OURS = ("protocol.errors", "remote", "outcomes", "chunking", "limits", "board", "workflow", "artefacts", "processes")
_ARQS = (JobExecutionFailed, Retry, RetryJob, ResultNotFound, SerializationError, DeserializationError)


class RemoteError(ArqboardError):
    """An exception of a type that this process does not load. `type` is its class name, `module` where that lives.

    `traceback` is the text of it on the worker; it is printed with this error.
    """

    def __init__(self, type: str, message: str, traceback: str = "", module: str = "") -> None:
        super().__init__(type, message, traceback, module)
        self.type, self.message, self.traceback, self.module = type, message, traceback, module
        if traceback:
            self.add_note(f"On the worker:\n{traceback}")

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" if self.message else self.type


@cache
def known_errors() -> dict[tuple[str, str], type[BaseException]]:
    """What comes back as itself, by module and name: Python's exceptions, a cancellation, arq's and ours."""
    found: list[type[BaseException]] = [asyncio.CancelledError, *_ARQS]
    for module in (builtins, *(import_module(f"arqboard.{name}") for name in _OURS)):
        classes = [value for value in vars(module).values() if isinstance(value, type)]
        found += [c for c in classes if issubclass(c, Exception) and c.__module__ == module.__name__]
    return {(error.__module__, error.__name__): error for error in found}


def is_known(error: BaseException) -> bool:
    kind = type(error)
    return known_errors().get((kind.__module__, kind.__name__)) is kind


def rebuild(
    module: str, type_: str, message: str, args: tuple[Any, ...] | None, state: dict[str, Any], traceback: str
) -> BaseException:
    """The exception as itself, with a RemoteError as its cause that shows where it came from; or a RemoteError."""
    remote = RemoteError(type_, message, traceback, module)
    kind = known_errors().get((module, type_))
    if kind is None:
        return remote
    try:
        error = _made(kind, (message,) if args is None else args)
    except Exception:  # noqa: BLE001 - UnicodeDecodeError and others refuse arguments that aren't their own
        return remote
    error.__dict__.update(state)
    if traceback and not isinstance(error, RemoteError):
        error.__cause__ = remote
    return error


def _made(kind: type[BaseException], args: tuple[Any, ...]) -> BaseException:
    """Python's own need their `__init__`; others get their attributes back, whatever their `__init__` takes."""
    if kind.__module__ == "builtins":
        return kind(*args)
    return kind.__new__(kind, *args)
