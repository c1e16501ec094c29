"""Run the benchmarks and write what they print into docs/performance.md, with the goals judged by those tables.

    python bench/run_all.py [throughput fanout …] [--rounds 5]

Each script runs in a process of its own; its tables replace what is between its two markers in the document. With
names only those are run, and the goals are judged again from all tables that are in the document then. Beside each
section stands the load of the machine before and after, and how long a fixed piece of Python took at both times:
where that differs much from section to section, somebody else was using the machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from goals import GOALS, Measured, read_tables
from support import embedded_server

BENCH = Path(__file__).parent
DOCUMENT = BENCH.parent / "docs" / "performance.md"
SCRIPTS = ("throughput", "submit_latency", "progress_latency", "fanout", "idle_socket", "list_page", "dashboard_cpu")


def run(name: str, rounds: int | None) -> str:
    """The tables of one script, and under which conditions they came about."""
    command = [f"bench/{name}.py", *(["--rounds", str(rounds)] if rounds else [])]
    before = conditions()
    done = subprocess.run([sys.executable, *command], cwd=BENCH.parent, stdout=subprocess.PIPE, text=True, check=True)
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    note = f"`python {' '.join(command)}`, {when}. Before: {before}; after: {conditions()}."
    apart = re.sub(r"\|\n(?=[^|\n])", "|\n\n", done.stdout.strip())  # a line below a table would be a row of it
    return f"{apart}\n\n{note}"


def conditions() -> str:
    return f"load {os.getloadavg()[0]:.1f}, fixed loop {fixed_loop():.1f} ms"


def fixed_loop() -> float:
    """Milliseconds of CPU that a certain piece of Python takes just now."""
    took: list[float] = []
    for _ in range(15):
        began = time.process_time()
        sum(n * n % 7 for n in range(50_000))
        took.append((time.process_time() - began) * 1000)
    return statistics.median(took)


def machine() -> str:
    """What all of it ran on."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("arq", "redis", "hiredis", "aiohttp", "jinja2"))
    rows = (
        ("processor", f"{os.cpu_count()} × {_first('/proc/cpuinfo', 'model name') or platform.processor()}"),
        ("memory", f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"),
        ("system", f"{platform.system()} {_first_two(platform.release())}"),
        ("Python", f"{platform.python_version()}, {packages}"),
        ("server", f"Valkey {_server_version()}, on the same machine, without persistence"),
        ("browser", _browser_version()),
    )
    return "\n".join(["| what | which |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def _first(path: str, name: str) -> str:
    try:
        found = re.search(rf"^{name}\s*:\s*(.+)$", Path(path).read_text(), re.MULTILINE)
    except OSError:
        return ""
    return found[1] if found else ""


def _first_two(numbers: str) -> str:
    return ".".join(numbers.split(".")[:2])


def _server_version() -> str:
    import redis

    with embedded_server() as port, redis.Redis(port=port) as client:
        info: dict[str, str] = client.info("server")
        return info.get("valkey_version", info["redis_version"])


def _browser_version() -> str:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not path:
        return "Playwright's Chromium"
    return subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout.strip()


def judge(document: str) -> str:
    """Every goal with what was measured, from the tables as they stand in the document."""
    measured = Measured({name: read_tables(between(document, name)) for name in SCRIPTS})
    lines = ["| goal | wanted | measured | |", "|---|---|---|---|"]
    for goal in GOALS:
        value = measured.value(goal)
        shown = "not measured" if value is None else goal.show(value)
        verdict = "" if value is None else "met" if goal.is_met(value) else "**not met**"
        lines.append(f"| {goal.what} | {goal.wanted} | {shown} | {verdict} |")
    return "\n".join(lines)


def between(document: str, name: str) -> str:
    return _section(name).search(document)[2]  # type: ignore[index] # a document without the markers is broken


def replace(document: str, name: str, text: str) -> str:
    found = _section(name).search(document)
    if found is None:
        raise SystemExit(f"docs/performance.md has no markers <!-- {name} --> and <!-- /{name} -->")
    return f"{document[: found.start(2)]}\n{text}\n{document[found.end(2) :]}"


def _section(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {name} -->)(.*?)(<!-- /{name} -->)", re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=SCRIPTS, metavar="name", help=", ".join(SCRIPTS))
    parser.add_argument("--rounds", type=int, help="of each script, in place of its own default")
    parser.add_argument("--judge", action="store_true", help="run nothing, only judge the goals again")
    options = parser.parse_args()
    if unknown := set(options.names) - set(SCRIPTS):
        parser.error(f"there is no {', '.join(unknown)}")
    document = replace(DOCUMENT.read_text(), "machine", machine())
    for name in () if options.judge else options.names:
        print(f"== {name}", flush=True)
        text = run(name, options.rounds)
        print(text, flush=True)
        document = replace(document, name, text)
        DOCUMENT.write_text(document)
    DOCUMENT.write_text(replace(document, "goals", judge(document)))


if __name__ == "__main__":
    main()
