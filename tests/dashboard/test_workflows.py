"""The pages of workflows, against the real verbs; jobs are ended by hand, so no worker is needed."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from board import Client, MakeClient, form_token

from arqboard.protocol import Outcome
from arqboard.protocol.client import Client as Redis
from arqboard.protocol.commands import Claimed, Commands, Ended, Report, Submission
from arqboard.protocol.flowlists import FlowLists, FlowPage, FlowQuery
from arqboard.protocol.graph import Chain, Graph, Group, Part, Step
from arqboard.protocol.workflows import FlowState, Workflows
from arqboard_dashboard.appkeys import FLOWS
from arqboard_dashboard.flowmeters import METERS
from arqboard_dashboard.fragments import parse_key

QUEUE = "arq:queue"
FUNCTIONS = ["fetch", "resize", "publish", "a"]
READ = {meter.kind: meter.read for meter in METERS}


@pytest.fixture(autouse=True)
async def worker(redis: Redis, commands: Commands) -> None:
    """One that has just reported, so that what it runs is not shown as stalled."""
    told = {"slots": 10, "functions": json.dumps(FUNCTIONS), "queue": QUEUE, "heartbeat": 60}
    await redis.hset(commands.keys.worker("w1"), mapping=told)
    seconds, _ = await redis.time()
    await redis.zadd(commands.keys.workers, {"w1": seconds * 1000})


def step(name: str) -> Step:
    return Step(Submission(function=name, queue=QUEUE, payload=name.encode()))


def chord(members: int = 5) -> Chain:
    return Chain((step("fetch"), Group(tuple(step("resize") for _ in range(members))), step("publish")))


async def begin(commands: Commands, part: Part, **options: Any) -> str:
    return (await commands.begin(Graph.of(part, **options))).job_id


async def claim(commands: Commands, want: int = 100) -> list[Claimed]:
    while await commands.launch():
        pass
    return (await commands.claim(QUEUE, "w1", want, lease_ms=10_000, max_crashes=3)).jobs


async def finish(
    commands: Commands, *attempts: Claimed, outcome: Outcome = Outcome.SUCCEEDED, error: str = "no"
) -> None:
    kind, said = ("ValueError", error) if outcome is Outcome.FAILED else ("", "")
    ended = [Ended(a.job_id, a.token, outcome, passed_on=b"r", error_type=kind, error=said) for a in attempts]
    await commands.finish(ended, keep_jobs=20_000, keep_jobs_ms=10**9)


async def run_all(commands: Commands) -> None:
    while attempts := await claim(commands):
        await finish(commands, *attempts)


async def html(client: Client, path: str, status: int = 200) -> str:
    answer = await client.get(path)
    text = await answer.text()
    assert answer.status == status, path
    return text


async def part(client: Client, key: str) -> str:
    """A live part as it is pushed."""
    parse_key(key)
    kind, _, name = key.partition(":")
    client.app[FLOWS].boards._boards.clear()
    client.app[FLOWS]._rows.expire()
    return await READ[kind](client.app, name)


async def act(client: Client, path: str, **headers: str) -> Any:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post(path, data={"token": form_token(client)}, headers=sent, allow_redirects=False)


def rows(text: str) -> dict[str, str]:
    """State of each row of the list, by id."""
    return dict(re.findall(r'data-live="flow:([^"]+)" data-v="\d+" data-state="(\w+)"', text))


def cards(text: str) -> dict[str, str]:
    """State of each card, by its number."""
    return dict(re.findall(r'class="node[^>]*?data-live="flow-step:[^"/]+/(\d+)"[^>]*?data-state="(\w+)"', text))


# The list


async def test_the_first_run_shows_how_a_workflow_is_begun(client: Client) -> None:
    text = await html(client, "/workflows")
    assert "No workflows yet" in text and "chord" in text


async def test_workflows_are_listed_with_their_states_and_counts(client: Client, commands: Commands) -> None:
    done = await begin(commands, chord(), name="album")
    await run_all(commands)
    failed = await begin(commands, step("bad"), name="bad one")
    [bad] = await claim(commands)
    await finish(commands, bad, outcome=Outcome.FAILED, error="<b>no</b>")
    running = await begin(commands, chord(), name="nightly")
    await claim(commands)

    text = await html(client, "/workflows")
    assert rows(text) == {running: "running", failed: "failed", done: "succeeded"}
    assert list(rows(text)) == [running, failed, done]  # the newest first
    assert "<b>no</b>" not in text and "&lt;b&gt;no&lt;/b&gt;" in text
    assert "<b>7</b> of 7 jobs" in text
    assert "<b>0</b> of 7 jobs · 1 running" in text
    assert rows(await html(client, "/workflows?state=failed")) == {failed: "failed"}


async def test_a_name_is_found_by_any_part_of_it(client: Client, commands: Commands) -> None:
    wanted = await begin(commands, step("a"), name="Album of the day")
    await begin(commands, step("a"), name="nightly")
    assert list(rows(await html(client, "/workflows?name=ALBUM"))) == [wanted]
    assert "No workflow matches" in await html(client, "/workflows?name=zebra")
    assert "No workflow matches" in await html(client, "/workflows?state=failed&name=album")


async def test_the_list_is_paged_by_key(client: Client, commands: Commands) -> None:
    ids = [await begin(commands, step("a"), name=f"flow {n}") for n in range(5)]
    first = await html(client, "/workflows?limit=2")
    seen = list(rows(first))
    text = first
    while found := re.search(r'href="([^"]*after=[^"]*)" rel="next"', text):
        text = await html(client, found[1].replace("&amp;", "&"))
        seen += rows(text)
    assert sorted(seen) == sorted(ids) and len(seen) == 5
    assert "Newest" in text


async def test_by_name_the_list_is_paged_too(client: Client, commands: Commands) -> None:
    ids = [await begin(commands, step("a"), name=f"flow {n}") for n in range(5)]
    await begin(commands, step("a"), name="other")
    text = await html(client, "/workflows?limit=2&name=flow")
    seen = list(rows(text))
    while found := re.search(r'href="([^"]*after=[^"]*)" rel="next"', text):
        text = await html(client, found[1].replace("&amp;", "&"))
        seen += rows(text)
    assert sorted(seen) == sorted(ids) and len(seen) == 5


async def test_a_record_that_cannot_be_read_spoils_its_own_row_only(
    client: Client, commands: Commands, redis: Redis
) -> None:
    good, bad, other = [await begin(commands, step("a")) for _ in range(3)]
    await redis.hset(commands.keys.workflow(bad), "state", "<lost>")
    await redis.delete(commands.keys.workflow(other))
    await redis.set(commands.keys.workflow(other), "not a hash")
    assert rows(await html(client, "/workflows")) == {good: "running", bad: "unreadable", other: "unreadable"}
    assert "can&#39;t be read" in await html(client, f"/workflows/{bad}", status=422)


@pytest.mark.parametrize(
    ("query", "field"),
    [("state=lost", "state"), ("limit=x", "limit"), ("after=x", "after"), ("name=" + "x" * 600, "name")],
)
async def test_a_bad_parameter_is_named(client: Client, query: str, field: str) -> None:
    answer = await client.get(f"/workflows?{query}", headers={"Accept": "application/json"})
    assert (answer.status, (await answer.json())["error"]["field"]) == (422, field)


async def test_the_sidebar_counts_those_that_run(client: Client, commands: Commands) -> None:
    await begin(commands, step("a"))
    await begin(commands, step("a"))
    assert re.search(r'id="nav-workflows" class="ct">2<', await html(client, "/workflows"))


async def test_a_list_of_fifty_costs_few_commands(client: Client, commands: Commands, redis: Redis) -> None:
    for n in range(60):
        await begin(commands, step("a"), name=f"flow {n}")
    await html(client, "/workflows")
    await redis.config_resetstat()
    await html(client, "/workflows")
    stats = await redis.info("commandstats")
    assert stats["cmdstat_hmget"]["calls"] <= 60
    assert sum(stat["calls"] for stat in stats.values()) <= 130


async def test_rows_are_read_together_however_many_are_watched(
    client: Client, commands: Commands, redis: Redis
) -> None:
    ids = [await begin(commands, step("a")) for _ in range(20)]
    await html(client, "/workflows")
    await redis.config_resetstat()
    for workflow_id in ids:
        assert "running" in await READ["flow"](client.app, workflow_id)
    assert (await redis.info("commandstats"))["cmdstat_hmget"]["calls"] <= 20


async def test_a_row_that_the_last_reading_did_not_know_is_not_gone(client: Client, commands: Commands) -> None:
    first = await begin(commands, step("a"))
    await READ["flow"](client.app, first)
    second = await begin(commands, step("a"))
    await html(client, "/workflows")  # it is on the page before the rows are read again
    assert 'hx-swap-oob="delete"' not in await READ["flow"](client.app, second)


async def test_a_row_that_was_deleted_leaves_the_list(client: Client, commands: Commands) -> None:
    workflow_id = await begin(commands, step("a"))
    await run_all(commands)
    await html(client, "/workflows")
    await commands.forget_workflow(workflow_id)
    assert 'hx-swap-oob="delete"' in await part(client, f"flow:{workflow_id}")


async def test_the_tabs_say_when_the_first_page_has_other_rows(client: Client, commands: Commands) -> None:
    await begin(commands, step("a"))
    before = await part(client, "flow-tabs:")
    assert await part(client, "flow-tabs:") == before
    assert f'data-shows="{re.search(r"""data-top="([^"]+)""", before)[1]}"' in await html(client, "/workflows")  # type: ignore[index]
    await begin(commands, step("a"))
    assert await part(client, "flow-tabs:") != before


async def test_before_the_first_workflow_the_page_hears_of_it_without_tabs(client: Client, commands: Commands) -> None:
    page = await html(client, "/workflows")
    assert 'data-live="flow-top:"' in page and 'class="tabs"' not in page
    before = await part(client, "flow-top:")
    await begin(commands, step("a"))
    after = await part(client, "flow-top:")
    assert after != before and "<a" not in after


async def test_what_begins_while_the_list_is_read_is_not_missed(
    client: Client, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begin(commands, step("a"))
    flows, read = client.app[FLOWS], FlowLists.page

    async def page_and_then_another(self: FlowLists, query: FlowQuery) -> FlowPage:
        found = await read(self, query)
        await begin(commands, step("a"))
        return found

    monkeypatch.setattr(FlowLists, "page", page_and_then_another)
    view = await flows.view(FlowQuery())
    assert len(view.rows) == 1
    assert view.tabs.top != (await flows.tabs(FlowQuery())).top


# One workflow


async def test_its_cards_stand_for_its_steps_and_equal_members_are_one(client: Client, commands: Commands) -> None:
    workflow_id = await begin(commands, chord(6), name="album")
    [fetch] = await claim(commands)
    assert cards(await html(client, f"/workflows/{workflow_id}")) == {"0": "running", "2": "waiting", "8": "waiting"}

    await finish(commands, fetch)
    first, *_ = await claim(commands, 3)
    await finish(commands, first)
    text = await html(client, f"/workflows/{workflow_id}")
    assert cards(text) == {"0": "succeeded", "2": "running", "8": "waiting"}
    assert "1 of 3 steps done" in text
    assert "<b>2</b> of 8 jobs · 2 running" in text
    assert "1 / 6 · 2 running" in text and "×6" in text
    assert "after resize" in text
    assert f'href="/jobs/{workflow_id}.0"' in text and f'href="/jobs/{workflow_id}.8"' not in text


async def test_a_failed_member_colours_what_it_blocks(client: Client, commands: Commands) -> None:
    workflow_id = await begin(commands, chord(4))
    await finish(commands, *await claim(commands))
    first, *others = await claim(commands)
    await finish(commands, first, outcome=Outcome.FAILED, error="disk full")
    await finish(commands, *others)
    text = await html(client, f"/workflows/{workflow_id}")
    assert cards(text) == {"0": "succeeded", "2": "failed", "6": "waiting"}
    assert "blocked by resize" in text and "ValueError: disk full" in text
    assert f'href="/jobs/{first.job_id}"' in text
    assert "Retry failed (1)" in text and "/pause" not in text and "/delete" in text


async def test_the_bar_of_a_single_job_is_its_own_progress(client: Client, commands: Commands) -> None:
    workflow_id = await begin(commands, Chain((step("fetch"), step("publish"))))
    [fetch] = await claim(commands)
    await commands.progress([Report(fetch.job_id, fetch.token, done=3, total=4, unit="files", note="", phase="")])
    told = await part(client, f"flow-step:{workflow_id}/0")
    assert 'value="3" max="4"' in told and "75%" in told
    assert told.count("hx-swap-oob") == 2  # the card and its line


async def test_its_parts_are_sent_again_only_when_they_have_changed(client: Client, commands: Commands) -> None:
    workflow_id = await begin(commands, chord())
    [fetch] = await claim(commands)
    keys = [f"flow-step:{workflow_id}/{n}" for n in (0, 2, 7)]
    keys += [f"flow-hero:{workflow_id}", f"flow-edges:{workflow_id}"]
    before = {key: await part(client, key) for key in keys}
    assert all(before.values())
    assert {key: await part(client, key) for key in keys} == before
    await finish(commands, fetch)
    changed = {key for key in keys if await part(client, key) != before[key]}
    assert changed == set(keys) - {keys[2]} | {k for k in [keys[2]] if k in changed}
    assert keys[0] in changed and keys[1] in changed


async def test_all_parts_of_a_page_are_of_one_reading(client: Client, commands: Commands, redis: Redis) -> None:
    workflow_id = await begin(commands, chord())
    await claim(commands)
    await html(client, f"/workflows/{workflow_id}")
    await redis.config_resetstat()
    for n in (0, 2, 7):
        await READ["flow-step"](client.app, f"{workflow_id}/{n}")
    await READ["flow-hero"](client.app, workflow_id)
    stats = await redis.info("commandstats")
    assert stats.get("cmdstat_hmget", {"calls": 0})["calls"] <= 2


async def test_ten_thousand_members_cost_as_little_as_ten(client: Client, commands: Commands, redis: Redis) -> None:
    workflow_id = await begin(commands, chord(10_000))
    await finish(commands, *await claim(commands))
    first, *_ = await claim(commands, 50)
    await finish(commands, first)
    text = await html(client, f"/workflows/{workflow_id}")
    assert len(cards(text)) == 3 and len(text) < 80_000
    assert "<b>2</b> of 10\u202f002 jobs · 49 running" in text

    client.app[FLOWS].boards._boards.clear()
    await redis.config_resetstat()
    await part(client, f"flow-hero:{workflow_id}")
    stats = await redis.info("commandstats")
    assert sum(stat["calls"] for stat in stats.values()) <= 60


async def test_the_members_of_a_card_are_listed_in_pages_and_by_state(client: Client, commands: Commands) -> None:
    workflow_id = await begin(commands, chord(120))
    await finish(commands, *await claim(commands))
    first, second, *_ = await claim(commands, 10)
    await finish(commands, first)
    await finish(commands, second, outcome=Outcome.FAILED, error="disk full")

    url = f"/workflows/{workflow_id}?open=2"
    text = await html(client, url)
    assert "1–50 of 120" in text and f'href="/jobs/{first.job_id}"' in text
    assert "101–120 of 120" in await html(client, f"{url}&start=100")
    failed = await html(client, f"{url}&only=failed")
    assert failed.count('role="row" class="step st-failed" data-state="failed"') == 1 and "disk full" in failed
    assert "There are none now" in await html(client, f"{url}&only=skipped")
    assert "disk full" in await part(client, f"flow-jobs:{workflow_id}/open=2&only=failed")
    every = await html(client, f"/workflows/{workflow_id}?open=all")
    assert "1–50 of 122" in every and "All jobs" in every


@pytest.mark.parametrize(
    ("query", "field"),
    [("open=x", "open"), ("open=-1", "open"), ("open=2&only=lost", "only"), ("open=2&start=x", "start"),
     ("show=x", "show"), ("zoom=33", "zoom")],
)  # fmt: skip
async def test_a_bad_look_is_named(client: Client, commands: Commands, query: str, field: str) -> None:
    workflow_id = await begin(commands, chord())
    answer = await client.get(f"/workflows/{workflow_id}?{query}", headers={"Accept": "application/json"})
    assert (answer.status, (await answer.json())["error"]["field"]) == (422, field)


async def test_a_card_that_is_not_there_is_not_found(client: Client, commands: Commands) -> None:
    workflow_id = await begin(commands, chord())
    await html(client, f"/workflows/{workflow_id}?open=77", status=404)


async def test_graph_and_list_are_in_the_address(client: Client, commands: Commands) -> None:
    workflow_id = await begin(commands, chord())
    both, graph, listed = [
        await html(client, f"/workflows/{workflow_id}?show={show}") for show in ("both", "graph", "list")
    ]
    assert cards(both) and 'class="step' in both
    assert cards(graph) and 'class="step' not in graph
    assert not cards(listed) and 'class="step' in listed
    assert 'class="dag z50"' in await html(client, f"/workflows/{workflow_id}?zoom=50")


@pytest.mark.parametrize(
    "shape", ["", "{", "[]", '{"chain": []}', '{"group": [[-1, "a"]]}', '{"group": [[99999999, "a"]]}']
)
async def test_without_a_shape_there_is_no_picture_and_the_jobs_are_listed(
    client: Client, commands: Commands, redis: Redis, shape: str
) -> None:
    workflow_id = await begin(commands, chord(), name="album")
    await redis.hset(commands.keys.workflow(workflow_id), "shape", shape)
    text = await html(client, f"/workflows/{workflow_id}")
    assert cards(text) == {} and "to be drawn" in text
    assert "fetch" in await html(client, f"/workflows/{workflow_id}?open=all")


async def test_too_many_different_steps_are_a_list(client: Client, commands: Commands) -> None:
    workflow_id = await begin(commands, Chain(tuple(step(f"step{n}") for n in range(101))))
    assert "to be drawn" in await html(client, f"/workflows/{workflow_id}")
    assert "1–50 of 101" in await html(client, f"/workflows/{workflow_id}?open=all")


async def test_a_job_whose_record_is_gone_is_shown_by_its_mark(client: Client, commands: Commands) -> None:
    workflow_id = await begin(commands, Chain((step("fetch"), step("publish"))))
    await finish(commands, *await claim(commands))
    await commands.discard(f"{workflow_id}.0")
    text = await html(client, f"/workflows/{workflow_id}")
    assert cards(text)["0"] == "succeeded" and "no longer kept" in text


async def test_names_and_functions_are_text(client: Client, commands: Commands) -> None:
    evil = '"><script>alert(1)</script>'
    workflow_id = await begin(commands, Chain((step(evil), Group((step(evil),) * 5))), name=evil)
    await claim(commands)
    for text in (await html(client, "/workflows"), await html(client, f"/workflows/{workflow_id}?open=2")):
        assert "<script>alert" not in text


async def test_an_unknown_workflow_is_not_found(client: Client) -> None:
    assert "No such workflow" in await html(client, "/workflows/none", status=404)
    await html(client, f"/workflows/{'x' * 600}", status=404)


# What people do


async def test_pause_and_resume_answer_with_the_top_of_the_page(client: Client, commands: Commands) -> None:
    workflow_id = await begin(commands, chord())
    answer = await act(client, f"/workflows/{workflow_id}/pause", HX_Request="true")
    text = await answer.text()
    assert answer.status == 200 and 'data-state="paused"' in text and "/resume" in text
    assert rows(await html(client, "/workflows"))[workflow_id] == "paused"
    answer = await act(client, f"/workflows/{workflow_id}/resume", HX_Request="true")
    assert 'data-state="running"' in await answer.text()


async def test_without_htmx_actions_lead_back_to_the_page(
    client: Client, commands: Commands, workflows: Workflows
) -> None:
    workflow_id = await begin(commands, chord())
    for action, state in (("pause", "paused"), ("resume", "running"), ("abort", "aborted"), ("retry", "running")):
        answer = await act(client, f"/workflows/{workflow_id}/{action}")
        assert (answer.status, answer.headers["Location"]) == (303, f"/workflows/{workflow_id}"), action
        assert f'data-state="{state}"' in await html(client, f"/workflows/{workflow_id}")
    await run_all(commands)
    assert (await workflows.get(workflow_id)).state is FlowState.SUCCEEDED
    answer = await act(client, f"/workflows/{workflow_id}/delete")
    assert (answer.status, answer.headers["Location"]) == (303, "/workflows")
    await html(client, f"/workflows/{workflow_id}", status=404)
    assert "This workflow is gone" in await part(client, f"flow-hero:{workflow_id}")


@pytest.mark.parametrize("action", ["pause", "resume", "abort", "retry"])
async def test_what_cannot_be_done_is_refused(client: Client, commands: Commands, action: str) -> None:
    workflow_id = await begin(commands, step("a"))
    await run_all(commands)
    assert (await act(client, f"/workflows/{workflow_id}/{action}")).status == 409
    assert (await act(client, f"/workflows/none/{action}")).status == 404


@pytest.mark.parametrize(
    "key", ["flow-hero:", "flow-step:abc", "flow-step:abc/x", "flow-step:/1", "flow-jobs:abc/open=x", "flow-jobs:abc/",
            "flow-jobs:abc/start=0&open=2", "flow-tabs:state=lost", "flow-tabs:zebra=1", "flow:" + "x" * 500],
)  # fmt: skip
async def test_keys_that_mean_nothing_are_refused(key: str) -> None:
    with pytest.raises(ValueError):
        parse_key(key)


async def test_a_key_of_an_unknown_workflow_shows_nothing(client: Client) -> None:
    for key in ("flow-edges:none", "flow-step:none/1", "flow-jobs:none/open=all"):
        assert await part(client, key) == ""


@pytest.fixture
def workflows(redis: Redis, commands: Commands) -> Workflows:
    return Workflows(redis, commands.keys)


async def test_redis_away_is_a_page_that_says_so(make_client: MakeClient) -> None:
    away = await make_client(redis=None, redis_url="redis://127.0.0.1:1/0")
    for path in ("/workflows", "/workflows/w1"):
        assert (await away.get(path)).status == 503
