"""The boxes of a form on a page: from definition and values to plain view objects, and from a POST back to raw strings.

Knows the names of the boxes (``item.<key>``, ``item.<key>.day``, ``missing.<key>``), and no database or request.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from crf.layout.boxes import DATES, REASON_MARK
from crf.layout.threads import AskView, ThreadView
from trialmgr.protocol.expressions import parse
from trialmgr.protocol.expressions.nodes import (
    Comparison,
    Constant,
    Holding,
    Inverse,
    Membership,
    Node,
    Presence,
    Reference,
)
from trialmgr.protocol.model import MOST_ANSWERS, Form, Item, ItemType, Range, RowKey, Section, StudyDefinition
from trialmgr.protocol.wording import Wording

MOST_LETTERS = 60
"""Answers of more letters together stand below one another as radios, not side by side as keys."""
ANY_ANSWER, NO_ANSWER = "*", "!"
"""Stand in the place of codes in ``ShownWhen``; no code is spelled so."""

_INPUTMODES = {ItemType.INTEGER: "numeric", ItemType.DECIMAL: "decimal", ItemType.SCALE: "numeric"}
_CONTROLS: dict[str, str] = {ItemType.LONG_TEXT: "long_text", ItemType.FILE: "file"}
_YES_NO = {"nl": (("yes", "Ja"), ("no", "Nee")), "en": (("yes", "Yes"), ("no", "No"))}
_MONTHS = {
    language: {f"{number:02d}": name for number, name in enumerate(names.split(), start=1)}
    for language, names in {
        "nl": "jan feb mrt apr mei jun jul aug sep okt nov dec",
        "en": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    }.items()
}

Choices = tuple[tuple[str, str], ...]


class DateParts(NamedTuple):
    """The three boxes of a date, as typed."""

    day: str = ""
    month: str = ""
    year: str = ""


NO_PARTS = DateParts()


class ErrorLink(NamedTuple):
    """One line of the error summary; ``target`` is the id of the box."""

    target: str
    message: str


class FieldLink(NamedTuple):
    """Something a person may do with this item: raise a query, verify, see its past."""

    label: str
    url: str


class ShownWhen(NamedTuple):
    """The box stands while the answer in box ``name`` is one of ``codes`` (by spaces), or any at all, or none.

    It spares the person the wait for the server, which judges every rule, also those that cannot be said so.
    """

    name: str
    codes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What the casebook knows of one item besides its value. ``skipped``: it does not apply."""

    queries: int = 0
    verified: bool = False
    frozen: bool = False
    skipped: bool = False
    links: tuple[FieldLink, ...] = ()
    threads: tuple[ThreadView, ...] = ()
    ask: AskView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldView:
    """One item as ``parts/field.html`` draws it; every text in one language.

    ``value`` is canonical, or as typed when it was refused; ``shown`` is the same in words. ``previous`` is the saved
    value in words, when what stands in the box differs from it. ``is_scale``: its answers stand side by side if they
    are short. ``hint_at``: the id of a hint that it shares with others.
    """

    key: str
    type: str
    label: str
    hint: str = ""
    hint_at: str = ""
    bounds: str = ""
    accepts: str = ""
    unit: str = ""
    value: str = ""
    shown: str = ""
    parts: DateParts = NO_PARTS
    choices: Choices = ()
    is_scale: bool = False
    required: bool = True
    error: str = ""
    missing_reason: str = ""
    missing_choices: Choices = ()
    missing_allowed: bool = True
    derived: bool = False
    skipped: bool = False
    queries: int = 0
    verified: bool = False
    frozen: bool = False
    inputmode: str = "text"
    max_length: int | None = None
    previous: str = ""
    shown_when: ShownWhen | None = None
    links: tuple[FieldLink, ...] = ()
    threads: tuple[ThreadView, ...] = ()
    ask: AskView | None = None

    @property
    def name(self) -> str:
        return f"item.{self.key}"

    @property
    def id(self) -> str:
        return f"item-{self.key}"

    @property
    def missing_name(self) -> str:
        return f"missing.{self.key}"

    @property
    def control(self) -> str:
        """Which boxes the page draws: output, date, keys, radios, checkboxes, select, file, long_text or text."""
        if self.derived or self.frozen:
            return "output"
        if self.type in DATES:
            return "date"
        return self._choice_control() if self.choices else _CONTROLS.get(self.type, "text")

    def _choice_control(self) -> str:
        if self.type == ItemType.MULTI_CHOICE:
            return "checkboxes"
        if len(self.choices) > MOST_ANSWERS:
            return "select"
        letters = sum(len(shown) for _code, shown, _words in self.keys)
        return "keys" if self.is_scale and letters <= MOST_LETTERS else "radios"

    @property
    def role(self) -> str:
        """What several boxes under one question are to a screen reader; empty for a question with one box."""
        return {"date": "group", "checkboxes": "group", "radios": "radiogroup", "keys": "radiogroup"}.get(
            self.control, ""
        )

    @property
    def keys(self) -> tuple[tuple[str, str, str], ...]:
        """Code, what stands on the key, and more words for a screen reader: of a number the number alone is shown."""
        if self.type in _INPUTMODES:
            return tuple((code, code, label.partition(": ")[2]) for code, label in self.choices)
        return tuple((code, label, "") for code, label in self.choices)

    @property
    def changed_at(self) -> str:
        """The id of its box, "" where there is none."""
        return "" if self.control == "output" else self.first_box

    @property
    def first_box(self) -> str:
        """The id that the error summary leads to."""
        ends = {"date": "-day", "radios": "-0", "keys": "-0", "checkboxes": "-0"}
        return self.id + ends.get(self.control, "")

    @property
    def selected(self) -> frozenset[str]:
        """Codes that are chosen; among radios a reason for no value counts as one."""
        chosen = self.value.split() if self.type == ItemType.MULTI_CHOICE else [self.value]
        return frozenset([*chosen, REASON_MARK + self.missing_reason])

    @property
    def missing_radios(self) -> Choices:
        return tuple((REASON_MARK + code, label) for code, label in self.missing_choices)

    @property
    def codes(self) -> tuple[str, ...]:
        """The value in the strings that its boxes would send; for boxes that stand hidden beside an output."""
        return tuple(self.value.split()) if self.type == ItemType.MULTI_CHOICE else (self.value,)

    @property
    def needs_hint_of_type(self) -> bool:
        return not self.hint and self.type in (ItemType.PARTIAL_DATE, ItemType.TIME)

    @property
    def bounds_shown(self) -> str:
        """The range in words beside a box where a person types, and beside keys that show no words."""
        wordless = self.control == "keys" and any(words for _code, _shown, words in self.keys)
        return self.bounds if wordless or self.control == "text" else ""

    @property
    def file_name(self) -> str:
        """The name under which a file was brought, from the mark that stands for it."""
        return self.value.partition("/")[2]

    @property
    def described_by(self) -> str:
        ends = {
            "hint": bool(self.hint) or self.needs_hint_of_type,
            "bounds": bool(self.bounds_shown),
            "unit": bool(self.unit),
            "error": bool(self.error),
            "previous": bool(self.previous),
        }
        return " ".join([*filter(None, [self.hint_at]), *(f"{self.id}-{end}" for end, here in ends.items() if here)])


