"""History, signature, verification, freezing."""

from __future__ import annotations

from collections.abc import Callable

from django.test import Client

from crf.models import Freeze, Signature, Verification
from tests import walk
from tests.conftest import PASSWORD
from tests.crf.pages import Reader, boxes, casebook_url, form_url
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role

SignedIn = Callable[..., Client]


def test_the_history_of_a_form_tells_who_did_what_and_why(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.screened(cast), "screening")
    monitor = Reader(signed_in, cast, Role.MONITOR)
    page = monitor.get(f"{form_url(visit, 'madrs')}rows/1/history/")
    for text in ("Rater UMCG", "Rater (blinded)", "Saved", "Apparent sadness", " CE"):
        assert text in page
    item = monitor.get(f"{form_url(visit, 'madrs')}rows/1/history/madrs_1/")
    assert "Reported sadness" not in item


def test_a_blinded_reader_of_a_history_reads_its_open_part_only(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.screened(cast), "screening")
    page = Reader(signed_in, cast, Role.RATER).get(f"{form_url(visit, 'madrs')}rows/1/history/")
    assert "Apparent sadness" in page


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


def test_a_monitor_ticks_what_was_held_against_its_source(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.screened(cast), "screening")
    monitor = Reader(signed_in, cast, Role.MONITOR)
    url = f"{form_url(visit, 'madrs')}rows/1/verify/"
    assert "Apparent sadness" in monitor.get(url)
    assert "Choose items that hold a value." in monitor.post(url, {"items": ["nothing"]}, 422)
    page = monitor.send(url, {"items": ["madrs_1", "madrs_2"]})
    assert "Verified: 2." in page
    assert Verification.objects.count() == 2
    assert "Verified" in monitor.get(url)


def test_a_data_manager_freezes_and_unfreezes_a_casebook(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.screened(cast)
    manager = Reader(signed_in, cast, Role.DATA_MANAGER)
    url = f"{casebook_url(participant)}freeze/"
    assert "No value of this participant can change" in manager.get(url)
    page = manager.send(url, {})
    assert "The casebook is frozen." in page
    assert "Unfreeze the casebook" in page
    manager.post(url, {"reason": ""}, 422)
    assert "The casebook is unfrozen." in manager.send(url, {"reason": "late correction"})
    assert Freeze.objects.get().unfrozen_by != ""
