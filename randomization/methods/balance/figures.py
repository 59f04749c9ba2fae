"""How even the arms are, beside what the design lets one expect; for the statistician who is not blinded.

What is expected is simulated: the same participants, in the order in which they came, allocated again and again by the
design of their list. There is no test and no p value: the sequence was made by chance from a known design, so there
is no hypothesis to test (ICH E9 section 5; CONSORT 2025 on baseline data). What deserves a look is a difference that
this design hardly ever gives: it speaks of an error in the list or in its use.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from randomization.methods.comparison.simulation import Recruitment, Stratum, allocated, imbalances, stream
from randomization.methods.designs import Design
from randomization.methods.designs.form import lowest_terms
from randomization.methods.lists.rows import canonical_stratum_key
from randomization.methods.theory.walks import imbalance_of

TRIALS = 2000
MOST_STRATA = 255

Arms = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Placed:
    """One allocation as it was made. ``listed``: number of its list; ``site``: code."""

    listed: int
    levels: Mapping[str, str]
    site: str
    arm: str
    day: datetime.date


class Expected(NamedTuple):
    """Of the absolute imbalance, over simulated trials. ``usual``: not exceeded in 95 % of them."""

    mean: float
    usual: int


@dataclass(frozen=True, slots=True)
class Line:
    """``counts``: by arm, in the order of ``Balance.arms``; ``imbalance`` as ``theory.imbalance_law`` counts it."""

    name: str
    counts: tuple[int, ...]
    imbalance: int
    expected: Expected | None

    @property
    def is_unusual(self) -> bool:
        return self.expected is not None and abs(self.imbalance) > self.expected.usual


class Point(NamedTuple):
    """After so many allocations. ``usual``: as in ``Expected``; None where the design cannot be simulated."""

    number: int
    day: datetime.date
    imbalance: int
    usual: int | None


@dataclass(frozen=True, slots=True)
class Balance:
    """``parts``: heading (``stratum``, ``site`` or a factor) -> lines."""

    arms: tuple[str, ...]
    overall: Line
    parts: Mapping[str, tuple[Line, ...]]
    course: tuple[Point, ...]

    @property
    def worst(self) -> Line | None:
        """The stratum with the largest imbalance."""
        return max(self.parts["stratum"], key=lambda line: abs(line.imbalance), default=None)


def balance_of(
    placed: Sequence[Placed], ratio: Mapping[str, int], designs: Mapping[int, Design | None], *, trials: int = TRIALS
) -> Balance:
    """``placed`` in order of allocation; ``designs``: of each list by number, None where there is none to simulate."""
    arms = tuple(sorted(ratio))
    seen = np.array([arms.index(each.arm) for each in placed], dtype=np.uint8)
    judge = _Judge(arms, lowest_terms(tuple(ratio[arm] for arm in arms)), seen, _again(placed, designs, trials))
    factors = sorted({factor for each in placed for factor in each.levels} - {"site"})
    names = {
        "stratum": [canonical_stratum_key(each.levels) for each in placed],
        "site": [each.site for each in placed],
        **{factor: [each.levels.get(factor, "") for each in placed] for factor in factors},
    }
    return Balance(
        arms=arms,
        overall=judge.line("", np.ones(len(placed), dtype=np.bool_)),
        parts={heading: tuple(judge.lines(of_part)) for heading, of_part in names.items()},
        course=tuple(judge.course([each.day for each in placed])),
    )


@dataclass(frozen=True)
class _Judge:
    """What was allocated, and what the design would have: ``again`` has shape (allocations, trials)."""

    arms: tuple[str, ...]
    shares: tuple[int, ...]
    seen: Arms
    again: Arms | None

    def lines(self, names: Sequence[str]) -> Iterable[Line]:
        given = np.array(names)
        return (self.line(name, given == name) for name in sorted(set(names)))

    def line(self, name: str, counted: npt.NDArray[np.bool_]) -> Line:
        counts = tuple(int((self.seen[counted] == arm).sum()) for arm in range(len(self.arms)))
        return Line(name, counts, imbalance_of(self.shares, counts), self._expected(counted))

    def _expected(self, counted: npt.NDArray[np.bool_]) -> Expected | None:
        if self.again is None:
            return None
        part = self.again[counted]
        absolute = np.abs(imbalances(self.shares, [(part == arm).sum(axis=0) for arm in range(len(self.arms))]))
        return Expected(float(absolute.mean()), _usual(absolute))

    def course(self, days: Sequence[datetime.date]) -> Iterable[Point]:
        seen = np.array([np.cumsum(self.seen == arm) for arm in range(len(self.arms))])
        usual = self._usual_course()
        for number, day in enumerate(days):
            counts = tuple(int(count) for count in seen[:, number])
            yield Point(number + 1, day, imbalance_of(self.shares, counts), usual[number] if usual else None)

    def _usual_course(self) -> list[int]:
        if self.again is None:
            return []
        counts = [np.zeros(self.again.shape[1], dtype=np.int64) for _ in self.arms]
        usual = []
        for row in self.again:
            counts = [count + (row == arm) for arm, count in enumerate(counts)]
            usual.append(_usual(np.abs(imbalances(self.shares, counts))))
        return usual


def _usual(absolute: npt.NDArray[np.int64]) -> int:
    return int(np.quantile(absolute, 0.95, method="inverted_cdf"))


def _again(placed: Sequence[Placed], designs: Mapping[int, Design | None], trials: int) -> Arms | None:
    """The same participants allocated anew; each list by its own design. None where one cannot be simulated."""
    again = np.empty((len(placed), trials), dtype=np.uint8)
    numbered = sorted(enumerate(placed), key=lambda pair: pair[1].listed)
    for listed, group in groupby(numbered, key=lambda pair: pair[1].listed):
        places = [number for number, _each in group]
        made = _of_one_list([placed[number].levels for number in places], designs[listed], trials, str(listed))
        if made is None:
            return None
        again[places] = made
    return again


def _of_one_list(levels: Sequence[Mapping[str, str]], design: Design | None, trials: int, seed: str) -> Arms | None:
    strata = {canonical_stratum_key(each): each for each in levels}
    if design is None or len(strata) > MOST_STRATA:
        return None
    place = {key: number for number, key in enumerate(strata)}
    arrived = np.array([place[canonical_stratum_key(each)] for each in levels], dtype=np.uint8)
    recruitment = Recruitment(len(levels), tuple(Stratum(each, 1) for each in strata.values()))
    columns = np.repeat(arrived[:, None], trials, axis=1)
    return allocated(design, recruitment, columns, stream(f"balance {seed}", "allocations")).arm
