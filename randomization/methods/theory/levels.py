"""What may be before each allocation, with whole numbers of ways."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sized
from fractions import Fraction
from math import gcd
from typing import Any, NamedTuple, Protocol

from randomization.methods.designs.form import Counts

Law = dict[int, Fraction]
Hidden = tuple[Any, ...]
"""What decides the next allocation: counts, places left in the open block, or margins of minimisation."""

Ways = dict[tuple[Hidden, Counts], int]


MOST_PLACES = 200_000
"""Different places after one allocation up to which figures are worked out: some minutes and 300 MB."""


class TooManyPlaces(ValueError):
    """The figure wanted would take hours: the design has too many arms, factors or levels for so many allocations."""


class Level(NamedTuple):
    """All that may be after ``n`` allocations: (hidden, counts) with its number of ways, out of ``all_ways``."""

    n: int
    ways: Ways
    all_ways: int


class Course(Protocol):
    """A design as a course from level to level."""

    @property
    def shares(self) -> tuple[int, ...]:
        """The ratio in lowest terms."""

    def levels(self) -> Iterator[Level]:
        """The level before allocation 1, 2, 3, ..."""

    @property
    def guessed(self) -> Guess:
        """Chance that the convergence strategy names the arm that comes."""

    def counts_law(self, level: Level) -> dict[Counts, Fraction]:
        """Chance of each vector of allocations an arm."""


class Guess(Protocol):
    def __call__(self, hidden: Hidden, counts: Counts, /) -> Fraction: ...


def check_number(n: int, places: Sized, *, spellings: int = 1) -> None:
    """TooManyPlaces after ``n`` allocations. ``spellings``: how many places may be the same by another name."""
    if len(places) > MOST_PLACES * spellings:
        raise TooManyPlaces(
            f"After {n} allocations this design may stand in more than {MOST_PLACES} different places, up to which "
            f"exact figures are worked out. They reach {n - 1} allocations: simulate longer lists."
        )


def in_lowest_terms(n: int, ways: Mapping[tuple[Hidden, Counts], int], all_ways: int) -> Level:
    check_number(n, ways)
    common = gcd(all_ways, *ways.values())
    return Level(n, {place: number // common for place, number in ways.items()}, all_ways // common)
