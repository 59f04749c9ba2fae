"""Invented answers to a form, from its definition alone: types, ranges, code lists, skip logic.

The form is worked through once, in its own order, as the evaluation of an entry does it.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from trialmgr.overview.rehearsal.invention.persona import Persona
from trialmgr.overview.rehearsal.invention.profile import chosen
from trialmgr.protocol import expressions
from trialmgr.protocol.evaluation import Lookup, RowScope, Scope, derived_value, evaluate_entry, read, truth_of
from trialmgr.protocol.model import Form, Item, ItemType, Rows, Section, StudyDefinition

ATTEMPTS = 30


class Stuck(Exception):
    """No answers could be invented that the form's hard checks let pass: its ``rehearsal.yaml`` must help."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """When and how a form is filled in. ``since``: days since the trial was entered. ``complete``: nothing is missing.

    ``visit``: slug of the visit, from which a rule that asks for the visit before counts back.
    """

    purpose: str
    day: datetime.date
    ordinal: int = 1
    since: int | None = None
    complete: bool = False
    visit: str | None = None


@dataclass(frozen=True, slots=True)
class Overlaid:
    """Stored values, but for one form those that are about to be."""

    stored: Lookup
    place: tuple[str, str]
    values: Mapping[str, str]

    def __call__(self, visit: str, form: str, item: str) -> str | None:
        return self.values.get(item) if (visit, form) == self.place else self.stored(visit, form, item)


@dataclass(frozen=True, slots=True)
class Answers:
    values: dict[str, str]
    missing: dict[str, str]


@dataclass(slots=True)
class Inventor:
    definition: StudyDefinition
    persona: Persona

    def fill(self, form: Form, occasion: Occasion, lookup: Lookup, given: Mapping[str, str] | None = None) -> Answers:
        """Answers that the form accepts; ``given`` ones stand. Raises Stuck."""
        drawn = self.persona.stream(f"answers/{occasion.purpose}")
        for _attempt in range(ATTEMPTS):
            scope = Scope(self.definition, form, lookup, visit=occasion.visit)
            answers = _Filling(self, form, occasion, drawn, scope, dict(given or {})).done()
            outcome = evaluate_entry(self.definition, form, answers.values, answers.missing, lookup, occasion.visit)
            if not outcome.problems:
                return answers
        problems = "; ".join(problem.message.en for problem in outcome.problems)
        raise Stuck(f"The form {form.key} refuses every invented set of answers: {problems}")

    def other(
        self,
        form: Form,
        item: Item,
        occasion: Occasion,
        lookup: Lookup,
        held: Mapping[str, str],
        *,
        surprising: bool = False,
    ) -> str:
        """Another answer to one item, within what is usual unless it is to surprise."""
        drawn = self.persona.stream(f"other/{occasion.purpose}/{item.key}")
        scope = Scope(self.definition, form, lookup, visit=occasion.visit)
        known = {key: raw for key, raw in held.items() if form.has_item(key)}
        scope.known = {key: read(self.definition, form.item(key), raw) for key, raw in known.items()}
        return _Filling(self, form, occasion, drawn, scope, {}).invent(item, surprising=surprising)


@dataclass(slots=True)
class _Filling:
    inventor: Inventor
    form: Form
    occasion: Occasion
    drawn: random.Random
    scope: Scope
    given: dict[str, str]
    values: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    earliest: datetime.date | None = None
    here: Scope | RowScope = field(init=False)  # where the item at hand stands: the form, or a row of a group

    def __post_init__(self) -> None:
        self.here = self.scope

    def done(self) -> Answers:
        for section in self.form.sections:
            if section.repeats is None:
                self._take_all(section, self.scope)
            else:
                for number in self._rows(section, section.repeats):
                    self._take_all(section, RowScope(self.scope, section, number))
        return Answers(self.values, self.missing)

    def _rows(self, group: Section, repeats: Rows) -> tuple[int, ...]:
        """The rows that are given; else as many as is usual."""
        fewest, most = self.inventor.persona.profile.group_rows.get(group.key, (repeats.min, repeats.min + 2))
        many = max(repeats.min, min(repeats.max, self.drawn.randint(fewest, most)))
        return group.rows(self.given) or tuple(range(1, many + 1))

    def _take_all(self, section: Section, here: Scope | RowScope) -> None:
        self.here = here
        for item in section.items:
            if item.ask_if is None or truth_of(item.ask_if, here) is True:
                self._take(item, section.row_key(here.number, item.key) if isinstance(here, RowScope) else item.key)

    def _take(self, item: Item, key: str) -> None:
        definition = self.inventor.definition
        if item.is_derived:
            raw = derived_value(item, self.here)
        elif (raw := self.given.get(key)) is not None:
            self.values[key] = raw
        elif self._stays_empty(item, key):
            raw = None
        else:
            raw = self.values[key] = self.invent(item, surprising=self._surprises())
        if raw is not None:
            self.scope.known[key] = read(definition, item, raw)

    def _surprises(self) -> bool:
        profile = self.inventor.persona.profile
        return not self.occasion.complete and self.drawn.random() < profile.item_surprising

    def _stays_empty(self, item: Item, key: str) -> bool:
        profile = self.inventor.persona.profile
        if item.type is ItemType.FILE:  # no file is invented
            if item.required and item.missing_allowed:
                self.missing[key] = self.inventor.definition.missing_reasons.items[0].code
            return True
        if not item.required:
            share = chosen(profile.answered, self.form.key, item.key)
            return self.drawn.random() >= (0.5 if share is None else share)
        if item.missing_allowed and not self.occasion.complete and self.drawn.random() < profile.item_missing:
            self.missing[key] = self.drawn.choice(self.inventor.definition.missing_reasons.items).code
            return True
        return False

    def invent(self, item: Item, *, surprising: bool) -> str:
        match item.type:
            case ItemType.INTEGER | ItemType.DECIMAL | ItemType.SCALE:
                return self._number(item, surprising)
            case ItemType.YES_NO:
                share = chosen(self.inventor.persona.profile.yes, self.form.key, item.key)
                return "yes" if self.drawn.random() < (0.5 if share is None else share) else "no"
            case ItemType.CHOICE:
                return self._code(item)
            case ItemType.MULTI_CHOICE:
                return " ".join(sorted({self._code(item) for _time in range(self.drawn.randint(1, 3))}))
            case ItemType.DATE:
                return self.occasion.day.isoformat()
            case ItemType.PARTIAL_DATE:
                return self._partial_date()
            case ItemType.TIME:
                return f"{self.drawn.randint(8, 15):02d}:{self.drawn.randrange(0, 60, 5):02d}"
            case _:
                return self._text(item)

    def _number(self, item: Item, surprising: bool) -> str:
        decimals = (item.decimals or 0) if item.type is ItemType.DECIMAL else 0
        value = self._surprise(item) if surprising else self._usual(item)
        return f"{_within(value, item):.{decimals}f}"

    def _surprise(self, item: Item) -> float:
        """Outside the soft range where there is one, so that a query opens."""
        low, high = _bounds(item)
        if item.soft_range is not None and item.soft_range.max is not None:
            return min(high, float(item.soft_range.max) * 1.1 + 1)
        return self.drawn.uniform(low, high)

    def _usual(self, item: Item) -> float:
        profile, form = self.inventor.persona.profile, self.form.key
        if (rule := chosen(profile.follows, form, item.key)) is not None:
            value = expressions.parse(rule).evaluate(self.here)
            if isinstance(value, Decimal):
                return float(value)
        if (rise := chosen(profile.rises, form, item.key)) is not None:
            first, step, highest = rise
            return min(highest, first + step * ((self.occasion.ordinal - 1) // 2))
        usual = chosen(profile.typical, form, item.key)
        if form in profile.course.forms and item.type is ItemType.INTEGER:
            return self._by_severity(item, *(usual or _bounds(item)))
        low, high = usual or _typical(item)
        place = self.inventor.persona.trait(item.key) + self.drawn.gauss(0, 0.08)
        return low + (high - low) * max(0.0, min(1.0, place))

    def _by_severity(self, item: Item, low: float, high: float) -> float:
        persona = self.inventor.persona
        severity = persona.severity(self.occasion.since) + (persona.trait(item.key) - 0.48) * 0.5
        return low + (high - low) * (severity + self.drawn.gauss(0, persona.profile.course.noise))

    def _code(self, item: Item) -> str:
        codes = [entry.code for entry in self.inventor.definition.codelist(item.codelist or "").items]
        weights = chosen(self.inventor.persona.profile.weights, self.form.key, item.key)
        return self.drawn.choices(codes, [weights.get(code, 0) for code in codes] if weights else None)[0]

    def _partial_date(self) -> str:
        """Never before an earlier date on the form, never after the day; sometimes the day of the month is unknown."""
        first = self.earliest or self.occasion.day - datetime.timedelta(days=60)
        day = first + datetime.timedelta(days=self.drawn.randint(0, (self.occasion.day - first).days))
        self.earliest = day
        return day.isoformat()[: 7 if self.drawn.random() < 0.15 else 10]

    def _text(self, item: Item) -> str:
        words = chosen(self.inventor.persona.profile.words, self.form.key, item.key)
        return self.drawn.choice(words) if words else f"{item.label.nl} ({self.drawn.randint(1, 99)})"


def _bounds(item: Item) -> tuple[float, float]:
    low = float(item.range.min) if item.range and item.range.min is not None else 0.0
    high = float(item.range.max) if item.range and item.range.max is not None else low + 100
    return low, high


def _typical(item: Item) -> tuple[float, float]:
    """The soft range, cut by the hard one; without a soft range the middle third of the hard one."""
    low, high = _bounds(item)
    soft = item.soft_range
    if soft is None:
        return low + (high - low) / 3, high - (high - low) / 3
    usual_low = max(low, float(soft.min)) if soft.min is not None else low
    return usual_low, min(high, float(soft.max)) if soft.max is not None else usual_low + (high - usual_low) / 4


def _within(value: float, item: Item) -> float:
    low, high = _bounds(item)
    return max(low, min(high, value)) if item.range else value
