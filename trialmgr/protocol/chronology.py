"""Whether the days of one participant can stand beside each other. Pure, and the same for every study.

``refused``: one of the two days is wrong, whatever anybody says of it. ``asked``: it happens, so somebody says why;
until then it is an open point, and then a deviation to be judged. A definition exempts a visit with a reason.
Source: ICH E6(R3) 2.8 (consent before the first act of the trial).
"""

from __future__ import annotations

import datetime
import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from trialmgr.protocol.model import StudyDefinition, Text, VisitDefinition

DIED = "died"
"""The code of a form that ends participation for a participant who died."""


class Rule(enum.StrEnum):
    AFTER_SAVING = "after_saving"
    AFTER_DEATH = "after_death"
    AFTER_WITHDRAWAL = "after_withdrawal"
    PHASE_NOT_OPENED = "phase_not_opened"
    SAME_DAY = "same_day"
    BEFORE_CONSENT = "before_consent"
    AFTER_END = "after_end"
    BEFORE_PHASE = "before_phase"
    AFTER_ALLOCATION = "after_allocation"
    TOO_OLD = "too_old"
    OUT_OF_ORDER = "out_of_order"
    OUTSIDE_WINDOW = "outside_window"


REFUSED = frozenset({Rule.AFTER_SAVING, Rule.AFTER_DEATH, Rule.AFTER_WITHDRAWAL, Rule.PHASE_NOT_OPENED, Rule.SAME_DAY})
"""But two unscheduled visits on one day are asked after: something may happen twice."""


@dataclass(frozen=True, slots=True)
class VisitDay:
    """One occurrence of a visit. ``day``: when it took place; ``saved_on``: when that is said, None where long ago."""

    slug: str
    definition: VisitDefinition
    ordinal: int = 1
    day: datetime.date | None = None
    target: datetime.date | None = None
    earliest: datetime.date | None = None
    latest: datetime.date | None = None
    saved_on: datetime.date | None = None

    def label(self, language: Literal["nl", "en"]) -> str:
        text = self.definition.label(language)
        return f"{text} {self.ordinal}" if self.definition.repeat or self.ordinal > 1 else text


@dataclass(frozen=True, slots=True)
class ObservedDay:
    """A day that an item marked ``observed`` holds."""

    visit: str
    form: str
    item: str
    label: Text
    day: datetime.date
    saved_on: datetime.date | None = None


@dataclass(frozen=True, slots=True)
class ConsentDays:
    given_on: datetime.date
    withdrawn_on: datetime.date | None = None


@dataclass(frozen=True, slots=True)
class End:
    """How participation ended, by its code on the form that ends it, and when."""

    code: str
    on: datetime.date


@dataclass(frozen=True, slots=True)
class Facts:
    """``opened``: phase -> the day from which its visits count, for every phase that opened."""

    visits: Sequence[VisitDay] = ()
    consents: Sequence[ConsentDays] = ()
    opened: Mapping[str, datetime.date] = field(default_factory=dict)
    allocated_on: datetime.date | None = None
    end: End | None = None
    observed: Sequence[ObservedDay] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """``days``: the day at fault and the one it does not go with; ``other``: the visit of the latter, if it has one."""

    rule: Rule
    visit: str
    severity: Literal["refused", "asked"]
    days: tuple[str, ...]
    text: Text
    other: str = ""
    form: str = ""
    item: str = ""

    @property
    def about(self) -> str:
        """What a reason given for it is about: with another day, the reason is owed anew."""
        return " ".join(part for part in (*self.days, self.other, self.form, self.item) if part)


def chronology(study: StudyDefinition, facts: Facts) -> list[Finding]:
    """Every finding that the study does not exempt, visit by visit in the order of the facts."""
    found = [finding for visit in facts.visits if visit.day is not None for finding in _of_visit(study, facts, visit)]
    found += [finding for item in facts.observed for finding in _of_item(facts, item)]
    keys = {visit.slug: visit.definition.key for visit in facts.visits}
    return [one for one in found if not study.exempts(one.rule, keys.get(one.visit, one.visit))]


def _of_visit(study: StudyDefinition, facts: Facts, visit: VisitDay) -> Iterator[Finding]:
    for rule in _VISIT_RULES:
        yield from rule(facts, visit)
    yield from _order(study, facts, visit)


