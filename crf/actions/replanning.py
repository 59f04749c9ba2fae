"""Visits that a newer version added to phases which participants have entered already."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence

from django.utils.timezone import localdate
from django.utils.translation import gettext as _

from audit.actions import action
from audit.acts import ActionRefused
from crf import policies
from crf.actions.lines import note_visit
from crf.actions.visits import planned_visit
from crf.models import GateDecision, Visit
from trialmgr.participants.models import Participant
from trialmgr.participants.states import Status
from trialmgr.people.models import User
from trialmgr.protocol.model import VisitDefinition
from trialmgr.studies.clock import today
from trialmgr.studies.models import StudyVersion
from trialmgr.studies.queries import timeline

_ACTIVE = (Status.SCREENING.value, Status.ON_STUDY.value)


def visits_to_plan(*, by: User, version: StudyVersion, sites: Sequence[str] = ()) -> list[Visit]:
    """The dry run: visits of this version that its active participants lack and whose window has not passed.

    Only where the version is in force, and only in phases that have opened for the participant. Nothing is saved.
    """
    rows = Participant.objects.for_user(by).filter(status__in=_ACTIVE).select_related("site").order_by("number")
    if sites:
        rows = rows.filter(site__code__in=list(sites))
    return [visit for participant in rows for visit in _lacking(participant, version)]


@action("visits.replanned", permission="entries.migrate")
def plan_added_visits(*, by: User, version: StudyVersion, reason: str, sites: Sequence[str] = ()) -> list[Visit]:
    """Plan what ``visits_to_plan`` finds. Refused without a reason, and when there is nothing to plan."""
    if not reason.strip():
        raise ActionRefused(_("Give the reason."))
    planned = visits_to_plan(by=by, version=version, sites=sites)
    if not planned:
        raise ActionRefused(_("No participant lacks a visit of this version."))
    for visit in planned:
        visit.save()
        note_visit(visit, action="visits.opened", new=visit.target_on.isoformat() if visit.target_on else "")
    return planned


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
                visit = _on_its_day(participant, defined, ordinal, day)
                late = visit.latest_on is not None and visit.latest_on < today()
                if defined.kind != "unscheduled" and (visit.key, ordinal) not in known and not late:
                    yield visit


def _on_its_day(participant: Participant, defined: VisitDefinition, ordinal: int, day: int) -> Visit:
    """A visit that counts from the opening of its phase counts from the day on which that was decided."""
    if defined.anchor == "phase" and participant.enrolled_on is not None:
        day -= (today() - _opened_on(participant, defined.phase, participant.enrolled_on)).days
    return planned_visit(participant, defined, ordinal, day)


def _opened_on(participant: Participant, phase: str, enrolled_on: datetime.date) -> datetime.date:
    """The phase that randomisation or enrolment opens has no decision of its own."""
    decision = GateDecision.objects.filter(participant=participant, phase=phase, opened=True).first()
    return localdate(decision.decided_at) if decision else enrolled_on
