"""What OpenClinica and REDCap write beside the standard, as far as our language has a place for it.

OpenClinica: lists of which several answers may be chosen (``MultiSelectList``). REDCap: branching logic, calculation,
note and obligation of a field, as attributes of ItemDef. Everything else of other namespaces is counted and told.
"""

from __future__ import annotations

from collections.abc import Iterator

from trialmgr.protocol.exchange.odm.elements import Element

REDCAP = "redcap:"
_MULTI_SELECT_LIST = "MultiSelectList"
UNDERSTOOD = frozenset(
    {
        "OpenClinica:MultiSelectList",
        "OpenClinica:MultiSelectListItem",
        "OpenClinica:MultiSelectListRef",
        "@OpenClinica:CodedOptionValue",
        "@OpenClinica:MultiSelectListID",
        "@redcap:BranchingLogic",
        "@redcap:Calculation",
        "@redcap:FieldNote",
        "@redcap:RequiredField",
        "@redcap:Variable",
    }
)


def multi_select_lists(version: Element) -> Iterator[Element]:
    """Each list as a CodeList would stand there, its OID the list's ID."""
    for element in version.walk():
        if _local(element.tag) == _MULTI_SELECT_LIST and element.is_foreign:
            codelist = Element("CodeList", {"OID": _said(element, "ID"), "Name": _said(element, "Name")}, element.line)
            for child in element.children:
                if _local(child.tag) == "MultiSelectListItem":
                    code = {"CodedValue": _said(child, "CodedOptionValue")}
                    codelist.children.append(Element("CodeListItem", code, child.line, children=_decodes(child)))
            yield codelist


def multi_select_list_of(definition: Element) -> str:
    """The ID of the list of which an item may have several answers; empty when it has none."""
    references = (child for child in definition.children if _local(child.tag) == "MultiSelectListRef")
    return next((_said(reference, "MultiSelectListID") for reference in references), "")


def of_redcap(definition: Element, name: str) -> str:
    """The attribute that REDCap gave a definition; empty when it has none."""
    return definition.get(f"{REDCAP}{name}")


def _decodes(item: Element) -> list[Element]:
    """Decode as the standard has it, whichever namespace it stands in."""
    return [
        Element("Decode", {}, child.line, children=[_plain(text) for text in child.children])
        for child in item.children
        if _local(child.tag) == "Decode"
    ]


def _plain(text: Element) -> Element:
    return Element(_local(text.tag), text.attributes, text.line, text.text)


def _said(element: Element, name: str) -> str:
    return next((value.strip() for key, value in element.attributes.items() if key.split(":")[-1] == name), "")


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
