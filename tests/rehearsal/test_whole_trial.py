"""The whole trial, amended half way, locked and released: what leaves the house equals what stands in it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas
import pytest
from django.db import connection
from openpyxl import load_workbook

from tests.installation import Installation, installation
from tests.rehearsal.amendment import FORM, ITEM, NEW, OLD, write_amendment
from tests.sizes import size

pytestmark = [
    pytest.mark.slow,
    pytest.mark.daily_on("postgresql"),
]
# The size of the trial on the embedded database; a tenth of it where only the database differs.
PARTICIPANTS = size("40", "172") if connection.vendor == "sqlite" else size("8", "17")


@dataclass(frozen=True)
class Trial:
    """``amended``: what ``amended_trial`` told. ``counts``: rows of each file. ``release`` was made twice."""

    amended: dict[str, Any]
    counts: dict[str, int]
    release: Path
    once_more: Path


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """Rehearsed to its end, locked, released twice; each proof that comes with trialmgr ended well."""
    folder = tmp_path_factory.mktemp("trial")
    amendment = write_amendment(folder / "amendment")
    with installation(folder, demo=True) as site:
        amended = site.ask("-m", "tests.rehearsal.amended_trial", PARTICIPANTS, str(amendment))
        site.run("manage.py", "release", "lock", "--reason", "end of the trial", "--as", "data_manager")
        counts = site.ask("-m", "tests.rehearsal.counts")
        first, second = (_released(site, folder / name) for name in ("first", "second"))
        site.run("manage.py", "release", "verify", str(first))
        site.run("manage.py", "audit", "verify")
        site.run("manage.py", "randomization", "verify")
    return Trial(amended, counts, first, second)


def _released(site: Installation, out: Path) -> Path:
    site.run("manage.py", "release", "make", "--out", str(out), "--as", "data_manager")
    return out


def test_a_release_made_again_is_the_same_to_the_byte(trial: Trial) -> None:
    assert _hashes(trial.release) == _hashes(trial.once_more)


def _hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_files_hold_what_stands_in_the_database(trial: Trial) -> None:
    assert trial.counts["participants"] == int(PARTICIPANTS)
    for name, rows in trial.counts.items():
        assert len(_csv(trial.release / f"{name}.csv")) == rows, name


def _csv(path: Path) -> pandas.DataFrame:
    return pandas.read_csv(path, dtype=str, keep_default_na=False)


def test_the_workbook_opens_and_holds_as_much(trial: Trial) -> None:
    book = load_workbook(trial.release / "workbook.xlsx", read_only=True)
    for name in ("participants", "visits", "allocation", "form_madrs"):
        rows = sum(1 for _row in book[name].iter_rows(values_only=True))
        assert rows == trial.counts[name] + 1, name


def test_the_manifest_names_each_file_with_its_hash(trial: Trial) -> None:
    told = {file["name"]: file["sha256"] for file in _manifest(trial)["files"]}
    found = _hashes(trial.release)
    assert told == {name: found[name] for name in told}
    assert {name for name in found if name.endswith(".csv")} <= told.keys()


def _manifest(trial: Trial) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((trial.release / "manifest.json").read_text("utf-8"))
    return manifest


def test_the_amendment_was_said_to_touch_the_entries_that_stood(trial: Trial) -> None:
    impact = trial.amended["told"]["impact"]
    assert {line["form"] for line in impact["entries"]} == {FORM}
    assert sum(line["entries"] for line in impact["entries"]) == len(trial.amended["stood"]) > 0
    assert len(impact["firing"]) == trial.amended["high"] > 0


def test_old_entries_open_on_their_version_and_each_visit_follows_that_of_its_day(trial: Trial) -> None:
    assert trial.amended["of_those_that_stood"] == [OLD]
    versions = trial.amended["versions"]
    assert (set(versions["before"]), set(versions["after"])) == ({OLD}, {NEW})
    assert trial.amended["asks_for_the_height"] == {OLD: False, NEW: True}


def test_the_release_holds_both_versions(trial: Trial) -> None:
    rows, versions = _csv(trial.release / f"form_{FORM}.csv"), trial.amended["versions"]
    assert rows["version"].value_counts().to_dict() == {**versions["before"], **versions["after"]}
    assert set(rows.loc[rows[ITEM] != "", "version"]) == {NEW}
    codebook = _csv(trial.release / "codebook.csv")
    told = codebook[codebook["file"] == f"form_{FORM}.csv"].set_index("column")["versions"]
    assert (told[ITEM], told["systolic"]) == (NEW, f"{OLD}; {NEW}")
    assert [version["label"] for version in _manifest(trial)["study_versions"]] == [OLD, NEW]
