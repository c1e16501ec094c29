"""The JSON API of workflows, against the real verbs; jobs are ended by hand, so no worker is needed."""

from __future__ import annotations

import io
from typing import Any

import pytest
from board import Client, MakeClient

from arqboard.protocol import FunctionInfo, Outcome
from arqboard.protocol.client import Client as Redis
from arqboard.protocol.commands import Commands, Ended

FLOWS = "/api/v1/workflows"


async def process(ctx: dict[Any, Any], chunk_id: int, level: int = 1) -> int:
    return chunk_id


async def finalize(ctx: dict[Any, Any], results: list[int], title: str = "") -> int:
    return len(results)


async def nothing(ctx: dict[Any, Any]) -> None: ...


@pytest.fixture
async def client(make_client: MakeClient, redis: Redis, commands: Commands) -> Client:
    infos = {f.__name__: FunctionInfo.of(f.__name__, f, queue="arq:queue") for f in (process, finalize, nothing)}
    await redis.hset(commands.keys.functions, mapping={n: i.model_dump_json() for n, i in infos.items()})
    return await make_client()


def step(function: str, *args: Any, **more: Any) -> dict[str, Any]:
    return {"function": function, "args": list(args), **more}


CHORD = {
    "chord": {
        "group": [step("process", n) for n in range(3)],
        "then": {"function": "finalize", "kwargs": {"title": "x"}},
    }
}


async def begin(client: Client, spec: Any, status: int = 202, **headers: str) -> Any:
    answer = await client.post(FLOWS, json=spec, headers={k.replace("_", "-"): v for k, v in headers.items()})
    told = await answer.json()
    assert answer.status == status, told
    return told


async def read(client: Client, path: str, status: int = 200) -> Any:
    answer = await client.get(path)
    told = await answer.json()
    assert answer.status == status, told
    return told


async def end(commands: Commands, outcome: Outcome = Outcome.SUCCEEDED, want: int = 100) -> list[str]:
    """Claim what can run and end it."""
    jobs = (await commands.claim("arq:queue", "w1", want, lease_ms=10_000, max_crashes=3)).jobs
    bad = {"error_type": "ValueError", "error": "no"} if outcome is Outcome.FAILED else {}
    ended = [Ended(a.job_id, a.token, outcome, preview=f'"{a.node}"', passed_on=b"r", **bad) for a in jobs]  # type: ignore[arg-type]
    await commands.finish(ended, keep_jobs=1000, keep_jobs_ms=10**9)
    return [a.job_id for a in jobs]


async def test_a_chain_is_begun_followed_and_ended(client: Client, commands: Commands) -> None:
    told = await begin(client, {"chain": [step("process", 1), {"function": "process", "kwargs": {"level": 2}}]})
    assert told["state"] == "running" and told["url"] == f"{FLOWS}/{told['id']}"
    flow = await read(client, told["url"])
    assert (flow["done"], flow["total"], flow["state"], flow["result"], flow["error"]) == (0, 2, "running", None, None)
    first, second = flow["nodes"]
    assert (first["function"], first["state"], first["needs"]) == ("process", "queued", [])
    assert (second["state"], second["needs"], second["url"]) == ("waiting", [first["id"]], None)

    await end(commands)
    await end(commands)
    flow = await read(client, told["url"])
    assert (flow["state"], flow["done"], flow["result"]) == ("succeeded", 2, "1")


async def test_a_chord_needs_all_its_members(client: Client, commands: Commands) -> None:
    flow = await read(client, (await begin(client, CHORD))["url"])
    *members, then = flow["nodes"]
    assert then["needs"] == [member["id"] for member in members] and flow["total"] == 4


async def test_nested_parts_are_read_and_a_groups_result_is_a_list(client: Client, commands: Commands) -> None:
    spec = {"group": [{"chain": [step("process", 1), step("process")]}, {"group": [step("nothing")]}, step("nothing")]}
    told = await begin(client, {**spec, "name": "nightly", "on_error": "continue"})
    while await end(commands):
        pass
    flow = await read(client, told["url"])
    assert (flow["name"], flow["on_error"], flow["state"]) == ("nightly", "continue", "succeeded")
    assert isinstance(flow["result"], list) and len(flow["result"]) == 3 and isinstance(flow["result"][1], list)


async def test_a_failed_workflow_says_which_job_and_is_retried(client: Client, commands: Commands) -> None:
    told = await begin(client, CHORD)
    [failed] = await end(commands, Outcome.FAILED, want=1)
    flow = await read(client, told["url"])
    assert (flow["state"], flow["failed_job"]) == ("failed", failed)
    assert flow["error"] == {"type": "ValueError", "message": "no", "traceback": None}

    answer = await client.post(f"{told['url']}/retry")
    assert (answer.status, (await answer.json())["retried"]) == (202, 1)
    while await end(commands):
        pass
    assert (await read(client, told["url"]))["state"] == "succeeded"


