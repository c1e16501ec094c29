"""One attempt, from its payload to its end: a list of named steps."""

from __future__ import annotations

import asyncio
import logging
import pickle
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from arq.constants import keep_cronjob_progress
from arq.cron import CronJob
from arq.jobs import DeserializationError, SerializationError, serialize_result
from arq.utils import args_to_string, ms_to_datetime, truncate
from arq.worker import Function, JobExecutionFailed

from .board import ResultGone, set_board
from .bodies import run_of
from .calls import Call, read_call
from .frames import own_frame
from .limits import Run, SoftTimeLimit, Stopwatch, within
from .options import TaskOptions, carried
from .outcomes import (
    Aborted,
    Again,
    End,
    Failure,
    HandedOver,
    JobExpired,
    Lost,
    Policy,
    Stop,
    Success,
    WorkerLost,
    decide,
    describe,
)
from .progress import Live, Progress, set_current
from .protocol.commands import Claimed, Ended, Later
from .protocol.errors import BadArguments, WorkflowNotFound
from .protocol.job import Outcome
from .protocol.payload import preview
from .protocol.workflows import Missing
from .reporter import ANSWER_WITHIN, AWAY
from .tasks import Task
from .workflow import decoded

if TYPE_CHECKING:
    from .worker import Worker

logger = logging.getLogger("arq.worker")  # arq's own name: people filter by it

PLAIN = TaskOptions()


