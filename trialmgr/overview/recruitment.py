"""Figures of recruitment: by site, by month, and the flow of participants. Source: CONSORT 2025, flow diagram.

What a blinded person reads is neutral: totals over both arms. Figures by arm come from ``Allocation.for_user`` alone.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from django.db.models import Count, Q
from django.db.models.functions import TruncMonth

from crf.models import EligibilityDecision
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
    code: str
    name: str
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
class ArmFigures:
    label: str
    allocated: int
    completed: int
    ended_early: int


@dataclass(frozen=True, slots=True)
class Reason:
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Flow:
    """``reasons``: criteria not met; one participant may stand under several. ``arms``: none for the blinded."""

    assessed: int
    excluded: int
    reasons: tuple[Reason, ...]
    otherwise: int
    in_screening: int
    randomised: int
    completed: int
    ended_early: int
    on_study: int
    arms: tuple[ArmFigures, ...]


def in_reach(user: User) -> ParticipantQuerySet:
    """Participants to be counted: of the person's own sites, or of all. No number of a participant is shown."""
    rows: ParticipantQuerySet = Participant.objects.all()
    return rows.at_sites_of(user)


def by_site(user: User) -> list[SiteFigures]:
    counted = {row["site"]: row for row in in_reach(user).order_by().values("site").annotate(**_COUNTS)}
    sites = Site.objects.all() if user.works_everywhere else Site.objects.filter(pk__in=user.site_ids())
    return [_site_figures(site, counted.get(site.pk, {})) for site in sites]


def _site_figures(site: Site, counted: dict[str, int]) -> SiteFigures:
    return SiteFigures(site.code, site.name, **{name: counted.get(name, 0) for name in _COUNTS})


def by_month(user: User) -> list[MonthFigures]:
    """Every month from the first registration to the last event, those without any included."""
    registered, randomised = _monthly(user, "registered_on"), _monthly(user, "enrolled_on")
    months = _months_between([*registered, *randomised])
    totals = accumulate(randomised[month] for month in months)
    return [
        MonthFigures(month, registered[month], randomised[month], total)
        for month, total in zip(months, totals, strict=True)
    ]


def by_stratum(user: User, definition: StudyDefinition) -> list[tuple[str, int]]:
    """Randomised participants of each stratum, whatever their arm; none where the strata are the sites."""
    factors = definition.randomization.factors if definition.randomization else ()
    if all(factor.source == "site" for factor in factors):
        return []
    levels = Allocation.objects.filter(participant__in=in_reach(user)).order_by().values_list("levels", flat=True)
    return sorted(Counter(canonical_stratum_key(each) for each in levels).items())


def _monthly(user: User, field: str) -> Counter[datetime.date]:
    rows = in_reach(user).filter(**{f"{field}__isnull": False}).order_by()
    counted = rows.annotate(month=TruncMonth(field)).values_list("month").annotate(Count("pk"))
    return Counter(dict(counted))


def _months_between(found: Sequence[datetime.date]) -> list[datetime.date]:
    if not found:
        return []
    first, last = min(found), max(found)
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [datetime.date(number // 12, number % 12 + 1, 1) for number in numbers]


def flow(user: User, definition: StudyDefinition, language: str) -> Flow:
    rows = in_reach(user)
    statuses = Counter(dict(rows.order_by().values_list("status").annotate(Count("pk"))))
    failures = rows.filter(status=Status.SCREEN_FAILURE.value)
    not_met, judged = _criteria_not_met(failures)
    excluded = statuses[Status.SCREEN_FAILURE]
    ends = {name: statuses[Status(name)] for name in ("completed", "ended_early", "on_study")}
    return Flow(
        assessed=sum(statuses.values()),
        excluded=excluded,
        reasons=tuple(Reason(f"{key} {_criterion(definition, key, language)}", n) for key, n in not_met.most_common()),
        otherwise=excluded - judged,
        in_screening=statuses[Status.SCREENING],
        randomised=sum(ends.values()),
        arms=_arms(user, definition, language),
        **ends,
    )


def _criteria_not_met(failures: ParticipantQuerySet) -> tuple[Counter[str], int]:
    """Criterion -> participants, by the newest decision; and how many were found not eligible."""
    decisions = EligibilityDecision.objects.filter(participant__in=failures).order_by("decided_at", "pk")
    newest = {decision.participant_id: decision for decision in decisions}
    refused = [decision for decision in newest.values() if not decision.eligible]
    return Counter(key for decision in refused for key in decision.not_met), len(refused)


def _criterion(definition: StudyDefinition, key: str, language: str) -> str:
    """The text of a criterion, in the newest version that has it."""
    texts = {one.id: one.text(language) for version in definition.eligibility for one in version.criteria}
    return texts.get(key, "")


def _arms(user: User, definition: StudyDefinition, language: str) -> tuple[ArmFigures, ...]:
    rows = Allocation.objects.for_user(user).order_by().values_list("arm", "participant__status")
    counted = Counter({(arm, status): n for arm, status, n in rows.annotate(n=Count("pk"))})
    if not counted:
        return ()
    return tuple(
        ArmFigures(
            label=arm.label(language),
            allocated=sum(n for (key, _status), n in counted.items() if key == arm.key),
            completed=counted[arm.key, Status.COMPLETED.value],
            ended_early=counted[arm.key, Status.ENDED_EARLY.value],
        )
        for arm in definition.arms
    )


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True, slots=True)
class LineChart:
    """A line chart as plain geometry: the template draws it as SVG, with attributes only.

    ``points``: for ``<polyline>``. ``target_y``: height of the target line.
    """

    points: str
    end: tuple[float, float]
    rows: tuple[Tick, ...]
    columns: tuple[Tick, ...]
    target_y: float
    frame: tuple[int, int, int, int] = (LEFT, RIGHT, TOP, BOTTOM)
    size: tuple[int, int] = (WIDTH, HEIGHT)


def line_chart(values: Sequence[int], labels: Sequence[str], target: int) -> LineChart:
    """``values``: one a month, at least one, from left to right; the axis reaches to the target or beyond it."""
    highest = max([target, *values])
    step = (RIGHT - LEFT) / max(len(values) - 1, 1)
    places = [(round(LEFT + step * number, 1), _height(value, highest)) for number, value in enumerate(values)]
    return LineChart(
        points=" ".join(f"{x},{y}" for x, y in places),
        end=places[-1],
        rows=tuple(Tick(_height(value, highest), str(value)) for value in (0, highest // 2, highest)),
        columns=tuple(Tick(places[number][0], labels[number]) for number in sorted({0, len(values) - 1})),
        target_y=_height(target, highest),
    )


def _height(value: int, highest: int) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * value / highest, 1)
