"""Show the bar of a job in a web page of your own: signed links to the dashboard's widget, and the HTML around them.

url = link(handle.id, secret=SECRET, base="https://ops.example.com", expires=timedelta(hours=2))
html = script(url, theme="dark")
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from html import escape
from math import ceil
from typing import Literal
from urllib.parse import urlencode, urlsplit

from .protocol.widget import MAX_ID, MAX_LABEL, MAX_SECONDS, Grant, Show, is_label, secrets_in

__all__ = ["Theme", "iframe", "link", "script"]

Theme = Literal["auto", "light", "dark"]


def link(
    job_id: str,
    *,
    secret: str,
    base: str,
    expires: timedelta | datetime | float = timedelta(hours=1),
    show: Literal["bar", "steps", "outcome"] = "bar",
    label: str = "",
) -> str:
    """An address that shows one job's bar to whoever has it, until it expires. Nothing is asked of Redis.

    `secret` is the dashboard's `ARQBOARD_WIDGET_SECRET` (of several the first signs), `base` its address as browsers
    reach it, with the prefix where it is mounted. `expires` is how long from now on (a timedelta, or seconds), or when
    (a datetime with its zone); at most a year. `show` says how much of the job: `bar` its state, percent and time left;
    `steps` also the phase, note and amounts that it reports; `outcome` also its result or error. `label` stands over
    the bar and is signed too. Raises ValueError, saying what is wrong.
    """
    if not job_id or len(job_id) > MAX_ID or not _is_text(job_id):
        raise ValueError(f"job_id: text of 1 to {MAX_ID} characters")
    if show not in set(Show):
        raise ValueError(f"show: one of {', '.join(Show)}, not {show!r}")
    if not is_label(label):
        raise ValueError(f"label: one line of at most {MAX_LABEL} characters, without spaces around it")
    grant = Grant(job_id, _until(expires), Show(show), label)
    return _base(base) + grant.path(_first(secret))


def iframe(
    link: str,
    *,
    title: str = "Progress",
    height: int = 92,
    theme: Theme = "auto",
    accent: str = "",
    radius: int | None = None,
    compact: bool = False,
    plain: bool = False,
    lang: str = "",
) -> str:
    """The link as HTML that needs no script in your page. `height` is in pixels; the script finds it by itself."""
    looks = _looks(theme, accent, radius, compact, plain, lang)
    address = f"{link}&{urlencode(looks, safe=',')}" if looks else link
    return (
        f'<iframe src="{escape(address)}" title="{escape(title)}" width="100%" height="{height}" frameborder="0"'
        ' loading="lazy" referrerpolicy="no-referrer" sandbox="allow-scripts allow-same-origin"></iframe>'
    )


def script(
    link: str,
    *,
    title: str = "Progress",
    theme: Theme = "auto",
    accent: str = "",
    radius: int | None = None,
    compact: bool = False,
    plain: bool = False,
    lang: str = "",
) -> str:
    """The link as one line of HTML that puts the bar where it stands, and tells your page how the job goes.

    How it looks is not signed: `theme`, `accent` (the bar's colour, `4b43d6`, or with a second one for the dark:
    `4b43d6,8f95ff`), `radius` in pixels, `compact` on one line, `plain` without its card, `lang` (en, ru).
    """
    looks = _looks(theme, accent, radius, compact, plain, lang)
    if title != "Progress":
        looks["title"] = title
    data = "".join(f' data-{name}="{escape(value)}"' for name, value in looks.items())
    home = link.partition("?")[0].rpartition("/widget/")[0]
    return f'<script src="{escape(home)}/widget.js" data-job="{escape(link)}"{data} async></script>'


def _looks(theme: str, accent: str, radius: int | None, compact: bool, plain: bool, lang: str) -> dict[str, str]:
    """What is not usual of how it looks, by the names that the dashboard knows."""
    looks = {
        "theme": "" if theme == "auto" else theme, "accent": accent.replace("#", ""),
        "radius": "" if radius is None else str(radius), "compact": "1" if compact else "",
        "plain": "1" if plain else "", "lang": lang,
    }  # fmt: skip
    return {name: value for name, value in looks.items() if value}


def _until(expires: timedelta | datetime | float) -> int:
    """The second from which on the link is no good."""
    now = time.time()
    match expires:
        case datetime() if expires.tzinfo is None:
            raise ValueError("expires: a datetime without a zone can be any time of the day; use datetime.now(UTC)")
        case datetime():
            until = expires.timestamp()
        case timedelta():
            until = now + expires.total_seconds()
        case _:
            until = now + expires
    if not now < until <= now + MAX_SECONDS:  # also where it is no number at all
        raise ValueError("expires: some time from now on, at most a year")
    return ceil(until)


def _first(secret: str) -> str:
    try:
        return secrets_in(secret)[0]
    except (ValueError, IndexError):
        raise ValueError("secret: 32 or more characters, those of the dashboard's ARQBOARD_WIDGET_SECRET") from None


def _base(base: str) -> str:
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise ValueError(f"base: the dashboard's address, like https://ops.example.com, not {base!r}")
    return base.rstrip("/")


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
