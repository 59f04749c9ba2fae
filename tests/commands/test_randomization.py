from __future__ import annotations

import hashlib
import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from pytest_django import Settings

from randomization.methods.findings import finding
from randomization.models import RandomizationList
from tests import walk
from tests.commands.calling import Called, called
from tests.randomization.list_making import list_in_force
from tests.randomization.test_lists_imported import FAULTS, csv_of, lines, wrong
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.protocol.model import StudyDefinition


def test_making_prints_the_commitment_and_a_second_person_activates(cast: Cast) -> None:
    made = called("randomization", "make", "--as", "unblinded_statistician", "--json")
    number = str(made.answer["number"])
    assert made.code == 0
    assert made.answer["commitment"] == RandomizationList.objects.get(number=number).commitment
    assert called("randomization", "activate", number, "--as", "unblinded_statistician").code == 1
    assert called("randomization", "activate", number, "--as", "data_manager").code == 0
    assert RandomizationList.objects.get(number=number).status == "active"


def test_status_tells_of_every_list_and_of_none_of_its_rows(cast: Cast) -> None:
    found = called("randomization", "status", "--json")
    assert [each["status"] for each in found.answer["lists"]] == ["active"]
    assert "esketamine" not in found.out


def test_before_any_list_both_say_so(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RandomizationList, "objects", RandomizationList.objects.none())
    assert called("randomization", "status").out == "No list has been made.\n"
    assert called("randomization", "verify").out == "No list has been made.\n"


def test_every_allocation_is_recomputed(cast: Cast) -> None:
    walk.randomised(cast)
    found = called("randomization", "verify")
    assert (found.code, found.out) == (0, "list 1: agrees\n")


