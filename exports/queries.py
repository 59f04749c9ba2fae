"""The rows of each released table, in a stable order, as strings; and the releases a person may see."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from django.conf import settings
from django.db.models import Case, F, IntegerField, QuerySet, Value, When
from django.db.models.functions import Coalesce, Least, Length

from audit.ledger import canonical
from audit.models import LedgerEntry
from audit.trail import READING_ORDER
from crf.deviations import departures
from crf.models import (
    EligibilityDecision,
    FormEntry,
    GateDecision,
    ProtocolDeviation,
    Query,
    QueryMessage,
    Signature,
    StoredFile,
    Visit,
)
from exports.tables.plans import AUDIT_TRAIL, Table
from randomization.models import Allocation, ListPurpose, RandomisedInError, RandomizationList, StratumCorrection
from trialmgr.participants.contact import unseal_bytes
from trialmgr.participants.models import Consent, Participant, by_number
from trialmgr.participants.states import Status
from trialmgr.protocol.model import ItemType, RowKey, StudyDefinition
from trialmgr.studies.models import StudyLock
from trialmgr.studies.queries import approved_versions

CHUNK = 2000
Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """What goes into a release: everything up to the lock, or without all that reveals the allocation.

    ``invented``: the data are a rehearsal's, and each row says so in its last column.
    """

    lock: StudyLock
    definitions: tuple[StudyDefinition, ...]
    with_allocation: bool
    invented: bool = False

    def rows(self, table: Table) -> Iterator[Row]:
        """Rows of a table in the order of its columns."""
        if not self.invented:
            return self._read(table)
        plain = replace(table, columns=table.columns[:-1])
        return ((*row, "yes") for row in self._read(plain))

    def _read(self, table: Table) -> Iterator[Row]:
        if table.form is not None:
            return _form_rows(table, table.form.key, self)
        return _READERS[table.name](table, self)


def is_invented() -> bool:
    """Whether this is a rehearsal: a demo, or an installation that ever had the list of one."""
    rehearsed = RandomizationList.objects.filter(purpose=ListPurpose.REHEARSAL.value)
    return bool(settings.TRIALMGR_DEMO) or rehearsed.exists()


def published_definitions() -> tuple[StudyDefinition, ...]:
    """Every version that was approved, oldest first: on no other can an entry stand."""
    return tuple(version.definition for version in approved_versions())


def as_text(value: Any) -> str:
    """A stored value as a release writes it: ISO dates, times in UTC, yes and no, "" for nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat()
    return value.isoformat() if isinstance(value, datetime.date) else str(value)


def _lines(rows: QuerySet[Any, tuple[Any, ...]]) -> Iterator[Row]:
    for row in rows.iterator(chunk_size=CHUNK):
        yield tuple(as_text(value) for value in row)


def visit_rank(definitions: tuple[StudyDefinition, ...], path: str) -> Case:
    """Visits in the order of the study definition, not of the alphabet."""
    keys = dict.fromkeys(visit.key for definition in definitions for visit in definition.visits)
    whens = [When(**{path: key}, then=Value(rank)) for rank, key in enumerate(keys)]
    return Case(*whens, default=Value(len(keys)), output_field=IntegerField())


_OF_PARTICIPANT = (
    "number",
    "site__code",
    "status",
    "phase",
    "registered_on",
    "enrolled_on",
    "ended_on",
    "study_version__label",
)


def _participants(table: Table, cut: Cut) -> Iterator[Row]:
    consents = {consent.participant_id: consent for consent in Consent.objects.order_by("given_on", "pk")}
    decisions = {each.participant_id: each for each in EligibilityDecision.objects.order_by("decided_at", "pk")}
    gates = {(each.participant_id, each.phase): each for each in GateDecision.objects.all()}
    randomised = set(Allocation.objects.values_list("participant", flat=True))
    in_error = set(RandomisedInError.objects.values_list("allocation__participant", flat=True))
    phases = [name.removesuffix("_opened") for name in table.header if name.endswith("_opened")]
    rows = Participant.objects.order_by(*by_number()).values_list("pk", *_OF_PARTICIPANT)
    for pk, *own in rows:
        values = [
            *own,
            pk in in_error if pk in randomised else None,
            *_parts(consents.get(pk), "version", "given_on", "withdrawn_on"),
            *_parts(decisions.get(pk), "eligible", "decided_at", "criteria_version"),
            " ".join(decisions[pk].not_met) if pk in decisions else None,
            *(value for phase in phases for value in _parts(gates.get((pk, phase)), "opened", "decided_at")),
        ]
        yield tuple(as_text(value) for value in values)


_OF_ALLOCATION = (
    "participant__number",
    "participant__site__code",
    "arm",
    "row__stratum__key",
    "row__position",
    "row__stratum__list__number",
    "allocated_at",
    "allocated_by",
    "envelope__opened_at",
)


def _parts(row: Any, *names: str) -> list[Any]:
    return [getattr(row, name, None) for name in names]


def _consents(table: Table, cut: Cut) -> Iterator[Row]:
    counted = Consent.objects.exclude(participant__status=Status.VOIDED.value)
    rows = counted.order_by(*by_number("participant__"), "given_on", "pk")
    own = ("version", "given_on", "taken_by", "withdrawn_on")
    return _lines(rows.values_list("participant__number", "participant__site__code", *own))


def _allocation(table: Table, cut: Cut) -> Iterator[Row]:
    factors = [name.removeprefix("stratum_") for name in table.header if name.startswith("stratum_")]
    corrected = _corrected_levels()
    flags = {flag.allocation_id: flag for flag in RandomisedInError.objects.all()}
    rows = Allocation.objects.order_by(*by_number("participant__")).values_list("pk", *_OF_ALLOCATION, "levels")
    for pk, *own, levels in rows.iterator(chunk_size=CHUNK):
        strata = [value for key in factors for value in (levels.get(key), corrected[pk].get(key))]
        flag = _parts(flags.get(pk), "reason", "flagged_at", "countersigned_at")
        values = [*own, pk in flags, *flag, *strata]
        yield tuple(as_text(value) for value in values)


def _corrected_levels() -> dict[int, dict[str, str]]:
    """Key of an allocation -> factor -> the newest correction."""
    found: dict[int, dict[str, str]] = defaultdict(dict)
    for correction in StratumCorrection.objects.order_by("corrected_at", "pk"):
        found[correction.allocation_id][correction.factor] = correction.corrected
    return found


def _visits(table: Table, cut: Cut) -> Iterator[Row]:
    rows = _shown(Visit.objects.counted(), cut, "reveals_allocation")
    return _lines(
        rows.order_by(*by_number("participant__"), visit_rank(cut.definitions, "key"), "ordinal").values_list(
            "participant__site__code",
            "participant__number",
            "slug",
            "key",
            "ordinal",
            "phase",
            "target_on",
            "earliest_on",
            "latest_on",
            "took_place_on",
            "not_done_reason",
        )
    )


def _deviations(table: Table, cut: Cut) -> Iterator[Row]:
    """What reveals the allocation by a later version of the study only, is told by what stands now."""
    found = departures(Participant.objects.select_related("site"))
    stands = {one.deviation.pk: one.reveals for one in found if one.deviation is not None}
    hidden = [pk for pk, reveals in stands.items() if reveals and not cut.with_allocation]
    rank = visit_rank(cut.definitions, "visit__key")
    rows = _shown(ProtocolDeviation.objects.counted(), cut, "reveals_allocation", "visit__reveals_allocation")
    order = (*by_number("visit__participant__"), rank, "visit__ordinal", "rule", "about")
    for one in rows.exclude(pk__in=hidden).order_by(*order).select_related("visit__participant__site"):
        place = [one.visit.participant.site.code, one.visit.participant.number, one.visit.slug]
        texts = [one.rule, one.text("nl"), one.text("en"), one.pk in stands, one.reason]
        judged = [one.weight, one.judged_at, one.judged_by, one.judgement]
        yield tuple(as_text(value) for value in (*place, *texts, *judged))


def _form_rows(table: Table, form: str, cut: Cut) -> Iterator[Row]:
    rows = _shown(FormEntry.objects.counted().filter(form_key=form), cut, "reveals_allocation")
    rank = visit_rank(cut.definitions, "visit__key")
    read = rows.order_by(*by_number("visit__participant__"), rank, "visit__ordinal", "occurrence").values_list(
        "visit__participant__site__code",
        "visit__participant__number",
        "visit__slug",
        "visit__ordinal",
        "visit__took_place_on",
        "occurrence",
        "status",
        "study_version__label",
        "data",
        "missing",
    )
    answers = [(column.item, column.missing_of) for column in table.columns if column.item or column.missing_of]
    for *plain, data, missing in read.iterator(chunk_size=CHUNK):
        for own, place in _document_rows(table, data, missing):
            given = [data.get(own + item) if item else missing.get(own + missing_of) for item, missing_of in answers]
            yield tuple(as_text(value) for value in [*plain, *place, *given])


def _document_rows(table: Table, data: dict[str, str], missing: dict[str, str]) -> Iterator[tuple[str, list[int]]]:
    """What stands before an item's key in a document, and the number of the row; once for a table without a group."""
    if not table.group:
        yield "", []
        return
    named = (RowKey.read(key) for key in (*data, *missing))
    for row in sorted({each.row for each in named if each is not None and each.section == table.group}):
        yield f"{table.group}.{row}.", [row]


def answered_files(cut: Cut, planned: tuple[Table, ...]) -> Iterator[tuple[str, bytes]]:
    """Each file that an answer in these tables names, once: its name in the release and its content."""
    wanted: dict[str, StoredFile] = {}
    for table in planned:
        places = [number for number, column in enumerate(table.columns) if column.type == ItemType.FILE]
        for row in cut.rows(table) if places else ():
            participant = row[table.header.index("participant")]
            for mark in filter(None, (row[place] for place in places)):
                wanted[released_name(mark)] = StoredFile.objects.get(
                    participant__number=participant, sha256=_digest(mark)
                )
    for name in sorted(wanted):
        yield name, unseal_bytes(wanted[name].sealed)


def released_name(mark: str) -> str:
    """Two answers with the same content share a file; what its name was stands in the answer."""
    return f"file_{_digest(mark)}{PurePath(mark).suffix.lower()}"


def _digest(mark: str) -> str:
    return mark.removeprefix("sha256:").partition("/")[0]


def _queries(table: Table, cut: Cut) -> Iterator[Row]:
    rows = _asked(Query.objects.counted(), "", cut)
    place = _asked_at("", cut)
    return _lines(
        rows.order_by(*place.order, "number").values_list(
            *place.columns, "number", "item", "check_key", "status", "raised_at", "closed_at"
        )
    )


def _query_messages(table: Table, cut: Cut) -> Iterator[Row]:
    counted = QueryMessage.objects.filter(query__in=Query.objects.counted())
    rows = _asked(counted, "query__", cut)
    place = _asked_at("query__", cut)
    return _lines(
        rows.order_by(*place.order, "query__number", "at", "pk").values_list(
            *place.columns, "query__number", "at", "by", "text"
        )
    )


def _signatures(table: Table, cut: Cut) -> Iterator[Row]:
    rows = _shown(Signature.objects.counted(), cut, "entry__reveals_allocation")
    place = _place("entry", cut)
    return _lines(
        rows.order_by(*place.order, "signed_at", "pk").values_list(
            *place.columns, "signer_name", "role", "meaning", "signed_at", "digest", "lapsed_at"
        )
    )


@dataclass(frozen=True, slots=True)
class _Place:
    columns: tuple[Any, ...]
    order: tuple[Any, ...]


def _place(entry: str, cut: Cut) -> _Place:
    """Where a row about an entry belongs: lookups of its first five columns, and the order that follows from them."""
    visit, participant = f"{entry}__visit", f"{entry}__visit__participant"
    columns = (f"{participant}__site__code", f"{participant}__number", f"{visit}__slug", f"{entry}__form_key")
    rank = visit_rank(cut.definitions, f"{visit}__key")
    order = (*by_number(f"{participant}__"), rank, f"{visit}__ordinal", f"{entry}__form_key", f"{entry}__occurrence")
    return _Place((*columns, f"{entry}__occurrence"), order)


def _asked(rows: Any, query: str, cut: Cut) -> Any:
    """Also without those on what a later version of the study calls revealing."""
    if cut.with_allocation:
        return rows
    forms = {form.key for definition in cut.definitions for form in definition.forms if form.reveals_allocation}
    rows = rows.filter(**{f"{query}reveals_allocation": False}).exclude(**{f"{query}entry__reveals_allocation": True})
    return rows.exclude(**{f"{query}form_key__in": forms})


def _asked_at(query: str, cut: Cut) -> _Place:
    """As ``_place``; a query on a form that was not entered has no row, one on a visit no form either."""
    entry, visit = f"{query}entry__", f"{query}visit__"

    def either(path: str) -> Coalesce:
        return Coalesce(f"{entry}visit__{path}", f"{visit}{path}")

    form, row = Coalesce(f"{entry}form_key", f"{query}form_key"), F(f"{entry}occurrence")
    columns = (either("participant__site__code"), either("participant__number"), either("slug"), form, row)
    number = either("participant__number")
    ranks = (visit_rank(cut.definitions, f"{entry}visit__key"), visit_rank(cut.definitions, f"{visit}key"))
    order = (either("participant__site__code"), Length(number), number, Least(*ranks), either("ordinal"))
    return _Place(columns, (*order, form, Coalesce(row, 0)))


def _shown(rows: Any, cut: Cut, *revealing: str) -> Any:
    return rows if cut.with_allocation else rows.filter(**dict.fromkeys(revealing, False))


def _audit_trail(table: Table, cut: Cut) -> Iterator[Row]:
    """Up to the lock: what was done since then, a release among it, changes no later release."""
    entries = LedgerEntry.objects.filter(seq__lte=cut.lock.ledger_seq).order_by("seq")
    if cut.with_allocation:
        rows = entries.values_list(
            "seq", *READING_ORDER, "act", "restricted", "format", "cause", "seal", "salt", "hash"
        )
    else:
        rows = entries.open_part().values_list(F("seq") * 0, *READING_ORDER)
    detail = 1 + READING_ORDER.index("detail")
    for number, row in enumerate(rows.iterator(chunk_size=CHUNK), start=1):
        values = [row[0] or number, *row[1:]]
        values[detail] = canonical(values[detail]).decode()
        yield tuple(as_text(value) for value in values)


_READERS: dict[str, Callable[[Table, Cut], Iterator[Row]]] = {
    "participants.csv": _participants,
    "allocation.csv": _allocation,
    "consents.csv": _consents,
    "visits.csv": _visits,
    "deviations.csv": _deviations,
    "queries.csv": _queries,
    "query_messages.csv": _query_messages,
    "signatures.csv": _signatures,
    AUDIT_TRAIL: _audit_trail,
}
