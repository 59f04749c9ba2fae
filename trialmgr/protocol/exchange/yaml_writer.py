"""Writes the documents of a study folder as YAML 1.2 that ``yaml_source`` reads back unchanged.

A ``Noted`` mapping carries lines of comment that stand above it: where an imported part came from, and what the
language could not hold of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

WIDEST_FLOW = 110

_PLAIN = re.compile(r"[A-Za-z](?:[A-Za-z0-9_./+()%-]| (?=[A-Za-z0-9_(]))*")
_WORDS_OF_YAML = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


class Noted(dict[str, Any]):
    """A mapping with notes: lines that become comments above it."""

    def __init__(self, content: Mapping[str, Any] | None = None, *notes: str) -> None:
        super().__init__(content or {})
        self.notes = list(notes)


def yaml_text(document: Mapping[str, Any]) -> str:
    """The document in block style, short leaves in flow style; keys in the mapping's order, UTF-8 text."""
    return "\n".join([*_notes(document, ""), *_mapping(document, "")]) + "\n"


def _mapping(mapping: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, value in mapping.items():
        yield from _entry(f"{indent}{_scalar(key)}:", value, indent + "  ")


def _entry(start: str, value: Any, indent: str) -> Iterator[str]:
    flow = _flow(value)
    # What is empty has no block to stand in, however long its key.
    if flow is not None and (flow in ("[]", "{}") or len(start) + len(flow) < WIDEST_FLOW + 10):
        yield f"{start} {flow}"
    elif isinstance(value, Mapping):
        yield start
        yield from _mapping(value, indent)
    elif isinstance(value, list | tuple):
        yield start
        for entry in value:
            yield from _listed(entry, indent)
    else:
        yield f"{start} {_scalar(value)}"


def _listed(entry: Any, indent: str) -> Iterator[str]:
    yield from _notes(entry, indent)
    flow = _flow(entry)
    if flow is not None and len(indent) + len(flow) < WIDEST_FLOW:
        yield f"{indent}- {flow}"
    elif isinstance(entry, Mapping):
        first, *others = _mapping(entry, indent + "  ")
        yield f"{indent}- {first.lstrip()}"
        yield from others
    elif isinstance(entry, list | tuple):
        yield f"{indent}-"
        for inner in entry:
            yield from _listed(inner, indent + "  ")
    else:
        yield f"{indent}- {_scalar(entry)}"


def _notes(value: object, indent: str) -> Iterator[str]:
    for note in getattr(value, "notes", ()):
        for line in note.splitlines():
            yield f"{indent}# {''.join(sign if sign.isprintable() else ' ' for sign in line)}".rstrip()


def _flow(value: Any) -> str | None:
    """The value on one line, or None when it is too large or too deep for that."""
    if isinstance(value, Mapping):
        parts = [_flow_part(inner) for inner in value.values()]
        if None in parts or (len(value) > 3 and not _is_text_free(value)):
            return None
        pairs = zip(value, parts, strict=True)
        return "{" + ", ".join(f"{_scalar(key)}: {part}" for key, part in pairs) + "}"
    if isinstance(value, list | tuple):
        entries = [_scalar(entry) if _is_scalar(entry) else None for entry in value]
        return None if None in entries else "[" + ", ".join(entry for entry in entries if entry) + "]"
    return _scalar(value)


def _flow_part(value: Any) -> str | None:
    if isinstance(value, Mapping) and not all(_is_scalar(inner) for inner in value.values()):
        return None
    return _flow(value)


def _is_text_free(mapping: Mapping[str, Any]) -> bool:
    return all(_is_scalar(value) and len(str(value)) < 20 for value in mapping.values()) and "key" not in mapping


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, str | int | Decimal)


def _scalar(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return str(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and text.casefold() not in _WORDS_OF_YAML:
        return text
    return '"' + "".join(_escaped(sign) for sign in text) + '"'


def _escaped(sign: str) -> str:
    if sign in _ESCAPES:
        return _ESCAPES[sign]
    if sign.isprintable():
        return sign
    code = ord(sign)
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"
