"""The common form of the families.

A family is a function of the levels of each stratum, who arrived (participants x trials), the columns of words, and
whether to note what could be foreseen. Only words that no draw rejects are read here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from randomization.methods.comparison.vectorised.columns import Columns

Ints = npt.NDArray[np.int64]
Small = npt.NDArray[np.uint8]
Shares = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Levels = Sequence[Mapping[str, str]]


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


def room_for_foresight(arrived: Small, foresight: bool) -> tuple[Shares | None, Flags | None]:
    """Arrays for ``right`` and ``certain``, none without foresight."""
    if not foresight:
        return None, None
    return np.zeros(arrived.shape, dtype=np.float32), np.zeros(arrived.shape, dtype=np.bool_)
