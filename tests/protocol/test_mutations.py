"""One sign of a study file damaged at random: ``study check`` gives its faults or a sound study, never a traceback."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.protocol.small_study import RESET_TRD
from tests.sizes import size
from trialmgr.protocol import loader
from trialmgr.protocol.check import CheckReport, check_study
from trialmgr.protocol.loader import StudyErrors
from trialmgr.protocol.yaml_source import YamlSource, read_source

DAMAGES = size(50, 200)
SIGNS = "aZ09 \n\t:-{}[]'\"#&*!|>%@`,.?=<()\\/_~\0\x85\u2028é\U0001f600"
FORMS = sorted(str(path.relative_to(RESET_TRD)) for path in RESET_TRD.glob("forms/*.yaml"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(RESET_TRD, tmp_path_factory.mktemp("mutations"), dirs_exist_ok=True)


@pytest.fixture(scope="module")
def undamaged() -> dict[str, YamlSource]:
    names = ["study.yaml", "codelists.yaml", "restricted/randomization.yaml", *FORMS]
    return {name: read_source(RESET_TRD, name) for name in names}


@pytest.fixture
def read_again(monkeypatch: pytest.MonkeyPatch, undamaged: dict[str, YamlSource]) -> Iterator[set[str]]:
    """Only the files named here are read again; the others are what they were."""
    names: set[str] = set()

    def read(folder: Path, name: str) -> YamlSource:
        return read_source(folder, name) if name in names else undamaged[name]

    monkeypatch.setattr(loader, "read_source", read)
    return iter([names])


def damage(text: str, chance: random.Random) -> str:
    place = chance.randrange(len(text))
    kind = chance.choice(("replace", "insert", "delete"))
    sign = "" if kind == "delete" else chance.choice(SIGNS)
    return text[:place] + sign + text[place + (kind != "insert") :]


def checked(folder: Path) -> CheckReport | StudyErrors:
    try:
        return check_study(folder)
    except StudyErrors as errors:
        return errors


def judge(folder: Path, outcome: CheckReport | StudyErrors) -> str:
    """What came of it, after a look at every line that a person would read."""
    lines = outcome.failures if isinstance(outcome, CheckReport) else outcome.errors
    for line in map(str, lines):
        name, row, column, _rest = line.split(":", 3)
        assert (folder / name).exists(), line
        assert int(row) >= 1
        assert int(column.split(" ")[0]) >= 1
        assert " — " in line
        assert line.isprintable()
    return "sound" if not lines else "told"


@pytest.mark.parametrize("names", [["study.yaml"], FORMS], ids=["study", "forms"])
def test_no_damaged_sign_gives_anything_but_faults_or_a_study(
    folder: Path, undamaged: dict[str, YamlSource], read_again: Iterator[set[str]], names: list[str]
) -> None:
    chance = random.Random(f"{names[0]} 2026")  # noqa: S311  # chooses what to damage, no secret
    again = next(read_again)
    outcomes = {"sound": 0, "told": 0}
    for _ in range(DAMAGES):
        name = chance.choice(names)
        again.clear()
        again.add(name)
        path, whole = folder / name, (RESET_TRD / name).read_text("utf-8")
        path.write_text(damage(whole, chance), "utf-8", newline="")
        outcomes[judge(folder, checked(folder))] += 1
        path.write_text(whole, "utf-8", newline="")
    assert sum(outcomes.values()) == DAMAGES
    assert outcomes["told"] > DAMAGES // 4
