"""Flags: somebody was randomised in error. They stay in the list and in the intention-to-treat set (ICH E9 5.2.1)."""

from __future__ import annotations

from django.utils import timezone

from audit.actions import action, itself
from randomization.actions.allocations import lock_participant, note
from randomization.models import Allocation, RandomisedInError
from randomization.policies.flags import (
    check_countersignable,
    check_not_flagged,
    check_withdrawable,
    check_withdrawal_askable,
)
from randomization.policies.frames import check_reason
from trialmgr.people.models import User


@action(
    "allocation.flagged",
    permission="allocation.flag",
    site=lambda allocation, **_k: allocation.participant.site,
    makes=itself,
)
def flag_in_error(*, by: User, allocation: Allocation, reason: str) -> RandomisedInError:
    """This participant should not have been randomised. They stay in the list and in the intention-to-treat set."""
    check_reason(reason)
    lock_participant(allocation.participant)
    check_not_flagged(allocation)
    found = RandomisedInError._base_manager.filter(allocation=allocation).first()
    flag = found or RandomisedInError(allocation=allocation)
    flag.reason, flag.flagged_at, flag.flagged_by = reason, timezone.now(), by
    flag.countersigned_at = flag.countersigned_by = flag.withdrawn_at = flag.withdrawn_by = None
    flag.withdrawal_reason, flag.withdrawal_asked_at, flag.withdrawal_asked_by = "", None, None
    flag.save()
    note(allocation, item="randomised in error", new="flagged")
    return flag


@action(
    "allocation.countersigned",
    permission="allocation.countersign",
    site=lambda flag, **_k: flag.allocation.participant.site,
)
def countersign_in_error(*, by: User, flag: RandomisedInError) -> RandomisedInError:
    """The second signature: another person stands for it."""
    flag = _held(flag)
    check_countersignable(flag, by)
    flag.countersigned_at, flag.countersigned_by = timezone.now(), by
    flag.save()
    note(flag.allocation, item="randomised in error", old="flagged", new="countersigned")
    return flag


@action(
    "allocation.flag_withdrawal_asked",
    permission="allocation.flag",
    site=lambda flag, **_k: flag.allocation.participant.site,
)
def ask_flag_withdrawal(*, by: User, flag: RandomisedInError, reason: str) -> RandomisedInError:
    """The flag was itself an error. It stands until another person countersigns that, or flags anew."""
    check_reason(reason)
    flag = _held(flag)
    check_withdrawal_askable(flag)
    flag.withdrawal_reason, flag.withdrawal_asked_at, flag.withdrawal_asked_by = reason, timezone.now(), by
    flag.save()
    note(flag.allocation, item="randomised in error", old=_said(flag), new="withdrawal asked")
    return flag


@action(
    "allocation.flag_withdrawn",
    permission="allocation.countersign",
    site=lambda flag, **_k: flag.allocation.participant.site,
)
def withdraw_flag(*, by: User, flag: RandomisedInError) -> RandomisedInError:
    """The second signature under a withdrawal: the participant was not randomised in error."""
    flag = _held(flag)
    check_withdrawable(flag, by)
    flag.withdrawn_at, flag.withdrawn_by = timezone.now(), by
    flag.save()
    note(flag.allocation, item="randomised in error", old=_said(flag), new="withdrawn")
    return flag


def _said(flag: RandomisedInError) -> str:
    return "countersigned" if flag.countersigned_at else "flagged"


def _held(flag: RandomisedInError) -> RandomisedInError:
    """The flag as it stands now, until the act ends."""
    rows = RandomisedInError._base_manager.select_for_update(of=("self",))
    held: RandomisedInError = rows.select_related("allocation__participant__site").get(pk=flag.pk)
    return held
