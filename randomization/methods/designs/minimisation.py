"""Minimisation with a random element, and its log that can be replayed.

Sources: Pocock & Simon, Biometrics 31 (1975); Downs et al, Trials 11:97 (2010), for what a log must hold so that a
replay is exact. An unequal ratio is had with equal pseudo-arms, of which an arm owns as many as its share, because only
then does the ratio hold at every step (Kuznetsova & Tymofyeyev, Stat Med 31 (2012)).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import ClassVar, NamedTuple, TypedDict

from randomization.methods.designs.form import (
    NAME,
    Counts,
    Parameters,
    Ratio,
    State,
    counts_in_range,
    lowest_terms,
    probability_refusals,
    ratio_refusals,
    sorted_ratio,
    spelt,
)
from randomization.methods.findings import DesignRefused, Finding, finding, gettext_noop
from randomization.methods.words import SPAN, Words

MEASURES = ("range", "variance")
MOST_PSEUDO_ARMS = 20
MOST_LEVELS = 1000

Margins = tuple[Counts, ...]
"""For each factor: how many have each pseudo-arm among those with the new participant's level."""


class Factor(NamedTuple):
    name: str
    levels: tuple[str, ...]
    weight: int


class MinimisedAllocation(TypedDict):
    """One line of the log, plain JSON. ``preferred`` and ``pseudo_arm`` count from 0; words are hexadecimal.

    ``counts``: by factor, the pseudo-arms among earlier participants with this one's level. ``words``: those taken, of
    which the last was used and any other rejected.
    """

    position: int
    levels: dict[str, str]
    counts: dict[str, list[int]]
    scores: list[int]
    preferred: list[int]
    p: str
    words: list[str]
    pseudo_arm: int
    arm: str


@dataclass(frozen=True)
class Minimisation:
    """The arm that leaves the smallest imbalance over the participant's levels, with probability ``p``.

    Made by ``minimisation``, which checks. ``State.counts`` holds for each factor, each of its levels, each pseudo-arm
    the number allocated.
    """

    ratio: Ratio
    factors: tuple[Factor, ...]
    measure: str
    p: Fraction
    method: ClassVar[str] = "minimisation"

    @cached_property
    def pseudo_arms(self) -> tuple[int, ...]:
        """For each pseudo-arm the index of its arm in ``ratio``."""
        shares = lowest_terms(tuple(share for _, share in self.ratio))
        return tuple(arm for arm, share in enumerate(shares) for _ in range(share))

    @cached_property
    def _places(self) -> dict[tuple[str, str], int]:
        """Where the counts of a level begin in ``State.counts``."""
        pairs = [(factor.name, level) for factor in self.factors for level in factor.levels]
        return {pair: number * len(self.pseudo_arms) for number, pair in enumerate(pairs)}

    def parameters(self) -> Parameters:
        return {
            "method": self.method,
            "ratio": dict(self.ratio),
            "factors": {name: {"levels": list(levels), "weight": weight} for name, levels, weight in self.factors},
            "measure": self.measure,
            "p": spelt(self.p),
        }

    def warnings(self, *, open_label: bool) -> tuple[Finding, ...]:
        return (finding(_NEARLY_CERTAIN, p=spelt(self.p)),) if open_label and self.p >= Fraction(9, 10) else ()

    def step(self, state: State, words: Words, levels: Mapping[str, str] | None = None) -> tuple[str, State]:
        """The arm of a participant with these levels. DesignRefused when a factor has none or one not known."""
        record, state = self.allocate(state, words, levels or {}, position=1)
        return record["arm"], state

    def allocate(
        self, state: State, words: Words, levels: Mapping[str, str], *, position: int
    ) -> tuple[MinimisedAllocation, State]:
        """One allocation with everything that a replay needs."""
        places = self.places(levels)
        counts = state.counts or self.no_counts()
        margins = self.margins(counts, places)
        scores = self.scores(margins)
        preferred = favoured(scores)
        weights = self.weights(scores)
        taken = _taken(words, sum(weights))
        chosen = _of_word(taken[-1], weights)
        record = MinimisedAllocation(
            position=position,
            levels={factor.name: levels[factor.name] for factor in self.factors},
            counts={factor.name: list(margin) for factor, margin in zip(self.factors, margins, strict=True)},
            scores=list(scores),
            preferred=preferred,
            p=spelt(self.p),
            words=[f"{word:016x}" for word in taken],
            pseudo_arm=chosen,
            arm=self.ratio[self.pseudo_arms[chosen]][0],
        )
        return record, State(counts=self.with_one(counts, places, chosen))

    def no_counts(self) -> Counts:
        return (0,) * (len(self._places) * len(self.pseudo_arms))

    def places(self, levels: Mapping[str, str]) -> tuple[int, ...]:
        """For each factor where the counts of this participant's level begin. DesignRefused with every reason."""
        wrong = [factor.name for factor in self.factors if (factor.name, levels.get(factor.name)) not in self._places]
        if wrong:
            raise DesignRefused(*(finding(_LEVEL, factor=name, level=levels.get(name, "")) for name in wrong))
        return tuple(self._places[factor.name, levels[factor.name]] for factor in self.factors)

    def margins(self, counts: Counts, places: Sequence[int]) -> Margins:
        return tuple(counts[place : place + len(self.pseudo_arms)] for place in places)

    def with_one(self, counts: Counts, places: Sequence[int], pseudo_arm: int) -> Counts:
        following = list(counts)
        for place in places:
            following[place + pseudo_arm] += 1
        return tuple(following)

    def scores(self, margins: Margins) -> tuple[int, ...]:
        """For each pseudo-arm the weighted imbalance that there would be if the participant had it."""
        spread = _SPREADS[self.measure]
        return tuple(
            sum(
                factor.weight * spread([count + (place == arm) for place, count in enumerate(margin)])
                for factor, margin in zip(self.factors, margins, strict=True)
            )
            for arm in range(len(self.pseudo_arms))
        )

    def weights(self, scores: Sequence[int]) -> tuple[int, ...]:
        """One of the s preferred is picked evenly; it has ``p``, and the others share 1 - ``p`` evenly."""
        preferred, others = favoured(scores), len(scores) - 1
        with_p, without = self.p.numerator, self.p.denominator - self.p.numerator
        favoured_weight = with_p * others + (len(preferred) - 1) * without
        return lowest_terms(
            tuple(favoured_weight if arm in preferred else len(preferred) * without for arm in range(len(scores)))
        )


