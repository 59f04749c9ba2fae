"""A refusal reaches a person as a page with its reasons, and a program as an answer with a code."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import translation
from rest_framework.exceptions import NotFound

from audit.acts import ActionRefused
from crf.actions import EntryRefused
from crf.actions.entries import ReasonWanted
from randomization.methods.lists.sealing import KeyUnusable
from trialmgr.overview.refusals import RefusalMiddleware, api_exception_handler
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.protocol.evaluation import Problem
from trialmgr.protocol.model import Text
from trialmgr.studies.queries import NoStudyPublished


def met(exception: Exception) -> HttpResponse | None:
    request = RequestFactory().get("/anywhere/")
    return RefusalMiddleware(lambda _request: HttpResponse()).process_exception(request, exception)


@pytest.mark.django_db
def test_an_act_refused_becomes_a_page_with_every_reason() -> None:
    page = met(ActionRefused("The list is empty.", "The site is closed."))
    assert page is not None
    assert page.status_code == 409
    assert b"The list is empty." in page.content
    assert b"The site is closed." in page.content


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("exception", "said"),
    [(NoStudyPublished(), b"No study definition has been published"), (KeyUnusable("x"), b"TRIALMGR_LIST_KEY")],
)
def test_an_installation_that_is_not_ready_says_what_is_wanting(exception: Exception, said: bytes) -> None:
    with translation.override("en"):
        page = met(exception)
    assert page is not None
    assert page.status_code == 503
    assert said in page.content


def test_any_other_fault_is_left_to_the_framework() -> None:
    assert met(ValueError()) is None


def test_without_a_study_every_page_says_so(
    cast: Cast, signed_in: Callable[[User], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_published() -> None:
        raise NoStudyPublished

    client = signed_in(cast.at("", Role.MONITOR))
    monkeypatch.setattr("trialmgr.studies.queries._read", none_published)
    assert client.get("/").status_code == 503


@pytest.mark.parametrize(
    ("exception", "status", "said"),
    [
        (ActionRefused("Frozen."), 409, {"refused": ("Frozen.",)}),
        (ReasonWanted(("weight",)), 409, {"reason_wanted": ("weight",)}),
        (
            EntryRefused((Problem("weight", Text(nl="Te zwaar", en="Too heavy"), "range"),)),
            422,
            {"items": [{"item": "weight", "check": "range", "message": "Te zwaar"}]},
        ),
        (NoStudyPublished(), 503, {}),
        (NotFound(), 404, {}),
    ],
)
def test_the_api_answers_a_refusal_with_its_code(exception: Exception, status: int, said: dict[str, object]) -> None:
    with translation.override("nl"):
        answer = api_exception_handler(exception, {})
    assert answer is not None
    assert answer.status_code == status
    assert {**answer.data, **said} == answer.data


def test_the_api_leaves_any_other_fault_to_the_framework() -> None:
    assert api_exception_handler(ValueError(), {}) is None


def test_pages_of_accounts_that_invite_strangers_do_not_exist(db: None, client: Client) -> None:
    for path in ("signup/", "email/", "password/reset/", "password/set/", "confirm-email/"):
        assert client.get(f"/account/{path}").status_code == 404
    assert client.get("/account/login/").status_code == 200


def test_a_page_that_is_not_there_answers_404_to_everybody(db: None, client: Client) -> None:
    assert client.get("/nowhere/").status_code == 404
