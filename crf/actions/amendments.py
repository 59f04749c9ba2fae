"""What a newer version of the study asks of running casebooks.

Stored entries move to it: what cannot go without loss stays, and is told why. Visits that it added to phases which
participants have entered already are planned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.db.models import QuerySet
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from audit.actions import action
from audit.acts import ActionRefused
from crf import policies
from crf.actions.consequences import Judged, follow, follow_checks
from crf.actions.trail import Document, note_changes, note_entry
from crf.actions.visits import planned_visit, save_planned, take_places
from crf.loaded_casebook import casebook_around
from crf.models import EligibilityDecision, FormEntry, Visit
from crf.outcomes import Mapped, Outcome, outcomes, stored_entries
from trialmgr.participants.models import Participant, by_number
from trialmgr.participants.states import ACTIVE
from trialmgr.people.models import User
from trialmgr.protocol.evaluation import Problem
from trialmgr.protocol.model import Form
from trialmgr.studies.clock import today
from trialmgr.studies.models import StudyVersion
from trialmgr.studies.queries import open_lock, timeline


@dataclass(frozen=True, slots=True)
class Move:
    """One entry and what moving it would do. ``reasons``: every one why it stays where it is."""

    outcome: Outcome
    reasons: tuple[str, ...]

    @property
    def entry(self) -> FormEntry:
        return self.outcome.entry


def plan_migration(
    *,
    by: User,
    version: StudyVersion,
    forms: Sequence[str] = (),
    sites: Sequence[str] = (),
    mapped: Mapped | None = None,
) -> list[Move]:
    """The dry run: per entry within the person's sight, on an older version, what would happen. Changes nothing."""
    mapped = {**version.definition.moved, **(mapped or {})}
    _check_mapping(version, mapped)
    rows = stored_entries(by, forms=forms or None, sites=sites or None)
    older = rows.filter(study_version__number__lt=version.number)
    lock = open_lock() is not None
    return [
        Move(outcome, tuple(_reasons(outcome, version, lock)))
        for outcome in outcomes(older, version.definition, mapped)
    ]


@action("entry.migrated", permission="entries.migrate")
def migrate_entries(
    *,
    by: User,
    version: StudyVersion,
    reason: str,
    forms: Sequence[str] = (),
    sites: Sequence[str] = (),
    mapped: Mapped | None = None,
) -> list[Move]:
    """Move every entry that can go, as ``plan_migration`` says; the others stay. Refused when none can.

    No value that a person entered changes: an item that the version has no place for is mapped to a new key
    (``mapped``: (form, old item) -> new item), or its entry stays. Source: ICH E6(R3) 3.16.1(i).
    """
    if not reason.strip():
        raise ActionRefused(_("Give the reason."))
    within = stored_entries(by, forms=forms or None, sites=sites or None)
    policies.lock_casebooks(within.values_list("visit__participant", flat=True))
    moves = plan_migration(by=by, version=version, forms=forms, sites=sites, mapped=mapped)
    going = [(move.outcome, move.outcome.form) for move in moves if not move.reasons and move.outcome.form]
    if not going:
        raise ActionRefused(_("No entry can move to this version."), *_counted(moves))
    for outcome, form in going:
        _move(outcome, form, version, by)
    return moves


def visits_to_plan(*, by: User, version: StudyVersion, sites: Sequence[str] = ()) -> list[Visit]:
    """The dry run: visits of this version that its active participants lack and whose window has not passed.

    Only where the version is in force, and only in phases that have opened for the participant. Nothing is saved.
    """
    return [visit for participant in _active(by, sites) for visit in _lacking(participant, version)]


@action("visits.replanned", permission="entries.migrate")
def plan_added_visits(*, by: User, version: StudyVersion, reason: str, sites: Sequence[str] = ()) -> list[Visit]:
    """Plan what ``visits_to_plan`` finds. Refused without a reason, and when there is nothing to plan."""
    if not reason.strip():
        raise ActionRefused(_("Give the reason."))
    policies.lock_casebooks(_active(by, sites).values_list("pk", flat=True))
    planned = visits_to_plan(by=by, version=version, sites=sites)
    if not planned:
        raise ActionRefused(_("No participant lacks a visit of this version."))
    for participant, visits in groupby(planned, key=lambda visit: visit.participant):
        take_places(participant, visits)
    save_planned(planned)
    return planned


