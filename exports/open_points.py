"""Everything that is open before a lock, found with one query a kind and table.

Source: ICH E6(R3) 3.16.1(o), (r): endorsement by the investigator and complete data before the final analysis.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from crf.deviations import open_departures
from crf.drafts import lives
from crf.faults import faults
from crf.judgements import contradicted, contradictions_among
from crf.models import (
    Draft,
    EligibilityDecision,
    EntryStatus,
    FormEntry,
    Query,
    QueryStatus,
    Signature,
    Visit,
    of_query,
)
from crf.queries import with_definitions
from exports.queries import published_definitions
from randomization.methods.definition import factor_label
from randomization.models import Allocation, RandomisedInError
from randomization.queries.corrections import strata_that_differ
from trialmgr.participants.models import Participant, by_number
from trialmgr.participants.states import STATUS_LABELS, Status
from trialmgr.people.models import User
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition

MOST_NAMED = 20
ACTIVE = (Status.SCREENING.value, Status.ON_STUDY.value)


class Kind(enum.StrEnum):
    QUERY = "query"
    ENTRY_INCOMPLETE = "entry_incomplete"
    FORM_ABSENT = "form_absent"
    VISIT_UNRESOLVED = "visit_unresolved"
    PARTICIPANT_ACTIVE = "participant_active"
    SIGNATURE_WANTING = "signature_wanting"
    ELIGIBILITY_LAPSED = "eligibility_lapsed"
    JUDGEMENT_CONTRADICTED = "judgement_contradicted"
    ALLOCATION_UNSETTLED = "allocation_unsettled"
    STORED_OTHERWISE = "stored_otherwise"
    DEVIATION_UNEXPLAINED = "deviation_unexplained"
    DRAFT_UNSAVED = "draft_unsaved"


@dataclass(frozen=True, slots=True)
class OpenPoint:
    """One thing that is open. ``visit``, ``form`` and ``row`` say where, as far as they apply."""

    kind: Kind
    participant: str
    message: str
    visit: str = ""
    form: str = ""
    row: int = 1
    reveals_allocation: bool = False

    @property
    def where(self) -> str:
        """``visit/form``, with the row where it is not the first; "" for the participant as a whole."""
        row = f"/{self.row}" if self.row > 1 else ""
        return "/".join(part for part in (self.visit, self.form) if part) + row


def summary(kind: Kind, count: int) -> str:
    """One sentence: how many there are of a kind."""
    return {
        Kind.QUERY: ngettext("%(n)d query is not closed.", "%(n)d queries are not closed.", count),
        Kind.ENTRY_INCOMPLETE: ngettext("%(n)d form is incomplete.", "%(n)d forms are incomplete.", count),
        Kind.FORM_ABSENT: ngettext(
            "%(n)d required form has not been started.", "%(n)d required forms have not been started.", count
        ),
        Kind.VISIT_UNRESOLVED: ngettext(
            "%(n)d visit is past its latest day, neither done nor recorded as not done.",
            "%(n)d visits are past their latest day, neither done nor recorded as not done.",
            count,
        ),
        Kind.PARTICIPANT_ACTIVE: ngettext(
            "%(n)d participant has not ended.", "%(n)d participants have not ended.", count
        ),
        Kind.SIGNATURE_WANTING: ngettext("%(n)d form is not signed.", "%(n)d forms are not signed.", count),
        Kind.ELIGIBILITY_LAPSED: ngettext(
            "%(n)d judgement of eligibility has lapsed.", "%(n)d judgements of eligibility have lapsed.", count
        ),
        Kind.JUDGEMENT_CONTRADICTED: ngettext(
            "%(n)d judgement is contradicted by the values as they stand.",
            "%(n)d judgements are contradicted by the values as they stand.",
            count,
        ),
        Kind.ALLOCATION_UNSETTLED: ngettext(
            "%(n)d point about an allocation is not settled.", "%(n)d points about allocations are not settled.", count
        ),
        Kind.STORED_OTHERWISE: ngettext(
            "%(n)d thing is stored otherwise than follows from the data or the audit trail.",
            "%(n)d things are stored otherwise than follows from the data or the audit trail.",
            count,
        ),
        Kind.DEVIATION_UNEXPLAINED: ngettext(
            "%(n)d visit lies on a day that does not go with the others, and nobody said why.",
            "%(n)d visits lie on a day that does not go with the others, and nobody said why.",
            count,
        ),
        Kind.DRAFT_UNSAVED: ngettext(
            "%(n)d form holds typed answers that are not saved.",
            "%(n)d forms hold typed answers that are not saved.",
            count,
        ),
    }[kind] % {"n": count}


def summaries(points: Iterable[OpenPoint]) -> list[str]:
    """One sentence for each kind that has a point, in the order of ``Kind``."""
    found = list(points)
    counts = Counter(point.kind for point in found)
    said = {kind: summary(kind, counts[kind]) for kind in Kind if counts[kind]}
    if sites := Counter(point.participant.rpartition("-")[0] for point in found if point.kind is Kind.DRAFT_UNSAVED):
        said[Kind.DRAFT_UNSAVED] += " " + ", ".join(f"{site}: {count}" for site, count in sorted(sites.items()))
    if named := _named(found):
        said[Kind.STORED_OTHERWISE] += " " + named
    return list(said.values())


def _named(points: Iterable[OpenPoint]) -> str:
    """Where something false is stored, as far as that may be told to everybody."""
    told = [one for one in points if one.kind is Kind.STORED_OTHERWISE and not one.reveals_allocation]
    return ", ".join(dict.fromkeys(f"{one.participant} {one.where}" for one in told[:MOST_NAMED]))


def stored_otherwise() -> list[OpenPoint]:
    """What is stored otherwise than follows from what people entered, or from the ledger."""
    return list(_Casebooks(published_definitions()).stored_otherwise())


def open_points() -> list[OpenPoint]:
    """Every open point of the study as it stands, kind by kind, participant by participant."""
    return [*_Casebooks(published_definitions()).points(), *_of_judgements(), *_of_allocations()]


def _of_judgements() -> Iterator[OpenPoint]:
    """Judgements of those who entered the trial that the values contradict; a screen failure's is not used any more."""
    participants = Participant.objects.select_related("site").order_by("number")
    for participant, found in contradictions_among(participants.filter(enrolled_on__isnull=False)):
        yield OpenPoint(Kind.JUDGEMENT_CONTRADICTED, participant.number, contradicted(found))


