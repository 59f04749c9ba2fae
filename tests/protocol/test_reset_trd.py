"""The study the system ships with says what is publicly known of RESET-TRD, and shows no arm to who is blinded."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.protocol.small_study import shipped
from trialmgr.protocol.evaluation import eligibility_form, evaluate_entry, gate_outcome, judge
from trialmgr.protocol.findings import parts_of
from trialmgr.protocol.model import Form, Part, StudyDefinition, Text
from trialmgr.protocol.scoring import FUNCTIONS

ROLES = {
    "coordinator",
    "investigator",
    "rater",
    "monitor",
    "data_manager",
    "statistician",
    "unblinded_statistician",
    "treating_team",
    "inspector",
    "administrator",
}


def nowhere(visit: str, form: str, item: str) -> str | None:
    return None


def test_it_survives_its_own_json() -> None:
    study = shipped()
    assert StudyDefinition.from_json(json.loads(study.canonical_json())) == study


def test_five_sites_two_arms_and_the_roles_of_the_trial() -> None:
    study = shipped()
    assert [site.code for site in study.sites] == ["UMCG", "LUMC", "AUMC", "PROP", "PSYQ"]
    assert [(arm.key, arm.ratio) for arm in study.arms] == [("esketamine", 1), ("ect", 1)]
    assert {role.key for role in study.roles} == ROLES
    assert {role.key: role.sees for role in study.roles if role.blinded} == {
        "rater": "entered",
        "statistician": "all",
        "administrator": "nothing",
    }


def test_the_schedule_follows_the_weeks_of_the_trial() -> None:
    study = shipped()
    for session in ("session_esk", "session_ect"):
        days = study.visit(session).occurrences()
        assert len(days) == 16
        assert {later - earlier for earlier, later in zip(days, days[2:], strict=False)} == {7}
    for week in range(1, 9):
        assert study.visit(f"week_{week}").day == 7 * week
    months = {key: study.visit(f"month_{key}").day // 7 for key in (1, 2, 3, 6, 9, 12)}
    assert months == {1: 12, 2: 16, 3: 20, 6: 34, 9: 47, 12: 60}
    assert [visit.key for visit in study.visits if visit.before_allocation] == ["screening", "baseline"]


def test_each_arm_has_its_own_sessions_and_all_else_is_shared() -> None:
    study = shipped()
    by_arm = {
        arm: {visit.key for visit in study.visits_of(phase="treatment", arm=arm)} for arm in ("esketamine", "ect")
    }
    assert by_arm["esketamine"] ^ by_arm["ect"] == {"session_esk", "session_ect"}


def test_there_are_eight_inclusion_criteria_and_the_known_exclusions_in_two_versions() -> None:
    for version in shipped().eligibility:
        ids = [criterion.id for criterion in version.criteria]
        assert ids == ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "E1", "E2", "E3", "E4"]
    first, second = ({c.id: c.text for c in version.criteria} for version in shipped().eligibility)
    assert [key for key in first if first[key] != second[key]] == ["E2"]


@pytest.mark.parametrize(("total", "eligible"), [("20", True), ("19", False), (None, None)])
def test_the_screening_madrs_must_be_twenty_or_more(total: str | None, eligible: bool | None) -> None:
    study = shipped()
    version = study.eligibility_on("2026-05-31")
    answers = {c.id.lower(): "yes" if c.kind == "inclusion" else "no" for c in version.criteria}
    verdict, failed = judge(study, version, answers, lambda *path: total)
    assert verdict is eligible
    assert failed == (("I5",) if eligible is False else ())


@pytest.mark.parametrize(("baseline", "week_8", "opens"), [("30", "15", True), ("30", "16", False), ("0", "0", None)])
def test_follow_up_opens_for_who_improved_by_half(baseline: str, week_8: str, opens: bool | None) -> None:
    study = shipped()
    gate = study.phase("follow_up").gate
    assert gate is not None
    assert gate.confirm_with_protocol
    totals = {"baseline": baseline, "week_8": week_8}
    assert gate_outcome(study, gate, lambda visit, form, item: totals[visit]) is opens


def answered(form: Form, value: str) -> dict[str, str]:
    return {item.key: value for item in form.items if not item.is_derived}


def test_a_complete_questionnaire_has_its_total() -> None:
    study = shipped()
    madrs = evaluate_entry(study, study.form("madrs"), answered(study.form("madrs"), "3"), {}, nowhere)
    hdrs = evaluate_entry(study, study.form("hdrs17"), answered(study.form("hdrs17"), "1"), {}, nowhere)
    assert madrs.values["madrs_total"] == "30"
    assert hdrs.values["hdrs17_total"] == "17"
    assert madrs.is_complete
    assert hdrs.is_complete


def test_of_appetite_and_weight_the_second_question_is_asked_when_the_first_is_blank() -> None:
    study = shipped()
    form = study.form("ids_sr")
    answers = answered(form, "1")
    outcome = evaluate_entry(study, form, {**answers, "ids_11": "", "ids_12": "3"}, {}, nowhere)
    assert outcome.skipped == {"ids_14"}
    assert (outcome.values["ids_total"], outcome.values["qids_total"]) == ("30", "11")
    assert outcome.is_complete


def esketamine(**values: str) -> dict[str, str]:
    pressures = {
        f"{side}_{time}": pressure
        for time in ("before", "30", "60", "90", "120")
        for side, pressure in (("systolic", "120"), ("diastolic", "80"))
    }
    dose = {"weight_kg": "80", "dose_given": "yes", "dose_mg_per_kg": "1.5", "dose_mg": "120", "dose_time": "9:30"}
    return {**pressures, **dose, "effects_any": "no", "left_stable": "yes", **values}


@pytest.mark.parametrize(
    ("values", "fires"),
    [
        ({}, []),
        ({"dose_mg": "130"}, ["dose_differs"]),
        ({"systolic_before": "160"}, ["hold_pressure"]),
        ({"diastolic_before": "100"}, ["hold_pressure"]),
        ({"systolic_60": "180"}, ["stop_pressure_60"]),
        ({"diastolic_120": "110"}, ["stop_pressure_120"]),
        ({"dose_mg_per_kg": "3.5", "dose_mg": "280"}, ["soft_range"]),
        ({"left_stable": "no"}, ["left_unstable"]),
    ],
)
def test_an_esketamine_session_asks_about_what_is_unusual(values: dict[str, str], fires: list[str]) -> None:
    study = shipped()
    outcome = evaluate_entry(study, study.form("session_esketamine"), esketamine(**values), {}, nowhere)
    assert [warning.check_key for warning in outcome.warnings] == fires
    assert outcome.problems == ()
    assert outcome.is_complete


def test_without_a_dose_nothing_is_asked_about_it() -> None:
    study = shipped()
    values = {"weight_kg": "80", "systolic_before": "180", "diastolic_before": "110", "dose_given": "no"}
    outcome = evaluate_entry(study, study.form("session_esketamine"), values, {}, nowhere)
    assert outcome.wanting == ("not_given_reason",)
    assert outcome.warnings == ()
    assert {"dose_mg", "dose_planned_mg", "systolic_30", "effects", "left_stable"} <= outcome.skipped


def test_an_ect_session_reckons_the_multiple_of_the_threshold() -> None:
    study = shipped()
    values = {"treatment_given": "yes", "laterality": "rul", "threshold_mc": "50", "charge_mc": "200"}
    rest = {"motor_seizure_s": "15", "eeg_seizure_s": "40", "reorientation_min": "20", "complications_any": "no"}
    outcome = evaluate_entry(study, study.form("session_ect"), {**values, **rest}, {}, nowhere)
    assert outcome.values["charge_multiple"] == "4.0"
    assert [(w.item_key, w.check_key) for w in outcome.warnings] == [
        ("motor_seizure_s", "soft_range"),
        ("charge_mc", "unilateral_low"),
    ]


def test_every_way_to_end_participation_is_in_its_code_list() -> None:
    study = shipped()
    form = study.form("end_of_participation")
    assert form.ends_participation == "eop_status"
    assert study.codelist("end_status").codes == {
        "completed",
        "not_responder",
        "screen_failure",
        "withdrew_consent",
        "lost_to_follow_up",
        "died",
        "other",
    }


# --- licence and blinding --------------------------------------------------------------------------------------------


def test_licensed_instruments_ship_labels_of_at_most_four_words_and_a_source() -> None:
    for form in shipped().forms:
        if form.licence_status == "licensed":
            assert form.citation
            for item in form.items:
                assert len(item.label.nl.split()) <= 4, item.key
                assert len(item.label.en.split()) <= 4, item.key


def test_every_score_the_study_uses_has_a_function() -> None:
    used = {item.score.function for form in shipped().forms for item in form.items if item.score}
    assert used == {"madrs_total", "hdrs17_total", "ids_sr_total", "qids_from_ids"}
    assert used <= set(FUNCTIONS)


def test_nothing_the_rater_enters_reveals_the_allocation() -> None:
    entered = {form.key for form in shipped().forms if "rater" in form.entered_by}
    assert entered == {"madrs", "hdrs17"}
    assert not any(shipped().form(key).reveals_allocation for key in entered)
    hidden = {form.key for form in shipped().forms if form.reveals_allocation}
    assert hidden == {
        "session_esketamine",
        "session_ect",
        "adverse_event",
        "concomitant_medication",
        "end_of_participation",
    }


def texts_the_rater_may_read(study: StudyDefinition) -> Iterator[Text]:
    parts: list[Part] = [study.public_title, *study.phases, *study.consents, *study.roles, study.missing_reasons]
    parts += [visit for visit in study.visits if not visit.reveals_allocation]
    parts += [form for form in study.forms if not form.reveals_allocation]
    for part in parts:
        yield from (inner for _path, inner in parts_of(part) if isinstance(inner, Text))


def test_no_text_a_blinded_rater_may_read_names_a_treatment() -> None:
    for text in texts_the_rater_may_read(shipped()):
        for words in (text.nl.casefold(), text.en.casefold()):
            assert "ketamin" not in words
            assert "electroconvuls" not in words
            assert "elektroconvuls" not in words
            assert "ect" not in words.split()


def test_the_criteria_form_has_a_question_for_each_criterion() -> None:
    study = shipped()
    form = eligibility_form(study, study.eligibility[1])
    assert [item.key for item in form.items][-2:] == ["e4", "judged_on"]
    assert form.signed_by == "investigator"
