"""The audit trail of a trial many times as large costs its readers the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.installation import copied, installation

pytestmark = [pytest.mark.benchmark, pytest.mark.on_both, pytest.mark.full]
REHEARSED, FEW, MANY = 8, 100, 5000
ROUNDS = 15
MOST_TIMES_THE_SMALL_ONE = 1.5
MOMENT = 0.005
"""Seconds that are lost among whatever else the machine does."""


def test_each_page_of_the_trail_opens_as_fast_in_a_trial_many_times_as_large(tmp_path: Path) -> None:
    with installation(tmp_path, demo=True) as few:
        few.ask("-m", "tests.large_trial", str(FEW), "--rehearsed", str(REHEARSED), "--ongoing")
        with copied(few, tmp_path / "many.sqlite3") as many:
            many.ask("-m", "tests.large_trial", str(MANY))
            small, large = (site.ask("-m", "tests.benchmarks.trail", str(ROUNDS)) for site in (few, many))
    entries = small.pop("entries"), large.pop("entries")
    print(f"\nentries: {entries[0]} and {entries[1]}")
    for name, (statements, page, bare) in large.items():
        print(f"{name}: {statements} statements, {page * 1000:.1f} ms, ratio {page / small[name][1]:.2f}", end="")
        print(f"; bare {bare * 1000:.1f} ms, ratio {page / bare:.1f}")
    assert entries[1] > entries[0] * MANY / FEW / 2
    # One more where an edit check speaks on the page, in the words of the reader.
    assert {name for name, told in large.items() if abs(told[0] - small[name][0]) > 1} == set()
    for part in (1, 2):
        limit = {name: MOST_TIMES_THE_SMALL_ONE * told[part] + MOMENT for name, told in small.items()}
        assert {name: told[part] for name, told in large.items() if told[part] > limit[name]} == {}
