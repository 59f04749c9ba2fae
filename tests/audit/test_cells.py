"""No cell of a release is a formula, and what was done to prevent it can be undone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.acts.cells import RISKY, neutralise, restore
from exports.tables.writers.csv_writer import read_csv, write_csv

TEXTS = st.one_of(st.text(max_size=20), st.text("=+-@'\t\r\nab", max_size=6))
WRITABLE = TEXTS.filter(lambda text: not any("\ud800" <= sign <= "\udfff" for sign in text))


@given(TEXTS)
def test_whatever_was_neutralised_can_be_restored(text: str) -> None:
    assert restore(neutralise(text)) == text


@given(TEXTS)
def test_no_neutralised_cell_begins_like_a_formula(text: str) -> None:
    assert neutralise(text)[:1] not in RISKY


@pytest.mark.parametrize("text", ["", "tekst", "5", "a=b", "o'clock"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert neutralise(text) == text


@given(st.lists(st.tuples(WRITABLE, WRITABLE), max_size=5))
def test_texts_survive_the_way_through_a_file(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "texts.csv"
    assert write_csv(path, ["a", "b"], [False, False], rows) == len(rows)
    _header, *read = read_csv(path)
    assert [(restore(a), restore(b)) for a, b in read] == rows


def test_a_negative_number_stays_a_number_and_a_text_like_it_does_not(tmp_path: Path) -> None:
    write_csv(tmp_path / "mixed.csv", ["number", "text"], [True, False], [("-5", "-5")])
    assert (tmp_path / "mixed.csv").read_bytes() == b"number,text\r\n-5,'-5\r\n"


def test_a_cell_may_be_longer_than_the_module_would_read_by_itself(tmp_path: Path) -> None:
    write_csv(tmp_path / "long.csv", ["text"], [False], [("x" * 200_000,)])
    assert [len(row[0]) for row in read_csv(tmp_path / "long.csv")] == [4, 200_000]
