"""Minimisation: all trials step together, a participant at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from randomization.methods.comparison.vectorised.columns import Columns, RawWords, limit_of, remainders
from randomization.methods.comparison.vectorised.family import Ints, Levels, Outcome, Shares, Small, room_for_foresight
from randomization.methods.designs import Minimisation


def minimised(design: Minimisation, levels: Levels, arrived: Small, columns: Columns, foresight: bool) -> Outcome:
    """A participant takes one word."""
    trials, words = columns.trials, columns.down_to(len(arrived))
    arm = np.empty(arrived.shape, dtype=np.uint8)
    right, certain = room_for_foresight(arrived, foresight)
    margins = (TwoArms if len(design.pseudo_arms) == 2 else PseudoArms)(design, levels, trials)
    for number, stratum in enumerate(arrived):
        arm[number], named = margins.allocate(stratum, words[number * trials : (number + 1) * trials])
        if right is not None:
            right[number] = named()
    limit = min(limit_of(sum(weights)) for weights in _weights_by_preferred(design))
    return Outcome(arm, right, certain, limit, len(arrived))


Named = Callable[[], Shares]
"""Works out, where it is asked for, how much of each allocation a guesser had right."""


def _weights_by_preferred(design: Minimisation) -> list[tuple[int, ...]]:
    """The weights when the first 1, 2, ..., all pseudo-arms are preferred."""
    arms = len(design.pseudo_arms)
    return [design.weights([0] * preferred + [1] * (arms - preferred)) for preferred in range(1, arms + 1)]


def _level_rows(design: Minimisation, levels: Levels) -> Ints:
    """For each stratum and factor the number of its level: shape (strata, factors)."""
    return np.array([[place // len(design.pseudo_arms) for place in design.places(each)] for each in levels])


class TwoArms:
    """Two equal arms: of each level only the difference counts."""

    def __init__(self, design: Minimisation, levels: Levels, trials: int) -> None:
        rows = _level_rows(design, levels)
        self.starts = [np.ascontiguousarray(column * trials) for column in rows.T]
        self.difference = np.zeros((int(rows.max()) + 1) * trials, dtype=np.int32)
        self.each = np.arange(trials)
        self.factor_weights = [np.int32(factor.weight) for factor in design.factors]
        self.by_sign = design.measure == "range"  # the range asks only which arm is behind on each level
        self.preferred, self.other = _weights_by_preferred(design)[0]

    def allocate(self, stratum: Small, words: RawWords) -> tuple[Small, Named]:
        places = [start.take(stratum) + self.each for start in self.starts]
        held = [self.difference.take(place) for place in places]
        ahead = self._ahead(held)
        rest = remainders(words, self.preferred + self.other)
        tied = ahead == 0
        odd = (words & np.uint64(1)).astype(np.bool_)
        # whole masks joined bit by bit: numpy's ``where`` is ten times as slow where the cases are mixed
        second = (
            tied & odd
            | (ahead < 0) & (rest >= np.uint64(self.preferred))
            | (ahead > 0) & (rest >= np.uint64(self.other))
        )
        change = np.int32(1) - np.int32(2) * second
        for place, difference in zip(places, held, strict=True):
            self.difference[place] = difference + change

        def named() -> Shares:
            right: Shares = (~tied & ((ahead > 0) == second)) + np.float32(0.5) * tied
            return right

        return second.astype(np.uint8), named

    def _ahead(self, held: list[npt.NDArray[np.int32]]) -> npt.NDArray[np.int32]:
        """Above 0 where the first arm is ahead on the weighted levels, 0 in a tie."""
        ahead = np.zeros_like(held[0])
        for weight, difference in zip(self.factor_weights, held, strict=True):
            ahead += weight * (np.sign(difference) if self.by_sign else difference)
        return ahead


class PseudoArms:
    """Any number of pseudo-arms, each owned by an arm."""

    def __init__(self, design: Minimisation, levels: Levels, trials: int) -> None:
        self.design = design
        self.rows = _level_rows(design, levels)
        self.counts = np.zeros((int(self.rows.max()) + 1, trials, len(design.pseudo_arms)), dtype=np.int64)
        self.each = np.arange(trials)
        by_preferred = _weights_by_preferred(design)
        self.preferred = np.array([0, *(weights[0] for weights in by_preferred)], dtype=np.uint64)
        self.other = np.array([0, *(weights[-1] for weights in by_preferred)], dtype=np.uint64)
        self.total = np.array([1, *(sum(weights) for weights in by_preferred)], dtype=np.uint64)
        self.arm_of = np.array(design.pseudo_arms)

    def allocate(self, stratum: Small, words: RawWords) -> tuple[Small, Named]:
        rows = self.rows[stratum].T
        scores = self._scores([self.counts[row, self.each] for row in rows])
        preferred = scores == scores.min(axis=1)[:, None]
        number = preferred.sum(axis=1)
        weights = np.where(preferred, self.preferred[number][:, None], self.other[number][:, None])
        rest = words % self.total[number]
        pseudo_arm = (rest[:, None] >= np.cumsum(weights, axis=1)).sum(axis=1)
        for row in rows:
            self.counts[row, self.each, pseudo_arm] += 1
        arm = self.arm_of[pseudo_arm]

        def named() -> Shares:
            owned = np.stack(
                [weights[:, self.arm_of == each].sum(axis=1) for each in range(self.arm_of[-1] + 1)], axis=1
            )
            most = owned.max(axis=1)[:, None]
            right: Shares = ((owned[self.each, arm] == most[:, 0]) / (owned == most).sum(axis=1)).astype(np.float32)
            return right

        return arm.astype(np.uint8), named

    def _scores(self, margins: list[Ints]) -> Ints:
        """Weighted imbalance if each pseudo-arm were chosen; of the variance only what differs between them."""
        scores = np.zeros_like(margins[0])
        for factor, margin in zip(self.design.factors, margins, strict=True):
            scores += factor.weight * (margin if self.design.measure == "variance" else _ranges(margin))
        return scores


def _ranges(margin: Ints) -> Ints:
    """For each pseudo-arm the range of the counts if it had one more: shape (trials, pseudo-arms)."""
    arms = np.eye(margin.shape[1], dtype=np.int64)
    return np.stack([np.ptp(margin + one_more_of, axis=1) for one_more_of in arms], axis=1)
