"""A participant's casebook as it stands in the database, read once: the plain value that rules look up and assess."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from itertools import groupby

from audit.statements import places, rows_where
from crf.models import EntryStatus, FormEntry, Visit
from trialmgr.participants.models import Participant
from trialmgr.protocol.casebook import (
    Assessed,
    Casebook,
    KeyNames,
    Place,
    Source,
    followers,
    sources,
)
from trialmgr.protocol.evaluation import PREVIOUS, Evaluation
from trialmgr.protocol.model import Form, StudyDefinition
from trialmgr.studies.queries import key_names, timeline, version_of_row

_ROWS = (
    "SELECT e.*, v.slug AS visit_slug FROM crf_formentry e JOIN crf_visit v ON v.id = e.visit_id "
    "WHERE v.participant_id = %s AND e.status <> 'removed'"
)


class LoadedCasebook:
    """The standing entries of a participant. Two questions to the database, each when it is first needed.

    ``forms``: of these alone, and of what is ``read`` beside them. To the rules of a form it is the lookup of what
    stands elsewhere; ``asked`` keeps what they read, by path, so that a decision can record its inputs.
    """

    def __init__(
        self, participant: Participant, forms: Collection[str] | None = None, read: Collection[Source] = ()
    ) -> None:
        self.participant, self.forms, self.read = participant, forms, read

    @cached_property
    def _rows(self) -> dict[Place, FormEntry]:
        """Without their visits: enough for who looks up a value."""
        if self.forms is None:
            rows: Iterable[FormEntry] = FormEntry.objects.raw(f"{_ROWS} ORDER BY e.id", [self.participant.pk])
        else:
            rows = self._chosen(self.forms)
        return {Place(vars(entry)["visit_slug"], entry.form_key, entry.occurrence): entry for entry in rows}

    def _chosen(self, forms: Collection[str]) -> Iterable[FormEntry]:
        """Forms at every visit, and forms at one; ``previous`` may be any, a key any time of an unscheduled visit."""
        everywhere = sorted({*forms, *(source.form for source in self.read if source.visit == PREVIOUS)})
        here = [source for source in sorted(self.read) if source.form not in everywhere]
        either = [f"e.form_key IN ({places(len(everywhere))})"] if everywhere else []
        either += ["(e.form_key = %s AND %s IN (v.slug, v.key))"] * len(here)
        values = [*everywhere, *(value for source in here for value in (source.form, source.visit))]
        statement = f"{_ROWS} AND ({' OR '.join(either)}) ORDER BY e.id"
        return FormEntry.objects.raw(statement, [self.participant.pk, *values]) if either else ()

    @cached_property
    def entries(self) -> dict[Place, FormEntry]:
        keys = [-1, *{entry.visit_id for entry in self._rows.values()}]
        visits = {visit.pk: visit for visit in rows_where(Visit, f"id IN ({places(len(keys))})", *keys)}
        for entry in self._rows.values():
            entry.visit = visits[entry.visit_id]
            _complete(entry, self.participant)
        return self._rows

    def put(self, entry: FormEntry) -> None:
        """What an act made of an entry, after this casebook was read."""
        self.entries.pop(entry.place, None)
        if entry.status != EntryStatus.REMOVED:
            self.entries[entry.place] = entry

    def entered(self, forms: Collection[str] | None = None) -> Casebook:
        """What people entered on all forms, or on these."""
        return {
            place: entry.entered for place, entry in self.entries.items() if forms is None or entry.form_key in forms
        }

    def stored(self) -> dict[Place, Evaluation]:
        """What the entries came to when they were last worked out, as far as it is kept."""
        return {
            place: Evaluation(entry.data, entry.missing, entry.unasked, frozenset(), (), (), ())
            for place, entry in self._rows.items()
        }

    @cached_property
    def values(self) -> Assessed:
        """What stood when it was first asked for."""
        return Assessed(self.stored(), names=self.names)

    def __call__(self, visit: str, form: str, item: str) -> str | None:
        """The canonical value, or None. ``visit`` is a key, or key-ordinal."""
        return self.values(visit, form, item)

    def keys(self, visit: str, form: str) -> tuple[str, ...] | None:
        """The items that have a value on a form; None when it was never entered."""
        return self.values.keys(visit, form)

    @property
    def asked(self) -> dict[str, str | None]:
        return self.values.asked

    @property
    def names(self) -> KeyNames:
        return key_names()


def casebook_around(participant: Participant, form: Form) -> LoadedCasebook:
    """The forms that follow from a form, what they read, and what it reads itself."""
    forms = followers_of({form.key})
    definitions = _definitions()
    following = [each.form(key) for each in definitions for key in forms if each.has_form(key)]
    return LoadedCasebook(participant, forms, {source for each in (form, *following) for source in sources(each)})


def followers_of(forms: Collection[str]) -> frozenset[str]:
    """Keys of the forms that read these, by any version."""
    return followers(_definitions(), forms)


def _definitions() -> list[StudyDefinition]:
    """Of every version that an entry may stand on."""
    return [span.version.definition for span in timeline().spans]


def load_casebooks() -> Iterator[LoadedCasebook]:
    """Of every participant with an entry who counts, one after the other; one question to the database."""
    rows = FormEntry.objects.counted().standing().select_related("visit__participant__site")
    ordered = rows.order_by("visit__participant__number").iterator(chunk_size=500)
    for participant, entries in groupby(ordered, lambda entry: entry.visit.participant):
        loaded = LoadedCasebook(participant)
        loaded._rows = loaded.entries = {entry.place: _complete(entry, participant) for entry in entries}
        yield loaded


def _complete(entry: FormEntry, participant: Participant) -> FormEntry:
    entry.visit.participant = participant
    entry.study_version = version_of_row(entry.study_version_id)
    return entry
