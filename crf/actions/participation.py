"""The form that ends participation: once complete, its coded item moves the participant to an end state.

A visit whose window had closed before the end stays open: somebody must still say why it did not take place.
"""

from __future__ import annotations

import datetime

from django.utils.translation import gettext as _

from crf.actions.trail import note_visit
from crf.models import EntryStatus, FormEntry, Visit
from trialmgr.participants.actions import end_participation
from trialmgr.participants.states import TRANSITIONS, ending
from trialmgr.people.models import User
from trialmgr.protocol.model import Form, ItemType


def end_with(entry: FormEntry, form: Form, by: User) -> None:
    """End participation, or correct how and when it ended; visits that were still to come will not take place."""
    participant = entry.visit.participant
    if form.ends_participation is None or entry.status != EntryStatus.COMPLETE:
        return
    dates = [item.key for item in form.items if item.type is ItemType.DATE]
    on = datetime.date.fromisoformat(entry.data[dates[0]])
    transition = ending(entry.data[form.ends_participation], participant.state)
    if (participant.state, participant.ended_on) == (TRANSITIONS[transition][1], on):
        return
    end_participation(by=by, participant=participant, transition=transition, on=on)
    # Only a scheduled visit has a latest day.
    for visit in Visit.objects.filter(
        participant=participant, took_place_on=None, not_done_reason="", latest_on__gte=on
    ):
        visit.not_done_reason = _("Participation ended before this visit.")
        visit.save()
        note_visit(visit, action="visit.not_done", item="took_place_on", new="not done")
