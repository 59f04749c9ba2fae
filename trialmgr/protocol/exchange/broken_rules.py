"""Rules of an imported study that do not hold there: taken out one by one and told, so that the rest can be used."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from trialmgr.protocol.yaml_source import StudyError

_OF_AN_ITEM = re.compile(r"sections\[(\d+)\]\.items\[(\d+)\]\.(ask_if|derive|score|examples)\b.*")
_OF_A_CHECK = re.compile(r"checks\[(\d+)\](?:\..*)?")


def take_out(forms: list[dict[str, Any]], errors: Iterable[StudyError]) -> list[str]:
    """Take the rules at fault out of the documents; what was taken out, in words. Empty when an error is no rule's."""
    by_file = {f"forms/{form['key']}.yaml": form for form in forms}
    faults = {(error.file, _place(error.key)): error for error in errors}
    if any(file not in by_file or not place for file, place in faults):
        return []
    # From the back, so that the numbers of the checks before stay right.
    ordered = sorted(faults.items(), key=lambda fault: fault[0], reverse=True)
    return [_taken(by_file[file], place, error) for (file, place), error in ordered]


def _place(key: str) -> tuple[str | int, ...]:
    if found := _OF_AN_ITEM.fullmatch(key):
        return "item", int(found[1]), int(found[2]), found[3]
    found = _OF_A_CHECK.fullmatch(key)
    return ("check", int(found[1])) if found else ()


def _taken(form: dict[str, Any], place: tuple[Any, ...], error: StudyError) -> str:
    if place[0] == "check":
        check = form["checks"].pop(place[1])
        return f"the check {check.get('key')} of {form['key']}: {check.get('fires_if')} ({error.message})"
    item = form["sections"][place[1]]["items"][place[2]]
    rule = item.pop(place[3])
    if place[3] == "ask_if":
        item["required"] = False
    return f"{place[3]} of {form['key']}.{item['key']}: {rule} ({error.message})"
