"""The ledger's hash of a copied entry, with what all its copies say alike written as JSON once: half the work.

It must say what ``audit.ledger.entry_hash`` says; ``trail`` holds every entry of the first copy against that.
"""

from __future__ import annotations

import hashlib
from typing import Any

from audit.ledger import _PLAIN, _VALUES, canonical
from audit.models import LedgerEntry

_NUMBER, _ACT, _SEQ, _COMMITTED = "<number>", "<act>", "<seq>", "<values>"
_MARKS = {f'"{_SEQ}"': "%(seq)d", _NUMBER: "%(participant)s", _ACT: "%(act)s", _COMMITTED: "%(values)s"}


class Leaf:
    def __init__(self, entry: LedgerEntry) -> None:
        self.values = {name: getattr(entry, name) for name in _VALUES}
        self.committed = canonical(list(self.values.values()))
        plain = {name: getattr(entry, name) for name in _PLAIN[entry.format]} | {"at": entry.at.isoformat()}
        place = entry.object_id.replace(entry.participant, _NUMBER)
        cause = entry.cause.replace(entry.participant, _NUMBER)
        marked = {"seq": _SEQ, "act": _ACT, "participant": _NUMBER, "object_id": place, "values": _COMMITTED}
        marked |= {"cause": cause} if entry.cause else {}
        self.pattern = canonical(plain | marked).decode().replace("%", "%%")
        for mark, place in _MARKS.items():
            self.pattern = self.pattern.replace(mark, place)

    def hash(self, own: dict[str, Any], previous: str) -> str:
        """``own``: sequence number, act, participant and salt of the copy, and each value that is another."""
        others = self.values.keys() & own.keys()
        committed = canonical(list((self.values | {name: own[name] for name in others}).values())) if others else None
        values = hashlib.sha256(own["salt"].encode() + (committed or self.committed)).hexdigest()
        leaf = hashlib.sha256(b"\x00" + (self.pattern % (own | {"values": values})).encode()).digest()
        return hashlib.sha256(bytes.fromhex(previous) + leaf).hexdigest()
