"""Permuted blocks of one or several sizes.

Sources: ICH E9 section 2.3.2 (blocks, and keeping their length from who enrols); Matts & Lachin, Control Clin Trials 9
(1988), for permuted blocks of random size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from randomization.methods.blocks import block_contents, correct_share_of_blocks
from randomization.methods.designs.form import (
    LARGEST_WEIGHT,
    Parameters,
    Ratio,
    State,
    counts_in_range,
    ratio_refusals,
    sorted_ratio,
)
from randomization.methods.findings import DesignRefused, Finding, finding, gettext_noop
from randomization.methods.words import Words

LARGEST_BLOCK = 100


@lru_cache(maxsize=1024)
def _unshuffled(shares: tuple[int, ...], size: int) -> tuple[int, ...]:
    return tuple(arm for arm, times in enumerate(block_contents(shares, size)) for _ in range(times))


@dataclass(frozen=True)
class PermutedBlocks:
    """Blocks that hold the ratio exactly, each in random order; made by ``permuted_blocks``, which checks.

    ``sizes``: each block size with its integer weight, sorted by size.
    """

    ratio: Ratio
    sizes: tuple[tuple[int, int], ...]

    @property
    def shares(self) -> tuple[int, ...]:
        return tuple(share for _, share in self.ratio)

    def parameters(self) -> Parameters:
        return {
            "method": "permuted_blocks",
            "ratio": dict(self.ratio),
            "block_sizes": {str(size): weight for size, weight in self.sizes},
        }

    def warnings(self, *, open_label: bool) -> tuple[Finding, ...]:
        smallest = self.sizes[0][0]
        warned = []
        if smallest == 2:
            warned.append(finding(_SIZE_TWO))
        if open_label and smallest <= 2 * sum(self.shares):
            share = correct_share_of_blocks(self.shares, dict(self.sizes))
            warned.append(finding(_FORESEEABLE, percent=f"{float(100 * share):.1f}"))
        return tuple(warned)

    def step(self, state: State, words: Words) -> tuple[str, State]:
        block, waiting = state[:2] if state.waiting else (state.block + 1, self._new_block(words))
        return self.ratio[waiting[0]][0], State(block, waiting[1:])

    def _new_block(self, words: Words) -> tuple[int, ...]:
        size = self.sizes[words.weighted([weight for _, weight in self.sizes])][0]
        arms = list(_unshuffled(self.shares, size))
        words.shuffle(arms)
        return tuple(arms)


def permuted_blocks(ratio: Mapping[str, int], sizes: Mapping[int, int]) -> PermutedBlocks:
    """A design of permuted blocks. ``ratio``: arm to share; ``sizes``: block size to weight, all integers.

    DesignRefused with every reason.
    """
    refusals = [*ratio_refusals(ratio), *_weight_refusals(sizes)]
    if refusals:
        raise DesignRefused(*refusals)
    total = sum(ratio.values())
    refusals = [refusal for size in sorted(sizes) for refusal in _size_refusals(size, total)]
    if refusals:
        raise DesignRefused(*refusals)
    return PermutedBlocks(sorted_ratio(ratio), tuple(sorted(sizes.items())))


def _weight_refusals(sizes: Mapping[int, int]) -> list[Finding]:
    refusals = [] if sizes else [finding(_NO_SIZE)]
    wrong = [(size, weight) for size, weight in sizes.items() if not counts_in_range(weight)]
    return refusals + [finding(_WEIGHT, size=size, weight=weight, largest=LARGEST_WEIGHT) for size, weight in wrong]


def _size_refusals(size: int, total: int) -> list[Finding]:
    if type(size) is not int or not 1 <= size <= LARGEST_BLOCK:
        return [finding(_SIZE_RANGE, size=size, largest=LARGEST_BLOCK)]
    if size % total:
        return [finding(_SIZE_MULTIPLE, size=size, total=total)]
    return []


_NO_SIZE = gettext_noop("A design of permuted blocks needs at least one block size.")
_WEIGHT = gettext_noop(
    "The weight of block size %(size)s must be a whole number from 1 to %(largest)s, not %(weight)s."
)
_SIZE_RANGE = gettext_noop("The block size %(size)s must be a whole number from 1 to %(largest)s.")
_SIZE_MULTIPLE = gettext_noop(
    "A block of %(size)s cannot hold the ratio: its size must be a multiple of %(total)s, the sum of the ratio."
)
_SIZE_TWO = gettext_noop("In a block of 2 the second allocation is certain once the first is known. Use larger blocks.")
_FORESEEABLE = gettext_noop(
    "In an open-label trial someone who always guesses the arm that is behind will be right in %(percent)s%% of the "
    "allocations with these blocks. Larger blocks, or a design without blocks, are harder to foresee."
)
