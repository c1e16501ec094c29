"""Where programs submit to: a Redis, and what they hold of a job or a workflow afterwards."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import pickle
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Concatenate, Generic, Literal, ParamSpec, TypeVar, cast, overload

from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.jobs import SerializationError, deserialize_result

from .calls import write_call
from .options import CallOptions, TaskOptions
from .progress import current
from .protocol.commands import Commands, Submission
from .protocol.errors import ArqboardError, JobExists, KeyReused
from .protocol.graph import Graph, OnError
from .protocol.job import Job, State
from .protocol.keys import DEFAULT_PREFIX, ArqKeys, Keys
from .protocol.payload import preview_call
from .protocol.reader import Reader
from .protocol.tags import tags_of
from .protocol.workflows import FlowState, WorkflowInfo, Workflows
from .remote import RemoteError
from .submitting import one_of_its_kind

if TYPE_CHECKING:
    from .workflow import Composable, Signature

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
#: How a handle waits: it looks this often (seconds), at first more often.
LOOK_EVERY, LOOK_FIRST = 0.5, 0.02


class NoBoard(ArqboardError):
    """Nothing to submit to."""

    def __init__(self) -> None:
        super().__init__(
            "There is no Redis to submit to. Call `await arqboard.connect(RedisSettings(…))` where your application"
            " starts; inside a job, its worker's is used."
        )


class JobAborted(ArqboardError):
    """The job or workflow was aborted, so it has no result."""


class ResultGone(ArqboardError):
    """The result is not kept any more, or never was."""


class WorkflowFailed(ArqboardError):
    """A workflow has no result, since a job of it failed. `job_id` is the first that did."""

    def __init__(self, info: WorkflowInfo) -> None:
        self.workflow_id, self.job_id = info.id, info.failed_job
        where = f' in job "{info.failed_job}"' if info.failed_job else ""
        super().__init__(f'Workflow "{info.id}" failed{where}: {info.error}')


class Board:
    """A connection that jobs are submitted on. `prefix` is that of the workers (ARQBOARD_PREFIX)."""

    def __init__(self, pool: ArqRedis, *, prefix: str = DEFAULT_PREFIX) -> None:
        self.pool = pool
        self.commands = Commands(pool, Keys(prefix))
        self.reader = Reader(pool, Keys(prefix))
        self.workflows = Workflows(pool, Keys(prefix))
        self.deserializer: Callable[[bytes], dict[str, Any]] = pool.job_deserializer or pickle.loads

    async def submit(self, call: Signature[R]) -> JobHandle[R]:
        """Queue one job. Raises BadArguments, JobExists or KeyReused."""
        done = await self.commands.submit(self.submission(call))
        return JobHandle(self, done.job_id, is_new=done.is_new)

    @overload
    async def submit_many(
        self, calls: Iterable[Signature[R]], *, return_exceptions: Literal[False] = False
    ) -> list[JobHandle[R]]: ...
    @overload
    async def submit_many(
        self, calls: Iterable[Signature[R]], *, return_exceptions: Literal[True]
    ) -> list[JobHandle[R] | JobExists | KeyReused]: ...
    async def submit_many(self, calls: Iterable[Signature[R]], *, return_exceptions: bool = False) -> list[Any]:
        """Queue many jobs, 500 in one call to Redis. Every call is checked before any is queued: BadArguments.

        JobExists or KeyReused of one that is refused stops no other: the first is raised once all others are queued,
        or, with `return_exceptions`, each stands in the place of its handle.
        """
        answers = await self.commands.submit_many([self.submission(call) for call in calls])
        refused = next((a for a in answers if isinstance(a, Exception)), None)
        if refused and not return_exceptions:
            raise refused
        return [a if isinstance(a, Exception) else JobHandle(self, a.job_id, is_new=a.is_new) for a in answers]

    async def begin(
        self, flow: Composable, *, on_error: OnError = "stop", name: str = "", once: str = "", tags: Sequence[str] = ()
    ) -> WorkflowHandle:
        """Queue a workflow. Raises BadArguments, BadWorkflow or KeyReused; ValueError for tags that are none."""
        part = flow.part(self, is_fed=False)
        graph = Graph.of(part, name=name, on_error=on_error, source="program", parent=_parent())
        graph.tag(tags_of(tags))
        begun = await self.commands.begin(graph, once=once, fingerprint=_digest(repr(flow)) if once else "")
        return WorkflowHandle(self, begun.job_id)

    def submission(self, call: Signature[Any], *, is_fed: bool = False) -> Submission:
        """The job that a call means, checked by the function's type hints. Raises BadArguments."""
        task, options = call.task, call.call
        args, kwargs = call.args, call.kwargs
        if task is not None:
            args, kwargs = task.checker.check(args, kwargs, fed=is_fed)
        own = task.task_options if task else TaskOptions()
        shown_args, shown_kwargs = preview_call(args, kwargs, _names(call, is_fed=is_fed))
        unique, window = _unique(call, own, args, kwargs)
        named = {"job_id": options.job_id} if options.job_id else {}
        expires = own.expires if options.expires is None else options.expires
        carried = replace(options, ignore_result=own.ignore_result or options.ignore_result or None).carried
        return Submission(
            function=call.function,
            queue=options.queue or own.queue or self.pool.default_queue_name or ArqKeys.default_queue,
            payload=write_call(call.function, args, kwargs, self.pool.job_serializer),
            args=shown_args,
            kwargs=shown_kwargs,
            defer_ms=_defer_ms(options),
            expires_ms=None if expires is None else int(expires * 1000),
            once=options.once or "",
            fingerprint=_digest(call.function, shown_args, shown_kwargs) if options.once else "",
            source="program",
            max_tries=options.max_tries or own.max_tries or 5,
            timeout=options.timeout or own.timeout,
            options=carried,
            priority=own.priority if options.priority is None else options.priority,
            unique=unique,
            window_ms=window,
            parent=_parent(),
            retry_of=options.retry_of or "",
            tags=tags_of([*own.tags, *(options.tags or ())]),
            **named,
        )

    def job(self, job_id: str) -> JobHandle[Any]:
        """A handle of a job that is known by its id."""
        return JobHandle(self, job_id)

    def workflow(self, workflow_id: str) -> WorkflowHandle:
        """A handle of a workflow that is known by its id."""
        return WorkflowHandle(self, workflow_id)

    async def close(self) -> None:
        global _default
        if _default is self:
            _default = None
        await self.pool.aclose()


