"""Does the state of the casebook allow it? Each ``check_x`` raises with reasons a person can read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from audit.statements import found
from crf.deviations import consent_departures
from crf.judgements import judgements_of
from crf.models import (
    QUERY_STATUS_LABELS,
    QUERY_TRANSITIONS,
    EligibilityDecision,
    EntryStatus,
    FormEntry,
    GateDecision,
    Query,
    Visit,
)
from crf.versions import definition_for, planned_as
from trialmgr.participants.models import Participant
from trialmgr.participants.policies import check_reason, check_transition, ends_of_consents, valid_consent
from trialmgr.participants.states import STATUS_LABELS, Status, undoing
from trialmgr.people.models import User
from trialmgr.people.permissions import ROLE_LABELS, Role
from trialmgr.people.policies import is_blinded_no_more
from trialmgr.protocol.judgements import ELIGIBILITY, Contradiction
from trialmgr.protocol.model import Form, StudyDefinition
from trialmgr.studies.clock import today
from trialmgr.studies.queries import version_of_row


def check_role_enters(user: User, visit: Visit, form: Form) -> None:
    """Which roles enter a form stands in the study definition; who learned an allocation enters none blinded."""
    if not user.roles_at(visit.participant.site) & set(form.entered_by):
        roles = ", ".join(str(ROLE_LABELS[Role(name)]) for name in form.entered_by)
        raise PermissionDenied(_("Your role does not enter this form. Entered by: %(roles)s.") % {"roles": roles})
    if is_blinded_no_more(user):
        raise PermissionDenied(
            _("You have learned an allocation of this trial: somebody else who is blinded enters this form.")
        )


def can_role_enter(user: User, visit: Visit, form: Form) -> bool:
    return bool(user.roles_at(visit.participant.site) & set(form.entered_by)) and not is_blinded_no_more(user)


def check_entry_open(visit: Visit, form: Form, *, begun: bool | None = None) -> None:
    """Every reason why nothing may be written on this form at this visit now."""
    reasons = entry_closed_reasons(visit, form, begun=begun)
    if reasons:
        raise ActionRefused(*reasons)


def entry_closed_reasons(visit: Visit, form: Form, *, begun: bool | None = None) -> list[str]:
    """``begun``: an entry stands, which is finished on its own version even where the visit lost the form since."""
    participant = visit.participant
    reasons = []
    if form.key not in visit.definition.forms and not _is_begun(visit, form, begun):
        reasons.append(_("This form does not belong to this visit: open a visit that has it."))
    reasons += _consent_reasons(visit)
    if is_frozen(participant):
        reasons.append(_("The casebook of this participant is frozen: a data manager can unfreeze it."))
    if visit.is_not_done:
        reasons.append(_("This visit is recorded as not done: if it did take place, record its day first."))
    elif visit.definition.kind != "log" and visit.took_place_on is None:
        reasons.append(_("Record the day of the visit first."))
    return reasons


def _is_begun(visit: Visit, form: Form, known: bool | None) -> bool:
    return FormEntry.objects.filter(visit=visit, form_key=form.key).exists() if known is None else known


def _consent_reasons(visit: Visit) -> list[str]:
    """A withdrawal stops collection: of visits after it, not of what was done before. Source: GDPR 17(3)(d)."""
    ends = ends_of_consents(visit.participant)
    if not ends:
        return [_("No consent is recorded: record consent first, nothing may be entered before it.")]
    day = visit.took_place_on
    if day is not None and all(end is not None and end < day for end in ends):
        return [_("Consent was withdrawn before this visit.")]
    return []


def is_frozen(participant: Participant) -> bool:
    return bool(found("SELECT 1 FROM crf_freeze WHERE participant_id = %s AND unfrozen_at IS NULL", participant.pk))


ENDED_BEFORE = gettext_lazy("Participation ended before this visit.")


STOPPED_BEFORE = gettext_lazy("The treatment was stopped before this visit.")


def closed_as(text: Promise) -> list[str]:
    """What stands as the reason at a visit that was closed so, in whichever language it was written."""
    texts = []
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            texts.append(str(text))
    return texts


def check_ending_undone(participant: Participant, reason: str) -> None:
    check_reason(reason)
    check_transition(participant, undoing(participant.state))
    if is_frozen(participant):
        raise ActionRefused(_("The casebook of this participant is frozen: a data manager can unfreeze it."))


def check_visit_reopened(visit: Visit, reason: str) -> None:
    """A visit of which nothing is known any more: neither a day nor that it did not take place."""
    check_reason(reason)
    reasons = []
    if visit.took_place_on is None and not visit.is_not_done:
        reasons.append(_("Nothing is recorded of this visit."))
    if visit.not_done_reason in closed_as(ENDED_BEFORE) and not visit.participant.is_active:
        reasons.append(_("Participation ended before this visit: correct the end, or undo it."))
    if visit.not_done_reason in closed_as(STOPPED_BEFORE):
        reasons.append(_("The treatment was stopped before this visit: correct the form that says so."))
    if visit.entries.standing().exists():
        reasons.append(_("Forms have been entered at this visit: remove them first."))
    if is_frozen(visit.participant):
        reasons.append(_("The casebook of this participant is frozen: a data manager can unfreeze it."))
    if reasons:
        raise ActionRefused(*reasons)


def check_query_transition(query: Query, action: str) -> None:
    if query.state not in QUERY_TRANSITIONS[action][0]:
        raise ActionRefused(
            _("The status of this query is “%(state)s”, which does not allow this: read its last message.")
            % {"state": QUERY_STATUS_LABELS[query.state]}
        )


def standing_eligibility(participant: Participant) -> EligibilityDecision | None:
    """The newest decision, if the eligibility form still says what was judged, and no value it read says otherwise."""
    return judgements_of([participant])[participant.pk].standing_eligibility


def contradiction_of(participant: Participant, about: str) -> Contradiction | None:
    """Where the values contradict this judgement, and nobody confirmed it against just these."""
    found = judgements_of([participant])[participant.pk].contradictions
    return next((one for one in found if one.judged.about == about), None)


def check_confirmable(participant: Participant, about: str) -> Contradiction:
    """Who is not in the trial yet is judged again: no confirmation makes anybody eligible. Source: ICH E6(R2) 4.5.2."""
    found = contradiction_of(participant, about)
    if found is None:
        raise ActionRefused(_("No value contradicts this judgement: there is nothing to confirm."))
    if about == ELIGIBILITY and participant.state is Status.SCREENING:
        raise ActionRefused(
            _("Before the start eligibility is judged again: a judgement on other values cannot stand.")
        )
    return found


def eligibility_entry(participant: Participant) -> FormEntry | None:
    definition = version_of_row(participant.study_version_id).definition
    keys = [form.key for form in definition.forms if form.eligibility]
    rows = FormEntry.objects.filter(visit__participant=participant, form_key__in=keys).standing()
    entry: FormEntry | None = rows.select_related("visit", "study_version").defer("study_version__document").first()
    if entry is not None:
        entry.visit.participant = participant
    return entry


def reasons_not_ready(participant: Participant, definition: StudyDefinition) -> list[str]:
    """Every reason why this participant may not be randomised yet, but for those of the list itself.

    Source: design facts, section 3 (operations), row "not eligible, no consent, baseline incomplete".
    """
    reasons = []
    if participant.state is not Status.SCREENING:
        reasons.append(_("The participant is in the state “%(state)s”.") % {"state": STATUS_LABELS[participant.state]})
    if valid_consent(participant) is None:
        reasons.append(_("No valid consent is recorded: record consent first."))
    reasons += _eligibility_reasons(participant)
    reasons += [one.text for one in consent_departures(participant)]
    reasons += open_forms_before_allocation(participant, definition)
    if is_frozen(participant):
        reasons.append(_("The casebook of this participant is frozen: a data manager can unfreeze it."))
    return reasons


def reasons_not_enterable(participant: Participant, definition: StudyDefinition) -> list[str]:
    """Every reason why this participant may not enter a trial in which nothing is drawn by lot."""
    reasons = reasons_not_ready(participant, definition)
    if not participant.site.is_active(today()):
        reasons.append(
            _("%(site)s is not active in this trial: an administrator activates the site first.")
            % {"site": participant.site.name}
        )
    return reasons


def check_enterable(participant: Participant, definition: StudyDefinition) -> None:
    reasons = reasons_not_enterable(participant, definition)
    if reasons:
        raise ActionRefused(*reasons)


def _eligibility_reasons(participant: Participant) -> list[str]:
    decision = standing_eligibility(participant)
    if decision is None:
        return [
            _(
                "An investigator has not judged eligibility, or the form or a value that a criterion reads "
                "says otherwise since: an investigator judges it now."
            )
        ]
    if not decision.eligible:
        return [_("Not eligible: %(criteria)s.") % {"criteria": ", ".join(decision.not_met)}]
    return []


def open_forms_before_allocation(participant: Participant, definition: StudyDefinition) -> list[str]:
    language = get_language() or "nl"
    entries = FormEntry.objects.filter(visit__participant=participant, status=EntryStatus.COMPLETE.value)
    complete = set(entries.order_by().values_list("visit__key", "form_key"))
    days = dict(Visit.objects.filter(participant=participant).values_list("key", "took_place_on"))
    return [
        _("%(visit)s: complete %(form)s first.")
        % {"visit": visit.label(language), "form": definition.form(form).label(language)}
        for visit in definition.visits
        if visit.before_allocation
        for form in planned_as(participant, visit.key, days.get(visit.key)).must_complete
        if (visit.key, form) not in complete
    ]


def arm_of(participant: Participant) -> str | None:
    """The arm whose visits were opened at the allocation, for opening that arm's visits of a later phase."""
    arms = [set(visit.definition.arms) for visit in participant.visits.filter(reveals_allocation=True)]
    common = set.intersection(*arms) if arms else set()
    return common.pop() if len(common) == 1 else None


