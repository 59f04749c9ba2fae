"""Two proportions side by side: difference with its interval, and the chi-squared test.

Sources: Miettinen and Nurminen, Statistics in Medicine 1985;4:213-226 (score interval, the restricted estimates in the
closed form of Farrington and Manning 1990); Newcombe, Statistics in Medicine 1998;17:873-890, method 10; Pearson 1900.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

_STEPS = 80  # halvings of an interval at most 2 wide: far below what a double can hold


@dataclass(frozen=True, slots=True)
class Proportion:
    """``count`` of ``total``; ValueError unless 0 <= count <= total and total > 0."""

    count: int
    total: int

    def __post_init__(self) -> None:
        if self.total < 1 or not 0 <= self.count <= self.total:
            raise ValueError(f"{self.count} of {self.total} is no proportion")

    @property
    def share(self) -> float:
        return self.count / self.total

    def __str__(self) -> str:
        return f"{self.count}/{self.total} ({100 * self.share:.1f}%)"


@dataclass(frozen=True, slots=True)
class Difference:
    """First less second, as a share from -1 to 1, with its interval; n and N stand in both proportions."""

    first: Proportion
    second: Proportion
    low: float
    high: float
    confidence: float
    method: str

    @property
    def estimate(self) -> float:
        return self.first.share - self.second.share

    def __str__(self) -> str:
        ends = f"{100 * self.low:.1f} to {100 * self.high:.1f}"
        points = f"{100 * self.estimate:.1f} percentage points"
        return f"{self.first} and {self.second}: {points} ({100 * self.confidence:g}% CI {ends}, {self.method})"


def miettinen_nurminen(first: Proportion, second: Proportion, confidence: float = 0.95) -> Difference:
    """The interval of all differences that a score test at this level does not reject."""
    limit, estimate = _quantile(confidence), first.share - second.share

    def rejected(difference: float) -> bool:
        spread = _score_spread(first, second, difference)
        return abs(estimate - difference) > limit * spread

    low, high = _edge(rejected, -1.0, estimate), _edge(rejected, 1.0, estimate)
    return Difference(first, second, low, high, confidence, "Miettinen-Nurminen")


def wald(first: Proportion, second: Proportion, confidence: float = 0.95) -> Difference:
    """The estimate with so many standard errors to both sides, cut off at -1 and 1."""
    estimate, reach = first.share - second.share, _quantile(confidence) * _wald_spread(first, second)
    return Difference(first, second, max(estimate - reach, -1), min(estimate + reach, 1), confidence, "Wald")


def newcombe(first: Proportion, second: Proportion, confidence: float = 0.95) -> Difference:
    """The hybrid of both Wilson intervals."""
    limit, estimate = _quantile(confidence), first.share - second.share
    (low_1, high_1), (low_2, high_2) = _wilson(first, limit), _wilson(second, limit)
    below = math.hypot(first.share - low_1, high_2 - second.share)
    above = math.hypot(high_1 - first.share, second.share - low_2)
    return Difference(first, second, estimate - below, estimate + above, confidence, "Newcombe")


def wald_non_inferiority(first: Proportion, second: Proportion, margin: float) -> tuple[float, float]:
    """z and one-sided p of the test that first less second lies above ``margin`` (as -0.10); inf without spread."""
    spread = _wald_spread(first, second)
    above = first.share - second.share - margin
    z = above / spread if spread else math.copysign(math.inf, above)
    return z, 0.5 * math.erfc(z / math.sqrt(2))


def chi_squared(first: Proportion, second: Proportion, *, continuity: bool = False) -> tuple[float, float]:
    """Pearson's statistic with one degree of freedom and its p; ``continuity``: with Yates' correction.

    ValueError when nobody or everybody is counted: then there is nothing to test.
    """
    total, counted = first.total + second.total, first.count + second.count
    if counted in (0, total):
        raise ValueError("nobody or everybody is counted")
    apart = float(abs(first.count * second.total - second.count * first.total))
    apart = max(apart - total / 2, 0.0) if continuity else apart
    statistic = total * apart**2 / (first.total * second.total * counted * (total - counted))
    return statistic, math.erfc(math.sqrt(statistic / 2))


def _quantile(confidence: float) -> float:
    """ValueError unless 0 < confidence < 1."""
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence} does not lie between 0 and 1")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _wald_spread(first: Proportion, second: Proportion) -> float:
    variances = (one.share * (1 - one.share) / one.total for one in (first, second))
    return math.sqrt(sum(variances))


def _wilson(one: Proportion, limit: float) -> tuple[float, float]:
    square = limit**2
    middle = 2 * one.count + square
    reach = limit * math.sqrt(square + 4 * one.count * (1 - one.share))
    return (middle - reach) / (2 * (one.total + square)), (middle + reach) / (2 * (one.total + square))


def _edge(rejected: Callable[[float], bool], outside: float, inside: float) -> float:
    """Where rejection ends between a difference outside the interval and one inside it."""
    if not rejected(outside):
        return outside
    for _ in range(_STEPS):
        middle = (outside + inside) / 2
        outside, inside = (middle, inside) if rejected(middle) else (outside, middle)
    return inside


def _score_spread(first: Proportion, second: Proportion, difference: float) -> float:
    """Standard error of the difference if it were ``difference``, with Miettinen and Nurminen's N/(N-1)."""
    share_2 = _restricted(first, second, difference)
    share_1 = min(max(share_2 + difference, 0.0), 1.0)
    total = first.total + second.total
    variance = share_1 * (1 - share_1) / first.total + share_2 * (1 - share_2) / second.total
    return math.sqrt(variance * total / (total - 1))


def _restricted(first: Proportion, second: Proportion, difference: float) -> float:
    """The likeliest second share if first less second were ``difference``: the right root of a cubic."""
    total, counted = first.total + second.total, first.count + second.count
    square = (first.total + 2 * second.total) * difference - total - counted
    linear = (second.total * difference - total - 2 * second.count) * difference + counted
    constant = second.count * difference * (1 - difference)
    third = square / (3 * total)
    turn = third**3 - square * linear / (6 * total**2) + constant / (2 * total)
    radius = math.copysign(math.sqrt(max(third**2 - linear / (3 * total), 0.0)), turn)
    cosine = min(max(turn / radius**3, -1.0), 1.0) if radius else 0.0
    root = 2 * radius * math.cos((math.pi + math.acos(cosine)) / 3) - third
    return min(max(root, 0.0, -difference), 1.0, 1.0 - difference)
