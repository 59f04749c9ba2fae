"""Each part of a study definition as the ODM element that stands for it, children in the schema's order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from trialmgr.protocol.exchange.foreign_logic import negated
from trialmgr.protocol.exchange.odm.elements import Element
from trialmgr.protocol.exchange.odm.extension import CONTEXT, SYSTEM, written
from trialmgr.protocol.exchange.odm.xml_text import name_of
from trialmgr.protocol.model import (
    Check,
    CodeList,
    Form,
    Item,
    ItemType,
    Range,
    Section,
    StudyDefinition,
    Text,
    VisitDefinition,
)
from trialmgr.protocol.values import DEFAULT_DECIMALS, DEFAULT_LENGTH, DEFAULT_LONG_LENGTH

NAMESPACE = "http://www.cdisc.org/ns/odm/v1.3"
_LONGEST_NUMBER = 15

_DATA_TYPES = {
    ItemType.INTEGER: "integer",
    ItemType.SCALE: "integer",
    ItemType.DECIMAL: "float",
    ItemType.TEXT: "text",
    ItemType.LONG_TEXT: "text",
    ItemType.DATE: "date",
    ItemType.PARTIAL_DATE: "partialDate",
    ItemType.TIME: "time",
    ItemType.CHOICE: "text",
    ItemType.MULTI_CHOICE: "text",
    ItemType.YES_NO: "boolean",
    ItemType.FILE: "URI",
}


def section_oid(form: str, section: str) -> str:
    return f"IG.{form}.{section}"


def item_oid(form: str, item: str) -> str:
    return f"I.{form}.{item}"


def _yes(truth: bool) -> str:
    return "Yes" if truth else "No"


def _texts(tag: str, text: Text) -> Element:
    """One TranslatedText a language."""
    return _written_in(tag, {"en": text.en, "nl": text.nl})


def _written_in(tag: str, texts: Mapping[str, str]) -> Element:
    return Element(
        tag,
        children=[Element("TranslatedText", {"xml:lang": language}, text=text) for language, text in texts.items()],
    )


def _leaf(tag: str, text: str) -> Element:
    return Element(tag, text=text)


class DocumentWriter:
    """``kept``: OID (or ``study``) to what the Alias of that part holds."""

    def __init__(self, definition: StudyDefinition, kept: Mapping[str, dict[str, Any]]) -> None:
        self.definition = definition
        self.kept = kept
        units = dict.fromkeys(item.unit for form in definition.forms for item in form.items if item.unit)
        self.units = {unit: f"MU.{number}" for number, unit in enumerate(units, start=1)}
        self.study_oid = f"S.{definition.id}"
        self.version_oid = f"MDV.{definition.version}"

    def root(self) -> Element:
        study = self.definition
        attributes = {
            "xmlns": NAMESPACE,
            "ODMVersion": "1.3.2",
            "FileType": "Snapshot",
            "Granularity": "Metadata",
            "FileOID": f"{SYSTEM}.{study.id}.{study.version}",
            "CreationDateTime": f"{study.valid_from}T00:00:00",
            "Description": "Metadata of a study; CreationDateTime is the day from which this version holds",
            "SourceSystem": SYSTEM,
        }
        return Element("ODM", attributes, children=[self._study(), self._administration()])

    def _alias(self, oid: str) -> list[Element]:
        kept = self.kept.get(oid)
        return [Element("Alias", {"Context": CONTEXT, "Name": written(kept)})] if kept else []

    # --- the study ---------------------------------------------------------------------------------------------------

    def _study(self) -> Element:
        study = self.definition
        variables = [
            _leaf("StudyName", name_of(study.short_title, study.id)),
            _leaf("StudyDescription", study.title.en),
            _leaf("ProtocolName", name_of(study.registration, study.short_title, study.id)),
        ]
        units = [
            Element(
                "MeasurementUnit",
                {"OID": oid, "Name": unit},
                children=[_written_in("Symbol", {"en": unit, "nl": unit})],
            )
            for unit, oid in self.units.items()
        ]
        children = [Element("GlobalVariables", children=variables), Element("BasicDefinitions", children=units)]
        return Element("Study", {"OID": self.study_oid}, children=[*children, self._version()])

    def _version(self) -> Element:
        study = self.definition
        forms = [(form, section, item) for form in study.forms for section in form.sections for item in section.items]
        children = [
            self._protocol(),
            *(self._event(visit) for visit in study.visits),
            *(self._form(form) for form in study.forms),
            *(self._section(form, section) for form in study.forms for section in form.sections),
            *(self._item(form, item) for form, _section, item in forms),
            self._missing_reasons(),
            *(self._codelist(f"CL.{codelist.key}", codelist) for codelist in study.codelists),
            *(_condition(form, item, item.ask_if) for form, _section, item in forms if item.ask_if is not None),
            *(_method(form, item) for form, _section, item in forms if item.is_derived),
        ]
        attributes = {"OID": self.version_oid, "Name": name_of(study.version, "1")}
        return Element("MetaDataVersion", attributes, children=children)

    def _protocol(self) -> Element:
        references = [
            Element(
                "StudyEventRef", {"StudyEventOID": f"SE.{visit.key}", "OrderNumber": str(number)} | _mandatory(visit)
            )
            for number, visit in enumerate(self.definition.visits, start=1)
        ]
        aliases = [
            Element("Alias", {"Context": f"{CONTEXT}/{name}", "Name": written(value)})
            for name, value in sorted(self.kept.get("study", {}).items())
        ]
        return Element("Protocol", children=[_texts("Description", self.definition.title), *references, *aliases])

    def _event(self, visit: VisitDefinition) -> Element:
        kinds = {"scheduled": "Scheduled", "log": "Common", "unscheduled": "Unscheduled"}
        oid, returns = f"SE.{visit.key}", visit.repeat is not None or visit.kind == "unscheduled"
        attributes = {"OID": oid, "Name": name_of(visit.label.en, visit.key), "Repeating": _yes(returns)}
        attributes |= {"Type": kinds[visit.kind], "Category": visit.phase}
        references = [
            Element(
                "FormRef",
                {"FormOID": f"F.{form}", "OrderNumber": str(number), "Mandatory": _yes(form in visit.must_complete)},
            )
            for number, form in enumerate(visit.forms, start=1)
        ]
        return Element(
            "StudyEventDef", attributes, children=[_texts("Description", visit.label), *references, *self._alias(oid)]
        )

    # --- forms -------------------------------------------------------------------------------------------------------

    def _form(self, form: Form) -> Element:
        oid = f"F.{form.key}"
        references = [
            Element(
                "ItemGroupRef",
                {
                    "ItemGroupOID": section_oid(form.key, section.key),
                    "OrderNumber": str(number),
                    "Mandatory": _yes(any(item.required for item in section.items)),
                },
            )
            for number, section in enumerate(form.sections, start=1)
        ]
        return Element(
            "FormDef",
            {"OID": oid, "Name": name_of(form.label.en, form.key), "Repeating": _yes(form.repeating)},
            children=[_texts("Description", form.label), *references, *self._alias(oid)],
        )

    def _section(self, form: Form, section: Section) -> Element:
        oid = section_oid(form.key, section.key)
        attributes = {
            "OID": oid,
            "Name": name_of(section.label.en, section.key),
            "Repeating": _yes(section.repeats is not None),
        }
        if form.domain:
            attributes["Domain"] = form.domain
        references = [_item_reference(form, item, number) for number, item in enumerate(section.items, start=1)]
        return Element(
            "ItemGroupDef", attributes, children=[_texts("Description", section.label), *references, *self._alias(oid)]
        )

    def _item(self, form: Form, item: Item) -> Element:
        oid = item_oid(form.key, item.key)
        attributes = {"OID": oid, "Name": item.key, "DataType": _DATA_TYPES[item.type]} | self._size(item)
        if item.variable and _is_sas_name(item.variable):
            attributes["SDSVarName"] = item.variable
        children = [_texts("Description", item.hint)] if item.hint else []
        children.append(_texts("Question", item.label))
        if item.unit:
            children.append(Element("MeasurementUnitRef", {"MeasurementUnitOID": self.units[item.unit]}))
        children += _bounds(item.range, "Hard")
        children += _bounds(item.soft_range, "Soft")
        children += [_check(check) for check in form.checks if check.items[0] == item.key]
        if item.codelist:
            children.append(Element("CodeListRef", {"CodeListOID": f"CL.{item.codelist}"}))
        return Element("ItemDef", attributes, children=[*children, *self._alias(oid)])

    def _size(self, item: Item) -> dict[str, str]:
        if item.codelist:
            codes = self.definition.codelist(item.codelist).codes
            together = item.type is ItemType.MULTI_CHOICE
            lengths = [len(code) for code in codes]
            return {"Length": str(sum(lengths) + len(lengths) - 1 if together else max(lengths))}
        if item.type in (ItemType.INTEGER, ItemType.SCALE):
            return {"Length": str(_LONGEST_NUMBER)}
        if item.type is ItemType.DECIMAL:
            places = DEFAULT_DECIMALS if item.decimals is None else item.decimals
            return {"Length": str(_LONGEST_NUMBER + 1 + places), "SignificantDigits": str(places)}
        if item.type in (ItemType.TEXT, ItemType.LONG_TEXT):
            usual = DEFAULT_LENGTH if item.type is ItemType.TEXT else DEFAULT_LONG_LENGTH
            return {"Length": str(item.max_length or usual)}
        return {}

    # --- code lists --------------------------------------------------------------------------------------------------

    def _codelist(self, oid: str, codelist: CodeList) -> Element:
        items = [
            Element(
                "CodeListItem", {"CodedValue": entry.code, "OrderNumber": str(number)}, children=[_decode(entry.label)]
            )
            for number, entry in enumerate(codelist.items, start=1)
        ]
        attributes = {"OID": oid, "Name": codelist.key, "DataType": "text"}
        return Element("CodeList", attributes, children=[*items, *self._alias(oid)])

    def _missing_reasons(self) -> Element:
        reasons = self.definition.missing_reasons
        oid = f"MR.{reasons.key}"
        element = self._codelist(oid, reasons)
        mark = {"missing_reasons": True, **self.kept.get(oid, {})}
        aliases = [Element("Alias", {"Context": CONTEXT, "Name": written(mark)})]
        return Element(element.tag, element.attributes, children=[*element.all("CodeListItem"), *aliases])

    # --- places and signatures ---------------------------------------------------------------------------------------

    def _administration(self) -> Element:
        study = self.definition
        places = [self._location(f"L.{site.code}", name_of(site.name, site.code), "Site") for site in study.sites]
        places.append(self._location("SPONSOR", name_of(study.sponsor, "not known"), "Sponsor"))
        signing = dict.fromkeys(form.signed_by for form in study.forms if form.signed_by)
        signatures = [
            Element(
                "SignatureDef",
                {"OID": f"SD.{role}", "Methodology": "Electronic"},
                children=[
                    _leaf("Meaning", f"Signed by the role {study.role(role).label.en}"),
                    _leaf("LegalReason", "The signer takes responsibility for the form as it stands."),
                ],
            )
            for role in signing
        ]
        return Element("AdminData", {"StudyOID": self.study_oid}, children=[*places, *signatures])

    def _location(self, oid: str, name: str, sort: str) -> Element:
        version = {"StudyOID": self.study_oid, "MetaDataVersionOID": self.version_oid}
        reference = Element("MetaDataVersionRef", version | {"EffectiveDate": self.definition.valid_from})
        return Element("Location", {"OID": oid, "Name": name, "LocationType": sort}, children=[reference])


def _mandatory(visit: VisitDefinition) -> dict[str, str]:
    return {"Mandatory": _yes(visit.kind == "scheduled" and not visit.arms)}


def _item_reference(form: Form, item: Item, number: int) -> Element:
    attributes = {"ItemOID": item_oid(form.key, item.key), "OrderNumber": str(number), "Mandatory": _yes(item.required)}
    if item.is_derived:
        attributes["MethodOID"] = f"M.{form.key}.{item.key}"
    if item.ask_if is not None:
        attributes["CollectionExceptionConditionOID"] = f"C.{form.key}.{item.key}"
    return Element("ItemRef", attributes)


def _decode(label: Text) -> Element:
    return _texts("Decode", label)


def _bounds(bounds: Range | None, severity: str) -> Iterator[Element]:
    for comparator, value in (("GE", bounds.min), ("LE", bounds.max)) if bounds else ():
        if value is not None:
            attributes = {"Comparator": comparator, "SoftHard": severity}
            yield Element("RangeCheck", attributes, children=[_leaf("CheckValue", str(value))])


def _check(check: Check) -> Element:
    formal = Element("FormalExpression", {"Context": f"{CONTEXT}/{check.key}"}, text=negated(check.fires_if))
    attributes = {"SoftHard": "Hard" if check.severity == "hard" else "Soft"}
    return Element("RangeCheck", attributes, children=[formal, _texts("ErrorMessage", check.message)])


def _condition(form: Form, item: Item, ask_if: str) -> Element:
    name = f"{form.key}.{item.key}"
    told = {"en": f"Not asked unless: {ask_if}", "nl": f"Niet gevraagd tenzij: {ask_if}"}
    return _defined("ConditionDef", {"OID": f"C.{name}", "Name": f"{name} not asked"}, told, negated(ask_if))


def _method(form: Form, item: Item) -> Element:
    name = f"{form.key}.{item.key}"
    formula = f"{item.score.function}({', '.join(item.score.items)})" if item.score else str(item.derive)
    told = {"en": f"Computed: {formula}", "nl": f"Berekend: {formula}"}
    return _defined("MethodDef", {"OID": f"M.{name}", "Name": name, "Type": "Computation"}, told, formula)


def _defined(tag: str, attributes: dict[str, str], told: dict[str, str], expression: str) -> Element:
    formal = Element("FormalExpression", {"Context": CONTEXT}, text=expression)
    return Element(tag, attributes, children=[_written_in("Description", told), formal])


def _is_sas_name(name: str) -> bool:
    return len(name) <= 8 and name.isascii() and name.isidentifier()
