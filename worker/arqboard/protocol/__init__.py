"""The contract that worker and dashboard share: keys, jobs, verbs, reader. Imports neither arq nor aiohttp."""

from __future__ import annotations

from .errors import (
    ArqboardError,
    BadArguments,
    JobExists,
    JobNotFound,
    KeyReused,
    PayloadGone,
    UnknownFunction,
    WrongState,
)
from .job import Attempt, ChunkCounts, ErrorInfo, Job, Outcome, ProgressInfo, State, Unreadable
from .keys import ArqKeys, Keys
from .reader import Changes, MinuteStats, Page, Query, QueueInfo, Reader, WorkerInfo
from .signature import Call, FunctionInfo, Parameter
from .stats import Counts, Deploy, Stats, StatsBucket, Totals, percentile

__all__ = [
    "ArqKeys",
    "ArqboardError",
    "Attempt",
    "BadArguments",
    "Call",
    "Changes",
    "ChunkCounts",
    "Counts",
    "Deploy",
    "ErrorInfo",
    "FunctionInfo",
    "Job",
    "JobExists",
    "JobNotFound",
    "KeyReused",
    "Keys",
    "MinuteStats",
    "Outcome",
    "Page",
    "Parameter",
    "PayloadGone",
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
    "WrongState",
    "percentile",
]
