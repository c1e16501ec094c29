"""What a job logs, caught where Python's logging hands it out, with the attempt it belongs to."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .live import Live

#: Lines that one attempt may log between two flushes; what is beyond is dropped and counted.
MAX_WAITING = 500
MAX_MESSAGE = 4_000
MAX_LOGGER = 100

_formatter = logging.Formatter()


class Line(NamedTuple):
    """One log line. `created` is seconds since 1970 by the clock of the process that logged it."""

    created: float
    levelno: int
    logger: str
    message: str


def line_of(record: logging.LogRecord) -> Line:
    """A record as a line: formatted, with its traceback, cut where it is too long. Never raises."""
    message = _cut(_message(record))
    trace = _trace(record)
    return Line(record.created, record.levelno, _clean(record.name)[:MAX_LOGGER], message + trace)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - a format and its arguments are user code
        return f"{str(record.msg)[:200]} (its arguments don't fit: {type(error).__name__})"


def _trace(record: logging.LogRecord) -> str:
    """The traceback and the stack that come with a record, each on a new line; of a long one its end."""
    parts: list[str] = []
    try:
        if record.exc_info and record.exc_info[1] is not None:
            parts.append(_formatter.formatException(record.exc_info))
        elif record.exc_text:
            parts.append(record.exc_text)
        if record.stack_info:
            parts.append(record.stack_info)
    except Exception as error:  # noqa: BLE001 - an exception's text is user code
        parts.append(f"(its traceback can't be shown: {type(error).__name__})")
    text = _clean("".join(f"\n{part}" for part in parts))
    if len(text) <= MAX_MESSAGE:
        return text
    return f"\n… ({len(text) - MAX_MESSAGE} characters before)\n{text[-MAX_MESSAGE:]}"


def _cut(text: str) -> str:
    if len(text) <= MAX_MESSAGE:
        return _clean(text)
    return f"{_clean(text[:MAX_MESSAGE])}… ({len(text) - MAX_MESSAGE} more characters)"


def _clean(text: str) -> str:
    """Lone surrogates can't be sent as UTF-8; they become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


class LogBuffer:
    """The lines of one attempt that Redis does not have yet. Any thread may add; the reporter takes."""

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._dropped = 0
        self._lock = threading.Lock()
        self.sent = 0

    def add(self, line: Line) -> bool:
        """Keep a line. True when it is the first that waits."""
        with self._lock:
            if len(self._lines) >= MAX_WAITING:
                self._dropped += 1
                return False
            self._lines.append(line)
            return len(self._lines) == 1

    def waiting(self) -> list[Line]:
        """What is to be sent; it waits on until it `was_sent`."""
        with self._lock:
            if self._dropped:
                self._lines.append(_drop_note(self._dropped))
                self._dropped = 0
            return list(self._lines)

    def was_sent(self, count: int) -> None:
        with self._lock:
            del self._lines[:count]
            self.sent += count

    def __len__(self) -> int:
        return len(self._lines)


def _drop_note(count: int) -> Line:
    what = "1 line was" if count == 1 else f"{count} lines were"
    why = f"a job can log {MAX_WAITING} lines between two writes to Redis"
    return Line(time.time(), logging.WARNING, "arqboard.logs", f"{what} dropped here: {why}")


#: Which attempt the running code belongs to, and who collects its lines. Tasks and `asyncio.to_thread` inherit it.
_bound: ContextVar[tuple[LogCapture, Live] | None] = ContextVar("arqboard_logs", default=None)
_busy = threading.local()


class LogCapture(logging.Handler):
    """One per worker, on the root logger: passes each record of a job's code to `sink(live, line)`, in any thread."""

    def __init__(self, sink: Callable[[Live, Line], object], level: int = logging.INFO) -> None:
        super().__init__(min(level, logging.WARNING))  # warnings come here also for the sake of `_stand_in`
        self._sink = sink
        self._from = level
        self._changed: list[tuple[logging.Logger, int, int]] = []

    # Used by the worker

    def start(self) -> None:
        """Listen. Where logging is not set up, the root logger lets more pass from now on; no more of it is shown."""
        root = logging.getLogger()
        if self in root.handlers:
            return
        if root.level == logging.WARNING > self._from and not _others(root):
            for logger in _loggers():
                if _others(logger) and _takes_level_of_root(logger):  # its own handler would show what is new
                    self._change(logger, logging.WARNING)
            self._change(root, self._from)
        root.addHandler(self)

    def stop(self) -> None:
        """Stop listening, and leave the levels as they were found."""
        root = logging.getLogger()
        root.removeHandler(self)
        changed, self._changed = self._changed, []
        heir = next((handler for handler in root.handlers if isinstance(handler, LogCapture)), None)
        if heir is not None:  # another worker of this process still listens
            heir._changed += changed
            return
        for logger, was, became in changed:
            if logger.level == became:
                logger.setLevel(was)

    def _change(self, logger: logging.Logger, level: int) -> None:
        self._changed.append((logger, logger.level, level))
        logger.setLevel(level)

    def bind(self, live: Live) -> None:
        """What this task logs from now on, and all that it starts, belongs to this attempt."""
        _bound.set((self, live))

    def add(self, live: Live, lines: Iterable[tuple[float, int, str, str]]) -> None:
        """Lines that a job logged in a child process: (created, levelno, logger, message)."""
        for created, levelno, logger, message in lines:
            if levelno >= self._from:
                self._sink(live, Line(created, levelno, _clean(logger)[:MAX_LOGGER], _cut(message)))

    # Called by logging

    def handle(self, record: logging.LogRecord) -> bool:
        """Without the handler's lock: formatting runs user code, which must not hold up every other thread."""
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        self._stand_in(record)
        bound = _bound.get()
        if bound is None or bound[0] is not self or record.levelno < self._from or _is_ours(record.name):
            return
        if getattr(_busy, "is_busy", False):  # the text of something logged logs by itself
            return
        _busy.is_busy = True
        try:
            self._sink(bound[1], line_of(record))
        except Exception:  # noqa: BLE001 - logging must not break the job
            self.handleError(record)
        finally:
            _busy.is_busy = False

    def _stand_in(self, record: logging.LogRecord) -> None:
        """Python prints warnings to stderr while no handler exists at all; ours must not count as one."""
        last = logging.lastResort
        if last is None or record.levelno < last.level:
            return
        capturing = (handler for handler in logging.getLogger().handlers if isinstance(handler, LogCapture))
        first = next(capturing, None)  # none where the worker stops while another thread logs
        if first is self and not _is_handled(record.name):
            last.handle(record)


def _is_ours(name: str) -> bool:
    """Lines of the worker itself are not the job's, and reporting them would go round in circles."""
    first, _, rest = name.partition(".")
    return first in ("arq", "arqboard") and not rest.startswith("demo")


def _others(logger: logging.Logger) -> list[logging.Handler]:
    return [handler for handler in logger.handlers if not isinstance(handler, LogCapture)]


def _loggers() -> list[logging.Logger]:
    known = list(logging.Logger.manager.loggerDict.values())
    return [logger for logger in known if isinstance(logger, logging.Logger)]


def _takes_level_of_root(logger: logging.Logger) -> bool:
    above: logging.Logger | None = logger
    while above is not None and above.level == logging.NOTSET:
        above = above.parent
    return above is logging.getLogger()


def _is_handled(name: str) -> bool:
    """Whether any handler but ours sees records of this logger."""
    logger: logging.Logger | None = logging.getLogger(name)
    while logger is not None:
        if _others(logger):
            return True
        logger = logger.parent if logger.propagate else None
    return False
