"""Reading across lists and participants: the proof behind ``randomization verify``, who is ready, what runs low."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Exists, F, OuterRef, QuerySet

from crf.models import EligibilityDecision, EntryStatus, FormEntry, Freeze
from randomization import policies, sealing
from randomization.designs import design_from
from randomization.findings import Finding
from randomization.models import Allocation, RandomizationList, Stratum
from randomization.verification import Allocated, verify_allocations, verify_manifest
from trialmgr.participants.models import Consent, Participant, ParticipantQuerySet
from trialmgr.participants.states import Status
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition

LOW_LEFT = 10
"""Rows left in a stratum from which the unblinded statistician is told."""


def list_findings(listed: RandomizationList) -> list[Finding]:
    """Everything about a list and its allocations that its own secret does not bear out; empty when all agrees."""
    key = sealing.load_key(settings.TRIALMGR_LIST_KEY)
    secret = sealing.open_secret(key, str(listed.number), bytes(listed.sealed_secret))
    allocations = Allocation.objects.filter(row__stratum__list=listed).select_related("row__stratum")
    return verify_manifest(listed.manifest, secret) + verify_allocations(
        design_from(listed.design),
        secret=secret,
        trial_id=listed.manifest["trial_id"],
        purpose=listed.purpose,
        allocated=[Allocated(each.row.stratum.key, each.row.position, each.arm) for each in allocations],
    )


def strata_running_low(listed: RandomizationList) -> QuerySet[Stratum]:
    """Strata with at most ``LOW_LEFT`` rows left, the shortest first."""
    return listed.strata.annotate(left=F("length") - F("used")).filter(left__lte=LOW_LEFT).order_by("left", "key")


@dataclass(frozen=True, slots=True)
class Screening:
    """How far one participant in screening is. ``judged``: the newest decision, while the form says the same."""

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
    """The participants among these who are in screening, each with what they have, in three database queries."""
    screened = participants.filter(status=Status.SCREENING.value).select_related("site", "study_version")
    people = list(screened.defer("study_version__document").order_by("number"))
    entries, decisions = _entries_of(people), _newest_decisions(people)
    return [_screening(person, entries[person.pk], decisions.get(person.pk)) for person in people]


def _entries_of(people: Collection[Participant]) -> Mapping[int, list[FormEntry]]:
    found: dict[int, list[FormEntry]] = defaultdict(list)
    rows = FormEntry.objects.filter(visit__participant__in=people).standing()
    for entry in rows.select_related("visit__participant", "study_version").defer("study_version__document"):
        found[entry.visit.participant_id].append(entry)
    return found


def _newest_decisions(people: Collection[Participant]) -> dict[int, EligibilityDecision]:
    decisions = EligibilityDecision.objects.filter(participant__in=people).order_by("decided_at", "pk")
    return {decision.participant_id: decision for decision in decisions}


def _screening(person: Participant, entries: list[FormEntry], decision: EligibilityDecision | None) -> Screening:
    keys = {form.key for form in person.study_version.definition.forms if form.eligibility}
    form = next((entry for entry in entries if entry.form_key in keys), None)
    stands = decision is not None and form is not None and form.digest == decision.digest
    return Screening(person, form, decision if stands else None, tuple(entries))


def ready_to_randomise(screenings: Iterable[Screening]) -> list[Participant]:
    """Those for whom ``policies.reasons_not_allocatable`` has no reason, in a fixed number of database queries."""
    listed = policies.active_list()
    if listed is None:
        return []
    wanted = {
        (visit.key, form)
        for visit in current_definition().visits
        if visit.before_allocation
        for form in visit.must_complete
    }
    ready = [each for each in screenings if _is_ready(each, listed, wanted)]
    allowed = _consented_and_not_frozen([each.participant for each in ready])
    return [each.participant for each in ready if each.participant.pk in allowed]


def _is_ready(each: Screening, listed: RandomizationList, wanted: Collection[tuple[str, str]]) -> bool:
    complete = {(entry.visit.key, entry.form_key) for entry in each.entries if entry.status == EntryStatus.COMPLETE}
    values = {(entry.visit.slug, entry.form_key): entry.data for entry in each.entries if entry.occurrence == 1}
    factors = [source.split(".") for source in listed.factors.values() if source != "site"]
    return (
        each.is_eligible
        and each.participant.site.is_active(today())
        and complete.issuperset(wanted)
        and all(values.get((visit, form), {}).get(item) for visit, form, item in factors)
    )


def _consented_and_not_frozen(people: Collection[Participant]) -> set[int]:
    of_them = {"participant": OuterRef("pk")}
    return set(
        Participant.objects.filter(pk__in=[person.pk for person in people])
        .filter(Exists(Consent.objects.filter(**of_them, withdrawn_on=None)))
        .exclude(Exists(Freeze.objects.filter(**of_them, thawed_at=None)))
        .values_list("pk", flat=True)
    )
