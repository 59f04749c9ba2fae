"""The course of a score as plain geometry: a template draws it as SVG, with attributes only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

WIDTH, HEIGHT = 400, 196
LEFT, RIGHT, TOP, BOTTOM = 34, 390, 12, 146
MARKS_AT = 158
LABELS_AT = 184
_STEPS = (1, 2, 7, 14, 28, 56, 91, 182, 364, 728, 1456)
_MOST_ROWS, _MOST_COLUMNS = 5, 6


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    title: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Something of a day, below the line of the score; ``kind`` decides its shape."""

    x: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """``points``: for ``<polyline>``. ``levels``: lines that the score is held against."""

    points: str
    dots: tuple[Dot, ...]
    marks: tuple[Mark, ...]
    levels: tuple[Tick, ...]
    rows: tuple[Tick, ...]
    columns: tuple[Tick, ...]
    frame: tuple[int, int, int, int] = (LEFT, RIGHT, TOP, BOTTOM)
    size: tuple[int, int] = (WIDTH, HEIGHT)
    marks_at: int = MARKS_AT
    labels_at: int = LABELS_AT


@dataclass(frozen=True, slots=True)
class OnDay:
    """Something that is drawn on a day. ``kind``: of a mark; ``value``: of a score."""

    day: int
    title: str
    value: Decimal = Decimal(0)
    kind: str = ""


def course_chart(values: Sequence[OnDay], marks: Sequence[OnDay], levels: Sequence[tuple[Decimal, str]]) -> Chart:
    """``values``: at least one, in order of their days. Days count from any day; the axes hold all that is given."""
    days = [one.day for one in (*values, *marks)]
    across = _Scale(min(days), max(max(days), min(days) + 1), LEFT, RIGHT)
    heights = [Decimal(0), *(one.value for one in values), *(height for height, _label in levels)]
    step = _step(max(heights) - min(heights))
    low = (min(heights) / step).to_integral_value("ROUND_FLOOR") * step
    high = max((max(heights) / step).to_integral_value("ROUND_CEILING") * step, low + step)
    up = _Scale(float(low), float(high), BOTTOM, TOP)
    dots = tuple(Dot(across(one.day), up(float(one.value)), one.title) for one in values)
    return Chart(
        points=" ".join(f"{dot.x},{dot.y}" for dot in dots),
        dots=dots,
        marks=tuple(Mark(across(one.day), one.kind, one.title) for one in marks),
        levels=tuple(Tick(up(float(height)), label) for height, label in levels),
        rows=tuple(Tick(up(float(height)), f"{height.normalize():f}") for height in _rows(low, high, step)),
        columns=tuple(Tick(across(day), str(day)) for day in _columns(min(days), max(days))),
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    """From a number to a place on the drawing."""

    low: float
    high: float
    start: int
    end: int

    def __call__(self, value: float) -> float:
        return round(self.start + (self.end - self.start) * (value - self.low) / (self.high - self.low), 1)


def _step(span: Decimal) -> Decimal:
    """1, 2 or 5 times a power of ten, so that few lines cover the span."""
    power = Decimal(1).scaleb(span.adjusted() - 1 if span else 0)
    return next(power * factor for factor in (1, 2, 5, 10, 20) if span / (power * factor) <= _MOST_ROWS)


def _rows(low: Decimal, high: Decimal, step: Decimal) -> Iterator[Decimal]:
    while low <= high:
        yield low
        low += step


def _columns(first: int, last: int) -> Iterator[int]:
    """Days a whole number of weeks apart, as soon as there are many."""
    step = next((step for step in _STEPS if (last - first) / step <= _MOST_COLUMNS), _STEPS[-1])
    return iter(range(-(-first // step) * step, last + 1, step))
