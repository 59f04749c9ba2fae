"""What a definition says of the plan of each site and of the flow diagram, and the faults it can make there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.protocol.small_study import STUDY, definition, faults

SITE = "{code: AA, name: Place A"
ENDS = 'recruitment: {ends: "2027-12-31"}\n'
FLOW = "flow: {received: [start.body.heavy], discontinued: log.leaving.status, analysed: end.body}\n"


def with_plan(site: str, more: str = "") -> dict[str, str | bytes | None]:
    return {"study.yaml": STUDY.replace(SITE, f"{SITE}, {site}", 1) + more}


def with_flow(old: str, new: str) -> dict[str, str | bytes | None]:
    assert old in FLOW
    return {"study.yaml": STUDY + FLOW.replace(old, new, 1)}


def test_a_plan_and_a_flow_are_read(tmp_path: Path) -> None:
    files = with_plan('target: 12, begins: "2026-02-01"', ENDS + FLOW)
    study = definition(tmp_path, files)
    assert (study.sites[0].target, study.sites[0].begins) == (12, "2026-02-01")
    assert study.recruitment is not None
    assert study.recruitment.ends == "2027-12-31"
    assert study.flow is not None
    assert study.flow.analysed == "end.body"


def test_a_study_that_says_nothing_of_them_keeps_its_identity(tmp_path: Path) -> None:
    written = definition(tmp_path).canonical_json()
    assert not any(f'"{key}":' in written for key in ("flow", "recruitment", "target", "begins"))
    assert definition(tmp_path / "target", with_plan("target: 12")).sites[0].begins is None


def test_the_primary_outcome_alone_is_a_flow(tmp_path: Path) -> None:
    study = definition(tmp_path, {"study.yaml": STUDY + "flow: {analysed: end.body}\n"})
    assert study.flow is not None
    assert (study.flow.received, study.flow.discontinued) == ((), None)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (with_plan('target: 12, begins: "1-2-2026"', ENDS), "'1-2-2026' is not a date"),
        (with_plan('target: 12, begins: "2026-02-01"', 'recruitment: {ends: "2027"}\n'), "'2027' is not a date"),
        (with_plan('begins: "2026-02-01"', ENDS), "the plan of AA has no target — add `target`, or remove `begins`"),
        (with_plan('target: 12, begins: "2026-02-01"'), "the plan of AA has no end — add `recruitment` with `ends`"),
        (with_plan('target: 12, begins: "2028-01-01"', ENDS), "AA begins when recruitment is over"),
        (with_plan("target: 0"), "0"),
        (with_flow("start.body.heavy", "start.body"), "`start.body` is not of the shape visit.form.item"),
        (with_flow("start.body.heavy", "begin.body.heavy"), "there is no visit `begin`"),
        (with_flow("start.body.heavy", "start.diary.d1"), "there is no form of the visit start `diary`"),
        (with_flow("start.body.heavy", "start.body.heavi"), "there is no item outside groups of body `heavi`"),
        (with_flow("start.body.heavy", "start.body.weight"), "`weight` is not a yes/no item"),
        (with_flow("log.leaving.status", "start.body.heavy"), "`heavy` is not a choice"),
        (with_flow("end.body", "end.body.weight"), "`end.body.weight` is not of the shape visit.form"),
        (with_flow("end.body", "meal.diary"), "`meal` is a visit of one arm"),
    ],
)
def test_a_fault_is_told_with_its_line_and_mend(
    tmp_path: Path, files: dict[str, str | bytes | None], told: str
) -> None:
    found = faults(tmp_path, files)
    assert len(found) == 1
    assert found[0].startswith("study.yaml:")
    assert told in found[0]


def test_a_form_that_is_missing_is_told_once_at_its_visit(tmp_path: Path) -> None:
    files = with_flow("start.body.heavy", "extra.weighing.kilos")
    old = "kind: unscheduled, forms: [body]"
    assert old in STUDY
    written = str(files["study.yaml"]).replace(old, "kind: unscheduled, forms: [body, weighing]")
    [fault] = faults(tmp_path, {"study.yaml": written})
    assert "there is no form `weighing`" in fault
