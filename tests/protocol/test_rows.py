"""Groups with rows: what is kept, what is wanted, and what rules make of the rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol import small_study
from tests.protocol.small_study import STUDY, broken, faults
from trialmgr.protocol.check import check_study
from trialmgr.protocol.evaluation import Evaluation, Scope, evaluate_entry, truth_of
from trialmgr.protocol.model import RowKey, StudyDefinition

HISTORY = """\
key: history
label: {nl: Voorgeschiedenis, en: History}
entered_by: [nurse]
sections:
  - key: before
    label: {nl: Vooraf, en: Before}
    items:
      - {key: tried_any, type: yes_no, label: {nl: Iets geprobeerd, en: Tried any}}
      - {key: enough_weeks, type: integer, label: {nl: Genoeg weken, en: Enough weeks}, required: false}
  - key: trials
    label: {nl: Diëten, en: Diets}
    repeats: {min: 1, max: 4, row: {nl: Dieet, en: Diet}}
    items:
      - {key: name, type: text, label: {nl: Naam, en: Name}}
      - {key: began, type: date, label: {nl: Begin, en: Begin}, required: false}
      - {key: ended, type: date, label: {nl: Einde, en: End}, required: false}
      - {key: weeks, type: integer, label: {nl: Weken, en: Weeks}, range: {min: 0, max: 500}, ask_if: tried_any}
      - key: long_enough
        type: yes_no
        label: {nl: Lang genoeg, en: Long enough}
        derive: weeks >= 4
        examples:
          - {given: {weeks: 4}, gives: "yes"}
          - {given: {trials.1.weeks: 3}, gives: "no"}
  - key: outcome
    label: {nl: Uitkomst, en: Outcome}
    items:
      - {key: how_many, type: integer, label: {nl: Aantal, en: Number}, derive: count(trials)}
      - {key: all_weeks, type: integer, label: {nl: Weken, en: Weeks}, derive: sum(trials.weeks)}
      - {key: longest, type: integer, label: {nl: Langste, en: Longest}, derive: max(trials.weeks)}
      - {key: first_began, type: date, label: {nl: Eerste, en: First}, derive: min(trials.began)}
      - {key: enough, type: integer, label: {nl: Genoeg, en: Enough}, derive: count_where(trials.long_enough)}
      - {key: any_long, type: yes_no, label: {nl: Een lang, en: Any long}, derive: any(trials.weeks > 10)}
      - key: resistant
        type: yes_no
        label: {nl: Resistent, en: Resistant}
        derive: count_where(trials.weeks >= enough_weeks) >= 2
        examples:
          - {given: {enough_weeks: 4, trials.1.weeks: 4, trials.2.weeks: 6}, gives: "yes"}
          - {given: {enough_weeks: 4, trials.1.weeks: 4, trials.3.weeks: 1}, gives: "no"}
          - {given: {trials.1.weeks: 4}, gives: null}
checks:
  - key: ends_before_it_begins
    severity: hard
    fires_if: ended < began
    items: [ended]
    message: {nl: Einde voor begin, en: Ends before it begins}
    examples:
      - {given: {began: 2026-02-01, ended: 2026-01-01}, gives: true}
  - key: no_long_one
    severity: soft
    fires_if: all(trials.weeks < 2) and count(trials) > 0
    items: [tried_any]
    message: {nl: Geen enkel lang, en: None long}
