"""A worker toolkit for arq: progress, chunks that resume, retries, limits, workflows, schedules, and outcomes that are
true.

Names are loaded when they are used: the dashboard imports `arqboard.protocol`, and nothing of the worker, which can
load pickles, may come with it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arq.cron import cron
    from arq.worker import Retry

    from .artefacts import ArtefactError
    from .backoff import Backoff
    from .board import (
        Board,
        JobAborted,
        JobHandle,
        NoBoard,
        ResultGone,
        WorkflowFailed,
        WorkflowHandle,
        connect,
        current_board,
        submit,
        submit_many,
    )
    from .chunking import Chunk, ChunkError, Summary, chunks
    from .limits import HardTimeLimit, SoftTimeLimit
    from .options import Rate
    from .outcomes import JobExpired, WorkerLost
    from .phases import Phase
    from .processes import ProcessDied
    from .progress import Progress, current
    from .protocol.errors import (
        ArqboardError,
        BadArguments,
        BadWorkflow,
        JobExists,
        JobNotFound,
        KeyReused,
        PayloadGone,
        UnknownFunction,
        WorkflowNotFound,
        WrongState,
    )
    from .remote import RemoteError
    from .running import create_worker, run_worker
    from .schedules import Schedule, at, crontab, every
    from .serializers import json_deserializer, json_serializer, msgpack_deserializer, msgpack_serializer
    from .tasks import Task, func, task
    from .worker import Worker
    from .workflow import MemberFailed, Signature, chain, chord, group, signature

__all__ = [
    "ArqboardError",
    "ArtefactError",
    "Backoff",
    "BadArguments",
    "BadWorkflow",
    "Board",
    "Chunk",
    "ChunkError",
    "HardTimeLimit",
    "JobAborted",
    "JobExists",
    "JobExpired",
    "JobHandle",
    "JobNotFound",
    "KeyReused",
    "MemberFailed",
    "NoBoard",
    "PayloadGone",
    "Phase",
    "ProcessDied",
    "Progress",
    "Rate",
    "RemoteError",
    "ResultGone",
    "Retry",
    "Schedule",
    "Signature",
    "SoftTimeLimit",
    "Summary",
    "Task",
    "UnknownFunction",
    "Worker",
    "WorkerLost",
    "WorkflowFailed",
    "WorkflowHandle",
    "WorkflowNotFound",
    "WrongState",
    "at",
    "chain",
    "chord",
    "chunks",
    "connect",
    "create_worker",
    "cron",
    "crontab",
    "current",
    "current_board",
    "every",
    "func",
    "group",
    "json_deserializer",
    "json_serializer",
    "msgpack_deserializer",
    "msgpack_serializer",
    "run_worker",
    "signature",
    "submit",
    "submit_many",
    "task",
]

_HOMES = {
    "ArqboardError": "arqboard.protocol.errors",
    "Backoff": "arqboard.backoff",
    "BadArguments": "arqboard.protocol.errors",
    "BadWorkflow": "arqboard.protocol.errors",
    "Board": "arqboard.board",
    "ArtefactError": "arqboard.artefacts",
    "Chunk": "arqboard.chunking",
    "ChunkError": "arqboard.chunking",
    "HardTimeLimit": "arqboard.limits",
    "JobAborted": "arqboard.board",
    "JobExists": "arqboard.protocol.errors",
    "JobExpired": "arqboard.outcomes",
    "JobHandle": "arqboard.board",
    "JobNotFound": "arqboard.protocol.errors",
    "KeyReused": "arqboard.protocol.errors",
    "MemberFailed": "arqboard.workflow",
    "NoBoard": "arqboard.board",
    "PayloadGone": "arqboard.protocol.errors",
    "Phase": "arqboard.phases",
    "ProcessDied": "arqboard.processes",
    "Progress": "arqboard.progress",
    "Rate": "arqboard.options",
    "RemoteError": "arqboard.remote",
    "ResultGone": "arqboard.board",
    "Retry": "arq.worker",
    "Schedule": "arqboard.schedules",
    "Signature": "arqboard.workflow",
    "SoftTimeLimit": "arqboard.limits",
    "Summary": "arqboard.chunking",
    "Task": "arqboard.tasks",
    "UnknownFunction": "arqboard.protocol.errors",
    "Worker": "arqboard.worker",
    "WorkerLost": "arqboard.outcomes",
    "WorkflowFailed": "arqboard.board",
    "WorkflowHandle": "arqboard.board",
    "WorkflowNotFound": "arqboard.protocol.errors",
    "WrongState": "arqboard.protocol.errors",
    "at": "arqboard.schedules",
    "chain": "arqboard.workflow",
    "chord": "arqboard.workflow",
    "chunks": "arqboard.chunking",
    "connect": "arqboard.board",
    "create_worker": "arqboard.running",
    "cron": "arq.cron",
    "crontab": "arqboard.schedules",
    "current": "arqboard.progress",
    "current_board": "arqboard.board",
    "every": "arqboard.schedules",
    "func": "arqboard.tasks",
    "group": "arqboard.workflow",
    "json_deserializer": "arqboard.serializers",
    "json_serializer": "arqboard.serializers",
    "msgpack_deserializer": "arqboard.serializers",
    "msgpack_serializer": "arqboard.serializers",
    "run_worker": "arqboard.running",
    "signature": "arqboard.workflow",
    "submit": "arqboard.board",
    "submit_many": "arqboard.board",
    "task": "arqboard.tasks",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'arqboard' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value