def favoured(scores: Sequence[int]) -> list[int]:
    """The pseudo-arms with the smallest score."""
    return [arm for arm, score in enumerate(scores) if score == min(scores)]


def replay(
    design: Minimisation, records: Iterable[MinimisedAllocation], source: Iterable[bytes] | None = None
) -> list[Finding]:
    """Every disagreement between a log and what the design makes of its inputs and words; empty when it is whole.

    ``source``: chunks of the trial's stream, after the reveal; without them the words are believed as logged.
    """
    return list(_disagreements(design, records, source))


def _disagreements(
    design: Minimisation, records: Iterable[MinimisedAllocation], source: Iterable[bytes] | None
) -> Iterator[Finding]:
    state, stream = State(), None if source is None else Words(source)
    for position, logged in enumerate(records, start=1):
        try:
            drawn = stream or Words([b"".join(int(word, 16).to_bytes(8, "little") for word in logged["words"])])
            made, state = design.allocate(state, drawn, logged["levels"], position=position)
        except (DesignRefused, StopIteration, ValueError, OverflowError, KeyError, TypeError, AttributeError) as error:
            yield finding(_UNREADABLE, position=position, detail=str(error) or type(error).__name__)
            return
        for part, value in made.items():
            if logged.get(part) != value:
                yield finding(_DIFFERS, position=position, part=part, logged=logged.get(part), made=value)


def minimisation(
    ratio: Mapping[str, int],
    *,
    factors: Mapping[str, Iterable[str]],
    weights: Mapping[str, int] | None = None,
    measure: str,
    p: str | Fraction,
) -> Minimisation:
    """A design of minimisation. ``factors``: name to levels; ``weights``: name to whole number, 1 where left out.

    DesignRefused with every reason.
    """
    given = [Factor(name, tuple(sorted(factors[name])), (weights or {}).get(name, 1)) for name in sorted(factors)]
    refusals = [*ratio_refusals(ratio), *_factor_refusals(given, weights or {})]
    if measure not in MEASURES:
        refusals.append(finding(_MEASURE, measure=measure, known=", ".join(MEASURES)))
    if refusals:
        raise DesignRefused(*refusals)
    made = Minimisation(sorted_ratio(ratio), tuple(given), measure, Fraction(0))
    pseudo_arms = len(made.pseudo_arms)
    refusals = probability_refusals(p, pseudo_arms)
    if pseudo_arms > MOST_PSEUDO_ARMS:
        refusals.append(finding(_PSEUDO_ARMS, arms=pseudo_arms, most=MOST_PSEUDO_ARMS))
    if refusals:
        raise DesignRefused(*refusals)
    return Minimisation(made.ratio, made.factors, measure, Fraction(p))


