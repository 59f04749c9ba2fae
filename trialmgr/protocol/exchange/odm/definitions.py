"""The definitions of one MetaDataVersion by OID, the references between them, and what of them has no place with us."""

from __future__ import annotations

import re
from collections.abc import Iterable

from trialmgr.protocol.exchange.drafts import Notices, plain_key
from trialmgr.protocol.exchange.odm.elements import Element
from trialmgr.protocol.exchange.odm.extension import damaged, is_ours

# OIDs often begin with the sort of thing they name: SE.BASELINE, I_AGE, ItemDefs.OID.AGE.
_SORT = re.compile(
    r"(?:(?:StudyEvent|Form|ItemGroup|Item|CodeList)Defs?\.OID\.(?:\d+\.)?|(?:SE|FO|IG|IT|CL|F|I)[._-])(?=[A-Za-z])",
    re.IGNORECASE,
)


class Definitions:
    """Elements by tag and OID; of two with one OID the first counts, and the other is told."""

    def __init__(self, study: Element, version: Element, notices: Notices) -> None:
        self.version = version
        basic = study.first("BasicDefinitions")
        self._units = {unit.get("OID"): unit for unit in (basic.all("MeasurementUnit") if basic else ())}
        self._notices = notices
        self._referred: set[tuple[str, str]] = set()
        self._by_oid: dict[tuple[str, str], Element] = {}
        for element in version.children:
            if oid := element.get("OID"):
                if (element.tag, oid) in self._by_oid:
                    notices.leave_out(
                        f"{element.tag} {oid} is defined a second time; the first one counts", element.line
                    )
                else:
                    self._by_oid[element.tag, oid] = element

    def all(self, tag: str) -> list[Element]:
        return [element for (kind, _oid), element in self._by_oid.items() if kind == tag]

    def get(self, tag: str, oid: str) -> Element | None:
        return self._by_oid.get((tag, oid))

    def unused(self, tag: str) -> list[Element]:
        """Definitions to which no reference led so far."""
        return [element for element in self.all(tag) if (tag, element.get("OID")) not in self._referred]

    def add(self, element: Element) -> None:
        """A definition that the file itself does not have."""
        self._by_oid.setdefault((element.tag, element.get("OID")), element)

    def unit(self, oid: str) -> Element | None:
        return self._units.get(oid)

    def referred(self, holder: Element, ref: str, tag: str) -> list[tuple[Element, Element]]:
        """The references of one kind in their order, each with its definition; dangling and double ones are told."""
        pairs: list[tuple[Element, Element]] = []
        seen: set[str] = set()
        for reference in in_order(holder.all(ref)):
            oid = reference.get(f"{tag.removesuffix('Def')}OID")
            definition = self.get(tag, oid)
            if definition is None:
                self._notices.leave_out(f"{ref} to {oid}: the file has no such {tag}", reference.line)
            elif oid in seen:
                self._notices.leave_out(f"{ref} to {oid} stands twice in {holder.get('OID')}", reference.line)
            else:
                pairs.append((reference, definition))
                self._referred.add((tag, oid))
            seen.add(oid)
        return pairs


def in_order(references: Iterable[Element]) -> list[Element]:
    """By OrderNumber where each has one, else as they stand."""
    listed = list(references)
    numbers = [_number(reference.get("OrderNumber")) for reference in listed]
    if None in numbers:
        return listed
    return [entry for _number, _place, entry in sorted(zip(numbers, range(len(listed)), listed, strict=True))]


def _number(written: str) -> int | None:
    return int(written) if re.fullmatch(r"[+-]?[0-9]{1,9}", written) else None


def key_of(oid: str, *, ours: bool = False) -> str:
    """The key that an OID suggests, without the word for its sort; of an OID of ours its last part."""
    if ours:
        return oid.split(".")[-1]
    return plain_key(_SORT.sub("", oid, count=1)) or plain_key(oid)


def origin(element: Element) -> str:
    """A note that tells where a part came from."""
    name = element.get("Name")
    return f"{element.tag} {element.get('OID')}" + (f" “{name}”" if name and name != element.get("OID") else "")


def alias_notes(element: Element) -> list[str]:
    return [f"Alias {a.get('Context')}: {a.get('Name')}" for a in element.all("Alias") if not is_ours(a)]


# --- what has no place -----------------------------------------------------------------------------------------------

_HELD: dict[str, frozenset[str]] = {
    "StudyEventRef": frozenset({"StudyEventOID", "OrderNumber", "CollectionExceptionConditionOID"}),
    "FormRef": frozenset({"FormOID", "OrderNumber", "Mandatory", "CollectionExceptionConditionOID"}),
    "ItemGroupRef": frozenset({"ItemGroupOID", "OrderNumber", "CollectionExceptionConditionOID"}),
    "ItemRef": frozenset({"ItemOID", "OrderNumber", "Mandatory", "CollectionExceptionConditionOID", "MethodOID"}),
    "StudyEventDef": frozenset({"OID", "Name", "Repeating", "Type"}),
    "FormDef": frozenset({"OID", "Name", "Repeating"}),
    "ItemGroupDef": frozenset({"OID", "Name", "Repeating", "Domain"}),
    "ItemDef": frozenset({"OID", "Name", "DataType", "Length", "SignificantDigits", "SDSVarName"}),
    "CodeList": frozenset({"OID", "Name", "DataType"}),
    "CodeListItem": frozenset({"CodedValue", "OrderNumber"}),
    "EnumeratedItem": frozenset({"CodedValue", "OrderNumber"}),
}
_WITHOUT_PLACE = frozenset({"ArchiveLayout", "ExternalQuestion", "Role", "ImputationMethod", "Presentation"})

# Attributes that we write although reading has no use for them: the study's own keys say the same.
_OURS = ("StudyEventDef/@Category", "StudyEventRef/@Mandatory", "ItemGroupRef/@Mandatory")


def tell_what_has_no_place(version: Element, notices: Notices, *, ours: bool) -> None:
    """Attributes and elements that the study language does not know: each kind once, with its count and first line."""
    counted: dict[str, tuple[int, int]] = {}
    for element in version.walk():
        for name in _names_without_place(element):
            count, line = counted.get(name, (0, element.line))
            counted[name] = (count + 1, line)
    for name in _OURS if ours else ():
        counted.pop(name, None)
    for name, (count, line) in counted.items():
        notices.leave_out(f"{name}: {count} times" if count > 1 else name, line)


def _names_without_place(element: Element) -> Iterable[str]:
    if element.tag == "Alias" and is_ours(element) and damaged(element):
        yield f"Alias of ours, which is damaged: {element.get('Name')[:60]}"
    if element.tag in _WITHOUT_PLACE:
        yield element.tag
    elif element.tag == "Alias" and not is_ours(element):
        yield f"Alias in the context “{element.get('Context')}” (kept as a comment where a part of the study has it)"
    held = _HELD.get(element.tag)
    for name in element.attributes if held is not None else ():
        if held is not None and name not in held and ":" not in name:
            yield f"{element.tag}/@{name}"
