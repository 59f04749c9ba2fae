"""Several versions of one study read together. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from trialmgr.protocol.model import CodeList, ConsentVersion, Form, Section, StudyDefinition, VisitDefinition

P = TypeVar("P", Form, VisitDefinition, CodeList, ConsentVersion)


def with_dropped_parts(versions: Sequence[StudyDefinition]) -> StudyDefinition:
    """The newest of ``versions`` (oldest first, at least one) with all that it dropped, because data hang on it.

    Visits, forms, items, code lists and consent versions of earlier versions stay known as they last were: behind its
    own ones, consent versions in front. A form that once revealed the allocation goes on doing so.
    """
    newest = versions[-1]
    parts: dict[str, tuple[Any, ...]] = {
        "consents": (
            *_dropped(newest.consents, [version.consents for version in versions]),
            *newest.consents,
        ),
        "visits": (*newest.visits, *_dropped(newest.visits, [version.visits for version in versions])),
        "codelists": (*newest.codelists, *_dropped(newest.codelists, [version.codelists for version in versions])),
        "forms": tuple(_forms(versions)),
    }
    changed = {name: found for name, found in parts.items() if found != getattr(newest, name)}
    return newest.model_copy(update=changed) if changed else newest


def _dropped(own: tuple[P, ...], versions: Iterable[tuple[P, ...]]) -> tuple[P, ...]:
    known = {part.key for part in own}
    return tuple({part.key: part for parts in versions for part in parts if part.key not in known}.values())


def _forms(versions: Sequence[StudyDefinition]) -> Iterator[Form]:
    newest = versions[-1].forms
    for form in (*newest, *_dropped(newest, [version.forms for version in versions])):
        editions = [version.form(form.key) for version in versions if version.has_form(form.key)]
        whole = _with_dropped_items(form, editions)
        reveals = any(edition.reveals_allocation for edition in editions)
        yield whole if whole.reveals_allocation == reveals else whole.model_copy(update={"reveals_allocation": reveals})


def _with_dropped_items(form: Form, editions: Sequence[Form]) -> Form:
    """Items that the form lost, each at the end of the section that held it; what revealed once goes on doing so."""
    known = {item.key for item in form.items}
    lost = {
        item.key: (section, item)
        for edition in editions
        for section in edition.sections
        for item in section.items
        if item.key not in known
    }
    revealing = {item.key for edition in editions for item in edition.items if item.reveals_allocation}
    if not lost and revealing == {item.key for item in form.items if item.reveals_allocation}:
        return form
    sections: dict[str, Section] = {section.key: _revealing(section, revealing) for section in form.sections}
    for held, item in lost.values():
        here = sections.get(held.key)
        items = (*here.items, item) if here else (item,)
        sections[held.key] = (here or held).model_copy(update={"items": items})
    return form.model_copy(update={"sections": tuple(sections.values())})


def _revealing(section: Section, revealing: set[str]) -> Section:
    items = tuple(
        item.model_copy(update={"reveals_allocation": True})
        if item.key in revealing and not item.reveals_allocation
        else item
        for item in section.items
    )
    return section.model_copy(update={"items": items})