def test_what_the_list_does_not_bear_out_is_told(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = finding("Stratum %(stratum)s was changed.", stratum="site=UMCG")
    monkeypatch.setattr("randomization.management.lists.list_findings", lambda listed: [fault])
    found = called("randomization", "verify", "1", "--json")
    assert (found.code, found.answer["findings"]) == (1, {"1": ["Stratum site=UMCG was changed."]})
    assert called("randomization", "verify").out == "list 1: 1 findings\nStratum site=UMCG was changed.\n"


def test_a_list_or_extension_that_is_not_there_is_wrong_usage(cast: Cast) -> None:
    assert called("randomization", "verify", "77").code == 2
    assert called("randomization", "activate", "1", "9", "--as", "data_manager").code == 2


# --- extending


def extend(*more: str) -> Called:
    return called("randomization", "extend", "1", "--reason", "more", "--as", "unblinded_statistician", *more)


def test_a_list_is_extended_by_one_and_activated_by_another(cast: Cast) -> None:
    made = extend("--to", "210", "--stratum", "site=UMCG=220", "--json")
    assert (made.code, made.answer["extension"]) == (0, 1)
    lengths = {key: entry["rows"] for key, entry in made.answer["manifest"]["strata"].items()}
    assert (lengths["site=UMCG"], lengths["site=LUMC"]) == (220, 210)
    assert "  extension 1: made" in called("randomization", "status").out
    assert called("randomization", "activate", "1", "1", "--as", "unblinded_statistician").code == 1
    activated = called("randomization", "activate", "1", "1", "--as", "data_manager")
    assert activated.out == f"Extension 1 of list 1 is active: {made.answer['manifest']['rows']} rows in all.\n"
    assert called("randomization", "status", "--json").answer["lists"][0]["extensions"][0]["status"] == "active"
    assert called("randomization", "verify").out == "list 1: agrees\n"


def test_what_cannot_be_extended_is_said_a_line_for_each_reason(cast: Cast) -> None:
    refused = extend("--stratum", "site=NONE=5", "--stratum", "site=UMCG=5")
    assert refused.code == 1
    assert len(refused.err.splitlines()) == 2
    assert extend("--to", "0").code == 2
    assert extend("--stratum", "nonsense", "--json").answer["refused"] == [
        "'nonsense' is no stratum with its rows: write for example site=UMCG=240."
    ]


def test_without_a_usable_key_the_setting_is_named(cast: Cast, settings: Settings) -> None:
    for key in ("", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="):
        settings.TRIALMGR_LIST_KEY = key
        for asked in (extend("--to", "210"), called("randomization", "verify")):
            assert (asked.code, len(asked.err.splitlines())) == (1, 1)
            assert "TRIALMGR_LIST_KEY" in asked.err


# --- lists made elsewhere


@pytest.fixture
def file(tmp_path: Path, reset_trd: StudyDefinition) -> Path:
    path = tmp_path / "list.csv"
    path.write_bytes(csv_of(lines(reset_trd)))
    return path


def bring(file: str, *more: str) -> Called:
    return called("randomization", "import", file, "--as", "unblinded_statistician", *more)


def test_an_imported_file_is_sealed_and_removed(cast: Cast, file: Path) -> None:
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    made = bring(str(file), "--json")
    assert (made.code, made.answer["file_sha256"]) == (0, sha256)
    assert made.answer["commitment"] == RandomizationList.objects.get(origin="imported").commitment
    assert not file.exists()
    assert called("randomization", "activate", "2", "--as", "data_manager").code == 0
    assert called("randomization", "verify", "2").out == "list 2: agrees\n"


def test_a_list_may_come_by_standard_input(cast: Cast, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(file.read_bytes())))
    assert bring("-").code == 0
    assert file.exists()


def test_a_file_that_cannot_be_read_or_removed_is_told(cast: Cast, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bring(str(file.parent / "other.csv")).code == 2

    def stays(path: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "unlink", stays)
    assert "could not be removed (Operation not permitted): remove it now." in bring(str(file)).out


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_of_an_imported_list_is_told_with_its_row(
    cast: Cast, reset_trd: StudyDefinition, tmp_path: Path, fault: str
) -> None:
    content, said = wrong(reset_trd)[fault]
    file = tmp_path / "list.csv"
    file.write_bytes(content)
    refused = bring(str(file))
    assert refused.code == 1
    assert any(said in line for line in refused.err.splitlines())
    assert file.exists()


# --- envelopes and the reveal


def test_envelopes_are_written_as_one_paper(cast: Cast, tmp_path: Path) -> None:
    list_in_force(cast, length_per_stratum=10, envelopes=2)
    out = tmp_path / "paper"
    asked = ("randomization", "export-envelopes", "2", "--out", str(out), "--as", "unblinded_statistician")
    made = called(*asked, "--site", "UMCG", "--language", "en", "--json")
    assert (made.code, made.answer["envelopes"]) == (0, 2)
    assert [path.name for path in out.iterdir()] == ["envelopes.pdf"]
    assert (out / "envelopes.pdf").read_bytes().startswith(b"%PDF-")
    again = called(*asked)
    assert (again.code, "is not an empty folder" in again.err) == (1, True)
    manager = called(*asked[:4], str(tmp_path / "other"), "--as", "data_manager")
    assert (manager.code, [path.name for path in tmp_path.iterdir()]) == (1, ["paper"])


def test_a_list_is_revealed_after_the_lock_and_not_before(cast: Cast, tmp_path: Path) -> None:
    out = tmp_path / "revealed"
    asked = ("randomization", "reveal", "1", "--out", str(out), "--as", "unblinded_statistician")
    before = called(*asked)
    assert (before.code, len(before.err.splitlines()), out.exists()) == (1, 1, False)
    assert called("release", "lock", "--as", "data_manager", "--reason", "end").code == 0
    revealed = called(*asked)
    assert (revealed.code, revealed.out.splitlines()[0]) == (
        0,
        f"List 1 is revealed in {out}; README.txt there says how to check it.",
    )
    assert {line.split("  ")[1] for line in revealed.out.splitlines()[1:]} == {path.name for path in out.iterdir()}
    assert called("randomization", "status", "--json").answer["lists"][0]["status"] == "closed"
