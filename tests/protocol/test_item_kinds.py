"""Scales, files, derived choices, and the rhythm of visits that return."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

from tests.protocol import small_study
from tests.protocol.small_study import BODY, CODELISTS, STUDY, broken, faults
from trialmgr.protocol.check import check_study
from trialmgr.protocol.evaluation import evaluate_entry
from trialmgr.protocol.model import Anchors, Item, ItemType, Range, Repeat, StudyDefinition, Text
from trialmgr.protocol.values import ValueProblem, parse_value, typed

WORDS = Anchors(min=Text(nl="geen", en="none"), max=Text(nl="veel", en="much"))
SCALE = Item(
    key="pain",
    type=ItemType.SCALE,
    label=Text(nl="Pijn", en="Pain"),
    range=Range(min=Decimal(0), max=Decimal(10)),
    anchors=WORDS,
)
FILE = Item(key="ecg", type=ItemType.FILE, label=Text(nl="ECG", en="ECG"), accepts=("pdf", "png"), max_megabytes=5)
MARK = "sha256:" + "0af1" * 16


@pytest.mark.parametrize(("raw", "kept"), [("0", "0"), (" 10 ", "10"), ("007", "7")])
def test_a_scale_keeps_a_whole_number_between_its_ends(raw: str, kept: str) -> None:
    assert parse_value(SCALE, raw, None) == kept
    assert typed(SCALE, kept) == Decimal(kept)


@pytest.mark.parametrize("raw", ["11", "-1", "2.5", "much", ""])
def test_what_is_not_on_the_scale_is_refused(raw: str) -> None:
    with pytest.raises(ValueProblem):
        parse_value(SCALE, raw, None)


def test_the_refusal_names_the_ends_of_the_scale() -> None:
    with pytest.raises(ValueProblem, match=r"Choose a number from 0 to 10\."):
        parse_value(SCALE, "11", None)


@pytest.mark.parametrize("name", ["ecg.pdf", "een brief van é.PNG", "a.b.pdf"])
def test_a_file_keeps_its_mark_and_its_name(name: str) -> None:
    assert parse_value(FILE, f"{MARK}/{name}", None) == f"{MARK}/{name}"
    assert typed(FILE, f"{MARK}/{name}") == f"{MARK}/{name}"


@pytest.mark.parametrize(
    "raw",
    [
        "ecg.pdf",
        f"{MARK}/",
        f"{MARK}/a/b.pdf",
        f"{MARK}/..\\b.pdf",
        f"{MARK[:-1]}/a.pdf",
        f"{MARK}/a\x07b.pdf",
        f"{MARK}/{'a' * 201}.pdf",
    ],
)
def test_what_is_no_mark_of_a_file_is_refused(raw: str) -> None:
    with pytest.raises(ValueProblem, match=r"Choose a file\."):
        parse_value(FILE, raw, None)


def test_a_file_of_another_kind_is_refused_and_without_kinds_every_one_is_taken() -> None:
    with pytest.raises(ValueProblem, match=r"Choose a file of the kind pdf, png\."):
        parse_value(FILE, f"{MARK}/ecg.exe", None)
    assert parse_value(FILE.model_copy(update={"accepts": ()}), f"{MARK}/ecg", None)


SCALE_LINE = (
    "{key: pain, type: scale, label: {nl: P, en: P}, range: {min: 0, max: 10}, "
    "anchors: {min: {nl: a, en: b}, max: {nl: c, en: d}}, required: false}"
)
FILE_LINE = "{key: ecg, type: file, label: {nl: E, en: E}, accepts: [pdf], max_megabytes: 5, required: false}"
BAND_LINE = """\
key: band
        type: choice
        codelist: bands
        label: {nl: Klasse, en: Band}
        derive: if(weight > 100, 'high', if(weight > 60, 'middle', 'low'))
        examples:
          - {given: {weight: 101}, gives: high}
          - {given: {weight: 60}, gives: low}
          - {given: {}, gives: null}
      - {key: same_band, type: choice, codelist: bands, label: {nl: Zelfde, en: Same}, derive: band}
      - {key: secret,"""
BANDS = """\
  - key: bands
    items:
      - {code: low, label: {nl: Laag, en: Low}}
      - {code: middle, label: {nl: Midden, en: Middle}}
      - {code: high, label: {nl: Hoog, en: High}}
"""
FILES: dict[str, str | bytes | None] = {
    "forms/body.yaml": BODY.replace("- {key: secret,", f"- {SCALE_LINE}\n      - {FILE_LINE}\n      - {BAND_LINE}"),
    "codelists.yaml": CODELISTS + BANDS,
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyDefinition:
    return small_study.definition(tmp_path_factory.mktemp("kinds"), FILES)


@pytest.mark.parametrize(("version", "faulty"), [("1", False), ("2", True)])
def test_a_study_may_name_the_version_of_a_score(tmp_path: Path, version: str, faulty: bool) -> None:
    named = f'function: cadss6_total, version: "{version}"'
    found = faults(tmp_path, broken("forms/diary.yaml", "function: cadss6_total", named))
    told = "score.version: cadss6_total has version 1, not 2 — look at what changed in the function"
    assert [told in line for line in found] == ([True] if faulty else [])


@pytest.mark.parametrize(("weight", "band"), [("101", "high"), ("61", "middle"), ("60", "low"), ("", None)])
def test_a_choice_may_be_derived(study: StudyDefinition, weight: str, band: str | None) -> None:
    values = evaluate_entry(study, study.form("body"), {"weight": weight}, {}, lambda *path: None).values
    assert (values.get("band"), values.get("same_band")) == (band, band)


def test_the_examples_of_a_derived_choice_are_run(tmp_path: Path) -> None:
    assert check_study(small_study.write(tmp_path, FILES)).failures == ()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("'middle', 'low'))", "'middel', 'low'))", "`middel` is no code of bands — give codes in quotes"),
        ("derive: band}", "derive: complaints_text}", "`complaints_text` is no item that comes earlier"),
        ("if(weight > 60, 'middle', 'low'))", "absent_text)", "`absent_text` is no item"),
        (
            "codelist: bands, label: {nl: Zelfde",
            "codelist: complaints, label: {nl: Zelfde",
            "this may give what is no code of complaints",
        ),
        ("gives: high}", "gives: tall}", "'tall' is no value of `band` — Choose an answer from the list."),
        ("gives: high}", "gives: true}", "the rule gives a value — write the value, as 12, yes or no, or null"),
        ("range: {min: 0, max: 10}, anchors", "range: {min: 0.5, max: 10}, anchors", "the scale has no two whole ends"),
        ("range: {min: 0, max: 10}, anchors", "range: {max: 10}, anchors", "the scale has no two whole ends"),
        ("type: file", "type: text", "`accepts` does not go with the type text"),
        ("type: scale", "type: integer", "`anchors` does not go with the type integer"),
        ("accepts: [pdf]", "accepts: [.pdf]", "`.pdf` cannot stand here"),
        ("hours > 24", "ecg is present", "`ecg` is a file, which no expression reads"),
        ("hours > 24", "start.body.ecg is present", "`start.body.ecg` is a file, which no expression reads"),
        ("label: {nl: E, en: E}", "label: {nl: E, en: E}, derive: '1'", "a value of type file cannot be derived"),
        ("derive: bmi > 30", "score: {function: audit_total, items: []}", "a score is no yes_no"),
    ],
)
def test_a_fault_of_such_an_item_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    text = str(FILES["forms/body.yaml"])
    assert old in text
    found = faults(tmp_path, {**FILES, "forms/body.yaml": text.replace(old, new, 1)})
    assert any(told in line for line in found), found


@pytest.mark.parametrize(
    ("written", "offsets"),
    [
        ({"days": [0, 3, 7]}, (0, 3, 7)),
        ({"every": 7, "times": 3}, (0, 7, 14)),
        ({"every": 61, "times": 2, "from": 30}, (30, 91)),
    ],
)
def test_a_visit_returns_by_days_or_by_a_rhythm(written: dict[str, object], offsets: tuple[int, ...]) -> None:
    repeat = Repeat.model_validate(written)
    assert repeat.offsets == offsets
    assert Repeat.model_validate(json.loads(repeat.model_dump_json())) == repeat


RETURNS = "repeat: {days: [0, 3, 7]}"


@pytest.mark.parametrize(
    ("new", "told"),
    [
        ("repeat: {}", "the visit returns by `days`, or by `every` and `times`"),
        ("repeat: {every: 7}", "the visit returns by `days`, or by `every` and `times`"),
        ("repeat: {days: [0], every: 7, times: 2}", "the visit returns by `days`, or by `every` and `times`"),
        ("repeat: {days: [0, 3], from: 2}", "`from` goes with `every` and `times`"),
        ("repeat: {every: 0, times: 2}", "`0` is too low — write 1 or more"),
        ("repeat: {every: 7, times: 501}", "`501` is too high — write 500 or less"),
    ],
)
def test_a_fault_of_a_rhythm_is_told(tmp_path: Path, new: str, told: str) -> None:
    found = faults(tmp_path, broken("study.yaml", RETURNS, new))
    assert any(told in line for line in found), found


def test_what_a_version_changes_names_no_arm(tmp_path: Path) -> None:
    said = 'sponsor: Nobody\nchanges: {nl: Nieuwe vraag, en: "New question, also for PRO"}'
    (fault,) = faults(tmp_path, broken("study.yaml", "sponsor: Nobody", said))
    assert "changes.en: blinded roles would read `pro`" in fault


def test_a_key_that_came_later_changes_no_definition_that_does_without_it(tmp_path: Path) -> None:
    later = {"changes", "anchors", "accepts", "max_megabytes", "repeats", "every", "times", "from", "weights"}
    plain = small_study.definition(tmp_path / "plain")
    assert later & set(re.findall(r'"(\w+)":', plain.canonical_json())) == set()
    said = STUDY.replace("sponsor: Nobody", "sponsor: Nobody\nchanges: {nl: Eerste versie, en: First version}")
    changed = small_study.definition(tmp_path / "changed", {"study.yaml": said})
    assert plain.sha256 != changed.sha256
    assert plain == changed.model_copy(update={"changes": None})
    assert StudyDefinition.from_json(json.loads(changed.canonical_json())) == changed
