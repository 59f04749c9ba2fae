from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from tests.protocol import small_study
from trialmgr.protocol.evaluation import MOST_UNKNOWN_KEYS, SOFT_RANGE, Evaluation, evaluate_entry
from trialmgr.protocol.judgements import eligibility_form, gate_outcome, judge
from trialmgr.protocol.model import Item, ItemType, Range, Score, Section, StudyDefinition, Text


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyDefinition:
    return small_study.definition(tmp_path_factory.mktemp("study"))


def nowhere(visit: str, form: str, item: str) -> str | None:
    return None


def elsewhere(**values: str) -> Mapping[tuple[str, str, str], str]:
    """``start__body__weight="80"``: what other visits hold."""
    return {(visit, form, item): raw for key, raw in values.items() for visit, form, item in [key.split("__")]}


def body(
    study: StudyDefinition, values: dict[str, str], missing: dict[str, str] | None = None, **others: str
) -> Evaluation:
    stored = elsewhere(**others)
    return evaluate_entry(study, study.form("body"), values, missing or {}, lambda *path: stored.get(path))


def test_an_entry_keeps_canonical_values_and_computes_the_derived_ones(study: StudyDefinition) -> None:
    outcome = body(study, {"weight": " 80,5 ", "height": "1,75", "complaints_any": "nee", "measured_on": "2026-5-1"})
    assert outcome.values == {
        "weight": "80.5",
        "height": "1.75",
        "bmi": "26.3",
        "heavy": "no",
        "measured_on": "2026-05-01",
        "copied_on": "2026-05-01",
        "complaints_any": "no",
    }
    assert outcome.is_complete
    assert (outcome.problems, outcome.warnings) == ((), ())


def test_what_is_sent_for_a_derived_item_is_ignored(study: StudyDefinition) -> None:
    outcome = body(study, {"bmi": "99", "heavy": "yes"})
    assert outcome.values == {}
    assert outcome.problems == ()


def test_a_derived_truth_or_partial_date_follows_its_type(study: StudyDefinition) -> None:
    assert body(study, {"weight": "120", "height": "1.7"}).values["heavy"] == "yes"
    assert body(study, {"since": "2026-05-01"}).values["since_day"] == "2026-05-01"
    assert "since_day" not in body(study, {"since": "2026-05"}).values


def test_required_items_without_answer_or_reason_are_wanting(study: StudyDefinition) -> None:
    outcome = body(study, {"weight": "80", "complaints_any": "no"}, {"height": ""})
    assert outcome.wanting == ("height",)
    assert not outcome.is_complete


def test_a_reason_stands_in_place_of_an_answer(study: StudyDefinition) -> None:
    outcome = body(study, {"weight": "80", "complaints_any": "no"}, {"height": "not_done"})
    assert outcome.missing == {"height": "not_done"}
    assert outcome.is_complete


@pytest.mark.parametrize(
    ("values", "missing", "item", "message"),
    [
        ({}, {"height": "lost"}, "height", "Choose a reason"),
        ({}, {"complaints_any": "not_done"}, "complaints_any", "must have an answer"),
        ({"height": "1.8"}, {"height": "not_done"}, "height", "not both"),
        ({"weight": "heavy"}, {}, "weight", "Enter a number"),
        ({"weight": "19.9"}, {}, "weight", "Expected: 20 to 300 kg."),
        ({"height": "0.9"}, {}, "height", "Expected: 1 m or more."),
        ({"length": "180"}, {}, None, "no question 'length'"),
        ({}, {"length": "not_done"}, None, "no question 'length'"),
        ({"complaints_any": "yes", "complaints": "thirst rage"}, {}, "complaints", "Choose answers"),
    ],
)
def test_what_refuses_an_entry(
    study: StudyDefinition, values: dict[str, str], missing: dict[str, str], item: str | None, message: str
) -> None:
    (problem,) = body(study, values, missing).problems
    assert problem.item_key == item
    assert message in problem.message.en
    assert problem.check_key is None


@pytest.mark.parametrize("values", [{"weight": "20"}, {"weight": "300"}, {"height": "1"}])
def test_the_ends_of_a_range_lie_within_it(study: StudyDefinition, values: dict[str, str]) -> None:
    outcome = body(study, values)
    assert outcome.problems == ()
    assert values.items() <= outcome.values.items()


@pytest.mark.parametrize("values", [{"weight": "40"}, {"height": "2.2"}])
def test_the_ends_of_a_usual_range_ask_nothing(study: StudyDefinition, values: dict[str, str]) -> None:
    assert body(study, values).warnings == ()