@dataclass(frozen=True, slots=True)
class LineView:
    """One line of a table; ``fields``: one a column, None where it is hidden from this person."""

    label: str
    fields: tuple[FieldView | None, ...]


@dataclass(frozen=True, slots=True)
class TableView:
    """``columns``: label and, where its items share one, the unit."""

    columns: tuple[tuple[str, str], ...]
    lines: tuple[LineView, ...]

    @property
    def fields(self) -> tuple[FieldView, ...]:
        return tuple(field for line in self.lines for field in line.fields if field)


@dataclass(frozen=True, slots=True)
class SectionView:
    """``hint``: of all its questions with short answers; ``table``: some of its ``fields`` once more, line by line."""

    key: str
    label: str
    fields: tuple[FieldView, ...]
    hint: str = ""
    table: TableView | None = None

    @property
    def blocks(self) -> Iterator[tuple[TableView | None, FieldView | None]]:
        """The section from top to bottom: the table, where its first field stands, or one field."""
        inside = {field.key for field in self.table.fields} if self.table else set()
        first = next((field.key for field in self.fields if field.key in inside), "")
        for field in self.fields:
            if field.key == first:
                yield self.table, None
            elif field.key not in inside:
                yield None, field


@dataclass(frozen=True, slots=True)
class _Page:
    """What ``build_fields`` was given, handed on from item to item."""

    definition: StudyDefinition
    form: Form
    language: str
    values: Mapping[str, str]
    missing: Mapping[str, str]
    errors: Mapping[str, str]
    saved: tuple[Mapping[str, str], Mapping[str, str]]
    marks: Mapping[str, Marks]
    hidden: Collection[str]
    wording: Wording


