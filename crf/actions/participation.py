"""Forms that end participation, or a treatment: visits that were still to come then will not take place.

A visit whose window had closed before stays open: somebody must still say why it did not take place.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping

from django.utils.functional import Promise

from audit.actions import action
from audit.acts import record
from crf.actions.trail import note_visit
from crf.deviations import phase_opened_on
from crf.models import EntryStatus, FormEntry, Visit
from crf.policies import (
    ENDED_BEFORE,
    STOPPED_BEFORE,
    WITHDRAWN_BEFORE,
    check_site_changes,
    check_voidable,
    closed_as,
    goes_on_after_withdrawal,
    lock_casebook,
    withdrawn_on,
)
from trialmgr.participants.actions import end_participation, reopen, void
from trialmgr.participants.models import Participant
from trialmgr.participants.states import TRANSITIONS, ending
from trialmgr.people.models import Site, User
from trialmgr.protocol.model import Form
from trialmgr.studies.queries import current_definition

_Stop = tuple[frozenset[tuple[str, str]], datetime.date]
"""Phase and key of the visits of a treatment that stopped, and the day from which they do not take place any more."""


def end_with(entry: FormEntry, form: Form, by: User, *, ended: bool) -> None:
    """End participation, or correct how and when it ended; or stop a treatment.

    ``ended``: what stood on the form before did so; if it no longer does, the participation did not end.
    """
    participant = entry.visit.participant
    if form.closes_visits:
        settle_visits(participant)
    if form.ends_participation is None:
        return
    if entry.status != EntryStatus.COMPLETE:
        if ended and not participant.is_active:
            reopen_participation(participant)
        return
    on = _first_day(form, entry.data)
    transition = ending(entry.data[form.ends_participation], participant.state)
    if (participant.state, participant.ended_on) == (TRANSITIONS[transition][1], on):
        return
    end_participation(by=by, participant=participant, transition=transition, on=on)
    settle_visits(participant)


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
    settle_visits(participant)


def may_be_closed(visit: Visit) -> bool:
    """Whether something that stands in the casebook might say that the visit does not take place any more."""
    closing = {key for form in current_definition().forms for key in form.closes_visits}
    participant = visit.participant
    return visit.key in closing or not participant.is_active or withdrawn_on(participant) is not None


def settle_visits(participant: Participant) -> None:
    """Within an act: which visits of the plan will not take place follows from forms and consents, as they stand."""
    stops, withdrawn = list(_stops(participant)), withdrawn_on(participant)
    known = [text for cause in (ENDED_BEFORE, STOPPED_BEFORE, WITHDRAWN_BEFORE) for text in closed_as(cause)]
    visits = Visit.objects.filter(participant=participant, took_place_on=None, not_done_reason__in=["", *known])
    # Only a scheduled visit has a latest day.
    for visit in visits.filter(latest_on__isnull=False).order_by("pk"):
        visit.participant = participant
        wanted = _closed_by(visit, stops, withdrawn)
        if visit.not_done_reason not in (closed_as(wanted) if wanted else [""]):
            _close(visit, wanted)


def _close(visit: Visit, text: Promise | None) -> None:
    """Or open again what nothing closes any more."""
    stood, visit.not_done_reason = visit.is_not_done, str(text or "")
    visit.save()
    if text is None:
        note_visit(visit, action="visit.reopened", item="took_place_on", old="not done")
    else:
        old = "not done" if stood else None
        note_visit(visit, action="visit.not_done", item="took_place_on", old=old, new="not done")


def _closed_by(visit: Visit, stops: Iterable[_Stop], withdrawn: datetime.date | None) -> Promise | None:
    last = visit.latest_on or datetime.date.max
    if any((visit.phase, visit.key) in stopped and last >= on for stopped, on in stops):
        return STOPPED_BEFORE
    ended_on = None if visit.participant.is_active else visit.participant.ended_on
    if ended_on is not None and last >= ended_on:
        return ENDED_BEFORE
    withdrew = withdrawn is not None and last >= withdrawn and not goes_on_after_withdrawal(visit)
    return WITHDRAWN_BEFORE if withdrew else None


def _stops(participant: Participant) -> Iterator[_Stop]:
    """A treatment that stops is one that had begun by then: another one may follow."""
    keys = [form.key for form in current_definition().forms if form.closes_visits]
    rows = FormEntry.objects.filter(visit__participant=participant, form_key__in=keys)
    for entry in rows.filter(status=EntryStatus.COMPLETE.value).select_related("study_version") if keys else ():
        form = entry.study_version.definition.form(entry.form_key)
        on = _first_day(form, entry.data)
        planned = participant.visits.filter(key__in=form.closes_visits).order_by().values_list("phase", "key")
        places = set(planned.distinct())
        begun = {phase for phase, _key in places if phase_opened_on(participant, phase, on) <= on}
        yield frozenset(place for place in places if place[0] in begun), on


def _first_day(form: Form, data: Mapping[str, str]) -> datetime.date:
    """From which the form counts; the definition sees to it that there is one."""
    return datetime.date.fromisoformat(data[form.first_date.key if form.first_date else ""])
