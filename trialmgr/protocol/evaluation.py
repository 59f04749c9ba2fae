"""What a definition says about the values of one form: skips, derived values, scores, ranges, checks. Pure.

Items are worked through in the form's order, and expressions of items look back only, so one pass is enough. In a
group the items are worked through row by row; a row exists while one of its items has an answer or a reason.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Protocol, TypeAlias, runtime_checkable

from trialmgr.protocol import expressions, scoring
from trialmgr.protocol.expressions import Path
from trialmgr.protocol.model import (
    Check,
    Form,
    Item,
    ItemType,
    Range,
    Rows,
    Score,
    Section,
    StudyDefinition,
    Text,
    VisitDefinition,
)
from trialmgr.protocol.values import DEFAULT_DECIMALS, Value, ValueProblem, parse_value, typed

Lookup: TypeAlias = Callable[[str, str, str], str | None]
"""Canonical string of (visit key, form key, item key) for one participant, or None when there is none."""

Unasked: TypeAlias = dict[str, dict[str, str]]
"""By key of the question: ``{"value": ...}`` or, for a reason, ``{"missing": ...}``."""

PREVIOUS = "previous"
"""``previous.form.item`` reads the nearest earlier visit with that form, in the order of the definition."""

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
    """Outcome for one entry. ``problems`` refuse it, ``warnings`` open queries, ``wanting`` leaves it incomplete.

    ``values`` and ``missing``: what counts, with what is worked out. ``unasked``: what was entered on questions that
    are not asked (now); it counts for nothing, and does again when they are asked. ``dangers``: answers that the
    definition marks as dangerous; they refuse nothing.
    """

    values: dict[str, str]
    missing: dict[str, str]
    unasked: Unasked
    skipped: frozenset[str]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    wanting: tuple[str, ...]
    dangers: tuple[Problem, ...] = ()

    @property
    def is_complete(self) -> bool:
        return not self.wanting


def evaluate_entry(
    definition: StudyDefinition,
    form: Form,
    values: Mapping[str, str],
    missing: Mapping[str, str],
    lookup: Lookup,
    visit: str | None = None,
) -> Evaluation:
    """Judge what a person typed on ``form``. Derived items are computed; what was sent for them is ignored.

    ``visit`` is the slug of the visit (``week_4``, ``session-3``), which ``previous.form.item`` counts back from;
    without it what was before is unknown.
    """
    work = _Work(definition, form, Scope(definition, form, lookup, visit=visit))
    work.refuse_unknown_keys([*values, *missing])
    for section in form.sections:
        work.take_section(section, (values, missing))
    for check in form.checks:
        work.run(check)
    return work.evaluation()


def evaluate_not_done(
    definition: StudyDefinition, form: Form, code: str, lookup: Lookup, visit: str | None = None
) -> Evaluation:
    """The whole form was not done: each question that would be asked is missing for the reason ``code``; complete."""
    nothing = evaluate_entry(definition, form, {}, {}, lookup, visit)
    asked = [key for key in form.first_keys if key not in nothing.skipped and not form.item(key).is_derived]
    return Evaluation({}, dict.fromkeys(asked, code), {}, nothing.skipped, (), (), ())


@runtime_checkable
class HasKeys(Protocol):
    """A lookup that can also say which keys have a value; without it the rows of other visits are unknown."""

    def keys(self, visit: str, form: str) -> Iterable[str] | None:
        """None when that form was never entered there."""


@dataclass(slots=True)
class Scope:
    """Typed values an expression can reach: those of the form at hand, and other visits through ``lookup``.

    ``known`` has the values of the form by key, in rows by ``section.row.item``. ``visit`` as in ``evaluate_entry``.
    """

    definition: StudyDefinition
    form: Form | None
    lookup: Lookup
    known: dict[str, Value] = field(default_factory=dict)
    visit: str | None = None

    def __call__(self, path: Path) -> Value:
        if len(path) == 1:
            return self.known.get(path[0])
        visit, form_key, item_key = path
        if not self.definition.has_form(form_key) or not self.definition.form(form_key).has_item(item_key):
            return None
        place = self._place(visit, form_key)
        raw = None if place is None else self.lookup(place, form_key, item_key)
        return None if raw is None else read(self.definition, self.definition.form(form_key).item(item_key), raw)

    def rows(self, path: Path) -> tuple[GroupRow, ...] | None:
        """The rows of ``(section,)`` on this form, of ``(visit, form, section)`` elsewhere; None when not known."""
        scope = self if len(path) == 1 else self._elsewhere(*path[:2])
        group = scope.form.groups.get(path[-1]) if scope and scope.form else None
        if scope is None or group is None:
            return None
        return tuple(GroupRow(self, path, RowScope(scope, group, number)) for number in scope.row_numbers(group))

    def row_numbers(self, group: Section) -> tuple[int, ...]:
        """Rows with an answer that a person gave."""
        entered = {item.key for item in group.items if not item.is_derived}
        return group.rows(key for key in self.known if key.rpartition(".")[2] in entered)

    def _place(self, visit: str, form_key: str) -> str | None:
        """Slug of the visit that is meant."""
        if self.visit is None:
            return None if visit == PREVIOUS else visit
        if self.visit == PREVIOUS:  # in an example the visit before is given by that name
            return visit
        return meant_visit(self.definition, self.visit, visit, form_key)

    def _elsewhere(self, visit: str, form_key: str) -> Scope | None:
        place = self._place(visit, form_key)
        keys = self.lookup.keys(place, form_key) if place is not None and isinstance(self.lookup, HasKeys) else None
        if place is None or keys is None or not self.definition.has_form(form_key):
            return None
        form = self.definition.form(form_key)
        known = {key: self((place, form_key, key)) for key in keys if form.holds(key)}
        return Scope(self.definition, form, self.lookup, known, place)


@dataclass(slots=True)
class RowScope:
    """What a rule of a group reaches: a bare name of the group means the same row, all else is as for the form."""

    scope: Scope
    group: Section
    number: int

    def __call__(self, path: Path) -> Value:
        value = self.scope.known.get(self.group.row_key(self.number, path[0])) if len(path) == 1 else None
        return self.scope(path) if value is None else value

    def rows(self, path: Path) -> tuple[GroupRow, ...] | None:
        return self.scope.rows(path)

    def not_asked(self) -> frozenset[str]:
        """Items of the group that certainly do not apply in this row, worked through in their order."""
        found: set[str] = set()
        for item in self.group.items:
            if item.ask_if is not None:
                expression = expressions.parse(item.ask_if)
                truth = expression.evaluate(self)
                read_items = {path[0] for path in expression.references if len(path) == 1}
                if truth is False or (truth is None and read_items & found):
                    found.add(item.key)
        return frozenset(found)


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One row as a function over rows meets it: ``group.item`` is this row's, all else as where the rule stands."""

    outer: Scope
    path: Path
    row: RowScope

    def __call__(self, path: Path) -> Value:
        return self.row((path[-1],)) if path[:-1] == self.path else self.outer(path)

    def skips(self, path: Path) -> bool:
        return path[-1] in self.row.not_asked()


