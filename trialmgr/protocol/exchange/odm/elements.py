"""The elements of an ODM file as a plain tree, and the order in which ODM 1.3.2 wants the children of each.

Source: CDISC ODM 1.3.2 schema (ODM1-3-2-foundation.xsd), content models of the element types.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Element:
    """``tag``: the local name; of another namespace than ODM's, ``{namespace}name``. ``line`` counts from 1."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    line: int = 0
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def all(self, tag: str) -> Iterator[Element]:
        return (child for child in self.children if child.tag == tag)

    def first(self, tag: str) -> Element | None:
        return next(self.all(tag), None)

    def get(self, name: str) -> str:
        """The attribute, without spaces around it; empty when it is not there."""
        return self.attributes.get(name, "").strip()

    def words(self) -> str:
        return self.text.strip()

    def walk(self) -> Iterator[Element]:
        waiting = [self]
        while waiting:
            element = waiting.pop()
            waiting.extend(reversed(element.children))
            yield element

    @property
    def is_foreign(self) -> bool:
        return self.tag.startswith("{")


_TRANSLATED = ("TranslatedText",)
_DATA = ("AuditRecord", "Signature")
_TYPED = tuple(
    f"ItemData{kind}"
    for kind in (
        "Any",
        "String",
        "Integer",
        "Float",
        "Date",
        "Time",
        "Datetime",
        "Boolean",
        "HexBinary",
        "Base64Binary",
        "HexFloat",
        "Base64Float",
        "PartialDate",
        "PartialTime",
        "PartialDatetime",
        "DurationDatetime",
        "IntervalDatetime",
        "IncompleteDatetime",
        "IncompleteDate",
        "IncompleteTime",
        "URI",
    )
)

# A tuple inside stands for alternatives that share one place.
_CONTENT: dict[str, tuple[str | tuple[str, ...], ...]] = {
    "ODM": ("Study", "AdminData", "ReferenceData", "ClinicalData", "Association"),
    "Study": ("GlobalVariables", "BasicDefinitions", "MetaDataVersion"),
    "GlobalVariables": ("StudyName", "StudyDescription", "ProtocolName"),
    "BasicDefinitions": ("MeasurementUnit",),
    "MeasurementUnit": ("Symbol", "Alias"),
    "Symbol": _TRANSLATED,
    "MetaDataVersion": (
        "Include",
        "Protocol",
        "StudyEventDef",
        "FormDef",
        "ItemGroupDef",
        "ItemDef",
        "CodeList",
        "ImputationMethod",
        "Presentation",
        "ConditionDef",
        "MethodDef",
    ),
    "Protocol": ("Description", "StudyEventRef", "Alias"),
    "StudyEventDef": ("Description", "FormRef", "Alias"),
    "FormDef": ("Description", "ItemGroupRef", "ArchiveLayout", "Alias"),
    "ItemGroupDef": ("Description", "ItemRef", "Alias"),
    "ItemDef": (
        "Description",
        "Question",
        "ExternalQuestion",
        "MeasurementUnitRef",
        "RangeCheck",
        "CodeListRef",
        "Role",
        "Alias",
    ),
    "Question": _TRANSLATED,
    "Description": _TRANSLATED,
    "Decode": _TRANSLATED,
    "ErrorMessage": _TRANSLATED,
    "RangeCheck": (("CheckValue", "FormalExpression"), "MeasurementUnitRef", "ErrorMessage"),
    "CodeList": ("Description", ("CodeListItem", "ExternalCodeList", "EnumeratedItem"), "Alias"),
    "CodeListItem": ("Decode", "Alias"),
    "EnumeratedItem": ("Alias",),
    "ConditionDef": ("Description", "FormalExpression", "Alias"),
    "MethodDef": ("Description", "FormalExpression", "Alias"),
    "AdminData": ("User", "Location", "SignatureDef"),
    "Location": ("MetaDataVersionRef",),
    "SignatureDef": ("Meaning", "LegalReason"),
    "ReferenceData": ("ItemGroupData", "AuditRecords", "Signatures", "Annotations"),
    "ClinicalData": ("SubjectData", "AuditRecords", "Signatures", "Annotations"),
    "SubjectData": (*_DATA, "InvestigatorRef", "SiteRef", "Annotation", "StudyEventData"),
    "StudyEventData": (*_DATA, "Annotation", "FormData"),
    "FormData": (*_DATA, "ArchiveLayoutRef", "Annotation", "ItemGroupData"),
    "ItemGroupData": (*_DATA, "Annotation", ("ItemData", *_TYPED)),
    "ItemData": (*_DATA, "MeasurementUnitRef", "Annotation"),
    "Annotation": ("Comment", "Flag"),
    "Flag": ("FlagValue", "FlagType"),
    "Signature": ("UserRef", "LocationRef", "SignatureRef", "DateTimeStamp", "CryptoBindingManifest"),
    "AuditRecord": ("UserRef", "LocationRef", "DateTimeStamp", "ReasonForChange", "SourceID"),
}


def _places(content: tuple[str | tuple[str, ...], ...]) -> dict[str, int]:
    names = [(entry,) if isinstance(entry, str) else entry for entry in content]
    return {name: place for place, alternatives in enumerate(names) for name in alternatives}


ORDER: dict[str, dict[str, int]] = {tag: _places(content) for tag, content in _CONTENT.items()}


def order_errors(element: Element) -> Iterator[tuple[Element, str]]:
    """Each child that stands too late, with the tag before which it belongs."""
    places = ORDER.get(element.tag, {})
    last: Element | None = None
    for child in element.children:
        place = places.get(child.tag)
        if place is None:
            continue
        if last is not None and place < places[last.tag]:
            yield child, last.tag
        else:
            last = child
