"""Extensions: may this list be made longer, and may this person put that in force?"""

from __future__ import annotations

from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from randomization.models import ListExtension, ListStatus, RandomizationList
from randomization.policies.frames import check_reason
from randomization.policies.lists import check_purpose, reasons_not_in_force
from trialmgr.people.models import User


def check_extendable(listed: RandomizationList, reason: str) -> None:
    check_reason(reason)
    reasons = reasons_not_extendable(listed)
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
    check_purpose(listed)
