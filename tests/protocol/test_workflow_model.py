"""Random workflows whose jobs end in any way, while they are aborted, retried and carried on bit by bit."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule
from keyspace import Flow, is_terminal, problems
from model import CHOICES, LEASE_MS, MAX_CRASHES, QUEUE, Machine, pick, run

from arqboard.protocol import Outcome
from arqboard.protocol.commands import Claimed, Commands, Ended, Later, Submission
from arqboard.protocol.graph import Chain, Graph, Group, Part, Step
from arqboard.protocol.scripts import source


def test_workflows_never_get_stuck_and_start_each_step_once(redis_url: str) -> None:
    run(Flows, redis_url)


steps = st.builds(Step, st.just(Submission(function="f", queue=QUEUE, payload=b"p")), st.booleans())
parts: st.SearchStrategy[Part] = st.recursive(
    steps,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(tuple).map(Chain), st.lists(inner, max_size=5).map(tuple).map(Group)
    ),
    max_leaves=12,
)
#: How a job's node may go on; a job that has succeeded never runs again.
NEXT = {".": "qs", "q": "dfaFA", "f": "q", "a": "q", "F": "q", "A": "q", "s": ".", "d": ""}
BATCH, MAX_FLOWS, KEEP_FLOWS = 2, 5, 3


def impatient(commands: Commands, redis: Any) -> Commands:
    """The verbs as they are, but for how much they do in one call: as little as possible."""
    for verb in ("begin", "finish", "abort", "discard", "retry", "launch", "sweep", "abort_workflow", "retry_workflow"):
        text = source(verb)
        assert "local LAUNCH = 100" in text
        small = text.replace("local LAUNCH = 100", f"local LAUNCH = {BATCH}")
        commands._verbs._scripts[verb] = redis.register_script(small)
    return commands


class Flows(Machine):
    """Random graphs whose jobs end in any way, while they are aborted, retried and carried on bit by bit."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.commands = impatient(self.commands, self.redis)
        self.attempts: list[Claimed] = []
        self.begun: list[str] = []
        self.walks: list[tuple[str, int]] = []
        self.seen: dict[str, str] = {}

    def attempt(self, choice: int) -> Claimed:
        """One that owns its job, mostly."""
        running = {job.get("token") for job in self.space.jobs.values() if job["state"] == "running"}
        return pick(choice, [a for a in self.attempts if a.token in running], self.attempts)

    def job_in(self, choice: int, states: str) -> str:
        """A job in one of these states, mostly."""
        jobs = self.space.jobs
        return pick(choice, [i for i in sorted(jobs) if jobs[i]["state"] in states], sorted(jobs))

    def flow_in(self, choice: int, states: str) -> str:
        return pick(choice, [wf for wf in self.begun if (self.state_of(wf) or "gone") in states], self.begun)

    @precondition(lambda self: len(self.begun) < MAX_FLOWS)
    @rule(part=parts, on_error=st.sampled_from(["stop", "continue"]))
    def begin(self, part: Part, on_error: Any) -> None:
        wf = f"wf{len(self.begun)}"
        begun = self.do(self.commands.begin(Graph.of(part, on_error=on_error), workflow_id=wf, keep=KEEP_FLOWS))
        assert (begun.job_id, begun.is_new) == (wf, True)
        self.begun.append(wf)

    @precondition(lambda self: self.begun)
    @rule(want=st.sampled_from([1, 3, 20]))
    def claim(self, want: int) -> None:
        claim = self.commands.claim(QUEUE, "w1", want, lease_ms=LEASE_MS, max_crashes=MAX_CRASHES)
        jobs = self.do(claim).jobs
        for attempt in jobs:
            has_ended = self.state_of(attempt.workflow) in ("failed", "aborted")
            assert attempt.has_no_workflow == (has_ended and not attempt.is_aborted and not attempt.has_crashed_often)
            was_cut = self.space.jobs[attempt.job_id]["state"] == "running"
            assert was_cut or attempt.is_aborted or not self.is_paused(attempt.workflow)
        self.attempts += jobs

    @precondition(lambda self: self.attempts)
    @rule(choice=CHOICES, outcome=st.sampled_from(["succeeded"] * 3 + ["failed", "failed", "aborted"]))
    def finish(self, choice: int, outcome: str) -> None:
        self.finish_as(self.attempt(choice), outcome)

    @precondition(lambda self: self.begun)
    @rule(choices=st.lists(CHOICES, min_size=1, max_size=6))
    def claim_and_finish_at_once(self, choices: list[int]) -> None:
        self.claim(20)
        self.space = self.look()
        ended = [self.attempt(choice) for choice in choices if self.attempts]
        ends = [Ended(a.job_id, a.token, Outcome.SUCCEEDED, passed_on=b"p") for a in ended]
        self.do(self.commands.finish(ends, keep_jobs=1000, keep_jobs_ms=10**12))

    @precondition(lambda self: self.attempts)
    @rule(choice=CHOICES)
    def run_again_later(self, choice: int) -> None:
        attempt = self.attempt(choice)
        self.do(self.commands.retry_later([Later(attempt.job_id, attempt.token, 0, Outcome.RETRY)]))

    @precondition(lambda self: self.attempts)
    @rule(choice=CHOICES)
    def kill_its_worker(self, choice: int) -> None:
        attempt = self.attempt(choice)
        job = self.space.jobs.get(attempt.job_id)
        if job and job["state"] == "running":
            self.expire_lease(attempt.job_id)

    @rule()
    @precondition(lambda self: self.space.set(self.keys.launching))
    def launch(self) -> None:
        self.do(self.commands._call("launch", BATCH))

    @rule()
    @precondition(lambda self: self.space.set(self.keys.stopping))
    def sweep(self) -> None:
        self.do(self.commands._call("sweep", BATCH))

    @precondition(lambda self: self.begun)
    @rule(choice=CHOICES)
    def abort_workflow(self, choice: int) -> None:
        wf = self.flow_in(choice, "running")
        state = self.state_of(wf)
        code = self.do(self.commands._call("abort_workflow", wf, ""))
        assert code == (-1 if state is None else 1 if state == "running" else -2)

    @precondition(lambda self: self.begun)
    @rule(choice=CHOICES, wanted=st.booleans())
    def pause_or_resume(self, choice: int, wanted: bool) -> None:
        wf = self.flow_in(choice, "running")
        state, before = self.state_of(wf), self.is_paused(wf)
        code = self.do(self.commands._call("pause_workflow", wf, int(wanted)))
        assert code == (-1 if state is None else -2 if state != "running" else 2 if wanted == before else 1)

    @precondition(lambda self: self.begun)
    @rule(choice=CHOICES)
    def forget_workflow(self, choice: int) -> None:
        wf = self.flow_in(choice, "succeeded failed aborted")
        if self.refusal(self.commands.forget_workflow(wf)) is None:
            self.walks = [walk for walk in self.walks if walk[0] != wf]

    @precondition(lambda self: self.begun)
    @rule(choice=CHOICES)
    def begin_to_retry(self, choice: int) -> None:
        self.retry_some(self.flow_in(choice, "failed aborted"), 0)

    @precondition(lambda self: self.walks)
    @rule()
    def retry_more(self) -> None:
        self.retry_some(*self.walks.pop(0))

    def retry_some(self, wf: str, at: int) -> None:
        then, _queued, _gone = self.do(self.commands._call("retry_workflow", wf, at, BATCH))
        if then > 0:
            self.walks.append((wf, then))

    @precondition(lambda self: self.space.jobs)
    @rule(choice=CHOICES)
    def retry_job(self, choice: int) -> None:
        self.refusal(self.commands.retry(self.job_in(choice, "failed aborted")))

    @precondition(lambda self: self.space.jobs)
    @rule(choice=CHOICES)
    def abort_job(self, choice: int) -> None:
        self.refusal(self.commands.abort(self.job_in(choice, "running retrying queued")))

    @precondition(lambda self: self.space.jobs)
    @rule(choice=CHOICES)
    def discard_job(self, choice: int) -> None:
        self.refusal(self.commands.discard(self.job_in(choice, "queued retrying failed")))

    def state_of(self, wf: str) -> str | None:
        return self.space.workflows.get(wf, {}).get("state")

    def is_paused(self, wf: str) -> bool:
        return "paused" in self.space.workflows.get(wf, {})

    @invariant()
    def each_step_starts_once(self) -> None:
        for wf in self.space.workflows:
            flow, seen = Flow.of(self.space, wf), self.seen.get(wf, "")
            for n in flow.jobs(".qdfaFAs") if seen else ():
                assert flow.marks[n] in seen[n] + NEXT[seen[n]], f"{wf}.{n} went from {seen[n]} to {flow.marks[n]}"
            self.seen[wf] = flow.marks

    def come_to_an_end(self) -> None:
        """Workers carry on what there is, and every workflow comes to its end."""
        while self.walks:
            self.retry_more()
        for wf in self.look().workflows:
            self.refusal(self.commands.resume_workflow(wf))
        for job_id, job in self.look().jobs.items():
            if job["state"] == "running":
                self.expire_lease(job_id)
        while self.carry_on():
            pass
        space = self.look()
        assert problems(space) == []
        assert [wf for wf, info in space.workflows.items() if info["state"] == "running"] == []
        assert (space.set(self.keys.launching), space.set(self.keys.stopping)) == (set(), set())
        assert [i for i, job in space.jobs.items() if not is_terminal(job)] == []

    def carry_on(self) -> bool:
        """One round of what workers do. False when there is nothing left to do."""
        left = [self.do(self.commands._call(verb, BATCH)) for verb in ("launch", "sweep")]
        attempts = self.claim_all()
        for attempt in attempts:
            has_to_end = attempt.is_aborted or attempt.has_no_workflow or attempt.has_crashed_often
            assert self.finish_as(attempt, "aborted" if has_to_end else "succeeded")
        return any(left) or bool(attempts)
