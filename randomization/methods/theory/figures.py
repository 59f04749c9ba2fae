"""Figures of a design after n allocations.

Sources: Rosenberger & Lachin, Randomization in Clinical Trials (2016), chapters 3 to 5; Berger, Ivanova & Knoll, Stat
Med 22 (2003), for the maximal procedure.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from randomization.methods.designs import Design, Minimisation
from randomization.methods.designs.form import Counts
from randomization.methods.theory.levels import Course, Hidden, Law, Level, check_number
from randomization.methods.theory.minimised import Patterns
from randomization.methods.theory.walks import Walk, correct_by_step, course_of, imbalance_of, shares_of, walk_of


def counts_law(design: Design, n: int, *, patterns: Patterns | None = None) -> dict[Counts, Fraction]:
    """Chance of each vector of allocations an arm (in the order of ``design.ratio``) after ``n`` allocations."""
    course = course_of(design, patterns)
    return course.counts_law(level_after(course, n))


def imbalance_law(design: Design, n: int, *, patterns: Patterns | None = None) -> Law:
    """Chance of each imbalance D after ``n`` allocations, by D.

    Two arms 1:1: D is allocations of the first arm less those of the second; with shares r1:r2 it is r2 times the
    first less r1 times the second. Three or more arms: the most less the fewest, each times (all shares / own share).
    """
    shares = shares_of(design)
    law: Law = {}
    for counts, chance in counts_law(design, n, patterns=patterns).items():
        imbalance = imbalance_of(shares, counts)
        law[imbalance] = law.get(imbalance, Fraction(0)) + chance
    return dict(sorted(law.items()))


def expected_correct_guesses(design: Design, n: int, *, patterns: Patterns | None = None) -> Fraction:
    """Expected number of right guesses among the first ``n`` allocations."""
    return sum(correct_by_step(course_of(design, patterns), n), Fraction(0))


def expected_certain(design: Design, n: int, *, sizes_known: bool = False) -> Fraction:
    """Expected number of allocations, among the first ``n``, that are certain before they are made.

    ``sizes_known``: whether the guesser knows the size of each permuted block once it is begun; without that a block
    of random size is certain only where every size that may be leaves one arm. Minimisation is never certain.
    """
    if isinstance(design, Minimisation):
        return Fraction(0)
    walk = walk_of(design)
    beliefs: dict[tuple[Hidden, frozenset[Hidden]], Fraction] = {(walk.start, frozenset({walk.start})): Fraction(1)}
    certain = Fraction(0)
    for number in range(n):
        check_number(number, beliefs)
        certain += sum(
            (chance for (_, belief), chance in beliefs.items() if len(_arms_after(walk, belief)) == 1), Fraction(0)
        )
        beliefs = _believed_after(walk, beliefs, sizes_known)
    return certain


def _arms_after(walk: Walk, belief: frozenset[Hidden]) -> dict[int, frozenset[Hidden]]:
    """For each arm that may come next, all that may be after it."""
    after: dict[int, set[Hidden]] = {}
    for hidden in belief:
        for move in walk.moves(hidden):
            after.setdefault(move.arm, set()).add(move.hidden)
    return {arm: frozenset(places) for arm, places in after.items()}


def _believed_after(
    walk: Walk, beliefs: Mapping[tuple[Hidden, frozenset[Hidden]], Fraction], sizes_known: bool
) -> dict[tuple[Hidden, frozenset[Hidden]], Fraction]:
    following: dict[tuple[Hidden, frozenset[Hidden]], Fraction] = {}
    for (hidden, belief), chance in beliefs.items():
        after, moves = _arms_after(walk, belief), walk.moves(hidden)
        total = sum(move.ways for move in moves)
        for move in moves:
            place = (move.hidden, frozenset({move.hidden}) if sizes_known else after[move.arm])
            following[place] = following.get(place, Fraction(0)) + chance * Fraction(move.ways, total)
    return following


def reference_set_size(design: Design, n: int) -> int:
    """The number of sequences of ``n`` arms that the design can give (under minimisation: any)."""
    if isinstance(design, Minimisation):
        return int(len(design.ratio) ** n)
    walk = walk_of(design)
    sequences: dict[frozenset[Hidden], int] = {frozenset({walk.start}): 1}
    for number in range(n):
        check_number(number, sequences)
        following: dict[frozenset[Hidden], int] = {}
        for belief, ways in sequences.items():
            for after in _arms_after(walk, belief).values():
                following[after] = following.get(after, 0) + ways
        sequences = following
    return sum(sequences.values())


def maximal_procedure_sequences(mti: int, n: int) -> int:
    """Size of the reference set of the maximal procedure: sequences of two arms within ``mti`` that end in balance."""
    ways = {0: 1}
    for _ in range(n):
        ways = {
            imbalance: ways.get(imbalance - 1, 0) + ways.get(imbalance + 1, 0) for imbalance in range(-mti, mti + 1)
        }
    return ways.get(0, 0)


def moments(law: Mapping[int, Fraction]) -> tuple[Fraction, Fraction]:
    """Expected absolute imbalance and variance (about zero) of a law of D."""
    absolute = sum((abs(d) * chance for d, chance in law.items()), Fraction(0))
    return absolute, sum((d * d * chance for d, chance in law.items()), Fraction(0))


def level_after(course: Course, n: int) -> Level:
    """The level after ``n`` allocations."""
    return next(level for level in course.levels() if level.n == n)
