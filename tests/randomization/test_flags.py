"""A randomisation in error is flagged beside the allocation, which stays as it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client

from audit.acts import ActionRefused
from randomization import actions
from randomization.models import Allocation, RandomisedInError
from randomization.policies.flags import can_countersign
from tests import walk
from tests.conftest import PASSWORD
from tests.crf.pages import Reader, casebook_url
from tests.randomization.list_making import SEX, SITE, allocated, list_in_force
from trialmgr.overview.duties import duty
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.studies.queries import current_definition

SignedIn = Callable[..., Client]


@pytest.fixture
def allocation(cast: Cast) -> Allocation:
    """Stratified by site and sex."""
    list_in_force(cast, factors=(SITE, SEX), length_per_stratum=6)
    return allocated(cast)


@pytest.fixture
def coordinator(cast: Cast) -> User:
    return cast.at("UMCG", Role.COORDINATOR)


def other_sex(allocation: Allocation) -> str:
    codes = [entry.code for entry in current_definition().codelist("sex").items]
    return next(code for code in codes if code != allocation.levels["sex"])


class TestInError:
    def test_a_flag_is_countersigned_by_a_second_person_and_the_participant_stays(
        self, cast: Cast, coordinator: User, allocation: Allocation
    ) -> None:
        flag = actions.flag_in_error(by=coordinator, allocation=allocation, reason="had not consented to ECT")
        assert not can_countersign(flag, coordinator)
        investigator = cast.at("UMCG", Role.INVESTIGATOR)
        assert can_countersign(flag, investigator)
        assert duty(investigator, "countersign").count == 1
        assert duty(coordinator, "countersign").count == 0
        assert duty(cast.at("LUMC", Role.INVESTIGATOR), "countersign").count == 0
        actions.countersign_in_error(by=investigator, flag=flag)
        assert duty(investigator, "countersign").count == 0
        allocation.participant.refresh_from_db()
        assert allocation.participant.status == "on_study"
        assert str(flag) == allocation.participant.number

    def test_one_flag_one_second_signature_by_another(self, cast: Cast, allocation: Allocation) -> None:
        investigator = cast.at("UMCG", Role.INVESTIGATOR)
        flag = actions.flag_in_error(by=investigator, allocation=allocation, reason="not eligible")
        with pytest.raises(ActionRefused):
            actions.flag_in_error(by=investigator, allocation=allocation, reason="not eligible")
        with pytest.raises(ActionRefused, match=r"second person|tweede persoon"):
            actions.countersign_in_error(by=investigator, flag=flag)
        actions.countersign_in_error(by=cast.at("", Role.DATA_MANAGER), flag=flag)
        with pytest.raises(ActionRefused):
            actions.countersign_in_error(by=cast.at("", Role.DATA_MANAGER), flag=flag)

    def test_who_may(self, cast: Cast, coordinator: User, allocation: Allocation) -> None:
        with pytest.raises(PermissionDenied):
            actions.flag_in_error(by=cast.at("", Role.DATA_MANAGER), allocation=allocation, reason="x")
        flag = actions.flag_in_error(by=coordinator, allocation=allocation, reason="x")
        for by in (coordinator, cast.at("LUMC", Role.INVESTIGATOR), cast.at("", Role.MONITOR)):
            with pytest.raises(PermissionDenied):
                actions.countersign_in_error(by=by, flag=flag)
        with pytest.raises(ActionRefused):
            actions.flag_in_error(by=coordinator, allocation=allocation, reason="")

    def test_on_the_pages(self, cast: Cast, allocation: Allocation, signed_in: SignedIn) -> None:
        url = f"{casebook_url(allocation.participant)}allocation/"
        coordinator = Reader(signed_in, cast, Role.COORDINATOR)
        assert "intention-to-treat" in coordinator.get(f"{url}in-error/")
        page = coordinator.send(f"{url}in-error/", {"reason": "had not consented"})
        assert "had not consented" in page
        assert "Waits for a second person" in page
        assert f"{url}in-error/sign/" not in page
        assert "flagged as randomised in error already" in coordinator.post(f"{url}in-error/", {"reason": "x"}, 422)
        investigator = Reader(signed_in, cast, Role.INVESTIGATOR)
        assert f"{url}in-error/sign/" in investigator.get(url)
        assert "had not consented" in investigator.get(f"{url}in-error/sign/")
        answer = investigator.client.post(f"{url}in-error/sign/")
        assert answer["Location"].startswith("/account/reauthenticate/")
        assert RandomisedInError.objects.get().countersigned_at is None
        investigator.sign_in_again(PASSWORD)
        assert "The flag is countersigned." in investigator.send(f"{url}in-error/sign/", {})
        assert "countersigned already" in investigator.post(f"{url}in-error/sign/", {}, 422)
        manager = Reader(signed_in, cast, Role.DATA_MANAGER, "")
        assert "Investigator UMCG" in manager.get(url)
        assert "correct/" not in manager.get(url)

    def test_who_was_not_randomised_or_not_flagged_has_no_such_page(self, cast: Cast, signed_in: SignedIn) -> None:
        waiting = walk.registered(cast)
        reader = Reader(signed_in, cast, Role.INVESTIGATOR)
        for page in ("correct", "in-error", "in-error/sign"):
            reader.get(f"{casebook_url(waiting)}allocation/{page}/", 404)
        reader.get(f"{casebook_url(walk.randomised(cast))}allocation/in-error/sign/", 404)
