"""Sticks, coins and urns: their odds by hand, their refusals, and the law of the lists they make (fixed secrets)."""

from collections import Counter
from fractions import Fraction
from itertools import product
from typing import Any

import pytest

from randomization.methods import theory
from randomization.methods.designs import (
    METHODS,
    Design,
    OneByOne,
    State,
    asymptotic_maximal,
    biased_coin,
    biased_coin_with_tolerance,
    big_stick,
    block_urn,
    complete_randomization,
    design_from,
    minimisation,
    permuted_blocks,
    urn,
)
from randomization.methods.designs.form import lowest_terms
from randomization.methods.designs.one_by_one import ahead_thresholds, one_more
from randomization.methods.findings import DesignRefused
from randomization.methods.lists.rows import make_rows
from randomization.methods.words import Words

EQUAL = {"a": 1, "b": 1}
THREE = {"a": 1, "b": 1, "c": 1}

ALL: list[OneByOne] = [
    complete_randomization({"a": 2, "b": 1}),
    big_stick(THREE, mti=2),
    big_stick(EQUAL, mti=3),
    block_urn(THREE, lam=2),
    block_urn({"a": 2, "b": 1}, lam=2),
    biased_coin(EQUAL, p="2/3"),
    biased_coin_with_tolerance(EQUAL, p="2/3", mti=2),
    urn(THREE, a=1, b=2),
    asymptotic_maximal(EQUAL, mti=2),
]
LISTED: list[Design] = [*ALL, permuted_blocks({"a": 2, "b": 1}, {3: 1, 6: 1})]


def name_of(design: Design) -> str:
    return str(design.parameters()["method"])


def listed(design: Design, count: int, stratum_key: str = "all") -> list[str]:
    place: dict[str, Any] = {"secret": bytes(range(32)), "trial_id": "T", "purpose": "live"}
    return [row.arm for row in make_rows(design, stratum_key=stratum_key, count=count, **place)]


def refused(parameters: dict[str, Any]) -> str:
    with pytest.raises(DesignRefused) as refusal:
        design_from(parameters)
    return " ".join(str(each) for each in refusal.value.findings)


# --- odds


def test_the_big_stick_tosses_an_even_coin_until_an_arm_is_too_far_ahead() -> None:
    design = big_stick(EQUAL, mti=2)
    assert [design.weights(counts) for counts in [(0, 0), (3, 2), (5, 3), (3, 5)]] == [(1, 1), (1, 1), (0, 1), (1, 0)]
    assert big_stick(THREE, mti=1).weights((1, 0, 1)) == (0, 1, 0)


def test_the_block_urn_follows_its_formula() -> None:
    design = block_urn(EQUAL, lam=3)
    for first, second in [(0, 0), (1, 0), (3, 1), (2, 4)]:
        sets = min(first, second)
        expected = Fraction(3 + sets - first, 6 + 2 * sets - first - second)
        weights = design.weights((first, second))
        assert Fraction(weights[0], sum(weights)) == expected
    assert block_urn({"a": 2, "b": 1}, lam=2).weights((3, 1)) == lowest_terms((6 - 3, 3 - 1))


def test_the_biased_coin_favours_the_arm_behind() -> None:
    design = biased_coin(EQUAL, p="2/3")
    assert [design.weights(counts) for counts in [(4, 4), (1, 4), (9, 4)]] == [(1, 1), (2, 1), (1, 2)]


def test_the_tolerance_makes_the_biased_coin_certain() -> None:
    design = biased_coin_with_tolerance(EQUAL, p="2/3", mti=3)
    assert [design.weights(counts) for counts in [(2, 0), (3, 0), (1, 4)]] == [(1, 2), (0, 1), (1, 0)]


def test_the_urn_adds_balls_of_the_other_arms() -> None:
    assert urn(EQUAL, a=1, b=2).weights((3, 1)) == lowest_terms((1 + 2 * 1, 1 + 2 * 3))
    assert urn(THREE, a=0, b=1).weights((0, 0, 0)) == (1, 1, 1)
    assert urn(THREE, a=0, b=1).weights((1, 0, 0)) == (0, 1, 1)


def test_the_asymptotic_maximal_procedure_gives_words_below_a_threshold_to_the_first_arm() -> None:
    design = asymptotic_maximal(EQUAL, mti=3)
    ahead = ahead_thresholds(3)[1]
    assert design.odds((1, 0)) == (ahead, 2**64 - ahead)
    assert design.odds((0, 1)) == (2**64 - ahead, ahead)
    assert design.weights((0, 0)) == (1, 1)
    assert design.weights((3, 0)) == (0, 1)


