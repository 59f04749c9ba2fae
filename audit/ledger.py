"""Appending to the ledger and proving it whole.

Each entry's hash covers the one before it: hash(n) = SHA-256(hash(n-1) || SHA-256(0x00 || canonical entry)), where the
data values enter as a salted commitment SHA-256(salt || canonical values). Source: RFC 6962 section 2.1 (leaf prefix),
RFC 8785 (canonical JSON: sorted keys, no spaces; our values are strings, so no number formatting is at stake).
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator
from typing import Any

from django.utils import timezone

from audit.acts import Act, Line
from audit.models import LedgerEntry, LedgerHead

_VALUES = ("old", "new", "reason", "detail")
_PLAIN = (
    "seq",
    "act",
    "actor_id",
    "actor",
    "roles",
    "action",
    "object_type",
    "object_id",
    "site",
    "participant",
    "visit",
    "form",
    "occurrence",
    "item",
    "restricted",
)


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def entry_hash(entry: LedgerEntry, previous: str) -> str:
    """Hex SHA-256 that binds an entry to ``previous``, the hash of the entry before it."""
    values = hashlib.sha256(entry.salt.encode() + canonical([getattr(entry, name) for name in _VALUES])).hexdigest()
    plain = {name: getattr(entry, name) for name in _PLAIN}
    leaf = hashlib.sha256(b"\x00" + canonical(plain | {"at": entry.at.isoformat(), "values": values})).digest()
    return hashlib.sha256(bytes.fromhex(previous) + leaf).hexdigest()


def append(act: Act) -> None:
    """Write the lines of an act, inside the act's own transaction."""
    head = LedgerHead.objects.select_for_update().get(pk=1)
    at = timezone.now()
    entries = []
    for line in act.lines:
        head.seq += 1
        entry = _entry(act, line, head.seq)
        entry.at = at
        entry.hash = head.hash = entry_hash(entry, head.hash)
        entries.append(entry)
    LedgerEntry.objects.bulk_create(entries, batch_size=500)
    head.save()


def _entry(act: Act, line: Line, seq: int) -> LedgerEntry:
    fields: dict[str, Any] = {name: getattr(line, name) for name in Line.__slots__}
    return LedgerEntry(
        seq=seq,
        act=act.id,
        actor_id=act.actor.actor_id,
        actor=act.actor.actor_name,
        roles=act.roles,
        salt=secrets.token_hex(16),
        **fields,
    )


def chain_faults() -> Iterator[str]:
    """Every break of the chain, in words: gap, changed entry, tail cut off."""
    previous, expected = "0" * 64, 1
    for entry in LedgerEntry.objects.order_by("seq").iterator(chunk_size=2000):
        if entry.seq != expected:
            yield f"ledger entry {expected} is missing (next found: {entry.seq})"
        if not _fits(entry, previous):
            yield f"ledger entry {entry.seq} does not fit its hash: it, or the one before it, was changed"
        previous, expected = entry.hash, entry.seq + 1
    yield from _head_faults(expected - 1, previous)


def _fits(entry: LedgerEntry, previous: str) -> bool:
    try:
        return entry_hash(entry, previous) == entry.hash
    except ValueError:  # the hash before it was overwritten with something that is no hash
        return False


def _head_faults(last: int, last_hash: str) -> Iterator[str]:
    head = LedgerHead.objects.filter(pk=1).first()
    if head is None:
        yield "the head of the ledger is missing: whether entries at the end are missing cannot be told"
    elif head.seq > last:
        yield f"the ledger ends at entry {last}, its head says {head.seq}: entries at the end are missing"
    elif (head.seq, head.hash) != (last, last_hash):
        yield f"the ledger ends at entry {last}, its head says {head.seq} with another hash: one of them was changed"