"""

FILES: dict[str, str | bytes | None] = {
    "study.yaml": STUDY.replace(
        "forms: [body, judgement], before", "forms: [body, history, judgement], before"
    ).replace(
        "rule: start.body.weight >= 40",
        "rule: count_where(start.history.trials.weeks >= 4) >= 2\n"
        "        examples:\n"
        "          - {given: {start.history.trials.1.weeks: 4, start.history.trials.2.weeks: 5}, gives: true}\n"
        "          - {given: {start.history.trials.1.weeks: 4}, gives: false}\n"
        "          - {given: {judged_on: 2026-01-01}, gives: null}",
    ),
    "forms/history.yaml": HISTORY,
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyDefinition:
    return small_study.definition(tmp_path_factory.mktemp("rows"), FILES)


class Stored:
    """What other visits hold, as the casebook gives it."""

    def __init__(self, documents: Mapping[tuple[str, str], Mapping[str, str]]) -> None:
        self.documents = documents

    def keys(self, visit: str, form: str) -> Iterable[str] | None:
        return self.documents.get((visit, form))

    def __call__(self, visit: str, form: str, item: str) -> str | None:
        return self.documents.get((visit, form), {}).get(item)


def entered(study: StudyDefinition, values: dict[str, str], missing: dict[str, str] | None = None) -> Evaluation:
    return evaluate_entry(study, study.form("history"), values, missing or {}, Stored({}))


TWO = {
    "tried_any": "yes",
    "trials.1.name": "soup",
    "trials.1.weeks": "6",
    "trials.1.began": "2025-03-01",
    "trials.3.name": "salad",
    "trials.3.weeks": "2",
    "trials.3.began": "2024-12-24",
}


def test_rows_are_kept_under_section_row_and_item_and_need_not_follow_on(study: StudyDefinition) -> None:
    outcome = entered(study, TWO)
    assert outcome.values == TWO | {
        "trials.1.long_enough": "yes",
        "trials.3.long_enough": "no",
        "how_many": "2",
        "all_weeks": "8",
        "longest": "6",
        "first_began": "2024-12-24",
        "enough": "1",
        "any_long": "no",
    }
    assert outcome.is_complete


def test_a_missing_answer_in_one_row_makes_the_whole_unknown_unless_another_row_decides(study: StudyDefinition) -> None:
    missing = {"trials.3.weeks": "not_done"}
    outcome = entered(study, {key: raw for key, raw in TWO.items() if key != "trials.3.weeks"}, missing)
    assert not {"all_weeks", "longest", "enough", "any_long"} & outcome.values.keys()
    decided = entered(study, {**TWO, "trials.1.weeks": "20"} | {"trials.3.weeks": ""}, missing)
    assert decided.values["any_long"] == "yes"


def test_a_row_in_which_the_item_is_not_asked_is_passed_over(study: StudyDefinition) -> None:
    outcome = entered(study, {"tried_any": "no", "trials.1.name": "soup", "trials.2.name": "salad"})
    assert {"trials.1.weeks", "trials.2.weeks"} <= outcome.skipped
    assert outcome.values["how_many"] == "2"
    assert outcome.values["all_weeks"] == "0"
    assert outcome.values["any_long"] == "no"
    assert "longest" not in outcome.values


def test_a_group_owes_its_least_rows(study: StudyDefinition) -> None:
    assert entered(study, {"tried_any": "yes"}).wanting == ("trials.1.name", "trials.1.weeks")
    assert entered(study, {"tried_any": "yes"}).values["how_many"] == "0"


def test_a_row_owed_that_demands_nothing_still_wants_something(tmp_path: Path) -> None:
    text = HISTORY.replace("en: Name}}", "en: Name}, required: false}").replace("ask_if: tried_any", "required: false")
    study = small_study.definition(tmp_path, {**FILES, "forms/history.yaml": text})
    assert entered(study, {"tried_any": "yes", "trials.5.name": "x"}).wanting == ()
    assert entered(study, {"tried_any": "yes"}).wanting == ("trials.1.name",)


def test_an_emptied_row_is_gone_and_the_next_one_owed_gets_a_new_number(study: StudyDefinition) -> None:
    outcome = entered(study, {"tried_any": "yes", "trials.2.name": " ", "trials.2.weeks": ""})
    assert outcome.wanting == ("trials.1.name", "trials.1.weeks")


@pytest.mark.parametrize("last", [5, 6])
def test_more_rows_than_the_group_may_have_are_refused(study: StudyDefinition, last: int) -> None:
    rows = {f"trials.{row}.name": "x" for row in range(1, last + 1)}
    outcome = entered(study, {"tried_any": "no", **rows})
    assert [(problem.item_key, problem.message.en) for problem in outcome.problems] == [
        ("trials.5.name", "At most 4 times: Diet.")
    ]
    assert "trials.5.name" not in outcome.values


@pytest.mark.parametrize("key", ["name", "trials.name", "trials.0.name", "trials.01.name", "before.1.name", "x.1.name"])
def test_a_value_that_stands_in_no_row_is_refused(study: StudyDefinition, key: str) -> None:
    outcome = entered(study, {key: "x"})
    assert len(outcome.problems) == 1
    assert outcome.problems[0].message.en == f"This form has no question {key!r}."


def test_a_check_on_items_of_a_group_is_judged_row_by_row(study: StudyDefinition) -> None:
    outcome = entered(study, {**TWO, "trials.1.ended": "2026-01-01", "trials.3.ended": "2020-01-01"})
    assert [(problem.item_key, problem.check_key) for problem in outcome.problems] == [
        ("trials.3.ended", "ends_before_it_begins")
    ]


def test_a_check_on_the_whole_form_reckons_over_the_rows(study: StudyDefinition) -> None:
    outcome = entered(study, {"tried_any": "yes", "trials.1.name": "soup", "trials.1.weeks": "1"})
    assert [(warning.item_key, warning.check_key) for warning in outcome.warnings] == [("tried_any", "no_long_one")]


def test_a_value_refused_in_a_row_is_told_with_its_row(study: StudyDefinition) -> None:
    outcome = entered(study, {**TWO, "trials.1.weeks": "many", "trials.3.weeks": "501"})
    assert [problem.item_key for problem in outcome.problems] == ["trials.1.weeks", "trials.3.weeks"]


def rule(study: StudyDefinition, text: str, documents: Mapping[tuple[str, str], Mapping[str, str]]) -> bool | None:
    return truth_of(text, Scope(study, None, Stored(documents)))


CRITERION = "count_where(start.history.trials.weeks >= 4) >= 2"


def test_rows_of_another_visit_are_reckoned_over(study: StudyDefinition) -> None:
    here = ("start", "history")
    assert rule(study, CRITERION, {here: {"trials.1.weeks": "4", "trials.9.weeks": "5"}}) is True
    assert rule(study, CRITERION, {here: {"trials.1.weeks": "4"}}) is False
    assert rule(study, CRITERION, {here: {}}) is False
    assert rule(study, CRITERION, {}) is None
    assert rule(study, "sum(start.history.trials.weeks) = 0", {here: {"tried_any": "no", "trials.1.name": "x"}}) is True
    assert rule(study, "count(start.absent.trials) = 0", {("start", "absent"): {}}) is None
    assert rule(study, "count(start.history.before) = 0", {here: {}}) is None
    assert truth_of("count(trials) = 0", Scope(study, None, Stored({}))) is None


def test_a_lookup_that_knows_no_rows_leaves_them_unknown(study: StudyDefinition) -> None:
    assert truth_of(CRITERION, Scope(study, None, lambda visit, form, item: "4")) is None
    assert truth_of(CRITERION, lambda path: Decimal(4)) is None


def test_an_item_whose_question_hangs_on_one_not_asked_is_passed_over_too(tmp_path: Path) -> None:
    text = HISTORY.replace("derive: weeks >= 4\n", "ask_if: weeks > 3\n").replace(
        '          - {given: {weeks: 4}, gives: "yes"}\n          - {given: {trials.1.weeks: 3}, gives: "no"}\n',
        "          - {given: {weeks: 4}, gives: true}\n",
    )
    study = small_study.definition(tmp_path, {**FILES, "forms/history.yaml": text})
    outcome = entered(study, {"tried_any": "no", "trials.1.name": "soup"})
    assert outcome.values["enough"] == "0"


def test_a_rule_in_a_row_may_reckon_over_the_rows_of_an_earlier_visit(tmp_path: Path) -> None:
    text = HISTORY.replace("derive: weeks >= 4\n", "derive: weeks > max(start.history.trials.weeks)\n").replace(
        '          - {given: {weeks: 4}, gives: "yes"}\n          - {given: {trials.1.weeks: 3}, gives: "no"}\n',
        '          - {given: {weeks: 4, start.history.trials.1.weeks: 3}, gives: "yes"}\n',
    )
    assert check_study(small_study.write(tmp_path, {**FILES, "forms/history.yaml": text})).failures == ()


def test_the_examples_of_rules_over_rows_are_run(tmp_path: Path) -> None:
    report = check_study(small_study.write(tmp_path, FILES))
    assert report.failures == ()
    assert report.examples_run == 4 + 6 + 3


def test_the_form_knows_its_rows(study: StudyDefinition) -> None:
    form = study.form("history")
    assert [item.key for item in form.plain_items][:3] == ["tried_any", "enough_weeks", "how_many"]
    assert form.item("trials.12.weeks") == form.item("weeks")
    assert (form.holds("weeks"), form.holds("trials.2.weeks"), form.holds("tried_any")) == (False, True, True)
    assert form.has_item("weeks")
    assert not form.has_item("trials.2.tried_any")
    with pytest.raises(KeyError):
        form.item("trials.2.tried_any")
    assert form.group_of("trials.2.weeks") == form.group_of("weeks") == form.groups["trials"]
    assert form.group_of("tried_any") is None
    assert form.first_keys[:4] == ("tried_any", "enough_weeks", "trials.1.name", "trials.1.began")
    assert RowKey.read("trials.2.drug") == ("trials", 2, "drug")
    assert RowKey.read("trials.2") is None


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "derive: count(trials)",
            "derive: count(outcome)",
            ":28:87 sections[2].items[0].derive: `outcome` names no group",
        ),
        ("derive: count(trials)", "derive: count(trial)", "did you mean `trials`?"),
        ("derive: sum(trials.weeks)", "derive: sum(trials.week)", "`trials.week` names no item of that group"),
        ("derive: sum(trials.weeks)", "derive: weeks", "`weeks` has a value in every row of trials"),
        ("derive: weeks >= 4", "derive: weeks > longest", "`longest` does not come earlier on this form"),
        ("derive: weeks >= 4", "derive: count(trials) > 1", "`trials` names no group with rows that comes earlier"),
        ("derive: weeks >= 4", "derive: trials.weeks > 1", "'trials.weeks' is neither item nor visit.form.item"),
        (
            "derive: max(trials.weeks)",
            "derive: max(trials.name)",
            "a text where a date or a number or a time is wanted",
        ),
        ("derive: max(trials.weeks)", "derive: sum(max(trials.weeks))", "stands inside another function over rows"),
        ("derive: max(trials.weeks)", "derive: sum(1)", "sum() reckons over the rows of a group"),
        ("derive: max(trials.weeks)", "derive: sum(trials.weeks * before.x)", "stands in another group than 'trials'"),
        ("derive: max(trials.weeks)", "derive: count(trials.weeks)", "count() reckons over the rows of a group"),
        ("derive: max(trials.weeks)", "derive: 'count(trials, 2)'", "count takes 1 value, not 2"),
        ("derive: max(trials.weeks)", "derive: max(trials.weeks, 2)", "a comma begins a new key: put the text before"),
        ("{min: 1, max: 4,", "{min: 5, max: 4,", "the group owes more rows than it may have"),
        ("{min: 1, max: 4,", "{min: 1, max: 400,", "`400` is too high — write 99 or less"),
        (
            "entered_by: [nurse]",
            "entered_by: [nurse]\nrepeating: true",
            "a form with many rows holds no group with rows",
        ),
        ("fires_if: ended < began", "fires_if: ended < longest + trials.weeks", "neither item nor visit.form.item"),
        ("items: [tried_any]", "items: [tried_any, name]\n    confirm_with_protocol: true", ""),
        ("all(trials.weeks < 2)", "weeks < 2", "reckon over the rows: max(trials.weeks), any(...)"),
    ],
)
def test_a_fault_of_rows_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in HISTORY
    found = faults(tmp_path, {**FILES, "forms/history.yaml": HISTORY.replace(old, new, 1)})
    assert any(told in line for line in found) if told else found == []


def test_the_number_of_rows_that_reveal_the_allocation_is_not_counted_in_the_open(tmp_path: Path) -> None:
    revealing = HISTORY.replace("ask_if: tried_any}", "ask_if: tried_any, reveals_allocation: true}")
    found = faults(tmp_path, {**FILES, "forms/history.yaml": revealing})
    assert any("sections[2].items[0].derive: `trials` reveals the allocation" in line for line in found), found
    elsewhere = dict(FILES)
    elsewhere["study.yaml"] = str(FILES["study.yaml"]).replace(CRITERION, "count(start.history.trials) > 1")
    elsewhere["forms/history.yaml"] = revealing
    found = faults(tmp_path / "elsewhere", elsewhere)
    assert any("`start.history.trials` reveals the allocation" in line for line in found), found


DERIVED_ROWS = """\
  - key: extra
    label: {nl: Extra, en: Extra}
    repeats: {max: 2, row: {nl: Rij, en: Row}}
    items:
      - {key: one, type: integer, label: {nl: Een, en: One}, derive: "1"}
