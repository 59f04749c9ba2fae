"""Answers that a definition marks as dangerous: told while the form is filled in, refusing nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.protocol import small_study
from tests.protocol.small_study import faults
from tests.protocol.test_rows import FILES, HISTORY, Stored
from trialmgr.protocol.check import check_study
from trialmgr.protocol.evaluation import Evaluation, evaluate_entry
from trialmgr.protocol.model import StudyDefinition

WEEKS, LONGEST = "ask_if: tried_any}", "derive: max(trials.weeks)}"
LONG = "{fires_if: weeks > 100, message: {nl: Te lang., en: Too long.}, examples: [{given: {weeks: 101}, gives: true}]}"
EVER = "{fires_if: longest > 100 and tried_any, message: {nl: Ooit te lang., en: Too long once.}}"


def with_dangers(long: str = LONG, ever: str = EVER) -> Mapping[str, str | bytes | None]:
    history = HISTORY.replace(WEEKS, f"ask_if: tried_any, danger: {long}}}", 1)
    return FILES | {"forms/history.yaml": history.replace(LONGEST, f"{LONGEST[:-1]}, danger: {ever}}}", 1)}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyDefinition:
    return small_study.definition(tmp_path_factory.mktemp("dangers"), dict(with_dangers()))


def entered(study: StudyDefinition, values: dict[str, str], missing: dict[str, str] | None = None) -> Evaluation:
    return evaluate_entry(study, study.form("history"), values, missing or {}, Stored({}))


def dangers(outcome: Evaluation) -> list[tuple[str | None, str]]:
    return [(one.item_key, one.message("en")) for one in outcome.dangers]


def test_a_dangerous_answer_is_told_in_its_row_and_refuses_nothing(study: StudyDefinition) -> None:
    rows = {"trials.1.name": "soup", "trials.1.weeks": "6", "trials.2.name": "salad", "trials.2.weeks": "101"}
    outcome = entered(study, {"tried_any": "yes", **rows})
    assert dangers(outcome) == [("trials.2.weeks", "Too long."), ("longest", "Too long once.")]
    assert (outcome.problems, outcome.warnings) == ((), ())


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ({"tried_any": "yes", "trials.1.weeks": "100"}, {}),
        ({"tried_any": "no", "trials.1.weeks": "101"}, {}),  # not asked, so it counts for nothing
        ({"tried_any": "yes", "trials.1.weeks": "9999"}, {}),  # refused, so it is no answer
        ({"tried_any": "yes", "trials.1.name": "soup"}, {"trials.1.weeks": "not_done"}),
    ],
)
def test_what_is_no_dangerous_answer(study: StudyDefinition, values: dict[str, str], missing: dict[str, str]) -> None:
    assert dangers(entered(study, values, missing)) == []


def test_its_examples_are_run_and_wanted(tmp_path: Path) -> None:
    report = check_study(small_study.write(tmp_path, dict(with_dangers(LONG.replace("gives: true", "gives: false")))))
    assert [failure.rule for failure in report.failures] == ["forms.history.weeks.danger"]
    assert "forms.history.longest.danger" in report.rules_without_examples


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ("how_many > 1", "`how_many` does not come earlier"),
        ("nothing_such", "`nothing_such`"),
        ("weeks + 1", "true or false"),
        ("weeks >", "fires_if"),
    ],
)
def test_its_rule_is_held_to_what_holds_of_every_rule(tmp_path: Path, rule: str, fault: str) -> None:
    found = "\n".join(faults(tmp_path, dict(with_dangers(LONG.replace("weeks > 100", rule, 1)))))
    assert fault in found
