"""What another version of the study says about a stored entry: what it keeps, asks anew, cannot hold, asks or refuses.

Reading only. A dry run of a migration, the migration itself and the effect of an amendment are all this one reckoning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from crf.lookup import StoredValues
from crf.models import EntryQuerySet, FormEntry
from crf.participant_forms import form_for
from trialmgr.participants.models import by_number
from trialmgr.people.models import User
from trialmgr.protocol.evaluation import Evaluation, Problem, evaluate_entry, evaluate_not_done
from trialmgr.protocol.model import Form, RowKey, StudyDefinition

# (form, item of the entry's version) -> item of the other version
Mapped = Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One entry as the other version has it. All names are keys of items, in rows ``section.row.item``.

    ``own_version``: label of the version it stood on. ``kept``: values and reasons that a person entered and that find
    a place; ``moved``: those that do under another key, from which to which. ``added``: asked there and empty.
    ``lost``: entered, and without a place there. ``recomputed``: derived items that come out otherwise, with both
    outcomes. ``asks``: soft checks that fire there and not here; ``refuses``: hard ones, ranges and code lists that
    do. ``signers``: whose standing signature would lapse.
    """

    entry: FormEntry
    own_version: str
    form: Form | None
    evaluation: Evaluation
    kept: tuple[str, ...]
    moved: tuple[tuple[str, str], ...]
    added: tuple[str, ...]
    lost: tuple[str, ...]
    recomputed: tuple[tuple[str, str | None, str | None], ...]
    asks: tuple[Problem, ...]
    refuses: tuple[Problem, ...]
    signers: tuple[str, ...]

    @property
    def fires(self) -> tuple[Problem, ...]:
        return (*self.refuses, *self.asks)


def outcomes(
    entries: Iterable[FormEntry], definition: StudyDefinition, mapped: Mapped | None = None
) -> Iterator[Outcome]:
    """The outcome of each entry. Entries of one participant next to one another are read once for all of them."""
    stored: StoredValues | None = None
    for entry in entries:
        if stored is None or stored.participant.pk != entry.visit.participant_id:
            stored = StoredValues(entry.visit.participant)
        yield _outcome(entry, definition, stored, mapped or {})


def stored_entries(
    user: User, *, forms: Iterable[str] | None = None, sites: Iterable[str] | None = None
) -> EntryQuerySet:
    """Standing entries within this person's sight, participant by participant; of these forms and sites alone."""
    rows: EntryQuerySet = FormEntry.objects.for_user(user).counted().standing()
    if forms is not None:
        rows = rows.filter(form_key__in=list(forms))
    if sites is not None:
        rows = rows.filter(visit__participant__site__code__in=list(sites))
    rows = rows.select_related("visit__participant__site", "visit__participant__study_version", "study_version")
    documents = ("study_version__document", "visit__participant__study_version__document")
    ordered = rows.defer(*documents).prefetch_related("signatures")
    return ordered.order_by(*by_number("visit__participant__"), "visit__target_on", "visit", "form_key", "occurrence")


def _outcome(entry: FormEntry, definition: StudyDefinition, stored: StoredValues, mapped: Mapped) -> Outcome:
    here = entry.form
    there = (
        form_for(entry.visit.participant, definition, entry.form_key) if definition.has_form(entry.form_key) else None
    )
    values_here, missing_here = entry.entered.values, entry.entered.missing
    entered = {key: values_here[key] for key in _in_order(here, values_here)}
    before = _evaluated(entry.study_version.definition, here, entered, missing_here, entry, stored)
    names = {key: _new_name(entry.form_key, key, mapped) for key in (*entered, *_in_order(here, missing_here))}
    values = {names[key]: value for key, value in entered.items() if there and there.holds(names[key])}
    reasons = {names[key]: code for key, code in missing_here.items() if there and there.holds(names[key])}
    after = _evaluated(definition, there, values, reasons, entry, stored)
    arrived = {*after.values, *after.missing, *after.unasked, *(problem.item_key for problem in after.problems)}
    fired = {_identity(problem) for problem in (*before.problems, *before.warnings)}
    return Outcome(
        entry=entry,
        own_version=entry.study_version.label,
        form=there,
        evaluation=after,
        kept=tuple(key for key, name in names.items() if name in arrived),
        moved=tuple((key, name) for key, name in names.items() if name != key and name in arrived),
        added=tuple(key for key in after.wanting if key not in before.wanting),
        lost=tuple(key for key, name in names.items() if name not in arrived),
        recomputed=tuple(_recomputed(entry, here, there, after)),
        asks=tuple(problem for problem in after.warnings if _identity(problem) not in fired),
        refuses=tuple(problem for problem in after.problems if _identity(problem) not in fired),
        signers=tuple(signature.signer_name for signature in entry.signatures.all() if signature.lapsed_at is None),
    )


_NOTHING = Evaluation({}, {}, {}, frozenset(), (), (), ())


def _evaluated(
    definition: StudyDefinition,
    form: Form | None,
    values: Mapping[str, str],
    missing: Mapping[str, str],
    entry: FormEntry,
    stored: StoredValues,
) -> Evaluation:
    if form is None:
        return _NOTHING
    if entry.not_done:
        return evaluate_not_done(definition, form, entry.not_done, stored, entry.visit.slug)
    return evaluate_entry(definition, form, values, missing, stored, entry.visit.slug)


def _in_order(form: Form, keys: Iterable[str]) -> list[str]:
    """As the form asks them; a database may give the keys of a document in any order."""
    places = {item.key: place for place, item in enumerate(form.items)}
    return sorted(keys, key=lambda key: (places[form.item(key).key], key))


def _new_name(form: str, key: str, mapped: Mapped) -> str:
    """The key under which a value would stand; in a row of a group the item's own part of it."""
    row = RowKey.read(key)
    item = mapped.get((form, row.item if row else key))
    return key if item is None else f"{row.section}.{row.row}.{item}" if row else item


def _identity(problem: Problem) -> tuple[str | None, str | None, str]:
    """A check is known by its key, a range or code list by what it says."""
    return problem.item_key, problem.check_key, "" if problem.check_key else problem.message.en


def _recomputed(
    entry: FormEntry, here: Form, there: Form | None, after: Evaluation
) -> Iterator[tuple[str, str | None, str | None]]:
    old = {key: value for key, value in entry.data.items() if here.item(key).is_derived}
    new = {key: value for key, value in after.values.items() if there and there.item(key).is_derived}
    for key in dict.fromkeys((*old, *new)):
        if old.get(key) != new.get(key):
            yield key, old.get(key), new.get(key)
