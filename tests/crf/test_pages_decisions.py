"""Eligibility and the gate of a phase."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from crf.actions import decide_gate, mark_visit_not_done
from crf.models import EligibilityDecision, GateDecision
from tests import walk
from tests.conftest import PASSWORD
from tests.crf.pages import Reader, casebook_url, form_url
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role

SignedIn = Callable[..., Client]


def confirmed(reader: Reader, url: str) -> str:
    """Press the button of an act that counts, and sign in again when asked to."""
    location = reader.client.post(url, {}).headers["Location"]
    return reader.send(location, {"password": PASSWORD})


def test_the_criteria_stand_with_answers_rules_and_result(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.screened(cast)
    url = f"{casebook_url(participant)}eligibility/"
    page = Reader(signed_in, cast, Role.MONITOR).get(url)
    assert "MADRS total of 20 or higher" in page
    assert "Met" in page
    assert "Does not exclude" in page
    assert "Record my judgement" not in page
    assert f"{url}judge/" not in page


def test_an_investigator_judges_after_signing_in_again(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.screened(cast)
    investigator = Reader(signed_in, cast, Role.INVESTIGATOR)
    url = f"{casebook_url(participant)}eligibility/"
    assert f"{url}judge/" in investigator.get(url)
    assert "Check your answers" in investigator.get(f"{url}judge/")
    page = confirmed(investigator, f"{url}judge/")
    assert "Judged by Investigator UMCG" in page
    assert EligibilityDecision.objects.get().eligible
    assert "Eligible" in investigator.get(casebook_url(participant))


def test_whose_score_is_too_low_is_judged_not_eligible_and_the_end_is_due(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.screened(cast, madrs=10)
    investigator = Reader(signed_in, cast, Role.INVESTIGATOR)
    page = confirmed(investigator, f"{casebook_url(participant)}eligibility/judge/")
    assert "Not eligible" in page
    assert "I5" in page
    assert "Not met" in page
    book = investigator.get(casebook_url(participant))
    assert "Complete the end of participation" in book
    assert "Not eligible" in book
    assert "Complete the end of participation" in investigator.get("/participants/")


def test_before_the_form_is_complete_nobody_can_judge(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.consented(cast)
    investigator = Reader(signed_in, cast, Role.INVESTIGATOR)
    url = f"{casebook_url(participant)}eligibility/"
    page = investigator.get(url)
    assert "Not known yet" in page
    assert "value missing" in page
    assert f"{url}judge/" not in page
    assert "The eligibility form is not complete: fill in what is missing first." in confirmed_refusal(
        investigator, f"{url}judge/"
    )


def confirmed_refusal(reader: Reader, url: str) -> str:
    location = reader.client.post(url, {}).headers["Location"]
    answer = reader.client.post(location, {"password": PASSWORD}, follow=True)
    assert answer.status_code == 422
    return answer.content.decode()


def test_who_does_not_see_the_eligibility_form_is_refused(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.screened(cast)
    Reader(signed_in, cast, Role.RATER).get(f"{casebook_url(participant)}eligibility/", 403)
    Reader(signed_in, cast, Role.COORDINATOR).get(f"{casebook_url(participant)}eligibility/judge/", 403)


@pytest.mark.parametrize(("response", "text"), [(True, "follow-up year begins"), (False, "does not begin")])
def test_the_decision_at_week_8_follows_the_rule(signed_in: SignedIn, cast: Cast, response: bool, text: str) -> None:
    participant = walk.at_week_8(cast, response=response)
    investigator = Reader(signed_in, cast, Role.INVESTIGATOR)
    url = f"{casebook_url(participant)}phases/follow_up/"
    page = investigator.get(url)
    assert "The fall of MADRS total from “Baseline” to “Week 8, end of treatment” is at least 50 %." in page
    assert ("30 to 12, a fall of 60 %" if response else "30 to 24, a fall of 20 %") in page
    assert (">Holds" if response else ">Does not hold") in page.replace("</svg>", ">")
    assert "percent_fall" in page, "as the definition writes it, folded away"
    assert "Baseline, " in page
    assert "tm-course__line" in page
    assert text in confirmed(investigator, url)
    assert GateDecision.objects.get().opened is response
    page = investigator.get(url)
    assert "Decided by Investigator UMCG" in page
    assert "Record this decision" not in page
    assert ("Month 12" in investigator.get(casebook_url(participant))) is response


def test_after_a_refused_follow_up_the_end_is_due(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.at_week_8(cast, response=False)
    decide_gate(by=cast.at("UMCG", Role.INVESTIGATOR), participant=participant, phase="follow_up")
    page = Reader(signed_in, cast, Role.COORDINATOR).get(casebook_url(participant))
    assert "Offer after week 8" in page, "the form that the next decision reads is due"
    walk.fill(cast, walk.visit_of(participant, "week_8"), "cross_over_offer", given={"co_offered": "no"})
    page = Reader(signed_in, cast, Role.INVESTIGATOR).get(casebook_url(participant))
    assert "Cross-over after week 8" in page
    decide_gate(by=cast.at("UMCG", Role.INVESTIGATOR), participant=participant, phase="cross_over")
    coordinator = cast.at("UMCG", Role.COORDINATOR)
    for visit in participant.visits.filter(took_place_on=None).exclude(key="log"):
        mark_visit_not_done(by=coordinator, visit=visit, reason="ended")
    page = Reader(signed_in, cast, Role.COORDINATOR).get(casebook_url(participant))
    assert "Complete the end of participation" in page
    log = walk.visit_of(participant, "log")
    walk.fill(cast, log, "end_of_participation", given={"eop_status": "not_responder"})
    page = Reader(signed_in, cast, Role.COORDINATOR).get(casebook_url(participant))
    assert "Nothing is due." in page
    assert "Completed" in page
    assert "Ended on" in page


def test_a_decision_that_misses_a_value_cannot_be_taken(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.randomised(cast)
    investigator = Reader(signed_in, cast, Role.INVESTIGATOR)
    url = f"{casebook_url(participant)}phases/follow_up/"
    page = investigator.get(url)
    assert "a value is missing" in page
    assert "Record this decision" not in page
    assert "missing: week_8.madrs.madrs_total" in confirmed_refusal(investigator, url)


def test_a_phase_without_a_gate_or_unknown_is_not_found(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.randomised(cast)
    investigator = Reader(signed_in, cast, Role.INVESTIGATOR)
    for phase in ("treatment", "afterlife"):
        investigator.get(f"{casebook_url(participant)}phases/{phase}/", 404)
    Reader(signed_in, cast, Role.COORDINATOR).get(f"{casebook_url(participant)}phases/follow_up/", 403)


def test_the_form_of_the_criteria_is_reached_from_the_page(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.screened(cast)
    visit = walk.visit_of(participant, "screening")
    page = Reader(signed_in, cast, Role.COORDINATOR).get(f"{casebook_url(participant)}eligibility/")
    assert form_url(visit, "eligibility") in page
