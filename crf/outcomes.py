"""What another version of the study, or a new rule, says about the entries that are stored. Reading only.

Of an entry: what it keeps, asks anew, cannot hold, asks or refuses. A dry run of a migration, the migration itself and
the effect of an amendment are all this one reckoning; a rule is tried on entries before it is switched on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from crf.loaded_casebook import LoadedCasebook
from crf.models import EntryQuerySet, FormEntry, Visit
from trialmgr.participants.models import by_number
from trialmgr.participants.queries import form_for
from trialmgr.people.models import User
from trialmgr.people.visibility import Sight
from trialmgr.protocol import integrity
from trialmgr.protocol.casebook import Entered, assess_entry
from trialmgr.protocol.differences import Change
from trialmgr.protocol.evaluation import Evaluation, Problem, RowScope, Scope, read, truth_of
from trialmgr.protocol.model import Check, Form, RowKey, StudyDefinition, Text, VisitDefinition

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
    """The outcome of each entry."""
    for entry, book in _with_casebooks(entries):
        yield _outcome(entry, definition, book, mapped or {})


def _with_casebooks(entries: Iterable[FormEntry]) -> Iterator[tuple[FormEntry, LoadedCasebook]]:
    """Each with what stands beside it; that of a participant is read once for entries next to one another."""
    for participant, own in groupby(entries, lambda entry: entry.visit.participant):
        book = LoadedCasebook(participant)
        yield from ((entry, book) for entry in own)


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


def _outcome(entry: FormEntry, definition: StudyDefinition, book: LoadedCasebook, mapped: Mapped) -> Outcome:
    entered, here = entry.entered, entry.form
    there = form_for(entry.participant, definition, entry.form_key) if definition.has_form(entry.form_key) else None
    before = assess_entry(entered, book)
    keys = (*_in_order(here, entered.values), *_in_order(here, entered.missing))
    names = {key: _new_name(entry.form_key, key, mapped) for key in keys}
    values = {names[key]: value for key, value in entered.values.items() if there and there.holds(names[key])}
    reasons = {names[key]: code for key, code in entered.missing.items() if there and there.holds(names[key])}
    moved = Entered(entry.place, definition, there, values, reasons, entry.not_done) if there else None
    after = assess_entry(moved, book) if moved else _NOTHING
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


@dataclass(frozen=True, slots=True)
class Impact:
    """``entries``: (form, site) -> entries; ``visits``: (visit, site) -> visits still to come.

    ``firing``: entries on which a check, range or code list fires that does not fire under their own version.
    ``recomputed``: entries of which a derived item comes out otherwise.
    """

    entries: dict[tuple[str, str], int]
    visits: dict[tuple[str, str], int]
    firing: tuple[Outcome, ...]
    recomputed: tuple[Outcome, ...]

    def as_json(self, language: str) -> dict[str, Any]:
        return {
            "entries": [{"form": form, "site": site, "entries": n} for (form, site), n in self.entries.items()],
            "visits": [{"visit": visit, "site": site, "visits": n} for (visit, site), n in self.visits.items()],
            "firing": [_firing(outcome, language) for outcome in self.firing],
            "recomputed": [
                {**place_of(outcome.entry), "items": [list(item) for item in outcome.recomputed]}
                for outcome in self.recomputed
            ],
        }


def place_of(entry: FormEntry) -> dict[str, Any]:
    """Participant, visit, form and row of an entry: how commands name it."""
    return {
        "participant": entry.visit.participant.number,
        "visit": entry.visit.slug,
        "form": entry.form_key,
        "row": entry.occurrence,
    }


def _firing(outcome: Outcome, language: str) -> dict[str, Any]:
    checks = [
        {"item": problem.item_key, "check": problem.check_key, "message": problem.message(language), "refuses": refuses}
        for problems, refuses in ((outcome.refuses, True), (outcome.asks, False))
        for problem in problems
    ]
    return {**place_of(outcome.entry), "checks": checks}


def touched_forms(changes: Sequence[Change], old: StudyDefinition, new: StudyDefinition) -> set[str]:
    """Keys of forms that differ, in themselves or in a code list that they use."""
    lists = {change.codelist for change in changes if change.codelist}
    users = {
        form.key
        for definition in (old, new)
        for form in definition.forms
        if lists & {item.codelist for item in form.items}
    }
    return users | {change.form for change in changes if change.form}


def entries_on(
    by: User, old: StudyDefinition, new: StudyDefinition, changes: Sequence[Change]
) -> dict[tuple[str, str], int]:
    """(form, site) -> standing entries in the sight of ``by`` on forms that differ."""
    rows = stored_entries(by, forms=touched_forms(changes, old, new)).order_by()
    return dict(sorted(Counter(rows.values_list("form_key", "visit__participant__site__code")).items()))


def impact(by: User, old: StudyDefinition, new: StudyDefinition, changes: Sequence[Change]) -> Impact:
    """Within the sight of ``by``. Every entry is held against its own version, not against ``old``."""
    found = list(outcomes(stored_entries(by, forms=touched_forms(changes, old, new)), new))
    return Impact(
        entries=entries_on(by, old, new, changes),
        visits=_visits(by, {change.visit for change in changes if change.visit}),
        firing=tuple(outcome for outcome in found if outcome.fires),
        recomputed=tuple(outcome for outcome in found if outcome.recomputed),
    )


def _visits(by: User, keys: Collection[str]) -> dict[tuple[str, str], int]:
    rows = Visit.objects.for_user(by).counted().filter(key__in=keys, took_place_on=None, not_done_reason="").order_by()
    return dict(sorted(Counter(rows.values_list("key", "participant__site__code")).items()))


TRIED = "tried_rule"


class RuleRefused(Exception):
    """The rule cannot be read, or reads what this form or person does not have; each line says what and the mend."""


@dataclass(frozen=True, slots=True)
class Tried:
    """``fires``: what the rule says of this entry; None when a value that it needs is missing."""

    entry: FormEntry
    fires: bool | None


def check_named(definition: StudyDefinition, key: str) -> tuple[Form, Check]:
    """The check ``form.check`` of a definition. RuleRefused when there is none."""
    form_key, _dot, check_key = key.partition(".")
    if definition.has_form(form_key):
        form = definition.form(form_key)
        for check in form.checks:
            if check.key == check_key:
                return form, check
    known = ", ".join(f"{form.key}.{check.key}" for form in definition.forms for check in form.checks)
    raise RuleRefused(f"there is no check “{key}”: name one as form.check, of {known or 'none'}")


def rule_as_check(definition: StudyDefinition, form_key: str, rule: str) -> tuple[Form, Check]:
    """A rule of one form, as an edit check that nobody has switched on. RuleRefused when there is no such form."""
    if not definition.has_form(form_key):
        raise RuleRefused(f"there is no form “{form_key}”: use one of {', '.join(sorted(_forms(definition)))}")
    form = definition.form(form_key)
    message = Text(nl="Regel op proef.", en="Rule on trial.")
    check = Check(key=TRIED, severity="soft", fires_if=rule, items=(form.items[0].key,), message=message)
    return form, check


def _forms(definition: StudyDefinition) -> set[str]:
    return {form.key for form in definition.forms}


def try_rule(by: User, definition: StudyDefinition, form: Form, check: Check) -> Iterator[Tried]:
    """Each standing entry of the form in this person's sight. RuleRefused before the first one is read.

    The rule is read by ``definition``, cut to what this person sees: a rule cannot ask what they may not know.
    """
    seen = in_sight(definition, by.sight(definition))
    _check_readable(seen, form.key, check)
    for entry, book in _with_casebooks(stored_entries(by, forms=[form.key])):
        own = form_for(entry.participant, seen, form.key)
        yield Tried(entry, _truth(seen, own, check, entry, book))


def in_sight(definition: StudyDefinition, sight: Sight) -> StudyDefinition:
    """Without the visits, forms and items that do not exist for this person."""
    return definition.model_copy(
        update={
            "visits": tuple(_holding(visit, sight) for visit in definition.visits if sight.visit(visit)),
            "forms": tuple(_cut(form, sight) for form in definition.forms if sight.form(form)),
        }
    )


def _holding(visit: VisitDefinition, sight: Sight) -> VisitDefinition:
    return visit.model_copy(update={"forms": tuple(key for key in visit.forms if key in sight.forms)})


def _cut(form: Form, sight: Sight) -> Form:
    sections = (
        section.model_copy(update={"items": tuple(item for item in section.items if sight.item(item))})
        for section in form.sections
    )
    return form.model_copy(update={"sections": tuple(section for section in sections if section.items)})


def _check_readable(definition: StudyDefinition, form_key: str, check: Check) -> None:
    number = next((n for n, form in enumerate(definition.forms) if form.key == form_key), None)
    if number is None:
        raise RuleRefused(f"there is no form “{form_key}”: use one of {', '.join(sorted(_forms(definition)))}")
    form = definition.forms[number]
    # Found by its place: the last check of the form.
    tried = form.model_copy(update={"checks": (*(one for one in form.checks if one.key != check.key), check)})
    forms = (*definition.forms[:number], tried, *definition.forms[number + 1 :])
    place = ("forms", number, "checks", len(tried.checks) - 1)
    whole = definition.model_copy(update={"forms": forms})
    faults = [found for found in integrity.findings(whole) if found.path[:4] == place]
    if faults:
        raise RuleRefused("\n".join(f"{found.message}: {found.mend}" for found in faults))


def _truth(
    definition: StudyDefinition, form: Form, check: Check, entry: FormEntry, book: LoadedCasebook
) -> bool | None:
    known = {key: read(definition, form.item(key), raw) for key, raw in entry.data.items() if form.holds(key)}
    scope = Scope(definition, form, book, known, entry.visit.slug)
    group = form.group_of_check(check)
    if group is None:
        return truth_of(check.fires_if, scope)
    truths = {truth_of(check.fires_if, RowScope(scope, group, row)) for row in scope.row_numbers(group)}
    return True if True in truths else None if None in truths else False
