"""StudyEventDef as our visits, and the forms they hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from trialmgr.protocol.exchange.drafts import Keys, Notices, eligibility_form, eligibility_visit, in_order_of, visit
from trialmgr.protocol.exchange.odm.definitions import Definitions, alias_notes, key_of, origin
from trialmgr.protocol.exchange.odm.elements import Element
from trialmgr.protocol.exchange.odm.extension import kept_list, rest_of, restored
from trialmgr.protocol.exchange.odm.forms import FormReader
from trialmgr.protocol.exchange.odm.texts import Translations
from trialmgr.protocol.exchange.yaml_writer import Noted
from trialmgr.protocol.model import VisitDefinition


@dataclass(slots=True)
class Casebook:
    visits: list[dict[str, Any]] = field(default_factory=list)
    forms: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class _Event:
    """One StudyEventDef with the kind of visit it becomes and its form references."""

    definition: Element
    kind: str
    references: list[tuple[Element, Element]]
    notes: list[str]


class VisitReader:
    def __init__(
        self,
        definitions: Definitions,
        texts: Translations,
        notices: Notices,
        forms: FormReader,
        kept: dict[str, Any],
        confirm: bool,
    ) -> None:
        self.definitions, self.texts, self.notices = definitions, texts, notices
        self.forms, self.confirm = forms, confirm
        self.phases = [phase["key"] for phase in kept_list(kept, "phases")]
        self.form_keys: dict[str, str] = {}
        self._visit_keys, self._form_names = Keys(fallback="visit"), Keys(fallback="form")

    def read(self) -> Casebook:
        """Every visit and form. ODM forms that no event holds get a visit of their own."""
        events = [self._event(definition) for definition in self._events_in_order()]
        definitions = self.definitions.all("FormDef") or self._groups_as_forms()
        self._name_forms(definitions)
        logs = self._only_in_logs(events, definitions)
        book = Casebook()
        for definition in definitions:
            self._add_form(book, definition, logs)
        made = {form["key"] for form in book.forms}
        book.visits = [self._visit(event, made) for event in events]
        self._add_unplaced(book, events, definitions, logs)
        self._add_eligibility(book)
        if self.confirm and any(event.kind == "scheduled" for event in events):
            self.notices.warn("ODM knows no days or windows: every scheduled visit stands on the day of enrolment")
        return book

    def _events_in_order(self) -> list[Element]:
        protocol = self.definitions.version.first("Protocol")
        references = self.definitions.referred(protocol, "StudyEventRef", "StudyEventDef") if protocol else []
        for reference, _definition in references:
            if oid := reference.get("CollectionExceptionConditionOID"):
                self.notices.leave_out(f"the condition {oid} of a whole visit", reference.line)
        named = [definition for _reference, definition in references]
        others = [definition for definition in self.definitions.all("StudyEventDef") if definition not in named]
        for definition in others if protocol else ():
            self.notices.warn(f"{origin(definition)} is not named in Protocol; it comes last", definition.line)
        return [*named, *others]

    def _event(self, definition: Element) -> _Event:
        repeats, sort = definition.get("Repeating").casefold() == "yes", definition.get("Type").casefold()
        kind = {"unscheduled": "unscheduled", "common": "unscheduled" if repeats else "log"}.get(sort, "scheduled")
        if kind == "scheduled" and repeats and "repeat" not in rest_of(definition):
            self.notices.leave_out(
                f"{origin(definition)} returns, ODM does not say when; write `repeat`, until then it is unscheduled",
                definition.line,
            )
            kind = "unscheduled"
        references = self.definitions.referred(definition, "FormRef", "FormDef")
        return _Event(definition, kind, references, [origin(definition), *alias_notes(definition)])

    def _groups_as_forms(self) -> list[Element]:
        """A file without forms: each item group is one; without groups too, all items are one form."""
        groups = self.definitions.all("ItemGroupDef")
        if not groups:
            group = Element("ItemGroupDef", {"OID": "items", "Name": "Items", "Repeating": "No"})
            for definition in self.definitions.all("ItemDef"):
                group.children.append(Element("ItemRef", {"ItemOID": definition.get("OID"), "Mandatory": "No"}))
            groups = [group]
        return [self._form_of(group) for group in groups]

    def _form_of(self, group: Element) -> Element:
        form = Element("FormDef", {**group.attributes, "Repeating": "No"}, group.line)
        form.children = [child for child in group.children if child.tag == "Description"]
        form.children.append(Element("ItemGroupRef", {"ItemGroupOID": group.get("OID"), "Mandatory": "No"}, group.line))
        self.definitions.add(group)
        return form

    def _name_forms(self, definitions: list[Element]) -> None:
        own = {definition.get("OID"): rest_of(definition).get("key") for definition in definitions}
        self._form_names = Keys((key for key in own.values() if key), fallback="form")
        for definition in definitions:
            oid = definition.get("OID")
            self.form_keys[oid] = str(own[oid] or self._form_names.take(key_of(oid, ours=not self.confirm)))

    def _only_in_logs(self, events: list[_Event], definitions: list[Element]) -> set[str]:
        """OIDs of forms that may have many rows with us: those that repeat and stand in logs, or nowhere."""
        kinds: dict[str, set[str]] = {definition.get("OID"): set() for definition in definitions}
        for event in events:
            for _reference, form in event.references:
                kinds[form.get("OID")].add(event.kind)
        repeating = {d.get("OID") for d in definitions if d.get("Repeating").casefold() == "yes"}
        return {oid for oid in repeating if kinds[oid] <= {"log"}}

    def _add_form(self, book: Casebook, definition: Element, logs: set[str]) -> None:
        oid, key = definition.get("OID"), self.form_keys[definition.get("OID")]
        rows = definition.get("Repeating").casefold() == "yes" and oid not in logs
        if rows:
            self.notices.warn(
                f"{origin(definition)} repeats at a visit; its sections get rows instead", definition.line
            )
        form = self.forms.read(definition, key, rows=rows, repeating=oid in logs)
        if form is not None:
            book.forms.append(form)

    def _visit(self, event: _Event, made: set[str]) -> dict[str, Any]:
        definition, kept = event.definition, rest_of(event.definition)
        held = [(ref, self.form_keys[form.get("OID")]) for ref, form in event.references]
        held = [(reference, key) for reference, key in held if key in made]
        label = self.texts.text(definition.first("Description"), definition.get("Name") or definition.get("OID"))
        key = str(kept.get("key") or self._visit_keys.take(key_of(definition.get("OID"), ours=not self.confirm)))
        other = {"kind": event.kind} if event.kind != "scheduled" else {}
        if definition.get("Category") in self.phases:
            other["phase"] = definition.get("Category")
        standard = visit(key, label, [form for _reference, form in held], **other)
        mandatory = [form for reference, form in held if self._is_mandatory(reference)]
        if len(mandatory) < len(held):
            standard["required_forms"] = mandatory
        if not self.confirm:
            standard = {
                name: value for name, value in standard.items() if name not in ("confirm_with_protocol", "anchor")
            }
        return Noted(in_order_of(VisitDefinition, restored(standard, kept)), *event.notes)

    def _is_mandatory(self, reference: Element) -> bool:
        """Whether the form must be complete. One under a condition need not be, and the condition is told."""
        condition = reference.get("CollectionExceptionConditionOID")
        if condition:
            self.notices.leave_out(f"the condition {condition} of a whole form at a visit", reference.line)
        return reference.get("Mandatory").casefold() == "yes" and not condition

    def _add_unplaced(self, book: Casebook, events: list[_Event], definitions: list[Element], logs: set[str]) -> None:
        """Forms that no event holds: those with many rows go to a log, the others to a visit that a person opens."""
        placed = {form.get("OID") for event in events for _reference, form in event.references}
        made = {form["key"] for form in book.forms}
        waiting = [
            d.get("OID") for d in definitions if d.get("OID") not in placed and self.form_keys[d.get("OID")] in made
        ]
        if not waiting:
            return
        what = f"{len(waiting)} forms stand in no visit" if events else "the file has no visits"
        self.notices.warn(f"{what}; a visit is made for the forms")
        label = {"nl": "Formulieren zonder bezoek", "en": "Forms without a visit"}
        for name, kind, oids in (
            ("unplaced", "unscheduled", [oid for oid in waiting if oid not in logs]),
            ("log", "log", [oid for oid in waiting if oid in logs]),
        ):
            if oids:
                forms = [self.form_keys[oid] for oid in oids]
                made_visit = visit(self._visit_keys.take(name), label, forms, kind=kind, required_forms=[])
                book.visits.append(Noted(made_visit, "Placeholder: no StudyEventDef holds these forms."))

    def _add_eligibility(self, book: Casebook) -> None:
        if any(form.get("eligibility") for form in book.forms):
            return
        form = eligibility_form(self._form_names.take("eligibility"))
        book.forms.append(form)
        book.visits.insert(0, eligibility_visit(self._visit_keys.take("eligibility"), form))
