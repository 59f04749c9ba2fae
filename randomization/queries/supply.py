"""Supply: how long the places of each stratum last, and which run low."""

from __future__ import annotations

import datetime

from django.db.models import Count, Q
from django.utils.timezone import localdate, now

from audit.models import TrackedQuerySet
from randomization.methods.supply import Forecast, Supply, forecast, weeks_observed
from randomization.models import RandomizationList, Stratum
from randomization.policies.lists import is_minimised
from randomization.policies.supply import places_left
from trialmgr.studies.queries import current_definition

LEAD_WEEKS = 6
"""Where the study in force describes no randomisation, but a list is."""


def forecasts(listed: RandomizationList) -> list[Forecast]:
    """Every stratum of a list, the shortest supply first; none under minimisation, whose rows are made one by one."""
    if is_minimised(listed):
        return []
    found = forecasts_of(listed, listed.strata.all())
    return sorted(found, key=_urgency)


def _urgency(each: Forecast) -> tuple[bool, datetime.date, int, str]:
    return (not each.is_low, each.lasts_until or datetime.date.max, each.supply.left, each.supply.stratum)


def running_low(listed: RandomizationList) -> list[Forecast]:
    return [each for each in forecasts(listed) if each.is_low]


def lead_weeks() -> int:
    design = current_definition().randomization
    return design.supply_lead_weeks if design is not None else LEAD_WEEKS


def forecasts_of(listed: RandomizationList, strata: TrackedQuerySet[Stratum]) -> list[Forecast]:
    today, lead = localdate(), lead_weeks()
    weeks = weeks_observed(localdate(listed.activated_at or listed.made_at), today)
    since = now() - datetime.timedelta(weeks=weeks)
    counted = strata.annotate(came=Count("rows__allocation", filter=Q(rows__allocation__allocated_at__gte=since)))
    return [
        forecast(Supply(each.key, each.length, places_left(each), each.came, weeks), today=today, lead_weeks=lead)
        for each in counted
    ]
