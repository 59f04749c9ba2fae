"""What ODM has no place for, kept in the one place it offers: an Alias in a context of our own.

The schema of ODM 1.3.2 allows no element or attribute of another namespace, but an Alias on every definition. Ours has
the context ``urn:trialmgr:study-definition:1`` (on Protocol one a key: ``urn:...:1/arms``) and holds, as JSON, only
those keys of the part that reading the standard elements would not give back. So the standard elements stay the
authority: who edits a label or a code list in the ODM file finds it back after the import.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from trialmgr.protocol.exchange.odm.elements import Element

CONTEXT = "urn:trialmgr:study-definition:1"
SYSTEM = "trialmgr"
DEEPEST = 12

_ABSENT = object()


def rest_of(element: Element | None) -> dict[str, Any]:
    """The keys kept in our Alias of a definition; empty when there is none, or when it is damaged."""
    for alias in element.all("Alias") if element else ():
        if alias.get("Context") == CONTEXT:
            return _mapping(alias.attributes.get("Name", ""))
    return {}


def rests_of(element: Element | None) -> dict[str, Any]:
    """The keys of the study itself, each in an Alias of its own on Protocol."""
    kept: dict[str, Any] = {}
    for alias in element.all("Alias") if element else ():
        context = alias.get("Context")
        if context.startswith(f"{CONTEXT}/"):
            kept |= _mapping(f'{{"{context[len(CONTEXT) + 1 :]}": {alias.attributes.get("Name", "")}}}')
    return kept


def is_ours(alias: Element) -> bool:
    return alias.get("Context").split("/")[0] == CONTEXT


def _mapping(text: str) -> dict[str, Any]:
    try:
        kept = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    sound = isinstance(kept, dict) and _depth(kept) <= DEEPEST and isinstance(kept.get("key", ""), str)
    return kept if sound else {}


def _depth(value: Any) -> int:
    """Levels of mappings and lists, as far as they matter."""
    level, depth = [value], 0
    while level and depth <= DEEPEST:
        level = [inner for one in level for inner in _inside(one)]
        depth += 1
    return depth


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def damaged(alias: Element) -> bool:
    """Whether an Alias of ours does not hold what it should."""
    text = alias.attributes.get("Name", "")
    return not _mapping(text if alias.get("Context") == CONTEXT else f'{{"value": {text}}}')


def kept_list(kept: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The parts with a key that the Alias keeps under a name; whatever else stands there does not count."""
    parts = kept.get(name)
    return (
        [part for part in parts if isinstance(part, dict) and isinstance(part.get("key"), str)]
        if isinstance(parts, list)
        else []
    )


def difference(whole: Mapping[str, Any], standard: Mapping[str, Any]) -> dict[str, Any]:
    """What must be kept so that ``restored(standard, kept)`` gives ``whole`` again; None stands for *not there*."""
    held: dict[str, Any] = json.loads(json.dumps(standard, default=str))
    kept = {key: value for key, value in whole.items() if held.get(key, _ABSENT) != value}
    return kept | {key: None for key in held if key not in whole}


def restored(standard: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**standard, **kept}
    return {key: value for key, value in merged.items() if value is not None}


def written(kept: Any) -> str:
    """JSON in one fixed spelling, with every sign that XML refuses escaped."""
    text = json.dumps(kept, sort_keys=True, ensure_ascii=False, separators=(", ", ": "))
    return "".join(sign if sign.isprintable() else _escaped(sign) for sign in text)


def _escaped(sign: str) -> str:
    return json.dumps(sign)[1:-1]