def _active(by: User, sites: Sequence[str]) -> QuerySet[Participant]:
    rows = Participant.objects.for_user(by).filter(status__in=ACTIVE).select_related("site").order_by(*by_number())
    return rows.filter(site__code__in=list(sites)) if sites else rows


def _check_mapping(version: StudyVersion, mapped: Mapped) -> None:
    definition = version.definition
    unknown = [
        f"{form}.{item}"
        for (form, _old), item in mapped.items()
        if not definition.has_form(form) or not definition.form(form).has_item(item)
    ]
    if unknown:
        raise ActionRefused(_("This version has no item %(items)s to move to.") % {"items": ", ".join(unknown)})


def _reasons(outcome: Outcome, version: StudyVersion, locked: bool) -> Iterator[str]:
    entry, language = outcome.entry, get_language() or "nl"
    participant = entry.visit.participant
    if locked:
        yield _("The study is locked: a data manager can unlock it, with a reason.")
    yield from policies.frozen_reasons(participant, entry.visit, entry.form_key)
    if not timeline().is_in_force(version, participant.site.code, today()):
        yield _("This version is not in force at the site of this participant.")
    if outcome.signers:
        yield _("It is signed by %(names)s: that signature would lapse.") % {"names": ", ".join(outcome.signers)}
    if EligibilityDecision.objects.filter(participant=participant, digest=entry.digest).exists():
        yield _("A judgement of eligibility rests on it.")
    if outcome.form is None:
        yield _("This version has no form “%(form)s”.") % {"form": entry.form_key}
    elif outcome.lost:
        yield _("Values would be lost, map them to a new item: %(items)s.") % {"items": ", ".join(outcome.lost)}
    for problem in outcome.evaluation.problems:
        yield _said(problem, language)


def _said(problem: Problem, language: str) -> str:
    return f"{problem.item_key}: {problem.message(language)}" if problem.item_key else problem.message(language)


def _counted(moves: Iterable[Move]) -> list[str]:
    """Each reason once."""
    return list(dict.fromkeys(reason for move in moves for reason in move.reasons))


def _move(outcome: Outcome, form: Form, version: StudyVersion, by: User) -> None:
    entry, evaluation = outcome.entry, outcome.evaluation
    policies.check_unchanged(entry)
    before = Document.of(entry)
    versions = {"version_old": entry.study_version.label, "version_new": version.label}
    entry.study_version = version
    entry.versions_seen = [*entry.versions_seen, version.label]
    entry.take(evaluation)
    entry.reveals_allocation = entry.reveals_allocation or form.reveals_allocation
    entry.revision += 1
    entry.save()
    changed = before.changed(entry)
    note_entry(entry, old=before.status, new=entry.status, detail=versions | {"moved": dict(outcome.moved)})
    note_changes(entry, form, before, changed)
    _carry_marks(entry, dict(outcome.moved))
    follow_checks([Judged(entry, evaluation)], {entry.place: frozenset(changed)}, by)
    follow(casebook_around(entry.participant, form), entry, changed, by)


def _carry_marks(entry: FormEntry, moved: dict[str, str]) -> None:
    """What was verified under the old key of a moved value is no longer: a monitor looks at the new item."""
    for verification in entry.verifications.filter(item__in=moved, stands=True):
        verification.stands = False
        verification.save()
        note_entry(
            entry, action="verification.fell", item=verification.item, restricted=verification.reveals_allocation
        )


def _lacking(participant: Participant, version: StudyVersion) -> Iterator[Visit]:
    in_force = timeline().is_in_force(version, participant.site.code, today())
    if not in_force or policies.is_frozen(participant):
        return
    standing = list(participant.visits.values_list("phase", "key", "ordinal"))
    known = {(key, ordinal) for _phase, key, ordinal in standing}
    arm = policies.arm_of(participant)
    for phase in dict.fromkeys(phase for phase, _key, _ordinal in standing):
        for defined in version.definition.visits_of(phase=phase, arm=arm):
            for ordinal, day in enumerate(defined.occurrences(), start=1):
                visit = planned_visit(participant, defined, ordinal, day)
                late = visit.latest_on is not None and visit.latest_on < today()
                if defined.kind != "unscheduled" and (visit.key, ordinal) not in known and not late:
                    yield visit
