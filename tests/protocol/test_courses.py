"""Which scores have a course, and at which level a gate holds."""

from __future__ import annotations

from decimal import Decimal

import pytest

from trialmgr.protocol.courses import Level, levels, scores
from trialmgr.protocol.model import StudyDefinition


def with_rule(study: StudyDefinition, rule: str) -> StudyDefinition:
    """The study with this one gate."""
    phases = [
        phase.model_copy(update={"gate": phase.gate.model_copy(update={"rule": rule})}) if phase.gate else phase
        for phase in study.phases
        if phase.key != "cross_over"
    ]
    return study.model_copy(update={"phases": tuple(phases)})


def test_scores_of_forms_that_return_have_a_course_those_of_a_gate_first(reset_trd: StudyDefinition) -> None:
    keys = [one.key for one in scores(reset_trd)]
    assert keys[0] == "madrs.madrs_total"
    assert {"hdrs17.hdrs17_total", "cadss6.cadss_total", "whodas.wh_d1"} <= set(keys)
    assert "staging.msm_total" not in keys, "filled in once"
    changed = with_rule(reset_trd, "week_8.hdrs17.hdrs17_total < 8")
    assert next(iter(scores(changed))).key == "hdrs17.hdrs17_total"


def test_a_form_of_one_unscheduled_visit_returns_with_it(reset_trd: StudyDefinition) -> None:
    visits = [
        visit.model_copy(update={"forms": ("staging",)}) if visit.key == "unscheduled" else visit
        for visit in reset_trd.visits
        if visit.key != "screening"
    ]
    assert "staging.msm_total" in {one.key for one in scores(reset_trd.model_copy(update={"visits": tuple(visits)}))}


FALL = "percent_fall(baseline.madrs.madrs_total, week_8.madrs.madrs_total)"


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        (f"{FALL} >= 50", [Level(Decimal("0.5"), "baseline")]),
        (f"{FALL} >= 50 and ({FALL} > 75 or week_8.madrs.madrs_total <= 10)",
         [Level(Decimal("0.5"), "baseline"), Level(Decimal("0.25"), "baseline"), Level(Decimal(10))]),
        (f"{FALL} >= 50 or {FALL} >= 50", [Level(Decimal("0.5"), "baseline")]),
        ("percent_fall(baseline.hdrs17.hdrs17_total, week_8.madrs.madrs_total) >= 50", []),
        ("percent_fall(20, week_8.madrs.madrs_total) >= 50", []),
        ("week_8.hdrs17.hdrs17_total <= 7", []),
        ("days_between(baseline.a.b, week_8.a.b) > 3", []),
        ("week_8.outcome.oc_response", []),
    ],
)  # fmt: skip
def test_levels_are_read_off_the_rule_of_a_gate(reset_trd: StudyDefinition, rule: str, found: list[Level]) -> None:
    study = with_rule(reset_trd, rule)
    madrs = next(one for one in scores(study) if one.key == "madrs.madrs_total")
    assert list(levels(study, madrs)) == found


def test_the_height_of_a_level_is_a_share_of_the_first_value_or_a_number() -> None:
    assert Level(Decimal("0.5"), "baseline").height(Decimal(33)) == Decimal("16.5")
    assert Level(Decimal("0.5"), "baseline").height(None) is None
    assert Level(Decimal(10)).height(None) == 10
