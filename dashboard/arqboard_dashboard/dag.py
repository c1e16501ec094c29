"""Where the steps of a workflow stand when it is drawn, and which lines lead from one to the next.

Chains go from left to right, the members of a group stand below each other, and each part has its rectangle to itself.
So a line that is long runs in rows where no card is, and no line crosses a card. Many equal members are one card that
stands for all of them: ten thousand cost what one does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import chain

from arqboard.protocol.shape import One, Parallel, Shape
from arqboard.protocol.shape import Sequence as InTurn

#: From so many equal members on, one card stands for them.
FOLD_FROM = 4
#: More than this is a list and no picture. Rows are half as high as a card, so that a card can stand between two.
MAX_BOXES, MAX_COLUMNS, MAX_ROWS = 100, 48, 120
#: The grid in px; `workflows.css` has the same numbers.
CARD, GAP, ROW, PAD = 188, 42, 61, 22
CARD_HEIGHT = 98


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers of nodes, as few ranges."""

    ranges: tuple[range, ...]

    def __len__(self) -> int:
        return sum(map(len, self.ranges))

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(self.ranges)

    @property
    def first(self) -> int:
        return self.ranges[0][0]

    def moved(self, by: int) -> Numbers:
        return Numbers(tuple(_moved(r, by) for r in self.ranges))

    def times(self, other: Numbers) -> Numbers:
        """Each of these plus each of those, in whichever way takes fewer ranges."""
        if len(self.ranges) * len(other) <= len(self) * len(other.ranges):
            return Numbers(tuple(_moved(r, by) for r in self.ranges for by in other))
        return Numbers(tuple(_moved(r, by) for by in self for r in other.ranges))

    def picked(self, marks: bytes) -> bytes:
        """Their marks, one byte each."""
        return b"".join(marks[r.start : r.stop : r.step] for r in self.ranges)


@dataclass(frozen=True, slots=True)
class Box:
    """A card: a job, or equal members of a group. `row` and `column` count from 0, `before` are those it waits for."""

    function: str
    numbers: Numbers
    column: int
    row: int
    before: tuple[int, ...] = ()

    @property
    def key(self) -> int:
        """Its name in addresses and ids; it never changes."""
        return self.numbers.first

    @property
    def middle(self) -> float:
        return PAD + self.row * ROW + CARD_HEIGHT / 2

    @property
    def left(self) -> int:
        return PAD + self.column * (CARD + GAP)


@dataclass(frozen=True, slots=True)
class Edge:
    """A line, by the indexes of the cards that it comes from and goes to.

    Two groups in a row meet in one point, so that not each is joined to each; such a line goes on to all of `targets`.
    """

    sources: tuple[int, ...]
    targets: tuple[int, ...]
    path: str


@dataclass(frozen=True, slots=True)
class Drawing:
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    columns: int
    rows: int

    @property
    def width(self) -> int:
        return 2 * PAD + self.columns * (CARD + GAP) - GAP

    @property
    def height(self) -> int:
        return 2 * PAD + self.rows * ROW - (2 * ROW - CARD_HEIGHT)


class _TooLarge(Exception):
    """Nobody could look at it."""


@lru_cache(maxsize=256)
def draw(shape: Shape) -> Drawing | None:
    """None where there would be too many cards."""
    try:
        columns, rows = _size(shape)
        layout = _Layout()
        layout.place(shape, Numbers((range(1),)), 0, 0)
    except _TooLarge:
        return None
    return Drawing(tuple(layout.boxes), tuple(layout.edges), columns, rows)


@dataclass(frozen=True, slots=True)
class _Member:
    """A member of a group, or many equal ones; `starts` are where its nodes begin, counted from the group's own."""

    shape: Shape
    starts: Numbers


def _members(group: Parallel) -> list[_Member]:
    """In the order of their first nodes. Equal ones are one, wherever they stand, where there are many of them."""
    runs, at = dict[Shape, list[range]](), 1
    for count, shape in group.runs:
        runs.setdefault(shape, []).append(range(at, at + count * shape.size, shape.size))
        at += count * shape.size
    found = list[_Member]()
    for shape, starts in runs.items():
        if sum(map(len, starts)) >= FOLD_FROM:
            found.append(_Member(shape, Numbers(_joined(starts))))
        else:
            found += [_Member(shape, Numbers((range(n, n + 1),))) for n in chain.from_iterable(starts)]
        if len(found) > MAX_BOXES:
            raise _TooLarge
    return sorted(found, key=lambda member: member.starts.first)


