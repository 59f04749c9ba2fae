"""A second evaluator, as naive as it can be: from what people entered, each item by plain recursion.

It shares with the product the grammar of expressions, the scoring functions and the reading of one value; it knows
nothing of its passes, its order or its stored results.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Any

from crf.models import EntryStatus, FormEntry
from trialmgr.participants.models import Participant
from trialmgr.protocol import scoring
from trialmgr.protocol.expressions import Path, parse
from trialmgr.protocol.model import Check, Form, Item, ItemType, Range, RowKey, Section, StudyDefinition
from trialmgr.protocol.model import Text as Words
from trialmgr.protocol.values import Value, ValueProblem, parse_value, typed

Where = tuple[str, str, int]
"""Slug of the visit, key of the form, number of the row."""


@dataclass(frozen=True)
class Truth:
    """What one entry comes to. ``firing``: (key of the check, item)."""

    data: dict[str, str]
    missing: dict[str, str]
    unasked: dict[str, dict[str, str]]
    complete: bool
    firing: frozenset[tuple[str, str]]


@dataclass
class Sheet:
    """One entry: its form, and what people entered, from the raw columns of its row."""

    book: Book
    where: Where
    definition: StudyDefinition
    sections: Sequence[Section]
    checks: Sequence[Check]
    entered: dict[str, str]
    reasons: dict[str, str]
    not_done: str
    known: dict[str, str | None] = field(default_factory=dict)
    asks: dict[str, bool] = field(default_factory=dict)

    # --- its questions

    def keys(self) -> Iterator[tuple[str, Item]]:
        """Every question that stands on the entry, also in each of its rows."""
        for section in self.sections:
            if section.repeats is None:
                yield from ((item.key, item) for item in section.items)
            else:
                for row in self.rows_begun(section):
                    yield from ((section.row_key(row, item.key), item) for item in section.items)

    def rows_begun(self, group: Section) -> list[int]:
        named = [RowKey.read(key) for key in (*self.entered, *self.reasons)]
        return sorted({key.row for key in named if key is not None and key.section == group.key})

    def rows_answered(self, group: Section) -> list[int]:
        own = {item.key: item for item in group.items}
        return [
            row
            for row in self.rows_begun(group)
            if any(not derived(item) and self.value(group.row_key(row, key)) for key, item in own.items())
        ]

    def section_of(self, key: str) -> Section | None:
        row = RowKey.read(key)
        return next((each for each in self.sections if row is not None and each.key == row.section), None)

    @cached_property
    def plain(self) -> dict[str, Item]:
        return {item.key: item for each in self.sections if each.repeats is None for item in each.items}

    @cached_property
    def in_rows(self) -> dict[tuple[str, str], Item]:
        return {(each.key, item.key): item for each in self.sections if each.repeats for item in each.items}

    def item(self, key: str) -> Item | None:
        row = RowKey.read(key)
        return self.in_rows.get((row.section, row.item)) if row else self.plain.get(key)

    # --- one question

    def asked(self, key: str) -> bool:
        if key not in self.asks:
            item = self.item(key)
            rule = item.ask_if if item else None
            self.asks[key] = rule is None or parse(rule).evaluate(self.seen_from(key)) is True
        return self.asks[key]

    def value(self, key: str) -> str | None:
        """The canonical string that counts; None where there is none, or the question is not asked."""
        if key not in self.known:
            item = self.item(key)
            found = None if item is None or self.not_done or not self.asked(key) else self._worked_out(key, item)
            outside = item is not None and found is not None and is_outside(item.range, found)
            self.known[key] = None if outside else found
        return self.known[key]

    def _worked_out(self, key: str, item: Item) -> str | None:
        if item.score is not None:
            answers = [number(self.seen_from(key)((name,))) for name in item.score.items]
            return written(item, scoring.FUNCTIONS[item.score.function](answers))
        if item.derive is not None:
            return written(item, parse(item.derive).evaluate(self.seen_from(key)))
        return self.entered.get(key)

    def seen_from(self, key: str) -> View:
        row = RowKey.read(key)
        return View(self, self.definition, self, self.section_of(key), row.row if row else 0)

    # --- all of it

    def truth(self) -> Truth:
        if self.not_done:
            plain = [item.key for each in self.sections if each.repeats is None for item in each.items]
            owed = [key for key in plain if not derived(self.need(key)) and self.asked(key)]
            return Truth({}, dict.fromkeys(owed, self.not_done), {}, True, frozenset())
        asked = [(key, item) for key, item in self.keys() if self.asked(key)]
        hidden = [(key, item) for key, item in self.keys() if not self.asked(key) and not derived(item)]
        data = {key: value for key, _item in asked if (value := self.value(key)) is not None}
        unasked = {key: {"value": self.entered[key]} for key, _item in hidden if key in self.entered}
        unasked |= {key: {"missing": self.reasons[key]} for key, _item in hidden if key in self.reasons}
        missing = {key: self.reasons[key] for key, item in asked if key in self.reasons and not derived(item)}
        owed = [key for key, item in asked if item.required and not derived(item)]
        complete = all(key in data or key in missing for key in owed)
        return Truth(data, missing, unasked, complete, frozenset(self.firing(asked)))

    def need(self, key: str) -> Item:
        item = self.item(key)
        assert item is not None
        return item

    def firing(self, asked: Sequence[tuple[str, Item]]) -> Iterator[tuple[str, str]]:
        for key, item in asked:
            value = self.value(key)
            if value is not None and is_outside(item.soft_range, value):
                yield "soft_range", key
        for check in self.checks:
            group = self.group_of(check)
            first = check.items[0].rpartition(".")[2]
            keys = [group.row_key(row, first) for row in self.rows_answered(group)] if group else [check.items[0]]
            for key in keys:
                if parse(check.fires_if).evaluate(self.seen_from(key)) is True:
                    yield check.key, key

    def group_of(self, check: Check) -> Section | None:
        names = {key.rpartition(".")[2] for key in check.items}
        groups = [each for each in self.sections if each.repeats is not None]
        return next((each for each in groups if names <= {item.key for item in each.items}), None)


@dataclass
class View:
    """What a rule of ``reader`` reaches, standing in a row of a group, perhaps, of ``sheet``.

    ``definition``: the reader's own version, which says how a value is read.
    """

    reader: Sheet
    definition: StudyDefinition
    sheet: Sheet
    group: Section | None = None
    row: int = 0

    def __call__(self, path: Path) -> Value:
        if len(path) == 3:
            visit, form, key = path
            other = self.reader.book.at(self.reader, visit, form)
            item = item_of(self.definition, form, key)
            raw = other.value(key) if other and item else None
            return read(self.definition, item, raw) if item else None
        if self.group is not None:
            here = self._own(self.group.row_key(self.row, path[-1]))
            if here is not None or len(path) == 2:
                return here
        return self._own(path[0])

    def _own(self, key: str) -> Value:
        item = self.sheet.item(key)
        return read(self.definition, item, self.sheet.value(key)) if item else None

    def rows(self, path: Path) -> list[RowView] | None:
        sheet = self.reader if len(path) == 1 else self.reader.book.at(self.reader, path[0], path[1])
        if sheet is None:
            return None
        group = next((each for each in sheet.sections if each.key == path[-1]), None)
        if group is None or group.repeats is None:
            return None
        return [
            RowView(self, path, View(sheet, self.definition, sheet, group, row)) for row in sheet.rows_answered(group)
        ]


@dataclass
class RowView:
    """One row that a function over rows looks at: ``group.item`` is this row's, all else as outside."""

    outside: View
    path: Path
    inside: View

    def __call__(self, path: Path) -> Value:
        if path[:-1] != self.path:
            return self.outside(path)
        assert self.inside.group is not None
        return self.inside._own(self.inside.group.row_key(self.inside.row, path[-1]))

    def skips(self, path: Path) -> bool:
        return self.never_asked(path[-1])

    def never_asked(self, name: str) -> bool:
        """Its rule is false; or unknown, because it reads an item of the row that is not asked."""
        assert self.inside.group is not None
        items = {item.key: item for item in self.inside.group.items}
        rule = items[name].ask_if
        if rule is None:
            return False
        truth = parse(rule).evaluate(self.inside)
        read_names = [path[0] for path in parse(rule).references if len(path) == 1 and path[0] in items]
        return truth is False or (truth is None and any(self.never_asked(each) for each in read_names))


