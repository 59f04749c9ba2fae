"""Two parsers read study files, and what comes of a file never tells which of them did."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.protocol.broken import BASE, CASES, FOLDER, case, damaged
from tests.protocol.small_study import RESET_TRD
from tests.protocol.test_mutations import damage
from trialmgr.protocol import yaml_source
from trialmgr.protocol.loader import load_study
from trialmgr.protocol.yaml_events import quick_events
from trialmgr.protocol.yaml_faults import events_or_fault
from trialmgr.protocol.yaml_source import read_source

FILES = sorted([*RESET_TRD.parent.rglob("*.yaml"), *FOLDER.rglob("*.yaml")])

# What YAML is made of, what its versions 1.1 and 1.2 read otherwise, and what breaks it.
PARTS = [
    *("a", "b: ", "key: value\n", "- ", "- item\n", "\n", "\n  ", "\n    ", "\n\n", " ", ": ", ":", "-", "? ", "?"),
    *("[", "]", "{", "}", ", ", ",", "'", '"', "''", "#", " #", "   # c\n", "|", "|-\n  x\n", ">", ">+\n  x\n\n", "|2"),
    *(
        "k: |\n  x\n",
        "k: >-\n  x\n   y\n",
        "k: |\n    a#b\n",
        "'a\n b'",
        '"a\n\n b"',
        "\\",
        "\\n",
        "\\/",
        "\\x41",
        "\\N",
    ),
    *("yes", "off", "010", "0o7", "12:30", "1e3", "2026-11-30", "<<", "=", "~", "null", "True", "http://x", "1:2"),
    *(
        "!",
        "! ",
        "!!str ",
        "&a ",
        "*a",
        "---",
        "...",
        "%YAML 1.1\n",
        "@",
        "`",
        "\t",
        "\r\n",
        "\x85",
        "\u2028",
        "\ufeff",
    ),
    *("\0", "é", "\u00a0", "\U0001f600"),
]
yaml_like = st.lists(st.sampled_from(PARTS), max_size=16).map("".join)


def assert_read_alike(text: str) -> bool:
    """Whether the quick parser took it; then it read each part, with its place, as the other does."""
    quick = quick_events(text)
    if quick is not None:
        assert quick == list(events_or_fault(text)), text
    return quick is not None


@given(yaml_like)
@example("? |+#null")
@example(">-\n#|-")
@example("- >\n  \n    a\n  b\n")
@example("{a: b,c:d, e}")
@example(f"{'k' * 1030}: value\n")
@example(f"'{'é' * 1025}': value\n")
@example("[" * 1200 + "]" * 1200)
def test_what_the_quick_parser_takes_it_reads_as_the_other_does(text: str) -> None:
    assert_read_alike(text)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_sound_study_file_is_taken_by_the_quick_parser(path: Path) -> None:
    assert assert_read_alike(path.read_text("utf-8"))


def test_damaged_study_files_are_read_alike_or_left_to_the_slow_parser() -> None:
    chance = random.Random("read alike")  # noqa: S311  # chooses what to damage, no secret
    small = [path for path in FILES if path.stat().st_size < 4_000]
    taken = [assert_read_alike(damage(chance.choice(small).read_text("utf-8"), chance)) for _ in range(150)]
    assert {True, False} == set(taken)


@pytest.fixture
def slow_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.setattr(yaml_source, "quick_events", lambda _text: None)
    yield monkeypatch
    monkeypatch.undo()


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_broken_file_gives_the_same_values_places_and_faults_either_way(
    tmp_path: Path, path: Path, slow_only: pytest.MonkeyPatch
) -> None:
    damage = case(path)
    folder = damaged(tmp_path, damage)
    names = {part["file"] for part in (damage, *damage.get("also", ()))}
    slow = {name: read_source(folder, name) for name in names}
    slow_only.undo()
    assert {name: read_source(folder, name) for name in names} == slow


@pytest.mark.parametrize(
    "written", ["yes", "off", "010", "0o7", "12:30", "1e3", "1.0", "2026-11-30", "=", "0x1F", "1_000", ".inf"]
)
def test_what_yaml_1_1_would_turn_into_something_else_stays_as_written(tmp_path: Path, written: str) -> None:
    (tmp_path / "study.yaml").write_text(f"key: {written}\n", "utf-8")
    assert read_source(tmp_path, "study.yaml").document == {"key": written}


def test_a_sound_study_is_read_without_the_slow_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trialmgr.protocol.yaml_faults", None)  # importing it fails
    assert load_study(BASE).forms
