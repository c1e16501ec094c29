"""Where in the user's own code an exception came from: half of a failure's fingerprint (docs/decisions/0012)."""

from __future__ import annotations

import re
import sysconfig
import traceback
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType
from typing import cast

#: Longer names are cut.
MAX_FRAME = 300
#: A chain of causes is followed so far.
MAX_CHAIN = 10
#: Code that is not the user's: what is installed, and what arqboard and arq put around a job.
_PATHS = ("stdlib", "platstdlib", "purelib", "platlib")
_LIBRARIES = tuple({str(Path(sysconfig.get_path(name)).resolve()) + "/" for name in _PATHS})
_INSTALLED = ("site-packages", "dist-packages")
_AROUND = re.compile(r"(arqboard(?!\.demo\.)|arq)(\.|$)")
#: A frame of its own before Python 3.12, none since: the same failure must not look new after an upgrade.
_COMPREHENSION = re.compile(r"(\.<locals>)?\.?<(list|set|dict)comp>$")


class RemoteTraceback(Exception):
    """The cause of an exception that comes from another process: it prints the traceback there.

    `frame` is where in the user's own code it came from.
    """

    def __init__(self, text: str, frame: str = "") -> None:
        super().__init__(text)
        self.text, self.frame = text, frame

    def __str__(self) -> str:
        return f'\n"""\n{self.text}"""'


def own_frame(error: BaseException) -> str:
    """The innermost frame of the user's code as `module:function`; "" where there is none. Never raises.

    There is no line number in it: it would change with every edit above.
    """
    try:
        return _own_frame(_single(error))[:MAX_FRAME]
    except Exception:  # noqa: BLE001 - exceptions and modules are user code
        return ""


def _own_frame(error: BaseException) -> str:
    frames = [frame for frame, _line in traceback.walk_tb(error.__traceback__)]
    for frame in reversed(frames):
        if _is_own(frame):
            return _name(frame.f_code, str(frame.f_globals.get("__name__", "")))
    return next((link.frame for link in _chain(error) if isinstance(link, RemoteTraceback)), "")


def _single(error: BaseException) -> BaseException:
    """What a task group wraps is where it failed, as long as it is one."""
    while isinstance(error, BaseExceptionGroup):
        members = cast("tuple[BaseException, ...]", error.exceptions)
        if len(members) != 1:
            break
        error = members[0]
    return cast("BaseException", error)


def _chain(error: BaseException) -> Iterator[BaseException]:
    link = error.__cause__ or error.__context__
    for _ in range(MAX_CHAIN):
        if link is None:
            return
        yield link
        link = link.__cause__ or link.__context__


def _is_own(frame: FrameType) -> bool:
    module = str(frame.f_globals.get("__name__", ""))
    return not _AROUND.match(module) and _is_own_file(frame.f_code.co_filename)


@lru_cache(maxsize=4096)
def _is_own_file(name: str) -> bool:
    if name.startswith("<"):  # made by exec: dataclasses, frozen modules
        return False
    path = Path(name).resolve()
    return not str(path).startswith(_LIBRARIES) and not any(part in _INSTALLED for part in path.parts)


def _name(code: CodeType, module: str) -> str:
    """A script that is run by itself is called after its file, as it is when it is imported."""
    where = Path(code.co_filename).stem if module in ("__main__", "__mp_main__", "") else module
    return f"{where}:{_COMPREHENSION.sub('', code.co_qualname)}"
