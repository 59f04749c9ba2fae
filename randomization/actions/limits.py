"""Caps and holds: when randomisation stops, at one site or in the whole trial."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actions import action, itself
from audit.acts import ActionRefused, record
from randomization.models import AllocationCap, AllocationHold
from randomization.policies.frames import check_reason
from trialmgr.people.models import Site, User

WHOLE_TRIAL = "trial"


@action("cap.set", permission="lists.limit", makes=itself)
def set_cap(*, by: User, site: Site | None, participants: int, reason: str) -> AllocationCap:
    """The most that may be randomised at a site, or (None) in the whole trial; the cap before, if any, is replaced.

    Locked as an allocation locks it, so that a cap is never lowered under one that is on its way.
    """
    check_reason(reason)
    standing = AllocationCap.objects.select_for_update().filter(site=site).order_by("pk").first()
    old = str(standing.participants) if standing else None
    cap = standing or AllocationCap(site=site)
    cap.participants, cap.reason = participants, reason
    cap.set_at, cap.set_by = timezone.now(), by.actor_name
    cap.save()
    _note("cap", site, old=old, new=str(participants))
    return cap


@action("hold.placed", permission="lists.limit", makes=itself)
def place_hold(*, by: User, site: Site | None, reason: str) -> AllocationHold:
    """From now on nobody is randomised at a site, or (None) in the whole trial. What was allocated stays."""
    check_reason(reason)
    if AllocationHold.objects.filter(site=site, lifted_at=None).exists():
        raise ActionRefused(_("Randomisation is on hold here already."))
    hold = AllocationHold(site=site, reason=reason, placed_at=timezone.now(), placed_by=by.actor_name)
    hold.save()
    _note("hold", site, old="open", new="on hold")
    return hold


@action("hold.lifted", permission="lists.limit")
def lift_hold(*, by: User, site: Site | None, reason: str) -> AllocationHold:
    """Randomisation goes on."""
    check_reason(reason)
    hold = AllocationHold.objects.select_for_update().filter(site=site, lifted_at=None).first()
    if hold is None:
        raise ActionRefused(_("Randomisation is not on hold here."))
    hold.lifted_at, hold.lifted_by = timezone.now(), by.actor_name
    hold.save()
    _note("hold", site, old="on hold", new="open")
    return hold


def _note(item: str, site: Site | None, *, old: str | None, new: str) -> None:
    code = site.code if site else ""
    record(object_type="limit", object_id=code or WHOLE_TRIAL, site=code, item=item, old=old, new=new)
