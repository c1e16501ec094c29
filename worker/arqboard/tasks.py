"""`@task`: a function with its options, which knows how it is submitted, and is still a function that arq runs.

@task(max_tries=5, retry_on=(SMTPException,), backoff=Backoff(base=2))
async def send_newsletter(ctx: dict[str, Any], list_id: int) -> int: ...

handle = await send_newsletter.submit(list_id=7)
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any, Concatenate, Generic, Literal, ParamSpec, Protocol, TypeVar, Unpack, cast, overload

from arq.cron import CronJob
from arq.utils import import_string
from arq.worker import Function

from .board import JobHandle
from .options import CallKeywords, CallOptions, Rate, TaskKeywords, TaskOptions
from .validation import CallChecker
from .workflow import Signature

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Task(Function, Generic[P, R]):
    """A function that can be called as before, put into `functions`, and submitted with `.submit(…)`.

    `.s(…)` is a call to be made later, as a step of a workflow or by a schedule; `.si(…)` the same without the result
    of the step before it. `.function` is the function itself.
    """

    __name__: str
    __qualname__: str

    def __init__(
        self,
        function: Callable[..., Any],
        name: str,
        options: TaskOptions,
        call: CallOptions | None = None,
        *,
        checks: bool = True,
    ) -> None:
        run = function if inspect.iscoroutinefunction(function) else _in_thread(function)
        keep = 0.0 if options.ignore_result else options.keep_result
        super().__init__(name, cast("Any", run), options.timeout, keep, options.keep_result_forever, options.max_tries)
        functools.update_wrapper(self, function)
        self.function = function
        self.task_options = options
        self.call_options = call or CallOptions()
        self.is_async = inspect.iscoroutinefunction(function)
        self.checks = checks
        self._checker: CallChecker | None = None
        if self.is_async and options.run_in == "thread":
            raise ValueError(f'{name} is a coroutine function: leave out run_in="thread", or use "process"')

    def __call__(self, ctx: Any, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        return cast("Coroutine[Any, Any, R]", self.function(ctx, *args, **kwargs))

    def options(self, **options: Unpack[CallKeywords]) -> Task[P, R]:
        """The same task with other options for its next calls: job_id, queue, defer_by, defer_until, priority, expires,
        unique_key, unique_for, timeout, soft_timeout, max_tries, ignore_result, once, tags (see CallOptions).

        Raises TypeError for an option there is not, ValueError for one that makes no sense.
        """
        other = Task[P, R](self.function, self.name, self.task_options, self.call_options.merged(options))
        other._checker = self._checker
        return other

    async def submit(self, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]:
        """Queue a job. Raises BadArguments where the call does not fit the signature, JobExists, KeyReused, NoBoard."""
        return await self.s(*args, **kwargs).submit()

    def s(self, *args: Any, **kwargs: Any) -> Signature[R]:
        """This call, for later. In a workflow the result of what comes before it is put before its arguments."""
        return Signature(self.name, args, kwargs, self.call_options, task=self)

    def si(self, *args: P.args, **kwargs: P.kwargs) -> Signature[R]:
        """This call, for later, with these arguments only."""
        return Signature(self.name, args, kwargs, self.call_options, task=self, is_fed=False)

    @property
    def checker(self) -> CallChecker:
        """What checks and converts arguments by the type hints; made when it is first needed."""
        if self._checker is None:
            self._checker = CallChecker.of(self.function)
        return self._checker

    def __repr__(self) -> str:
        return f"<Task {self.name}>"

    def __hash__(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride] - arq's Function, a dataclass, has none
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


class SyncTask(Task[P, R]):
    """The task of a plain function, which runs in a thread or a process. Called by hand, it is that function."""

    def __call__(self, ctx: Any, *args: P.args, **kwargs: P.kwargs) -> R:  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride] - no coroutine to await
        return cast("R", self.function(ctx, *args, **kwargs))


class TaskDecorator(Protocol):
    """What `@task(…)` is applied as to a coroutine function."""

    def __call__(self, function: Callable[Concatenate[Any, P], Awaitable[R]], /) -> Task[P, R]: ...


class SyncDecorator(Protocol):
    """What `@task(run_in="thread")` is applied as to a plain function."""

    def __call__(self, function: Callable[Concatenate[Any, P], R], /) -> SyncTask[P, R]: ...


class ProcessDecorator(Protocol):
    """What `@task(run_in="process")` is applied as to a function of either kind."""

    @overload
    def __call__(self, function: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]], /) -> Task[P, R]: ...  # type: ignore[overload-overlap] # the first that fits is meant
    @overload
    def __call__(self, function: Callable[Concatenate[Any, P], R], /) -> SyncTask[P, R]: ...


# A type checker can't tell a plain function from a coroutine function by what they return, since a plain one may return
# anything; so `run_in` tells it.
@overload
def task(function: Callable[Concatenate[Any, P], Awaitable[R]], /) -> Task[P, R]: ...
@overload
def task(
    *,
    run_in: Literal["thread"],
    name: str | None = None,
    rate: str | Rate | None = None,
    burst: int = 1,
    **options: Unpack[TaskKeywords],
) -> SyncDecorator: ...
@overload
def task(
    *,
    run_in: Literal["process"],
    name: str | None = None,
    rate: str | Rate | None = None,
    burst: int = 1,
    **options: Unpack[TaskKeywords],
) -> ProcessDecorator: ...
@overload
def task(
    *,
    run_in: Literal["loop"] = "loop",
    name: str | None = None,
    rate: str | Rate | None = None,
    burst: int = 1,
    **options: Unpack[TaskKeywords],
) -> TaskDecorator: ...
def task(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    rate: str | Rate | None = None,
    burst: int = 1,
    **options: Any,
) -> Any:
    """Make a task of a function whose first parameter is arq's `ctx`. The options are those of TaskOptions.

    Plain functions take `run_in="thread"` or "process". Raises ValueError for options that make no sense.
    """
    given = _with_rate({**options}, rate, burst)
    if function is not None:
        return _make(function, name, given)

    def decorate(function: Callable[..., Any]) -> Task[..., Any]:
        return _make(function, name, given)

    return decorate


def func(
    function: Any,
    /,
    *,
    name: str | None = None,
    timeout: float | timedelta | None = None,
    keep_result: float | timedelta | None = None,
    **options: Any,
) -> Task[..., Any]:
    """arq's `func` with our options: for functions that are not decorated, or are named by their import path."""
    if isinstance(function, str):
        name, function = name or function, import_string(function)
    given: dict[str, Any] = {**options, "timeout": timeout, "keep_result": keep_result}
    given = {option: value for option, value in given.items() if value is not None}
    if isinstance(function, Task):
        known: Task[..., Any] = function  # pyright: ignore[reportUnknownVariableType] - of whatever parameters
        function, given = known.function, {**_own(known), **given}
    rate, burst = given.pop("rate", None), given.pop("burst", 1)
    return _make(function, name, _with_rate(given, rate, burst))


