"""A fault of meaning in a definition, and how its parts are walked through to find one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias, get_args

from trialmgr.protocol.model import Form, Item, Part, StudyDefinition
from trialmgr.protocol.yaml_source import DocumentPath


@dataclass(frozen=True, slots=True)
class Finding:
    """``path``: of the key at fault. ``sign``: in an expression, the sign (from 1) at which the fault stands."""

    path: DocumentPath
    message: str
    mend: str
    sign: int | None = None


Findings: TypeAlias = Iterator[Finding]
Rules: TypeAlias = tuple[Callable[[StudyDefinition], Findings], ...]


def parts_of(part: Part, path: DocumentPath = ()) -> Iterator[tuple[DocumentPath, Part]]:
    """Every part of a definition, itself included, with its path."""
    yield path, part
    for name in _fields_with_parts(type(part)):
        value = getattr(part, name)
        if isinstance(value, Part):
            yield from parts_of(value, (*path, name))
        elif isinstance(value, tuple):
            for number, entry in enumerate(value):
                yield from parts_of(entry, (*path, name, number))


@lru_cache(maxsize=256)
def _fields_with_parts(kind: type[Part]) -> tuple[str, ...]:
    return tuple(name for name, field in kind.model_fields.items() if any(map(_is_part, types_in(field.annotation))))


def _is_part(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Part)


def types_in(annotation: Any) -> Iterator[Any]:
    """The type itself, and those inside ``X | None``, ``tuple[X, ...]`` and ``dict[str, X]``."""
    yield annotation
    for inner in get_args(annotation):
        yield from types_in(inner)


def items_of(path: DocumentPath, form: Form) -> Iterator[tuple[DocumentPath, Item]]:
    """The items of a form, which stands at ``path``, in order."""
    for section_number, section in enumerate(form.sections):
        for number, item in enumerate(section.items):
            yield (*path, "sections", section_number, "items", number), item


def all_items(study: StudyDefinition) -> Iterator[tuple[DocumentPath, Form, Item]]:
    """Every item of a definition with its path and its form."""
    for number, form in enumerate(study.forms):
        for path, item in items_of(("forms", number), form):
            yield path, form, item


def keys_before(form: Form, item: Item) -> list[str]:
    """Keys that a rule of an item may name alone: earlier items of the form, of a group only those of its own."""
    own = form.group_of(item.key)
    earlier = itertools.takewhile(lambda other: other.key != item.key, form.items)
    return [other.key for other in earlier if form.group_of(other.key) in (None, own)]


def hides(form: Form, item: Item) -> bool:
    """Whether blinded roles never meet the item."""
    return form.reveals_allocation or item.reveals_allocation
