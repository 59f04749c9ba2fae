"""Permuted blocks. A block is a row in a book of blocks, so that an allocation is a look at the next slot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from math import factorial, gcd

import numpy as np

from randomization.methods.blocks import block_contents
from randomization.methods.comparison.vectorised.columns import Columns, RawWords, limit_of, remainders
from randomization.methods.comparison.vectorised.family import (
    Flags,
    Ints,
    Levels,
    Outcome,
    Shares,
    Small,
    room_for_foresight,
)
from randomization.methods.designs import PermutedBlocks

MOST_ORDERS = 40320
"""Of the draws that shuffle a block: a size with at most so many (8 at most) stands in the book once and for all."""


def in_blocks(design: PermutedBlocks, levels: Levels, arrived: Small, columns: Columns, foresight: bool) -> Outcome:
    """Each stratum of each trial keeps its next slot; at the end of a row the next words of the trial give a new block.

    The place of a stratum of a trial is stratum * trials + trial.
    """
    trials = columns.trials
    each, start, cursor = np.arange(trials), np.arange(len(levels)) * trials, np.arange(trials)
    next_slot = np.zeros(len(levels) * trials, dtype=np.int64)
    columns.down_to(len(arrived))  # most of what will be read, so that there is room for the rest
    blocks = Blocks(design, columns, len(levels), len(arrived), foresight)
    book = blocks.book
    arm = np.empty(arrived.shape, dtype=np.uint8)
    right, certain = room_for_foresight(arrived, foresight)
    for number, stratum in enumerate(arrived):
        place = start.take(stratum) + each
        slot = next_slot.take(place)
        new = np.flatnonzero(slot & (book.width - 1) == 0)
        slot[new], cursor[new] = blocks.opened(place.take(new), cursor.take(new))
        next_slot[place] = slot + 1
        arm[number] = book.arm.take(slot)
        if right is not None and certain is not None:
            right[number], certain[number] = book.right.take(slot), book.certain.take(slot)
    bounds = (sum(weight for _, weight in design.sizes), *range(2, design.sizes[-1][0] + 1))
    return Outcome(arm, right, certain, min(limit_of(bound) for bound in bounds), int(cursor.max()) // trials)


class Book:
    """Blocks, each at the end of a row. A row has a power of two of slots, so it ends where the lowest bits are 0.

    First every order of each size that has few; then, if there are other sizes, a row for the open block of each place.
    """

    def __init__(self, contents: Mapping[int, tuple[int, ...]], places: int, foresight: bool) -> None:
        few = [size for size in contents if factorial(size) <= MOST_ORDERS]
        *first_rows, self.own_rows = accumulate(map(factorial, few), initial=0)
        self.first_row = dict(zip(few, first_rows, strict=True))
        rows = self.own_rows + (places if len(few) < len(contents) else 0)
        self.width = 1 << (max(contents) - 1).bit_length()
        self.arm = np.zeros((rows, self.width), dtype=np.uint8)
        self.right = np.zeros(self.arm.shape if foresight else (0, 0), dtype=np.float32)
        self.certain = np.zeros(self.right.shape, dtype=np.bool_)
        for size in few:
            self.write(self.first_row[size] + np.arange(factorial(size)), _orders(contents[size]), contents[size])

    def write(self, rows: Ints, blocks: Small, contents: tuple[int, ...]) -> None:
        size = sum(contents)
        self.arm[rows, -size:] = blocks
        if len(self.right):
            self.right[rows, -size:], self.certain[rows, -size:] = _foreseen_in(blocks, contents)

    def first_slot(self, rows: Ints, size: int) -> Ints:
        return (rows + 1) * self.width - size


class Blocks:
    """Makes the blocks. One of n takes n rows of words: one for its size, n - 1 to shuffle it."""

    def __init__(
        self, design: PermutedBlocks, columns: Columns, strata: int, participants: int, foresight: bool
    ) -> None:
        self.columns = columns
        self.contents = {size: block_contents(design.shares, size) for size, _ in design.sizes}
        self.book = Book(self.contents, strata * columns.trials, foresight)
        self.size_of_draw = np.repeat(list(self.contents), [weight for _, weight in design.sizes])
        most_rows = participants + strata * max(self.contents)  # each stratum has one block that is not used up
        self.few = {
            size: FewOrders(self.book, size, columns, gcd(*self.contents), most_rows) for size in self.book.first_row
        }

    def opened(self, places: Ints, first: Ints) -> tuple[Ints, Ints]:
        """Blocks for these places, from the words at ``first``: where they begin in the book, where their words end."""
        slots, after = np.empty_like(first), np.empty_like(first)
        for size, of_size in self._by_size(first):
            at = first[of_size]
            after[of_size] = at + size * self.columns.trials
            if size in self.few:
                slots[of_size] = self.few[size].slots_at(at)
            else:
                slots[of_size] = self._shuffled(size, places[of_size], at)
        return slots, after

    def _by_size(self, first: Ints) -> Iterator[tuple[int, Ints | slice]]:
        """Each size with the numbers of the blocks that have it, as the first word of each says."""
        if len(self.contents) == 1:
            yield next(iter(self.contents)), slice(None)
            return
        words = self.columns.down_to(int(first.max(initial=0)) // self.columns.trials + 1)
        sizes = self.size_of_draw.take(remainders(words.take(first), len(self.size_of_draw)).view(np.int64))
        yield from ((size, np.flatnonzero(sizes == size)) for size in self.contents)

    def _shuffled(self, size: int, places: Ints, first: Ints) -> Ints:
        """Blocks of a size with many orders, each shuffled for itself, in the rows of their places."""
        trials, rows = self.columns.trials, self.book.own_rows + places
        words = self.columns.down_to(int(first.max(initial=0)) // trials + size)
        draws = _draws(size, (words.take(first + trials * number) for number in range(1, size)))
        self.book.write(rows, _exchanged(self.contents[size], list(draws)), self.contents[size])
        return self.book.first_slot(rows, size)


class FewOrders:
    """Blocks of a size with few orders, made for all trials at every row of words where one can begin."""

    def __init__(self, book: Book, size: int, columns: Columns, every: int, most_rows: int) -> None:
        self.book, self.size, self.columns, self.every = book, size, columns, every
        self.rows = 0
        self.slots = np.empty(most_rows * columns.trials, dtype=np.int32)

    def slots_at(self, first: Ints) -> Ints:
        """Where the blocks with these first words begin in the book."""
        for row in range(self.rows, int(first.max(initial=-1)) // self.columns.trials + 1, self.every):
            self.slots[row * self.columns.trials :][: self.columns.trials] = self._beginning_at(row)
            self.rows = row + self.every
        return self.slots.take(first).astype(np.int64)

    def _beginning_at(self, row: int) -> Ints:
        trials, end = self.columns.trials, row + self.size
        words = self.columns.down_to(end)[: end * trials].reshape(-1, trials)
        code = np.zeros(trials, dtype=np.int64)
        for bound, draw in zip(range(self.size, 1, -1), _draws(self.size, words[row + 1 :]), strict=True):
            code *= bound
            code += draw
        return self.book.first_slot(self.book.first_row[self.size] + code, self.size)


def _draws(size: int, words: Iterable[RawWords]) -> Iterator[Ints]:
    """What shuffles blocks, from the last place down, by their second words, their third, ..."""
    for bound, word in zip(range(size, 1, -1), words, strict=True):
        yield remainders(word, bound).view(np.int64)


@lru_cache(maxsize=64)
def _orders(contents: tuple[int, ...]) -> Small:
    """The block that every code of draws gives."""
    rest, draws = np.arange(factorial(sum(contents))), []
    for i in range(1, sum(contents)):
        draws.append(rest % (i + 1))
        rest = rest // (i + 1)
    return _exchanged(contents, draws[::-1])


def _exchanged(contents: tuple[int, ...], draws: list[Ints]) -> Small:
    """The exchanges of ``Words.shuffle``, by the draws from the last place down: blocks, one a row."""
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
