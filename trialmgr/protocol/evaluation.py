"""What a definition says about the values of one form: skips, derived values, scores, ranges, checks. Pure.

Items are worked through in the form's order, and expressions of items look back only, so one pass is enough.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TypeAlias

from trialmgr.protocol import expressions, scoring
from trialmgr.protocol.model import (
    Check,
    Criterion,
    EligibilityVersion,
    Form,
    Gate,
    Item,
    ItemType,
    Range,
    Score,
    Section,
    StudyDefinition,
    Text,
)
from trialmgr.protocol.values import Value, ValueProblem, parse_value, typed

Lookup: TypeAlias = Callable[[str, str, str], str | None]
"""Canonical string of (visit key, form key, item key) for one participant, or None when there is none."""

SOFT_RANGE = "soft_range"
MOST_UNKNOWN_KEYS = 20

_WIDE = Context(prec=28, traps=[])


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about an item, or about the whole entry; ``check_key`` names the check that fired."""

    item_key: str | None
    message: Text
    check_key: str | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Outcome for one entry. ``problems`` refuse it, ``warnings`` open queries, ``wanting`` leaves it incomplete."""

    values: dict[str, str]
    missing: dict[str, str]
    skipped: frozenset[str]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    wanting: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        return not self.wanting


def evaluate_entry(
    definition: StudyDefinition, form: Form, values: Mapping[str, str], missing: Mapping[str, str], lookup: Lookup
) -> Evaluation:
    """Judge what a person typed on ``form``. Derived items are computed; what was sent for them is ignored."""
    work = _Work(definition, form, lookup)
    work.refuse_unknown_keys([*values, *missing])
    for item in form.items:
        work.take(item, values.get(item.key, ""), missing.get(item.key, ""))
    for check in form.checks:
        work.run(check)
    return work.evaluation()


def eligibility_form(definition: StudyDefinition, version: EligibilityVersion) -> Form:
    """The form flagged ``eligibility`` with one yes/no item for each criterion in front of its own sections."""
    form = next(form for form in definition.forms if form.eligibility)
    sections = [section for kind in ("inclusion", "exclusion") for section in _criteria_section(version, kind)]
    return form.model_copy(update={"sections": (*sections, *form.sections)})


def judge(
    definition: StudyDefinition, version: EligibilityVersion, values: Mapping[str, str], lookup: Lookup
) -> tuple[bool | None, tuple[str, ...]]:
    """Whether the participant is eligible, and the ids of the criteria not met; None when an answer is wanting.

    An inclusion criterion needs yes (and its rule true), an exclusion criterion no (and its rule not true).
    """
    scope = _scope_of_entry(definition, eligibility_form(definition, version), values, lookup)
    verdicts = {criterion.id: _fulfilled(criterion, scope) for criterion in version.criteria}
    failed = tuple(key for key, verdict in verdicts.items() if verdict is False)
    if failed:
        return False, failed
    return (None if None in verdicts.values() else True), ()


def gate_outcome(definition: StudyDefinition, gate: Gate, lookup: Lookup) -> bool | None:
    """The decision of a gate on the stored data; None when something it needs is missing."""
    return truth_of(gate.rule, Scope(definition, None, lookup))


@dataclass(slots=True)
class Scope:
    """Typed values an expression can reach: those of the form at hand, and other visits through ``lookup``."""

    definition: StudyDefinition
    form: Form | None
    lookup: Lookup
    known: dict[str, Value] = field(default_factory=dict)

    def __call__(self, path: tuple[str, ...]) -> Value:
        if len(path) == 1:
            return self.known.get(path[0])
        visit, form_key, item_key = path
        if not self.definition.has_form(form_key) or not self.definition.form(form_key).has_item(item_key):
            return None
        raw = self.lookup(visit, form_key, item_key)
        return None if raw is None else read(self.definition, self.definition.form(form_key).item(item_key), raw)


def read(definition: StudyDefinition, item: Item, raw: str) -> Value:
    """Typed value of a stored string; unknown when the item of this version can no longer read it."""
    try:
        return typed(item, canonical(definition, item, raw))
    except ValueProblem:
        return None


def canonical(definition: StudyDefinition, item: Item, raw: str) -> str:
    """``parse_value`` with the item's own code list."""
    return parse_value(item, raw, definition.codelist(item.codelist) if item.codelist else None)


def truth_of(text: str, scope: Scope) -> bool | None:
    value = expressions.parse(text).evaluate(scope)
    return value if isinstance(value, bool) else None


def derived_value(item: Item, scope: Scope) -> str | None:
    """Canonical string of a derived item; None when it is unknown."""
    value = _scored(item.score, scope) if item.score else expressions.parse(item.derive or "").evaluate(scope)
    return None if value is None else _written(item, value)


def _scored(score: Score, scope: Scope) -> Decimal | None:
    answers = [scope((key,)) for key in score.items]
    return scoring.FUNCTIONS[score.function]([_as_number(answer) for answer in answers])


def _as_number(value: Value) -> Decimal | None:
    if isinstance(value, bool):
        return Decimal(int(value))
    return value if isinstance(value, Decimal) else None


def _written(item: Item, value: Value) -> str | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return _rounded(value, (item.decimals or 0) if item.type is ItemType.DECIMAL else 0)
    return value.isoformat() if isinstance(value, dt.date) else None


def _rounded(value: Decimal, places: int) -> str | None:
    """Half up; None for a number with more digits than any item can hold."""
    rounded = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP, context=_WIDE)
    if not rounded.is_finite():
        return None
    return f"{abs(rounded) if rounded == 0 else rounded:f}"