def test_a_refused_value_is_not_kept_nor_reckoned_with(study: StudyDefinition) -> None:
    outcome = body(study, {"weight": "900", "height": "1.80", "complaints_any": "no"})
    assert set(outcome.values) == {"height", "complaints_any"}
    assert outcome.wanting == ()


def test_a_flood_of_unknown_keys_is_told_in_part(study: StudyDefinition) -> None:
    assert len(body(study, {f"key_{n}": "1" for n in range(500)}).problems) == MOST_UNKNOWN_KEYS


@pytest.mark.parametrize(
    ("values", "item", "message"),
    [
        ({"weight": "39.9"}, "weight", "Expected: 40 kg or more."),
        ({"height": "2.25"}, "height", "Expected: 2.2 m or less."),
        ({"weight": "200", "height": "1.5"}, "bmi", "Expected: 15 to 40."),
    ],
)
def test_a_value_out_of_its_usual_range_is_kept_with_a_warning(
    study: StudyDefinition, values: dict[str, str], item: str, message: str
) -> None:
    outcome = body(study, values)
    (warning,) = outcome.warnings
    assert (warning.item_key, warning.message.en, warning.check_key) == (item, message, SOFT_RANGE)
    assert item in outcome.values


def test_questions_that_are_not_asked_are_skipped_along_the_chain(study: StudyDefinition) -> None:
    outcome = body(study, {"complaints_any": "no", "complaints": "thirst", "hours": "30", "nights": "2"})
    assert outcome.skipped == {"complaints", "hours", "nights"}
    assert "hours" not in outcome.values
    assert outcome.warnings == ()
    assert outcome.wanting == ("weight", "height")


def test_questions_that_are_asked_are_wanted(study: StudyDefinition) -> None:
    outcome = body(study, {"complaints_any": "yes", "complaints": "hunger thirst", "hours": "11"})
    assert outcome.skipped == frozenset()
    assert outcome.values["complaints"] == "thirst hunger"
    assert outcome.wanting == ("weight", "height", "nights")


def test_while_it_is_unknown_whether_a_question_applies_it_is_not_asked(study: StudyDefinition) -> None:
    assert body(study, {}).skipped == {"complaints", "hours", "nights"}


def test_a_soft_check_warns_and_a_hard_check_refuses(study: StudyDefinition) -> None:
    outcome = body(
        study,
        {"weight": "90", "complaints_any": "yes", "complaints": "thirst", "hours": "25"},
        start__body__weight="40.0",
    )
    (problem,) = outcome.problems
    (warning,) = outcome.warnings
    assert (problem.item_key, problem.check_key, problem.message.en) == ("weight", "gained", "More than doubled")
    assert (warning.item_key, warning.check_key) == ("hours", "thirsty_long")


def test_a_check_that_is_unknown_does_not_fire(study: StudyDefinition) -> None:
    assert body(study, {"weight": "90"}).problems == ()
    assert body(study, {"weight": "90"}, start__body__weight="no number").problems == ()


def test_a_score_is_missing_when_an_answer_is(study: StudyDefinition) -> None:
    answers = {f"d{number}": "2" for number in range(1, 7)}
    full = evaluate_entry(study, study.form("diary"), answers, {}, nowhere)
    part = evaluate_entry(study, study.form("diary"), {**answers, "d4": ""}, {"d4": "not_done"}, nowhere)
    assert full.values["total"] == "12"
    assert "total" not in part.values


def with_derived(study: StudyDefinition, derive: str, **more: Any) -> StudyDefinition:
    form = study.form("judgement")
    extra = Item(key="extra", type=ItemType.DECIMAL, label=Text(nl="x", en="x"), derive=derive, **more)
    section = form.sections[0].model_copy(update={"items": (*form.sections[0].items, extra)})
    return study.model_copy(update={"forms": (form.model_copy(update={"sections": (section,)}),)})


def derived(study: StudyDefinition, derive: str, **more: Any) -> str | None:
    extended = with_derived(study, derive, **more)
    return evaluate_entry(extended, extended.forms[0], {}, {}, nowhere).values.get("extra")


def test_derived_numbers_are_rounded_half_up_to_the_places_of_the_item(study: StudyDefinition) -> None:
    assert derived(study, "0.125", decimals=2) == "0.13"
    assert derived(study, "2.5", decimals=0) == "3"
    assert derived(study, "-0.4", decimals=0) == "0"
    assert derived(study, "-2.5", decimals=0) == "-3"


