"""A line chart as plain geometry: the template draws it as SVG, with attributes only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 480, 240
LEFT, RIGHT, TOP, BOTTOM = 40, 470, 14, 206


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True, slots=True)
class LineChart:
    """``points``: for ``<polyline>``. ``target_y``: height of the target line."""

    points: str
    end: tuple[float, float]
    rows: tuple[Tick, ...]
    columns: tuple[Tick, ...]
    target_y: float
    frame: tuple[int, int, int, int] = (LEFT, RIGHT, TOP, BOTTOM)
    size: tuple[int, int] = (WIDTH, HEIGHT)


def line_chart(values: Sequence[int], labels: Sequence[str], target: int) -> LineChart:
    """``values``: one a month, at least one, from left to right; the axis reaches to the target or beyond it."""
    highest = max([target, *values])
    step = (RIGHT - LEFT) / max(len(values) - 1, 1)
    places = [(round(LEFT + step * number, 1), _height(value, highest)) for number, value in enumerate(values)]
    return LineChart(
        points=" ".join(f"{x},{y}" for x, y in places),
        end=places[-1],
        rows=tuple(Tick(_height(value, highest), str(value)) for value in (0, highest // 2, highest)),
        columns=tuple(Tick(places[number][0], labels[number]) for number in sorted({0, len(values) - 1})),
        target_y=_height(target, highest),
    )


def _height(value: int, highest: int) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * value / highest, 1)
