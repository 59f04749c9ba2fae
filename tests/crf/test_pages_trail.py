"""The past of a saved form, as a reader may see it."""

from __future__ import annotations

from collections.abc import Callable

from django.test import Client

from tests import walk
from tests.crf.pages import Reader, form_url
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
