"""Many trials at once: the same designs, the same reading of words, vectorised over trials with numpy.

Words. ``stream(seed, use)`` is the generator of ``methods.words`` with the SHA-256 of the seed as its secret.

Arrivals: r = Bounded(T^k), T the sum of the weights of the strata and k the largest number with T^k <= 2^32 (at least
1), serves k participants: its digits in base T, lowest first, each falling into the weights as Weighted does.
Participants are numbered participant by participant, in each through all trials.

Allocations: the words stand in rows as long as there are trials; trial t reads the words in column t from above, as the
design reads the words of a list. Strata of a trial share the column and keep states of their own; minimisation keeps
one state.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise, product
from math import lcm, prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from randomization.methods.comparison.vectorised import (
    Columns,
    Flags,
    Ints,
    Shares,
    Small,
    family_of,
    remainders,
    words_from,
)
from randomization.methods.designs import Design, Minimisation, State
from randomization.methods.theory.walks import shares_of
from randomization.methods.words import SPAN, Words, chunks

LARGEST_WEIGHTS = 1 << 22

SPARE_ROWS = 8
"""Rows of words beyond what a trial needs, for words that are rejected (one in 10^10 at most)."""


class Stratum(NamedTuple):
    """``levels``: the level of each factor; ``weight``: how many come, against the other strata."""

    levels: Mapping[str, str]
    weight: int


@dataclass(frozen=True)
class Recruitment:
    """Who comes: how many in a trial, and the strata they fall into, each participant by chance."""

    participants: int
    strata: tuple[Stratum, ...]

    @classmethod
    def over(cls, participants: int, factors: Mapping[str, Mapping[str, int]]) -> Recruitment:
        """All combinations of levels, factors independent. ``factors``: name to level to whole weight."""
        names = sorted(factors)
        combined = [dict(zip(names, levels, strict=True)) for levels in product(*(sorted(factors[n]) for n in names))]
        return cls(
            participants,
            tuple(Stratum(levels, prod(factors[name][levels[name]] for name in names)) for levels in combined),
        )


@dataclass(frozen=True)
class Simulated:
    """Arrays of shape (participants, trials). ``stratum`` and ``arm``: places in the recruitment and in the ratio.

    ``right``: 1 where the guesser of ``methods.theory`` named the arm, 1 / k where it was one of k equally good,
    else 0. ``certain``: where one arm alone was possible (the size of each block known). Both None without foresight.
    """

    design: Design
    recruitment: Recruitment
    stratum: Small
    arm: Small
    right: Shares | None = None
    certain: Flags | None = None


def stream(seed: str, use: str) -> Iterator[bytes]:
    """Chunks of words for a simulation; the same seed gives the same for good."""
    return chunks(hashlib.sha256(seed.encode()).digest(), "simulation", "rehearsal", use)


def simulate(design: Design, recruitment: Recruitment, *, trials: int, seed: str, foresight: bool = False) -> Simulated:
    """So many trials of one recruitment under one design.

    ValueError without trials or participants, unless there are 1 to 255 strata, or when their weights add up to more
    than LARGEST_WEIGHTS.
    """
    if not (0 < len(recruitment.strata) < 256 and trials > 0 and recruitment.participants > 0):
        raise ValueError("A simulation needs trials, participants and 1 to 255 strata.")
    if sum(stratum.weight for stratum in recruitment.strata) > LARGEST_WEIGHTS:
        raise ValueError(f"The weights of the strata may add up to {LARGEST_WEIGHTS}. Use smaller ones.")
    stratum = arrivals(recruitment, trials, stream(seed, "arrivals"))
    return allocated(design, recruitment, stratum, stream(seed, "allocations"), foresight=foresight)


# --- arrivals --------------------------------------------------------------------------------------------------------


def arrivals(recruitment: Recruitment, trials: int, source: Iterator[bytes]) -> Small:
    """The stratum of each participant of each trial."""
    weights = [stratum.weight for stratum in recruitment.strata]
    base, wanted = sum(weights), recruitment.participants * trials
    digits = _digits_of_a_word(base)
    bound, needed = base**digits, -(-wanted // digits)
    words = np.empty(0, dtype=np.uint64)
    while len(words) < needed:
        drawn = words_from(source, needed - len(words))
        words = np.concatenate([words, drawn[drawn <= np.uint64(SPAN - SPAN % bound - 1)]])
    stratum_of = np.repeat(np.arange(len(weights), dtype=np.uint8), weights)
    numbers = remainders(words[:needed], bound).astype(np.uint32)
    return _in_digits(numbers, base, digits, stratum_of)[:wanted].reshape(-1, trials)


def _digits_of_a_word(base: int) -> int:
    return max(number for number in range(1, 33) if number == 1 or base**number <= 1 << 32)


def _in_digits(numbers: npt.NDArray[np.uint32], base: int, digits: int, stratum_of: Small) -> Small:
    """The stratum that each digit gives, the lowest digit of each number first."""
    found, rest = np.empty((len(numbers), digits), dtype=np.uint8), numbers
    for place in range(digits):
        higher = rest // np.uint32(base)
        found[:, place] = stratum_of.take(rest - higher * np.uint32(base))
        rest = higher
    return found.reshape(-1)


# --- allocations -----------------------------------------------------------------------------------------------------


def allocated(
    design: Design, recruitment: Recruitment, arrived: Small, source: Iterator[bytes], *, foresight: bool = False
) -> Simulated:
    """The arm of each participant. A trial that met a word that could be rejected is made again, plainly."""
    columns = Columns(source, arrived.shape[1])
    levels = [stratum.levels for stratum in recruitment.strata]
    made = family_of(design)(levels, arrived, columns, foresight)
    for trial in columns.trials_with_words_from(made.lowest_limit, made.rows):
        column = columns.column(trial, made.rows + SPARE_ROWS)
        made.arm[:, trial] = plainly(design, recruitment, arrived[:, trial].tolist(), column)
    return Simulated(design, recruitment, arrived, made.arm, made.right, made.certain)


def plainly(design: Design, recruitment: Recruitment, stratum: list[int], words: Words) -> list[int]:
    """One trial without numpy: the version that the vectorised ones are held equal to."""
    place = {arm: number for number, (arm, _) in enumerate(design.ratio)}
    if isinstance(design, Minimisation):
        return [place[arm] for arm in _minimised_plainly(design, recruitment, stratum, words)]
    states: dict[int, State] = {}
    arms = []
    for each in stratum:
        arm, states[each] = design.step(states.get(each, State()), words)
        arms.append(place[arm])
    return arms


def _minimised_plainly(
    design: Minimisation, recruitment: Recruitment, stratum: list[int], words: Words
) -> Iterator[str]:
    state = State()
    for each in stratum:
        arm, state = design.step(state, words, recruitment.strata[each].levels)
        yield arm


# --- figures ---------------------------------------------------------------------------------------------------------


class Spread(NamedTuple):
    """Of the imbalance as ``theory.imbalance_law`` counts it, over trials. ``usual``: not exceeded in 95 % of them."""

    mean_absolute: float
    variance: float
    usual: int
    largest: int


class Figures(NamedTuple):
    """``by_stratum``: in the order of the recruitment. ``correct`` and ``certain``: shares of all allocations, NaN
    without foresight. Runs are of one arm, in order of enrolment over all strata; lengths in participants.
    """

    overall: Spread
    by_stratum: tuple[Spread, ...]
    correct: float
    certain: float
    mean_run: float
    longest_run: float


def figures(simulated: Simulated) -> Figures:
    """What the trials came to."""
    strata = range(len(simulated.recruitment.strata))
    runs, longest = _runs(simulated.arm)
    return Figures(
        overall=_spread(simulated, np.ones(simulated.arm.shape, dtype=np.bool_)),
        by_stratum=tuple(_spread(simulated, simulated.stratum == each) for each in strata),
        correct=_share(simulated.right),
        certain=_share(simulated.certain),
        mean_run=simulated.arm.size / runs,
        longest_run=longest,
    )


def _share(noted: Shares | Flags | None) -> float:
    return float("nan") if noted is None else float(noted.mean(dtype=np.float64))


def _spread(simulated: Simulated, counted: Flags) -> Spread:
    shares = shares_of(simulated.design)
    numbers = [((simulated.arm == arm) & counted).sum(axis=0, dtype=np.int64) for arm in range(len(shares))]
    imbalance = imbalances(shares, numbers)
    absolute = np.abs(imbalance)
    usual = int(np.quantile(absolute, 0.95, method="inverted_cdf"))
    return Spread(float(absolute.mean()), float((imbalance**2).mean()), usual, int(absolute.max()))


def imbalances(shares: tuple[int, ...], numbers: list[Ints]) -> Ints:
    """``theory.walks.imbalance_of`` for many trials."""
    if len(shares) == 2:
        return shares[1] * numbers[0] - shares[0] * numbers[1]
    scaled = np.stack([number * (lcm(*shares) // share) for share, number in zip(shares, numbers, strict=True)])
    return np.asarray(scaled.max(axis=0) - scaled.min(axis=0))


def _runs(arm: Small) -> tuple[int, float]:
    """The number of runs in all trials, and the mean over trials of the longest."""
    trials = arm.shape[1]
    run, longest, number = np.ones(trials, dtype=np.int64), np.ones(trials, dtype=np.int64), trials
    for before, now in pairwise(arm):
        same = before == now
        number += trials - int(same.sum())
        run = run * same + 1
        longest = np.maximum(longest, run)
    return number, float(longest.mean())
