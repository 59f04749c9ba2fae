"""The flow diagram as plain geometry: a template draws it as SVG, with attributes only."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from trialmgr.overview.flow import Box, Flow

COLUMN, GAP = 340, 20
MARGIN, PADDING, LINE = 10, 12, 19
# Of a box this wide, in the letters of the diagram.
SIGNS, INDENT = 45, 3
DOWN, HEAD = 34, 5


@dataclass(frozen=True, slots=True)
class Words:
    """One line of text: where it begins, and whether it is the title of its box."""

    x: int
    y: int
    text: str
    bold: bool


@dataclass(frozen=True, slots=True)
class Frame:
    x: int
    y: int
    height: int
    words: tuple[Words, ...]
    width: int = COLUMN

    @property
    def middle(self) -> int:
        return self.x + self.width // 2

    @property
    def bottom(self) -> int:
        return self.y + self.height


@dataclass(frozen=True, slots=True)
class Arrow:
    """``line``: points of the line; ``head``: of the triangle at its end."""

    line: str
    head: str


@dataclass(frozen=True, slots=True)
class FlowChart:
    frames: tuple[Frame, ...]
    arrows: tuple[Arrow, ...]
    size: tuple[int, int]


def flow_chart(flow: Flow) -> FlowChart:
    """Who did not go on stands to the right of the way down; below it one column an arm, or one for all."""
    wide = max(len(flow.columns), 2) * (COLUMN + GAP) - GAP
    trunk = MARGIN + wide // 2 if len(flow.columns) > 1 else MARGIN + COLUMN // 2
    first = _frame(flow.assessed, trunk - COLUMN // 2, MARGIN)
    beside = list(_below(flow.beside, trunk + GAP + GAP, first.bottom + GAP))
    entered = _frame(flow.entered, trunk - COLUMN // 2, beside[-1].bottom + GAP)
    columns = [
        list(_below(boxes, MARGIN + number * (COLUMN + GAP), entered.bottom + 2 * DOWN, DOWN))
        for number, boxes in enumerate(flow.columns)
    ]
    frames = [first, *beside, entered, *(frame for column in columns for frame in column)]
    return FlowChart(
        frames=tuple(frames),
        arrows=tuple(_arrows(first, beside, entered, columns)),
        size=(
            max(frame.x + frame.width for frame in frames) + MARGIN,
            max(frame.bottom for frame in frames) + MARGIN,
        ),
    )


def _below(boxes: tuple[Box, ...], x: int, y: int, gap: int = GAP) -> Iterator[Frame]:
    for box in boxes:
        frame = _frame(box, x, y)
        yield frame
        y = frame.bottom + gap


def _frame(box: Box, x: int, y: int) -> Frame:
    lines = [(text, 0, True) for text in _folded(_counted(box.title, box.count), 0)]
    for line in box.lines:
        indent = INDENT if line.inner else 0
        lines += [(text, indent, False) for text in _folded(_counted(line.label, line.count), indent)]
    words = tuple(
        Words(x + PADDING + indent * 6, y + PADDING + LINE * number + LINE - 6, text, bold)
        for number, (text, indent, bold) in enumerate(lines)
    )
    return Frame(x, y, 2 * PADDING + LINE * len(lines), words)


def _counted(label: str, count: int | None) -> str:
    # The number stays on the line of the last word.
    return label if count is None else f"{label}\N{NO-BREAK SPACE}(n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{count})"


def _folded(text: str, indent: int) -> list[str]:
    return textwrap.wrap(text, SIGNS - indent)


def _arrows(first: Frame, beside: list[Frame], entered: Frame, columns: list[list[Frame]]) -> Iterator[Arrow]:
    yield _arrow((first.middle, first.bottom), (first.middle, entered.y))
    for frame in beside:
        y = frame.y + frame.height // 2
        yield _arrow((first.middle, y), (frame.x, y))
    fork = entered.bottom + DOWN
    for column in columns:
        x = column[0].middle
        yield _arrow((entered.middle, entered.bottom), (entered.middle, fork), (x, fork), (x, column[0].y))
        for above, below in pairwise(column):
            yield _arrow((x, above.bottom), (x, below.y))


def _arrow(*places: tuple[int, int]) -> Arrow:
    """Its last stretch goes down or to the right."""
    (before, _above), (x, y) = places[-2:]
    head = ((x, y), (x - HEAD, y - 2 * HEAD), (x + HEAD, y - 2 * HEAD))
    if before != x:
        head = ((x, y), (x - 2 * HEAD, y - HEAD), (x - 2 * HEAD, y + HEAD))
    return Arrow(_points(places), _points(head))


def _points(places: tuple[tuple[int, int], ...]) -> str:
    return " ".join(f"{x},{y}" for x, y in places)
