"""The user's hooks for ends and progress: those of the task, then those of the worker, never in the way of a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .options import Hook
from .outcomes import Again, End, Failure, Success
from .progress import Live, Progress

if TYPE_CHECKING:
    from .executing import Attempt
    from .worker import Worker


class Hooks:
    """One per worker, with the hooks that are meant for all tasks."""

    def __init__(
        self,
        worker: Worker,
        on_success: Hook | None,
        on_failure: Hook | None,
        on_retry: Hook | None,
        on_progress: Hook | None,
    ) -> None:
        self._worker = worker
        self._all = {
            "on_success": on_success, "on_failure": on_failure, "on_retry": on_retry, "on_progress": on_progress,
        }  # fmt: skip

    def wants(self, attempt: Attempt, end: End) -> bool:
        """Whether anybody waits for this end. `ctx` is empty where the job's code was never reached."""
        name = _name(end)
        return bool(name) and (self._all[name] is not None or getattr(attempt.own, name) is not None)

    async def ended(self, attempt: Attempt, end: End) -> None:
        """Run what waits for this end, which is stored by now."""
        ctx = attempt.ctx or attempt.bare_context()
        match end:
            case Success(value):
                await self._run(attempt, "on_success", ctx, value)
            case Failure(error):
                await self._run(attempt, "on_failure", ctx, error)
            case Again(defer_ms, error):
                await self._run(attempt, "on_retry", ctx, error, defer_ms / 1000)
            case _:
                pass

    def progressed(self, live: Live) -> None:
        """Progress of a job has been written; a few times a second at most."""
        attempt = self._worker.running.get(live.job_id)
        if attempt is None or attempt.is_over or (self._all["on_progress"] is None and attempt.own.on_progress is None):
            return
        progress: Progress | None = attempt.ctx.get("progress")
        if progress is not None:
            self._worker.spawn(self._run(attempt, "on_progress", attempt.ctx, progress))

    async def _run(self, attempt: Attempt, name: str, *args: Any) -> None:
        await self._worker.hook(f"{name} of {attempt.call.function}", getattr(attempt.own, name), *args)
        await self._worker.hook(name, self._all[name], *args)


def _name(end: End) -> str:
    match end:
        case Success():
            return "on_success"
        case Failure():
            return "on_failure"
        case Again():
            return "on_retry"
        case _:
            return ""
