"""From a settings class to a running worker, as `arq.worker` has it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from .worker import Worker

WorkerSettings = type[Any] | Mapping[str, Any]


def get_kwargs(settings: WorkerSettings) -> dict[str, Any]:
    """The settings that our worker takes, also those a settings class inherits (arq itself ignores these)."""
    known = inspect.signature(Worker).parameters
    if isinstance(settings, Mapping):
        found: dict[str, Any] = dict(settings)
    else:
        found = {}
        for base in reversed(settings.__mro__):
            found.update({name: _unwrap(value) for name, value in vars(base).items()})
    return {name: value for name, value in found.items() if name in known}


def _unwrap(value: Any) -> Any:
    return value.__func__ if isinstance(value, staticmethod) else value


def create_worker(settings: WorkerSettings, **overrides: Any) -> Worker:
    """A worker from a settings class or dict, as `arq.worker.create_worker`."""
    return Worker(**{**get_kwargs(settings), **overrides})


def run_worker(settings: WorkerSettings, **overrides: Any) -> Worker:
    """Run a worker until it is stopped, as `arq.worker.run_worker`."""
    worker = create_worker(settings, **overrides)
    worker.run()
    return worker
