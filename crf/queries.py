"""Reading the casebook for many participants, or all of one, in a fixed number of database queries."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Count, Q
from django.urls import reverse

from crf.due import CaseFacts, Due, VisitFacts, next_due
from crf.judgements import judgements_of
from crf.models import (
    EntryStatus,
    FormEntry,
    GateDecision,
    Query,
    QueryMessage,
    QueryQuerySet,
    QueryStatus,
    Visit,
    of_query,
)
from trialmgr.participants.models import Consent, Participant
from trialmgr.participants.queries import planned_as
from trialmgr.participants.states import Status
from trialmgr.people.models import User
from trialmgr.protocol.model import StudyDefinition, VisitDefinition
from trialmgr.studies.clock import today
from trialmgr.studies.models import StudyVersion
from trialmgr.studies.queries import current_definition, one_version, timeline

_VISIT_FIELDS = (
    "pk",
    "participant_id",
    "key",
    "ordinal",
    "target_on",
    "earliest_on",
    "latest_on",
    "took_place_on",
    "not_done_reason",
)


def due_for(user: User, participants: Sequence[Participant]) -> dict[int, Due | None]:
    """The next step of each participant, as this person sees it, by the participant's primary key."""
    definition = current_definition()
    sight = user.sight(definition)
    ids = [participant.pk for participant in participants]
    with one_version():
        visits = _visits(user, participants)
        consents = _consents(ids)
        verdicts, decided = _verdicts(participants), _decided(ids)
    cases = {
        participant.pk: CaseFacts(
            status=participant.state,
            consented=True in consents[participant.pk],
            withdrew=consents[participant.pk] == {False},
            verdict=verdicts.get(participant.pk),
            decided=_settled(definition, decided[participant.pk]),
            visits=tuple(visits[participant.pk]),
        )
        for participant in participants
    }
    return {pk: next_due(definition, sight, case, today()) for pk, case in cases.items()}


def unclosed_queries(user: User) -> QueryQuerySet:
    rows: QueryQuerySet = Query.objects.for_user(user).counted().exclude(status=QueryStatus.CLOSED.value)
    return rows


def queries_on(user: User, visit: Visit) -> list[Query]:
    """Those on the visit as a whole."""
    rows = Query.objects.for_user(user).filter(visit=visit, form_key="").order_by("number")
    for query in rows:
        query.visit = visit
    return list(rows)


def entry_url(entry: FormEntry) -> str:
    """The page of a form, or of one of its rows."""
    place = [entry.visit.participant.number, entry.visit.slug, entry.form_key]
    return (
        reverse("crf:row", args=[*place, entry.occurrence])
        if entry.form.repeating
        else reverse("crf:entry", args=place)
    )


def query_url(query: Query) -> str:
    """The page of one query, by the natural keys of what it is about."""
    visit = query.of_visit
    place = [visit.participant.number, visit.slug]
    if query.entry is not None:
        return reverse("crf:query", args=[*place, query.entry.form_key, query.entry.occurrence, query.number])
    if query.form_key:
        return reverse("crf:form_query", args=[*place, query.form_key, query.number])
    return reverse("crf:visit_query", args=[*place, query.number])


def query_at(query: Query) -> str:
    """Where it stands beside what it is about, whatever its state: the place on the page of the form or visit."""
    name = "form_query" if query.entry is None and query.form_key else "query"
    return f"{_page_of(query)}?{name}={query.number}#{query_key(query)}"


def _page_of(query: Query) -> str:
    visit = query.of_visit
    keys = [visit.participant.number, visit.slug, *filter(None, [query.of_form])]
    if not query.of_form:
        return reverse("crf:visit", args=keys)
    if not current_definition().form(query.of_form).repeating:
        return reverse("crf:entry", args=keys)
    return reverse("crf:row", args=[*keys, query.entry.occurrence]) if query.entry else reverse("crf:rows", args=keys)


def query_key(query: Query) -> str:
    """Names it on that page: on one of a form those on the form as a whole have numbers of their own."""
    kind = "form-query" if query.entry is None and query.form_key else "query"
    return f"{kind}-{query.number}"


def said_by_checks(stored: Collection[str | None], language: str) -> dict[str, str]:
    """Of texts as the audit trail keeps them: those that edit checks said, in the language of the reader."""
    rows = QueryMessage.objects.filter(text__in={text for text in stored if text}).exclude(check_texts={})
    return {message.text: message.shown(language) for message in rows}


def open_query_counts(user: User, ids: Collection[int]) -> dict[int, int]:
    """Queries that are not closed and that this person sees, by participant."""
    counted = unclosed_queries(user).about(participant__in=ids).order_by()
    return dict(counted.values_list(of_query("participant")).annotate(Count("pk")))


def entries_by_visit(user: User, participant: Participant, *, documents: bool) -> dict[int, list[FormEntry]]:
    """Standing entries of one participant by visit, with their documents or without."""
    entries = FormEntry.objects.for_user(user).standing().filter(visit__participant=participant)
    found: dict[int, list[FormEntry]] = defaultdict(list)
    for entry in entries.defer("unasked", "rows_used", *(() if documents else ("data", "missing"))):
        found[entry.visit_id].append(entry)
    return found


