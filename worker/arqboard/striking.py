"""Calls a function into which exceptions are thrown from outside, and lets none of them go astray."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final


class _Nothing:
    """No value yet; None is a value."""


_NOTHING: Final = _Nothing()


class Outcome:
    """What came of a call: a value or an exception."""

    __slots__ = ("_value", "error")

    def __init__(self, error: BaseException | None = None) -> None:
        self._value: Any = _NOTHING
        self.error = error

    @property
    def has_value(self) -> bool:
        return self._value is not _NOTHING

    def get(self) -> Any:
        if self.error is not None:
            raise self.error
        return self._value

    @classmethod
    def with_value(cls, value: Any) -> Outcome:
        outcome = cls()
        outcome._value = value
        return outcome

    @classmethod
    def of(cls, call: Callable[[], Any], disarm: Callable[[], None]) -> Outcome:
        """Call it. Until one `disarm()` has come to its end, two exceptions may strike at any time: an interrupt and a
        cancellation. Also while the call returns, and inside of `disarm`, hence three.
        """
        outcome = cls()
        try:
            try:
                try:
                    try:
                        outcome._value = call()
                    finally:
                        disarm()
                finally:
                    disarm()
            finally:
                disarm()
        except BaseException as error:  # noqa: BLE001 - the job's own code, or a strike
            if not outcome.has_value:  # a strike that came too late takes nothing away
                outcome.error = error
        return outcome