class JobHandle(Generic[R]):
    """A job that was submitted. `is_new` is false where an earlier one with the same key stands for it."""

    def __init__(self, board: Board, job_id: str, *, is_new: bool = True) -> None:
        self.board, self.id, self.is_new = board, job_id, is_new

    async def info(self) -> Job:
        """Everything that is known of it. Raises JobNotFound."""
        return await self.board.reader.get(self.id)

    async def status(self) -> State:
        """Raises JobNotFound."""
        return (await self.info()).state

    async def wait(self, timeout: float | None = None) -> Job:
        """Wait until it has ended, however. Raises TimeoutError after `timeout` seconds, JobNotFound."""
        return await _until(self.info, lambda job: job.state.is_terminal, timeout)

    async def result(self, timeout: float | None = None) -> R:
        """Wait for what the function returns, and raise what it raised.

        Also raises JobAborted, ResultGone, TimeoutError after `timeout` seconds, JobNotFound, and arq's
        SerializationError where the worker could not write the result down.
        """
        job = await self.wait(timeout)
        if job.state is State.ABORTED:
            raise JobAborted(f'Job "{self.id}" was aborted.')
        blob = await self.board.pool.get(ArqKeys.result(self.id))
        if blob is not None:
            return cast("R", self._read(blob))
        if job.error is not None:
            raise RemoteError(job.error.type, job.error.message, job.error.traceback)
        raise ResultGone(f'The result of job "{self.id}" is not kept any more (keep_result, ignore_result).')

    def _read(self, blob: bytes) -> Any:
        found = deserialize_result(blob, deserializer=self.board.deserializer)
        if found.success:
            return found.result
        if isinstance(found.result, BaseException):
            raise found.result
        raise SerializationError(found.result)  # arq keeps these words in place of what it could not write

    async def abort(self) -> State:
        """ABORTED when it was waiting, RUNNING when its worker has been asked. Raises JobNotFound, WrongState."""
        return await self.board.commands.abort(self.id)

    async def retry(self) -> None:
        """Run it once more. Raises JobNotFound, WrongState, PayloadGone or JobExists."""
        await self.board.commands.retry(self.id)

    def __repr__(self) -> str:
        return f"<JobHandle {self.id}>"


class WorkflowHandle:
    """A workflow that was submitted."""

    def __init__(self, board: Board, workflow_id: str) -> None:
        self.board, self.id = board, workflow_id

    async def info(self) -> WorkflowInfo:
        """State and counts. Raises WorkflowNotFound."""
        return await self.board.workflows.get(self.id)

    async def status(self) -> FlowState:
        """Raises WorkflowNotFound."""
        return (await self.info()).state

    async def wait(self, timeout: float | None = None) -> WorkflowInfo:
        """Wait until it has ended, however. Raises TimeoutError after `timeout` seconds, WorkflowNotFound."""
        return await _until(self.info, lambda flow: flow.state.is_terminal, timeout)

    async def result(self, timeout: float | None = None) -> Any:
        """Wait for the result of its last step, or the list of its last group's.

        Raises WorkflowFailed, JobAborted, ResultGone, TimeoutError after `timeout` seconds, WorkflowNotFound.
        """
        from .workflow import MemberFailed, decoded

        info = await self.wait(timeout)
        if info.state is FlowState.ABORTED:
            raise JobAborted(f'Workflow "{self.id}" was aborted.')
        if info.state is FlowState.FAILED:
            raise WorkflowFailed(info)
        found = decoded(await self.board.workflows.result(self.id, info.exit), self.board.deserializer)
        if isinstance(found, MemberFailed):
            raise ResultGone(f'The result of workflow "{self.id}" is not kept any more.')
        return found

    async def abort(self) -> None:
        """End it and its jobs. Raises WorkflowNotFound, or WrongState when it has ended."""
        await self.board.commands.abort_workflow(self.id)

    async def retry(self) -> int:
        """Run its failed and aborted jobs again; returns how many. Raises WorkflowNotFound or WrongState."""
        return await self.board.commands.retry_workflow(self.id)

    async def pause(self) -> None:
        """Start nothing more of it; what runs goes on. Raises WorkflowNotFound, or WrongState when it has ended."""
        await self.board.commands.pause_workflow(self.id)

    async def resume(self) -> None:
        """Let it go on. Raises WorkflowNotFound, or WrongState when it has ended."""
        await self.board.commands.resume_workflow(self.id)

    def __repr__(self) -> str:
        return f"<WorkflowHandle {self.id}>"


