import time
from typing import Any

from arqboard import SoftTimeLimit, current, task


@task(soft_timeout=20, timeout=30)
async def crawl(ctx: dict[str, Any], pages: list[str]) -> dict[str, Any]:
    """Read pages as long as there is time, and keep what there is."""
    found: dict[str, int] = {}
    try:
        for number, page in enumerate(pages):
            found[page] = await read(page)
            await current()(number + 1, len(pages), unit="pages")
    except SoftTimeLimit:
        return {"found": found, "complete": False}
    return {"found": found, "complete": True}


async def read(page: str) -> int:
    return len(page)


@task(run_in="thread", timeout=600)
def import_ledger(ctx: dict[str, Any], path: str) -> int:
    """A library that blocks: in a thread it does not hold up other jobs."""
    with open(path) as file:
        return sum(1 for _ in file)


@task(run_in="process", timeout=600)
def train(ctx: dict[str, Any], rounds: int = 3) -> float:
    """Keep a processor busy. In a process the time limit really ends it."""
    progress, loss = current(), 1.0
    for number in range(rounds):
        until = time.perf_counter() + 0.01
        while time.perf_counter() < until:
            loss *= 0.999
        progress.report(number + 1, rounds, unit="rounds")
    return loss


class WorkerSettings:
    functions = [crawl, import_ledger, train]
