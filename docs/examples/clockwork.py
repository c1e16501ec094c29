from datetime import UTC, datetime
from typing import Any

from arq.cron import cron

from arqboard import at, crontab, every, task


@task(unique=True)
async def clean_sessions(ctx: dict[str, Any]) -> int:
    """Delete sessions that have expired."""
    return 0


@task
async def send_digest(ctx: dict[str, Any], list_id: int) -> None:
    """Mail the week's digest to a list."""


async def rotate_keys(ctx: dict[str, Any]) -> None:
    """As arq has it."""


class WorkerSettings:
    functions = [clean_sessions, send_digest]
    schedules = [
        every(300, clean_sessions),
        crontab("0 9 * * mon", send_digest.s(list_id=7), tz="Europe/Berlin", name="digest"),
        at(datetime(2030, 1, 1, tzinfo=UTC), send_digest.s(list_id=1), name="new-year"),
    ]
    cron_jobs = [cron(rotate_keys, hour={3}, minute=30)]
