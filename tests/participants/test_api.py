"""Participants and consent over HTTP."""

from __future__ import annotations

import pytest
from django.utils import timezone

from crf.models import Visit
from tests.api_caller import Caller
from tests.walk import consented, number_next, registered
from trialmgr.overview.duties import duty
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant
from trialmgr.people.permissions import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def coordinator(cast: Cast) -> Caller:
    return Caller(cast.at("UMCG", Role.COORDINATOR))


def test_registering_gives_the_next_number_and_plans_the_screening(cast: Cast, coordinator: Caller) -> None:
    today = timezone.localdate().isoformat()
    status, document = coordinator.post("participants/", {"site": "UMCG", "registered_on": today})
    assert status == 201
    assert document == {
        "number": "UMCG-001",
        "site": "UMCG",
        "status": "screening",
        "phase": "screening",
        "registered_on": today,
        "randomised_on": None,
        "ended_on": None,
        "study_version": Participant.objects.get().study_version.label,
    }
    assert {visit["slug"] for visit in coordinator.get("participants/UMCG-001/visits/")[1]} >= {"screening", "baseline"}


def test_nobody_registers_at_another_site(coordinator: Caller) -> None:
    today = timezone.localdate().isoformat()
    assert coordinator.post("participants/", {"site": "LUMC", "registered_on": today})[0] == 404
    assert coordinator.post("participants/", {"site": "NONE", "registered_on": today})[0] == 404


def test_a_day_in_the_future_is_refused_with_its_reason(coordinator: Caller) -> None:
    status, document = coordinator.post("participants/", {"site": "UMCG", "registered_on": "2199-01-01"})
    assert status == 409
    assert document == {"refused": ["2199-01-01 ligt in de toekomst."]} or len(document["refused"]) == 1


def test_a_field_that_is_not_known_is_refused(coordinator: Caller) -> None:
    sent = {"site": "UMCG", "registered_on": "2020-01-01", "status": "completed"}
    status, document = coordinator.post("participants/", sent)
    assert (status, list(document)) == (400, ["status"])


def test_something_else_than_an_object_is_refused(coordinator: Caller) -> None:
    assert coordinator.post("participants/", ["UMCG"])[0] == 400


def test_the_list_can_be_narrowed_and_holds_own_sites_only(cast: Cast, coordinator: Caller) -> None:
    registered(cast, "UMCG")
    registered(cast, "LUMC")
    everybody = Caller(cast.at("", Role.MONITOR))
    assert [row["number"] for row in coordinator.get("participants/")[1]["results"]] == ["UMCG-001"]
    assert everybody.get("participants/")[1]["count"] == 2
    assert everybody.get("participants/", site="LUMC")[1]["count"] == 1
    assert everybody.get("participants/", status="completed")[1]["count"] == 0


def test_one_participant_is_read_by_number(cast: Cast, coordinator: Caller) -> None:
    participant = registered(cast, "UMCG")
    assert coordinator.get(f"participants/{participant.number}/")[1]["number"] == participant.number
    assert coordinator.get(f"participants/{registered(cast, 'LUMC').number}/")[0] == 404


def test_consent_is_recorded_listed_and_withdrawn(cast: Cast, coordinator: Caller) -> None:
    place = f"participants/{registered(cast).number}/consents/"
    today = timezone.localdate().isoformat()
    status, consent = coordinator.post(place, {"version": "consent_v1", "given_on": today})
    assert status == 201
    assert consent["withdrawn_on"] is None
    assert coordinator.get(place)[1] == [consent]
    status, consent = coordinator.post(f"{place}consent_v1/withdraw/", {"on": today, "reason": "asked for it"})
    assert (status, consent["withdrawn_on"]) == (200, today)
    assert coordinator.post(f"{place}consent_v9/withdraw/", {"on": today, "reason": "asked for it"})[0] == 404


def test_a_rater_reads_consent_and_records_none(cast: Cast) -> None:
    rater, number = Caller(cast.at("UMCG", Role.RATER)), registered(cast).number
    assert rater.get(f"participants/{number}/consents/") == (200, [])
    assert rater.post(f"participants/{number}/consents/", {})[0] == 403


def test_a_consent_is_corrected_by_those_who_record_it(cast: Cast, coordinator: Caller) -> None:
    place = f"participants/{consented(cast).number}/consents/consent_v1/correct/"
    sent = {"version": "consent_v1", "given_on": timezone.localdate().isoformat(), "reason": "misread"}
    assert Caller(cast.at("UMCG", Role.RATER)).post(place, sent)[0] == 403
    status, consent = coordinator.post(place, sent)
    assert (status, consent["given_on"]) == (200, sent["given_on"])
    assert coordinator.post(place, sent)[0] == 409


@pytest.mark.on_both
def test_number_1000_of_a_site_comes_after_999(cast: Cast, coordinator: Caller) -> None:
    number_next(999)
    registered(cast), registered(cast)
    document = coordinator.get("participants/")[1]
    assert [each["number"] for each in document["results"]] == ["UMCG-999", "UMCG-1000"]
    visits = Visit.objects.order_by().order_by("participant", "pk").values_list("participant__number", flat=True)
    assert list(dict.fromkeys(visits)) == ["UMCG-999", "UMCG-1000"]
    waiting = duty(cast.at("UMCG", Role.COORDINATOR), "consent")
    assert [task.about.split(" ")[0] for task in waiting.tasks] == ["UMCG-999", "UMCG-1000"]
