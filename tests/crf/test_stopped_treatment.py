"""A form that says a treatment stopped: its sessions left will not take place, and the participant goes on."""

from __future__ import annotations

import datetime

import pytest

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from audit.verification import verify
from crf.actions import decide_gate, remove_entry, reopen_visit, set_visit_day, undo_ending
from crf.models import FormEntry, Visit
from crf.policies import ENDED_BEFORE, STOPPED_BEFORE, closed_as
from tests import walk
from tests.audit.recipes import again, the
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant
from trialmgr.participants.states import Status
from trialmgr.people.permissions import Role

DAY = datetime.timedelta(days=1)


def stop(cast: Cast, participant: Participant, on: datetime.date) -> FormEntry:
    given = {"wd_on": on.isoformat(), "wd_reason": "burden"}
    return walk.fill(cast, walk.visit_of(participant, "log"), "withdrawal", given=given, reason="correction")


def end(cast: Cast, participant: Participant, on: datetime.date) -> None:
    given = {"eop_status": "other", "eop_date": on.isoformat()}
    walk.fill(cast, walk.visit_of(participant, "log"), "end_of_participation", given=given, reason="correction")


def entered_on(participant: Participant) -> datetime.date:
    assert participant.enrolled_on is not None
    return participant.enrolled_on


def closed(participant: Participant) -> list[str]:
    return _closed_as(participant, closed_as(STOPPED_BEFORE))


def closed_by_the_end(participant: Participant) -> list[str]:
    return _closed_as(participant, closed_as(ENDED_BEFORE))


def _closed_as(participant: Participant, reasons: list[str]) -> list[str]:
    visits = Visit.objects.filter(participant=participant, not_done_reason__in=reasons).order_by("target_on", "pk")
    return [visit.slug for visit in visits]


def sessions(first: int, arm: str = "session_ect") -> list[str]:
    return [f"{arm}-{ordinal}" for ordinal in range(first, 17)]


def test_the_sessions_left_are_closed_and_the_ratings_stay_due(cast: Cast) -> None:
    participant = walk.randomised(cast, arm="ect")
    stop(cast, participant, entered_on(participant) + 21 * DAY)
    assert closed(participant) == sessions(7), "the window of the sixth ended on day 20"
    assert again(participant).state is Status.ON_STUDY
    assert LedgerEntry.objects.filter(action="visit.not_done", restricted=True).count() == 10
    assert verify().is_whole


def test_what_closes_follows_the_day_as_it_is_corrected_and_whether_the_form_stands(cast: Cast) -> None:
    participant = walk.randomised(cast, arm="esketamine")
    entry = stop(cast, participant, entered_on(participant) + 21 * DAY)
    stop(cast, participant, entered_on(participant) + 50 * DAY)
    assert closed(participant) == sessions(15, "session_esk")
    remove_entry(by=the(cast, Role.COORDINATOR), entry=again(entry), reason="another participant")
    assert closed(participant) == []
    assert LedgerEntry.objects.filter(action="visit.reopened", restricted=True).count() == 10


def test_a_session_that_took_place_after_all_keeps_its_day_and_is_closed_again_without_it(cast: Cast) -> None:
    participant = walk.randomised(cast, arm="ect")
    stop(cast, participant, entered_on(participant) + 21 * DAY)
    visit = walk.visit_of(participant, "session_ect-7")
    coordinator = the(cast, Role.COORDINATOR)
    with pytest.raises(ActionRefused, match="stopped"):
        reopen_visit(by=coordinator, visit=visit, reason="it did take place")
    assert visit.target_on is not None
    set_visit_day(by=coordinator, visit=visit, on=visit.target_on, reason="one more after all")
    assert closed(participant) == sessions(8)
    visit = reopen_visit(by=coordinator, visit=again(visit), reason="of somebody else")
    assert visit.not_done_reason in closed_as(STOPPED_BEFORE)


@pytest.mark.parametrize("stop_first", [True, False])
def test_the_end_and_the_stop_come_to_the_same_in_either_order(cast: Cast, stop_first: bool) -> None:
    participant = walk.randomised(cast, arm="ect")
    stopped, ended = entered_on(participant) + 21 * DAY, entered_on(participant) + 40 * DAY
    if stop_first:
        stop(cast, participant, stopped)
    end(cast, participant, ended)
    if not stop_first:
        stop(cast, participant, stopped)
    assert closed(participant) == sessions(7)
    assert closed_by_the_end(participant) == ["week_6", "week_7", "week_8"]
    undo_ending(by=the(cast, Role.DATA_MANAGER), participant=again(participant), reason="of somebody else")
    assert closed(participant) == sessions(7)
    assert closed_by_the_end(participant) == []


def test_a_treatment_that_follows_is_not_closed_by_the_stop_of_the_first(cast: Cast) -> None:
    participant = walk.at_week_8(cast, response=False)
    walk.fill(cast, walk.visit_of(participant, "week_8"), "cross_over_offer")
    decide_gate(by=the(cast, Role.INVESTIGATOR), participant=participant, phase="follow_up")
    stop(cast, participant, entered_on(participant) + 30 * DAY)
    decide_gate(by=the(cast, Role.INVESTIGATOR), participant=again(participant), phase="cross_over")
    assert {visit.partition("-")[0] for visit in closed(participant)} < {"session_ect", "session_esk"}
    stop(cast, participant, entered_on(participant) + 70 * DAY)
    [crossed] = {visit.partition("-")[0] for visit in closed(participant)}
    assert crossed in {"session_ect_crossover", "session_esk_crossover"}


def test_a_stop_recorded_before_the_phase_opened_closes_its_sessions_too(cast: Cast) -> None:
    participant = walk.at_week_8(cast, response=False)
    walk.fill(cast, walk.visit_of(participant, "week_8"), "cross_over_offer")
    stop(cast, participant, entered_on(participant) + 70 * DAY)
    assert closed(participant) == []
    decide_gate(by=the(cast, Role.INVESTIGATOR), participant=participant, phase="cross_over")
    assert len(closed(participant)) > 8
