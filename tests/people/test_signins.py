"""Signing in and out, the second factor, closed doors, and the checks on unsafe settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_removed, authenticator_reset
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.auth.signals import user_logged_out
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.urls import reverse

from audit.models import LedgerEntry
from tests.audit.recipes import again, the
from tests.audit.staging import ledger_length, newest_entries
from tests.conftest import PASSWORD
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.checks import emails_can_be_sent, keys_are_set, second_factor_is_demanded
from trialmgr.people.guards import permitted, person
from trialmgr.people.models import User
from trialmgr.people.permissions import Role

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.on_both,  # rate limits are counted in the database, by its clock
]


def sign_in(client: Client, username: str, password: str) -> Any:
    return client.post(reverse("account_login"), {"login": username, "password": password})


def acts_since(length: int) -> list[tuple[str, str, str]]:
    return [(line.action, line.actor, line.object_id) for line in newest_entries(length)]


class TestLanguage:
    def test_a_new_device_speaks_the_language_chosen_on_another(self, cast: Cast) -> None:
        here, there = Client(), Client()
        sign_in(here, "rater-umcg", PASSWORD)
        here.post(reverse("overview:set_language"), {"language": "en"})
        sign_in(there, "rater-umcg", PASSWORD)
        assert "Work list" in there.get("/").content.decode()

    def test_a_language_chosen_on_this_device_stands(self, cast: Cast) -> None:
        client = Client()
        client.post(reverse("overview:set_language"), {"language": "en"})
        sign_in(client, "rater-umcg", PASSWORD)
        assert "Work list" in client.get("/").content.decode()


class TestLedger:
    def test_a_sign_in_and_a_sign_out_are_kept(self, cast: Cast) -> None:
        client, length = Client(), ledger_length()
        assert sign_in(client, "rater-umcg", PASSWORD).status_code == 302
        client.post(reverse("account_logout"))
        assert acts_since(length) == [
            ("user.signed_in", "Rater UMCG", "rater-umcg"),
            ("user.signed_out", "Rater UMCG", "rater-umcg"),
        ]
        assert newest_entries(length)[0].roles == "rater"

    def test_a_failure_is_kept_under_the_name_of_the_installation(self, cast: Cast) -> None:
        length = ledger_length()
        sign_in(Client(), "rater-umcg", "not the password")
        assert acts_since(length) == [("user.sign_in_failed", "system", "rater-umcg")]

    def test_a_password_typed_into_the_name_box_is_not_kept(self, cast: Cast) -> None:
        length = ledger_length()
        sign_in(Client(), "hunter2 is my secret", "rater-umcg")
        assert acts_since(length) == [("user.sign_in_failed", "system", "unknown")]
        assert not LedgerEntry.objects.filter(object_id__contains="hunter2").exists()

    def test_signing_out_without_having_signed_in_is_nothing(self, cast: Cast) -> None:
        length = ledger_length()
        Client().post(reverse("account_logout"))
        user_logged_out.send(sender=User, request=None, user=None)
        assert acts_since(length) == []

    def test_a_change_of_the_own_password_is_kept_without_it(
        self, cast: Cast, signed_in: Callable[[User], Client]
    ) -> None:
        rater = the(cast, Role.RATER)
        client = signed_in(rater)
        length = ledger_length()
        new = "an entirely new one"
        given = {"oldpassword": PASSWORD, "password1": new, "password2": new}
        assert client.post(reverse("account_change_password"), given).status_code == 302
        assert again(rater).check_password(new)
        lines = [line for line in newest_entries(length) if line.action == "user.password_changed"]
        assert [(line.old, line.new, line.detail) for line in lines] == [(None, None, {})]

    def test_a_second_factor_that_comes_or_goes_is_kept(self, cast: Cast) -> None:
        rater, length = the(cast, Role.RATER), ledger_length()
        factor = Authenticator(user=rater, type=Authenticator.Type.TOTP)
        for signal in (authenticator_added, authenticator_removed, authenticator_reset):
            signal.send(sender=Authenticator, request=None, user=rater, authenticator=factor)
        assert [(line.action, line.object_id, line.item, line.new) for line in newest_entries(length)] == [
            ("user.second_factor", "rater-umcg", "totp", "added"),
            ("user.second_factor", "rater-umcg", "totp", "removed"),
            ("user.second_factor", "rater-umcg", "totp", "renewed"),
        ]


class TestSecondFactor:
    @pytest.fixture(autouse=True)
    def _demanded(self) -> Any:
        with override_settings(TRIALMGR_SECOND_FACTOR=True):
            yield

    def test_who_has_none_can_only_set_it_up(self, cast: Cast, signed_in: Callable[[User], Client]) -> None:
        client = signed_in(the(cast, Role.COORDINATOR))
        for page in ("/", "/participants/", "/queries/"):
            answer = client.get(page)
            assert (answer.status_code, answer["Location"]) == (302, reverse("mfa_activate_totp"))

    def test_who_has_one_goes_on(self, cast: Cast, signed_in: Callable[[User], Client]) -> None:
        coordinator = the(cast, Role.COORDINATOR)
        TOTP.activate(coordinator, generate_totp_secret())
        assert signed_in(coordinator).get("/participants/").status_code == 200

    def test_signing_out_setting_up_and_the_language_stay_open(
        self, cast: Cast, signed_in: Callable[[User], Client]
    ) -> None:
        client = signed_in(the(cast, Role.COORDINATOR))
        for name in ("account_logout", "account_reauthenticate", "mfa_index", "mfa_activate_totp"):
            assert client.get(reverse(name)).get("Location") != reverse("mfa_activate_totp")
        assert client.post(reverse("overview:set_language"), {"language": "en"})["Location"] != reverse(
            "mfa_activate_totp"
        )

    def test_a_stranger_is_sent_to_sign_in_not_to_set_up(self, cast: Cast) -> None:
        assert Client().get("/participants/")["Location"].startswith(reverse("account_login"))


def test_nobody_signs_up(rf: RequestFactory) -> None:
    assert not get_adapter().is_open_for_signup(rf.get("/"))


class TestGuard:
    def answer(self, user: User, rf: RequestFactory, *permissions: str) -> HttpResponse:
        @permitted(*permissions)
        def view(request: HttpRequest, name: str) -> HttpResponse:
            return HttpResponse(f"{person(request).username} {name}")

        request = rf.get("/")
        request.user = user
        return view(request, name="x")

    def test_lets_in_whoever_holds_one_of_the_permissions(self, cast: Cast, rf: RequestFactory) -> None:
        answer = self.answer(the(cast, Role.RATER), rf, "lists.make", "entries.enter")
        assert answer.content == b"rater-umcg x"

    def test_turns_others_away(self, cast: Cast, rf: RequestFactory) -> None:
        with pytest.raises(PermissionDenied):
            self.answer(the(cast, Role.RATER), rf, "lists.make")


class TestSettings:
    @pytest.mark.parametrize(
        ("demanded", "demo", "found"),
        [(True, False, []), (True, True, []), (False, True, ["trialmgr.W001"]), (False, False, ["trialmgr.E001"])],
    )
    def test_a_second_factor_may_be_off_in_the_demo_alone(self, demanded: bool, demo: bool, found: list[str]) -> None:
        with override_settings(TRIALMGR_SECOND_FACTOR=demanded, TRIALMGR_DEMO=demo):
            messages = second_factor_is_demanded()
        assert [message.id for message in messages] == found
        assert all(message.hint for message in messages)

    @pytest.mark.parametrize("key", ["", "short", "c2hvcnQ=", "é" * 44, "a" * 45])
    def test_keys_have_to_be_keys(self, key: str) -> None:
        with override_settings(TRIALMGR_LIST_KEY=key, TRIALMGR_CONTACT_KEY=key):
            messages = keys_are_set()
        assert [message.id for message in messages] == ["trialmgr.E002", "trialmgr.E003"]
        assert all("openssl" in str(message.hint) for message in messages)

    def test_good_keys_are_fine(self) -> None:
        assert keys_are_set() == []

    @pytest.mark.parametrize(
        ("host", "demo", "found"),
        [("", False, ["trialmgr.W002"]), ("", True, []), ("mail.example.org", False, [])],
    )
    def test_without_a_mail_server_somebody_is_told_so(self, host: str, demo: bool, found: list[str]) -> None:
        with override_settings(EMAIL_HOST=host, TRIALMGR_DEMO=demo):
            messages = emails_can_be_sent()
        assert [message.id for message in messages] == found
        assert all("TRIALMGR_MAIL_HOST" in str(message.hint) for message in messages)