def _after_saving(_facts: Facts, visit: VisitDay) -> Iterator[Finding]:
    if visit.saved_on is not None and _day(visit) > visit.saved_on:
        yield _found(
            Rule.AFTER_SAVING,
            visit,
            visit.saved_on,
            nl="{visit} van {day} ligt na de dag van invoeren, {other}.",
            en="{visit} of {day} lies after the day of saving, {other}.",
        )


def _after_end(facts: Facts, visit: VisitDay) -> Iterator[Finding]:
    if facts.end is None or _day(visit) <= facts.end.on:
        return
    if facts.end.code == DIED:
        nl = "{visit} van {day} ligt na het overlijden op {other}: corrigeer een van beide dagen."
        en = "{visit} of {day} lies after death on {other}: correct one of the two days."
        yield _found(Rule.AFTER_DEATH, visit, facts.end.on, nl=nl, en=en)
    else:
        nl = "{visit} van {day} ligt na het einde van de deelname op {other}."
        en = "{visit} of {day} lies after the end of participation on {other}."
        yield _found(Rule.AFTER_END, visit, facts.end.on, nl=nl, en=en)


def _consent(facts: Facts, visit: VisitDay) -> Iterator[Finding]:
    if not facts.consents:
        return
    given = min(consent.given_on for consent in facts.consents)
    if _day(visit) < given:
        nl = "{visit} van {day} ligt voor de toestemming van {other}."
        en = "{visit} of {day} lies before the consent of {other}."
        yield _found(Rule.BEFORE_CONSENT, visit, given, nl=nl, en=en)
    withdrawn = [consent.withdrawn_on for consent in facts.consents if consent.withdrawn_on is not None]
    if len(withdrawn) == len(facts.consents) and _day(visit) > max(withdrawn):
        nl = "{visit} van {day} ligt na de intrekking van de toestemming op {other}."
        en = "{visit} of {day} lies after the withdrawal of consent on {other}."
        yield _found(Rule.AFTER_WITHDRAWAL, visit, max(withdrawn), nl=nl, en=en)


def _phase(facts: Facts, visit: VisitDay) -> Iterator[Finding]:
    opened = facts.opened.get(visit.definition.phase)
    if opened is None:
        nl = "{visit} van {day} hoort bij een fase die voor deze deelnemer niet is begonnen."
        en = "{visit} of {day} belongs to a phase that has not opened for this participant."
        yield _found(Rule.PHASE_NOT_OPENED, visit, None, nl=nl, en=en)
    elif _day(visit) < opened:
        nl = "{visit} van {day} ligt voor het begin van de fase op {other}."
        en = "{visit} of {day} lies before its phase began on {other}."
        yield _found(Rule.BEFORE_PHASE, visit, opened, nl=nl, en=en)


def _allocation(facts: Facts, visit: VisitDay) -> Iterator[Finding]:
    on, oldest = facts.allocated_on, visit.definition.oldest
    if on is None or not visit.definition.before_allocation:
        return
    if _day(visit) > on:
        nl = "{visit} van {day} ligt na het begin van de deelname op {other}."
        en = "{visit} of {day} lies after the trial was entered on {other}."
        yield _found(Rule.AFTER_ALLOCATION, visit, on, nl=nl, en=en)
    if oldest is not None and (on - _day(visit)).days > oldest:
        nl = "{visit} van {day} ligt meer dan " + f"{oldest} dagen" + " voor het begin van de deelname op {other}."
        en = "{visit} of {day} lies more than " + f"{oldest} days" + " before the trial was entered on {other}."
        yield _found(Rule.TOO_OLD, visit, on, nl=nl, en=en)


def _window(_facts: Facts, visit: VisitDay) -> Iterator[Finding]:
    early = visit.earliest is not None and _day(visit) < visit.earliest
    late = visit.latest is not None and _day(visit) > visit.latest
    if early or late:
        bound = visit.earliest if early else visit.latest
        nl = "{visit} van {day} ligt buiten het venster, dat " + ("begint op" if early else "eindigt op") + " {other}."
        en = "{visit} of {day} lies outside its window, which " + ("begins on" if early else "ends on") + " {other}."
        yield _found(Rule.OUTSIDE_WINDOW, visit, bound, nl=nl, en=en)


