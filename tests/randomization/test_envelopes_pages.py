"""The page on which envelopes are printed."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pypdf import PdfReader

from tests.randomization.list_making import list_in_force
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition

Enter = Callable[..., Client]


def page_of(answer: Any) -> str:
    return str(answer.content.decode())


def test_envelopes_are_made_for_the_answer(cast: Cast, enter: Enter) -> None:
    list_in_force(cast, length_per_stratum=10, envelopes=2)
    client = enter(Role.UNBLINDED_STATISTICIAN, "", again=True)
    url = "/randomization/2/envelopes/"
    assert url in page_of(client.get("/randomization/2/"))
    assert "UMCG, Groningen" in page_of(client.get(url))
    answer = client.post(url, {"site": "UMCG"})
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("application/pdf", "no-store")
    assert answer["Content-Disposition"] == 'attachment; filename="envelopes-2.pdf"'
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages]
    assert len(pages) == 1 + 2 + 1
    refused = client.post("/randomization/1/envelopes/")
    assert (refused.status_code, "List 1 is not in force." in page_of(refused)) == (422, True)
    assert client.get("/randomization/9/envelopes/").status_code == 404


def test_a_blinded_person_gets_the_same_answer_for_every_list(
    enter: Enter, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = enter(Role.UNBLINDED_STATISTICIAN, "", again=True)
    really = User.sight

    def blinded(user: User, definition: StudyDefinition) -> Any:
        return really(cast.at("UMCG", Role.RATER), definition)

    monkeypatch.setattr(User, "sight", blinded)
    assert {client.get(f"/randomization/{number}/envelopes/").status_code for number in (1, 9)} == {403}
