"""An Excel workbook made from CSV files, a sheet a file; the same files and time give the same bytes.

Source of the limits: Microsoft's specification of Excel (1,048,576 rows a sheet, 32,767 characters a cell, 31 a name).
"""

from __future__ import annotations

import datetime
import os
import re
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ERROR_CODES, ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.writer.excel import ExcelWriter

from exports.tables.writers.csv_writer import read_csv

MOST_ROWS = 1_048_576 - 1  # below the header
LONGEST_TEXT = 32_767
LONGEST_TITLE = 31
_WHOLE = re.compile(r"-?[0-9]{1,15}")
# Zip archives know no time before 1980; one fixed time keeps the bytes the same.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Sheet:
    """``rows``: data rows of ``source``. With more than ``most_rows`` the sheet only says where they are."""

    title: str
    source: Path
    numeric: tuple[bool, ...]
    rows: int
    most_rows: int = MOST_ROWS

    @property
    def is_left_out(self) -> bool:
        return self.rows > min(self.most_rows, MOST_ROWS)


def sheet_titles(names: Iterable[str]) -> dict[str, str]:
    """File name -> title of its sheet: without the ending, cut to 31 characters, no two the same."""
    titles: dict[str, str] = {}
    for name in names:
        stem = name.rsplit(".", 1)[0]
        title, number = stem[:LONGEST_TITLE], 2
        while title in titles.values():
            title = f"{stem[: LONGEST_TITLE - 1 - len(str(number))]}_{number}"
            number += 1
        titles[name] = title
    return titles


def write_workbook(path: Path, sheets: Sequence[Sheet], at: datetime.datetime) -> None:
    """``at`` (aware) is the time that the workbook says it was made."""
    book = Workbook(write_only=True)
    book.properties.creator = "trialmgr"
    book.properties.created = book.properties.modified = at.astimezone(datetime.UTC).replace(tzinfo=None, microsecond=0)
    for sheet in sheets:
        _write_sheet(book, sheet)
    ExcelWriter(book, _TimelessArchive(path, "w", zipfile.ZIP_DEFLATED)).save()


def _write_sheet(book: Workbook, sheet: Sheet) -> None:
    page: Any = book.create_sheet(sheet.title)
    page.freeze_panes = "A2"
    rows, numeric = (_notice(sheet), (False,)) if sheet.is_left_out else (read_csv(sheet.source), sheet.numeric)
    page.append([_heading(page, name) for name in next(rows)])
    for row in rows:
        page.append([_cell(page, value, number) for value, number in zip(row, numeric, strict=True)])


def _notice(sheet: Sheet) -> Iterator[list[str]]:
    yield ["notice"]
    yield [f"{sheet.rows} rows: more than this sheet holds. They are all in {sheet.source.name}."]


def _heading(page: Any, name: str) -> Any:
    cell = WriteOnlyCell(page, name)
    cell.font = Font(bold=True)
    return cell


def _cell(page: Any, value: str, number: bool) -> Any:
    if not value:
        return None
    if number:
        return int(value) if _WHOLE.fullmatch(value) else float(value)
    text = _fitting(ILLEGAL_CHARACTERS_RE.sub("\ufffd", value))
    return _as_text(page, text) if text in ERROR_CODES else text


def _fitting(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def _as_text(page: Any, text: str) -> Any:
    """A text such as #N/A, which is otherwise written as an error value."""
    cell = WriteOnlyCell(page, text)
    cell.data_type = "s"
    return cell


class _TimelessArchive(zipfile.ZipFile):
    """An archive whose members carry no time and no trace of the machine."""

    def write(self, filename: Any, arcname: Any = None, *_args: Any, **_kwargs: Any) -> None:
        member = _member(str(arcname))
        member.file_size = os.stat(filename).st_size
        with open(filename, "rb") as source, self.open(member, "w") as target:
            shutil.copyfileobj(source, target)

    def writestr(self, zinfo_or_arcname: Any, data: Any, *_args: Any, **_kwargs: Any) -> None:
        super().writestr(_member(str(zinfo_or_arcname)), data)


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _NO_TIME)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = 0o644 << 16
    return member
