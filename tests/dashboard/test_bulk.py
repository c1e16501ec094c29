"""Acting on many jobs from the list: by forms alone, as htmx sends them, and by the API."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from board import Client, form_token
from bulks import failed, waiting

from arqboard.protocol import Job, Query, Reader, State
from arqboard.protocol.acting import Action, Wish, new_batch
from arqboard.protocol.bulk import BULK, Bulk
from arqboard.protocol.commands import Commands
from arqboard_dashboard import flashes
from arqboard_dashboard.pages.shell import FLASHES

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
HTMX = {**FORM, "HX-Request": "true"}


async def post(client: Client, path: str, *, htmx: bool = True, ids: list[str] | None = None, **fields: str) -> Any:
    pairs = [("token", form_token(client)), *fields.items(), *(("id", job_id) for job_id in ids or [])]
    headers = HTMX if htmx else FORM
    return await client.post(path, data=urlencode(pairs), headers=headers, allow_redirects=False)


def batch_in(html: str) -> str:
    found = re.search(r'name="batch" value="([0-9a-f]{32})"', html)
    assert found is not None, html
    return found[1]


# Selected rows


async def test_selected_jobs_are_retried_and_the_answer_has_their_rows_and_undo(
    client: Client, commands: Commands, reader: Reader
) -> None:
    ids = await failed(commands, 3)
    answer = await post(client, "/jobs/bulk", action="retry", ids=ids[:2])
    html = await answer.text()
    assert answer.status == 200
    assert "2 jobs run again" in html
    assert all(f'id="job-{job_id}"' in html for job_id in ids[:2]) and f'id="job-{ids[2]}"' not in html
    assert (await reader.counts())[State.FAILED] == 1

    undone = await post(client, "/jobs/undo", batch=batch_in(html))

    assert "2 jobs are as they were" in await undone.text()
    assert (await reader.counts())[State.FAILED] == 3


async def test_each_that_could_not_be_is_told_with_its_reason(client: Client, commands: Commands, redis: Any) -> None:
    ids = await failed(commands, 2)
    waits = await waiting(commands, 1, "mail")
    await redis.delete(commands.keys.payload(ids[1]))
    html = await (await post(client, "/jobs/bulk", action="retry", ids=[*ids, *waits])).text()
    assert "1 job runs again, 2 could not" in html
    assert f"mail {waits[0]}: it waits" in html and f"resize {ids[1]}: its stored call has expired" in html


async def test_one_reason_for_all_is_told_at_once(client: Client, commands: Commands) -> None:
    ids = await failed(commands, 1)
    html = await (
        await post(client, "/jobs/bulk", action="retry", ids=[*ids, *await waiting(commands, 1, "mail")])
    ).text()
    assert "1 job runs again, 1 could not: it waits" in html


async def test_deleted_rows_go_and_come_back(client: Client, commands: Commands, reader: Reader) -> None:
    ids = await failed(commands, 2)
    html = await (await post(client, "/jobs/bulk", action="delete", ids=ids)).text()
    assert "2 jobs are deleted" in html and f'id="job-{ids[0]}" hx-swap-oob="delete"' in html
    assert (await client.get(f"/jobs/{ids[0]}")).status == 404
    await post(client, "/jobs/undo", batch=batch_in(html))
    assert (await client.get(f"/jobs/{ids[0]}")).status == 200
    again = await (await post(client, "/jobs/undo", batch=batch_in(html))).text()
    assert "Too late" in again


async def test_a_priority_is_given_to_those_that_wait(client: Client, commands: Commands, reader: Reader) -> None:
    ids = await waiting(commands, 2)
    html = await (await post(client, "/jobs/bulk", action="reprioritise", priority="7", ids=ids)).text()
    assert "2 jobs have priority 7" in html
    assert (await reader.get(ids[0])).priority == 7


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"action": "explode"}, "explode"),
        ({"action": "reprioritise", "priority": "10"}, "0 to 9"),
        ({"action": "retry"}, "no job is selected"),
        ({"action": "retry", "all": "1", "query": "state=nope"}, "state can't be"),
        ({"action": "retry", "all": "1", "query": "state=succeeded"}, "retry jobs that are succeeded"),
    ],
)
async def test_a_mistake_is_named(client: Client, fields: dict[str, Any], named: str) -> None:
    answer = await post(client, "/jobs/bulk", **fields)
    assert answer.status == 422 and named in (await answer.text()).replace("&#39;", "'")


async def test_more_than_a_page_is_not_named_one_by_one(client: Client) -> None:
    answer = await post(client, "/jobs/bulk", action="retry", ids=[f"j{n}" for n in range(201)])
    assert answer.status == 422 and "200" in await answer.text()


async def test_without_the_token_nothing_is_done(client: Client, commands: Commands, reader: Reader) -> None:
    [job_id] = await failed(commands, 1)
    for path in ("/jobs/bulk", "/jobs/undo"):
        assert (await client.post(path, data=f"action=delete&id={job_id}", headers=FORM)).status == 403
    assert (await reader.counts())[State.FAILED] == 1


# Without scripts


async def test_without_scripts_a_retry_goes_back_to_the_list_and_says_what_it_did(
    client: Client, commands: Commands, reader: Reader
) -> None:
    ids = await failed(commands, 2)
    answer = await post(client, "/jobs/bulk", htmx=False, action="retry", query="state=failed", ids=ids)
    assert (answer.status, answer.headers["Location"]) == (303, "/jobs?state=failed")
    html = await (await client.get(answer.headers["Location"])).text()
    assert "2 jobs run again." in html
    back = await post(client, "/jobs/undo", htmx=False, batch=batch_in(html))
    assert "2 jobs are as they were." in await (await client.get(back.headers["Location"])).text()
    assert (await reader.counts())[State.FAILED] == 2


@pytest.mark.parametrize("action", ["abort", "delete"])
async def test_without_scripts_the_server_asks_before_what_is_grave(
    client: Client, commands: Commands, reader: Reader, action: str
) -> None:
    ids = await waiting(commands, 3)
    answer = await post(client, "/jobs/bulk", htmx=False, action=action, ids=ids[:2])
    html = await answer.text()
    assert answer.status == 200 and f"{action.capitalize()} 2 jobs?" in html and f"resize {ids[0]}" in html
    assert (await reader.counts())[State.QUEUED] == 3

    done = await post(client, "/jobs/bulk", htmx=False, action=action, confirmed="1", ids=ids[:2])

    assert done.status == 303
    assert (await reader.counts())[State.QUEUED] == 1


# All that match


async def test_the_question_says_how_many_and_which(client: Client, commands: Commands) -> None:
    await failed(commands, 120)
    html = await (await client.get("/jobs/bulk?action=retry&query=state%3Dfailed%26function%3Dresize")).text()
    assert "Retry 120 jobs?" in html and "<dd>failed</dd>" in html and "<dd>resize</dd>" in html
    assert 'name="typed"' in html and "No worker runs now" in html


async def test_few_jobs_need_no_typing_and_none_no_button(client: Client, commands: Commands) -> None:
    await failed(commands, 100)
    assert 'name="typed"' not in await (await client.get("/jobs/bulk?action=retry&query=")).text()
    assert "No job matches" in await (await client.get("/jobs/bulk?action=reprioritise&priority=1&query=")).text()


async def test_it_starts_once_the_number_is_typed(client: Client, commands: Commands, reader: Reader) -> None:
    await failed(commands, 101)
    fields: dict[str, Any] = {"action": "retry", "all": "1", "query": "state=failed", "confirmed": "1"}
    unsure: dict[str, Any] = {**fields, "confirmed": ""}
    asked = await post(client, "/jobs/bulk", **unsure)
    assert asked.headers["HX-Retarget"] == "#bulk-ask" and "Retry 101 jobs?" in await asked.text()
    wrong = await post(client, "/jobs/bulk", **fields, typed="100")
    assert wrong.status == 422 and "as it is shown" in await wrong.text()
    assert (await reader.page(Query(function=BULK))).total == 0

    started = await post(client, "/jobs/bulk", **fields, typed="101")

    html = await started.text()
    assert started.status == 200 and "No worker runs, so it waits for one" in html
    [job] = (await reader.page(Query(function=BULK))).jobs
    assert isinstance(job, Job)
    asked_of_it = Bulk.from_kwargs(job.kwargs)
    assert (asked_of_it.wish.action, asked_of_it.query, asked_of_it.total) == (
        Action.RETRY,
        Query(state=State.FAILED),
        101,
    )
    again = await post(client, "/jobs/bulk", **fields, typed="101")
    assert "already" in await again.text()


async def test_without_scripts_one_is_led_to_the_bulk_jobs_page(client: Client, commands: Commands) -> None:
    await failed(commands, 2)
    answer = await post(client, "/jobs/bulk", htmx=False, action="retry", all="1", query="", confirmed="1")
    assert answer.status == 303
    page = await (await client.get(answer.headers["Location"])).text()
    assert "It runs as a job" in page and BULK in page


async def test_bulk_jobs_under_way_are_on_top_of_the_list(client: Client, commands: Commands, reader: Reader) -> None:
    await failed(commands, 2)
    assert re.search(r'<section id="bulks"[^>]* hidden', await (await client.get("/jobs")).text())
    await post(client, "/jobs/bulk", action="delete", all="1", query="state=failed", confirmed="1")
    html = await (await client.get("/jobs")).text()
    assert "Delete: failed" in html and "No worker runs now, so it waits for one." in html and "Stop" in html


async def test_the_tasks_that_can_be_submitted_do_not_have_it(client: Client) -> None:
    assert BULK not in await (await client.get("/jobs/new")).text()
    answer = await client.post("/api/v1/jobs", json={"function": BULK})
    assert answer.status == 404


# What the cookie may say


@pytest.mark.parametrize(
    ("cookie", "text", "batch"),
    [
        ("deleted", "The job has been deleted.", ""),
        (f"deleted.{'a' * 32}", "The job has been deleted.", "a" * 32),
        ("deleted.<script>", "The job has been deleted.", ""),
        ("bulk-retry-12-1-0", "12 jobs run again, 1 could not.", ""),
        ("bulk-reprioritise-1-0-7", "1 job has priority 7.", ""),
        ("undone-3-0", "3 jobs are as they were.", ""),
    ],
)
def test_a_flash_is_a_code_with_numbers(cookie: str, text: str, batch: str) -> None:
    told = flashes.read(cookie, FLASHES)
    assert told is not None and (told.message, told.batch) == (text, batch)


@pytest.mark.parametrize("cookie", ["", "hello", "bulk-explode-1-0", "bulk-retry-x-0", "undone-1", f".{'a' * 32}"])
def test_a_cookie_that_we_did_not_write_says_nothing(cookie: str) -> None:
    assert flashes.read(cookie, FLASHES) is None


# Single jobs


async def test_one_job_is_retried_and_deleted_with_a_way_back(
    client: Client, commands: Commands, reader: Reader
) -> None:
    [job_id] = await failed(commands, 1)
    row = {**HTMX, "HX-Target": f"div#job-{job_id}"}
    data = urlencode({"token": form_token(client)})
    retried = await (await client.post(f"/jobs/{job_id}/retry", data=data, headers=row)).text()
    assert f"{job_id} runs again in a moment" in retried
    await post(client, "/jobs/undo", batch=batch_in(retried))
    assert (await reader.get(job_id)).state is State.FAILED

    deleted = await (await client.post(f"/jobs/{job_id}/delete", data=data, headers=row)).text()
    assert f"{job_id} is deleted" in deleted and 'hx-swap-oob="delete"' in deleted
    await post(client, "/jobs/undo", batch=batch_in(deleted))
    assert (await reader.get(job_id)).state is State.FAILED


# Programs


async def test_a_program_acts_on_ids_and_each_has_its_answer(client: Client, commands: Commands, redis: Any) -> None:
    ids = await failed(commands, 2)
    await redis.delete(commands.keys.payload(ids[1]))
    answer = await client.post("/api/v1/jobs/bulk", json={"action": "retry", "ids": [*ids, "nope"]})
    assert answer.status == 202
    refused = [{"id": ids[1], "code": "payload_gone"}, {"id": "nope", "code": "job_not_found"}]
    assert await answer.json() == {"done": [ids[0]], "refused": refused}
    state = (await Reader(redis).get(ids[0])).state
    assert state is State.QUEUED, "programs need no way back, so it does not wait"


async def test_a_program_starts_a_bulk_job(client: Client, commands: Commands, reader: Reader) -> None:
    await failed(commands, 3)
    body = {"action": "delete", "filter": {"state": "failed", "q": "id:resize-0000*"}}
    answer = await client.post("/api/v1/jobs/bulk", json=body)
    told = await answer.json()
    assert answer.status == 202 and told["total"] == 3 and told["repeated"] is False
    assert answer.headers["Location"] == told["url"] == f"/api/v1/jobs/{told['job']}"
    assert (await reader.get(told["job"])).kwargs["q"] == "id:resize-0000*"
    assert (await (await client.post("/api/v1/jobs/bulk", json=body)).json())["repeated"] is True


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "explode", "ids": []}, "action"),
        ({"action": "retry"}, "ids"),
        ({"action": "retry", "ids": ["a"], "filter": {}}, "ids"),
        ({"action": "reprioritise", "ids": ["a"]}, "priority"),
        ({"action": "retry", "ids": ["a"], "priority": 1}, "priority"),
        ({"action": "retry", "filter": {"colour": "red"}}, "filter.colour"),
        ({"action": "retry", "filter": {"state": "nope"}}, "state"),
        ({"action": "retry", "ids": ["x"] * 201}, "ids"),
    ],
)
async def test_a_programs_mistake_is_named(client: Client, body: dict[str, Any], field: str) -> None:
    answer = await client.post("/api/v1/jobs/bulk", data=json.dumps(body), headers={"Content-Type": "application/json"})
    assert answer.status == 422 and (await answer.json())["error"]["field"] == field


async def test_a_stopped_bulk_job_can_be_run_on(client: Client, commands: Commands, reader: Reader) -> None:
    await failed(commands, 1)
    told = await (await client.post("/api/v1/jobs/bulk", json={"action": "retry", "filter": {}})).json()
    assert (await client.post(f"/api/v1/jobs/{told['job']}/abort")).status == 202
    assert (await client.post(f"/api/v1/jobs/{told['job']}/retry")).status == 202
    assert (await reader.get(told["job"])).state is State.QUEUED


async def test_undo_of_a_batch_that_is_none(client: Client) -> None:
    assert (await post(client, "/jobs/undo", batch="../../etc")).status == 422
    answer = await post(client, "/jobs/undo", batch=new_batch())
    assert "Too late" in await answer.text()


def test_a_wish_tells_its_detail() -> None:
    assert (Wish(Action.REPRIORITISE, priority=3, by="x").detail, Wish(Action.ABORT, by="x").detail) == ("3", "x")
