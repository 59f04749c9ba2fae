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
from tests.large_trial.rows import put
from tests.large_trial.tables import Undeclared, column_of

_TEXTS = ("object_id", "old", "new", "reason")
_COLUMNS = [column_of(field) for field in LedgerEntry._meta.concrete_fields]
_HEXADECIMAL = re.compile("[0-9a-f]{64}")


@dataclass(slots=True)
class Template:
    """An entry of a source, and which of its fields say something else in a copy.

    ``values``: as the database takes them, by column. ``numbered``: fields that name the participant. ``digested``:
    fields that are a digest. ``placed``: its detail tells the place in the list.
    """

    entry: LedgerEntry
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


def acts(numbers: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """(act, its participant) of the sources, by number -> key."""
    found = LedgerEntry.objects.filter(participant__in=numbers).order_by().values_list("act", "participant")
    for act, number in found.distinct():
        yield act, numbers[number]


def templates(numbers: Mapping[str, int], digests: Digests) -> Iterator[Template]:
    """In the order of the trail. Raises Undeclared for a detail that would have to say something else."""
    for entry in LedgerEntry.objects.filter(participant__in=numbers).order_by("seq").iterator(chunk_size=2000):
        yield _template(entry, numbers[entry.participant], digests)


def _template(entry: LedgerEntry, source: int, digests: Digests) -> Template:
    texts = {name: text for name in _TEXTS if (text := getattr(entry, name))}
    told = json.dumps(entry.detail)
    if entry.participant in told or any(digests.knows(source, each) for each in _HEXADECIMAL.findall(told)):
        raise Undeclared(f"the detail of {entry.action} in the audit trail")
    return Template(
        entry,
        _as_kept(entry),
        {name: text for name, text in texts.items() if entry.participant in text},
        {name: text for name, text in texts.items() if digests.knows(source, text)},
        entry.object_type == "allocation" and "position" in entry.detail,
    )


def _as_kept(entry: LedgerEntry) -> dict[str, Any]:
    values = {column: getattr(entry, column) for column in _COLUMNS}
    values["at"] = connection.ops.adapt_datetimefield_value(entry.at)
    return values | {"detail": json.dumps(entry.detail)}


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
                yield _row(head, template, template.own(copied, digests))


def _row(head: LedgerHead, template: Template, own: dict[str, Any]) -> list[Any]:
    """The entry itself is lent for a moment, so that the ledger's own function hashes what the copy says."""
    head.seq += 1
    own["seq"] = head.seq
    lent = template.entry.__dict__
    before = {name: lent[name] for name in own}
    lent.update(own)
    head.hash = own["hash"] = entry_hash(template.entry, head.hash)
    lent.update(before)
    if template.placed:
        own["detail"] = json.dumps(own["detail"])
    return [own[column] if column in own else kept for column, kept in template.values.items()]
