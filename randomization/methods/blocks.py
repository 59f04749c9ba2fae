"""Figures of one permuted block, exact: what someone can guess who knows the allocations so far.

Sources: Blackwell & Hodges, Ann Math Stat 28 (1957), for correct guesses under the convergence strategy; Rosenberger &
Lachin, Randomization in Clinical Trials (2016), chapter 5, for permuted blocks.

A block is given as the number of times each arm stands in it: (2, 2) is a block of four with two equal arms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import comb


def block_contents(shares: Sequence[int], size: int) -> tuple[int, ...]:
    """How often each arm stands in a block of ``size``, which must be a multiple of the sum of ``shares``."""
    rounds = size // sum(shares)
    return tuple(share * rounds for share in shares)


def sequences_per_block(block: Sequence[int]) -> int:
    """The number of different orders of one block, all equally likely: the multinomial coefficient."""
    orders, placed = 1, 0
    for times in block:
        placed += times
        orders *= comb(placed, times)
    return orders


def correct_in_block(block: Sequence[int]) -> Fraction:
    """Expected right guesses in one block by someone who always names the arm with most places left in it.

    With equal arms that is the arm that is behind, so block sizes need not be known. A tie is guessed at random.
    """
    return sum((chance * Fraction(max(left), sum(left)) for left, chance in _steps(block)), Fraction(0))


def certain_in_block(block: Sequence[int]) -> Fraction:
    """Expected allocations of one block that are certain before they are made: only one arm has places left."""
    return sum((chance for left, chance in _steps(block) if max(left) == sum(left)), Fraction(0))


def correct_share_of_blocks(shares: Sequence[int], sizes: Mapping[int, int]) -> Fraction:
    """Share of allocations guessed right over many blocks whose sizes are drawn with these integer weights."""
    correct = sum(weight * correct_in_block(block_contents(shares, size)) for size, weight in sizes.items())
    return Fraction(correct) / sum(weight * size for size, weight in sizes.items())


def certain_share_of_blocks(shares: Sequence[int], sizes: Mapping[int, int]) -> Fraction:
    """Share of allocations certain over many blocks, for someone who knows the size of each block."""
    certain = sum(weight * certain_in_block(block_contents(shares, size)) for size, weight in sizes.items())
    return Fraction(certain) / sum(weight * size for size, weight in sizes.items())


def _steps(block: Sequence[int]) -> Iterator[tuple[tuple[int, ...], Fraction]]:
    """For each step of a block: what may be left before it (sorted, as arms do not matter here), and how likely."""
    level, orders = {tuple(sorted(block)): 1}, 1
    for places_left in range(sum(block), 0, -1):
        yield from ((left, Fraction(ways, orders)) for left, ways in level.items())
        level, orders = _after_one(level), orders * places_left


def _after_one(level: Mapping[tuple[int, ...], int]) -> dict[tuple[int, ...], int]:
    following: dict[tuple[int, ...], int] = {}
    for left, ways in level.items():
        for arm, times in enumerate(left):
            key = tuple(sorted((*left[:arm], times - 1, *left[arm + 1 :])))
            following[key] = following.get(key, 0) + ways * times
    return {key: ways for key, ways in following.items() if ways}
