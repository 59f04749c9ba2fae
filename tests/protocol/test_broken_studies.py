"""Broken definitions, each with the one line that a data manager must read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.protocol.broken import BASE, CASES, case, damaged, told

PLACE = re.compile(
    r"(?P<file>[\w/]+\.ya?ml):(?P<line>\d+):(?P<column>\d+)(?: (?P<key>\S+))?: (?P<what>.+) — (?P<mend>.+)"
)


def test_there_are_at_least_sixty_of_them() -> None:
    assert len(CASES) >= 60
    assert len({str(case(path)["error"]) for path in CASES}) > 60


def test_the_study_they_damage_is_sound() -> None:
    assert told(BASE) == []


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_broken_study_gives_its_one_line(tmp_path: Path, path: Path) -> None:
    damage = case(path)
    assert told(damaged(tmp_path, damage)) == [damage["error"]]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_line_names_file_line_key_and_mend(path: Path) -> None:
    error = str(case(path)["error"])
    found = PLACE.fullmatch(error)
    assert found, error
    assert len(error) < 400
    assert case(path)["says"].endswith(".")
