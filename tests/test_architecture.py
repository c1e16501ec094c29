"""Who may import whom, and what may not appear where. The reasons are in docs/architecture.md."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from arqboard.protocol.bulk import BULK
from arqboard.protocol.keys import Keys

ROOT = Path(__file__).parents[1]
WORKER = ROOT / "worker" / "arqboard"
PROTOCOL = WORKER / "protocol"
DASHBOARD = ROOT / "dashboard" / "arqboard_dashboard"

#: What the dashboard may use of the worker package. `up` starts the demo worker by name, as a process.
SHARED = ("arqboard.protocol", "arqboard.submitting", "arqboard.composing", "arqboard.widget")


def test_the_worker_package_never_imports_the_dashboard() -> None:
    assert imports_of(WORKER, "arqboard_dashboard") == []


def test_the_worker_package_needs_no_web_stack() -> None:
    """The demo is the exception: its download task is a client, installed by the `demo` extra."""
    found = imports_of(WORKER, "aiohttp", "jinja2", "aiohttp_jinja2")
    assert [line for line in found if not line.startswith("worker/arqboard/demo/")] == []


def test_the_protocol_imports_neither_arq_nor_a_web_stack() -> None:
    assert imports_of(PROTOCOL, "arq", "aiohttp", "jinja2") == []


def test_the_protocol_imports_nothing_else_of_the_worker_package() -> None:
    others = [line for line in imports_of(PROTOCOL, "arqboard") if "arqboard.protocol" not in line]
    assert others == []


def test_the_dashboard_imports_only_the_protocol_and_what_is_shared() -> None:
    found = imports_of(DASHBOARD, "arqboard")
    assert [line for line in found if not line.split(" imports ")[1].startswith(SHARED)] == []


@pytest.mark.parametrize("name", ["submitting.py", "composing.py", "widget.py"])
def test_submitting_reaches_nothing_but_the_protocol(name: str) -> None:
    found = imports_of(WORKER / name, "arqboard", "arq")
    assert [line for line in found if not line.split(" imports ")[1].startswith(SHARED)] == []


@pytest.mark.parametrize(
    "part",
    [PROTOCOL, DASHBOARD, WORKER / "submitting.py", WORKER / "composing.py", WORKER / "widget.py"],
    ids=lambda path: path.name,
)
def test_nothing_that_the_dashboard_reaches_can_load_a_pickle(part: Path) -> None:
    loaders = {"load", "loads", "Unpickler", "_Unpickler", "_loads"}
    others = imports_of(part, "dill", "cloudpickle", "shelve", "marshal", "jsonpickle")
    found = [
        f"{named(path)} uses pickle.{name}"
        for path in sources(part)
        for name in pickle_names(ast.parse(path.read_text()))
        if name in loaders
    ]
    assert others + found == []


def test_keys_of_ours_are_named_in_one_place() -> None:
    """A literal with our prefix elsewhere would not follow a changed prefix."""
    prefix = Keys().prefix
    allowed = {PROTOCOL / "keys.py", WORKER / "settings.py", DASHBOARD / "settings.py"}  # their default
    found = [
        f"{named(path)}:{line} {text!r}"
        for part in (WORKER, DASHBOARD)
        for path in sources(part)
        if path not in allowed
        for line, text in literals(ast.parse(path.read_text()))
        if text.startswith(prefix) and text != BULK  # a function's name
    ]
    assert found == []


def test_lua_files_get_their_keys_from_outside() -> None:
    prefix = Keys().prefix
    assert [named(path) for path in PROTOCOL.rglob("*.lua") if f'"{prefix}' in path.read_text()] == []


@pytest.mark.parametrize("folder", ["worker", "dashboard", "tests"])
def test_source_roots_are_no_packages(folder: str) -> None:
    """An importable `worker` would hide the `worker.py` of a user's own project from arq."""
    assert not (ROOT / folder / "__init__.py").exists()


def sources(part: Path) -> Iterator[Path]:
    yield from [part] if part.is_file() else sorted(part.rglob("*.py"))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports_of(part: Path, *packages: str) -> list[str]:
    """Every import of these packages in a part, as `file imports module`; relative ones are made absolute."""
    return [
        f"{named(path)} imports {module}"
        for path in sources(part)
        for module in modules(ast.parse(path.read_text()), package_of(path))
        if module.split(".")[0] in packages
    ]


def package_of(path: Path) -> list[str]:
    _root, *package = path.parent.relative_to(ROOT).parts
    return package


def modules(tree: ast.AST, package: list[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            # `from arqboard import protocol` imports arqboard.protocol as well
            is_root = start in ("arqboard", "arqboard_dashboard")
            yield from (f"{start}.{alias.name}" if is_root else start for alias in node.names)


def pickle_names(tree: ast.AST) -> Iterator[str]:
    """What is taken from `pickle`, and every name used on it, under whichever name it was imported."""
    aliases = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name in ("pickle", "_pickle")
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in ("pickle", "_pickle"):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            yield node.attr


def literals(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every string in the code that is no docstring, with its line."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            match node.value:
                case str(text):
                    yield node.lineno, text
                case bytes(raw):
                    yield node.lineno, raw.decode(errors="replace")
                case _:
                    pass
