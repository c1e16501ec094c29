"""Where a job's code runs: in the event loop, in a thread, or in a process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .limits import LoopRun, Run

if TYPE_CHECKING:
    from .executing import Attempt
    from .tasks import Task


def run_of(attempt: Attempt, ctx: dict[str, Any]) -> Run:
    """The attempt's call as something that can be awaited, interrupted and killed."""
    function, call, task = attempt.function, attempt.call, attempt.worker.task(attempt.call.function)
    assert function is not None
    if task is None or (task.is_async and attempt.own.run_in == "loop"):
        return LoopRun(function.coroutine, ctx, call.args, call.kwargs)
    return _in_process(attempt, task, ctx) if attempt.own.run_in == "process" else _in_thread(attempt, task, ctx)


def _in_thread(attempt: Attempt, function: Task[..., Any], ctx: dict[str, Any]) -> Run:
    from .threads import ThreadRun  # most workers need neither this nor processes

    grace = attempt.worker.toolkit.abort_grace
    return ThreadRun(function.function, ctx, attempt.call.args, attempt.call.kwargs, grace=grace)


def _in_process(attempt: Attempt, function: Task[..., Any], ctx: dict[str, Any]) -> Run:
    from .processes import ProcessRun, reference_of

    reporter = attempt.worker.reporter
    return ProcessRun(
        attempt.worker.processes, reference_of(function.function), ctx, attempt.call.args, attempt.call.kwargs,
        live=attempt.live, on_live=lambda: reporter.touch(attempt.live), on_log=attempt.take_logs,
        settle=reporter.settle, store=attempt.worker.artefacts, grace=attempt.worker.toolkit.abort_grace,
    )  # fmt: skip
