"""What exceptions mean to who asked."""

from __future__ import annotations

import pytest
from redis.exceptions import BusyLoadingError, ReadOnlyError, ResponseError
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import TimeoutError as NoAnswer

from arqboard_dashboard.problems import is_away, problem_of


@pytest.mark.parametrize(
    "error",
    [LostConnection("gone"), NoAnswer("slow"), BusyLoadingError("loading"), ReadOnlyError("replica"),
     ResponseError("OOM command not allowed when used memory > 'maxmemory'."),
     ResponseError("MISCONF Redis is configured to save RDB snapshots"),
     ResponseError("Error running script: OOM command not allowed")],
    ids=lambda e: str(e)[:12],
)  # fmt: skip
def test_a_redis_that_can_not_be_used_is_not_our_mistake(error: Exception) -> None:
    problem = problem_of(error, "db:6379/0")

    assert is_away(error)
    assert (problem.status, problem.retry_seconds) == (503, 2)
    assert "db:6379/0" in problem.message
