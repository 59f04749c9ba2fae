"""Which tables and columns a release has, over several versions of the study."""

from __future__ import annotations

from typing import Any

import pytest

from exports.tables.codebook import CODE_COLUMNS, COLUMNS, code_rows, codebook_json, codebook_rows
from exports.tables.plans import Table, tables
from trialmgr.protocol.model import StudyDefinition

FIRST_COLUMNS = ("site", "participant", "visit", "ordinal", "visit_day", "row", "status", "version")


def amended(definition: StudyDefinition, **forms: Any) -> StudyDefinition:
    """A second version in which each named form is changed by a function on its plain data; None takes it out."""
    document = definition.model_dump(mode="json")
    document["version"] = "2.0"
    document["forms"] = [forms.get(form["key"], lambda same: same)(form) for form in document["forms"]]
    document["forms"] = [form for form in document["forms"] if form is not None]
    return StudyDefinition.from_json(document)


def items(form: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = form["sections"][0]["items"]
    return found


def table(found: tuple[Table, ...], name: str) -> Table:
    return next(each for each in found if each.name == name)


def lines_of(found: tuple[Table, ...], definitions: list[StudyDefinition], column: str) -> list[dict[str, str]]:
    rows = (dict(zip(COLUMNS, row, strict=True)) for row in codebook_rows(found, definitions))
    return [row for row in rows if row["column"] == column]


@pytest.fixture
def plan(reset_trd: StudyDefinition) -> tuple[Table, ...]:
    return tables([reset_trd], with_allocation=True)


def test_every_form_has_a_table_after_those_of_the_trial(plan: tuple[Table, ...], reset_trd: StudyDefinition) -> None:
    names = [each.name for each in plan if not each.group]
    forms = [f"form_{form.key}.csv" for form in reset_trd.forms]
    assert names[:2] == ["participants.csv", "allocation.csv"]
    assert names[-len(forms) - 1 : -1] == forms
    assert names[-1] == "audit_trail.csv"


def test_an_item_has_a_column_and_one_for_the_reason_it_has_no_value(plan: tuple[Table, ...]) -> None:
    header = table(plan, "form_demographics.csv").header
    assert header == (*FIRST_COLUMNS, "screened_on", "birth_year", "sex", "sex__missing")


def test_a_derived_item_has_no_column_for_a_reason(plan: tuple[Table, ...]) -> None:
    header = table(plan, "form_madrs.csv").header
    assert "madrs_total" in header
    assert "madrs_total__missing" not in header


def test_no_two_columns_of_a_table_have_the_same_name(plan: tuple[Table, ...]) -> None:
    assert [each.name for each in plan if len(set(each.header)) != len(each.header)] == []


def test_an_item_named_like_another_column_gets_an_underscore(reset_trd: StudyDefinition) -> None:
    def rename(form: dict[str, Any]) -> dict[str, Any]:
        extra = [{"key": key, "type": "text", "label": {"nl": key, "en": key}} for key in ("site", "sex__missing")]
        items(form).extend(extra)
        return form

    header = table(
        tables([amended(reset_trd, demographics=rename)], with_allocation=True), "form_demographics.csv"
    ).header
    assert header[-5:] == ("sex__missing", "site_", "site__missing", "sex__missing_", "sex__missing__missing")


def test_an_amendment_adds_columns_behind_and_keeps_those_it_dropped(reset_trd: StudyDefinition) -> None:
    def change(form: dict[str, Any]) -> dict[str, Any]:
        items(form).pop(1)
        items(form).insert(
            0, {"key": "height", "type": "integer", "unit": "cm", "label": {"nl": "Lengte", "en": "Height"}}
        )
        return form

    both = tables([reset_trd, amended(reset_trd, demographics=change)], with_allocation=True)
    (old,) = [table(tables([reset_trd], with_allocation=True), "form_demographics.csv").header]
    assert table(both, "form_demographics.csv").header == (*old, "height", "height__missing")


def test_a_form_that_a_version_dropped_keeps_its_table(reset_trd: StudyDefinition) -> None:
    newer = amended(reset_trd, hdrs17=lambda form: None)
    both = tables([reset_trd, newer], with_allocation=True)
    assert table(both, "form_hdrs17.csv") == table(tables([reset_trd], with_allocation=True), "form_hdrs17.csv")


def test_a_changed_wording_is_a_line_of_its_own_in_the_codebook(reset_trd: StudyDefinition) -> None:
    def reword(form: dict[str, Any]) -> dict[str, Any]:
        items(form)[2]["label"]["en"] = "Sex at birth"
        return form

    versions = [reset_trd, amended(reset_trd, demographics=reword)]
    lines = lines_of(tables(versions, with_allocation=True), versions, "sex")
    assert [(line["label_en"], line["versions"]) for line in lines] == [
        ("Sex", reset_trd.version),
        ("Sex at birth", "2.0"),
    ]
    assert lines[0]["codes"].startswith("f = Vrouw / Female | m = ")


def test_criteria_of_different_versions_share_a_column_and_keep_their_texts(
    plan: tuple[Table, ...], reset_trd: StudyDefinition
) -> None:
    lines = lines_of(plan, [reset_trd], "e2")
    assert [line["versions"].split(", ")[1] for line in lines] == ["criteria 1", "criteria 2"]
    assert len({line["label_en"] for line in lines}) == 2


def test_the_codebook_tells_unit_range_score_and_missing_reasons(
    plan: tuple[Table, ...], reset_trd: StudyDefinition
) -> None:
    (total,) = [line for line in lines_of(plan, [reset_trd], "madrs_total") if line["file"] == "form_madrs.csv"]
    assert total["derived_by"].startswith("madrs_total(madrs_1, madrs_2")
    assert (total["range_min"], total["range_max"], total["missing_allowed"]) == ("0", "60", "no")
    (multiple,) = lines_of(plan, [reset_trd], "charge_multiple")
    assert multiple["derived_by"] == "charge_mc / threshold_mc"
    (seizure,) = lines_of(plan, [reset_trd], "motor_seizure_s")
    assert (seizure["unit"], seizure["soft_range_min"], seizure["soft_range_max"]) == ("s", "20", "")
    (reason,) = lines_of(plan, [reset_trd], "sex__missing")
    assert (reason["item"], reason["codelist"]) == ("sex", "missing_reasons")
    codes = [dict(zip(CODE_COLUMNS, row, strict=True)) for row in code_rows(plan, [reset_trd])]
    assert {"codelist": "missing_reasons", "code": "refused", "label_nl": "Deelnemer wilde niet"}.items() <= next(
        line for line in codes if line["code"] == "refused"
    ).items()


def test_the_codebook_for_machines_has_every_column(plan: tuple[Table, ...], reset_trd: StudyDefinition) -> None:
    document = codebook_json(plan, [reset_trd])
    assert [entry["file"] for entry in document["tables"]] == [each.name for each in plan]
    described = {entry["file"]: {column["column"] for column in entry["columns"]} for entry in document["tables"]}
    assert described == {each.name: set(each.header) for each in plan}
    assert "apostrof" in document["rules"][0]["nl"]
    assert document["codelists"]["sex"]["f"] == {"nl": "Vrouw", "en": "Female"}


def test_without_the_allocation_nothing_that_reveals_it_is_planned(reset_trd: StudyDefinition) -> None:
    def reveal(form: dict[str, Any]) -> dict[str, Any]:
        items(form)[2]["reveals_allocation"] = True
        return form

    # Revealing in one version is revealing in all of them.
    versions = [amended(reset_trd, demographics=reveal), reset_trd]
    planned = tables(versions, with_allocation=False)
    revealing = {f"form_{form.key}.csv" for form in reset_trd.forms if form.reveals_allocation} | {"allocation.csv"}
    assert {each.name for each in planned} & revealing == set()
    assert table(planned, "form_demographics.csv").header == (*FIRST_COLUMNS, "screened_on", "birth_year")
    assert table(planned, "audit_trail.csv").header[0] == "line"
    assert "laterality" not in {name for name, *_rest in code_rows(planned, versions)}


def test_a_study_without_arms_has_no_allocation_table(reset_trd: StudyDefinition) -> None:
    document = reset_trd.model_dump(mode="json") | {"randomization": None, "arms": []}
    planned = tables([StudyDefinition.from_json(document)], with_allocation=True)
    assert "allocation.csv" not in {each.name for each in planned}


def test_a_study_without_a_randomisation_has_an_allocation_table_without_factors(reset_trd: StudyDefinition) -> None:
    document = reset_trd.model_dump(mode="json") | {"randomization": None}
    planned = tables([StudyDefinition.from_json(document)], with_allocation=True)
    assert table(planned, "allocation.csv").header[-1] == "in_error_countersigned_at"
