"""Verifying values against their source."""

from __future__ import annotations

from collections.abc import Callable

from django.test import Client

from crf.models import Verification
from tests import walk
from tests.crf.pages import Reader, form_url
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role

SignedIn = Callable[..., Client]


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
