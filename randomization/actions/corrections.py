"""Corrections: the true level of a factor beside the one as randomised. The allocation and its place stay, always.

Source: ICH E9 5.2.1 (all randomised participants are analysed as randomised); Yelland et al, Clin Trials 12 (2015), on
errors of randomisation: document them, correct the data, never the allocation.
"""

from __future__ import annotations

from django.utils import timezone

from audit.actions import action, itself
from randomization.actions.allocations import lock_participant, note
from randomization.models import Allocation, StratumCorrection
from randomization.policies.corrections import check_correction, form_of, levels_corrected
from randomization.policies.frames import check_reason
from trialmgr.people.models import User


@action(
    "stratum.corrected",
    permission="allocation.correct",
    site=lambda allocation, **_k: allocation.participant.site,
    makes=itself,
)
def correct_stratum(*, by: User, allocation: Allocation, factor: str, corrected: str, reason: str) -> StratumCorrection:
    """Keep the true level of a factor beside the one as randomised; the newest correction counts."""
    check_reason(reason)
    lock_participant(allocation.participant)
    check_correction(allocation, factor, corrected)
    standing = levels_corrected(allocation)[factor]
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
    note(allocation, item=factor, old=standing, new=corrected, form=form_of(allocation, factor))
    return correction
