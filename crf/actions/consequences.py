"""What follows from an act: entries that read what changed are worked out anew and stored in the same act.

By the system, on behalf of whoever acted, whatever that person may see. What follows raises no revision, so that nobody
is told of it by a refusal; the questions put to the database are as many whether something follows or not; and a page
or a program of somebody blinded is answered after as long a time.

Soft checks are at work here too: a warning opens a query, a corrected value closes it. Source: EMA guideline 6.1.4. The
truth of a check may change from the side of any form that it reads, so the queries follow the checks of the entry that
was saved and those of every entry that follows from it. A hard check that fires only because another form was corrected
can refuse nothing any more, so it asks as well.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import TypeAlias, cast

from django.db import transaction
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.actions import action
from audit.acts import ActionRefused, Means, current_act, record
from audit.statements import places, rows_where, store_changed, store_new
from crf.actions.queries import moved, opened, said
from crf.actions.trail import Document, note_changes, note_entry
from crf.loaded_casebook import LoadedCasebook
from crf.models import FormEntry, Query, QueryMessage, QueryStatus, Signature, Verification
from crf.policies import lock_casebook
from trialmgr.participants.models import Participant
from trialmgr.people.models import User
from trialmgr.protocol import expressions
from trialmgr.protocol.casebook import Place, assess, called, read_place
from trialmgr.protocol.evaluation import Evaluation, Problem
from trialmgr.protocol.model import Text
from trialmgr.studies.queries import current_definition, key_names

ACTION = "entry.followed"
_DOCUMENT = ("data", "missing", "unasked", "status")
EVEN_TIME = 0.05
"""Seconds: several times as long as it takes to follow."""

CORRECTED = gettext_lazy("The value was corrected; the check no longer fires.")
REMOVED = gettext_lazy("The row or form was removed.")
HARD_RANGE = "range"

Changed: TypeAlias = Mapping[Place, frozenset[str]]
"""Keys of the items that an act changed, by entry."""


Told: TypeAlias = tuple[Query, Text]
"""A query and what its check says."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An entry and what it comes to now."""

    entry: FormEntry
    evaluation: Evaluation

    @property
    def firing(self) -> dict[tuple[str, str], Problem]:
        """By key of the check and item, what asks."""
        asking = [*self.evaluation.warnings, *self.evaluation.problems]
        return {(problem.check_key or HARD_RANGE, problem.item_key or ""): problem for problem in asking}


@dataclass(frozen=True, slots=True)
class Consequence:
    """An entry as it stands after it, what it held before, and the keys of the items that it holds otherwise."""

    entry: FormEntry
    before: Document
    changed: tuple[str, ...]


def follow(book: LoadedCasebook, entry: FormEntry, changed: Iterable[str], by: User) -> list[Consequence]:
    """Within an act, after ``entry`` is stored: all that follows from the items of it that changed.

    ``book``: the casebook around the form, whenever it was read within the act.
    """
    if not book.forms:
        return []
    _take_even_time(by)
    book.put(entry)
    judged = _judged(book)
    found = _differences(judged)
    moved = {one.entry.place: frozenset(one.changed) for one in found}
    own = moved.get(entry.place, frozenset()).union(changed)
    _keep(judged, found, [one.entry for one in found], moved | {entry.place: own}, by, entry.name)
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
    judged = _judged(LoadedCasebook(participant))
    found = _differences(judged)
    record(
        object_type="participant",
        object_id=participant.number,
        site=participant.site.code,
        participant=participant.number,
        detail={"entries": len(found)},
    )
    _keep_all(judged, found, by, participant.number)
    return found


def follow_participant(participant: Participant, by: User) -> None:
    """Within an act, after what is known of the participant changed: all that follows from it in the casebook."""
    judged = _judged(LoadedCasebook(participant))
    _keep_all(judged, _differences(judged), by, participant.number)


def preview(book: LoadedCasebook, entry: FormEntry, evaluation: Evaluation) -> list[Consequence]:
    """What would follow if ``entry`` came to this; nothing is stored. ``book``: the casebook around its form."""
    judged = _judged(book, {entry.place: evaluation}) if book.forms else []
    return _differences(Judged(copy(one.entry), one.evaluation) for one in judged)


def _judged(book: LoadedCasebook, given: Mapping[Place, Evaluation] | None = None) -> list[Judged]:
    """What the entries that follow come to; of a casebook that is read whole all of them, from nothing.

    ``given``: what an entry would come to that is not stored yet.
    """
    known = {} if book.forms is None else book.stored()
    known |= given or {}
    entered = {place: one for place, one in book.entered(book.forms).items() if place not in (given or {})}
    assessed = assess(entered, known, book.names).entries
    return [Judged(book.entries[place], assessed[place]) for place in entered]


def _differences(judged: Iterable[Judged]) -> list[Consequence]:
    """Each entry takes what it comes to; those that did not hold just that."""
    found = []
    for one in judged:
        entry, before = one.entry, Document.of(one.entry)
        entry.take(one.evaluation)
        changed = before.changed(entry)
        if changed or entry.status != before.status:
            found.append(Consequence(entry, before, changed))
    return found


