"""A release that was touched in any way is told from one that was not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from exports.tables.manifest import FORMAT, MANIFEST, SUMS, describe, json_text, sums_text, write_text
from exports.tables.verification import verify_release
from exports.tables.writers.csv_writer import write_csv


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A release of one table and one text."""
    place = tmp_path / "release"
    place.mkdir()
    rows = write_csv(
        place / "visits.csv", ["visit", "day"], [False, False], [("baseline", "2026-05-31"), ("week_1", "")]
    )
    files = [
        describe(place / "visits.csv", rows=rows, columns=("visit", "day")),
        describe(write_text(place / "README.txt", "Lees mij\n")),
    ]
    manifest = {"format": FORMAT, "files": [file.as_json() for file in files]}
    files.append(describe(write_text(place / MANIFEST, json_text(manifest))))
    write_text(place / SUMS, sums_text(files))
    return place


def rewrite(folder: Path, change: Callable[[dict[str, object]], object]) -> None:
    """Change what the manifest says of the table."""
    manifest = json.loads((folder / MANIFEST).read_text())
    change(manifest["files"][0])
    (folder / MANIFEST).write_text(json_text(manifest))


def test_an_untouched_release_has_no_fault(folder: Path) -> None:
    assert verify_release(folder) == []


def test_a_changed_byte_is_found(folder: Path) -> None:
    text = (folder / "visits.csv").read_bytes()
    (folder / "visits.csv").write_bytes(text.replace(b"31", b"30"))
    assert verify_release(folder) == ["visits.csv: was changed: its SHA-256 is not that of the manifest"]


def test_an_added_row_is_found_and_counted(folder: Path) -> None:
    with (folder / "visits.csv").open("a") as stream:
        stream.write("week_2,\r\n")
    faults = verify_release(folder)
    assert "visits.csv: has 3 rows, the manifest says 2" in faults
    assert any("bytes" in fault for fault in faults)


def test_a_missing_and_a_strange_file_are_found(folder: Path) -> None:
    (folder / "README.txt").unlink()
    (folder / "notes.txt").write_text("mine")
    assert verify_release(folder) == ["README.txt: the file is missing", "notes.txt: does not belong to the release"]


def test_other_columns_than_the_manifest_names_are_found(folder: Path) -> None:
    rewrite(folder, lambda said: said.update({"columns": ["visit", "date"]}))
    assert "visits.csv: does not have the columns that the manifest names" in verify_release(folder)


def test_a_table_that_is_no_text_is_found(folder: Path) -> None:
    (folder / "visits.csv").write_bytes(b"\xff\xfe")
    assert "visits.csv: is not a CSV file in UTF-8" in verify_release(folder)


def test_a_rewritten_manifest_no_longer_agrees_with_the_list_of_hashes(folder: Path) -> None:
    rewrite(folder, lambda said: said.update({"note": "x"}))
    assert verify_release(folder) == [f"{SUMS}: the line of {MANIFEST} does not agree with the manifest"]


def test_a_missing_list_of_hashes_is_found(folder: Path) -> None:
    (folder / SUMS).unlink()
    assert verify_release(folder) == [f"{SUMS}: the file is missing"]


@pytest.mark.parametrize(
    "manifest",
    [
        "no json",
        "[]",
        "{}",
        '{"format": "other", "files": []}',
        f'{{"format": "{FORMAT}", "files": [{{"name": "../secret", "bytes": 1}}]}}',
        f'{{"format": "{FORMAT}", "files": [{{"name": "a", "bytes": "many"}}]}}',
    ],
)
def test_a_manifest_that_is_none_is_said_to_be_none(folder: Path, manifest: str) -> None:
    (folder / MANIFEST).write_text(manifest)
    (fault,) = verify_release(folder)
    assert fault.startswith("manifest.json cannot be read as the manifest of a release")


def test_a_folder_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    assert verify_release(tmp_path / "nowhere") == [f"{tmp_path / 'nowhere'}: there is no such folder"]
