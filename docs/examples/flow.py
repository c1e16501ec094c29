from typing import Any

from arqboard import task


@task(concurrency=2, rate="600/m", burst=10)
async def ask_the_api(ctx: dict[str, Any], question: str) -> str:
    """Two at once, and ten a second in the long run, over all workers: more the API does not take."""
    return question.upper()


@task(unique=True)
async def rebuild_index(ctx: dict[str, Any], name: str) -> None:
    """While one waits or runs, another one with these arguments is the same job."""


@task(unique_for=3600, expires=600, ignore_result=True, priority=7)
async def remind(ctx: dict[str, Any], user: int) -> None:
    """Once an hour for a user; not at all if it can't start within ten minutes; before other jobs."""


class WorkerSettings:
    functions = [ask_the_api, rebuild_index, remind]