def _of_allocations() -> Iterator[OpenPoint]:
    """Flags without their second signature, and strata that the casebook has otherwise. Neither tells an arm."""
    waiting = RandomisedInError.objects.filter(Q(countersigned_at=None) | Q(withdrawal_asked_at__isnull=False))
    for flag in waiting.select_related("allocation__participant"):
        said = _("Flagged as randomised in error; not countersigned.")
        if flag.withdrawal_asked_at:
            said = _("Flagged as randomised in error; the withdrawal of the flag is not countersigned.")
        yield OpenPoint(Kind.ALLOCATION_UNSETTLED, flag.allocation.participant.number, said)
    for one in strata_that_differ(Allocation.objects.all()):
        said = _("%(factor)s: %(held)s at the allocation, in the casebook %(now)s.") % {
            "factor": factor_label(current_definition(), one.factor, get_language() or "nl"),
            "held": one.held,
            "now": one.now or _("no value"),
        }
        yield OpenPoint(Kind.ALLOCATION_UNSETTLED, one.allocation.participant.number, said)


def points_for(user: User) -> list[OpenPoint]:
    """The open points a person may read of: a blinded one learns of none that reveals the allocation."""
    points = open_points()
    blinded = user.sight(current_definition()).blinded
    return [point for point in points if not (blinded and point.reveals_allocation)]


