"""Our studies as ODM 1.3.2: valid by the schema, every reference found, and read back without a loss."""

from __future__ import annotations

import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

import odmlib
import pytest
import xmlschema
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from odmlib import loader, odm_loader
from odmlib.oid_generator import create_oid_checker

from tests.protocol.odm_files import draft, imported, told
from tests.protocol.small_study import write
from tests.sizes import size
from trialmgr.protocol import studies
from trialmgr.protocol.exchange.drafts import ImportRefused, in_both
from trialmgr.protocol.exchange.odm.exports import definition_of, odm_of
from trialmgr.protocol.expressions import RESERVED
from trialmgr.protocol.loader import load_study
from trialmgr.protocol.model import StudyDefinition

STUDIES = sorted(path.parent for path in Path(studies.__path__[0]).glob("*/study.yaml"))


@lru_cache(maxsize=1)
def schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(str(Path(odmlib.__file__).parent / "schemas" / "odm" / "1.3.2" / "ODM1-3-2.xsd"))


def faults(text: str) -> list[str]:
    """What the schema of ODM 1.3.2 has against a document."""
    return [f"{error.path}: {error.reason}" for error in schema().iter_errors(text)]


def references_hold(text: str) -> bool:
    """The reference check of odmlib: every OID that is named is defined, as what it is named as."""
    reader = loader.ODMLoader(odm_loader.XMLODMLoader(model_package="odm_1_3_2"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reader.load_odm_string(text)
        return bool(reader.root().verify_oids(create_oid_checker("odm_1_3_2")))


@pytest.mark.parametrize("folder", STUDIES, ids=lambda folder: folder.name)
def test_every_study_is_valid_odm_and_comes_back_whole(folder: Path) -> None:
    definition = load_study(folder)
    document = odm_of(definition)
    assert faults(document.text) == []
    assert references_hold(document.text)
    assert definition_of(draft(document.text)) == definition.model_copy(update={"randomization": None})
    restricted = ["randomization: the restricted part is not exported"]
    assert list(document.lost) == (restricted if definition.randomization else [])


def test_the_same_definition_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = write(tmp_path)
    assert odm_of(load_study(folder)).text == odm_of(load_study(folder)).text


def test_the_restricted_part_leaves_no_trace() -> None:
    definition = load_study(next(folder for folder in STUDIES if folder.name == "reset_trd"))
    assert definition.randomization is not None
    text = odm_of(definition).text
    assert text == odm_of(definition.model_copy(update={"randomization": None})).text
    assert "block_sizes" not in text
    assert definition.sha256 not in text


def test_a_folder_comes_back_from_its_odm(tmp_path: Path) -> None:
    definition = load_study(write(tmp_path / "one"))
    report = imported(odm_of(definition).text, tmp_path)
    assert report.check.definition == definition.model_copy(update={"randomization": None})
    assert (report.warnings, report.left_out) == ((), ())


def test_the_standard_elements_are_the_authority(tmp_path: Path) -> None:
    definition = load_study(write(tmp_path))
    text = odm_of(definition).text.replace(">Two ways", ">No ways").replace(">Fibre or protein<", ">Bread or meat<")
    assert definition_of(draft(text)).title.en == "Bread or meat"


def test_what_only_the_alias_holds_is_said(tmp_path: Path) -> None:
    document = odm_of(load_study(write(tmp_path)))
    kept = "\n".join(document.in_alias)
    assert "study: arms" in kept
    assert "visits: " in kept


def test_a_rule_whose_item_was_taken_out_of_the_odm_is_told(tmp_path: Path) -> None:
    """Somebody edits the document in another system: what no longer holds goes, the rest can be used."""
    reset = load_study(next(folder for folder in STUDIES if folder.name == "iv_maintenance"))
    text = odm_of(reset).text
    lines = text.splitlines()
    place = next(n for n, line in enumerate(lines) if 'ItemRef ItemOID="I.ids_sr.ids_11"' in line)
    del lines[place]
    report = imported("\n".join(lines), tmp_path)
    assert "score of ids_sr." in told(report.left_out)
    assert not report.check.definition.form("ids_sr").has_item("ids_11")


@pytest.mark.parametrize("damage", ["[1]", '{"checks": 5, "key": {}}', "{", "[" * 500, '{"a": ' * 20 + "1" + "}" * 20])
def test_a_damaged_alias_is_refused_or_told_never_worse(damage: str, tmp_path: Path) -> None:
    lines = odm_of(load_study(write(tmp_path / "one"))).text.splitlines()
    escaped = damage.replace('"', "&quot;")
    changed = [
        f'{line.split(" Name=")[0]} Name="{escaped}"/>'
        if "<Alias" in line and "/" not in line.split(" Name=")[0][10:]
        else line
        for line in lines
    ]
    lines_told = _outcome("\n".join(changed), tmp_path)
    assert "which is damaged" in lines_told or len(lines_told.splitlines()) == 1


def _outcome(text: str, folder: Path) -> str:
    """What an import leaves out, or why it is refused."""
    try:
        return told(imported(text, folder).left_out)
    except ImportRefused as refused:
        return str(refused)


def test_a_form_key_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    text = odm_of(load_study(write(tmp_path / "one"))).text
    place = text.index("</FormDef>")
    alias = '<Alias Context="urn:trialmgr:study-definition:1" Name="{&quot;key&quot;: &quot;../../out&quot;}"/>'
    bare = text[:place]
    start = bare.rindex("<FormDef")
    form = "\n".join(line for line in bare[start:].splitlines() if "<Alias" not in line)
    with pytest.raises(ImportRefused, match="is no key"):
        imported(bare[:start] + form + alias + text[place:], tmp_path)
    assert not (tmp_path / "out.yaml").exists()


def test_what_would_not_come_back_is_said(tmp_path: Path) -> None:
    """A form that no visit holds is no sound definition; reading would make a visit for it."""
    definition = load_study(write(tmp_path))
    visits = tuple(visit.model_copy(update={"forms": ()}) for visit in definition.visits)
    lost = odm_of(definition.model_copy(update={"visits": visits})).lost
    assert any(line.startswith("visits: ") for line in lost)


# --- studies made by chance ------------------------------------------------------------------------------------------

KEYS = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(lambda key: key not in RESERVED)
WORDS = st.text(max_size=30)
TEXTS = st.fixed_dictionaries({"nl": WORDS, "en": WORDS})
FLAGS = st.fixed_dictionaries({}, optional={"confirm_with_protocol": st.booleans()})
# What the loader would refuse, a range that runs downwards, is left out.
BOUNDS = st.fixed_dictionaries({}, optional={"min": st.decimals(-99, 0, places=1), "max": st.integers(0, 99)})
TYPES = (
    "integer",
    "decimal",
    "text",
    "long_text",
    "date",
    "partial_date",
    "time",
    "choice",
    "multi_choice",
    "yes_no",
    "scale",
    "file",
)


@st.composite
def items(draw: st.DrawFn, lists: list[str]) -> dict[str, Any]:
    kind = draw(st.sampled_from(TYPES))
    optional: dict[str, st.SearchStrategy[Any]] = {
        "hint": TEXTS,
        "unit": WORDS,
        "range": BOUNDS,
        "soft_range": BOUNDS,
        "decimals": st.integers(0, 6),
        "max_length": st.integers(1, 10000),
        "required": st.booleans(),
        "missing_allowed": st.booleans(),
        "ask_if": WORDS,
        "derive": WORDS,
        "score": st.just({"function": "phq", "items": ["a", "b"]}),
        "variable": st.one_of(WORDS, st.sampled_from(["AETERM", "LONGERNAME"])),
        "reveals_allocation": st.booleans(),
    }
    item = draw(st.fixed_dictionaries({"label": TEXTS}, optional=optional)) | {"type": kind}
    if kind in ("choice", "multi_choice") and lists:
        item["codelist"] = draw(st.sampled_from(lists))
    return item | draw(FLAGS)


def _keyed(draw: st.DrawFn, made: st.SearchStrategy[dict[str, Any]], most: int, least: int = 1) -> list[dict[str, Any]]:
    keys = draw(st.lists(KEYS, unique=True, min_size=least, max_size=most))
    return [{"key": key} | draw(made) for key in keys]


@st.composite
def forms(draw: st.DrawFn, lists: list[str]) -> dict[str, Any]:
    keyed = _keyed(draw, items(lists), 5)
    cut = draw(st.integers(1, len(keyed)))
    groups = [group for group in (keyed[:cut], keyed[cut:]) if group]
    sections = [
        {"key": key, "items": group} | draw(st.fixed_dictionaries({"label": TEXTS}))
        for key, group in zip(("s", "s_2"), groups, strict=False)
    ]
    check = st.fixed_dictionaries(
        {
            "severity": st.sampled_from(["hard", "soft"]),
            "fires_if": WORDS,
            "items": st.lists(st.sampled_from([item["key"] for item in keyed]), min_size=1, max_size=2),
            "message": TEXTS,
        }
    )
    form = draw(st.fixed_dictionaries({"label": TEXTS}, optional={"domain": WORDS, "repeating": st.booleans()}))
    return form | {"entered_by": ["nurse"], "sections": sections, "checks": _keyed(draw, check, 3, 0)} | draw(FLAGS)


@st.composite
def definitions(draw: st.DrawFn) -> StudyDefinition:
    code = st.from_regex(r"[A-Za-z0-9_.\-]{1,5}", fullmatch=True)
    entries = st.lists(
        st.fixed_dictionaries({"code": code, "label": TEXTS}),
        min_size=1,
        max_size=3,
        unique_by=lambda entry: str(entry["code"]),
    )
    lists = _keyed(draw, st.fixed_dictionaries({"items": entries}), 2, 0)
    made = _keyed(draw, forms([entry["key"] for entry in lists]), 3)
    made[0]["eligibility"] = True
    held = st.lists(st.sampled_from([form["key"] for form in made]), unique=True)
    visit = st.fixed_dictionaries(
        {"label": TEXTS, "phase": st.just("p"), "forms": held},
        optional={
            "kind": st.sampled_from(["scheduled", "log", "unscheduled"]),
            "day": st.integers(-9, 99),
            "repeat": st.just({"days": [0, 3]}),
            "required_forms": held,
        },
    )
    visits = _keyed(draw, visit, 3)
    visits[0]["forms"] = [form["key"] for form in made]
    role = {"key": "nurse", "label": in_both("Nurse"), "blinded": False}
    return StudyDefinition.model_validate(
        {
            "schema_version": 1,
            "id": draw(KEYS),
            **draw(st.fixed_dictionaries(dict.fromkeys(("version", "short_title", "registration", "sponsor"), WORDS))),
            **draw(st.fixed_dictionaries({"title": TEXTS, "public_title": TEXTS})),
            "target_participants": draw(st.integers(1, 99)),
            "valid_from": draw(st.dates()).isoformat(),
            "arms": [],
            "sites": [{"code": "AA", "name": draw(WORDS)}],
            "roles": [role],
            "consents": [{"key": "c", "label": in_both("c"), "valid_from": "2026-01-01"}],
            "eligibility": [
                {
                    "version": "1",
                    "valid_from": "2026-01-01",
                    "criteria": [{"id": "I1", "kind": "inclusion", "text": in_both("x")}],
                }
            ],
            "phases": [{"key": "p", "label": draw(TEXTS), "opens": "registration"}],
            "visits": visits,
            "missing_reasons": {"key": "missing_reasons", "items": draw(entries)},
            "codelists": lists,
            "forms": made,
        }
    )


@settings(max_examples=size(12, 40), deadline=None, phases=(Phase.explicit, Phase.generate))
@given(definitions())
def test_any_definition_is_valid_odm_and_comes_back_whole(definition: StudyDefinition) -> None:
    document = odm_of(definition)
    assert faults(document.text) == []
    assert document.lost == ()
    assert definition_of(draft(document.text)).canonical_json() == definition.canonical_json()
