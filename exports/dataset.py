"""A release written to a folder: the same lock and the same code give the same bytes.

So nothing in the files says when or by whom they were made: that stands in the ledger and on the Release row.
Source: ICH E6(R3) 4.2.6(c) (extraction reproducible), FDA 2024 Q3 (copies with their metadata).
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from exports.queries import Cut, answered_files, as_text, is_invented, published_definitions
from exports.readme import MOST_AUDIT_ROWS, WORKBOOK, readme_text
from exports.tables.codebook import CODE_COLUMNS, COLUMNS, code_rows, codebook_json, codebook_rows
from exports.tables.manifest import FORMAT, MANIFEST, SUMS, FileRecord, describe, json_text, sums_text, write_text
from exports.tables.plans import AUDIT_TRAIL, INVENTED, Table, marked, tables
from exports.tables.writers.csv_writer import write_csv
from exports.tables.writers.xlsx_writer import MOST_ROWS, Sheet, sheet_titles, write_workbook
from trialmgr import __version__
from trialmgr.studies.models import StudyLock
from trialmgr.studies.queries import approved_versions, spans_of

CODEBOOK, CODE_LISTS = "codebook.csv", "code_lists.csv"

# (files written, files in all, name of the file just written)
Watch = Callable[[int, int, str], None]


def unwatched(_done: int, _all: int, _name: str) -> None:
    """For whoever does not look at the progress."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Every file of a release, manifest and list of hashes included."""

    files: tuple[FileRecord, ...]
    manifest: FileRecord


def write_dataset(folder: Path, lock: StudyLock, *, with_allocation: bool, watch: Watch = unwatched) -> Dataset:
    """Write all files of a release of ``lock`` into an empty folder."""
    cut = Cut(lock, published_definitions(), with_allocation, invented=is_invented())
    planned = tables(cut.definitions, with_allocation=with_allocation)
    if cut.invented:
        planned = tuple(marked(table) for table in planned)
    files: list[FileRecord] = []
    whole = len(planned) + len(_AFTER_TABLES)
    for file in _written(folder, cut, planned, files):
        files.append(file)
        watch(len(files), whole, file.name)
    manifest = describe(write_text(folder / MANIFEST, json_text(_manifest(cut, files))))
    sums = describe(write_text(folder / SUMS, sums_text([*files, manifest])))
    return Dataset((*files, manifest, sums), manifest)


_AFTER_TABLES = (CODEBOOK, CODE_LISTS, "codebook.json", WORKBOOK, "README.txt")


def _written(folder: Path, cut: Cut, planned: tuple[Table, ...], done: list[FileRecord]) -> Iterator[FileRecord]:
    """Each file as soon as it stands; ``done`` grows meanwhile."""
    for table in planned:
        path = folder / table.name
        rows = write_csv(path, table.header, table.numeric, cut.rows(table))
        yield describe(path, rows=rows, columns=table.header, reveals=table.reveals)
    yield _plain_table(cut, folder / CODEBOOK, COLUMNS, codebook_rows(planned, cut.definitions))
    yield _plain_table(cut, folder / CODE_LISTS, CODE_COLUMNS, code_rows(planned, cut.definitions))
    codebook = codebook_json(planned, cut.definitions) | _mark(cut)
    yield describe(write_text(folder / "codebook.json", json_text(codebook)))
    write_workbook(folder / WORKBOOK, _sheets(folder, planned, done), cut.lock.locked_at)
    yield describe(folder / WORKBOOK)
    for name, content in answered_files(cut, planned):
        (folder / name).write_bytes(content)
        yield describe(folder / name)
    text = readme_text(
        cut.lock, cut.definitions[-1], planned, done, with_allocation=cut.with_allocation, invented=cut.invented
    )
    yield describe(write_text(folder / "README.txt", text))


def _mark(cut: Cut) -> dict[str, bool]:
    """What a document says of invented data; nothing of real data, so that their bytes stay what they were."""
    return {INVENTED: True} if cut.invented else {}


def _plain_table(cut: Cut, path: Path, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> FileRecord:
    if cut.invented:
        columns, rows = (*columns, INVENTED), ((*row, "yes") for row in rows)
    count = write_csv(path, columns, [False] * len(columns), rows)
    return describe(path, rows=count, columns=columns)


def _sheets(folder: Path, planned: tuple[Table, ...], done: list[FileRecord]) -> list[Sheet]:
    numeric = {table.name: table.numeric for table in planned}
    counted = [(file.name, file.rows, file.columns) for file in done]
    titles = sheet_titles(name for name, rows, columns in counted if columns is not None)
    return [
        Sheet(
            title=titles[name],
            source=folder / name,
            numeric=numeric.get(name, (False,) * len(columns)),
            rows=rows or 0,
            most_rows=MOST_AUDIT_ROWS if name == AUDIT_TRAIL else MOST_ROWS,
        )
        for name, rows, columns in counted
        if columns is not None
    ]


def _manifest(cut: Cut, files: list[FileRecord]) -> dict[str, Any]:
    study = cut.definitions[-1]
    title = study.title if cut.with_allocation else study.public_title
    return {
        "format": FORMAT,
        "study": {
            "id": study.id,
            "short_title": study.short_title,
            "title": {"nl": title.nl, "en": title.en},
            "registration": study.registration,
            "sponsor": study.sponsor,
        },
        "study_versions": [
            {name: as_text(getattr(each, name)) for name in ("number", "label", "sha256")}
            | {"in_force": [{"site": span.site, "from": as_text(span.begins)} for span in spans_of(each)]}
            for each in approved_versions()
        ],
        "lock": {name: as_text(getattr(cut.lock, name)) for name in _OF_LOCK},
        "allocation": "included" if cut.with_allocation else "left out",
        "software": software(),
        "files": [file.as_json() for file in files],
    } | _mark(cut)


_OF_LOCK = ("locked_at", "locked_by", "reason", "ledger_seq", "ledger_hash")


@cache
def software() -> dict[str, str]:
    """Versions of what shaped the bytes."""
    return {
        "trialmgr": __version__,
        "python": platform.python_version(),
        "django": version("django"),
        "openpyxl": version("openpyxl"),
    }
