from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from django.conf import settings

from tests.commands.calling import called
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.studies.models import StudyVersion
from trialmgr.studies.queries import NoStudyPublished

STUDY = Path(settings.TRIALMGR_STUDIES) / "reset_trd"


@pytest.fixture
def amended(tmp_path: Path) -> Path:
    """The study with another version number."""
    folder = tmp_path / "study"
    shutil.copytree(STUDY, folder)
    file = folder / "study.yaml"
    text = file.read_text("utf-8")
    line = next(line for line in text.splitlines() if line.startswith("version:"))
    file.write_text(text.replace(line, "version: 9.9.9"), "utf-8")
    return folder


def test_a_sound_study_is_found_by_its_name() -> None:
    found = called("study", "check", "reset_trd", "--json")
    assert found.code == 0
    assert found.answer["failures"] == []
    assert found.answer["examples"] > 100


def test_people_read_what_is_to_be_confirmed() -> None:
    found = called("study", "check", str(STUDY))
    assert found.code == 0
    assert "to be confirmed with the protocol" in found.out


def test_a_broken_study_is_refused_with_file_and_line(amended: Path) -> None:
    (amended / "codelists.yaml").write_text("codelists: [", "utf-8")
    found = called("study", "check", str(amended))
    assert found.code == 1
    assert "codelists.yaml" in found.err


def test_a_folder_that_is_not_there_is_wrong_usage() -> None:
    assert called("study", "check", "no_such_study").code == 2


def test_an_amendment_is_put_in_force(cast: Cast, amended: Path) -> None:
    found = called("study", "publish", str(amended), "--as", "data_manager", "--reason", "amendment 9", "--json")
    assert found.code == 0
    assert found.answer["number"] == 2
    assert StudyVersion.objects.get(number=2).label == "9.9.9"


def test_a_study_whose_examples_fail_is_not_published(cast: Cast, amended: Path) -> None:
    file = amended / "forms" / "madrs.yaml"
    text = file.read_text("utf-8")
    assert "gives: 60" in text
    file.write_text(text.replace("gives: 60", "gives: 59"), "utf-8")
    found = called("study", "publish", str(amended), "--as", "data_manager")
    assert found.code == 1
    assert "expected 59, found 60" in found.out
    assert StudyVersion.objects.count() == 1


def test_what_is_in_force_is_shown(cast: Cast) -> None:
    found = called("study", "show", "--json")
    assert (found.code, found.answer["study"], found.answer["number"]) == (0, "reset_trd", 1)


def test_nothing_in_force_says_what_to_do(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    monkeypatch.setattr("trialmgr.studies.queries._read", _none)
    found = called("study", "show")
    assert found.code == 1
    assert "study publish DIR" in found.err


def _none() -> StudyVersion:
    raise NoStudyPublished
