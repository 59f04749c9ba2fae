"""Accelerator: the rows of a list as numpy arrays, equal element by element to ``rows.make_rows``.

Only whole words are read by numpy; every draw of permuted blocks is the arithmetic of ``words``, done for all blocks at
once. That works because a block of n takes exactly n words (one for its size, n - 1 to shuffle it) as long as no word
is rejected; a list that meets a rejected word (about one in 10^14) is made by the plain version instead. Designs that
look at the counts go from one state to the next, each worked out once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate, chain, islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from randomization.methods.blocks import block_contents
from randomization.methods.designs import LARGEST_BLOCK, Design, OneByOne, PermutedBlocks
from randomization.methods.designs.form import Counts
from randomization.methods.designs.one_by_one import one_more
from randomization.methods.lists.rows import rows
from randomization.methods.words import CHUNK_BYTES, SPAN, Words, chunks

Ints = npt.NDArray[np.int64]
Arms = npt.NDArray[np.uint8]
RawWords = npt.NDArray[np.uint64]


class ListArrays(NamedTuple):
    """Columns of a list, each of shape (count,). ``arm`` is an index into the design's ``ratio``."""

    block: Ints
    arm: Arms


def make_arrays(
    design: PermutedBlocks | OneByOne, *, secret: bytes, trial_id: str, purpose: str, stratum_key: str, count: int
) -> ListArrays:
    """The first ``count`` rows of one stratum."""
    source = chunks(secret, trial_id, purpose, stratum_key)
    needed = (count + LARGEST_BLOCK) * 8 // CHUNK_BYTES + 1  # the last block may reach past the last row
    drawn = list(islice(source, needed))
    if isinstance(design, PermutedBlocks):
        return arrays_from(design, drawn, source, count)
    return counted_arrays_from(design, drawn, source, count)


def arrays_from(design: PermutedBlocks, drawn: list[bytes], further: Iterator[bytes], count: int) -> ListArrays:
    """Rows from chunks: ``drawn`` must hold ``count + LARGEST_BLOCK`` words, ``further`` follows on them."""
    words = np.frombuffer(b"".join(drawn), dtype="<u8").astype(np.uint64, copy=False)
    if words.max() >= np.uint64(_lowest_limit(design)):
        return _plainly(design, Words(chain(drawn, further)), count)
    starts, sizes = _blocks(design, words, count)
    arm = np.empty(int(starts[-1] + sizes[-1]) if count else 0, dtype=np.uint8)
    for size, _ in design.sizes:
        at = starts[sizes == size]
        arm[at[:, None] + np.arange(size)] = _shuffled(design, words, at, size)
    return ListArrays(np.repeat(np.arange(1, len(starts) + 1), sizes)[:count], arm[:count])


def counted_arrays_from(design: OneByOne, drawn: list[bytes], further: Iterator[bytes], count: int) -> ListArrays:
    """Rows of a design without blocks, from chunks as ``arrays_from`` takes them."""
    words = np.frombuffer(b"".join(drawn), dtype="<u8")[:count]
    states = _States(design)
    arm = np.fromiter(states.arms(words.tolist()), dtype=np.uint8)
    if states.lowest_limit < SPAN and count and words.max() >= np.uint64(states.lowest_limit):
        return _plainly(design, Words(chain(drawn, further)), count)
    return ListArrays(np.zeros(count, dtype=np.int64), arm)


class _Reading:
    """How a state reads its word, and the state after each arm once that was needed."""

    __slots__ = ("after", "counts", "reached", "total")

    def __init__(self, design: OneByOne, counts: Counts) -> None:
        self.counts = counts
        self.reached = list(accumulate(design.weights(counts)))
        self.total = self.reached[-1]
        self.after: list[_Reading | None] = [None] * len(counts)


class _States:
    def __init__(self, design: OneByOne) -> None:
        self.design = design
        self.lowest_limit = SPAN
        self.known: dict[Counts, _Reading] = {}

    def arms(self, words: list[int]) -> Iterator[int]:
        """The arm of each word. ``lowest_limit`` is then the smallest word that one of the states met rejects."""
        state = self._state((0,) * len(self.design.ratio))
        for word in words:
            arm = bisect_right(state.reached, word % state.total)
            yield arm
            state = state.after[arm] or self._next(state, arm)

    def _next(self, state: _Reading, arm: int) -> _Reading:
        after = self._state(one_more(state.counts, arm))
        state.after[arm] = after
        return after

    def _state(self, counts: Counts) -> _Reading:
        reduced = self.design.reduced(counts)
        if reduced not in self.known:
            self.known[reduced] = _Reading(self.design, reduced)
            self.lowest_limit = min(self.lowest_limit, SPAN - SPAN % self.known[reduced].total)
        return self.known[reduced]


def _lowest_limit(design: PermutedBlocks) -> int:
    """The smallest word that any draw of this design rejects."""
    bounds: list[int] = [sum(weight for _, weight in design.sizes), *range(2, design.sizes[-1][0] + 1)]
    return min(SPAN - SPAN % bound for bound in bounds)


def _plainly(design: Design, words: Words, count: int) -> ListArrays:
    index = {arm: number for number, (arm, _) in enumerate(design.ratio)}
    made = list(islice(rows(design, words), count))
    block = np.array([row.block for row in made], dtype=np.int64)
    return ListArrays(block, np.array([index[row.arm] for row in made], dtype=np.uint8))


def _blocks(design: PermutedBlocks, words: RawWords, count: int) -> tuple[Ints, Ints]:
    """First row (from 0) and size of each block until ``count`` rows are reached."""
    sizes, weights = zip(*design.sizes, strict=True)
    size_of_draw = np.repeat(np.array(sizes, dtype=np.int64), weights)
    size_at = size_of_draw[words % np.uint64(len(size_of_draw))]
    starts = np.fromiter(_chain_of_blocks(size_at.tolist(), count), dtype=np.int64)
    return starts, size_at[starts]


def _chain_of_blocks(size_at: list[int], count: int) -> Iterator[int]:
    start = 0
    while start < count:
        yield start
        start += size_at[start]


def _shuffled(design: PermutedBlocks, words: RawWords, starts: Ints, size: int) -> Arms:
    """The blocks of one size, one a row: shape (len(starts), size)."""
    contents = block_contents([share for _, share in design.ratio], size)
    arms = np.tile(np.repeat(np.arange(len(contents), dtype=np.uint8), contents), (len(starts), 1))
    each = np.arange(len(starts))
    for i in range(size - 1, 0, -1):
        j = (words[starts + size - i] % np.uint64(i + 1)).astype(np.int64)
        arms[each, j], arms[:, i] = arms[:, i].copy(), arms[each, j]
    return arms
