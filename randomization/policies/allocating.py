"""May this participant be allocated now? Asked inside the allocation's own transaction, every refusal named.

Source: ``docs/randomization.md``, operations.
"""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from audit.acts import ActionRefused, reasons_against
from crf.policies import reasons_not_ready
from randomization.models import Allocation, AllocationCap, AllocationHold
from randomization.policies.aims import Aim, aim_of, has_place
from trialmgr.participants.models import Participant
from trialmgr.participants.policies import reasons_same_person, same_person
from trialmgr.people.models import Site, User
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition


class StratumUsedUp(ActionRefused):
    """A participant waits and their stratum has no place left: the unblinded statistician has to be told."""

    def __init__(self, aim: Aim, *reasons: str) -> None:
        super().__init__(*reasons)
        self.aim = aim


def reasons_not_allocatable(participant: Participant, by: User) -> tuple[str, ...]:
    """Every reason why this participant cannot be randomised now; empty when they can.

    ``by``: what is said of a participant who seems to be the same person depends on what they may see.
    """
    return reasons_against(check_allocatable, participant, by, aim_of(participant))


def reasons_of_participant(participant: Participant, by: User) -> list[str]:
    """Those that have nothing to do with the list: they are noted, not refused, when an envelope was opened."""
    site = participant.site
    reasons = reasons_not_ready(participant, current_definition())
    if Allocation.objects.filter(participant=participant).exists():
        reasons.append(_("The participant has been randomised already."))
    if not site.is_active(today()):
        reasons.append(
            _("%(site)s is not active in this trial: an administrator activates the site first.") % {"site": site.name}
        )
    reasons += [_hold_reason(hold) for hold in holds_at(site)]
    reasons += [_cap_reason(cap) for cap in caps_at(site) if is_reached(cap)]
    return reasons + reasons_same_person(by, same_person(participant))


def check_allocatable(participant: Participant, by: User, aim: Aim | None) -> Aim:
    """The aim, when nothing stands against it. StratumUsedUp when the list has no place for these levels."""
    reasons = [*reasons_of_participant(participant, by), *_reasons_of_levels(aim)]
    if aim is not None and aim.is_complete and not has_place(aim):
        # Neutral on purpose: how many rows a stratum holds is for the unblinded statistician.
        used_up = _("Randomisation is not possible now. The trial statistician has to extend the list.")
        raise StratumUsedUp(aim, *reasons, used_up)
    if reasons or aim is None:
        raise ActionRefused(*reasons)
    return aim


def _reasons_of_levels(aim: Aim | None) -> list[str]:
    if aim is None:
        return [_("No randomisation list is in force: the trial statistician makes one, a second person activates it.")]
    missing = _("The stratification factor %(factor)s has no value: fill it in on its form first.")
    return [missing % {"factor": factor} for factor, level in aim.levels.items() if not level]


def check_asked_for(allocation: Allocation, participant: Participant) -> None:
    """One key stands for one request, and so for one participant."""
    if allocation.participant_id != participant.pk:
        raise ActionRefused(_("This request key has been used for another participant: choose a new one."))


def can_allocate(participant: Participant, by: User) -> bool:
    return not reasons_not_allocatable(participant, by)


def holds_at(site: Site) -> QuerySet[AllocationHold]:
    """Holds that stand for a site: its own and that of the whole trial."""
    return AllocationHold.objects.filter(Q(site=site) | Q(site=None), lifted_at=None).order_by("pk")


def caps_at(site: Site) -> QuerySet[AllocationCap]:
    """In one order, so that those who lock them never wait for each other in a ring."""
    return AllocationCap.objects.filter(Q(site=site) | Q(site=None)).order_by("pk")


def is_reached(cap: AllocationCap) -> bool:
    return allocated_under(cap) >= cap.participants


def allocated_under(cap: AllocationCap) -> int:
    """Everybody who was ever randomised there, in error or not."""
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
