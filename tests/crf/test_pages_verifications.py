"""Verifying values against their source."""

from __future__ import annotations

import re
from collections.abc import Callable

from django.test import Client

from crf.models import Verification
from tests import walk
from tests.crf.pages import Reader, casebook_url, form_url
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role
from trialmgr.protocol.monitoring import is_drawn

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


def test_all_that_is_planned_is_verified_in_two_presses(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.screened(cast), "screening")
    monitor = Reader(signed_in, cast, Role.MONITOR)
    form = form_url(visit, "madrs")
    page = monitor.get(form)
    assert f'href="{form}rows/1/verify/"' in page
    asked = monitor.get(f"{form}rows/1/verify/")
    assert "Verified: all 10 planned answers" in asked
    mark = re.findall(r'name="mark" value="([0-9a-f]+)"', asked)[0]
    walk.corrected(cast, visit.entries.get(form_key="madrs"), {"madrs_1": "5"})
    assert "changed since the page was shown" in monitor.post(
        f"{form}rows/1/verify/", {"planned": "yes", "mark": mark}, 422
    )
    monitor.send(f"{form}rows/1/verify/", {"items": ["madrs_1", "madrs_2"]})
    assert "verified 2 of 10 planned" in monitor.get(form)
    assert "verified 2 of 10 planned" in monitor.get(casebook_url(visit.participant))
    assert "Verified: 8." in monitor.send(f"{form}rows/1/verify/", {"planned": "yes"})
    assert "verified 10 of 10 planned" in monitor.get(form)
    assert "Every answer that the plan of the study names is verified." in monitor.get(f"{form}rows/1/verify/")
    drawn = is_drawn("reset_trd", visit.participant.number, 20)
    planless = monitor.get(f"{form_url(visit, 'demographics')}rows/1/verify/")
    assert ("planned answers" in planless) is drawn
