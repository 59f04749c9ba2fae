"""The audit trail of the copies: the entries of their sources, generation after generation, chained behind the last."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from audit.ledger import entry_hash
from audit.models import LedgerEntry, LedgerHead
from tests.large_trial.copies import Copy
from tests.large_trial.digests import Digests
from tests.large_trial.leaves import Leaf
from tests.large_trial.rows import put
from tests.large_trial.tables import Undeclared, column_of

_TEXTS = ("object_id", "cause", "old", "new", "reason")
_COLUMNS = [column_of(field) for field in LedgerEntry._meta.concrete_fields]
_HEXADECIMAL = re.compile("[0-9a-f]{64}")


class OtherHash(Exception):
    """The ledger has got another way to hash an entry: ``leaves`` must follow it."""


@dataclass(slots=True)
class Template:
    """An entry of a source, and which of its fields say something else in a copy.

    ``values``: as the database takes them, by column. ``numbered``: fields that name the participant. ``digested``:
    fields that are a digest. ``placed``: its detail tells the place in the list.
    """

    entry: LedgerEntry
    leaf: Leaf
    values: dict[str, Any]
    numbered: dict[str, str]
    digested: dict[str, str]
    placed: bool

    def own(self, copy: Copy, digests: Digests) -> dict[str, Any]:
        """What the copy's entry says otherwise, but for its number and its hash."""
        own: dict[str, Any] = {"participant": copy.number, "salt": secrets.token_hex(16)}
        own["act"] = act_of_copy(self.values["act"], copy)
        for name, text in self.numbered.items():
            own[name] = text.replace(copy.source_number, copy.number)
        for name, digest in self.digested.items():
            own[name] = digests.renewed(copy, digest)
        if self.placed and copy.place is not None:
            own["detail"] = self.entry.detail | {"position": copy.place.position}
        return own


def act_of_copy(act: str, copy: Copy) -> str:
    """As ``tables.act_of_copy`` has the database make it."""
    return hashlib.md5(f"{act}{copy.number}".encode(), usedforsecurity=False).hexdigest()


def acts(numbers: Mapping[str, int]) -> list[tuple[str, int]]:
    """(act, its participant) of the sources, by number -> key."""
    found = LedgerEntry.objects.filter(participant__in=numbers).order_by().values_list("act", "participant")
    return [(act, numbers[number]) for act, number in found.distinct()]


def templates(numbers: Mapping[str, int], digests: Digests) -> Iterator[Template]:
    """In the order of the trail. Raises Undeclared for a detail that would have to say something else."""
    for entry in LedgerEntry.objects.filter(participant__in=numbers).order_by("seq").iterator(chunk_size=2000):
        yield _template(entry, numbers[entry.participant], digests)


def _template(entry: LedgerEntry, source: int, digests: Digests) -> Template:
    texts = {name: text for name in _TEXTS if (text := getattr(entry, name))}
    values = _as_kept(entry)
    told = values["detail"]
    if entry.participant in told or any(digests.knows(source, each) for each in _HEXADECIMAL.findall(told)):
        raise Undeclared(f"the detail of {entry.action} in the audit trail")
    return Template(
        entry,
        Leaf(entry),
        values,
        {name: text for name, text in texts.items() if entry.participant in text},
        {name: text for name, text in texts.items() if digests.knows(source, text)},
        entry.object_type == "allocation" and "position" in entry.detail,
    )


def _as_kept(entry: LedgerEntry) -> dict[str, Any]:
    at = connection.ops.adapt_datetimefield_value(entry.at)
    return {column: vars(entry)[column] for column in _COLUMNS} | {"at": at, "detail": json.dumps(entry.detail)}


def copy_trail(originals: Sequence[Template], copies: Iterable[Copy], digests: Digests) -> int:
    """Returns how many entries were added; the head of the ledger stands at the last of them."""
    head = LedgerHead.objects.select_for_update().get(pk=1)
    before = head.seq
    put(LedgerEntry._meta.db_table, _COLUMNS, _chained(head, originals, copies, digests))
    head.save()
    return head.seq - before


def _chained(
    head: LedgerHead, originals: Sequence[Template], copies: Iterable[Copy], digests: Digests
) -> Iterator[list[Any]]:
    generations: dict[int, dict[str, Copy]] = {}
    for copy in copies:
        generations.setdefault(copy.generation, {})[copy.source_number] = copy
    for generation in generations.values():
        for template in originals:
            if (copied := generation.get(template.values["participant"])) is not None:
                yield _row(head, template, copied, digests)


def _row(head: LedgerHead, template: Template, copy: Copy, digests: Digests) -> list[Any]:
    own = template.own(copy, digests) | {"seq": head.seq + 1}
    hashed = template.leaf.hash(own, head.hash)
    if copy.rank == 1 and hashed != _as_the_ledger_hashes(template.entry, own, head.hash):
        raise OtherHash(f"{template.entry.action}: the ledger hashes otherwise than tests/large_trial/leaves.py")
    head.seq, head.hash = head.seq + 1, hashed
    row = template.values | own | {"hash": hashed}
    if template.placed:
        row["detail"] = json.dumps(row["detail"])
    return list(row.values())


def _as_the_ledger_hashes(entry: LedgerEntry, own: dict[str, Any], previous: str) -> str:
    fields = {column: vars(entry)[column] for column in _COLUMNS}
    return entry_hash(LedgerEntry(**fields | own), previous)
