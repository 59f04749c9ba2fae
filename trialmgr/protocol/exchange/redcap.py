"""A REDCap data dictionary (CSV, one field a row, 18 columns) as the draft of a study folder.

Source: the format as REDCap writes it, in both spellings of its header (the download "Variable / Field Name", the API
"field_name"). The dictionary knows no events, roles or arms: every form stands at one visit, or at the visits whose
events its formulas name. Limits of REDCap's text validation only warn there, so they become soft ranges.
"""

from __future__ import annotations

import csv
import datetime as dt
import html
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from trialmgr.protocol.exchange.drafts import (
    ENTERED_BY,
    Draft,
    ImportRefused,
    ImportReport,
    Keys,
    Notices,
    eligibility_form,
    eligibility_visit,
    in_both,
    in_order_of,
    placeholders,
    plain_code,
    plain_key,
    refuse_used_folder,
    save,
    visit,
)
from trialmgr.protocol.exchange.foreign_logic import CannotTranslate, Known, Translated, calculation, condition
from trialmgr.protocol.exchange.yaml_writer import Noted
from trialmgr.protocol.model import Item, Section

LARGEST_FILE = 20_000_000
MOST_FIELDS = 20_000
ONLY_VISIT = "record"

_COLUMNS = {
    "name": ("variablefieldname", "fieldname"),
    "form": ("formname",),
    "section": ("sectionheader",),
    "type": ("fieldtype",),
    "label": ("fieldlabel",),
    "choices": ("choicescalculationsorsliderlabels", "choicesorcalculations", "selectchoicesorcalculations"),
    "note": ("fieldnote",),
    "validation": ("textvalidationtypeorshowslidernumber", "textvalidationtype"),
    "lowest": ("textvalidationmin",),
    "highest": ("textvalidationmax",),
    "identifier": ("identifier",),
    "branching": ("branchinglogicshowfieldonlyif", "branchinglogic"),
    "required": ("requiredfield",),
    "alignment": ("customalignment",),
    "number": ("questionnumbersurveysonly", "questionnumber"),
    "matrix": ("matrixgroupname",),
    "ranking": ("matrixranking",),
    "annotation": ("fieldannotation",),
}
_NEEDED = ("name", "form", "type", "label")
_TAG = re.compile(r"<(?:/?[A-Za-z][^<>]*|!--.*?--)>", re.DOTALL)
_EVENT = re.compile(r"\[([a-z0-9_]+_arm_[0-9]+)\]\[")
_ACTION = re.compile(r"@[A-Z][A-Z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Row:
    """One field of the dictionary, and the line on which it ends."""

    line: int
    columns: dict[str, str]

    def __getattr__(self, name: str) -> str:
        """The column of that name; empty when the file does not have it."""
        if name not in _COLUMNS:
            raise AttributeError(name)
        return self.columns.get(name, "")

    def says_yes(self, name: str) -> bool:
        return self.columns.get(name, "").casefold() in ("y", "yes", "1", "true")


def import_redcap(path: Path, folder: Path) -> ImportReport:
    """Make the study folder of a data dictionary. ImportRefused, and nothing written, when it cannot be."""
    refuse_used_folder(folder)
    name = re.sub(r"_?DataDictionary.*$", "", path.stem, flags=re.IGNORECASE) or path.stem
    return save(draft_of(read_rows(path), name), folder, path.name)


# --- reading the file ------------------------------------------------------------------------------------------------


def read_rows(path: Path) -> list[Row]:
    """The fields of the dictionary; ImportRefused names the line at fault."""
    text = _decoded(path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        header = next(reader, [])
        places = _places(path.name, header)
        rows = [Row(reader.line_num, _taken(cells, places)) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise ImportRefused(
            f"{path.name}, line {reader.line_num}: this is not CSV ({error}); save it as CSV again"
        ) from None
    if not rows or len(rows) > MOST_FIELDS:
        raise ImportRefused(f"{path.name}: the dictionary has {len(rows)} fields; export it again")
    for row in rows:
        if not row.name or not row.form:
            raise ImportRefused(f"{path.name}, line {row.line}: the field has no name or no form; fill in both")
    return rows


def _decoded(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ImportRefused(f"{path.name} is larger than {LARGEST_FILE // 1_000_000} MB; it is no data dictionary")
        content = path.read_bytes()
    except OSError as error:
        raise ImportRefused(f"{path}: the file cannot be read ({error.strerror})") from None
    try:
        return content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ImportRefused(f"{path.name}, line {line}: the file is not UTF-8; save it as “CSV UTF-8”") from None


def _delimiter(text: str) -> str:
    """Spreadsheets in Dutch write semicolons."""
    first = text.split("\n", 1)[0]
    return max(",;\t", key=first.count)


def _places(name: str, header: list[str]) -> dict[str, int]:
    spelt = [re.sub(r"[^a-z]", "", cell.casefold()) for cell in header]
    places = {key: spelt.index(word) for key, words in _COLUMNS.items() for word in words if word in spelt}
    wanting = [key for key in _NEEDED if key not in places]
    if wanting:
        raise ImportRefused(
            f"{name}, line 1: this is no REDCap data dictionary; its header has no column for {', '.join(wanting)}"
        )
    return places


def _taken(cells: list[str], places: dict[str, int]) -> dict[str, str]:
    return {key: cells[place].strip() for key, place in places.items() if place < len(cells)}


# --- the draft -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Field:
    """A row with the items that came of it, and the codes by which formulas name its answers."""

    row: Row
    form: str
    place: int
    items: list[Noted]
    codes: dict[str, str] = field(default_factory=dict)


def draft_of(rows: list[Row], name: str) -> Draft:
    """The documents of the study with that name."""
    return _Dictionary(rows, name).draft()


class _Dictionary:
    def __init__(self, rows: list[Row], name: str) -> None:
        self.rows, self.name = rows, name
        self.notices = Notices()
        self.counted: Counter[str] = Counter()
        self.lists: dict[tuple[tuple[str, str], ...], str] = {}
        self.codelists: list[dict[str, Any]] = []
        self.forms: dict[str, Noted] = {}
        self.fields: list[_Field] = []
        self._by_name: dict[str, _Field] = {}
        self._form_names, self._list_keys = Keys(fallback="form"), Keys(fallback="list")
        self._item_keys: dict[str, Keys] = {}
        self.visits: dict[str, str] = {}

    def draft(self) -> Draft:
        for row in self.rows[1:]:
            self._take(row)
        self.notices.leave_out(
            f"{self.rows[0].name}: the number of the participant is given by the system", self.rows[0].line
        )
        self._name_visits()
        for each in self.fields:
            self._add_logic(each)
        forms = list(self._finished_forms())
        if not forms:
            raise ImportRefused(f"{self.name}: the dictionary has no questions besides the number of the participant")
        study = self._study([form["key"] for form in forms])
        eligibility = eligibility_form(self._form_names.take("eligibility"))
        key = Keys(self.visits.values()).take("eligibility")
        study["visits"].insert(0, eligibility_visit(key, eligibility))
        self._tell()
        return Draft(study, self.codelists, [*forms, eligibility], self.notices)

    def _finished_forms(self) -> Iterator[dict[str, Any]]:
        """Forms with questions, their checks behind the sections; the others are told."""
        for name, form in self.forms.items():
            sections = [in_order_of(Section, section) for section in form.pop("sections") if section["items"]]
            for section in sections:
                section["items"] = [Noted(in_order_of(Item, item), *item.notes) for item in section["items"]]
            checks = form.pop("checks", None)
            if sections:
                yield Noted(form | {"sections": sections} | ({"checks": checks} if checks else {}), *form.notes)
            else:
                self.notices.leave_out(f"the form {name} has no questions")

    def _study(self, forms: list[str]) -> dict[str, Any]:
        study = placeholders() | {"id": plain_key(self.name) or "study", "short_title": self.name}
        study |= {"title": in_both(self.name), "public_title": in_both(self.name)}
        events = {event: key for event, key in self.visits.items() if event}
        study["visits"] = [
            visit(key, in_both(event or "Record"), forms, **({"required_forms": []} if events else {}))
            for event, key in self.visits.items()
        ]
        reasons = study.pop("missing_reasons")
        return {**study, "missing_reasons": reasons}

    def _tell(self) -> None:
        self.notices.warn("a dictionary has one language; its texts stand in both, the other is to be translated")
        self.notices.warn(
            "roles, consents, criteria, phases and who enters a form are placeholders; a dictionary does not hold them"
        )
        for what, count in sorted(self.counted.items()):
            self.notices.leave_out(f"{what}: {count} times" if count > 1 else what)

    # --- fields ------------------------------------------------------------------------------------------------------

    def _take(self, row: Row) -> None:
        form = self._form(row)
        if row.section or not form["sections"]:
            self._start_section(form, row)
        if row.type == "descriptive":
            self.notices.leave_out(f"{row.name}: a text between the questions: {_plain(row.label)[:200]}", row.line)
            return
        if row.name in self._by_name:
            self.notices.warn(f"{row.name} stands twice; the second one gets another key", row.line)
        made = self._field(form["key"], row)
        form["sections"][-1]["items"] += made.items
        if row.matrix and made.items[0]["type"] == "choice":
            form["sections"][-1]["layout"] = "scale"
        elif row.matrix:
            self.counted[f"matrix group {row.matrix}: its questions stand below one another"] += 1
        self.fields.append(made)
        self._by_name.setdefault(row.name, made)

    def _form(self, row: Row) -> Noted:
        if row.form not in self.forms:
            label = row.form.replace("_", " ").strip().capitalize()
            key = self._form_names.take(plain_key(row.form))
            self._item_keys[key] = Keys(fallback="item")
            form = {"key": key, "label": in_both(label), "entered_by": list(ENTERED_BY), "confirm_with_protocol": True}
            self.forms[row.form] = Noted(form | {"sections": []}, f"Form {row.form}")
        return self.forms[row.form]

    def _start_section(self, form: dict[str, Any], row: Row) -> None:
        sections = form["sections"]
        keys = Keys((section["key"] for section in sections), fallback="section")
        title = _plain(row.section)
        label = in_both(title) if title else form["label"]
        sections.append({"key": keys.take(plain_key(title) or form["key"]), "label": label, "items": []})

    def _field(self, form: str, row: Row) -> _Field:
        made = _Field(row, form, len(self.fields), [])
        label = _plain(row.label) or row.name
        item: dict[str, Any] = {"key": self._item_keys[form].take(row.name)} | self._typed(made)
        item["label"] = in_both(label)
        if row.note:
            item["hint"] = in_both(_plain(row.note))
        item |= self._limits(row, item)
        if not row.says_yes("required"):
            item["required"] = False
        item["confirm_with_protocol"] = True
        made.items = [Noted(item, *self._notes(row))]
        if row.validation.startswith("datetime"):
            made.items.append(self._time_of(form, item, label))
        self._count_rest(row)
        return made

    def _notes(self, row: Row) -> Iterator[str]:
        yield f"Field {row.name} ({row.type}{', ' + row.validation if row.validation else ''})"
        if row.annotation:
            yield f"Annotation: {row.annotation}"
        if row.says_yes("identifier"):
            yield "Marked as identifying: contact details do not belong on a form"
            self.notices.warn(
                f"{row.name} is marked as identifying; names and addresses belong to the contact details",
                row.line,
            )

    def _count_rest(self, row: Row) -> None:
        for name, what in (("alignment", "custom alignment"), ("number", "question number"), ("ranking", "ranking")):
            if getattr(row, name) and (name != "ranking" or row.says_yes("ranking")):
                self.counted[f"{what} of a field"] += 1
        for action in _ACTION.findall(row.annotation):
            self.counted[f"action tag {action} (kept as a comment)"] += 1
        if _TAG.search(row.label + row.note + row.section):
            self.counted["HTML of a text, of which the words are kept"] += 1
        if re.search(r"\[[a-z][a-z0-9_]*\]", row.label + row.note):
            self.notices.leave_out(f"{row.name}: an answer piped into a text stands there in brackets", row.line)

    def _time_of(self, form: str, item: dict[str, Any], label: str) -> Noted:
        self.counted["a moment, split over an item for the date and one for the time"] += 1
        time = {"key": self._item_keys[form].take(f"{item['key'][:35]}_time"), "type": "time"}
        required = {"required": item["required"]} if "required" in item else {}
        label_of_time = {"nl": f"{label}: tijd", "en": f"{label}: time"}
        return Noted(time | {"label": label_of_time} | required | {"confirm_with_protocol": True})

    # --- types -------------------------------------------------------------------------------------------------------

    def _typed(self, made: _Field) -> dict[str, Any]:
        row = made.row
        kind = row.type.casefold()
        if kind in ("radio", "dropdown", "checkbox"):
            return self._chosen(made, "multi_choice" if kind == "checkbox" else "choice")
        if kind == "truefalse":
            made.codes = {"1": "1", "0": "0"}
            return {"type": "choice", "codelist": self._list("true_false", (("1", "True"), ("0", "False")))}
        if kind == "slider":
            return self._slider(row)
        if kind in _SIMPLE:
            return dict(_SIMPLE[kind])
        if kind != "text":
            self.notices.leave_out(f"{row.name}: the type {row.type or 'that is not named'} becomes text", row.line)
            return {"type": "text"}
        return self._validated(row)

    def _validated(self, row: Row) -> dict[str, Any]:
        validation = row.validation.casefold()
        places = re.fullmatch(r"number_([1-6])dp(?:_comma_decimal)?", validation)
        if places:
            return {"type": "decimal", "decimals": int(places[1])}
        for start, item_type in _VALIDATED:
            if validation.startswith(start):
                return {"type": item_type}
        if validation:
            self.counted[f"the check that a text is of the sort {validation}"] += 1
        return {"type": "text"}

    def _slider(self, row: Row) -> dict[str, Any]:
        words = [_plain(word) for word in row.choices.split("|")] if row.choices else []
        lowest, highest = _number(row.lowest) or Decimal(0), _number(row.highest) or Decimal(100)
        ends = (words[0] if words else "") or str(lowest), (words[-1] if len(words) > 1 else "") or str(highest)
        if len(words) > 2 and words[1]:
            self.notices.leave_out(f"{row.name}: the word in the middle of the slider: {words[1]}", row.line)
        bounds = (
            {"min": lowest, "max": highest}
            if lowest % 1 == 0 == highest % 1 and lowest < highest
            else {"min": 0, "max": 100}
        )
        return {"type": "scale", "range": bounds, "anchors": {"min": in_both(ends[0]), "max": in_both(ends[1])}}

    def _chosen(self, made: _Field, item_type: str) -> dict[str, Any]:
        row = made.row
        entries: list[tuple[str, str]] = []
        for written, label in _choices(row.choices):
            if written in made.codes:
                self.notices.leave_out(f"{row.name}: the code “{written}” stands twice", row.line)
                continue
            code = plain_code(written)
            while code in made.codes.values():
                code = f"{code[:38]}_2"
            if code != written:
                self.notices.warn(f"{row.name}: the code “{written}” is written {code}", row.line)
            made.codes[written] = code
            entries.append((code, label or code))
        if not entries:
            self.notices.leave_out(f"{row.name}: a choice without choices becomes text", row.line)
            return {"type": "text"}
        return {"type": item_type, "codelist": self._list(row.name, tuple(entries))}

    def _list(self, name: str, entries: tuple[tuple[str, str], ...]) -> str:
        """The key of the list with these entries: fields with the same choices share one."""
        if entries not in self.lists:
            key = self.lists[entries] = self._list_keys.take(name)
            items = [{"code": code, "label": in_both(label)} for code, label in entries]
            self.codelists.append({"key": key, "items": items})
        return self.lists[entries]

    def _limits(self, row: Row, item: dict[str, Any]) -> dict[str, Any]:
        """Numbers get a soft range; a limit of another sort becomes a check or is told."""
        if row.type.casefold() != "text" or not (row.lowest or row.highest):
            return {}
        if item["type"] in ("integer", "decimal"):
            bounds = {"min": _number(row.lowest), "max": _number(row.highest)}
            given = {end: value for end, value in bounds.items() if value is not None}
            if len(given) == bool(row.lowest) + bool(row.highest) and not _is_crossed(given):
                return {"soft_range": given}
        if item["type"] == "date" and self._date_check(row, item["key"]):
            return {}
        self.notices.leave_out(f"{row.name}: the limits {row.lowest or '-'} to {row.highest or '-'}", row.line)
        return {}

    def _date_check(self, row: Row, key: str) -> bool:
        limits = [(sign, day[:10]) for sign, day in (("<", row.lowest), (">", row.highest)) if day]
        if not all(_is_date(day) for _sign, day in limits):
            return False
        check = {
            "key": key[:32] + "_limits",
            "severity": "soft",
            "fires_if": " or ".join(f"{key} {sign} date('{day}')" for sign, day in limits),
            "items": [key],
            "message": {
                "nl": "De datum valt buiten wat is verwacht. Klopt het antwoord?",
                "en": "The date is outside what is expected. Is the answer right?",
            },
        }
        self.forms[row.form].setdefault("checks", []).append(check | {"confirm_with_protocol": True})
        return True

    # --- logic -------------------------------------------------------------------------------------------------------

    def _name_visits(self) -> None:
        keys = Keys(fallback="visit")
        events = dict.fromkeys(event for row in self.rows for event in _EVENT.findall(row.branching + row.choices))
        self.visits = {event: keys.take(plain_key(re.sub(r"_arm_[0-9]+$", "", event))) for event in events}
        if events:
            self.notices.warn(
                f"a dictionary holds no events; visits are made of those its formulas name: {', '.join(events)}"
            )
        else:
            self.visits = {"": ONLY_VISIT}

    def _add_logic(self, made: _Field) -> None:
        row, item = made.row, made.items[0]
        if row.branching:
            self._add_condition(made)
        if row.type.casefold() == "calc" and row.choices:
            translated = self._translated(made, "calculation", row.choices)
            if translated is not None:
                item |= {"type": "integer" if translated.decimals == 0 else "decimal", "derive": translated.text}
                item |= {"decimals": translated.decimals} if translated.decimals else {}
                item.pop("required", None)

    def _add_condition(self, made: _Field) -> None:
        translated = self._translated(made, "branching logic", made.row.branching)
        for part in made.items:
            if translated is not None:
                part["ask_if"] = translated.text
            else:
                part["required"] = False

    def _translated(self, made: _Field, what: str, formula: str) -> Translated | None:
        row, item = made.row, made.items[0]
        item.notes.append(f"{what.capitalize()}: {formula}")
        translate = calculation if what == "calculation" else condition
        try:
            translated = translate(formula, lambda name, event: self._known(made, name, event))
        except CannotTranslate as reason:
            self.notices.leave_out(f"the {what} of {row.name}: {formula} ({reason})", row.line)
            return None
        for remark in translated.remarks:
            self.notices.warn(f"the {what} of {row.name}: {remark}", row.line)
        return translated

    def _known(self, asking: _Field, name: str, event: str) -> Known | None:
        """The item of that name as seen from a field: earlier on its form, or on a form of a visit that is one."""
        named = self._by_name.get(name)
        if named is None:
            return None
        item = named.items[0]
        if not event and named.form == asking.form:
            return Known(item["key"], item["type"], named.codes) if named.place < asking.place else None
        visit_key = self.visits.get(event)
        return Known(f"{visit_key}.{named.form}.{item['key']}", item["type"], named.codes) if visit_key else None


_SIMPLE: dict[str, dict[str, Any]] = {
    "notes": {"type": "long_text"},
    "yesno": {"type": "yes_no"},
    "calc": {"type": "decimal"},
    "file": {"type": "file"},
}
_VALIDATED = (
    ("integer", "integer"),
    ("number", "decimal"),
    ("datetime", "date"),
    ("date", "date"),
    ("time_mm_ss", "text"),
    ("time", "time"),
)


def _plain(text: str) -> str:
    """The words of a text that may hold HTML, spaces as written once."""
    return " ".join(html.unescape(_TAG.sub(" ", text)).split())


def _choices(written: str) -> Iterator[tuple[str, str]]:
    """``1, Yes | 0, No``; older files have a choice a line. Beside codes with a comma, what has none is of a label."""
    entries: list[str] = []
    for part in re.split(r"\||\n", written):
        if entries and "," in written and "," not in part and part.strip():
            entries[-1] += f"|{part}"
        else:
            entries.append(part)
    for entry in entries:
        code, _comma, label = entry.partition(",")
        if code.strip():
            yield code.strip(), _plain(label)


def _number(written: str) -> Decimal | None:
    try:
        number = Decimal(written.replace(",", "."))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _is_crossed(bounds: dict[str, Decimal]) -> bool:
    return len(bounds) == 2 and bounds["min"] > bounds["max"]


def _is_date(written: str) -> bool:
    try:
        dt.date.fromisoformat(written)
    except ValueError:
        return False
    return len(written) == 10
