"""The reveal: what anybody needs to check a list, after the lock only, and checked by the one file that comes along."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from randomization import actions
from randomization.actions import lists
from randomization.methods.lists.reveal import list_csv
from randomization.methods.lists.rows import Row, canonical_stratum_key
from randomization.models import ListRow, RandomizationList
from randomization.policies.envelopes import envelope_name
from tests import walk
from tests.randomization.list_making import (
    MINIMISED,
    SEX,
    SITE,
    again,
    allocated,
    list_in_force,
    manager,
    statistician,
)
from tests.randomization.test_lists_imported import brought, csv_of, lines
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies import queries as study_queries
from trialmgr.studies.models import StudyLock

Lock = Callable[[], None]


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> Lock:
    """The study counts as locked, with whatever is still open."""
    standing = StudyLock(locked_at=timezone.now(), locked_by="N. N.", reason="end")
    return lambda: monkeypatch.setattr("randomization.policies.lists.open_lock", lambda: standing)


def verify(folder: Path, *more: str, allocations: str = "allocations.csv") -> tuple[int, str]:
    """By the system's own Python, alone."""
    command = [sys.executable, "-I", "-S", "verify_list.py", "manifest.json", "secret.txt", allocations, *more]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout + ended.stderr


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_file_of_a_list_is_as_a_csv_writer_has_it_for_every_sign_that_names_allow() -> None:
    key = canonical_stratum_key({"A.b-c_9": "x" * 40, "site": "-.-"})
    rows = {key: [Row(1, 1, "-1"), Row(2, 0, "A_.-z")], "all": [Row(1, 0, "2")]}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("stratum", "position", "block", "arm"))
    writer.writerows((each, *row) for each in sorted(rows) for row in rows[each])
    assert list_csv(rows) == text.getvalue()


def enveloped(cast: Cast, listed: RandomizationList, position: int) -> None:
    """Somebody was randomised from an envelope."""
    row = ListRow.objects.get(stratum__list=listed, stratum__key="site=UMCG", position=position)
    actions.enter_envelope(
        by=cast.at("UMCG", Role.COORDINATOR),
        participant=walk.baseline_done(cast),
        envelope=envelope_name(listed, row.stratum, position),
        opened_at=timezone.now(),
        opened_by="N. N.",
        reason="the line was down",
    )


def test_list_and_allocations_are_checked_by_the_file_that_comes_along(cast: Cast, tmp_path: Path, lock: Lock) -> None:
    listed = list_in_force(cast, length_per_stratum=8, envelopes=3)
    allocated(cast)
    enveloped(cast, listed, 7)
    allocated(cast)
    lock()
    out = tmp_path / "revealed"
    hashes = actions.reveal_list(by=statistician(cast), listed=listed, out=out)
    assert {path.name for path in out.iterdir()} == set(hashes)
    assert [(row["position"], len(row["participant"]) > 3) for row in rows_of(out / "allocations.csv")] == [
        ("1", True),
        ("2", True),
        ("7", True),
    ]
    agree = (0, "Commitment, list and every allocation agree.\n")
    assert verify(out, "--commitment", listed.commitment, "--list", "list.csv") == agree
    assert verify(out, "--reserved", "site=UMCG=6-8") == agree
    readme = (out / "README.txt").read_text()
    entry = LedgerEntry.objects.get(action="list.made", new=listed.commitment)
    assert f"entry {entry.seq} of the audit trail" in readme
    assert "--list list.csv --commitment HEX" in readme


@pytest.mark.parametrize(
    ("name", "was", "then", "said"),
    [
        (
            "allocations.csv",
            "site=UMCG,1,",
            "site=UMCG,3,",
            "position 3 was allocated, but not the position before it.",
        ),
        ("list.csv", "site=LUMC,2,", "site=LUMC,2,9", "Stratum site=LUMC, position 2: the revealed row is not"),
        ("manifest.json", '"purpose": "live"', '"purpose": "test"', "The rows of stratum site=AUMC are not those"),
        ("manifest.json", '"commitment": "', '"commitment": "0', "does not belong to the commitment in the manifest"),
    ],
)
def test_a_file_that_was_tampered_with_is_told_with_the_place(
    cast: Cast, tmp_path: Path, lock: Lock, name: str, was: str, then: str, said: str
) -> None:
    listed = list_in_force(cast, length_per_stratum=8)
    allocated(cast)
    lock()
    out = tmp_path / "revealed"
    actions.reveal_list(by=statistician(cast), listed=listed, out=out)
    text = (out / name).read_text()
    assert was in text
    (out / name).write_text(text.replace(was, then))
    code, told = verify(out, "--commitment", listed.commitment, "--list", "list.csv")
    assert code == 1
    assert said in told


def test_an_exchanged_arm_is_told_with_its_place(cast: Cast, tmp_path: Path, lock: Lock) -> None:
    allocation = allocated(cast)
    lock()
    out = tmp_path / "revealed"
    actions.reveal_list(by=statistician(cast), listed=RandomizationList.objects.get(), out=out)
    other = "ect" if allocation.arm != "ect" else "esketamine"
    text = (out / "allocations.csv").read_text()
    (out / "allocations.csv").write_text(text.replace(f",{allocation.arm},", f",{other},"))
    assert verify(out) == (
        1,
        f"Stratum site=UMCG, position 1: {other} was allocated, but the list says {allocation.arm}.\n",
    )


