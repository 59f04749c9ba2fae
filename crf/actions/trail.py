"""Ledger lines of the casebook: the same places named the same way in every act."""

from __future__ import annotations

from typing import Any

from audit.acts import record
from crf.models import FormEntry, Visit
from trialmgr.protocol.model import Form


def note_visit(visit: Visit, **fields: Any) -> None:
    participant = visit.participant
    record(
        object_type="visit",
        object_id=f"{participant.number}/{visit.slug}",
        site=participant.site.code,
        participant=participant.number,
        visit=visit.slug,
        restricted=visit.reveals_allocation,
        **fields,
    )


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


def item_reveals(entry: FormEntry, form: Form, item: str) -> bool:
    return entry.reveals_allocation or (form.has_item(item) and form.item(item).reveals_allocation)
