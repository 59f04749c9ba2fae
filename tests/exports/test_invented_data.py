"""The data of a rehearsal are marked as invented in every file of a release; real data never are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas
from django.test import override_settings
from openpyxl import load_workbook

from exports.actions import make_release
from exports.queries import is_invented
from exports.tables.codebook import COLUMNS
from exports.tables.plans import Column, Table, marked
from exports.tables.verification import verify_release
from tests.exports.closed_trial import data_manager, locked
from trialmgr.overview.rehearsal.cast import Cast, put_list_in_force
from trialmgr.protocol.model import Text

WORDS = Text(nl="x", en="x")


def read(path: Path) -> Any:
    return pandas.read_csv(path, dtype=str, keep_default_na=False)


def document(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def test_every_file_of_a_demo_says_so_and_the_release_is_whole(cast: Cast, tmp_path: Path) -> None:
    locked(cast)
    plain, told = tmp_path / "plain", tmp_path / "told"
    make_release(by=data_manager(cast), out=plain)
    with override_settings(TRIALMGR_DEMO=True):
        make_release(by=data_manager(cast), out=told)
    assert verify_release(told) == []
    for path in sorted(told.glob("*.csv")):
        table, real = read(path), read(plain / path.name)
        assert list(table.columns) == [*real.columns, "invented"], path.name
        assert set(table["invented"]) <= {"yes"}
        if path.name != "codebook.csv":
            assert table.drop(columns="invented").equals(real), "nothing else is otherwise"
    book = load_workbook(told / "workbook.xlsx", read_only=True)
    for sheet in book.worksheets:
        first = next(sheet.iter_rows(values_only=True))
        assert first[-1] == "invented", sheet.title
    assert "INVENTED DATA" in (told / "README.txt").read_text("utf-8")
    assert [document(told / name)["invented"] for name in ("manifest.json", "codebook.json")] == [True, True]


def test_nothing_of_the_kind_stands_in_a_release_of_real_data(cast: Cast, tmp_path: Path) -> None:
    locked(cast)
    make_release(by=data_manager(cast), out=tmp_path / "out")
    for path in (tmp_path / "out").iterdir():
        assert b"invented" not in path.read_bytes().lower(), path.name


def test_the_codebook_has_the_column(cast: Cast, tmp_path: Path) -> None:
    locked(cast)
    with override_settings(TRIALMGR_DEMO=True):
        make_release(by=data_manager(cast), out=tmp_path / "out")
    rows = read(tmp_path / "out" / "codebook.csv")
    assert list(rows.columns) == [*COLUMNS, "invented"]
    files = {path.name for path in (tmp_path / "out").glob("*.csv")} - {"codebook.csv", "code_lists.csv"}
    assert set(rows[rows["column"] == "invented"]["file"]) == files


def test_an_installation_that_had_a_list_for_a_rehearsal_stays_one(cast: Cast) -> None:
    assert not is_invented()
    with override_settings(TRIALMGR_DEMO=True):
        put_list_in_force(cast, "1")
    assert is_invented()


def test_an_item_of_that_name_keeps_its_own_column() -> None:
    table = Table("form_x.csv", WORDS, (Column("invented", "text", WORDS),))
    assert marked(table).header == ("invented", "invented_")
