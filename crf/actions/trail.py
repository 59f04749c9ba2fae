"""Ledger lines of the casebook: the same places named the same way in every act."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from audit.acts import record
from crf.models import FormEntry, Query, Visit
from trialmgr.protocol.evaluation import Unasked
from trialmgr.protocol.model import Form


@dataclass(frozen=True, slots=True)
class Document:
    """What an entry held at one moment."""

    data: Mapping[str, str]
    missing: Mapping[str, str]
    unasked: Unasked
    status: str | None

    @classmethod
    def of(cls, entry: FormEntry) -> Self:
        return cls(entry.data, entry.missing, entry.unasked, entry.status if entry.pk else None)

    def changed(self, entry: FormEntry) -> tuple[str, ...]:
        """Keys of the items that the entry holds otherwise now."""
        now = Document.of(entry)
        keys = [*now.data, *now.missing, *now.unasked, *self.data, *self.missing, *self.unasked]
        return tuple(key for key in dict.fromkeys(keys) if self._item(key) != now._item(key))

    def _item(self, key: str) -> tuple[str | None, str | None, dict[str, str] | None]:
        return self.data.get(key), self.missing.get(key), self.unasked.get(key)


def note_visit(visit: Visit, **fields: Any) -> None:
    participant = visit.participant
    of_visit = {
        "object_type": "visit",
        "object_id": f"{participant.number}/{visit.slug}",
        "site": participant.site.code,
        "participant": participant.number,
        "visit": visit.slug,
        "restricted": visit.reveals_allocation,
    }
    record(**of_visit | fields)


def note_query(query: Query, **fields: Any) -> None:
    """A line about what is asked: an item of an entry, a form that was not entered, or a visit."""
    fields = {"restricted": query.reveals_allocation, **fields}
    if query.entry is not None:
        note_entry(query.entry, item=query.item, **fields)
    elif query.form_key:
        fields |= {"object_type": "form", "object_id": query.name, "form": query.form_key, "occurrence": "1"}
        note_visit(query.of_visit, **fields)
    else:
        note_visit(query.of_visit, **fields)


def note_entry(entry: FormEntry, **fields: Any) -> None:
    participant = entry.visit.participant
    fields.setdefault("restricted", entry.reveals_allocation)
    record(
        object_type="entry",
        object_id=entry.name,
        site=participant.site.code,
        participant=participant.number,
        visit=entry.visit.slug,
        form=entry.form_key,
        occurrence=str(entry.occurrence),
        **fields,
    )


def note_changes(entry: FormEntry, form: Form, before: Document, changed: Iterable[str], **fields: Any) -> None:
    """A line for each item that the entry holds otherwise than before."""
    for key in changed:
        note_entry(
            entry,
            item=key,
            old=before.data.get(key),
            new=entry.data.get(key),
            detail=_detail(entry, before, key),
            restricted=item_reveals(entry, form, key),
            **fields,
        )


def _detail(entry: FormEntry, before: Document, key: str) -> dict[str, Any]:
    detail: dict[str, Any] = {}
    if key in before.missing or key in entry.missing:
        detail |= {"missing_old": before.missing.get(key), "missing_new": entry.missing.get(key)}
    if key in before.unasked or key in entry.unasked:
        detail |= {"unasked_old": before.unasked.get(key), "unasked_new": entry.unasked.get(key)}
    return detail


def item_reveals(entry: FormEntry, form: Form, item: str) -> bool:
    return entry.reveals_allocation or (form.has_item(item) and form.item(item).reveals_allocation)
