"""The form that every design has, and the checks of what all designs are given.

A design is plain frozen data; ``step(state, words) -> (arm, state)`` is pure but for the words. The order in which arms
were given plays no part: they are kept sorted by code point.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from math import gcd
from typing import Any, NamedTuple, Protocol

from randomization.methods.findings import Finding, finding, gettext_noop
from randomization.methods.words import Words

LARGEST_WEIGHT = 1000
LARGEST_MTI = 30
NAME = re.compile(r"[A-Za-z0-9_.\-]{1,40}")

Parameters = dict[str, Any]  # JSON: text, integers and objects of them
Ratio = tuple[tuple[str, int], ...]
Counts = tuple[int, ...]


class State(NamedTuple):
    """Where a list stands, as far as its design looks back.

    ``block``: number of the open block, 0 without blocks. ``waiting``: its arms yet to come. ``counts``: allocations so
    far, of each arm in the order of ``ratio``; for minimisation of each arm at each level of each factor.
    """

    block: int = 0
    waiting: tuple[int, ...] = ()
    counts: Counts = ()


class Design(Protocol):
    @property
    def ratio(self) -> Ratio:
        """Each arm with its integer share, sorted by arm."""

    def parameters(self) -> Parameters:
        """The design as JSON; ``design_from`` reads it back."""

    def warnings(self, *, open_label: bool) -> tuple[Finding, ...]:
        """What a statistician should know before this design is used."""

    def step(self, state: State, words: Words) -> tuple[str, State]:
        """The next arm and where the list stands after it."""


def sorted_ratio(ratio: Mapping[str, int]) -> Ratio:
    return tuple(sorted(ratio.items()))


def lowest_terms(weights: tuple[int, ...]) -> tuple[int, ...]:
    """The weights divided by their greatest common divisor; (2, 4) and (1, 2) must not read a word differently."""
    common = gcd(*weights)
    return tuple(weight // common for weight in weights)


def counts_in_range(number: object) -> bool:
    """Whether a share or weight is a whole number in range; True and 2.0 are not."""
    return type(number) is int and 1 <= number <= LARGEST_WEIGHT


def ratio_refusals(ratio: Mapping[str, int]) -> list[Finding]:
    refusals = [finding(_TWO_ARMS)] if len(ratio) < 2 else []
    refusals += [finding(_ARM_NAME, arm=arm) for arm in ratio if not NAME.fullmatch(arm)]
    wrong = [(arm, share) for arm, share in ratio.items() if not counts_in_range(share)]
    return refusals + [finding(_SHARE, arm=arm, share=share, largest=LARGEST_WEIGHT) for arm, share in wrong]


def equal_refusals(ratio: Mapping[str, int], method: str) -> list[Finding]:
    """Refusal of unequal shares, where the method would leave the ratio at some steps."""
    return [finding(_EQUAL, method=method)] if len(set(ratio.values())) > 1 else []


def two_equal_refusals(ratio: Mapping[str, int], method: str) -> list[Finding]:
    """Refusal of anything but two equal arms, for methods that are defined by the sign of one difference."""
    return [finding(_TWO_EQUAL, method=method)] if len(ratio) != 2 or len(set(ratio.values())) > 1 else []


def mti_refusals(mti: int) -> list[Finding]:
    fits = type(mti) is int and 1 <= mti <= LARGEST_MTI
    return [] if fits else [finding(_MTI, mti=mti, largest=LARGEST_MTI)]


def probability(text: str | Fraction) -> Fraction | None:
    """``"2/3"`` as a fraction; None for any other spelling, since 0.67 is not the number that was meant."""
    if isinstance(text, Fraction):
        return text
    if not isinstance(text, str) or not re.fullmatch(r"[1-9][0-9]{0,3}/[1-9][0-9]{0,3}", text):
        return None
    return Fraction(text)


def probability_refusals(p: str | Fraction, arms: int) -> list[Finding]:
    """The probability of the preferred arm lies above pure chance and below certainty."""
    read = probability(p)
    if read is None or not Fraction(1, max(arms, 1)) < read < 1 or read.denominator > LARGEST_WEIGHT:
        return [finding(_PROBABILITY, p=str(p), arms=arms, largest=LARGEST_WEIGHT)]
    return []


def spelt(p: Fraction) -> str:
    return f"{p.numerator}/{p.denominator}"


_TWO_ARMS = gettext_noop("A design needs at least two arms.")
_ARM_NAME = gettext_noop(
    "The arm name %(arm)r cannot be used: write 1 to 40 unaccented letters, digits, points, hyphens or underscores."
)
_SHARE = gettext_noop("The share of arm %(arm)s must be a whole number from 1 to %(largest)s, not %(share)s.")
_EQUAL = gettext_noop(
    "The method %(method)s needs equal shares: with unequal ones the chance of an arm would differ from step to step. "
    "For an unequal ratio use permuted blocks, complete randomisation or minimisation."
)
_TWO_EQUAL = gettext_noop(
    "The method %(method)s is defined for two arms with equal shares. For other arms use permuted blocks, complete "
    "randomisation or minimisation; for more equal arms also the big stick or an urn."
)
_MTI = gettext_noop("The maximum tolerated imbalance must be a whole number from 1 to %(largest)s, not %(mti)s.")
_PROBABILITY = gettext_noop(
    "The probability of the preferred arm must be written as a fraction such as 2/3, above 1/%(arms)s and below 1, "
    "with a denominator of at most %(largest)s, not %(p)s."
)