def visits_of(user: User, participant: Participant) -> list[Visit]:
    """Every visit that this person sees, in order of the planned day, each with its definition at hand."""
    visits = list(Visit.objects.for_user(user).filter(participant=participant).order_by("target_on", "pk"))
    for visit in visits:
        visit.participant = participant
    with_definitions(visits)
    return visits


def with_definitions(visits: Iterable[Visit]) -> None:
    """Give each visit its definition, so that naming it asks the database nothing."""
    with one_version():
        for visit in visits:
            visit.definition = planned_as(visit.participant, visit.key, visit.took_place_on)


def _visits(user: User, participants: Sequence[Participant]) -> Mapping[int, list[VisitFacts]]:
    people = {participant.pk: participant for participant in participants}
    complete: dict[int, set[str]] = defaultdict(set)
    entries = FormEntry.objects.for_user(user).filter(visit__participant__in=people, status=EntryStatus.COMPLETE.value)
    for visit_id, form in entries.order_by().values_list("visit_id", "form_key"):
        complete[visit_id].add(form)
    found: dict[int, list[VisitFacts]] = defaultdict(list)
    rows = Visit.objects.for_user(user).filter(participant__in=people).order_by("target_on", "pk")
    for pk, participant, key, ordinal, *window, took_place_on, reason in rows.values_list(*_VISIT_FIELDS):
        target_on, earliest_on, latest_on = window
        facts = VisitFacts(
            key=key,
            defined=planned_as(people[participant], key, took_place_on),
            ordinal=ordinal,
            target_on=target_on,
            earliest_on=earliest_on,
            latest_on=latest_on,
            took_place=took_place_on is not None,
            not_done=reason != "",
            complete=frozenset(complete[pk]),
        )
        found[participant].append(facts)
    return found


def _consents(ids: Collection[int]) -> Mapping[int, set[bool]]:
    """By participant: of the consents that were given, whether each stands."""
    found: dict[int, set[bool]] = defaultdict(set)
    rows = Consent.objects.filter(participant__in=ids)
    for participant, withdrawn_on in rows.values_list("participant", "withdrawn_on"):
        found[participant].add(withdrawn_on is None)
    return found


def _decided(ids: Collection[int]) -> Mapping[int, dict[str, bool]]:
    """By participant: each phase whose gate was decided, and whether it opened."""
    found: dict[int, dict[str, bool]] = defaultdict(dict)
    rows = GateDecision.objects.filter(participant__in=ids)
    for participant, phase, opened in rows.values_list("participant", "phase", "opened"):
        found[participant][phase] = opened
    return found


def _settled(definition: StudyDefinition, decided: Mapping[str, bool]) -> frozenset[str]:
    """The phases that were decided, and their alternatives where one opened."""
    opened = [phase for phase, was_opened in decided.items() if was_opened]
    return frozenset(decided).union(*(definition.alternatives(phase) for phase in opened))


def _verdicts(participants: Sequence[Participant]) -> dict[int, bool]:
    """The decision that stands on those in screening."""
    screened = [participant for participant in participants if participant.state is Status.SCREENING]
    standing = {pk: one.standing_eligibility for pk, one in judgements_of(screened).items()}
    return {pk: decision.eligible for pk, decision in standing.items() if decision is not None}


@dataclass(frozen=True, slots=True)
class Stretch:
    """``definition`` counts at ``sites`` (codes; None for all) on days from ``begins`` until before ``ends``."""

    definition: StudyDefinition
    sites: tuple[str, ...] | None = None
    begins: datetime.date | None = None
    ends: datetime.date | None = None
    is_now: bool = True

    def visit(self, key: str) -> VisitDefinition:
        """As this stretch plans it; a visit that it dropped, as it last was."""
        return (self.definition if self.definition.has_visit(key) else current_definition()).visit(key)

    @property
    def of_visits(self) -> Q:
        """The visits that follow this definition, by site and day; those still to come by what counts today."""
        if self.sites is None:
            return Q()
        days = Q(took_place_on__isnull=False)
        days &= Q(took_place_on__gte=self.begins) if self.begins else Q()
        days &= Q(took_place_on__lt=self.ends) if self.ends else Q()
        return Q(participant__site__code__in=self.sites) & (days | Q(took_place_on=None) if self.is_now else days)


def stretches() -> list[Stretch]:
    """Where and when each version counts, without a gap: for questions put to all visits at once."""
    only = timeline().only
    if only is not None:
        return [Stretch(only.definition)]
    sites: dict[tuple[StudyVersion, datetime.date | None, datetime.date | None], list[str]] = defaultdict(list)
    for site in current_definition().sites:
        for stretch in _at_site(site.code):
            sites[stretch].append(site.code)
    return [
        Stretch(version.definition, tuple(codes), begins, ends, _holds_today(begins, ends))
        for (version, begins, ends), codes in sites.items()
    ]


def _at_site(code: str) -> Iterator[tuple[StudyVersion, datetime.date | None, datetime.date | None]]:
    """(version, first day, day after the last) in order; the first reaches back, the last on, without end."""
    known = timeline()
    days = known.days_of_effect(code)
    for number, day in enumerate(days):
        ends = days[number + 1] if number + 1 < len(days) else None
        yield known.at(code, day), day if number else None, ends


def _holds_today(begins: datetime.date | None, ends: datetime.date | None) -> bool:
    return (begins is None or begins <= today()) and (ends is None or today() < ends)
