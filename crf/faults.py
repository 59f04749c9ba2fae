"""Every casebook held against what it follows from: nothing false is locked or released.

What is worked out (values, what is asked, completeness), the queries of checks, verifications and signatures are held
against what people entered, worked out from nothing; what they entered, and the queries they raised, against the
ledger: replayed it must give the rows as they stand (AT-04: every past state can be rebuilt).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from django.utils.translation import gettext as _

from audit.models import LedgerEntry
from crf.actions.consequences import Judged
from crf.actions.trail import Document
from crf.loaded_casebook import LoadedCasebook, load_casebooks
from crf.models import QUERY_TRANSITIONS, FormEntry, Query, QueryStatus, Signature, Verification
from trialmgr.protocol.casebook import Unread, assess, unread
from trialmgr.protocol.evaluation import Evaluation
from trialmgr.studies.queries import key_names, one_version, timeline


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


Held = tuple[str | None, str | None, dict[str, str] | None]
"""Value, reason for missing, and what is kept of a question that is not asked."""
Replayed = dict[str, Held]

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
        actual: Replayed = {**held, STATUS: (entry.status, None, None)}
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


def _replayed() -> dict[str, Replayed]:
    lines = LedgerEntry.objects.filter(
        action__in=["entry.saved", "entry.not_done", "entry.removed", "entry.migrated", "entry.followed"],
        object_type="entry",
    ).order_by("seq")
    documents: dict[str, Replayed] = defaultdict(dict)
    for line in lines.iterator(chunk_size=2000):
        held: Held = (line.new, line.detail.get("missing_new"), line.detail.get("unasked_new"))
        documents[line.object_id][line.item] = held
        if held == (None, None, None):
            del documents[line.object_id][line.item]
    return documents