def _factor_refusals(factors: Sequence[Factor], weights: Mapping[str, int]) -> Iterator[Finding]:
    if not factors:
        yield finding(_NO_FACTOR)
    for name in sorted(set(weights) - {factor.name for factor in factors}):
        yield finding(_WEIGHT_OF_NONE, factor=name)
    if sum(len(factor.levels) for factor in factors) > MOST_LEVELS:
        yield finding(_MANY_LEVELS, most=MOST_LEVELS)
    for name, levels, weight in factors:
        for text in (name, *levels):
            if not NAME.fullmatch(text):
                yield finding(_NAME, name=text)
        if len(set(levels)) < max(len(levels), 2):
            yield finding(_LEVELS, factor=name)
        if not counts_in_range(weight):
            yield finding(_WEIGHT, factor=name, weight=weight)


def _range(counts: Sequence[int]) -> int:
    return max(counts) - min(counts)


def _variance(counts: Sequence[int]) -> int:
    """The variance times the square of the number of arms, to stay whole."""
    return len(counts) * sum(count * count for count in counts) - sum(counts) ** 2


_SPREADS = {"range": _range, "variance": _variance}


def _taken(words: Words, total: int) -> list[int]:
    """The words that one bounded draw takes: the last is below the limit of ``Words.bounded``."""
    taken = [words.word()]
    while taken[-1] >= SPAN - SPAN % total:
        taken.append(words.word())
    return taken


def _of_word(word: int, weights: Sequence[int]) -> int:
    return Words([word.to_bytes(8, "little")]).weighted(weights)


_LEVEL = gettext_noop(
    "Minimisation needs the level of %(factor)s before it can allocate; %(level)r is none that the design knows."
)
_UNREADABLE = gettext_noop("Allocation %(position)s of the log cannot be replayed (%(detail)s).")
_DIFFERS = gettext_noop("Allocation %(position)s: %(part)s is %(logged)s in the log, but the replay gives %(made)s.")
_NO_FACTOR = gettext_noop("Minimisation needs at least one factor.")
_WEIGHT_OF_NONE = gettext_noop("There is a weight for %(factor)s, which is no factor of the design.")
_MANY_LEVELS = gettext_noop("The factors may have %(most)s levels together.")
_NAME = gettext_noop(
    "The factor or level %(name)r cannot be used: write 1 to 40 unaccented letters, digits, points, hyphens or "
    "underscores."
)
_LEVELS = gettext_noop("The factor %(factor)s needs at least two levels, each named once.")
_WEIGHT = gettext_noop("The weight of factor %(factor)s must be a whole number from 1 to 1000, not %(weight)s.")
_MEASURE = gettext_noop("The measure of imbalance %(measure)s is not known. Known measures: %(known)s.")
_PSEUDO_ARMS = gettext_noop(
    "Minimisation divides this ratio into %(arms)s equal pseudo-arms; %(most)s is the most. Use smaller shares."
)
_NEARLY_CERTAIN = gettext_noop(
    "In an open-label trial a probability of %(p)s lets someone who knows the counts foretell nearly every allocation. "
    "Use 4/5 or less."
)


def next_allocation(
    design: Minimisation,
    logged: Iterable[MinimisedAllocation],
    source: Iterable[bytes],
    levels: Mapping[str, str],
) -> MinimisedAllocation:
    """The record of the next allocation. ``logged``: all earlier ones, in order; ``source``: chunks of the stream.

    The stream goes on where the last allocation stopped. DesignRefused for a level that the design does not know.
    """
    words, counts, position = Words(source), design.no_counts(), 1
    for earlier in logged:
        for _taken in earlier["words"]:
            words.word()
        counts = design.with_one(counts, design.places(earlier["levels"]), earlier["pseudo_arm"])
        position += 1
    record, _state = design.allocate(State(counts=counts), words, levels, position=position)
    return record
