"""Plans of source data verification: who is drawn, which answers count, and what the check says of a wrong plan."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from tests.protocol.small_study import STUDY, broken, definition, faults, shipped
from trialmgr.protocol.differences import differences
from trialmgr.protocol.loader import load_study
from trialmgr.protocol.model import Extent, VerificationPlan
from trialmgr.protocol.monitoring import FormPlan, draw_of, form_plans, is_drawn, progress


def plan(extent: Extent, share: int | None = None) -> FormPlan:
    definition = shipped().model_copy(update={"verification": VerificationPlan(extent=extent, share=share)})
    return form_plans(definition, {"madrs": ["madrs_10"]})["madrs"]


def test_a_participant_draws_the_same_at_every_time_and_place() -> None:
    assert draw_of("reset_trd", "UMCG-001") == draw_of("reset_trd", "UMCG-001") == "ccfc6cbc"
    drawn = [number for number in range(1, 1001) if is_drawn("reset_trd", f"UMCG-{number:03d}", 20)]
    assert 170 < len(drawn) < 230
    assert drawn != [number for number in range(1, 1001) if is_drawn("another", f"UMCG-{number:03d}", 20)]


@pytest.mark.parametrize(
    ("extent", "share", "drawn", "held"),
    [
        ("all", None, False, ("madrs_1", "other")),
        ("critical", None, True, ("madrs_1",)),
        ("share", 20, True, ("madrs_1", "other")),
        ("share", 20, False, ("madrs_1",)),
        ("none", None, True, ()),
    ],
)
def test_which_answers_a_plan_holds(extent: Extent, share: int | None, drawn: bool, held: tuple[str, ...]) -> None:
    answered = ("madrs_1", "other", "madrs_10", "madrs_total")  # the last two: out of sight, and worked out
    found = progress(plan(extent, share), answered, {"madrs_1"}, is_drawn=drawn)
    assert found.planned == held
    assert found.left == tuple(key for key in held if key != "madrs_1")
    assert found.done == len(found.planned) - len(found.left)
    assert found.is_done is (held == ("madrs_1",))


def test_an_answer_in_a_row_goes_by_its_item_and_every_criterion_is_critical() -> None:
    rows = FormPlan(frozenset({"drug"}), frozenset({"failed"}), "critical", None)
    assert [key for key in ("trials.2.drug", "trials.2.weeks") if rows.holds(key, is_drawn=False)] == ["trials.2.drug"]
    assert not rows.holds("trials.1.failed", is_drawn=True)
    plans = form_plans(shipped(), {})
    assert {"i1", "e1"} <= plans["eligibility"].critical
    assert plans["serious_adverse_event"].extent == "all", "the form has a plan of its own"


def test_without_a_plan_every_answer_counts_and_the_identity_stays(tmp_path: Path) -> None:
    plain = definition(tmp_path)
    assert {one.extent for one in form_plans(plain, {}).values()} == {"all"}
    assert not any(f'"{key}"' in plain.canonical_json() for key in ("verification", "critical"))


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("study.yaml", "sponsor: Nobody", "sponsor: Nobody\nverification: {extent: some}", "verification.extent"),
        ("study.yaml", "sponsor: Nobody", "sponsor: Nobody\nverification: {extent: share}", "add `share`, as 20"),
        ("study.yaml", "sponsor: Nobody", "sponsor: Nobody\nverification: {extent: share, share: 100}", "share"),
        ("study.yaml", "sponsor: Nobody", "sponsor: Nobody\nverification: {extent: all, share: 5}", "goes with"),
        ("forms/body.yaml", "key: bmi\n", "key: bmi\n        critical: true\n", "nobody enters a derived item"),
        ("forms/body.yaml", "key: body\n", "key: body\nverification: {extent: critical}\n", "no item is critical"),
    ],
)
def test_the_check_names_a_plan_that_cannot_be(tmp_path: Path, name: str, old: str, new: str, told: str) -> None:
    assert any(told in fault for fault in faults(tmp_path, broken(name, old, new)))


@pytest.mark.parametrize("key", ["verification", "critical"])
def test_every_study_that_ships_states_a_plan_that_finds_something(key: str) -> None:
    for folder in sorted(Path(settings.TRIALMGR_STUDIES).iterdir()):
        if (folder / "study.yaml").exists():
            assert f'"{key}"' in load_study(folder).canonical_json(), folder.name


def test_another_plan_is_another_version(tmp_path: Path) -> None:
    said = STUDY.replace("sponsor: Nobody", "sponsor: Nobody\nverification: {extent: none}")
    old, new = definition(tmp_path / "old"), definition(tmp_path / "new", {"study.yaml": said})
    assert any("verified against the source" in change.text("en") for change in differences(old, new))
