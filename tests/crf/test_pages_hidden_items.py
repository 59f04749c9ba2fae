"""An item that reveals the allocation, on a form that a blinded person sees: it does not exist for them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.test import Client

from crf.models import FormEntry, Visit
from tests import walk
from tests.amendments import put_in_force
from tests.api_caller import Caller
from tests.crf.pages import Reader, boxes, form_url
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition

SignedIn = Callable[..., Client]
HIDDEN = "madrs_9"


@pytest.fixture
def visit(cast: Cast, reset_trd: StudyDefinition) -> Visit:
    """A screening visit in a study whose monitors are blinded and where one item of the MADRS reveals the arm."""
    document = json.loads(reset_trd.canonical_json())
    next(role for role in document["roles"] if role["key"] == "monitor")["blinded"] = True
    madrs = next(form for form in document["forms"] if form["key"] == "madrs")
    item = next(item for section in madrs["sections"] for item in section["items"] if item["key"] == HIDDEN)
    item["reveals_allocation"] = True
    asks = {"nl": "Klopt dit?", "en": "Is this right?"}
    check = {"key": "of_hidden", "severity": "soft", "fires_if": f"{HIDDEN} >= 3", "items": [HIDDEN], "message": asks}
    madrs["checks"].append(check)
    put_in_force(StudyDefinition.from_json(document), days_ago=walk.DAYS_AGO + 1)
    return walk.visit_of(walk.screened(cast), "screening")


def test_the_item_is_neither_shown_nor_emptied(signed_in: SignedIn, cast: Cast, visit: Visit) -> None:
    rater = Reader(signed_in, cast, Role.RATER)
    assert "Pessimistic thoughts" not in rater.get(form_url(visit, "madrs"))
    saved = FormEntry.objects.get(form_key="madrs")
    typed = {key: value for key, value in saved.data.items() if key not in (HIDDEN, "madrs_total")} | {"madrs_1": "4"}
    rater.send(form_url(visit, "madrs"), boxes(typed, revision=1, reason_choice="typing"))
    saved.refresh_from_db()
    assert (saved.data["madrs_1"], saved.data[HIDDEN]) == ("4", "3")


def test_its_history_and_its_queries_are_refused(signed_in: SignedIn, cast: Cast, visit: Visit) -> None:
    rater, monitor = Reader(signed_in, cast, Role.RATER), Reader(signed_in, cast, Role.MONITOR)
    row = f"{form_url(visit, 'madrs')}rows/1/"
    rater.get(f"{row}history/{HIDDEN}/", 403)
    rater.get(f"{row}files/{HIDDEN}/", 403)
    assert "Pessimistic" not in rater.get(f"{row}history/")
    monitor.get(f"{row}queries/raise/{HIDDEN}/", 403)
    there = f"participants/{visit.participant.number}/visits/screening/forms/madrs/rows/1/queries/"
    caller = Caller(cast.at("", Role.MONITOR))
    answers = [caller.post(there, {"item": item, "text": "Why?"}) for item in (HIDDEN, "madrs_99")]
    assert answers[0][0] == answers[1][0] == 409
    assert str(answers[0][1]).replace(HIDDEN, "X") == str(answers[1][1]).replace("madrs_99", "X")
    assert "Pessimistic" not in monitor.get(f"{row}verify/")


def test_what_the_page_is_told_while_typing_is_silent_about_it(signed_in: SignedIn, cast: Cast, visit: Visit) -> None:
    rater, saved = Reader(signed_in, cast, Role.RATER), FormEntry.objects.get(form_key="madrs")
    typed = {key: value for key, value in saved.data.items() if key not in (HIDDEN, "madrs_total")}
    for sent in (typed, typed | {HIDDEN: "6"}):
        answer = rater.post(f"{form_url(visit, 'madrs')}rows/1/live/", boxes(sent), 200)
        assert json.loads(answer) == {
            "asked": {},
            "derived": {"madrs_total": saved.data["madrs_total"]},
            "dangers": {},
            "queried": {},
            "refused": {},
            "wanting": {"first": "", "words": "Nothing wanting"},
        }


def test_a_program_of_a_blinded_person_gets_the_form_without_it(cast: Cast, visit: Visit) -> None:
    place = f"participants/{visit.participant.number}/visits/{visit.slug}/forms/madrs/rows/1/"
    status, document = Caller(cast.at("UMCG", Role.RATER)).get(place)
    assert status == 200
    assert "madrs_1" in document["values"]
    assert HIDDEN not in document["values"]