def _keep_all(judged: Sequence[Judged], found: Sequence[Consequence], by: User, cause: str) -> None:
    moved = {one.entry.place: frozenset(one.changed) for one in found}
    _keep(judged, found, [one.entry for one in judged], moved, by, cause)


def _keep(
    judged: Sequence[Judged],
    found: Sequence[Consequence],
    touched: Sequence[FormEntry],
    changed: Changed,
    by: User,
    cause: str,
) -> None:
    """What differs is stored, what was said of other values falls (of entries that are ``touched``), checks follow."""
    _store(found, cause)
    _fall(touched, cause)
    follow_checks(judged, changed, by, cause=cause)


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


def follow_checks(judged: Sequence[Judged], changed: Changed, by: User, *, cause: str = "") -> None:
    """Open a query for each warning that this act caused; close those whose warning is gone.

    A query that somebody closed while its check still fired was accepted: it returns only when a value changes that the
    check reads. With a ``cause`` as many questions are put to the database whether a query follows or not.
    """
    known = _queries_of(judged, always=bool(cause))
    raised: list[Told] = []
    ended: list[Told] = []
    for one in judged:
        queries, firing = known[one.entry.pk], one.firing
        newest = {(query.check_key, query.item): query for query in queries if query.check_key}
        over = [query for key, query in newest.items() if query.state is not QueryStatus.CLOSED and key not in firing]
        ended += [(query, _in_both(CORRECTED)) for query in over]
        asking = {key: problem for key, problem in firing.items() if _asks(newest.get(key), one, problem, changed)}
        raised += _raised(one, asking, max((query.number for query in queries), default=0))
    _store_queries(raised, ended, by, cause)


def follow_removal(entry: FormEntry, by: User) -> None:
    """A removed row asks nothing any more."""
    raised = entry.queries.exclude(check_key="").exclude(status=QueryStatus.CLOSED.value).order_by("number")
    _store_queries([], [(query, _in_both(REMOVED)) for query in raised], by, "")


def _queries_of(judged: Sequence[Judged], *, always: bool) -> dict[int, list[Query]]:
    """Every query of these entries, by entry, oldest first; what was saved for the first time has none yet."""
    standing = {one.entry.pk: one.entry for one in judged if always or one.entry.revision > 1}
    found: dict[int, list[Query]] = defaultdict(list)
    if standing or always:
        # A bound that finds nothing asks the same question as one that finds something.
        keys = [*standing, -1]
        for query in rows_where(Query, f"entry_id IN ({places(len(keys))}) ORDER BY number", *keys):
            entry = standing[cast(int, query.entry_id)]
            query.entry = entry
            found[entry.pk].append(query)
    return found


def _asks(query: Query | None, one: Judged, problem: Problem, changed: Changed) -> bool:
    return query is None or (query.state is QueryStatus.CLOSED and _reads_what_changed(one.entry, problem, changed))


def _reads_what_changed(entry: FormEntry, problem: Problem, changed: Changed) -> bool:
    own = changed.get(entry.place, frozenset())
    rules = [check.fires_if for check in entry.form.checks if check.key == problem.check_key]
    paths = {path for rule in rules for path in expressions.parse(rule).reads}
    if problem.item_key in own or any(path[0] in own for path in paths if len(path) == 1):
        return True
    return any(_changed_elsewhere(entry, path, changed) for path in paths if len(path) > 1)


def _changed_elsewhere(entry: FormEntry, path: expressions.Path, changed: Changed) -> bool:
    """Rows of a group are read as a whole: whichever of its items changed, the check may see it."""
    place = entry.place if len(path) == 2 else read_place(entry.study_version.definition, entry.place, path)
    keys = {key.rpartition(".")[2] for key in changed.get(place, ())} if place else set()
    return place is not None and not keys.isdisjoint(called(key_names(), place.form, path[-1]))


def _raised(one: Judged, asking: Mapping[tuple[str, str], Problem], last: int) -> Iterator[Told]:
    form = one.entry.form
    for number, ((check_key, item), problem) in enumerate(asking.items(), start=last + 1):
        yield opened(one.entry, form, item, number, check_key), problem.message


def _store_queries(raised: Sequence[Told], ended: Sequence[Told], by: User, cause: str) -> None:
    by_system = bool(cause)
    if raised or cause:
        store_new(Query, [query for query, _text in raised], by_system=by_system)
    if ended or cause:
        queries = [moved(query, "query.closed") for query, _text in ended]
        store_changed(Query, queries, ("status", "closed_at"), by_system=by_system)
    if raised or ended or cause:
        messages = [said(query, "query.raised", by, text, cause) for query, text in raised]
        messages += [said(query, "query.closed", by, text, cause) for query, text in ended]
        store_new(QueryMessage, messages, by_system=by_system)


def _in_both(text: str | Promise) -> Text:
    def spoken(language: str) -> str:
        with translation.override(language):
            return str(text)

    return Text(nl=spoken("nl"), en=spoken("en"))
