"""What clinical data tell of their own definition: counts, and the shape they have.

A file may hold clinical data only (its metadata travelled in another file). The shape then gives a definition to begin
with: events, forms, groups and items in order of appearance, each type the narrowest that fits every value.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from trialmgr.protocol.exchange.odm.elements import Element

_DATE = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
_TYPES = (
    ("integer", re.compile(r"[+-]?[0-9]{1,15}")),
    ("float", re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,6})?")),
    ("date", _DATE),
    ("partialDate", re.compile(rf"[0-9]{{4}}(-(0[1-9]|1[0-2]))?|{_DATE.pattern}")),
    ("time", re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?")),
)


@dataclass(slots=True)
class Seen:
    """One event, form, group or item as the data show it. ``repeats``: it was met twice in one place."""

    oid: str
    repeats: bool = False
    longest: int = 0
    fitting: list[str] = field(default_factory=lambda: [name for name, _pattern in _TYPES])
    parts: dict[str, Seen] = field(default_factory=dict)

    def part(self, oid: str) -> Seen:
        return self.parts.setdefault(oid, Seen(oid))

    def take_value(self, value: str) -> None:
        if value:
            self.longest = max(self.longest, len(value))
            self.fitting = [name for name, pattern in _TYPES if name in self.fitting and pattern.fullmatch(value)]

    @property
    def data_type(self) -> str:
        return self.fitting[0] if self.fitting and self.longest else "text"


_LEVELS = (("StudyEventData", "StudyEventOID"), ("FormData", "FormOID"), ("ItemGroupData", "ItemGroupOID"))


@dataclass(slots=True)
class Survey:
    """Counts of what was left out, and the shape of the clinical data."""

    counts: Counter[str] = field(default_factory=Counter)
    shape: Seen = field(default_factory=lambda: Seen(""))

    def take(self, element: Element) -> None:
        """One child of ClinicalData or ReferenceData."""
        for inner in element.walk():
            self.counts["ItemData" if inner.tag.startswith("ItemData") else inner.tag] += 1
        if element.tag == "SubjectData":
            self._take_level(element, self.shape, 0)

    def _take_level(self, element: Element, seen: Seen, level: int) -> None:
        tag, attribute = _LEVELS[level]
        met: Counter[str] = Counter()
        for child in element.all(tag):
            part = seen.part(child.get(attribute))
            met[part.oid] += 1
            part.repeats = part.repeats or met[part.oid] > 1
            if level + 1 < len(_LEVELS):
                self._take_level(child, part, level + 1)
            else:
                _take_items(child, part)


def _take_items(group: Element, seen: Seen) -> None:
    for item in group.children:
        if item.tag.startswith("ItemData"):
            value = item.attributes.get("Value", item.text)
            seen.part(item.get("ItemOID")).take_value(value.strip())


def metadata_of(survey: Survey, study_oid: str) -> Element:
    """A MetaDataVersion made of the shape of the data, as if the file had brought it."""
    version = Element("MetaDataVersion", {"OID": "inferred", "Name": study_oid or "inferred"})
    protocol = Element("Protocol")
    version.children.append(protocol)
    made: dict[str, Element] = {}
    for event in survey.shape.parts.values():
        protocol.children.append(Element("StudyEventRef", {"StudyEventOID": event.oid, "Mandatory": "No"}))
        _define(
            made, "StudyEventDef", event, "FormRef", "FormOID", Type="Unscheduled" if event.repeats else "Scheduled"
        )
        for form in event.parts.values():
            _define(made, "FormDef", form, "ItemGroupRef", "ItemGroupOID")
            for group in form.parts.values():
                _define(made, "ItemGroupDef", group, "ItemRef", "ItemOID")
                for item in group.parts.values():
                    _define_item(made, item)
    version.children.extend(made.values())
    return version


def _define(made: dict[str, Element], tag: str, seen: Seen, ref: str, attribute: str, **other: str) -> None:
    """The definition of one event, form or group; met again elsewhere, it gains what is new."""
    attributes = {"OID": seen.oid, "Name": seen.oid, "Repeating": "No"} | other
    definition = made.setdefault(f"{tag} {seen.oid}", Element(tag, attributes))
    if seen.repeats:
        definition.attributes["Repeating"] = "Yes"
    known = {child.get(attribute) for child in definition.children}
    for oid in seen.parts:
        if oid not in known:
            definition.children.append(Element(ref, {attribute: oid, "Mandatory": "No"}))


def _define_item(made: dict[str, Element], seen: Seen) -> None:
    attributes = {"OID": seen.oid, "Name": seen.oid, "DataType": seen.data_type}
    if seen.data_type == "text":
        attributes["Length"] = str(max(seen.longest, 200))
    earlier = made.setdefault(f"ItemDef {seen.oid}", Element("ItemDef", attributes))
    if earlier.get("DataType") == seen.data_type == "text":
        earlier.attributes["Length"] = str(max(int(earlier.get("Length")), int(attributes["Length"])))
    elif earlier.get("DataType") != seen.data_type:
        earlier.attributes |= {"DataType": "text", "Length": "2000"}
