from __future__ import annotations

import datetime
from collections.abc import Iterable

from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actions import action, itself
from audit.acts import ActionRefused, record
from crf.actions.consequences import follow_participant
from crf.actions.deviations import account_for, known_departures
from crf.actions.participation import may_be_closed, settle_visits
from crf.actions.trail import note_visit
from crf.deviations import phase_opened_on
from crf.models import Visit, VisitQuerySet
from crf.policies import (
    check_registration_corrected,
    check_site_unfrozen,
    check_unfrozen,
    check_visit_reopened,
    lock_casebook,
    lock_visit,
)
from trialmgr.participants.actions import register
from trialmgr.participants.models import Participant
from trialmgr.participants.policies import check_not_future
from trialmgr.participants.queries import definition_for
from trialmgr.people.models import Site, User
from trialmgr.protocol.model import VisitDefinition
from trialmgr.studies.clock import today


@action("casebook.opened", permission="participants.register", site=lambda site, **_k: site, makes=itself)
def register_participant(*, by: User, site: Site, on: datetime.date) -> Participant:
    """A new participant in screening, with the casebook of the first phase. What pages, API and rehearsal call."""
    check_site_unfrozen(site)
    participant = register(by=by, site=site, on=on)
    open_visits(participant=participant, phase=participant.phase)
    record(object_type="participant", object_id=participant.number, site=site.code, participant=participant.number)
    return participant


@action("registration.corrected", permission="participants.register", site=lambda participant, **_k: participant.site)
def correct_registration(*, by: User, participant: Participant, on: datetime.date, reason: str) -> Participant:
    """Registered on another day than was recorded: visits that count from it move along.

    Days that no longer go together are then proposed as protocol deviations, with the same reason.
    """
    lock_casebook(participant.pk)
    participant.refresh_from_db()
    check_registration_corrected(participant, on, reason)
    known = known_departures(participant)
    old, participant.registered_on = participant.registered_on, on
    participant.save()
    record(
        object_type="participant",
        object_id=participant.number,
        participant=participant.number,
        site=participant.site.code,
        item="registered_on",
        old=old.isoformat(),
        new=on.isoformat(),
    )
    _plan_again(participant, participant.visits.all(), cause=participant.number)
    settle_visits(participant)
    follow_participant(participant, by)
    account_for(participant, known, by, reason)
    return participant


def open_visits(*, participant: Participant, phase: str, arm: str | None = None, decided: bool = False) -> list[Visit]:
    """Within an act: plan every visit of a phase for one arm. ``decided``: by a decision, which may be the second."""
    definition = definition_for(participant, None)
    planned = [
        planned_visit(participant, visit, ordinal, day)
        for visit in definition.visits_of(phase=phase, arm=arm)
        if visit.kind != "unscheduled"
        for ordinal, day in enumerate(visit.occurrences(), start=1)
    ]
    if decided:
        take_places(participant, planned)
    save_planned(planned)
    return planned


def save_planned(planned: Iterable[Visit]) -> None:
    for visit in planned:
        visit.save()
        note_visit(visit, action="visits.opened", new=_text(visit.target_on))


def take_places(participant: Participant, planned: Iterable[Visit]) -> None:
    """Within an act: a visit that was taken back is planned anew in its own row."""
    rows = Visit._base_manager.filter(participant=participant, taken_back_at__isnull=False)
    places = {(key, ordinal): pk for pk, key, ordinal in rows.values_list("pk", "key", "ordinal")}
    for visit in planned:
        visit.pk = places.get((visit.key, visit.ordinal))


def take_back_visits(participant: Participant, phase: str) -> None:
    """Within an act: the phase never opened, so its visits, at which nothing stands, were never planned."""
    for visit in participant.visits.filter(phase=phase).order_by("pk"):
        visit.participant, visit.taken_back_at, visit.not_done_reason = participant, timezone.now(), ""
        visit.save()
        note_visit(visit, action="visits.taken_back", old=_text(visit.target_on))


def planned_visit(participant: Participant, definition: VisitDefinition, ordinal: int, day: int) -> Visit:
    visit = Visit(
        participant=participant,
        key=definition.key,
        ordinal=ordinal,
        slug=definition.slug(ordinal),
        phase=definition.phase,
        reveals_allocation=definition.reveals_allocation,
    )
    if definition.kind == "scheduled":
        visit.target_on = _anchor(participant, definition) + datetime.timedelta(days=day)
        visit.earliest_on = visit.target_on - datetime.timedelta(days=definition.window.before)
        visit.latest_on = visit.target_on + datetime.timedelta(days=definition.window.after)
    return visit


def _anchor(participant: Participant, definition: VisitDefinition) -> datetime.date:
    """Visits are planned when their phase opens, so what they count from is known by then."""
    if participant.enrolled_on is None or definition.anchor == "registration":
        return participant.registered_on
    if definition.anchor == "phase":
        return phase_opened_on(participant, definition.phase, today())
    return participant.enrolled_on


