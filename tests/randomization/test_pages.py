"""Randomising on a page, the confirmation, and the lists: who sees what, and what the page refuses."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from audit import actions as door
from audit.acts import ActionRefused
from crf.actions import judge_eligibility
from randomization.actions import activate_list, make_list
from randomization.models import Allocation, RandomizationList
from randomization.queries import in_screening, ready_to_randomise
from tests import walk
from tests.amendments import put_in_force
from tests.conftest import PASSWORD
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant
from trialmgr.people import permissions
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StratificationFactor, StudyDefinition

SITE = walk.SITE
SignIn = Callable[[User], Client]


@pytest.fixture
def enter(signed_in: SignIn, cast: Cast) -> Callable[..., Client]:
    """Somebody of the cast at their browser, in English."""

    def sign_in(role: Role, site: str = SITE, *, again: bool = False) -> Client:
        client = signed_in(cast.at(site, role))
        client.cookies["django_language"] = "en"
        if again:
            client.post("/account/reauthenticate/", {"password": PASSWORD})
        return client

    return sign_in


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


def test_the_statistician_sees_strata_design_and_manifest_and_no_row(cast: Cast, enter: Callable[..., Client]) -> None:
    walk.randomised(cast)
    statistician = enter(Role.UNBLINDED_STATISTICIAN, "")
    index = statistician.get("/randomization/").content.decode()
    assert "In force" in index
    assert "site=UMCG" in index or "UMCG" in index
    page = statistician.get("/randomization/1/").content.decode()
    listed = RandomizationList.objects.get(number=1)
    assert listed.manifest["list_hash"] in page
    assert listed.commitment in page
    assert statistician.get("/randomization/99/").status_code == 404


def test_the_data_manager_activates_and_sees_no_blocks_or_strata(cast: Cast, enter: Callable[..., Client]) -> None:
    listed = make_list(by=cast.at("", Role.UNBLINDED_STATISTICIAN))
    manager = enter(Role.DATA_MANAGER, "", again=True)
    index = manager.get("/randomization/").content.decode()
    assert f"/randomization/{listed.number}/activate/" in index
    assert "UMCG" not in index.split("<main")[1]
    assert "block" not in index.split("<main")[1].lower()
    assert manager.get(f"/randomization/{listed.number}/").status_code == 403
    url = f"/randomization/{listed.number}/activate/"
    assert "Check your answers" in manager.get(url).content.decode()
    assert manager.post(url)["Location"] == "/randomization/"
    listed.refresh_from_db()
    assert listed.status == "active"
    again = manager.post(url)
    assert again.status_code == 409
    assert "Only a list that was just made" in again.content.decode()
    assert "Closed" in manager.get("/randomization/").content.decode()


def test_who_made_a_list_cannot_activate_it(cast: Cast, enter: Callable[..., Client]) -> None:
    listed = make_list(by=cast.at("", Role.UNBLINDED_STATISTICIAN))
    statistician = enter(Role.UNBLINDED_STATISTICIAN, "")
    assert "/activate/" not in statistician.get("/randomization/").content.decode()
    page = statistician.get(f"/randomization/{listed.number}/activate/").content.decode()
    assert "A second person activates the list" in page


def test_making_a_list_is_one_page_and_a_sign_in(enter: Callable[..., Client]) -> None:
    statistician = enter(Role.UNBLINDED_STATISTICIAN, "")
    page = statistician.get("/randomization/make/").content.decode()
    assert "Check your answers" in page
    assert "Block sizes and their weights" in page
    asked = statistician.post("/randomization/make/")
    assert asked["Location"].startswith("/account/reauthenticate/")
    done = statistician.post(asked["Location"], {"password": PASSWORD})
    assert done["Location"] == "/randomization/2/"


def test_a_study_without_randomisation_makes_no_list(reset_trd: StudyDefinition, enter: Callable[..., Client]) -> None:
    put_in_force(reset_trd.model_copy(update={"randomization": None, "version": "9"}))
    statistician = enter(Role.UNBLINDED_STATISTICIAN, "", again=True)
    assert "Block sizes" not in statistician.get("/randomization/make/").content.decode()
    answer = statistician.post("/randomization/make/")
    assert answer.status_code == 409
    assert "describes no randomisation" in answer.content.decode()


def test_no_list_is_made_while_the_study_is_locked(
    enter: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked() -> None:
        raise ActionRefused("The study is locked: a data manager can unlock it, with a reason.")

    statistician = enter(Role.UNBLINDED_STATISTICIAN, "", again=True)
    monkeypatch.setattr(door, "_lock_guards", [locked])
    answer = statistician.post("/randomization/make/")
    assert answer.status_code == 409
    assert "The study is locked: a data manager can unlock it, with a reason." in answer.content.decode()


def test_an_installation_without_a_list_says_so(enter: Callable[..., Client], monkeypatch: pytest.MonkeyPatch) -> None:
    none = RandomizationList.objects.none()
    monkeypatch.setattr(RandomizationList.objects, "select_related", lambda *_names: none)
    page = enter(Role.UNBLINDED_STATISTICIAN, "").get("/randomization/").content.decode()
    assert "No list has been made yet." in page


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.RATER, Role.STATISTICIAN, Role.MONITOR, Role.ADMINISTRATOR])
def test_lists_are_closed_to_every_other_role(enter: Callable[..., Client], cast: Cast, role: Role) -> None:
    client = enter(role)
    for path in ("", "make/", "1/", "1/activate/"):
        assert client.get(f"/randomization/{path}").status_code == 403


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
