"""Who may speak with the API, and how."""

from __future__ import annotations

import datetime

import pytest
import time_machine
from django.utils import timezone

from tests.api_caller import Caller
from tests.walk import eligible, registered, screened
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.actions import deactivate_user, grant_role, make_api_key
from trialmgr.people.models import SYSTEM
from trialmgr.people.permissions import Role

pytestmark = pytest.mark.django_db


def test_a_stranger_is_asked_to_sign_in() -> None:
    assert Caller(None).get("participants/")[0] == 401


def test_a_token_reads_and_writes_as_its_person(cast: Cast) -> None:
    program = Caller(cast.at("UMCG", Role.COORDINATOR), token=True)
    today = timezone.localdate().isoformat()
    assert program.post("participants/", {"site": "UMCG", "registered_on": today})[0] == 201
    assert program.get("participants/")[1]["count"] == 1


def test_a_token_of_somebody_who_left_opens_nothing(cast: Cast) -> None:
    coordinator = cast.at("UMCG", Role.COORDINATOR)
    program = Caller(coordinator, token=True)
    deactivate_user(by=SYSTEM, user=coordinator, reason="left")
    assert program.get("participants/")[0] == 401


def test_a_new_token_takes_the_place_of_the_one_before(cast: Cast) -> None:
    before, coordinator = Caller(cast.at("UMCG", Role.COORDINATOR), token=True), cast.at("UMCG", Role.COORDINATOR)
    make_api_key(by=SYSTEM, user=coordinator)
    assert before.get("participants/")[0] == 401


def test_a_role_without_the_permission_is_refused(cast: Cast) -> None:
    status, document = Caller(cast.at("", Role.STATISTICIAN)).get("participants/")
    assert status == 403
    assert document["detail"]


def test_a_method_that_an_address_does_not_have_is_no_method(cast: Cast) -> None:
    coordinator = Caller(cast.at("UMCG", Role.COORDINATOR))
    assert coordinator("delete", "participants/")[0] == 405
    assert coordinator("options", "participants/")[0] == 405


def test_the_head_of_an_answer_needs_what_the_answer_needs(cast: Cast) -> None:
    assert Caller(cast.at("UMCG", Role.COORDINATOR)).client.head("/api/v1/participants/").status_code == 200
    assert Caller(cast.at("", Role.STATISTICIAN)).client.head("/api/v1/participants/").status_code == 403


def test_right_site_wrong_role_there_is_refused(cast: Cast) -> None:
    """A treating doctor at one site who coordinates another registers nobody at the first."""
    person = cast.at("UMCG", Role.TREATING_TEAM)
    grant_role(by=SYSTEM, user=person, role=Role.COORDINATOR, site=cast.sites["LUMC"])
    place = f"participants/{registered(cast, 'UMCG').number}/consents/"
    assert Caller(person).post(place, {"version": "consent_v1"})[0] == 403


def test_an_act_that_matters_asks_to_sign_in_again(cast: Cast) -> None:
    number = screened(cast).number
    investigator = cast.at("UMCG", Role.INVESTIGATOR)
    status, document = Caller(investigator).post(f"participants/{number}/eligibility/")
    assert status == 403
    assert "/account/reauthenticate/" in document["detail"]
    assert Caller(investigator).signed_in_again().post(f"participants/{number}/eligibility/")[0] == 201


def test_signing_in_again_holds_for_a_minute(cast: Cast) -> None:
    number = screened(cast).number
    investigator = Caller(cast.at("UMCG", Role.INVESTIGATOR)).signed_in_again()
    with time_machine.travel(timezone.now() + datetime.timedelta(seconds=61)):
        assert investigator.post(f"participants/{number}/eligibility/")[0] == 403


def test_an_api_key_does_no_act_that_matters(cast: Cast) -> None:
    number = eligible(cast).number
    program = Caller(cast.at("UMCG", Role.INVESTIGATOR), token=True)
    status, document = program.post(f"participants/{number}/eligibility/")
    assert status == 403
    assert "API key" in document["detail"]
