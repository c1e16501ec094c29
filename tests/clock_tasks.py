"""A worker whose clock is wrong: `python clock_tasks.py REDIS_URL HISTORY SECONDS`. Nothing is imported before that."""

from __future__ import annotations

import datetime
import os
import sys
import time
from pathlib import Path
from typing import Any

SKEW = float(sys.argv[3]) if __name__ == "__main__" else 0.0
_time = time.time


class Skewed(datetime.datetime):
    """A datetime whose now is wrong."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Skewed:
        return cls.fromtimestamp(_time() + SKEW, tz)


if __name__ == "__main__":
    time.time = lambda: _time() + SKEW
    datetime.datetime = Skewed  # type: ignore[misc]

from arq.connections import RedisSettings  # noqa: E402
from arq.cron import cron  # noqa: E402

from arqboard import every, run_worker  # noqa: E402

HISTORY = Path(sys.argv[2] if __name__ == "__main__" else os.devnull)


def note(text: str) -> None:
    with HISTORY.open("a") as file:
        file.write(f"{text}\n")


async def tick(ctx: dict[str, Any]) -> None:
    note(f"tick {ctx['job_id']} {os.getpid()}")


class WorkerSettings:
    functions = [tick]
    schedules = [every(1, tick, name="each-second")]
    cron_jobs = [cron(tick, name="cron-second", second=set(range(60)), microsecond=0)]
    poll_delay = 0.1
    arqboard = {"lease": 1.5, "heartbeat": 0.4}


if __name__ == "__main__":
    run_worker(WorkerSettings, redis_settings=RedisSettings.from_dsn(sys.argv[1]))
