"""Whatever a program sends, it gets an answer in JSON that says what is wrong: never a fault, never silence."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from crf.models import FormEntry
from tests import walk
from tests.api_caller import BASE, Caller
from tests.crf.pages import boxes
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant
from trialmgr.people import json_bodies
from trialmgr.people.permissions import Role

pytestmark = [pytest.mark.django_db, pytest.mark.on_both]  # a database takes other texts and days than the other

HALF = "\\ud800"
ENDS = ("9999&{0}_month=12&{0}_day=31", "1&{0}_month=1&{0}_day=1")


def send(user: Any, path: str, body: bytes | str, method: str = "post", **given: Any) -> tuple[int, Any]:
    client = Client(raise_request_exception=False, headers={"accept-language": "en"})
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    kind = given.pop("content_type", "application/json")
    sent = body.encode() if isinstance(body, str) else body
    answer = client.generic(method.upper(), f"{BASE}/{path}", sent, content_type=kind, **given)
    return answer.status_code, json.loads(answer.content)


@pytest.fixture
def coordinator(cast: Cast) -> Any:
    return cast.at(walk.SITE, Role.COORDINATOR)


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"])
def test_what_is_no_json_is_refused(coordinator: Any, kind: str) -> None:
    status, document = send(coordinator, "participants/", "site=UMCG&registered_on=2020-01-01", content_type=kind)
    assert status == 415
    assert document["detail"]
    assert not Participant.objects.exists()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"site": "UMCG", "site": "LUMC", "registered_on": "2020-01-01"}', "“site” stands twice"),
        (f'{{"{HALF}": 1, "{HALF}": 2}}', "stands twice"),
        (f'{{"si{HALF}te": "UMCG"}}', "half a surrogate"),
        (f'{{"site": "UMCG{HALF}"}}', "half a surrogate"),
        ('{"site": ["UM\\u0000CG"]}', "U+0000"),
        ("[" * 5000 + "]" * 5000, "nested too deep"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "nested too deep"),
        (b'{"site": "\xff"}', "not JSON"),
        ('{"site": NaN}', "not JSON"),
        ('{"site": 1e999}', "not JSON"),
        ("{", "not JSON"),
        ("1" * 5000, "not JSON"),
    ],
)
def test_a_body_that_says_no_one_thing_is_refused(coordinator: Any, body: bytes | str, said: str) -> None:
    status, document = send(coordinator, "participants/", body)
    assert status == 400
    assert said in document["detail"]


def test_the_encoding_that_is_named_does_not_matter(coordinator: Any) -> None:
    body = json.dumps({"site": "UMCG", "registered_on": timezone.localdate().isoformat()})
    assert send(coordinator, "participants/", body, content_type="application/json; charset=nonsense")[0] == 201


def test_a_body_that_is_too_large_is_refused(coordinator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_bodies, "LARGEST_BODY", 100)
    status, document = send(coordinator, "participants/", json.dumps({"site": "U" * 100}))
    assert status == 413
    assert document == {"detail": "What was sent is too large."}


@pytest.mark.parametrize("value", ["\ud800", "x\x00", "é" * 3])
def test_a_header_of_any_characters_gives_no_fault(coordinator: Any, value: str) -> None:
    latin = value.encode("utf-8", "surrogatepass").decode("latin-1")
    body = json.dumps({"site": "UMCG", "registered_on": "2020-01-01"})
    status, _document = send(coordinator, "participants/", body, headers={"Idempotency-Key": latin})
    assert status < 500


@pytest.mark.parametrize(
    "path",
    [
        "audit-trail/?until=9999-12-31",
        "audit-trail/?since=0001-01-01",
        "audit-trail/?since=0001-01-01T00:00:00%2B14:00",
        "audit-trail/?until=9999-12-31T23:59:59-12:00",
        "audit-trail/?who=%00",
        "audit-trail/?cursor=%00",
        "audit-trail/?cursor=%C3%A9",
        "audit-trail/?participant=%00&action=%00&site=%00&form=%00&item=%00",
        "audit-trail/?who=%ED%A0%80",
        "participants/?site=%00",
        "participants/?page=99999999999999999999",
        "queries/?status=%00",
        "participants/UMCG%00/",
        "nothing/",
        "../nothing/",
        "../../api/nothing",
    ],
)
def test_whatever_is_asked_the_answer_is_json(cast: Cast, path: str) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(cast.at("", Role.MONITOR), backend="allauth.account.auth_backends.AuthenticationBackend")
    answer = client.get(f"{BASE}/{path}")
    assert answer.status_code in {200, 400, 404}
    json.loads(answer.content)


@pytest.mark.parametrize(
    "path",
    [
        "/people/?text=%00",
        "/participants/?number=%00",
        "/audit/?text=%00",
        "/audit/?participant=%00&who=%00&before=%00&after=%00",
        "/audit/?before=-1&after=%C2%B2",
        "/audit/1/?after=99999999999999999999",
        "/audit/?since_year=1&since_month=1&since_day=1",
    ]
    + [f"/audit/?{end}_year={day.format(end)}" for end in ("since", "until") for day in ENDS]
    + [f"/audit/?{end}=0001-01-01" for end in ("since", "until")],
)
def test_whatever_a_page_is_asked_it_does_not_fail(cast: Cast, path: str) -> None:
    for role in (Role.ADMINISTRATOR, Role.MONITOR):
        client = Client(raise_request_exception=False)
        client.force_login(cast.at("", role), backend="allauth.account.auth_backends.AuthenticationBackend")
        assert client.get(path).status_code < 500


def test_a_fault_of_ours_is_told_in_json(coordinator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(*_args: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("trialmgr.participants.api.ParticipantList.get_queryset", fault)
    status, document = send(coordinator, "participants/", "", method="get")
    assert status == 500
    assert "makes nothing twice" in document["detail"]


ROWS = "participants/{}/visits/log/forms/adverse_event/rows/"
RUNNING = {"ae_term": "headache", "ae_ongoing": "yes"}


class TestQuestionsNotAsked:
    """An answer on one is refused, so that nobody believes it counts; what stands already may stand."""

    @pytest.fixture
    def rows(self, cast: Cast) -> str:
        return ROWS.format(walk.screened(cast).number)

    @pytest.fixture
    def caller(self, cast: Cast) -> Caller:
        return Caller(cast.at(walk.SITE, Role.INVESTIGATOR))

    def test_an_answer_is_refused_by_name(self, caller: Caller, rows: str) -> None:
        for extra in (
            {"values": RUNNING | {"ae_end": "2020-01"}},
            {"values": RUNNING, "missing": {"ae_end": "unknown"}},
        ):
            status, document = caller.post(rows, extra)
            assert status == 422
            (problem,) = document["items"]
            assert problem["item"] == "ae_end"
            assert problem["message"] == "This question is not asked, given the other answers."
        assert not FormEntry.objects.filter(form_key="adverse_event").exists()

    def test_what_stands_is_kept_aside_and_may_be_sent_again(self, caller: Caller, rows: str) -> None:
        ended = RUNNING | {"ae_ongoing": "no", "ae_end": "2020-01"}
        revision = caller.post(rows, {"values": ended})[1]["entry"]["revision"]
        sent = {"revision": revision, "values": {"ae_ongoing": "yes", "ae_end": "2020-01"}, "reason": "it goes on"}
        status, document = caller.patch(f"{rows}1/", sent)
        assert (status, "ae_end" in document["entry"]["values"]) == (200, False)
        assert FormEntry.objects.get(form_key="adverse_event").unasked == {"ae_end": {"value": "2020-01"}}
        other = {"revision": revision + 1, "values": {"ae_end": "2021-01"}, "reason": "typing"}
        assert caller.patch(f"{rows}1/", other)[0] == 422


def test_a_page_says_what_it_keeps_aside(cast: Cast) -> None:
    participant = walk.screened(cast)
    client = Client(headers={"accept-language": "en"})
    user = cast.at(walk.SITE, Role.INVESTIGATOR)
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    url = f"/participants/{participant.number}/visits/log/forms/adverse_event/rows/new/"
    sent = boxes({**RUNNING, "ae_end": "2020-01-05"}, 0)
    said = client.post(url, sent, follow=True).content.decode()
    assert "Not asked, given the other answers, so kept aside: Ended on." in said
