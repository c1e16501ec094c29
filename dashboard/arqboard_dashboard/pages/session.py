"""Signing in and out."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from ..appkeys import GATE, SETTINGS
from ..auth import safe_next, sign_in, sign_out
from ..errors import Refused
from ..guard import read_form
from ..language import gettext
from ..place import base
from ..views import LoginView
from .shell import bare_page, login_look, see_other


async def login_form(request: web.Request) -> web.Response:
    return _login(request, LoginView(safe_next(request, request.query.get("next", ""))))


async def login(request: web.Request) -> web.Response:
    """A right password brings a session. Wrong ones are counted by address."""
    form, gate, address = await read_form(request), request.app[GATE], request.remote or ""
    wait = gate.attempts.wait_seconds(address)
    if wait:
        raise Refused(
            gettext("Too many wrong passwords from your address. Try again in %(n)s s.") % {"n": wait},
            code="too_many_attempts", status=HTTPStatus.TOO_MANY_REQUESTS, headers={"Retry-After": str(wait)},
        )  # fmt: skip
    going = safe_next(request, form.get("next", ""))
    if not request.app[SETTINGS].is_protected or not gate.is_password(form.get("password", "")):
        gate.attempts.failed(address)
        return _login(request, LoginView(going, gettext("That is not the password.")), HTTPStatus.UNPROCESSABLE_ENTITY)
    gate.attempts.succeeded(address)
    response = see_other(request, going)
    sign_in(request, response)
    return response


async def logout(request: web.Request) -> web.Response:
    response = see_other(request, f"{base(request.app)}/login")
    sign_out(request, response)
    return response


def _login(request: web.Request, view: LoginView, status: int = HTTPStatus.OK) -> web.Response:
    return bare_page(request, "pages/login.html", view, login_look(request), title="Sign in", status=status)
