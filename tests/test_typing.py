"""What mypy and pyright say of programs that use arqboard: nothing of right ones, and something of each mistake."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GOOD, BAD = ROOT / "tests/typed/good.py", ROOT / "tests/typed/bad.py"
MARK = "  # error"

Reports = dict[Path, dict[int, str]]


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_a_right_program_has_no_errors(checker: str) -> None:
    assert reports(checker)[GOOD] == {}


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_each_mistake_is_reported_and_nothing_else(checker: str) -> None:
    lines = BAD.read_text().splitlines()
    marked = {n for n, line in enumerate(lines, 1) if line.endswith(MARK)}
    found = reports(checker)[BAD]

    assert marked
    assert [f"{n}: {lines[n - 1].strip()}" for n in sorted(marked - set(found))] == [], "not reported"
    assert {n: message for n, message in found.items() if n not in marked} == {}, "reported and not marked"


@cache
def reports(checker: str) -> Reports:
    """Errors by file and line, with the settings of this repository: strict."""
    return mypy() if checker == "mypy" else pyright()


def mypy() -> Reports:
    said = run("mypy", "--no-error-summary", "--hide-error-context", "--no-pretty", str(GOOD), str(BAD))
    found: Reports = {GOOD: {}, BAD: {}}
    for line in said.splitlines():
        if match := re.match(r"(.+?):(\d+): error: (.*)", line):
            found.setdefault(ROOT / match[1], {})[int(match[2])] = match[3]
    return found


def pyright() -> Reports:
    found: Reports = {GOOD: {}, BAD: {}}
    for said in json.loads(run("pyright", "--outputjson", str(GOOD), str(BAD)))["generalDiagnostics"]:
        if said["severity"] == "error":
            found[Path(said["file"])][said["range"]["start"]["line"] + 1] = said["message"]
    return found


def run(checker: str, *arguments: str) -> str:
    """0 and 1 say whether there are errors in the programs; anything else, that the checker could not work."""
    done = subprocess.run([sys.executable, "-m", checker, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout
