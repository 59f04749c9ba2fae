"""Digests of entries hold the participant's number: those of a copy are made anew, by the entry's own properties."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from django.db import connection

from crf.models import FormEntry, Visit
from tests.large_trial.copies import Copy
from tests.large_trial.rules import DIGESTED
from tests.large_trial.tables import Model, Table, label
from trialmgr.participants.models import Participant
from trialmgr.studies.models import StudyVersion


class UnknownDigest(Exception):
    """A digest of no version of any entry of its participant."""


class Digests:
    """``wanted``: by source, every digest that stands in a row. A copy's is asked for by the source's."""

    def __init__(self, originals: Sequence[Participant], tables: Iterable[Table]) -> None:
        self.participants = {each.pk: each for each in originals}
        self.wanted: dict[int, set[str]] = {pk: set() for pk in self.participants}
        for table in tables:
            for source, digest in _standing(table):
                self.wanted[source].add(digest)
        self.made: dict[tuple[int, str], Callable[[], str]] = {}
        for entry in _versions(self.participants):
            self._learn(entry)

    def _learn(self, entry: FormEntry) -> None:
        source = entry.visit.participant_id
        self.made[source, entry.digest] = lambda: entry.digest
        for item in {*entry.data, *entry.missing}:
            self.made[source, entry.item_digest(item)] = partial(entry.item_digest, item)

    def knows(self, source: int, digest: str | None) -> bool:
        return digest is not None and (source, digest) in self.made

    def renewed(self, copy: Copy, digest: str) -> str:
        """The entry of the source, for a moment under the number of the copy."""
        if (copy.source, digest) not in self.made:
            raise UnknownDigest(f"{copy.source_number}: {digest}")
        participant = self.participants[copy.source]
        participant.number = copy.number
        try:
            return self.made[copy.source, digest]()
        finally:
            participant.number = copy.source_number

    def rows(self, copies: Iterable[Copy]) -> Iterator[tuple[int, str, str]]:
        for copy in copies:
            for digest in self.wanted[copy.source]:
                yield copy.rank, digest, self.renewed(copy, digest)


def _standing(table: Table) -> Iterator[tuple[int, str]]:
    columns = [field.column for field in table.model._meta.concrete_fields if label(table.model, field) in DIGESTED]
    with connection.cursor() as cursor:
        for column in columns:
            cursor.execute(f'SELECT DISTINCT c."source", t."{column}" FROM {table.source}')
            yield from cursor.fetchall()


def _versions(participants: dict[int, Participant]) -> Iterator[FormEntry]:
    """Each entry as each of its versions was; those of one participant share the participant's own object."""
    versions = {version.pk: version for version in StudyVersion.objects.all()}
    visits = {visit.pk: visit for visit in Visit.objects.filter(participant__in=participants)}
    for visit in visits.values():
        visit.participant = participants[visit.participant_id]
    history: Model = FormEntry.history.model
    for version in history._default_manager.filter(visit__in=visits).iterator(chunk_size=2000):
        entry: FormEntry = version.instance  # type: ignore[attr-defined]  # given to it by simple_history
        entry.visit, entry.study_version = visits[entry.visit_id], versions[entry.study_version_id]
        yield entry
