"""What is stored is what its rules say on what people entered, after any act and in whatever order."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.installation import installation
from tests.sizes import FULL, size

# What is compared is JSON, and what follows is stored in bulk.
pytestmark = [pytest.mark.slow, pytest.mark.daily_on("postgresql")]

WORKER = ("-m", "tests.law.worker")
EXAMPLES, STEPS = size(4, 250), 16
STUDIES = ("reset_trd", "umcg_off_label", "nasal_spray_registry", "iv_maintenance")
KINDS = {
    "save",
    "correct",
    "clear",
    "missing",
    "not done",
    "row added",
    "row removed",
    "visit day",
    "visit not done",
    "visit added",
    "consent",
    "consent corrected",
    "withdrawal",
    "ending undone",
    "visit reopened",
    "taken out",
    "judged",
    "decided",
    "decision undone",
    "voided",
    "withdrawal undone",
    "site changed",
    "moved",
    "flag withdrawn",
    "signed",
    "verified",
    "query",
    "frozen",
    "unfrozen",
    "amended",
}
OFTEN_ENOUGH = 100


def test_what_is_stored_is_what_a_second_evaluator_says_after_each_act_and_in_another_order(tmp_path: Path) -> None:
    done: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for study in STUDIES:
        (tmp_path / study).mkdir()
        with installation(tmp_path / study) as site:
            told = site.ask(*WORKER, study, str(EXAMPLES), str(STEPS))
        done.update(told["done"])
        refused.update(told["refused"])
    print(f"\nacts done: {dict(done)}\nrefused: {dict(refused)}")
    assert done["save"]
    assert done["another order"]
    assert done.keys() <= KINDS | {"another order"}
    if FULL:
        assert {kind: done[kind] for kind in KINDS if done[kind] < OFTEN_ENOUGH} == {}
