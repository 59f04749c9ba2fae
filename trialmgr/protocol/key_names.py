"""One question, by whatever key a version calls it: a rule of one version reads the entry of another. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from trialmgr.protocol.model import RowKey, StudyDefinition

KeyNames: TypeAlias = Mapping[tuple[str, str], tuple[str, ...]]
"""(form, item) -> every key that any version has for it, of the items that were ever called otherwise."""


def key_names(definitions: Iterable[StudyDefinition]) -> KeyNames:
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for definition in definitions:
        for (form, old), new in definition.moved.items():
            same = dict.fromkeys((*found.get((form, new), (new,)), *found.get((form, old), (old,))))
            found |= {(form, key): tuple(same) for key in same}
    return found


def called(names: KeyNames, form: str, key: str) -> tuple[str, ...]:
    """The key itself first, then what else the question was ever called; in a row of a group, in the same row."""
    row = RowKey.read(key) if names else None
    same = names.get((form, row.item if row else key), ())
    return tuple(dict.fromkeys((key, *(f"{row.section}.{row.row}.{name}" if row else name for name in same))))
