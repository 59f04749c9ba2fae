"""A save costs much the same in a casebook with a full year as in a fresh one; all of it is assessed in a moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.installation import installation
from tests.sizes import size

pytestmark = [pytest.mark.benchmark, pytest.mark.on_both]  # the driver has its part in loading
ROUNDS = size(20, 200)
MOST_TIMES_A_FRESH_ONE = 1.5
MOST_SAVES = 5  # what assessing a full casebook from nothing may cost, in saves of one form
FULL_CASEBOOK = 160


def test_a_save_in_a_full_casebook_is_told_beside_one_in_a_fresh_casebook(tmp_path: Path) -> None:
    with installation(tmp_path) as site:
        told = site.ask("-m", "tests.benchmarks.saving", "measure", str(ROUNDS))
    ratio = told["full"] / told["fresh"]
    print(f"\na save: {told['fresh'] * 1000:.1f} ms of processor in a fresh casebook, ratio in a full one {ratio:.2f}")
    print(f"{told['entries']} entries assessed from nothing: {told['assessed'] * 1000:.1f} ms of processor")
    assert told["entries"] >= FULL_CASEBOOK
    fresh, full = told["statements"]
    assert fresh == full
    assert ratio < MOST_TIMES_A_FRESH_ONE
    assert told["assessed"] < MOST_SAVES * told["fresh"]