@dataclass
class Book:
    """The standing entries of one participant."""

    sheets: dict[Where, Sheet] = field(default_factory=dict)

    def at(self, reader: Sheet, visit: str, form: str) -> Sheet | None:
        here = reader.where[0]
        slug = before(reader.definition, here, form) if visit == "previous" else visit
        slug = here if here.startswith(f"{visit}-") or here == visit else slug
        return self.sheets.get((slug, form, 1)) if slug else None


def book_of(participant: Participant) -> Book:
    book = Book()
    rows = FormEntry.objects.filter(visit__participant=participant).exclude(status=EntryStatus.REMOVED.value)
    for entry in rows.select_related("visit", "study_version").defer("study_version__document"):
        book.sheets[(entry.visit.slug, entry.form_key, entry.occurrence)] = sheet_of(book, participant, entry)
    return book


def sheet_of(book: Book, participant: Participant, entry: FormEntry) -> Sheet:
    definition = entry.study_version.definition
    form = definition.form(entry.form_key)
    sheet = Sheet(
        book=book,
        where=(entry.visit.slug, entry.form_key, entry.occurrence),
        definition=definition,
        sections=(*criteria_sections(definition, form, participant), *form.sections),
        checks=form.checks,
        entered={},
        reasons={},
        not_done=entry.not_done,
    )
    if not entry.not_done:
        kept: Mapping[str, Mapping[str, str]] = entry.unasked
        sheet.entered = {key: raw for key, raw in entry.data.items() if not derived(sheet.need(key))}
        sheet.entered |= {key: each["value"] for key, each in kept.items() if "value" in each}
        sheet.reasons = {**entry.missing, **{key: each["missing"] for key, each in kept.items() if "missing" in each}}
    return sheet