def build_fields(
    definition: StudyDefinition,
    form: Form,
    values: Mapping[str, str],
    missing: Mapping[str, str],
    errors: Mapping[str, str],
    language: str,
    *,
    saved_values: Mapping[str, str] | None = None,
    saved_missing: Mapping[str, str] | None = None,
    marks: Mapping[str, Marks] | None = None,
    hidden: Collection[str] = (),
    wording: Wording | None = None,
) -> tuple[SectionView, ...]:
    """Sections of a form as the page draws them (groups laid out by ``layout``); all mappings go by item key.

    ``values`` and ``missing`` (codes of reasons) are what stands in the boxes, ``saved_*`` what the entry holds; where
    they differ the field shows what it was. ``hidden`` items are left out, and a section that loses all of them too.
    ``wording``: texts of a site's own pack, shown in place of the definition's.
    """
    saved = (values if saved_values is None else saved_values, missing if saved_missing is None else saved_missing)
    page = _Page(definition, form, language, values, missing, errors, saved, marks or {}, hidden, wording or Wording())
    sections = (_section(page, section) for section in form.sections)
    return tuple(section for section in sections if section.fields)


def error_links(sections: Sequence[SectionView]) -> tuple[ErrorLink, ...]:
    """The error summary of a form, in the order of the boxes; each line names its question."""
    fields = (field for section in sections for field in section.fields)
    return tuple(
        ErrorLink(field.first_box, f"{field.label.rstrip('?:. ')}: {field.error}") for field in fields if field.error
    )


def shown_value(definition: StudyDefinition, item: Item, value: str, language: str) -> str:
    """A canonical value in words: labels for codes, ``3 mrt 2026`` for dates, the unit behind a number."""
    if not value:
        return ""
    if item.type in DATES:
        return _shown_date(value, language)
    if item.type is ItemType.FILE:
        return value.partition("/")[2]
    labels = dict(_choices(definition, item, language))
    if labels:
        codes = value.split() if item.type is ItemType.MULTI_CHOICE else [value]
        return "; ".join(labels.get(code, code) for code in codes)
    return f"{value} {item.unit}" if item.unit else value


def _section(page: _Page, section: Section) -> SectionView:
    is_scale = section.layout == "scale"
    fields = tuple(_field(page, item, is_scale) for item in section.items if item.key not in page.hidden)
    label = page.wording.section_label(page.form, section.key)(page.language)
    fields, hint = _hinted_once(section.key, fields)
    return SectionView(section.key, label, fields, hint, _table(page, section, fields) if section.lines else None)


def _hinted_once(section: str, fields: tuple[FieldView, ...]) -> tuple[tuple[FieldView, ...], str]:
    """A hint that all questions with keys share is said once, above them."""
    hints = [field.hint for field in fields if field.control == "keys"]
    if len(hints) < 2 or len(set(hints)) > 1 or not hints[0]:
        return fields, ""
    at = f"section-{section}-hint"
    once = (replace(field, hint="", hint_at=at) if field.control == "keys" else field for field in fields)
    return tuple(once), hints[0]


