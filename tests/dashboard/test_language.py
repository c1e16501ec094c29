"""Two languages on one server: who is spoken to in which, and that live fragments of one never reach the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse
from board import Client, form_token, own_origin
from waiting import eventually

from arqboard.protocol import Job
from arqboard.protocol.commands import Commands, Submission
from arqboard_dashboard import formats
from arqboard_dashboard.appkeys import BUILD, FEED, HUB, RENDERER
from arqboard_dashboard.language import catalogue, gettext, ngettext, speaking, spoken
from arqboard_dashboard.preferences import preferred
from arqboard_dashboard.render import Renderer
from arqboard_dashboard.topics import in_every_language, split, topic_of
from arqboard_dashboard.views import Look

LOOK = Look(now=1_795_357_805_000, alive=frozenset(), base="", form_token="t", build="b", static="/s")


async def put(commands: Commands, job_id: str = "j1") -> None:
    await commands.submit(Submission("resize", "arq:queue", b"p", job_id=job_id))


def waiting_job() -> Job:
    fields = {"function": "resize", "queue": "q", "state": "queued", "enqueued": "1", "run_at": "1", "version": "1"}
    return Job.from_hash("j1", {name: value.encode() for name, value in {**fields, "position": "1"}.items()})


# What is said


def test_english_is_spoken_until_somebody_says_otherwise() -> None:
    assert gettext("Failed") == "Failed"
    with speaking("ru"):
        assert gettext("Failed") == "Ошибка"
    assert gettext("Failed") == "Failed"


async def test_each_task_speaks_for_itself() -> None:
    async def say(language: str) -> str:
        with speaking(language):
            await asyncio.sleep(0)
            return gettext("Running")

    said = await asyncio.gather(say("ru"), say("en"), say("ru"))

    assert list(said) == ["Идёт", "Running", "Идёт"]


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 заданий"), (1, "1 задание"), (2, "2 задания"), (5, "5 заданий"), (11, "11 заданий"), (21, "21 задание"),
     (104, "104 задания"), (1112, "1\u202f112 заданий")],
)  # fmt: skip
def test_russian_has_three_forms_for_numbers(count: int, said: str) -> None:
    with speaking("ru"):
        assert formats.plural(count, "job") == said


def test_a_message_without_a_translation_stays_as_it_is() -> None:
    with speaking("ru"):
        assert gettext("no catalogue has this") == "no catalogue has this"
        assert ngettext("%(n)s of these", "%(n)s of those", 2) == "%(n)s of those"


def test_numbers_times_and_sizes_are_written_as_in_the_language() -> None:
    with speaking("ru"):
        assert formats.duration(9_800) == "9,8 с"
        assert formats.duration(102_000) == "1 мин 42 с"
        assert formats.compact(1_900) == "1,9\u00a0тыс."
        assert formats.size(3_400) == "3,4 кБ"
        assert formats.rate(0.2, "rows") == "12 rows/мин"
        assert formats.clock(1_763_820_000_000, 1_764_000_000_000) == "22 ноя 14:00"
    assert formats.duration(9_800) == "9.8 s"


def test_rows_and_badges_are_remembered_per_language() -> None:
    row_of = Renderer().env.globals["row_of"]
    english = str(row_of(waiting_job(), LOOK))  # type: ignore[operator]
    with speaking("ru"):
        russian = str(row_of(waiting_job(), LOOK))  # type: ignore[operator]

    assert "waits for a free slot" in english
    assert "ждёт свободного места" in russian
    assert "В очереди" in russian
    assert str(row_of(waiting_job(), LOOK)) == english  # type: ignore[operator]


# Who is spoken to


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"), ("ru", "ru"), ("ru-RU,ru;q=0.9,en-US;q=0.8,en;q=0.7", "ru"), ("de, fr;q=0.9", "en"),
        ("en;q=0.5, ru;q=0.6", "ru"), ("en, ru", "en"), ("ru;q=0", "en"), ("de,ru;q=0.1", "ru"),
        (";;;,q=x,\u00fc", "en"), ("r" * 100_000, "en"),
    ],
)  # fmt: skip
def test_the_language_that_the_browser_would_like_best(header: str, language: str) -> None:
    assert preferred(header) == language


async def test_a_page_is_in_the_browsers_language_until_another_is_chosen(client: Client) -> None:
    russian = {"Accept-Language": "ru"}

    page = await client.get("/jobs/new", headers=russian)
    assert '<html lang="ru"' in await page.text()
    assert "Accept-Language" in page.headers["Vary"]

    await client.post("/preferences", data={"token": form_token(client), "language": "en"})
    assert '<html lang="en"' in await (await client.get("/jobs/new", headers=russian)).text()
    assert spoken() == "en"


async def test_an_error_is_said_in_the_readers_language_too(client: Client) -> None:
    page = await (await client.get("/jobs/nope", headers={"Accept-Language": "ru"})).text()

    assert "Такого задания нет" in page


RUSSIAN = {"Accept": "text/html", "Accept-Language": "ru"}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/jobs/nope", "Нет задания «nope»"),
        ("/jobs?q=took:1", "took: нужен предел: took:&gt;10s или took:&lt;500ms"),
        ("/jobs?limit=x", "«x» — не число строк; укажите от 1 до 200"),
        ("/queues/nope", "Нет очереди «nope»"),
    ],
)
async def test_what_the_protocol_says_is_said_in_the_readers_language(client: Client, path: str, said: str) -> None:
    assert said in await (await client.get(path, headers=RUSSIAN)).text()


async def test_a_refused_action_names_state_and_hint_in_the_readers_language(
    client: Client, commands: Commands
) -> None:
    await put(commands)
    headers = {**RUSSIAN, "Origin": own_origin(client)}
    answer = await client.post("/jobs/j1/retry", data={"token": form_token(client)}, headers=headers)
    assert answer.status == 409
    assert "Нельзя повторить: задание «j1» сейчас в состоянии «в очереди»" in await answer.text()


async def test_a_form_that_does_not_fit_is_told_so_in_the_readers_language(client: Client) -> None:
    form = {"token": form_token(client), "function": "resize", "arg.folder": "/a", "arg.width": "0", "arg.options": "{"}
    headers = {**RUSSIAN, "Origin": own_origin(client)}
    page = await (await client.post("/jobs", data={**form, "opt.priority": "12"}, headers=headers)).text()
    assert "нужно не меньше 1" in page
    assert "строка 1, столбец 2: текст здесь кончается: ожидается имя в двойных кавычках" in page
    assert "«12» — не целое число от 0 до 9." in page


async def test_programs_are_answered_in_english(client: Client) -> None:
    answer = await client.get("/api/v1/jobs?state=lost", headers={"Accept-Language": "ru"})

    assert "state can't be" in (await answer.json())["error"]["message"]


# Live, in both at once


@pytest.fixture
async def say(client: Client) -> AsyncIterator[Any]:
    """Opens a socket of a page in a language that shows these keys."""
    opened: list[ClientWebSocketResponse] = []

    async def open_page(language: str | None, *keys: str) -> ClientWebSocketResponse:
        ws = await client.ws_connect("/ws", headers={"Origin": own_origin(client)})
        opened.append(ws)
        hello: dict[str, Any] = {"t": "hello", "p": 1, "b": client.app[BUILD], "live": dict.fromkeys(keys, 0)}
        await ws.send_json(hello if language is None else {**hello, "l": language})
        return ws

    yield open_page
    for ws in opened:
        await ws.close()


async def heard(ws: ClientWebSocketResponse, text: str) -> str:
    """All HTML up to this text."""
    so_far = ""
    while text not in so_far:
        message = await ws.receive_json(timeout=10)
        if message["t"] == "patch":
            await ws.send_json({"t": "ack", "seq": message["seq"]})
            so_far += message["content"]
    return so_far


async def test_each_page_gets_fragments_in_its_own_language(client: Client, commands: Commands, say: Any) -> None:
    await put(commands)
    russian, english = await say("ru", "row:j1", "kpis"), await say(None, "row:j1", "kpis")

    at_first = await heard(russian, "В очереди"), await heard(english, "Queued")
    await commands.abort("j1")
    later = await heard(russian, "Прервано"), await heard(english, "Aborted")

    assert "Queued" not in at_first[0]
    assert "В очереди" not in at_first[1]
    assert "Aborted" not in later[0]
    assert "Прервано" not in later[1]
    assert 'data-live="row:j1"' in later[0]  # a page never sees the names that the hub has


async def test_an_english_site_renders_and_watches_nothing_twice(client: Client, commands: Commands, say: Any) -> None:
    await put(commands)
    english = await say("en", "row:j1", "side", "list:")
    await heard(english, "Queued")
    assert set(client.app[HUB].topics) == {"row:j1", "side", "list:"}

    russian = await say("ru", "row:j1", "side", "list:")
    await heard(russian, "В очереди")
    assert set(client.app[HUB].topics) == {"row:j1", "side", "list:", "ru|row:j1", "ru|side"}

    await russian.close()
    await eventually(lambda: set(client.app[HUB].topics) == {"row:j1", "side", "list:"})
    assert client.app[FEED]._languages == ("en",)


async def test_a_new_job_is_told_to_lists_in_every_language(commands: Commands, say: Any) -> None:
    await put(commands)
    pages = [await say("ru", "list:", "row:j1"), await say("en", "list:", "row:j1")]
    for page, text in zip(pages, ("В очереди", "Queued"), strict=True):
        await heard(page, text)
    await put(commands, "j2")

    for page in pages:
        while (message := await page.receive_json(timeout=10))["t"] != "event":
            pass
        assert (message["key"], message["name"]) == ("list:", "live:stale")


async def test_the_answer_to_a_click_is_in_the_readers_language(client: Client, commands: Commands) -> None:
    await put(commands)
    answer = await client.post(
        "/jobs/j1/abort",
        data={"token": form_token(client)},
        headers={"HX-Request": "true", "HX-Target": "div#job-j1", "Accept-Language": "ru"},
    )

    assert "Прервано" in await answer.text()


@pytest.mark.parametrize("language", ["de", "RU", 7, None, {}])
async def test_a_language_that_there_is_not_ends_the_socket(client: Client, language: Any) -> None:
    ws = await client.ws_connect("/ws", headers={"Origin": own_origin(client)})
    await ws.send_json({"t": "hello", "p": 1, "b": client.app[BUILD], "live": {}, "l": language})
    await ws.receive(timeout=10)

    assert ws.close_code == 4400


# The names between


def test_a_topic_is_the_pages_key_with_the_language_before_it() -> None:
    assert topic_of("row:ru|j1", "en") == "row:ru|j1"
    assert topic_of("row:ru|j1", "ru") == "ru|row:ru|j1"
    assert split("ru|row:ru|j1") == ("ru", "row:ru|j1")
    assert split("row:ru|j1") == ("en", "row:ru|j1")
    assert split("ru|side") == ("ru", "side")
    assert topic_of("list:queue=x", "ru") == "list:queue=x"
    assert in_every_language(("row",)) == {"row", "ru|row"}


def test_the_catalogue_is_read_once_and_by_nobody_who_reads_english() -> None:
    catalogue.cache_clear()
    Renderer().env.get_template("partials/row.html").render(job=waiting_job(), look=LOOK, oob=False)
    assert catalogue.cache_info().currsize == 0
    with speaking("ru"):
        gettext("Jobs")
        gettext("Queues")
    assert (catalogue.cache_info().misses, catalogue.cache_info().currsize) == (1, 1)


def test_all_renderers_of_a_process_share_what_is_compiled(client: Client) -> None:
    assert client.app[RENDERER].env.bytecode_cache is Renderer().env.bytecode_cache