def as_function(function: Any) -> Any:
    """What arq's worker takes: a plain function that is no coroutine becomes a task that runs in a thread."""
    known: Any = function
    is_ready = isinstance(function, (str, Function, CronJob)) or not callable(function)
    function = known
    if is_ready or inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(inspect.unwrap(function)):
        return known
    return _make(function, None, {})


def _make(function: Callable[..., Any], name: str | None, options: dict[str, Any]) -> Task[..., Any]:
    if isinstance(function, Function):
        raise TypeError(f"{function.name} is a task already; give it other options with func(…)")
    is_async = inspect.iscoroutinefunction(function)
    if not is_async and options.get("run_in", "thread") == "loop":
        raise ValueError(f'{function.__qualname__} is no coroutine function: it can run in a "thread" or a "process"')
    known: dict[str, Any] = {"run_in": "loop" if is_async else "thread", **options}
    kind: Any = Task if is_async else SyncTask
    return cast("Task[..., Any]", kind(function, name or function.__qualname__, TaskOptions(**known)))


def _with_rate(given: dict[str, Any], rate: str | Rate | None, burst: int) -> dict[str, Any]:
    return {**given, "rate": Rate.parse(rate, burst) if isinstance(rate, str) else rate} if rate else given


def _own(known: Task[..., Any]) -> dict[str, Any]:
    return {name: getattr(known.task_options, name) for name in TaskOptions.__slots__}


def _in_thread(function: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """For stock workers: the function in a thread."""

    @functools.wraps(function)
    async def run(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        return await asyncio.to_thread(function, ctx, *args, **kwargs)

    return run
