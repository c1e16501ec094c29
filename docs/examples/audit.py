import logging
from typing import Any

from arqboard import current, task

log = logging.getLogger(__name__)


async def tell_the_team(ctx: dict[str, Any], error: BaseException) -> None:
    """Called once the failure is stored."""
    log.error("%s%r failed on %s: %s", ctx["function"], ctx["args"], ctx["worker"], error)


@task(on_failure=tell_the_team)
async def audit(ctx: dict[str, Any], ledgers: list[str]) -> int:
    """Look through ledgers, in phases, and leave a file."""
    progress, problems = current(), list[str]()
    progress.plan("Reading", "Writing")
    async with progress.phase("Reading", total=len(ledgers), unit="ledgers") as phase:
        for number, ledger in enumerate(ledgers, start=1):
            if "?" in ledger:
                log.warning("%s is not clear", ledger)
                problems.append(ledger)
            await phase(number, note=ledger)
    async with progress.step("Writing"):
        await progress.artefact("problems.txt", data="\n".join(problems))
    return len(problems)


class WorkerSettings:
    functions = [audit]
