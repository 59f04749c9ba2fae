from __future__ import annotations

from pathlib import Path

import pytest

from tests.protocol import small_study
from tests.protocol.small_study import RESET_TRD, broken, shipped
from trialmgr.protocol.check import CheckReport, check_study, unconfirmed
from trialmgr.protocol.loader import StudyErrors

BODY = "forms/body.yaml"


def report_of(folder: Path, old: str, new: str) -> CheckReport:
    return check_study(small_study.write(folder, broken(BODY, old, new)))


def test_the_examples_of_a_sound_study_hold(tmp_path: Path) -> None:
    report = check_study(small_study.write(tmp_path))
    assert report.is_sound
    assert report.examples_run == 4


def test_rules_without_examples_are_told(tmp_path: Path) -> None:
    report = check_study(small_study.write(tmp_path))
    assert report.rules_without_examples == (
        "phases.after.gate",
        "eligibility.1.I2",
        "eligibility.1.E1",
        "forms.body.heavy",
        "forms.body.copied_on",
        "forms.body.since_day",
        "forms.body.complaints",
        "forms.body.hours",
        "forms.body.nights",
        "forms.diary.total",
    )


def test_an_example_that_fails_is_told_with_what_was_found(tmp_path: Path) -> None:
    report = report_of(tmp_path, "gives: 20.0", "gives: 21.0")
    assert [str(failure) for failure in report.failures] == [
        "forms/body.yaml:29:13 sections[0].items[2].examples[0]: example 1 of forms.body.bmi: expected 21.0, found 20.0"
        " — mend the rule, or what the example expects"
    ]
    assert not report.is_sound


def test_a_truth_and_an_unknown_are_told_in_words(tmp_path: Path) -> None:
    (failure,) = report_of(tmp_path, "{given: {hours: 25}, gives: true}", "{given: {}, gives: true}").failures
    assert "example 1 of forms.body.checks.thirsty_long: expected true, found unknown" in str(failure)


def test_an_example_with_a_value_its_item_refuses_is_told(tmp_path: Path) -> None:
    with pytest.raises(StudyErrors, match="'many' is no value of `hours` — Enter a whole number"):
        report_of(tmp_path, "{given: {hours: 25}", "{given: {hours: many}")


def test_what_is_to_be_confirmed_is_told_with_its_place(tmp_path: Path) -> None:
    assert unconfirmed(small_study.definition(tmp_path)) == ["phases.after.gate"]


def test_the_shipped_study_is_sound_and_every_rule_has_an_example() -> None:
    report = check_study(RESET_TRD)
    assert report.failures == ()
    assert report.rules_without_examples == ()
    assert report.examples_run >= 150


def test_the_shipped_study_tells_what_rests_on_assumption() -> None:
    places = unconfirmed(shipped())
    assert {"phases.follow_up.gate", "randomization", "roles.rater", "visits.week_1", "sites.UMCG"} <= set(places)
    assert "forms.session_esketamine.dose_mg_per_kg" in places
    assert "eligibility.2.criteria.E4" in places


def test_calculated_decimals_that_do_not_say_how_many_are_told(tmp_path: Path) -> None:
    assert check_study(small_study.write(tmp_path)).without_decimals == ()
    report = report_of(tmp_path / "unsaid", "        decimals: 1\n        label: {nl: BMI", "        label: {nl: BMI")
    assert report.without_decimals == ("forms.body.bmi",)


@pytest.mark.parametrize("name", ["reset_trd", "iv_maintenance", "nasal_spray_registry", "umcg_off_label"])
def test_the_studies_that_ship_say_how_many_decimals_they_mean(name: str) -> None:
    assert check_study(RESET_TRD.parent / name).without_decimals == ()
