"""A design as a walk over all that may be, with whole numbers of ways.

Source: Blackwell & Hodges, Ann Math Stat 28 (1957), for the convergence strategy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import islice
from math import lcm
from typing import NamedTuple

from randomization.methods.blocks import block_contents
from randomization.methods.designs import Design, Minimisation, OneByOne, PermutedBlocks
from randomization.methods.designs.form import Counts, lowest_terms
from randomization.methods.designs.one_by_one import one_more
from randomization.methods.theory.levels import Course, Guess, Hidden, Level, Ways, in_lowest_terms
from randomization.methods.theory.minimised import MinimisedWalk, Patterns


class Move(NamedTuple):
    ways: int
    arm: int
    hidden: Hidden


@dataclass(frozen=True)
class Walk:
    """A design as a walk. The ways of the moves from one place add up to the same total for one ``hidden``."""

    shares: tuple[int, ...]
    start: Hidden
    moves: Callable[[Hidden], list[Move]]
    guessed: Guess
    """Chance that the convergence strategy names the arm that comes."""

    def levels(self) -> Iterator[Level]:
        """The level before allocation 1, 2, 3, ..."""
        level = Level(0, {(self.start, (0,) * len(self.shares)): 1}, 1)
        while True:
            yield level
            level = self._after(level)

    def _after(self, level: Level) -> Level:
        moves = {hidden: self.moves(hidden) for hidden in {hidden for hidden, _ in level.ways}}
        totals = {hidden: sum(move.ways for move in moves[hidden]) for hidden in moves}
        common = lcm(*totals.values())
        following: Ways = {}
        for (hidden, counts), ways in level.ways.items():
            times = ways * (common // totals[hidden])
            for move in moves[hidden]:
                place = (move.hidden, one_more(counts, move.arm))
                following[place] = following.get(place, 0) + times * move.ways
        return in_lowest_terms(level.n + 1, following, level.all_ways * common)

    def counts_law(self, level: Level) -> dict[Counts, Fraction]:
        """Chance of each vector of allocations an arm."""
        law: dict[Counts, int] = {}
        for (_, counts), ways in level.ways.items():
            law[counts] = law.get(counts, 0) + ways
        return {counts: Fraction(ways, level.all_ways) for counts, ways in sorted(law.items())}


def course_of(design: Design, patterns: Patterns | None = None) -> Course:
    """TypeError for a design that has no theory."""
    return MinimisedWalk(design, patterns) if isinstance(design, Minimisation) else walk_of(design)


def walk_of(design: Design) -> Walk:
    """Of a design that is no minimisation. TypeError for one that has no theory."""
    shares = shares_of(design)
    if isinstance(design, PermutedBlocks):
        return _walk_in_blocks(design, shares)
    if isinstance(design, OneByOne):
        return _walk_by_counts(shares, (0,) * len(shares), cache(_counted_moves(design)))
    raise TypeError(f"There is no theory of {type(design).__name__}.")


def _walk_in_blocks(design: PermutedBlocks, shares: tuple[int, ...]) -> Walk:
    moves = cache(_block_moves(design))
    if len(set(shares)) == 1:
        return _walk_by_counts(shares, (), moves)
    return Walk(shares, (), moves, lambda left, _: named_right(moves(left), left or shares))


def _walk_by_counts(shares: tuple[int, ...], start: Hidden, moves: Callable[[Hidden], list[Move]]) -> Walk:
    return Walk(shares, start, moves, lambda hidden, counts: named_right(moves(hidden), short_of_share(shares, counts)))


def short_of_share(shares: tuple[int, ...], counts: Counts) -> tuple[int, ...]:
    """How far each arm is short of its share after the next allocation."""
    drawn, total = sum(counts) + 1, sum(shares)
    return tuple(share * drawn - total * count for share, count in zip(shares, counts, strict=True))


def arms_wanted_most(wanted: tuple[int, ...]) -> list[int]:
    return [arm for arm, want in enumerate(wanted) if want == max(wanted)]


def named_right(moves: list[Move], wanted: tuple[int, ...]) -> Fraction:
    """Chance of the arm that is wanted most; among several, one is named at random."""
    named = arms_wanted_most(wanted)
    hits = sum(move.ways for move in moves if move.arm in named)
    return Fraction(hits, len(named) * sum(move.ways for move in moves))


def _counted_moves(design: OneByOne) -> Callable[[Hidden], list[Move]]:
    def moves(counts: Hidden) -> list[Move]:
        weights = design.weights(counts)
        return [Move(weight, arm, one_more(counts, arm)) for arm, weight in enumerate(weights) if weight]

    return moves


def _block_moves(design: PermutedBlocks) -> Callable[[Hidden], list[Move]]:
    common = lcm(*(size for size, _ in design.sizes))

    def moves(left: Hidden) -> list[Move]:
        if left:
            return _from_block(left, 1)
        begun = ((block_contents(design.shares, size), weight * common // size) for size, weight in design.sizes)
        return [move for contents, weight in begun for move in _from_block(contents, weight)]

    return moves


def _from_block(left: tuple[int, ...], weight: int) -> list[Move]:
    rests = [(*left[:arm], times - 1, *left[arm + 1 :]) for arm, times in enumerate(left)]
    return [Move(weight * times, arm, rests[arm] if any(rests[arm]) else ()) for arm, times in enumerate(left) if times]


def shares_of(design: Design) -> tuple[int, ...]:
    """The ratio in lowest terms."""
    return lowest_terms(tuple(share for _, share in design.ratio))


def imbalance_of(shares: tuple[int, ...], counts: Counts) -> int:
    if len(shares) == 2:
        return shares[1] * counts[0] - shares[0] * counts[1]
    common = lcm(*shares)
    scaled = [count * common // share for share, count in zip(shares, counts, strict=True)]
    return max(scaled) - min(scaled)


def correct_by_step(course: Course, n: int) -> Iterator[Fraction]:
    """For each of the first ``n`` allocations the chance that it is guessed."""
    for level in islice(course.levels(), n):
        right: dict[Fraction, int] = {}
        for (hidden, counts), ways in level.ways.items():
            chance = course.guessed(hidden, counts)
            right[chance] = right.get(chance, 0) + ways
        yield sum((chance * Fraction(ways, level.all_ways) for chance, ways in right.items()), Fraction(0))
