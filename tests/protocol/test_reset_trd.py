"""The study the system ships with says what is publicly known of RESET-TRD, and shows no arm to who is blinded."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.protocol.small_study import RESET_TRD, shipped
from trialmgr.protocol.check import check_study
from trialmgr.protocol.evaluation import evaluate_entry
from trialmgr.protocol.integrity.findings import parts_of
from trialmgr.protocol.judgements import eligibility_form, gate_outcome, judge
from trialmgr.protocol.model import Form, ItemType, Part, StudyDefinition, Text
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
    after = {arm: {v.key for v in study.visits_of(phase="cross_over", arm=arm)} for arm in ("esketamine", "ect")}
    assert after["esketamine"] - after["ect"] == {"session_ect_crossover"}
    assert after["ect"] - after["esketamine"] == {"session_esk_crossover"}
    home = [visit for visit in study.visits if "home_intake" in visit.forms]
    assert [(visit.phase, visit.arms) for visit in home] == [("follow_up", ("esketamine",))]


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
    held = {
        "madrs_total": total,
        "birth_year": "1980",
        "screened_on": "2026-05-31",
        "mini_mdd": "yes",
        "mini_psychotic": "no",
        "th_resistant": "yes",
    }
    verdict, failed = judge(study, version, answers, lambda *path: held.get(path[-1]))
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


OFFERED = {"co_offered": "yes", "co_accepted": "yes"}


@pytest.mark.parametrize(
    ("week_8", "offer", "opens"),
    [
        ("16", OFFERED, True),
        ("16", OFFERED | {"co_accepted": "no"}, False),
        ("16", {"co_offered": "no"}, False),
        ("16", {}, None),
        ("15", OFFERED, False),
        ("15", {}, False),
    ],
)
def test_the_other_treatment_opens_for_who_did_not_improve_and_accepts(
    week_8: str, offer: dict[str, str], opens: bool | None
) -> None:
    study = shipped()
    gate = study.phase("cross_over").gate
    assert gate is not None
    values = {"baseline.madrs.madrs_total": "30", "week_8.madrs.madrs_total": week_8}
    values |= {f"week_8.cross_over_offer.{key}": answer for key, answer in offer.items()}
    assert gate_outcome(study, gate, lambda *path: values.get(".".join(path))) is opens
    assert study.alternatives("follow_up") == {"cross_over"}


# Section 6 of the facts: what is measured when.
SCHEDULE = {
    "screening": {"madrs", "ids_sr", "cgi_s", "cssrs_baseline", "vital_signs", "moca", "hvlt", "labs"},
    "baseline": {"madrs", "ids_sr", "cgi_s", "cssrs_since", "kset_base", "vital_signs", "amisf", "eq5d5l", "whodas"}
    | {"ticp"},
    "session_esk": {"session_esketamine", "kset_acute", "cadss6"},
    "session_ect": {"session_ect"},
    "week_1": {"madrs", "ids_sr", "cgi", "cssrs_since"},
    "week_4": {"madrs", "ids_sr", "cgi", "cssrs_since", "labs"},
    "week_8": {"madrs", "ids_sr", "cgi", "cssrs_since", "kset_follow_up", "moca", "hvlt", "amisf", "eq5d5l", "whodas"}
    | {"ticp", "labs"},
    "month_1": {"madrs", "ids_sr", "cgi", "cssrs_since", "kset_follow_up"},
    "month_3": {"madrs", "ids_sr", "cgi", "cssrs_since", "kset_follow_up", "eq5d5l", "whodas", "ticp"},
    "month_6": {"madrs", "ids_sr", "cgi", "kset_follow_up", "moca", "amisf", "eq5d5l", "whodas", "ticp", "labs"},
    "month_12": {"madrs", "ids_sr", "cgi", "kset_follow_up", "moca", "amisf", "eq5d5l", "whodas", "ticp", "labs"},
    "relapse": {"madrs", "ids_sr", "cgi", "cssrs_since", "kset_follow_up", "eq5d5l", "relapse"},
    "log": {"adverse_event", "serious_adverse_event", "concomitant_medication", "protocol_deviation", "withdrawal"},
}


@pytest.mark.parametrize("visit", SCHEDULE)
def test_each_visit_measures_what_the_schedule_says(visit: str) -> None:
    assert SCHEDULE[visit] <= set(shipped().visit(visit).forms)


def test_every_rule_of_the_study_has_an_example() -> None:
    report = check_study(RESET_TRD)
    assert report.is_sound
    assert report.rules_without_examples == ()
    assert report.examples_run > 450


SERIOUS = {
    "sae_row": "1",
    "sae_reasons": "life_threatening",
    "sae_description": "Val.",
    "sae_expected": "no",
    "sae_aware_on": "2026-05-01",
    "sae_aware_at": "10:00",
    "sae_reported_on": "2026-05-01",
    "sae_reported_at": "12:00",
    "sae_committee_on": "2026-05-08",
    "sae_outcome": "recovered",
}
PLANNED = {"sae_reasons": "hospitalisation", "sae_admission_planned": "yes", "sae_planned_reason": "Bij het begin."}


@pytest.mark.parametrize(
    ("values", "days", "fires"),
    [
        ({}, "7", []),
        ({"sae_reported_on": "2026-05-02", "sae_reported_at": "10:00"}, "7", []),
        ({"sae_reported_on": "2026-05-02", "sae_reported_at": "10:01"}, "7", ["later_than_a_day"]),
        ({"sae_committee_on": "2026-05-09"}, "7", ["committee_late"]),
        ({"sae_reasons": "disability", "sae_committee_on": "2026-05-16"}, "15", []),
        ({"sae_reasons": "disability", "sae_committee_on": "2026-05-17"}, "15", ["committee_late"]),
        ({"sae_committee_on": ""}, "7", ["committee_owed"]),
        (PLANNED | {"sae_committee_on": ""}, "15", []),
        (PLANNED | {"sae_reasons": "death hospitalisation", "sae_committee_on": ""}, "7", ["committee_owed"]),
    ],
)
def test_a_serious_event_has_clocks_and_a_planned_admission_none(
    values: dict[str, str], days: str, fires: list[str]
) -> None:
    study = shipped()
    outcome = evaluate_entry(study, study.form("serious_adverse_event"), SERIOUS | values, {}, nowhere)
    assert outcome.problems == ()
    assert outcome.values["sae_days_allowed"] == days
    assert [warning.check_key for warning in outcome.warnings] == fires


def tried(**rows: tuple[str, ...]) -> dict[str, str]:
    """Rows of the treatment history: outcome, weeks, dose in DDD, and whether it was an addition."""
    values: dict[str, str] = {}
    for number, (outcome, weeks, ddd, added) in enumerate(rows.values(), start=1):
        answers = {"th_drug": "x", "th_atc": "N06A", "th_dose": ddd, "th_ddd": "1", "th_weeks": weeks}
        answers |= {"th_augmentation": added, "th_outcome": outcome}
        values |= {f"trials.{number}.{key}": answer for key, answer in answers.items()}
    return values


@pytest.mark.parametrize(
    ("third", "resistant"),
    [
        (("none", "4", "1.0", "yes"), "yes"),
        (("none", "3", "1.0", "yes"), "no"),
        (("none", "4", "0.9", "yes"), "no"),
        (("not_tolerated", "1", "0.2", "yes"), "yes"),
        (("helped", "40", "2.0", "yes"), "no"),
    ],
)
def test_two_failed_antidepressants_and_an_augmentation_are_treatment_resistance(
    third: tuple[str, ...], resistant: str
) -> None:
    study = shipped()
    rows = tried(first=("none", "6", "1.5", "no"), second=("partial", "8", "1.0", "no"), third=third)
    outcome = evaluate_entry(study, study.form("treatment_history"), rows, {}, nowhere)
    assert outcome.values["th_failed_count"] == "2"
    assert outcome.values["th_resistant"] == resistant
    assert bool(outcome.warnings) is (resistant == "no")


def test_suicidal_thoughts_with_intent_ask_for_contact_the_same_day() -> None:
    study = shipped()
    form = study.form("cssrs_since")
    none = dict.fromkeys(
        (item.key for item in form.items if item.type is ItemType.YES_NO and not item.is_derived), "no"
    )
    calm = evaluate_entry(study, form, none, {}, nowhere)
    assert (calm.values["cs_ideation"], calm.values["cs_behaviour"], calm.warnings) == ("0", "no", ())
    assert {"cs_method", "cs_intent", "cs_plan", "cs_frequency", "cs_attempts"} <= calm.skipped
    strength = dict.fromkeys(("cs_frequency", "cs_duration", "cs_control", "cs_deterrents", "cs_reasons"), "3")
    thoughts = {"cs_wish_dead": "yes", "cs_thoughts": "yes", "cs_method": "yes", "cs_intent": "yes"}
    high = evaluate_entry(study, form, none | thoughts | strength, {}, nowhere)
    assert (high.values["cs_ideation"], high.values["cs_intensity"]) == ("4", "15")
    assert [warning.check_key for warning in high.warnings] == ["ideation_high"]


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
        for time in ("before", "30", "60", "90", "120", "150", "180")
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


def ect(**values: str) -> dict[str, str]:
    before = {"systolic_before": "130", "diastolic_before": "80", "benzodiazepine": "no", "treatment_given": "yes"}
    stimulus = {"session_number": "1", "device": "toestel", "laterality": "rul", "pulse_width_ms": "0.3"}
    charge = {"threshold_mc": "50", "charge_mc": "300"}
    sleep = {"anaesthetic": "etomidate", "anaesthetic_mg": "20", "relaxant": "succinylcholine", "relaxant_mg": "75"}
    seizure = {"motor_seizure_s": "30", "eeg_seizure_s": "40", "restimulated": "no", "reorientation_min": "20"}
    after = {"systolic_after": "140", "diastolic_after": "85", "complications_any": "no"}
    return {**before, **stimulus, **charge, **sleep, **seizure, **after, **values}


@pytest.mark.parametrize(
    ("values", "fires"),
    [
        ({}, []),
        ({"charge_mc": "290"}, ["unilateral_low"]),
        ({"laterality": "bt", "charge_mc": "100"}, []),
        ({"laterality": "bt", "charge_mc": "130"}, ["bitemporal_range"]),
        ({"motor_seizure_s": "19"}, ["soft_range"]),
        ({"eeg_seizure_s": "121", "complications_any": "yes", "complications": "prolonged_seizure"}, ["soft_range"]),
        ({"benzodiazepine": "yes", "flumazenil": "no"}, ["benzodiazepine_unopposed"]),
    ],
)
def test_an_ect_session_follows_the_guideline(values: dict[str, str], fires: list[str]) -> None:
    study = shipped()
    outcome = evaluate_entry(study, study.form("session_ect"), ect(**values), {}, nowhere)
    assert [warning.check_key for warning in outcome.warnings] == fires
    assert outcome.is_complete


def test_an_ect_session_reckons_the_multiple_of_the_threshold() -> None:
    study = shipped()
    outcome = evaluate_entry(study, study.form("session_ect"), ect(charge_mc="200", motor_seizure_s="15"), {}, nowhere)
    assert outcome.values["charge_multiple"] == "4.0"
    assert [(w.item_key, w.check_key) for w in outcome.warnings] == [
        ("motor_seizure_s", "soft_range"),
        ("charge_mc", "unilateral_low"),
    ]
    assert outcome.is_complete


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
    assert used <= set(FUNCTIONS)
    assert {"madrs_total", "cssrs_ideation", "cadss6_total", "eq5d5l_nl_index", "moca_total", "msm_total"} <= used
    assert {"whodas36_complex", "whodas32_complex", "whodas36_simple", "whodas32_simple"} <= used


def test_nothing_the_rater_enters_reveals_the_allocation() -> None:
    entered = {form.key for form in shipped().forms if "rater" in form.entered_by}
    scales = {"madrs", "hdrs17", "cgi", "cgi_s", "cssrs_baseline", "cssrs_since"}
    assert entered == scales | {"moca", "hvlt", "amisf"}
    assert not any(shipped().form(key).reveals_allocation for key in entered)
    hidden = {form.key for form in shipped().forms if form.reveals_allocation}
    treatment = {"session_esketamine", "session_ect", "cadss6", "home_intake", "taper_plan"}
    effects = {"kset_base", "kset_acute", "kset_follow_up", "adverse_event", "serious_adverse_event"}
    free_text = {"concomitant_medication", "protocol_deviation", "pregnancy", "relapse"}
    assert hidden == treatment | effects | free_text | {"withdrawal", "end_of_participation"}


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
