"""The frame of every page: menu by permission, roles in the header, the choice of language."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest
from django.test import Client
from django.utils.formats import date_format
from django.utils.translation import get_language, override
from pytest_django import Settings

from audit.models import LedgerEntry
from trialmgr import __version__
from trialmgr.overview.context import nav_items, role_lines
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.studies.queries import current_version

SignIn = Callable[[User], Client]


def test_the_menu_holds_what_the_person_may_open_and_marks_where_they_are(cast: Cast, signed_in: SignIn) -> None:
    rater = cast.at("UMCG", Role.RATER)
    items = nav_items(rater, "/participants/UMCG-001/")
    assert [(item["url"], item["current"]) for item in items] == [
        ("/", False),
        ("/participants/", True),
        ("/queries/", False),
        ("/deviations/", False),
    ]
    for person in cast.people.values():
        client = signed_in(person)
        assert {client.get(item["url"]).status_code for item in nav_items(person, "/")} == {200}


def test_the_name_in_the_header_leads_to_ones_second_factor_and_password(cast: Cast, signed_in: SignIn) -> None:
    client = signed_in(cast.at("UMCG", Role.RATER))
    assert 'class="tm-account__name"><a href="/account/2fa/"' in client.get("/").content.decode()
    assert 'href="/account/password/change/"' in client.get("/account/2fa/").content.decode()


def test_the_footer_names_the_version_of_trialmgr_and_of_the_study(cast: Cast, signed_in: SignIn) -> None:
    client = signed_in(cast.at("UMCG", Role.RATER))
    client.cookies["django_language"] = "en"
    footer = client.get("/").content.decode().partition("<footer")[2]
    assert f"trialmgr {__version__} · RESET-TRD · study version {current_version().label}" in footer


def test_the_header_names_roles_and_sites(cast: Cast) -> None:
    assert role_lines(cast.at("UMCG", Role.COORDINATOR)) in (["Coordinator, UMCG"], ["Coördinator, UMCG"])
    assert len(role_lines(cast.at("", Role.MONITOR))) == 1


def test_a_stranger_meets_the_sign_in_page_in_dutch_with_a_banner_in_the_demo(
    db: None, client: Client, settings: Settings
) -> None:
    settings.TRIALMGR_DEMO = True
    assert client.get("/").url.startswith("/account/login/")  # type: ignore[attr-defined]
    page = client.get("/account/login/").content.decode()
    assert '<html lang="nl">' in page
    assert "tm-banner" in page


def test_the_language_chosen_is_kept_and_stands_in_the_ledger(cast: Cast, signed_in: SignIn) -> None:
    user = cast.at("UMCG", Role.RATER)
    client = signed_in(user)
    answer = client.post("/language/", {"language": "en", "next": "/"})
    assert answer.status_code == 302
    assert '<html lang="en">' in client.get("/").content.decode()
    user.refresh_from_db()
    assert user.language == "en"
    client.post("/language/", {"language": "en", "next": "/"})
    client.post("/language/", {"language": "xx", "next": "/"})
    assert LedgerEntry.objects.filter(action="user.language").count() == 1


def test_a_language_once_chosen_is_found_again_on_another_device(cast: Cast, signed_in: SignIn) -> None:
    user = cast.at("UMCG", Role.COORDINATOR)
    signed_in(user).post("/language/", {"language": "en", "next": "/"})
    user.refresh_from_db()
    elsewhere = signed_in(user)
    assert '<html lang="en"' in elsewhere.get("/", headers={"accept-language": "nl"}).content.decode()
    elsewhere.cookies["django_language"] = "nl"
    assert '<html lang="nl"' in elsewhere.get("/").content.decode()


def test_the_language_of_a_request_ends_with_it(cast: Cast, signed_in: SignIn) -> None:
    client = signed_in(cast.at("UMCG", Role.COORDINATOR))
    with override("nl"):
        assert '<html lang="en"' in client.get("/", headers={"accept-language": "en"}).content.decode()
        assert get_language() == "nl"


def test_a_stranger_may_choose_a_language_too_but_not_by_a_link(db: None, client: Client) -> None:
    client.post("/language/", {"language": "en", "next": "/account/login/"})
    assert '<html lang="en">' in client.get("/account/login/").content.decode()
    assert client.get("/language/").status_code == 405


@pytest.mark.parametrize(
    ("language", "long", "short"),
    [("nl", "4 maart 2024", "4 mrt 2024"), ("en", "4 March 2024", "4 Mar 2024")],
)
def test_a_day_is_written_as_the_language_writes_it(language: str, long: str, short: str) -> None:
    day = datetime.date(2024, 3, 4)
    with override(language):
        assert (date_format(day), date_format(day, "SHORT_DATE_FORMAT")) == (long, short)
