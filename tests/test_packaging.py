"""What a user installs: the wheel is complete, and its top level can't hide a user's module."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
LUA = ROOT / "worker" / "arqboard" / "protocol" / "lua"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", str(ROOT), "--no-deps", "--quiet", "-w", str(folder)]
    made = subprocess.run(command, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    (path,) = folder.glob("arqboard-*.whl")
    with ZipFile(path) as archive:
        return set(archive.namelist())


def test_the_top_level_is_the_two_packages_and_nothing_else(wheel: set[str]) -> None:
    """A top-level `worker`, `tests` or `templates` would hide the one in a user's own project."""
    tops = {name.split("/")[0] for name in wheel}
    (info,) = (top for top in tops if re.fullmatch(r"arqboard-[\w.]+\.dist-info", top))
    assert tops == {"arqboard", "arqboard_dashboard", info}


@pytest.mark.parametrize("folder", ["templates", "static", "locale"])
def test_what_pages_are_made_of_is_inside(wheel: set[str], folder: str) -> None:
    ours = {f"arqboard_dashboard/{path.relative_to(ROOT)}" for path in files(ROOT / folder)}
    assert ours
    assert ours <= wheel


def test_every_verb_is_inside(wheel: set[str]) -> None:
    verbs = {f"arqboard/protocol/lua/{path.name}" for path in LUA.glob("*.lua")}
    assert verbs
    assert verbs <= wheel


def test_type_checkers_are_told_that_both_packages_are_typed(wheel: set[str]) -> None:
    assert {"arqboard/py.typed", "arqboard_dashboard/py.typed"} <= wheel


def test_the_licence_is_inside(wheel: set[str]) -> None:
    assert any(name.endswith("/licenses/LICENSE") for name in wheel)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
