"""A randomisation in error is flagged beside the allocation, which stays as it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from audit.verification import verify
from exports.open_points import Kind, open_points
from exports.queries import Cut, published_definitions
from exports.tables.plans import tables
from randomization import actions
from randomization.models import Allocation, RandomisedInError
from randomization.policies.flags import can_countersign, can_withdraw
from tests import walk
from tests.api_caller import Caller
from tests.conftest import PASSWORD
from tests.crf.pages import Reader, casebook_url
from tests.randomization.list_making import SEX, SITE, allocated, list_in_force
from trialmgr.overview.duties import duty
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.studies.models import StudyLock
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


def points() -> list[str]:
    return [point.message for point in open_points() if point.kind is Kind.ALLOCATION_UNSETTLED]


def released(allocation: Allocation) -> dict[str, str]:
    """The row of the allocation as a release has it."""
    table = next(
        each for each in tables(published_definitions(), with_allocation=True) if each.name == "allocation.csv"
    )
    [row] = Cut(StudyLock(), published_definitions(), with_allocation=True).rows(table)
    return dict(zip(table.header, row, strict=True))


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

    def test_a_flag_set_in_error_is_withdrawn_by_two_people_and_can_be_set_anew(
        self, cast: Cast, coordinator: User, allocation: Allocation
    ) -> None:
        investigator, manager = cast.at("UMCG", Role.INVESTIGATOR), cast.at("", Role.DATA_MANAGER)
        flag = actions.flag_in_error(by=coordinator, allocation=allocation, reason="x")
        actions.countersign_in_error(by=investigator, flag=flag)
        before = points()
        flag = actions.ask_flag_withdrawal(by=investigator, flag=flag, reason="was eligible")
        assert RandomisedInError.objects.exists(), "it stands until somebody else says so too"
        assert points() == [*before, "Flagged as randomised in error; the withdrawal of the flag is not countersigned."]
        assert not can_withdraw(flag, investigator)
        assert can_withdraw(flag, manager)
        [task] = duty(manager, "countersign").tasks
        assert task.link.url.endswith("/allocation/in-error/withdraw/sign/")
        assert duty(investigator, "countersign").count == 0
        actions.withdraw_flag(by=manager, flag=flag)
        assert (points(), duty(manager, "countersign").count) == (before, 0)
        assert not RandomisedInError.objects.exists()
        again = actions.flag_in_error(by=coordinator, allocation=allocation, reason="not eligible after all")
        assert (again.pk, again.countersigned_at, again.withdrawal_reason) == (flag.pk, None, "")
        lines = LedgerEntry.objects.filter(item="randomised in error").order_by("seq")
        assert [(line.old, line.new, line.reason) for line in lines] == [
            (None, "flagged", "x"),
            ("flagged", "countersigned", ""),
            ("countersigned", "withdrawal asked", "was eligible"),
            ("countersigned", "withdrawn", ""),
            (None, "flagged", "not eligible after all"),
        ]
        held = Allocation.objects.get(pk=allocation.pk)
        assert (held.arm, held.row_id, held.levels) == (allocation.arm, allocation.row_id, allocation.levels)
        assert not any(verify().faults.values())

    def test_a_withdrawal_is_asked_once_and_countersigned_by_another(
        self, cast: Cast, coordinator: User, allocation: Allocation
    ) -> None:
        investigator, manager = cast.at("UMCG", Role.INVESTIGATOR), cast.at("", Role.DATA_MANAGER)
        flag = actions.flag_in_error(by=coordinator, allocation=allocation, reason="x")
        with pytest.raises(ActionRefused, match=r"Nobody asked|Niemand"):
            actions.withdraw_flag(by=manager, flag=flag)
        with pytest.raises(ActionRefused):
            actions.ask_flag_withdrawal(by=investigator, flag=flag, reason=" ")
        actions.ask_flag_withdrawal(by=investigator, flag=flag, reason="was eligible")
        asked: list[Callable[[], object]] = [
            lambda: actions.ask_flag_withdrawal(by=coordinator, flag=flag, reason="again"),
            lambda: actions.withdraw_flag(by=investigator, flag=flag),
            lambda: actions.countersign_in_error(by=manager, flag=flag),
        ]
        for act in asked:
            with pytest.raises(ActionRefused, match=r"second person|tweede persoon"):
                act()
        for by in (coordinator, cast.at("LUMC", Role.INVESTIGATOR), cast.at("", Role.MONITOR)):
            with pytest.raises(PermissionDenied):
                actions.withdraw_flag(by=by, flag=flag)
        with pytest.raises(PermissionDenied):
            actions.ask_flag_withdrawal(by=manager, flag=flag, reason="x")
        actions.withdraw_flag(by=manager, flag=flag)
        gone: list[Callable[[], object]] = [
            lambda: actions.ask_flag_withdrawal(by=coordinator, flag=flag, reason="again"),
            lambda: actions.withdraw_flag(by=manager, flag=flag),
            lambda: actions.countersign_in_error(by=manager, flag=flag),
        ]
        for act in gone:
            with pytest.raises(ActionRefused, match=r"was withdrawn|ingetrokken"):
                act()

    def test_whoever_holds_that_it_stands_flags_anew(
        self, cast: Cast, coordinator: User, allocation: Allocation
    ) -> None:
        investigator = cast.at("UMCG", Role.INVESTIGATOR)
        flag = actions.flag_in_error(by=coordinator, allocation=allocation, reason="x")
        actions.ask_flag_withdrawal(by=coordinator, flag=flag, reason="was eligible")
        flag = actions.flag_in_error(by=investigator, allocation=allocation, reason="was not")
        assert (flag.reason, flag.withdrawal_asked_at, flag.countersigned_at) == ("was not", None, None)
        assert duty(cast.at("", Role.DATA_MANAGER), "countersign").count == 1

    def test_a_withdrawn_flag_stands_in_no_release_and_not_in_the_api(
        self, cast: Cast, coordinator: User, allocation: Allocation
    ) -> None:
        manager = cast.at("", Role.DATA_MANAGER)
        address = f"participants/{allocation.participant.number}/allocation/"
        flag = actions.flag_in_error(by=coordinator, allocation=allocation, reason="x")
        assert released(allocation)["in_error"] == "yes"
        assert released(allocation)["in_error_reason"] == "x"
        actions.ask_flag_withdrawal(by=coordinator, flag=flag, reason="was eligible")
        assert Caller(manager).get(address)[1]["in_error"] == "flagged"
        actions.withdraw_flag(by=manager, flag=flag)
        assert Caller(manager).get(address)[1]["in_error"] == "no"
        assert released(allocation)["in_error"] == "no"
        assert released(allocation)["in_error_reason"] == ""

    def test_a_withdrawal_on_the_pages(self, cast: Cast, allocation: Allocation, signed_in: SignedIn) -> None:
        url = f"{casebook_url(allocation.participant)}allocation/"
        coordinator = Reader(signed_in, cast, Role.COORDINATOR)
        coordinator.get(f"{url}in-error/withdraw/", 404)
        assert "in-error/withdraw/" not in coordinator.get(f"{url}in-error/")
        coordinator.post(f"{url}in-error/", {"reason": "had not consented"})
        assert f"{url}in-error/withdraw/" in coordinator.get(f"{url}in-error/")
        assert f"{url}in-error/withdraw/" in coordinator.get(url)
        assert "had not consented" in coordinator.get(f"{url}in-error/withdraw/")
        page = coordinator.send(f"{url}in-error/withdraw/", {"reason": "had consented"})
        assert "waits for a second person: had consented" in page
        assert f"{url}in-error/withdraw/sign/" not in page
        assert f"{url}in-error/withdraw/" not in coordinator.get(f"{url}in-error/")
        coordinator.post(f"{url}in-error/withdraw/", {"reason": "x"}, 422)
        manager = Reader(signed_in, cast, Role.DATA_MANAGER, "")
        sign = f"{url}in-error/withdraw/sign/"
        assert sign in manager.get(url)
        assert "had consented" in manager.get(sign)
        assert manager.client.post(sign)["Location"].startswith("/account/reauthenticate/")
        manager.sign_in_again(PASSWORD)
        assert "The flag is withdrawn." in manager.send(sign, {})
        manager.get(sign, 404)
        assert "had not consented" not in manager.get(url)

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
