from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from audit.actions import action
from audit.acts import ActionRefused
from audit.statements import found, rows_where
from crf import policies
from crf.actions.consequences import Consequence, Judged, follow, follow_checks, follow_removal
from crf.actions.files import files_of, store_file, strange_files
from crf.actions.participation import end_with, reopen_participation
from crf.actions.trail import Document, item_reveals, note_changes, note_entry
from crf.deviations import untimely
from crf.loaded_casebook import LoadedCasebook, casebook_around
from crf.models import EntryStatus, FormEntry, Signature, Verification, Visit
from crf.policies import check_revision, check_unchanged
from trialmgr.participants.models import Participant
from trialmgr.participants.queries import form_for, version_for
from trialmgr.people.models import User
from trialmgr.protocol.evaluation import Evaluation, Problem, evaluate_entry, evaluate_not_done
from trialmgr.protocol.model import Form, RowKey, StudyDefinition, Text
from trialmgr.protocol.values import ValueProblem, check_unmistakable
from trialmgr.studies.models import StudyVersion
from trialmgr.studies.queries import version_of_row

_NOT_ASKED = Text(
    nl="Deze vraag wordt niet gesteld, gezien de andere antwoorden.",
    en="This question is not asked, given the other answers.",
)


_CALCULATED = Text(
    nl="Deze waarde wordt berekend en niet ingevoerd.",
    en="This value is calculated and not entered.",
)