def _scope_of_entry(definition: StudyDefinition, form: Form, values: Mapping[str, str], lookup: Lookup) -> Scope:
    known = {key: read(definition, form.item(key), raw) for key, raw in values.items() if form.has_item(key)}
    return Scope(definition, form, lookup, known)


def _fulfilled(criterion: Criterion, scope: Scope) -> bool | None:
    wanted = criterion.kind == "inclusion"
    answer = scope((criterion.id.lower(),))
    rule = truth_of(criterion.rule, scope) if criterion.rule else wanted
    verdicts = {None if part is None else part is wanted for part in (answer, rule)}
    return False if False in verdicts else None if None in verdicts else True


_CRITERIA_LABELS = {
    "inclusion": Text(nl="Inclusiecriteria", en="Inclusion criteria"),
    "exclusion": Text(nl="Exclusiecriteria", en="Exclusion criteria"),
}


def _criteria_section(version: EligibilityVersion, kind: str) -> Iterator[Section]:
    items = tuple(_criterion_item(criterion) for criterion in version.criteria if criterion.kind == kind)
    if items:
        yield Section(key=f"criteria_{kind}", label=_CRITERIA_LABELS[kind], items=items)


def _criterion_item(criterion: Criterion) -> Item:
    return Item(
        key=criterion.id.lower(),
        type=ItemType.YES_NO,
        label=criterion.text,
        missing_allowed=False,
        confirm_with_protocol=criterion.confirm_with_protocol,
    )


class _Work:
    """One pass over one entry."""

    def __init__(self, definition: StudyDefinition, form: Form, lookup: Lookup) -> None:
        self.definition, self.form = definition, form
        self.scope = Scope(definition, form, lookup)
        self.values: dict[str, str] = {}
        self.missing: dict[str, str] = {}
        self.skipped: set[str] = set()
        self.wanting: list[str] = []
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def evaluation(self) -> Evaluation:
        return Evaluation(
            self.values,
            self.missing,
            frozenset(self.skipped),
            tuple(self.problems),
            tuple(self.warnings),
            tuple(self.wanting),
        )

    def refuse_unknown_keys(self, keys: list[str]) -> None:
        unknown = [key for key in dict.fromkeys(keys) if not self.form.has_item(key)]
        for key in unknown[:MOST_UNKNOWN_KEYS]:
            self._refuse(
                None, f"Dit formulier heeft geen vraag {key[:40]!r}.", f"This form has no question {key[:40]!r}."
            )

    def take(self, item: Item, raw: str, reason: str) -> None:
        if item.ask_if is not None and truth_of(item.ask_if, self.scope) is not True:
            self.skipped.add(item.key)
        elif item.is_derived:
            self._derive(item)
        else:
            self._enter(item, raw, reason)

    def run(self, check: Check) -> None:
        if truth_of(check.fires_if, self.scope) is True:
            found = self.problems if check.severity == "hard" else self.warnings
            found.append(Problem(check.items[0], check.message, check.key))

    def _refuse(self, key: str | None, nl: str, en: str) -> None:
        self.problems.append(Problem(key, Text(nl=nl, en=en)))

    def _derive(self, item: Item) -> None:
        value = derived_value(item, self.scope)
        if value is not None:
            self._keep(item, value)

    def _enter(self, item: Item, raw: str, reason: str) -> None:
        if raw.strip() and reason:
            self._refuse(
                item.key,
                "Geef een antwoord of een reden waarom het ontbreekt, niet allebei.",
                "Give an answer or a reason why it is missing, not both.",
            )
        elif raw.strip():
            self._answer(item, raw)
        elif reason:
            self._excuse(item, reason)
        elif item.required:
            self.wanting.append(item.key)

    def _answer(self, item: Item, raw: str) -> None:
        try:
            self._keep(item, canonical(self.definition, item, raw))
        except ValueProblem as problem:
            self.problems.append(Problem(item.key, problem.text))

    def _excuse(self, item: Item, reason: str) -> None:
        if not item.missing_allowed:
            self._refuse(item.key, "Deze vraag moet een antwoord hebben.", "This question must have an answer.")
        elif reason not in self.definition.missing_reasons.codes:
            self._refuse(item.key, "Kies een reden uit de lijst.", "Choose a reason from the list.")
        else:
            self.missing[item.key] = reason

    def _keep(self, item: Item, value: str) -> None:
        reckoned = typed(item, value)
        if _is_outside(item.range, reckoned):
            self.problems.append(Problem(item.key, _range_text(item.range or Range(), item.unit)))
            return
        if _is_outside(item.soft_range, reckoned):
            self.warnings.append(Problem(item.key, _range_text(item.soft_range or Range(), item.unit), SOFT_RANGE))
        self.values[item.key] = value
        self.scope.known[item.key] = reckoned


def _is_outside(bounds: Range | None, value: Value) -> bool:
    if bounds is None or not isinstance(value, Decimal):
        return False
    return (bounds.min is not None and value < bounds.min) or (bounds.max is not None and value > bounds.max)


def _range_text(ends: Range, unit: str | None) -> Text:
    after = f" {unit}" if unit else ""
    if ends.max is None:
        return Text(nl=f"Verwacht: {ends.min}{after} of meer.", en=f"Expected: {ends.min}{after} or more.")
    if ends.min is None:
        return Text(nl=f"Verwacht: {ends.max}{after} of minder.", en=f"Expected: {ends.max}{after} or less.")
    return Text(
        nl=f"Verwacht: {ends.min} tot en met {ends.max}{after}.", en=f"Expected: {ends.min} to {ends.max}{after}."
    )
