"""Every Redis key, as a method. A quoted key anywhere else is a mistake."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

ANY = "*"


def _segment(name: str) -> str:
    """One part of an index key. `/` and `*` are what separates parts and says "any", so they are escaped."""
    return name.replace("%", "%25").replace("/", "%2F").replace("*", "%2A")


@dataclass(frozen=True, slots=True)
class Keys:
    """Our keys, all under one prefix, so several installations can share a Redis."""

    prefix: str = "arqboard:"

    def job(self, job_id: str) -> str:
        return f"{self.prefix}job:{job_id}"

    def payload(self, job_id: str) -> str:
        return f"{self.prefix}payload:{job_id}"

    def attempts(self, job_id: str) -> str:
        return f"{self.prefix}attempts:{job_id}"

    def chunks(self, job_id: str) -> str:
        return f"{self.prefix}chunks:{job_id}"

    def jobs(self, state: str | None = None, queue: str | None = None, function: str | None = None) -> str:
        """The index of jobs in a state, of a queue, of a function; None means any.

        The score is the time (ms) a job entered the state, or was enqueued where the state is any.
        """
        parts = (state or ANY, _segment(queue) if queue else ANY, _segment(function) if function else ANY)
        return f"{self.prefix}jobs:{'/'.join(parts)}"

    def worker(self, worker_id: str) -> str:
        return f"{self.prefix}worker:{worker_id}"

    def stats(self, minute: int) -> str:
        return f"{self.prefix}stats:{minute}"

    def stats_hour(self, hour: int) -> str:
        return f"{self.prefix}stats:hour:{hour}"

    def stats_day(self, day: int) -> str:
        return f"{self.prefix}stats:day:{day}"

    @property
    def stats_totals(self) -> str:
        return f"{self.prefix}stats:totals"

    @property
    def stats_open(self) -> str:
        """The minute that is not yet in its hour, its day and the totals."""
        return f"{self.prefix}stats:open"

    @property
    def deploys(self) -> str:
        """Releases by the time they were first seen."""
        return f"{self.prefix}deploys"

    def once(self, idempotency_key: str) -> str:
        return f"{self.prefix}once:{quote(idempotency_key, safe='')}"

    @property
    def changes(self) -> str:
        return f"{self.prefix}changes"

    @property
    def position(self) -> str:
        return f"{self.prefix}position"

    @property
    def epoch(self) -> str:
        return f"{self.prefix}epoch"

    @property
    def live(self) -> str:
        """Channel: the position after each change."""
        return f"{self.prefix}live"

    @property
    def control(self) -> str:
        """Channel to the workers: `wake <queue>` and `abort <id>`. Hints only; the truth is in the keys."""
        return f"{self.prefix}control"

    @property
    def ended(self) -> str:
        """Index of ended jobs by the time they ended, for trimming history."""
        return f"{self.prefix}ended"

    @property
    def queues(self) -> str:
        return f"{self.prefix}queues"

    @property
    def functions(self) -> str:
        return f"{self.prefix}functions"

    @property
    def workers(self) -> str:
        return f"{self.prefix}workers"

    @property
    def viewers(self) -> str:
        """Exists while a browser looks, so that workers report progress at full rate."""
        return f"{self.prefix}viewers"


class ArqKeys:
    """arq's own keys (arq 0.28 constants.py). They have no prefix option; they stay exactly as arq has them."""

    default_queue = "arq:queue"
    abort = "arq:abort"

    @staticmethod
    def job(job_id: str) -> str:
        return f"arq:job:{job_id}"

    @staticmethod
    def in_progress(job_id: str) -> str:
        return f"arq:in-progress:{job_id}"

    @staticmethod
    def retry(job_id: str) -> str:
        return f"arq:retry:{job_id}"

    @staticmethod
    def result(job_id: str) -> str:
        return f"arq:result:{job_id}"