class EntryRefused(ActionRefused):
    """What was entered cannot be saved. ``problems``: each names its item and says what to mend."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        language = get_language() or "nl"
        super().__init__(*(problem.message(language) for problem in problems))
        self.problems = problems


class ReasonWanted(ActionRefused):
    """Saved values change and no reason was given. ``items``: which."""

    def __init__(self, items: tuple[str, ...]) -> None:
        super().__init__(_("A saved value changes: give the reason."))
        self.items = items


@dataclass(frozen=True, slots=True)
class Saved:
    """``followed``: entries of other forms that are worked out otherwise now."""

    entry: FormEntry
    evaluation: Evaluation
    changed: tuple[str, ...]
    followed: tuple[Consequence, ...]


@action(
    "entry.saved",
    permission="entries.enter",
    site=lambda visit, **_k: visit.participant.site,
    makes=lambda saved: saved.entry,
)
def save_entry(
    *,
    by: User,
    visit: Visit,
    form_key: str,
    values: Mapping[str, str],
    missing: Mapping[str, str] | None = None,
    occurrence: int | None = 1,
    reason: str = "",
    revision: int | None = None,
    asked_only: bool = False,
    as_stored: bool = False,
) -> Saved:
    """Save what a person entered on one form.

    ``values`` and ``missing`` name only the items they touch; "" clears. ``occurrence`` None opens a new row of a
    repeating form. ``revision``: the revision the person saw; another one now is refused, so nobody overwrites unseen.
    ``asked_only``: an answer on a question that is not asked is refused, instead of kept aside, unless it stands there;
    so is one for an item that is calculated. ``as_stored``: the values stood on another form, so nobody typed them now.
    Raises EntryRefused (bad values), ReasonWanted (a saved value changes), ActionRefused (the state forbids it).
    """
    entry, form = _entry_to_write(by, visit, form_key, occurrence, revision)
    raw, reasons = merged(entry, values, missing or {})
    book = casebook_around(entry.visit.participant, form)
    evaluation = evaluate_entry(entry.study_version.definition, form, raw, reasons, book, entry.visit.slug)
    given = (*_given(values), *_given(missing or {}))
    doubtful = () if as_stored else _doubtful(entry, form, values)
    reused = _reused_rows(entry, form, given)
    unasked = (*_calculated(form, given), *_not_asked(entry, evaluation)) if asked_only else ()
    problems = [*doubtful, *reused, *unasked, *evaluation.problems]
    if form.takes_files:
        problems += strange_files(entry, form, evaluation.values)
    if form.observes_days:
        problems += untimely(entry, form, evaluation.values)
    if problems:
        raise EntryRefused(tuple(problems))
    _check_not_empty(form, raw, reasons)
    entry.not_done = ""
    return _store(entry, form, book, evaluation, by, reason)


@action(
    "entry.not_done",
    permission="entries.enter",
    site=lambda visit, **_k: visit.participant.site,
    makes=lambda saved: saved.entry,
)
def mark_not_done(*, by: User, visit: Visit, form_key: str, code: str, reason: str = "") -> Saved:
    """The whole form was not done, for the reason ``code``: it is complete, whatever it asks."""
    entry, form = _entry_to_write(by, visit, form_key, 1, None)
    definition = entry.study_version.definition
    if code not in definition.missing_reasons.codes:
        raise ActionRefused(_("There is no reason “%(code)s”: choose one from the list.") % {"code": code})
    if form.eligibility or form.ends_participation:
        raise ActionRefused(_("This form decides on the participation: it cannot be left undone."))
    book = casebook_around(entry.visit.participant, form)
    entry.not_done = code
    evaluation = evaluate_not_done(definition, form, code, book, entry.visit.slug)
    return _store(entry, form, book, evaluation, by, reason)


@action("entry.removed", permission="entries.enter", site=lambda entry, **_k: entry.visit.participant.site)
def remove_entry(*, by: User, entry: FormEntry, reason: str) -> FormEntry:
    """Take an entry out, one that was "not done" too; its values stand in the trail.

    A row of a repeating form stays readable and counts no more. Any other form is as if it was never entered.
    """
    _check_taken_out(by, entry, reason)
    return _take_out(entry, by)


@action(
    "entry.moved",
    permission="entries.enter",
    site=lambda entry, **_k: entry.visit.participant.site,
    makes=lambda saved: saved.entry,
)
def move_entry(*, by: User, entry: FormEntry, to: Visit, reason: str) -> Saved:
    """What was entered at the wrong visit, or of the wrong participant, is taken out here and entered anew there.

    As if somebody did both by hand, in one act: queries, verifications and signatures stay behind, and what cannot be
    entered there leaves everything as it was.
    """
    policies.lock_casebooks([entry.visit.participant_id, to.participant_id])
    _check_taken_out(by, entry, reason)
    policies.check_movable(by, entry, to)
    held, source, reveals, not_done = entry.entered, entry.name, entry.reveals_allocation, entry.not_done
    form, files = entry.form, list(files_of(entry))
    _take_out(entry, by)
    for item, name, content in files:
        store_file(by=by, visit=to, form=form, item=item, name=name, content=content)
    if not_done:
        saved = mark_not_done(by=by, visit=to, form_key=form.key, code=not_done, reason=reason)
    else:
        saved = save_entry(
            by=by,
            visit=to,
            form_key=form.key,
            values=_renumbered(held.values, to, form),
            missing=_renumbered(held.missing, to, form),
            occurrence=None if form.repeating else 1,
            reason=reason,
            as_stored=True,
        )
    # Neither end may tell of the other what whoever reads it may not see.
    restricted = reveals or saved.entry.reveals_allocation
    note_entry(entry, action="entry.moved", new=saved.entry.name, restricted=restricted)
    note_entry(saved.entry, action="entry.moved", old=source, restricted=restricted)
    return saved


def _renumbered(answers: Mapping[str, str], to: Visit, form: Form) -> dict[str, str]:
    """Rows of groups get the numbers that follow those ever used at the other end."""
    there = FormEntry.objects.filter(visit=to, form_key=form.key, occurrence=1).first() if form.groups else None
    used = there.rows_used if there else {}
    rows = {key: RowKey.read(key) if form.groups else None for key in answers}
    return {
        f"{row.section}.{row.row + used.get(row.section, 0)}.{row.item}" if row else key: answers[key]
        for key, row in rows.items()
    }


def _check_taken_out(by: User, entry: FormEntry, reason: str) -> None:
    check_unchanged(entry)
    policies.lock_visit(entry.visit)
    policies.check_role_enters(by, entry.visit, entry.form)
    policies.check_entry_open(entry.visit, entry.form, begun=True)
    if not reason.strip():
        raise ActionRefused(_("Give the reason for removing what was entered."))
    if entry.status == EntryStatus.REMOVED:
        raise ActionRefused(_("This was removed already."))


def _take_out(entry: FormEntry, by: User) -> FormEntry:
    before, form = Document.of(entry), entry.form
    entry.status = EntryStatus.REMOVED.value
    if not form.repeating:
        entry.data, entry.missing, entry.unasked, entry.not_done = {}, {}, {}, ""
    entry.revision += 1
    entry.save()
    note_entry(entry, action="entry.removed", old=before.status, new=entry.status)
    note_changes(entry, form, before, before.changed(entry), action="entry.removed")
    held = (*before.data, *before.missing)
    _lapse(entry, form, held)
    follow_removal(entry, by)
    if form.ends_something:
        end_with(entry, form, by, ended=before.status == EntryStatus.COMPLETE)
    follow(casebook_around(entry.participant, form), entry, held, by)
    return entry


@action("participant.ending_undone", permission="participants.reopen", site=lambda participant, **_k: participant.site)
def undo_ending(*, by: User, participant: Participant, reason: str) -> Participant:
    """The participation did not end: the form that said so is taken out, and the visits it closed are open again."""
    participant.lock()
    policies.check_ending_undone(participant, reason)
    ending = [one for one in LoadedCasebook(participant).entries.values() if one.form.ends_participation is not None]
    for entry in ending:
        policies.check_unfrozen(participant, entry.visit, entry.form_key)
        _take_out(entry, by)
    if not participant.is_active:
        reopen_participation(participant)
    return participant


def _check_form(definition: StudyDefinition, form_key: str) -> None:
    if not definition.has_form(form_key):
        raise ActionRefused(_("There is no form “%(key)s”.") % {"key": form_key})


def _entry_to_write(
    by: User, visit: Visit, form_key: str, occurrence: int | None, revision: int | None
) -> tuple[FormEntry, Form]:
    """The row to write and its form, its casebook held; every rule that forbids writing has been asked."""
    visit = policies.held_visit(visit)
    numbers = _row_numbers(visit, form_key)
    begun = _row(visit, form_key, occurrence) if occurrence in numbers else None
    stands = begun is not None and not begun.is_vacant
    version = begun.study_version if begun and stands else version_for(visit.participant, visit.took_place_on)
    _check_form(version.definition, form_key)
    form = form_for(visit.participant, version.definition, form_key)
    policies.check_role_enters(by, visit, form)
    policies.check_entry_open(visit, form, begun=stands)
    entry = begun or _new_entry(visit, form, _row_number(numbers, occurrence), version)
    entry.visit, entry.study_version = visit, version
    _check_entry(entry, form, revision)
    return entry, form


def _row(visit: Visit, form_key: str, occurrence: int) -> FormEntry:
    place = (visit.pk, form_key, occurrence)
    (entry,) = rows_where(FormEntry, "visit_id = %s AND form_key = %s AND occurrence = %s", *place)
    entry.study_version = version_of_row(entry.study_version_id)
    return entry


def _row_numbers(visit: Visit, form_key: str) -> set[int]:
    """Those that stand or stood."""
    rows = found("SELECT occurrence FROM crf_formentry WHERE visit_id = %s AND form_key = %s", visit.pk, form_key)
    return {occurrence for (occurrence,) in rows}


def _row_number(numbers: set[int], occurrence: int | None) -> int:
    """Rows are numbered without a gap."""
    last = max(numbers, default=0)
    number = last + 1 if occurrence is None else occurrence
    if not 1 <= number <= last + 1:
        raise ActionRefused(_("There is no row %(row)s of this form.") % {"row": number})
    return number


def _new_entry(visit: Visit, form: Form, occurrence: int, version: StudyVersion) -> FormEntry:
    reveals = visit.reveals_allocation or form.reveals_allocation
    return FormEntry(
        visit=visit, form_key=form.key, occurrence=occurrence, reveals_allocation=reveals, study_version=version
    )


def _check_entry(entry: FormEntry, form: Form, revision: int | None) -> None:
    if entry.occurrence > 1 and not form.repeating:
        raise ActionRefused(_("This form has one row only."))
    if revision is not None:
        check_revision(entry, revision)
    if entry.status == EntryStatus.REMOVED and not entry.is_vacant:
        raise ActionRefused(_("This row has been removed."))


def merged(
    entry: FormEntry, values: Mapping[str, str], missing: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """What stands, overlaid by what was entered; a value drives out a reason for missing and the other way round."""
    standing = entry.entered if entry.pk else None
    raw = {**(standing.values if standing else {}), **values}
    raw = {key: value for key, value in raw.items() if value.strip() or RowKey.read(key) is None}
    filled = {key for key, value in values.items() if value.strip()}
    reasons = {key: code for key, code in (standing.missing if standing else {}).items() if key not in filled}
    reasons = {key: code for key, code in {**reasons, **missing}.items() if code}
    given = {key for key, code in missing.items() if code}
    return {key: value for key, value in raw.items() if key not in given or key in filled}, reasons


def _given(answers: Mapping[str, str]) -> list[str]:
    return [key for key, answer in answers.items() if answer.strip()]


def _reused_rows(entry: FormEntry, form: Form, given: Iterable[str]) -> Iterator[Problem]:
    """A row that was cleared is not filled anew: what was asked or verified about it was about something else."""
    keys = [key for key in given if form.groups and RowKey.read(key)]
    for group in form.groups.values() if keys else ():
        standing = set(group.rows(entry.answered))
        used = max(entry.rows_used.get(group.key, 0), *standing, 0)
        for key in keys:
            row = RowKey.read(key)
            if row and row.section == group.key and row.row <= used and row.row not in standing:
                nl = f"Rij {row.row} is eerder gebruikt: vul het in als rij {used + 1}."
                en = f"Row {row.row} was used before: enter it as row {used + 1}."
                yield Problem(key, Text(nl=nl, en=en))


def _check_not_empty(form: Form, values: Mapping[str, str], missing: Mapping[str, str]) -> None:
    if form.repeating and not missing and not any(value.strip() for value in values.values()):
        raise ActionRefused(_("A row needs at least one answer. A row that should not be there is removed."))


def _doubtful(entry: FormEntry, form: Form, values: Mapping[str, str]) -> Iterator[Problem]:
    """What was typed now and may mean something else than it says."""
    for key, raw in values.items():
        if raw.strip() and form.holds(key) and entry.data.get(key) != raw:
            try:
                check_unmistakable(form.item(key), raw)
            except ValueProblem as problem:
                yield Problem(key, problem.text)


def _calculated(form: Form, given: Iterable[str]) -> Iterator[Problem]:
    """Nobody enters what is worked out; a program that tries is told, for nothing is left out in silence."""
    for key in given:
        if form.holds(key) and form.item(key).is_derived:
            yield Problem(key, _CALCULATED)


def _not_asked(entry: FormEntry, evaluation: Evaluation) -> Iterator[Problem]:
    """What would be kept aside now and did not stand before."""
    before, reasons = entry.boxes
    for key, apart in evaluation.unasked.items():
        if apart not in ({"value": before.get(key)}, {"missing": reasons.get(key)}):
            yield Problem(key, _NOT_ASKED)


def _store(entry: FormEntry, form: Form, book: LoadedCasebook, evaluation: Evaluation, by: User, reason: str) -> Saved:
    before = Document.of(entry)
    if form.groups:
        entry.use_rows()
    entry.take(evaluation)
    if form.groups:
        entry.use_rows()
    changed = before.changed(entry)
    stood = [key for key in changed if key in before.data or key in before.missing]
    overwritten = tuple(key for key in stood if not _is_derived(form, key))
    if overwritten and not reason.strip():
        raise ReasonWanted(overwritten)
    if entry.study_version.label not in entry.versions_seen:
        entry.versions_seen = [*entry.versions_seen, entry.study_version.label]
    entry.revision += 1
    entry.save()
    detail = {"not_done": entry.not_done} if entry.not_done else {}
    note_entry(entry, old=before.status, new=entry.status, detail=detail)
    note_changes(entry, form, before, changed)
    if before.status is not None:
        _lapse(entry, form, changed)
    follow_checks([Judged(entry, evaluation)], {entry.place: frozenset(changed)}, by)
    if form.ends_something:
        end_with(entry, form, by, ended=before.status == EntryStatus.COMPLETE)
    return Saved(entry, evaluation, changed, tuple(follow(book, entry, changed, by)))


def _is_derived(form: Form, key: str) -> bool:
    return form.has_item(key) and form.item(key).is_derived


def _lapse(entry: FormEntry, form: Form, changed: tuple[str, ...]) -> None:
    """A changed value is no longer verified, and a signature on other content no longer stands."""
    verified = rows_where(Verification, "stands AND entry_id = %s", entry.pk)
    signed = rows_where(Signature, "lapsed_at IS NULL AND entry_id = %s", entry.pk)
    for verification in (one for one in verified if one.item in changed):
        verification.stands = False
        verification.save()
        restricted = item_reveals(entry, form, verification.item)
        note_entry(entry, action="verification.fell", item=verification.item, restricted=restricted)
    for signature in (one for one in signed if one.digest != entry.digest):
        signature.lapsed_at = timezone.now()
        signature.save()
        note_entry(entry, action="signature.lapsed", detail={"signer": signature.signer_name})
