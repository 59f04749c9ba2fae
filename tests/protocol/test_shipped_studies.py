"""What holds in each of the four studies that ship: nothing in the schedule, the criteria or the days goes unsaid."""

from __future__ import annotations

import re
from functools import cache

import pytest

from tests.protocol.small_study import RESET_TRD
from trialmgr.protocol.check import check_study
from trialmgr.protocol.evaluation import evaluate_entry
from trialmgr.protocol.model import Form, ItemType, StudyDefinition

STUDIES = ("reset_trd", "umcg_off_label", "nasal_spray_registry", "iv_maintenance")
# Forms of a planned visit that need not be complete; why stands beside `required_forms` in the definition.
OPTIONAL = {("reset_trd", "week_8"): {"cross_over_offer"}}
# Criteria that no value decides; why stands beside each in the definition.
JUDGED_BY_A_PERSON = {
    "reset_trd": {"I2", "I3", "I6", "I8", "E2", "E3"},
    "umcg_off_label": {"I3", "I4", "E2"},
    "nasal_spray_registry": {"I4", "E1", "E2"},
    "iv_maintenance": {"E2"},
}
# Days on which something was written down, told or planned; also after a death, or still to come.
NOT_OBSERVED = {
    "ae_aware_on",
    "sae_aware_on",
    "sae_reported_on",
    "sae_committee_on",
    "pr_on",
    "dv_on",
    "oc_on",
    "eop_date",
    "tp_from",
    "co_start",
}


@cache
def study(name: str) -> StudyDefinition:
    return check_study(RESET_TRD.parent / name).definition


@pytest.mark.parametrize("name", STUDIES)
def test_every_form_of_a_planned_visit_is_due_but_for_those_with_a_reason(name: str) -> None:
    for visit in study(name).visits:
        if visit.kind == "scheduled":
            assert set(visit.forms) - set(visit.must_complete) == OPTIONAL.get((name, visit.key), set()), visit.key


@pytest.mark.parametrize("name", STUDIES)
def test_what_a_visit_can_do_without_has_its_reason_beside_it(name: str) -> None:
    lines = (RESET_TRD.parent / name / "study.yaml").read_text("utf-8").splitlines()
    told = [number for number, line in enumerate(lines) if "required_forms:" in line]
    assert told
    for number in told:
        assert "#" in lines[number] or "#" in lines[number - 1], lines[number]


@pytest.mark.parametrize("name", STUDIES)
def test_each_criterion_has_a_rule_or_is_marked_as_judged_by_a_person(name: str) -> None:
    for version in study(name).eligibility:
        assert {one.id for one in version.criteria if one.rule is None} == JUDGED_BY_A_PERSON[name]
    text = (RESET_TRD.parent / name / "study.yaml").read_text("utf-8")
    assert text.count("# Judged by a person: ") == len(study(name).eligibility) * len(JUDGED_BY_A_PERSON[name])


@pytest.mark.parametrize("name", STUDIES)
def test_each_date_is_one_of_observation_or_named_as_another(name: str) -> None:
    dates = [item for form in study(name).forms for item in form.items if item.type is ItemType.DATE]
    assert {item.key for item in dates if not item.observed} <= NOT_OBSERVED
    assert not {item.key for item in dates if item.observed} & NOT_OBSERVED


def _pressures(name: str) -> list[tuple[Form, str]]:
    found = [(form, re.fullmatch(r"systolic(\w*)", item.key)) for form in study(name).forms for item in form.items]
    return [(form, match[1]) for form, match in found if match]


@pytest.mark.parametrize("name", STUDIES)
def test_exchanged_pressures_are_refused_on_every_form_that_has_them(name: str) -> None:
    assert _pressures(name)
    for form, suffix in _pressures(name):
        given = {"treatment_given": "yes", "dose_given": "yes"}
        asked = {key: value for key, value in given.items() if form.has_item(key)}
        swapped = asked | {f"systolic{suffix}": "80", f"diastolic{suffix}": "140"}
        outcome = evaluate_entry(study(name), form, swapped, {}, lambda *_path: None)
        assert f"pressures_exchanged{suffix}" in {one.check_key for one in outcome.problems}, (form.key, suffix)


def test_ratings_at_the_end_of_a_treatment_come_after_its_last_session() -> None:
    """Of RESET-TRD by their windows, for no rule of all arms reads a visit of one; elsewhere by the order of visits."""
    found = study("reset_trd")
    for rating, sessions in (("week_8", "session_"), ("crossover_week_8", "_crossover")):
        visit = found.visit(rating)
        phase = [each for each in found.visits if each.phase == visit.phase and sessions in each.key and each.arms]
        assert len(phase) == 2
        last = max(day + each.window.after for each in phase for day in each.occurrences())
        assert visit.day - visit.window.before > last
