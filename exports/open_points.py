"""Everything that is open before a lock, found with one query a kind and table.

Source: ICH E6(R3) 3.16.1(o), (r): endorsement by the investigator and complete data before the final analysis.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from django.db.models import Q
from django.db.models.functions import Coalesce, Length
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from crf.deviations import open_departures
from crf.drafts import lives
from crf.faults import faults
from crf.figures import FIGURE_LABELS, Figure, Figures, Rows, to_participant
from crf.forms import sites_of
from crf.judgements import contradicted, contradictions_among
from crf.models import Draft, EligibilityDecision, FormEntry, Signature, Visit, of_query
from crf.monitoring import Plan
from crf.queries import with_definitions
from exports.queries import published_definitions
from randomization.methods.definition import factor_label
from randomization.models import Allocation, RandomisedInError
from randomization.queries.corrections import strata_that_differ
from trialmgr.participants.models import Participant, by_number
from trialmgr.participants.states import STATUS_LABELS
from trialmgr.people.models import Site, User
from trialmgr.people.visibility import Sight
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.queries import current_definition, one_version

MOST_NAMED = 20


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


# Kinds that a query counts, with the figure behind each; the others are worked out.
COUNTED = {
    Kind.QUERY: Figure.UNCLOSED,
    Kind.ENTRY_INCOMPLETE: Figure.INCOMPLETE,
    Kind.FORM_ABSENT: Figure.NOT_BEGUN,
    Kind.VISIT_UNRESOLVED: Figure.LATE,
    Kind.PARTICIPANT_ACTIVE: Figure.ACTIVE,
    Kind.SIGNATURE_WANTING: Figure.UNSIGNED,
}
WORKED_OUT = tuple(kind for kind in Kind if kind not in COUNTED)

KIND_LABELS: dict[Kind, str | Promise] = {kind: FIGURE_LABELS[figure] for kind, figure in COUNTED.items()} | {
    Kind.ELIGIBILITY_LAPSED: gettext_lazy("Judgements of eligibility that lapsed"),
    Kind.JUDGEMENT_CONTRADICTED: gettext_lazy("Judgements that the values contradict"),
    Kind.ALLOCATION_UNSETTLED: gettext_lazy("Allocations not settled"),
    Kind.STORED_OTHERWISE: gettext_lazy("Stored otherwise than follows from the data"),
    Kind.DEVIATION_UNEXPLAINED: gettext_lazy("Days that do not go together, without a reason"),
    Kind.DRAFT_UNSAVED: gettext_lazy("Typed answers that are not saved"),
}
DOCUMENTS = ("data", "missing", "unasked", "rows_used", "versions_seen")


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
    return list(casebooks().stored_otherwise())


def open_points() -> list[OpenPoint]:
    """Every open point of the study as it stands, kind by kind, participant by participant."""
    with one_version():
        return [*casebooks().points(), *_of_judgements(), *_of_allocations()]


def casebooks() -> Casebooks:
    return Casebooks(published_definitions())


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


def figures_for(user: User) -> Figures:
    """What a person may know to be open, also who opens no casebook: at their sites, within their sight."""
    return Figures(Plan.of(user), sites_of(user, "sites.view") or sites_of(user, "releases.view"))


def counts_for(user: User) -> dict[Kind, dict[str, int]]:
    """Of the kinds that a query counts: code of a site -> how many. In a number of queries that does not grow."""
    figures = figures_for(user)
    return {kind: figures.by_site(figure) for kind, figure in COUNTED.items()}


def worked_out_for(user: User, kind: Kind, sites: Collection[str]) -> list[OpenPoint]:
    """The points of another kind at these sites (codes) that a person may read of."""
    points = list(casebooks().worked_out(kind))
    blinded = user.sight(current_definition()).blinded
    here = Participant.objects.filter(number__in={point.participant for point in points}, site__code__in=sites)
    numbers = set(here.values_list("number", flat=True))
    return [one for one in points if one.participant in numbers and not (blinded and one.reveals_allocation)]


def in_reading_order(kind: Kind, rows: Rows) -> Rows:
    """Participant by participant, each from the first visit on."""
    if kind is Kind.QUERY:
        number = of_query("participant__number")
        of_participant = (of_query("participant__site__code"), Length(number), number)
        of_visit = (of_query("target_on"), of_query("pk"), Coalesce("entry__form_key", "form_key"))
        return rows.order_by(*of_participant, *of_visit, Coalesce("entry__occurrence", 1), "number")
    path = to_participant(COUNTED[kind])
    then: dict[str, tuple[str, ...]] = {"": (), "participant__": ("target_on", "pk")}
    return rows.order_by(*by_number(path), *then.get(path, ("visit", "form_key", "occurrence")))


class Casebooks:
    """All casebooks at once: visits are read once, with one query."""

    def __init__(self, definitions: Sequence[StudyDefinition]) -> None:
        # A form that the newest version has dropped keeps its last definition.
        self.forms = {form.key: form for definition in definitions for form in definition.forms}
        self.language = "en" if get_language() == "en" else "nl"

    def points(self) -> Iterator[OpenPoint]:
        for kind in COUNTED:
            yield from self.counted(kind, in_reading_order(kind, self.figures.rows(COUNTED[kind])))
        for kind in (Kind.ELIGIBILITY_LAPSED, Kind.STORED_OTHERWISE, Kind.DEVIATION_UNEXPLAINED, Kind.DRAFT_UNSAVED):
            yield from self.worked_out(kind)

    def worked_out(self, kind: Kind) -> Iterator[OpenPoint]:
        """Of a kind that no query can count."""
        made = {
            Kind.ELIGIBILITY_LAPSED: self._lapsed,
            Kind.STORED_OTHERWISE: self.stored_otherwise,
            Kind.DEVIATION_UNEXPLAINED: self._unexplained,
            Kind.DRAFT_UNSAVED: self._unsaved,
            Kind.JUDGEMENT_CONTRADICTED: _of_judgements,
            Kind.ALLOCATION_UNSETTLED: _of_allocations,
        }
        return made[kind]()

    @cached_property
    def figures(self) -> Figures:
        """Of everything: nobody in particular reads."""
        everything = Sight(blinded=False, forms=frozenset(self.forms))
        return Figures(Plan(current_definition(), everything), list(Site.objects.all()))

    def counted(self, kind: Kind, rows: Rows) -> Iterator[OpenPoint]:
        """What some rows of the figure of a kind come to."""
        if kind is Kind.PARTICIPANT_ACTIVE:
            for participant in rows:
                yield OpenPoint(kind, participant.number, str(STATUS_LABELS[participant.state]))
        elif kind is Kind.QUERY:
            queries = list(rows.select_related("entry__visit__participant__site", "visit__participant__site"))
            with_definitions(query.of_visit for query in queries)
            for query in queries:
                said = _("Query %(number)d") % {"number": query.number}
                yield self._point(kind, query.of_visit, query.of_form, query.row or 1, said)
        elif kind in (Kind.FORM_ABSENT, Kind.VISIT_UNRESOLVED):
            yield from self._of_visits(kind, list(rows.select_related("participant__site")))
        else:
            entries = list(rows.select_related("visit__participant__site").defer(*DOCUMENTS))
            with_definitions(entry.visit for entry in entries)
            for entry in entries:
                yield self._point(kind, entry.visit, entry.form_key, entry.occurrence)

    def _of_visits(self, kind: Kind, visits: list[Visit]) -> Iterator[OpenPoint]:
        with_definitions(visits)
        if kind is Kind.VISIT_UNRESOLVED:
            yield from (self._point(kind, visit) for visit in visits)
            return
        begun = set(FormEntry.objects.standing().filter(visit__in=visits).order_by().values_list("visit", "form_key"))
        for visit in visits:
            for form in visit.definition.must_complete:
                if (visit.pk, form) not in begun:
                    yield self._point(kind, visit, form)

    @cached_property
    def visits(self) -> dict[int, Visit]:
        rows = (
            Visit.objects.counted()
            .select_related("participant__site")
            .order_by(*by_number("participant__"), "target_on", "pk")
        )
        with_definitions(rows)
        return {visit.pk: visit for visit in rows}

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
