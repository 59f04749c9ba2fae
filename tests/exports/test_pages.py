"""The pages about the lock and the releases, as a person meets them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.http import FileResponse
from django.test import Client

from audit.models import LedgerEntry
from crf.actions import raise_query, raise_query_on_visit, save_entry, set_visit_day
from crf.models import FormEntry
from exports.actions import make_release
from exports.models import Release
from exports.open_points import COUNTED, WORKED_OUT, Kind, OpenPoint
from exports.tables.verification import verify_release
from tests import walk
from tests.audit.recipes import drafted
from tests.conftest import PASSWORD
from tests.exports.closed_trial import close_all, data_manager, locked
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.studies.clock import today
from trialmgr.studies.queries import open_lock

SignIn = Callable[[User], Client]


@pytest.fixture
def desk(cast: Cast, signed_in: SignIn) -> Client:
    """The data manager, who has just signed in again, reading English."""
    client = signed_in(data_manager(cast))
    client.cookies["django_language"] = "en"
    signed_in_again(client)
    return client


def signed_in_again(client: Client) -> None:
    assert client.post("/account/reauthenticate/", {"password": PASSWORD}).status_code == 302


def links(page: str) -> list[str]:
    return re.findall(r'<a [^>]*href="([^"]+)"', page)


def test_what_is_open_is_counted_by_kind_and_site_and_each_kind_is_a_list(cast: Cast, desk: Client) -> None:
    participant = walk.randomised(cast)
    log = walk.visit_of(participant, "log")
    coordinator = cast.at(walk.SITE, Role.COORDINATOR)
    for _row in range(2):
        save_entry(by=coordinator, visit=log, form_key="adverse_event", values={"ae_term": "fall"}, occurrence=None)
    week_1 = walk.visit_of(participant, "week_1")
    set_visit_day(by=coordinator, visit=week_1, on=today(), reason="abroad")
    entry = FormEntry.objects.get(visit__participant=participant, visit__key="baseline", form_key="madrs")
    raise_query(by=cast.at("", Role.MONITOR), entry=entry, item="madrs_1", text="Is this right?")
    raise_query_on_visit(by=cast.at("", Role.MONITOR), visit=week_1, text="On this day?")
    walk.fill(cast, log, "serious_adverse_event", occurrence=None)
    walk.registered(cast, "LUMC")
    page = desk.get("/releases/").content.decode()
    assert "2 participants have not ended." in page
    assert "/releases/lock/" not in links(page)
    assert "/open-points/" in links(page)
    page = desk.get("/open-points/").content.decode()
    counted = {url: int(number) for url, number in re.findall(r'<a href="(/open-points/[a-z_]+/[^"]*)">([0-9]+)', page)}
    assert len(counted) == len(COUNTED) * (len(cast.sites) + 1)
    for url, number in counted.items():
        assert desk.get(url).content.decode().count('<th scope="row">') == min(number, 50), url
    assert counted["/open-points/participant_active/?site=LUMC"] == counted["/open-points/query/?site=UMCG"] - 1 == 1
    absent = desk.get("/open-points/form_absent/").content.decode()
    assert "Week 1: MADRS, IDS-SR, CGI, C-SSRS, since last visit" in absent
    assert "/participants/UMCG-001/visits/week_1/" in links(absent)
    incomplete = desk.get("/open-points/entry_incomplete/?site=UMCG").content.decode()
    assert "/participants/UMCG-001/visits/log/forms/adverse_event/rows/2/" in links(incomplete)
    assert desk.get("/open-points/nothing/").status_code == 404


def test_what_is_worked_out_has_its_list_at_the_sites_of_who_reads(cast: Cast, signed_in: SignIn) -> None:
    draft = drafted(cast)
    for kind in WORKED_OUT:
        assert signed_in(data_manager(cast)).get(f"/open-points/{kind}/").status_code == 200
    number, url = draft.visit.participant.number, "/open-points/draft_unsaved/"
    for role, site, seen in (
        (Role.MONITOR, "", True),
        (Role.COORDINATOR, "UMCG", True),
        (Role.COORDINATOR, "LUMC", False),
    ):
        client = signed_in(cast.at(site, role))
        assert (number in client.get(url).content.decode()) is seen
        assert (number in client.get(f"{url}?site=UMCG").content.decode()) is seen
    assert number not in signed_in(cast.at("", Role.MONITOR)).get(f"{url}?site=LUMC").content.decode()


def test_who_opens_no_casebook_reads_the_list_without_links(cast: Cast, signed_in: SignIn) -> None:
    walk.registered(cast)
    client = signed_in(cast.at("", Role.UNBLINDED_STATISTICIAN))
    assert "/open-points/" in links(client.get("/releases/").content.decode())
    page = client.get("/open-points/participant_active/").content.decode()
    assert "UMCG-001" in page
    assert not any("UMCG-001" in link for link in links(page))


def test_once_nothing_can_be_counted_any_more_the_page_names_what_must_be_worked_out(
    cast: Cast, desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    close_all(cast)
    point = OpenPoint(Kind.STORED_OTHERWISE, "UMCG-001", "Screening, MADRS")
    monkeypatch.setattr("exports.views.releases.points_for", lambda _user: [point])
    page = desk.get("/releases/").content.decode()
    assert "1 thing is stored otherwise" in page
    assert "/releases/lock/" not in links(page)


def test_the_study_is_locked_from_the_page(cast: Cast, desk: Client) -> None:
    close_all(cast)
    page = desk.get("/releases/").content.decode()
    assert "Nothing is open." in page
    assert "/releases/lock/" in links(page)
    assert desk.get("/releases/lock/").status_code == 200
    answer = desk.post("/releases/lock/", {"reason": "all data are in"}, follow=True)
    assert answer.redirect_chain == [("/releases/", 302)]
    text = answer.content.decode()
    lock = open_lock()
    assert lock is not None
    assert "all data are in" in text
    assert lock.ledger_hash in text
    assert "/releases/make/" in links(text)


def test_a_refused_lock_keeps_what_was_typed_and_says_why(cast: Cast, desk: Client) -> None:
    walk.registered(cast)
    answer = desk.post("/releases/lock/", {"reason": "too early"})
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "There is a problem" in text
    assert "1 participant has not ended." in text
    assert "too early" in text
    assert open_lock() is None


def test_a_lock_without_a_reason_comes_back(cast: Cast, desk: Client) -> None:
    assert desk.post("/releases/lock/", {"reason": ""}).status_code == 422


@pytest.mark.parametrize("address", ["/releases/lock/", "/releases/make/"])
def test_the_act_waits_until_the_person_has_signed_in_again(cast: Cast, signed_in: SignIn, address: str) -> None:
    client = signed_in(data_manager(cast))
    assert client.get(address).status_code == 200
    answer = client.post(address, {"reason": "x", "content": "with"})
    assert answer.status_code == 302
    assert "/reauthenticate/" in answer["Location"]


def test_a_release_is_made_from_the_page_and_each_file_taken_along_is_recorded(
    cast: Cast, desk: Client, kept: Path
) -> None:
    locked(cast)
    assert "all data are in" in desk.get("/releases/make/").content.decode()
    answer = desk.post("/releases/make/", {"content": "with"}, follow=True)
    assert answer.redirect_chain == [("/releases/1/", 302)]
    assert "/releases/1/visits.csv/" in links(answer.content.decode())
    assert verify_release(kept / "1") == []
    assert "/releases/1/" in links(desk.get("/releases/").content.decode())
    taken = desk.get("/releases/1/visits.csv/")
    assert isinstance(taken, FileResponse)
    assert b"".join(taken) == (kept / "1/visits.csv").read_bytes()
    assert taken["Content-Disposition"] == 'attachment; filename="release-1-visits.csv"'
    assert LedgerEntry.objects.get(action="release.downloaded").object_id == "1/visits.csv"


def test_a_release_needs_a_lock_and_a_choice(cast: Cast, desk: Client) -> None:
    close_all(cast)
    refused = desk.post("/releases/make/", {"content": "with"})
    assert refused.status_code == 422
    assert "not locked" in refused.content.decode()
    assert desk.post("/releases/make/", {}).status_code == 422
    assert not Release.objects.exists()


def test_a_release_made_elsewhere_is_listed_without_files_to_take_along(
    cast: Cast, desk: Client, tmp_path: Path
) -> None:
    locked(cast)
    make_release(by=data_manager(cast), out=tmp_path / "elsewhere", with_allocation=False)
    page = desk.get("/releases/1/").content.decode()
    assert "written to another folder" in page
    assert "Left out" in page
    assert not any("visits.csv" in link for link in links(page))
    assert desk.get("/releases/1/visits.csv/").status_code == 409


def test_only_files_on_record_can_be_asked_for(cast: Cast, desk: Client, kept: Path) -> None:
    locked(cast)
    make_release(by=data_manager(cast))
    (kept / "secret").write_text("key")
    (kept / "1/secret.csv").write_text("key")
    strange = ("/releases/1/../../secret/", "/releases/1/..%2f..%2fsecret/", "/releases/1/secret.csv/", "/releases/2/")
    assert {address: desk.get(address).status_code for address in strange} == dict.fromkeys(strange, 404)


def test_a_blinded_person_with_the_right_to_view_meets_only_releases_without_the_allocation(
    cast: Cast, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked(cast)
    make_release(by=data_manager(cast))
    make_release(by=data_manager(cast), with_allocation=False)
    statistician = cast.at("", Role.STATISTICIAN)
    assert list(Release.objects.for_user(statistician)) == []
    assert signed_in(statistician).get("/releases/").status_code == 403
    monkeypatch.setattr(User, "may", lambda *_args, **_kwargs: True)
    client = signed_in(statistician)
    assert [release.number for release in Release.objects.for_user(statistician)] == [2]
    assert client.get("/releases/1/").status_code == 404
    assert client.get("/releases/1/allocation.csv/").status_code == 404
    assert client.get("/releases/2/").status_code == 200
    signed_in_again(client)
    assert client.post("/releases/make/", {"content": "with"}).status_code == 422


@pytest.mark.parametrize("address", ["/releases/", "/releases/lock/", "/releases/make/", "/releases/1/"])
def test_other_roles_are_turned_away(cast: Cast, signed_in: SignIn, address: str) -> None:
    assert signed_in(cast.at(walk.SITE, Role.COORDINATOR)).get(address).status_code == 403
    assert Client().get(address).status_code == 302