def test_ways_are_counted_as_the_specification_says() -> None:
    mti, steps = 2, 8 * 3**2
    ways = [dict.fromkeys(range(-mti, mti + 1), 1)]
    for _ in range(steps + 1):
        ways.append({d: ways[-1].get(d - 1, 0) + ways[-1].get(d + 1, 0) for d in range(-mti, mti + 1)})
    assert ahead_thresholds(mti) == tuple(
        2**64 * ways[steps].get(d + 1, 0) // ways[steps + 1][d] for d in range(mti + 1)
    )


def test_each_allocation_takes_one_word_and_counts_it() -> None:
    design = big_stick(EQUAL, mti=1)
    words = Words([b"".join(word.to_bytes(8, "little") for word in (1, 5, 7))])
    arm, state = design.step(State(), words)
    assert (arm, state.counts) == ("b", (0, 1))
    arm, state = design.step(state, words)
    assert (arm, state.counts) == ("a", (1, 1))
    assert words.word() == 7


@pytest.mark.parametrize("design", ALL, ids=name_of)
def test_the_reduced_counts_have_the_same_future(design: OneByOne) -> None:
    for sequence in product(range(len(design.ratio)), repeat=5):
        counts: tuple[int, ...] = (0,) * len(design.ratio)
        for arm in sequence:
            if design.weights(counts)[arm]:
                counts = one_more(counts, arm)
        assert design.weights(design.reduced(counts)) == design.weights(counts)
        assert design.reduced(design.reduced(counts)) == design.reduced(counts)


# --- parameters, refusals, warnings


@pytest.mark.parametrize("design", ALL, ids=name_of)
def test_a_design_is_read_back_from_its_parameters(design: OneByOne) -> None:
    assert design_from(design.parameters()) == design


def test_every_method_has_a_design_in_these_tests() -> None:
    made = {name_of(design) for design in LISTED}
    assert made | {"minimisation"} == set(METHODS)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"method": "big_stick", "ratio": {"a": 2, "b": 1}, "mti": 3}, "big_stick needs equal shares"),
        ({"method": "big_stick", "ratio": EQUAL, "mti": 0}, "imbalance must be a whole number from 1 to 30, not 0"),
        ({"method": "big_stick", "ratio": EQUAL, "mti": True}, "not True"),
        ({"method": "big_stick", "ratio": EQUAL}, "KeyError('mti')"),
        ({"method": "block_urn", "ratio": EQUAL, "lambda": 0}, "lambda must be a whole number from 1 to 1000, not 0"),
        ({"method": "biased_coin", "ratio": THREE, "p": "2/3"}, "biased_coin is defined for two arms"),
        ({"method": "biased_coin", "ratio": {"a": 2, "b": 1}, "p": "2/3"}, "with equal shares"),
        ({"method": "biased_coin", "ratio": EQUAL, "p": "1/2"}, "above 1/2 and below 1"),
        ({"method": "biased_coin", "ratio": EQUAL, "p": "3/3"}, "not 3/3"),
        ({"method": "biased_coin", "ratio": EQUAL, "p": "0.67"}, "written as a fraction such as 2/3"),
        ({"method": "biased_coin", "ratio": EQUAL, "p": 0.75}, "not 0.75"),
        ({"method": "biased_coin", "ratio": EQUAL, "p": "1999/2001"}, "denominator of at most 1000"),
        ({"method": "biased_coin_with_tolerance", "ratio": EQUAL, "p": "2/3", "mti": 31}, "not 31"),
        ({"method": "biased_coin_with_tolerance", "ratio": THREE, "p": "2/3", "mti": 3}, "defined for two arms"),
        ({"method": "urn", "ratio": {"a": 2, "b": 1}, "a": 1, "b": 1}, "urn needs equal shares"),
        ({"method": "urn", "ratio": EQUAL, "a": -1, "b": 1}, "a must be a whole number from 0 to 1000, not -1"),
        ({"method": "urn", "ratio": EQUAL, "a": 1, "b": 0}, "b must be a whole number from 1 to 1000, not 0"),
        ({"method": "asymptotic_maximal", "ratio": THREE, "mti": 3}, "asymptotic_maximal is defined for two arms"),
        ({"method": "asymptotic_maximal", "ratio": {"a": 1}, "mti": 3}, "at least two arms"),
    ],
)
def test_what_a_method_does_not_allow_is_refused_with_the_reason(parameters: dict[str, Any], said: str) -> None:
    assert said in refused(parameters)


def test_a_probability_may_be_a_fraction_of_python() -> None:
    assert biased_coin(EQUAL, p=Fraction(2, 3)) == biased_coin(EQUAL, p="4/6")


