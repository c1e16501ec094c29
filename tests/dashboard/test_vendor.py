"""Files of others are byte for byte what was published, and each names its licence."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Any

import pytest

from arqboard_dashboard.assets import STATIC

FOLDERS = (STATIC / "vendor", Path(__file__).parents[1] / "vendor")


def entries() -> list[tuple[Path, dict[str, Any]]]:
    found: list[tuple[Path, dict[str, Any]]] = []
    for folder in FOLDERS:
        listed = tomllib.loads((folder / "VENDOR.toml").read_text())
        found += [(folder / entry["path"], entry) for entry in listed["file"]]
    return found


@pytest.mark.parametrize(("path", "entry"), entries(), ids=lambda value: getattr(value, "name", ""))
def test_a_vendored_file_has_the_recorded_hash(path: Path, entry: dict[str, Any]) -> None:
    assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"]
    assert entry["source"].startswith("npm:")
    assert entry["licence"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_no_vendored_file_is_unlisted(folder: Path) -> None:
    listed = {path for path, _ in entries()}

    assert {path for path in folder.iterdir() if path.name != "VENDOR.toml"} <= listed


def test_fonts_and_icons_come_with_their_licences() -> None:
    assert "SIL OPEN FONT LICENSE Version 1.1" in (STATIC / "fonts" / "OFL.txt").read_text()
    assert "ISC License" in (STATIC / "vendor" / "LUCIDE-LICENSE.txt").read_text()