def test_minimisation_is_checked_from_its_log(cast: Cast, tmp_path: Path, lock: Lock) -> None:
    listed = list_in_force(cast, factors=(SITE, SEX), **MINIMISED)
    for site in ("UMCG", "LUMC", "UMCG"):
        allocated(cast, site)
    lock()
    out = tmp_path / "revealed"
    actions.reveal_list(by=statistician(cast), listed=listed, out=out)
    assert not (out / "list.csv").exists()
    assert "allocations.jsonl --commitment HEX" in (out / "README.txt").read_text()
    assert verify(out, "--commitment", listed.commitment, allocations="allocations.jsonl")[0] == 0
    first, *others = (out / "allocations.jsonl").read_text().splitlines()
    changed = json.loads(first) | {"pseudo_arm": 1 - json.loads(first)["pseudo_arm"]}
    (out / "allocations.jsonl").write_text("\n".join([json.dumps(changed), *others]))
    code, told = verify(out, allocations="allocations.jsonl")
    assert (code, told.startswith("Allocation 1: pseudo_arm is ")) == (1, True)


def test_an_imported_list_is_checked_by_its_rows_and_its_own_file(
    cast: Cast, reset_trd: StudyDefinition, tmp_path: Path, lock: Lock
) -> None:
    listed = brought(cast, reset_trd)
    allocated(cast)
    lock()
    out = tmp_path / "revealed"
    actions.reveal_list(by=statistician(cast), listed=listed, out=out)
    (tmp_path / "handed-over.csv").write_bytes(csv_of(lines(reset_trd)))
    more = ("--list", "list.csv", "--file", "../handed-over.csv", "--commitment", listed.commitment)
    assert verify(out, *more)[0] == 0
    assert "was made elsewhere and imported" in (out / "README.txt").read_text()


def test_an_extended_list_is_revealed_with_every_manifest(cast: Cast, tmp_path: Path, lock: Lock) -> None:
    listed = list_in_force(cast, length_per_stratum=1)
    allocated(cast)
    extension = actions.extend_list(by=statistician(cast), listed=listed, reason="more", to=4)
    actions.activate_extension(by=manager(cast), extension=extension)
    allocated(cast)
    lock()
    out = tmp_path / "revealed"
    actions.reveal_list(by=statistician(cast), listed=again(listed), out=out)
    assert verify(out, "--list", "list.csv", "--commitment", listed.commitment)[0] == 0
    assert json.loads((out / "manifest-1.json").read_text()) == listed.manifest
    readme = (out / "README.txt").read_text()
    assert str(LedgerEntry.objects.get(action="list.extended").new) in readme


def test_before_the_lock_nothing_is_revealed(cast: Cast, tmp_path: Path) -> None:
    with pytest.raises(ActionRefused):
        actions.reveal_list(by=statistician(cast), listed=RandomizationList.objects.get(), out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    assert study_queries.open_lock() is None


def test_nothing_is_overwritten_and_nothing_is_written_by_half(
    cast: Cast, tmp_path: Path, lock: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock()
    listed = RandomizationList.objects.get()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(ActionRefused):
        actions.reveal_list(by=statistician(cast), listed=listed, out=tmp_path / "full")

    def fails(folder: Path, files: dict[str, str]) -> None:
        (folder / "secret.txt").write_text(files["secret.txt"])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lists, "_write", fails)
    with pytest.raises(ActionRefused, match="No space left"):
        actions.reveal_list(by=statistician(cast), listed=listed, out=tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["full"]
    assert not LedgerEntry.objects.filter(action="list.revealed").exists()
    assert again(listed).status == "active"


def test_a_revealed_list_is_closed_for_whoever_knows_the_secret_knows_what_comes(
    cast: Cast, tmp_path: Path, lock: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = RandomizationList.objects.get()
    lock()
    actions.reveal_list(by=statistician(cast), listed=listed, out=tmp_path / "once")
    actions.reveal_list(by=statistician(cast), listed=again(listed), out=tmp_path / "twice")
    assert again(listed).status == "closed"
    monkeypatch.undo()
    with pytest.raises(ActionRefused):
        allocated(cast)


def test_the_hashes_of_the_files_stand_in_the_restricted_part_of_the_ledger(
    cast: Cast, tmp_path: Path, lock: Lock
) -> None:
    lock()
    hashes = actions.reveal_list(by=statistician(cast), listed=RandomizationList.objects.get(), out=tmp_path / "out")
    opened, restricted = LedgerEntry.objects.filter(action="list.revealed").order_by("seq")
    assert (opened.restricted, opened.new, opened.detail) == (False, "revealed", {})
    assert (restricted.restricted, restricted.detail) == (True, hashes)


def test_others_and_whoever_is_blinded_besides_reveal_nothing(
    cast: Cast, tmp_path: Path, lock: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock()
    listed = RandomizationList.objects.get()
    with pytest.raises(PermissionDenied):
        actions.reveal_list(by=manager(cast), listed=listed, out=tmp_path / "out")
    monkeypatch.setattr(User, "sight", lambda self, definition: type("Blind", (), {"blinded": True}))
    with pytest.raises(PermissionDenied):
        actions.reveal_list(by=statistician(cast), listed=listed, out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
