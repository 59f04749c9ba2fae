"""FormDef and ItemGroupDef as our forms and sections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trialmgr.protocol.exchange.drafts import ENTERED_BY, Keys, Notices, in_order_of
from trialmgr.protocol.exchange.foreign_logic import Known
from trialmgr.protocol.exchange.odm.definitions import Definitions, alias_notes, key_of, origin
from trialmgr.protocol.exchange.odm.elements import Element
from trialmgr.protocol.exchange.odm.extension import kept_list, rest_of, restored
from trialmgr.protocol.exchange.odm.items import ItemReader, Place
from trialmgr.protocol.exchange.odm.logic import Logic
from trialmgr.protocol.exchange.odm.ranges import RangeReader
from trialmgr.protocol.exchange.odm.texts import Translations
from trialmgr.protocol.exchange.yaml_writer import Noted
from trialmgr.protocol.model import MOST_ROWS, Form


@dataclass(slots=True)
class FormReader:
    definitions: Definitions
    texts: Translations
    notices: Notices
    logic: Logic
    items: ItemReader
    confirm: bool

    def read(self, definition: Element, key: str, *, rows: bool, repeating: bool) -> dict[str, Any] | None:
        """The form, or None when it has no items. ``rows``: it repeats at a visit, so its sections have rows."""
        kept, item_keys, section_keys = rest_of(definition), Keys(fallback="item"), Keys(fallback="section")
        checks, sections = RangeReader(Keys(fallback="check"), self.texts, self.notices), []
        found: list[dict[str, Any]] = []
        domains, known = [], dict[str, Known]()
        for reference, group in self.definitions.referred(definition, "ItemGroupRef", "ItemGroupDef"):
            repeats = self._has_rows(group, rows=rows, repeating=repeating)
            place = Place(item_keys, checks, repeats, known, group.get("OID"))
            section, its_checks = self._section(reference, group, place)
            if section is None:
                self.notices.leave_out(f"{origin(group)} of {key} has no items", group.line)
                continue
            section["key"] = rest_of(group).get("key") or section_keys.take(section["key"])
            sections.append(section)
            domains.append(group.get("Domain"))
            found += its_checks
        if not sections:
            self.notices.leave_out(f"{origin(definition)} has no items; the form is left out", definition.line)
            return None
        form = self._form(definition, key, domains) | ({"repeating": True} if repeating else {})
        form |= {"sections": sections, "checks": found}
        return _finished(form, kept, [origin(definition), *alias_notes(definition)])

    def _has_rows(self, group: Element, *, rows: bool, repeating: bool) -> bool:
        group_repeats = group.get("Repeating").casefold() == "yes"
        if group_repeats and repeating:
            self.notices.warn(f"{origin(group)} repeats inside a form that repeats; each row is a form", group.line)
        return (rows or group_repeats) and not repeating

    def _form(self, definition: Element, key: str, domains: list[str]) -> dict[str, Any]:
        form: dict[str, Any] = {
            "key": key,
            "label": self.texts.text(definition.first("Description"), _name(definition)),
        }
        form["entered_by"] = list(ENTERED_BY)
        if len(set(domains)) == 1 and domains[0]:
            form["domain"] = domains[0]
        elif any(domains):
            self.notices.leave_out(
                f"{key} holds several domains ({', '.join(sorted(set(domains) - {''}))})", definition.line
            )
        if self.confirm:
            form["confirm_with_protocol"] = True
        return form

    def _section(
        self, reference: Element, group: Element, place: Place
    ) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
        notes = [origin(group), *alias_notes(group)]
        place.ask_if, place.conditional = self.logic.ask_if(reference, group, notes, place.known)
        items, found = [], []
        for item_reference, definition in self.definitions.referred(group, "ItemRef", "ItemDef"):
            its_items, its_checks = self.items.read(item_reference, definition, place)
            items += its_items
            found += its_checks
        if not items:
            return None, []
        label = self.texts.text(group.first("Description"), _name(group))
        section: dict[str, Any] = {"key": key_of(group.get("OID"), ours=not self.confirm), "label": label}
        if place.in_rows:
            section["repeats"] = {"max": MOST_ROWS, "row": label}
        return Noted(restored(section | {"items": items}, rest_of(group)), *notes), found


def _finished(form: dict[str, Any], kept: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    """The form with what our Alias kept of it; of its checks the Alias keeps the order and what ODM cannot say."""
    standard = {check["key"]: check for check in form["checks"]}
    checks = [standard.get(rest["key"], {}) | rest for rest in kept_list(kept, "checks")] or form["checks"]
    whole = restored(form, {**kept, "checks": [check for check in checks if "fires_if" in check] or None})
    return Noted(in_order_of(Form, whole), *notes)


def _name(definition: Element) -> str:
    return definition.get("Name") or definition.get("OID")
