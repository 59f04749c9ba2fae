"""The whole trial of 172, locked and released: what leaves the house equals what stands in it, twice to the byte."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pandas
import pytest
from django.db import connection
from openpyxl import load_workbook

from tests.installation import Installation, installation

pytestmark = pytest.mark.slow
# The size of the trial on the embedded database; a tenth of it where only the database differs.
PARTICIPANTS = os.environ.get("N") or "172" if connection.vendor == "sqlite" else "17"


def test_the_locked_release_of_the_whole_trial_opens_elsewhere_and_returns_to_the_byte(tmp_path: Path) -> None:
    with installation(tmp_path, demo=True) as site:
        site.run("manage.py", "trial", "rehearse", "--participants", PARTICIPANTS, "--seed", "1")
        site.run("manage.py", "release", "lock", "--reason", "end of the trial", "--as", "data_manager")
        counts = site.ask("-m", "tests.rehearsal.counts")
        first, second = (_released(site, tmp_path / name) for name in ("first", "second"))
        site.run("manage.py", "release", "verify", str(first))
        site.run("manage.py", "audit", "verify")
        site.run("manage.py", "randomization", "verify")
    assert _hashes(first) == _hashes(second)
    assert counts["participants"] == int(PARTICIPANTS)
    for name, rows in counts.items():
        assert len(pandas.read_csv(first / f"{name}.csv", dtype=str, keep_default_na=False)) == rows, name
    _check_workbook(first, counts)
    _check_manifest(first)


def _released(site: Installation, out: Path) -> Path:
    site.run("manage.py", "release", "make", "--out", str(out), "--as", "data_manager")
    return out


def _hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _check_workbook(folder: Path, counts: dict[str, int]) -> None:
    book = load_workbook(folder / "workbook.xlsx", read_only=True)
    for name in ("participants", "visits", "allocation", "form_madrs"):
        rows = sum(1 for _row in book[name].iter_rows(values_only=True))
        assert rows == counts[name] + 1, name


def _check_manifest(folder: Path) -> None:
    told = {file["name"]: file["sha256"] for file in json.loads((folder / "manifest.json").read_text())["files"]}
    found = _hashes(folder)
    assert told == {name: found[name] for name in told}
    assert {name for name in found if name.endswith(".csv")} <= told.keys()
