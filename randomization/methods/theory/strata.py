"""Figures over strata, each with a list of its own, when participants fall into them at random."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice
from math import comb, lcm

from randomization.methods.designs import Design
from randomization.methods.theory.figures import moments
from randomization.methods.theory.levels import Course, Law, Level
from randomization.methods.theory.walks import correct_by_step, course_of, imbalance_of, shares_of


def strata_variance_limit(strata: int, block: int) -> Fraction:
    """Variance of the overall D, two equal arms, blocks of one size, with many participants in each stratum."""
    return Fraction(strata * (block + 1), 6)


def strata_variance(design: Design, n: int, chances: Iterable[Fraction]) -> Fraction:
    """Variance of the overall D of ``n`` participants, two equal arms, over strata with these chances."""
    variances = [moments(law)[1] for law in _laws_to(design, n)]
    return sum((_over_binomial(n, chance, variances) for chance in chances), Fraction(0))


def strata_correct_guesses(design: Design, n: int, chances: Iterable[Fraction]) -> Fraction:
    """Expected right guesses among ``n`` participants by someone who knows the list of each stratum so far."""
    correct = [Fraction(0)]
    for chance in correct_by_step(course_of(design), n):
        correct.append(correct[-1] + chance)
    return sum((_over_binomial(n, chance, correct) for chance in chances), Fraction(0))


def strata_imbalance_law(design: Design, n: int, strata: int) -> Law:
    """Law of the overall D of ``n`` participants over equally likely strata, two arms.

    A law is kept as one large number whose digits are the ways of each D, so that one product joins two laws.
    """
    laws = list(_laws_to(design, n))
    common = lcm(*(chance.denominator for law in laws for chance in law.values()))
    largest = max(abs(d) for law in laws for d in law)
    digit = (common**strata * strata**n).bit_length()
    one = [sum(int(chance * common) << digit * (d + largest) for d, chance in law.items()) for law in laws]
    packed = _joined(one, strata, n)
    total, mask = common**strata * strata**n, (1 << digit) - 1
    found = {place - strata * largest: (packed >> digit * place) & mask for place in range(2 * strata * largest + 1)}
    return {d: Fraction(ways, total) for d, ways in found.items() if ways}


def _joined(one: list[int], strata: int, n: int) -> int:
    """The packed ways of ``n`` participants over so many strata."""
    if strata == 1:
        return one[n]
    half = _all_joined(one, strata // 2)
    other = _merged(half, one) if strata % 2 else half
    return _merge(half, other, n)


def _all_joined(one: list[int], strata: int) -> list[int]:
    """The packed ways of 0, 1, 2, ... participants over so many strata."""
    if strata == 1:
        return one
    half = _all_joined(one, strata // 2)
    return _merged(half, _merged(half, one) if strata % 2 else half)


def _merged(some: list[int], others: list[int]) -> list[int]:
    return [_merge(some, others, n) for n in range(len(some))]


def _merge(some: list[int], others: list[int], n: int) -> int:
    if some is others:  # each product but the middle one comes twice
        twice = 2 * sum(comb(n, m) * (some[m] * some[n - m]) for m in range((n + 1) // 2))
        return twice + (comb(n, n // 2) * some[n // 2] ** 2 if n % 2 == 0 else 0)
    return sum(comb(n, m) * (some[m] * others[n - m]) for m in range(n + 1))


def _over_binomial(n: int, chance: Fraction, values: list[Fraction]) -> Fraction:
    rest = 1 - chance
    return sum((comb(n, m) * chance**m * rest ** (n - m) * value for m, value in enumerate(values)), Fraction(0))


def _laws_to(design: Design, n: int) -> Iterator[Law]:
    """The law of D after 0, 1, ..., ``n`` allocations."""
    shares, course = shares_of(design), course_of(design)
    return (_law_of(course, level, shares) for level in islice(course.levels(), n + 1))


def _law_of(course: Course, level: Level, shares: tuple[int, ...]) -> Law:
    law: Law = {}
    for counts, chance in course.counts_law(level).items():
        imbalance = imbalance_of(shares, counts)
        law[imbalance] = law.get(imbalance, Fraction(0)) + chance
    return law
