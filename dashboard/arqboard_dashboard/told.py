"""What came of an action, in words: for a note in the corner, and for the page after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from arqboard.protocol import Job, Reader, State, Unreadable
from arqboard.protocol.acting import RETRY_DELAY_MS, UNDO_MS, Action, Answer, Undone, Wish

from .directions import isolated
from .formats import number
from .language import N_, Nn_, gettext, ngettext
from .templating import called
from .views import Told

#: So many jobs that it could not be done to are named.
NAMED = 8
#: A note that offers Undo stays for a little less than it can be undone.
SECONDS = 6
_SECONDS = {Action.RETRY: RETRY_DELAY_MS // 1000, Action.DELETE: UNDO_MS // 1000 - 20}
_STATES = {
    State.DEFERRED: N_("it waits for its time"),
    State.QUEUED: N_("it waits"),
    State.RETRYING: N_("it waits for its next try"),
    State.RUNNING: N_("it runs"),
    State.SUCCEEDED: N_("it has succeeded"),
    State.FAILED: N_("it has failed"),
    State.ABORTED: N_("it was aborted"),
}
_REASONS = {
    Answer.GONE: N_("there is no such job any more"),
    Answer.LOST_CALL: N_("its stored call has expired"),
    Answer.TAKEN: N_("its id is queued anew"),
}
_DONE = {
    Action.RETRY: Nn_("%(n)s job runs again", "%(n)s jobs run again"),
    Action.ABORT: Nn_("%(n)s job is aborted", "%(n)s jobs are aborted"),
    Action.DELETE: Nn_("%(n)s job is deleted", "%(n)s jobs are deleted"),
    Action.REPRIORITISE: Nn_("%(n)s job has priority %(priority)s", "%(n)s jobs have priority %(priority)s"),
}
_ONE_DONE = {
    Action.RETRY: N_("%(job)s runs again in a moment"),
    Action.ABORT: N_("%(job)s is aborted"),
    Action.DELETE: N_("%(job)s is deleted"),
    Action.REPRIORITISE: N_("%(job)s has priority %(priority)s"),
}
_TOO_LATE = {
    Undone.MOVED_ON: N_("it has started, or was changed since"),
    Undone.GONE: N_("it is deleted for good"),
    Undone.TOO_LATE: N_("it was taken back before"),
    Undone.TAKEN: N_("its id is in use again"),
}


async def of_answers(reader: Reader, wish: Wish, answers: Mapping[str, Answer], named: str = "") -> Told:
    """What came of acting on these jobs. `named` is what the only one is called."""
    left = {job_id: answer for job_id, answer in answers.items() if not answer.is_done}
    reasons = await _reasons(reader, left)
    done = len(answers) - len(left)
    can_undo = Answer.UNDOABLE in answers.values()
    return Told(
        _sentence(done_words(wish, done, named), len(left), list(reasons.values())),
        tuple(f"{name}: {why}" for name, why in list(reasons.items())[:NAMED]) if len(left) > 1 else (),
        batch=wish.batch if can_undo else "",
        is_bad=done == 0,
        seconds=_SECONDS[wish.action] if can_undo else SECONDS,
    )


def done_words(wish: Wish, done: int, named: str = "") -> str:
    """`12 jobs run again`; with a name `resize j1 runs again`."""
    if named and done:
        return gettext(_ONE_DONE[wish.action]) % {"job": isolated(named), "priority": wish.priority}
    return ngettext(*_DONE[wish.action], done) % {"n": number(done), "priority": wish.priority}


def undone_words(done: int) -> str:
    return ngettext("%(n)s job is as it was", "%(n)s jobs are as they were", done) % {"n": number(done)}


def left_words(left: int) -> str:
    return ngettext("%(n)s could not", "%(n)s could not", left) % {"n": number(left)}


def of_undone(undone: Mapping[str, Undone]) -> Told:
    """What came of taking it back."""
    late = [gettext(_TOO_LATE[answer]) for answer in undone.values() if answer is not Undone.DONE]
    done = len(undone) - len(late)
    if not undone:
        return Told(gettext("Too late: there is nothing left to undo"), is_bad=True)
    details = tuple(
        f"{isolated(job_id)}: {gettext(_TOO_LATE[a])}" for job_id, a in undone.items() if a is not Undone.DONE
    )
    return Told(
        _sentence(undone_words(done), len(late), late),
        details[:NAMED] if len(late) > 1 else (),
        is_bad=done == 0,
        refreshes=True,
    )


def _sentence(done: str, left: int, reasons: Sequence[str]) -> str:
    """`12 jobs run again, 1 could not: it runs`. A reason is told where it is the same for all."""
    if not left:
        return done
    why = f": {reasons[0]}" if len(set(reasons)) == 1 else ""
    return f"{done}, {left_words(left)}{why}"


async def _reasons(reader: Reader, left: Mapping[str, Answer]) -> dict[str, str]:
    """Why it could not be done, by what each job is called."""
    found = await reader.many(list(left)) if left else []
    return {
        called(job) if job is not None else isolated(job_id): _why(answer, job)
        for (job_id, answer), job in zip(left.items(), found, strict=True)
    }


def _why(answer: Answer, job: Job | Unreadable | None) -> str:
    if answer is not Answer.REFUSED:
        return gettext(_REASONS[answer])
    return gettext(_STATES[job.state]) if isinstance(job, Job) else gettext(_REASONS[Answer.GONE])
