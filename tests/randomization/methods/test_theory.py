"""Reference values, computed exactly elsewhere; those of blocks, coins and sticks were matched by an R package."""

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise, permutations, product
from math import comb, cos, pi

import pytest

from randomization.methods import theory
from randomization.methods.designs import (
    Design,
    Minimisation,
    OneByOne,
    asymptotic_maximal,
    biased_coin,
    biased_coin_with_tolerance,
    big_stick,
    block_urn,
    complete_randomization,
    minimisation,
    permuted_blocks,
    urn,
)
from randomization.methods.designs.one_by_one import ahead_thresholds, one_more
from tests.sizes import size

EQUAL = {"a": 1, "b": 1}
TWO_FACTORS = {"sex": ["f", "m"], "age": ["old", "young"]}


def minimised(measure: str = "variance", ratio: dict[str, int] = EQUAL) -> Minimisation:
    return minimisation(ratio, factors=TWO_FACTORS, measure=measure, p="4/5")


CORRECT = {2: Fraction(3, 2), 4: Fraction(17, 6), 6: Fraction(41, 10), 8: Fraction(373, 70), 10: Fraction(823, 126)}


@pytest.mark.parametrize(("size", "expected"), CORRECT.items())
def test_expected_correct_guesses_of_one_block(size: int, expected: Fraction) -> None:
    m = size // 2
    assert theory.correct_in_block((m, m)) == expected
    assert expected == m + (Fraction(4**m, comb(size, m)) - 1) / 2


@pytest.mark.parametrize("m", range(1, 12))
def test_expected_certain_allocations_of_one_block(m: int) -> None:
    assert theory.certain_in_block((m, m)) == Fraction(2 * m, m + 1)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({2: 1}, "0.75"), ({4: 1}, "0.708333"), ({6: 1}, "0.683333"), ({8: 1}, "0.666071"), ({10: 1}, "0.653175"),
        ({4: 1, 6: 1}, "0.693333"), ({2: 1, 4: 1, 6: 1}, "0.702778"), ({4: 1, 6: 1, 8: 1}, "0.681217"),
    ],
)  # fmt: skip
def test_long_run_share_of_correct_guesses(sizes: dict[int, int], expected: str) -> None:
    assert abs(theory.correct_share_of_blocks((1, 1), sizes) - Fraction(expected)) < Fraction(1, 10**6)


def test_long_run_share_of_2_4_and_6_is_exact() -> None:
    assert theory.correct_share_of_blocks((1, 1), {2: 1, 4: 1, 6: 1}) == Fraction(253, 360)


@pytest.mark.parametrize(
    ("shares", "size", "expected"),
    [
        ((1, 1), 2, 2), ((1, 1), 4, 6), ((1, 1), 6, 20), ((1, 1), 8, 70), ((1, 1), 10, 252),
        ((2, 1), 3, 3), ((2, 1), 6, 15), ((1, 1, 1), 6, 90),
    ],
)  # fmt: skip
def test_sequences_per_block(shares: tuple[int, ...], size: int, expected: int) -> None:
    assert theory.sequences_per_block(theory.block_contents(shares, size)) == expected


@pytest.mark.parametrize("block", [(1, 1), (2, 1), (4, 2), (2, 2, 2), (3, 1, 1), (0, 2)])
def test_figures_agree_with_counting_every_order(block: tuple[int, ...]) -> None:
    arms = [arm for arm, times in enumerate(block) for _ in range(times)]
    orders = set(permutations(arms))
    correct, certain = Fraction(0), 0
    for order in orders:
        for step, arm in enumerate(order):
            left = [order[step:].count(each) for each in range(len(block))]
            guesses = [each for each, times in enumerate(left) if times == max(left)]
            correct += Fraction(arm in guesses, len(guesses))
            certain += len(set(order[step:])) == 1
    assert theory.sequences_per_block(block) == len(orders)
    assert theory.correct_in_block(block) == correct / len(orders)
    assert theory.certain_in_block(block) == Fraction(certain, len(orders))


# --- coins, sticks and urns


def test_efron_two_thirds() -> None:
    design = biased_coin(EQUAL, p="2/3")
    assert theory.imbalance_law(design, 10)[0] == Fraction(10432, 19683)
    assert theory.expected_correct_guesses(design, 10) == Fraction(80131, 13122)
    assert theory.long_run(design) == theory.LongRun(Fraction(5, 8), Fraction(0), Fraction(40, 9))
    assert float(theory.imbalance_law(design, 60)[0]) == pytest.approx(0.5, abs=0.005)


