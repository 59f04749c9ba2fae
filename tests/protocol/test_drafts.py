"""Study folders in the making: keys, YAML, and a folder that is there whole or not at all."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocol.odm_files import draft, one_form, told
from tests.sizes import size
from trialmgr.protocol.exchange.drafts import Draft, ImportRefused, Keys, Notice, plain_code, plain_key, save
from trialmgr.protocol.exchange.yaml_writer import Noted, yaml_text
from trialmgr.protocol.yaml_source import read_source

TEXT = st.text(max_size=40).filter(lambda text: text == text.rstrip("\n") and "\ufeff" not in text)


def _small() -> Draft:
    return draft(one_form('<ItemDef OID="I.a" Name="A" DataType="text"/>', "I.a"))


def test_keys_are_plain_unique_and_never_a_word_of_expressions() -> None:
    keys = Keys(["age"])
    assert [keys.take(name) for name in ("Age", "and", "9 lives", "Ünïcode", "€")] == [
        "age_2",
        "and_2",
        "x_9_lives",
        "unicode",
        "part",
    ]
    long = [keys.take("a" * 60) for _ in range(2)]
    assert [len(key) for key in long] == [40, 40]
    assert long[1].endswith("_2")


@given(st.text(max_size=60))
def test_a_key_or_code_made_of_any_name_is_one(name: str) -> None:
    key = Keys().take(name)
    assert key == plain_key(key) or key.endswith("_")
    assert 0 < len(plain_code(name)) <= 40


def test_notices_name_their_line() -> None:
    assert (str(Notice("x", 3)), str(Notice("x"))) == ("line 3: x", "x")


def _read_back(document: dict[str, Any], folder: Path) -> Any:
    (folder / "x.yaml").write_text(yaml_text(document), "utf-8")
    source = read_source(folder, "x.yaml")
    assert source.errors == ()
    return source.document


@settings(max_examples=size(25, 100))
@given(
    document=st.dictionaries(
        TEXT, st.recursive(TEXT, lambda part: st.one_of(st.lists(part), st.dictionaries(TEXT, part))), min_size=1
    )
)
def test_any_document_is_read_back_unchanged(
    document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert _read_back(document, tmp_path_factory.mktemp("yaml")) == document


@pytest.mark.parametrize("empty", [[], {}])
def test_what_is_empty_stays_so_behind_a_long_key(empty: object, tmp_path: Path) -> None:
    document = {"x\x1f" * 40: empty}
    assert _read_back(document, tmp_path) == document


def test_numbers_truths_and_notes_are_written_as_such(tmp_path: Path) -> None:
    part = Noted({"key": "a", "min": Decimal("1.50"), "max": 3, "on": True, "none": None}, "from elsewhere\nsecond\x07")
    document = {"parts": [part, {"long": "word " * 40}], "list": ["y" * 200]}
    text = yaml_text(Noted(document, "on top"))
    assert text.startswith("# on top\n")
    assert "  # from elsewhere\n  # second\n" in text
    assert _read_back(document, tmp_path)["parts"][0] == {
        "key": "a",
        "min": "1.50",
        "max": "3",
        "on": True,
        "none": None,
    }


def test_a_folder_that_is_used_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "mine.txt").write_text("mine")
    with pytest.raises(ImportRefused, match="is not empty"):
        save(_small(), tmp_path / "used", "x")
    with pytest.raises(ImportRefused, match="is a file"):
        save(_small(), tmp_path / "used" / "mine.txt", "x")
    assert [path.name for path in (tmp_path / "used").iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    save(_small(), tmp_path / "empty", "x")
    assert (tmp_path / "empty" / "study.yaml").exists()


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ImportRefused, match="cannot be written"):
        save(_small(), tmp_path / "file" / "study", "x")


def test_what_the_language_does_not_allow_is_refused_with_its_place_and_nothing_is_left(tmp_path: Path) -> None:
    broken = _small()
    broken.study |= {"id": "NO KEY", "target_participants": 0}
    with pytest.raises(ImportRefused, match=r"study.yaml:2:1 id.*\(and 1 more\)"):
        save(broken, tmp_path / "study", "x")
    broken.study |= {"target_participants": 1}
    with pytest.raises(ImportRefused, match=r"study\.yaml:2:1 id") as refused:
        save(broken, tmp_path / "study", "x")
    assert "more)" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_list_too_long_for_a_file_is_refused(tmp_path: Path) -> None:
    large = _small()
    large.codelists.append(
        {"key": "l", "items": [{"code": str(n), "label": {"nl": "x" * 90, "en": "y"}} for n in range(9999)]}
    )
    with pytest.raises(ImportRefused, match=r"codelists\.yaml would be larger than 1 MB"):
        save(large, tmp_path / "study", "x")


def test_rules_that_do_not_hold_are_taken_out_and_told(tmp_path: Path) -> None:
    made = _small()
    item = made.forms[0]["sections"][0]["items"][0]
    item |= {"ask_if": "nowhere = 1", "examples": [{"given": {"no": "1"}, "gives": True}]}
    check = {"severity": "soft", "items": ["a"], "message": {"nl": "x", "en": "x"}}
    made.forms[0]["checks"] = [
        check | {"key": "one", "fires_if": "b = 1"},
        check | {"key": "two", "fires_if": "a = 'x'"},
        check | {"key": "three", "fires_if": "("},
    ]
    report = save(made, tmp_path / "study", "x")
    form = report.check.definition.form("f_1")
    assert [check.key for check in form.checks] == ["two"]
    assert (form.item("a").ask_if, form.item("a").required, form.item("a").examples) == (None, False, ())
    assert "ask_if of f_1.a: nowhere = 1" in told(report.left_out)
    assert "the check three of f_1" in told(report.left_out)


def test_forms_of_one_name_are_refused(tmp_path: Path) -> None:
    made = _small()
    made.forms.append(made.forms[0])
    with pytest.raises(ImportRefused, match="stands twice"):
        save(made, tmp_path / "study", "x")