async def test_an_aborted_workflow_ends_its_jobs(client: Client, commands: Commands) -> None:
    told = await begin(client, CHORD)
    answer = await client.post(f"{told['url']}/abort")
    assert (answer.status, (await answer.json())["state"]) == (202, "aborted")
    flow = await read(client, told["url"])
    assert [node["state"] for node in flow["nodes"]] == ["aborted", "aborted", "aborted", "waiting"]
    again = await client.post(f"{told['url']}/abort")
    assert (again.status, (await again.json())["error"]["code"]) == (409, "wrong_state")


async def test_a_paused_workflow_starts_nothing_until_it_is_resumed(client: Client, commands: Commands) -> None:
    url = (await begin(client, CHORD))["url"]
    answer = await client.post(f"{url}/pause")
    assert (answer.status, (await answer.json())["paused"]) == (202, True)
    flow = await read(client, url)
    assert (flow["state"], flow["paused"] is None) == ("running", False)
    assert await end(commands) == []

    answer = await client.post(f"{url}/resume")
    assert (answer.status, (await answer.json())["paused"]) == (202, False)
    await commands.launch()
    assert len(await end(commands)) == 3
    assert (await read(client, url))["paused"] is None


async def test_a_workflow_that_is_over_is_deleted_and_its_jobs_stay(client: Client, commands: Commands) -> None:
    told = await begin(client, step("nothing"))
    assert (await (await client.delete(told["url"])).json())["error"]["code"] == "wrong_state"
    [job_id] = await end(commands)
    assert (await client.delete(told["url"])).status == 204
    await read(client, told["url"], status=404)
    assert (await read(client, f"/api/v1/jobs/{job_id}"))["state"] == "succeeded"
    for action in ("pause", "resume"):
        assert (await client.post(f"{told['url']}/{action}")).status == 404


async def test_workflows_are_listed_by_state_and_page(client: Client, commands: Commands) -> None:
    ids = {(await begin(client, step("nothing")))["id"] for _ in range(3)}
    first = await read(client, f"{FLOWS}?limit=2&state=running")
    rest = await read(client, f"{FLOWS}?limit=2&state=running&after={first['next']}")
    assert {flow["id"] for flow in [*first["workflows"], *rest["workflows"]]} == ids
    assert (first["total"], rest["next"]) == (3, None)
    assert (await read(client, f"{FLOWS}?state=failed"))["workflows"] == []


async def test_nodes_of_a_wide_workflow_come_in_pages(client: Client, commands: Commands) -> None:
    told = await begin(client, {"group": [step("nothing") for _ in range(2100)]})
    flow = await read(client, told["url"])
    rest = await read(client, f"{told['url']}?start={flow['next']}")
    assert len(flow["nodes"]) + len(rest["nodes"]) == 2100 and rest["next"] is None


async def test_the_same_idempotency_key_begins_one_workflow(client: Client) -> None:
    one = await begin(client, CHORD, Idempotency_Key="k1")
    two = await begin(client, CHORD, Idempotency_Key="k1")
    assert (one["id"], one["repeated"], two["repeated"]) == (two["id"], False, True)
    told = await begin(client, step("nothing"), status=409, Idempotency_Key="k1")
    assert told["error"]["code"] == "key_reused"


@pytest.mark.parametrize(
    ("spec", "field", "said"),
    [
        ({}, "", "one of function, chain, group and chord"),
        ({"chain": []}, "chain", "empty"),
        ({"chain": "abc"}, "chain", "has to be a list, not a text"),
        ({"chain": [step("proces", 1)]}, "chain[0].function", "process"),
        ({"chain": [step("process", 1), step("process", "x")]}, "chain[1].args[0]", "valid integer"),
        ({"chain": [step("process")]}, "chain[0].kwargs.chunk_id", "is required"),
        ({"chain": [step("process", 1), step("process", chunk_id=1)]}, "chain[1].chunk_id", "there is no such key"),
        (
            {"chain": [step("process", 1), {"function": "process", "kwargs": {"chunk_id": 1}}]},
            "chain[1].kwargs.chunk_id",
            "fills this",
        ),
        ({"chain": [step("process", 1), step("nothing")]}, "chain[1]", "no result can be passed on"),
        ({"chord": {"group": []}}, "chord", "group and then"),
        ({"group": [step("process", 1)], "chain": []}, "", "one of function"),
        ({"group": [5]}, "group[0]", "not a number"),
        ({"group": [None]}, "group[0]", "not null"),
        ({"function": 7}, "function", "can't be a number"),
        ({"function": "nothing", "priority": 99}, "priority", "0 to 9"),
        ({"function": "nothing", "priority": True}, "priority", "can't be true"),
        ({"function": "nothing", "defer_by": -1}, "defer_by", "0 to 31622400"),
        ({"function": "nothing", "on_error": "go"}, "on_error", "stop"),
        ({"function": "nothing", "name": 5}, "name", "text"),
        ({"group": [step("nothing")], "extra": 1}, "extra", "no such key"),
    ],
)
async def test_what_cannot_run_is_refused_where_it_is(client: Client, spec: Any, field: str, said: str) -> None:
    error = (await begin(client, spec, status=422))["error"]
    assert said in error["message"], error
    assert error.get("field", "") == field