@pytest.mark.parametrize("p", ["2/3", "3/4"])
def test_the_limits_of_the_biased_coin_are_what_a_long_list_comes_to(p: str) -> None:
    design = biased_coin(EQUAL, p=p)
    limit = theory.long_run(design)
    assert limit.correct == Fraction(3, 4) - (1 - design.p) / (4 * design.p)
    correct = theory.expected_correct_guesses(design, 62) - theory.expected_correct_guesses(design, 60)
    assert float(correct / 2) == pytest.approx(float(limit.correct), abs=0.005)
    assert limit.variance is not None
    assert float(theory.moments(theory.imbalance_law(design, 60))[1]) == pytest.approx(float(limit.variance), rel=0.05)


@pytest.mark.parametrize("b", range(1, 7))
def test_limits_of_the_big_stick(b: int) -> None:
    correct, certain, _ = theory.long_run(big_stick(EQUAL, mti=b))
    assert correct == Fraction(1, 2) + Fraction(1, 4 * b)
    assert certain == Fraction(1, 2 * b)


def test_big_stick_at_ten() -> None:
    two, three = big_stick(EQUAL, mti=2), big_stick(EQUAL, mti=3)
    assert theory.expected_correct_guesses(two, 10) == 6
    assert theory.reference_set_size(two, 10) == 324
    assert theory.expected_correct_guesses(three, 10) == Fraction(2873, 512)
    assert theory.reference_set_size(three, 10) == 560


def test_biased_coin_with_tolerance() -> None:
    design = biased_coin_with_tolerance(EQUAL, p="2/3", mti=3)
    assert theory.expected_correct_guesses(design, 10) == Fraction(247045, 39366)
    assert theory.long_run(design)[:2] == (Fraction(9, 14), Fraction(1, 14))


@pytest.mark.parametrize(("lam", "correct"), [(2, Fraction(2, 3)), (3, Fraction(43, 68)), (4, Fraction(87, 142))])
def test_limits_of_the_block_urn(lam: int, correct: Fraction) -> None:
    assert theory.long_run(block_urn(EQUAL, lam=lam)).correct == correct


def test_a_block_urn_of_one_set_is_the_smallest_block() -> None:
    urn_of_one, block = block_urn({"a": 2, "b": 1}, lam=1), permuted_blocks({"a": 2, "b": 1}, {3: 1})
    for n in range(8):
        assert theory.counts_law(urn_of_one, n) == theory.counts_law(block, n)


def test_asymptotic_maximal_procedure_of_tolerance_three() -> None:
    thresholds = [ahead / 2**64 for ahead in ahead_thresholds(3)]
    assert thresholds == pytest.approx([0.5, 0.414214, 0.292893, 0], abs=1e-6)
    design = asymptotic_maximal(EQUAL, mti=3)
    assert abs(theory.long_run(design).correct - Fraction(5, 8)) < Fraction(1, 2**60)
    assert theory.reference_set_size(design, 10) == 560
    assert float(sum(theory.imbalance_law(design, 20).values())) == 1


@pytest.mark.parametrize("mti", [1, 2, 5, 12, 30])
def test_thresholds_of_the_asymptotic_maximal_procedure_are_those_of_the_formula(mti: int) -> None:
    angle = pi / (2 * mti + 2)
    formula = [cos((d + 1) * angle) / (2 * cos(angle) * cos(d * angle)) for d in range(mti + 1)]
    assert [ahead / 2**64 for ahead in ahead_thresholds(mti)] == pytest.approx(formula, abs=1e-14)
    assert ahead_thresholds(2)[1] == 2**64 // 3
    correct = theory.long_run(asymptotic_maximal(EQUAL, mti=mti)).correct
    assert float(correct) == pytest.approx(0.5 + 1 / (2 * (mti + 1)), abs=1e-14)


@pytest.mark.parametrize(("mti", "sizes"), [(2, [6, 18, 54, 162, 486]), (3, [6, 20, 68, 232, 792])])
def test_reference_set_of_the_maximal_procedure(mti: int, sizes: list[int]) -> None:
    assert [theory.maximal_procedure_sequences(mti, n) for n in (4, 6, 8, 10, 12)] == sizes
    assert theory.maximal_procedure_sequences(mti, 0) == 1


def test_permuted_blocks_of_two_to_one_keep_the_ratio_at_every_step() -> None:
    design = permuted_blocks({"a": 2, "b": 1}, {6: 1})
    expected = [sum(counts[0] * p for counts, p in theory.counts_law(design, n).items()) for n in range(7)]
    assert [after - before for before, after in pairwise(expected)] == [Fraction(2, 3)] * 6


