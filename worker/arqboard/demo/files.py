"""Writing files that other jobs read: whole or not at all, whatever happens to this worker."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> Path:
    """Let `write` fill a temporary file, then give it its name. Two writers at once are both right."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = NamedTemporaryFile(dir=path.parent, prefix=".part-", delete=False)  # noqa: SIM115 - renamed below
    try:
        with file:
            write(file)
        os.replace(file.name, path)
    except BaseException:
        os.unlink(file.name)
        raise
    return path
