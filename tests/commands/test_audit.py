from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from audit import verification
from audit.models import LedgerEntry
from tests.commands.calling import called
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.actions import deactivate_user
from trialmgr.people.permissions import Role


def test_a_whole_trail_is_told_to_be_whole(cast: Cast) -> None:
    found = called("audit", "verify", "--json")
    assert (found.code, found.answer["whole"]) == (0, True)
    assert found.answer["entries"] == LedgerEntry.objects.count()
    assert "ledger chain: whole" in called("audit", "verify").out


def test_a_fault_is_named_and_sets_the_exit_code(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(verification._checks, "form entries", lambda: iter(["entry 1 differs"]))
    found = called("audit", "verify")
    assert found.code == 1
    assert "form entries: 1 faults\n  entry 1 differs" in found.out


def test_the_whole_trail_is_written_in_both_forms(cast: Cast, tmp_path: Path) -> None:
    found = called("audit", "export", "--out", str(tmp_path / "trail.txt"), "--json")
    assert found.code == 0
    lines = [json.loads(line) for line in (tmp_path / "trail.ndjson").read_text("utf-8").splitlines()]
    with (tmp_path / "trail.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert len(lines) == len(table) == found.answer["entries"] == LedgerEntry.objects.count()
    assert [line["seq"] for line in lines] == sorted(line["seq"] for line in lines)
    assert table[0]["hash"] == lines[0]["hash"]


def test_a_text_that_looks_like_a_formula_is_disarmed(cast: Cast, tmp_path: Path) -> None:
    administrator, user = cast.at("", Role.ADMINISTRATOR), cast.at("UMCG", Role.RATER)
    deactivate_user(by=administrator, user=user, reason="=1+1")
    called("audit", "export", "--out", str(tmp_path / "trail"))
    assert "'=1+1" in (tmp_path / "trail.csv").read_text("utf-8")
    assert '"=1+1"' in (tmp_path / "trail.ndjson").read_text("utf-8")


def test_a_place_that_cannot_be_written_is_refused(cast: Cast, tmp_path: Path) -> None:
    found = called("audit", "export", "--out", str(tmp_path / "no" / "trail"))
    assert found.code == 1
    assert "No such file or directory" in found.err
