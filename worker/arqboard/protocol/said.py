"""Sentences for people that still know their parts, so that who shows one can say it in another language.

The protocol speaks English: programs, logs and tracebacks read it as the text it is. The dashboard has the catalogue,
and looks up the template.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self


class Said(str):
    """`Said('No worker "%(id)s".', id="w1")`: a text like any other. Pickled or copied it is only that.

    A value may be `Said` itself; without values a percent sign stays as it is.
    """

    __slots__ = ("template", "values")
    template: str
    values: Mapping[str, object]

    def __new__(cls, template: str, /, **values: object) -> Self:
        said = super().__new__(cls, template % values if values else template)
        said.template, said.values = template, values
        return said

    def __reduce__(self) -> tuple[Any, ...]:
        return str, (str(self),)


def said_by(error: Exception) -> str:
    """What an error says, with its parts where it has them; `str` would lose these."""
    return error.args[0] if len(error.args) == 1 and isinstance(error.args[0], str) else str(error)
