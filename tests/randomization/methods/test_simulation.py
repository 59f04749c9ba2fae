"""Vectorised simulation is the plain one, element by element, and comes to the figures of the theory."""

from itertools import repeat
from random import Random
from typing import Any

import numpy as np
import pytest

from randomization.methods import theory
from randomization.methods.comparison.simulation import (
    Recruitment,
    Stratum,
    allocated,
    arrivals,
    figures,
    plainly,
    simulate,
    stream,
)
from randomization.methods.comparison.vectorised import Columns, family_of
from randomization.methods.designs import (
    Design,
    biased_coin,
    big_stick,
    block_urn,
    complete_randomization,
    minimisation,
    permuted_blocks,
)
from randomization.methods.words import Words
from tests.randomization.methods.random_designs import random_design, random_minimisation
from tests.sizes import size

EQUAL = {"a": 1, "b": 1}
FACTORS = {"sex": {"f": 1, "m": 1}, "site": {"A1": 2, "B1": 1, "C1": 1}}
LEVELS = {name: list(levels) for name, levels in FACTORS.items()}
TRIAL = Recruitment.over(60, FACTORS)


def test_strata_are_all_combinations_of_levels_with_the_product_of_their_weights() -> None:
    assert len(TRIAL.strata) == 6
    assert TRIAL.strata[0] == Stratum({"sex": "f", "site": "A1"}, 2)
    assert sum(stratum.weight for stratum in TRIAL.strata) == 8


def test_numpy_and_plain_agree_on_random_designs() -> None:
    random = Random(20270402)  # noqa: S311  # chooses test cases
    for number in range(size(250, 1000)):
        design: Design = random_minimisation(random, LEVELS) if number % 4 == 0 else random_design(random)
        trial = Recruitment(random.randint(1, 40), TRIAL.strata)
        made = simulate(design, trial, trials=3, seed=str(number))
        columns = Columns(stream(str(number), "allocations"), 3)
        for each in range(3):
            plain = plainly(design, trial, made.stratum[:, each].tolist(), columns.column(each, 800))
            assert made.arm[:, each].tolist() == plain, design


def plain_arrivals(trial: Recruitment, wanted: int, words: Words) -> list[int]:
    """As the specification says, a participant at a time."""
    weights = [stratum.weight for stratum in trial.strata]
    base, digits = sum(weights), 1
    found: list[int] = []
    while base ** (digits + 1) <= 2**32 and digits < 32:
        digits += 1
    while len(found) < wanted:
        number = words.bounded(base**digits)
        for _ in range(digits):
            number, digit = divmod(number, base)
            found.append(next(place for place in range(len(weights)) if sum(weights[: place + 1]) > digit))
    return found[:wanted]


@pytest.mark.parametrize("weights", [[1], [1, 2, 3], [7, 3], [2**20, 2**20 - 1], [1, 1]])
def test_arrivals_read_several_participants_from_a_word(weights: list[int]) -> None:
    trial = Recruitment(21, tuple(Stratum({"site": f"S{n}"}, weight) for n, weight in enumerate(weights)))
    expected = plain_arrivals(trial, 21 * 5, Words(stream("x", "arrivals")))
    assert arrivals(trial, 5, stream("x", "arrivals")).reshape(-1).tolist() == expected


def test_arrivals_pass_over_rejected_words() -> None:
    chunk = next(stream("x", "arrivals"))
    rejecting = b"\xff" * 16 + chunk[16:]
    expected = plain_arrivals(TRIAL, 60 * 200, Words(repeat(b"\xff" * 16 + chunk[16:])))
    three = Recruitment(60, (*TRIAL.strata[:2], Stratum({"sex": "m", "site": "A1"}, 1)))
    assert arrivals(TRIAL, 200, repeat(rejecting)).reshape(-1).tolist() == expected
    expected = plain_arrivals(three, 60 * 400, Words(repeat(rejecting)))
    assert arrivals(three, 400, repeat(rejecting)).reshape(-1).tolist() == expected


@pytest.mark.parametrize(
    "design",
    [
        permuted_blocks({"a": 2, "b": 1}, {3: 1, 6: 2}),
        permuted_blocks({"a": 2, "b": 1}, {6: 1}),
        permuted_blocks({"a": 2, "b": 1}, {6: 1, 9: 1}),
        block_urn({"a": 2, "b": 1}, lam=3),
        minimisation({"a": 2, "b": 1}, factors=LEVELS, measure="range", p="4/5"),
        minimisation(EQUAL, factors=LEVELS, measure="variance", p="4/5"),
    ],
    ids=lambda design: str(design.parameters()["method"]),
)
def test_a_trial_that_meets_a_rejected_word_is_made_as_in_the_plain_version(design: Design) -> None:
    chunk = next(stream("x", "allocations"))
    rejecting = chunk[: 8 * 40] + b"\xff" * 8 + chunk[8 * 41 :]
    arrived = arrivals(TRIAL, 8, stream("x", "arrivals"))
    made = allocated(design, TRIAL, arrived, repeat(rejecting))
    for each in range(8):
        column = Columns(repeat(rejecting), 8).column(each, 128)
        assert made.arm[:, each].tolist() == plainly(design, TRIAL, arrived[:, each].tolist(), column)


def test_the_same_seed_gives_the_same_trials_and_another_others() -> None:
    design = permuted_blocks(EQUAL, {4: 1, 6: 1})
    one, again, other = (simulate(design, TRIAL, trials=20, seed=seed).arm for seed in "aab")
    assert (one == again).all()
    assert (one != other).any()


