"""Accounts, roles and sites through their actions."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest
from django.contrib.auth import authenticate
from django.core.exceptions import PermissionDenied
from django.test import Client

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from crf.actions import freeze
from tests import walk
from tests.audit.recipes import again, new_person, the
from tests.audit.staging import ledger_length, newest_entries
from tests.conftest import PASSWORD
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.actions import (
    activate_site,
    change_password,
    choose_language,
    close_site,
    create_user,
    deactivate_user,
    end_role,
    grant_role,
    make_password_link,
)
from trialmgr.people.models import SYSTEM, Membership, Site, User
from trialmgr.people.permissions import Role
from trialmgr.studies.clock import today

DAY = datetime.timedelta(days=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def administrator(cast: Cast) -> User:
    return the(cast, Role.ADMINISTRATOR)


class TestUsers:
    def test_a_name_is_never_used_again_whatever_its_case(self, administrator: User) -> None:
        new_person("jansen")
        with pytest.raises(ActionRefused):
            create_user(
                by=administrator, username="Jansen", password=None, first_name="A", last_name="B", email="a@example.org"
            )

    def test_a_weak_password_and_an_endless_name_are_refused_with_every_reason(self, administrator: User) -> None:
        with pytest.raises(ActionRefused) as refused:
            create_user(
                by=administrator, username="n" * 121, password="password", first_name="A", last_name="B", email=""
            )
        assert len(refused.value.reasons) == 3  # the name, too short, too common
        assert not User.objects.filter(first_name="A").exists()

    def test_an_account_without_a_password_cannot_sign_in(self, administrator: User) -> None:
        user = create_user(
            by=administrator, username="new", password=None, first_name="A", last_name="B", email="", language="en"
        )
        assert not user.has_usable_password()
        assert user.language == "en"
        assert authenticate(username="new", password="") is None

    def test_a_deactivated_person_has_no_role_no_session_and_no_way_in(
        self, administrator: User, cast: Cast, signed_in: Callable[[User], Client]
    ) -> None:
        user = the(cast, Role.COORDINATOR)
        browser = signed_in(user)
        assert browser.get("/participants/").status_code == 200
        assert user.roles
        deactivate_user(by=administrator, user=user, reason="left")
        assert (user.roles, user.may("participants.view")) == (frozenset(), False)
        assert again(user).roles == frozenset()
        assert browser.get("/participants/").status_code == 302
        assert authenticate(username=user.username, password=PASSWORD) is None

    def test_a_deactivated_person_gets_no_new_password(self, administrator: User) -> None:
        user = new_person()
        assert make_password_link(by=administrator, user=user)
        deactivate_user(by=administrator, user=user, reason="left")
        with pytest.raises(ActionRefused):
            make_password_link(by=administrator, user=user)

    def test_deactivation_owes_a_reason_and_happens_once(self, administrator: User) -> None:
        user = new_person()
        with pytest.raises(ActionRefused):
            deactivate_user(by=administrator, user=user, reason=" ")
        deactivate_user(by=administrator, user=user, reason="left")
        with pytest.raises(ActionRefused):
            deactivate_user(by=administrator, user=user, reason="left")

    def test_a_person_chooses_a_language_on_offer(self, cast: Cast) -> None:
        rater = the(cast, Role.RATER)
        length = ledger_length()
        choose_language(by=rater, language="en")
        assert [(line.old, line.new) for line in newest_entries(length)] == [("", "en")]
        with pytest.raises(ActionRefused):
            choose_language(by=rater, language="fr")
        assert again(rater).language == "en"

    def test_a_password_changes_without_a_trace_of_it(self, cast: Cast) -> None:
        rater = the(cast, Role.RATER)
        length = ledger_length()
        change_password(by=rater, password="an entirely new one")
        assert again(rater).check_password("an entirely new one")
        (line,) = newest_entries(length)
        assert (line.object_id, line.item, line.old, line.new) == (rater.username, "password", None, None)

    def test_a_very_long_name_is_cut_for_the_audit_trail(self) -> None:
        user = User(username="x", first_name="a" * 150, last_name="b" * 150)
        assert len(user.actor_name) == 150
        assert User(username="x").actor_name == "x"


class TestRoles:
    def test_a_role_begins_today_and_ends_today(self, administrator: User, cast: Cast) -> None:
        user = new_person()
        membership = grant_role(by=administrator, user=user, role=Role.RATER, site=cast.sites["UMCG"])
        assert (user.roles, membership.since) == (frozenset({"rater"}), today())
        assert str(membership) == "newcomer rater"
        end_role(by=administrator, membership=membership, reason="left")
        assert (membership.user.roles, membership.until) == (frozenset(), today())
        lines = LedgerEntry.objects.filter(object_id="newcomer", item="role").order_by("seq")
        assert [(line.old, line.new, line.site, line.reason) for line in lines] == [
            (None, "rater", "UMCG", ""),
            ("rater", None, "UMCG", "left"),
        ]

    def test_a_role_for_the_whole_trial_names_no_site(self, administrator: User) -> None:
        membership = grant_role(by=administrator, user=new_person(), role=Role.INSPECTOR)
        end_role(by=administrator, membership=membership, reason="left")
        assert {line.site for line in LedgerEntry.objects.filter(object_id="newcomer", item="role")} == {""}

    def test_a_role_that_has_not_begun_gives_no_right_and_can_be_called_off(
        self, administrator: User, cast: Cast
    ) -> None:
        user = new_person()
        membership = grant_role(
            by=administrator, user=user, role=Role.RATER, site=cast.sites["UMCG"], since=today() + 7 * DAY
        )
        assert again(user).roles == frozenset()
        end_role(by=administrator, membership=membership, reason="a mistake")
        assert not Membership.objects.filter(user=user).in_force(today() + 8 * DAY).exists()

    def test_an_end_owes_a_reason_and_is_not_moved(self, administrator: User, cast: Cast) -> None:
        membership = Membership.objects.get(user=the(cast, Role.RATER))
        with pytest.raises(ActionRefused):
            end_role(by=administrator, membership=membership, reason="")
        end_role(by=administrator, membership=membership, reason="left")
        with pytest.raises(ActionRefused):
            end_role(by=administrator, membership=membership, reason="left later")

    def test_roles_count_at_their_own_site(self, cast: Cast) -> None:
        coordinator, monitor = the(cast, Role.COORDINATOR), the(cast, Role.MONITOR)
        assert coordinator.roles_at(cast.sites["UMCG"]) == coordinator.roles_at(None) == {"coordinator"}
        assert coordinator.roles_at(cast.sites["LUMC"]) == frozenset()
        assert monitor.roles_at(cast.sites["LUMC"]) == {"monitor"}
        assert (coordinator.works_everywhere, monitor.works_everywhere) == (False, True)
        assert coordinator.site_ids() == {cast.sites["UMCG"].pk}


class TestSites:
    def test_a_site_works_from_its_first_day_until_it_closes(self, cast: Cast, administrator: User) -> None:
        site = Site(code="NEW", name="New")
        assert not site.is_active(today())
        site.active_from = today()
        assert site.is_active(today())
        assert not site.is_active(today() - DAY)
        site.closed_on = today() + DAY
        assert site.is_active(today())
        assert not site.is_active(today() + DAY)

    def test_closing_and_opening_again_are_in_the_ledger_with_old_and_new(
        self, cast: Cast, administrator: User
    ) -> None:
        site = cast.sites["UMCG"]
        began = site.active_from
        assert began is not None
        length = ledger_length()
        close_site(by=administrator, site=site, on=today(), reason="full")
        activate_site(by=administrator, site=site, on=today(), reason="room again")
        assert [(line.item, line.old, line.new, line.reason) for line in newest_entries(length)] == [
            ("closed_on", None, today().isoformat(), "full"),
            ("active_from", began.isoformat(), today().isoformat(), "room again"),
            ("closed_on", today().isoformat(), None, "room again"),
        ]

    def test_both_owe_a_reason(self, cast: Cast, administrator: User) -> None:
        for act in (activate_site, close_site):
            with pytest.raises(ActionRefused):
                act(by=administrator, site=cast.sites["UMCG"], on=today(), reason="")

    def test_a_site_is_called_by_its_name(self, cast: Cast) -> None:
        assert str(cast.sites["LUMC"]) == "LUMC, Leiden"


def test_the_installation_may_not_act_on_participants(cast: Cast) -> None:
    participant = walk.registered(cast)
    with pytest.raises(PermissionDenied):
        freeze(by=SYSTEM, participant=participant)  # type: ignore[arg-type]  # what is refused here
