"""Every Redis key, as a method. A quoted key anywhere else is a mistake."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

ANY = "*"
#: Of our keys, where nobody says another.
DEFAULT_PREFIX = "arqboard:"


def _segment(name: str) -> str:
    """One part of an index key. `/` and `*` are what separates parts and says "any", so they are escaped."""
    return name.replace("%", "%25").replace("/", "%2F").replace("*", "%2A")


@dataclass(frozen=True, slots=True)
class Keys:
    """Our keys, all under one prefix, so several installations can share a Redis."""

    prefix: str = DEFAULT_PREFIX

    def job(self, job_id: str) -> str:
        return f"{self.prefix}job:{job_id}"

    def payload(self, job_id: str) -> str:
        return f"{self.prefix}payload:{job_id}"

    def attempts(self, job_id: str) -> str:
        return f"{self.prefix}attempts:{job_id}"

    def chunks(self, job_id: str) -> str:
        return f"{self.prefix}chunks:{job_id}"

    def chunk_info(self, job_id: str) -> str:
        """Hash: index of a chunk that ended → `ms|attempt|error`."""
        return f"{self.prefix}chunk_info:{job_id}"

    def log(self, job_id: str) -> str:
        return f"{self.prefix}log:{job_id}"

    def children(self, job_id: str) -> str:
        """List: what the job submitted, the newest last: `j` or `w` (a workflow), and the id."""
        return f"{self.prefix}children:{job_id}"

    def answer(self, name: str) -> str:
        """List: what a worker answered to a question (ask_stack); kept for seconds."""
        return f"{self.prefix}answer:{name}"

    def artefacts(self, job_id: str) -> str:
        """List: what the job made, one JSON each; its place, counted from 1, is its number."""
        return f"{self.prefix}artefacts:{job_id}"

    def artefact(self, job_id: str, number: int) -> str:
        """The bytes of one artefact."""
        return f"{self.prefix}artefact:{job_id}:{number}"

    def jobs(self, state: str | None = None, queue: str | None = None, function: str | None = None) -> str:
        """The index of jobs in a state, of a queue, of a function; None means any.

        The score is the time (ms) a job entered the state, or was enqueued where the state is any.
        """
        parts = (state or ANY, _segment(queue) if queue else ANY, _segment(function) if function else ANY)
        return f"{self.prefix}jobs:{'/'.join(parts)}"

    def failures(self, by: str) -> str:
        """Groups (by fingerprint, exception or function) that have failed jobs, by the newest failure of each."""
        return f"{self.prefix}failures:{by}"

    def failed(self, by: str, name: str) -> str:
        """The jobs of one group by when they failed."""
        if by == "function":
            return self.jobs("failed", function=name)
        return f"{self.failures(by)}/{_segment(name)}"

    def failure(self, by: str, name: str) -> str:
        """Hash: what is known of a group, kept for 90 days after its last failure."""
        return f"{self.prefix}failure:{by}/{_segment(name)}"

    def tagged(self, tag: str) -> str:
        """The jobs that have a tag, by the time (ms) they were enqueued."""
        return f"{self.prefix}tagged:{tag}"

    @property
    def tags(self) -> str:
        """Every tag that a job has, by the time (ms) a job last got it."""
        return f"{self.prefix}tags"

    def undo(self, batch: str) -> str:
        """Hash: job → what can be taken back of what was done to it; gone by itself after a while."""
        return f"{self.prefix}undo:{batch}"

    def deleted(self, job_id: str) -> str:
        """The record of a deleted job while it can be brought back; gone by itself after that."""
        return f"{self.prefix}deleted:{job_id}"

    def worker(self, worker_id: str) -> str:
        return f"{self.prefix}worker:{worker_id}"

    def taken(self, worker_id: str) -> str:
        """List: jobs that others took over when this worker had gone silent, newest first."""
        return f"{self.prefix}taken:{worker_id}"

    def stats(self, minute: int) -> str:
        return f"{self.prefix}stats:{minute}"

    def stats_hour(self, hour: int) -> str:
        return f"{self.prefix}stats:hour:{hour}"

    def stats_day(self, day: int) -> str:
        return f"{self.prefix}stats:day:{day}"

    def gauges(self, hour: int) -> str:
        """Hash: minute of that hour → how many jobs ran and waited then."""
        return f"{self.prefix}gauges:{hour}"

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

    def workflow(self, workflow_id: str) -> str:
        return f"{self.prefix}workflow:{workflow_id}"

    def nodes(self, workflow_id: str) -> str:
        """Records of a workflow's nodes by number."""
        return f"{self.prefix}nodes:{workflow_id}"

    def results(self, workflow_id: str) -> str:
        """What the next step gets of a job, by its node's number."""
        return f"{self.prefix}results:{workflow_id}"

    def marks(self, workflow_id: str) -> str:
        """One byte per node: `.` waits, `q` started, `d` done, `f` failed, `a` aborted (`F`, `A`: the workflow goes
        on), `s` skipped."""
        return f"{self.prefix}marks:{workflow_id}"

    def held(self, workflow_id: str) -> str:
        """Due jobs of a paused workflow."""
        return f"{self.prefix}held:{workflow_id}"

    def workflows(self, state: str | None = None) -> str:
        """Workflows by the time they began; those in one state, or all."""
        return f"{self.prefix}workflows:{state}" if state else f"{self.prefix}workflows"

    @property
    def ripening(self) -> str:
        """Jobs with a priority that wait for their next try, by when it is; they get their place in the queue then."""
        return f"{self.prefix}ripening"

    @property
    def launching(self) -> str:
        """Workflows with jobs whose turn has come and that are not enqueued yet."""
        return f"{self.prefix}launching"

    @property
    def stopping(self) -> str:
        """Workflows that have ended and whose jobs have not."""
        return f"{self.prefix}stopping"

    @property
    def limits(self) -> str:
        """Function → its limits over all workers."""
        return f"{self.prefix}limits"

    @property
    def paused(self) -> str:
        """`queue:<name>` or `function:<name>` → since when it is paused."""
        return f"{self.prefix}paused"

    def parked_of(self, function: str) -> str:
        """Due jobs that their function's limits, or its pause, hold back."""
        return f"{self.prefix}parked:{function}"

    def schedule(self, name: str) -> str:
        return f"{self.prefix}schedule:{name}"

    def schedule_runs(self, name: str) -> str:
        """What became of a schedule's last ticks, newest first."""
        return f"{self.prefix}schedule-runs:{name}"

    @property
    def schedules(self) -> str:
        """Every schedule by the time (ms) it is due next; `+inf` while it is paused and when it is over."""
        return f"{self.prefix}schedules"

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
        """Channel to the workers: `wake <queue>`, `abort <id>` and others. Hints only; the truth is in the keys."""
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
    def views(self) -> str:
        """Name → what the address of a saved list says."""
        return f"{self.prefix}views"

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
