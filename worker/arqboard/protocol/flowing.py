"""The verbs of workflows: begun in portions, carried on, held, retried, and ended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from .client import Client
from .errors import KeyReused, WorkflowNotFound, WrongState
from .graph import Graph
from .keys import Keys
from .messages import MAX_SUBMITTED, Submitted
from .said import Said


class Flowing:
    """The part of `Commands` that is about workflows."""

    if TYPE_CHECKING:
        _redis: Client
        keys: Keys

        async def _call(self, verb: str, *args: Any) -> Any: ...

    async def begin(
        self,
        graph: Graph,
        *,
        workflow_id: str | None = None,
        once: str = "",
        fingerprint: str = "",
        keep: int = 10_000,
        keep_ms: int = 7 * 86_400_000,
    ) -> Submitted:
        """Start a workflow. One call for MAX_SUBMITTED of its nodes; nothing runs before the last.

        Raises KeyReused when the idempotency key belongs to another request.
        """
        wf = workflow_id or uuid4().hex
        for start in range(0, len(graph.nodes), MAX_SUBMITTED):
            args: list[Any] = []
            for number, node in enumerate(graph.nodes[start : start + MAX_SUBMITTED], start):
                args += [number, node.record(), node.call.payload if node.call else b""]
            await self._call("stage", wf, *args)
        told = {**graph.description(), "once": once, "fingerprint": fingerprint}
        code, raw_id = await self._call("begin", wf, json.dumps(told), keep, keep_ms)
        if code == -3:
            raise KeyReused(once)
        if code == -1:
            raise RuntimeError(f'workflow "{wf}" lost its staged nodes before it began')
        return Submitted(raw_id.decode(), is_new=code == 1)

    async def flows_under_way(self) -> tuple[int, int]:
        """How many workflows have jobs to be enqueued, and how many have ended and jobs to be ended."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.scard(self.keys.launching)
        pipe.scard(self.keys.stopping)
        launching, stopping = await pipe.execute()
        return int(launching), int(stopping)

    async def launch(self) -> int:
        """Enqueue jobs of wide workflows whose turn has come. Returns how many are left."""
        return int(await self._call("launch", MAX_SUBMITTED))

    async def sweep(self) -> int:
        """End the jobs of workflows that have ended. Returns how many workflows are not done with."""
        return int(await self._call("sweep", MAX_SUBMITTED))

    async def abort_workflow(self, workflow_id: str, by: str = "") -> None:
        """End a workflow and its jobs. Raises WorkflowNotFound, or WrongState when it has ended."""
        match await self._call("abort_workflow", workflow_id, by):
            case -1:
                raise WorkflowNotFound(workflow_id)
            case -2:
                raise await self._wrong_workflow(workflow_id, "abort", Said("It has ended, there is nothing to abort."))
            case _:
                while await self.sweep():
                    pass

    async def retry_workflow(self, workflow_id: str) -> int:
        """Run the failed and aborted jobs of a workflow again. Returns how many.

        Raises WorkflowNotFound, or WrongState where nothing has failed, or jobs of an aborted one have not ended yet.
        """
        at, queued = 0, 0
        while at >= 0:
            at, now, _gone = await self._call("retry_workflow", workflow_id, at, MAX_SUBMITTED)
            queued += now
        if at == -2:
            raise WorkflowNotFound(workflow_id)
        if at == -3:
            raise await self._wrong_workflow(workflow_id, "retry", Said("None of its jobs has failed or was aborted."))
        if at == -4:
            raise await self._wrong_workflow(workflow_id, "retry", Said("Some of its jobs have not ended yet."))
        return queued

    async def pause_workflow(self, workflow_id: str) -> None:
        """Start nothing of a workflow until it is resumed; what runs goes on. Raises WorkflowNotFound, or WrongState
        when it has ended."""
        await self._hold_workflow(workflow_id, "pause", 1)

    async def resume_workflow(self, workflow_id: str) -> None:
        """Let a paused workflow go on. Raises WorkflowNotFound, or WrongState when it has ended."""
        await self._hold_workflow(workflow_id, "resume", 0)

    async def _hold_workflow(self, workflow_id: str, action: str, wanted: int) -> None:
        match await self._call("pause_workflow", workflow_id, wanted):
            case -1:
                raise WorkflowNotFound(workflow_id)
            case -2:
                raise await self._wrong_workflow(
                    workflow_id, action, Said("It has ended; only a running one can be held.")
                )
            case _:
                return

    async def forget_workflow(self, workflow_id: str) -> None:
        """Delete a workflow that is over; its jobs stay. Raises WorkflowNotFound or WrongState."""
        match await self._call("forget_workflow", workflow_id):
            case -1:
                raise WorkflowNotFound(workflow_id)
            case -2:
                raise await self._wrong_workflow(workflow_id, "delete", Said("Abort it first."))
            case -3:
                raise await self._wrong_workflow(workflow_id, "delete", Said("Some of its jobs have not ended yet."))
            case _:
                return

    async def _wrong_workflow(self, workflow_id: str, action: str, hint: str) -> WrongState:
        state = await self._redis.hget(self.keys.workflow(workflow_id), "state")
        return WrongState(workflow_id, action, (state or b"gone").decode(errors="replace"), hint, kind="workflow")
