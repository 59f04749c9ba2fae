"""Every casebook worked out from nothing and held against what is stored: nothing false is locked or released.

What is worked out (values, what is asked, completeness), the queries of checks, verifications and signatures are held
against what people entered; what they entered, and the queries they raised, against the ledger.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from django.utils.translation import gettext as _

from crf.actions.checks import Judged
from crf.actions.trail import Document
from crf.loaded_casebook import LoadedCasebook, load_casebooks
from crf.models import FormEntry, Query, QueryStatus, Signature, Verification
from crf.replay import entry_differences, in_words, query_differences
from crf.versions import key_names
from trialmgr.protocol.casebook import Unread, assess, unread
from trialmgr.protocol.evaluation import Evaluation
from trialmgr.studies.queries import one_version, timeline


@dataclass(frozen=True, slots=True)
class Fault:
    """``entry``: as the audit trail names it, or a form or visit that a query is about.

    ``item``: "" for the entry itself. ``said``: what is wrong, in words.
    """

    entry: str
    item: str
    said: str

    @property
    def place(self) -> tuple[str, str, str, int]:
        """Number of the participant, slug of the visit, key of the form, row; "" and 1 where it has none."""
        number, visit, form, row, *_rest = [*self.entry.split("/"), "", ""]
        return number, visit, form, int(row or 1)

    def __str__(self) -> str:
        return f"{in_words(self.entry)}, {f'item {self.item}' if self.item else 'status'}: {self.said}"


@dataclass(frozen=True, slots=True)
class _Beside:
    """What stands beside the entries, by key of the entry; read once for all casebooks."""

    queries: Mapping[int, dict[tuple[str, str], str]] = field(default_factory=lambda: defaultdict(dict))
    verifications: Mapping[int, list[Verification]] = field(default_factory=lambda: defaultdict(list))
    signatures: Mapping[int, list[Signature]] = field(default_factory=lambda: defaultdict(list))


def faults() -> Iterator[Fault]:
    """Of all casebooks; as many questions to the database for many as for one."""
    yield from casebook_faults()
    for name, item in {(name, item): None for name, item, _said in (*entry_differences(), *query_differences())}:
        yield Fault(name, item, _("not what the audit trail says"))


def unread_paths() -> Iterator[tuple[str, Unread]]:
    """Of all casebooks, by number of the participant: what counts as missing because of the version that is read."""
    with one_version():
        if timeline().only is None:
            names = key_names()
            for loaded in load_casebooks():
                number = next(iter(loaded.entries.values())).participant.number
                yield from ((number, one) for one in unread(loaded.entered(), names))


def casebook_faults() -> Iterator[Fault]:
    """Those that working out anew finds."""
    with one_version():
        beside = _beside()
        for loaded in load_casebooks():
            yield from _of_casebook(loaded, beside)


def _beside() -> _Beside:
    beside = _Beside()
    for query in Query.objects.exclude(check_key="").order_by("entry", "number"):
        beside.queries[cast(int, query.entry_id)][query.check_key, query.item] = query.status
    for verification in Verification.objects.filter(stands=True):
        beside.verifications[verification.entry_id].append(verification)
    for signature in Signature.objects.filter(lapsed_at=None):
        beside.signatures[signature.entry_id].append(signature)
    return beside


def _of_casebook(loaded: LoadedCasebook, beside: _Beside) -> Iterator[Fault]:
    assessed = assess(loaded.entered(), names=key_names()).entries
    for place, entry in loaded.entries.items():
        yield from _of_people(entry, beside)
        yield from _of_checks(Judged(entry, assessed[place]), beside.queries[entry.pk])
        yield from _of_entry(entry, assessed[place])


def _of_entry(entry: FormEntry, evaluation: Evaluation) -> Iterator[Fault]:
    """Last of all, for the entry takes what it comes to."""
    name, before = entry.name, Document.of(entry)
    entry.take(evaluation)
    for key in before.changed(entry):
        yield Fault(name, key, _("not what follows from the data"))
    if entry.status != before.status:
        yield Fault(name, "", _("complete or incomplete, otherwise than follows from the data"))


def _of_checks(judged: Judged, queries: Mapping[tuple[str, str], str]) -> Iterator[Fault]:
    """Whoever closed a query whose check still fires accepted the value; that is no fault."""
    for key in judged.firing.keys() - queries.keys():
        yield Fault(judged.entry.name, key[1], _("the check %(check)s fires without a query") % {"check": key[0]})
    for key, status in queries.items():
        if status != QueryStatus.CLOSED and key not in judged.firing:
            said = _("the query of the check %(check)s is open, and the check does not fire") % {"check": key[0]}
            yield Fault(judged.entry.name, key[1], said)


def _of_people(entry: FormEntry, beside: _Beside) -> Iterator[Fault]:
    for verification in beside.verifications[entry.pk]:
        if verification.digest != entry.item_digest(verification.item):
            yield Fault(entry.name, verification.item, _("verified with another value"))
    if any(signature.digest != entry.digest for signature in beside.signatures[entry.pk]):
        yield Fault(entry.name, "", _("signed with another content"))
