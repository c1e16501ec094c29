"""Keys are found and read a page at a time; nothing is opened, and secrets and others' keys are not shown."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from arqboard.protocol import Keys
from arqboard.protocol.commands import Commands, Submission
from arqboard.protocol.keybrowser import MAX_VALUE, KeyBrowser, KeyNotFound, shown_value

QUEUE = "arq:queue"


@pytest.fixture
def browser(redis: Any, keys: Keys) -> KeyBrowser:
    return KeyBrowser(redis, keys)


async def names(browser: KeyBrowser, text: str) -> list[str]:
    return [key.name for key in (await browser.find(text)).keys]


async def test_keys_are_found_by_how_they_begin(browser: KeyBrowser, commands: Commands, keys: Keys) -> None:
    await commands.submit(Submission("resize", QUEUE, b"payload", job_id="j1"))
    await commands.submit(Submission("resize", QUEUE, b"payload", job_id="j2"))

    found = await browser.find(keys.job(""))

    assert [(key.name, key.type, key.left_ms) for key in found.keys] == [
        (keys.job("j1"), "hash", None),
        (keys.job("j2"), "hash", None),
    ]
    assert found.next is None


async def test_all_that_belongs_to_an_id_is_found_by_it(browser: KeyBrowser, commands: Commands, keys: Keys) -> None:
    await commands.submit(Submission("resize", QUEUE, b"payload", job_id="j1"))
    await commands.claim(QUEUE, "w1", 1, lease_ms=10_000, max_crashes=3)

    found = await browser.find("j1")

    assert [key.name for key in found.keys] == [keys.job("j1"), "arq:job:j1", "arq:in-progress:j1", "arq:retry:j1"]
    assert found.looked == 0
    assert found.keys[2].left_ms is not None


async def test_patterns_are_plain_text(browser: KeyBrowser, redis: Any, keys: Keys) -> None:
    await redis.set(f"{keys.prefix}a*b", 1)
    await redis.set(f"{keys.prefix}aXb", 1)

    assert await names(browser, f"{keys.prefix}a*") == [f"{keys.prefix}a*b"]
    assert await names(browser, f"{keys.prefix}[a]") == []


async def test_a_look_is_bounded_and_goes_on(browser: KeyBrowser, redis: Any, keys: Keys) -> None:
    pipe = redis.pipeline()
    for n in range(30_000):
        pipe.set(f"session:{n}", 1)
    for n in range(60):
        pipe.set(f"{keys.prefix}x:{n}", 1)
    await pipe.execute()

    found = await browser.find(f"{keys.prefix}x:")
    seen, cursor = {key.name for key in found.keys}, found.next
    assert found.looked <= 20_000
    while cursor:
        found = await browser.find(f"{keys.prefix}x:", cursor)
        seen |= {key.name for key in found.keys}
        cursor = found.next

    assert seen == {f"{keys.prefix}x:{n}" for n in range(60)}


@pytest.mark.parametrize("text", ["session:", "s", "session:1", "", "*", "ar\x00"])
async def test_keys_of_others_are_not_found(browser: KeyBrowser, redis: Any, text: str) -> None:
    await redis.set("session:1", "secret")

    assert await names(browser, text) == []


@pytest.mark.parametrize("name", ["session:1", "", "arqboard:nope", "arq:nope"])
async def test_keys_of_others_and_none_are_not_read(browser: KeyBrowser, redis: Any, name: str) -> None:
    await redis.set("session:1", "secret")

    with pytest.raises(KeyNotFound):
        await browser.read(name)


async def test_a_queue_of_any_name_is_one_of_ours(browser: KeyBrowser, commands: Commands) -> None:
    await commands.submit(Submission("resize", "emails", b"payload", job_id="j1"))

    assert (await browser.read("emails")).rows[0][1] == "j1"
    assert await names(browser, "emails") == ["emails"]


async def test_a_hash_is_read_with_its_secrets_redacted(browser: KeyBrowser, redis: Any, keys: Keys) -> None:
    args = json.dumps({"user": "ada", "password": "hunter2", "more": [{"api_key": "hunter2"}]})
    await redis.hset(keys.job("j1"), mapping={"function": "f", "kwargs": args, "token": "hunter2"})

    value = await browser.read(keys.job("j1"))

    rows = dict(value.rows)
    assert rows["function"] == "f"
    assert rows["token"] == "[redacted]"
    assert json.loads(rows["kwargs"]) == {
        "user": "ada", "password": "[redacted]", "more": [{"api_key": "[redacted]"}],
    }  # fmt: skip
    assert "hunter2" not in str(value)
    assert value.length == 3
    assert value.encoding in ("listpack", "hashtable")
    assert value.size


@pytest.mark.parametrize("name", ["payload:j1", "results:w1", "calls:w1", "artefact:j1:1"])
async def test_calls_results_and_files_are_not_opened(browser: KeyBrowser, redis: Any, keys: Keys, name: str) -> None:
    blobs = {"p": pickle.dumps({"k": "hunter2"}), "j": b'{"token": "hunter2"}'}
    if name.startswith(("payload", "artefact")):
        await redis.set(keys.prefix + name, blobs["p"])
    else:
        await redis.hset(keys.prefix + name, mapping={"1": blobs["p"], "2": blobs["j"]})

    value = await browser.read(keys.prefix + name)

    assert "hunter2" not in str(value)
    assert all("not opened" in text for _, text in value.rows)
    assert "pickle protocol" in value.rows[0][1]


async def test_arqs_calls_and_results_are_not_opened(browser: KeyBrowser, redis: Any) -> None:
    for name in ("arq:job:j1", "arq:result:j1"):
        await redis.set(name, b'{"k": {"password": "hunter2"}}' + b" " * 100_000)
        [(_, text)] = (await browser.read(name)).rows
        assert "hunter2" not in text
        assert "not opened" in text


async def test_lists_sets_and_sorted_sets_are_paged(browser: KeyBrowser, redis: Any, keys: Keys) -> None:
    await redis.rpush(f"{keys.prefix}list", *range(250))
    await redis.zadd(f"{keys.prefix}zset", {f"m{n}": n for n in range(250)})
    await redis.sadd(f"{keys.prefix}set", *[f"m{n}" for n in range(600)])
    for kind, size in (("list", 250), ("zset", 250), ("set", 600)):
        rows, after = [], ""
        while True:
            value = await browser.read(f"{keys.prefix}{kind}", after)
            rows += value.rows
            if value.next is None:
                break
            after = value.next
        assert value.length == size
        assert len({text for _, text in rows}) == size
    first = await browser.read(f"{keys.prefix}zset")
    assert first.rows[0] == ("249", "m249")
    assert len(first.rows) == 100


async def test_a_stream_is_paged(browser: KeyBrowser, redis: Any, keys: Keys) -> None:
    for n in range(150):
        await redis.xadd(keys.log("j1"), {"message": f"line {n}", "secret": "hunter2"})

    first = await browser.read(keys.log("j1"))
    assert first.next is not None
    second = await browser.read(keys.log("j1"), first.next)

    assert [len(first.rows), len(second.rows), second.next] == [100, 50, None]
    assert "message=line 0  secret=[redacted]" in first.rows[0][1]
    with pytest.raises(ValueError, match="place"):
        await browser.read(keys.log("j1"), "x")


@pytest.mark.parametrize("after", ["x", "-1", "٣"])
async def test_a_bad_place_is_refused(browser: KeyBrowser, redis: Any, keys: Keys, after: str) -> None:
    await redis.rpush(f"{keys.prefix}list", 1)

    with pytest.raises(ValueError, match="place"):
        await browser.read(f"{keys.prefix}list", after)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"text", "text"),
        (b"\xff\x00\x01", "ff 00 01"),
        ("ü".encode() * 3, "üüü"),
        (b'{"pin": 1, "x": "y"}', '{"pin": "[redacted]", "x": "y"}'),
        (b'{"password": "hunter2', "JSON that names secrets and can't be read"),
        (b"[" * 5000, "[" * 80 + "…"),
    ],
)
def test_values_are_shown_as_text_json_or_hex(raw: bytes, shown: str) -> None:
    assert shown_value(raw, len(raw)).startswith(shown)


def test_long_values_are_cut_also_within_a_character() -> None:
    raw = "ü".encode() * 5000

    shown = shown_value(b"x" + raw, len(raw) + 1)

    assert shown.startswith("xüü")
    assert "more bytes" in shown
    assert len(shown) < MAX_VALUE


async def test_what_goes_by_itself_says_when(browser: KeyBrowser, redis: Any, keys: Keys) -> None:
    await redis.set(f"{keys.prefix}once:x", 1, ex=60)

    left = (await browser.read(f"{keys.prefix}once:x")).info.left_ms

    assert left is not None
    assert 50_000 < left <= 60_000
