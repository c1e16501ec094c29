"""A worker toolkit for arq: progress, chunks that resume, leases, and outcomes that are true.

Names are loaded when they are used: the dashboard imports `arqboard.protocol`, and nothing of the worker, which can
load pickles, may come with it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arq.worker import Retry

    from .chunking import Chunk, ChunkError, Summary, chunks
    from .progress import Progress, current
    from .running import create_worker, run_worker
    from .worker import Worker

__all__ = [
    "Chunk",
    "ChunkError",
    "Progress",
    "Retry",
    "Summary",
    "Worker",
    "chunks",
    "create_worker",
    "current",
    "run_worker",
]

_HOMES = {
    "Retry": "arq.worker",
    "Chunk": "arqboard.chunking",
    "ChunkError": "arqboard.chunking",
    "Summary": "arqboard.chunking",
    "chunks": "arqboard.chunking",
    "Progress": "arqboard.progress",
    "current": "arqboard.progress",
    "Worker": "arqboard.worker",
    "create_worker": "arqboard.running",
    "run_worker": "arqboard.running",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'arqboard' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value
