"""May this participant be allocated now? Asked inside the allocation's own transaction, every refusal named.

Source: ``docs/randomization.md``, operations.
"""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from crf.lookup import StoredValues
from crf.policies import reasons_not_ready
from randomization.lists import canonical_stratum_key
from randomization.models import Allocation, ListPurpose, ListStatus, RandomizationList
from trialmgr.participants.models import Participant
from trialmgr.people.models import User
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition


def purpose_here() -> ListPurpose:
    """A demo installation allocates from rehearsal lists alone, any other from live lists alone."""
    return ListPurpose.REHEARSAL if settings.TRIALMGR_DEMO else ListPurpose.LIVE


def active_list() -> RandomizationList | None:
    return RandomizationList.objects.filter(status=ListStatus.ACTIVE.value, purpose=purpose_here().value).first()


def reasons_not_allocatable(participant: Participant) -> list[str]:
    """Every reason why this participant cannot be randomised now; empty when they can."""
    reasons = reasons_not_ready(participant, current_definition())
    if Allocation.objects.filter(participant=participant).exists():
        reasons.append(_("The participant has been randomised already."))
    if not participant.site.is_active(today()):
        reasons.append(_("%(site)s is not active in this trial.") % {"site": participant.site.name})
    listed = active_list()
    if listed is None:
        reasons.append(_("No randomisation list is active."))
    else:
        reasons += [
            _("The stratification factor %(factor)s has no value.") % {"factor": factor}
            for factor, level in levels_of(participant, listed).items()
            if not level
        ]
    return reasons


def check_allocatable(participant: Participant) -> None:
    reasons = reasons_not_allocatable(participant)
    if reasons:
        raise ActionRefused(*reasons)


def check_asked_for(allocation: Allocation, participant: Participant) -> None:
    """One key stands for one request, and so for one participant."""
    if allocation.participant_id != participant.pk:
        raise ActionRefused(_("This request key has been used for another participant: choose a new one."))


def can_allocate(participant: Participant) -> bool:
    return not reasons_not_allocatable(participant)


def levels_of(participant: Participant, listed: RandomizationList) -> dict[str, str]:
    """Factor -> level as it stands now; "" where the item that holds it has no value."""
    stored = StoredValues(participant)
    return {
        factor: participant.site.code if source == "site" else stored(*source.split(".")) or ""
        for factor, source in listed.factors.items()
    }


def stratum_key(levels: dict[str, str]) -> str:
    return canonical_stratum_key(levels)


def check_second_person(listed: RandomizationList, by: User) -> None:
    if listed.status != ListStatus.MADE:
        raise ActionRefused(_("Only a list that was just made can be activated."))
    if listed.made_by_id == by.pk:
        raise ActionRefused(_("A second person activates the list: not the one who made it."))
    if listed.purpose != purpose_here():
        raise ActionRefused(_("This list is of another purpose than this installation."))
