from __future__ import annotations

from pathlib import Path

import pytest

from tests.protocol import small_study
from tests.protocol.small_study import shipped
from trialmgr.protocol.model import StudyDefinition


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyDefinition:
    return small_study.definition(tmp_path_factory.mktemp("study"))


def test_parts_are_found_by_their_keys(study: StudyDefinition) -> None:
    assert study.phase("diet").opens == "allocation"
    assert study.arm("pro").label("nl") == "PRO"
    assert study.role("rater").blinded
    assert study.codelist("leaving").label("moved", "en") == "Moved"
    assert study.visit("meal").reveals_allocation
    assert not study.visit("start").reveals_allocation
    assert study.has_visit("log")
    assert not study.has_form("gone")


def test_a_visit_returns_on_its_days(study: StudyDefinition) -> None:
    assert study.visit("meal").occurrences() == (1, 4, 8)
    assert study.visit("end").occurrences() == (28,)


def test_a_visit_must_complete_all_its_forms_unless_it_says_which(study: StudyDefinition) -> None:
    assert study.visit("start").must_complete == ("body", "judgement")
    assert study.visit("log").must_complete == ("leaving",)


def test_the_visits_of_an_arm_are_its_own_and_those_of_all(study: StudyDefinition) -> None:
    def keys(arm: str | None) -> list[str]:
        return [visit.key for visit in study.visits_of(phase="diet", arm=arm)]

    assert keys("fibrediet") == ["meal", "end", "extra"]
    assert keys("pro") == ["end", "extra"]
    assert keys(None) == ["end", "extra"]


def test_the_criteria_in_force_are_the_latest_that_began() -> None:
    study = shipped()
    assert study.eligibility_on("2022-12-31").version == "1"
    assert study.eligibility_on("2023-01-01").version == "2"
    assert study.eligibility_on("1999-01-01").version == "1"


def test_a_copy_forgets_what_was_worked_out_from_the_old_parts(study: StudyDefinition) -> None:
    form = study.form("body")
    assert form.has_item("weight")
    shorter = form.model_copy(update={"sections": study.form("leaving").sections})
    assert [item.key for item in shorter.items] == ["status"]
    assert not shorter.has_item("weight")


def test_another_spelling_of_the_same_study_has_the_same_identity(study: StudyDefinition, tmp_path: Path) -> None:
    spelled = small_study.FILES["study.yaml"].replace("{nl: Begin, en: Start}", '{en: "Start", nl: "Begin"}')
    assert small_study.definition(tmp_path, {"study.yaml": spelled}).sha256 == study.sha256


def test_an_occurrence_is_named_by_its_visit_and_its_ordinal_where_it_returns(study: StudyDefinition) -> None:
    assert study.visit("meal").slug(3) == "meal-3"
    assert study.visit("end").slug(1) == "end"
    assert study.visit("extra").slug(2) == "extra-2"
