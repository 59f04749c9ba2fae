"""Where a site stands: figures, each the count of a list that can be opened. One query gives the figure and the list.

Whatever is counted lies within the sight of who reads: the scopes of visits and entries see to it.
"""

from __future__ import annotations

import datetime
import enum
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Value, Window
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import RowNumber
from django.db.models.lookups import Exact
from django.utils.functional import Promise
from django.utils.timezone import localdate
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crf.models import (
    EntryQuerySet,
    EntryStatus,
    FormEntry,
    Query,
    QueryQuerySet,
    QueryStatus,
    Signature,
    Visit,
    VisitQuerySet,
    of_query,
    on_visit,
)
from crf.monitoring import Plan
from crf.queries import stretches
from trialmgr.participants.models import Participant, ParticipantQuerySet
from trialmgr.participants.states import ACTIVE
from trialmgr.people.models import Site, User
from trialmgr.protocol.model import Form, StudyDefinition, VisitDefinition
from trialmgr.studies.clock import today
from trialmgr.studies.queries import timeline


class Figure(enum.StrEnum):
    REGISTERED = "registered"
    ENTERED = "entered"
    SERIOUS = "serious"
    DUE = "due"
    LATE = "late"
    NOT_BEGUN = "not-begun"
    INCOMPLETE = "incomplete"
    QUERIES = "queries"
    ANSWERED = "answered"
    UNSIGNED = "unsigned"
    UNVERIFIED = "unverified"
    PLANNED = "planned"
    UNCLOSED = "unclosed"
    ACTIVE = "active"


FIGURE_LABELS: dict[Figure, str | Promise] = {
    Figure.REGISTERED: _("Registered"),
    Figure.ENTERED: _("Randomised"),
    Figure.SERIOUS: _("Serious events open"),
    Figure.DUE: _("Visits due"),
    Figure.LATE: _("Visits late"),
    Figure.NOT_BEGUN: _("Visits with forms not begun"),
    Figure.INCOMPLETE: _("Forms incomplete"),
    Figure.QUERIES: _("Queries open"),
    Figure.ANSWERED: _("Queries answered"),
    Figure.UNSIGNED: _("Forms unsigned"),
    Figure.UNVERIFIED: _("Forms to verify"),
    Figure.PLANNED: _("Verified of planned"),
    Figure.UNCLOSED: _("Queries not closed"),
    Figure.ACTIVE: _("Participants who have not ended"),
}

OF_OPEN_POINTS = (Figure.UNCLOSED, Figure.ACTIVE)
"""Counted before a lock, not in the table of sites."""

_OF_PARTICIPANTS, _OF_VISITS = (
    (Figure.REGISTERED, Figure.ENTERED, Figure.ACTIVE),
    (Figure.DUE, Figure.LATE, Figure.NOT_BEGUN),
)
_OF_QUERIES = (Figure.QUERIES, Figure.ANSWERED, Figure.UNCLOSED)
Rows = QuerySet[Any, Any]


def to_participant(figure: Figure) -> str:
    """The lookup from a row of the list to its participant, such as ``visit__participant__``."""
    if figure in _OF_PARTICIPANTS:
        return ""
    return "participant__" if figure in _OF_VISITS else "visit__participant__"


def to_visit(figure: Figure) -> str:
    """The lookup from a row of the list to its visit."""
    return "" if figure in _OF_VISITS else "visit__"


def figure_label(figure: Figure, definition: StudyDefinition) -> str:
    enrolled = figure is Figure.ENTERED and not definition.is_randomised
    return gettext("Enrolled") if enrolled else str(FIGURE_LABELS[figure])


def is_of_queries(figure: Figure) -> bool:
    return figure in _OF_QUERIES


def is_of_visits(figure: Figure) -> bool:
    return figure in _OF_VISITS


def is_of_participants(figure: Figure) -> bool:
    return figure in _OF_PARTICIPANTS