def _is_settled(participant: Participant, phase: str) -> bool:
    """Gates at one visit are alternatives: once one of them has opened, the others are not asked any more."""
    alternatives = definition_for(participant, None).alternatives(phase)
    return GateDecision.objects.filter(participant=participant, phase__in=alternatives, opened=True).exists()


def check_gate_open(participant: Participant, phase: str) -> None:
    reasons = []
    if participant.state is not Status.ON_STUDY:
        reasons.append(_("The participant is in the state “%(state)s”.") % {"state": STATUS_LABELS[participant.state]})
    if GateDecision.objects.filter(participant=participant, phase=phase).exists():
        reasons.append(_("This decision has been taken already."))
    if _is_settled(participant, phase):
        reasons.append(_("The decision at this visit has opened another phase: nothing is decided here any more."))
    if reasons:
        raise ActionRefused(*reasons)


def is_gate_missed(participant: Participant, asked: Mapping[str, str | None]) -> bool:
    """Whether a rule without an outcome gets none: what it lacks belongs to a visit that was not done, or to a form
    that is complete without it. ``asked``: what it read, by path."""
    wanting = {tuple(path.split(".")[:2]) for path, value in asked.items() if value is None}
    missed = set(participant.visits.exclude(not_done_reason="").values_list("slug", flat=True))
    rows = FormEntry.objects.filter(visit__participant=participant, status=EntryStatus.COMPLETE.value).order_by()
    complete = set(rows.values_list("visit__slug", "form_key"))
    return all(place[0] in missed or place in complete for place in wanting)


