"""Flags: may an allocation be flagged as made in error, and that be countersigned by this person?"""

from __future__ import annotations

from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from randomization.models import Allocation, RandomisedInError
from trialmgr.people.models import User


def check_not_flagged(allocation: Allocation) -> None:
    if RandomisedInError.objects.filter(allocation=allocation).exists():
        raise ActionRefused(_("This participant is flagged as randomised in error already."))


def check_countersignable(flag: RandomisedInError, by: User) -> None:
    if flag.countersigned_at is not None:
        raise ActionRefused(_("This is countersigned already."))
    if flag.flagged_by_id == by.pk:
        raise ActionRefused(_("A second person countersigns: not the one who flagged it."))


def can_countersign(flag: RandomisedInError, by: User) -> bool:
    return flag.countersigned_at is None and flag.flagged_by_id != by.pk
