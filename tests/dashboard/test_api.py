"""The JSON API, read top down as a tutorial: submit a job, look at it, act on it, then everything that is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from board import Client, MakeClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.exceptions import OutOfMemoryError

from arqboard.protocol import Keys, Outcome, Reader, State
from arqboard.protocol.commands import ChunkReport, Claimed, Commands, Ended, Later, Report

JOBS = "/api/v1/jobs"
QUEUE = "arq:queue"


async def submit(client: Client, headers: dict[str, str] | None = None, **body: Any) -> str:
    """Post a job and give back its id."""
    answer = await client.post(JOBS, json={"function": "resize", "kwargs": {"folder": "/in"}, **body}, headers=headers)
    assert answer.status == 202, await answer.text()
    return str((await answer.json())["id"])


async def start(commands: Commands) -> Claimed:
    """Claim one job, as a worker does."""
    return (await commands.claim(QUEUE, "w1", 1, lease_ms=10_000, max_crashes=3)).jobs[0]


async def end(commands: Commands, attempt: Claimed, outcome: Outcome = Outcome.FAILED, **more: Any) -> None:
    ended = Ended(attempt.job_id, attempt.token, outcome, **more)
    assert await commands.finish([ended], keep_jobs=1000, keep_jobs_ms=10**9) == [True]


async def error_of(answer: Any) -> Any:
    """The error in an answer, which is always JSON of one shape."""
    assert answer.content_type == "application/json"
    return (await answer.json())["error"]


async def test_a_job_is_submitted_and_read(client: Client) -> None:
    answer = await client.post(JOBS, json={"function": "resize", "kwargs": {"folder": "/in", "width": 200}})

    assert answer.status == 202
    accepted = await answer.json()
    assert accepted["state"] == "queued"
    assert accepted["url"] == answer.headers["Location"] == f"/api/v1/jobs/{accepted['id']}"

    job = await (await client.get(accepted["url"])).json()
    assert (job["function"], job["queue"], job["state"]) == ("resize", QUEUE, "queued")
    assert (job["args"], job["kwargs"]) == ([], {"folder": "/in", "width": 200})
    assert job["times"]["enqueued"].endswith("Z")
    assert (job["times"]["started"], job["result"], job["error"], job["attempts"]) == (None, None, None, [])


async def test_a_running_job_says_how_far_it_is(client: Client, commands: Commands) -> None:
    job_id = await submit(client)
    attempt = await start(commands)
    report = Report(job_id, attempt.token, 30, 40, "files", "halfway", "resize")
    await commands.mark([ChunkReport(report, 4, 10, 40, {0: "d", 1: "d", 2: "d", 3: "r"})])

    job = await (await client.get(f"{JOBS}/{job_id}")).json()

    assert job["state"] == "running"
    progress = job["progress"]
    assert {name: progress[name] for name in ("done", "total", "unit", "note", "phase", "percent")} == {
        "done": 30, "total": 40, "unit": "files", "note": "halfway", "phase": "resize", "percent": 75.0
    }  # fmt: skip
    assert {name: progress["chunks"][name] for name in ("done", "failed", "running", "total")} == {
        "done": 3, "failed": 0, "running": 1, "total": 4
    }  # fmt: skip


async def test_a_failed_job_tells_its_attempts_and_is_retried(client: Client, commands: Commands) -> None:
    job_id = await submit(client)
    await end(commands, await start(commands), error_type="OSError", error="no disk", traceback="Traceback …")

    job = await (await client.get(f"{JOBS}/{job_id}")).json()
    assert (job["state"], job["error"]["type"], job["error"]["message"]) == ("failed", "OSError", "no disk")
    assert [(a["number"], a["outcome"], a["error"]["type"]) for a in job["attempts"]] == [(1, "failed", "OSError")]

    answer = await client.post(f"{JOBS}/{job_id}/retry")
    assert (answer.status, (await answer.json())["state"]) == (202, "queued")


#: What `GET /api/v1/jobs/{id}` always has, by type; None where a value can be missing.
SHAPE: dict[str, Any] = {
    "id": str, "function": str, "queue": str, "state": str, "args": list, "kwargs": dict, "tries": int,
    "max_tries": int, "result": object, "worker": (str, type(None)), "abort_requested": (str, type(None)), "url": str,
    "progress": {
        "done": int, "total": (int, type(None)), "unit": str, "note": str, "phase": str,
        "percent": (float, type(None)), "rate": (float, type(None)), "left_seconds": (float, type(None)),
        "chunks": {"done": int, "failed": int, "running": int, "skipped": int, "waiting": int, "total": int},
    },
    "times": {"enqueued": str, "run_at": str, "started": (str, type(None)), "ended": (str, type(None))},
    "error": (dict, type(None)), "attempts": list, "paused": (str, type(None)), "priority": int, "tags": list,
    "workflow": (str, type(None)), "parent": (str, type(None)), "retry_of": (str, type(None)),
    "retried_as": (str, type(None)), "phases": list,
    "log_lines": int, "artefacts": int,
}  # fmt: skip
ERROR = {"type": str, "message": str, "traceback": str}
ATTEMPT: dict[str, Any] = {
    "number": int, "started": str, "ended": (str, type(None)), "worker": str, "outcome": (str, type(None)),
    "error": (dict, type(None)),
}  # fmt: skip


def check_shape(value: Any, shape: dict[str, Any]) -> None:
    assert value.keys() == shape.keys()
    for name, kind in shape.items():
        if isinstance(kind, dict):
            check_shape(value[name], kind)
        else:
            assert isinstance(value[name], kind), f"{name} is {value[name]!r}"


async def test_a_job_has_the_same_keys_in_every_state(client: Client, commands: Commands) -> None:
    job_id = await submit(client)
    seen: list[str] = []

    async def look() -> Any:
        job = await (await client.get(f"{JOBS}/{job_id}")).json()
        check_shape(job, SHAPE)
        for attempt in job["attempts"]:
            check_shape(attempt, ATTEMPT)
        for error in [job["error"], *(attempt["error"] for attempt in job["attempts"])]:
            check_shape(error or dict.fromkeys(ERROR, ""), ERROR)
        seen.append(job["state"])
        return job

    await look()
    attempt = await start(commands)
    report = Report(job_id, attempt.token, 1, 3, "files", "", "")
    await commands.mark([ChunkReport(report, 3, 1, 3, {0: "d", 1: "f"})])
    await look()
    await commands.retry_later([Later(job_id, attempt.token, 0, Outcome.RETRY, "OSError", "no disk")])
    await look()
    await end(commands, await start(commands), error_type="OSError", error="still no disk", traceback="Traceback …")
    job = await look()

    assert seen == ["queued", "running", "retrying", "failed"]
    assert [(a["number"], a["error"]["message"]) for a in job["attempts"]] == [(1, "no disk"), (2, "still no disk")]
    assert job["error"] == {"type": "OSError", "message": "still no disk", "traceback": "Traceback …"}
    assert (await (await client.get(JOBS)).json())["jobs"][0]["error"]["traceback"] is None, "lists do not read it"


async def test_who_polls_a_running_job_sees_fresh_progress(
    client: Client, commands: Commands, redis: Any, keys: Keys
) -> None:
    job_id = await submit(client)
    await client.get(f"{JOBS}/{job_id}")
    assert not await redis.exists(keys.viewers), "nothing to report yet"
    await start(commands)
    await redis.config_resetstat()

    for _ in range(5):
        await client.get(f"{JOBS}/{job_id}")

    assert await redis.exists(keys.viewers), "by this workers know that somebody looks"
    assert (await redis.info("commandstats"))["cmdstat_set"]["calls"] == 1


async def test_a_redis_that_takes_no_writes_can_still_be_read(
    client: Client, commands: Commands, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = await submit(client)
    await start(commands)

    async def full(self: Reader) -> None:
        raise OutOfMemoryError("OOM command not allowed when used memory > 'maxmemory'.")

    monkeypatch.setattr(Reader, "looking", full)

    assert (await client.get(f"{JOBS}/{job_id}")).status == 200


async def test_a_waiting_job_is_aborted_at_once_and_a_running_one_by_its_worker(
    client: Client, commands: Commands
) -> None:
    waiting, other = await submit(client), await submit(client)
    running = (await start(commands)).job_id
    waiting = other if running == waiting else waiting

    assert (await (await client.post(f"{JOBS}/{waiting}/abort")).json())["state"] == "aborted"
    answer = await client.post(f"{JOBS}/{running}/abort")
    assert (answer.status, (await answer.json())["state"]) == (202, "running")


async def test_a_deleted_job_is_gone(client: Client) -> None:
    job_id = await submit(client)

    assert (await client.delete(f"{JOBS}/{job_id}")).status == 204
    assert (await client.get(f"{JOBS}/{job_id}")).status == 404


async def test_the_list_comes_in_pages(client: Client) -> None:
    ids = {await submit(client, job_id=f"j{n}") for n in range(5)}

    seen: list[str] = []
    after = ""
    for expected in (2, 2, 1):
        page = await (await client.get(JOBS, params={"limit": "2", "after": after})).json()
        assert (len(page["jobs"]), page["total"]) == (expected, 5)
        seen += [job["id"] for job in page["jobs"]]
        after = page["next"]
    assert after is None
    assert set(seen) == ids


async def test_the_list_is_filtered(client: Client, commands: Commands) -> None:
    await submit(client)
    await submit(client, function="nothing", kwargs={}, defer_by=60)

    async def total(**params: str) -> int:
        return int((await (await client.get(JOBS, params=params)).json())["total"])

    assert await total() == 2
    assert await total(state="deferred") == 1
    assert await total(function="resize", state="queued", queue=QUEUE) == 1
    assert await total(function="nobody") == 0


async def test_functions_are_described(client: Client) -> None:
    listed = (await (await client.get("/api/v1/functions")).json())["functions"]

    resize = next(f for f in listed if f["name"] == "resize")
    assert resize["doc"] == "Make smaller pictures of all in a folder."
    folder, width = resize["parameters"][:2]
    assert folder == {
        "name": "folder", "type": "str", "kind": "normal", "required": True, "default": None,
        "schema": {"type": "string"},
    }  # fmt: skip
    assert (width["required"], width["default"], width["schema"]["minimum"]) == (False, 800, 1)


async def test_queues_and_workers_are_listed(client: Client, redis: Any, keys: Keys, reader: Any) -> None:
    await submit(client)
    await redis.zadd(keys.workers, {"w1": await reader.now_ms()})
    await redis.hset(
        keys.worker("w1"), mapping={"host": "h", "pid": "7", "queue": QUEUE, "slots": "4", "running": '["a"]'}
    )

    queues = (await (await client.get("/api/v1/queues")).json())["queues"]
    workers = (await (await client.get("/api/v1/workers")).json())["workers"]

    assert [(q["name"], q["queued"]) for q in queues] == [(QUEUE, 1)]
    assert [(w["id"], w["pid"], w["host"], w["slots"], w["running"], w["busy"], w["alive"]) for w in workers] == [
        ("w1", 7, "h", 4, ["a"], 1, True)
    ]


# Again


async def test_a_repeated_request_with_the_same_key_is_the_same_job(client: Client) -> None:
    key = {"Idempotency-Key": "order-7"}

    first, second = await submit(client, key), await submit(client, key)

    assert first == second
    assert (await (await client.get(JOBS)).json())["total"] == 1


async def test_a_key_is_not_good_for_another_request(client: Client) -> None:
    key = {"Idempotency-Key": "order-7"}
    await submit(client, key)

    answer = await client.post(JOBS, json={"function": "resize", "kwargs": {"folder": "/other"}}, headers=key)

    assert (answer.status, (await error_of(answer))["code"]) == (409, "key_reused")


async def test_an_id_is_taken_once(client: Client) -> None:
    await submit(client, job_id="mine")

    answer = await client.post(JOBS, json={"function": "nothing", "job_id": "mine"})

    assert (answer.status, (await error_of(answer))["code"]) == (409, "job_exists")


# What can't be done


async def test_an_unknown_function_is_answered_with_the_nearest_names(client: Client) -> None:
    answer = await client.post(JOBS, json={"function": "resise"})

    error = await error_of(answer)
    assert (answer.status, error["code"], error["field"]) == (404, "unknown_function", "function")
    assert "resize" in error["message"]


async def test_a_function_published_a_moment_ago_is_known(client: Client, redis: Any, keys: Keys) -> None:
    await client.get("/jobs")
    await redis.hset(keys.functions, "late", '{"name": "late"}')

    assert await submit(client, function="late", kwargs={})


@pytest.mark.parametrize(
    ("call", "field", "said"),
    [
        ({}, "folder", "required"),
        ({"kwargs": {"folder": 7}}, "folder", "string"),
        ({"kwargs": {"folder": "/in", "width": "200"}}, "width", "integer"),
        ({"kwargs": {"folder": "/in", "width": 0}}, "width", "greater than or equal to 1"),
        ({"kwargs": {"folder": "/in", "format": "bmp"}}, "format", "jpeg"),
        ({"kwargs": {"folder": "/in", "colour": 1}}, "colour", "no such parameter"),
        ({"args": ["/in", 1, "jpeg", True]}, "", "at most 3 positional"),
        ({"args": ["/in"], "kwargs": {"folder": "/in"}}, "folder", "given twice"),
    ],
)
async def test_arguments_that_do_not_fit_are_named(client: Client, call: dict[str, Any], field: str, said: str) -> None:
    answer = await client.post(JOBS, json={"function": "resize", **call})

    error = await error_of(answer)
    assert (answer.status, error["code"], error.get("field", "")) == (422, "bad_arguments", field)
    assert said in error["message"]
    assert said in error["fields"][field]


@pytest.mark.parametrize("verb", ["", "/retry", "/abort"])
async def test_an_unknown_job_is_not_found(client: Client, verb: str) -> None:
    answer = await (client.post if verb else client.get)(f"{JOBS}/nobody{verb}")

    assert (answer.status, (await error_of(answer))["code"]) == (404, "job_not_found")
    assert (await client.delete(f"{JOBS}/nobody")).status == 404


async def test_a_running_job_can_be_neither_retried_nor_deleted(client: Client, commands: Commands) -> None:
    job_id = await submit(client)
    await start(commands)

    for answer in (await client.post(f"{JOBS}/{job_id}/retry"), await client.delete(f"{JOBS}/{job_id}")):
        assert (answer.status, (await error_of(answer))["code"]) == (409, "wrong_state")


async def test_a_call_that_has_expired_can_not_be_retried(client: Client, commands: Commands, redis: Any) -> None:
    job_id = await submit(client)
    await end(commands, await start(commands))
    await redis.delete(commands.keys.payload(job_id), f"arq:job:{job_id}")

    answer = await client.post(f"{JOBS}/{job_id}/retry")

    assert (answer.status, (await error_of(answer))["code"]) == (409, "payload_gone")


@pytest.mark.parametrize(
    ("params", "field"),
    [({"state": "wild"}, "state"), ({"limit": "x"}, "limit"), ({"limit": "0"}, "limit"), ({"limit": "²"}, "limit"),
     ({"after": "x"}, "after"), ({"after": "nan~j"}, "after"), ({"after": "1" * 400 + "~j"}, "after"),
     ({"function": "x" * 5000}, "function")],
)  # fmt: skip
async def test_bad_parameters_of_the_list_are_named(client: Client, params: dict[str, str], field: str) -> None:
    answer = await client.get(JOBS, params=params)

    assert (answer.status, (await error_of(answer))["field"]) == (422, field)


@pytest.mark.parametrize(
    ("body", "field"),
    [({"job_id": "new"}, "job_id"), ({"job_id": "a/b"}, "job_id"), ({"job_id": ""}, "job_id"),
     ({"defer_by": -1}, "defer_by"), ({"defer_by": "5"}, "defer_by"), ({"queue": "arqboard:position"}, "queue"),
     ({"queue": "arq:job:x"}, "queue"), ({"function": 7}, "function"), ({"args": {}}, "args"),
     ({"urgency": 1}, "urgency"), ({"priority": 10}, "priority")],
)  # fmt: skip
async def test_bad_options_of_a_submission_are_named(client: Client, body: dict[str, Any], field: str) -> None:
    answer = await client.post(JOBS, json={"function": "nothing", **body})

    assert (answer.status, (await error_of(answer))["field"]) == (422, field)


# What can't be read


async def post_raw(client: Client, body: bytes | str) -> Any:
    return await client.post(JOBS, data=body, headers={"Content-Type": "application/json"})


async def test_broken_json_is_answered_with_its_line_and_column(client: Client) -> None:
    answer = await post_raw(client, '{\n  "function": "nothing",\n}')

    error = await error_of(answer)
    assert (answer.status, error["code"]) == (400, "bad_json")
    assert "line 3, column 1" in error["message"] or "line 2" in error["message"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"function":"resize","kwargs":{"folder":"\\ud800"}}', "surrogate"),
        ('{"function":"total","args":[NaN]}', "NaN"),
        ('{"function":"total","args":[-Infinity]}', "Infinity"),
        ('{"function":"total","args":[1e999]}', "too large"),
        ('{"function":"total","args":[' + "9" * 5000 + "]}", "digits"),
        ('{"function":"resize","kwargs":{"options":' + '{"a":' * 30 + "1" + "}" * 30 + "}}", "levels deep"),
        ("[" * 100_000, "nested"),
        ('{"function":"nothing","function":"resize"}', "twice"),
        (b'{"function":"\xff"}', "UTF-8"),
        ("", "line 1, column 1"),
    ],
)
async def test_json_that_could_do_harm_is_refused(client: Client, body: bytes | str, said: str) -> None:
    answer = await post_raw(client, body)

    assert answer.status == 400
    assert said in (await error_of(answer))["message"]


async def test_a_body_that_is_no_object_is_refused(client: Client) -> None:
    assert (await post_raw(client, "[1]")).status == 422


async def test_a_body_over_256_kb_is_refused(client: Client) -> None:
    for body in (b"x" * 300_000, _chunks()):
        answer = await client.post(JOBS, data=body, headers={"Content-Type": "application/json"})
        assert (answer.status, (await error_of(answer))["code"]) == (413, "too_large")


async def _chunks() -> Any:
    for _ in range(30):
        yield b"x" * 10_000


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
async def test_only_json_is_taken(client: Client, content_type: str) -> None:
    answer = await client.post(JOBS, data=b'{"function":"nothing"}', headers={"Content-Type": content_type})

    assert (answer.status, (await error_of(answer))["code"]) == (415, "wrong_content_type")


async def test_unknown_addresses_and_methods_are_json_too(client: Client) -> None:
    missing, method = await client.get("/api/v1/nothing"), await client.put(JOBS, json={})

    assert (missing.status, (await error_of(missing))["code"]) == (404, "not_found")
    assert (method.status, (await error_of(method))["code"]) == (405, "method_not_allowed")
    assert "POST" in method.headers["Allow"]


# What others wrote into Redis


async def test_a_record_that_can_not_be_read_is_one_unreadable_row(client: Client, redis: Any, keys: Keys) -> None:
    good, bad = await submit(client), await submit(client)
    await redis.delete(keys.job(bad))
    await redis.set(keys.job(bad), "not a hash")

    rows = {row["id"]: row["state"] for row in (await (await client.get(JOBS)).json())["jobs"]}
    assert rows == {good: "queued", bad: "unreadable"}
    answer = await client.get(f"{JOBS}/{bad}")
    assert (answer.status, (await error_of(answer))["code"]) == (422, "unreadable")


async def test_numbers_that_json_lacks_are_written_as_text(client: Client, redis: Any, keys: Keys) -> None:
    job_id = await submit(client)
    await redis.hset(keys.job(job_id), mapping={"result": "[NaN, 1e999]", "args": '["\\ud800"]'})

    job = json.loads(await (await client.get(f"{JOBS}/{job_id}")).text(), parse_constant=_refuse)

    assert job["result"] == ["nan", "inf"]


def _refuse(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


async def test_an_id_with_any_character_has_an_address(client: Client, commands: Commands) -> None:
    from arqboard.protocol.commands import Submission

    hostile = 'a/b?c=%2F#"><script>\u202e \r\n..'
    await commands.submit(Submission("resize", QUEUE, b"x", job_id=hostile))

    row = (await (await client.get(JOBS)).json())["jobs"][0]
    from yarl import URL

    answer = await client.get(URL(row["url"], encoded=True))
    assert (await answer.json())["id"] == hostile


# Anything at all

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
submissions = st.fixed_dictionaries(
    {"function": st.sampled_from(["resize", "total", "nothing"]) | st.text()},
    optional={
        "args": st.lists(anything) | anything,
        "kwargs": st.dictionaries(st.sampled_from(["folder", "width", "options"]) | st.text(), anything) | anything,
        "queue": anything,
        "job_id": anything,
        "defer_by": anything,
    },
)
THOROUGH = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


async def test_no_submission_breaks_the_server(client: Client) -> None:
    import asyncio

    loop = asyncio.get_running_loop()

    @THOROUGH
    @given(submissions | anything)
    def check(body: Any) -> None:
        sent = json.dumps(body).encode()
        answer = asyncio.run_coroutine_threadsafe(post_raw(client, sent), loop).result(10)
        assert answer.status < 500

    await asyncio.to_thread(check)


async def test_no_bytes_break_the_server(client: Client) -> None:
    import asyncio

    loop = asyncio.get_running_loop()

    @THOROUGH
    @given(st.binary() | st.text(alphabet='{}[]":,\\u0d8naNIfity1eE-+ ').map(str.encode))
    def check(body: bytes) -> None:
        answer = asyncio.run_coroutine_threadsafe(post_raw(client, body), loop).result(10)
        assert 400 <= answer.status < 500

    await asyncio.to_thread(check)


async def test_no_id_and_no_parameter_breaks_the_server(client: Client) -> None:
    import asyncio
    from urllib.parse import quote

    from yarl import URL

    loop = asyncio.get_running_loop()

    async def get(path: str) -> int:
        return (await client.get(URL(path, encoded=True))).status

    @THOROUGH
    @given(st.binary(min_size=1, max_size=300), st.sampled_from(["state", "function", "queue", "after", "limit"]))
    def check(raw: bytes, name: str) -> None:
        text = quote(raw, safe="")
        for path in (f"{JOBS}/{text}", f"{JOBS}?{name}={text}"):
            assert asyncio.run_coroutine_threadsafe(get(path), loop).result(10) < 500

    await asyncio.to_thread(check)


async def test_a_state_filter_takes_every_state(make_client: MakeClient) -> None:
    client = await make_client()
    for state in State:
        assert (await client.get(JOBS, params={"state": state.value})).status == 200


async def test_a_job_is_submitted_with_tags_and_listed_by_them(client: Client) -> None:
    body = {"function": "nothing", "tags": ["import", "customer:42"]}
    job_id = (await (await client.post("/api/v1/jobs", json=body)).json())["id"]
    found = await (await client.get("/api/v1/jobs", params={"q": "tag:customer:42"})).json()
    assert [(job["id"], job["tags"]) for job in found["jobs"]] == [(job_id, ["import", "customer:42"])]
    assert found["looked"] is None


@pytest.mark.parametrize("tags", ["import", [5], ["two words"], [str(n) for n in range(11)]])
async def test_tags_that_are_none_are_named(client: Client, tags: Any) -> None:
    answer = await client.post("/api/v1/jobs", json={"function": "nothing", "tags": tags})
    assert answer.status == 422
    assert (await answer.json())["error"]["field"].startswith("tags")


async def test_a_worker_tells_its_versions(client: Client, redis: Any, keys: Keys) -> None:
    now = int((await redis.time())[0]) * 1000
    record = {"host": "h", "pid": 1, "queue": "q", "slots": 1, "running": "[]", "functions": "[]", "started": now}
    await redis.hset(keys.worker("w1"), mapping={**record, "version": "0.1.0", "arq": "0.28.0", "python": "3.13.1"})
    await redis.zadd(keys.workers, {"w1": now})
    [worker] = (await (await client.get("/api/v1/workers")).json())["workers"]
    versions = [worker[name] for name in ("version", "arq", "python", "release")]
    assert versions == ["0.1.0", "0.28.0", "3.13.1", None]