def _same_day(facts: Facts, visit: VisitDay) -> Iterator[Finding]:
    """The later occurrence stands on the day of an earlier one."""
    for other in facts.visits:
        earlier = other.definition.key == visit.definition.key and other.ordinal < visit.ordinal
        if earlier and other.day == visit.day:
            nl = "{visit} staat op dezelfde dag als {label}: {day}."
            en = "{visit} stands on the same day as {label}: {day}."
            yield _found(Rule.SAME_DAY, visit, other.day, other, nl=nl, en=en)
            return


_VISIT_RULES = (_after_saving, _after_end, _consent, _phase, _allocation, _window, _same_day)


def _order(study: StudyDefinition, facts: Facts, visit: VisitDay) -> Iterator[Finding]:
    """Planned visits of one line, in the order of their plan: none before one that comes earlier.

    Visits of one arm are a line of their own, so that a finding about a visit that all see tells of no arm.
    """
    place = _place(study, visit)
    earlier = [
        other
        for other in facts.visits
        if other.day is not None
        and other.definition.arms == visit.definition.arms
        and place is not None
        and (before := _place(study, other)) is not None
        and before < place
    ]
    last = max(earlier, key=_day, default=None)
    if last is not None and _day(last) > _day(visit):
        nl = "{visit} van {day} ligt voor {label} van {other}, dat eerder had moeten komen."
        en = "{visit} of {day} lies before {label} of {other}, which should have come earlier."
        yield _found(Rule.OUT_OF_ORDER, visit, last.day, last, nl=nl, en=en)


def _place(study: StudyDefinition, visit: VisitDay) -> tuple[int, datetime.date, int] | None:
    """Where a planned visit stands in the trial; None for one that no schedule foresaw."""
    if visit.definition.kind != "scheduled" or visit.target is None:
        return None
    phases = [phase.key for phase in study.phases]
    phase = phases.index(visit.definition.phase) if visit.definition.phase in phases else len(phases)
    return phase, visit.target, visit.ordinal


def _of_item(facts: Facts, item: ObservedDay) -> Iterator[Finding]:
    if item.saved_on is not None and item.day > item.saved_on:
        nl = "{visit}: {day} ligt na de dag van invoeren, {other}."
        en = "{visit}: {day} lies after the day of saving, {other}."
        yield _of_day(Rule.AFTER_SAVING, item, item.saved_on, nl, en)
    if facts.end is not None and facts.end.code == DIED and item.day > facts.end.on:
        nl = "{visit}: {day} ligt na het overlijden op {other}: corrigeer een van beide dagen."
        en = "{visit}: {day} lies after death on {other}: correct one of the two days."
        yield _of_day(Rule.AFTER_DEATH, item, facts.end.on, nl, en)


def _of_day(rule: Rule, item: ObservedDay, other: datetime.date, nl: str, en: str) -> Finding:
    day, against = item.day.isoformat(), other.isoformat()
    text = Text(
        nl=nl.format(visit=item.label("nl"), day=day, other=against),
        en=en.format(visit=item.label("en"), day=day, other=against),
    )
    return Finding(rule, item.visit, "refused", (day, against), text, form=item.form, item=item.item)


def _found(
    rule: Rule, visit: VisitDay, against: datetime.date | None, other: VisitDay | None = None, *, nl: str, en: str
) -> Finding:
    day, bound = _day(visit).isoformat(), against.isoformat() if against else ""
    text = Text(
        nl=nl.format(visit=visit.label("nl"), day=day, other=bound, label=other.label("nl") if other else ""),
        en=en.format(visit=visit.label("en"), day=day, other=bound, label=other.label("en") if other else ""),
    )
    may_happen_twice = rule is Rule.SAME_DAY and visit.definition.kind == "unscheduled"
    severity: Literal["refused", "asked"] = "refused" if rule in REFUSED and not may_happen_twice else "asked"
    days = tuple(part for part in (day, bound) if part)
    return Finding(rule, visit.slug, severity, days, text, other.slug if other else "")


def _day(visit: VisitDay) -> datetime.date:
    """Of a visit that has one: no other is asked after."""
    return visit.day or datetime.date.min
