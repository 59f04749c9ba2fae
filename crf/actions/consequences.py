"""What follows from an act: entries that read what changed are worked out anew and stored in the same act.

By the system, on behalf of whoever acted, whatever that person may see. What follows raises no revision, so that nobody
is told of it by a refusal; the questions put to the database are as many whether something follows or not; and a page
or a program of somebody blinded is answered after as long a time.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actions import action
from audit.acts import ActionRefused, Means, current_act, record
from audit.statements import places, rows_where
from audit.storing import store_changed
from crf.actions.checks import Changed, Judged, follow_checks
from crf.actions.trail import Document, note_changes, note_entry
from crf.loaded_casebook import LoadedCasebook, load_casebook
from crf.models import FormEntry, Signature, Verification
from crf.policies import lock_casebook
from crf.versions import key_names
from trialmgr.participants.models import Participant
from trialmgr.people.models import User
from trialmgr.protocol.casebook import Place, Source, assess, followers, sources
from trialmgr.protocol.evaluation import Evaluation
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.queries import current_definition, timeline

ACTION = "entry.followed"
_DOCUMENT = ("data", "missing", "unasked", "status")
EVEN_TIME = 0.05
"""Seconds: several times as long as it takes to follow."""


@dataclass(frozen=True, slots=True)
class Consequence:
    """An entry as it stands after it, what it held before, and the keys of the items that it holds otherwise."""

    entry: FormEntry
    before: Document
    changed: tuple[str, ...]


def follow(participant: Participant, changed: Changed, by: User, *, cause: str) -> list[Consequence]:
    """Within an act, after its own entries are stored: all that follows from the items it changed.

    ``cause``: what the audit trail calls that which was changed.
    """
    forms = followers_of({place.form for place in changed})
    if not forms:
        return []
    _take_even_time(by)
    loaded = load_casebook(participant, forms, _read_by(forms))
    judged = _judged(loaded, forms)
    found = [one for each in judged if (one := _difference(each))]
    _store(found, cause)
    _fall([one.entry for one in found], cause)
    moved = {one.entry.place: frozenset(one.changed) for one in found}
    follow_checks(judged, _together(changed, moved), by, cause=cause)
    return found


def _take_even_time(by: User) -> None:
    """Once all is kept and nobody is held up any more, wait until a whole number of steps from now have passed."""
    began = time.monotonic()
    if current_act().means is not Means.COMMAND and by.sight(current_definition()).blinded:
        transaction.on_commit(lambda: time.sleep((began - time.monotonic()) % EVEN_TIME))


@action("casebook.settled", permission="entries.migrate", site=lambda participant, **_k: participant.site)
def settle_casebook(*, by: User, participant: Participant, reason: str) -> list[Consequence]:
    """All that follows from the data of a participant as they stand, from nothing: for data of before it followed."""
    if not reason.strip():
        raise ActionRefused(_("Give the reason."))
    lock_casebook(participant.pk)
    judged = _from_nothing(participant)
    found = [one for each in judged if (one := _difference(each))]
    cause = participant.number
    record(
        object_type="participant",
        object_id=cause,
        site=participant.site.code,
        participant=cause,
        detail={"entries": len(found)},
    )
    _store_all(judged, found, by, cause)
    return found


def follow_participant(participant: Participant, by: User) -> None:
    """Within an act, after what is known of the participant changed: all that follows from it in the casebook."""
    judged = _from_nothing(participant)
    found = [one for each in judged if (one := _difference(each))]
    _store_all(judged, found, by, participant.number)


def _from_nothing(participant: Participant) -> list[Judged]:
    loaded = load_casebook(participant)
    assessed = assess(loaded.entered(), names=key_names()).entries
    return [Judged(entry, assessed[place]) for place, entry in loaded.entries.items()]


def _store_all(judged: list[Judged], found: list[Consequence], by: User, cause: str) -> None:
    _store(found, cause)
    _fall([one.entry for one in judged], cause)
    follow_checks(judged, {one.entry.place: frozenset(one.changed) for one in found}, by, cause=cause)


def preview(participant: Participant, entry: FormEntry, evaluation: Evaluation) -> list[Consequence]:
    """What would follow if ``entry`` came to this; nothing is stored."""
    forms = followers_of({entry.form_key})
    loaded = load_casebook(participant, forms, _read_by(forms)) if forms else LoadedCasebook({})
    others = {place: one for place, one in loaded.entries.items() if place != entry.place}
    stored = LoadedCasebook(others).stored() | {entry.place: evaluation}
    entered = LoadedCasebook(others).entered(forms)
    assessed = assess(entered, stored, key_names()).entries
    judged = [Judged(others[place], assessed[place]) for place in entered]
    return [one for each in judged if (one := _difference(each))]


def followers_of(forms: Collection[str]) -> frozenset[str]:
    """Keys of the forms that read these, by any version."""
    return followers(_definitions(), forms)


def _definitions() -> list[StudyDefinition]:
    """Of every version that an entry may stand on."""
    return [span.version.definition for span in timeline().spans]


def _read_by(forms: Collection[str]) -> frozenset[Source]:
    """What the rules of these read, by any version."""
    read = (
        source
        for definition in _definitions()
        for form in forms
        if definition.has_form(form)
        for source in sources(definition.form(form))
    )
    return frozenset(read)


def _judged(loaded: LoadedCasebook, forms: Collection[str]) -> list[Judged]:
    entered = loaded.entered(forms)
    assessed = assess(entered, loaded.stored(), key_names()).entries
    return [Judged(loaded.entries[place], assessed[place]) for place in entered]


def _difference(judged: Judged) -> Consequence | None:
    """The entry takes what it comes to; None where it held just that."""
    entry, before = judged.entry, Document.of(judged.entry)
    entry.take(judged.evaluation)
    changed = before.changed(entry)
    return Consequence(entry, before, changed) if changed or entry.status != before.status else None


def _store(found: Sequence[Consequence], cause: str) -> None:
    store_changed(FormEntry, [one.entry for one in found], _DOCUMENT, by_system=True)
    for one in found:
        note_entry(one.entry, action=ACTION, old=one.before.status, new=one.entry.status, cause=cause)
        note_changes(one.entry, one.entry.form, one.before, one.changed, action=ACTION, cause=cause)


def _fall(entries: Sequence[FormEntry], cause: str) -> None:
    """What was verified or signed and is otherwise now, is so no longer; it does not return by itself."""
    known = {entry.pk: entry for entry in entries}
    keys = [*known, -1]
    verified = rows_where(Verification, f"stands AND entry_id IN ({places(len(keys))})", *keys)
    signed = rows_where(Signature, f"lapsed_at IS NULL AND entry_id IN ({places(len(keys))})", *keys)
    fell = [row for row in verified if row.digest != known[row.entry_id].item_digest(row.item)]
    lapsed = [row for row in signed if row.digest != known[row.entry_id].digest]
    for verification in fell:
        verification.stands = False
        entry = known[verification.entry_id]
        revealing = verification.reveals_allocation
        note_entry(entry, action="verification.fell", item=verification.item, restricted=revealing, cause=cause)
    for signature in lapsed:
        signature.lapsed_at = timezone.now()
        entry = known[signature.entry_id]
        note_entry(entry, action="signature.lapsed", detail={"signer": signature.signer_name}, cause=cause)
    store_changed(Verification, fell, ("stands",), by_system=True)
    store_changed(Signature, lapsed, ("lapsed_at",), by_system=True)


def _together(*changes: Mapping[Place, frozenset[str]]) -> dict[Place, frozenset[str]]:
    places = {place for each in changes for place in each}
    return {place: frozenset().union(*(each.get(place, frozenset()) for each in changes)) for place in places}
