"""Allocations: the one of a participant; who is in screening, who is ready, who waits for a place."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Exists, OuterRef
from django.shortcuts import get_object_or_404

from crf.judgements import judgements_of
from crf.models import EligibilityDecision, EntryStatus, FormEntry, Freeze
from randomization.models import (
    Allocation,
    AllocationCap,
    AllocationHold,
    RandomizationList,
)
from randomization.policies.allocations import Aim, takes
from randomization.policies.frames import check_unblinded
from randomization.policies.limits import is_reached
from randomization.policies.lists import active_list
from trialmgr.participants.models import Consent, Participant, ParticipantQuerySet, by_number
from trialmgr.participants.queries import participant_for, planned_as, seen_twice
from trialmgr.participants.states import Status
from trialmgr.people.models import User
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition


def allocation_for(user: User, number: str, *, permission: str) -> Allocation:
    """404 where the participant is of another site, or has not been randomised."""
    participant = participant_for(user, number, permission=permission)
    rows = Allocation.objects.select_related("participant__site", "row__stratum__list")
    found: Allocation = get_object_or_404(rows, participant=participant)
    return found


def allocation_seen(user: User, number: str) -> Allocation:
    """403 for the blinded, whether there is an allocation or not; 404 for one of another site."""
    check_unblinded(user)
    rows = Allocation.objects.for_user(user).select_related("participant__site", "row__stratum__list")
    found: Allocation = get_object_or_404(rows, participant__number=number)
    user.check_may("allocation.view", site=found.participant.site)
    return found


@dataclass(frozen=True, slots=True)
class Screening:
    """How far one participant in screening is. ``judged``: the decision that stands."""

    participant: Participant
    form: FormEntry | None
    judged: EligibilityDecision | None
    entries: tuple[FormEntry, ...]

    @property
    def to_be_judged(self) -> bool:
        return self.judged is None and self.form is not None and self.form.status == EntryStatus.COMPLETE

    @property
    def is_eligible(self) -> bool:
        return self.judged is not None and self.judged.eligible


def in_screening(participants: ParticipantQuerySet) -> list[Screening]:
    """The participants among these who are in screening, each with what they have, in six database queries."""
    screened = participants.filter(status=Status.SCREENING.value).select_related("site", "study_version")
    people = list(screened.defer("study_version__document").order_by(*by_number()))
    entries, judgements = _entries_of(people), judgements_of(people)
    return [_screening(person, entries[person.pk], judgements[person.pk].standing_eligibility) for person in people]


def _entries_of(people: Collection[Participant]) -> Mapping[int, list[FormEntry]]:
    found: dict[int, list[FormEntry]] = defaultdict(list)
    rows = FormEntry.objects.filter(visit__participant__in=people).standing()
    for entry in rows.select_related("visit__participant", "study_version").defer("study_version__document"):
        found[entry.visit.participant_id].append(entry)
    return found


def _screening(person: Participant, entries: list[FormEntry], judged: EligibilityDecision | None) -> Screening:
    keys = {form.key for form in person.study_version.definition.forms if form.eligibility}
    form = next((entry for entry in entries if entry.form_key in keys), None)
    return Screening(person, form, judged, tuple(entries))


def ready_to_randomise(screenings: Iterable[Screening]) -> list[Participant]:
    """Those for whom ``reasons_not_allocatable`` has no reason, in a fixed number of database queries."""
    return [participant for participant, _aim, has_place in _ready_but_for_the_list(screenings) if has_place]


def waiting_by_stratum(screenings: Iterable[Screening]) -> Counter[str]:
    """Stratum key -> participants for whom only a place in the list is wanting."""
    found = _ready_but_for_the_list(screenings)
    return Counter(aim.stratum_key for _participant, aim, has_place in found if not has_place)


def _ready_but_for_the_list(screenings: Iterable[Screening]) -> list[tuple[Participant, Aim, bool]]:
    """With each: where in the list, and whether there is a place."""
    listed = active_list()
    if listed is None:
        return []
    strata = {stratum.key: stratum for stratum in listed.strata.all()}
    found = []
    for each in _not_stopped(_prepared(screenings, listed)):
        aim = Aim(listed, _levels(each, listed))
        found.append((each.participant, aim, takes(aim, strata.get(aim.stratum_key))))
    return found


def _prepared(screenings: Iterable[Screening], listed: RandomizationList) -> list[Screening]:
    before = [visit.key for visit in current_definition().visits if visit.before_allocation]
    ready = [each for each in screenings if _is_ready(each, listed, before)]
    allowed = _consented_and_not_frozen([each.participant for each in ready])
    return [each for each in ready if each.participant.pk in allowed]


def _not_stopped(prepared: Collection[Screening]) -> list[Screening]:
    """Without those whom a hold, a cap or an identity mark stops; as many queries as there are caps, and four."""
    holds = set(AllocationHold.objects.filter(lifted_at=None).values_list("site", flat=True))
    full = {cap.site_id for cap in AllocationCap.objects.all() if is_reached(cap)}
    stopped, alike = holds | full, seen_twice([each.participant for each in prepared])
    return [
        each for each in prepared if not stopped & {None, each.participant.site_id} and each.participant.pk not in alike
    ]


def _levels(each: Screening, listed: RandomizationList) -> dict[str, str]:
    values = {(entry.visit.slug, entry.form_key): entry.data for entry in each.entries if entry.occurrence == 1}
    return {
        factor: each.participant.site.code if source == "site" else _value(values, *source.split("."))
        for factor, source in listed.factors.items()
    }


def _value(values: Mapping[tuple[str, str], Mapping[str, str]], visit: str, form: str, item: str) -> str:
    return values.get((visit, form), {}).get(item) or ""


def _is_ready(each: Screening, listed: RandomizationList, before: Collection[str]) -> bool:
    days = {entry.visit.key: entry.visit.took_place_on for entry in each.entries}
    wanted = {
        (visit, form) for visit in before for form in planned_as(each.participant, visit, days.get(visit)).must_complete
    }
    complete = {(entry.visit.key, entry.form_key) for entry in each.entries if entry.status == EntryStatus.COMPLETE}
    return (
        each.is_eligible
        and each.participant.site.is_active(today())
        and complete.issuperset(wanted)
        and all(_levels(each, listed).values())
    )


def _consented_and_not_frozen(people: Collection[Participant]) -> set[int]:
    of_them = {"participant": OuterRef("pk")}
    return set(
        Participant.objects.filter(pk__in=[person.pk for person in people])
        .filter(Exists(Consent.objects.filter(**of_them, withdrawn_on=None)))
        .exclude(Exists(Freeze.objects.over_casebook()))
        .values_list("pk", flat=True)
    )
