"""People and sites on pages: accounts without a password an administrator knows, roles, sites."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from audit import actions as door
from audit.acts import ActionRefused
from audit.models import LedgerEntry
from tests.conftest import PASSWORD
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.actions import create_user, deactivate_user
from trialmgr.people.models import SYSTEM, Membership, Site, User
from trialmgr.people.permissions import Role

SignIn = Callable[[User], Client]
NEW = {"username": "j.devries", "first_name": "Jo", "last_name": "de Vries", "email": "jo@example.org"}
CHOSEN = "a fine long passphrase"


@pytest.fixture
def administrator(cast: Cast, signed_in: SignIn) -> Client:
    client = signed_in(cast.at("", Role.ADMINISTRATOR))
    client.cookies["django_language"] = "en"
    return client


@pytest.fixture
def newcomer(db: None) -> User:
    return create_user(by=SYSTEM, password=None, **NEW)


def link_for(administrator: Client, user: User) -> str:
    page = administrator.post(f"/people/{user.username}/link/").content.decode()
    found = re.search(r"http://testserver(/account/set-password/[^<\s]+)", page)
    assert found is not None
    return found[1]


def day_boxes(name: str, day: datetime.date) -> dict[str, str]:
    return {f"{name}_day": str(day.day), f"{name}_month": str(day.month), f"{name}_year": str(day.year)}


def test_an_administrator_adds_a_person_who_cannot_sign_in_yet(administrator: Client) -> None:
    answer = administrator.post("/people/add/", NEW)
    assert (answer.status_code, answer["Location"]) == (302, "/people/j.devries/")
    assert not User.objects.get(username="j.devries").has_usable_password()
    assert "No password yet" in administrator.get("/people/j.devries/").content.decode()


def test_a_name_is_never_used_again_and_what_was_typed_stays(administrator: Client, newcomer: User) -> None:
    answer = administrator.post("/people/add/", NEW)
    assert answer.status_code == 422
    assert "used before" in answer.content.decode()
    assert 'value="de Vries"' in answer.content.decode()


@pytest.mark.parametrize("username", ["add", "Jo", "j de vries", "1jo2", ""])
def test_a_user_name_has_a_plain_form(administrator: Client, username: str) -> None:
    assert administrator.post("/people/add/", NEW | {"username": username}).status_code == 422


def test_the_person_sets_a_password_by_a_link_that_works_once(
    administrator: Client, newcomer: User, client: Client
) -> None:
    link = link_for(administrator, newcomer)
    assert newcomer.username in client.get(link).content.decode()
    answer = client.post(link, {"password": CHOSEN, "again": CHOSEN})
    assert (answer.status_code, answer["Location"]) == (302, "/account/login/")
    assert client.login(username=newcomer.username, password=CHOSEN)
    assert client.get(link).status_code == 410
    acts = LedgerEntry.objects.filter(object_id=newcomer.username, item="password").values_list("action", flat=True)
    assert list(acts) == ["user.password_link", "user.password_changed"]
    assert not LedgerEntry.objects.filter(new__contains=CHOSEN).exists()


def test_the_link_is_over_after_three_days(administrator: Client, newcomer: User, client: Client) -> None:
    link = link_for(administrator, newcomer)
    with time_machine.travel(timezone.localtime() + datetime.timedelta(days=3, minutes=-5)):
        assert client.get(link).status_code == 200
    with time_machine.travel(timezone.localtime() + datetime.timedelta(days=3, minutes=5)):
        assert client.get(link).status_code == 410


@pytest.mark.parametrize(
    ("password", "again", "said"),
    [("short", "short", "12"), (CHOSEN, "another phrase", "not the same"), (CHOSEN, "", "required")],
)
def test_a_weak_or_mistyped_password_is_refused(
    administrator: Client, newcomer: User, client: Client, password: str, again: str, said: str
) -> None:
    client.cookies["django_language"] = "en"
    answer = client.post(link_for(administrator, newcomer), {"password": password, "again": again})
    assert answer.status_code == 422
    assert said in answer.content.decode()


def test_a_made_up_link_opens_nothing(newcomer: User, client: Client) -> None:
    assert client.get("/account/set-password/j.devries/abc-123/").status_code == 410
    assert client.get("/account/set-password/nobody/abc-123/").status_code == 410


def test_no_link_is_made_for_a_closed_account(administrator: Client, newcomer: User) -> None:
    deactivate_user(by=SYSTEM, user=newcomer, reason="left")
    answer = administrator.post("/people/j.devries/link/")
    assert answer.status_code == 409
    assert "deactivated" in answer.content.decode()
    assert "Grant a role" not in administrator.get("/people/j.devries/").content.decode()


def test_a_link_is_over_when_the_account_is_closed(administrator: Client, newcomer: User, client: Client) -> None:
    link = link_for(administrator, newcomer)
    deactivate_user(by=SYSTEM, user=newcomer, reason="never came")
    assert client.get(link).status_code == 410
    assert client.post(link, {"password": CHOSEN, "again": CHOSEN}).status_code == 410
    assert not User.objects.get(username="j.devries").has_usable_password()


def test_no_browser_keeps_a_link_or_the_page_that_it_opens(
    administrator: Client, newcomer: User, client: Client
) -> None:
    for answer in (administrator.post("/people/j.devries/link/"), client.get(link_for(administrator, newcomer))):
        assert "no-store" in answer["Cache-Control"]


def test_a_role_is_granted_and_ended_with_a_reason(administrator: Client, newcomer: User) -> None:
    answer = administrator.post("/people/j.devries/roles/", {"role": "coordinator", "site": "LUMC"})
    assert answer.status_code == 302
    held = Membership.objects.get(user=newcomer)
    assert (held.role, held.site and held.site.code, held.until) == ("coordinator", "LUMC", None)
    page = administrator.get("/people/j.devries/").content.decode()
    assert "/people/j.devries/roles/1/end/" in page
    assert administrator.get("/people/j.devries/roles/1/end/").status_code == 200
    assert administrator.post("/people/j.devries/roles/1/end/", {"reason": ""}).status_code == 422
    assert administrator.post("/people/j.devries/roles/1/end/", {"reason": "left the site"}).status_code == 302
    assert administrator.post("/people/j.devries/roles/1/end/", {"reason": "again"}).status_code == 422
    assert "/roles/1/end/" not in administrator.get("/people/j.devries/").content.decode()
    assert administrator.get("/people/j.devries/roles/2/end/").status_code == 404


def test_a_role_can_begin_on_another_day(administrator: Client, newcomer: User) -> None:
    begin = timezone.localdate() + datetime.timedelta(days=10)
    sent = {"role": "monitor", "site": "", **day_boxes("since", begin)}
    assert administrator.post("/people/j.devries/roles/", sent).status_code == 302
    assert Membership.objects.get(user=newcomer).since == begin


def test_a_role_that_does_not_fit_is_refused_with_every_reason(administrator: Client, newcomer: User) -> None:
    assert administrator.get("/people/j.devries/roles/").status_code == 200
    answer = administrator.post("/people/j.devries/roles/", {"role": "coordinator", "site": ""})
    assert answer.status_code == 422
    assert "name the site" in answer.content.decode()
    wrong_day = {"role": "monitor", "since_day": "31", "since_month": "2", "since_year": "2026"}
    answer = administrator.post("/people/j.devries/roles/", wrong_day)
    assert 'value="31"' in answer.content.decode()
    assert 'aria-invalid="true"' in answer.content.decode()
    assert administrator.post("/people/j.devries/roles/", {"role": "", "since_day": "3"}).status_code == 422


def test_an_account_is_closed_once_with_a_reason(administrator: Client, newcomer: User) -> None:
    assert administrator.get("/people/j.devries/deactivate/").status_code == 200
    assert administrator.post("/people/j.devries/deactivate/", {"reason": "left"}).status_code == 302
    assert administrator.post("/people/j.devries/deactivate/", {"reason": "left"}).status_code == 422
    assert "Deactivated" in administrator.get("/people/").content.decode()


def test_the_list_shows_roles_and_last_sign_in_and_can_be_searched(
    cast: Cast, administrator: Client, client: Client
) -> None:
    client.login(username="rater-umcg", password=PASSWORD)
    page = administrator.get("/people/", {"text": "rater"}).content.decode()
    assert "Rater (blinded) (UMCG)" in page
    assert "monitor" not in page.split("<main")[1]
    assert str(timezone.localdate()) in page
    assert "Rater (blinded) (UMCG)" in administrator.get("/people/rater-umcg/").content.decode()


def test_a_role_that_has_not_begun_is_not_shown_in_the_list(administrator: Client, newcomer: User) -> None:
    begin = timezone.localdate() + datetime.timedelta(days=10)
    administrator.post("/people/j.devries/roles/", {"role": "monitor", **day_boxes("since", begin)})
    assert "Monitor" not in administrator.get("/people/", {"text": "devries"}).content.decode().split("<main")[1]


def test_a_site_is_closed_and_activated_by_the_administrator(administrator: Client) -> None:
    today = timezone.localdate()
    assert administrator.get("/sites/UMCG/close/").status_code == 200
    sent = {**day_boxes("on", today), "reason": "contract ended"}
    assert administrator.post("/sites/UMCG/close/", {"reason": "no day"}).status_code == 422
    assert administrator.post("/sites/UMCG/close/", sent).status_code == 302
    assert not Site.objects.get(code="UMCG").is_active(today)
    assert "/sites/UMCG/activate/" in administrator.get("/sites/").content.decode()
    assert administrator.get("/sites/UMCG/activate/").status_code == 200
    assert administrator.post("/sites/UMCG/activate/", {"reason": "x"}).status_code == 422
    assert administrator.post("/sites/UMCG/activate/", sent).status_code == 302
    assert Site.objects.get(code="UMCG").is_active(today)
    assert administrator.get("/sites/NONE/close/").status_code == 404


@pytest.mark.parametrize(("act", "field"), [("activate", "active_from"), ("close", "closed_on")])
def test_an_act_on_a_site_without_its_reason_is_refused(administrator: Client, act: str, field: str) -> None:
    before = getattr(Site.objects.get(code="UMCG"), field)
    answer = administrator.post(f"/sites/UMCG/{act}/", {**day_boxes("on", timezone.localdate()), "reason": " "})
    assert answer.status_code == 422
    assert getattr(Site.objects.get(code="UMCG"), field) == before


@pytest.mark.parametrize("act", ["activate", "close"])
def test_sites_stay_as_they_are_while_the_study_is_locked(
    administrator: Client, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    def locked() -> None:
        raise ActionRefused("The study is locked: a data manager can unlock it, with a reason.")

    monkeypatch.setattr(door, "_lock_guards", [locked])
    sent = {**day_boxes("on", timezone.localdate()), "reason": "contract ended"}
    answer = administrator.post(f"/sites/UMCG/{act}/", sent)
    assert answer.status_code == 422
    assert "The study is locked: a data manager can unlock it, with a reason." in answer.content.decode()


def test_an_inspector_reads_and_changes_nothing(cast: Cast, signed_in: SignIn) -> None:
    inspector = signed_in(cast.at("", Role.INSPECTOR))
    for url in ("/people/", "/people/rater-umcg/", "/sites/"):
        page = inspector.get(url, HTTP_ACCEPT_LANGUAGE="en")
        assert page.status_code == 200
        assert b"/end/" not in page.content
        assert b"/close/" not in page.content
        assert b"Add a person" not in page.content
    for url in ("/people/add/", "/people/rater-umcg/roles/", "/people/rater-umcg/deactivate/", "/sites/UMCG/close/"):
        assert inspector.get(url).status_code == 403
    assert inspector.post("/people/rater-umcg/link/").status_code == 403


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.RATER, Role.MONITOR, Role.DATA_MANAGER])
def test_other_roles_see_no_people(cast: Cast, signed_in: SignIn, role: Role) -> None:
    client = signed_in(cast.at("UMCG", role))
    assert {client.get(url).status_code for url in ("/people/", "/people/rater-umcg/", "/sites/")} == {403}
