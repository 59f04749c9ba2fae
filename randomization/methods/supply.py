"""How long the places of a stratum last, from the pace of recruitment: plain numbers in, a forecast out.

The need is the number of places that suffices with 95 % certainty until more can be there, when participants come one
by one at the pace seen so far (Poisson). One is added to those seen, so that a stratum in which nobody came yet is not
taken for one in which nobody will.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from math import exp

WINDOW_WEEKS = 12
SHORTEST_WEEKS = 4
"""A list that was put in force yesterday has no pace yet: it is judged as if it were so old."""

ENOUGH_IN = 0.95
FARTHEST_DAYS = 3650


@dataclass(frozen=True, slots=True)
class Supply:
    """``left``: places that the cursor can still come to; ``came``: allocations in the last ``weeks`` weeks."""

    stratum: str
    length: int
    left: int
    came: int
    weeks: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """``need``: places wanted to bridge the lead time; ``lasts_until``: None when that lies beyond ten years."""

    supply: Supply
    need: int
    lasts_until: datetime.date | None

    @property
    def is_low(self) -> bool:
        return self.supply.left < self.need


def weeks_observed(since: datetime.date, today: datetime.date) -> float:
    """How many weeks back allocations are counted, for a list in force ``since`` then."""
    return min(max((today - since).days / 7, SHORTEST_WEEKS), WINDOW_WEEKS)


def forecast(supply: Supply, *, today: datetime.date, lead_weeks: int) -> Forecast:
    """``lead_weeks``: from the moment somebody is told until more places can be in force."""
    need = _quantile((supply.came + 1) / supply.weeks * lead_weeks)
    days = supply.left * supply.weeks * 7 / supply.came if supply.came else FARTHEST_DAYS + 1.0
    if not supply.left:
        return Forecast(supply, need, today)
    return Forecast(supply, need, today + datetime.timedelta(days=int(days)) if days <= FARTHEST_DAYS else None)


def _quantile(mean: float) -> int:
    """The smallest number that a Poisson variable with this mean, up to some hundreds, does not exceed in 95 %."""
    number, chance = 0, exp(-mean)
    reached = chance
    while reached < ENOUGH_IN and number < 10 * mean + 10:
        number += 1
        chance *= mean / number
        reached += chance
    return number
