"""The geometry of a chart: everything within its frame, round numbers at its axes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from crf.layout.charts import BOTTOM, LEFT, RIGHT, TOP, OnDay, course_chart


def values(*pairs: tuple[int, str]) -> list[OnDay]:
    return [OnDay(day, f"day {day}", Decimal(value)) for day, value in pairs]


@pytest.mark.parametrize(
    ("given", "rows"),
    [
        ([(0, "34"), (56, "14")], ["0", "10", "20", "30", "40"]),
        ([(0, "0"), (7, "0")], ["0", "1"]),
        ([(0, "0.3"), (7, "-0.4"), (14, "1")], ["-0.5", "0", "0.5", "1"]),
        ([(0, "84")], ["0", "20", "40", "60", "80", "100"]),
        ([(0, "144")], ["0", "50", "100", "150"]),
    ],
)
def test_the_axis_has_few_round_numbers_that_hold_every_value(given: list[tuple[int, str]], rows: list[str]) -> None:
    chart = course_chart(values(*given), [], [])
    assert [tick.label for tick in chart.rows] == rows
    for dot in chart.dots:
        assert LEFT <= dot.x <= RIGHT
        assert TOP <= dot.y <= BOTTOM


def test_marks_and_levels_lie_on_the_same_axes_as_the_values() -> None:
    marks = [OnDay(-10, "Nausea", kind="event"), OnDay(30, "Session 1", kind="treatment")]
    chart = course_chart(values((0, "30"), (20, "10")), marks, [(Decimal(15), "15")])
    assert [mark.x for mark in chart.marks] == [LEFT, RIGHT]
    first, last = chart.dots
    assert first.y < chart.levels[0].at < last.y
    assert chart.levels[0].at == BOTTOM - (BOTTOM - TOP) / 2
    assert chart.points == f"{first.x},{first.y} {last.x},{last.y}"
    assert [tick.label for tick in chart.columns] == ["-7", "0", "7", "14", "21", "28"]


@pytest.mark.parametrize(
    ("last", "labels"), [(0, ["0"]), (5, ["0", "1", "2", "3", "4", "5"]), (420, None), (20000, None)]
)
def test_days_are_told_at_steps_of_whole_weeks(last: int, labels: list[str] | None) -> None:
    found = [tick.label for tick in course_chart(values((0, "1"), (last, "2")), [], []).columns]
    assert found == labels if labels else all(int(label) % 7 == 0 for label in found)
    assert len(found) <= 14
