"""What can be wrong, named for the person who has to do something about it."""

from __future__ import annotations


class ArqboardError(Exception):
    """The base of every error this package raises on purpose."""


class JobNotFound(ArqboardError):
    """No record of this job exists: it never did, it was deleted, or history was trimmed."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(f'No job "{job_id}". It may have been deleted, or it is older than the kept history.')


class JobExists(ArqboardError):
    """A job with this id is waiting, running, or still has a result (arq's own rule for `_job_id`)."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(
            f'A job with the id "{job_id}" exists already. Wait until its result has expired, or choose another id.'
        )


class WrongState(ArqboardError):
    """The job exists, but what was asked can't be done in the state it is in."""

    def __init__(self, job_id: str, action: str, state: str, hint: str) -> None:
        self.job_id, self.action, self.state = job_id, action, state
        super().__init__(f'Can\'t {action} job "{job_id}": it is {state}. {hint}')


class PayloadGone(ArqboardError):
    """The stored call has expired, so the job can't be run again under its own id."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(
            f'The stored call of job "{job_id}" has expired, so it can\'t be retried. "Run again" submits it anew.'
        )


class KeyReused(ArqboardError):
    """An idempotency key came back with a different request."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(
            f'The idempotency key "{key}" was used for a different request in the last 24 hours. Send a new key.'
        )


class UnknownFunction(ArqboardError):
    """No worker has ever offered this function."""

    def __init__(self, name: str, nearest: list[str]) -> None:
        self.name, self.nearest = name, nearest
        help_ = f" Did you mean {', '.join(nearest)}?" if nearest else " No worker has published any such function."
        super().__init__(f'No function "{name}".{help_}')


class BadArguments(ArqboardError):
    """The arguments don't fit the function's signature.

    `problems` maps a parameter's name (or "" for the call as a whole) to what is wrong with it.
    """

    def __init__(self, function: str, problems: dict[str, str]) -> None:
        self.function, self.problems = function, problems
        said = "; ".join(f"{name}: {why}" if name else why for name, why in problems.items())
        super().__init__(f"The arguments don't fit {function}: {said}")