def read(definition: StudyDefinition, item: Item, raw: str) -> Value:
    """Typed value of a stored string; unknown when the item of this version can no longer read it."""
    try:
        return typed(item, canonical(definition, item, raw))
    except ValueProblem:
        return None


def canonical(definition: StudyDefinition, item: Item, raw: str) -> str:
    """``parse_value`` with the item's own code list."""
    return parse_value(item, raw, definition.codelist(item.codelist) if item.codelist else None)


def truth_of(text: str, scope: expressions.Lookup) -> bool | None:
    value = expressions.parse(text).evaluate(scope)
    return value if isinstance(value, bool) else None


def derived_value(item: Item, scope: expressions.Lookup) -> str | None:
    """Canonical string of a derived item; None when it is unknown."""
    value = _scored(item.score, scope) if item.score else expressions.parse(item.derive or "").evaluate(scope)
    return None if value is None else _written(item, value)


def _scored(score: Score, scope: expressions.Lookup) -> Decimal | None:
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
        return _number_of(item, value)
    if isinstance(value, str):
        return value
    return value.isoformat() if isinstance(value, dt.date) else None


def _number_of(item: Item, value: Decimal) -> str | None:
    """As many decimals as the item says; where it says nothing, those there are, up to what such an item can hold."""
    if item.type is not ItemType.DECIMAL:
        return _rounded(value, 0)
    if item.decimals is not None:
        return _rounded(value, item.decimals)
    rounded = _rounded(value, DEFAULT_DECIMALS)
    return rounded and rounded.rstrip("0").rstrip(".")