@dataclass(frozen=True, slots=True)
class _Met:
    """A form entry as far as it matters here."""

    pk: int
    visit_id: int
    form: str
    row: int
    status: str


class _Casebooks:
    """All casebooks at once: visits and entries are read once, in two queries."""

    def __init__(self, definitions: Sequence[StudyDefinition]) -> None:
        # A form that the newest version has dropped keeps its last definition.
        self.forms = {form.key: form for definition in definitions for form in definition.forms}
        self.language = "en" if get_language() == "en" else "nl"

    def points(self) -> Iterator[OpenPoint]:
        yield from self._queries()
        yield from self._incomplete()
        yield from self._absent()
        yield from self._unresolved()
        yield from self._active()
        yield from self._unsigned()
        yield from self._lapsed()
        yield from self.stored_otherwise()
        yield from self._unexplained()
        yield from self._unsaved()

    @cached_property
    def visits(self) -> dict[int, Visit]:
        rows = (
            Visit.objects.counted()
            .select_related("participant__site")
            .order_by(*by_number("participant__"), "target_on", "pk")
        )
        with_definitions(rows)
        return {visit.pk: visit for visit in rows}

    @cached_property
    def entries(self) -> list[_Met]:
        rows = (
            FormEntry.objects.counted()
            .standing()
            .order_by(*by_number("visit__participant__"), "visit", "form_key", "occurrence")
        )
        return [_Met(*row) for row in rows.values_list("pk", "visit_id", "form_key", "occurrence", "status")]

    def _queries(self) -> Iterator[OpenPoint]:
        rows = Query.objects.counted().exclude(status=QueryStatus.CLOSED.value).order_by("pk")
        form = Coalesce("entry__form_key", "form_key")
        place = (of_query("pk"), form, Coalesce("entry__occurrence", 1), "number")
        order = {visit: rank for rank, visit in enumerate(self.visits)}
        for visit, key, row, number in sorted(rows.values_list(*place), key=lambda found: (order[found[0]], found[1:])):
            yield self._point(Kind.QUERY, self.visits[visit], key, row, _("Query %(number)d") % {"number": number})

    def _incomplete(self) -> Iterator[OpenPoint]:
        for entry in self.entries:
            if entry.status == EntryStatus.INCOMPLETE:
                yield self._point(Kind.ENTRY_INCOMPLETE, self.visits[entry.visit_id], entry.form, entry.row)

    def _absent(self) -> Iterator[OpenPoint]:
        present = {(entry.visit_id, entry.form) for entry in self.entries}
        for visit in self.visits.values():
            for form in self._required(visit):
                if (visit.pk, form) not in present:
                    yield self._point(Kind.FORM_ABSENT, visit, form)

    def _required(self, visit: Visit) -> Sequence[str]:
        """Forms owed now: at a visit that took place, and in the running log of a participant who has ended."""
        if visit.definition.kind == "log":
            owed = visit.participant.status not in ACTIVE
        else:
            owed = visit.took_place_on is not None
        return visit.definition.must_complete if owed else ()

    def _unresolved(self) -> Iterator[OpenPoint]:
        now = today()
        for visit in self.visits.values():
            past = visit.latest_on is not None and visit.latest_on < now
            if past and visit.took_place_on is None and not visit.is_not_done:
                yield self._point(Kind.VISIT_UNRESOLVED, visit)

    def _active(self) -> Iterator[OpenPoint]:
        for number, status in (
            Participant.objects.filter(status__in=ACTIVE).order_by(*by_number()).values_list("number", "status")
        ):
            yield OpenPoint(Kind.PARTICIPANT_ACTIVE, number, str(STATUS_LABELS[Status(status)]))

    def _unsigned(self) -> Iterator[OpenPoint]:
        owed = {key: form.signed_by for key, form in self.forms.items() if form.signed_by}
        signed = set(_standing_signatures(owed))
        for entry in self.entries:
            is_owed = entry.form in owed and entry.status == EntryStatus.COMPLETE
            if is_owed and (entry.pk, owed[entry.form]) not in signed:
                yield self._point(Kind.SIGNATURE_WANTING, self.visits[entry.visit_id], entry.form, entry.row)

    def _lapsed(self) -> Iterator[OpenPoint]:
        """A decision stands while the signature given with it does: both carry the digest of the form as judged."""
        decisions = EligibilityDecision.objects.filter(participant__enrolled_on__isnull=False)
        ordered = decisions.order_by(*by_number("participant__"), "decided_at", "pk")
        newest = dict(ordered.values_list("participant__number", "digest"))
        signatures = Signature.objects.filter(lapsed_at=None, entry__visit__participant__number__in=newest)
        standing = set(signatures.values_list("entry__visit__participant__number", "digest"))
        for number, digest in newest.items():
            if (number, digest) not in standing:
                message = _("The form has changed since eligibility was judged: judge it again.")
                yield OpenPoint(Kind.ELIGIBILITY_LAPSED, number, message)

    def stored_otherwise(self) -> Iterator[OpenPoint]:
        visits = {(visit.participant.number, visit.slug): visit for visit in self.visits.values()}
        for fault in faults():
            number, slug, form, row = fault.place
            visit = visits.get((number, slug))
            said = f"{fault.item}: {fault.said}" if fault.item else fault.said
            if visit is None or (form and form not in self.forms):
                yield OpenPoint(Kind.STORED_OTHERWISE, number, said, slug, form, row, reveals_allocation=True)
                continue
            point = self._point(Kind.STORED_OTHERWISE, visit, form, row, said)
            defined = self.forms.get(form)
            reveals = defined and defined.has_item(fault.item) and defined.item(fault.item).reveals_allocation
            yield replace(point, reveals_allocation=point.reveals_allocation or bool(reveals))

    def _unexplained(self) -> Iterator[OpenPoint]:
        people = {visit.participant_id: visit.participant for visit in self.visits.values()}
        for one in open_departures(people.values()):
            visit = self.visits[one.visit.pk]
            kind, form = Kind.DEVIATION_UNEXPLAINED, one.finding.form
            yield OpenPoint(kind, visit.participant.number, one.text, visit.slug, form, reveals_allocation=one.reveals)

    def _unsaved(self) -> Iterator[OpenPoint]:
        """Drafts that their authors can still save: whose, and where, and nothing of what was typed."""
        rows = Draft.objects.filter(visit__in=self.visits).select_related("author", "visit__participant__site")
        alive = {
            (self.visits[draft.visit_id], draft.form_key, draft.occurrence or 1, draft.author.actor_name)
            for draft in rows.select_related("study_version")
            if lives(draft)
        }
        for visit, form, row, author in sorted(alive, key=lambda found: (found[0].participant.number, found[1:])):
            yield self._point(Kind.DRAFT_UNSAVED, visit, form, row, _("typed by %(who)s") % {"who": author})

    def _point(self, kind: Kind, visit: Visit, form: str = "", row: int = 1, message: str = "") -> OpenPoint:
        names = [visit.label(self.language), self.forms[form].label(self.language) if form else "", message]
        reveals = visit.reveals_allocation or (form != "" and self.forms[form].reveals_allocation)
        text = ", ".join(name for name in names if name)
        return OpenPoint(kind, visit.participant.number, text, visit.slug, form, row, reveals)


def _standing_signatures(forms: Iterable[str]) -> Iterator[tuple[int, str]]:
    """(entry, role) of every signature that stands; one signature may carry several roles."""
    rows = Signature.objects.filter(lapsed_at=None, entry__form_key__in=list(forms))
    for entry, roles in rows.values_list("entry_id", "role"):
        for role in roles.split(","):
            yield entry, role
