"""What bytes are, without opening them: a pickle is never loaded, its opcodes are only counted."""

from __future__ import annotations

import pickletools  # reads opcodes as data; it runs none of them
from collections.abc import Iterator

#: So many bytes of a pickle are looked at.
MAX_LOOKED = 65_536
MAX_IMPORTS = 5
_TEXTS = frozenset(("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"))


def describe(raw: bytes) -> str:
    """`pickle protocol 5, 312 bytes, 21 opcodes, not opened`; or how many bytes it is."""
    size = f"{len(raw):,} byte{'' if len(raw) == 1 else 's'}".replace(",", "\u202f")
    if not is_pickle(raw):
        return f"{size}, not opened"
    opcodes, imports, is_whole = _looked_at(raw)
    count = f"{opcodes}{'' if is_whole else ' or more'} opcodes"
    told = f"pickle protocol {raw[1]}, {size}, {count}, not opened"
    return f"{told}; it would import {', '.join(imports)}" if imports else told


def is_pickle(raw: bytes) -> bool:
    """By how pickles of the protocols 2 to 5 begin."""
    return len(raw) > 2 and raw[0] == 0x80 and 2 <= raw[1] <= 5


def _looked_at(raw: bytes) -> tuple[int, list[str], bool]:
    """How many opcodes there are, what they would import, and whether that is all."""
    count, imports = 0, dict[str, None]()
    try:
        for imported in _opcodes(raw[:MAX_LOOKED]):
            count += 1
            if imported and len(imports) < MAX_IMPORTS:
                imports[imported] = None
    except Exception:  # noqa: BLE001 - anybody's bytes
        return count, list(imports), False
    return count, list(imports), len(raw) <= MAX_LOOKED


def _opcodes(raw: bytes) -> Iterator[str]:
    """Each opcode's import, "" where it is none."""
    texts: list[str] = []
    memo: list[str] = []
    last = ""
    for opcode, argument, _ in pickletools.genops(raw):
        found = ""
        if opcode.name in _TEXTS:
            last = str(argument)
            texts = [*texts[-1:], last]
        elif opcode.name == "MEMOIZE":
            memo.append(last)
            last = ""
        elif opcode.name in ("BINGET", "LONG_BINGET") and isinstance(argument, int) and argument < len(memo):
            texts = [*texts[-1:], memo[argument]]
        elif opcode.name == "STACK_GLOBAL":
            found = ".".join(texts)
        elif opcode.name in ("GLOBAL", "INST"):
            found = str(argument).replace(" ", ".")
        yield found[:120]
