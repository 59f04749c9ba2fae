"""The schemas for editors accept what the loader accepts, and refuse what it refuses for its form."""

from __future__ import annotations

import datetime as dt
import fnmatch
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from tests.protocol import small_study, test_rows, test_wording
from tests.protocol.small_study import RESET_TRD
from trialmgr.protocol.editor_schema import FILES_OF, editor_settings, schemas, write_schemas

SCHEMAS = schemas()


def as_an_editor_reads(text: str) -> Any:
    """Plain values of YAML; keys of JSON are texts."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(key): plain(inner) for key, inner in value.items()}
        if isinstance(value, dt.date):  # a date is a text in YAML 1.2, which editors read
            return value.isoformat()
        return [plain(inner) for inner in value] if isinstance(value, list) else value

    return plain(YAML(typ="safe", pure=True).load(text))


def refused(name: str, text: str) -> list[str]:
    """What the editor underlines in a file of this name."""
    schema = next(schema for schema, pattern in FILES_OF.items() if fnmatch.fnmatch(name, pattern))
    faults = Draft202012Validator(SCHEMAS[schema]).iter_errors(as_an_editor_reads(text))
    return [f"{fault.json_path}: {fault.message}" for fault in faults]


FILES = sorted(str(path.relative_to(RESET_TRD)) for path in RESET_TRD.rglob("*.yaml") if path.name != "rehearsal.yaml")


@pytest.mark.parametrize("name", FILES)
def test_the_files_of_the_shipped_study_are_valid(name: str) -> None:
    assert refused(name, (RESET_TRD / name).read_text("utf-8")) == []


@pytest.mark.parametrize("name", sorted(small_study.FILES))
def test_the_files_of_the_small_study_are_valid(name: str) -> None:
    assert refused(name, small_study.FILES[name]) == []


def test_groups_with_rows_and_wording_packs_are_valid() -> None:
    assert refused("forms/history.yaml", test_rows.HISTORY) == []
    assert refused("wording/pack.yaml", test_wording.PACK) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("study.yaml", "sponsor: Nobody\n", "", "'sponsor' is a required property"),
        ("study.yaml", "sponsor:", "sponser:", "'sponser' was unexpected"),
        ("study.yaml", "schema_version: 1", "schema_version: 2", "1 was expected"),
        ("study.yaml", "target_participants: 20", "target_participants: many", "not of type 'integer'"),
        ("study.yaml", "kind: inclusion", "kind: included", "is not one of ['inclusion', 'exclusion']"),
        ("study.yaml", "key: run_in", "key: Run-in", "does not match"),
        ("study.yaml", "blinded: false", "blinded: nee", "is not of type 'boolean'"),
        ("study.yaml", "repeat: {days: [0, 3, 7]}", "repeat: {days: 3}", "3 is not of type 'array'"),
        ("study.yaml", "missing_reasons:", "forms: []\nmissing_reasons:", "'forms' was unexpected"),
        ("codelists.yaml", "codelists:", "lists: []\ncodelists:", "'lists' was unexpected"),
        ("codelists.yaml", "{nl: Dorst, en: Thirst}", "{nl: Dorst}", "'en' is a required property"),
        ("forms/body.yaml", "type: decimal", "type: float", "is not one of"),
        ("forms/diary.yaml", "function: cadss6_total", "function: cadss7_total", "is not one of"),
        ("forms/body.yaml", "decimals: 1", "decimals: -1", "-1 is less than the minimum"),
        ("restricted/randomization.yaml", "method: permuted_blocks", "method: blocks", "is not one of"),
    ],
)
def test_what_the_loader_refuses_for_its_form_the_editor_underlines(
    tmp_path: Path, name: str, old: str, new: str, told: str
) -> None:
    damage = small_study.broken(name, old, new)
    assert any(told in fault for fault in refused(name, str(damage[name]))), refused(name, str(damage[name]))
    assert small_study.faults(tmp_path, damage)


def _undescribed(schema: dict[str, Any]) -> list[str]:
    parts = {"file": schema, **schema.get("$defs", {})}
    return [
        f"{part}.{key}"
        for part, piece in parts.items()
        for key, described in piece.get("properties", {}).items()
        if not described.get("description")
    ]


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_key_has_a_description_and_the_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert _undescribed(SCHEMAS[name]) == []


def test_the_schemas_are_written_for_editors(tmp_path: Path) -> None:
    paths = write_schemas(tmp_path / "schemas")
    assert {path.name: json.loads(path.read_text("utf-8")) for path in paths} == SCHEMAS
    settings = editor_settings("schemas")["yaml.schemas"]
    assert settings["schemas/form.schema.json"] == "**/forms/*.yaml"
    assert {name.removeprefix("schemas/") for name in settings} == {path.name for path in paths}
