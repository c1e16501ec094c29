"""Loads the Lua files: one verb per file, with `--@include name` lines put in place once."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any, Protocol, cast

from .client import Client

_INCLUDE = re.compile(r"^--@include (\w+)$", re.MULTILINE)


class Script(Protocol):
    """A registered verb: takes its ARGV, sends EVALSHA, and the text where Redis does not know it yet."""

    async def __call__(self, *, args: list[Any]) -> Any: ...


@cache
def source(verb: str) -> str:
    """The whole text of a verb, or of a part that verbs include."""
    return _INCLUDE.sub(lambda found: source(found[1]), _read(verb))


def register(redis: Client, verb: str) -> Script:
    """The verb as a callable on this client."""
    return cast(Script, redis.register_script(source(verb)))


class Verbs:
    """Our verbs over one client, each loaded when it is first called. Every one is told the prefix of our keys."""

    def __init__(self, redis: Client, prefix: str) -> None:
        self._redis, self._prefix = redis, prefix
        self._scripts: dict[str, Script] = {}

    async def __call__(self, verb: str, *args: Any) -> Any:
        script = self._scripts.get(verb)
        if script is None:
            script = self._scripts[verb] = register(self._redis, verb)
        return await script(args=[self._prefix, *args])


def _read(name: str) -> str:
    return (files("arqboard.protocol") / "lua" / f"{name}.lua").read_text()
