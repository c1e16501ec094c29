"""`arqboard.Worker`: arq's worker with our engine. A plain arq settings class runs on it unchanged.

Kept of arq: the constructor, settings, hooks, signals, cron, health key, log lines and every Redis key.
Replaced: how jobs are claimed (in batches, woken by submit), held (leases instead of timeouts), and ended (fenced,
in batches). arq's `_poll_iteration`, `start_jobs`, `run_job` and `finish_job` are therefore not used.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import os
import socket
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from secrets import token_hex
from signal import Signals
from typing import TYPE_CHECKING, Any, cast

import arq.worker
from arq.connections import create_pool, log_redis_info
from arq.cron import CronJob
from arq.worker import Function

from .adopting import Adopter
from .artefacts import ArtefactStore
from .board import Board
from .bulk import built_in
from .connection import synchronous_client
from .executing import Attempt
from .flows import Flows
from .hooks import Hooks
from .lease import LeaseKeeper
from .listening import Listener
from .logs import LogCapture
from .looking import Looker
from .options import Hook
from .outbox import Outbox
from .outcomes import Aborted, Again, End, Failure, HandedOver, Success
from .progress import Live
from .protocol.commands import Claim, Claimed, Commands, Renewal
from .protocol.keys import Keys
from .protocol.server import complaints
from .registry import Registry
from .reporter import ANSWER_WITHIN, AWAY, Reporter
from .schedules import Schedule, arqs_own, from_cron_jobs
from .scheduling import Scheduler
from .settings import ToolkitSettings
from .tasks import Task, as_function
from .validation import CallChecker

if TYPE_CHECKING:
    from .processes import ProcessPool

logger = logging.getLogger("arq.worker")

#: A claim that gets no answer within this time (seconds) is tried again; what it took comes back by its lease.
CLAIM_WITHIN = 10.0
#: How long a stopping worker waits for its jobs to end and for Redis to hear of it (seconds).
CLOSE_WITHIN = 10.0
HOUSEKEEPING_EVERY = 0.5
#: A chore that takes longer (seconds) is left for the next time; one walks through long queues.
CHORE_WITHIN = 20.0
#: Seconds before a duty that failed begins anew.
RESTART_AFTER = 0.5
#: So many ends may wait for Redis before the worker stops claiming.
MAX_UNWRITTEN = 500


class Worker(arq.worker.Worker):
    """Takes everything `arq.Worker` takes, and `arqboard`: a dict of ToolkitSettings; `schedules`; and hooks for all
    tasks: `on_success(ctx, result)`, `on_failure(ctx, error)`, `on_retry(ctx, error, defer)` and
    `on_progress(ctx, progress)`.
    """

    jobs_complete: int
    jobs_failed: int
    jobs_retried: int
    job_timeout_s: float | None  # type: ignore[assignment] # arq takes None as well: no limit

    def __init__(
        self,
        functions: Sequence[Any] = (),
        *,
        arqboard: Mapping[str, Any] | ToolkitSettings | None = None,
        schedules: Sequence[Schedule] = (),
        on_success: Hook | None = None,
        on_failure: Hook | None = None,
        on_retry: Hook | None = None,
        on_progress: Hook | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__([as_function(function) for function in functions], **kwargs)
        self.schedules = list(schedules)
        self.hooks = Hooks(self, on_success, on_failure, on_retry, on_progress)
        self.toolkit = arqboard if isinstance(arqboard, ToolkitSettings) else ToolkitSettings(**(arqboard or {}))
        self.id = f"{socket.gethostname()}-{os.getpid()}-{token_hex(2)}"
        self.running: dict[str, Attempt] = {}
        self._duties: list[asyncio.Task[None]] = []
        self._wake = asyncio.Event()
        self._launched = 0
        self._hooks_waiting: dict[str, dict[str, Any]] = {}
        self._hook_tasks: set[asyncio.Task[None]] = set()
        self._checkers: dict[str, CallChecker] = {}
        self.built_in = built_in(self)
        self._processes: ProcessPool | None = None
        self.is_draining = False
        self.has_started = asyncio.Event()
        """set once `on_startup` is through"""

    # Running

    async def main(self) -> None:
        """Claim and run jobs until told to stop, or in burst mode until none is left."""
        await self._start()
        while True:
            self._wake.clear()  # before the claim: a submit that it did not see must not be forgotten
            started = await self._claim()
            if self.burst and await self._is_burst_over():
                await self._idle()
                return
            if not started or self._free() <= 0:
                await self._wait()

    async def _start(self) -> None:
        if self._pool is None:
            self._pool = await create_pool(
                self.redis_settings,
                job_deserializer=self.job_deserializer,
                job_serializer=self.job_serializer,
                default_queue_name=self.queue_name,
                expires_extra_ms=self.expires_extra_ms,
            )
        logger.info("Starting worker for %d functions: %s", len(self.functions), ", ".join(self.functions))
        await log_redis_info(self.pool, logger.info)
        for complaint in await complaints(self.pool):
            logger.warning(complaint)
        self.ctx["redis"] = self.pool
        if not self._duties:
            await self._start_duties()
        if self.on_startup:
            await self.on_startup(self.ctx)
        if self.toolkit.record and self.toolkit.log_lines:
            self.logs.start()  # after on_startup: logging.basicConfig does nothing once there is a handler
        self.has_started.set()

    async def _start_duties(self) -> None:
        keys = Keys(self.toolkit.prefix)
        self.commands = Commands(self.pool, keys)
        self.board = Board(self.pool, prefix=self.toolkit.prefix)
        self.workflows = self.board.workflows
        self.flows = Flows(self.commands)
        self.reporter = Reporter(self.commands, self.toolkit, self._on_lost)
        self.reporter.on_flush = self.hooks.progressed
        self.logs = LogCapture(self.reporter.log, self.toolkit.log_levelno)
        self.artefacts = ArtefactStore(self.commands, self.toolkit.artefact_max)
        self.outbox = Outbox(self.commands, self.reporter, self.toolkit)
        self.registry = Registry(self)
        self.adopter = Adopter(self)
        client = synchronous_client(self.pool)
        self.leases = LeaseKeeper(
            client,
            keys,
            self.toolkit,
            self.id,
            self.queue_name,
            tokens=self._tokens,
            record=self.registry.record,
            on_renewal=self._on_renewal,
            on_asked=Looker(client, keys, self.running).answer,
        )
        await self.registry.publish_functions()
        await self.registry.mark_release()
        self.scheduler = self.make_scheduler([*self.schedules, *from_cron_jobs(self.cron_jobs, self.timezone)])
        await self.scheduler.register()
        self.leases.start()
        listener = Listener(self.pool, keys.control, self._on_control)
        for name, duty in (
            ("reporter", self.reporter.run),
            ("outbox", self.outbox.run),
            ("listener", listener.run),
            ("housekeeping", self._housekeep),
            ("workflows", self.flows.run),
            ("scheduler", self.scheduler.run),
        ):
            self._duties.append(self.loop.create_task(self._keep(name, duty), name=name))
        await self.leases.started()

    async def _keep(self, name: str, duty: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """A duty lasts as long as its worker: whatever ends it is said, and it begins anew."""
        while True:
            try:
                await duty()
            except Exception:
                logger.exception("the duty %s failed; it goes on", name)
            await asyncio.sleep(RESTART_AFTER)

    def make_scheduler(self, schedules: Sequence[Schedule]) -> Scheduler:
        """What ticks; the testing kit has one that waits to be told."""
        return Scheduler(self, schedules)

    # Claiming

    def _free(self) -> int:
        """Slots that are free. One whose end is still on its way to Redis is: the next batch runs meanwhile."""
        if len(self.running) > self.max_jobs + MAX_UNWRITTEN:
            return 0
        free = self.max_jobs - sum(not attempt.is_over for attempt in self.running.values())
        if self.burst and self.max_burst_jobs >= 0:
            free = min(free, self.max_burst_jobs - self._jobs_started())
        return free

    async def _claim(self) -> int:
        """Start as many jobs as there are slots. Returns how many, 0 also when Redis is away."""
        free = self._free()
        if free <= 0 or not self.allow_pick_jobs or self.is_draining or not self.leases.is_fresh:
            return 0
        asking = self.loop.create_task(self._ask(free))
        try:
            found = await asyncio.shield(asking)
            for claimed in found.jobs:
                self._launch(claimed)
            return len(found.jobs) + await self.adopter.adopt(found.foreign)
        except asyncio.CancelledError:
            await self._hand_back(asking)
            raise
        except AWAY as error:
            logger.warning("no jobs can be claimed: %s: %s", type(error).__name__, error)
        except Exception:
            logger.exception("no jobs can be claimed")
        await asyncio.sleep(0.5)
        return 0

    async def _ask(self, want: int) -> Claim:
        async with asyncio.timeout(CLAIM_WITHIN):
            return await self.commands.claim(
                self.queue_name,
                self.id,
                want,
                lease_ms=self.toolkit.lease_ms,
                max_crashes=self.toolkit.max_crashes,
                takes_suspect=not any(attempt.is_suspect for attempt in self.running.values()),
            )

    async def _hand_back(self, asking: asyncio.Task[Claim]) -> None:
        """A claim that was on its way when the worker was stopped: what it took must not wait for its lease to end."""
        with contextlib.suppress(*AWAY):
            for claimed in (await asking).jobs:
                if claimed.job_id not in self.running:
                    self._launch(claimed).cancel("shutdown")

    def _launch(self, claimed: Claimed) -> Attempt:
        earlier = self.running.get(claimed.job_id)
        if earlier is not None:  # its lease ran out, and this very worker was the next to claim it
            self._let_go(earlier)
        attempt = Attempt(self, claimed)
        self._launched += 1
        self.running[claimed.job_id] = attempt
        attempt.task = self.loop.create_task(attempt.run())
        self.tasks[claimed.job_id] = attempt.task
        return attempt

    async def _wait(self) -> None:
        """Until a submit, a free slot or the end of the poll delay."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.poll_delay_s):
                await self._wake.wait()

    async def _is_burst_over(self) -> bool:
        if 0 <= self.max_burst_jobs <= self._jobs_started():
            return True
        if self.running:
            return False
        with contextlib.suppress(*AWAY):
            async with asyncio.timeout(ANSWER_WITHIN):
                return await self.pool.zcard(self.queue_name) == 0 and not await self._waits_for_rate()
        return False

    async def _waits_for_rate(self) -> bool:
        """Whether jobs are held back that may start in a while; those of a paused function may never."""
        for name in self.functions:
            task = self.task(name)
            if task is None or task.task_options.rate is None or await self._is_paused(name):
                continue
            if await self.pool.zcard(self.commands.keys.parked_of(name)):
                return True
        return False

    async def _is_paused(self, function: str) -> bool:
        paused: Any = self.pool.hexists(self.commands.keys.paused, f"function:{function}")
        return bool(await paused)

    async def _idle(self) -> None:
        """Until every running job has ended and Redis knows it."""
        while self.running:
            self._wake.clear()
            await self._wait()
        await self.outbox.drained()
        await self._hooks_done()

    def _jobs_started(self) -> int:
        return self._launched

    def look_again(self) -> None:
        """Ask for due jobs now instead of after `poll_delay`."""
        self._wake.set()

    # Ends

    def end(self, attempt: Attempt, end: End) -> None:
        """Log, count and send the end of an attempt."""
        attempt.log_end(end)
        self._wake.set()
        match end:
            case Success():
                self.jobs_complete += 1
            case Failure() | Aborted():
                self.jobs_failed += 1
            case Again() | HandedOver():
                self.jobs_retried += 1
            case _:
                pass
        message = attempt.message(end)
        if message is None:
            self._hooks_waiting.pop(attempt.token, None)
            self._forget(attempt)
        else:
            self.outbox.put(message, lambda written: self._written(attempt, end, written))

    def _written(self, attempt: Attempt, end: End, written: bool) -> None:
        if not written:
            logger.warning("%s ended after another attempt had taken it over; this end is discarded", attempt.ref)
        self._forget(attempt)
        ctx = self._hooks_waiting.pop(attempt.token, None)
        if ctx is not None:
            self.spawn(self.hook("after_job_end", self.after_job_end, ctx))
        if written and self.hooks.wants(attempt, end):
            self.spawn(self.hooks.ended(attempt, end))
        if attempt.claimed.workflow:
            self.flows.wake()

    def spawn(self, hook: Coroutine[Any, Any, None]) -> None:
        """Run a hook beside the jobs; the worker waits for it before it stops."""
        task = self.loop.create_task(hook)
        self._hook_tasks.add(task)
        task.add_done_callback(self._hook_tasks.discard)

    def _forget(self, attempt: Attempt) -> None:
        if self.running.get(attempt.job_id) is attempt:
            del self.running[attempt.job_id]
            self.tasks.pop(attempt.job_id, None)
        self._wake.set()

    def after_written(self, attempt: Attempt, ctx: dict[str, Any]) -> None:
        """Run the after_job_end hook once the end of this attempt is stored, as arq promises; of one that was given up
        it is stored long since."""
        if not attempt.is_over:
            self._hooks_waiting[attempt.token] = ctx

    async def hook(self, name: str, hook: Any, *args: Any) -> None:
        """Run a hook of the user's. One that raises is logged; it ends neither the job nor the worker."""
        if hook is None:
            return
        try:
            await cast(Hook, hook)(*args)
        except Exception:
            logger.exception("the hook %s raised; the job goes on", name)

    async def _hooks_done(self) -> None:
        while self._hook_tasks:
            await asyncio.wait(self._hook_tasks)

    # What others tell us

    def _on_control(self, message: str) -> None:
        word, _, what = message.partition(" ")
        if word == "wake" and what == self.queue_name:
            self._wake.set()
        elif word == "workflows":
            self.flows.wake()
        elif word in ("drain", "stack") and what == self.id:
            self.leases.renew_now()
        elif word == "abort" and what in self.running:
            self._abort(self.running[what])
        elif word in ("pause", "resume") and what in self.running:
            self.leases.renew_now()  # heartbeats alone say it, so that an earlier one that is on its way undoes nothing

    def _on_renewal(self, renewal: Renewal, tokens: dict[str, str]) -> None:
        self.reporter.is_watched = renewal.is_watched
        self._drain(renewal.is_draining)
        for job_id, token in tokens.items():
            attempt = self.running.get(job_id)
            if attempt is not None and attempt.token == token:
                self._steer(attempt, renewal)

    def _steer(self, attempt: Attempt, renewal: Renewal) -> None:
        if attempt.job_id in renewal.paused:
            attempt.pause()
        else:
            attempt.live.resume()
        if attempt.job_id in renewal.abort:
            self._abort(attempt)
        if attempt.job_id in renewal.lost and not attempt.is_over:
            self._let_go(attempt)

    def _drain(self, wanted: bool) -> None:
        if wanted != self.is_draining:
            logger.info("draining: no new jobs are claimed" if wanted else "claiming jobs again")
            self.is_draining = wanted
            self._wake.set()

    @property
    def processes(self) -> ProcessPool:
        """The processes of tasks that run in one; there are none before the first such job."""
        if self._processes is None:
            from .processes import ProcessPool

            self._processes = ProcessPool(self.max_jobs)
        return self._processes

    def function(self, name: str) -> Function | CronJob | None:
        """What a job's function is: one of ours, whose names no function of a user's has, or one of the settings."""
        return self.built_in.get(name) or self.functions.get(name)

    def task(self, function: str) -> Task[..., Any] | None:
        """The task of that name; None where it is a plain function or there is none."""
        known: Any = self.function(function)
        return cast("Task[..., Any]", known) if isinstance(known, Task) else None

    def checker(self, function: str) -> CallChecker:
        """What checks calls of a function; made once."""
        found = self._checkers.get(function)
        if found is None:
            task = self.task(function)
            found = task.checker if task else CallChecker.of(self.functions[function].coroutine)
            self._checkers[function] = found
        return found

    def _abort(self, attempt: Attempt) -> None:
        if attempt.stop:
            return
        attempt.cancel("abort")
        self.loop.call_later(self.toolkit.abort_grace, self._give_up, attempt)

    def _give_up(self, attempt: Attempt) -> None:
        if not attempt.is_over:
            logger.warning("%s ignores its cancellation; given up", attempt.ref)
            attempt.conclude(Aborted(asyncio.CancelledError()))

    def _on_lost(self, live: Live) -> None:
        attempt = self.running.get(live.job_id)
        if attempt is not None and attempt.token == live.token and not attempt.is_over:
            self._let_go(attempt)

    def _let_go(self, attempt: Attempt) -> None:
        """Another attempt owns this job: stop it here. Its slot is free at once."""
        attempt.cancel("lost")
        self._forget(attempt)

    def _tokens(self) -> dict[str, str]:
        """What is running, for the lease thread (a copy of a dict is atomic)."""
        return {job_id: attempt.token for job_id, attempt in self.running.copy().items()}

    async def _housekeep(self) -> None:
        """Health key and cron as arq has them, and records for jobs that others queued."""
        while True:
            for chore in (self.heart_beat, self.adopter.search, self.commands.promote):
                try:
                    async with asyncio.timeout(CHORE_WITHIN):
                        await chore()
                except AWAY as error:
                    logger.debug("housekeeping waits, Redis is away: %s", error)
                except Exception:
                    logger.exception("housekeeping: %s", chore.__name__)
            await asyncio.sleep(HOUSEKEEPING_EVERY)

    async def run_cron(self, n: datetime, delay: float, num_windows: int = 2) -> None:
        """arq's own way for cron jobs that are not unique, and for runs at start-up; the scheduler does the rest."""
        every_one, self.cron_jobs = self.cron_jobs, arqs_own(self.cron_jobs)
        try:
            await super().run_cron(n, delay, num_windows)
        finally:
            self.cron_jobs = every_one

    # Stopping

    def handle_sig(self, signum: Signals) -> None:
        """Stop at once: running jobs are cancelled and handed over."""
        self._log_shutdown(signum)
        self.allow_pick_jobs = False
        for attempt in list(self.running.values()):
            attempt.cancel("shutdown")
        if self.main_task:
            self.main_task.cancel()
        if self.on_stop:
            self.on_stop(signum)

    def _log_shutdown(self, signum: Signals) -> None:
        logger.info(
            "shutdown on %s ◆ %d jobs complete ◆ %d failed ◆ %d retries ◆ %d ongoing to hand over",
            Signals(signum).name, self.jobs_complete, self.jobs_failed, self.jobs_retried, len(self.running),
        )  # fmt: skip

    async def _wait_for_tasks_to_complete(self, signum: Signals) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._job_completion_wait):
                await self._idle()
        self.handle_sig(signum)

    async def close(self) -> None:
        """Hand over what runs, tell Redis everything, and leave the registry."""
        if not self._handle_signals:
            self.handle_sig(Signals.SIGUSR1)
        if self.main_task and self.main_task is not asyncio.current_task():
            await asyncio.wait({self.main_task}, timeout=CLOSE_WITHIN)  # it hands back what a last claim has taken
        if not self._pool:
            return
        if self._duties:
            await self._within("jobs did not end", self._idle())
            await self._stop_duties()
        if self.on_shutdown:
            await self.on_shutdown(self.ctx)
        await self.pool.aclose(close_connection_pool=True)
        self._pool = None

    async def _stop_duties(self) -> None:
        self.logs.stop()
        await self._within("the lease thread did not stop", self.leases.stop())
        running = set(self._duties)
        while running:  # redis-py can lose a cancellation while it sends, so it is repeated
            for duty in running:
                duty.cancel()
            _, running = await asyncio.wait(running, timeout=0.5)
        await asyncio.gather(*self._duties, return_exceptions=True)
        self._duties = []
        if self._processes is not None:
            await self._within("child processes did not end", self._processes.close())
        await self._within("Redis is away", self.registry.leave())

    async def _within(self, complaint: str, step: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.timeout(CLOSE_WITHIN):
                await step
        except AWAY as error:
            logger.warning("while closing, %s: %s", complaint, str(error) or "no answer")


def _signature() -> inspect.Signature:
    """arq reads which settings exist from the constructor's signature."""
    own = inspect.signature(arq.worker.Worker)
    ours = ("arqboard", "schedules", "on_success", "on_failure", "on_retry", "on_progress")
    extra = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in ours]
    return own.replace(parameters=[*own.parameters.values(), *extra])


Worker.__signature__ = _signature()  # type: ignore[attr-defined] # read by inspect
