"""A lock and an entry at the same moment: one of them comes first, and the other one meets it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.installation import installation

pytestmark = pytest.mark.on_both  # races are decided by other locks

WORKER = ("-m", "tests.exports.lock_worker")


@pytest.mark.slow
def test_whoever_comes_second_meets_what_the_first_one_did(tmp_path: Path) -> None:
    with installation(tmp_path) as site:
        site.ask(*WORKER, "prepare")
        entry_first = site.ask(*WORKER, "register", "lock")
    assert entry_first["register"] == "UMCG-001"
    assert "1 participant has not ended." in entry_first["lock"]


@pytest.mark.slow
def test_nothing_is_written_behind_the_back_of_a_lock_under_way(tmp_path: Path) -> None:
    with installation(tmp_path) as site:
        site.ask(*WORKER, "prepare")
        lock_first = site.ask(*WORKER, "lock", "register")
    assert lock_first["lock"].startswith("after ")
    assert lock_first["register"].lower().startswith("refused: the study is locked")
