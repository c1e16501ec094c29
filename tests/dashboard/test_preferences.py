"""What a reader chooses is kept in cookies, and every page follows."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any

import pytest
from board import Client, form_token
from yarl import URL

from arqboard_dashboard.preferences import zones


async def choose(client: Client, **fields: str) -> Any:
    data = {"token": form_token(client), **fields}
    return await client.post("/preferences", data=data, allow_redirects=False)


async def test_choices_are_kept_and_shown_again(client: Client) -> None:
    answer = await choose(
        client, language="ru", zone="Europe/Berlin", theme="dark", density="compact", keys="off", next="/preferences"
    )
    assert (answer.status, answer.headers["Location"]) == (303, "/preferences")

    page = await (await client.get("/preferences")).text()
    assert (
        '<html lang="ru" data-theme="dark" data-density="compact" data-time-zone="Europe/Berlin" data-keys="off">'
        in page
    )
    assert "<option selected>Europe/Berlin</option>" in page
    assert "Выбор сохранён" in page


async def test_one_choice_leaves_the_others_alone(client: Client) -> None:
    await choose(client, theme="dark", zone="UTC")
    await choose(client, theme="")

    page = await (await client.get("/jobs")).text()
    assert "data-theme" not in page
    assert 'data-time-zone="UTC"' in page


@pytest.mark.parametrize(
    ("name", "value"),
    [("theme", "pink"), ("zone", "Mars/Olympus"), ("zone", "../etc/passwd"), ("language", "xx"), ("keys", "on")],
)
async def test_what_there_is_not_can_not_be_chosen(client: Client, name: str, value: str) -> None:
    answer = await choose(client, **{name: value})

    assert answer.status == 422
    assert name in await answer.text()
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("value", ["<script>", "Mars/Olympus", "ru; path=/", "x" * 5000])
async def test_a_cookie_that_makes_no_sense_counts_as_not_chosen(client: Client, value: str) -> None:
    cookies = SimpleCookie({f"arqboard_{name}": value for name in ("theme", "zone", "language", "density", "keys")})
    client.session.cookie_jar.update_cookies(cookies, URL(client.make_url("/")))

    page = await (await client.get("/jobs")).text()
    assert '<html lang="en">' in page


async def test_it_leads_back_to_this_dashboard_only(client: Client) -> None:
    answer = await choose(client, theme="dark", next="https://evil.example/")

    assert answer.headers["Location"] == "/jobs"


def test_zones_are_those_that_browsers_know_too() -> None:
    assert {"UTC", "Europe/Moscow", "America/New_York", "Asia/Kolkata"} <= zones()
    assert not [name for name in zones() if name.startswith(("posix", "right", "Etc", "US/", "SystemV"))]
