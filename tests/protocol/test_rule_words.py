"""Rules in words, in both languages, and what each part comes to."""

from __future__ import annotations

import pytest

from trialmgr.protocol.evaluation import Scope
from trialmgr.protocol.expressions import known_functions
from trialmgr.protocol.expressions.functions import AGGREGATES, FUNCTIONS
from trialmgr.protocol.model import StudyDefinition
from trialmgr.protocol.rule_words import AGGREGATE_WORDS, FUNCTION_WORDS, Clause, clauses, rule_in_words

FALL = "percent_fall(baseline.madrs.madrs_total, week_8.madrs.madrs_total)"
TRIALS = "screening.treatment_history.trials"
DAY = "screening.demographics.screened_on"

SPOKEN = [
    (
        f"{FALL} >= 50",
        "The fall of MADRS total from “Baseline” to “Week 8, end of treatment” is at least 50 %",
        "De daling van MADRS-totaal van “Beginmeting” naar “Week 8, einde behandeling” is minstens 50 %",
    ),
    (
        "50 <= percent_fall(baseline.madrs.madrs_total, session_esk[3].cadss6.cadss_total)",
        "50 % is at most the fall from MADRS total at “Baseline” to Total at “Esketamine session 3”",
        "50 % is hoogstens de daling van MADRS-totaal bij “Beginmeting” naar Totaal bij “Esketaminebehandeling 3”",
    ),
    (
        "screening.demographics.sex = 'f' or not screening.mini_plus.mini_mdd",
        "Sex at “Screening” is “Female”, or Current major depression at “Screening”: no",
        "Geslacht bij “Screening” is “Vrouw”, of Depressieve stoornis nu bij “Screening”: nee",
    ),
    (
        "not (screening.madrs.madrs_total > 20 and (screening.madrs.madrs_total = 2.50 or "
        "screening.mini_plus.mini_mdd))",
        "Not (MADRS total at “Screening” is more than 20, and (MADRS total at “Screening” is 2.5, or Current major "
        "depression at “Screening”: yes))",
        "Niet (MADRS-totaal bij “Screening” is meer dan 20, en (MADRS-totaal bij “Screening” is 2,5, of Depressieve "
        "stoornis nu bij “Screening”: ja))",
    ),
    (
        "screening.mini_plus.mini_modules has 'bipolar' and screening.madrs.madrs_total is missing",
        "Other positive modules at “Screening” includes “Bipolar disorder”, and MADRS total at “Screening” is missing",
        "Andere positieve modules bij “Screening” bevat “Bipolaire stoornis”, en MADRS-totaal bij "
        "“Screening” ontbreekt",
    ),
    (
        "screening.demographics.sex in ('f', 'unheard') and screening.demographics.sex is present",
        "Sex at “Screening” is one of “Female”, “unheard”, and Sex at “Screening” has a value",
        "Geslacht bij “Screening” is een van “Vrouw”, “unheard”, en Geslacht bij “Screening” heeft een waarde",
    ),
    (
        f"{DAY} + 6 weeks < date('2026-03-01') and {DAY} >= baseline.gone.day",
        "Date of screening at “Screening” + 42 days is before 2026-03-01, and Date of screening at “Screening” is on "
        "or after day at “Baseline”",
        "Datum van de screening bij “Screening” + 42 dagen is voor 2026-03-01, en Datum van de screening bij "
        "“Screening” is op of na day bij “Beginmeting”",
    ),
    (
        "(week_1.madrs.madrs_total + 1) * 2 != previous.madrs.madrs_total",
        "(MADRS total at “Week 1” + 1) × 2 is not MADRS total at “the visit before”",
        "(MADRS-totaal bij “Week 1” + 1) × 2 is niet MADRS-totaal bij “het vorige bezoek”",
    ),
    (
        "if(screening.mini_plus.mini_mdd, 1, 2) > 1",
        "1 if Current major depression at “Screening”: yes, otherwise 2 is more than 1",
        "1 als Depressieve stoornis nu bij “Screening”: ja, anders 2 is meer dan 1",
    ),
    (
        f"count({TRIALS}) >= 2",
        "The number of rows of “Antidepressants” is at least 2",
        "Het aantal rijen van “Antidepressiva” is minstens 2",
    ),
    (
        f"sum({TRIALS}.th_weeks) > 8",
        "The sum of Weeks used at “Screening” over “Antidepressants” is more than 8",
        "De som van Weken gebruikt bij “Screening” over “Antidepressiva” is meer dan 8",
    ),
    (
        f"any({TRIALS}.th_weeks > 4)",
        "In a row of “Antidepressants”: Weeks used at “Screening” is more than 4",
        "In een rij van “Antidepressiva”: Weken gebruikt bij “Screening” is meer dan 4",
    ),
    (
        "max(screening.madrs.madrs_total) > min(3, screening.madrs.madrs_total)",
        "The largest of MADRS total at “Screening” is more than the smallest of 3, MADRS total at “Screening”",
        "Het grootste van MADRS-totaal bij “Screening” is meer dan het kleinste van 3, MADRS-totaal bij “Screening”",
    ),
    ("i1 = 'x'", "I1 is “x”", "I1 is “x”"),
    (
        "(i1 and true) = (count(rows) > 2)",
        "I1: yes, and yes is the number of rows of “rows” is more than 2",
        "I1: ja, en ja is het aantal rijen van “rows” is meer dan 2",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "en", "nl"), SPOKEN)