def _table(page: _Page, section: Section, fields: Sequence[FieldView]) -> TableView:
    known = {field.key: field for field in fields}
    lines = [LineView(line.label(page.language), tuple(map(known.get, line.items))) for line in section.lines]
    columns = []
    for place, label in enumerate(section.columns):
        units = {field.unit for line in lines if (field := line.fields[place]) is not None}
        columns.append((label(page.language), units.pop() if len(units) == 1 else ""))
    return TableView(tuple(columns), tuple(line for line in lines if any(line.fields)))


def _field(page: _Page, item: Item, in_scale: bool) -> FieldView:
    value, reason = page.values.get(item.key, ""), page.missing.get(item.key, "")
    marks, hint = page.marks.get(item.key, Marks()), page.wording.hint(page.form, item.key)
    choices = _worded_choices(page, item)
    if in_scale and not choices and (not value or value in item.steps):
        choices = tuple((step, step) for step in item.steps)
    return FieldView(
        key=item.key,
        type=item.type,
        label=page.wording.item_label(page.form, item.key)(page.language),
        hint=hint(page.language) if hint else "",
        bounds=_bounds(item, page.language),
        accepts=",".join(f".{ending}" for ending in item.accepts),
        unit=item.unit or "",
        value=value,
        shown=_in_words(page, item, value, reason),
        parts=_date_parts(value) if item.type in DATES else NO_PARTS,
        choices=choices,
        is_scale=(in_scale and not page.wording.answers(page.form, item.key)) or item.type is ItemType.YES_NO,
        required=item.required,
        error=page.errors.get(item.key, ""),
        missing_reason=reason,
        missing_choices=_reasons(page) if item.missing_allowed else (),
        missing_allowed=item.missing_allowed,
        derived=item.is_derived,
        skipped=marks.skipped,
        queries=marks.queries,
        verified=marks.verified,
        frozen=marks.frozen,
        inputmode=_INPUTMODES.get(item.type, "text"),
        max_length=item.max_length,
        previous=_previous(page, item),
        shown_when=_shown_when(page, item),
        links=marks.links,
        threads=marks.threads,
        ask=marks.ask,
    )


def _choices(definition: StudyDefinition, item: Item, language: str) -> Choices:
    if item.type is ItemType.YES_NO:
        return _YES_NO[language]
    if item.type is ItemType.SCALE:
        return _steps(item, language)
    if item.codelist is None:
        return ()
    return tuple((entry.code, entry.label(language)) for entry in definition.codelist(item.codelist).items)


def _worded_choices(page: _Page, item: Item) -> Choices:
    """The answers in the words of the pack; a whole number gets radios when the pack has words for its answers."""
    answers = page.wording.answers(page.form, item.key)
    if item.codelist is not None:
        codelist = page.definition.codelist(item.codelist)
        codes = [entry.code for entry in codelist.items]
        texts = {code: page.wording.code_label(page.form, codelist, code) for code in codes} | dict(answers)
        return tuple((code, texts[code](page.language)) for code in codes)
    if not answers or item.range is None or item.range.min is None or item.range.max is None:
        return _choices(page.definition, item, page.language)
    numbers = [str(number) for number in range(int(item.range.min), int(item.range.max) + 1)]
    return tuple((each, f"{each}: {answers[each](page.language)}" if each in answers else each) for each in numbers)


def _steps(item: Item, language: str) -> Choices:
    """Every step of a scale, its ends in words; none for a long scale, where the number is typed."""
    ends, words = item.range or Range(), item.anchors
    first, last = int(ends.min or 0), int(ends.max or 0)
    if words is None or last - first >= MOST_ANSWERS:
        return ()
    said = {first: f"{first}: {words.min(language)}", last: f"{last}: {words.max(language)}"}
    return tuple((str(step), said.get(step, str(step))) for step in range(first, last + 1))


def _bounds(item: Item, language: str) -> str:
    """``0 - 6`` or, for a scale, what its ends mean; nothing for a range with an open end."""
    ends = item.range or Range()
    if ends.min is None or ends.max is None:
        return ""
    if item.anchors is not None:
        return f"{ends.min}: {item.anchors.min(language)}; {ends.max}: {item.anchors.max(language)}"
    return f"{ends.min} – {ends.max}"


