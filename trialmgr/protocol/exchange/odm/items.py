"""ItemDef and its references as items of our forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trialmgr.protocol.exchange.drafts import Keys, Notices, in_order_of
from trialmgr.protocol.exchange.foreign_logic import Known
from trialmgr.protocol.exchange.odm.codelists import ReadList
from trialmgr.protocol.exchange.odm.definitions import Definitions, alias_notes, key_of, origin
from trialmgr.protocol.exchange.odm.elements import Element
from trialmgr.protocol.exchange.odm.extension import rest_of, restored
from trialmgr.protocol.exchange.odm.logic import Logic
from trialmgr.protocol.exchange.odm.ranges import RangeReader
from trialmgr.protocol.exchange.odm.texts import Translations
from trialmgr.protocol.exchange.odm.vendors import multi_select_list_of, of_redcap
from trialmgr.protocol.exchange.yaml_writer import Noted
from trialmgr.protocol.model import Item

LONGEST_TEXT = 500
LONGEST_LONG_TEXT = 10_000
MOST_DECIMALS = 6

_TYPES = {
    "integer": "integer",
    **dict.fromkeys(("float", "double", "hexFloat", "base64Float"), "decimal"),
    **dict.fromkeys(("text", "string", "URI", "durationDatetime", "intervalDatetime", "hexBinary"), "text"),
    **dict.fromkeys(("date", "datetime"), "date"),
    **dict.fromkeys(("partialDate", "incompleteDate", "partialDatetime", "incompleteDatetime"), "partial_date"),
    **dict.fromkeys(("time", "partialTime", "incompleteTime"), "time"),
    "boolean": "yes_no",
    "base64Binary": "file",
}
_WITH_TIME = ("datetime", "partialDatetime", "incompleteDatetime")
_LOSSY = {
    **dict.fromkeys(("durationDatetime", "intervalDatetime", "hexBinary", "URI"), "is kept as text"),
    **dict.fromkeys(("partialTime", "incompleteTime"), "becomes a time that must be complete"),
    **dict.fromkeys(("hexFloat", "base64Float"), "becomes a decimal number"),
    **dict.fromkeys(_WITH_TIME, "is split over an item for the date and one for the time"),
}
_TIME = {"nl": "tijd", "en": "time"}
_KEEPS = frozenset({"type", "range", "soft_range", "codelist", "decimals", "max_length"})


@dataclass(slots=True)
class Place:
    """Where an item stands: the keys of its form, its group, whether that has rows, and the conditions around it.

    ``known``: the items before it on the form, by OID and by ``group-item``, as formulas name them.
    """

    item_keys: Keys
    checks: RangeReader
    in_rows: bool
    known: dict[str, Known]
    group: str
    ask_if: str | None = None
    conditional: bool = False


@dataclass(slots=True)
class ItemReader:
    """``confirm``: whether every part is marked as to be confirmed (a file that is not ours)."""

    definitions: Definitions
    lists: dict[str, ReadList]
    texts: Translations
    notices: Notices
    logic: Logic
    confirm: bool

    def read(
        self, reference: Element, definition: Element, place: Place
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The items that come of one ItemRef (two where a moment is split), and the edit checks of its ranges."""
        kept, notes = rest_of(definition), [origin(definition), *alias_notes(definition)]
        key = str(kept.get("key") or place.item_keys.take(key_of(definition.get("OID"), ours=not self.confirm)))
        item: dict[str, Any] = {"key": key} | self._typed(definition) | self._worded(definition)
        item |= self._asked(reference, definition, place, notes)
        item |= self.logic.derivation(reference, definition, notes, place.known, item["type"])
        codes = self.lists.get(multi_select_list_of(definition) or _listed(definition))
        checks = place.checks.read(definition, item, codes)
        if self.confirm:
            item["confirm_with_protocol"] = True
        self._remember(definition, item, codes, place)
        items: list[dict[str, Any]] = [Noted(in_order_of(Item, restored(item, kept)), *notes)]
        if definition.get("DataType") in _WITH_TIME:
            items.append(self._time_of(items[0], place))
        return items, checks

    def _remember(self, definition: Element, item: dict[str, Any], codes: ReadList | None, place: Place) -> None:
        oid = definition.get("OID")
        known = Known(item["key"], item["type"], codes.codes if codes else {})
        place.known.update({oid: known, f"{place.group}-{oid}": known})

    def _typed(self, definition: Element) -> dict[str, Any]:
        written = definition.get("DataType")
        known = _TYPES.get(written)
        if known is None:
            self.notices.warn(f"ItemDef {definition.get('OID')} has no known type; it is read as text", definition.line)
        if written in _LOSSY:
            self.notices.leave_out(f"ItemDef {definition.get('OID')}: {written} {_LOSSY[written]}", definition.line)
        several = multi_select_list_of(definition)
        if several in self.lists:
            return {"type": "multi_choice", "codelist": self.lists[several].key}
        if (oid := _listed(definition)) in self.lists:
            return {"type": "choice", "codelist": self.lists[oid].key}
        if oid and self.definitions.get("CodeList", oid) is None:
            self.notices.leave_out(f"CodeListRef to {oid}: the file has no such CodeList", definition.line)
        return self._sized(definition, known or "text")

    def _sized(self, definition: Element, item_type: str) -> dict[str, Any]:
        if item_type == "decimal" and (places := _count(definition.get("SignificantDigits"))) is not None:
            return {"type": item_type, "decimals": min(places, MOST_DECIMALS)}
        length = _count(definition.get("Length"))
        if item_type != "text" or not length:
            return {"type": item_type}
        if length > LONGEST_LONG_TEXT:
            self.notices.leave_out(
                f"ItemDef {definition.get('OID')}: a text has at most {LONGEST_LONG_TEXT} characters, not {length}",
                definition.line,
            )
        kind = "long_text" if length > LONGEST_TEXT else "text"
        return {"type": kind, "max_length": min(length, LONGEST_LONG_TEXT)}

    def _worded(self, definition: Element) -> dict[str, Any]:
        name = definition.get("Name") or definition.get("OID")
        question, description = definition.first("Question"), definition.first("Description")
        label = self.texts.text(question) or self.texts.text(description, name)
        worded: dict[str, Any] = {"label": label}
        hint = self.texts.text(description) if question is not None and question.children else {}
        hint = hint or self.texts.text(None, of_redcap(definition, "FieldNote"))
        if hint and hint != label:
            worded["hint"] = hint
        if unit := self._unit(definition):
            worded["unit"] = unit
        if variable := _variable(definition):
            worded["variable"] = variable
        return worded

    def _unit(self, definition: Element) -> str | None:
        references = list(definition.all("MeasurementUnitRef"))
        units = [self.definitions.unit(reference.get("MeasurementUnitOID")) for reference in references]
        symbols = [self.texts.text(unit.first("Symbol"), unit.get("Name")).get("en", "") for unit in units if unit]
        symbols = [symbol for symbol in symbols if symbol]
        for reference, unit in zip(references, units, strict=True):
            if unit is None:
                oid = reference.get("MeasurementUnitOID")
                self.notices.leave_out(f"MeasurementUnitRef to {oid}: the file has no such unit", reference.line)
        if len(symbols) > 1:
            others = ", ".join(symbols[1:])
            self.notices.leave_out(
                f"ItemDef {definition.get('OID')} may be in several units; {symbols[0]} is taken, not {others}",
                definition.line,
            )
        return symbols[0] if symbols else None

    def _asked(self, reference: Element, definition: Element, place: Place, notes: list[str]) -> dict[str, Any]:
        """``required``, ``ask_if`` and the derivation. What was asked under a lost condition is not required."""
        ask_if, lost = self.logic.ask_if(reference, definition, notes, place.known)
        conditions = [condition for condition in (place.ask_if, ask_if) if condition is not None]
        asked: dict[str, Any] = {}
        obliged = reference.get("Mandatory").casefold() == "yes" or of_redcap(definition, "RequiredField") == "y"
        if not obliged or lost or place.conditional:
            asked["required"] = False
        if conditions:
            asked["ask_if"] = conditions[0] if len(conditions) == 1 else " and ".join(f"({c})" for c in conditions)
        return asked

    def _time_of(self, date: dict[str, Any], place: Place) -> dict[str, Any]:
        label = {language: f"{text}: {_TIME[language]}" for language, text in date["label"].items()}
        other = {name: value for name, value in date.items() if name not in (*_KEEPS, "hint", "variable", "key")}
        return {"key": place.item_keys.take(f"{date['key'][:35]}_time"), "type": "time", **other, "label": label}


def _listed(definition: Element) -> str:
    reference = definition.first("CodeListRef")
    return reference.get("CodeListOID") if reference is not None else ""


def _count(written: str) -> int | None:
    return int(written) if written.isascii() and written.isdigit() and len(written) < 10 else None


def _variable(definition: Element) -> str:
    aliases = {alias.get("Context").upper(): alias.get("Name") for alias in definition.all("Alias")}
    return (
        definition.get("SDSVarName") or aliases.get("SDTM") or aliases.get("CDASH/SDTM") or aliases.get("CDASH") or ""
    )
