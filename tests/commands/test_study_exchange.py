"""``study import`` and ``study export-odm`` as a shell calls them."""

from __future__ import annotations

from pathlib import Path

from tests.commands.calling import called

DATA = Path(__file__).parents[1] / "data"
ODM = DATA / "odm" / "openedc_example_metadata.xml"


def test_a_file_of_another_system_becomes_a_study_that_passes_its_check(tmp_path: Path) -> None:
    folder = str(tmp_path / "study")
    found = called("study", "import", str(ODM), folder)
    assert found.code == 0
    assert "parts are to be confirmed" in found.out
    assert called("study", "check", folder).code == 0


def test_an_import_tells_machines_what_it_left_out(tmp_path: Path) -> None:
    found = called("study", "import", str(ODM), str(tmp_path / "study"), "--json")
    assert found.answer["study"] == "exemplary_project"
    assert any("MDV" in line or "texts" in line for line in found.answer["warnings"])
    assert found.answer["left_out"]


def test_what_cannot_be_imported_is_refused_in_one_line(tmp_path: Path) -> None:
    found = called("study", "import", str(tmp_path / "none.xml"), str(tmp_path / "study"))
    assert found.code == 1
    assert len(found.err.splitlines()) == 1


def test_a_study_that_ships_is_written_as_odm(tmp_path: Path) -> None:
    out = tmp_path / "reset.xml"
    found = called("study", "export-odm", "reset_trd", "--out", str(out))
    assert found.code == 0
    assert "randomization: the restricted part is not exported" in found.out
    assert out.read_text("utf-8").startswith("<?xml")
    assert [path.name for path in tmp_path.iterdir()] == ["reset.xml"]


def test_a_place_that_cannot_be_written_is_wrong_usage(tmp_path: Path) -> None:
    assert called("study", "export-odm", "reset_trd", "--out", str(tmp_path / "no" / "x.xml")).code == 2
    assert called("study", "export-odm", "reset_trd", "--out", str(tmp_path)).code == 2
