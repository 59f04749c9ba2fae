"""What the typed model refuses in a file, told in plain words with its place and the mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from trialmgr.protocol.integrity.findings import types_in
from trialmgr.protocol.model import Part
from trialmgr.protocol.yaml_source import DocumentPath, Place, StudyError

# What is wrong and the mend, by the typed model's own word for it; {input} is what was written.
_WORDS: dict[str, tuple[str, str]] = {
    "string_pattern_mismatch": (
        "`{input}` cannot stand here",
        "use small letters, digits and _, a letter first (sites: capitals; criteria: I1, E1)",
    ),
    "literal_error": ("this should be {expected}", "use one of the words named here"),
    "enum": ("this should be {expected}", "use one of the words named here"),
    "int_parsing": ("`{input}` is no whole number", "write a whole number"),
    "int_type": ("a whole number is wanted here", "write a whole number"),
    "decimal_parsing": ("`{input}` is no number", "write a number with a dot"),
    "decimal_type": ("a number is wanted here", "write a number with a dot"),
    "bool_type": ("true or false is wanted here", "write true or false"),
    "bool_parsing": ("`{input}` is neither true nor false", "write true or false"),
    "model_type": ("keys with values are wanted here", "write `key: value` lines, indented"),
    "dict_type": ("keys with values are wanted here", "write `key: value` lines, indented"),
    "tuple_type": ("a list is wanted here", "write one `- ` a line, or [one, two]"),
    "too_short": ("the list is empty", "add at least one"),
    "string_type": ("a text is wanted here", "write a text, in quotes if it is true, false or null"),
    "greater_than_equal": ("`{input}` is too low", "write {ge} or more"),
    "less_than_equal": ("`{input}` is too high", "write {le} or less"),
}
_MEND = "see docs/study-definition.md for what may stand here"
_LONGEST_SHOWN = 60


def place_of(places: Mapping[DocumentPath, Place], path: DocumentPath) -> Place:
    """The place of the key, or of the nearest part around it."""
    while path not in places:
        path = path[:-1]
    return places[path]


def type_errors(root: type[Part], failed: ValidationError, places: Mapping[DocumentPath, Place]) -> list[StudyError]:
    """What the typed model refuses, each with its place; ``places`` holds that of the whole document under ``()``.

    A list counts as empty only when nothing in it is refused, and a key as missing only when it is not misspelt.
    """
    details = failed.errors()
    misspelt = {(*fault["loc"][:-1], _nearest(root, fault["loc"])) for fault in details if _is_unknown(fault)}
    return [
        _type_error(root, fault, places)
        for fault in details
        if not (fault["type"] == "missing" and fault["loc"] in misspelt) and not _is_hollow(fault, details)
    ]


def _is_unknown(fault: ErrorDetails) -> bool:
    return fault["type"] == "extra_forbidden"


def _is_hollow(fault: ErrorDetails, all_faults: Iterable[ErrorDetails]) -> bool:
    path = fault["loc"]
    deeper = (other["loc"] for other in all_faults if len(other["loc"]) > len(path))
    return fault["type"] == "too_short" and any(other[: len(path)] == path for other in deeper)


def _type_error(root: type[Part], fault: ErrorDetails, places: Mapping[DocumentPath, Place]) -> StudyError:
    path = fault["loc"]
    place = place_of(places, path)
    if fault["type"] == "missing":
        return place.error(f"the key `{path[-1]}` is missing", "add this key")
    if _is_unknown(fault):
        return place.error("this key is not known", _suggestion(root, path))
    message, mend = _WORDS.get(fault["type"], (fault["msg"], _MEND))
    shown = {"input": str(fault["input"])[:_LONGEST_SHOWN], **fault.get("ctx", {})}
    return place.error(message.format(**shown), mend.format(**shown))


def _suggestion(root: type[Part], path: DocumentPath) -> str:
    key, near = str(path[-1]), _nearest(root, path)
    if near is not None:
        return f"did you mean `{near}`? Otherwise remove it"
    if not key.replace("_", "").isalnum():
        return "inside { } a comma begins a new key: put the text before it in quotes"
    return "remove it"


def _nearest(root: type[Part], path: DocumentPath) -> str | None:
    """The key of the part that most resembles the one written."""
    return next(iter(difflib.get_close_matches(str(path[-1]), _keys_at(root, path[:-1]), n=1)), None)


def _keys_at(root: type[Part], path: DocumentPath) -> list[str]:
    """The keys that the part at a path may have."""
    here: Any = root
    for step in path:
        fields = _fields(here)
        inner = fields[step].annotation if step in fields else here
        here = next((found for found in types_in(inner) if _fields(found)), here)
    return list(_fields(here))


def _fields(part: Any) -> dict[Any, FieldInfo]:
    """Fields of a part by the key under which they are written."""
    if not (isinstance(part, type) and issubclass(part, Part)):
        return {}
    return {field.alias or name: field for name, field in part.model_fields.items()}
