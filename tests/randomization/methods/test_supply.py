"""How long places last: a stratum is told of while there is time to add places, and not before."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from randomization.methods.supply import FARTHEST_DAYS, Supply, forecast, weeks_observed

TODAY = datetime.date(2026, 3, 2)
SUPPLIES = st.builds(
    Supply,
    stratum=st.just("all"),
    length=st.just(1000),
    left=st.integers(0, 1000),
    came=st.integers(0, 300),
    weeks=st.floats(4, 12),
)


def supply(left: int, came: int, weeks: float = 12) -> Supply:
    return Supply("site=UMCG", 200, left, came, weeks)


@pytest.mark.parametrize(
    ("left", "came", "lead", "need", "is_low", "days"),
    [
        # one a week and one more in twelve weeks: 6.5 expected in six weeks, eleven in one case of twenty
        (11, 12, 6, 11, False, 77),
        (10, 12, 6, 11, True, 70),
        # the same places, half the time to make more
        (10, 12, 3, 6, False, 70),
        # nobody came yet: two places for what may come
        (2, 0, 6, 2, False, None),
        (1, 0, 6, 2, True, None),
        (0, 0, 6, 2, True, 0),
    ],
)
def test_a_stratum_runs_low_when_its_places_may_not_last_until_there_are_more(
    left: int, came: int, lead: int, need: int, is_low: bool, days: int | None
) -> None:
    found = forecast(supply(left, came), today=TODAY, lead_weeks=lead)
    until = None if days is None else TODAY + datetime.timedelta(days=days)
    assert (found.need, found.is_low, found.lasts_until) == (need, is_low, until)


def test_what_lasts_more_than_ten_years_has_no_day() -> None:
    assert forecast(supply(1000, 1), today=TODAY, lead_weeks=6).lasts_until is None
    day = forecast(supply(43, 1), today=TODAY, lead_weeks=6).lasts_until
    assert day is not None
    assert (day - TODAY).days <= FARTHEST_DAYS


@given(SUPPLIES, st.integers(1, 52))
def test_more_places_never_make_a_stratum_low_and_a_longer_lead_never_makes_it_enough(each: Supply, lead: int) -> None:
    now = forecast(each, today=TODAY, lead_weeks=lead)
    more = Supply(each.stratum, each.length, each.left + 1, each.came, each.weeks)
    assert now.need == forecast(more, today=TODAY, lead_weeks=lead).need
    assert forecast(more, today=TODAY, lead_weeks=lead).is_low <= now.is_low
    assert forecast(each, today=TODAY, lead_weeks=lead + 1).need >= now.need


@given(st.integers(0, 300), st.floats(4, 12), st.integers(1, 52))
def test_the_need_exceeds_what_is_expected_to_come(came: int, weeks: float, lead: int) -> None:
    mean = (came + 1) / weeks * lead
    need = forecast(supply(50, came, weeks), today=TODAY, lead_weeks=lead).need
    assert need + 1 >= mean
    assert need <= 10 * mean + 11


@pytest.mark.parametrize(("days", "weeks"), [(0, 4), (28, 4), (56, 8), (84, 12), (4000, 12)])
def test_a_young_list_is_judged_by_its_own_weeks(days: int, weeks: float) -> None:
    assert weeks_observed(TODAY - datetime.timedelta(days=days), TODAY) == weeks