def test_a_derived_number_of_an_item_that_names_no_places_keeps_its_digits(study: StudyDefinition) -> None:
    assert derived(study, "62.5 / 1.7") == "36.764706"
    assert derived(study, "(62.5 + 1.7) / 2") == "32.1"
    assert derived(study, "-0.0000004") == "0"
    assert derived(study, "4 / 0.02") == "200"


def test_a_derived_number_too_large_for_any_item_is_unknown(study: StudyDefinition) -> None:
    big = "99999999999999999999"
    assert derived(study, f"{big} * {big} * {big}") is None


def test_a_derived_number_outside_its_range_refuses_the_entry(study: StudyDefinition) -> None:
    extended = with_derived(study, "7", range=Range(max=Decimal(5)))
    (problem,) = evaluate_entry(extended, extended.forms[0], {}, {}, nowhere).problems
    assert (problem.item_key, problem.message.nl) == ("extra", "Verwacht: 5 of minder.")


# --- eligibility and gates -------------------------------------------------------------------------------------------


def test_the_eligibility_form_asks_one_question_for_each_criterion(study: StudyDefinition) -> None:
    assert study.form("judgement").items  # the list of items is remembered; the new form must not inherit it
    form = eligibility_form(study, study.eligibility[0])
    assert [item.key for item in form.items] == ["i1", "i2", "e1", "judged_on"]
    assert form.item("e1").label("nl") == "allergie"
    outcome = evaluate_entry(study, form, {"i1": "yes", "judged_on": "2026-05-01"}, {"e1": "not_done"}, nowhere)
    assert outcome.wanting == ("i2",)
    assert [problem.item_key for problem in outcome.problems] == ["e1"]


def test_without_exclusions_there_is_no_section_of_them(study: StudyDefinition) -> None:
    version = study.eligibility[0]
    only_inclusion = version.model_copy(update={"criteria": version.criteria[:2]})
    assert [section.key for section in eligibility_form(study, only_inclusion).sections] == [
        "criteria_inclusion",
        "main",
    ]


FIT = {"i1": "yes", "i2": "yes", "e1": "no", "judged_on": "2026-05-01"}


@pytest.mark.parametrize(
    ("answers", "weight", "eligible", "failed"),
    [
        ({}, "60", True, ()),
        ({}, "39.9", False, ("I2",)),
        ({}, None, None, ()),
        ({"i1": "no"}, "60", False, ("I1",)),
        ({"i1": "no", "e1": "yes"}, None, False, ("I1", "E1")),
        ({"e1": "yes"}, "60", False, ("E1",)),
        ({"judged_on": "2025-12-31"}, "60", False, ("E1",)),
        ({"judged_on": ""}, "60", None, ()),
        ({"i1": ""}, "60", None, ()),
    ],
)
def test_who_is_eligible(
    study: StudyDefinition,
    answers: dict[str, str],
    weight: str | None,
    eligible: bool | None,
    failed: tuple[str, ...],
) -> None:
    values = {**FIT, **answers, "retired_item": "yes"}
    outcome = judge(study, study.eligibility[0], values, lambda *path: weight)
    assert outcome == (eligible, failed)


@pytest.mark.parametrize(
    ("start", "end", "opens"), [("100", "95", True), ("100", "96", False), ("100", None, None), (None, "95", None)]
)
def test_a_gate_is_decided_by_stored_data(
    study: StudyDefinition, start: str | None, end: str | None, opens: bool | None
) -> None:
    gate = study.phase("after").gate
    assert gate is not None
    assert gate_outcome(study, gate, lambda visit, form, item: {"start": start, "end": end}[visit]) is opens


def test_a_rule_of_an_older_version_may_name_what_no_longer_exists(study: StudyDefinition) -> None:
    gate = study.phase("after").gate
    assert gate is not None
    for rule in ("start.gone.weight > 1", "start.body.gone > 1", "start.body.weight"):
        assert gate_outcome(study, gate.model_copy(update={"rule": rule}), lambda *path: "80") is None


def test_a_score_reads_yes_as_one_and_no_as_zero(study: StudyDefinition) -> None:
    label = Text(nl="x", en="x")
    questions = tuple(Item(key=f"q{number}", type=ItemType.YES_NO, label=label) for number in range(1, 6))
    score = Score(function="cssrs_ideation", items=tuple(question.key for question in questions))
    worst = Item(key="worst", type=ItemType.INTEGER, label=label, score=score)
    section = Section(key="main", label=label, items=(*questions, worst))
    form = study.form("leaving").model_copy(update={"sections": (section,)})
    answers = {"q1": "yes", "q2": "yes", "q3": "no", "q4": "yes", "q5": "no"}
    assert evaluate_entry(study, form, answers, {}, nowhere).values["worst"] == "4"
