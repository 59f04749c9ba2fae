"""Appending to the ledger and proving it whole.

Each entry's hash covers the one before it: hash(n) = SHA-256(hash(n-1) || SHA-256(0x00 || canonical entry)), where the
data values enter as a salted commitment SHA-256(salt || canonical values). Source: RFC 6962 section 2.1 (leaf prefix),
RFC 8785 (canonical JSON: sorted keys, no spaces; our values are strings, so no number formatting is at stake).
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from audit.acts import BY_THE_SYSTEM, Act, Line
from audit.models import LedgerEntry, LedgerHead

_VALUES = ("old", "new", "reason", "detail")
FORMAT = 2
"""Of entries written from now on."""
MOST = 500
"""Lines in one statement: with all their columns fewer values than either database takes."""
_PLAIN_1 = (
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
# What the hash covers in clear, by format. Entries keep the format they were written in.
_PLAIN = {1: _PLAIN_1, 2: (*_PLAIN_1, "format", "cause", "on_behalf_of", "means", "seal")}
_COLUMNS = {str(field.column): field for field in LedgerEntry._meta.concrete_fields}
_NAMES = '", "'.join(_COLUMNS)
_INSERT = f'INSERT INTO "{LedgerEntry._meta.db_table}" ("{_NAMES}") VALUES '  # noqa: S608  our own names
_PLACES = f"({', '.join(['%s'] * len(_COLUMNS))})"
_HEAD = f'SELECT seq, hash FROM "{LedgerHead._meta.db_table}" WHERE id = 1 '  # noqa: S608
_MOVE_HEAD = f'UPDATE "{LedgerHead._meta.db_table}" SET seq = %s, hash = %s WHERE id = 1'  # noqa: S608
_encoder = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical(value: Any) -> bytes:
    return _encoder.encode(value).encode()


def entry_hash(entry: LedgerEntry, previous: str) -> str:
    """Hex SHA-256 that binds an entry to ``previous``, the hash of the entry before it."""
    return _hash(vars(entry), previous)


def _hash(entry: Mapping[str, Any], previous: str) -> str:
    values = hashlib.sha256(entry["salt"].encode() + canonical([entry[name] for name in _VALUES])).hexdigest()
    plain = {name: entry[name] for name in _PLAIN[entry["format"]]}
    leaf = hashlib.sha256(b"\x00" + canonical(plain | {"at": entry["at"].isoformat(), "values": values})).digest()
    return hashlib.sha256(bytes.fromhex(previous) + leaf).hexdigest()


def append(act: Act) -> None:
    """Write the lines of an act, inside the act's own transaction.

    In SQL of its own, since every act ends here and a form has a line for each item: through the ORM this took longer
    than the rest of the act.
    """
    with connection.cursor() as cursor:
        cursor.execute(_HEAD + (connection.ops.for_update_sql() if connection.features.has_select_for_update else ""))
        seq, newest = cursor.fetchone()
        shared = _shared(act)
        entries: list[dict[str, Any]] = []
        for line in act.lines:
            seq += 1
            entry = _fields(line) | _who(act, line) | shared | {"seq": seq, "salt": secrets.token_hex(16)}
            entry["hash"] = newest = _hash(entry, newest)
            entries.append(entry)
        _insert(cursor, entries)
        cursor.execute(_MOVE_HEAD, [seq, newest])


def _shared(act: Act) -> dict[str, Any]:
    """What every entry of an act says alike."""
    return {
        "act": act.id,
        "at": timezone.now(),
        "format": FORMAT,
        "means": act.means.value,
    }


def _who(act: Act, line: Line) -> dict[str, str]:
    """A consequence is the system's, on behalf of the person; it says nothing of what that person may see."""
    actor = BY_THE_SYSTEM if line.cause else act.actor
    return {
        "actor_id": actor.actor_id,
        "actor": actor.actor_name,
        "roles": BY_THE_SYSTEM.roles if line.cause else act.roles,
        "on_behalf_of": act.actor.actor_name if line.cause else "",
    }


def _fields(line: Line) -> dict[str, Any]:
    return {name: getattr(line, name) for name in Line.__slots__}


def _insert(cursor: CursorWrapper, entries: Sequence[Mapping[str, Any]]) -> None:
    """In one statement, but for what is too long: so nobody learns from their number how much followed from an act."""
    for first in range(0, len(entries), MOST):
        rows = [_row(entry) for entry in entries[first : first + MOST]]
        cursor.execute(_INSERT + ", ".join([_PLACES] * len(rows)), list(chain.from_iterable(rows)))


def _row(entry: Mapping[str, Any]) -> list[Any]:
    """The values in the order of the columns; times and JSON as the database at hand takes them."""
    adapted = {
        "at": connection.ops.adapt_datetimefield_value(entry["at"]),
        "detail": connection.ops.adapt_json_value(entry["detail"], None),
    }
    return [adapted[name] if name in adapted else entry[name] for name in _COLUMNS]


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
    except (ValueError, KeyError):  # the hash before it was overwritten with no hash, or the format with no format
        return False


def _head_faults(last: int, last_hash: str) -> Iterator[str]:
    head = LedgerHead.objects.filter(pk=1).first()
    if head is None:
        yield "the head of the ledger is missing: whether entries at the end are missing cannot be told"
    elif head.seq > last:
        yield f"the ledger ends at entry {last}, its head says {head.seq}: entries at the end are missing"
    elif (head.seq, head.hash) != (last, last_hash):
        yield f"the ledger ends at entry {last}, its head says {head.seq} with another hash: one of them was changed"