CASES: list[Design] = [
    permuted_blocks(EQUAL, {4: 1}),
    permuted_blocks({"a": 2, "b": 1}, {3: 1, 6: 1}),
    big_stick(EQUAL, mti=3),
    biased_coin(EQUAL, p="2/3"),
    complete_randomization({"a": 2, "b": 1}),
    block_urn({"a": 2, "b": 1}, lam=2),
    minimisation(EQUAL, factors={"sex": ["f", "m"], "age": ["old", "young"]}, measure="range", p="4/5"),
]


@pytest.mark.parametrize("design", CASES, ids=lambda design: str(design.parameters()["method"]))
def test_simulated_figures_are_those_of_the_theory(design: Design) -> None:
    one_stratum = Recruitment.over(12, {"all": {"all": 1}})
    two_factors = Recruitment.over(12, {"sex": {"f": 1, "m": 1}, "age": {"old": 1, "young": 1}})
    trial = two_factors if design.parameters()["method"] == "minimisation" else one_stratum
    found = figures(simulate(design, trial, trials=20_000, seed="figures", foresight=True))
    absolute, variance = theory.moments(theory.imbalance_law(design, 12))
    assert found.overall.mean_absolute == pytest.approx(float(absolute), rel=0.03, abs=0.001)
    assert found.overall.variance == pytest.approx(float(variance), rel=0.05, abs=0.001)
    assert found.correct == pytest.approx(float(theory.expected_correct_guesses(design, 12) / 12), rel=0.01)
    assert found.certain == pytest.approx(float(theory.expected_certain(design, 12, sizes_known=True) / 12), abs=0.005)


def test_three_pseudo_arms_are_guessed_as_often_as_the_theory_says() -> None:
    factors = {"sex": ["f", "m"], "age": ["old", "young"]}
    design = minimisation({"a": 2, "b": 1}, factors=factors, measure="variance", p="4/5")
    trial = Recruitment.over(5, {name: dict.fromkeys(levels, 1) for name, levels in factors.items()})
    found = figures(simulate(design, trial, trials=20_000, seed="figures", foresight=True))
    assert found.correct == pytest.approx(float(theory.expected_correct_guesses(design, 5) / 5), rel=0.01)


def test_imbalance_by_stratum_runs_and_several_arms() -> None:
    trial = Recruitment.over(30, {"site": {"A1": 1, "B1": 2}})
    made = simulate(permuted_blocks({"a": 1, "b": 1, "c": 1}, {3: 1}), trial, trials=300, seed="s")
    found = figures(made)
    assert len(found.by_stratum) == 2
    assert max(each.largest for each in found.by_stratum) == 1
    assert found.overall.usual <= found.overall.largest <= 2
    assert np.isnan(found.correct)
    arms = made.arm[:, 0].tolist()
    run = 1
    lengths: list[int] = []
    for before, now in zip(arms, [*arms[1:], None], strict=True):
        run, lengths = (run + 1, lengths) if before == now else (1, [*lengths, run])
    alone = figures(simulate(made.design, trial, trials=1, seed="s"))
    assert alone.mean_run >= 1
    assert alone.longest_run >= alone.mean_run
    assert sum(lengths) == 30


@pytest.mark.parametrize(
    "wrong", [{"trials": 0}, {"recruitment": Recruitment(0, TRIAL.strata)}, {"recruitment": Recruitment(5, ())}]
)
def test_a_simulation_of_nothing_is_refused(wrong: dict[str, Any]) -> None:
    given: dict[str, Any] = {"recruitment": TRIAL, "trials": 1, "seed": "s"}
    with pytest.raises(ValueError, match="needs trials, participants and 1 to 255 strata"):
        simulate(permuted_blocks(EQUAL, {4: 1}), **given | wrong)


def test_strata_with_weights_beyond_all_measure_are_refused() -> None:
    beyond = Recruitment(5, (Stratum({}, 2**22), Stratum({}, 1)))
    with pytest.raises(ValueError, match="weights of the strata may add up to 4194304"):
        simulate(permuted_blocks(EQUAL, {4: 1}), beyond, trials=1, seed="s")


def test_a_design_that_is_of_no_family_is_refused() -> None:
    with pytest.raises(TypeError, match="object cannot be simulated"):
        family_of(object())  # type: ignore[arg-type]  # the point of the test


@pytest.mark.parametrize(
    ("measure", "imbalance", "correct"),
    [("variance", 1.278, 0.738), ("range", 1.443, 0.712)],
    ids=["variance", "range"],
)
def test_minimisation_of_a_trial_of_172_comes_to_the_known_simulated_figures(
    measure: str, imbalance: float, correct: float
) -> None:
    """Source: 50,000 simulated trials elsewhere, 2 x 5 uniform factors, p 4/5. Here 10,000, so three errors wide."""
    factors = {"sex": {"f": 1, "m": 1}, "site": dict.fromkeys(("A1", "B1", "C1", "D1", "E1"), 1)}
    levels = {name: list(each) for name, each in factors.items()}
    design = minimisation(EQUAL, factors=levels, weights={"sex": 1, "site": 1}, measure=measure, p="4/5")
    told = figures(simulate(design, Recruitment.over(172, factors), trials=10_000, seed="known", foresight=True))
    assert told.overall.mean_absolute == pytest.approx(imbalance, abs=0.04)
    assert told.correct == pytest.approx(correct, abs=0.003)
