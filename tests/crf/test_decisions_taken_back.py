"""A decision on a phase that was taken in error: afterwards the casebook is as if it had not been."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.utils.translation import override

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from audit.verification import verify
from crf.actions import (
    add_unscheduled_visit,
    decide_gate,
    freeze,
    mark_visit_not_done,
    reopen_visit,
    save_entry,
    set_visit_day,
    undo_gate,
)
from crf.judgements import judgements_of
from crf.models import FormEntry, GateDecision, Visit
from crf.policies import check_decision_taken_back
from exports.open_points import open_points
from tests import walk
from tests.api_caller import Caller
from tests.audit.recipes import again, the
from tests.audit.staging import sql
from tests.conftest import PASSWORD
from tests.crf.pages import Reader, casebook_url
from tests.crf.test_enrolment import cohort
from trialmgr.overview.duties import duty
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant
from trialmgr.people.permissions import Role

__all__ = ["cohort"]

SignedIn = Callable[..., Client]
PHASE = "follow_up"
WHY = "of somebody else"


def undone(cast: Cast, participant: Participant, phase: str = PHASE, reason: str = WHY) -> Participant:
    undo_gate(by=the(cast, Role.INVESTIGATOR), participant=again(participant), phase=phase, reason=reason)
    return again(participant)


def decided(cast: Cast, participant: Participant, phase: str = PHASE) -> GateDecision:
    return decide_gate(by=the(cast, Role.INVESTIGATOR), participant=again(participant), phase=phase)


def plan(participant: Participant) -> set[tuple[str, datetime.date | None]]:
    return set(participant.visits.values_list("slug", "target_on"))


def of_phase(participant: Participant, phase: str = PHASE) -> list[Visit]:
    rows = participant.visits.filter(phase=phase, target_on__isnull=False)
    return list(rows.select_related("participant__site").order_by("target_on", "pk"))


def refused(cast: Cast, participant: Participant, phase: str = PHASE) -> str:
    with override("en"), pytest.raises(ActionRefused) as told:
        undone(cast, participant, phase)
    return str(told.value)


def test_a_phase_that_opened_is_closed_with_its_visits_and_is_to_be_decided_anew(cast: Cast) -> None:
    participant = walk.at_week_8(cast)
    before, points = plan(participant), open_points()
    decided(cast, participant)
    after, rows = plan(participant), Visit._base_manager.count()
    assert undone(cast, participant).phase == "treatment"
    assert (plan(participant), open_points()) == (before, points)
    assert judgements_of([participant])[participant.pk].judged[1:] == []
    assert duty(the(cast, Role.INVESTIGATOR), "decisions").count == 1
    assert not GateDecision.objects.exists()
    assert not any(verify().faults.values())
    assert decided(cast, participant).opened
    assert (again(participant).phase, plan(participant)) == (PHASE, after)
    assert Visit._base_manager.count() == rows, "planned anew in their own rows"
    assert GateDecision._base_manager.count() == 2
    assert not any(verify().faults.values())


def test_the_trail_tells_who_took_back_what_and_why_in_one_act(cast: Cast) -> None:
    participant = walk.in_follow_up(cast)
    visits = len(of_phase(participant))
    undone(cast, participant)
    line = LedgerEntry.objects.get(action="gate.undone")
    assert (line.item, line.old, line.new, line.reason) == (PHASE, "yes", None, WHY)
    act = LedgerEntry.objects.filter(act=line.act)
    assert act.filter(action="visits.taken_back").count() >= visits
    assert act.get(action="participant.phase_closed").detail == {"phase": "treatment"}
    decision = GateDecision._base_manager.get()
    assert (decision.opened, decision.taken_back_by) == (True, the(cast, Role.INVESTIGATOR).actor_name)


def test_a_phase_that_did_not_open_is_to_be_decided_anew(cast: Cast) -> None:
    participant = walk.at_week_8(cast, response=False)
    decided(cast, participant)
    before = plan(participant)
    assert undone(cast, participant).phase == "treatment"
    assert plan(participant) == before
    walk.fill(cast, walk.visit_of(participant, "week_8"), "madrs", madrs=walk.MADRS_RESPONSE, reason="read wrongly")
    assert decided(cast, participant).opened


def test_another_phase_that_had_opened_before_is_where_the_participant_is_again(cast: Cast) -> None:
    participant = walk.at_week_8(cast, response=False)
    decided(cast, participant)
    walk.fill(cast, walk.visit_of(participant, "week_8"), "cross_over_offer")
    assert decided(cast, participant, "cross_over").opened
    assert undone(cast, participant).phase == "cross_over", "what did not open is no phase to go back from"
    assert undone(cast, participant, "cross_over").phase == "treatment"


def test_it_is_refused_once_something_stands_at_a_visit_of_the_phase(cast: Cast) -> None:
    participant = walk.in_follow_up(cast)
    first, second = of_phase(participant)[:2]
    coordinator = the(cast, Role.COORDINATOR)
    mark_visit_not_done(by=coordinator, visit=second, reason="ill")
    set_visit_day(by=coordinator, visit=first, on=first.target_on or participant.registered_on, reason="late")
    with override("en"):
        names = f"{first.label('en')}, {second.label('en')}"
    assert (
        refused(cast, participant) == f"Something is recorded at visits of this phase, take that back first: {names}."
    )
    reopen_visit(by=coordinator, visit=second, reason="was there")
    reopen_visit(by=coordinator, visit=first, reason="another day")
    assert undone(cast, participant).phase == "treatment"


def test_who_is_blinded_learns_of_no_visit_out_of_sight(cast: Cast) -> None:
    participant = walk.at_week_8(cast, response=False)
    walk.fill(cast, walk.visit_of(participant, "week_8"), "cross_over_offer")
    decision = decided(cast, participant, "cross_over")
    session = next(visit for visit in of_phase(participant, "cross_over") if visit.reveals_allocation)
    on = session.target_on or participant.registered_on
    set_visit_day(by=the(cast, Role.COORDINATOR), visit=session, on=on, reason="late")
    decision = again(decision)
    with override("en"), pytest.raises(ActionRefused) as told:
        check_decision_taken_back(the(cast, Role.RATER), decision, WHY)
    assert str(told.value) == (
        "Something is recorded at a visit of this phase that you do not see: it is taken back first."
    )
    assert session.label("en") in refused(cast, participant, "cross_over")


def test_a_phase_that_opened_later_is_taken_back_first(cast: Cast) -> None:
    participant = walk.in_follow_up(cast)
    sql("UPDATE participants_participant SET phase = %s WHERE id = %s", "later", participant.pk)
    assert refused(cast, participant) == "A later phase has opened since: take that decision back first."


def test_it_owes_a_reason_a_decision_and_a_casebook_that_is_open(cast: Cast) -> None:
    participant = walk.in_follow_up(cast)
    with pytest.raises(ActionRefused):
        undone(cast, participant, reason=" ")
    assert "has not been taken" in refused(cast, participant, "cross_over")
    for role in (Role.COORDINATOR, Role.DATA_MANAGER, Role.RATER):
        with pytest.raises(PermissionDenied):
            undo_gate(by=the(cast, role), participant=participant, phase=PHASE, reason=WHY)
    freeze(by=the(cast, Role.DATA_MANAGER), participant=participant)
    assert "frozen" in refused(cast, participant)


def test_a_participation_that_ended_is_reopened_first(cast: Cast) -> None:
    participant = walk.in_follow_up(cast)
    on = walk.visit_of(participant, "week_8").took_place_on or participant.registered_on
    given = {"eop_status": "other", "eop_date": on.isoformat()}
    walk.fill(cast, walk.visit_of(participant, "log"), "end_of_participation", given=given)
    assert "Ended early" in refused(cast, participant)


def test_nobody_writes_at_a_visit_that_is_not_planned_any_more(cast: Cast) -> None:
    participant = walk.in_follow_up(cast)
    visit = of_phase(participant)[0]
    undone(cast, participant)
    coordinator, day = the(cast, Role.COORDINATOR), visit.target_on or participant.registered_on
    with override("en"), pytest.raises(ActionRefused, match="not planned any more"):
        set_visit_day(by=coordinator, visit=again(visit), on=day)
    with override("en"), pytest.raises(ActionRefused, match="not planned any more"):
        save_entry(by=the(cast, Role.RATER), visit=visit, form_key="madrs", values={})
    assert not FormEntry.objects.filter(visit=visit).exists()
    assert Visit.history.filter(id=visit.pk).count() == 2


def test_an_extra_visit_of_the_phase_goes_with_it_and_its_number_is_given_again(cast: Cast) -> None:
    participant = walk.at_week_8(cast)
    coordinator = the(cast, Role.COORDINATOR)
    key = next(each.key for each in participant.study_version.definition.visits if each.kind == "unscheduled")
    on = walk.visit_of(participant, "week_8").took_place_on or participant.registered_on
    extra = add_unscheduled_visit(by=coordinator, participant=participant, key=key, on=on, reason="as well")
    reopen_visit(by=coordinator, visit=extra, reason="nobody came")
    sql("UPDATE crf_visit SET phase = %s WHERE id = %s", PHASE, extra.pk)
    decided(cast, participant)
    undone(cast, participant)
    assert not Visit.objects.filter(pk=extra.pk).exists()
    assert add_unscheduled_visit(by=coordinator, participant=participant, key=key, on=on, reason="came") == extra


@pytest.mark.usefixtures("cohort")
def test_who_was_let_in_in_error_is_in_screening_again(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.baseline_done(cast)
    before = plan(participant)
    decided(cast, participant, "treatment")
    reader = Reader(signed_in, cast, Role.INVESTIGATOR)
    url = f"{casebook_url(participant)}phases/treatment/undo/"
    assert f'<a class="tm-button tm-button--secondary tm-button--small" href="{url}">' in reader.get(
        casebook_url(participant)
    )
    left = undone(cast, participant, "treatment")
    assert (left.status, left.phase, left.enrolled_on) == ("screening", "screening", None)
    assert plan(participant) == before
    assert decided(cast, participant, "treatment").opened


def test_the_page_asks_for_the_password_and_a_reason(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.in_follow_up(cast)
    reader = Reader(signed_in, cast, Role.INVESTIGATOR)
    url = f"{casebook_url(participant)}phases/follow_up/undo/"
    assert url in reader.get(f"{casebook_url(participant)}phases/follow_up/")
    assert "Take back a decision: " in reader.get(url)
    reader.get(f"{casebook_url(participant)}phases/no_such_phase/undo/", 404)
    Reader(signed_in, cast, Role.COORDINATOR).get(url, 403)
    location = reader.client.post(url, {"reason": WHY}).headers["Location"]
    assert "The decision is taken back." in reader.send(location, {"password": PASSWORD})
    assert again(participant).phase == "treatment"
    assert "has not been taken" in reader.post(url, {"reason": WHY}, 422)


def test_the_api_takes_a_decision_back_for_who_has_just_signed_in_again(cast: Cast) -> None:
    participant = walk.in_follow_up(cast)
    caller, address = Caller(the(cast, Role.INVESTIGATOR)), f"participants/{participant.number}/phases/follow_up"
    assert caller.post(f"{address}/undo/", {"reason": WHY})[0] == 403
    caller.signed_in_again()
    assert caller.post(f"{address}/undo/", {})[0] == 400
    status, told = caller.post(f"{address}/undo/", {"reason": WHY})
    assert (status, told["phase"]) == (200, "treatment")
    assert caller.get(f"{address}/")[0] == 404
    assert caller.post(f"{address}/undo/", {"reason": WHY})[0] == 409
    coordinator = Caller(the(cast, Role.COORDINATOR)).signed_in_again()
    assert coordinator.post(f"{address}/undo/", {"reason": WHY})[0] == 403