@pytest.mark.parametrize(
    "design",
    [
        minimised("range", {"a": 2, "b": 1}),
        minimised("variance", {"a": 2, "b": 1}),
        complete_randomization({"a": 2, "b": 1}),
        big_stick({"a": 1, "b": 1, "c": 1}, mti=2),
        block_urn({"a": 1, "b": 1, "c": 1}, lam=2),
        urn({"a": 1, "b": 1, "c": 1}, a=0, b=1),
    ],
)
def test_every_design_that_is_let_through_without_warning_of_drift_keeps_the_ratio_at_every_step(
    design: Design,
) -> None:
    share = Fraction(design.ratio[0][1], sum(share for _, share in design.ratio))
    for n in range(1, 5):
        assert sum(counts[0] * p for counts, p in theory.counts_law(design, n).items()) == n * share


def test_the_block_urn_drifts_off_two_to_one() -> None:
    design = block_urn({"a": 2, "b": 1}, lam=2)
    expected = [sum(counts[0] * p for counts, p in theory.counts_law(design, n).items()) for n in range(9)]
    assert any(expected[n] != n * Fraction(2, 3) for n in range(9))


# --- minimisation


def test_minimisation_with_two_uniform_factors() -> None:
    design = minimised()
    assert theory.imbalance_law(design, 2)[0] == Fraction(29, 40)
    assert theory.imbalance_law(design, 4)[0] == Fraction(1041, 1600)
    assert theory.expected_correct_guesses(design, 4) == Fraction(4277, 1600)
    assert theory.expected_certain(design, 4) == 0
    assert theory.reference_set_size(design, 4) == 16


def test_minimisation_over_given_patterns() -> None:
    always_the_same = [({"sex": "f", "age": "old"}, 3)]
    law = theory.imbalance_law(minimised(), 6, patterns=always_the_same)
    assert law == theory.imbalance_law(biased_coin(EQUAL, p="4/5"), 6)


@pytest.mark.parametrize("measure", ["range", "variance"])
def test_minimisation_agrees_with_going_through_every_pattern_and_every_arm(measure: str) -> None:
    design, patterns = (
        minimised(measure),
        [dict(zip(("sex", "age"), each, strict=True)) for each in product("fm", ("old", "young"))],
    )
    law: dict[int, Fraction] = {}

    def go(counts: tuple[int, ...], left: int, difference: int, chance: Fraction) -> None:
        if not left:
            law[difference] = law.get(difference, Fraction(0)) + chance
            return
        for pattern in patterns:
            places = design.places(pattern)
            weights = design.weights(design.scores(design.margins(counts, places)))
            for arm, weight in enumerate(weights):
                after = design.with_one(counts, places, arm)
                go(after, left - 1, difference + 1 - 2 * arm, chance * Fraction(weight, sum(weights) * 4))

    go(design.no_counts(), 4, 0, Fraction(1))
    assert theory.imbalance_law(design, 4) == dict(sorted(law.items()))


@pytest.mark.parametrize("given", [False, True], ids=["all levels", "patterns"])
@pytest.mark.parametrize(
    ("ratio", "weights", "n"),
    [({"a": 2, "b": 1}, {}, 3), ({"a": 1, "b": 1}, {"age": 2}, 3), ({"a": 1, "b": 2, "c": 1}, {}, 2)],
)
def test_places_that_differ_by_names_alone_are_counted_as_one_without_changing_a_figure(
    ratio: dict[str, int], weights: dict[str, int], n: int, given: bool
) -> None:
    factors = {"sex": ["f", "m"], "age": ["old", "young"], "site": ["A", "B", "C"]}
    design = minimisation(ratio, factors=factors, weights=weights, measure="range", p="4/5")
    every = [dict(zip(factors, levels, strict=True)) for levels in product(*factors.values())]
    patterns = [(pattern, 1 + number % 3) for number, pattern in enumerate(every[:4])] if given else None
    law, correct = minimised_by_every_way(design, patterns or [(pattern, 1) for pattern in every], n)
    assert theory.counts_law(design, n, patterns=patterns) == law
    assert theory.expected_correct_guesses(design, n, patterns=patterns) == correct


