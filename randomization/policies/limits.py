"""Caps and holds: do they stop randomisation at a site?"""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from randomization.models import Allocation, AllocationCap, AllocationHold
from trialmgr.people.models import Site


def reasons_of_limits(site: Site) -> list[str]:
    holds = [_hold_reason(hold) for hold in holds_at(site)]
    return holds + [_cap_reason(cap) for cap in caps_at(site) if is_reached(cap)]


def holds_at(site: Site) -> QuerySet[AllocationHold]:
    """Holds that stand for a site: its own and that of the whole trial."""
    return AllocationHold.objects.filter(Q(site=site) | Q(site=None), lifted_at=None).order_by("pk")


def caps_at(site: Site) -> QuerySet[AllocationCap]:
    """In one order, so that those who lock them never wait for each other in a ring."""
    return AllocationCap.objects.filter(Q(site=site) | Q(site=None)).order_by("pk")


def is_reached(cap: AllocationCap) -> bool:
    return allocated_under(cap) >= cap.participants


def allocated_under(cap: AllocationCap) -> int:
    """Everybody randomised who is there now, in error or not."""
    rows = Allocation.objects.all()
    return (rows if cap.site_id is None else rows.filter(participant__site=cap.site_id)).count()


def _hold_reason(hold: AllocationHold) -> str:
    # The reason of the hold is for those who run the trial: it may be that of a data monitoring committee.
    if hold.site is None:
        return _("Randomisation is on hold in the whole trial, until a data manager ends the hold.")
    return _("Randomisation is on hold at %(site)s, until a data manager ends the hold.") % {"site": hold.site.name}


def _cap_reason(cap: AllocationCap) -> str:
    if cap.site is None:
        return _(
            "The trial has reached its cap of %(cap)s participants: a data manager can change it under Caps and holds."
        ) % {"cap": cap.participants}
    return _(
        "%(site)s has reached its cap of %(cap)s participants: a data manager can change it under Caps and holds."
    ) % {"site": cap.site.name, "cap": cap.participants}
