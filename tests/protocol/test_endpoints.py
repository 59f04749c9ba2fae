"""Response, remission and relapse: operators and thresholds come from the definition, the vectors from the facts."""

from __future__ import annotations

from decimal import Decimal

import pytest

from trialmgr.protocol.expressions import parse
from trialmgr.protocol.values import Value

Known = dict[tuple[str, ...], Value]


def truth(text: str, **values: int | bool | None) -> Value:
    known: Known = {
        (key,): value if isinstance(value, bool) else None if value is None else Decimal(value)
        for key, value in values.items()
    }
    return parse(text).evaluate(known.get)


@pytest.mark.parametrize(
    ("baseline", "week_8", "fall", "response"),
    [(30, 15, "50.0", True), (30, 16, "46.7", False), (31, 16, "48.4", False), (31, 15, "51.6", True)],
)
def test_the_vectors_of_response_on_the_madrs(baseline: int, week_8: int, fall: str, response: bool) -> None:
    percent = truth("percent_fall(baseline, now)", baseline=baseline, now=week_8)
    assert isinstance(percent, Decimal)
    assert str(round(percent, 1)) == fall
    assert truth("percent_fall(baseline, now) >= 50", baseline=baseline, now=week_8) is response


def test_a_fall_from_nothing_is_undefined() -> None:
    assert truth("percent_fall(baseline, now) >= 50", baseline=0, now=0) is None


@pytest.mark.parametrize(
    ("rule", "at_the_threshold"),
    [
        ("madrs <= 10", {10: True, 11: False}),
        ("madrs < 10", {9: True, 10: False}),
        ("madrs <= 9", {9: True, 10: False}),
        ("madrs <= 12", {12: True, 13: False}),
        ("madrs < 7", {6: True, 7: False}),
        ("madrs <= 7", {7: True, 8: False}),
    ],
)
def test_remission_is_where_the_definition_draws_its_line(rule: str, at_the_threshold: dict[int, bool]) -> None:
    assert {total: truth(rule, madrs=total) for total in at_the_threshold} == at_the_threshold


def test_remission_may_ask_for_a_low_total_and_for_response() -> None:
    rule = "madrs <= 10 and percent_fall(baseline, madrs) >= 50"
    assert truth(rule, baseline=30, madrs=10) is True
    assert truth(rule, baseline=18, madrs=10) is False
    assert truth(rule, baseline=None, madrs=11) is False
    assert truth(rule, baseline=None, madrs=10) is None


def test_the_smallest_change_that_matters_is_another_threshold() -> None:
    rule = "percent_fall(baseline, hdrs) >= 27"
    assert [truth(rule, baseline=22, hdrs=now) for now in (16, 17)] == [True, False]


RELAPSE = "madrs > 15 or restart_ect or suicide_attempt"


@pytest.mark.parametrize(
    ("madrs", "restart", "attempt", "relapse"),
    [
        (16, False, False, True),
        (15, False, False, False),
        (5, True, False, True),
        (None, False, True, True),
        (None, False, False, None),
    ],
)
def test_relapse_is_any_of_its_parts(madrs: int | None, restart: bool, attempt: bool, relapse: bool | None) -> None:
    assert truth(RELAPSE, madrs=madrs, restart_ect=restart, suicide_attempt=attempt) is relapse


def test_suicidality_flags_of_the_cssrs() -> None:
    ideation = "c1 or c2 or c3 or c4 or c5"
    asked = {"c1": False, "c2": False, "c3": None, "c4": None, "c5": None}
    assert truth(ideation, **asked) is None
    assert truth("cssrs_ideation >= 1", cssrs_ideation=0) is False
    assert truth("cssrs_ideation >= 4 or behaviour", cssrs_ideation=4, behaviour=None) is True


def test_safety_tasks_fire_at_their_threshold() -> None:
    assert [truth("madrs_10 >= 4", madrs_10=answer) for answer in (3, 4, None)] == [False, True, None]
    assert [truth("ids_18 >= 2 or qids_12 >= 2", ids_18=answer, qids_12=1) for answer in (1, 2, None)] == [
        False,
        True,
        None,
    ]
