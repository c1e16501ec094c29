"""The contract that worker and dashboard share: keys, jobs, verbs, reader. Imports neither arq nor aiohttp."""

from __future__ import annotations

from .errors import (
    ArqboardError,
    BadArguments,
    BadWorkflow,
    JobExists,
    JobNotFound,
    KeyReused,
    NoSuchChunk,
    PayloadGone,
    UnknownFunction,
    WorkerNotFound,
    WorkflowNotFound,
    WrongState,
)
from .inside import Artefact, ChunkInfo, LogLine, LogPage
from .job import Attempt, ChunkCounts, ErrorInfo, Job, Outcome, ProgressInfo, State, Unreadable
from .keys import ArqKeys, Keys
from .phases import Phase, PhaseState
from .reader import Changes, MinuteStats, Page, Query, QueueInfo, Reader, WorkerInfo
from .signature import Call, FunctionInfo, Parameter
from .stats import Counts, Deploy, Stats, StatsBucket, Totals, percentile

__all__ = [
    "ArqKeys",
    "ArqboardError",
    "Artefact",
    "Attempt",
    "BadArguments",
    "BadWorkflow",
    "Call",
    "Changes",
    "ChunkCounts",
    "ChunkInfo",
    "Counts",
    "Deploy",
    "ErrorInfo",
    "FunctionInfo",
    "Job",
    "JobExists",
    "JobNotFound",
    "KeyReused",
    "Keys",
    "LogLine",
    "LogPage",
    "MinuteStats",
    "NoSuchChunk",
    "Outcome",
    "Page",
    "Parameter",
    "PayloadGone",
    "Phase",
    "PhaseState",
    "ProgressInfo",
    "Query",
    "QueueInfo",
    "Reader",
    "State",
    "Stats",
    "StatsBucket",
    "Totals",
    "UnknownFunction",
    "Unreadable",
    "WorkerInfo",
    "WorkerNotFound",
    "WorkflowNotFound",
    "WrongState",
    "percentile",
]
