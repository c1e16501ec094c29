"""How long a failed job waits before its next try: longer each time, never too long, and not all jobs at once."""

from __future__ import annotations

import math
import random as _random
from collections.abc import Callable
from dataclasses import dataclass

#: From here on any factor above 1 has reached every cap; Python computes with it without a long integer.
_MAX_EXPONENT = 2**53


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with jitter. `base` and `cap` are seconds, `factor` is what each try multiplies by.

    Before the second try a job waits `base`, before the third `base * factor`, before the fourth `base * factor ** 2`,
    but never more than `cap`. `jitter` is the share of it that chance may take away: 0 (or False) for none, 0.5 for
    half ("equal jitter"), 1 (or True) for all of it ("full jitter"). Without it the jobs that failed together come
    back together, and hit whatever they failed on together again.

    Why: "Exponential Backoff and Jitter" on the AWS architecture blog
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). The cap of ten minutes and the first
    second are Celery's defaults (`retry_backoff_max=600`, `retry_backoff=True` starts at 1 s and doubles). Celery
    jitters fully, so a retry may come at once; half keeps a pause.

    Raises ValueError for numbers that make no sense.
    """

    base: float = 1.0
    factor: float = 2.0
    cap: float = 600.0
    jitter: float | bool = 0.5

    def __post_init__(self) -> None:
        _refuse("base", self.base, "more than 0 seconds", 0 < self.base < math.inf)
        _refuse("factor", self.factor, "1 or more (2 doubles the wait after each try)", 1 <= self.factor < math.inf)
        _refuse("cap", self.cap, f"at least base, which is {self.base!r} seconds", self.base <= self.cap < math.inf)
        _refuse("jitter", self.jitter, "from 0 (none) to 1 (full)", 0 <= self.jitter <= 1)

    def delay(self, job_try: int, random: Callable[[], float] = _random.random) -> float:
        """Seconds to wait after the try `job_try` (1 = the first) has failed. `random` returns a number in [0, 1).

        Raises ValueError for a try below 1.
        """
        _refuse("job_try", job_try, "1 or more", job_try >= 1)
        return self._longest(job_try) * (1 - float(self.jitter) * random())

    def _longest(self, job_try: int) -> float:
        """The wait without jitter."""
        try:
            return min(self.cap, self.base * float(self.factor) ** min(job_try - 1, _MAX_EXPONENT))
        except OverflowError:  # a number beyond every cap
            return self.cap


def _refuse(name: str, value: float, allowed: str, is_fine: bool) -> None:
    if not is_fine:
        raise ValueError(f"{name} has to be {allowed}, not {value!r}")