def truths(participant: Participant) -> dict[Where, Truth]:
    """What each standing entry should hold."""
    book = book_of(participant)
    return {where: sheet.truth() for where, sheet in book.sheets.items()}


def criteria_sections(definition: StudyDefinition, form: Form, participant: Participant) -> list[Section]:
    """The eligibility form asks each criterion in force on the day of registration, inclusion first."""
    if not form.eligibility:
        return []
    day = participant.registered_on.isoformat()
    begun = [each for each in definition.eligibility if each.valid_from <= day]
    version = max(begun, key=lambda each: each.valid_from) if begun else definition.eligibility[0]
    nothing = Words(nl="-", en="-")
    kinds = [[each for each in version.criteria if each.kind == kind] for kind in ("inclusion", "exclusion")]
    return [
        Section(
            key=f"criteria_{number}",
            label=nothing,
            items=tuple(
                Item(key=each.id.lower(), type=ItemType.YES_NO, label=nothing, missing_allowed=False) for each in kind
            ),
        )
        for number, kind in enumerate(kinds)
        if kind
    ]


def before(definition: StudyDefinition, slug: str, form: str) -> str | None:
    """The nearest earlier scheduled visit with that form, in the definition's order, in the arm of this one."""
    line = [
        (visit, visit.slug(ordinal))
        for visit in definition.visits
        if visit.kind == "scheduled"
        for ordinal in range(1, len(visit.occurrences()) + 1)
    ]
    places = [place for place, (_visit, name) in enumerate(line) if name == slug]
    if not places:
        return None
    here = line[places[0]][0]
    for visit, name in reversed(line[: places[0]]):
        reachable = visit is here or not visit.arms or bool(set(visit.arms) & set(here.arms))
        if form in visit.forms and reachable:
            return name
    return None


def derived(item: Item) -> bool:
    return item.derive is not None or item.score is not None


def item_of(definition: StudyDefinition, form: str, key: str) -> Item | None:
    if not definition.has_form(form) or not definition.form(form).has_item(key):
        return None
    return definition.form(form).item(key)


def read(definition: StudyDefinition, item: Item, raw: str | None) -> Value:
    if raw is None:
        return None
    try:
        return typed(item, parse_value(item, raw, definition.codelist(item.codelist) if item.codelist else None))
    except ValueProblem:
        return None


def number(value: Value) -> Decimal | None:
    if isinstance(value, bool):
        return Decimal(1 if value else 0)
    return value if isinstance(value, Decimal) else None


def written(item: Item, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return {True: "yes", False: "no"}[value]
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, Decimal):
        return None
    places = 0 if item.type is not ItemType.DECIMAL else 6 if item.decimals is None else item.decimals
    text = f"{value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP):f}"
    if item.type is ItemType.DECIMAL and item.decimals is None:
        text = text.rstrip("0").rstrip(".")
    return text.removeprefix("-") if not Decimal(text) else text


def is_outside(bounds: Range | None, raw: str) -> bool:
    if bounds is None:
        return False
    try:
        amount = Decimal(raw)
    except ArithmeticError:
        return False
    return (bounds.min is not None and amount < bounds.min) or (bounds.max is not None and amount > bounds.max)
