"""Code lists of an ODM file as ours. Codes with characters that ours do not have get new ones, and each is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trialmgr.protocol.exchange.drafts import Keys, Notices, plain_code
from trialmgr.protocol.exchange.odm.definitions import Definitions, alias_notes, in_order, key_of, origin
from trialmgr.protocol.exchange.odm.elements import Element
from trialmgr.protocol.exchange.odm.extension import rest_of, restored
from trialmgr.protocol.exchange.odm.texts import Translations
from trialmgr.protocol.exchange.odm.vendors import multi_select_lists
from trialmgr.protocol.exchange.yaml_writer import Noted

MISSING_REASONS = "missing_reasons"


@dataclass(frozen=True, slots=True)
class ReadList:
    """``codes``: from the code in the file to ours."""

    key: str
    document: dict[str, Any]
    codes: dict[str, str]

    @property
    def is_missing_reasons(self) -> bool:
        return bool(self.document.get(MISSING_REASONS))


def read_codelists(
    definitions: Definitions, texts: Translations, notices: Notices, *, ours: bool
) -> dict[str, ReadList]:
    """OID to list; a list without codes of its own (a dictionary kept elsewhere) is left out."""
    keys, lists = Keys(fallback="list"), {}
    for element in (*definitions.all("CodeList"), *multi_select_lists(definitions.version)):
        found = _read(element, keys, texts, notices, ours=ours)
        if found is not None:
            lists[element.get("OID")] = found
    return lists


def _read(element: Element, keys: Keys, texts: Translations, notices: Notices, *, ours: bool) -> ReadList | None:
    oid, kept = element.get("OID"), rest_of(element)
    entries = in_order(child for child in element.children if child.tag in ("CodeListItem", "EnumeratedItem"))
    if not entries:
        external = element.first("ExternalCodeList")
        where = f"the dictionary {external.get('Dictionary')} {external.get('Version')}" if external else "no codes"
        notices.leave_out(f"CodeList {oid} names {where}; items with it become text", element.line)
        return None
    codes: dict[str, str] = {}
    items = [_entry(oid, entry, codes, texts, notices) for entry in entries]
    key = str(kept.get("key") or keys.take(key_of(oid, ours=ours)))
    standard = {"key": key, "items": [item for item in items if item is not None]}
    return ReadList(key, Noted(restored(standard, kept), origin(element), *alias_notes(element)), codes)


def _entry(
    oid: str, entry: Element, codes: dict[str, str], texts: Translations, notices: Notices
) -> dict[str, Any] | None:
    written = entry.attributes.get("CodedValue", "")
    if written in codes:
        notices.leave_out(f"the code “{written}” stands twice in CodeList {oid}", entry.line)
        return None
    code = _free_code(plain_code(written), codes)
    codes[written] = code
    notes = alias_notes(entry)
    if code != written:
        notices.warn(f"the code “{written}” of CodeList {oid} is written {code}", entry.line)
        notes.append(f"CodedValue “{written}”")
    label = texts.text(entry.first("Decode"), written.strip() or code)
    return Noted({"code": code, "label": label}, *notes)


def _free_code(code: str, codes: dict[str, str]) -> str:
    free, number = code, 1
    while free in codes.values():
        number += 1
        free = f"{code[:36]}_{number}"
    return free
