"""Paths that come from outside, as arguments: they name files of the demo and no others."""

from __future__ import annotations

import re
from pathlib import Path


def inside(folder: Path, path: str) -> Path:
    """The file of that path, which is relative to the folder, or absolute and in it. Raises ValueError for others."""
    folder = folder.resolve()
    found = (folder / path).resolve()
    if not found.is_relative_to(folder) or found == folder:
        raise ValueError(f'"{path[:200]}" is not a file in the folder of the demo, where it has to be')
    return found


def shown(folder: Path, path: Path) -> str:
    """The path as jobs pass it on: relative to the folder, so that it means the same on every machine."""
    return path.resolve().relative_to(folder.resolve()).as_posix()


def file_name(text: str, otherwise: str) -> str:
    """The last part of a URL as a name for a file, without anything that a file system could take for more."""
    name = re.sub(r"[^\w.-]+", "-", text.rsplit("/", 1)[-1], flags=re.ASCII).strip("-.")[:100]
    return name or otherwise
