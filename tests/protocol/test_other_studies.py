"""Three more studies say in the same language what their care asks: other phases, other rhythms, no arms."""

from __future__ import annotations

import shutil
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from tests.protocol.small_study import RESET_TRD, broken, faults
from trialmgr.protocol.check import CheckReport, check_study
from trialmgr.protocol.evaluation import evaluate_entry
from trialmgr.protocol.judgements import gate_outcome
from trialmgr.protocol.loader import StudyErrors
from trialmgr.protocol.model import StudyDefinition

OTHERS = ("umcg_off_label", "nasal_spray_registry", "iv_maintenance")


@cache
def report(name: str) -> CheckReport:
    return check_study(RESET_TRD.parent / name)


def study(name: str) -> StudyDefinition:
    return report(name).definition


def days(name: str, visit: str) -> list[int]:
    return list(study(name).visit(visit).occurrences())


@pytest.mark.parametrize("name", OTHERS)
def test_every_rule_has_an_example_and_every_example_holds(name: str) -> None:
    assert report(name).is_sound
    assert report(name).rules_without_examples == ()
    assert report(name).examples_run > 150


@pytest.mark.parametrize("name", OTHERS)
def test_nothing_is_drawn_by_lot(name: str) -> None:
    found = study(name)
    assert (found.arms, found.randomization, found.is_randomised) == ((), None, False)
    assert [phase.opens for phase in found.phases][:2] == ["registration", "enrolment"]
    assert found.entry_phase == found.phases[1]
    assert {phase.opens for phase in found.phases[2:]} == {"gate"}
    assert not any(form.reveals_allocation for form in found.forms)


@pytest.mark.parametrize("name", OTHERS)
def test_licensed_instruments_ship_short_labels_and_a_source(name: str) -> None:
    licensed = [form for form in study(name).forms if form.licence_status == "licensed"]
    assert all(form.citation for form in licensed)
    labels = [(item.label.nl, item.label.en) for form in licensed for item in form.items]
    assert max(len(words.split()) for pair in labels for words in pair) <= 4


def test_the_off_label_path_is_twelve_sessions_a_decision_and_home_treatment() -> None:
    assert days("umcg_off_label", "session") == [1, 4, 8, 11, 15, 18, 22, 25, 29, 32, 36, 39]
    gate = study("umcg_off_label").phase("home").gate
    assert gate is not None
    assert gate.visit == "week_6"
    assert days("umcg_off_label", "week_6") == [42]
    assert days("umcg_off_label", "online") == [14, 28, 42, 56, 70, 84], "every two weeks at first"
    assert days("umcg_off_label", "online_monthly")[:2] == [112, 140], "then every four"


@pytest.mark.parametrize(
    ("now", "mcid", "response", "remission"),
    [("16", "yes", "no", "no"), ("17", "no", "no", "no"), ("11", "yes", "yes", "no"), ("6", "yes", "yes", "yes")],
)
def test_the_thresholds_of_the_off_label_path_stand_in_its_definition(
    now: str, mcid: str, response: str, remission: str
) -> None:
    """A fall of 27 % is noticeable, of 50 % response; remission is below 7."""
    found = study("umcg_off_label")
    totals = {"baseline": "22", "week_6": now}
    outcome = evaluate_entry(found, found.form("evaluation_week_6"), {}, {}, lambda visit, *_path: totals.get(visit))
    assert (outcome.values["ev_mcid"], outcome.values["ev_response"]) == (mcid, response)
    assert outcome.values["ev_remission"] == remission


def test_remission_is_below_seven_not_seven() -> None:
    found = study("umcg_off_label")
    outcome = evaluate_entry(found, found.form("evaluation_week_6"), {}, {}, lambda *_path: "7")
    assert outcome.values["ev_remission"] == "no"


def test_the_registry_has_a_rhythm_for_each_phase() -> None:
    assert len(days("nasal_spray_registry", "session_induction")) == 8
    assert days("nasal_spray_registry", "session_optimisation") == [1, 8, 15, 22]
    assert {later - earlier for earlier, later in _pairs("session_maintenance")} == {14}
    assert days("nasal_spray_registry", "week") == [7, 14, 21]
    assert days("nasal_spray_registry", "two_months") == [61, 122, 183, 244, 305, 366]
    for session in ("session_induction", "session_optimisation", "session_maintenance"):
        assert "kset_acute" in study("nasal_spray_registry").visit(session).forms, "side effects at each session"
    measured = {"madrs", "ids_sr", "kset_follow_up", "whodas", "eq5d5l"}
    assert measured <= set(study("nasal_spray_registry").visit("two_months").forms)


def _pairs(visit: str) -> list[tuple[int, int]]:
    return list(pairwise(days("nasal_spray_registry", visit)))


def test_infusions_come_to_a_decision_after_the_sixth_and_then_every_two_weeks() -> None:
    assert len(days("iv_maintenance", "session")) == 6
    gate = study("iv_maintenance").phase("maintenance").gate
    assert gate is not None
    assert gate.visit == "after_session_6"
    assert min(days("iv_maintenance", gate.visit)) > max(days("iv_maintenance", "session"))
    maintenance = days("iv_maintenance", "session_maintenance")
    assert maintenance[:3] == [14, 28, 42]
    assert study("iv_maintenance").visit("session_maintenance").anchor == "phase"


@pytest.mark.parametrize(
    ("name", "phase", "item"),
    [
        ("umcg_off_label", "home", "week_6.evaluation_week_6.ev_continue"),
        ("nasal_spray_registry", "optimisation", "week_4.review.ev_continue"),
        ("nasal_spray_registry", "maintenance", "week_8.review_week_8.ev_continue"),
        ("iv_maintenance", "maintenance", "after_session_6.evaluation.ev_continue"),
    ],
)
def test_treatment_goes_on_when_both_want_it(name: str, phase: str, item: str) -> None:
    gate = study(name).phase(phase).gate
    assert gate is not None
    for answer, opens in (("yes", True), ("no", False), (None, None)):
        assert gate_outcome(study(name), gate, lambda *path, said=answer: {item: said}.get(".".join(path))) is opens


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("opens: allocation}", "opens: enrolment}", "the study has arms — write `opens: allocation`"),
        ("opens: allocation}", "opens: registration}", "no phase opens when the trial is entered"),
        ("anchor: allocation", "anchor: enrolment", "the study has arms — write `anchor: allocation`"),
        ("opens: registration}", "opens: allocation}", "a second phase opens when the trial is entered"),
    ],
)
def test_a_trial_with_arms_is_entered_by_allocation(old: str, new: str, told: str, tmp_path: Path) -> None:
    assert any(told in fault for fault in faults(tmp_path, broken("study.yaml", old, new)))


def test_without_arms_nobody_is_allocated(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(RESET_TRD.parent / "iv_maintenance", folder)
    text = (folder / "study.yaml").read_text()
    (folder / "study.yaml").write_text(text.replace("opens: enrolment", "opens: allocation", 1))
    with pytest.raises(StudyErrors, match="nobody is allocated — write `opens: enrolment`"):
        check_study(folder)
