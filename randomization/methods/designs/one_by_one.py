"""Designs that draw each allocation from the numbers allocated so far: complete, sticks, coins and urns.

Sources: Soares & Wu, Commun Stat Theory Methods 12 (1983), big stick; Zhao & Weng, Contemp Clin Trials 32 (2011),
block urn; Efron, Biometrika 58 (1971), biased coin; Chen, Stat Probab Lett 41 (1999), its imbalance tolerance; Wei,
Ann Stat 6 (1978), urn; Zhao, Berger & Yu, Pharm Stat 17 (2018), asymptotic maximal procedure.

Each is its ``odds``: integer weights of the arms, given the counts. One allocation takes one word, save where a word is
rejected; ``lowest_terms`` of the odds decides how the word is read.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import ClassVar

from randomization.methods.designs.form import (
    LARGEST_WEIGHT,
    Counts,
    Parameters,
    Ratio,
    State,
    counts_in_range,
    equal_refusals,
    lowest_terms,
    mti_refusals,
    probability_refusals,
    ratio_refusals,
    sorted_ratio,
    spelt,
    two_equal_refusals,
)
from randomization.methods.findings import DesignRefused, Finding, finding, gettext_noop
from randomization.methods.words import SPAN, Words


@dataclass(frozen=True)
class OneByOne(ABC):
    """A design whose next arm depends on the counts of the arms alone."""

    ratio: Ratio
    method: ClassVar[str]

    @cached_property
    def shares(self) -> tuple[int, ...]:
        """The ratio in lowest terms."""
        return lowest_terms(tuple(share for _, share in self.ratio))

    @abstractmethod
    def odds(self, counts: Counts) -> tuple[int, ...]:
        """Integer weight of each arm for the next allocation; not all zero."""

    def settings(self) -> Parameters:
        return {}

    def parameters(self) -> Parameters:
        return {"method": self.method, "ratio": dict(self.ratio), **self.settings()}

    def warnings(self, *, open_label: bool) -> tuple[Finding, ...]:
        return ()

    def weights(self, counts: Counts) -> tuple[int, ...]:
        """The weights by which the word of the next allocation is read."""
        return lowest_terms(self.odds(counts))

    def reduced(self, counts: Counts) -> Counts:
        """The counts less the whole sets of the ratio among them: the same future, and fewer of them."""
        sets = self._sets_drawn(counts)
        return tuple(count - sets * share for share, count in zip(self.shares, counts, strict=True))

    def step(self, state: State, words: Words) -> tuple[str, State]:
        counts = state.counts or (0,) * len(self.ratio)
        arm = words.weighted(self.weights(counts))
        return self.ratio[arm][0], State(counts=one_more(counts, arm))

    def _sets_drawn(self, counts: Counts) -> int:
        return min(count // share for share, count in zip(self.shares, counts, strict=True))


def one_more(counts: Counts, arm: int) -> Counts:
    return (*counts[:arm], counts[arm] + 1, *counts[arm + 1 :])


@dataclass(frozen=True)
class CompleteRandomization(OneByOne):
    """Every allocation drawn by itself, in the ratio; made by ``complete_randomization``, which checks."""

    method: ClassVar[str] = "complete"

    def odds(self, counts: Counts) -> tuple[int, ...]:
        return tuple(share for _, share in self.ratio)

    def weights(self, counts: Counts) -> tuple[int, ...]:
        """The shares as given, not in lowest terms: lists made before there were other designs read words so."""
        return self.odds(counts)

    def warnings(self, *, open_label: bool) -> tuple[Finding, ...]:
        """None for an open label: no allocation tells anything about the next."""
        return (finding(_MAY_DRIFT),)

    def step(self, state: State, words: Words) -> tuple[str, State]:
        return self.ratio[words.weighted(self.weights(()))][0], state


@dataclass(frozen=True)
class BigStick(OneByOne):
    """Equal chances, save that no arm gets more than ``mti`` ahead of the smallest."""

    mti: int
    method: ClassVar[str] = "big_stick"

    def settings(self) -> Parameters:
        return {"mti": self.mti}

    def odds(self, counts: Counts) -> tuple[int, ...]:
        least = min(counts)
        return tuple(int(count - least < self.mti) for count in counts)

    def warnings(self, *, open_label: bool) -> tuple[Finding, ...]:
        return (finding(_AS_SMALLEST_BLOCK),) if self.mti == 1 else ()


@dataclass(frozen=True)
class BlockUrn(OneByOne):
    """An urn of ``lam`` balanced sets; a drawn ball returns when a whole balanced set has been drawn."""

    lam: int
    method: ClassVar[str] = "block_urn"

    def settings(self) -> Parameters:
        return {"lambda": self.lam}

    def odds(self, counts: Counts) -> tuple[int, ...]:
        sets = self.lam + self._sets_drawn(counts)
        return tuple(sets * share - count for share, count in zip(self.shares, counts, strict=True))

    def warnings(self, *, open_label: bool) -> tuple[Finding, ...]:
        warned = [finding(_AS_SMALLEST_BLOCK)] if self.lam == 1 else []
        if self.lam > 1 and len(set(self.shares)) > 1:
            warned.append(finding(_URN_DRIFTS))
        return tuple(warned)


@dataclass(frozen=True)
class BiasedCoin(OneByOne):
    """The arm that is behind with probability ``p``; a tie is an even coin."""

    p: Fraction
    method: ClassVar[str] = "biased_coin"

    def settings(self) -> Parameters:
        return {"p": spelt(self.p)}

    def odds(self, counts: Counts) -> tuple[int, ...]:
        first, second = counts
        if first == second:
            return (1, 1)
        behind, ahead = self.p.numerator, self.p.denominator - self.p.numerator
        return (behind, ahead) if first < second else (ahead, behind)


@dataclass(frozen=True)
class BiasedCoinWithTolerance(BiasedCoin):
    """A biased coin that gives the arm behind for certain once it is ``mti`` behind."""

    mti: int
    method: ClassVar[str] = "biased_coin_with_tolerance"

    def settings(self) -> Parameters:
        return {"p": spelt(self.p), "mti": self.mti}

    def odds(self, counts: Counts) -> tuple[int, ...]:
        first, second = counts
        if abs(first - second) >= self.mti:
            return (int(first < second), int(second < first))
        return super().odds(counts)

    def warnings(self, *, open_label: bool) -> tuple[Finding, ...]:
        return (finding(_AS_SMALLEST_BLOCK),) if self.mti == 1 else ()


@dataclass(frozen=True)
class Urn(OneByOne):
    """UD(a, b): ``a`` balls of each arm; after each draw ``b`` balls of every other arm are added."""

    a: int
    b: int
    method: ClassVar[str] = "urn"

    def settings(self) -> Parameters:
        return {"a": self.a, "b": self.b}

    def odds(self, counts: Counts) -> tuple[int, ...]:
        drawn = sum(counts)
        balls = tuple(self.a + self.b * (drawn - count) for count in counts)
        return balls if any(balls) else (1,) * len(counts)

    def reduced(self, counts: Counts) -> Counts:
        return counts


@dataclass(frozen=True)
class AsymptoticMaximal(OneByOne):
    """Every long sequence that never exceeds the imbalance ``mti`` equally likely."""

    mti: int
    method: ClassVar[str] = "asymptotic_maximal"

    def settings(self) -> Parameters:
        return {"mti": self.mti}

    def odds(self, counts: Counts) -> tuple[int, ...]:
        first, second = counts
        ahead = ahead_thresholds(self.mti)[abs(first - second)]
        return (SPAN - ahead, ahead) if first < second else (ahead, SPAN - ahead)

    def warnings(self, *, open_label: bool) -> tuple[Finding, ...]:
        return (finding(_AS_SMALLEST_BLOCK),) if self.mti == 1 else ()


@lru_cache(maxsize=LARGEST_WEIGHT)
def ahead_thresholds(mti: int) -> tuple[int, ...]:
    """For the imbalances 0 to ``mti``: of 2^64 words, how many give the arm that is ahead. Integers alone.

    ways[d] counts the sequences of m more allocations from imbalance d that stay within ``mti``. With m = 8 (mti + 1)^2
    the share that begins with the arm ahead is within 2^-100 of its limit (1 - tan t tan dt) / 2, t = pi / (2 mti + 2).
    """
    ways = [1] * (mti + 1)  # by symmetry only d = 0, 1, ..., mti
    following = ways
    for _ in range(8 * (mti + 1) ** 2 + 1):
        ways, following = following, _one_step_longer(following)
    return tuple(SPAN * ahead // all_of_them for ahead, all_of_them in zip([*ways[1:], 0], following, strict=True))


def _one_step_longer(ways: list[int]) -> list[int]:
    beyond = [*ways, 0]
    return [2 * beyond[1], *(beyond[d - 1] + beyond[d + 1] for d in range(1, len(ways)))]


def complete_randomization(ratio: Mapping[str, int]) -> CompleteRandomization:
    """A design that draws each allocation by itself. DesignRefused with every reason, as each of these."""
    _refuse(ratio_refusals(ratio))
    return CompleteRandomization(sorted_ratio(ratio))


def big_stick(ratio: Mapping[str, int], *, mti: int) -> BigStick:
    """Equal arms, two or more."""
    _refuse([*ratio_refusals(ratio), *equal_refusals(ratio, "big_stick"), *mti_refusals(mti)])
    return BigStick(sorted_ratio(ratio), mti)


def block_urn(ratio: Mapping[str, int], *, lam: int) -> BlockUrn:
    """Any arms; with unequal shares a warning goes with it."""
    _refuse([*ratio_refusals(ratio), *_number_refusals("lambda", lam, 1)])
    return BlockUrn(sorted_ratio(ratio), lam)


def biased_coin(ratio: Mapping[str, int], *, p: str | Fraction) -> BiasedCoin:
    """Two equal arms; ``p`` such as ``"2/3"``."""
    _refuse([*ratio_refusals(ratio), *two_equal_refusals(ratio, "biased_coin"), *probability_refusals(p, 2)])
    return BiasedCoin(sorted_ratio(ratio), Fraction(p))


def biased_coin_with_tolerance(ratio: Mapping[str, int], *, p: str | Fraction, mti: int) -> BiasedCoinWithTolerance:
    """Two equal arms."""
    refused = [*two_equal_refusals(ratio, "biased_coin_with_tolerance"), *probability_refusals(p, 2)]
    _refuse([*ratio_refusals(ratio), *refused, *mti_refusals(mti)])
    return BiasedCoinWithTolerance(sorted_ratio(ratio), Fraction(p), mti)


def urn(ratio: Mapping[str, int], *, a: int, b: int) -> Urn:
    """Equal arms, two or more."""
    refused = [*equal_refusals(ratio, "urn"), *_number_refusals("a", a, 0), *_number_refusals("b", b, 1)]
    _refuse([*ratio_refusals(ratio), *refused])
    return Urn(sorted_ratio(ratio), a, b)


def asymptotic_maximal(ratio: Mapping[str, int], *, mti: int) -> AsymptoticMaximal:
    """Two equal arms."""
    _refuse([*ratio_refusals(ratio), *two_equal_refusals(ratio, "asymptotic_maximal"), *mti_refusals(mti)])
    return AsymptoticMaximal(sorted_ratio(ratio), mti)


def _refuse(refusals: list[Finding]) -> None:
    if refusals:
        raise DesignRefused(*refusals)


def _number_refusals(name: str, number: int, least: int) -> list[Finding]:
    fits = counts_in_range(number) or (type(number) is int and number == least)
    return [] if fits else [finding(_NUMBER, name=name, number=number, least=least, largest=LARGEST_WEIGHT)]


_MAY_DRIFT = gettext_noop(
    "Complete randomisation may leave the arms unequal by chance, above all in small strata. It is usually advised "
    "only above 200 participants."
)
_AS_SMALLEST_BLOCK = gettext_noop(
    "With 1 this is the smallest permuted block there is: its last allocation is always certain. Use 2 or more."
)
_URN_DRIFTS = gettext_noop(
    "With an unequal ratio the block urn leaves the ratio at some steps: the chance of an arm differs from one "
    "allocation to the next. Permuted blocks keep it at every step."
)
_NUMBER = gettext_noop("%(name)s must be a whole number from %(least)s to %(largest)s, not %(number)s.")
