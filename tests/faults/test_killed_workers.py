"""Participants are randomised while the processes that do it are killed, at every moment, and replaced."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection

from tests.installation import installation
from tests.sizes import size

pytestmark = [
    pytest.mark.on_both,  # what a killed process leaves is cleared up otherwise
]
PARTICIPANTS, KILLS = size(200, 1000), size(20, 50)
MEANT = size(20, 40)
"""So many die by their own hand, and so many are struck; who is struck between two requests interrupts none."""

CROWD = ("-m", "tests.faults.crowd")


@dataclass
class Outcome:
    """``run``: what the processes were told. ``after``: what stands in the database then."""

    run: dict[str, Any]
    after: dict[str, Any]

    @property
    def standing(self) -> dict[str, list[Any]]:
        return {number: answer for number, *answer in self.after["standing"]}

    @property
    def interrupted(self) -> list[dict[str, Any]]:
        return [said for said in self.run["said"] if said["again"]]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    processes = "2" if connection.vendor == "sqlite" else "8"
    folder = tmp_path_factory.mktemp("killed")
    with installation(folder) as site:
        assert site.ask(*CROWD, "prepare", str(PARTICIPANTS), processes) == {"ready": PARTICIPANTS}
        run = site.ask(*CROWD, "randomise", processes, "a seed", str(folder), str(MEANT))
        return Outcome(run, site.ask(*CROWD, "examine"))


@pytest.mark.slow
def test_no_slot_is_given_twice_none_is_lost_and_no_stratum_has_a_gap(outcome: Outcome) -> None:
    _print(outcome.run)
    assert len(outcome.run["killed"]) >= KILLS
    assert len(outcome.after["standing"]) == len(outcome.standing) == PARTICIPANTS
    taken = Counter((stratum, position) for _arm, stratum, position, _row in outcome.standing.values())
    assert max(taken.values()) == 1
    assert sum(outcome.after["used"].values()) == PARTICIPANTS
    for stratum, used in outcome.after["used"].items():
        assert sorted(position for key, position in taken if key == stratum) == list(range(1, used + 1))


@pytest.mark.slow
def test_who_asks_again_after_a_death_is_given_what_stands(outcome: Outcome) -> None:
    assert {said["answered"]: said["answer"] for said in outcome.run["said"]} == outcome.standing
    assert len(outcome.interrupted) >= KILLS
    for said in outcome.interrupted:
        assert said["stood"] in (None, said["answer"])
        assert said["once_more"] == said["answer"]
    # Both happened: requests that died before the commit and left nothing, and such that died behind it.
    assert {said["stood"] is None for said in outcome.interrupted} == {True, False}


@pytest.mark.slow
def test_processes_died_at_every_moment_also_while_others_waited(outcome: Outcome) -> None:
    killed = outcome.run["killed"]
    assert Counter(each["stage"] for each in killed).keys() >= {"waiting", "holding"}
    assert sum(each["others_waiting"] > 0 for each in killed) >= KILLS // 5
    steps, died_at = outcome.run["steps"], {each["step"] for each in killed}
    tenths = Counter(10 * step // (steps + 1) for step in died_at if 0 < step <= steps)
    # A few kills may leave a tenth of the way out; many do not.
    assert len(tenths) >= size(8, 10)


@pytest.mark.slow
def test_ledger_history_cursors_and_casebooks_are_whole(outcome: Outcome) -> None:
    after, numbers = outcome.after, sorted(outcome.standing)
    assert after["faults"] == []
    # Recomputed from the sealed secret: every arm is the one its place in its block holds.
    assert after["findings"] == []
    assert {key: cursors == list(range(after["used"][key] + 1)) for key, cursors in after["cursors"].items()} == (
        dict.fromkeys(after["used"], True)
    )
    assert after["noted"] == dict.fromkeys(numbers, 1)
    assert after["arms_noted"] == {number: answer[0] for number, answer in outcome.standing.items()}
    assert after["enrolled"] == PARTICIPANTS
    opened = {"teadrinkers": ["tea-1", "tea-2"], "coffeedrinkers": ["coffee-1", "coffee-2"]}
    expected = [[n, slug] for n in numbers for slug in sorted(["start", "end", *opened[outcome.standing[n][0]]])]
    assert after["visits"] == expected


def _print(run: dict[str, Any]) -> None:
    stages = Counter(each["stage"] for each in run["killed"])
    waited = sum(each["others_waiting"] > 0 for each in run["killed"])
    print(f"\n{len(run['killed'])} killed ({dict(stages)}), {waited} while others waited for a lock; ", end="")
    stood = [said["stood"] is not None for said in run["said"] if said["again"]]
    print(f"{sum(stood)} of {len(stood)} interrupted requests had been done; {run['steps']} steps a request; ", end="")
    print(f"{PARTICIPANTS / run['seconds']:.0f} allocations a second")
