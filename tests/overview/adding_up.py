"""Whether the numbers of a flow diagram add up."""

from __future__ import annotations

from trialmgr.overview.flow import Box, Flow, Line

BESIDES = "Discontinued the treatment"
"""Counted besides how the follow-up went: whoever stops a treatment may stay in the trial."""


def check_adds_up(flow: Flow) -> None:
    excluded, screening = (box.count or 0 for box in flow.beside)
    entered = flow.entered.count
    assert flow.assessed.count == excluded + screening + (entered or 0)
    assert sum(line.count for line in flow.beside[0].lines if not line.inner) == excluded
    assert sum(column[0].count or 0 for column in flow.columns) == entered
    for column in flow.columns:
        for box in column:
            _check_box(box, column[0].count or 0)


def _check_box(box: Box, allocated: int) -> None:
    whole = [line for line in box.lines if not line.inner]
    if whole:
        assert sum(line.count for line in whole if line.label != BESIDES) == allocated
    for line in whole:
        reasons = _reasons(box, line)
        assert not reasons or sum(reason.count for reason in reasons) == line.count


def _reasons(box: Box, line: Line) -> list[Line]:
    found: list[Line] = []
    for other in box.lines[box.lines.index(line) + 1 :]:
        if not other.inner:
            break
        found.append(other)
    return found
