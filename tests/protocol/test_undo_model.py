"""Random sequences of actions and of taking them back: what is undone is as it was, and Redis agrees with itself."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from keyspace import Keyspace
from model import CHOICES, EXAMPLES, QUEUE, Machine, pick, run

from arqboard.protocol import ArqKeys, Outcome
from arqboard.protocol.acting import Action, Answer, Undone, Wish, new_batch
from arqboard.protocol.commands import Claimed, Later, Submission
from arqboard.protocol.graph import Chain, Graph, Group, Step

#: What moves on with every change, or says that something was to be undone.
MOVING = ("version", "position", "undo")
JOB_IDS = [f"j{n}" for n in range(12)]


def test_whatever_is_undone_is_as_it_was(redis_url: str) -> None:
    Undos.brought_back = 0
    run(Undos, redis_url)
    # as a rule it is as many as there are examples; now and then half of that
    assert Undos.brought_back >= EXAMPLES // 4, "the sequences have to come to what this is about"


def stored(space: Keyspace, job_id: str) -> dict[str, Any]:
    """All that is stored of a job in a record of its own, and in the indexes. Late ends of attempts that had lost it
    are left out: they are told whenever they come, also between an action and its undoing."""
    keys = (space.keys.payload(job_id), ArqKeys.job(job_id), ArqKeys.result(job_id), ArqKeys.retry(job_id))
    attempts = [json.loads(raw) for raw in space.values.get(space.keys.attempts(job_id), [])]
    record = {name: text for name, text in space.jobs[job_id].items() if name not in MOVING}
    scores: dict[str, float] = {
        key: value[job_id]
        for key, value in space.values.items()
        if isinstance(value, dict) and job_id in value and ("jobs:" in key or key in (QUEUE, space.keys.ended))
    }
    own = [attempt for attempt in attempts if attempt.get("outcome") != Outcome.DISCARDED]
    return {"record": record, "scores": scores, "attempts": own, **{key: space.values.get(key) for key in keys}}


class Undos(Machine):
    """A handful of jobs, two of them steps of workflows, and everything that people and a worker do to them."""

    brought_back: ClassVar[int] = 0

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.attempts: list[Claimed] = []
        #: batch → what each job was before, by what was done
        self.batches: dict[str, dict[str, dict[str, Any]]] = {}
        self.flows = 0

    @property
    def job_ids(self) -> list[str]:
        return sorted({*JOB_IDS, *self.space.jobs})

    @rule()
    def fail_all(self) -> None:
        """So that there is something to retry."""
        for attempt in self.claim_all():
            self.finish_as(attempt, "failed", keep_result=True)

    @rule(
        job_ids=st.lists(st.sampled_from(JOB_IDS), min_size=1, max_size=4, unique=True),
        defer=st.sampled_from([0, 0, 60_000]),
        unique=st.sampled_from(["", "", "", "u"]),
    )
    def submit(self, job_ids: list[str], defer: int, unique: str) -> None:
        call = Submission(function="resize", queue=QUEUE, payload=b"call", defer_ms=defer, unique=unique)
        tags: list[tuple[str, ...]] = [("a", "b"), ("a",), ()]  # given in turn, so that nothing more has to be drawn
        jobs = [replace(call, job_id=job_id, tags=tags[n % 3]) for n, job_id in enumerate(job_ids)]
        self.do(self.commands.submit_many(jobs))

    @rule(is_group=st.booleans(), on_error=st.sampled_from(["stop", "continue"]))
    def begin(self, is_group: bool, on_error: Any) -> None:
        steps = tuple(Step(Submission(function="mail", queue=QUEUE, payload=b"step")) for _ in range(2))
        self.flows += 1
        if self.flows <= 2:
            part = Group(steps) if is_group else Chain(steps)
            self.do(self.commands.begin(Graph.of(part, on_error=on_error), workflow_id=f"w{self.flows}"))

    @rule()
    def claim(self) -> None:
        self.attempts += self.claim_all()

    @rule(choice=CHOICES, outcome=st.sampled_from(["succeeded", "failed", "failed", "aborted"]), keep=st.booleans())
    def finish(self, choice: int, outcome: str, keep: bool) -> None:
        if self.attempts:
            self.finish_as(self.attempts.pop(choice % len(self.attempts)), outcome, keep_result=keep)

    @rule(choice=CHOICES, outcome=st.sampled_from([Outcome.RETRY, Outcome.HANDED_OVER]))
    def retry_later(self, choice: int, outcome: Outcome) -> None:
        if self.attempts:
            attempt = self.attempts.pop(choice % len(self.attempts))
            self.do(self.commands.retry_later([Later(attempt.job_id, attempt.token, 0, outcome, "OSError", "no")]))

    @rule(choice=CHOICES)
    def expire(self, choice: int) -> None:
        running = sorted(job_id for job_id, job in self.space.jobs.items() if job["state"] == "running")
        if running:
            self.expire_lease(running[choice % len(running)])

    @precondition(lambda self: self.some(Action.RETRY))
    @rule(choices=st.lists(CHOICES, min_size=1, max_size=3))
    def retry(self, choices: list[int]) -> None:
        self.act(choices, Action.RETRY)

    @precondition(lambda self: self.some(Action.DELETE))
    @rule(choices=st.lists(CHOICES, min_size=1, max_size=3))
    def delete(self, choices: list[int]) -> None:
        self.act(choices, Action.DELETE)

    def some(self, action: Action) -> list[str]:
        """Jobs that it can be done to."""
        return sorted(job_id for job_id, job in self.space.jobs.items() if job["state"] in action.states)

    def act(self, choices: list[int], action: Action) -> None:
        """With a way back."""
        fitting = self.some(action)
        wanted = list(dict.fromkeys(pick(choice, fitting, self.job_ids) for choice in choices))
        batch, before = new_batch(), {i: stored(self.space, i) for i in wanted if i in self.space.jobs}
        answers = self.do(self.commands.act(Wish(action, batch=batch), wanted))
        for job_id, answer in answers.items():
            fits = job_id in fitting
            assert answer.is_done == fits or answer in (Answer.LOST_CALL, Answer.TAKEN), (job_id, answer)
        if undoable := {i: before[i] for i, answer in answers.items() if answer is Answer.UNDOABLE}:
            self.batches[batch] = undoable

    @rule(
        choices=st.lists(CHOICES, min_size=1, max_size=3),
        action=st.sampled_from([Action.RETRY, Action.ABORT, Action.DELETE]),
    )
    def act_for_good(self, choices: list[int], action: Action) -> None:
        fitting = self.some(action)
        self.do(self.commands.act(Wish(action), [pick(choice, fitting, self.job_ids) for choice in choices]))

    @precondition(lambda self: self.batches)
    @rule(choice=CHOICES)
    def undo(self, choice: int) -> None:
        batch = list(self.batches)[-1 if choice % 2 else choice % len(self.batches)]  # often the last, as people do
        before, undone = self.batches.pop(batch), self.do(self.commands.undo(batch))
        after = self.look()
        assert set(undone) == set(before)
        for job_id, answer in undone.items():
            if answer is Undone.DONE:
                assert stored(after, job_id) == before[job_id], job_id
                type(self).brought_back += 1
        assert self.do(self.commands.undo(batch)).keys() <= {i for i, a in undone.items() if a is not Undone.DONE}

    @rule()
    def promote(self) -> None:
        self.do(self.commands.promote())
        self.do(self.commands.launch())
        self.do(self.commands.sweep())
