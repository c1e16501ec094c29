"""What the models of the verbs have in common: a flushed server, and a look at everything in it after each step.

ARQBOARD_MODEL_EXAMPLES=2000 makes a long run of them.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable
from typing import Any, ClassVar, TypeVar, cast

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, run_state_machine_as_test
from keyspace import Keyspace, problems
from waiting import connect

from arqboard.protocol import ArqKeys, Outcome
from arqboard.protocol.commands import Claimed, Commands, Ended
from arqboard.protocol.errors import ArqboardError

T = TypeVar("T")

#: A job that has killed one worker is a suspect, and after the second it has to fail.
QUEUE, LEASE_MS, MAX_CRASHES = "arq:queue", 60_000, 2
EXAMPLES = int(os.environ.get("ARQBOARD_MODEL_EXAMPLES", "120"))
STEPS = 50
SETTINGS = settings(
    max_examples=EXAMPLES,
    phases=[Phase.reuse, Phase.generate, Phase.shrink],
    report_multiple_bugs=False,
    stateful_step_count=STEPS,
    deadline=None,
    derandomize=bool(os.environ.get("CI")),  # a gate has to say the same of the same code; every other run tries others
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


#: What `pick` is asked with.
CHOICES = st.integers(0, 999)


def pick(choice: int, fitting: list[T], every: list[T]) -> T:
    """One of those that something can be done with, three times out of four or so; else any."""
    weighted = fitting * max(1, 3 * len(every) // max(1, len(fitting))) + every
    return weighted[choice % len(weighted)]


def run(machine: type[Machine], redis_url: str) -> None:
    """As many random sequences as are asked for. Prints how many steps that was."""
    machine.steps = 0
    run_state_machine_as_test(cast(Any, lambda: machine(redis_url)), settings=SETTINGS)
    print(f"{machine.__name__}: {machine.steps} steps")
    assert machine.steps >= EXAMPLES * STEPS / 2


class Machine(RuleBasedStateMachine):
    """A loop of its own, a flushed server, and what both machines look at."""

    steps: ClassVar[int] = 0

    def __init__(self, url: str) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.redis = connect(url)
        self.do(self.redis.flushall())
        self.commands = Commands(self.redis)
        self.keys = self.commands.keys
        self.space = self.look()

    def do(self, asked: Awaitable[T]) -> T:
        async def wait() -> T:
            return await asked

        return self.runner.run(wait())

    def look(self) -> Keyspace:
        return self.do(Keyspace.read(self.redis))

    def refusal(self, asked: Awaitable[Any]) -> type[Exception] | None:
        """How a verb refuses; None when it does not."""
        try:
            self.do(asked)
        except ArqboardError as error:
            return type(error)
        return None

    @invariant()
    def nothing_is_wrong(self) -> None:
        before, self.space = self.space, self.look()
        assert problems(self.space) == []
        check_that_positions_grow(before, self.space)
        type(self).steps += 1

    def expire_lease(self, job_id: str) -> None:
        """What a lease without heartbeats comes to: its worker is dead, or might as well be."""
        self.do(self.redis.delete(ArqKeys.in_progress(job_id)))
        self.do(self.redis.zadd(QUEUE, {job_id: self.past()}))

    def past(self) -> int:
        """A second ago, by Redis' clock."""
        seconds, micros = self.do(self.redis.time())
        return int(seconds) * 1000 + int(micros) // 1000 - 1000

    def claim_all(self) -> list[Claimed]:
        claim = self.commands.claim(QUEUE, "w1", 100, lease_ms=LEASE_MS, max_crashes=MAX_CRASHES)
        return self.do(claim).jobs

    def finish_as(self, attempt: Claimed, outcome: str, *, keep_jobs: int = 1000, keep_result: bool = False) -> bool:
        ended = Ended(
            attempt.job_id, attempt.token, Outcome(outcome), result=b"r", keep_result_ms=60_000 if keep_result else 0,
            error_type="" if outcome == "succeeded" else "ValueError",
            passed_on=b"p" if outcome == "succeeded" else b"",
        )  # fmt: skip
        [is_written] = self.do(self.commands.finish([ended], keep_jobs=keep_jobs, keep_jobs_ms=10**12))
        return is_written

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self.come_to_an_end()
        finally:
            self.do(self.redis.aclose())
            self.runner.close()

    def come_to_an_end(self) -> None:
        """Let everything run that can: nothing may be left behind."""


def check_that_positions_grow(before: Keyspace, after: Keyspace) -> None:
    """Whoever has seen everything up to a position is told of each later change."""
    assert after.position >= before.position
    for job_id, job in after.jobs.items():
        old = before.jobs.get(job_id)
        if old is None or old["state"] != job["state"] or old["version"] != job["version"]:
            assert int(job["version"]) > before.position, f"{job_id} changed, and no position says so"
    for job_id in before.jobs.keys() - after.jobs.keys():
        assert after.zset(after.keys.changes)[job_id] > before.position, f"{job_id} is gone, and no position says so"
