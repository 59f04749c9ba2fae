"""Places left in the list in force: what runs low, and the e-mail to the unblinded roles when it begins to."""

from __future__ import annotations

import datetime

from django.db.models import Count, Q
from django.utils.timezone import localdate, now
from django.utils.translation import gettext_lazy as _

from audit.acts import record
from audit.models import LedgerEntry, TrackedQuerySet
from randomization.methods.supply import Forecast, Supply, forecast, weeks_observed
from randomization.models import RandomizationList, Stratum
from randomization.policies import is_minimised, places_left
from trialmgr.people.emails import send_email
from trialmgr.people.queries import unblinded_holders
from trialmgr.studies.queries import current_definition

LEAD_WEEKS = 6
"""Where the study in force describes no randomisation, but a list is."""


def forecasts(listed: RandomizationList) -> list[Forecast]:
    """Every stratum of a list, the shortest supply first; none under minimisation, whose rows are made one by one."""
    if is_minimised(listed):
        return []
    found = _forecasts(listed, listed.strata.all())
    return sorted(found, key=_urgency)


def _urgency(each: Forecast) -> tuple[bool, datetime.date, int, str]:
    return (not each.is_low, each.lasts_until or datetime.date.max, each.supply.left, each.supply.stratum)


def running_low(listed: RandomizationList) -> list[Forecast]:
    return [each for each in forecasts(listed) if each.is_low]


def lead_weeks() -> int:
    design = current_definition().randomization
    return design.supply_lead_weeks if design is not None else LEAD_WEEKS


def _forecasts(listed: RandomizationList, strata: TrackedQuerySet[Stratum]) -> list[Forecast]:
    today, lead = localdate(), lead_weeks()
    weeks = weeks_observed(localdate(listed.activated_at or listed.made_at), today)
    since = now() - datetime.timedelta(weeks=weeks)
    counted = strata.annotate(came=Count("rows__allocation", filter=Q(rows__allocation__allocated_at__gte=since)))
    return [
        forecast(Supply(each.key, each.length, places_left(each), each.came, weeks), today=today, lead_weeks=lead)
        for each in counted
    ]


def announce_if_low(listed: RandomizationList, stratum: Stratum) -> None:
    """Inside an allocation, which holds the stratum's row: one entry and one e-mail for each length of a stratum.

    The entry is restricted and of no site: who enrols at a site never reads it.
    """
    if is_minimised(listed):
        return
    (found,) = _forecasts(listed, listed.strata.filter(pk=stratum.pk))
    if not found.is_low or _was_announced(listed, stratum):
        return
    record(
        action=RUNS_LOW,
        object_type="list",
        object_id=str(listed.number),
        item=stratum.key,
        new=str(stratum.length),
        detail={"left": found.supply.left, "lasts_until": str(found.lasts_until)},
        restricted=True,
    )
    send_email(unblinded_holders("lists.view"), _HEADING, _TEXT)


def _was_announced(listed: RandomizationList, stratum: Stratum) -> bool:
    entries = LedgerEntry.objects.filter(action=RUNS_LOW, object_id=str(listed.number), item=stratum.key)
    return entries.filter(new=str(stratum.length)).exists()


RUNS_LOW = "stratum.runs_low"
_HEADING = _("A stratum of the randomisation list runs low")
_TEXT = _(
    "At the pace of recruitment a stratum will soon have no place left. "
    "Sign in and open the page about randomisation to see which stratum it is and until when it lasts."
)
