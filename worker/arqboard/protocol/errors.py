"""What can be wrong, named for the person who has to do something about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .said import Said


class ArqboardError(Exception):
    """The base of every error this package raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Without `__init__`, whose parameters aren't `args`: a job's result with such an error must unpickle."""
        return _without_init, (type(self), self.args), dict(vars(self))


def _without_init(kind: type[ArqboardError], args: tuple[Any, ...]) -> ArqboardError:
    return kind.__new__(kind, *args)


class JobNotFound(ArqboardError):
    """No record of this job exists: it never did, it was deleted, or history was trimmed."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(
            Said('No job "%(id)s". It may have been deleted, or it is older than the kept history.', id=job_id)
        )


class JobExists(ArqboardError):
    """A job with this id is waiting, running, or still has a result (arq's own rule for `_job_id`)."""

    def __init__(self, job_id: str, schedule: str = "") -> None:
        self.job_id = job_id
        if schedule:
            told = Said(
                'The job "%(id)s" is in the way of the schedule "%(name)s": it has the same id or unique key. '
                "Wait until it is over.",
                id=job_id, name=schedule,
            )  # fmt: skip
        else:
            told = Said(
                'A job with the id "%(id)s" exists already. Wait until its result has expired, or choose another id.',
                id=job_id,
            )
        super().__init__(told)


class WrongState(ArqboardError):
    """The job (or workflow) exists, but what was asked can't be done in the state it is in."""

    def __init__(self, job_id: str, action: str, state: str, hint: str, *, kind: str = "job") -> None:
        self.job_id, self.action, self.state = job_id, action, state
        words = {"id": job_id, "action": Said(action), "state": Said(state), "hint": hint}
        if kind == "job":
            super().__init__(Said('Can\'t %(action)s job "%(id)s": it is %(state)s. %(hint)s', **words))
        else:
            super().__init__(Said('Can\'t %(action)s workflow "%(id)s": it is %(state)s. %(hint)s', **words))


class PayloadGone(ArqboardError):
    """The stored call has expired, so the job can't be run again under its own id."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(
            Said(
                'The stored call of job "%(id)s" has expired, so it can\'t be retried. "Run again" submits it anew.',
                id=job_id,
            )
        )


class KeyReused(ArqboardError):
    """An idempotency key came back with a different request."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(
            f'The idempotency key "{key}" was used for a different request in the last 24 hours. Send a new key.'
        )


class NoSuchChunk(ArqboardError):
    """The job is there, but has no chunk with which that can be done."""

    def __init__(self, job_id: str, action: str, why: str) -> None:
        self.job_id, self.action = job_id, action
        super().__init__(
            Said('Can\'t %(action)s chunks of job "%(id)s". %(why)s', action=Said(action), id=job_id, why=why)
        )


class UnknownFunction(ArqboardError):
    """No worker has ever offered this function."""

    def __init__(self, name: str, nearest: list[str]) -> None:
        self.name, self.nearest = name, nearest
        if nearest:
            said = Said('No function "%(name)s". Did you mean %(near)s?', name=name, near=", ".join(nearest))
        else:
            said = Said('No function "%(name)s". No worker has published any such function.', name=name)
        super().__init__(said)


class BadArguments(ArqboardError):
    """The arguments don't fit the function's signature.

    `problems` maps a parameter's name (or "" for the call as a whole) to what is wrong with it, `paths` those with
    parts to where in the value that is.
    """

    def __init__(
        self, function: str, problems: dict[str, str], paths: Mapping[str, tuple[int | str, ...]] | None = None
    ) -> None:
        self.function, self.problems, self.paths = function, problems, dict(paths or {})
        said = "; ".join(f"{name}: {why}" if name else why for name, why in problems.items())
        super().__init__(f"The arguments don't fit {function}: {said}")


class WorkflowNotFound(ArqboardError):
    """No such workflow: it never began, or it is older than the kept history."""

    def __init__(self, workflow_id: str) -> None:
        self.workflow_id = workflow_id
        super().__init__(Said('No workflow "%(id)s". It may be older than the kept history.', id=workflow_id))


class BadWorkflow(ArqboardError):
    """A workflow that can't be run as it was put together. The message says where and why.

    `fields` are all the places that are wrong, with why, where arguments are.
    """

    def __init__(self, where: str, why: str, fields: dict[str, str] | None = None) -> None:
        self.where, self.fields = where, fields or {}
        super().__init__(f"{where}: {why}" if where else why)


class WorkerNotFound(ArqboardError):
    """No worker of this id has been seen in the last hour."""

    def __init__(self, worker_id: str) -> None:
        self.worker_id = worker_id
        super().__init__(Said('No worker "%(id)s" has been seen in the last hour.', id=worker_id))


class BadSchedule(ArqboardError):
    """When or how something is to run makes no sense. The message says what is wrong and what would be right."""


class ScheduleNotFound(ArqboardError):
    """No schedule has this name: it never had one, or it was removed."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(Said('No schedule "%(name)s". It may have been removed.', name=name))


class ScheduleInUse(ArqboardError):
    """The schedule is in the code of a running worker, which would put it back within a minute."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            Said('The schedule "%(name)s" is in the code of a running worker. Remove it there, or pause it.', name=name)
        )


#: What can't be done, where it stands in a sentence.
ACTIONS = (
    Said("retry"), Said("abort"), Said("delete"), Said("pause"), Said("resume"), Said("reschedule"), Said("look into"),
    Said("run chunks of"), Said("skip"), Said("run"),
)  # fmt: skip
