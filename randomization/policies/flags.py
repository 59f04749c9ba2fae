"""Flags: may an allocation be flagged as made in error, and that be countersigned by this person?"""

from __future__ import annotations

from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from randomization.models import Allocation, RandomisedInError
from trialmgr.people.models import User


def check_not_flagged(allocation: Allocation) -> None:
    """Whoever holds that the flag stands answers a withdrawal that waits by flagging anew."""
    if RandomisedInError.objects.filter(allocation=allocation, withdrawal_asked_at=None).exists():
        raise ActionRefused(_("This participant is flagged as randomised in error already."))


def check_countersignable(flag: RandomisedInError, by: User) -> None:
    _check_standing(flag)
    if flag.countersigned_at is not None:
        raise ActionRefused(_("This is countersigned already."))
    if flag.withdrawal_asked_at is not None:
        raise ActionRefused(_("A withdrawal of this flag waits for a second person: countersign that, or flag anew."))
    if flag.flagged_by_id == by.pk:
        raise ActionRefused(_("A second person countersigns: not the one who flagged it."))


def can_countersign(flag: RandomisedInError, by: User) -> bool:
    waits = flag.countersigned_at is None and flag.withdrawal_asked_at is None
    return waits and flag.flagged_by_id != by.pk


def check_withdrawal_askable(flag: RandomisedInError) -> None:
    _check_standing(flag)
    if flag.withdrawal_asked_at is not None:
        raise ActionRefused(_("A withdrawal of this flag waits for a second person already."))


def check_withdrawable(flag: RandomisedInError, by: User) -> None:
    _check_standing(flag)
    if flag.withdrawal_asked_at is None:
        raise ActionRefused(_("Nobody asked to withdraw this flag: there is nothing to countersign."))
    if flag.withdrawal_asked_by_id == by.pk:
        raise ActionRefused(_("A second person countersigns: not the one who asked for the withdrawal."))


def can_withdraw(flag: RandomisedInError, by: User) -> bool:
    return flag.withdrawal_asked_at is not None and flag.withdrawal_asked_by_id != by.pk


def _check_standing(flag: RandomisedInError) -> None:
    if flag.withdrawn_at is not None:
        raise ActionRefused(_("This flag was withdrawn."))
