"""Allocations a second by eight processes, beside the nearest Django system and the database's own commits."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from django.db import connection

from tests.installation import installation
from tests.sizes import size

pytestmark = [pytest.mark.benchmark, pytest.mark.on_both]
WORKER = ("-m", "tests.faults.worker")
PROCESSES, PARTICIPANTS = 8, 60

# Measured for the project in 2026: clinicedc 4.12 on PostgreSQL, 4 workers, 60 participants, two cores.
CLINICEDC = "clinicedc 4.12: 21-23 slots for 60 participants, 5 allocations a second"


def test_sixty_participants_get_sixty_slots_and_the_rate_is_told_beside_the_nearest_system(tmp_path: Path) -> None:
    with installation(tmp_path) as site:
        numbers = site.ask(*WORKER, "prepare", str(PARTICIPANTS), "UMCG")["ready"]
        begin = str(time.time() + 3)
        shares = [numbers[process::PROCESSES] for process in range(PROCESSES)]
        outcomes = site.all_at_once([(*WORKER, "randomise", begin, *share) for share in shares])
        slots = {tuple(slot) for slot in site.ask(*WORKER, "examine")["slots"]}
    rate = PARTICIPANTS / max(outcome["seconds"] for outcome in outcomes)
    print(f"\ntrialmgr: {len(slots)} slots for {PARTICIPANTS} participants, {rate:.0f} allocations a second")
    print(CLINICEDC)
    assert len(slots) == PARTICIPANTS


def test_an_allocation_is_told_as_a_share_of_what_the_database_asks_for_the_same_rows(tmp_path: Path) -> None:
    with installation(tmp_path) as site:
        took = site.ask("-m", "tests.benchmarks.committing", "measure", size("24", "60"))
    made, bare, processor = (took[name] * 1000 for name in ("allocation", "bare", "processor"))
    print(f"\n{connection.vendor}: an allocation takes {made:.1f} ms, {processor:.1f} of the processor", end="; ")
    print(f"its {took['statements']} writing statements and their commit, sent bare, {bare:.1f} ms", end=" = ")
    print(f"{bare / made:.0%} of it; the allocation is {made / bare:.1f} x the database's own part")
    assert bare < made
