"""The audit trail and the study definition over HTTP, and the API's own description."""

from __future__ import annotations

import io
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import call_command

from audit.models import LedgerEntry
from tests.amendments import put_in_force
from tests.api_caller import Caller
from tests.walk import consented, randomised, registered, screened
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role
from trialmgr.people.visibility.definition import definition_in_sight
from trialmgr.protocol.model import StudyDefinition


def test_the_description_is_whole_and_each_operation_says_who_may() -> None:
    out = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json", stdout=out)
    paths = json.loads(out.getvalue())["paths"]
    operations = [operation for path in paths.values() for operation in path.values()]
    assert len(operations) > 35
    assert all(operation["summary"] and operation["description"].startswith("Roles: ") for operation in operations)


@pytest.mark.django_db
def test_the_pages_about_the_api_are_for_whoever_is_signed_in(cast: Cast) -> None:
    rater = Caller(cast.at("UMCG", Role.RATER)).client
    assert rater.get("/api/schema/").status_code == 200
    page = rater.get("/api/docs/")
    assert page.status_code == 200
    policy = {part.split()[0]: set(part.split()[1:]) for part in page.headers["Content-Security-Policy"].split(";")}
    assert policy["script-src"] == {"'self'"}
    assert policy["style-src"] == {"'self'", "'unsafe-inline'"}
    assert rater.get("/api/docs/?script=").headers["Content-Type"] == "application/javascript"
    assert Caller(None).client.get("/api/docs/").status_code == 401
    assert Caller(None).client.get("/api/schema/").status_code == 401


@pytest.mark.django_db
def test_the_trail_is_given_in_order_and_can_be_narrowed(cast: Cast) -> None:
    participant = screened(cast)
    monitor = Caller(cast.at("", Role.MONITOR))
    whole = every_line(monitor)
    numbers = [line["number"] for line in whole]
    assert numbers == list(LedgerEntry.objects.order_by("seq").values_list("seq", flat=True))
    assert len(numbers) > 100
    lines = monitor.get("audit-trail/", participant=participant.number, action="consent.recorded")[1]["results"]
    assert [(line["item"], line["new"], line["roles"]) for line in lines] == [
        ("consent", participant.registered_on.isoformat(), "coordinator")
    ]
    assert monitor.get("audit-trail/", since="2199-01-01T00:00:00Z")[1] == {"next": None, "results": []}
    assert {line["who"] for line in every_line(monitor, who="Coordinator UMCG")} == {"Coordinator UMCG"}
    assert monitor.get("audit-trail/", cursor="42")[0] == 400


@pytest.mark.django_db
def test_a_site_reads_its_own_trail(cast: Cast) -> None:
    registered(cast, "UMCG")
    registered(cast, "LUMC")
    lines = Caller(cast.at("UMCG", Role.COORDINATOR)).get("audit-trail/")[1]["results"]
    assert {line["site"] for line in lines} == {"UMCG"}


@pytest.mark.django_db
def test_a_blinded_reader_of_the_trail_meets_neither_the_arm_nor_a_gap(cast: Cast, reset_trd: StudyDefinition) -> None:
    """In a study whose monitor is blinded; in RESET-TRD no blinded role reads the trail."""
    participant = randomised(cast)
    roles = [role.model_copy(update={"blinded": role.blinded or role.key == "monitor"}) for role in reset_trd.roles]
    put_in_force(reset_trd.model_copy(update={"roles": tuple(roles), "version": "0.2.0"}))
    open_reader, blinded = Caller(cast.at("", Role.DATA_MANAGER)), Caller(cast.at("", Role.MONITOR))
    assert any(line["item"] == "arm" for line in every_line(open_reader, participant=participant.number))
    lines = every_line(blinded, participant=participant.number)
    assert {line["action"] for line in lines} >= {"participant.randomised", "visit.day_set"}
    assert {line["number"] for line in lines} == {None}
    assert "session_" not in json.dumps(lines)
    assert not any(line["item"] == "arm" for line in lines)


def every_line(caller: Caller, **asked: str) -> list[dict[str, Any]]:
    """The trail, page after page."""
    document = caller.get("audit-trail/", **asked)[1]
    lines: list[dict[str, Any]] = document["results"]
    while document["next"]:
        [cursor] = parse_qs(urlsplit(document["next"]).query)["cursor"]
        document = caller.get("audit-trail/", **asked, cursor=cursor)[1]
        lines += document["results"]
    return lines


@pytest.mark.django_db
def test_a_page_of_which_little_was_found_is_short_and_says_that_there_is_more(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    participant = consented(cast)
    monkeypatch.setattr("audit.pages.READ", 10)
    caller = Caller(cast.at("", Role.MONITOR))
    page = caller.get("audit-trail/", item="consent")[1]
    assert page["results"] == []
    assert [line["participant"] for line in every_line(caller, item="consent")] == [participant.number]


@pytest.mark.django_db
def test_the_definition_never_shows_the_design_of_the_list(cast: Cast) -> None:
    for role in (Role.COORDINATOR, Role.UNBLINDED_STATISTICIAN, Role.RATER):
        status, study = Caller(cast.at("UMCG", role)).get("study/")
        assert status == 200
        assert "randomization" not in study
        assert "block" not in json.dumps(study)


@pytest.mark.django_db
def test_the_definition_is_cut_to_the_sight_of_the_reader(cast: Cast, reset_trd: StudyDefinition) -> None:
    whole = Caller(cast.at("UMCG", Role.COORDINATOR)).get("study/")[1]
    assert {form["key"] for form in whole["forms"]} == {form.key for form in reset_trd.forms}
    assert len(whole["arms"]) == 2
    assert len(whole["eligibility"]) == 2
    cut = Caller(cast.at("UMCG", Role.RATER)).get("study/")[1]
    own = {form.key for form in reset_trd.forms if "rater" in form.entered_by}
    assert {form["key"] for form in cut["forms"]} == own
    assert {form for visit in cut["visits"] for form in visit["forms"]} == own
    assert (cut["arms"], cut["eligibility"]) == ([], [])
    assert cut["title"] == reset_trd.public_title.model_dump()
    sights = {role: cast.at("", role).sight(reset_trd) for role in (Role.MONITOR, Role.STATISTICIAN)}
    flows = {role: definition_in_sight(reset_trd, sight)["flow"] for role, sight in sights.items()}
    assert flows[Role.STATISTICIAN] is None
    assert flows[Role.MONITOR]["analysed"] == "week_8.outcome"
    assert Caller(cast.at("", Role.ADMINISTRATOR)).get("study/")[1]["forms"] == []


@pytest.mark.parametrize(
    "moment", ["0346-07-06T19:38:57+21:17", "0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00"]
)
def test_a_moment_with_any_offset_narrows_the_trail_and_breaks_no_database(cast: Cast, moment: str) -> None:
    status, _page = Caller(cast.at("", Role.DATA_MANAGER)).get("audit-trail/", until=moment)
    assert status == 200
