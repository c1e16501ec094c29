"""What each reader chooses for himself: theme, language, time zone, keys. Works by plain forms."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from aiohttp import web

from ..auth import cookie_path, safe_next
from ..guard import is_https, read_form
from ..language import N_, gettext
from ..parameters import bad_parameter
from ..preference_views import PreferencesView
from ..preferences import FOREVER, NAMES, PREFIX, is_choice, language_of
from .shell import page, see_other


async def preferences(request: web.Request) -> web.Response:
    view = PreferencesView.of(language_of(request))
    return await page(request, "pages/preferences.html", view, active="", title=N_("Preferences"))


async def choose(request: web.Request) -> web.Response:
    """Keep what the form says, each in its cookie, and go back to where the choice was made."""
    form = await read_form(request)
    chosen = {name: form[name] for name in NAMES if name in form}
    for name, value in chosen.items():
        if not is_choice(name, value):
            wrong = gettext('"%(text)s" can\'t be chosen as %(name)s') % {"text": value[:60], "name": name}
            raise bad_parameter(name, wrong)
    came_from = urlsplit(request.headers.get("Referer", ""))
    going = form.get("next") or f"{came_from.path}?{came_from.query}".rstrip("?")
    response = see_other(request, safe_next(request, going), "chosen" if "zone" in chosen else "")
    _keep(request, response, chosen)
    return response


def _keep(request: web.Request, response: web.Response, chosen: Mapping[str, str]) -> None:
    """Scripts read none of these cookies: the page that they come with says what was chosen."""
    for name, value in chosen.items():
        if value:
            response.set_cookie(
                PREFIX + name, value, max_age=FOREVER, path=cookie_path(request), samesite="Lax", httponly=True,
                secure=is_https(request),
            )  # fmt: skip
        else:
            response.del_cookie(PREFIX + name, path=cookie_path(request))