def test_a_rule_reads_as_a_sentence_in_both_languages(reset_trd: StudyDefinition, rule: str, en: str, nl: str) -> None:
    assert rule_in_words(reset_trd, rule, "en") == en
    assert rule_in_words(reset_trd, rule, "nl") == nl


def test_every_function_of_the_language_has_words() -> None:
    assert FUNCTION_WORDS.keys() == FUNCTIONS.keys()
    assert AGGREGATE_WORDS.keys() == AGGREGATES.keys()
    assert {*FUNCTION_WORDS, *AGGREGATE_WORDS, "if", "date"} == set(known_functions())


def test_every_gate_and_criterion_of_a_study_has_words_for_all_it_reads(reset_trd: StudyDefinition) -> None:
    rules = [one.rule for version in reset_trd.eligibility for one in version.criteria if one.rule]
    rules += [phase.gate.rule for phase in reset_trd.phases if phase.gate]
    for language in ("en", "nl"):
        assert not [said for rule in rules if "_" in (said := rule_in_words(reset_trd, rule, language))]


def worked(study: StudyDefinition, rule: str, language: str = "en", **values: str) -> list[tuple[str, bool | None]]:
    """``values``: by ``visit__form__item``."""
    scope = Scope(study, None, lambda *path: values.get("__".join(path)))
    return [(one.worked, one.holds) for one in clauses(study, rule, scope, language)]


@pytest.mark.parametrize(
    ("rule", "first", "then", "said", "holds"),
    [
        (f"{FALL} >= 50", "29", "11", "29 to 11, a fall of 62 %", True),
        (f"{FALL} >= 50", "30", "16", "30 to 16, a fall of 47 %", False),
        (f"{FALL} >= 50", "1000", "501", "1000 to 501, a fall of 49.9 %", False),
        (f"{FALL} >= 50", "10000", "5001", "10000 to 5001, a fall of 49.99 %", False),
        (f"50 > {FALL}", "1000", "501", "1000 to 501, a fall of 49.9 %", True),
        (f"{FALL} < 50", "28", "31", "28 to 31, a rise of 11 %", True),
        (f"{FALL} >= 50", "0", "0", "", None),
        (f"{FALL} is present", "30", "20", "30 to 20, a fall of 33 %", True),
    ],
)
def test_a_fall_is_told_with_as_many_decimals_as_agree_with_the_outcome(
    reset_trd: StudyDefinition, rule: str, first: str, then: str, said: str, holds: bool | None
) -> None:
    values = {"baseline__madrs__madrs_total": first, "week_8__madrs__madrs_total": then}
    assert worked(reset_trd, rule, **values) == [(said, holds)]


def test_a_fall_that_no_rounding_tells_is_told_whole(reset_trd: StudyDefinition) -> None:
    rule = "percent_fall(baseline.vital_signs.weight_kg, week_8.vital_signs.weight_kg) > 0"
    values = {"baseline__vital_signs__weight_kg": "1000000000", "week_8__vital_signs__weight_kg": "999999999.9"}
    ((said, holds),) = worked(reset_trd, rule, **values)
    assert holds is True
    assert "a fall of 0.00000001 %" in said


def test_each_part_of_a_rule_tells_its_value_and_whether_it_holds(reset_trd: StudyDefinition) -> None:
    rule = (
        "screening.madrs.madrs_total >= 20 and screening.mini_plus.mini_mdd and not screening.mini_plus.mini_psychotic "
        "and screening.demographics.sex = 'f' and screening.mini_plus.mini_modules has 'bipolar' "
        f"and {DAY} > date('2026-01-01') and screening.madrs.madrs_total * 2 > 3 and (true or false)"
    )
    values = {
        "screening__madrs__madrs_total": "29",
        "screening__mini_plus__mini_mdd": "yes",
        "screening__mini_plus__mini_psychotic": "yes",
        "screening__demographics__sex": "m",
        "screening__mini_plus__mini_modules": "bipolar panic",
        "screening__demographics__screened_on": "2026-02-03",
    }
    assert worked(reset_trd, rule, "nl", **values) == [
        ("29", True),
        ("", True),
        ("ja", False),
        ("Man", False),
        ("Paniekstoornis, Bipolaire stoornis", True),
        ("2026-02-03", True),
        ("58", True),
        ("", True),
    ]
    values["screening__mini_plus__mini_mdd"] = "no"
    assert worked(reset_trd, rule, **values)[1] == ("no", False)


def test_times_durations_and_partial_dates_are_told(reset_trd: StudyDefinition) -> None:
    rule = (
        "session_esk[1].session_esketamine.dose_time > session_esk[1].session_esketamine.dose_time "
        f"and {DAY} - {DAY} < 2 days and log.adverse_event.ae_start < date('2026-01-01')"
    )
    values = {
        "session_esk-1__session_esketamine__dose_time": "09:30",
        "screening__demographics__screened_on": "2026-02-03",
        "log__adverse_event__ae_start": "2025-03",
    }
    assert worked(reset_trd, rule, **values) == [
        ("09:30", False),
        ("0 days", True),
        ("2025-03-01 – 2025-03-31", True),
    ]


def test_nothing_is_worked_out_of_values_that_are_missing(reset_trd: StudyDefinition) -> None:
    (clause,) = clauses(reset_trd, "screening.madrs.madrs_total >= 20", Scope(reset_trd, None, lambda *_: None), "en")
    assert clause == Clause("MADRS total at “Screening” is at least 20", "", None)