def _rounded(value: Decimal, places: int) -> str | None:
    """Half up; None for a number with more digits than any item can hold."""
    rounded = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP, context=_WIDE)
    if not rounded.is_finite():
        return None
    return f"{abs(rounded) if rounded == 0 else rounded:f}"


Typed: TypeAlias = tuple[Mapping[str, str], Mapping[str, str]]
"""What was typed, and the reasons where nothing was, both by key."""


class _Work:
    """One pass over one entry."""

    def __init__(self, definition: StudyDefinition, form: Form, scope: Scope) -> None:
        self.definition, self.form, self.scope = definition, form, scope
        self.values: dict[str, str] = {}
        self.missing: dict[str, str] = {}
        self.unasked: Unasked = {}
        self.skipped: set[str] = set()
        self.wanting: list[str] = []
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.dangers: list[Problem] = []

    def evaluation(self) -> Evaluation:
        return Evaluation(
            self.values,
            self.missing,
            self.unasked,
            frozenset(self.skipped),
            tuple(self.problems),
            tuple(self.warnings),
            tuple(self.wanting),
            tuple(self.dangers),
        )

    def refuse_unknown_keys(self, keys: list[str]) -> None:
        unknown = [key for key in dict.fromkeys(keys) if not self.form.holds(key)]
        for key in unknown[:MOST_UNKNOWN_KEYS]:
            self._refuse(
                None, f"Dit formulier heeft geen vraag {key[:40]!r}.", f"This form has no question {key[:40]!r}."
            )

    def take_section(self, section: Section, typed_in: Typed) -> None:
        if section.repeats is None:
            for item in section.items:
                self._take(item, item.key, self.scope, typed_in)
        else:
            self._take_rows(section, section.repeats, typed_in)

    def _take_rows(self, group: Section, repeats: Rows, typed_in: Typed) -> None:
        numbers = group.rows(key for side in typed_in for key, raw in side.items() if raw.strip())
        if len(numbers) > repeats.max:
            row = repeats.row
            self._refuse(
                group.row_key(numbers[repeats.max], group.items[0].key),
                f"Hoogstens {repeats.max} keer: {row.nl}.",
                f"At most {repeats.max} times: {row.en}.",
            )
        for number in numbers[: repeats.max]:
            self._take_row(group, number, typed_in)
        newest = max(numbers, default=0)
        for number in range(newest + 1, newest + 1 + repeats.min - len(numbers)):
            self._want_row(group, number)

    def _take_row(self, group: Section, number: int, typed_in: Typed) -> None:
        scope = RowScope(self.scope, group, number)
        for item in group.items:
            self._take(item, group.row_key(number, item.key), scope, typed_in)

    def _want_row(self, group: Section, number: int) -> None:
        """A row that is owed but not there: it wants what it asks, and something even when it demands nothing."""
        scope = RowScope(self.scope, group, number)
        asked = [item for item in group.items if item.ask_if is None or truth_of(item.ask_if, scope)]
        wanted = [item for item in asked if item.required and not item.is_derived]
        self.wanting += [group.row_key(number, item.key) for item in wanted or group.items[:1]]

    def _take(self, item: Item, key: str, scope: Scope | RowScope, typed_in: Typed) -> None:
        if item.ask_if is not None and truth_of(item.ask_if, scope) is not True:
            self.skipped.add(key)
            self._set_aside(item, key, typed_in)
        elif item.is_derived:
            value = derived_value(item, scope)
            if value is not None:
                self._keep(item, key, value)
                self._warn_of(item, key, scope)
        else:
            values, missing = typed_in
            self._enter(item, key, values.get(key, ""), missing.get(key, ""))
            self._warn_of(item, key, scope)

    def _warn_of(self, item: Item, key: str, scope: Scope | RowScope) -> None:
        if item.danger is not None and key in self.values and truth_of(item.danger.fires_if, scope) is True:
            self.dangers.append(Problem(key, item.danger.message))

    def _set_aside(self, item: Item, key: str, typed_in: Typed) -> None:
        """What was entered on a question that is not asked is kept, and held to the same rules as if it were."""
        raw, reason = (side.get(key, "") for side in typed_in)
        if item.is_derived or not (raw.strip() or reason):
            return
        apart = _Work(self.definition, self.form, Scope(self.definition, self.form, self.scope.lookup))
        apart._enter(item, key, raw, reason)
        self.problems += apart.problems
        self.unasked |= {key: {"value": value} for key, value in apart.values.items()}
        self.unasked |= {key: {"missing": code} for key, code in apart.missing.items()}

    def run(self, check: Check) -> None:
        """A check on items of one group runs in each of its rows."""
        group = self.form.group_of_check(check)
        if group is None:
            self._run(check, check.items[0], self.scope)
        else:
            for number in self.scope.row_numbers(group):
                self._run(check, group.row_key(number, check.items[0]), RowScope(self.scope, group, number))

    def _run(self, check: Check, key: str, scope: Scope | RowScope) -> None:
        if truth_of(check.fires_if, scope) is True:
            found = self.problems if check.severity == "hard" else self.warnings
            found.append(Problem(key, check.message, check.key))

    def _refuse(self, key: str | None, nl: str, en: str) -> None:
        self.problems.append(Problem(key, Text(nl=nl, en=en)))

    def _enter(self, item: Item, key: str, raw: str, reason: str) -> None:
        if raw.strip() and reason:
            self._refuse(
                key,
                "Geef een antwoord of een reden waarom het ontbreekt, niet allebei.",
                "Give an answer or a reason why it is missing, not both.",
            )
        elif raw.strip():
            self._answer(item, key, raw)
        elif reason:
            self._excuse(item, key, reason)
        elif item.required:
            self.wanting.append(key)

    def _answer(self, item: Item, key: str, raw: str) -> None:
        try:
            self._keep(item, key, canonical(self.definition, item, raw))
        except ValueProblem as problem:
            self.problems.append(Problem(key, problem.text))

    def _excuse(self, item: Item, key: str, reason: str) -> None:
        if not item.missing_allowed:
            self._refuse(key, "Deze vraag moet een antwoord hebben.", "This question must have an answer.")
        elif reason not in self.definition.missing_reasons.codes:
            self._refuse(key, "Kies een reden uit de lijst.", "Choose a reason from the list.")
        else:
            self.missing[key] = reason

    def _keep(self, item: Item, key: str, value: str) -> None:
        reckoned = typed(item, value)
        if _is_outside(item.range, reckoned):
            self.problems.append(Problem(key, _range_text(item.range or Range(), item.unit)))
            return
        if _is_outside(item.soft_range, reckoned):
            self.warnings.append(Problem(key, _range_text(item.soft_range or Range(), item.unit), SOFT_RANGE))
        self.values[key] = value
        self.scope.known[key] = reckoned


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


