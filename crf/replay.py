"""The ledger replayed must give the form entries as they stand (AT-04: every past state can be rebuilt)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from audit.models import LedgerEntry
from crf.models import FormEntry

Held = tuple[str | None, str | None, dict[str, str] | None]
"""Value, reason for missing, and what is kept of a question that is not asked."""
Document = dict[str, Held]

# Stands among the items of a document for the status of the entry itself, whose lines name no item.
STATUS = ""


def entry_faults() -> Iterator[str]:
    """Every difference between an entry and what its ledger lines add up to, in words."""
    replayed = _replayed()
    entries = FormEntry.objects.select_related("visit__participant").order_by("pk")
    for entry in entries.iterator(chunk_size=500):
        expected = replayed.pop(entry.name, {})
        keys = {*entry.data, *entry.missing, *entry.unasked}
        held = {key: (entry.data.get(key), entry.missing.get(key), entry.unasked.get(key)) for key in keys}
        actual: Document = {**held, STATUS: (entry.status, None, None)}
        for key in sorted(expected.keys() | actual.keys()):
            if expected.get(key) != actual.get(key):
                place = f"item {key}" if key else "status"
                yield f"form entry {entry.name}, {place}: the stored value is not the last one in the ledger"
    for name in replayed:
        yield f"form entry {name} stands in the ledger and not in the casebook"


def _replayed() -> dict[str, Document]:
    lines = LedgerEntry.objects.filter(
        action__in=["entry.saved", "entry.not_done", "entry.removed", "entry.migrated", "entry.followed"],
        object_type="entry",
    ).order_by("seq")
    documents: dict[str, Document] = defaultdict(dict)
    for line in lines.iterator(chunk_size=2000):
        held: Held = (line.new, line.detail.get("missing_new"), line.detail.get("unasked_new"))
        documents[line.object_id][line.item] = held
        if held == (None, None, None):
            del documents[line.object_id][line.item]
    return documents
