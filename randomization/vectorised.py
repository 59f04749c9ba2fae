"""One step of a design for thousands of trials at once; each family reads its words as ``Design.step`` does.

A family is a function of the levels of each stratum, who arrived (participants x trials), the columns of words, and
whether to note what could be foreseen. Only words that no draw rejects are read here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import islice
from math import factorial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from randomization.blocks import block_contents
from randomization.designs import Design, Minimisation, OneByOne, PermutedBlocks
from randomization.designs.form import Counts
from randomization.designs.one_by_one import one_more
from randomization.theory.walks import arms_wanted_most, short_of_share
from randomization.words import CHUNK_BYTES, SPAN, Words

Ints = npt.NDArray[np.int64]
Small = npt.NDArray[np.uint8]
Shares = npt.NDArray[np.float32]
RawWords = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]
Levels = Sequence[Mapping[str, str]]


def words_from(source: Iterator[bytes], at_least: int) -> RawWords:
    drawn = b"".join(islice(source, -(-at_least * 8 // CHUNK_BYTES)))
    return np.frombuffer(drawn, dtype="<u8").astype(np.uint64, copy=False)


class Columns:
    """Words in rows as long as there are trials, made as far down as they are asked for."""

    def __init__(self, source: Iterator[bytes], trials: int) -> None:
        self.trials = trials
        self._source = source
        self._words = np.empty(0, dtype=np.uint64)

    def down_to(self, rows: int) -> RawWords:
        """At least ``rows`` rows, flat: the word of row r and trial t stands at r * trials + t."""
        missing = rows * self.trials - len(self._words)
        if missing > 0:
            drawn = words_from(self._source, missing)
            self._words = np.concatenate([self._words, drawn]) if len(self._words) else drawn
        return self._words

    def column(self, trial: int, rows: int) -> Words:
        return Words([self.down_to(rows)[trial : rows * self.trials : self.trials].astype("<u8").tobytes()])

    def trials_with_words_from(self, limit: int, rows: int) -> list[int]:
        """The trials that have a word of at least ``limit`` in these rows."""
        words = self.down_to(rows)[: rows * self.trials]
        if limit >= SPAN or words.max() < np.uint64(limit):
            return []
        return sorted(set((np.flatnonzero(words >= np.uint64(limit)) % self.trials).tolist()))


class Outcome(NamedTuple):
    """Arrays of shape (participants, trials) as in ``simulation.Simulated``.

    ``lowest_limit``: the smallest word that some draw of the design rejects. ``rows``: rows of words that were read.
    """

    arm: Small
    right: Shares | None
    certain: Flags | None
    lowest_limit: int
    rows: int


Family = Callable[[Levels, Small, Columns, bool], Outcome]


def family_of(design: Design) -> Family:
    """TypeError for a design that is of none."""
    if isinstance(design, PermutedBlocks):
        return partial(in_blocks, design)
    if isinstance(design, OneByOne):
        return partial(one_by_one, design)
    if isinstance(design, Minimisation):
        return partial(minimised, design)
    raise TypeError(f"{type(design).__name__} cannot be simulated.")


def limit_of(bound: int) -> int:
    return SPAN - SPAN % bound


# --- permuted blocks -------------------------------------------------------------------------------------------------


def in_blocks(design: PermutedBlocks, levels: Levels, arrived: Small, columns: Columns, foresight: bool) -> Outcome:
    """First where the words of each block begin and how long it is, then all blocks of one size shuffled together.

    A block has as many slots as the longest and stands at the end of them, so it is used up at a whole multiple.
    """
    longest = design.sizes[-1][0]
    slot, first, sizes = _laid_out(design, len(levels), arrived, columns)
    rows = int(first.max()) // columns.trials + longest
    words = columns.down_to(rows)
    arm = np.zeros((len(first), longest), dtype=np.uint8)
    right = np.zeros(arm.shape if foresight else (0, 0), dtype=np.float32)
    certain = np.zeros(right.shape, dtype=np.bool_)
    for size, _ in design.sizes:
        of_size, contents = np.flatnonzero(sizes == size), block_contents(design.shares, size)
        blocks = shuffled(contents, words, first[of_size], columns.trials)
        arm[of_size, longest - size :] = blocks
        if foresight:
            right[of_size, longest - size :], certain[of_size, longest - size :] = _foreseen_in(blocks, contents)
    limit = min(limit_of(bound) for bound in (sum(weight for _, weight in design.sizes), *range(2, longest + 1)))
    if not foresight:
        return Outcome(arm.reshape(-1)[slot], None, None, limit, rows)
    return Outcome(arm.reshape(-1)[slot], right.reshape(-1)[slot], certain.reshape(-1)[slot], limit, rows)


def _laid_out(design: PermutedBlocks, strata: int, arrived: Small, columns: Columns) -> tuple[Ints, Ints, Ints]:
    """The slot of each participant; of each block where its first word stands, and its size."""
    trials, longest = columns.trials, design.sizes[-1][0]
    each, start = np.arange(trials), np.arange(strata) * trials
    free, cursor = np.zeros(strata * trials, dtype=np.int64), np.arange(trials)
    slots, blocks = np.empty(arrived.shape, dtype=np.int64), 0
    firsts, all_sizes = [], []
    for number, stratum in enumerate(arrived):
        place = start.take(stratum) + each
        slot = free.take(place)
        new = np.flatnonzero(slot % longest == 0)
        first = cursor.take(new)
        sizes = _sizes(design, columns, first)
        cursor[new] = first + sizes * trials
        slot[new] = (np.arange(blocks + 1, blocks + 1 + len(new))) * longest - sizes
        free[place] = slot + 1
        slots[number] = slot
        blocks += len(new)
        firsts.append(first)
        all_sizes.append(sizes)
    return slots, np.concatenate(firsts), np.concatenate(all_sizes)


def _sizes(design: PermutedBlocks, columns: Columns, first: Ints) -> Ints:
    sizes, weights = zip(*design.sizes, strict=True)
    if len(sizes) == 1:
        return np.full(len(first), sizes[0], dtype=np.int64)
    words = columns.down_to(int(first.max(initial=0)) // columns.trials + 1)
    size_of_draw = np.repeat(np.array(sizes, dtype=np.int64), weights)
    return size_of_draw[(words[first] % np.uint64(sum(weights))).astype(np.int64)]


MOST_ORDERS = 5040
"""Up to so many results of all draws of a shuffle, they are looked up."""


def shuffled(contents: tuple[int, ...], words: RawWords, first: Ints, step: int) -> Small:
    """Blocks with these contents, one a row; block b is shuffled by the words at first[b] + step, + 2 step, ..."""
    size = sum(contents)
    draws = (
        (words.take(first + step * (size - i)) % np.uint64(i + 1)).astype(np.int64) for i in range(size - 1, 0, -1)
    )
    if factorial(size) > MOST_ORDERS:
        return _exchanged(contents, list(draws))
    code = np.zeros(len(first), dtype=np.int64)
    for i, draw in zip(range(size - 1, 0, -1), draws, strict=True):
        code = code * (i + 1) + draw
    return _orders(contents)[code]


@lru_cache(maxsize=64)
def _orders(contents: tuple[int, ...]) -> Small:
    """The block that every code of draws gives."""
    rest, draws = np.arange(factorial(sum(contents))), []
    for i in range(1, sum(contents)):
        draws.append(rest % (i + 1))
        rest = rest // (i + 1)
    return _exchanged(contents, draws[::-1])


def _exchanged(contents: tuple[int, ...], draws: list[Ints]) -> Small:
    """The exchanges of ``Words.shuffle``, by the draws from the last place down."""
    laid_out = np.repeat(np.arange(len(contents), dtype=np.uint8), contents)
    arms = np.tile(laid_out, (len(draws[0]), 1))
    each = np.arange(len(arms))
    for i, draw in zip(range(len(laid_out) - 1, 0, -1), draws, strict=True):
        arms[each, draw], arms[:, i] = arms[:, i].copy(), arms[each, draw]
    return arms


def _foreseen_in(blocks: Small, contents: Sequence[int]) -> tuple[Shares, Flags]:
    """For each place of each block: chance that the arm with most left was named, and whether one arm was left."""
    left = np.tile(np.array(contents, dtype=np.int64), (len(blocks), 1))
    right, certain = np.empty(blocks.shape, dtype=np.float32), np.empty(blocks.shape, dtype=np.bool_)
    each = np.arange(len(blocks))
    for place in range(blocks.shape[1]):
        most = left.max(axis=1)
        arm = blocks[:, place].astype(np.int64)
        right[:, place] = (left[each, arm] == most) / (left == most[:, None]).sum(axis=1)
        certain[:, place] = most == blocks.shape[1] - place
        left[each, arm] -= 1
    return right, certain


# --- one by one ------------------------------------------------------------------------------------------------------


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
    right, certain = _no_foresight(arrived, foresight)
    for number, stratum in enumerate(arrived):
        place = start.take(stratum) + each
        states = state.take(place)
        arms = table.read(states, words[number * trials : (number + 1) * trials])
        state[place] = table.after(states, arms)
        arm[number] = arms
        if right is not None and certain is not None:
            right[number], certain[number] = table.right[states, arms], table.certain[states]
    return Outcome(arm, right, certain, table.lowest_limit, len(arrived))


def _no_foresight(arrived: Small, foresight: bool) -> tuple[Shares | None, Flags | None]:
    if not foresight:
        return None, None
    return np.zeros(arrived.shape, dtype=np.float32), np.zeros(arrived.shape, dtype=np.bool_)


# --- minimisation ----------------------------------------------------------------------------------------------------


def minimised(design: Minimisation, levels: Levels, arrived: Small, columns: Columns, foresight: bool) -> Outcome:
    """A participant takes one word."""
    trials, words = columns.trials, columns.down_to(len(arrived))
    arm = np.empty(arrived.shape, dtype=np.uint8)
    right, certain = _no_foresight(arrived, foresight)
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
        self.preferred, self.other = (np.uint64(weight) for weight in _weights_by_preferred(design)[0])

    def allocate(self, stratum: Small, words: RawWords) -> tuple[Small, Named]:
        places = [start.take(stratum) + self.each for start in self.starts]
        held = [self.difference.take(place) for place in places]
        ahead = self._ahead(held)
        rest = words % (self.preferred + self.other)
        second = np.where(ahead < 0, rest >= self.preferred, rest >= self.other)
        np.copyto(second, (words & np.uint64(1)).astype(np.bool_), where=ahead == 0)
        change = np.where(second, np.int32(-1), np.int32(1))
        for place, difference in zip(places, held, strict=True):
            self.difference[place] = difference + change

        def named() -> Shares:
            right: Shares = np.where(ahead == 0, 0.5, (ahead > 0) == second).astype(np.float32)
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
