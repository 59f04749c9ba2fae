"""Reading across lists and participants: the proof behind ``randomization verify``, who is ready."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet

from crf.models import EligibilityDecision, EntryStatus, FormEntry, Freeze
from crf.versions import planned_as
from randomization import policies
from randomization.methods.designs import Minimisation
from randomization.methods.findings import Finding
from randomization.methods.lists import sealing
from randomization.methods.lists.rows import UNSTRATIFIED, Listed, Manifest, Row
from randomization.methods.lists.verification import (
    Allocated,
    reserved_in,
    rows_of,
    verify_allocations,
    verify_extension,
    verify_levels,
    verify_log,
    verify_manifest,
    verify_sealed,
)
from randomization.models import (
    Allocation,
    AllocationCap,
    AllocationHold,
    ListOrigin,
    ListRow,
    RandomizationList,
)
from trialmgr.participants.models import Consent, Participant, ParticipantQuerySet
from trialmgr.participants.queries import seen_twice
from trialmgr.participants.states import Status
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition


def manifests_of(listed: RandomizationList) -> list[Manifest]:
    """What was published of a list: at its making, then with each extension, the newest last."""
    return [listed.manifest, *(each.manifest for each in listed.extensions.order_by("number"))]


def manifest_in_force(listed: RandomizationList) -> Manifest:
    """That of the list with the extensions that a second person has activated."""
    activated = listed.extensions.exclude(activated_at=None).order_by("number").last()
    manifest: Manifest = activated.manifest if activated is not None else listed.manifest
    return manifest


def secret_of(listed: RandomizationList) -> bytes:
    """The master secret of a list, opened. Raises KeyUnusable or SealBroken."""
    key = sealing.load_key(settings.TRIALMGR_LIST_KEY)
    return sealing.open_secret(key, str(listed.number), bytes(listed.sealed_secret))


def opened_rows(listed: RandomizationList) -> dict[str, list[Row]]:
    """The rows as they are kept, opened; a row that does not open has no arm. For verification and the reveal."""
    key = sealing.load_key(settings.TRIALMGR_LIST_KEY)
    rows: dict[str, list[Row]] = {stratum.key: [] for stratum in listed.strata.all()}
    for row in ListRow.objects.filter(stratum__list=listed).select_related("stratum").order_by("position"):
        rows[row.stratum.key].append(Row(row.position, 0, _arm_in(row, listed, key)))
    return rows


def _arm_in(row: ListRow, listed: RandomizationList, key: bytes) -> str:
    try:
        return sealing.open_row(key, str(listed.number), row.stratum.key, row.position, bytes(row.sealed))
    except sealing.SealBroken:
        return ""


def allocations_from(listed: RandomizationList) -> QuerySet[Allocation]:
    """Everybody who was allocated from this list, by stratum and place."""
    found = Allocation.objects.filter(row__stratum__list=listed).select_related("row__stratum", "participant")
    return found.order_by("row__stratum__key", "row__position")


def list_findings(listed: RandomizationList) -> list[Finding]:
    """Everything about a list and its allocations that its own secret does not bear out; empty when all agrees.

    Raises KeyUnusable or SealBroken when the secret does not open, DesignRefused when the design cannot be read.
    """
    secret, kept, manifests = secret_of(listed), opened_rows(listed), manifests_of(listed)
    imported = kept if listed.origin == ListOrigin.IMPORTED else None
    findings = [fault for manifest in manifests for fault in verify_manifest(manifest, secret, imported)]
    findings += [fault for before, after in pairwise(manifests) for fault in verify_extension(before, after)]
    if listed.design["method"] == Minimisation.method:
        return findings + _findings_of_log(listed, secret, kept)
    rows = rows_of(manifests[-1], secret) if imported is None else imported
    in_force = manifest_in_force(listed)
    usable = {key: rows.get(key, [])[: entry["rows"]] for key, entry in in_force["strata"].items()}
    findings += verify_allocations(usable, _allocated(listed), reserved_in(in_force))
    return findings + verify_sealed(rows, kept)


def _findings_of_log(listed: RandomizationList, secret: bytes, kept: Listed) -> list[Finding]:
    """Minimisation: the log is replayed, and allocations and rows are what it says."""
    allocations = list(allocations_from(listed))
    log: list[Any] = [each.log for each in allocations]
    rows = {UNSTRATIFIED: [Row(place, 0, str((line or {}).get("arm"))) for place, line in enumerate(log, start=1)]}
    findings = verify_log(manifest_in_force(listed), secret, log)
    findings += verify_levels(log, [each.levels for each in allocations])
    return findings + verify_allocations(rows, _allocated(listed)) + verify_sealed(rows, kept)


def _allocated(listed: RandomizationList) -> list[Allocated]:
    return [Allocated(each.row.stratum.key, each.row.position, each.arm) for each in allocations_from(listed)]


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
    return [participant for participant, _aim, takes in _ready_but_for_the_list(screenings) if takes]


def waiting_by_stratum(screenings: Iterable[Screening]) -> Counter[str]:
    """Stratum key -> participants for whom only a place in the list is wanting."""
    found = _ready_but_for_the_list(screenings)
    return Counter(aim.stratum_key for _participant, aim, takes in found if not takes)


def _ready_but_for_the_list(screenings: Iterable[Screening]) -> list[tuple[Participant, policies.Aim, bool]]:
    """With each: where in the list, and whether there is a place."""
    listed = policies.active_list()
    if listed is None:
        return []
    strata = {stratum.key: stratum for stratum in listed.strata.all()}
    found = []
    for each in _not_stopped(_prepared(screenings, listed)):
        aim = policies.Aim(listed, _levels(each, listed))
        found.append((each.participant, aim, policies.takes(aim, strata.get(aim.stratum_key))))
    return found


def _prepared(screenings: Iterable[Screening], listed: RandomizationList) -> list[Screening]:
    before = [visit.key for visit in current_definition().visits if visit.before_allocation]
    ready = [each for each in screenings if _is_ready(each, listed, before)]
    allowed = _consented_and_not_frozen([each.participant for each in ready])
    return [each for each in ready if each.participant.pk in allowed]


def _not_stopped(prepared: Collection[Screening]) -> list[Screening]:
    """Without those whom a hold, a cap or an identity mark stops; as many queries as there are caps, and four."""
    holds = set(AllocationHold.objects.filter(lifted_at=None).values_list("site", flat=True))
    full = {cap.site_id for cap in AllocationCap.objects.all() if policies.is_reached(cap)}
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
        .exclude(Exists(Freeze.objects.filter(**of_them, unfrozen_at=None)))
        .values_list("pk", flat=True)
    )
