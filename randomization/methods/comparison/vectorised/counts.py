"""Designs that look at counts alone: all trials step through one table of states."""

from __future__ import annotations

import numpy as np

from randomization.methods.comparison.vectorised.columns import Columns, RawWords, limit_of
from randomization.methods.comparison.vectorised.family import Ints, Levels, Outcome, Small, room_for_foresight
from randomization.methods.designs import OneByOne
from randomization.methods.designs.form import Counts
from randomization.methods.designs.one_by_one import one_more
from randomization.methods.theory.walks import arms_wanted_most, short_of_share
from randomization.methods.words import SPAN


class Table:
    """States of a design that looks at counts alone, numbered as they are met, with how each reads its word."""

    def __init__(self, design: OneByOne) -> None:
        self.design = design
        self.counts: list[Counts] = []
        self.numbers: dict[Counts, int] = {}
        self.lowest_limit = SPAN
        arms = len(design.ratio)
        self.total = np.empty(0, dtype=np.uint64)  # 0 stands for 2^64
        self.reached = np.empty((0, arms - 1), dtype=np.uint64)
        self.following = np.empty((0, arms), dtype=np.int64)
        self.right = np.empty((0, arms), dtype=np.float32)
        self.certain = np.empty(0, dtype=np.bool_)
        self.number((0,) * arms)

    def number(self, counts: Counts) -> int:
        reduced = self.design.reduced(counts)
        if reduced not in self.numbers:
            self.numbers[reduced] = len(self.counts)
            self.counts.append(reduced)
            self._fill(len(self.counts) - 1, reduced)
        return self.numbers[reduced]

    def _fill(self, number: int, counts: Counts) -> None:
        if number == len(self.total):
            self._grow()
        weights, arms = self.design.weights(counts), len(counts)
        self.lowest_limit = min(self.lowest_limit, limit_of(sum(weights)))
        self.total[number] = sum(weights) % SPAN
        self.reached[number] = [sum(weights[: arm + 1]) for arm in range(arms - 1)]
        wanted = arms_wanted_most(short_of_share(self.design.shares, counts))
        self.right[number] = [(arm in wanted) / len(wanted) for arm in range(arms)]
        self.certain[number] = max(weights) == sum(weights)

    def _grow(self) -> None:
        more = max(64, len(self.total))
        for name in ("total", "reached", "right", "certain"):
            rows = getattr(self, name)
            setattr(self, name, np.concatenate([rows, np.zeros((more, *rows.shape[1:]), dtype=rows.dtype)]))
        self.following = np.concatenate([self.following, np.full((more, self.following.shape[1]), -1)])

    def read(self, states: Ints, words: RawWords) -> Ints:
        """The arm that each word gives."""
        total = self.total[states]
        rest = np.where(total == 0, words, words % np.maximum(total, np.uint64(1)))
        arms: Ints = (rest[:, None] >= self.reached[states]).sum(axis=1)
        return arms

    def after(self, states: Ints, arms: Ints) -> Ints:
        following = self.following[states, arms]
        if (following < 0).any():
            pairs = np.unique(np.stack([states, arms])[:, following < 0], axis=1)
            for state, arm in pairs.T.tolist():
                met = self.number(one_more(self.counts[state], arm))
                self.following[state, arm] = met
            following = self.following[states, arms]
        return following


def one_by_one(design: OneByOne, levels: Levels, arrived: Small, columns: Columns, foresight: bool) -> Outcome:
    """All trials step through one table of states; a participant takes one word."""
    table, trials = Table(design), columns.trials
    words = columns.down_to(len(arrived))
    state, each, start = (
        np.zeros(len(levels) * trials, dtype=np.int64),
        np.arange(trials),
        np.arange(len(levels)) * trials,
    )
    arm = np.empty(arrived.shape, dtype=np.uint8)
    right, certain = room_for_foresight(arrived, foresight)
    for number, stratum in enumerate(arrived):
        place = start.take(stratum) + each
        states = state.take(place)
        arms = table.read(states, words[number * trials : (number + 1) * trials])
        state[place] = table.after(states, arms)
        arm[number] = arms
        if right is not None and certain is not None:
            right[number], certain[number] = table.right[states, arms], table.certain[states]
    return Outcome(arm, right, certain, table.lowest_limit, len(arrived))