def visit_at(definition: StudyDefinition, slug: str) -> tuple[VisitDefinition, int] | None:
    """The visit and the ordinal that a slug such as ``week_4`` or ``session-3`` names; None when there is none."""
    key, _, ordinal = slug.partition("-")
    if not definition.has_visit(key) or not (ordinal or "1").isdigit():
        return None
    return definition.visit(key), int(ordinal or "1")


def occurrence(written: str) -> str:
    """``session[3]``, as it stands in an expression, as the slug of that visit: ``session-3``."""
    return written.removesuffix("]").replace("[", "-", 1)


def meant_visit(definition: StudyDefinition, here: str, visit: str, form_key: str) -> str | None:
    """Slug of the visit that a path beginning with ``visit`` names, on a form of the visit ``here``."""
    if visit == PREVIOUS:
        return previous_visit(definition, here, form_key)
    return here if here.partition("-")[0] == visit else visit


def previous_visit(definition: StudyDefinition, slug: str, form_key: str) -> str | None:
    """Slug of the visit before ``slug``; None for the first one and for a visit that has no place in the order.

    Visits of another arm are passed over; from a visit of all arms only visits of all arms count.
    """
    found = visit_at(definition, slug)
    if found is None or found[0].kind != "scheduled":
        return None
    here, ordinal = found
    if ordinal > 1:
        return here.slug(ordinal - 1) if form_key in here.forms else _last_before(definition, here, form_key)
    return _last_before(definition, here, form_key)


def _last_before(definition: StudyDefinition, here: VisitDefinition, form_key: str) -> str | None:
    earlier = definition.visits[: definition.visits.index(here)]
    for visit in reversed(earlier):
        same_arm = not visit.arms or set(visit.arms) & set(here.arms)
        if visit.kind == "scheduled" and form_key in visit.forms and same_arm:
            return visit.slug(len(visit.occurrences()))
    return None
