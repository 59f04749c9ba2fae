"""What a scoring function is, and the sums most of them are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TypeAlias

Answers: TypeAlias = Sequence[Decimal | None]
Bounds: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ScoreFunction:
    """``bounds``: lowest and highest answer of each item; yes is 1 and no is 0. ``decimals``: places of the result."""

    name: str
    version: str
    source: str
    bounds: tuple[Bounds, ...]
    compute: Callable[[Answers], Decimal | None]
    decimals: int = 0

    def __call__(self, answers: Answers) -> Decimal | None:
        """The score, or None when it is missing. ValueError when the number of answers is not the instrument's."""
        if len(answers) != len(self.bounds):
            raise ValueError(f"{self.name} scores {len(self.bounds)} items, not {len(answers)}")
        return self.compute(answers)


def total(answers: Answers) -> Decimal | None:
    """The sum; missing as soon as one answer is."""
    known = [answer for answer in answers if answer is not None]
    return sum(known, Decimal(0)) if len(known) == len(answers) else None


def prorated(answers: Answers, allowed: int) -> Decimal | None:
    """The sum, each of at most ``allowed`` missing answers taken as the mean of the others; whole, half up."""
    known = [answer for answer in answers if answer is not None]
    if not known or len(answers) - len(known) > allowed:
        return None
    return (sum(known, Decimal(0)) * len(answers) / len(known)).quantize(Decimal(1), rounding=ROUND_HALF_UP)


def highest(answers: Answers) -> Decimal | None:
    """The highest answer; the others may be blank."""
    return max((answer for answer in answers if answer is not None), default=None)


def highest_of_all(answers: Answers) -> Decimal | None:
    return None if None in answers else highest(answers)


def bounds(*highest_answers: int) -> tuple[Bounds, ...]:
    """Bounds of items that begin at 0."""
    return tuple((0, most) for most in highest_answers)
