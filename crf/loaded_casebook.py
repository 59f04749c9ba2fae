"""A participant's casebook as it stands in the database, loaded once, as the plain value that is assessed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from crf.models import FormEntry
from trialmgr.participants.models import Participant
from trialmgr.protocol.casebook import Casebook, Place
from trialmgr.protocol.evaluation import Evaluation
from trialmgr.studies.queries import version_of_row


@dataclass(frozen=True, slots=True)
class LoadedCasebook:
    """The standing entries of a participant, all or those of some forms."""

    entries: Mapping[Place, FormEntry]

    def entered(self, forms: Collection[str] | None = None) -> Casebook:
        """What people entered on all forms, or on these."""
        return {
            place: entry.entered for place, entry in self.entries.items() if forms is None or entry.form_key in forms
        }

    def stored(self) -> dict[Place, Evaluation]:
        """What the entries came to when they were last worked out, as far as it is kept."""
        return {
            place: Evaluation(entry.data, entry.missing, entry.unasked, frozenset(), (), (), ())
            for place, entry in self.entries.items()
        }


def load_casebook(participant: Participant, forms: Collection[str] | None = None) -> LoadedCasebook:
    """One question to the database. ``forms``: of these alone."""
    rows = FormEntry.objects.filter(visit__participant=participant).standing().select_related("visit").order_by()
    if forms is not None:
        rows = rows.filter(form_key__in=sorted(forms))
    return _loaded(participant, rows)


def load_casebooks() -> Iterator[LoadedCasebook]:
    """Of every participant with an entry who counts, one after the other; one question to the database."""
    rows = FormEntry.objects.counted().standing().select_related("visit__participant__site")
    ordered = rows.order_by("visit__participant__number").iterator(chunk_size=500)
    for participant, entries in groupby(ordered, lambda entry: entry.visit.participant):
        yield _loaded(participant, entries)


def _loaded(participant: Participant, rows: Iterable[FormEntry]) -> LoadedCasebook:
    entries: dict[Place, FormEntry] = {}
    for entry in rows:
        entry.visit.participant = participant
        entry.study_version = version_of_row(entry.study_version_id)
        entries[entry.place] = entry
    return LoadedCasebook(entries)
