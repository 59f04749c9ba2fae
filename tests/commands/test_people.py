from __future__ import annotations

import getpass

import pytest
from rest_framework.authtoken.models import Token

from tests.amendments import put_in_force
from tests.commands.calling import called
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.actions import deactivate_user, end_role
from trialmgr.people.management.commands.people import PASSWORD_VARIABLE
from trialmgr.people.models import SYSTEM, Membership, Site, User
from trialmgr.protocol.model import SiteDefinition, StudyDefinition

NAMES = ("--first-name", "Ada", "--last-name", "Lovelace", "--email", "ada@example.org")
PASSWORD = "a long password nobody uses"


@pytest.fixture
def no_administrator(cast: Cast) -> None:
    membership = Membership.objects.get(role="administrator")
    end_role(by=SYSTEM, membership=membership, reason="leaves")


@pytest.mark.usefixtures("no_administrator")
def test_the_first_administrator_is_made_with_the_password_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    found = called("people", "create-administrator", "ada", *NAMES, "--no-input", "--json")
    assert (found.code, found.answer["role"]) == (0, "administrator")
    user = User.objects.get(username="ada")
    assert user.check_password(PASSWORD)
    assert user.roles == {"administrator"}


def test_a_second_one_is_made_by_the_first(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    found = called("people", "create-administrator", "ada", *NAMES)
    assert found.code == 1
    assert "people create --as" in found.err


def test_the_password_is_asked_for_and_weighed(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getpass", lambda prompt: "short")
    found = called("people", "create", "ada", *NAMES, "--as", "administrator")
    assert found.code == 1
    assert "at least 12 characters" in found.err


def test_without_input_and_without_a_password_it_is_wrong_usage(cast: Cast) -> None:
    found = called("people", "create", "ada", *NAMES, "--as", "administrator", "--no-input")
    assert found.code == 2
    assert PASSWORD_VARIABLE in found.err


def test_an_account_gets_a_role_at_a_site(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    assert called("people", "create", "ada", *NAMES, "--as", "administrator").code == 0
    assert called("people", "grant", "ada", "rater", "--as", "administrator").code == 1
    assert called("people", "grant", "ada", "rater", "--site", "NONE", "--as", "administrator").code == 2
    assert called("people", "grant", "eve", "rater", "--as", "administrator").code == 2
    assert called("people", "grant", "ada", "rater", "--site", "UMCG", "--as", "administrator").code == 0
    assert called("people", "grant", "ada", "statistician", "--as", "administrator").code == 0
    assert User.objects.get(username="ada").roles == {"rater", "statistician"}


def test_a_new_key_drives_out_the_old_one(cast: Cast) -> None:
    first = called("people", "api-key", "monitor", "--as", "administrator", "--json").answer["api_key"]
    second = called("people", "api-key", "monitor", "--as", "administrator", "--json").answer["api_key"]
    assert first != second
    assert list(Token.objects.values_list("key", flat=True)) == [second]


def test_everybody_is_listed_with_their_roles(cast: Cast) -> None:

    deactivate_user(
        by=User.objects.get(username="administrator"), user=User.objects.get(username="monitor"), reason="x"
    )
    found = called("people", "list")
    assert "coordinator-umcg: coordinator@UMCG" in found.out
    assert "monitor: no role (deactivated)" in found.out


def test_nobody_yet_says_what_to_do(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(User.objects, "order_by", lambda *_fields: [])
    assert "create-administrator" in called("people", "list").out


def test_sites_that_the_study_has_and_the_installation_lacks_are_made(cast: Cast, reset_trd: StudyDefinition) -> None:
    assert called("people", "add-sites", "--as", "administrator", "--json").answer == {"sites": []}
    new = SiteDefinition(code="NEW", name="A sixth site")
    put_in_force(reset_trd.model_copy(update={"sites": (*reset_trd.sites, new)}))
    assert called("people", "add-sites", "--as", "administrator").out == "NEW A sixth site: made, not active yet\n"
    assert Site.objects.get(code="NEW").active_from is None
