"""The pages on which a participant is randomised and the allocation is read."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from crf.actions import judge_eligibility
from randomization.actions import activate_list, make_list
from randomization.models import Allocation
from randomization.queries.allocations import in_screening, ready_to_randomise
from tests import walk
from tests.amendments import put_in_force
from tests.conftest import PASSWORD
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant
from trialmgr.people import permissions
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StratificationFactor, StudyDefinition

SITE = walk.SITE


def key_on(page: str) -> str:
    found = re.search(r'name="idempotency_key" value="([0-9a-f]{32})"', page)
    assert found is not None
    return found[1]


def test_a_coordinator_checks_signs_in_again_and_randomises_once(cast: Cast, enter: Callable[..., Client]) -> None:
    participant = walk.baseline_done(cast)
    url = f"/participants/{participant.number}/randomise/"
    client = enter(Role.COORDINATOR)
    page = client.get(url).content.decode()
    assert "Check your answers" in page
    assert "Eligible, judged by Investigator UMCG" in page
    assert "Not complete" not in page
    sent = {"idempotency_key": key_on(page)}
    asked = client.post(url, sent)
    assert asked["Location"].startswith("/account/reauthenticate/")
    assert not Allocation.objects.filter(participant=participant).exists()
    # What was sent waits, and goes through once the person has signed in again.
    done = client.post(asked["Location"], {"password": PASSWORD})
    assert done["Location"] == f"/participants/{participant.number}/allocation/"
    assert client.post(url, sent)["Location"] == done["Location"]
    assert Allocation.objects.filter(participant=participant).count() == 1
    assert client.get(done["Location"]).status_code == 200


def test_every_reason_why_somebody_cannot_be_randomised_stands_on_the_page(
    cast: Cast, enter: Callable[..., Client]
) -> None:
    participant = walk.registered(cast)
    client = enter(Role.INVESTIGATOR, again=True)
    page = client.get(f"/participants/{participant.number}/randomise/").content.decode()
    assert "Not complete" in page
    for reason in ("No valid consent is recorded: record consent first.", "has not judged eligibility", ": complete "):
        assert reason in page
    assert '<button class="tm-button" type="submit">' not in page.split("<main")[1]
    answer = client.post(f"/participants/{participant.number}/randomise/", {"idempotency_key": "0" * 32})
    assert answer.status_code == 409
    assert "No valid consent is recorded: record consent first." in answer.content.decode()


def test_somebody_found_not_eligible_is_named_so(cast: Cast, enter: Callable[..., Client]) -> None:
    participant = walk.screened(cast, madrs=10)
    judge_eligibility(by=cast.at(SITE, Role.INVESTIGATOR), participant=participant)
    page = enter(Role.COORDINATOR).get(f"/participants/{participant.number}/randomise/").content.decode()
    assert "Not eligible, judged by Investigator UMCG" in page


def test_a_second_opening_of_the_page_cannot_randomise_again(cast: Cast, enter: Callable[..., Client]) -> None:
    participant = walk.randomised(cast)
    client = enter(Role.COORDINATOR, again=True)
    answer = client.post(f"/participants/{participant.number}/randomise/", {"idempotency_key": "a" * 32})
    assert answer.status_code == 409
    assert "randomised already" in answer.content.decode()


def test_a_key_that_no_page_made_is_a_bad_request(cast: Cast, enter: Callable[..., Client]) -> None:
    participant = walk.baseline_done(cast)
    client = enter(Role.COORDINATOR, again=True)
    assert client.post(f"/participants/{participant.number}/randomise/", {}).status_code == 400


@pytest.mark.parametrize(
    ("role", "site", "status"),
    [
        (Role.COORDINATOR, "LUMC", 404),
        (Role.RATER, SITE, 403),
        (Role.TREATING_TEAM, SITE, 403),
        (Role.MONITOR, "", 403),
    ],
)
def test_others_do_not_randomise(cast: Cast, enter: Callable[..., Client], role: Role, site: str, status: int) -> None:
    participant = walk.baseline_done(cast)
    assert enter(role, site).get(f"/participants/{participant.number}/randomise/").status_code == status


def test_the_confirmation_names_arm_time_strata_and_who(cast: Cast, enter: Callable[..., Client]) -> None:
    participant = walk.randomised(cast, arm="ect")
    page = enter(Role.INVESTIGATOR).get(f"/participants/{participant.number}/allocation/").content.decode()
    allocation = Allocation.objects.get(participant=participant)
    for said in ("ECT", "Coordinator UMCG", "Site: UMCG", f"{allocation.allocated_at:%Y-%m-%d}", "CE"):
        assert said in page
    statistician = enter(Role.UNBLINDED_STATISTICIAN, "").get(f"/participants/{participant.number}/allocation/")
    assert statistician.status_code == 200
    assert b"tm-breadcrumbs" not in statistician.content, "they look at no participants"


def test_the_confirmation_is_closed_to_the_blinded_and_to_other_sites(
    cast: Cast, enter: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"/participants/{walk.randomised(cast).number}/allocation/"
    missing = f"/participants/{walk.baseline_done(cast).number}/allocation/"
    assert enter(Role.COORDINATOR, "LUMC").get(url).status_code == 404
    assert enter(Role.COORDINATOR).get(missing).status_code == 404
    for may_ask in (False, True):
        if may_ask:
            more = permissions.PERMISSIONS[Role.RATER] | {"allocation.view"}
            monkeypatch.setitem(permissions.PERMISSIONS, Role.RATER, more)
        assert {enter(Role.RATER).get(path).status_code for path in (url, missing)} == {403}


def test_whoever_lacks_the_level_of_a_factor_is_not_ready(cast: Cast, reset_trd: StudyDefinition) -> None:
    assert reset_trd.randomization is not None
    factors = (*reset_trd.randomization.factors, StratificationFactor(key="sex", source="screening.demographics.sex"))
    design = reset_trd.randomization.model_copy(update={"factors": factors})
    put_in_force(reset_trd.model_copy(update={"randomization": design, "version": "9"}))
    listed = make_list(by=cast.at("", Role.UNBLINDED_STATISTICIAN))
    participant = walk.baseline_done(cast)
    screenings = in_screening(Participant.objects.all())
    assert ready_to_randomise(screenings) == [participant]
    activate_list(by=cast.at("", Role.DATA_MANAGER), listed=listed)
    assert ready_to_randomise(screenings) == [participant]
    entry = next(entry for entry in screenings[0].entries if entry.form_key == "demographics")
    entry.data = {}
    assert ready_to_randomise(screenings) == []
