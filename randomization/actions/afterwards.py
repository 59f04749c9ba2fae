"""What is noted of an allocation afterwards. The allocation and its place in the list stay as they are, always.

Source: ICH E9 5.2.1 (all randomised participants are analysed as randomised); Yelland et al, Clin Trials 12 (2015), on
errors of randomisation: document them, correct the data, never the allocation.
"""

from __future__ import annotations

from django.utils import timezone

from audit.actions import action
from audit.acts import record
from randomization import policies
from randomization.actions.allocation import lock_participant, place_of
from randomization.models import Allocation, RandomisedInError, StratumCorrection
from trialmgr.people.models import User


@action("stratum.corrected", permission="allocation.correct", site=lambda allocation, **_k: allocation.participant.site)
def correct_stratum(*, by: User, allocation: Allocation, factor: str, corrected: str, reason: str) -> StratumCorrection:
    """Keep the true level of a factor beside the one as randomised; the newest correction counts."""
    policies.check_reason(reason)
    lock_participant(allocation.participant)
    policies.check_correction(allocation, factor, corrected)
    standing = policies.levels_corrected(allocation)[factor]
    correction = StratumCorrection(
        allocation=allocation,
        factor=factor,
        as_randomised=allocation.levels[factor],
        corrected=corrected,
        reason=reason,
        corrected_at=timezone.now(),
        corrected_by=by.actor_name,
    )
    correction.save()
    _note(allocation, item=factor, old=standing, new=corrected, form=policies.form_of(allocation, factor))
    return correction


@action("allocation.flagged", permission="allocation.flag", site=lambda allocation, **_k: allocation.participant.site)
def flag_in_error(*, by: User, allocation: Allocation, reason: str) -> RandomisedInError:
    """This participant should not have been randomised. They stay in the list and in the intention-to-treat set."""
    policies.check_reason(reason)
    lock_participant(allocation.participant)
    policies.check_not_flagged(allocation)
    flag = RandomisedInError(allocation=allocation, reason=reason, flagged_at=timezone.now(), flagged_by=by)
    flag.save()
    _note(allocation, item="randomised in error", new="flagged")
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
    policies.check_countersignable(flag, by)
    flag.countersigned_at, flag.countersigned_by = timezone.now(), by
    flag.save()
    _note(flag.allocation, item="randomised in error", old="flagged", new="countersigned")
    return flag


def _note(allocation: Allocation, **fields: object) -> None:
    participant = allocation.participant
    record(object_type="allocation", object_id=participant.number, **place_of(participant), **fields)
