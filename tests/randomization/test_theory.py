"""Reference values of permuted blocks: computed exactly elsewhere and matched by an R package."""

from fractions import Fraction
from itertools import permutations
from math import comb

import pytest

from randomization import theory

CORRECT = {2: Fraction(3, 2), 4: Fraction(17, 6), 6: Fraction(41, 10), 8: Fraction(373, 70), 10: Fraction(823, 126)}


@pytest.mark.parametrize(("size", "expected"), CORRECT.items())
def test_expected_correct_guesses_of_one_block(size: int, expected: Fraction) -> None:
    m = size // 2
    assert theory.expected_correct_guesses((m, m)) == expected
    assert expected == m + (Fraction(4**m, comb(size, m)) - 1) / 2


@pytest.mark.parametrize("m", range(1, 12))
def test_expected_certain_allocations_of_one_block(m: int) -> None:
    assert theory.expected_certain((m, m)) == Fraction(2 * m, m + 1)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({2: 1}, "0.75"), ({4: 1}, "0.708333"), ({6: 1}, "0.683333"), ({8: 1}, "0.666071"), ({10: 1}, "0.653175"),
        ({4: 1, 6: 1}, "0.693333"), ({2: 1, 4: 1, 6: 1}, "0.702778"), ({4: 1, 6: 1, 8: 1}, "0.681217"),
    ],
)  # fmt: skip
def test_long_run_share_of_correct_guesses(sizes: dict[int, int], expected: str) -> None:
    assert abs(theory.long_run_correct_share((1, 1), sizes) - Fraction(expected)) < Fraction(1, 10**6)


def test_long_run_share_of_2_4_and_6_is_exact() -> None:
    assert theory.long_run_correct_share((1, 1), {2: 1, 4: 1, 6: 1}) == Fraction(253, 360)


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
    assert theory.expected_correct_guesses(block) == correct / len(orders)
    assert theory.expected_certain(block) == Fraction(certain, len(orders))
