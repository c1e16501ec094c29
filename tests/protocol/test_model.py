"""The verbs in any order Hypothesis can think of, against a real server; after each one everything in Redis agrees.

What must hold of Redis at every moment is in keyspace.py. Here is what must hold over time: an attempt that lost its
job ends nothing, no limit is exceeded, and in the end every job and every workflow is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from keyspace import Keyspace, is_terminal, problems
from waiting import connect

from arqboard.protocol import JobExists, JobNotFound, Outcome, PayloadGone, WorkflowNotFound, WrongState
from arqboard.protocol.commands import (
    ChunkReport,
    Claimed,
    Commands,
    Ended,
    Later,
    Report,
    Submission,
    parse_renewal,
    renew_args,
)
from arqboard.protocol.graph import Chain, Graph, Group, Part, Step
from arqboard.protocol.scripts import register

QUEUE = "arq:queue"
FUNCTIONS = ("resize", "mail", "feed")
#: Two of "mail" at once; "feed" one in a minute and three in a burst.
LIMITS = {"mail": "2|0|1", "feed": "0|60000|3"}
WORKERS = ("w1", "w2")
T = TypeVar("T")

functions = st.sampled_from(FUNCTIONS)
steps = functions.map(lambda name: Step(Submission(function=name, queue=QUEUE, payload=name.encode())))
parts: st.SearchStrategy[Part] = st.recursive(
    steps,
    lambda inner: st.lists(inner, min_size=1, max_size=3).flatmap(
        lambda members: st.sampled_from([Chain(tuple(members)), Group(tuple(members))])
    ),
    max_leaves=5,
)


class Verbs(RuleBasedStateMachine):
    """Jobs, workflows and attempts as a client and two workers know them."""

    jobs, flows, attempts = Bundle("jobs"), Bundle("flows"), Bundle("attempts")
    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.redis = connect(self.url)
        self.commands = Commands(self.redis)
        self.heartbeat = register(self.redis, "renew")
        self.numbers = iter(range(10_000))
        self.owners: dict[str, str] = {}
        self.silent: set[str] = set()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @initialize()
    def begin_anew(self) -> None:
        self.run(self._begin_anew())

    async def _begin_anew(self) -> None:
        await self.redis.flushall()
        await self.redis.hset(self.commands.keys.limits, mapping=LIMITS)  # type: ignore[misc, unused-ignore]

    # What clients do

    @rule(
        target=jobs, function=functions, defer=st.sampled_from([0, 0, 60_000]), priority=st.integers(0, 9),
        unique=st.sampled_from(["", "", "one"]), expires=st.sampled_from([0, 0, 1]),
        window=st.sampled_from([0, 60_000]),
    )  # fmt: skip
    def submit(self, function: str, defer: int, priority: int, unique: str, expires: int, window: int) -> str:
        submission = Submission(
            function=function, queue=QUEUE, payload=b"call", job_id=f"j{next(self.numbers)}", defer_ms=defer,
            priority=priority, unique=unique, window_ms=window if unique else 0, expires_ms=expires,
        )  # fmt: skip
        return self.run(self.commands.submit(submission)).job_id

    @rule(target=flows, part=parts, on_error=st.sampled_from(["stop", "continue"]))
    def begin(self, part: Part, on_error: Any) -> str:
        return self.run(self.commands.begin(Graph.of(part, on_error=on_error))).job_id

    @rule(job=jobs)
    def abort(self, job: str) -> None:
        with suppress(JobNotFound, WrongState):
            self.run(self.commands.abort(job))

    @rule(job=jobs)
    def retry(self, job: str) -> None:
        with suppress(JobNotFound, WrongState, PayloadGone, JobExists):
            self.run(self.commands.retry(job))

    @rule(job=jobs)
    def discard(self, job: str) -> None:
        with suppress(JobNotFound, WrongState):
            self.run(self.commands.discard(job))

    @rule(flow=flows)
    def abort_workflow(self, flow: str) -> None:
        with suppress(WorkflowNotFound, WrongState):
            self.run(self.commands.abort_workflow(flow))

    @rule(flow=flows)
    def retry_workflow(self, flow: str) -> None:
        with suppress(WorkflowNotFound, WrongState):
            self.run(self.commands.retry_workflow(flow))

    @rule(function=functions)
    def pause(self, function: str) -> None:
        self.run(self.commands.pause("function", function))

    @rule(function=functions)
    def resume(self, function: str) -> None:
        self.run(self.commands.resume("function", function))

    # What workers do

    @rule(target=attempts, worker=st.sampled_from(WORKERS), want=st.integers(1, 6))
    def claim(self, worker: str, want: int) -> Any:
        claim = self.run(self.commands.claim(QUEUE, worker, want, lease_ms=3_600_000, max_crashes=3))
        assert not claim.foreign, "no job is in the queue without its record"
        assert len({a.job_id for a in claim.jobs}) == len(claim.jobs) <= want
        for attempt in claim.jobs:
            self.owners[attempt.job_id] = attempt.token
            self.silent.discard(attempt.job_id)
        return multiple(*claim.jobs)

    @rule(attempt=attempts)
    def progress(self, attempt: Claimed) -> None:
        report = Report(attempt.job_id, attempt.token, 3, 10, "rows", "reading", "Reading")
        assert self.run(self.commands.progress([report])) == [self.owns(attempt)]

    @rule(attempt=attempts, marks=st.dictionaries(st.integers(0, 3), st.sampled_from("rdfs"), min_size=1))
    def mark(self, attempt: Claimed, marks: dict[int, str]) -> None:
        report = Report(attempt.job_id, attempt.token, 3, 40, "rows", "", "")
        chunks = ChunkReport(report, total=4, size=10, items=40, marks=marks)
        assert self.run(self.commands.mark([chunks])) == [self.owns(attempt)]

    @rule(worker=st.sampled_from(WORKERS), held=st.lists(attempts, max_size=4, unique_by=lambda a: a.job_id))
    def renew(self, worker: str, held: list[Claimed]) -> None:
        """A heartbeat names what has been lost, and keeps the rest."""
        tokens = {attempt.job_id: attempt.token for attempt in held}
        args = renew_args(self.commands.keys, worker, QUEUE, lease_ms=3_600_000, record={"pid": 1}, tokens=tokens)
        renewal = parse_renewal(self.run(self.heartbeat(args=args)))
        assert set(renewal.lost) == {attempt.job_id for attempt in held if not self.owns(attempt)}

    @rule(attempt=consumes(attempts), outcome=st.sampled_from([Outcome.SUCCEEDED, Outcome.FAILED, Outcome.ABORTED]))
    def finish(self, attempt: Claimed, outcome: Outcome) -> None:
        assert self.run(self.end(attempt, outcome)) == self.owns(attempt)
        self.forget(attempt)

    @rule(
        attempt=consumes(attempts), defer=st.sampled_from([0, 60_000]),
        outcome=st.sampled_from([Outcome.RETRY, Outcome.HANDED_OVER]),
    )  # fmt: skip
    def retry_later(self, attempt: Claimed, defer: int, outcome: Outcome) -> None:
        later = Later(attempt.job_id, attempt.token, defer, outcome, "OSError", "again")
        assert self.run(self.commands.retry_later([later])) == [self.owns(attempt)]
        self.forget(attempt)

    @precondition(lambda self: self.owners)
    @rule(data=st.data())
    def kill(self, data: st.DataObject) -> None:
        """The worker of a job goes silent and its lease runs out. Until another one claims the job, it is its own."""
        job = data.draw(st.sampled_from(sorted(self.owners)))
        self.silent.add(job)
        self.run(self._lease_ends(job))

    async def _lease_ends(self, job: str) -> None:
        await self.redis.delete(f"arq:in-progress:{job}")
        await self.redis.zadd(QUEUE, {job: 1}, xx=True)

    # What any worker does now and then

    @rule()
    def promote(self) -> None:
        self.run(self.commands.promote())

    @rule()
    def launch(self) -> None:
        self.run(self.commands.launch())

    @rule()
    def sweep(self) -> None:
        self.run(self.commands.sweep())

    # What must hold

    @invariant()
    def everything_agrees(self) -> None:
        space = self.run(Keyspace.read(self.redis))
        assert problems(space) == []
        running = [job for job in space.jobs.values() if job["state"] == "running"]
        held = {job_id for job_id, token in self.owners.items() if space.jobs.get(job_id, {}).get("token") == token}
        held -= {job_id for job_id in held if space.jobs[job_id]["state"] != "running"}
        assert set(self.owners) - held <= self.silent, "a job is taken only from a worker that has gone silent"
        self.owners = {job_id: token for job_id, token in self.owners.items() if job_id in held}
        assert sum(job["function"] == "mail" for job in running) <= 2

    def owns(self, attempt: Claimed) -> bool:
        return self.owners.get(attempt.job_id) == attempt.token

    def forget(self, attempt: Claimed) -> None:
        if self.owns(attempt):
            del self.owners[attempt.job_id]

    async def end(self, attempt: Claimed, outcome: Outcome) -> bool:
        ended = Ended(attempt.job_id, attempt.token, outcome, result=b"blob", keep_result_ms=60_000, passed_on=b"blob")
        if outcome is not Outcome.SUCCEEDED:
            ended = replace(ended, passed_on=b"", error_type="ValueError", error="no")
        return (await self.commands.finish([ended], keep_jobs=10_000, keep_jobs_ms=10**9))[0]

    def teardown(self) -> None:
        """Whatever has happened: workers that go on bring everything to its end."""
        try:
            self.run(self._run_out())
        finally:
            self.run(self.redis.aclose())
            self.loop.close()

    async def _run_out(self) -> None:
        for function in FUNCTIONS:
            await self.commands.resume("function", function)
        await self.redis.delete(self.commands.keys.limits)
        for job in self.owners:
            await self._lease_ends(job)
        for _ in range(500):
            while await self.commands.launch():
                pass
            while await self.commands.sweep():
                pass
            waiting = list(await self.redis.zrange(QUEUE, 0, -1))
            if waiting:
                await self.redis.zadd(QUEUE, dict.fromkeys(waiting, 1))
            claim = await self.commands.claim(QUEUE, "last", 100, lease_ms=1000, max_crashes=3)
            for attempt in claim.jobs:
                assert await self.end(attempt, Outcome.SUCCEEDED)
            if not waiting and not claim.jobs:
                break
        space = await Keyspace.read(self.redis)
        assert problems(space) == []
        assert [job for job, record in space.jobs.items() if not is_terminal(record)] == []
        assert [wf for wf, record in space.workflows.items() if record["state"] == "running"] == []


def test_whatever_is_done_in_whatever_order_redis_agrees_with_itself(redis_url: str) -> None:
    model = type("Model", (Verbs,), {"url": redis_url})
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    chosen = settings(
        max_examples=150, stateful_step_count=40, deadline=None, phases=[Phase.generate], suppress_health_check=checks
    )
    run_state_machine_as_test(model, settings=chosen)
