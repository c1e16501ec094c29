"""Lists of jobs that were given a name, for all who use this installation."""

from __future__ import annotations

from dataclasses import dataclass

from redis.exceptions import ResponseError

from .client import Client
from .errors import ArqboardError
from .keys import Keys
from .said import Said
from .scripts import register

#: Of a name; the address of a list is longer.
MAX_NAME, MAX_QUERY = 60, 4000
MAX_VIEWS = 50


class TooManyViews(ArqboardError):
    """There are as many saved views as there may be."""

    def __init__(self) -> None:
        super().__init__(
            Said("There are %(n)s saved views, which is the most. Delete one that nobody needs.", n=MAX_VIEWS)
        )


class ViewNotFound(ArqboardError):
    """No list is kept under this name."""

    def __init__(self, name: str) -> None:
        super().__init__(Said('There is no saved view "%(name)s".', name=name[:MAX_NAME]))


@dataclass(frozen=True, slots=True)
class SavedView:
    """`query` is what the address of the list says; it was written by a browser, so it is parsed before it is used."""

    name: str
    query: str


class SavedViews:
    """Reads and keeps them, over one client that it does not own."""

    def __init__(self, redis: Client, keys: Keys) -> None:
        self._redis, self.keys = redis, keys
        self._save, self._delete = register(redis, "save_view"), register(redis, "delete_view")

    async def all(self) -> list[SavedView]:
        """By name. What was not written here is left out: names and addresses are only so long."""
        try:
            found = await self._redis.hgetall(self.keys.views)
        except ResponseError as error:
            if str(error).startswith("WRONGTYPE"):
                return []
            raise
        views = [SavedView(n.decode(errors="replace"), q.decode(errors="replace")) for n, q in found.items()]
        kept = [view for view in views if len(view.name) <= MAX_NAME and len(view.query) <= MAX_QUERY]
        return sorted(kept, key=lambda view: view.name.casefold())

    async def save(self, name: str, query: str) -> None:
        """Keep a list under a name. Raises TooManyViews."""
        if await self._save(args=[self.keys.prefix, name, query]) == -1:
            raise TooManyViews

    async def delete(self, name: str) -> bool:
        """Whether there was one of that name."""
        return bool(await self._delete(args=[self.keys.prefix, name]))
