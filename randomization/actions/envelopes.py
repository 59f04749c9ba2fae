"""Entering back what happened while the system was down: somebody opened the next sealed envelope of a stratum."""

from __future__ import annotations

import datetime
import uuid

from django.utils import timezone

from audit.actions import action
from audit.acts import record
from randomization import policies
from randomization.actions.allocation import enter_trial, lock_participant, opened, place_of
from randomization.models import Allocation, EnvelopeUse, Stratum
from trialmgr.participants.models import Participant
from trialmgr.people.models import User


@action("envelope.entered", permission="participants.randomise", site=lambda participant, **_k: participant.site)
def enter_envelope(
    *, by: User, participant: Participant, envelope: str, opened_at: datetime.datetime, opened_by: str, reason: str
) -> Allocation:
    """The participant has the arm that their envelope held; the places of the list are used out of order.

    An opened envelope is a fact, so what would have refused an allocation is noted in the ledger and refuses nothing:
    consent, eligibility, forms, site, hold, cap, another stratum. Refused is what cannot be: an envelope that does not
    exist or was entered before, a participant who was randomised or has left, a moment to come.
    """
    policies.check_reason(reason)
    participant = lock_participant(participant)
    row = policies.check_envelope(participant, envelope, opened_at)
    Stratum.objects.select_for_update().get(pk=row.stratum_id)
    policies.check_envelope_unused(row)
    wanting = policies.wanting_for_envelope(participant, row, by)
    drawn = opened(row)
    allocation = Allocation(
        participant=participant,
        row=row,
        arm=drawn.arm,
        levels=policies.levels_in(row.stratum),
        idempotency_key=uuid.uuid4().hex,
        allocated_at=opened_at,
        allocated_by=opened_by,
    )
    on = timezone.localdate(opened_at, timezone.get_default_timezone())
    enter_trial(by, allocation, on=on, envelope=envelope.strip().upper(), wanting=wanting)
    EnvelopeUse(allocation=allocation, opened_at=opened_at, opened_by=opened_by, reason=reason).save()
    record(
        object_type="participant",
        object_id=participant.number,
        item="envelope",
        new=envelope.strip().upper(),
        detail={"opened_at": opened_at.isoformat(), "opened_by": opened_by},
        **place_of(participant),
    )
    return allocation