@dataclass(frozen=True)
class Figures:
    """``rows``: by figure, the things that it counts and that this person meets, at ``sites``.

    ``user``: None for whoever reads of things without opening them, within the sight of ``plan``.
    """

    plan: Plan
    sites: Sequence[Site]
    user: User | None = None

    @classmethod
    def of(cls, user: User, sites: Sequence[Site]) -> Self:
        return cls(Plan.of(user), sites, user)

    @property
    def definition(self) -> StudyDefinition:
        return self.plan.definition

    @property
    def shown(self) -> list[Figure]:
        """Serious events are none of those of who meets no form with them."""
        absent = {*OF_OPEN_POINTS, *(() if self._serious_forms else (Figure.SERIOUS,))}
        return [figure for figure in Figure if figure not in absent]

    def rows(self, figure: Figure, site: str = "") -> Rows:
        """``site``: code; of all of them when left out."""
        wanted = [one.pk for one in self.sites if site in ("", one.code)]
        at = Q(**{f"{to_participant(figure)}site__in": wanted})
        rows: Rows = self._all(figure).filter(on_visit(participant__site__in=wanted) if is_of_queries(figure) else at)
        return rows

    def _all(self, figure: Figure) -> Any:
        return {
            Figure.REGISTERED: self._registered,
            Figure.ENTERED: self._entered,
            Figure.SERIOUS: self._serious,
            Figure.DUE: self._due,
            Figure.LATE: self._late,
            Figure.NOT_BEGUN: self._not_begun,
            Figure.INCOMPLETE: self._incomplete,
            Figure.QUERIES: self._queries,
            Figure.ANSWERED: self._answered,
            Figure.UNSIGNED: self._unsigned,
            Figure.UNVERIFIED: self._unverified,
            Figure.PLANNED: self._planned,
            Figure.UNCLOSED: self._unclosed,
            Figure.ACTIVE: self._active,
        }[figure]()

    def by_site(self, figure: Figure) -> dict[str, int]:
        """Code of a site -> how many; a site with none is not there."""
        # By the key that participants hold: so the database reads the rows as they lie, not site by site.
        at = of_query("participant__site") if is_of_queries(figure) else f"{to_participant(figure)}site"
        counted = dict(self.rows(figure).order_by().values_list(at).annotate(Count("pk")))
        return {site.code: counted[site.pk] for site in self.sites if site.pk in counted}

    def median_ages(self) -> dict[str, int]:
        """Code of a site -> days since the query in the middle of its open ones, by age, was raised."""
        site = of_query("participant__site__code")
        places = self.rows(Figure.QUERIES).annotate(
            at=site,
            place=Window(RowNumber(), partition_by=[site], order_by=[F("raised_at").asc(), F("pk").asc()]),
            among=Window(Count("pk"), partition_by=[site]),
        )
        middle = places.filter(place=(F("among") + Value(1)) / Value(2)).order_by()
        return {code: age(raised_at) for code, raised_at in middle.values_list("at", "raised_at")}

    # --- participants and visits ----------------------------------------------------------------------------------

    def _registered(self) -> ParticipantQuerySet:
        rows: ParticipantQuerySet = Participant.objects.for_user(self.user) if self.user else Participant.objects.all()
        return rows

    def _active(self) -> ParticipantQuerySet:
        rows: ParticipantQuerySet = self._registered().filter(status__in=ACTIVE)
        return rows

    def _in_reach(self, rows: Any) -> Any:
        """Of a model of the casebook: the rows that are counted, and that this person meets."""
        return (rows.for_user(self.user) if self.user else rows.in_sight(self.plan.sight)).counted()

    def _entered(self) -> ParticipantQuerySet:
        rows: ParticipantQuerySet = self._registered().filter(enrolled_on__isnull=False)
        return rows

    def _visits(self) -> VisitQuerySet:
        rows: VisitQuerySet = self._in_reach(Visit.objects.all())
        return rows

    def _awaited(self) -> VisitQuerySet:
        rows: VisitQuerySet = self._visits().filter(took_place_on=None, not_done_reason="")
        return rows

    def _due(self) -> VisitQuerySet:
        still = Q(latest_on=None) | Q(latest_on__gte=today())
        rows: VisitQuerySet = self._awaited().filter(still, earliest_on__lte=today(), participant__status__in=ACTIVE)
        return rows

    def _late(self) -> VisitQuerySet:
        rows: VisitQuerySet = self._awaited().filter(latest_on__lt=today())
        return rows

    def _not_begun(self) -> VisitQuerySet:
        """Of a running log its forms are owed once participation has ended."""
        logs = [key for key, visit in self._visits_ever.items() if visit.kind == "log"]
        owed = Q(took_place_on__isnull=False) & ~Q(key__in=logs)
        owed |= Q(key__in=logs) & ~Q(participant__status__in=ACTIVE)
        lacking = Q(pk__in=[])
        for form, places in self._required():
            begun = FormEntry.objects.standing().filter(visit=OuterRef("pk"), form_key=form)
            lacking |= places & Q(~Exists(begun))
        rows: VisitQuerySet = self._visits().filter(owed, lacking)
        return rows

    def _required(self) -> Iterator[tuple[str, Q]]:
        """Each form in sight, with the visits that owe it by the version that they follow."""
        places: dict[str, Q] = defaultdict(lambda: Q(pk__in=[]))
        for stretch in stretches():
            by_form: dict[str, list[str]] = defaultdict(list)
            for key, last in self._visits_ever.items():
                visit = stretch.definition.visit(key) if stretch.definition.has_visit(key) else last
                for form in visit.must_complete:
                    by_form[form].append(key)
            for form, keys in by_form.items():
                places[form] |= stretch.of_visits & Q(key__in=keys)
        return ((form, here) for form, here in places.items() if form in self.plan.sight.forms)

    @cached_property
    def _visits_ever(self) -> dict[str, VisitDefinition]:
        """Of every version in force: what one dropped still stands in casebooks. Each as it last was."""
        return {visit.key: visit for definition in self._definitions for visit in definition.visits}

    @cached_property
    def _forms_ever(self) -> dict[str, Form]:
        return {form.key: form for definition in self._definitions for form in definition.forms}

    @cached_property
    def _definitions(self) -> list[StudyDefinition]:
        """Oldest first."""
        versions = {span.version.number: span.version for span in timeline().spans}
        return [versions[number].definition for number in sorted(versions)]

    # --- entries --------------------------------------------------------------------------------------------------

    def _entries(self) -> EntryQuerySet:
        rows: EntryQuerySet = self._in_reach(FormEntry.objects.standing())
        return rows

    def _incomplete(self) -> EntryQuerySet:
        # They are few: found by their status first, so that the others are not read.
        few = FormEntry.objects.filter(status=EntryStatus.INCOMPLETE.value).order_by().values("pk")
        rows: EntryQuerySet = self._entries().filter(pk__in=few)
        return rows

    def _unsigned(self) -> EntryQuerySet:
        """Complete, and without a standing signature of the role whose signature the form needs."""
        wanting = Q(pk__in=[])
        for form in self._forms_ever.values():
            if form.signed_by:
                wanting |= Q(~Exists(_signed_by(form.signed_by)), form_key=form.key)
        rows: EntryQuerySet = self._entries().filter(wanting, status=EntryStatus.COMPLETE.value)
        return rows

    def _planned(self) -> EntryQuerySet:
        return self.plan.planned(self._entries())

    def _unverified(self) -> EntryQuerySet:
        return self.plan.planned(self._entries(), unverified=True)

    def _serious(self) -> EntryQuerySet:
        """Adverse events that were serious and have not ended. The items are known by their names in SDTM."""
        open_events = Q(pk__in=[])
        for form, serious, end in self._serious_forms:
            ended = Q(data__has_key=end) | Q(missing__has_key=end) if end else Q(pk__in=[])
            open_events |= Q(Exact(KeyTextTransform(serious, "data"), Value("yes")), form_key=form.key) & ~ended
        rows: EntryQuerySet = self._entries().filter(open_events)
        return rows

    @cached_property
    def _serious_forms(self) -> list[tuple[Form, str, str]]:
        """Forms of adverse events in sight: the item that says serious, and the one with the day of the end or ""."""
        found = []
        for form in self.definition.forms:
            items = {item.variable: item.key for item in form.plain_items if self.plan.sight.item(item)}
            if form.domain == "AE" and form.key in self.plan.sight.forms and "AESER" in items:
                found.append((form, items["AESER"], items.get("AEENDTC", "")))
        return found

    # --- queries --------------------------------------------------------------------------------------------------

    def _queries(self) -> Rows:
        """Those that wait for the site."""
        return self._unclosed().filter(status=QueryStatus.OPEN.value)

    def _answered(self) -> Rows:
        return self._unclosed().filter(status=QueryStatus.ANSWERED.value)

    def _unclosed(self) -> QueryQuerySet:
        rows: QueryQuerySet = self._in_reach(Query.objects.exclude(status=QueryStatus.CLOSED.value))
        return rows


def age(since: datetime.datetime) -> int:
    """Days until today; none where a demo plays an earlier day than the clock of the server."""
    return max((today() - localdate(since)).days, 0)


def _signed_by(role: str) -> QuerySet[Signature]:
    """For ``Exists``: a signature may carry several roles, with commas between."""
    among = Q(role__startswith=f"{role},") | Q(role__endswith=f",{role}") | Q(role__contains=f",{role},")
    rows: QuerySet[Signature] = Signature.objects.filter(among | Q(role=role), entry=OuterRef("pk"), lapsed_at=None)
    return rows
