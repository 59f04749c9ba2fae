from __future__ import annotations

import datetime
import zipfile
from pathlib import Path
from typing import Any

from openpyxl import load_workbook

from exports.tables.writers.csv_writer import write_csv
from exports.tables.writers.xlsx_writer import LONGEST_TEXT, Sheet, sheet_titles, write_workbook

AT = datetime.datetime(2026, 5, 31, 10, 30, tzinfo=datetime.UTC)


def written(folder: Path, rows: list[tuple[str, str]], **limits: int) -> Any:
    """The sheet that a file of these rows becomes: a text and a number column."""
    count = write_csv(folder / "table.csv", ["text", "number"], [False, True], rows)
    sheet = Sheet("table", folder / "table.csv", (False, True), count, **limits)
    write_workbook(folder / "book.xlsx", [sheet], AT)
    return load_workbook(folder / "book.xlsx")["table"]


def values(sheet: Any) -> list[tuple[Any, ...]]:
    return list(sheet.iter_rows(values_only=True))


def test_numbers_are_numbers_and_texts_stay_texts(tmp_path: Path) -> None:
    sheet = written(tmp_path, [("007", "-5"), ("", "72.50"), ("=1+1", "")])
    assert values(sheet) == [("text", "number"), ("007", -5), (None, 72.5), ("'=1+1", None)]


def test_no_cell_is_a_formula_or_an_error(tmp_path: Path) -> None:
    sheet = written(tmp_path, [("#N/A", "1"), ("=A1", "2"), ("@SUM(1)", "3")])
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} == {"s", "n"}
    assert sheet["A2"].value == "#N/A"


def test_what_a_workbook_cannot_hold_is_cut_or_replaced(tmp_path: Path) -> None:
    sheet = written(tmp_path, [("bell\x07", ""), ("x" * (LONGEST_TEXT + 1), ""), ("y" * LONGEST_TEXT, "")])
    assert sheet["A2"].value == "bell\ufffd"
    assert sheet["A3"].value == "x" * (LONGEST_TEXT - 1) + "…"
    assert sheet["A4"].value == "y" * LONGEST_TEXT


def test_a_sheet_with_too_many_rows_says_where_they_are(tmp_path: Path) -> None:
    sheet = written(tmp_path, [("a", "1"), ("b", "2")], most_rows=1)
    assert values(sheet) == [("notice",), ("2 rows: more than this sheet holds. They are all in table.csv.",)]


def test_the_heading_stays_in_sight_and_stands_out(tmp_path: Path) -> None:
    sheet = written(tmp_path, [("a", "1")])
    assert sheet.freeze_panes == "A2"
    assert sheet["A1"].font.bold


def test_the_same_files_give_the_same_bytes_and_no_trace_of_when_they_were_written(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        written(tmp_path / name, [("a", "1")])
    assert (tmp_path / "one/book.xlsx").read_bytes() == (tmp_path / "two/book.xlsx").read_bytes()
    with zipfile.ZipFile(tmp_path / "one/book.xlsx") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    properties = load_workbook(tmp_path / "one/book.xlsx").properties
    assert properties.created == properties.modified == AT.replace(tzinfo=None)


def test_titles_are_short_and_no_two_the_same() -> None:
    long = "form_" + "a" * 40
    titles = sheet_titles([f"{long}1.csv", f"{long}2.csv", "visits.csv"])
    assert list(titles.values()) == [long[:31], long[:29] + "_2", "visits"]
