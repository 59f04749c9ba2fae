"""Participants as people see them, and what of the study counts for one of them: version, visit, form, criteria."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Collection
from itertools import combinations

from django.shortcuts import get_object_or_404

from audit.statements import found
from trialmgr.participants.models import Consent, DifferentPerson, IdentityMark, Participant, ParticipantQuerySet
from trialmgr.participants.states import Status
from trialmgr.people.models import User
from trialmgr.protocol.judgements import eligibility_form
from trialmgr.protocol.model import EligibilityVersion, Form, StudyDefinition, VisitDefinition
from trialmgr.studies.clock import today
from trialmgr.studies.models import StudyVersion
from trialmgr.studies.queries import current_definition, timeline


def participant_for(user: User, number: str, *, permission: str | None = None) -> Participant:
    """A participant of the user's sites, or 404; 403 where the user lacks ``permission`` at that site."""
    participant: Participant = get_object_or_404(Participant.every.for_user(user).select_related("site"), number=number)
    if permission is not None:
        user.check_may(permission, site=participant.site)
    return participant


def participants_for(user: User, status: object = "") -> ParticipantQuerySet:
    """Those of the user's sites; voided registrations only for who asks for that status."""
    rows = Participant.every if status == Status.VOIDED else Participant.objects
    found: ParticipantQuerySet = rows.for_user(user)
    return found


def valid_consent(participant: Participant) -> Consent | None:
    """The newest consent that stands."""
    return Consent.objects.filter(participant=participant, withdrawn_on=None).last()


def ends_of_consents(participant: Participant) -> list[datetime.date | None]:
    """The day each consent was withdrawn, None for one that stands. In short SQL, for every save asks it."""
    statement = "SELECT withdrawn_on FROM participants_consent WHERE participant_id = %s"
    return [day for (day,) in found(statement, participant.pk)]


def seen_twice(participants: Collection[Participant]) -> set[int]:
    """The keys of those for whom ``policies.same_person`` finds somebody, in two database queries."""
    own = IdentityMark.objects.filter(participant__in=participants)
    alike = IdentityMark.objects.filter(mark__in=own.values("mark"))
    by_mark: dict[str, set[int]] = defaultdict(set)
    for mark, pk, status in alike.values_list("mark", "participant", "participant__status"):
        by_mark[mark] |= set() if status in (Status.SCREEN_FAILURE, Status.VOIDED) else {pk}
    apart = {frozenset(pair) for pair in DifferentPerson.objects.values_list("participant", "other")}
    pairs = (pair for holders in by_mark.values() for pair in combinations(sorted(holders), 2))
    return {pk for pair in pairs if frozenset(pair) not in apart for pk in pair}


def version_for(participant: Participant, day: datetime.date | None) -> StudyVersion:
    """What a visit follows: the version in force at the participant's site on the day that it took place.

    ``day``: None for one still to come and for the running log, which follow today's. What was begun keeps the version
    under which it was begun: an entry knows its own. With one version in force nobody asks for the site.
    """
    known = timeline()
    return known.only or known.at(participant.site.code, day or today())


def definition_for(participant: Participant, day: datetime.date | None) -> StudyDefinition:
    return version_for(participant, day).definition


def planned_as(participant: Participant, key: str, day: datetime.date | None) -> VisitDefinition:
    """A visit as its own version has it; one that this version dropped, as it last was."""
    definition = definition_for(participant, day)
    return definition.visit(key) if definition.has_visit(key) else current_definition().visit(key)


def criteria_for(participant: Participant, definition: StudyDefinition) -> EligibilityVersion:
    """Those in force when the participant registered."""
    return definition.eligibility_on(participant.registered_on.isoformat())


def form_for(participant: Participant, definition: StudyDefinition, form_key: str) -> Form:
    """As this participant meets it: the eligibility form holds their criteria."""
    return form_on(participant.registered_on, definition, form_key)


def form_on(registered_on: datetime.date, definition: StudyDefinition, form_key: str) -> Form:
    """As whoever was registered on that day meets it."""
    form = definition.form(form_key)
    if form.eligibility:
        form = eligibility_form(definition, definition.eligibility_on(registered_on.isoformat()))
    return form if timeline().only or not current_definition().has_form(form_key) else _guarded(form)


def _guarded(form: Form) -> Form:
    """What reveals the allocation in one version does so in every other: the newest knows what gives an arm away."""
    known = current_definition().form(form.key)
    late = {item.key for item in known.items if item.reveals_allocation and form.has_item(item.key)}
    if all(form.item(key).reveals_allocation for key in late):
        return form
    sections = (
        section.model_copy(
            update={
                "items": tuple(
                    item.model_copy(update={"reveals_allocation": True}) if item.key in late else item
                    for item in section.items
                )
            }
        )
        for section in form.sections
    )
    return form.model_copy(update={"sections": tuple(sections)})