def _reasons(page: _Page) -> Choices:
    return tuple((entry.code, entry.label(page.language)) for entry in page.definition.missing_reasons.items)


def _in_words(page: _Page, item: Item, value: str, reason: str) -> str:
    return shown_value(page.definition, item, value, page.language) or dict(_reasons(page)).get(reason, reason)


def _previous(page: _Page, item: Item) -> str:
    saved = [part.get(item.key, "") for part in page.saved]
    if saved == [page.values.get(item.key, ""), page.missing.get(item.key, "")]:
        return ""
    return _in_words(page, item, *saved)


def _date_parts(value: str) -> DateParts:
    """What was pasted whole into the first box, and is no date, comes back there."""
    if re.search(r"[/. ]", value):
        return DateParts(day=value)
    year, month, day = [*value.split("-", 2), "", ""][:3]
    return DateParts(day=day, month=month, year=year)


def _shown_date(value: str, language: str) -> str:
    """``3 mrt 2026``, ``mrt 2026`` or ``2026``; what is no date stays as typed."""
    parts = _date_parts(value)
    month = _MONTHS[language].get(parts.month)
    if month is None:
        return value
    return " ".join([*filter(None, [parts.day.lstrip("0")]), month, parts.year])


def _shown_when(page: _Page, item: Item) -> ShownWhen | None:
    """Skip logic simple enough for the browser: one other answer on this page, compared with codes."""
    if item.ask_if is None:
        return None
    asked = _asked_codes(page, item, parse(item.ask_if).root)
    if asked is None:
        return None
    key = _beside(page, item, asked[0])
    return ShownWhen(f"item.{key}", " ".join(asked[1])) if _stands(page, key) else None


def _beside(page: _Page, item: Item, name: str) -> str:
    """Whom a rule means by a bare name: within a row the item of the same row, where the row has one."""
    row = RowKey.read(item.key)
    key = f"{row.section}.{row.row}.{name}" if row else name
    return key if page.form.has_item(key) else name


def _stands(page: _Page, key: str) -> bool:
    """Whether the item has one answer box, by that name, on this page."""
    if key in page.hidden or not page.form.has_item(key):
        return False
    item = page.form.item(key)
    return not item.is_derived and item.type not in DATES


def _asked_codes(page: _Page, item: Item, node: Node) -> tuple[str, list[str]] | None:
    match node:
        case Reference(path=(key,)):
            return key, ["yes"]
        case Inverse(part=Reference(path=(key,))):
            return key, ["no"]
        case Presence(part=Reference(path=(key,)), wanted=wanted):
            return key, [ANY_ANSWER if wanted else NO_ANSWER]
        case Holding(part=Reference(path=(key,)), code=code):
            return key, [code]
        case Comparison(sign="=", left=Reference(path=(key,)), right=Constant() as constant):
            return _as_codes(key, (constant,))
        case Comparison(sign="!=", left=Reference(path=(key,)), right=Constant() as constant):
            return _other_codes(page, item, key, constant)
        case Membership(part=Reference(path=(key,)), options=options):
            return _as_codes(key, options)
        case _:
            return None


def _as_codes(key: str, constants: Sequence[Constant]) -> tuple[str, list[str]] | None:
    codes = [_code(constant.content) for constant in constants]
    known = [code for code in codes if code is not None]
    return (key, known) if len(known) == len(codes) else None


def _other_codes(page: _Page, item: Item, key: str, constant: Constant) -> tuple[str, list[str]] | None:
    """The rest of the code list; None for an item without one."""
    asked = _beside(page, item, key)
    choices = _choices(page.definition, page.form.item(asked), page.language) if page.form.has_item(asked) else ()
    others = [code for code, _ in choices if code != _code(constant.content)]
    return (key, others) if others else None


def _code(content: object) -> str | None:
    """How a box would send this constant; None for numbers and dates, which can be typed in more than one way."""
    if isinstance(content, bool):
        return "yes" if content else "no"
    return content if isinstance(content, str) else None
