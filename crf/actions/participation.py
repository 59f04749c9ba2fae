"""The form that ends participation: once complete, its coded item moves the participant to an end state.

A visit whose window had closed before the end stays open: somebody must still say why it did not take place.
"""

from __future__ import annotations

import datetime

from audit.actions import action
from audit.acts import record
from crf.actions.trail import note_visit
from crf.models import EntryStatus, FormEntry, Visit
from crf.policies import (
    ENDED_BEFORE,
    WITHDRAWN_BEFORE,
    check_site_changes,
    check_voidable,
    closed_by_ending,
    closed_by_withdrawal,
    goes_on_after_withdrawal,
    lock_casebook,
    withdrawn_on,
)
from trialmgr.participants.actions import end_participation, reopen, void
from trialmgr.participants.models import Participant
from trialmgr.participants.states import TRANSITIONS, ending
from trialmgr.people.models import Site, User
from trialmgr.protocol.model import Form, ItemType


def end_with(entry: FormEntry, form: Form, by: User, *, ended: bool) -> None:
    """End participation, or correct how and when it ended; visits that were still to come will not take place.

    ``ended``: what stood on the form before did so; if it no longer does, the participation did not end.
    """
    participant = entry.visit.participant
    if form.ends_participation is None:
        return
    if entry.status != EntryStatus.COMPLETE:
        if ended and not participant.is_active:
            reopen_participation(participant)
        return
    dates = [item.key for item in form.items if item.type is ItemType.DATE]
    on = datetime.date.fromisoformat(entry.data[dates[0]])
    transition = ending(entry.data[form.ends_participation], participant.state)
    if (participant.state, participant.ended_on) == (TRANSITIONS[transition][1], on):
        return
    end_participation(by=by, participant=participant, transition=transition, on=on)
    _open_visits(participant, before=on)
    # Only a scheduled visit has a latest day.
    for visit in Visit.objects.filter(
        participant=participant, took_place_on=None, not_done_reason="", latest_on__gte=on
    ):
        _close(visit, str(ENDED_BEFORE))


def _close(visit: Visit, reason: str) -> None:
    visit.not_done_reason = reason
    visit.save()
    note_visit(visit, action="visit.not_done", item="took_place_on", new="not done")


def _open(visit: Visit) -> None:
    visit.not_done_reason = ""
    visit.save()
    note_visit(visit, action="visit.reopened", item="took_place_on", old="not done")


@action("participant.moved", permission="participants.move", site=lambda participant, **_k: participant.site)
def move_participant(*, by: User, participant: Participant, site: Site, reason: str) -> Participant:
    """To another site, whose people have the rights from now on. Number, allocation and stratum stay as they are.

    The trail tells it at both; what was done before stays in the trail of the site that did it, and the new reads it.
    """
    by.check_may("participants.move", site=site)
    lock_casebook(participant.pk)
    participant.refresh_from_db()
    check_site_changes(participant, site, reason)
    old, participant.site = participant.site, site
    participant.save()
    for where in (old, site):
        record(
            object_type="participant",
            object_id=participant.number,
            participant=participant.number,
            site=where.code,
            item="site",
            old=old.code,
            new=site.code,
        )
    return participant


@action("participant.voided", permission="participants.void", site=lambda participant, **_k: participant.site)
def void_registration(*, by: User, participant: Participant, reason: str) -> Participant:
    """Registered in error: the number is never used again and counts nowhere; the casebook can be read.

    Source: ICH E6(R3) 4.2.2 (nothing that was recorded is erased).
    """
    lock_casebook(participant.pk)
    check_voidable(participant, reason)
    return void(participant)


def reopen_participation(participant: Participant) -> None:
    """Within an act: the participation did not end, so what the ending closed is open again."""
    reopen(participant)
    _open_visits(participant)
    follow_consents(participant)


def follow_consents(participant: Participant) -> None:
    """Within an act: once the last consent is withdrawn, visits still to come will not take place.

    But for those that the definition exempts. They are open again when a consent stands after all.
    """
    withdrawn = withdrawn_on(participant)
    closed = Visit.objects.filter(participant=participant, not_done_reason__in=closed_by_withdrawal())
    if withdrawn is not None:
        closed = closed.filter(latest_on__lt=withdrawn)
    for visit in closed.order_by("pk"):
        if participant.ended_on and visit.latest_on and visit.latest_on >= participant.ended_on:
            _close(visit, str(ENDED_BEFORE))
        else:
            _open(visit)
    if withdrawn is not None:
        planned = Visit.objects.filter(participant=participant, took_place_on=None, not_done_reason="")
        for visit in planned.filter(latest_on__gte=withdrawn).order_by("pk"):
            visit.participant = participant
            if not goes_on_after_withdrawal(visit):
                _close(visit, str(WITHDRAWN_BEFORE))


def _open_visits(participant: Participant, before: datetime.date | None = None) -> None:
    """Visits that the ending closed: all, or those whose window had closed by the day on which it ended instead."""
    visits = Visit.objects.filter(participant=participant, not_done_reason__in=closed_by_ending())
    for visit in visits.filter(latest_on__lt=before) if before else visits:
        _open(visit)
