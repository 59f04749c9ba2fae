"""Long-run limits in closed form, where one is known.

Source: Rosenberger & Lachin, Randomization in Clinical Trials (2016), chapters 3 and 4; the rest follows from the
balance of flows between neighbouring imbalances.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from randomization.methods.blocks import certain_share_of_blocks, correct_share_of_blocks
from randomization.methods.designs import BiasedCoin, CompleteRandomization, Design, OneByOne, PermutedBlocks, Urn
from randomization.methods.theory.walks import shares_of


class LongRun(NamedTuple):
    """Shares of all allocations, over many. ``variance``: of D at even n; None where it has no limit."""

    correct: Fraction
    certain: Fraction
    variance: Fraction | None


def long_run(design: Design) -> LongRun:
    """The limits. In permuted blocks the guesser knows the size of each block.

    ValueError where no limit is known: minimisation, unequal shares or three arms in a design that looks back.
    The asymptotic maximal procedure is taken with its thresholds on 64-bit words, within 2^-62 of the ideal one.
    """
    if isinstance(design, PermutedBlocks):
        sizes = dict(design.sizes)
        correct = correct_share_of_blocks(design.shares, sizes)
        return LongRun(correct, certain_share_of_blocks(design.shares, sizes), None)
    shares = shares_of(design)
    if isinstance(design, CompleteRandomization | Urn) and len(set(shares)) == 1:
        return LongRun(Fraction(1, len(shares)), Fraction(0), None)
    if isinstance(design, OneByOne) and shares == (1, 1):
        return _limits_of_differences(design)
    raise ValueError(f"No limit is known for {design.parameters()['method']} with these arms.")


def _limits_of_differences(design: OneByOne) -> LongRun:
    """``held[d]``: weight of |D| = d. Beyond the last d given, the weights shrink by a fixed factor."""
    behind = _chances_of_behind(design)
    held = [Fraction(1), 1 / behind[1]]
    for nearer, farther in pairwise(behind[1:]):
        held.append(held[-1] * (1 - nearer) / farther)
    factor = (1 - behind[-1]) / behind[-1]
    tail = held[-1] * factor / (1 - factor)
    total = sum(held, tail)
    correct = sum((weight * chance for weight, chance in zip(held, behind, strict=True)), tail * behind[-1])
    certain = sum((weight for weight, chance in zip(held, behind, strict=True) if chance == 1), Fraction(0))
    squares = sum((weight * d * d for d, weight in enumerate(held) if d % 2 == 0), Fraction(0))
    squares += held[-1] * _even_squares(len(held) - 1, factor)
    return LongRun(correct / total, certain / total, 2 * squares / total)


def _chances_of_behind(design: OneByOne) -> list[Fraction]:
    """Chance of the arm behind at |D| = 0 (a guess at random), 1, ..., to the last that differs from those beyond."""
    if type(design) is BiasedCoin:
        return [Fraction(1, 2), design.p]
    chances = [Fraction(1, 2)]
    while chances[-1] < 1:
        behind, ahead = design.weights((0, len(chances)))
        chances.append(Fraction(behind, behind + ahead))
    return chances


def _even_squares(last: int, factor: Fraction) -> Fraction:
    """The sum over even d > last of d^2 factor^(d - last)."""
    first = last + 1 + (last + 1) % 2
    ratio, rest = factor**2, 1 - factor**2
    return factor ** (first - last) * (
        first**2 / rest + 4 * first * ratio / rest**2 + 4 * ratio * (1 + ratio) / rest**3
    )
