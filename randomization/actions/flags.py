"""Flags: somebody was randomised in error. They stay in the list and in the intention-to-treat set (ICH E9 5.2.1)."""

from __future__ import annotations

from django.utils import timezone

from audit.actions import action, itself
from randomization.actions.allocations import lock_participant, note
from randomization.models import Allocation, RandomisedInError
from randomization.policies.flags import check_countersignable, check_not_flagged
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
    flag = RandomisedInError(allocation=allocation, reason=reason, flagged_at=timezone.now(), flagged_by=by)
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
    rows = RandomisedInError.objects.select_for_update(of=("self",)).select_related("allocation__participant__site")
    flag = rows.get(pk=flag.pk)
    check_countersignable(flag, by)
    flag.countersigned_at, flag.countersigned_by = timezone.now(), by
    flag.save()
    note(flag.allocation, item="randomised in error", old="flagged", new="countersigned")
    return flag
