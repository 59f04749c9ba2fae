"""Scores of questionnaires: named, versioned functions over the items in the instrument's own order.

An item without an answer makes the total missing, unless the function says otherwise (one of a pair, a question that
is not asked). Items outside their bounds never get here: the form's ranges refuse them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

Answers: TypeAlias = Sequence[Decimal | None]
Bounds: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ScoreFunction:
    """``bounds``: lowest and highest answer of each item; yes is 1 and no is 0. ``decimals``: places of the result."""

    name: str
    version: str
    source: str
    bounds: tuple[Bounds, ...]
    compute: Callable[[Answers], Decimal | None]
    decimals: int = 0

    def __call__(self, answers: Answers) -> Decimal | None:
        """The score, or None when it is missing. ValueError when the number of answers is not the instrument's."""
        if len(answers) != len(self.bounds):
            raise ValueError(f"{self.name} scores {len(self.bounds)} items, not {len(answers)}")
        return self.compute(answers)


def _total(answers: Answers) -> Decimal | None:
    known = [answer for answer in answers if answer is not None]
    return sum(known, Decimal(0)) if len(known) == len(answers) else None


def _highest(answers: Answers) -> Decimal | None:
    """The highest answer; the others may be blank."""
    return max((answer for answer in answers if answer is not None), default=None)


def _highest_of_all(answers: Answers) -> Decimal | None:
    return None if None in answers else _highest(answers)


def _hdrs17_total(answers: Answers) -> Decimal | None:
    """Item 16 (weight) coded 3 means not assessed and adds nothing."""
    weight = answers[15]
    return _total([*answers[:15], Decimal(0) if weight == 3 else weight, *answers[16:]])


def _ids_sr_total(answers: Answers) -> Decimal | None:
    """Of appetite (11, 12) and of weight (13, 14) the higher answer counts; a form may ask one of each pair."""
    return _total([*answers[:10], _highest(answers[10:12]), _highest(answers[12:14]), *answers[14:]])


def _qids_from_ids(answers: Answers) -> Decimal | None:
    """Nine domains out of the 30 IDS-SR items: sleep 1-4, sadness 5, appetite and weight 11-14, 15, 16, 18, 19, 20,
    restless or slowed 23-24."""
    single = [answers[number - 1] for number in (5, 15, 16, 18, 19, 20)]
    return _total([_highest_of_all(answers[:4]), _highest(answers[10:14]), _highest_of_all(answers[22:24]), *single])


def _cssrs_ideation(answers: Answers) -> Decimal | None:
    """The highest category answered yes, 0 if none. Without thoughts in category 2, 3 to 5 are not asked."""
    not_asked = answers[1] == 0
    for category in (5, 4, 3, 2, 1):
        answer = answers[category - 1]
        if answer is None and not (not_asked and category > 2):
            return None
        if answer == 1:
            return Decimal(category)
    return Decimal(0)


_EQ5D5L_NL: tuple[tuple[str, ...], ...] = (
    ("0", "0.035", "0.057", "0.166", "0.203"),
    ("0", "0.038", "0.061", "0.168", "0.168"),
    ("0", "0.039", "0.087", "0.192", "0.192"),
    ("0", "0.066", "0.092", "0.360", "0.415"),
    ("0", "0.070", "0.145", "0.356", "0.421"),
)
_EQ5D5L_NL_CONSTANT = Decimal("0.047")


def _eq5d5l_nl_index(answers: Answers) -> Decimal | None:
    """1 for full health; else 1 less the constant and the decrement of each dimension (MO, SC, UA, PD, AD)."""
    levels = [int(answer) for answer in answers if answer is not None]
    if len(levels) < len(answers):
        return None
    lost = sum((Decimal(row[level - 1]) for row, level in zip(_EQ5D5L_NL, levels, strict=True)), Decimal(0))
    return Decimal(1) - lost - (_EQ5D5L_NL_CONSTANT if max(levels) > 1 else Decimal(0))


_HDRS17_HIGHEST = (4, 4, 4, 2, 2, 2, 4, 4, 4, 4, 4, 2, 2, 2, 4, 3, 2)

_ALL = (
    ScoreFunction("madrs_total", "1", "Montgomery and Asberg 1979; bands Snaith 1986", ((0, 6),) * 10, _total),
    ScoreFunction(
        "hdrs17_total",
        "1",
        "Hamilton 1960, 17 items",
        tuple((0, highest) for highest in _HDRS17_HIGHEST),
        _hdrs17_total,
    ),
    ScoreFunction("ids_sr_total", "1", "Rush et al. 1996; ids-qids.org", ((0, 3),) * 30, _ids_sr_total),
    ScoreFunction("qids_from_ids", "1", "Rush et al. 2003; ids-qids.org", ((0, 3),) * 30, _qids_from_ids),
    ScoreFunction("cssrs_ideation", "1", "C-SSRS scoring guide, ideation score", ((0, 1),) * 5, _cssrs_ideation),
    ScoreFunction(
        "eq5d5l_nl_index",
        "EQ5D5L-NL-2016",
        "Versteegh et al. 2016, doi 10.1016/j.jval.2016.01.003",
        ((1, 5),) * 5,
        _eq5d5l_nl_index,
        decimals=3,
    ),
    ScoreFunction("cadss6_total", "1", "CADSS items 1, 2, 6, 7, 15 and 22", ((0, 4),) * 6, _total),
)

FUNCTIONS: dict[str, ScoreFunction] = {function.name: function for function in _ALL}
