"""What people judged is never changed by a correction, and is shown as contradicted when the values say otherwise."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from audit.verification import verify
from crf.actions import confirm_judgement, decide_gate, judge_eligibility
from crf.judgements import contradictions_among, judgements_of
from crf.models import EligibilityDecision, GateDecision, JudgementConfirmation
from crf.policies import reasons_not_ready, standing_eligibility
from exports.open_points import Kind, open_points
from randomization.actions import allocate
from randomization.models import Allocation
from randomization.queries.allocations import in_screening, ready_to_randomise
from tests import walk
from tests.api_caller import Caller
from tests.conftest import PASSWORD
from tests.crf.pages import Reader, casebook_url
from trialmgr.overview.duties import duty
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.protocol.judgements import ELIGIBILITY
from trialmgr.studies.queries import current_definition

SignedIn = Callable[..., Client]
PHASE = "phase/follow_up"


def investigator(cast: Cast) -> User:
    return cast.at("UMCG", Role.INVESTIGATOR)


def correct_madrs(cast: Cast, participant: Participant, slug: str, total: int) -> None:
    walk.fill(cast, walk.visit_of(participant, slug), "madrs", madrs=total, reason="read wrongly from the paper")


def contradicted(participant: Participant) -> list[tuple[str, bool | None, bool | None]]:
    found = judgements_of([participant])[participant.pk].contradictions
    return [(one.judged.about, one.judged.outcome, one.now.outcome) for one in found]


def points() -> list[str]:
    return [point.participant for point in open_points() if point.kind is Kind.JUDGEMENT_CONTRADICTED]


def tasks(user: User, key: str) -> list[str]:
    return [task.about for task in duty(user, key).tasks]


# Case 06


def test_who_was_judged_on_a_value_that_changed_is_not_randomised_until_judged_again(cast: Cast) -> None:
    participant = walk.baseline_done(cast)
    coordinator = cast.at("UMCG", Role.COORDINATOR)
    assert ready_to_randomise(in_screening(Participant.objects.all())) == [participant]
    correct_madrs(cast, participant, "screening", 10)
    assert contradicted(participant) == [(ELIGIBILITY, True, False)]
    assert standing_eligibility(participant) is None
    assert ready_to_randomise(in_screening(Participant.objects.all())) == []
    with pytest.raises(ActionRefused, match="says otherwise since: an investigator judges it now"):
        allocate(by=coordinator, participant=participant, idempotency_key="1")
    assert not Allocation.objects.exists()
    assert tasks(investigator(cast), "eligibility") == ["UMCG-001"]
    with pytest.raises(ActionRefused, match="Before the start eligibility is judged again"):
        confirm_judgement(by=investigator(cast), participant=participant, about=ELIGIBILITY, reason="it was 30")
    decision = judge_eligibility(by=investigator(cast), participant=participant)
    assert (decision.eligible, decision.not_met) == (False, ["I5"])
    assert contradicted(participant) == []
    assert any("Not eligible: I5." in reason for reason in reasons_not_ready(participant, current_definition()))


def test_a_value_that_changes_and_leaves_the_judgement_as_it_was_contradicts_nothing(cast: Cast) -> None:
    participant = walk.baseline_done(cast)
    correct_madrs(cast, participant, "screening", 25)
    assert contradicted(participant) == []
    correct_madrs(cast, participant, "screening", 10)
    correct_madrs(cast, participant, "screening", 30)
    assert contradicted(participant) == [], "whatever stood there before"
    assert standing_eligibility(participant) == EligibilityDecision.objects.get()


def test_after_randomisation_it_is_an_open_point_and_a_task_until_somebody_confirms(cast: Cast) -> None:
    participant = walk.randomised(cast)
    correct_madrs(cast, participant, "screening", 10)
    participant.refresh_from_db()
    assert points() == ["UMCG-001"]
    assert tasks(investigator(cast), "contradicted") == ["UMCG-001 · Eligibility"]
    assert tasks(cast.at("LUMC", Role.INVESTIGATOR), "contradicted") == []
    assert tasks(cast.at("UMCG", Role.COORDINATOR), "contradicted") == []
    for stranger in (cast.at("UMCG", Role.COORDINATOR), cast.at("LUMC", Role.INVESTIGATOR)):
        with pytest.raises(PermissionDenied):
            confirm_judgement(by=stranger, participant=participant, about=ELIGIBILITY, reason="seen")
    with pytest.raises(ActionRefused, match="Give the reason"):
        confirm_judgement(by=investigator(cast), participant=participant, about=ELIGIBILITY, reason=" ")
    confirm_judgement(by=investigator(cast), participant=participant, about=ELIGIBILITY, reason="flagged")
    assert (points(), tasks(investigator(cast), "contradicted")) == ([], [])
    assert str(participant.judgement_confirmations.get()) == f"{participant} {ELIGIBILITY}"
    line = LedgerEntry.objects.get(action="judgement.confirmed")
    assert (line.item, line.reason, line.detail["now"]) == (ELIGIBILITY, "flagged", False)
    with pytest.raises(ActionRefused, match="nothing to confirm"):
        confirm_judgement(by=investigator(cast), participant=participant, about=ELIGIBILITY, reason="again")
    correct_madrs(cast, participant, "screening", 11)
    assert points() == ["UMCG-001"], "the values are others than those it was confirmed against"
    correct_madrs(cast, participant, "screening", 30)
    assert points() == []
    assert not any(verify().faults.values())


# Case 07


def test_a_decision_on_a_phase_whose_value_changes_is_an_open_point_and_a_task_until_confirmed(cast: Cast) -> None:
    participant = walk.in_follow_up(cast)
    correct_madrs(cast, participant, "week_8", 40)
    assert contradicted(participant) == [(PHASE, True, False)]
    assert GateDecision.objects.get(phase="follow_up").opened, "nobody but a person changes a decision"
    assert points() == ["UMCG-001"]
    (about,) = tasks(investigator(cast), "contradicted")
    assert about.startswith("UMCG-001 · ")
    confirm_judgement(by=investigator(cast), participant=participant, about=PHASE, reason="treated on")
    assert (points(), tasks(investigator(cast), "contradicted")) == ([], [])
    correct_madrs(cast, participant, "week_8", 39)
    assert points() == ["UMCG-001"]


def test_a_phase_that_did_not_open_is_contradicted_by_a_fall_that_would_open_it(cast: Cast) -> None:
    participant = walk.at_week_8(cast, response=False)
    decide_gate(by=investigator(cast), participant=participant, phase="follow_up")
    correct_madrs(cast, participant, "week_8", 5)
    assert contradicted(participant) == [(PHASE, False, True)]


def test_many_participants_take_as_many_questions_as_one(cast: Cast) -> None:
    def questions() -> int:
        with CaptureQueriesContext(connection) as captured:
            contradictions_among(Participant.objects.select_related("site"))
        return len(captured)

    correct_madrs(cast, walk.in_follow_up(cast), "week_8", 40)
    few = questions()
    walk.in_follow_up(cast, "LUMC")
    walk.randomised(cast, "AUMC")
    assert questions() == few


def test_the_pages_say_what_was_judged_on_which_values_and_what_they_are_now(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.in_follow_up(cast)
    correct_madrs(cast, participant, "week_8", 40)
    correct_madrs(cast, participant, "screening", 10)
    reader = Reader(signed_in, cast, Role.INVESTIGATOR)
    # Two judgements, each in the head and among the facts.
    assert reader.get(casebook_url(participant)).count("Contradicted by the values as they stand") == 2 * 2
    phase = f"{casebook_url(participant)}phases/follow_up/"
    page = reader.get(phase)
    assert "The values say otherwise now" in page
    assert "judged on 12, now 40" in page
    page = reader.get(f"{casebook_url(participant)}eligibility/")
    assert "judged on 30, now 10" in page
    assert f"{casebook_url(participant)}eligibility/confirm/" in page
    others = Reader(signed_in, cast, Role.COORDINATOR)
    assert "eligibility/confirm/" not in others.get(f"{casebook_url(participant)}eligibility/")
    others.get(f"{casebook_url(participant)}eligibility/confirm/", 403)
    assert "The judgement stands until one of these values changes again." in reader.get(f"{phase}confirm/")
    location = reader.client.post(f"{phase}confirm/", {"reason": "treated on"}).headers["Location"]
    assert "The judgement is confirmed." in reader.send(location, {"password": PASSWORD})
    assert JudgementConfirmation.objects.get().judgement == PHASE
    assert "nothing to confirm" in reader.get(f"{phase}confirm/")
    assert "The values say otherwise now" not in reader.get(phase)


def test_the_api_says_so_too_and_confirms(cast: Cast) -> None:
    participant = walk.in_follow_up(cast)
    client, sent = Caller(investigator(cast)), {"reason": "seen"}
    address = f"participants/{participant.number}"
    assert client.get(f"{address}/eligibility/")[1]["contradiction"] is None
    correct_madrs(cast, participant, "week_8", 40)
    correct_madrs(cast, participant, "screening", 10)
    told = client.get(f"{address}/eligibility/")[1]["contradiction"]
    assert (told["outcome"], told["not_met"]) == (False, ["I5"])
    assert told["values"]["screening.madrs.madrs_total"] == {"judged": "30", "now": "10"}
    told = client.get(f"{address}/phases/follow_up/")[1]["contradiction"]
    assert told["values"] == {"week_8.madrs.madrs_total": {"judged": "12", "now": "40"}}
    assert client.post(f"{address}/eligibility/confirm/", sent)[0] == 403, "not without signing in again"
    for place in ("eligibility", "phases/follow_up"):
        assert client.signed_in_again().post(f"{address}/{place}/confirm/", sent)[0] == 201
        assert client.get(f"{address}/{place}/")[1]["contradiction"] is None
    coordinator = Caller(cast.at("UMCG", Role.COORDINATOR))
    assert coordinator.signed_in_again().post(f"{address}/eligibility/confirm/", sent)[0] == 403