_default: Board | None = None
_of_worker: ContextVar[Board | None] = ContextVar("arqboard_board", default=None)


async def connect(to: RedisSettings | ArqRedis | str | None = None, *, prefix: str = DEFAULT_PREFIX) -> Board:
    """Open a board and make it this program's: what `.submit()` uses from then on. Close it with `await board.close()`.

    `to` is what arq's `create_pool` takes, a pool that you have, or an URL like "redis://127.0.0.1:6379/0".
    """
    global _default
    settings = RedisSettings.from_dsn(to) if isinstance(to, str) else to
    pool = settings if isinstance(settings, ArqRedis) else await create_pool(settings)
    _default = Board(pool, prefix=prefix)
    return _default


def current_board() -> Board:
    """The board of the worker that this job runs in, else the one of `connect`. Raises NoBoard."""
    board = _of_worker.get() or _default
    if board is None:
        raise NoBoard
    return board


def set_board(board: Board) -> None:
    """Make a board the current one of this task and of everything it starts."""
    _of_worker.set(board)


async def submit(
    function: Callable[Concatenate[Any, P], Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
) -> JobHandle[R]:
    """Queue a job of a function that is no task, with its arguments checked by its type hints, also statically.

    Raises as Task.submit.
    """
    from .tasks import Task, func

    known: Any = function
    task = cast("Task[..., R]", known if isinstance(known, Task) else func(known))
    return await task.submit(*args, **kwargs)


@overload
async def submit_many(
    calls: Iterable[Signature[R]], *, return_exceptions: Literal[False] = False
) -> list[JobHandle[R]]: ...
@overload
async def submit_many(
    calls: Iterable[Signature[R]], *, return_exceptions: Literal[True]
) -> list[JobHandle[R] | JobExists | KeyReused]: ...
async def submit_many(calls: Iterable[Signature[R]], *, return_exceptions: bool = False) -> list[Any]:
    """Queue many jobs in one call, see Board.submit_many."""
    board: Any = current_board()
    return cast("list[Any]", await board.submit_many(calls, return_exceptions=return_exceptions))


async def _until(ask: Callable[[], Awaitable[T]], is_over: Callable[[T], bool], timeout: float | None) -> T:
    pause = LOOK_FIRST
    async with asyncio.timeout(timeout):
        while True:
            found = await ask()
            if is_over(found):
                return found
            await asyncio.sleep(pause)
            pause = min(LOOK_EVERY, pause * 1.5)


def _parent() -> str:
    return current().live.job_id


def _names(call: Signature[Any], *, is_fed: bool = False, by_position: bool = False) -> Sequence[str]:
    """What arguments are called in order, so that secrets among them can be told by name."""
    if call.task is None:
        return ()
    try:
        parameters = inspect.signature(call.task.function).parameters
    except (ValueError, TypeError):
        return ()
    names = [name for name, p in parameters.items() if not by_position or p.kind <= p.POSITIONAL_OR_KEYWORD]
    return names[2 if is_fed else 1 :]


def _defer_ms(options: CallOptions) -> int:
    if options.defer_until is not None:
        until: datetime = options.defer_until
        aware = until if until.tzinfo else until.astimezone()
        return max(0, int((aware - datetime.now(UTC)).total_seconds() * 1000))
    return int((options.defer_by or 0) * 1000)


def _unique(call: Signature[Any], own: TaskOptions, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[str, int]:
    """The key that the job holds, "" for none, and for how long in ms, 0 while it waits or runs."""
    options = call.call
    seconds = own.unique_for if options.unique_for is None else options.unique_for
    window = int((seconds or 0) * 1000)
    if options.unique_key:
        return options.unique_key, window
    if own.unique or seconds:
        return one_of_its_kind(call.function, args, kwargs, _names(call, by_position=True)), window
    return "", 0


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
