"""The tree of an ODM document as XML text: one spelling for one tree."""

from __future__ import annotations

from collections.abc import Iterator

from trialmgr.protocol.exchange.odm.elements import Element

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\t": "&#9;", "\r": "&#13;"}
_IN_TEXT = {character: _ESCAPES[character] for character in "&<>\r"}


def xml_text(root: Element) -> str:
    """UTF-8 XML, indented by two; an element with text has no children. Characters that XML refuses are left out."""
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', *_lines(root, "")]) + "\n"


def _lines(element: Element, indent: str) -> Iterator[str]:
    attributes = "".join(f' {name}="{_escaped(value, _ESCAPES)}"' for name, value in element.attributes.items())
    start = f"{indent}<{element.tag}{attributes}"
    if element.children:
        yield f"{start}>"
        for child in element.children:
            yield from _lines(child, indent + "  ")
        yield f"{indent}</{element.tag}>"
    elif element.text:
        yield f"{start}>{_escaped(element.text, _IN_TEXT)}</{element.tag}>"
    else:
        yield f"{start}/>"


def name_of(*candidates: str) -> str:
    """The first that still says something as XML."""
    return next(text for text in candidates if _escaped(text, {}).strip())


def _escaped(text: str, escapes: dict[str, str]) -> str:
    return "".join(escapes.get(character, character) for character in text if _is_xml(ord(character)))


def _is_xml(code: int) -> bool:
    """Char of XML 1.0."""
    return code in (9, 10, 13) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
