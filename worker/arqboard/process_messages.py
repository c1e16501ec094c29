"""What a worker and its child processes say to each other, and how it is put on a socket."""

from __future__ import annotations

import contextlib
import pickle
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .artefacts import NewArtefact
from .logs import Line
from .process_errors import pack_error, unpack_error
from .striking import Outcome

_HEADER = struct.Struct("!Q")


# From the worker to the child


@dataclass(frozen=True, slots=True)
class Start:
    """Where the child finds modules, as the worker does."""

    path: list[str]


@dataclass(frozen=True, slots=True)
class Job:
    """A call of the function that `reference` ("module:qualname") names. Its progress begins with `live`."""

    reference: str
    ctx: dict[str, bytes]
    call: bytes
    live: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Raise this inside the job."""

    error: bytes


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel the job."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The job has to wait before its next chunk, or may go on."""

    is_paused: bool


@dataclass(frozen=True, slots=True)
class Skip:
    """Chunks (by index) that need not run."""

    indexes: list[int]


@dataclass(frozen=True, slots=True)
class Show:
    """Where does the job stand?"""

    number: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked is done, or failed."""

    number: int
    error: bytes | None = None


# From the child to the worker


@dataclass(frozen=True, slots=True)
class Said:
    """What is new of the job: pickled fields of its Live, what changed in its ChunkMap, and log lines."""

    fields: dict[str, bytes] = field(default_factory=dict[str, bytes])
    chunks: dict[str, Any] | None = None
    lines: list[Line] = field(default_factory=list[Line])


@dataclass(frozen=True, slots=True)
class Asked:
    """The job waits until its progress has arrived in Redis, or this artefact is stored."""

    number: int
    artefact: NewArtefact | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """Where the job stands, as `stacks.Picture` says it."""

    number: int
    picture: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """The last word of a job."""

    value: bytes | None
    error: bytes | None

    @classmethod
    def of(cls, outcome: Outcome) -> Ended:
        """Never raises: a result that can't be sent is the job's error."""
        if outcome.error is not None:
            return cls(None, pack_error(outcome.error))
        value = outcome.get()
        try:
            return cls(pickle.dumps(value), None)
        except Exception as error:  # noqa: BLE001 - pickling runs user code
            said = f"its result can't be sent back to the worker, {type(value).__name__}: {error}"
            return cls(None, pack_error(pickle.PicklingError(said)))

    @property
    def outcome(self) -> Outcome:
        if self.error is not None:
            return Outcome(unpack_error(self.error))
        try:
            return Outcome.with_value(pickle.loads(self.value or b""))  # noqa: S301 - written by our child
        except Exception as error:  # noqa: BLE001 - unpickling runs user code
            said = f"its result can't be read in the worker, {type(error).__name__}: {error}"
            return Outcome(pickle.UnpicklingError(said))


# On the socket: the length of a message, and the message


def frame(message: Any) -> bytes:
    data = pickle.dumps(message)
    return _HEADER.pack(len(data)) + data


class FrameReader:
    """Puts messages together from what a socket brings."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Any]:
        self._buffer += data
        while (message := self._next()) is not None:
            yield message

    def missing(self) -> int:
        """How many bytes are still to come until the next message is there, as far as is known."""
        if len(self._buffer) < _HEADER.size:
            return _HEADER.size - len(self._buffer)
        return _HEADER.size + self._length() - len(self._buffer)

    def _length(self) -> int:
        return int(_HEADER.unpack_from(self._buffer)[0])

    def _next(self) -> Any:
        if len(self._buffer) < _HEADER.size or self.missing() > 0:
            return None
        end = _HEADER.size + self._length()
        with memoryview(self._buffer) as view:
            message = pickle.loads(view[_HEADER.size : end])  # noqa: S301 - written by our child or our worker
        del self._buffer[:end]
        return message


def packed(values: dict[str, Any]) -> dict[str, bytes]:
    """Those values that can be pickled, each by itself."""
    found: dict[str, bytes] = {}
    for name, value in values.items():
        with contextlib.suppress(Exception):  # pickling runs user code
            found[name] = pickle.dumps(value)
    return found


def unpacked(values: dict[str, bytes]) -> dict[str, Any]:
    """Those values that can be unpickled here."""
    found: dict[str, Any] = {}
    for name, data in values.items():
        with contextlib.suppress(Exception):  # unpickling runs user code
            found[name] = pickle.loads(data)  # noqa: S301 - written by our child or our worker
    return found
