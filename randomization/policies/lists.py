"""What may be done to a list as a whole: activate, extend, reveal, and by whom."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from randomization.models import ListExtension, ListStatus, RandomizationList
from randomization.policies.aims import purpose_here
from trialmgr.people.models import User
from trialmgr.studies.queries import current_definition, open_lock


def check_unblinded(user: User) -> None:
    """For pages that exist for unblinded people alone: the same answer whatever there is to see."""
    if user.sight(current_definition()).blinded:
        raise PermissionDenied(_("Your role does not allow this."))


def check_reason(reason: str) -> None:
    if not reason.strip():
        raise ActionRefused(_("Give the reason."))


def check_second_person(listed: RandomizationList, by: User) -> None:
    if listed.status != ListStatus.MADE:
        raise ActionRefused(_("Only a list that was just made can be activated."))
    if listed.made_by_id == by.pk:
        raise ActionRefused(_("A second person activates the list: not the one who made it."))
    _check_purpose(listed)


def check_extendable(listed: RandomizationList, reason: str) -> None:
    check_reason(reason)
    reasons = reasons_not_extendable(listed)
    if reasons:
        raise ActionRefused(*reasons)


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


def _check_purpose(listed: RandomizationList) -> None:
    reasons = _reasons_of_purpose(listed)
    if reasons:
        raise ActionRefused(*reasons)


def reasons_not_extendable(listed: RandomizationList) -> list[str]:
    reasons = reasons_not_in_force(listed)
    if listed.extensions.filter(activated_at=None).exists():
        reasons.append(_("An extension of this list waits to be activated: that comes first."))
    return reasons


def check_second_person_extends(extension: ListExtension, listed: RandomizationList, by: User) -> None:
    if listed.status != ListStatus.ACTIVE or extension.activated_at is not None:
        raise ActionRefused(_("Only an extension that was just made, of the list in force, can be activated."))
    if extension.made_by_id == by.pk:
        raise ActionRefused(_("A second person activates the extension: not the one who made it."))
    _check_purpose(listed)


def check_revealable(by: User) -> None:
    """The list is open to anybody once it is revealed, so nobody may be allocated any more."""
    check_unblinded(by)
    if open_lock() is None:
        raise ActionRefused(_("A list is revealed after the study has been locked: lock it first."))
