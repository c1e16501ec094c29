"""Random sequences of verbs on jobs, with a model of what each must answer and leave behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from keyspace import Keyspace, is_terminal, problems
from model import CHOICES, LEASE_MS, MAX_CRASHES, QUEUE, Machine, pick, run

from arqboard.protocol import ArqKeys, JobExists, JobNotFound, KeyReused, Outcome, WrongState
from arqboard.protocol.commands import (
    ChunkReport,
    Claimed,
    Later,
    Report,
    Submission,
    Submitted,
    parse_renewal,
    renew_args,
)
from arqboard.protocol.scripts import register

KEEP = 5
PLAIN, LIMITED, RATED = "plain", "limited", "rated"

JOB_IDS = [f"j{n}" for n in range(6)]
WORKERS = st.sampled_from(["w1", "w2"])


def test_the_verbs_do_with_jobs_what_the_model_says(redis_url: str) -> None:
    run(Jobs, redis_url)


@dataclass
class Known:
    """What the model knows of a job. `token` is that of its last attempt, as long as that may end it."""

    sent: Submission
    state: str = "queued"
    is_due: bool = True
    token: str = ""
    is_held: bool = False
    attempt: int = 0
    tries: int = 0
    crashes: int = 0
    is_abort_wanted: bool = False
    has_expired: bool = False
    has_slot: bool = False
    has_result: bool = False

    @property
    def is_over(self) -> bool:
        return self.state in ("succeeded", "failed", "aborted")

    @property
    def is_running(self) -> bool:
        return self.state == "running"

    @property
    def is_lost(self) -> bool:
        return self.is_running and not self.is_held

    def runs_as(self, token: str) -> bool:
        return self.is_running and self.token == token

    @property
    def function(self) -> str:
        return self.sent.function

    @property
    def is_suspect(self) -> bool:
        return self.crashes + self.is_running == MAX_CRASHES - 1


@dataclass
class Books:
    """What the model counts, to be compared with the verbs' own counters."""

    submitted: int = 0
    started: int = 0
    succeeded: int = 0
    failed: int = 0
    aborted: int = 0
    retried: int = 0
    lost: int = 0

    def differences(self, space: Keyspace) -> list[str]:
        return [
            f"{name}: {n}, counted {space.counted(name)}" for name, n in vars(self).items() if space.counted(name) != n
        ]


@dataclass
class Held:
    """Who has a unique key. With a window it has it for longer than this test takes."""

    job_id: str
    has_window: bool


submissions = st.builds(
    Submission,
    function=st.sampled_from([PLAIN, LIMITED, RATED]),
    queue=st.just(QUEUE),
    payload=st.binary(min_size=1, max_size=3),
    job_id=st.just(""),
    priority=st.sampled_from([0, 0, 3, 9]),
    defer_ms=st.sampled_from([0, 0, 0, 3_600_000]),
    expires_ms=st.sampled_from([None, None, 3_600_000]),
    unique=st.sampled_from(["", "", "", "u"]),
    window_ms=st.sampled_from([0, 0, 0, 3_600_000]),
    tags=st.sampled_from([(), (), ("a",), ("a", "b:1")]),
)


