"""Exceptions on their way from one process to another, with their causes and the text of their traceback."""

from __future__ import annotations

import pickle
import traceback
from dataclasses import dataclass

from .frames import RemoteTraceback, own_frame
from .remote import RemoteError

#: A chain of causes is cut here.
MAX_CHAIN = 10


@dataclass(frozen=True, slots=True)
class _Link:
    """One exception of a chain. `is_cause`: the next one is its cause ("raise … from"), not only its context."""

    data: bytes | None
    type: str
    module: str
    message: str
    is_cause: bool

    @property
    def error(self) -> BaseException:
        """The exception itself, or a RemoteError where it can't be pickled or can't be unpickled here."""
        if self.data is not None:
            try:
                error = pickle.loads(self.data)  # noqa: S301 - written by our child
                if isinstance(error, BaseException):
                    return error
            except Exception:  # noqa: BLE001, S110 - unpickling runs user code
                pass
        return RemoteError(self.type, self.message, module=self.module)


def pack_error(error: BaseException) -> bytes:
    """Never raises, whatever the exception's own code does."""
    links: list[_Link] = []
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen and len(links) < MAX_CHAIN:
        seen.add(id(link))
        links.append(_link(link))
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return pickle.dumps((links, _traceback(error), own_frame(error)))


def unpack_error(data: bytes) -> BaseException:
    """The exception with its chain; at the chain's end is the traceback it had."""
    links, text, frame = pickle.loads(data)  # noqa: S301 - written by our child
    errors = [link.error for link in links]
    for link, error, reason in zip(links, errors, errors[1:], strict=False):
        if link.is_cause:
            error.__cause__ = reason
        else:
            error.__context__ = reason
    errors[-1].__cause__ = RemoteTraceback(text, frame)
    first: BaseException = errors[0]
    return first


def _link(error: BaseException) -> _Link:
    kind = type(error)
    return _Link(_pickled(error), kind.__qualname__, kind.__module__, _message(error), error.__cause__ is not None)


def _pickled(error: BaseException) -> bytes | None:
    """Many an exception can be pickled, and not be unpickled: those whose `__init__` takes other arguments."""
    try:
        data = pickle.dumps(error)
        return data if type(pickle.loads(data)) is type(error) else None  # noqa: S301 - ours
    except Exception:  # noqa: BLE001 - pickling runs user code
        return None


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - an exception's text is user code
        return "<its str() raised>"


def _traceback(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001 - an exception's text is user code
        return f"{type(error).__name__}: (its traceback can't be shown)\n"
