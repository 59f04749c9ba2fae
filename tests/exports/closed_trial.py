"""A small trial that can be locked: one participant randomised and ended, one screen failure; built by real actions."""

from __future__ import annotations

from crf.actions import close_query, decide_gate, freeze, judge_eligibility, mark_visit_not_done, verify_items
from crf.models import FormEntry, Query, QueryStatus
from exports.actions import lock_study
from tests import walk
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.studies.models import StudyLock

# A text that a spreadsheet would take for a formula.
FORMULA = "=HYPERLINK(1)"


def data_manager(cast: Cast) -> User:
    return cast.at("", Role.DATA_MANAGER)


def close_all(cast: Cast) -> tuple[Participant, Participant]:
    """(randomised and ended, screen failure); nothing is open afterwards."""
    treated = walk.at_week_8(cast, response=False)
    decide_gate(by=cast.at(walk.SITE, Role.INVESTIGATOR), participant=treated, phase="follow_up")
    treated = ended(cast, treated, "not_responder")
    failed = walk.screened(cast, "LUMC", madrs=10)
    judge_eligibility(by=cast.at("LUMC", Role.INVESTIGATOR), participant=failed)
    ended(cast, failed, "screen_failure")
    walk.visited(cast, treated, first_session(treated))
    walk.fill(cast, walk.visit_of(treated, "log"), "adverse_event", given={"ae_term": FORMULA})
    close_queries(cast)
    return treated, failed


def first_session(participant: Participant) -> str:
    """The first treatment session of the participant's own arm."""
    return str(participant.visits.get(reveals_allocation=True, ordinal=1).slug)


def ended(cast: Cast, participant: Participant, code: str) -> Participant:
    """On the day of the last visit; of those planned before it that did not take place somebody says why."""
    done = participant.visits.filter(took_place_on__isnull=False).order_by("-took_place_on")[0].took_place_on
    missed = participant.visits.filter(latest_on__lt=done, took_place_on=None, not_done_reason="")
    for visit in missed:
        mark_visit_not_done(by=cast.at(participant.site.code, Role.INVESTIGATOR), visit=visit, reason="abroad")
    given = {"eop_status": code, "eop_date": done.isoformat()}
    walk.fill(cast, walk.visit_of(participant, "log"), "end_of_participation", given=given)
    participant.refresh_from_db()
    return participant


def close_queries(cast: Cast) -> None:
    for query in Query.objects.exclude(status=QueryStatus.CLOSED.value):
        close_query(by=data_manager(cast), query=query, text="checked")


def locked(cast: Cast) -> StudyLock:
    """Locked, with a verified value and a frozen casebook."""
    treated, _failed = close_all(cast)
    entry = FormEntry.objects.get(visit__participant=treated, form_key="demographics")
    verify_items(by=cast.at("", Role.MONITOR), entry=entry, items=["sex"])
    freeze(by=data_manager(cast), participant=treated)
    return lock_study(by=data_manager(cast), reason="all data are in")
