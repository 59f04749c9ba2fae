"""A participant whose score did not fall by half: the follow-up year stays closed, and the pages say why."""

from __future__ import annotations

import pytest

from tests.journeys.conftest import Hire
from tests.journeys.trial import Trial
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition

pytestmark = pytest.mark.journey


def test_the_follow_up_year_of_a_non_responder_does_not_open(
    one_day: Trial, hire: Hire, reset_trd: StudyDefinition
) -> None:
    number = one_day.prepare("not_responding")
    casebook = f"/participants/{number}/"
    gate = reset_trd.phase("follow_up").gate
    assert gate is not None
    why = gate.if_false.nl

    investigator = hire(one_day, Role.INVESTIGATOR, language="nl")
    investigator.sign_in()
    investigator.reads(f"{gate.label.nl}\n: {number}")
    investigator.open(casebook)
    investigator.follow(gate.label.nl)
    investigator.reads("30", "24", why)
    investigator.look("decision-no-response")
    investigator.sign_again("Dit besluit vastleggen")
    investigator.reads(why)
    assert "Maand 1" not in investigator.text()
    investigator.look("casebook-no-response", answered=True)
    investigator.open(f"{casebook}phases/follow_up/")
    investigator.reads(why, "Besloten door Investigator UMCG")
    investigator.look()
    investigator.open(f"{casebook}visits/month_1/", status=404)
    investigator.look("not-found")

    coordinator = hire(one_day, Role.COORDINATOR, language="nl")
    coordinator.sign_in()
    coordinator.open(casebook)
    offer = reset_trd.form("cross_over_offer")
    coordinator.reads(offer.label.nl)
    coordinator.open(f"{casebook}visits/week_8/forms/{offer.key}/")
    coordinator.answer(offer, {"co_offered": "yes", "co_accepted": "no", "co_declined": "burden"})
    coordinator.save_complete()
    investigator.open(f"{casebook}phases/cross_over/")
    investigator.sign_again("Dit besluit vastleggen")
    coordinator.open(casebook)
    coordinator.reads("Nu aan de beurt", "Het einde van deelname invullen")
    coordinator.follow("Het einde van deelname invullen")
    coordinator.answer(reset_trd.form("end_of_participation"), {"eop_status": "not_responder"})
    coordinator.save_complete()
    coordinator.open(casebook)
    coordinator.unfold("Over deze deelnemer")
    coordinator.reads("Voltooid", why)
