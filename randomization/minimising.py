"""Minimisation at work: the next allocation of a trial, from the log of all earlier ones and the secret's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from randomization.designs import Minimisation, MinimisedAllocation, State
from randomization.words import Words


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
