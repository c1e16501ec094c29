"""What the palette finds: places, things by their names, a job by its id; and how it says so."""

from __future__ import annotations

import re
from typing import Any

from board import Client, forget

from arqboard.protocol import Keys
from arqboard.protocol.commands import Commands, Submission

HOSTILE = "<img src=x onerror=alert(1)>"


async def find(client: Client, q: str = "", **headers: str) -> dict[str, list[tuple[str, str]]]:
    """Groups with what is in them: the text and where it leads."""
    html = await (await client.get("/palette", params={"q": q}, headers=headers)).text()
    found: dict[str, list[tuple[str, str]]] = {}
    for group in re.findall(r'<div role="group".*?</div>', html, flags=re.DOTALL):
        title = re.search(r'<p class="pal-h" id="[^"]+">(.*?)</p>', group)
        assert title
        found[title[1]] = re.findall(r'href="([^"]*)".*?<b hx-ignore>(.*?)</b>', group)
    return {title: [(text, href) for href, text in entries] for title, entries in found.items()}


async def test_an_empty_field_offers_places_tasks_and_actions(client: Client) -> None:
    found = await find(client)

    assert ("Jobs", "/jobs") in found["Go to"]
    assert ("resize", "/jobs/new?fn=resize") in found["New job"]
    assert [text for text, _ in found["Do"]] == ["Pause live updates, or go on", "Change the theme", "Show all keys"]


async def test_a_job_is_found_by_exactly_its_id(client: Client, commands: Commands) -> None:
    await commands.submit(Submission("resize", "arq:queue", b"p", job_id="a/1"))

    assert (await find(client, "a/1"))["Jobs"] == [("resize", "/jobs/a%2F1")]
    assert "Jobs" not in await find(client, "a/")


async def test_a_function_is_found_by_a_part_of_its_name(client: Client) -> None:
    found = await find(client, "SIZ")

    assert found["Functions"] == [("resize", "/jobs?function=resize")]
    assert found["New job"] == [("resize", "/jobs/new?fn=resize")]


async def test_what_begins_with_the_words_comes_first(client: Client, redis: Any, keys: Keys) -> None:
    from board import FUNCTIONS

    info = FUNCTIONS["resize"]
    for name in ("old_send", "send", "send_all"):
        await redis.hset(keys.functions, name, info.model_copy(update={"name": name}).model_dump_json())
    await forget(client)

    assert [text for text, _ in (await find(client, "send"))["Functions"]] == ["send", "send_all", "old_send"]


async def test_nothing_found_is_nothing(client: Client) -> None:
    assert await find(client, "no such thing at all") == {}


async def test_a_group_is_short(client: Client, redis: Any, keys: Keys) -> None:
    from board import FUNCTIONS

    info = FUNCTIONS["resize"]
    many = {f"task_{n}": info.model_copy(update={"name": f"task_{n}"}).model_dump_json() for n in range(40)}
    await redis.hset(keys.functions, mapping=many)
    await forget(client)

    assert len((await find(client, "task"))["Functions"]) == 6


async def test_names_are_only_ever_text(client: Client, redis: Any, keys: Keys) -> None:
    from board import FUNCTIONS

    info = FUNCTIONS["resize"].model_copy(update={"name": HOSTILE})
    await redis.hset(keys.functions, HOSTILE, info.model_dump_json())
    await forget(client)
    html = await (await client.get("/palette", params={"q": "img"})).text()

    assert "<img" not in html
    assert "&lt;img" in html


async def test_it_speaks_the_readers_language(client: Client) -> None:
    found = await find(client, "зад", **{"Accept-Language": "ru"})

    assert ("Задания", "/jobs") in found["Перейти"]


async def test_a_question_costs_one_look_into_redis(client: Client, redis: Any) -> None:
    """What it is made of is cached for all; only the id is looked up."""
    await find(client, "warm")
    before = (await redis.info("stats"))["total_commands_processed"]
    for n in range(20):
        await find(client, f"some{n}")
    after = (await redis.info("stats"))["total_commands_processed"]

    assert after - before < 20 * 8


async def test_hostile_questions_are_answered(client: Client) -> None:
    for q in ("\ud800", "x" * 5000, "%", "\0", "__proto__", "'\"<>"):
        answer = await client.get("/palette?q=" + "".join(f"%{b:02x}" for b in q.encode(errors="surrogatepass")))
        assert answer.status == 200, q