def minimised_by_every_way(
    design: Minimisation, patterns: list[tuple[dict[str, str], int]], n: int
) -> tuple[dict[tuple[int, ...], Fraction], Fraction]:
    """Law of the counts and correct guesses, every participant and every pseudo-arm by itself."""
    law: dict[tuple[int, ...], Fraction] = {}
    right = Fraction(0)
    ways = [(design.no_counts(), (0,) * len(design.ratio), Fraction(1))]
    for _ in range(n):
        following = []
        for counts, totals, chance in ways:
            for pattern, times in patterns:
                came = chance * Fraction(times, sum(times for _, times in patterns))
                places = design.places(pattern)
                weights = design.weights(design.scores(design.margins(counts, places)))
                by_arm = [
                    sum(weight for weight, owner in zip(weights, design.pseudo_arms, strict=True) if owner == arm)
                    for arm in range(len(design.ratio))
                ]
                right += came * Fraction(max(by_arm), sum(weights))
                for pseudo_arm, weight in enumerate(weights):
                    after = one_more(totals, design.pseudo_arms[pseudo_arm])
                    following.append(
                        (design.with_one(counts, places, pseudo_arm), after, came * Fraction(weight, sum(weights)))
                    )
        ways = following
    for _, totals, chance in ways:
        law[totals] = law.get(totals, Fraction(0)) + chance
    return dict(sorted(law.items())), right


@pytest.mark.slow
@pytest.mark.only_on("sqlite")  # pure: no database is touched
@pytest.mark.parametrize(
    ("ratio", "levels"), [({"a": 2, "b": 1}, 2), ({"a": 1, "b": 1}, 5)], ids=["2:1, 2 x 2 levels", "1:1, 2 x 5 levels"]
)
def test_so_many_allocations_by_minimisation_are_worked_out_exactly(ratio: dict[str, int], levels: int) -> None:
    factors = {"sex": ["f", "m"], "site": [f"S{number}" for number in range(levels)]}
    design = minimisation(ratio, factors=factors, measure="variance", p="4/5")
    many = size(14, 20)
    law = theory.counts_law(design, many)
    assert sum(law.values()) == 1
    share = Fraction(ratio["a"], sum(ratio.values()))
    assert sum(counts[0] * chance for counts, chance in law.items()) == many * share


def test_figures_that_would_take_hours_are_refused_with_what_can_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("randomization.methods.theory.levels.MOST_PLACES", 50)
    with pytest.raises(theory.TooManyPlaces, match=r"more than 50 different places.* reach 4 allocations"):
        theory.imbalance_law(minimised(ratio={"a": 2, "b": 1}), 20)
    many = complete_randomization(dict.fromkeys("abcd", 1))
    for figure in (theory.imbalance_law, theory.expected_certain, theory.reference_set_size):
        with pytest.raises(theory.TooManyPlaces, match="simulate longer lists"):
            figure(many, 20)


# --- every method against going through every sequence


def by_every_sequence(design: OneByOne, n: int) -> tuple[dict[tuple[int, ...], Fraction], Fraction, Fraction, int]:
    """Law of the counts, correct guesses, certain allocations and number of sequences; equal shares."""
    arms = range(len(design.ratio))
    law: dict[tuple[int, ...], Fraction] = {}
    correct, certain, number = Fraction(0), Fraction(0), 0
    for sequence in product(arms, repeat=n):
        counts, chance, right, known = (0,) * len(arms), Fraction(1), Fraction(0), 0
        for arm in sequence:
            weights = design.weights(counts)
            chance *= Fraction(weights[arm], sum(weights))
            if not chance:
                break
            behind = [each for each in arms if counts[each] == min(counts)]
            right += Fraction(arm in behind, len(behind))
            known += max(weights) == sum(weights)
            counts = one_more(counts, arm)
        if chance:
            law[counts] = law.get(counts, Fraction(0)) + chance
            correct, certain, number = correct + chance * right, certain + chance * known, number + 1
    return law, correct, certain, number


@pytest.mark.parametrize(
    "design",
    [
        complete_randomization({"a": 1, "b": 1, "c": 1}),
        big_stick({"a": 1, "b": 1, "c": 1}, mti=2),
        block_urn({"a": 1, "b": 1, "c": 1}, lam=2),
        biased_coin(EQUAL, p="3/4"),
        biased_coin_with_tolerance(EQUAL, p="3/5", mti=2),
        urn({"a": 1, "b": 1, "c": 1}, a=1, b=2),
        asymptotic_maximal(EQUAL, mti=2),
    ],
    ids=lambda design: str(design.method),
)
def test_figures_agree_with_going_through_every_sequence(design: OneByOne) -> None:
    law, correct, certain, number = by_every_sequence(design, 6)
    assert theory.counts_law(design, 6) == dict(sorted(law.items()))
    assert theory.expected_correct_guesses(design, 6) == correct
    assert theory.expected_certain(design, 6) == certain
    assert theory.reference_set_size(design, 6) == number