def _plan_anew(gate: Visit) -> None:
    """Within an act: the visits of a phase that opened at this one count from its day, also when that is corrected."""
    phases = [one.key for one in definition_for(gate.participant, None).phases if one.gate_visit == gate.slug]
    visits = gate.participant.visits.filter(phase__in=phases)
    _plan_again(gate.participant, visits, cause=f"{gate.participant.number}/{gate.slug}")


def _plan_again(participant: Participant, visits: VisitQuerySet, *, cause: str) -> None:
    for visit in visits.filter(target_on__isnull=False).order_by("pk"):
        visit.participant = participant
        days = visit.definition.occurrences()[visit.ordinal - 1 : visit.ordinal]
        for planned in (planned_visit(participant, visit.definition, visit.ordinal, day) for day in days):
            _move(visit, planned, cause=cause)


def _move(visit: Visit, planned: Visit, *, cause: str) -> None:
    if planned.target_on == visit.target_on:
        return
    old, visit.target_on = visit.target_on, planned.target_on
    visit.earliest_on, visit.latest_on = planned.earliest_on, planned.latest_on
    visit.save()
    note_visit(visit, action="visits.opened", old=_text(old), new=_text(visit.target_on), cause=cause)


def _text(day: datetime.date | None) -> str:
    return day.isoformat() if day else ""


@action("visit.added", permission="visits.plan", site=lambda participant, **_k: participant.site, makes=itself)
def add_unscheduled_visit(
    *, by: User, participant: Participant, key: str, on: datetime.date, reason: str = ""
) -> Visit:
    """A visit that no schedule foresaw; it takes the next ordinal of its kind. ``reason``: see ``set_visit_day``."""
    lock_casebook(participant.pk)
    definition = definition_for(participant, on)
    if not definition.has_visit(key) or definition.visit(key).kind != "unscheduled":
        raise ActionRefused(_("There is no unscheduled visit “%(key)s”.") % {"key": key})
    _check_day(participant, on)
    known = known_departures(participant)
    last = Visit.objects.filter(participant=participant, key=key).aggregate(last=Max("ordinal"))["last"]
    visit = planned_visit(participant, definition.visit(key), (last or 0) + 1, 0)
    visit.took_place_on = on
    take_places(participant, [visit])
    visit.save()
    note_visit(visit, item="took_place_on", new=on.isoformat())
    account_for(participant, known, by, reason)
    return visit


@action("visit.day_set", permission="visits.plan", site=lambda visit, **_k: visit.participant.site)
def set_visit_day(*, by: User, visit: Visit, on: datetime.date, reason: str = "") -> Visit:
    """The day the visit took place; a change of it owes a reason.

    A day that does not go with the others owes one too, and is then proposed as a protocol deviation; one that can't be
    right is refused. See ``protocol.chronology``.
    """
    lock_visit(visit)
    _check_day(visit.participant, on, visit)
    _check_reason(visit, reason)
    known = known_departures(visit.participant)
    old = visit.took_place_on.isoformat() if visit.took_place_on else visit.not_done_reason or None
    visit.took_place_on = on
    visit.not_done_reason = ""
    visit.save()
    note_visit(visit, item="took_place_on", old=old, new=on.isoformat(), detail={"in_window": visit.in_window(on)})
    _plan_anew(visit)
    account_for(visit.participant, known, by, reason)
    return visit


@action("visit.not_done", permission="visits.plan", site=lambda visit, **_k: visit.participant.site)
def mark_visit_not_done(*, by: User, visit: Visit, reason: str) -> Visit:
    """Refused once something is entered at the visit."""
    lock_visit(visit)
    check_unfrozen(visit.participant, visit)
    if not reason.strip():
        raise ActionRefused(_("Give the reason why the visit did not take place."))
    if visit.entries.standing().exists():
        raise ActionRefused(_("Forms have been entered at this visit, so it took place: correct its day instead."))
    old = visit.took_place_on.isoformat() if visit.took_place_on else None
    visit.took_place_on = None
    visit.not_done_reason = reason
    visit.save()
    note_visit(visit, item="took_place_on", old=old, new="not done")
    return visit


@action("visit.reopened", permission="visits.plan", site=lambda visit, **_k: visit.participant.site)
def reopen_visit(*, by: User, visit: Visit, reason: str) -> Visit:
    """Its day, or that it did not take place, was recorded in error: it is planned as before."""
    lock_visit(visit)
    check_visit_reopened(visit, reason)
    old = visit.took_place_on.isoformat() if visit.took_place_on else "not done"
    visit.took_place_on, visit.not_done_reason = None, ""
    visit.save()
    note_visit(visit, item="took_place_on", old=old)
    if may_be_closed(visit):
        settle_visits(visit.participant)
        visit.refresh_from_db(fields=["not_done_reason"])
    return visit


def _check_day(participant: Participant, on: datetime.date, visit: Visit | None = None) -> None:
    check_not_future(on)
    check_unfrozen(participant, visit)
    if on < participant.registered_on:
        raise ActionRefused(_("A visit cannot lie before the day of registration: correct the day."))


def _check_reason(visit: Visit, reason: str) -> None:
    if (visit.took_place_on is not None or visit.is_not_done) and not reason.strip():
        raise ActionRefused(_("A saved value changes: give the reason."))
