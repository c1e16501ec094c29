"""What comes after all chunks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from arqboard import task


@task
async def finalize(ctx: dict[str, Any], results: Sequence[Any] = ()) -> dict[str, Any]:
    """Put the results of chunks together."""
    return {"status": "completed", "chunks": list(results)}
