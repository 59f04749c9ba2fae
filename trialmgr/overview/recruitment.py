"""Figures of recruitment: by site and by month, against target and plan. All are totals over the arms."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from django.db.models import Count, Q
from django.db.models.functions import TruncMonth

from randomization.methods.lists.rows import canonical_stratum_key
from randomization.models import Allocation
from trialmgr.participants.models import Participant, ParticipantQuerySet
from trialmgr.participants.states import Status
from trialmgr.people.models import Site, User
from trialmgr.protocol.model import StudyDefinition

WIDTH, HEIGHT = 480, 240
LEFT, RIGHT, TOP, BOTTOM = 40, 470, 14, 206

_COUNTS = {
    "registered": Count("pk"),
    "failures": Count("pk", filter=Q(status=Status.SCREEN_FAILURE.value)),
    "randomised": Count("pk", filter=Q(enrolled_on__isnull=False)),
}


@dataclass(frozen=True, slots=True)
class SiteFigures:
    site: Site
    registered: int = 0
    failures: int = 0
    randomised: int = 0


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """``total``: randomised until the end of the month."""

    month: datetime.date
    registered: int
    randomised: int
    total: int


@dataclass(frozen=True, slots=True)
class Plan:
    """So many participants at a site from one day until another, the same number a day."""

    site: str
    begins: datetime.date
    ends: datetime.date
    target: int

    def by(self, day: datetime.date) -> float:
        """How many are to be there at the end of the day."""
        days, all_days = ((end - self.begins).days + 1 for end in (day, self.ends))
        return self.target * min(max(days, 0), all_days) / all_days


@dataclass(frozen=True, slots=True)
class Aims:
    """What one or more sites are to bring in. ``target``: None where one of them has none."""

    target: int | None
    plans: tuple[Plan, ...]

    def by(self, day: datetime.date) -> int | None:
        """By the plans of these sites together, in whole participants; None where there is no plan."""
        return round(self.line(day)) if self.plans else None

    def line(self, day: datetime.date) -> float:
        """The same, to be drawn."""
        return sum(plan.by(day) for plan in self.plans)


def in_reach(user: User) -> ParticipantQuerySet:
    """Participants to be counted: of the person's own sites, or of all. No number of a participant is shown."""
    rows: ParticipantQuerySet = Participant.objects.all()
    return rows.at_sites_of(user)


def aims(definition: StudyDefinition, sites: Iterable[Site]) -> Aims:
    """Of these sites by their plans; a site that the definition does not know has none."""
    known = {site.code: site for site in definition.sites}
    found = [known.get(site.code) for site in sites]
    targets = [site.target if site else None for site in found]
    ends = definition.recruitment.ends if definition.recruitment else None
    plans = (
        Plan(site.code, _day(site.begins), _day(ends), site.target)
        for site in found
        if site and site.begins and site.target and ends
    )
    whole = [target for target in targets if target is not None]
    return Aims(sum(whole) if whole and len(whole) == len(targets) else None, tuple(plans))


def _day(written: str) -> datetime.date:
    return datetime.date.fromisoformat(written)


def by_site(user: User) -> list[SiteFigures]:
    """Of all sites, or of the person's own; those without anybody included."""
    counted = {row["site"]: row for row in in_reach(user).order_by().values("site").annotate(**_COUNTS)}
    sites = Site.objects.all()
    own = sites if user.works_everywhere else sites.filter(pk__in=user.site_ids())
    return [_site_figures(site, counted.get(site.pk, {})) for site in own]


def _site_figures(site: Site, counted: dict[str, int]) -> SiteFigures:
    return SiteFigures(site, **{name: counted.get(name, 0) for name in _COUNTS})


def by_month(rows: ParticipantQuerySet, plans: Sequence[Plan], on: datetime.date) -> list[MonthFigures]:
    """Every month until the last event, those without any included; of a plan also those that it has come to ``on``."""
    registered, randomised = _monthly(rows, "registered_on"), _monthly(rows, "enrolled_on")
    planned = [day for plan in plans for day in (plan.begins, min(on, plan.ends)) if plan.begins <= on]
    months = _months_between([*registered, *randomised, *planned])
    totals = accumulate(randomised[month] for month in months)
    return [
        MonthFigures(month, registered[month], randomised[month], total)
        for month, total in zip(months, totals, strict=True)
    ]


def months_until(first: datetime.date, plans: Sequence[Plan]) -> list[datetime.date]:
    """The months of a picture that goes on to the end of the plans."""
    return _months_between([first, *(plan.ends for plan in plans)])


def end_of_month(month: datetime.date) -> datetime.date:
    return (month + datetime.timedelta(days=31)).replace(day=1) - datetime.timedelta(days=1)


def by_stratum(user: User, definition: StudyDefinition) -> list[tuple[str, int]]:
    """Randomised participants of each stratum, whatever their arm; none where the strata are the sites."""
    factors = definition.randomization.factors if definition.randomization else ()
    if all(factor.source == "site" for factor in factors):
        return []
    levels = Allocation.objects.filter(participant__in=in_reach(user)).order_by().values_list("levels", flat=True)
    return sorted(Counter(canonical_stratum_key(each) for each in levels).items())


def _monthly(rows: ParticipantQuerySet, field: str) -> Counter[datetime.date]:
    dated = rows.filter(**{f"{field}__isnull": False}).order_by()
    counted = dated.annotate(month=TruncMonth(field)).values_list("month").annotate(Count("pk"))
    return Counter(dict(counted))


def _months_between(found: Sequence[datetime.date]) -> list[datetime.date]:
    if not found:
        return []
    first, last = min(found), max(found)
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [datetime.date(number // 12, number % 12 + 1, 1) for number in numbers]


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True, slots=True)
class LineChart:
    """A line chart as plain geometry: the template draws it as SVG, with attributes only.

    ``points``, ``plan``: for ``<polyline>``; no plan, no points. ``target_y``: height of the target line, if any.
    """

    points: str
    end: tuple[float, float]
    plan: str
    rows: tuple[Tick, ...]
    columns: tuple[Tick, ...]
    target_y: float | None
    frame: tuple[int, int, int, int] = (LEFT, RIGHT, TOP, BOTTOM)
    size: tuple[int, int] = (WIDTH, HEIGHT)


def line_chart(
    values: Sequence[int], labels: Sequence[str], target: int | None, plan: Sequence[float] = ()
) -> LineChart:
    """``values``: one a month, at least one, from left to right; ``labels``: one a month, and of months to come.

    ``plan``: one a month for each label, or none. The axis reaches to the target or beyond it.
    """
    highest = max([target or 1, *values, *map(round, plan)])
    step = (RIGHT - LEFT) / max(len(labels) - 1, 1)

    def places(heights: Sequence[float]) -> list[tuple[float, float]]:
        return [(round(LEFT + step * number, 1), _height(value, highest)) for number, value in enumerate(heights)]

    ends = sorted({0, len(labels) - 1})
    return LineChart(
        points=_points(places(values)),
        end=places(values)[-1],
        plan=_points(places(plan)),
        rows=tuple(Tick(_height(value, highest), str(value)) for value in sorted({0, highest // 2, highest})),
        columns=tuple(Tick(round(LEFT + step * number, 1), labels[number]) for number in ends),
        target_y=None if target is None else _height(target, highest),
    )


def _points(places: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in places)


def _height(value: float, highest: int) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * value / highest, 1)
