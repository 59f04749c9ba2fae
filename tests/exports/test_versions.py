"""A release holds what every approved version ever asked: columns, code lists, and which version had what."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from exports.queries import published_definitions
from exports.tables.codebook import code_rows
from exports.tables.plans import tables
from tests.amendments import amended, items, new_item, proposer, put_in_force
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.actions import propose_version


def height(form: dict[str, Any]) -> dict[str, Any]:
    items(form).append(new_item("height_cm"))
    return form


def columns(definitions: list[StudyDefinition]) -> tuple[str, ...]:
    found = tables(definitions, with_allocation=True)
    return next(table.header for table in found if table.name == "form_vital_signs.csv")


def test_a_version_that_nobody_approved_adds_no_column(cast: Cast, reset_trd: StudyDefinition) -> None:
    propose_version(by=proposer(), definition=amended(reset_trd, vital_signs=height))
    assert published_definitions() == (reset_trd,)


def test_an_approved_version_does(cast: Cast, reset_trd: StudyDefinition) -> None:
    put_in_force(amended(reset_trd, vital_signs=height))
    assert "height_cm" in columns(list(published_definitions()))


def test_code_lists_hold_the_codes_of_all_versions(reset_trd: StudyDefinition) -> None:
    document = reset_trd.model_dump(mode="json") | {"version": "2"}
    listed = next(each for each in document["codelists"] if each["key"] == "sex")
    dropped = listed["items"].pop(0)
    listed["items"].append({"code": "new", "label": {"nl": "Nieuw", "en": "New"}})
    versions = [reset_trd, StudyDefinition.from_json(document)]
    codes = {
        code for name, code, *_labels in code_rows(tables(versions, with_allocation=True), versions) if name == "sex"
    }
    assert {dropped["code"], "new"} <= codes


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_columns_of_all_versions_are_there_and_stand_in_the_order_of_their_coming(
    reset_trd: StudyDefinition, data: st.DataObject
) -> None:
    """Whatever amendments drop and add: nothing is missing, and a later version never moves an earlier column."""
    versions = [reset_trd]
    for number in range(data.draw(st.integers(1, 4))):
        kept = [item["key"] for item in items(_vital_signs(versions[-1]))]
        gone = data.draw(st.sets(st.sampled_from(kept), max_size=len(kept) - 1))

        def change(form: dict[str, Any], number: int = number, gone: set[str] = gone) -> dict[str, Any]:
            items(form)[:] = [item for item in items(form) if item["key"] not in gone]
            items(form).append(new_item(f"new_{number}"))
            form["checks"] = []
            return form

        versions.append(amended(versions[-1], version=str(number + 2), vital_signs=change))
    asked = {item.key for version in versions for item in version.form("vital_signs").items}
    headers = [columns(versions[:length]) for length in range(1, len(versions) + 1)]
    assert asked <= set(headers[-1])
    for shorter, longer in itertools.pairwise(headers):
        assert longer[: len(shorter)] == shorter


def _vital_signs(version: StudyDefinition) -> dict[str, Any]:
    return version.form("vital_signs").model_dump(mode="json")
