"""The visits that are planned: of a week to be printed, and of a site or a participant as far as the plan goes.

Within the sight of who asks: whoever is blinded finds no visit that an arm has of its own, and counts none.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q

from crf.models import Visit, VisitQuerySet
from crf.queries import with_definitions
from trialmgr.overview.duties.tasks import Desk
from trialmgr.participants.models import Consent, by_number
from trialmgr.participants.states import ACTIVE
from trialmgr.protocol.chronology import Rule

DAYS = 7
_OF_PARTICIPANT = {"participant": OuterRef("participant")}


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """``forms``: those that the visit demands and that are in sight, by whose they are."""

    visit: Visit
    label: str
    forms: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def number(self) -> str:
        return self.visit.participant.number

    @property
    def window(self) -> tuple[datetime.date, datetime.date] | None:
        first, last = self.visit.earliest_on, self.visit.latest_on
        return (first, last) if first and last and first != last else None


@dataclass(frozen=True, slots=True)
class Day:
    day: datetime.date
    visits: tuple[PlannedVisit, ...]


@dataclass(frozen=True, slots=True)
class Week:
    """``days``: Monday to Sunday, with what is planned for each. ``open``: planned for a day outside the week, within
    whose window some of it lies."""

    days: tuple[Day, ...]
    open: tuple[PlannedVisit, ...]

    @property
    def first(self) -> datetime.date:
        return self.days[0].day

    @property
    def last(self) -> datetime.date:
        return self.days[-1].day


def planned(desk: Desk) -> VisitQuerySet:
    """Visits still to be held of those who take part, in order of participant within each day.

    Of whoever withdrew consent those alone that the definition exempts, such as a visit for safety.
    """
    rows: VisitQuerySet = Visit.objects.for_user(desk.user).counted()
    rows = rows.filter(participant__status__in=ACTIVE, target_on__isnull=False, took_place_on=None, not_done_reason="")
    given = Consent.objects.filter(**_OF_PARTICIPANT)
    exempt = [
        visit.key for visit in desk.definition.visits if desk.definition.exempts(Rule.AFTER_WITHDRAWAL, visit.key)
    ]
    expected = ~Exists(given) | Exists(given.filter(withdrawn_on=None)) | Q(key__in=exempt)
    return rows.filter(expected).order_by("target_on", *by_number("participant__"), "pk")


def week(desk: Desk, day: datetime.date, sites: Iterable[str]) -> Week:
    """The week, from Monday, that holds ``day``, at the sites with these codes."""
    monday = day - datetime.timedelta(days=day.weekday())
    days = [monday + datetime.timedelta(days=number) for number in range(DAYS)]
    open_then = Q(earliest_on__lte=days[-1], latest_on__gte=monday)
    rows = planned(desk).filter(
        Q(target_on__range=(monday, days[-1])) | open_then, participant__site__code__in=list(sites)
    )
    by_day: dict[datetime.date | None, list[PlannedVisit]] = defaultdict(list)
    for one in described(desk, rows):
        by_day[one.visit.target_on if one.visit.target_on in days else None].append(one)
    return Week(tuple(Day(each, tuple(by_day[each])) for each in days), tuple(by_day[None]))


def described(desk: Desk, rows: VisitQuerySet) -> Iterator[PlannedVisit]:
    """With their names and forms, in a fixed number of database queries."""
    visits = list(rows.select_related("participant__site"))
    with_definitions(visits)
    for visit in visits:
        yield PlannedVisit(visit, visit.label(desk.language), tuple(_forms(desk, visit)))


def _forms(desk: Desk, visit: Visit) -> Iterator[tuple[str, tuple[str, ...]]]:
    by_turn: dict[str, list[str]] = defaultdict(list)
    for form in visit.definition.must_complete:
        if form in desk.user.sight(desk.definition).forms:
            by_turn[desk.turn_on(form)].append(desk.form_label(form))
    yield from ((turn, tuple(forms)) for turn, forms in by_turn.items())