@pytest.mark.parametrize(
    ("design", "warned"),
    [
        (big_stick(EQUAL, mti=1), "smallest permuted block"),
        (block_urn(EQUAL, lam=1), "smallest permuted block"),
        (biased_coin_with_tolerance(EQUAL, p="2/3", mti=1), "smallest permuted block"),
        (asymptotic_maximal(EQUAL, mti=1), "smallest permuted block"),
        (block_urn({"a": 2, "b": 1}, lam=2), "leaves the ratio at some steps"),
        (block_urn({"a": 2, "b": 1}, lam=1), "smallest permuted block"),
        (big_stick(EQUAL, mti=2), ""),
        (block_urn(EQUAL, lam=2), ""),
        (biased_coin(EQUAL, p="2/3"), ""),
        (biased_coin_with_tolerance(EQUAL, p="2/3", mti=2), ""),
        (asymptotic_maximal(EQUAL, mti=2), ""),
    ],
)
def test_a_statistician_is_warned_of_what_a_design_does(design: OneByOne, warned: str) -> None:
    said = " ".join(str(each) for each in design.warnings(open_label=True))
    assert warned in said
    assert bool(warned) == bool(said)


# --- the law of the output (fixed secret, so these pass or fail for good)

CRITICAL = {7: 24.32, 8: 26.12, 26: 54.05, 3: 16.27, 5: 20.52, 6: 22.46, 4: 18.47, 11: 31.26, 17: 40.79, 23: 49.73}
"""99.9 % of the chi-square law, by degrees of freedom."""


@pytest.mark.parametrize("design", LISTED, ids=name_of)
def test_sequences_come_as_often_as_the_theory_says(design: Design) -> None:
    """The first three allocations over 6,000 strata, against their exact chances."""
    number, names = 6_000, [arm for arm, _ in design.ratio]
    seen = Counter(tuple(listed(design, 3, f"site=S{stratum}")) for stratum in range(number))
    walk = theory.walks.walk_of(design)
    chances: dict[tuple[str, ...], Fraction] = {}

    def go(hidden: tuple[Any, ...], sequence: tuple[str, ...], chance: Fraction) -> None:
        if len(sequence) == 3:
            chances[sequence] = chances.get(sequence, Fraction(0)) + chance
            return
        moves = walk.moves(hidden)
        for move in moves:
            part = Fraction(move.ways, sum(other.ways for other in moves))
            go(move.hidden, (*sequence, names[move.arm]), chance * part)

    go(walk.start, (), Fraction(1))
    assert set(seen) <= set(chances)
    found = sum((seen[each] - number * p) ** 2 / (number * p) for each, p in chances.items())
    assert float(found) < CRITICAL[len(chances) - 1]


@pytest.mark.parametrize("design", LISTED, ids=name_of)
def test_a_longer_list_keeps_its_prefix(design: Design) -> None:
    assert listed(design, 50) == listed(design, 400)[:50]


@pytest.mark.parametrize("design", LISTED, ids=name_of)
def test_strata_have_nothing_to_do_with_each_other(design: Design) -> None:
    one, other = ([arm == "a" for arm in listed(design, 8_000, f"site={site}")] for site in "AB")
    share = Fraction(design.ratio[0][1], sum(share for _, share in design.ratio))
    expected = share**2 + (1 - share) ** 2
    agreeing = sum(a == b for a, b in zip(one, other, strict=True))
    assert abs(agreeing - 8_000 * float(expected)) < 3.3 * 8_000**0.5


@pytest.mark.parametrize("design", LISTED, ids=name_of)
def test_relabelling_arms_permutes_the_law(design: Design) -> None:
    """``z`` sorts behind every other name, so the first arm becomes the last."""
    parameters = design.parameters()
    first, *others = parameters["ratio"]
    relabelled = design_from(
        parameters | {"ratio": {"z": parameters["ratio"][first]} | {o: parameters["ratio"][o] for o in others}}
    )
    law = {(*counts[1:], counts[0]): p for counts, p in theory.counts_law(design, 7).items()}
    assert theory.counts_law(relabelled, 7) == dict(sorted(law.items()))


@pytest.mark.parametrize("design", LISTED, ids=name_of)
def test_the_order_in_which_arms_are_given_changes_nothing(design: Design) -> None:
    parameters = design.parameters()
    turned = parameters | {"ratio": dict(reversed(parameters["ratio"].items()))}
    assert design_from(turned) == design


def test_minimisation_has_no_list() -> None:
    design = minimisation(EQUAL, factors={"sex": ["f", "m"]}, measure="range", p="4/5")
    with pytest.raises(DesignRefused, match="needs the level of sex before it can allocate"):
        listed(design, 1)
