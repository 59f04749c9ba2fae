"""Two people in one casebook at the same moment, in two processes: it ends as one order or the other, never mixed.

One corrects a score; the other does what rests on it: saves the outcome, decides on the phase, allocates, signs, or
freezes the casebook, or withdraws consent. What either order comes to is shown by two other participants, on whom the
same is done one after the other.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.casebook_races import ACTS
from tests.installation import installation
from tests.sizes import FULL, size

pytestmark = [pytest.mark.slow, pytest.mark.only_on("postgresql")]
WORKER = ("-m", "tests.faults.casebook_races")
RACES = size(3, 40)
ORDER_DOES_NOT_MATTER = {"outcome"}
TO_START = 2.0


@pytest.mark.parametrize("act", ACTS)
def test_a_correction_and_what_rests_on_it_come_one_after_the_other(tmp_path: Path, act: str) -> None:
    with installation(tmp_path) as site:
        ready = site.ask(*WORKER, "prepare", str(RACES), act)
        begin = str(time.time() + TO_START)
        commands = [[*WORKER, "work", each, begin, "1", *ready["numbers"]] for each in ("correct", act)]
        corrected, acted = site.all_at_once(commands)
        seen = site.ask(*WORKER, "examine", *ready["numbers"])
    orders: dict[str, dict[str, object]] = ready["orders"]
    assert (orders["correct"] == orders[act]) is (act in ORDER_DOES_NOT_MATTER), orders
    came: Counter[str] = Counter()
    for number in ready["numbers"]:
        found = seen["found"][number] | {"ended": {"correct": corrected[number], act: acted[number]}}
        first = [name for name, order in orders.items() if order == found]
        assert first, [
            {key: (found[key], order[key]) for key in found if found[key] != order[key]} for order in orders.values()
        ]
        came[first[0]] += 1
    print(f"\n{act}: came first {dict(came)}")
    assert seen["faults"] == []
    if FULL and act not in ORDER_DOES_NOT_MATTER:
        assert came.keys() == orders.keys()
