"""Minimisation as a walk over its margins, where one place stands for all that are like it.

Nothing in the method tells one pseudo-arm from another. With all combinations of levels equally likely, nothing tells
levels of one factor apart either, nor factors of equal weight with as many levels. So a place and any renaming of it
are equally likely and have renamed futures: it is enough to walk over one of them. That is an exact saving (for 2 x 5
levels and two arms some 480-fold); a figure that needs the names averages over them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from functools import cache
from itertools import groupby, product
from math import factorial, lcm, prod

from randomization.methods.designs import Minimisation
from randomization.methods.designs.form import Counts, lowest_terms
from randomization.methods.designs.minimisation import Margins, favoured
from randomization.methods.theory.levels import Hidden, Level, Ways, check_number, in_lowest_terms

Pattern = Mapping[str, str]
Patterns = Iterable[tuple[Pattern, int]]

Chosen = tuple[int, ...]
"""For each factor the number of a level."""


class MinimisedWalk:
    """``Hidden``: for each factor, for each level, the counts of the pseudo-arms less the least of them."""

    def __init__(self, design: Minimisation, patterns: Patterns | None) -> None:
        self.design = design
        self.shares = lowest_terms(tuple(share for _, share in design.ratio))
        self.pseudo_arms = len(design.pseudo_arms)
        alike = sorted(design.factors, key=lambda factor: (factor.weight, len(factor.levels)))
        self.names = [factor.name for factor in alike]
        self.order = [self.names.index(factor.name) for factor in design.factors]
        self.levels_of = [factor.levels for factor in alike]
        kinds = groupby(alike, key=lambda factor: (factor.weight, len(factor.levels)))
        self.kinds = [len(list(kind)) for _, kind in kinds]
        self.given = None if patterns is None else [(self._chosen(levels), weight) for levels, weight in patterns]
        # A whole multiple of the sum of any weights.
        self.full = design.p.denominator * (self.pseudo_arms - 1) * lcm(*range(1, self.pseudo_arms + 1))
        self.weights = cache(self._weights)
        self.with_one = cache(_with_one)
        self.preferred, self.rightly = cache(self._preferred), cache(self._rightly)

    def _chosen(self, levels: Pattern) -> Chosen:
        self.design.places(levels)  # refuses what the design does not know
        return tuple(known.index(levels[name]) for name, known in zip(self.names, self.levels_of, strict=True))

    def _weights(self, margins: Margins) -> tuple[int, ...]:
        weights = self.design.weights(self._scores(margins))
        return tuple(weight * self.full // sum(weights) for weight in weights)

    def _scores(self, margins: Margins) -> tuple[int, ...]:
        return self.design.scores(tuple(margins[place] for place in self.order))

    # --- the walk

    def levels(self) -> Iterator[Level]:
        """The level before allocation 1, 2, 3, ..."""
        nothing = tuple(tuple((0,) * self.pseudo_arms for _ in levels) for levels in self.levels_of)
        level = Level(0, {(nothing, ()): 1}, 1)
        while True:
            yield level
            level = self._after(level)

    def _after(self, level: Level) -> Level:
        following: Ways = {}
        for after, ways in self._moved(level).items():
            place = (self._renamed(after), ())
            following[place] = following.get(place, 0) + ways
        patterns = prod(map(len, self.levels_of)) if self.given is None else sum(times for _, times in self.given)
        return in_lowest_terms(level.n + 1, following, level.all_ways * patterns * self.full)

    def _moved(self, level: Level) -> dict[Hidden, int]:
        """The ways to come to each place. Renaming is dear, so it is left until these are added up."""
        moved: dict[Hidden, int] = {}
        for (hidden, _), ways in level.ways.items():
            check_number(level.n + 1, moved, spellings=5)
            for chosen, times in self._participants(hidden):
                came = ways * times
                for pseudo_arm, weight in enumerate(self.weights(_margins(hidden, chosen))):
                    after = tuple([
                        (*levels[:place], self.with_one(levels[place], pseudo_arm), *levels[place + 1 :])
                        for levels, place in zip(hidden, chosen, strict=True)
                    ])  # fmt: skip
                    moved[after] = moved.get(after, 0) + came * weight
        return moved

    def _participants(self, hidden: Hidden) -> Iterator[tuple[Chosen, int]]:
        """Who may come next, with weights: one for all whose margins are the same, unless patterns were given."""
        if self.given is not None:
            yield from self.given
            return
        counted: list[Counter[Counts]] = [Counter(levels) for levels in hidden]
        for margins in product(*counted):
            chosen = tuple(levels.index(margin) for levels, margin in zip(hidden, margins, strict=True))
            yield chosen, prod(counts[margin] for counts, margin in zip(counted, margins, strict=True))

    def _renamed(self, hidden: Hidden) -> Hidden:
        """The same for most places that differ by names alone; never the same for others."""
        columns = [[[margin[arm] for margin in levels] for levels in hidden] for arm in range(self.pseudo_arms)]
        if self.given is None:
            columns = [[sorted(counts) for counts in column] for column in columns]
        order = sorted(range(self.pseudo_arms), key=columns.__getitem__)
        renamed = [[tuple([margin[arm] for arm in order]) for margin in levels] for levels in hidden]
        if self.given is None:
            renamed = self._sorted(renamed)
        return tuple(map(tuple, renamed))

    def _sorted(self, hidden: list[list[Counts]]) -> list[list[Counts]]:
        for levels in hidden:
            levels.sort()
        first = 0
        for number in self.kinds:
            hidden[first : first + number] = sorted(hidden[first : first + number])
            first += number
        return hidden

    # --- figures

    def counts_law(self, level: Level) -> dict[Counts, Fraction]:
        """Chance of each vector of allocations an arm: the pseudo-arms of each place are dealt to the arms."""
        places: dict[Counts, int] = {}
        for (hidden, _), ways in level.ways.items():
            counts = tuple(sorted(self._pseudo_arm_counts(hidden, level.n)))
            places[counts] = places.get(counts, 0) + ways
        law: dict[Counts, int] = {}
        for counts, ways in places.items():
            for totals, dealt in deals(counts, self.shares).items():
                law[totals] = law.get(totals, 0) + ways * dealt
        total = level.all_ways * factorial(self.pseudo_arms)
        return {totals: Fraction(ways, total) for totals, ways in sorted(law.items())}

    def _pseudo_arm_counts(self, hidden: Hidden, n: int) -> list[int]:
        ahead = [sum(margin[arm] for margin in hidden[0]) for arm in range(self.pseudo_arms)]
        return [count + (n - sum(ahead)) // self.pseudo_arms for count in ahead]

    def guessed(self, hidden: Hidden, _: Counts, /) -> Fraction:
        """The guesser knows the levels and the margins, and names the likeliest arm."""
        right, everybody = Fraction(0), 0
        for chosen, times in self._participants(hidden):
            right += times * self.rightly(self.preferred(_margins(hidden, chosen)))
            everybody += times
        return right / everybody

    def _preferred(self, margins: Margins) -> int:
        return len(favoured(self._scores(margins)))

    def _rightly(self, preferred: int) -> Fraction:
        """Chance that the likeliest arm comes when so many pseudo-arms, whichever they are, are preferred."""
        weights = self.design.weights([0] * preferred + [1] * (self.pseudo_arms - preferred))
        each = [Fraction(weight, sum(weights)) for weight in (weights[0], weights[-1])]
        dealt = deals((1,) * preferred + (0,) * (self.pseudo_arms - preferred), self.shares)
        likeliest = (
            ways * max(own * each[0] + (share - own) * each[1] for own, share in zip(owned, self.shares, strict=True))
            for owned, ways in dealt.items()
        )
        return sum(likeliest, Fraction(0)) / factorial(self.pseudo_arms)


def _margins(hidden: Hidden, chosen: Chosen) -> Margins:
    return tuple([levels[level] for levels, level in zip(hidden, chosen, strict=True)])


def _with_one(margin: Counts, pseudo_arm: int) -> Counts:
    counts = [count + (place == pseudo_arm) for place, count in enumerate(margin)]
    least = min(counts)
    return tuple([count - least for count in counts])


def deals(counts: Counts, shares: Counts) -> dict[Counts, int]:
    """The ways, of all orders of the pseudo-arms, to deal ``counts`` to arms with so many each: by sum an arm."""
    dealt = {((0,) * len(shares), shares): 1}
    for count in counts:
        following: dict[tuple[Counts, Counts], int] = {}
        for (totals, left), ways in dealt.items():
            for arm, places in enumerate(left):
                after = (_plus(totals, arm, count), _plus(left, arm, -1))
                following[after] = following.get(after, 0) + ways * places
        dealt = {after: ways for after, ways in following.items() if ways}
    return {totals: ways for (totals, _), ways in dealt.items()}


def _plus(counts: Counts, arm: int, more: int) -> Counts:
    return (*counts[:arm], counts[arm] + more, *counts[arm + 1 :])
