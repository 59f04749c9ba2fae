"""Allocations over HTTP."""

from __future__ import annotations

import pytest

from randomization.actions import correct_stratum, countersign_in_error, flag_in_error
from randomization.models import Allocation
from tests.api_caller import Caller
from tests.walk import baseline_done, randomised, registered
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role

pytestmark = pytest.mark.django_db
KEY = {"Idempotency-Key": "one-request"}


@pytest.fixture
def coordinator(cast: Cast) -> Caller:
    return Caller(cast.at("UMCG", Role.COORDINATOR)).signed_in_again()


def test_randomising_answers_that_it_happened_and_reading_says_which_arm(cast: Cast, coordinator: Caller) -> None:
    place = f"participants/{baseline_done(cast).number}/allocation/"
    assert coordinator.get(place)[0] == 404
    status, document = coordinator.post(place, **KEY)
    assert (status, document["status"]) == (201, "on_study")
    assert "arm" not in document
    status, allocation = coordinator.get(place)
    assert status == 200
    assert allocation["arm"] == Allocation.objects.get().arm
    assert allocation["strata"] == {"site": "UMCG"}


def test_asking_again_with_the_same_key_gives_no_second_allocation(cast: Cast, coordinator: Caller) -> None:
    place = f"participants/{baseline_done(cast).number}/allocation/"
    assert [coordinator.post(place, **KEY)[0] for _time in range(2)] == [201, 201]
    assert coordinator.post(place, **{"Idempotency-Key": "another"})[0] == 409
    assert Allocation.objects.count() == 1


def test_the_key_of_one_participant_is_refused_for_another(cast: Cast, coordinator: Caller) -> None:
    first, second = baseline_done(cast), baseline_done(cast)
    assert coordinator.post(f"participants/{first.number}/allocation/", **KEY)[0] == 201
    assert coordinator.post(f"participants/{second.number}/allocation/", **KEY)[0] == 409


@pytest.mark.parametrize("key", ["", "x" * 65, "tab\there"])
def test_the_key_must_be_there_and_short(cast: Cast, coordinator: Caller, key: str) -> None:
    status, document = coordinator.post(
        f"participants/{registered(cast).number}/allocation/", **{"Idempotency-Key": key}
    )
    assert (status, list(document)) == (400, ["Idempotency-Key"])


def test_every_reason_against_is_named(cast: Cast, coordinator: Caller) -> None:
    status, document = coordinator.post(f"participants/{registered(cast).number}/allocation/", **KEY)
    assert status == 409
    assert len(document["refused"]) > 3


def test_a_token_randomises_nobody(cast: Cast) -> None:
    program = Caller(cast.at("UMCG", Role.COORDINATOR), token=True)
    assert program.post(f"participants/{baseline_done(cast).number}/allocation/", **KEY)[0] == 403
    assert not Allocation.objects.exists()


def test_a_blinded_rater_gets_the_same_answer_before_and_after(cast: Cast) -> None:
    rater = Caller(cast.at("UMCG", Role.RATER))
    before, after = registered(cast), randomised(cast)
    answers = [rater.get(f"participants/{one.number}/allocation/") for one in (before, after)]
    assert answers[0] == answers[1]
    assert answers[0][0] == 403


def test_what_was_noted_of_an_allocation_is_read_with_it(cast: Cast, coordinator: Caller) -> None:
    participant = randomised(cast)
    place, by = f"participants/{participant.number}/allocation/", cast.at("UMCG", Role.COORDINATOR)
    before = coordinator.get(place)[1]
    assert (before["strata_corrected"], before["in_error"], before["envelope_opened_at"]) == (
        {"site": "UMCG"},
        "no",
        None,
    )
    allocation = Allocation.objects.select_related("participant__site").get()
    correct_stratum(by=by, allocation=allocation, factor="site", corrected="LUMC", reason="typed wrongly")
    flag = flag_in_error(by=by, allocation=allocation, reason="had not consented")
    flagged = coordinator.get(place)[1]
    assert (flagged["strata"], flagged["strata_corrected"]) == ({"site": "UMCG"}, {"site": "LUMC"})
    assert flagged["in_error"] == "flagged"
    countersign_in_error(by=cast.at("UMCG", Role.INVESTIGATOR), flag=flag)
    assert coordinator.get(place)[1]["in_error"] == "countersigned"


class TestFlags:
    """No arm stands in any of these answers: whoever flags may be blinded."""

    def place(self, cast: Cast) -> str:
        return f"participants/{randomised(cast).number}/allocation/flag/"

    def test_two_people_flag_and_two_withdraw(self, cast: Cast, coordinator: Caller) -> None:
        place, second = self.place(cast), Caller(cast.at("UMCG", Role.INVESTIGATOR)).signed_in_again()
        number = place.split("/")[1]
        status, told = coordinator.post(place, {"reason": "had not consented"})
        flagged = {"participant": number, "in_error": "flagged", "reason": "had not consented", "withdrawal": "no"}
        assert (status, told) == (200, flagged)
        assert coordinator.post(place, {"reason": "again"})[0] == 409
        assert second.post(f"{place}countersign/") == (200, flagged | {"in_error": "countersigned"})
        asked = flagged | {"in_error": "countersigned", "withdrawal": "asked"}
        assert coordinator.post(f"{place}withdrawal/", {"reason": "had consented after all"}) == (200, asked)
        assert coordinator.post(f"{place}withdrawal/", {"reason": "again"})[0] == 409
        withdrawn = flagged | {"in_error": "no", "withdrawal": "withdrawn"}
        assert second.post(f"{place}withdrawal/countersign/") == (200, withdrawn)
        assert coordinator.get(f"participants/{number}/allocation/")[1]["in_error"] == "no"

    def test_the_second_signature_is_of_another_person_who_has_just_signed_in(self, cast: Cast) -> None:
        place, both = self.place(cast), cast.at("UMCG", Role.INVESTIGATOR)
        assert Caller(both).post(place, {"reason": "had not consented"})[0] == 200
        for end in ("countersign/", "withdrawal/countersign/"):
            assert Caller(both).post(f"{place}{end}")[0] == 403
        assert Caller(both).signed_in_again().post(f"{place}countersign/")[0] == 409

    def test_without_a_flag_there_is_nothing_to_countersign_or_withdraw(self, cast: Cast, coordinator: Caller) -> None:
        place = self.place(cast)
        assert coordinator.post(f"{place}withdrawal/", {"reason": "none"})[0] == 404
        manager = Caller(cast.at("", Role.DATA_MANAGER)).signed_in_again()
        assert manager.post(f"{place}countersign/")[0] == 404
        assert Caller(cast.at("UMCG", Role.RATER)).post(place, {"reason": "not mine"})[0] == 403
        assert Caller(cast.at("LUMC", Role.COORDINATOR)).post(place, {"reason": "not mine"})[0] == 404