class Attempt:
    """A claimed job in this worker. A cancellation reaches the job's own code only while `is_in_body`."""

    def __init__(self, worker: Worker, claimed: Claimed) -> None:
        self.worker = worker
        self.claimed = claimed
        self.job_id, self.token = claimed.job_id, claimed.token
        self.call = Call()
        self.function: Function | CronJob | None = None
        self.job_try = claimed.job_try
        self.stopwatch = Stopwatch()
        self.ctx: dict[str, Any] = {}
        self.own: TaskOptions = PLAIN
        self.told: dict[str, Any] = carried(claimed.options) if claimed.options else {}
        self.passed_on = b""
        self.stop: Stop = ""
        self.is_in_body = False
        self.is_over = False
        self.body: Run | None = None
        """its own code, once it runs"""
        self.task: asyncio.Task[None] | None = None
        self.started = time.time()
        self.live = Live(
            self.job_id, self.token, known_marks=claimed.marks, known_size=claimed.chunk_size,
            known_items=claimed.chunk_items, only_failed=claimed.only_failed,
        )  # fmt: skip
        if claimed.is_paused:
            self.pause()

    def pause(self) -> None:
        """Stop before the next chunk; the time limits stop counting meanwhile."""
        self.live.pause(self.stopwatch.pause, self.stopwatch.resume)

    @property
    def is_suspect(self) -> bool:
        """One more crash and the job fails as the one that kills workers; it runs beside no other suspect."""
        return 0 < self.claimed.crashes == self.worker.toolkit.max_crashes - 1

    @property
    def ref(self) -> str:
        return f"{self.job_id}:{self.call.function}"

    def cancel(self, why: Stop) -> None:
        """Cancel the job's own code, once; before it runs, only remember why."""
        if self.stop or self.is_over:
            return
        self.stop = why
        if self.is_in_body and self.task:
            self.task.cancel()

    async def run(self) -> None:
        """Never raises; whatever happens becomes the attempt's end."""
        try:
            end = await self._perform()
        except asyncio.CancelledError as error:
            end = decide(error, stop=self.stop or "shutdown", job_try=self.job_try, policy=Policy(1_000_000))
        except Exception as error:
            logger.exception("%s: the worker could not run it", self.ref)
            end = Failure(error)
        self.conclude(end)

    def conclude(self, end: End) -> None:
        """Write the end, unless the attempt has been given up before."""
        if self.is_over:
            return
        self.is_over = True
        self.worker.end(self, end)

    async def _perform(self) -> End:
        refusal = self._prepare() or (await self._fill_in() if self.claimed.workflow else None) or self._check()
        if refusal is not None:
            return refusal
        ctx = self.ctx = self._context()
        await self.worker.hook("on_job_start", self.worker.on_job_start, ctx)
        end = await self._body(ctx)
        await self.worker.hook("on_job_end", self.worker.on_job_end, ctx)
        if self.worker.after_job_end is not None:
            self.worker.after_written(self, ctx)
        return end

    def _prepare(self) -> End | None:
        """Reasons not to run at all, in arq's order; None to go ahead."""
        if self.stop == "shutdown":
            return HandedOver()
        if not self.claimed.payload:
            return Failure(JobExecutionFailed("job expired"))
        try:
            self.call = read_call(self.claimed.payload, self.worker.job_deserializer)
        except DeserializationError as error:
            return Failure(error)
        if self.claimed.is_aborted or self.stop == "abort":
            return Aborted(asyncio.CancelledError())
        if self.claimed.has_no_workflow:
            return Aborted(asyncio.CancelledError(), "its workflow has ended")
        if self.claimed.has_expired:
            return Failure(JobExpired("it waited longer than it may (expires)"))
        if self.claimed.has_crashed_often:
            crashes = self.worker.toolkit.max_crashes
            return Failure(WorkerLost(f"it ended its worker {crashes} times and is not tried again"))
        self.function = self.worker.function(self.call.function)
        if self.function is None:
            return Failure(JobExecutionFailed(f"function {self.call.function!r} not found"))
        task = self.worker.task(self.call.function)
        if task is not None:
            self.own = task.task_options
        self.job_try = max(self.job_try, self.call.job_try or 0)
        if self.job_try > self.max_tries:
            return Failure(JobExecutionFailed(f"max {self.max_tries} retries exceeded"))
        return None

    async def _fill_in(self) -> End | None:
        """Put what the step before passed on before the arguments of a workflow's job."""
        try:
            fed = await self._fed()
            if fed is not None:
                value = decoded(fed, self.worker.job_deserializer or pickle.loads)
                self.call.args = (value, *self.call.args)
        except WorkflowNotFound as error:
            return Failure(error)
        except Exception as error:
            logger.exception("%s: what the step before it passed on can't be read", self.ref)
            return Failure(DeserializationError(f"what the step before passed on can't be read: {error}"))
        return None

    async def _fed(self) -> Any:
        while True:
            try:
                async with asyncio.timeout(ANSWER_WITHIN):
                    fed = await self.worker.workflows.fed(self.claimed.workflow, self.claimed.node)
                break
            except AWAY as error:
                if self.stop:
                    raise asyncio.CancelledError from error
                await asyncio.sleep(0.3)
        if isinstance(fed, Missing):
            raise ResultGone(f'the result of "{fed.job_id}" is not kept any more')
        return fed

    def _check(self) -> End | None:
        """Arguments by the type hints, where the task or the submission is ours: plain arq code stays as it is."""
        if not isinstance(self.function, Task) and not self.call.is_checked:
            return None
        try:
            checker = self.worker.checker(self.call.function)
            self.call.args, self.call.kwargs = checker.check(self.call.args, self.call.kwargs)
        except BadArguments as error:
            return Failure(error)
        return None

    @property
    def max_tries(self) -> int:
        own = self.function.max_tries if self.function else None
        return int(self.told.get("max_tries") or (self.worker.max_tries if own is None else own))

    @property
    def timeout_s(self) -> float | None:
        own = self.function.timeout_s if self.function else None
        return self.told.get("timeout") or (self.worker.job_timeout_s if own is None else own)

    @property
    def soft_timeout_s(self) -> float | None:
        return self.told.get("soft_timeout") or self.own.soft_timeout

    @property
    def policy(self) -> Policy:
        return Policy(self.max_tries, self.worker.retry_jobs, self.own.retry_on, self.own.backoff)

    def bare_context(self) -> dict[str, Any]:
        """For hooks of a job whose code was never reached."""
        return {
            **self.worker.ctx, "job_id": self.job_id, "job_try": self.job_try, "function": self.call.function,
            "args": self.call.args, "kwargs": self.call.kwargs, "queue": self.worker.queue_name,
            "worker": self.worker.id,
        }  # fmt: skip

    def _context(self) -> dict[str, Any]:
        reporter = self.worker.reporter
        progress = Progress(self.live, reporter.touch, reporter.settle, self.worker.artefacts)
        set_current(progress)
        self.worker.logs.bind(self.live)
        set_board(self.worker.board)
        return {
            **self.worker.ctx,
            "job_id": self.job_id,
            "job_try": self.job_try,
            "enqueue_time": ms_to_datetime(self.call.enqueued),
            "score": self.claimed.run_at,
            "progress": progress,
            "function": self.call.function,
            "args": self.call.args,
            "kwargs": self.call.kwargs,
            "queue": self.worker.queue_name,
            "worker": self.worker.id,
        }

    async def _body(self, ctx: dict[str, Any]) -> End:
        assert self.function is not None
        self._log_start()
        self.is_in_body = True
        try:
            if self.stop:
                raise asyncio.CancelledError
            self.body = run_of(self, ctx)
            result = await within(
                self.body, soft=self.soft_timeout_s, hard=self.timeout_s, stopwatch=self.stopwatch,
                grace=self.worker.toolkit.abort_grace, give_up=self._give_up,
            )  # fmt: skip
            return self._success(result)
        except (Exception, asyncio.CancelledError, SystemExit) as error:  # noqa: BLE001 - the job's own code
            _uncancel(self.task)
            if self.live.fail_chunks(error):
                self.worker.reporter.touch(self.live)
            return decide(error, stop=self.stop, job_try=self.job_try, policy=self.policy)
        finally:
            self.is_in_body = False

    def _give_up(self, error: BaseException) -> None:
        """The code goes on after its hard limit; the job does not wait for it."""
        self.conclude(decide(error, stop=self.stop, job_try=self.job_try, policy=self.policy))

    def _success(self, result: Any) -> End:
        """A step's result has to be passed on; one that can't be makes the step fail."""
        if not self.claimed.workflow:
            return Success(result)
        try:
            self.passed_on = (self.worker.job_serializer or pickle.dumps)({"r": result})
        except Exception as error:  # noqa: BLE001 - pickling runs user code
            return Failure(SerializationError(f"its result can't be passed on, {type(result).__name__}: {error}"))
        return Success(result)

    def take_logs(self, lines: Iterable[tuple[float, int, str, str]]) -> None:
        """What the job logged in a child process: (created, levelno, logger, message)."""
        self.worker.logs.add(self.live, lines)

    def _log_start(self) -> None:
        if logger.isEnabledFor(logging.INFO):
            waited = self.started - self.call.enqueued / 1000
            extra = f" try={self.job_try}" if self.job_try > 1 else ""
            logger.info("%6.2fs → %s(%s)%s", waited, self.ref, args_to_string(self.call.args, self.call.kwargs), extra)

    # The end, as it is written

    def message(self, end: End) -> Ended | Later | None:
        """The end as Redis gets it; None when there is nothing to say."""
        match end:
            case Success(value):
                return self._ended(Outcome.SUCCEEDED, value, None)
            case Failure(error):
                return self._ended(Outcome.FAILED, _for_clients(error), error)
            case Aborted(error, why):
                return self._ended(Outcome.ABORTED, error, error, why)
            case Again(defer_ms, error):
                return Later(self.job_id, self.token, defer_ms, Outcome.RETRY, *describe(error))
            case HandedOver():
                return Later(self.job_id, self.token, 0, Outcome.HANDED_OVER)
            case Lost():
                return None

    def _ended(self, outcome: Outcome, result: Any, error: BaseException | None, why: str = "") -> Ended:
        keep_ms = self._keep_result_ms()
        error_type, message, trace = describe(error)
        if outcome is Outcome.ABORTED:
            error_type, message, trace = "CancelledError", why, ""
        return Ended(
            self.job_id, self.token, outcome,
            result=self._serialized(outcome is Outcome.SUCCEEDED, result) if keep_ms else b"",
            keep_result_ms=keep_ms,
            preview=self._preview(result) if outcome is Outcome.SUCCEEDED else "",
            error_type=error_type, error=message, traceback=trace,
            keep_lock_ms=int(keep_cronjob_progress * 1000) if isinstance(self.function, CronJob) else 0,
            passed_on=self.passed_on if outcome is Outcome.SUCCEEDED else b"",
            frame=own_frame(error) if error is not None and outcome is Outcome.FAILED else "",
        )  # fmt: skip

    def _preview(self, result: Any) -> str:
        return "" if result is None or self._ignores_result else preview(result)

    @property
    def _ignores_result(self) -> bool:
        return bool(self.told.get("ignore_result", self.own.ignore_result))

    def _keep_result_ms(self) -> int:
        if self._ignores_result:
            return 0
        function, worker = self.function, self.worker
        forever = function.keep_result_forever if function else None
        if worker.keep_result_forever if forever is None else forever:
            return -1
        seconds = function.keep_result_s if function else None
        return int((worker.keep_result_s if seconds is None else seconds) * 1000)

    def _serialized(self, success: bool, result: Any) -> bytes:
        """The result as stock arq reads it; empty where even its fallback can't be written."""
        blob = serialize_result(
            self.call.function, self.call.args, self.call.kwargs, self.job_try, self.call.enqueued, success, result,
            int(self.started * 1000), int(time.time() * 1000), self.ref, self.worker.queue_name, self.job_id,
            serializer=self.worker.job_serializer,
        )  # fmt: skip
        return blob or b""

    def log_end(self, end: End) -> None:
        took = time.time() - self.started
        match end:
            case Success(value):
                if logger.isEnabledFor(logging.INFO):
                    shown = "" if value is None or not self.worker.log_results else _shown(value)
                    logger.info("%6.2fs ← %s ● %s", took, self.ref, shown)
            case Failure(error):
                logger.error("%6.2fs ! %s failed, %s: %s", took, self.ref, type(error).__name__, error, exc_info=error)
            case Again(defer_ms, _):
                logger.info("%6.2fs ↻ %s retrying job in %0.2fs", took, self.ref, defer_ms / 1000)
            case Aborted():
                logger.info("%6.2fs ⊘ %s aborted", took, self.ref)
            case HandedOver():
                logger.info("%6.2fs ↻ %s handed over, another worker will run it", took, self.ref)
            case Lost():
                logger.warning("%6.2fs ⊘ %s belongs to another attempt now, stopped here", took, self.ref)


def _for_clients(error: BaseException) -> BaseException:
    """Who waits for the result must not be cancelled by the soft limit of a job."""
    return TimeoutError(str(error)) if isinstance(error, SoftTimeLimit) else error


def _shown(value: Any) -> str:
    try:
        return truncate(repr(value))
    except Exception:  # noqa: BLE001 - a repr is user code
        return f"<{type(value).__name__}>"


def _uncancel(task: asyncio.Task[None] | None) -> None:
    """The cancellation was for the job's own code; what follows in this task must not inherit it."""
    while task is not None and task.cancelling():
        task.uncancel()
