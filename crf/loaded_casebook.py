"""A participant's casebook as it stands in the database, loaded once, as the plain value that is assessed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from audit.statements import places, rows_where
from crf.models import FormEntry, Visit
from trialmgr.participants.models import Participant
from trialmgr.protocol.casebook import Casebook, Place, Source
from trialmgr.protocol.evaluation import Evaluation
from trialmgr.protocol.previous import PREVIOUS
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


def load_casebook(
    participant: Participant, forms: Collection[str] | None = None, read: Collection[Source] = ()
) -> LoadedCasebook:
    """Two questions to the database. ``forms``: of these alone, and of what is ``read`` beside them."""
    condition = _OF_PARTICIPANT
    values: list[str | int] = [participant.pk]
    if forms is not None:
        chosen, more = _chosen(participant, forms, read)
        condition, values = f"{condition} AND ({chosen})", [*values, *more]
    rows = rows_where(FormEntry, condition, *values)
    keys = [-1, *{entry.visit_id for entry in rows}]
    visits = {visit.pk: visit for visit in rows_where(Visit, f"id IN ({places(len(keys))})", *keys)}
    for entry in rows:
        entry.visit = visits[entry.visit_id]
    return _loaded(participant, rows)


_OF_PARTICIPANT = "status <> 'removed' AND visit_id IN (SELECT id FROM crf_visit WHERE participant_id = %s)"
_AT_VISIT = "form_key = %s AND visit_id IN (SELECT id FROM crf_visit WHERE participant_id = %s AND %s IN (slug, key))"


def _chosen(participant: Participant, forms: Collection[str], read: Collection[Source]) -> tuple[str, list[str | int]]:
    """Forms at every visit, and forms at one; ``previous`` may be any, and a key any time of an unscheduled visit."""
    everywhere = sorted({*forms, *(source.form for source in read if source.visit == PREVIOUS)})
    here = [source for source in sorted(read) if source.form not in everywhere]
    values: list[str | int] = [*everywhere]
    for source in here:
        values += (source.form, participant.pk, source.visit)
    return " OR ".join([f"form_key IN ({places(len(everywhere))})", *[_AT_VISIT] * len(here)]), values


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
