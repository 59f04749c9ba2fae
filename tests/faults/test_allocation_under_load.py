"""Eight application servers randomise at the same moment, on the database the tests run on."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from tests.installation import installation
from tests.sizes import size

pytestmark = pytest.mark.on_both  # races are decided by other locks

PROCESSES, PARTICIPANTS = 8, size(40, 200)
SOON = 3
"""Seconds in which all processes have begun."""

WORKER = ("-m", "tests.faults.worker")


@pytest.mark.slow
def test_eight_processes_give_each_participant_a_slot_of_their_own_in_order(tmp_path: Path) -> None:
    with installation(tmp_path) as site:
        numbers = site.ask(*WORKER, "prepare", str(PARTICIPANTS), "UMCG", "LUMC")["ready"]
        begin = str(time.time() + SOON)
        shares = [numbers[process::PROCESSES] for process in range(PROCESSES)]
        outcomes = site.all_at_once([(*WORKER, "randomise", begin, *share) for share in shares])
        after = site.ask(*WORKER, "examine")
    assert sum(outcome["allocated"] for outcome in outcomes) == PARTICIPANTS
    assert sorted(after["participants"]) == sorted(numbers)
    taken = Counter(tuple(slot) for slot in after["slots"])
    assert max(taken.values()) == 1
    for stratum, used in after["used"].items():
        assert sorted(position for key, position in taken if key == stratum) == list(range(1, used + 1))
    # Recomputed from the sealed secret: every arm is the one its place in its block holds.
    assert after["findings"] == []
    assert after["faults"] == []
    _print_rate(outcomes)


@pytest.mark.slow
def test_a_cap_is_never_passed_though_two_strata_are_allocated_from_at_the_same_moment(tmp_path: Path) -> None:
    most = 5
    with installation(tmp_path) as site:
        numbers = site.ask(*WORKER, "prepare", "16", "UMCG", "LUMC")["ready"]
        site.ask(*WORKER, "cap", str(most))
        begin = str(time.time() + SOON)
        shares = [numbers[process::4] for process in range(4)]
        outcomes = site.all_at_once([(*WORKER, "click", begin, "own", *share) for share in shares])
        after = site.ask(*WORKER, "examine")
    assert len(after["slots"]) == most
    assert sum(outcome["refused"] for outcome in outcomes) == len(numbers) - most
    assert (after["findings"], after["faults"]) == ([], [])


@pytest.mark.slow
def test_two_clicks_at_the_same_moment_on_two_servers_give_one_allocation_and_the_same_answer(tmp_path: Path) -> None:
    with installation(tmp_path) as site:
        numbers = site.ask(*WORKER, "prepare", "10", "UMCG")["ready"]
        begin = str(time.time() + SOON)
        outcomes = site.all_at_once([(*WORKER, "click", begin, "one key", *numbers) for _server in range(2)])
        after = site.ask(*WORKER, "examine")
    assert outcomes[0] == outcomes[1]
    assert outcomes[0]["refused"] == 0
    assert sorted(position for _stratum, position in after["slots"]) == list(range(1, len(numbers) + 1))


def _print_rate(outcomes: list[dict[str, float]]) -> None:
    seconds = max(outcome["seconds"] for outcome in outcomes)
    print(f"\n{PARTICIPANTS} allocations by {PROCESSES} processes: {PARTICIPANTS / seconds:.0f} a second")