def _size(shape: Shape) -> tuple[int, int]:
    """Columns and rows that a part takes."""
    match shape:
        case One():
            size = (1, 2)
        case InTurn(parts):
            _at_most(MAX_COLUMNS, len(parts))
            inner = [_size(part) for part in parts]
            size = (sum(w for w, _ in inner), max(h for _, h in inner))
        case Parallel():
            inner = [_size(member.shape) for member in _members(shape)]
            size = (max((w for w, _ in inner), default=0), sum(h for _, h in inner))
    _at_most(MAX_COLUMNS, size[0])
    _at_most(MAX_ROWS, size[1])
    return size


def _at_most(most: int, count: int) -> None:
    if count > most:
        raise _TooLarge


@dataclass(frozen=True, slots=True)
class _Ends:
    """The cards that a part begins with, and those that it ends with."""

    entries: tuple[int, ...] = ()
    exits: tuple[int, ...] = ()


@dataclass(slots=True)
class _Layout:
    """What has been placed so far."""

    boxes: list[Box] = field(default_factory=list[Box])
    edges: list[Edge] = field(default_factory=list[Edge])

    def place(self, shape: Shape, starts: Numbers, column: int, row: int) -> _Ends:
        """Put a part into its rectangle, whose top left this is. Parts with no job in them take no place."""
        match shape:
            case One(function):
                _at_most(MAX_BOXES, len(self.boxes) + 1)
                self.boxes.append(Box(function, starts, column, row))
                return _Ends((len(self.boxes) - 1,), (len(self.boxes) - 1,))
            case InTurn(parts):
                return self._in_turn(parts, starts, column, row, _size(shape)[1])
            case Parallel():
                return self._parallel(shape, starts, column, row)

    def _in_turn(self, parts: Sequence[Shape], starts: Numbers, column: int, row: int, height: int) -> _Ends:
        ends, at = _Ends(), 0
        for part in parts:
            width, own = _size(part)
            placed = self.place(part, starts.moved(at), column, row + (height - own) // 2)
            if placed.entries:
                self._join(ends.exits, placed.entries)
                ends = _Ends(ends.entries or placed.entries, placed.exits)
            column, at = column + width, at + part.size
        return ends

    def _parallel(self, group: Parallel, starts: Numbers, column: int, row: int) -> _Ends:
        entries, exits = list[int](), list[int]()
        for member in _members(group):
            placed = self.place(member.shape, starts.times(member.starts), column, row)
            entries += placed.entries
            exits += placed.exits
            row += _size(member.shape)[1]
        return _Ends(tuple(entries), tuple(exits))

    def _join(self, sources: tuple[int, ...], targets: tuple[int, ...]) -> None:
        if not sources:
            return
        for target in targets:
            self.boxes[target] = replace(self.boxes[target], before=sources)
        if len(sources) > 1 and len(targets) > 1:
            self._join_in_a_point(sources, targets)
        else:
            self.edges += [self._line((s,), (t,)) for s in sources for t in targets]

    def _line(self, sources: tuple[int, ...], targets: tuple[int, ...]) -> Edge:
        source, target = self.boxes[sources[0]], self.boxes[targets[0]]
        return Edge(
            sources, targets, _path(source.left + CARD, source.middle, target.left - GAP, target.left, target.middle)
        )

    def _join_in_a_point(self, sources: tuple[int, ...], targets: tuple[int, ...]) -> None:
        left = self.boxes[targets[0]].left
        x, middles = left - GAP / 2, [self.boxes[t].middle for t in targets]
        y = (min(middles) + max(middles)) / 2
        for n in sources:
            box = self.boxes[n]
            self.edges.append(Edge((n,), targets, _path(box.left + CARD, box.middle, left - GAP, x, y)))
        for n in targets:
            self.edges.append(Edge(sources, (n,), _path(x, y, x, left, self.boxes[n].middle)))


def _path(x: float, y: float, bend: float, to_x: float, to_y: float) -> str:
    """Straight on in its own row up to `bend`, and from there to the target's height within one gap."""
    if y == to_y:
        return f"M{x:g} {y:g}H{to_x:g}"
    middle = (bend + to_x) / 2
    return f"M{x:g} {y:g}H{bend:g}C{middle:g} {y:g} {middle:g} {to_y:g} {to_x:g} {to_y:g}"


def _moved(r: range, by: int) -> range:
    return range(r.start + by, r.stop + by, r.step)


def _joined(runs: list[range]) -> tuple[range, ...]:
    """Single numbers at equal distances are one range: members of two kinds that alternate."""
    starts = [run[0] for run in runs]
    step = starts[1] - starts[0] if len(runs) > 1 else 0
    if step and all(len(run) == 1 for run in runs) and starts == list(range(starts[0], starts[-1] + 1, step)):
        return (range(starts[0], starts[-1] + 1, step),)
    return tuple(runs)
