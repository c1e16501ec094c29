"""Failures that may come twenty times a second, each kind logged once with its trace."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)

#: Different kinds that are remembered at most; what comes after is not logged.
MAX_KINDS = 100


class Faults:
    """What has gone wrong so far, by kind."""

    def __init__(self, who: str) -> None:
        self._who = who
        self._met: set[str] = set()

    def met(self, error: Exception) -> None:
        """Log a failure, unless one like it has been."""
        name = f"{type(error).__name__}: {error}"[:200]
        if name not in self._met and len(self._met) < MAX_KINDS:
            self._met.add(name)
            log.error("%s has met %s; it goes on.", self._who, name, exc_info=error)
