"""Does the state of the casebook allow it? Each ``check_x`` raises with reasons a person can read."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import Exists, OuterRef, Q
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
    Freeze,
    FreezeQuerySet,
    GateDecision,
    Query,
    QueryStatus,
    Visit,
)
from crf.turns import TURN_LABELS, TURNS, in_turn
from trialmgr.participants.models import Participant, check_not_voided
from trialmgr.participants.policies import (
    check_not_future,
    check_reason,
    check_site_active,
    check_transition,
    version_to_register_on,
)
from trialmgr.participants.queries import definition_for, ends_of_consents, planned_as, valid_consent
from trialmgr.participants.states import STATUS_LABELS, Status, undoing
from trialmgr.people.models import Site, User
from trialmgr.people.permissions import ROLE_LABELS, Role
from trialmgr.protocol.chronology import Rule
from trialmgr.protocol.judgements import ELIGIBILITY, Contradiction
from trialmgr.protocol.model import Form, StudyDefinition
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition, timeline, version_of_row


def check_role_enters(user: User, visit: Visit, form: Form) -> None:
    """Which roles enter a form stands in the study definition; who learned an allocation enters none blinded."""
    if not user.roles_at(visit.participant.site) & set(form.entered_by):
        roles = ", ".join(str(ROLE_LABELS[Role(name)]) for name in form.entered_by)
        raise PermissionDenied(_("Your role does not enter this form. Entered by: %(roles)s.") % {"roles": roles})
    if user.is_blinded_no_more:
        raise PermissionDenied(
            _("You have learned an allocation of this trial: somebody else who is blinded enters this form.")
        )


def can_role_enter(user: User, visit: Visit, form: Form) -> bool:
    return bool(user.roles_at(visit.participant.site) & set(form.entered_by)) and not user.is_blinded_no_more


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
    if participant.state is Status.VOIDED:
        reasons.append(_("This registration was voided: nothing is recorded of this number any more."))
    reasons += _consent_reasons(visit)
    reasons += frozen_reasons(participant, visit, form.key)
    if visit.is_not_done:
        reasons.append(_("This visit is recorded as not done: if it did take place, record its day first."))
    elif visit.definition.kind != "log" and visit.took_place_on is None:
        reasons.append(_("Record the day of the visit first."))
    return reasons


def _is_begun(visit: Visit, form: Form, known: bool | None) -> bool:
    return FormEntry.objects.filter(visit=visit, form_key=form.key).exists() if known is None else known


def _consent_reasons(visit: Visit) -> list[str]:
    """A withdrawal stops collection: of visits after it, not of what was done before. Source: GDPR 17(3)(d).

    What goes on after it, such as a visit for safety, the definition exempts with a reason.
    """
    ends = ends_of_consents(visit.participant)
    if not ends:
        return [_("No consent is recorded: record consent first, nothing may be entered before it.")]
    day, last = visit.took_place_on, _last(ends)
    if day is not None and last is not None and last < day and not goes_on_after_withdrawal(visit):
        return [str(WITHDRAWN_BEFORE)]
    return []


def withdrawn_on(participant: Participant) -> datetime.date | None:
    """The day on which the last consent was withdrawn; None while one stands, or none was ever given."""
    return _last(ends_of_consents(participant))


def _last(ends: list[datetime.date | None]) -> datetime.date | None:
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) else None


def goes_on_after_withdrawal(visit: Visit) -> bool:
    return definition_for(visit.participant, None).exempts(Rule.AFTER_WITHDRAWAL, visit.key)


SITE_FROZEN = gettext_lazy("This site is frozen: a data manager can unfreeze it.")
_CASEBOOK_FROZEN = gettext_lazy("The casebook of this participant is frozen: a data manager can unfreeze it.")
_VISIT_FROZEN = gettext_lazy("This visit is frozen: a data manager can unfreeze it.")
_FORM_FROZEN = gettext_lazy("This form is frozen: a data manager can unfreeze it.")

_FREEZES = (
    "SELECT CASE WHEN site_id IS NOT NULL THEN 0 WHEN participant_id IS NOT NULL THEN 1 ELSE 2 END, form_key "
    "FROM crf_freeze WHERE unfrozen_at IS NULL AND (site_id = %s OR participant_id = %s OR visit_id = %s) ORDER BY 1, 2"
)


def frozen_reasons(participant: Participant, visit: Visit | None = None, form_key: str = "") -> list[str]:
    """Every freeze that stands over a casebook, over a visit of it, over a form of that; the widest first."""
    rows = found(_FREEZES, participant.site_id, participant.pk, visit.pk if visit else 0)
    said = (SITE_FROZEN, _CASEBOOK_FROZEN, _VISIT_FROZEN)
    return [str(_FORM_FROZEN if form else said[level]) for level, form in rows if form in ("", form_key)]


def is_frozen(participant: Participant) -> bool:
    return bool(frozen_reasons(participant))


def check_unfrozen(participant: Participant, visit: Visit | None = None, form_key: str = "") -> None:
    reasons = frozen_reasons(participant, visit, form_key)
    if reasons:
        raise ActionRefused(*reasons)


def check_not_frozen_already(rows: FreezeQuerySet, *over: Any) -> None:
    """Something narrower may be frozen under a wider freeze, and stays so when that is lifted."""
    if rows.standing().exists():
        raise ActionRefused(frozen_reasons(*over)[-1])


def check_site_unfrozen(site: Site) -> None:
    """No casebook is opened that could not be written in."""
    if found("SELECT 1 FROM crf_freeze WHERE unfrozen_at IS NULL AND site_id = %s", site.pk):
        raise ActionRefused(str(SITE_FROZEN))


ENDED_BEFORE = gettext_lazy("Participation ended before this visit.")
WITHDRAWN_BEFORE = gettext_lazy("Consent was withdrawn before this visit.")
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
    check_unfrozen(participant)


def check_voidable(participant: Participant, reason: str) -> None:
    """Not for who entered the trial: an allocation stands, and so does what was decided on it."""
    check_reason(reason)
    check_transition(participant, "participant.voided")
    check_unfrozen(participant)


def check_registration_corrected(participant: Participant, on: datetime.date, reason: str) -> None:
    """Nothing of the participant lies before it, and the version of the study that was in force stays the same."""
    check_reason(reason)
    check_not_future(on)
    check_unfrozen(participant)
    if on == participant.registered_on:
        raise ActionRefused(_("This day is recorded already: give the right one."))
    if version_to_register_on(participant.site, on) != participant.study_version:
        raise ActionRefused(
            _("Another version of the study was in force on that day: void this registration and register anew.")
        )
    days = [*participant.visits.values_list("took_place_on", flat=True), participant.enrolled_on, participant.ended_on]
    if any(day is not None and day < on for day in days):
        raise ActionRefused(_("A day of this participant lies before that one: correct that day first, or this one."))


def check_site_changes(participant: Participant, site: Site, reason: str) -> None:
    """To an active site that follows the same version, so that the visits to come stay as they are."""
    check_reason(reason)
    check_unfrozen(participant)
    check_site_unfrozen(site)
    if site == participant.site:
        raise ActionRefused(_("The participant is at this site already: choose another one."))
    check_site_active(site)
    if not _follow_one_version(participant.site, site):
        raise ActionRefused(
            _("The sites follow different versions of the study: put the same version in force at both first.")
        )


def _follow_one_version(*sites: Site) -> bool:
    known, now = timeline(), today()
    begun = all(known.has_begun(site.code, now) for site in sites)
    return begun and len({known.at(site.code, now).pk for site in sites}) == 1


def check_visit_reopened(visit: Visit, reason: str) -> None:
    """A visit of which nothing is known any more: neither a day nor that it did not take place."""
    check_reason(reason)
    reasons = []
    if visit.took_place_on is None and not visit.is_not_done:
        reasons.append(_("Nothing is recorded of this visit."))
    if visit.not_done_reason in closed_as(ENDED_BEFORE) and not visit.participant.is_active:
        reasons.append(_("Participation ended before this visit: correct the end, or undo it."))
    if visit.not_done_reason in closed_as(WITHDRAWN_BEFORE) and withdrawn_on(visit.participant) is not None:
        reasons.append(str(WITHDRAWN_BEFORE))
    if visit.not_done_reason in closed_as(STOPPED_BEFORE):
        reasons.append(_("The treatment was stopped before this visit: correct the form that says so."))
    if visit.entries.standing().exists():
        reasons.append(_("Forms have been entered at this visit: remove them first."))
    reasons += frozen_reasons(visit.participant, visit)
    if reasons:
        raise ActionRefused(*reasons)


def check_form_awaited(visit: Visit, form_key: str) -> Form:
    """The form of which something is not there; of one that was entered, an item is asked about."""
    form = check_form_here(visit, form_key)
    if not form.repeating and visit.entries.standing().filter(form_key=form_key).exists():
        raise ActionRefused(_("This form has been entered: raise the query on one of its items."))
    return form


def check_form_here(visit: Visit, form_key: str) -> Form:
    """The form, by the version that an entry begun now would follow."""
    definition = definition_for(visit.participant, visit.took_place_on)
    if form_key not in visit.definition.forms or not definition.has_form(form_key):
        raise ActionRefused(_("This form does not belong to this visit: open a visit that has it."))
    return definition.form(form_key)


def check_assignable(query: Query, to: User | None) -> None:
    """To somebody whose turn it is and who sees what it is about; ``to``: None for nobody."""
    if query.state is QueryStatus.CLOSED:
        raise ActionRefused(_("This query is closed and waits for nobody: reopen it first."))
    if query.assigned_to_id == (to.pk if to else None):
        raise ActionRefused(_("It is assigned so already."))
    if to is None:
        return
    if not Query.objects.for_user(to).filter(pk=query.pk).exists():
        raise ActionRefused(
            _("%(name)s may not see what this query is about: assign it to somebody who may.") % {"name": to.actor_name}
        )
    if not in_turn(to).filter(pk=query.pk).exists():
        raise ActionRefused(
            _("It is not the turn of %(name)s: assign it to somebody of: %(turn)s.")
            % {"name": to.actor_name, "turn": TURN_LABELS[TURNS[query.state]]}
        )


def check_query_transition(query: Query, action: str) -> None:
    if query.state not in QUERY_TRANSITIONS[action][0]:
        raise ActionRefused(
            _("The status of this query is “%(state)s”, which does not allow this: read its last message.")
            % {"state": QUERY_STATUS_LABELS[query.state]}
        )
    _check_planned(query.of_visit)


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
    entry: FormEntry | None = rows.with_version().select_related("visit").first()
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
    return reasons + frozen_reasons(participant)


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


def check_movable(by: User, entry: FormEntry, to: Visit) -> None:
    """Within one site, and only by who sees the whole form: nobody carries over what they cannot check."""
    reasons = []
    if to.pk == entry.visit_id:
        reasons.append(_("It stands at this visit: choose the visit at which it belongs."))
    if to.participant.site_id != entry.visit.participant.site_id:
        reasons.append(_("A form is moved within one site: enter it anew at the other one."))
    sight = by.sight(current_definition())
    if not all(sight.item(item) for item in entry.form.items):
        reasons.append(_("Part of this form is out of your sight: somebody who sees all of it moves it."))
    there = FormEntry.objects.standing().filter(visit=to, form_key=entry.form_key)
    if there.exists() and not entry.form.repeating:
        reasons.append(_("Something is entered on this form at that visit already: take it out there first."))
    if reasons:
        raise ActionRefused(*reasons)


def check_decision_taken_back(by: User, decision: GateDecision, reason: str) -> None:
    """The visits that it opened go with it, so nothing may stand at them, nor a later phase rest on it."""
    check_reason(reason)
    participant = decision.participant
    check_transition(participant, "participant.phase_closed")
    reasons = frozen_reasons(participant)
    if decision.opened and participant.phase != decision.phase:
        reasons.append(_("A later phase has opened since: take that decision back first."))
    if decision.opened:
        reasons += _standing_at_visits(by, participant, decision.phase)
    if reasons:
        raise ActionRefused(*reasons)


def _standing_at_visits(by: User, participant: Participant, phase: str) -> Iterator[str]:
    """Visits out of sight are not named, nor counted."""
    entered = Exists(FormEntry.objects.standing().filter(visit=OuterRef("pk")))
    asked = Exists(Query.objects.exclude(status=QueryStatus.CLOSED.value).filter(visit=OuterRef("pk")))
    held = Exists(Freeze.objects.standing().filter(visit=OuterRef("pk")))
    by_themselves = ["", *closed_as(STOPPED_BEFORE), *closed_as(WITHDRAWN_BEFORE)]
    touched = Q(took_place_on__isnull=False) | ~Q(not_done_reason__in=by_themselves) | entered | asked | held
    rows = participant.visits.filter(touched, phase=phase).order_by("target_on", "pk")
    seen = rows.in_sight(by.sight(current_definition()))
    if seen:
        names = ", ".join(visit.label(get_language() or "nl") for visit in seen)
        yield _("Something is recorded at visits of this phase, take that back first: %(visits)s.") % {"visits": names}
    if len(seen) < len(rows):
        yield _("Something is recorded at a visit of this phase that you do not see: it is taken back first.")


def is_gate_missed(participant: Participant, asked: Mapping[str, str | None]) -> bool:
    """Whether a rule without an outcome gets none: what it lacks belongs to a visit that was not done, or to a form
    that is complete without it. ``asked``: what it read, by path."""
    wanting = {tuple(path.split(".")[:2]) for path, value in asked.items() if value is None}
    missed = set(participant.visits.exclude(not_done_reason="").values_list("slug", flat=True))
    rows = FormEntry.objects.filter(visit__participant=participant, status=EntryStatus.COMPLETE.value).order_by()
    complete = set(rows.values_list("visit__slug", "form_key"))
    return all(place[0] in missed or place in complete for place in wanting)


_STATUS = "SELECT status FROM participants_participant WHERE id = %s"
_STATUS_HELD = f"{_STATUS} FOR UPDATE"


def lock_casebook(participant: int) -> None:
    """Every act on a casebook holds its participant first, then reads, so that two of them never mix.

    The order of all locks: participant, visit, stratum, head of the ledger.
    """
    held = _STATUS_HELD if connection.features.has_select_for_update else _STATUS  # SQLite lets one writer in at a time
    check_not_voided(found(held, participant)[0][0])


def lock_casebooks(participants: Iterable[int]) -> None:
    """Those of many participants, each act in the same order, so that two of them never wait for each other."""
    for participant in sorted(set(participants)):
        lock_casebook(participant)


def lock_site_casebooks(site: Site) -> None:
    """Those of a site, each after the other in the same order."""
    if connection.features.has_select_for_update:
        found("SELECT 1 FROM participants_participant WHERE site_id = %s ORDER BY id FOR UPDATE", site.pk)


def lock_visit(visit: Visit) -> None:
    """Hold the casebook of a visit, and read the visit as it stands then."""
    lock_casebook(visit.participant_id)
    visit.refresh_from_db(fields=["took_place_on", "not_done_reason", "taken_back_at"])
    _check_planned(visit)


def held_visit(visit: Visit) -> Visit:
    """As ``lock_visit``: the visit, with its participant, as they stand then."""
    lock_casebook(visit.participant_id)
    held: Visit = Visit._base_manager.select_related("participant__site").get(pk=visit.pk)
    _check_planned(held)
    return held


def _check_planned(visit: Visit) -> None:
    if visit.taken_back_at is not None:
        raise ActionRefused(_("This visit is not planned any more: the decision that opened its phase was taken back."))


def check_unchanged(entry: FormEntry) -> None:
    """Hold the casebook; refuse if the entry was saved since it was read, or follows from something that was."""
    lock_casebook(entry.visit.participant_id)
    newest = FormEntry.objects.only("revision", "data", "missing", "status").get(pk=entry.pk)
    check_revision(newest, entry.revision)
    if (newest.data, newest.missing, newest.status) != (entry.data, entry.missing, entry.status):
        raise ActionRefused(_("This form changed because another one was corrected: open it again."))


class Outdated(ActionRefused):
    """The form was saved since it was read."""


def check_revision(entry: FormEntry, seen: int) -> None:
    if entry.revision != seen:
        raise Outdated(_("Somebody else saved this form in the meantime: open it again and compare."))
