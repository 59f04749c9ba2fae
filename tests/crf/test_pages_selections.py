"""One act on many: ticked in a list, named once more, done; and what changed meanwhile is named and left out."""

from __future__ import annotations

import re
from collections.abc import Callable
from unittest.mock import patch

import pytest
from django.test import Client

from audit.acts import ActionRefused
from audit.many import MOST, each
from audit.models import LedgerEntry
from crf.actions import answer_query, raise_query, sign_entry
from crf.models import FormEntry, Query, QueryMessage, Signature, Verification
from tests import walk
from tests.conftest import PASSWORD
from tests.crf.pages import Reader, visit_url
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role

SignedIn = Callable[..., Client]
_TICK = re.compile(r'name="chosen" value="([^"]*)"')


def ticks(page: str) -> list[str]:
    return _TICK.findall(page)


def test_many_forms_are_verified_at_once_but_for_the_one_that_changed(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.screened(cast), "screening")
    monitor = Reader(signed_in, cast, Role.MONITOR, "")
    listed = "/standing/unverified/?form=madrs"
    tokens = ticks(monitor.get(listed)) + ticks(monitor.get("/standing/unverified/?form=eligibility"))
    checked = monitor.post("/standing/unverified/check/", {"chosen": tokens, "filtered": "form=madrs"}, 200)
    assert "UMCG-001, Screening, MADRS: 10 answers" in checked
    assert ticks(checked) == tokens
    walk.corrected(cast, visit.entries.get(form_key="madrs"), {"madrs_1": "5"})
    sent = {"chosen": tokens, "filtered": "form=madrs"}
    answer = monitor.client.post("/standing/unverified/do/", sent, follow=True)
    assert answer.redirect_chain[-1][0] == listed
    page = answer.content.decode()
    assert "Done: 1." in page
    assert "Left out, for it changed in the meantime: UMCG-001/screening/madrs/1" in page
    assert set(Verification.objects.values_list("entry__form_key", flat=True)) == {"eligibility"}
    assert len({entry.act for entry in LedgerEntry.objects.filter(action="items.verified")}) == 1
    # Nothing of it is left: the page says so, and the act refuses.
    assert "Nothing is left to do here." in monitor.post("/standing/unverified/check/", {"chosen": tokens}, 200)
    assert "Choose what it is about" in monitor.post("/standing/unverified/do/", sent, 422)


def test_after_a_change_what_changed_alone_is_to_be_verified_anew(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.screened(cast), "screening")
    monitor = Reader(signed_in, cast, Role.MONITOR, "")
    page = monitor.get("/standing/unverified/?form=madrs")
    here = re.findall(r'name="here" value="([^"]*)"', page)
    tokens = ticks(monitor.post("/standing/unverified/check/", {"here": here, "all": "yes"}, 200))
    monitor.send("/standing/unverified/do/", {"chosen": tokens})
    assert not ticks(monitor.get("/standing/unverified/?form=madrs"))
    assert "10 of 10 planned" in monitor.get("/standing/planned/?form=madrs")
    walk.corrected(cast, visit.entries.get(form_key="madrs"), {"madrs_1": "5"})
    assert "9 of 10 planned" in monitor.get("/standing/unverified/?form=madrs")
    again = ticks(monitor.get("/standing/unverified/?form=madrs"))
    assert "MADRS: 1 answer<" in monitor.post("/standing/unverified/check/", {"chosen": again}, 200)