def lock_casebook(participant: int) -> None:
    """Every act on a casebook holds its participant first, then reads, so that two of them never mix.

    The order of all locks: participant, visit, stratum, head of the ledger.
    """
    if connection.features.has_select_for_update:  # SQLite lets one writer in at a time
        found("SELECT 1 FROM participants_participant WHERE id = %s FOR UPDATE", participant)


def lock_casebooks(participants: Iterable[int]) -> None:
    """Those of many participants, each act in the same order, so that two of them never wait for each other."""
    for participant in sorted(set(participants)):
        lock_casebook(participant)


def lock_visit(visit: Visit) -> None:
    """Hold the casebook of a visit, and read the visit as it stands then."""
    lock_casebook(visit.participant_id)
    visit.refresh_from_db(fields=["took_place_on", "not_done_reason"])


def check_unchanged(entry: FormEntry) -> None:
    """Hold the casebook; refuse if the entry was saved since it was read, or follows from something that was."""
    lock_casebook(entry.visit.participant_id)
    newest = FormEntry.objects.only("revision", "data", "missing", "status").get(pk=entry.pk)
    check_revision(newest, entry.revision)
    if (newest.data, newest.missing, newest.status) != (entry.data, entry.missing, entry.status):
        raise ActionRefused(_("This form changed because another one was corrected: open it again."))


def check_revision(entry: FormEntry, seen: int) -> None:
    if entry.revision != seen:
        raise ActionRefused(_("Somebody else saved this form in the meantime: open it again and compare."))
