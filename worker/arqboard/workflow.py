"""Calls that are made later, and what they are put together to.

    chain(download.s(url), resize.s(width=800), upload.s())      one after the other
    group(count.s(1), count.s(2))                                beside each other
    chord(group(count.s(n) for n in range(10)), finalize.s())    and then one with the list of results

They nest in each other. `submit()` queues the whole and returns a handle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack, cast

from . import board as boards
from .options import CallKeywords, CallOptions
from .protocol import graph
from .protocol.errors import BadWorkflow
from .protocol.graph import OnError
from .protocol.workflows import Fed, Missing

if TYPE_CHECKING:
    from .board import Board, JobHandle, WorkflowHandle
    from .serializers import Deserializer
    from .tasks import Task

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class MemberFailed:
    """Stands in the list of a group's results for a member that did not succeed (`on_error="continue"`)."""

    job_id: str
    state: str
    error_type: str = ""
    message: str = ""


class Composable:
    """What can be a part of a workflow."""

    def __or__(self, other: Composable) -> chain:
        """`a | b` is `chain(a, b)`."""
        return chain(self, other)

    def part(self, board: Board, *, is_fed: bool) -> graph.Part:
        """This as a part of a graph, with its calls checked. Raises BadArguments."""
        raise NotImplementedError


class Signature(Composable, Generic[R]):
    """A call of a task that is made later. `is_fed`: the result before it is put before its arguments."""

    def __init__(
        self,
        function: str,
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        call: CallOptions | None = None,
        *,
        task: Task[..., Any] | None = None,
        is_fed: bool = True,
    ) -> None:
        self.function = function
        self.args = tuple(args)
        self.kwargs = dict(kwargs or {})
        self.call = call or CallOptions()
        self.task = task
        self.is_fed = is_fed

    def set(self, **options: Unpack[CallKeywords]) -> Signature[R]:
        """The same call with other options (see Task.options)."""
        merged = self.call.merged(options)
        return Signature(self.function, self.args, self.kwargs, merged, task=self.task, is_fed=self.is_fed)

    @property
    def options(self) -> dict[str, Any]:
        """The options that were set."""
        known = ((name, getattr(self.call, name)) for name in CallOptions.__slots__)
        return {name: value for name, value in known if value is not None}

    async def submit(self) -> JobHandle[R]:
        """Queue this call as a job of its own. Raises as Task.submit."""
        return await boards.current_board().submit(self)

    def part(self, board: Board, *, is_fed: bool) -> graph.Part:
        takes = is_fed and self.is_fed
        return graph.Step(board.submission(self, is_fed=takes), takes)

    def __repr__(self) -> str:
        shown = [*map(repr, self.args), *(f"{k}={v!r}" for k, v in self.kwargs.items())]
        return f"{self.function}.{'s' if self.is_fed else 'si'}({', '.join(shown)})"


class _Flow(Composable):
    """Several parts."""

    def __init__(self, *parts: Composable | Iterable[Composable]) -> None:
        self.parts: tuple[Composable, ...] = tuple(_flat(parts, type(self).__name__))

    async def submit(
        self, *, on_error: OnError = "stop", name: str = "", once: str = "", tags: Sequence[str] = ()
    ) -> WorkflowHandle:
        """Queue the whole. `on_error`: what a failed member means: "stop" ends the workflow, with "continue" the others
        go on, and a chord's callback gets a MemberFailed in its place. `once` is an idempotency key.
        All its jobs have the `tags`, after their own.

        Raises BadArguments, BadWorkflow, KeyReused or NoBoard; ValueError for tags that are none.
        """
        return await boards.current_board().begin(self, on_error=on_error, name=name, once=once, tags=tags)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.parts))})"


class chain(_Flow):  # noqa: N801 - Celery's word, and used as a function
    """One part after the other; each gets the result of the one before as its first argument."""

    def __or__(self, other: Composable) -> chain:
        return chain(*self.parts, other)

    def part(self, board: Board, *, is_fed: bool) -> graph.Part:
        parts: list[graph.Part] = []
        for part in self.parts:
            parts.append(part.part(board, is_fed=is_fed))
            is_fed = True
        return graph.Chain(tuple(parts))


class group(_Flow):  # noqa: N801 - as above
    """Parts beside each other; the result is the list of theirs, in this order."""

    def part(self, board: Board, *, is_fed: bool) -> graph.Part:
        return graph.Group(tuple(part.part(board, is_fed=is_fed) for part in self.parts))


def chord(members: Composable | Iterable[Composable], callback: Composable) -> chain:
    """A group, and then one call with the list of its results. It runs exactly once."""
    return chain(members if isinstance(members, group) else group(members), callback)


def signature(function: str, *args: Any, **kwargs: Any) -> Signature[Any]:
    """A call of a function that this program can't import, by its name. Its arguments are checked by the worker."""
    return Signature(function, args, kwargs)


def _flat(parts: Iterable[Any], where: str) -> Iterable[Composable]:
    for n, part in enumerate(parts):
        if isinstance(part, Composable):
            yield part
        elif isinstance(part, Iterable) and not isinstance(part, (str, bytes)):
            yield from _flat(cast("Iterable[Any]", part), where)
        else:
            raise BadWorkflow(f"{where}[{n}]", f"takes calls like task.s(…), not {part!r}")


def decoded(fed: Fed, deserializer: Deserializer) -> Any:
    """What a step is fed with, as values. A member without a result is a MemberFailed."""
    match fed:
        case bytes():
            return deserializer(fed)["r"]
        case Missing(job_id, state, error):
            return MemberFailed(job_id, state, error.type if error else "", error.message if error else "")
        case _:
            return [decoded(one, deserializer) for one in fed]
