"""Allocations: the next place of a stratum, given to one participant, once."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any, cast

from django.conf import settings
from django.utils import timezone

from audit.actions import action
from audit.acts import record
from crf.actions import open_visits
from randomization.actions.supply import announce_if_low, tell_used_up, was_told
from randomization.methods.designs.minimisation import next_allocation
from randomization.methods.lists import sealing
from randomization.methods.lists.rows import UNSTRATIFIED
from randomization.methods.words import chunks
from randomization.models import Allocation, ListRow, Stratum
from randomization.policies.allocations import Aim, StratumUsedUp, aim_of, check_allocatable, check_asked_for
from randomization.policies.limits import caps_at
from randomization.policies.lists import is_minimised, minimisation_of
from randomization.policies.supply import next_position
from trialmgr.participants.actions import enrol
from trialmgr.participants.models import Participant
from trialmgr.people.models import User
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition


@dataclass(frozen=True, slots=True)
class Drawn:
    """A row that was opened. ``log``: under minimisation, what was looked at and drawn."""

    row: ListRow
    arm: str
    log: dict[str, Any] | None = None


def allocate(*, by: User, participant: Participant, idempotency_key: str) -> Allocation:
    """Give the participant the next place of their stratum: exactly one, in order, once.

    Asking again with the same key returns the same allocation. Raises ActionRefused with every reason; nothing is
    consumed then. When it is the list that has nothing left, the unblinded statistician is told.
    """
    try:
        return _allocate(by=by, participant=participant, idempotency_key=idempotency_key)
    except StratumUsedUp as refusal:
        if not was_told(participant, refusal.aim.listed):
            tell_used_up(by=by, participant=participant, aim=refusal.aim)
        raise


@action("participant.randomised", permission="participants.randomise", site=lambda participant, **_k: participant.site)
def _allocate(*, by: User, participant: Participant, idempotency_key: str) -> Allocation:
    """Participant, caps and stratum are locked, in this order, before anything is checked."""
    participant = lock_participant(participant)
    before: Allocation | None = Allocation.objects.filter(idempotency_key=idempotency_key).first()
    if before is not None:
        check_asked_for(before, participant)
        record(object_type="participant", object_id=participant.number, **place_of(participant), new="asked again")
        return before
    wanted = aim_of(participant)
    _lock_places(participant, wanted)
    aim = check_allocatable(participant, by, wanted)
    drawn = _draw(aim)
    allocation = Allocation(
        participant=participant,
        row=drawn.row,
        arm=drawn.arm,
        levels=aim.levels,
        log=drawn.log,
        idempotency_key=idempotency_key,
        allocated_at=timezone.now(),
        allocated_by=by.actor_name,
    )
    enter_trial(by, allocation, on=today())
    announce_if_low(aim.listed, drawn.row.stratum)
    return allocation


def lock_participant(participant: Participant) -> Participant:
    """The participant as they stand now, held until the transaction ends: whoever asks twice waits for the first."""
    rows = Participant.every.select_for_update(of=("self",)).select_related("site")
    locked: Participant = rows.get(pk=participant.pk)
    return locked


def _lock_places(participant: Participant, aim: Aim | None) -> None:
    """Two requests for one stratum, or under one cap, go one after the other."""
    list(caps_at(participant.site).select_for_update())
    if aim is not None and aim.is_complete:
        list(Stratum.objects.select_for_update().filter(list=aim.listed, key=aim.stratum_key))


def _draw(aim: Aim) -> Drawn:
    # Held already, but for one that an extension of the list added a moment ago.
    stratum = aim.listed.strata.select_for_update().get(key=aim.stratum_key)
    if is_minimised(aim.listed):
        drawn = _minimised(aim, stratum)
    else:
        position = cast(int, next_position(stratum))  # there is one: that was checked
        drawn = opened(stratum.rows.get(position=position))
    stratum.used = drawn.row.position
    stratum.save()
    return drawn


def opened(row: ListRow) -> Drawn:
    """The one row that this act opens."""
    key, stratum = sealing.load_key(settings.TRIALMGR_LIST_KEY), row.stratum
    return Drawn(row, sealing.open_row(key, str(stratum.list.number), stratum.key, row.position, bytes(row.sealed)))


def _minimised(aim: Aim, stratum: Stratum) -> Drawn:
    """The next row is made now, from the words behind those of the last allocation."""
    listed, name, key = aim.listed, str(aim.listed.number), sealing.load_key(settings.TRIALMGR_LIST_KEY)
    secret = sealing.open_secret(key, name, bytes(listed.sealed_secret))
    earlier = Allocation.objects.filter(row__stratum=stratum).order_by("row__position")
    made = next_allocation(
        minimisation_of(listed),
        earlier.values_list("log", flat=True),
        chunks(secret, listed.manifest["trial_id"], listed.purpose, UNSTRATIFIED),
        aim.levels,
    )
    position, arm = made["position"], made["arm"]
    row = ListRow(stratum=stratum, position=position, sealed=sealing.seal(key, name, stratum.key, position, arm))
    row.save()
    return Drawn(row, arm, dict(made))


def enter_trial(by: User, allocation: Allocation, *, on: datetime.date, **noted: Any) -> None:
    """Keep an allocation, open the visits of its arm, and note it. ``noted``: more for the entry that all may read."""
    participant = allocation.participant
    allocation.save()
    definition = current_definition()
    phase = definition.entry_phase.key
    enrol(by=by, participant=participant, phase=phase, on=on)
    open_visits(participant=participant, phase=phase, arm=allocation.arm)
    _note_allocation(allocation, noted)


def _note_allocation(allocation: Allocation, noted: dict[str, Any]) -> None:
    """Two entries: everybody may read that there was an allocation; the arm stands in the restricted one."""
    participant = allocation.participant
    place = place_of(participant)
    record(object_type="participant", object_id=participant.number, new="allocated", detail=noted, **place)
    record(
        object_type="allocation",
        object_id=participant.number,
        item="arm",
        new=allocation.arm,
        detail={"stratum": allocation.row.stratum.key, "position": allocation.row.position},
        restricted=True,
        **place,
    )


def place_of(participant: Participant) -> dict[str, str]:
    return {"site": participant.site.code, "participant": participant.number}


def note(allocation: Allocation, **fields: object) -> None:
    """An entry about an allocation that stands."""
    participant = allocation.participant
    record(object_type="allocation", object_id=participant.number, **place_of(participant), **fields)
