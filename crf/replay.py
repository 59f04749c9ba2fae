"""The ledger replayed must give the form entries as they stand (AT-04: every past state can be rebuilt)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from audit.models import LedgerEntry
from crf.models import QUERY_TRANSITIONS, FormEntry, Query, QueryStatus

Held = tuple[str | None, str | None, dict[str, str] | None]
"""Value, reason for missing, and what is kept of a question that is not asked."""
Document = dict[str, Held]

# Stands among the items of a document for the status of the entry itself, whose lines name no item.
STATUS = ""


class Unlike(NamedTuple):
    """An entry, by the name that the ledger has for it, an item or "" for the entry itself, and what is wrong."""

    entry: str
    item: str
    said: str


def entry_faults() -> Iterator[str]:
    """Every difference between an entry and what its ledger lines add up to, in words."""
    yield from (found.said for found in entry_differences())


def query_faults() -> Iterator[str]:
    """Every query in another state, or about another item, than the ledger says, in words."""
    yield from (found.said for found in query_differences())


def entry_differences() -> Iterator[Unlike]:
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
                said = f"form entry {entry.name}, {place}: the stored value is not the last one in the ledger"
                yield Unlike(entry.name, key, said)
    for name in replayed:
        yield Unlike(name, "", f"form entry {name} stands in the ledger and not in the casebook")


def query_differences() -> Iterator[Unlike]:
    told = _told()
    rows = Query.objects.select_related("entry__visit__participant", "visit__participant").order_by("pk")
    for query in rows.iterator(chunk_size=500):
        name = query.name
        item, state = told.pop((name, query.number), (query.item, None))
        if state is not query.state:
            said = f"{in_words(name)}, query {query.number}: its status is not the last one in the ledger"
            yield Unlike(name, query.item, said)
        if item != query.item:
            yield Unlike(name, query.item, f"{in_words(name)}, query {query.number}: the ledger has it about {item}")
    for (name, number), (item, _status) in told.items():
        yield Unlike(name, item, f"{in_words(name)}, query {number} stands in the ledger and not in the casebook")


def in_words(name: str) -> str:
    """A name of the audit trail: participant and visit, and then a form, and then a row."""
    return f"{('visit', 'form', 'form entry')[name.count('/') - 1]} {name}"


def _told() -> dict[tuple[str, int], tuple[str, QueryStatus]]:
    """By what it is about and number: the item of each query, and the state to which the ledger led it."""
    lines = LedgerEntry.objects.filter(action__in=QUERY_TRANSITIONS).order_by("seq")
    rows = lines.values_list("object_id", "detail", "item", "action").iterator(chunk_size=2000)
    return {(name, detail["query"]): (item, QUERY_TRANSITIONS[action][1]) for name, detail, item, action in rows}


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
