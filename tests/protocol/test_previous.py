"""``previous.form.item`` and ``visit[3].form.item``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.protocol import small_study
from tests.protocol.small_study import BODY, STUDY, faults
from trialmgr.protocol.casebook import Place, read_place
from trialmgr.protocol.check import check_study
from trialmgr.protocol.evaluation import Scope, evaluate_entry, previous_visit, truth_of, visit_at
from trialmgr.protocol.model import StudyDefinition

GAINED = "fires_if: weight > start.body.weight * 2"
EXAMPLE = "{given: {weight: 90, start.body.weight: 40}, gives: true}"
WEEKLY = """\
{key: weekly, label: {nl: Wekelijks, en: Weekly}, phase: diet, anchor: phase,
     repeat: {every: 7, times: 3, from: 7}, forms: [body]}
  - {key: end, label"""
FILES: dict[str, str | bytes | None] = {
    "study.yaml": STUDY.replace(
        "{key: end, label",
        WEEKLY,
    ).replace(
        "rule: percent_fall(start.body.weight, end.body.weight) >= 5",
        "rule: percent_fall(weekly[1].body.weight, weekly[3].body.weight) >= 5",
    ),
    "forms/body.yaml": BODY.replace(GAINED, "fires_if: weight > previous.body.weight * 2").replace(
        EXAMPLE,
        "{given: {weight: 90, previous.body.weight: 40}, gives: true}\n      - {given: {weight: 90}, gives: null}",
    ),
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyDefinition:
    return small_study.definition(tmp_path_factory.mktemp("previous"), FILES)


@pytest.mark.parametrize(
    ("here", "form", "before"),
    [
        ("start", "body", None),
        ("weekly-1", "body", "start"),
        ("weekly-3", "body", "weekly-2"),
        ("end", "body", "weekly-3"),
        ("later", "body", "end"),
        ("end", "judgement", "start"),
        ("weekly-2", "judgement", "start"),
        ("later", "diary", None),
        ("meal-2", "diary", "meal-1"),
        ("meal-1", "diary", None),
        ("meal-1", "body", "start"),
        ("extra", "body", None),
        ("log", "events", None),
        ("nowhere", "body", None),
        ("weekly-x", "body", None),
    ],
)
def test_the_visit_before(study: StudyDefinition, here: str, form: str, before: str | None) -> None:
    assert previous_visit(study, here, form) == before


def test_a_slug_names_a_visit_and_its_ordinal(study: StudyDefinition) -> None:
    assert visit_at(study, "weekly-2") == (study.visit("weekly"), 2)
    assert visit_at(study, "end") == (study.visit("end"), 1)
    assert visit_at(study, "gone") is None


def gained(study: StudyDefinition, visit: str | None, stored: dict[str, str]) -> tuple[str | None, ...]:
    def lookup(at: str, form: str, item: str) -> str | None:
        return stored.get(at) if (form, item) == ("body", "weight") else None

    outcome = evaluate_entry(study, study.form("body"), {"weight": "90"}, {}, lookup, visit)
    return tuple(problem.check_key for problem in outcome.problems)


def test_a_check_against_the_visit_before(study: StudyDefinition) -> None:
    stored = {"start": "80", "weekly-1": "40"}
    assert gained(study, "weekly-2", stored) == ("gained",)
    assert gained(study, "weekly-1", stored) == ()
    assert gained(study, "weekly-3", stored) == ()
    assert gained(study, "start", stored) == ()
    assert gained(study, None, stored) == ()


def test_an_occurrence_of_a_visit_that_returns_is_named_by_its_number(study: StudyDefinition) -> None:
    weights = {"weekly-1": "100", "weekly-3": "94"}
    gate = study.phase("after").gate
    assert gate is not None
    assert truth_of(gate.rule, Scope(study, None, lambda visit, form, item: weights.get(visit))) is True


def test_examples_give_the_visit_before_by_that_name(tmp_path: Path) -> None:
    assert check_study(small_study.write(tmp_path, FILES)).failures == ()


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        (
            "study.yaml",
            "weekly[3].body",
            "weekly[4].body",
            "`weekly[4].body.weight` names a visit that happens 3 times",
        ),
        ("study.yaml", "weekly[3].body", "weekly[0].body", "0 is no place in a row of visits"),
        ("study.yaml", "weekly[3].body", "weekly[1.5].body", "1.5 is no place in a row of visits"),
        ("study.yaml", "weekly[3].body", "weekly.body", "happen more than once — say which one: weekly[1]"),
        ("study.yaml", "weekly[3].body", "end[1].body", "names a visit that happens once — write end without a number"),
        ("study.yaml", "weekly[3].body.weight", "weekly[3]", "neither item nor visit.form.item"),
        ("study.yaml", "weekly[3].body", "previous.body", "has no visit to count back from here"),
        ("forms/body.yaml", "previous.body.weight", "previous.events.what", "names no form of a scheduled visit"),
        ("forms/body.yaml", "previous.body.weight", "previous.bodi.weight", "did you mean `body`?"),
        ("forms/body.yaml", "previous.body.weight", "previous.body.wait", "did you mean `weight`?"),
        ("forms/body.yaml", "previous.body.weight", "previous.diary.total", "reveals the allocation"),
        ("study.yaml", "key: weekly,", "key: previous,", "`previous` is a word of expressions"),
    ],
)
def test_a_fault_of_such_a_reference_is_told(tmp_path: Path, name: str, old: str, new: str, told: str) -> None:
    text = str(FILES[name])
    assert old in text
    found = faults(tmp_path, {**FILES, name: text.replace(old, new, 1)})
    assert any(told in line for line in found), found


OWN = "forms: [body]}\nmissing"
REPORT = """\
key: report
label: {nl: Verslag, en: Report}
entered_by: [rater]
sections:
  - key: main
    label: {nl: Verslag, en: Report}
    items:
      - key: twice
        type: decimal
        label: {nl: Tweemaal, en: Twice}
        derive: extra.body.weight * 2
        examples:
          - {given: {extra.body.weight: 40}, gives: 80}
"""
HELD = STUDY.replace(OWN, OWN.replace("[body]", "[body, report]"))
WITH_REPORT: dict[str, str | bytes | None] = {"study.yaml": HELD, "forms/report.yaml": REPORT}


def test_on_a_form_of_its_own_an_unscheduled_visit_means_the_same_time(tmp_path: Path) -> None:
    report = check_study(small_study.write(tmp_path, WITH_REPORT))
    assert report.failures == ()
    study, weights = report.definition, {"extra": "50", "extra-2": "60"}
    for slug, twice in (("extra", "100"), ("extra-2", "120"), (None, "100")):
        found = evaluate_entry(study, study.form("report"), {}, {}, lambda at, *_item: weights.get(at), slug)
        assert found.values["twice"] == twice
    assert read_place(study, Place("extra-2", "report"), ("extra", "body", "weight")) == Place("extra-2", "body")


@pytest.mark.parametrize(
    "files",
    [
        {"study.yaml": STUDY.replace("start.body.weight, end", "extra.body.weight, end")},
        {
            **WITH_REPORT,
            "study.yaml": HELD.replace("day: 28, forms: [body]", "day: 28, forms: [body, report]"),
        },
        {**WITH_REPORT, "forms/body.yaml": BODY.replace("start.body.weight", "extra.report.twice")},
    ],
)
def test_elsewhere_an_unscheduled_visit_means_no_time_of_it(files: dict[str, str], tmp_path: Path) -> None:
    assert any("names a visit that can happen more than once" in fault for fault in faults(tmp_path, {**files}))
