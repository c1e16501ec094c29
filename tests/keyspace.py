"""Everything in a Redis, read in one call, and what must hold of it whatever has happened."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from arqboard.protocol.client import Client
from arqboard.protocol.job import State
from arqboard.protocol.keys import ArqKeys, Keys

DUMP = """
local found = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  local kind, value = redis.call('TYPE', key).ok, false
  if kind == 'hash' then value = redis.call('HGETALL', key)
  elseif kind == 'zset' then value = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  elseif kind == 'set' then value = redis.call('SMEMBERS', key)
  elseif kind == 'list' then value = redis.call('LRANGE', key, 0, -1)
  elseif kind == 'string' then value = redis.call('GET', key) end
  found[#found + 1] = { key, kind, value, redis.call('PTTL', key) }
end
return found
"""

#: Keys that stand for themselves.
GLOBAL = re.compile(
    r"queues|functions|functions:.*|workers|worker:.*|taken:.*|viewers|position|epoch|changes|ended|stats:.*|deploys?|paused|limits"
    r"|parked|launching|stopping|workflows|workflows_ended|workflows:(running|succeeded|failed|aborted)|jobs:.*|rate:.*"
    r"|once:.*|unique:.*|answer:.*|schedules|schedule:.*|schedule-runs:.*|failures:.*|failure:.*"
    r"|tags|tagged:.*|gauges:.*|ripening"
)
OF_A_JOB = re.compile(r"(job|payload|attempts|chunks|chunk_info|log|artefacts|artefact|children):(.*)")
OF_A_WORKFLOW = re.compile(r"(workflow|nodes|calls|results|marks|ready|held):(.*)")
#: What can be taken back goes by itself, and with it the parts of deleted jobs.
FOR_A_WHILE = re.compile(r"(undo|deleted|aside):(.*)")
OF_ARQ = re.compile(r"arq:(job|retry|in-progress|result):(.*)")


@dataclass(frozen=True, slots=True)
class Keyspace:
    """One moment of a Redis; all text."""

    values: dict[str, Any]
    ttls: dict[str, int]
    keys: Keys = field(default_factory=Keys)

    @classmethod
    async def read(cls, redis: Client) -> Keyspace:
        found: list[Any] = await redis.eval(DUMP, 0)  # type: ignore[no-untyped-call, unused-ignore]
        values = {_text(key): _value(_text(kind), value) for key, kind, value, _ttl in found}
        return cls(values, {_text(key): ttl for key, _kind, _value, ttl in found})

    def hash(self, key: str) -> dict[str, str]:
        return dict(self.values.get(key, {}))

    def zset(self, key: str) -> dict[str, float]:
        return dict(self.values.get(key, {}))

    def set(self, key: str) -> set[str]:
        return set(self.values.get(key, ()))

    @property
    def jobs(self) -> dict[str, dict[str, str]]:
        start = self.keys.job("")
        return {key.removeprefix(start): value for key, value in self.values.items() if key.startswith(start)}

    def is_of_deleted(self, own: str) -> bool:
        """Whether a key, without our prefix, is a part of a job that can be brought back."""
        part = OF_A_JOB.fullmatch(own)
        ids = (part[2], part[2].rpartition(":")[0]) if part else ()
        return any(self.keys.deleted(job_id) in self.values for job_id in ids)

    @property
    def workflows(self) -> dict[str, dict[str, str]]:
        start = self.keys.workflow("")
        return {key.removeprefix(start): value for key, value in self.values.items() if key.startswith(start)}

    @property
    def position(self) -> int:
        return int(self.values.get(self.keys.position, 0))

    def parked(self) -> list[tuple[str, str]]:
        """(function, job id)"""
        start = f"{self.keys.parked_of('')}" if hasattr(self.keys, "parked_of") else f"{self.keys.prefix}parked:"
        return [(k.removeprefix(start), i) for k, v in self.values.items() if k.startswith(start) for i in v]

    def counted(self, what: str) -> int:
        """How often the verbs counted something, over all minutes."""
        minutes = re.compile(re.escape(self.keys.prefix) + r"stats:\d+$")
        return sum(int(v.get(what, 0)) for k, v in self.values.items() if minutes.match(k))


def problems(space: Keyspace) -> list[str]:
    """What is wrong with it: nothing, hopefully."""
    return [
        *_index_problems(space), *_tag_problems(space), *_failure_problems(space), *_queue_problems(space),
        *_lock_problems(space), *_payload_problems(space), *_position_problems(space), *_chunk_problems(space),
        *_unique_problems(space),
        *_leaks(space),
        *(f"workflow {wf}: {said}" for wf in space.workflows for said in _workflow_problems(space, wf)),
    ]  # fmt: skip


# Jobs


def is_terminal(job: dict[str, str]) -> bool:
    return State(job["state"]).is_terminal


def _index_problems(space: Keyspace) -> Iterator[str]:
    """Each job is in the four indexes of its state and in those of any state, and in no other."""
    expected: dict[str, set[str]] = {}
    for job_id, job in space.jobs.items():
        for state in (job["state"], None):
            for queue in (job["queue"], None):
                for function in (job["function"], None):
                    expected.setdefault(space.keys.jobs(state, queue, function), set()).add(job_id)
        if is_terminal(job):
            expected.setdefault(space.keys.ended, set()).add(job_id)
    start = f"{space.keys.prefix}jobs:"
    for key in {*expected, *(k for k in space.values if k.startswith(start)), space.keys.ended}:
        found = set(space.zset(key))
        if found != expected.get(key, set()):
            yield f"{key} has {sorted(found)}, the jobs say {sorted(expected.get(key, set()))}"


def _tag_problems(space: Keyspace) -> Iterator[str]:
    """Each job is listed under its tags and under no other, and a tag is known as long as a job has it."""
    expected: dict[str, set[str]] = {}
    for job_id, job in space.jobs.items():
        for tag in json.loads(job.get("tags", "[]")):
            expected.setdefault(tag, set()).add(job_id)
    found = {k.removeprefix(space.keys.tagged("")): set(v) for k, v in space.values.items() if _is_tagged(space, k)}
    if found != expected:
        yield f"the jobs of tags are {found}, the jobs say {expected}"
    if set(space.zset(space.keys.tags)) != set(expected):
        yield f"known tags are {sorted(space.zset(space.keys.tags))}, the jobs have {sorted(expected)}"


def _is_tagged(space: Keyspace, key: str) -> bool:
    return key.startswith(space.keys.tagged(""))


def _failure_problems(space: Keyspace) -> Iterator[str]:
    """Each failed job is in its three groups and in no other; a group is listed by its newest job, while it has one."""
    expected: dict[tuple[str, str], set[str]] = {}
    for job_id, job in space.jobs.items():
        if (job["state"] == "failed") != ("fingerprint" in job):
            yield f"{job_id} is {job['state']}, its fingerprint is {job.get('fingerprint')}"
        if "fingerprint" in job:
            names = (job["fingerprint"], job.get("error_type", "unknown"), job["function"])
            for group in zip(("fingerprint", "exception", "function"), names, strict=True):
                expected.setdefault(group, set()).add(job_id)
    for by in ("fingerprint", "exception", "function"):
        groups = {name: ids for (kind, name), ids in expected.items() if kind == by}
        newest = {name: max(int(space.jobs[i]["ended"]) for i in ids) for name, ids in groups.items()}
        if space.zset(space.keys.failures(by)) != newest:
            yield f"failures by {by} are {space.zset(space.keys.failures(by))}, the jobs say {newest}"
        for name, ids in groups.items():
            if set(space.zset(space.keys.failed(by, name))) != ids:
                yield f"the failures of {name} are {set(space.zset(space.keys.failed(by, name)))}, the jobs say {ids}"
            if space.keys.failure(by, name) not in space.values:
                yield f"nothing is known of the failures of {name}"
    listed = {key for key in space.values if key.startswith(f"{space.keys.prefix}failures:") and "/" in key}
    if left := listed - {space.keys.failed(*group) for group in expected}:
        yield f"{sorted(left)} are of no failed job"


def _queue_problems(space: Keyspace) -> Iterator[str]:
    """A job that has not ended is in its queue, parked by its function's limits, or held by its workflow; one that has
    ended is in none of them."""
    parked = Counter(space.parked())
    for job_id, job in space.jobs.items():
        places = [space.keys.prefix] * sum(n for (_, i), n in parked.items() if i == job_id)
        places += ["held"] * (job_id in space.zset(space.keys.held(job.get("workflow", ""))))
        places += [queue for queue in space.set(space.keys.queues) if job_id in space.zset(queue)]
        if len(places) != (0 if is_terminal(job) else 1):
            yield f"{job_id} is {job['state']} and in {places}"
        if job["state"] == "running" and parked[job["function"], job_id]:
            yield f"{job_id} runs and is parked"
    for function, job_id in parked:
        if job_id not in space.jobs or space.jobs[job_id]["function"] != function:
            yield f"{job_id} is parked for {function} and is no job of it"
        if function not in space.set(f"{space.keys.prefix}parked"):
            yield f"{function} has parked jobs that no claim looks at"


def _lock_problems(space: Keyspace) -> Iterator[str]:
    """A lock belongs to the attempt that runs; so no two attempts of one job are alive."""
    for job_id, job in space.jobs.items():
        lock = space.values.get(ArqKeys.in_progress(job_id))
        if lock is not None and (job["state"] != "running" or lock != job["token"]):
            yield f"{job_id} is {job['state']} under {job.get('token')} and locked by {lock}"


def _payload_problems(space: Keyspace) -> Iterator[str]:
    """The call of a job is where it is needed: to run it, or to retry it."""
    for job_id, job in space.jobs.items():
        in_arq, kept = ArqKeys.job(job_id) in space.values, space.keys.payload(job_id) in space.values
        if in_arq == is_terminal(job) or kept != (job["state"] in ("failed", "aborted") or _left_chunks(job)):
            yield f"{job_id} is {job['state']}; its call: arq's {in_arq}, kept {kept}"
        if is_terminal(job) and ArqKeys.retry(job_id) in space.values:
            yield f"{job_id} has ended and its tries are still counted"


def _left_chunks(job: dict[str, str]) -> bool:
    """Whether it succeeded without having run all of its chunks; a step of a workflow can't be run again then."""
    done = int(job.get("chunk_done", 0)) + int(job.get("chunk_skipped", 0))
    return job["state"] == "succeeded" and "workflow" not in job and int(job.get("chunk_total", 0)) > done


def _position_problems(space: Keyspace) -> Iterator[str]:
    changes = space.zset(space.keys.changes)
    if changes and max(changes.values()) != space.position:
        yield f"the last change is {max(changes.values())}, the position {space.position}"
    if len(set(changes.values())) != len(changes):
        yield "two changes have one position"
    for job_id, job in space.jobs.items():
        latest = max(int(job["version"]), int(job.get("position", 0)))
        if changes.get(job_id) != latest:
            yield f"{job_id} changed at {latest}, announced is {changes.get(job_id)}"


def _chunk_problems(space: Keyspace) -> Iterator[str]:
    names = {"r": "chunk_running", "d": "chunk_done", "f": "chunk_failed", "s": "chunk_skipped"}
    for job_id, job in space.jobs.items():
        if "chunk_total" not in job:
            continue
        marks = Counter(space.values.get(space.keys.chunks(job_id), ""))
        for letter, name in names.items():
            if marks[letter] != int(job.get(name, 0)):
                yield f"{job_id} has {marks[letter]} chunks marked {letter}, counted are {job.get(name)}"
        if marks["r"] and job["state"] != "running":
            yield f"{job_id} does not run and its chunks do"


def _unique_problems(space: Keyspace) -> Iterator[str]:
    for key, job_id in space.values.items():
        if key.startswith(f"{space.keys.prefix}unique:") and space.ttls[key] == -1:
            job = space.jobs.get(job_id)
            if job is None or is_terminal(job):
                yield f"{key} is held by {job_id}, which {'is gone' if job is None else 'has ended'}"


def _leaks(space: Keyspace) -> Iterator[str]:
    """Every key belongs to something that is there, or is one of those that stand for themselves."""
    queues = space.set(space.keys.queues)
    for key in space.values:
        own = key.removeprefix(space.keys.prefix)
        if own != key and space.ttls[key] > 0 and (FOR_A_WHILE.fullmatch(own) or space.is_of_deleted(own)):
            continue
        if own != key:
            job, flow = OF_A_JOB.fullmatch(own), OF_A_WORKFLOW.fullmatch(own)
            owned = (job and (job[2] in space.jobs or job[2].rpartition(":")[0] in space.jobs)) or (
                flow and (flow[2] in space.workflows or space.ttls[key] > 0)
            )
            if not owned and not GLOBAL.fullmatch(own) and not re.fullmatch(r"parked:.*", own):
                yield f"{key} belongs to nothing"
        elif found := OF_ARQ.fullmatch(key):
            if found[2] not in space.jobs and space.ttls[key] < 0:
                yield f"{key} is of a job that is gone"
        elif key not in queues and key not in (ArqKeys.abort, ArqKeys.default_queue) and "health-check" not in key:
            yield f"{key} is nobody's"


# Workflows


@dataclass(frozen=True, slots=True)
class Flow:
    """One workflow: its hash, its nodes, a mark of each."""

    info: dict[str, str]
    nodes: dict[int, dict[str, Any]]
    marks: str
    ready: list[int]
    calls: set[int]

    @classmethod
    def of(cls, space: Keyspace, wf: str) -> Flow:
        nodes = space.hash(space.keys.nodes(wf))
        return cls(
            info=space.hash(space.keys.workflow(wf)),
            nodes={int(n): json.loads(raw) for n, raw in nodes.items()},
            marks=space.values.get(space.keys.marks(wf), ""),
            ready=[int(n) for n in space.values.get(f"{space.keys.prefix}ready:{wf}", [])],
            calls={int(n) for n in space.hash(f"{space.keys.prefix}calls:{wf}")},
        )

    def number(self, field: str) -> int:
        return int(self.info.get(field, 0))

    def jobs(self, letters: str) -> list[int]:
        return [n for n, node in self.nodes.items() if "members" not in node and self.marks[n] in letters]

    @property
    def is_over(self) -> bool:
        return self.info["state"] != "running"


def _workflow_problems(space: Keyspace, wf: str) -> Iterator[str]:
    flow = Flow.of(space, wf)
    if len(flow.marks) != len(flow.nodes) or len(flow.nodes) != flow.number("size"):
        yield f"{len(flow.nodes)} nodes, {len(flow.marks)} marks, size {flow.number('size')}"
        return
    yield from _count_problems(flow)
    yield from _node_problems(space, wf, flow)
    yield from _join_problems(flow)
    yield from _order_problems(flow)
    yield from _state_problems(space, wf, flow)


def _count_problems(flow: Flow) -> Iterator[str]:
    letters = {"done": "d", "failed": "fF", "aborted": "aA", "skipped": "s", "live": "q"}
    for counter, of in letters.items():
        if flow.number(counter) != len(flow.jobs(of)):
            yield f"{counter} is {flow.number(counter)}, its marks are {flow.marks}"
    if flow.number("total") != len(flow.jobs(".qdfFaAs")):
        yield f"total is {flow.number('total')}, its marks are {flow.marks}"
    missing = set(flow.jobs(".s")) - flow.calls
    if missing or set(flow.calls) - set(flow.jobs(".s")):
        yield f"calls are kept for {sorted(flow.calls)}, its marks are {flow.marks}"


def _node_problems(space: Keyspace, wf: str, flow: Flow) -> Iterator[str]:
    """What its marks say of a job is so."""
    states = {"q": "queued deferred running retrying", "d": "succeeded", "fF": "failed", "aA": "aborted"}
    for letters, allowed in states.items():
        for n in flow.jobs(letters):
            job = space.jobs.get(f"{wf}.{n}")
            if job is None and letters == "q":
                yield f"node {n} is started and has no job"
            elif job is not None and job["state"] not in allowed:
                yield f"node {n} is marked {flow.marks[n]}, its job is {job['state']}"
    for n in flow.jobs(".s"):
        if f"{wf}.{n}" in space.jobs:
            yield f"node {n} is marked {flow.marks[n]} and has a job"


def _join_problems(flow: Flow) -> Iterator[str]:
    for n, node in flow.nodes.items():
        if not node.get("members") or flow.marks[n] != ".":
            continue
        left = sum(flow.marks[m] in ".qfa" for m in node["members"])
        if flow.number(f"left:{n}") != left:
            yield f"join {n} waits for {flow.number(f'left:{n}')} members, its marks are {flow.marks}: {left}"
        if left == 0:
            yield f"join {n} is complete and goes on waiting: {flow.marks}"


def _order_problems(flow: Flow) -> Iterator[str]:
    """Nothing starts before what it waits for, and nothing that may start is forgotten."""
    for n, node in flow.nodes.items():
        before = node.get("before")
        may_start = before is None or flow.marks[before] == "d"
        if node.get("members"):
            continue
        if flow.marks[n] in "qdfFaA" and not may_start and "members" not in node:
            yield f"node {n} started before {before}: {flow.marks}"
        if flow.marks[n] == "." and before is not None and may_start and n not in flow.ready:
            yield f"node {n} may start and is forgotten: {flow.marks}, ready {flow.ready}"


def _state_problems(space: Keyspace, wf: str, flow: Flow) -> Iterator[str]:
    state = flow.info["state"]
    listed = [s for s in ("running", "succeeded", "failed", "aborted") if wf in space.zset(space.keys.workflows(s))]
    if listed != [state] or wf not in space.zset(space.keys.workflows()):
        yield f"it is {state} and listed as {listed}"
    if flow.is_over != (wf in space.zset(f"{space.keys.prefix}workflows_ended")):
        yield f"it is {state}; listed as ended: {not flow.is_over}"
    is_launching = wf in space.set(space.keys.launching)
    is_paused, held = "paused" in flow.info, space.zset(space.keys.held(wf))
    if not flow.is_over and flow.number("live") == 0 and not is_launching and not is_paused:
        yield f"it is stuck: {flow.marks}, ready {flow.ready}"
    if not flow.is_over and (flow.ready or held) and not is_launching and not is_paused:
        yield f"nobody launches {flow.ready}, {sorted(held)}"
    if flow.is_over and is_paused:
        yield f"it is {state} and paused"
    if state == "succeeded" and flow.marks[flow.number("exit")] != "d":
        yield f"it succeeded and its last node is {flow.marks[flow.number('exit')]}"
    if state == "failed" and not flow.info.get("error_type"):
        yield "it failed and nobody knows why"
    waits = [n for n in flow.jobs("q") if space.jobs.get(f"{wf}.{n}", {}).get("state") not in (None, "running")]
    if state in ("failed", "aborted") and waits and wf not in space.set(space.keys.stopping):
        yield f"it is {state}, jobs wait that nobody ends: {waits}"


def _value(kind: str, value: Any) -> Any:
    match kind:
        case "hash":
            return dict(_pairs(value))
        case "zset":
            return {member: float(score) for member, score in _pairs(value)}
        case "set" | "list":
            return [_text(v) for v in value]
        case "string":
            return _text(value)
        case _:
            return None


def _pairs(flat: list[bytes]) -> Iterator[tuple[str, str]]:
    texts = [_text(v) for v in flat]
    return zip(texts[::2], texts[1::2], strict=True)


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")
