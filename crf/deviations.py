"""The days of participants as they stand, what does not go together in them, and what was said of it.

A fixed number of questions to the database, for one participant or all.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Subquery
from django.utils.timezone import localdate
from django.utils.translation import get_language

from crf.models import EntryStatus, FormEntry, GateDecision, ProtocolDeviation, Visit
from crf.queries import with_definitions
from trialmgr.participants.models import Consent, Participant
from trialmgr.participants.queries import definition_for
from trialmgr.people.models import User
from trialmgr.protocol.chronology import (
    ConsentDays,
    End,
    Facts,
    Finding,
    ObservedDay,
    Rule,
    VisitDay,
    chronology,
)
from trialmgr.protocol.evaluation import Problem
from trialmgr.protocol.model import Form, StudyDefinition
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition, one_version


@dataclass(frozen=True, slots=True)
class Departure:
    """What a finding of a participant's chronology is about, and what people said of it, if anything."""

    visit: Visit
    finding: Finding
    deviation: ProtocolDeviation | None

    @property
    def key(self) -> tuple[str, ...]:
        return self.visit.slug, self.finding.rule.value, self.finding.about

    @property
    def reveals(self) -> bool:
        """Whether it tells of the allocation, by its visit, form or item."""
        if self.visit.reveals_allocation or not self.finding.form:
            return self.visit.reveals_allocation
        form = current_definition().form(self.finding.form)
        return form.reveals_allocation or form.item(self.finding.item).reveals_allocation

    @property
    def text(self) -> str:
        """In the language of whoever reads."""
        return self.finding.text("en" if get_language() == "en" else "nl")

    def is_seen_by(self, user: User) -> bool:
        return not (self.reveals and user.sight(current_definition()).blinded)

    @property
    def is_asked(self) -> bool:
        return self.is_open and self.finding.severity == "asked"

    @property
    def is_open(self) -> bool:
        """Nobody said why; where one of the days is wrong, no reason makes it right."""
        return self.finding.severity == "refused" or self.deviation is None


def departures(participants: Iterable[Participant]) -> list[Departure]:
    """Of each participant, in order of number, what does not go together as the data stand."""
    with one_version():
        return _departures({one.pk: one for one in participants})


def _departures(people: Mapping[int, Participant]) -> list[Departure]:
    visits = _visits(people)
    said = {(row.visit_id, row.rule, row.about): row for row in ProtocolDeviation.objects.filter(visit__in=visits)}
    found: list[Departure] = []
    for person in _people(people, visits):
        by_slug = {visit.slug: visit for visit in person.visits}
        for finding in chronology(person.definition, person.facts):
            visit = by_slug[finding.visit]
            found.append(Departure(visit, finding, said.get((visit.pk, finding.rule.value, finding.about))))
    return found


def open_departures(participants: Iterable[Participant]) -> list[Departure]:
    return [one for one in departures(participants) if one.is_open]


def consent_departures(participant: Participant) -> list[Departure]:
    """What was done before consent and nobody said why: until then the participant cannot enter the trial."""
    first = Consent.objects.filter(participant=participant).order_by("given_on").values("given_on")[:1]
    if not participant.visits.filter(took_place_on__lt=Subquery(first)).exists():  # as nearly always
        return []
    return [one for one in open_departures([participant]) if one.finding.rule is Rule.BEFORE_CONSENT]


@dataclass(frozen=True, slots=True)
class _Person:
    definition: StudyDefinition
    visits: Sequence[Visit]
    facts: Facts


def _visits(people: Mapping[int, Participant]) -> dict[int, Visit]:
    rows = list(
        Visit.objects.counted().filter(participant__in=people).order_by("participant__number", "target_on", "pk")
    )
    for visit in rows:
        visit.participant = people[visit.participant_id]
    with_definitions(rows)
    return {visit.pk: visit for visit in rows}


def _people(people: Mapping[int, Participant], visits: Mapping[int, Visit]) -> Iterator[_Person]:
    of_person: dict[int, list[Visit]] = defaultdict(list)
    for visit in visits.values():
        of_person[visit.participant_id].append(visit)
    consents, ends = _consents(people), _ends(people)
    decisions, observed = _decisions(people), _observed(visits)
    for pk, own in of_person.items():
        person = people[pk]
        definition = definition_for(person, None)
        facts = Facts(
            visits=[_day(visit) for visit in own],
            consents=consents[pk],
            opened=_opened(person, definition, own, decisions[pk]),
            allocated_on=person.enrolled_on,
            end=End(ends.get(pk, ""), person.ended_on) if person.ended_on else None,
            observed=observed[pk],
        )
        yield _Person(definition, own, facts)


