"""Lists: which is in force, and what may be done to one as a whole and by whom."""

from __future__ import annotations

from typing import cast

from django.conf import settings
from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from randomization.methods.designs import Minimisation, design_from
from randomization.models import ListPurpose, ListStatus, RandomizationList
from randomization.policies.frames import check_unblinded
from trialmgr.people.models import User
from trialmgr.studies.queries import open_lock


def purpose_here() -> ListPurpose:
    """A demo installation allocates from rehearsal lists alone, any other from live lists alone."""
    return ListPurpose.REHEARSAL if settings.TRIALMGR_DEMO else ListPurpose.LIVE


def active_list() -> RandomizationList | None:
    return RandomizationList.objects.filter(status=ListStatus.ACTIVE.value, purpose=purpose_here().value).first()


def is_minimised(listed: RandomizationList) -> bool:
    """Whether its rows are made one at a time."""
    return bool(listed.design.get("method") == Minimisation.method)


def minimisation_of(listed: RandomizationList) -> Minimisation:
    """The design of a list for which ``is_minimised``."""
    return cast(Minimisation, design_from(listed.design))


def check_second_person(listed: RandomizationList, by: User) -> None:
    if listed.status != ListStatus.MADE:
        raise ActionRefused(_("Only a list that was just made can be activated."))
    if listed.made_by_id == by.pk:
        raise ActionRefused(_("A second person activates the list: not the one who made it."))
    check_purpose(listed)


def reasons_not_in_force(listed: RandomizationList) -> list[str]:
    reasons = _reasons_of_purpose(listed)
    if listed.status != ListStatus.ACTIVE:
        reasons.insert(0, _("List %(number)s is not in force.") % {"number": listed.number})
    return reasons


def _reasons_of_purpose(listed: RandomizationList) -> list[str]:
    return (
        []
        if listed.purpose == purpose_here()
        else [_("This list is of another purpose than this installation: make a list here.")]
    )


def check_purpose(listed: RandomizationList) -> None:
    reasons = _reasons_of_purpose(listed)
    if reasons:
        raise ActionRefused(*reasons)


def check_revealable(by: User) -> None:
    """The list is open to anybody once it is revealed, so nobody may be allocated any more."""
    check_unblinded(by)
    if open_lock() is None:
        raise ActionRefused(_("A list is revealed after the study has been locked: lock it first."))