checks:"""


def test_a_group_in_which_nobody_enters_anything_is_a_fault(tmp_path: Path) -> None:
    body = broken("forms/body.yaml", "checks:", DERIVED_ROWS)
    assert any("nobody enters anything in these rows" in line for line in faults(tmp_path, body))


def test_the_item_that_ends_participation_stands_outside_rows(tmp_path: Path) -> None:
    leaving = broken("forms/leaving.yaml", "    items:", "    repeats: {max: 2, row: {nl: R, en: R}}\n    items:")
    assert any("`status` stands in rows" in line for line in faults(tmp_path, leaving))


def test_references_to_rows_of_another_visit_are_checked(tmp_path: Path) -> None:
    for rule_text, told in {
        "count(start.history.trial) > 1": "names no group with rows of history — did you mean `trials`?",
        "any(start.history.trials.week > 1)": "names no item of that group — did you mean `weeks`?",
        "any(start.history.trial.weeks > 1)": "names no group with rows of history",
        "start.history.weeks > 1": "reckon over the rows: max(start.history.trials.weeks)",
        "count(begin.history.trials) > 1": "`begin.history.trials` names no visit of the study",
        "any(begin.history.trials.weeks > 1)": "names no visit of the study",
    }.items():
        files = dict(FILES)
        files["study.yaml"] = str(FILES["study.yaml"]).replace(CRITERION, rule_text)
        found = faults(tmp_path, files)
        assert any(told in line for line in found), (rule_text, found)


WEEKS = st.lists(st.none() | st.integers(0, 500), max_size=4)


@given(weeks=WEEKS)
def test_over_any_rows_the_outcome_is_that_of_the_known_values_or_unknown(
    study_of_rows: StudyDefinition, weeks: list[int | None]
) -> None:
    values = {f"trials.{row}.name": "x" for row in range(1, len(weeks) + 1)}
    values |= {f"trials.{row}.weeks": str(number) for row, number in enumerate(weeks, 1) if number is not None}
    kept = entered(study_of_rows, {"tried_any": "yes", **values}).values
    known = [number for number in weeks if number is not None]
    assert kept["how_many"] == str(len(weeks))
    assert kept.get("all_weeks") == (str(sum(known)) if len(known) == len(weeks) else None)
    assert kept.get("longest") == (str(max(known)) if known and len(known) == len(weeks) else None)


@pytest.fixture(scope="module")
def study_of_rows(study: StudyDefinition) -> StudyDefinition:
    return study
