"""The verbs with which people steer one job: what of its chunks still runs, when it starts, and where it stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from .errors import JobNotFound, NoSuchChunk, PayloadGone, WrongState
from .said import Said

#: Which chunks: those that failed, those that nobody has begun, or both.
Which = Literal["failed", "waiting", "open"]
LETTERS: dict[Which, str] = {"failed": "f", "waiting": ".", "open": "f."}
#: Farther than this ahead (ten years, in ms) no job is put.
MAX_DELAY_MS = 315_360_000_000


class Steering:
    """The part of `Commands` that people use on the page of one job. Every method is one atomic call."""

    async def _call(self, verb: str, *args: Any) -> Any:
        raise NotImplementedError

    async def _wrong_state(self, job_id: str, action: str, hint: str) -> WrongState | JobNotFound:
        raise NotImplementedError

    async def skip_chunks(self, job_id: str, which: Which = "open", numbers: Iterable[int] | None = None) -> int:
        """Let chunks that failed or wait never run: those with the given numbers (from 1), or all. Returns how many.

        One that a worker has begun by then comes to its end. Raises JobNotFound, or NoSuchChunk where there is none.
        """
        indexes = "*" if numbers is None else ",".join(str(number - 1) for number in numbers)
        match await self._call("skip_chunks", job_id, LETTERS[which], indexes):
            case -1:
                raise JobNotFound(job_id)
            case -2:
                raise NoSuchChunk(job_id, "skip", Said("It does not work in chunks."))
            case 0:
                raise NoSuchChunk(job_id, "skip", Said("None of these chunks has failed or waits."))
            case count:
                return int(count)

    async def retry_chunks(self, job_id: str, *, only_failed: bool = False) -> None:
        """Run a job that has ended, also well, once more: for its chunks that are not done, or those only that failed.

        Raises JobNotFound, WrongState, NoSuchChunk where every chunk is done or skipped, PayloadGone.
        """
        match await self._call("retry_chunks", job_id, "f" if only_failed else ""):
            case -1:
                raise JobNotFound(job_id)
            case -3:
                raise PayloadGone(job_id)
            case -5:
                none_failed, all_done = (
                    Said("None of its chunks has failed."),
                    Said("Every chunk of it is done or skipped."),
                )
                raise NoSuchChunk(job_id, "run", none_failed if only_failed else all_done)
            case code if code < 0:
                hint = Said("Chunks are run again once it has ended; a step of a workflow that went on is not.")
                raise await self._wrong_state(job_id, "run chunks of", hint)
            case _:
                return

    async def reschedule(self, job_id: str, *, at_ms: int | None = None, delay_ms: int = 0) -> bool:
        """Give a job that waits another time (ms since 1970), or let it start after a delay. False: it was due already.

        Raises JobNotFound, or WrongState when it runs or has ended.
        """
        match await self._call("reschedule", job_id, "" if at_ms is None else at_ms, min(delay_ms, MAX_DELAY_MS)):
            case -1:
                raise JobNotFound(job_id)
            case -2:
                raise await self._wrong_state(
                    job_id, "reschedule", Said("Only a job that waits can have another time.")
                )
            case code:
                return bool(code == 1)

    async def ask_stack(self, job_id: str, answer: str) -> bool:
        """Ask the worker of a running job where its code stands; it answers in the list of that name.

        False where nothing is known of that worker. Raises JobNotFound, or WrongState when the job does not run.
        """
        match await self._call("ask_stack", job_id, answer):
            case -1:
                raise JobNotFound(job_id)
            case -2:
                raise await self._wrong_state(job_id, "look into", Said("Only a running job is somewhere in its code."))
            case code:
                return bool(code == 1)