def test_many_forms_are_signed_with_a_signature_each_after_one_sign_in(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.screened(cast)
    log = walk.visit_of(participant, "log")
    for _time in range(2):
        walk.fill(cast, log, "serious_adverse_event", occurrence=None)
    investigator = Reader(signed_in, cast, Role.INVESTIGATOR)
    tokens = ticks(investigator.get("/standing/unsigned/"))
    assert len(tokens) == 3
    page = investigator.post("/standing/unsigned/check/", {"chosen": tokens}, 200)
    assert "UMCG-001, Running log, Serious adverse event 2" in page
    assert "find it complete and right" in page
    answer = investigator.client.post("/standing/unsigned/do/", {"chosen": tokens})
    assert answer.headers["Location"].startswith("/account/reauthenticate/")
    assert not Signature.objects.exists()
    entry = log.entries.get(occurrence=1)
    sign_entry(by=investigator.user, entry=entry, meaning="reviewed")
    page = investigator.send(answer.headers["Location"], {"password": PASSWORD})
    assert "Done: 2." in page
    assert "it changed in the meantime: UMCG-001/log/serious_adverse_event/1" in page
    assert Signature.objects.count() == 3
    assert LedgerEntry.objects.filter(action="entry.signed").count() == 3


def test_all_forms_of_a_visit_are_signed_at_once(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.screened(cast), "log")
    walk.fill(cast, visit, "serious_adverse_event", occurrence=None)
    investigator = Reader(signed_in, cast, Role.INVESTIGATOR)
    investigator.sign_in_again(PASSWORD)
    assert "Sign 1 form of this visit" in investigator.get(visit_url(visit))
    page = investigator.get(f"{visit_url(visit)}sign/")
    sent = {"chosen": [*ticks(page), "UMCG-001/log/gone/1:0"]}
    assert "Choose what it is about" in investigator.post(f"{visit_url(visit)}sign/", {}, 422)
    signed = investigator.send(f"{visit_url(visit)}sign/", sent)
    assert "Done: 1." in signed
    assert "UMCG-001/log/gone/1" in signed
    assert "Sign 1 form of this visit" not in signed
    assert "Nothing is left to do here." in investigator.get(f"{visit_url(visit)}sign/")


def test_answered_queries_are_closed_with_one_message_each(signed_in: SignedIn, cast: Cast) -> None:
    entry = walk.visit_of(walk.screened(cast), "screening").entries.get(form_key="madrs")
    monitor = cast.at("", Role.MONITOR)
    for number in (1, 2, 3):
        query = raise_query(by=monitor, entry=entry, item=f"madrs_{number}", text="Right?")
        answer_query(by=cast.at(walk.SITE, Role.COORDINATOR), query=query, text="Yes.")
    manager = Reader(signed_in, cast, Role.DATA_MANAGER, "")
    tokens = ticks(manager.get("/standing/answered/"))
    assert "Message" in manager.post("/standing/answered/check/", {"chosen": tokens}, 200)
    assert "This field is required" in manager.post("/standing/answered/do/", {"chosen": tokens}, 422)
    refusing = patch("crf.actions.queries.check_query_transition", side_effect=[None, ActionRefused("No."), None])
    with refusing:
        page = manager.send("/standing/answered/do/", {"chosen": tokens, "text": "Seen."})
    assert "Done: 2." in page
    assert "Left out: UMCG-001, Screening, MADRS, Query 2: No." in page
    assert sorted(Query.objects.values_list("number", "status")) == [(1, "closed"), (2, "answered"), (3, "closed")]
    assert QueryMessage.objects.filter(text="Seen.").count() == 2


def test_who_may_not_act_ticks_nothing(signed_in: SignedIn, cast: Cast) -> None:
    walk.screened(cast)
    manager = Reader(signed_in, cast, Role.DATA_MANAGER, "")
    assert not ticks(manager.get("/standing/unverified/"))
    manager.post("/standing/unverified/check/", {"chosen": "x"}, 403)
    manager.post("/standing/late/check/", {"chosen": "x"}, 404)
    monitor = Reader(signed_in, cast, Role.MONITOR, "")
    for page in ("check", "do"):
        assert monitor.client.get(f"/standing/unverified/{page}/").headers["Location"] == "/standing/unverified/"
    assert "Nothing was ticked" in monitor.send("/standing/unverified/check/", {})


def test_sent_twice_is_done_once(signed_in: SignedIn, cast: Cast) -> None:
    walk.screened(cast)
    monitor = Reader(signed_in, cast, Role.MONITOR, "")
    page = monitor.get("/standing/unverified/?form=madrs")
    sent = {"chosen": ticks(page), "csrfmiddlewaretoken": "x" * 64}
    assert "Done: 1." in monitor.send("/standing/unverified/do/", sent)
    assert FormEntry.objects.filter(verifications__stands=True).distinct().count() == 1
    with patch("crf.views.selections.chosen_lines", return_value=([], [])):
        assert "nothing was made twice" in monitor.send("/standing/unverified/do/", sent)


def test_too_many_or_all_refused_do_nothing() -> None:
    with pytest.raises(ActionRefused, match=f"at most {MOST}"):
        each([(str(number), lambda: None) for number in range(MOST + 1)])

    def refuse() -> None:
        raise ActionRefused("No.", "Never.")

    with pytest.raises(ActionRefused) as refused:
        each([("one", refuse), ("other", refuse)])
    assert refused.value.reasons == ("one: No. Never.", "other: No. Never.")