def test_a_guesser_without_the_block_size_knows_fewer_allocations_for_certain() -> None:
    design = permuted_blocks(EQUAL, {4: 1, 6: 1})
    assert theory.expected_certain(permuted_blocks(EQUAL, {4: 1}), 8) == Fraction(8, 3)
    assert theory.expected_certain(design, 6) < theory.expected_certain(design, 6, sizes_known=True)
    assert theory.expected_certain(design, 3) == 0
    assert theory.reference_set_size(design, 4) == 6 + 8  # three alike in a block of six come twice four ways


def test_blocks_of_one_size_come_to_the_figures_of_one_block() -> None:
    design = permuted_blocks(EQUAL, {4: 1})
    assert theory.expected_correct_guesses(design, 8) == Fraction(17, 3)
    assert theory.reference_set_size(design, 8) == 36
    assert theory.imbalance_law(design, 2) == {-2: Fraction(1, 6), 0: Fraction(2, 3), 2: Fraction(1, 6)}
    assert theory.expected_correct_guesses(permuted_blocks({"a": 2, "b": 1}, {6: 1}), 6) == theory.correct_in_block(
        (4, 2)
    )


def test_the_imbalance_of_three_arms_is_the_largest_difference() -> None:
    assert theory.imbalance_law(complete_randomization({"a": 1, "b": 1, "c": 1}), 2) == {
        1: Fraction(2, 3),
        2: Fraction(1, 3),
    }
    assert theory.imbalance_law(complete_randomization({"a": 2, "b": 1}), 1) == {-2: Fraction(1, 3), 1: Fraction(2, 3)}


def test_limits_are_given_where_they_are_known() -> None:
    assert theory.long_run(permuted_blocks(EQUAL, {4: 1, 6: 1})) == theory.LongRun(
        Fraction(52, 75), Fraction(17, 60), None
    )
    assert theory.long_run(urn(EQUAL, a=0, b=1)) == theory.LongRun(Fraction(1, 2), Fraction(0), None)
    assert theory.long_run(complete_randomization({"a": 1, "b": 1, "c": 1})).correct == Fraction(1, 3)
    without: list[Design] = [minimised(), block_urn({"a": 2, "b": 1}, lam=2), complete_randomization({"a": 2, "b": 1})]
    for design in without:
        with pytest.raises(ValueError, match="No limit is known"):
            theory.long_run(design)


class Unheard:
    """A design that no module knows."""

    ratio = (("a", 1), ("b", 1))
    parameters: Callable[[], dict[str, str]] = dict
    warnings = step = None


def test_a_design_without_a_theory_is_refused() -> None:
    with pytest.raises(TypeError, match="no theory of Unheard"):
        theory.counts_law(Unheard(), 2)  # type: ignore[arg-type]  # the point of the test


# --- strata


@pytest.mark.parametrize(
    ("block", "variance", "absolute", "share"),
    [(4, "8.333333", "2.212746", "0.697432"), (6, "11.669063", "2.647336", "0.669281")],
)
def test_172_participants_in_ten_strata(block: int, variance: str, absolute: str, share: str) -> None:
    design, strata = permuted_blocks(EQUAL, {block: 1}), [Fraction(1, 10)] * 10
    law = theory.strata_imbalance_law(design, 172, 10)
    found = theory.moments(law)
    assert sum(law.values()) == 1
    assert found[1] == theory.strata_variance(design, 172, strata)
    near = Fraction(1, 10**6)
    assert abs(found[1] - Fraction(variance)) < near
    assert abs(found[0] - Fraction(absolute)) < near
    assert abs(theory.strata_correct_guesses(design, 172, strata) / 172 - Fraction(share)) < near


def test_strata_come_to_the_limit_with_many_participants() -> None:
    assert theory.strata_variance_limit(10, 4) == Fraction(25, 3)
    reached = theory.strata_variance(permuted_blocks(EQUAL, {4: 1}), 200, [Fraction(1, 3)] * 3)
    assert abs(reached - theory.strata_variance_limit(3, 4)) < Fraction(1, 10**6)


def test_one_stratum_is_the_list_itself_and_an_odd_number_of_strata_joins_too() -> None:
    design = big_stick(EQUAL, mti=2)
    assert theory.strata_imbalance_law(design, 5, 1) == theory.imbalance_law(design, 5)
    for strata in (3, 6, 7):
        law = theory.strata_imbalance_law(design, 5, strata)
        assert theory.moments(law)[1] == theory.strata_variance(design, 5, [Fraction(1, strata)] * strata)
