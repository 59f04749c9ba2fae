"""Signing a form, after signing in again."""

from __future__ import annotations

from collections.abc import Callable

from django.test import Client

from crf.models import Signature
from tests import walk
from tests.conftest import PASSWORD
from tests.crf.pages import Reader, boxes, form_url
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role

SignedIn = Callable[..., Client]


def test_an_investigator_signs_after_signing_in_again(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.screened(cast), "screening")
    investigator = Reader(signed_in, cast, Role.INVESTIGATOR)
    url = f"{form_url(visit, 'madrs')}rows/1/sign/"
    assert "Check your answers" in investigator.get(url)
    assert not Signature.objects.exists()
    answer = investigator.client.post(url, {})
    assert answer.headers["Location"].startswith("/account/reauthenticate/")
    page = investigator.send(answer.headers["Location"], {"password": PASSWORD})
    assert "The form is signed." in page
    assert "Signed by Investigator UMCG" in page
    assert "carries your signature already" in investigator.post(url, {}, 422)
    history = investigator.get(f"{form_url(visit, 'madrs')}rows/1/history/")
    assert "find it complete and right" in history
    assert "Complete" in history


def test_a_signature_lapses_with_the_content(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.eligible(cast), "screening")
    investigator = Reader(signed_in, cast, Role.INVESTIGATOR)
    assert "Signed by" in investigator.get(form_url(visit, "eligibility"))
    saved = visit.entries.get(form_key="eligibility")
    typed = {key: value for key, value in saved.data.items() if key != "judged_on"}
    day = {"item.judged_on.day": "2", "item.judged_on.month": "1", "item.judged_on.year": "2026"}
    sent = boxes(typed, revision=saved.revision, reason_choice="typing") | day
    assert "It lapsed on" in investigator.send(form_url(visit, "eligibility"), sent)


def test_who_may_not_sign_is_refused(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.screened(cast), "screening")
    Reader(signed_in, cast, Role.RATER).get(f"{form_url(visit, 'madrs')}rows/1/sign/", 403)
    Reader(signed_in, cast, Role.INVESTIGATOR, "LUMC").get(f"{form_url(visit, 'madrs')}rows/1/sign/", 404)