class Jobs(Machine):
    """A handful of ids, three functions, two workers, and everything that can happen to a job."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.jobs: dict[str, Known] = {}
        self.left: set[str] = set()
        """ids of jobs that were forgotten before their results, which keep the ids taken"""
        self.sent: list[Submission] = []
        self.attempts: list[Claimed] = []
        self.books = Books()
        self.unique: dict[str, Held] = {}
        self.once: dict[str, tuple[str, str]] = {}
        self.asked: set[str] = set()
        self.paused: set[str] = set()
        self.free_starts = 0
        self.concurrency = self.burst = 0

    @initialize(concurrency=st.integers(1, 2), burst=st.integers(1, 2))
    def limit(self, concurrency: int, burst: int) -> None:
        self.concurrency, self.burst = concurrency, burst
        limits = {LIMITED: f"{concurrency}|0|1", RATED: f"0|3600000|{burst}"}
        self.do(self.redis.hset(self.keys.limits, mapping=limits))

    def some(self, fits: Callable[[Known], bool]) -> bool:
        return any(map(fits, self.jobs.values()))

    def choose(self, choice: int, fits: Callable[[Known], bool]) -> str:
        """The id of a job that fits, three times out of four or so."""
        fitting = [i for i, job in sorted(self.jobs.items()) if fits(job)]
        return pick(choice, fitting, JOB_IDS)

    def attempt(self, choice: int) -> Claimed:
        """An attempt that owns its job, mostly; else one whose job another attempt runs, or any that ever was."""
        running = [a for a in self.attempts if a.job_id in self.jobs and self.jobs[a.job_id].is_running]
        owning = [a for a in running if self.jobs[a.job_id].runs_as(a.token)]
        ousted = [a for a in running if a not in owning]
        return pick(choice, owning, ousted or self.attempts)

    # Asked by programs

    @rule(choice=CHOICES, many=st.lists(submissions, min_size=1, max_size=3))
    def submit(self, choice: int, many: list[Submission]) -> None:
        free = [i for i in JOB_IDS if i not in self.jobs]
        self.accept([replace(s, job_id=pick(choice + n, free, JOB_IDS)) for n, s in enumerate(many)])

    @precondition(lambda self: self.sent)
    @rule(choice=CHOICES)
    def submit_again_since_the_reply_was_lost(self, choice: int) -> None:
        self.accept([self.sent[choice % len(self.sent)]])

    @rule(
        choice=CHOICES, submission=submissions, once=st.sampled_from(["a", "b"]),
        fingerprint=st.sampled_from(["f", "f", "g"]),
    )  # fmt: skip
    def submit_once(self, choice: int, submission: Submission, once: str, fingerprint: str) -> None:
        job_id = JOB_IDS[choice % len(JOB_IDS)]
        self.accept([replace(submission, job_id=job_id, once=once, fingerprint=fingerprint)])

    def accept(self, many: list[Submission]) -> None:
        answers = self.do(self.commands.submit_many(many))
        for s, answer in zip(many, answers, strict=True):
            expected = self.answer(s)
            assert (answer if isinstance(answer, Submitted) else type(answer)) == expected
            if expected == Submitted(s.job_id, is_new=True):
                self.enter(s)
            self.sent.append(s)

    def answer(self, s: Submission) -> Submitted | type[Exception]:
        known, earlier = self.jobs.get(s.job_id), self.once.get(s.once)
        if earlier:
            return Submitted(earlier[1], is_new=False) if earlier[0] == s.fingerprint else KeyReused
        if known and known.sent.nonce == s.nonce:
            return Submitted(s.job_id, is_new=False)
        if s.unique in self.unique:
            return Submitted(self.unique[s.unique].job_id, is_new=False)
        if (known and (not known.is_over or known.has_result)) or s.job_id in self.left:
            return JobExists
        return Submitted(s.job_id, is_new=True)

    def enter(self, s: Submission) -> None:
        self.jobs[s.job_id] = Known(s, "deferred" if s.defer_ms else "queued", is_due=not s.defer_ms)
        self.asked.discard(s.job_id)
        self.books.submitted += 1
        if s.once:
            self.once[s.once] = (s.fingerprint, s.job_id)
        if s.unique:
            self.unique[s.unique] = Held(s.job_id, s.window_ms > 0)

    @precondition(lambda self: self.some(lambda job: not job.is_over))
    @rule(choice=CHOICES)
    def abort(self, choice: int) -> None:
        job_id = self.choose(choice, lambda job: not job.is_over)
        job = self.jobs.get(job_id)
        refusal = self.refusal(self.commands.abort(job_id))
        assert refusal is (JobNotFound if job is None else WrongState if job.is_over else None)
        if job is None or job.is_over:
            return
        if job.is_running and job.is_held:
            job.is_abort_wanted = True
            return
        self.books.lost += job.is_running
        self.end(job, "aborted")
        job.token = ""

    @precondition(lambda self: self.some(lambda job: not job.is_over))
    @rule(choice=CHOICES)
    def abort_as_stock_arq_does(self, choice: int) -> None:
        job_id = self.choose(choice, lambda job: not job.is_over)
        now = self.do(self.redis.time())[0] * 1000
        self.do(self.redis.zadd(ArqKeys.abort, {job_id: now}))
        self.asked.add(job_id)

    @precondition(lambda self: self.some(lambda job: not job.is_running))
    @rule(choice=CHOICES)
    def discard(self, choice: int) -> None:
        job_id = self.choose(choice, lambda job: not job.is_running)
        job = self.jobs.get(job_id)
        refusal = self.refusal(self.commands.discard(job_id))
        assert refusal is (JobNotFound if job is None else WrongState if job.is_running else None)
        if job is not None and not job.is_running:
            self.release(job)
            self.asked.discard(job_id)
            del self.jobs[job_id]

    @precondition(lambda self: self.some(lambda job: job.state in ("failed", "aborted")))
    @rule(choice=CHOICES)
    def retry(self, choice: int) -> None:
        job_id = self.choose(choice, lambda job: job.state in ("failed", "aborted"))
        job = self.jobs.get(job_id)
        refusal = self.refusal(self.commands.retry(job_id))
        can = job is not None and job.state in ("failed", "aborted")
        assert refusal is (JobNotFound if job is None else None if can else WrongState)
        if job is None or not can:
            return
        job.state, job.is_due, job.tries, job.crashes, job.is_abort_wanted = "queued", True, 0, 0, False
        job.has_result = job.has_expired = job.has_slot = False
        job.sent = replace(job.sent, expires_ms=None)
        self.asked.discard(job_id)
        if job.sent.unique:
            self.unique.setdefault(job.sent.unique, Held(job_id, has_window=False))

    @precondition(lambda self: self.some(lambda job: job.state == "queued"))
    @rule(
        what=st.sampled_from([("queue", QUEUE), ("function", PLAIN), ("function", LIMITED)]),
        go_on=st.sampled_from([True, True, False]),
    )
    def pause_or_resume(self, what: tuple[Any, str], go_on: bool) -> None:
        kind, name = what
        was_paused = name in self.paused
        if go_on:
            assert self.do(self.commands.resume(kind, name)) == was_paused
            self.paused.discard(name)
        else:
            assert self.do(self.commands.pause(kind, name)) != was_paused
            self.paused.add(name)

    # Asked by workers

    @rule(choice=CHOICES, many=st.lists(submissions, min_size=2, max_size=4))
    def submit_and_claim(self, choice: int, many: list[Submission]) -> None:
        self.submit(choice, many)
        self.claim("w1", 9 if choice % 3 else 1)

    @precondition(lambda self: self.jobs)
    @rule(worker=WORKERS, want=st.sampled_from([1, 2, 9, 9]))
    def claim(self, worker: str, want: int) -> None:
        may_start = {i: job for i, job in self.jobs.items() if self.may_start(job)}
        claim = self.do(self.commands.claim(QUEUE, worker, want, lease_ms=LEASE_MS, max_crashes=MAX_CRASHES))
        assert claim.foreign == []
        claimed = [c.job_id for c in claim.jobs]
        assert len(claimed) == len(set(claimed)) <= want
        assert set(claimed) <= may_start.keys()
        suspects = [i for i in claimed if may_start[i].is_suspect]
        assert len(suspects) <= 1
        left = {i: job for i, job in may_start.items() if i not in claimed and not (suspects and job.is_suspect)}
        self.check_priorities(claimed, left)
        fresh = [i for i in claimed if not self.jobs[i].is_running]
        for attempt in claim.jobs:
            self.start(attempt)
        self.check_limits(fresh, left if len(claimed) < want else {})
        self.note_slots()
        self.attempts += claim.jobs

    def note_slots(self) -> None:
        """What its function's rate holds back has been given a time."""
        for job_id, found in self.look().jobs.items():
            job = self.jobs[job_id]
            if "slot" in found and not job.has_slot:
                assert job.function == RATED
                job.is_due, job.has_slot = False, True

    def may_start(self, job: Known) -> bool:
        if job.is_over or QUEUE in self.paused:
            return False
        return job.is_lost if job.is_running else job.is_due and job.function not in self.paused

    def check_priorities(self, claimed: Iterable[str], left: dict[str, Known]) -> None:
        waited = [j.sent.priority for j in left.values() if j.state == "queued" and j.function == PLAIN]
        started = [self.jobs[i] for i in claimed]
        taken = [j.sent.priority for j in started if j.state == "queued" and j.function == PLAIN]
        assert not waited or not taken or min(taken) >= max(waited)

    def check_limits(self, fresh: list[str], left: dict[str, Known]) -> None:
        """`left` could have started too, as far as this claim is concerned."""
        running = sum(job.is_running and job.function == LIMITED for job in self.jobs.values())
        if any(self.jobs[i].function == LIMITED for i in fresh):
            assert running <= self.concurrency
        assert [i for i, job in left.items() if job.function == PLAIN or job.is_lost] == []
        assert running >= self.concurrency or [i for i, job in left.items() if job.function == LIMITED] == []
        assert self.free_starts <= self.burst

    def start(self, attempt: Claimed) -> None:
        job = self.jobs[attempt.job_id]
        was_lost = job.is_running
        if was_lost:
            job.crashes += 1
            self.books.lost += 1
        else:
            job.tries += 1
            self.free_starts += job.function == RATED and not job.has_slot
        if attempt.job_id in self.asked and not job.is_abort_wanted:
            self.asked.discard(attempt.job_id)
            job.is_abort_wanted = True
        killed_too_often = job.crashes >= MAX_CRASHES
        self.books.started += 1
        assert attempt.payload == job.sent.payload
        assert (attempt.job_try, attempt.crashes) == (job.tries, job.crashes)
        assert attempt.is_aborted == job.is_abort_wanted
        assert attempt.has_crashed_often == (killed_too_often and not job.is_abort_wanted)
        too_late = job.has_expired and job.attempt == 0
        assert attempt.has_expired == (too_late and not job.is_abort_wanted and not killed_too_often)
        job.state, job.token, job.is_held, job.attempt = "running", attempt.token, True, job.attempt + 1
        job.has_slot = False

    @precondition(lambda self: self.attempts)
    @rule(choice=CHOICES, outcome=st.sampled_from(["succeeded", "failed", "failed", "aborted"]), keep=st.booleans())
    def finish(self, choice: int, outcome: str, keep: bool) -> None:
        attempt = self.attempt(choice)
        job = self.jobs.get(attempt.job_id)
        owns = job is not None and job.is_running and job.token == attempt.token
        knows = job is not None and job.is_over and job.token == attempt.token
        is_written = self.finish_as(attempt, outcome, keep_jobs=KEEP, keep_result=keep)
        assert is_written == (owns or knows)
        if owns and job is not None:
            self.end(job, outcome)
            job.has_result = keep
        self.forget_the_oldest()

    def forget_the_oldest(self) -> None:
        """The history is KEEP long."""
        there = self.look().jobs
        gone = self.jobs.keys() - there.keys()
        assert all(self.jobs[i].is_over for i in gone)
        assert len(gone) == max(0, sum(job.is_over for job in self.jobs.values()) - KEEP)
        for job_id in gone:
            if self.jobs.pop(job_id).has_result:
                self.left.add(job_id)

    def end(self, job: Known, outcome: str) -> None:
        job.state, job.is_held = outcome, False
        setattr(self.books, outcome, getattr(self.books, outcome) + 1)
        self.asked.discard(job.sent.job_id)
        self.release(job)

    def release(self, job: Known) -> None:
        held = self.unique.get(job.sent.unique)
        if held and held.job_id == job.sent.job_id and not held.has_window:
            del self.unique[job.sent.unique]

    @precondition(lambda self: self.attempts)
    @rule(choice=CHOICES, defer=st.booleans(), burns=st.booleans())
    def run_again_later(self, choice: int, defer: bool, burns: bool) -> None:
        attempt = self.attempt(choice)
        defer &= burns  # what is handed over runs at once
        job = self.jobs.get(attempt.job_id)
        is_its = job is not None and job.token == attempt.token
        outcome = Outcome.RETRY if burns else Outcome.HANDED_OVER
        later = Later(attempt.job_id, attempt.token, 3_600_000 if defer else 0, outcome)
        assert self.do(self.commands.retry_later([later])) == [is_its]
        if job is not None and is_its and job.is_running:
            job.state, job.is_held = "retrying" if burns else "queued", False
            job.is_due = not defer or job.is_abort_wanted
            job.tries -= not burns
            self.books.retried += burns

    @precondition(lambda self: self.attempts)
    @rule(worker=WORKERS, choices=st.lists(CHOICES, max_size=4))
    def renew(self, worker: str, choices: list[int]) -> None:
        known = [self.attempts[c % len(self.attempts)] if c % 2 else self.attempt(c) for c in choices]
        tokens = {a.job_id: a.token for a in known}
        args = renew_args(self.keys, worker, QUEUE, lease_ms=LEASE_MS, record={"host": "h"}, tokens=tokens)
        renewal = parse_renewal(self.do(register(self.redis, "renew")(args=args)))
        mine = {i: self.jobs[i] for i in tokens if i in self.jobs and self.jobs[i].runs_as(tokens[i])}
        for job_id, job in mine.items():
            job.is_held = True
            if not job.is_abort_wanted and job_id in self.asked:
                self.asked.discard(job_id)
                job.is_abort_wanted = True
        assert set(renewal.lost) == tokens.keys() - mine.keys()
        assert set(renewal.abort) == {i for i, job in mine.items() if job.is_abort_wanted}

    @precondition(lambda self: self.attempts)
    @rule(choice=CHOICES, done=st.integers(0, 10))
    def progress(self, choice: int, done: int) -> None:
        attempt = self.attempt(choice)
        job = self.jobs.get(attempt.job_id)
        report = Report(attempt.job_id, attempt.token, done, 10, "rows", "", "")
        owns = job is not None and job.runs_as(attempt.token)
        assert self.do(self.commands.progress([report])) == [owns]

    @precondition(lambda self: self.attempts)
    @rule(choice=CHOICES, marks=st.dictionaries(st.integers(0, 3), st.sampled_from("rrdfs"), min_size=1))
    def mark(self, choice: int, marks: dict[int, str]) -> None:
        attempt = self.attempt(choice)
        job = self.jobs.get(attempt.job_id)
        report = Report(attempt.job_id, attempt.token, len(marks), 4, "rows", "", "")
        owns = job is not None and job.runs_as(attempt.token)
        assert self.do(self.commands.mark([ChunkReport(report, 4, 1, 4, marks)])) == [owns]

    @precondition(lambda self: self.some(lambda job: job.state == "deferred"))
    @rule()
    def promote(self) -> None:
        due = [job for job in self.jobs.values() if job.state == "deferred" and (job.is_due or job.has_slot)]
        assert self.do(self.commands.promote()) == len(due)
        for job in due:
            job.state = "queued"

    # Done by time and by accidents

    @precondition(lambda self: self.some(lambda job: job.is_held))
    @rule(choice=CHOICES)
    def kill_its_worker(self, choice: int) -> None:
        for job_id in JOB_IDS if choice % 3 == 0 else [self.choose(choice, lambda job: job.is_held)]:
            self.lose(job_id)

    def lose(self, job_id: str) -> None:
        job = self.jobs.get(job_id)
        if job and job.is_running:
            self.expire_lease(job_id)
            job.is_held = False

    @precondition(lambda self: self.some(lambda job: not job.is_over and not job.is_due))
    @rule(choice=CHOICES)
    def let_its_time_come(self, choice: int) -> None:
        self.make_due(self.choose(choice, lambda job: not job.is_due))

    def make_due(self, job_id: str) -> None:
        job = self.jobs.get(job_id)
        if job is None or job.is_over or job.is_running or job.is_due:
            return
        past = self.past()
        self.do(self.redis.zadd(QUEUE, {job_id: past}))
        if not job.has_slot:
            self.do(self.redis.hset(self.keys.job(job_id), "run_at", past))
            for queue in (None, QUEUE):
                for function in (None, job.function):
                    self.do(self.redis.zadd(self.keys.jobs(job.state, queue, function), {job_id: past}, xx=True))
        job.is_due = True

    @precondition(lambda self: self.some(lambda job: bool(job.sent.expires_ms and not job.is_over)))
    @rule(choice=CHOICES)
    def let_it_wait_too_long(self, choice: int) -> None:
        job_id = self.choose(choice, lambda job: bool(job.sent.expires_ms))
        job = self.jobs.get(job_id)
        if job and not job.is_over and not job.is_running and job.sent.expires_ms:
            self.do(self.redis.hset(self.keys.job(job_id), "expires_at", self.past()))
            job.has_expired = True

    # What must hold

    @invariant()
    def redis_has_what_the_model_has(self) -> None:
        found = self.space.jobs
        assert {i: job["state"] for i, job in found.items()} == {i: job.state for i, job in self.jobs.items()}
        for job_id, job in self.jobs.items():
            assert (ArqKeys.in_progress(job_id) in self.space.values) == job.is_held
            assert (ArqKeys.result(job_id) in self.space.values) == job.has_result
            assert ("abort_requested" in found[job_id]) == job.is_abort_wanted or job.is_over
            assert ("slot" in found[job_id]) == job.has_slot or job.is_over
            assert int(found[job_id].get("attempt", 0)) == job.attempt
            if job.is_running:
                assert found[job_id]["token"] == job.token
        assert self.books.differences(self.space) == []
        assert set(self.space.zset(ArqKeys.abort)) == self.asked
        held = {k: v for k, v in self.space.values.items() if k.startswith(f"{self.keys.prefix}unique:")}
        assert held == {f"{self.keys.prefix}unique:{k}": h.job_id for k, h in self.unique.items()}

    def come_to_an_end(self) -> None:
        self.do(self.redis.delete(self.keys.paused, self.keys.limits))
        self.paused.clear()
        for job_id in list(self.jobs):
            self.lose(job_id)
            self.make_due(job_id)
        for _ in range(20):
            for attempt in self.claim_all():
                assert self.finish_as(attempt, "succeeded")
        space = self.look()
        assert problems(space) == []
        assert [i for i, job in space.jobs.items() if not is_terminal(job)] == []
