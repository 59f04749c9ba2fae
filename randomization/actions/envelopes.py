"""Envelopes: printed for the reserved places of a list; one opened while the system was down is entered back."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actions import action, itself
from audit.acts import ActionRefused, record
from randomization.actions.allocations import enter_trial, lock_participant, opened, place_of
from randomization.actions.lists import sealing_key
from randomization.methods.lists import sealing
from randomization.models import Allocation, EnvelopeUse, ListRow, RandomizationList, Stratum
from randomization.policies.allocations import levels_in
from randomization.policies.envelopes import check_envelope, check_envelope_unused, envelope_name, wanting_for_envelope
from randomization.policies.frames import check_reason, check_unblinded
from randomization.policies.lists import reasons_not_in_force
from trialmgr.participants.models import Participant
from trialmgr.people.models import User


@dataclass(frozen=True)
class Envelope:
    """``levels``: of the stratum, by factor."""

    name: str
    levels: Mapping[str, str]
    arm: str


@action("envelopes.exported", permission="lists.make")
def export_envelopes(*, by: User, listed: RandomizationList, site: str = "") -> list[Envelope]:
    """What goes into the sealed envelopes of the list in force, by stratum; of one site only, where it is named.

    Only reserved places that nobody has yet are opened. Raises ActionRefused, PermissionDenied, SealBroken.
    """
    check_unblinded(by)
    reasons = reasons_not_in_force(listed)
    if reasons:
        raise ActionRefused(*reasons)
    strata = listed.strata.exclude(reserved_from=None).order_by("pk")
    envelopes = [one for stratum in strata if _is_at(stratum, listed, site) for one in _envelopes(listed, stratum)]
    if not envelopes:
        raise ActionRefused(_("There is no place kept for an envelope, or all of them have been used."))
    record(
        object_type="list",
        object_id=str(listed.number),
        site=site,
        new=", ".join(envelope.name for envelope in envelopes),
        restricted=True,
    )
    return envelopes


def _is_at(stratum: Stratum, listed: RandomizationList, site: str) -> bool:
    levels = levels_in(stratum)
    return not site or any(levels[factor] == site for factor, source in listed.factors.items() if source == "site")


def _envelopes(listed: RandomizationList, stratum: Stratum) -> list[Envelope]:
    key, taken = sealing_key(), Allocation.objects.filter(row__stratum=stratum).values("row")
    places = (stratum.reserved_from, stratum.reserved_to)
    rows = ListRow.objects.filter(stratum=stratum, position__range=places).exclude(pk__in=taken).order_by("position")
    return [
        Envelope(
            name=envelope_name(listed, stratum, row.position),
            levels=levels_in(stratum),
            arm=sealing.open_row(key, str(listed.number), stratum.key, row.position, bytes(row.sealed)),
        )
        for row in rows
    ]


@action(
    "envelope.entered",
    permission="participants.randomise",
    site=lambda participant, **_k: participant.site,
    makes=itself,
)
def enter_envelope(
    *, by: User, participant: Participant, envelope: str, opened_at: datetime.datetime, opened_by: str, reason: str
) -> Allocation:
    """The participant has the arm that their envelope held; the places of the list are used out of order.

    An opened envelope is a fact, so what would have refused an allocation is noted in the ledger and refuses nothing:
    consent, eligibility, forms, site, hold, cap, another stratum. Refused is what cannot be: an envelope that does not
    exist or was entered before, a participant who was randomised or has left, a moment to come.
    """
    check_reason(reason)
    participant = lock_participant(participant)
    row = check_envelope(participant, envelope, opened_at)
    Stratum.objects.select_for_update().get(pk=row.stratum_id)
    check_envelope_unused(row)
    wanting = wanting_for_envelope(participant, row, by)
    drawn = opened(row)
    allocation = Allocation(
        participant=participant,
        row=row,
        arm=drawn.arm,
        levels=levels_in(row.stratum),
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
