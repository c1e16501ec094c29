"""Jobs, workers and queues as Prometheus sees them, under names that people know from Celery's exporter.

Counters and histograms come from what the verbs counted in Redis, so every dashboard tells the same and a restart
resets nothing. docs/guide/metrics.md says what each means.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from arqboard.protocol import Counts, QueueInfo, Reader, State, Totals, WorkerInfo
from arqboard.protocol.stats import HISTOGRAM_MS

#: Name, what it says, and which count it is.
_COUNTERS = (
    ("arq_task_sent", "Jobs submitted.", "submitted"),
    ("arq_task_started", "Attempts started.", "started"),
    ("arq_task_succeeded", "Jobs that succeeded.", "succeeded"),
    ("arq_task_retried", "Attempts that failed and will be followed by another.", "retried"),
    ("arq_task_revoked", "Jobs that were aborted.", "aborted"),
    ("arq_task_lost", "Attempts whose worker died.", "lost"),
)
_BOUNDS = [str(ms / 1000) for ms in HISTOGRAM_MS] + ["+Inf"]


@dataclass(frozen=True, slots=True)
class Seen:
    """What Redis said for one scrape. `now` is its clock, in ms."""

    jobs: dict[State, int]
    totals: Totals
    workers: list[WorkerInfo]
    queues: list[QueueInfo]
    now: int

    @classmethod
    async def read(cls, reader: Reader) -> Seen:
        return cls(
            *await asyncio.gather(
                reader.counts(), reader.totals(), reader.workers(), reader.queues(), reader.now_ms()
            )
        )  # fmt: skip

    def families(self) -> Iterator[Metric]:
        yield self._states()
        yield from _tasks(self.totals)
        yield from _workers(self.workers)
        yield from _queues(self.queues, self.workers, self.now)

    def _states(self) -> Metric:
        family = GaugeMetricFamily("arqboard_jobs", "Jobs by state.", labels=["state"])
        for state, count in self.jobs.items():
            family.add_metric([state.value], count)
        return family


def _tasks(totals: Totals) -> Iterator[Metric]:
    functions = sorted(totals.functions.items())
    for name, said, what in _COUNTERS:
        family = CounterMetricFamily(name, said, labels=["name"])
        for function, counts in functions:
            family.add_metric([function], getattr(counts, what))
        yield family
    failed = CounterMetricFamily("arq_task_failed", "Jobs that failed.", labels=["name", "exception"])
    for function, counts in functions:
        for kind, count in sorted(counts.errors.items()):
            failed.add_metric([function, kind], count)
    yield failed
    yield _histogram("arq_task_runtime_seconds", "From the start of the last attempt to the end.", functions, "run")
    yield _histogram("arq_task_wait_seconds", "From when a job was due to its start.", functions, "wait")


def _histogram(name: str, said: str, functions: Sequence[tuple[str, Counts]], kind: str) -> Metric:
    family = HistogramMetricFamily(name, said, labels=["name"])
    for function, counts in functions:
        buckets: tuple[int, ...] = getattr(counts, kind)
        upto = list(zip(_BOUNDS, accumulate(buckets), strict=True))
        family.add_metric([function], upto, getattr(counts, f"{kind}_ms") / 1000)
    return family


def _workers(workers: Sequence[WorkerInfo]) -> Iterator[Metric]:
    labels = ["hostname", "worker"]
    up = GaugeMetricFamily("arq_worker_up", "Whether the worker's heart beats.", labels=labels)
    active = GaugeMetricFamily("arq_worker_tasks_active", "Jobs it runs.", labels=labels)
    slots = GaugeMetricFamily("arq_worker_slots", "Jobs it runs at most.", labels=labels)
    lag = GaugeMetricFamily("arq_worker_event_loop_lag_seconds", "How late its event loop is.", labels=labels)
    rss = GaugeMetricFamily("arq_worker_rss_bytes", "Its resident memory.", labels=labels)
    for worker in workers:
        who = [worker.host, worker.id]
        up.add_metric(who, float(worker.alive))
        if worker.alive:
            active.add_metric(who, len(worker.running))
            slots.add_metric(who, worker.slots)
            lag.add_metric(who, worker.lag_ms / 1000)
            rss.add_metric(who, worker.rss)
    yield from (up, active, slots, lag, rss)


def _queues(queues: Sequence[QueueInfo], workers: Sequence[WorkerInfo], now: int) -> Iterator[Metric]:
    labels = ["queue_name"]
    length = GaugeMetricFamily("arq_queue_length", "Jobs that are due and wait.", labels=labels)
    oldest = GaugeMetricFamily("arq_queue_oldest_wait_seconds", "How long the first has waited.", labels=labels)
    count = GaugeMetricFamily("arq_active_worker_count", "Living workers of the queue.", labels=labels)
    processes = GaugeMetricFamily("arq_active_process_count", "Slots of those workers.", labels=labels)
    for queue in queues:
        alive = [worker for worker in workers if worker.alive and worker.queue == queue.name]
        length.add_metric([queue.name], queue.queued)
        oldest.add_metric([queue.name], 0 if queue.oldest is None else max(0, now - queue.oldest) / 1000)
        count.add_metric([queue.name], len(alive))
        processes.add_metric([queue.name], sum(worker.slots for worker in alive))
    yield from (length, oldest, count, processes)
