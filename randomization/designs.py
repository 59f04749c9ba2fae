"""Designs: how the next arm of a list is chosen. A design is plain frozen data; ``step`` is pure but for the words.

Sources: ICH E9 section 2.3.2 (blocks, and keeping their length from who enrols); Matts & Lachin, Control Clin Trials 9
(1988), for permuted blocks of random size.

Every design has the same form: ``step(state, words) -> (arm, state)``, from ``State()`` on. The order in which arms and
block sizes were given plays no part: both are kept sorted (arms by code point, sizes ascending).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from randomization import theory
from randomization.findings import DesignRefused, Finding, finding, gettext_noop
from randomization.words import Words

LARGEST_BLOCK = 100
LARGEST_WEIGHT = 1000
NAME = re.compile(r"[A-Za-z0-9_.\-]{1,40}")

Parameters = dict[str, Any]  # JSON: text, integers and objects of them


class State(NamedTuple):
    """Where a list stands. ``block``: number of the open block, 0 without blocks. ``waiting``: its arms yet to come."""

    block: int = 0
    waiting: tuple[int, ...] = ()


class Design(Protocol):
    @property
    def ratio(self) -> tuple[tuple[str, int], ...]:
        """Each arm with its integer share, sorted by arm."""

    def parameters(self) -> Parameters:
        """The design as JSON; ``design_from`` reads it back."""

    def warnings(self, *, open_label: bool) -> tuple[Finding, ...]:
        """What a statistician should know before this design is used."""

    def step(self, state: State, words: Words) -> tuple[str, State]:
        """The next arm and where the list stands after it."""


@lru_cache(maxsize=1024)
def _unshuffled(shares: tuple[int, ...], size: int) -> tuple[int, ...]:
    return tuple(arm for arm, times in enumerate(theory.block_contents(shares, size)) for _ in range(times))


@dataclass(frozen=True)
class PermutedBlocks:
    """Blocks that hold the ratio exactly, each in random order; made by ``permuted_blocks``, which checks.

    ``sizes``: each block size with its integer weight, sorted by size.
    """

    ratio: tuple[tuple[str, int], ...]
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
            share = theory.long_run_correct_share(self.shares, dict(self.sizes))
            warned.append(finding(_FORESEEABLE, percent=f"{float(100 * share):.1f}"))
        return tuple(warned)

    def step(self, state: State, words: Words) -> tuple[str, State]:
        block, waiting = state if state.waiting else (state.block + 1, self._new_block(words))
        return self.ratio[waiting[0]][0], State(block, waiting[1:])

    def _new_block(self, words: Words) -> tuple[int, ...]:
        size = self.sizes[words.weighted([weight for _, weight in self.sizes])][0]
        arms = list(_unshuffled(self.shares, size))
        words.shuffle(arms)
        return tuple(arms)


@dataclass(frozen=True)
class CompleteRandomization:
    """Every allocation drawn by itself, in the ratio; made by ``complete_randomization``, which checks."""

    ratio: tuple[tuple[str, int], ...]

    def parameters(self) -> Parameters:
        return {"method": "complete", "ratio": dict(self.ratio)}

    def warnings(self, *, open_label: bool) -> tuple[Finding, ...]:
        """None for an open label: no allocation tells anything about the next."""
        return (finding(_MAY_DRIFT),)

    def step(self, state: State, words: Words) -> tuple[str, State]:
        return self.ratio[words.weighted([share for _, share in self.ratio])][0], state


def permuted_blocks(ratio: Mapping[str, int], sizes: Mapping[int, int]) -> PermutedBlocks:
    """A design of permuted blocks. ``ratio``: arm to share; ``sizes``: block size to weight, all integers.

    DesignRefused with every reason.
    """
    refusals = [*_ratio_refusals(ratio), *_weight_refusals(sizes)]
    if refusals:
        raise DesignRefused(*refusals)
    total = sum(ratio.values())
    refusals = [refusal for size in sorted(sizes) for refusal in _size_refusals(size, total)]
    if refusals:
        raise DesignRefused(*refusals)
    return PermutedBlocks(tuple(sorted(ratio.items())), tuple(sorted(sizes.items())))


def complete_randomization(ratio: Mapping[str, int]) -> CompleteRandomization:
    """A design that draws each allocation by itself. DesignRefused with every reason."""
    refusals = _ratio_refusals(ratio)
    if refusals:
        raise DesignRefused(*refusals)
    return CompleteRandomization(tuple(sorted(ratio.items())))


def design_from(parameters: Mapping[str, Any]) -> Design:
    """The design that ``parameters()`` described. DesignRefused when it describes none."""
    method = parameters.get("method")
    if method not in METHODS:
        raise DesignRefused(finding(_METHOD_UNKNOWN, method=method, known=", ".join(sorted(METHODS))))
    try:
        return METHODS[method](parameters)
    except (KeyError, TypeError, AttributeError) as error:
        raise DesignRefused(finding(_PARAMETERS_BROKEN, detail=repr(error))) from error


def _permuted_blocks_from(parameters: Mapping[str, Any]) -> Design:
    sizes = {_whole(size): weight for size, weight in parameters["block_sizes"].items()}
    return permuted_blocks(parameters["ratio"], sizes)


def _complete_from(parameters: Mapping[str, Any]) -> Design:
    return complete_randomization(parameters["ratio"])


METHODS: dict[str, Callable[[Mapping[str, Any]], Design]] = {
    "permuted_blocks": _permuted_blocks_from,
    "complete": _complete_from,
}


def _whole(text: str) -> int:
    """JSON knows only text as a key. A text that is no number becomes 0, which is refused as a block size."""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0


def _counts(number: object) -> bool:
    """Whether a share or weight is a whole number in range; True and 2.0 are not."""
    return type(number) is int and 1 <= number <= LARGEST_WEIGHT


def _ratio_refusals(ratio: Mapping[str, int]) -> list[Finding]:
    refusals = [finding(_TWO_ARMS)] if len(ratio) < 2 else []
    refusals += [finding(_ARM_NAME, arm=arm) for arm in ratio if not NAME.fullmatch(arm)]
    wrong = [(arm, share) for arm, share in ratio.items() if not _counts(share)]
    return refusals + [finding(_SHARE, arm=arm, share=share, largest=LARGEST_WEIGHT) for arm, share in wrong]


def _weight_refusals(sizes: Mapping[int, int]) -> list[Finding]:
    refusals = [] if sizes else [finding(_NO_SIZE)]
    wrong = [(size, weight) for size, weight in sizes.items() if not _counts(weight)]
    return refusals + [finding(_WEIGHT, size=size, weight=weight, largest=LARGEST_WEIGHT) for size, weight in wrong]


def _size_refusals(size: int, total: int) -> list[Finding]:
    if type(size) is not int or not 1 <= size <= LARGEST_BLOCK:
        return [finding(_SIZE_RANGE, size=size, largest=LARGEST_BLOCK)]
    if size % total:
        return [finding(_SIZE_MULTIPLE, size=size, total=total)]
    return []


_TWO_ARMS = gettext_noop("A design needs at least two arms.")
_ARM_NAME = gettext_noop(
    "The arm name %(arm)r cannot be used: write 1 to 40 unaccented letters, digits, points, hyphens or underscores."
)
_SHARE = gettext_noop("The share of arm %(arm)s must be a whole number from 1 to %(largest)s, not %(share)s.")
_NO_SIZE = gettext_noop("A design of permuted blocks needs at least one block size.")
_WEIGHT = gettext_noop(
    "The weight of block size %(size)s must be a whole number from 1 to %(largest)s, not %(weight)s."
)
_SIZE_RANGE = gettext_noop("The block size %(size)s must be a whole number from 1 to %(largest)s.")
_SIZE_MULTIPLE = gettext_noop(
    "A block of %(size)s cannot hold the ratio: its size must be a multiple of %(total)s, the sum of the ratio."
)
_METHOD_UNKNOWN = gettext_noop("The randomisation method %(method)s is not known. Known methods: %(known)s.")
_PARAMETERS_BROKEN = gettext_noop("The parameters of the design cannot be read (%(detail)s).")
_SIZE_TWO = gettext_noop("In a block of 2 the second allocation is certain once the first is known. Use larger blocks.")
_FORESEEABLE = gettext_noop(
    "In an open-label trial someone who always guesses the arm that is behind will be right in %(percent)s%% of the "
    "allocations with these blocks. Larger blocks, or a design without blocks, are harder to foresee."
)
_MAY_DRIFT = gettext_noop(
    "Complete randomisation may leave the arms unequal by chance, above all in small strata. It is usually advised "
    "only above 200 participants."
)
