"""One step of a design for thousands of trials at once; each family reads its words as ``Design.step`` does."""

from __future__ import annotations

from functools import partial

from randomization.methods.comparison.vectorised.blocks import in_blocks
from randomization.methods.comparison.vectorised.columns import Columns, remainders, words_from
from randomization.methods.comparison.vectorised.counts import one_by_one
from randomization.methods.comparison.vectorised.family import Family, Flags, Ints, Shares, Small
from randomization.methods.comparison.vectorised.margins import minimised
from randomization.methods.designs import Design, Minimisation, OneByOne, PermutedBlocks

__all__ = ["Columns", "Family", "Flags", "Ints", "Shares", "Small", "family_of", "remainders", "words_from"]


def family_of(design: Design) -> Family:
    """TypeError for a design that is of none."""
    if isinstance(design, PermutedBlocks):
        return partial(in_blocks, design)
    if isinstance(design, OneByOne):
        return partial(one_by_one, design)
    if isinstance(design, Minimisation):
        return partial(minimised, design)
    raise TypeError(f"{type(design).__name__} cannot be simulated.")
