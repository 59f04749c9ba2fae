"""What making lists and simulating trials costs, beside versions without numpy and beside the bare random words."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

import pytest

from randomization.methods.comparison.simulation import Recruitment, simulate, stream
from randomization.methods.comparison.vectorised import words_from
from randomization.methods.designs import Design, big_stick, minimisation, permuted_blocks
from randomization.methods.lists.arrays import make_arrays
from randomization.methods.lists.reveal import list_csv
from randomization.methods.lists.rows import make_rows
from randomization.methods.words import chunks

pytestmark = [pytest.mark.benchmark, pytest.mark.only_on("sqlite")]  # pure: no database is touched

EQUAL = {"ect": 1, "esketamine": 1}
FACTORS = {"sex": {"f": 1, "m": 1}, "site": {f"S{number}": 1 for number in range(5)}}
ROWS, TRIALS, PARTICIPANTS, FEW = 100_000, 10_000, 172, 50
GOAL = 0.100
"""Seconds for 10,000 simulated trials, on two shared cores; printed beside, not asserted: the machine is shared."""

PLACE: dict[str, Any] = {"secret": bytes(32), "trial_id": "T", "purpose": "test", "stratum_key": "all"}


def processor_seconds(work: Callable[[], object], rounds: int = 7) -> float:
    """The least processor time of a few rounds: what others do on the machine does not count."""
    times = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def hash_of_csv(rows: Iterable[tuple[int, int, str]]) -> str:
    """Of the file that is revealed: stratum and position are the id of a row."""
    return hashlib.sha256(list_csv({"site=S1": rows}).encode()).hexdigest()


def test_a_list_of_a_hundred_thousand_rows() -> None:
    for name, design in (
        ("blocks of 4 and 6", permuted_blocks(EQUAL, {4: 1, 6: 1})),
        ("big stick", big_stick(EQUAL, mti=3)),
    ):
        words = processor_seconds(lambda: words_from(chunks(bytes(32), "T", "test", "all"), ROWS))
        plain = processor_seconds(lambda d=design: make_rows(d, count=ROWS, **PLACE), 1)  # type: ignore[misc]  # bound now
        arrays = processor_seconds(lambda d=design: make_arrays(d, count=ROWS, **PLACE))  # type: ignore[misc]  # bound now
        names = [arm for arm, _ in design.ratio]

        def written(d: Any = design, n: list[str] = names) -> str:
            made = make_arrays(d, count=ROWS, **PLACE)
            arms = [n[arm] for arm in made.arm.tolist()]
            return hash_of_csv(zip(range(1, ROWS + 1), made.block.tolist(), arms, strict=True))

        def written_plainly(d: Any = design) -> str:
            return hash_of_csv(make_rows(d, count=ROWS, **PLACE))

        assert written() == written_plainly()

        text, slow_text = processor_seconds(written), processor_seconds(written_plainly, 1)
        print(f"\n{ROWS} rows, {name}: arrays {arrays * 1000:.1f} ms = {arrays / words:.1f} x bare words", end="; ")
        print(f"plain {plain * 1000:.0f} ms = {plain / arrays:.0f} x arrays", end="; ")
        print(f"CSV with ids and SHA-256 {text * 1000:.0f} ms = {text / words:.1f} x bare words", end="; ")
        print(f"the same plainly {slow_text * 1000:.0f} ms = {slow_text / text:.1f} x", end="")
        assert arrays < plain


def one_trial_without_numpy(design: str, random: Random) -> list[int]:
    """What someone would write who needs one answer: lists, a dictionary and the library's own random numbers."""
    if design == "minimisation":
        return _minimised_without_numpy(random)
    waiting: dict[int, list[int]] = {}
    size, arms = int(design[-1]), []
    for _ in range(PARTICIPANTS):
        stratum = random.randrange(10)
        if not waiting.get(stratum):
            waiting[stratum] = [0, 1] * (size // 2)
            random.shuffle(waiting[stratum])
        arms.append(waiting[stratum].pop())
    return arms


def _minimised_without_numpy(random: Random) -> list[int]:
    ahead: dict[tuple[str, int], int] = {}
    arms = []
    for _ in range(PARTICIPANTS):
        levels = [("sex", random.randrange(2)), ("site", random.randrange(5))]
        total = sum(ahead.get(level, 0) for level in levels)
        preferred = random.randrange(2) if total == 0 else int(total > 0)
        arm = preferred if total == 0 or random.random() < 0.8 else 1 - preferred
        for level in levels:
            ahead[level] = ahead.get(level, 0) + 1 - 2 * arm
        arms.append(arm)
    return arms


DESIGNS: list[tuple[str, Design]] = [
    ("blocks of 4", permuted_blocks(EQUAL, {4: 1})),
    ("blocks of 6", permuted_blocks(EQUAL, {6: 1})),
    (
        "minimisation",
        minimisation(EQUAL, factors={k: list(v) for k, v in FACTORS.items()}, measure="variance", p="4/5"),
    ),
]


@pytest.mark.parametrize(("name", "design"), DESIGNS, ids=lambda value: value if isinstance(value, str) else "")
def test_ten_thousand_trials_of_172_in_ten_strata(name: str, design: Design) -> None:
    recruitment = Recruitment.over(PARTICIPANTS, FACTORS)
    bare = processor_seconds(lambda: words_from(stream("s", "allocations"), PARTICIPANTS * TRIALS))
    spent = processor_seconds(lambda: simulate(design, recruitment, trials=TRIALS, seed="s"))
    foreseen = processor_seconds(lambda: simulate(design, recruitment, trials=TRIALS, seed="s", foresight=True), 1)
    random = Random(1)  # noqa: S311  # the version to compare with
    plain = processor_seconds(lambda: [one_trial_without_numpy(name, random) for _ in range(FEW)], 1) * TRIALS / FEW
    print(f"\n{name}: {spent * 1000:.0f} ms (goal {GOAL * 1000:.0f}) = {spent / bare:.1f} x bare words", end="; ")
    print(f"bare words {bare * 1000:.0f} ms", end="; ")
    print(f"without numpy {plain:.1f} s = {plain / spent:.0f} x; with foresight {foreseen * 1000:.0f} ms", end="")
    assert spent < plain