def _day(visit: Visit) -> VisitDay:
    return VisitDay(
        slug=visit.slug,
        definition=visit.definition,
        ordinal=visit.ordinal,
        day=visit.took_place_on,
        target=visit.target_on,
        earliest=visit.earliest_on,
        latest=visit.latest_on,
    )


def _consents(people: Collection[int]) -> Mapping[int, list[ConsentDays]]:
    found: dict[int, list[ConsentDays]] = defaultdict(list)
    rows = Consent.objects.filter(participant__in=people)
    for participant, given_on, withdrawn_on in rows.values_list("participant", "given_on", "withdrawn_on"):
        found[participant].append(ConsentDays(given_on, withdrawn_on))
    return found


def _decisions(people: Collection[int]) -> Mapping[int, dict[str, datetime.date]]:
    """By participant: each phase that a decision opened, and when somebody recorded that."""
    found: dict[int, dict[str, datetime.date]] = defaultdict(dict)
    rows = GateDecision.objects.filter(participant__in=people, opened=True)
    for participant, phase, decided_at in rows.values_list("participant", "phase", "decided_at"):
        found[participant][phase] = localdate(decided_at)
    return found


def _ends(people: Collection[int]) -> dict[int, str]:
    """By participant, the code of the complete form that ends participation."""
    ending = {form.key: form for form in current_definition().forms if form.ends_participation}
    rows = FormEntry.objects.filter(
        visit__participant__in=people, form_key__in=ending, status=EntryStatus.COMPLETE.value
    ).order_by("pk")
    read = rows.values_list("visit__participant", "form_key", "data")
    return {participant: data.get(ending[key].ends_participation or "", "") for participant, key, data in read}


def _observed(visits: Mapping[int, Visit]) -> Mapping[int, list[ObservedDay]]:
    """By participant, the days that items marked as observed hold. Where no form has one, nothing is asked."""
    found: dict[int, list[ObservedDay]] = defaultdict(list)
    forms = {form.key: form for form in current_definition().forms if form.observes_days}
    rows = FormEntry.objects.standing().filter(visit__in=visits, form_key__in=forms).order_by("pk") if forms else ()
    for entry in rows:
        visit = visits[entry.visit_id]
        found[visit.participant_id] += observed_days(visit.slug, forms[entry.form_key], entry.data)
    return found


def observed_days(
    slug: str, form: Form, data: Mapping[str, str], saved_on: datetime.date | None = None
) -> list[ObservedDay]:
    """The days of the items of a form that are marked as observed."""
    return [
        ObservedDay(slug, form.key, key, form.item(key).label, datetime.date.fromisoformat(value), saved_on)
        for key, value in data.items()
        if form.has_item(key) and form.item(key).observed
    ]


def untimely(entry: FormEntry, form: Form, values: Mapping[str, str]) -> list[Problem]:
    """Days of observation, entered now, that lie after today or after death."""
    visit, person = entry.visit, entry.participant
    new = [
        one for one in observed_days(visit.slug, form, values, today()) if entry.data.get(one.item) != values[one.item]
    ]
    if not new:
        return []
    end = End(_ends([person.pk]).get(person.pk, ""), person.ended_on) if person.ended_on else None
    facts = Facts(visits=[VisitDay(visit.slug, visit.definition)], end=end, observed=new)
    found = chronology(entry.study_version.definition, facts)
    return [Problem(one.item, one.text) for one in found]


def _opened(
    person: Participant, definition: StudyDefinition, visits: Iterable[Visit], decided: Mapping[str, datetime.date]
) -> dict[str, datetime.date]:
    by_key = {visit.slug: visit for visit in visits}
    found: dict[str, datetime.date] = {}
    for phase in definition.phases:
        if phase.opens == "registration":
            found[phase.key] = person.registered_on
        elif phase.gate is None and person.enrolled_on is not None:
            found[phase.key] = person.enrolled_on
        elif phase.gate is not None and phase.key in decided:
            found[phase.key] = _day_of_gate(by_key.get(phase.gate.visit)) or decided[phase.key]
    return found


def _day_of_gate(visit: Visit | None) -> datetime.date | None:
    """A phase that a decision opened counts from the visit at which that is decided; missed, from its planned day."""
    return None if visit is None else visit.took_place_on or visit.target_on


def phase_opened_on(participant: Participant, phase: str, at: datetime.date) -> datetime.date:
    """The day from which the visits of a phase count, whenever somebody records that it opens, such as ``at``."""
    visits = Visit.objects.filter(participant=participant)
    opened = _opened(participant, definition_for(participant, None), visits, {phase: at})
    return opened.get(phase, at)