async def test_every_argument_that_does_not_fit_is_named_at_its_place(client: Client) -> None:
    spec = {"chain": [step("process", "x", kwargs={"level": "high", "colour": "red"})]}
    error = (await begin(client, spec, status=422))["error"]
    assert set(error["fields"]) == {"chain[0].args[0]", "chain[0].kwargs.level", "chain[0].kwargs.colour"}


async def test_a_step_goes_to_a_queue_that_exists(client: Client, redis: Redis, commands: Commands) -> None:
    error = (await begin(client, step("nothing", queue="arq:job:x"), status=422))["error"]
    assert (error["field"], 'no queue "arq:job:x"' in error["message"]) == ("queue", True)

    await redis.sadd(commands.keys.queues, "mail")
    told = await begin(client, step("nothing", queue="mail"))
    assert (await read(client, f"/api/v1/jobs/{told['id']}.0"))["queue"] == "mail"


async def test_ten_thousand_steps_fit_into_a_request_and_no_more(client: Client) -> None:
    told = await begin(client, {"group": [step("process", n) for n in range(9_000)]})
    assert (await read(client, told["url"]))["total"] == 9_000
    body = b'{"function": "nothing", "args": ["' + b"x" * 5_000_000 + b'"]}'
    answer = await client.post(FLOWS, data=io.BytesIO(body), headers={"Content-Type": "application/json"})
    assert (answer.status, (await answer.json())["error"]["code"]) == (413, "too_large")


async def test_a_record_that_cannot_be_read_spoils_its_own_row_only(
    client: Client, redis: Redis, commands: Commands
) -> None:
    good, bad = [(await begin(client, step("nothing")))["id"] for _ in range(2)]
    await redis.hset(commands.keys.workflow(bad), "state", "lost")
    listed = {flow["id"]: flow["state"] for flow in (await read(client, FLOWS))["workflows"]}
    assert listed == {good: "running", bad: "unreadable"}
    assert "error" in await read(client, f"{FLOWS}/{bad}", status=422)


@pytest.mark.parametrize("body", ["", "[]", "null", "5", '"text"', "{", '{"chain": NaN}', "[" * 5000])
async def test_bodies_that_are_no_workflow_are_refused(client: Client, body: str) -> None:
    answer = await client.post(FLOWS, data=body, headers={"Content-Type": "application/json"})
    assert answer.status in (400, 422) and "error" in await answer.json()


async def test_deep_nesting_is_refused(client: Client) -> None:
    spec: Any = step("nothing")
    for _ in range(60):
        spec = {"chain": [spec]}
    answer = await client.post(FLOWS, json=spec)
    assert answer.status in (400, 422)


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", "/abort"), ("POST", "/retry")])
async def test_an_unknown_workflow_is_not_found(client: Client, method: str, path: str) -> None:
    answer = await client.request(method, f"{FLOWS}/none{path}")
    assert (answer.status, (await answer.json())["error"]["code"]) == (404, "workflow_not_found")


@pytest.mark.parametrize("query", ["state=lost", "limit=x", "after=x", "after=1~"])
async def test_a_bad_query_is_refused(client: Client, query: str) -> None:
    assert (await client.get(f"{FLOWS}?{query}")).status == 422
    assert (await client.get(f"{FLOWS}/none?start=x")).status == 422


async def test_secrets_in_arguments_are_hidden(client: Client, redis: Redis, commands: Commands) -> None:
    async def login(ctx: dict[Any, Any], user: str, password: str) -> None: ...

    info = FunctionInfo.of("login", login, queue="arq:queue")
    await redis.hset(commands.keys.functions, "login", info.model_dump_json())
    told = await begin(client, {"chain": [{"function": "login", "args": ["ada", "hunter2"]}]})
    job = await read(client, f"/api/v1/jobs/{told['id']}.0")
    assert "hunter2" not in str(job) and "[redacted]" in str(job)


async def test_steps_have_their_tags_and_those_of_the_whole(client: Client, commands: Commands) -> None:
    told = await begin(client, {"chain": [step("process", 1, tags=["first"])], "tags": ["whole"]})
    job = await (await client.get(f"/api/v1/jobs/{told['id']}.0")).json()
    assert job["tags"] == ["first", "whole"]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"chain": [step("process", 1, tags=["a b"])]}, "chain[0].tags"),
        ({"chain": [step("process", 1, tags="ab")]}, "chain[0].tags"),
        ({"chain": [step("process", 1, tags=[[]])]}, "chain[0].tags"),
        ({"chain": [step("process", 1)], "tags": ["a b"]}, "tags"),
        ({"chain": [step("process", 1)], "tags": 5}, "tags"),
    ],
)
async def test_tags_that_are_none_are_pointed_at(client: Client, spec: Any, field: str) -> None:
    told = await begin(client, spec, status=422)
    assert told["error"]["field"] == field
